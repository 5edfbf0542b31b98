"""A matcher: one sequence on its way through a constraint."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

import numpy as np

from ..errors import CompileBudgetExceeded, DeadEnd, GramaskError
from .names import NO_NAMES, Names
from .rows import Row
from .tables import bit_positions
from .units import NO_ITEMS, Open
from .walker import NAMED, Config, path_nodes, read_bytes

if TYPE_CHECKING:
    from .constraint import Constraint

_SPELLED_AHEAD = 64
_TAKEN_BACK = 5
MAX_TURNS = 5_000
_TRIED = 128
_INT32 = np.dtype(np.int32)
FINISHED: Config = (-1, 0, 0, 0)
"""Behind an EOS token."""

Seen = tuple[Open, Names]
"""What a configuration does not know: the open items that must differ, the names that must not repeat."""
NOTHING_SEEN: Seen = (NO_ITEMS, NO_NAMES)
History = tuple[Config, Seen, int, "History | None"]
"""The last configuration, what it does not know, the token taken there, and what came before."""


class Matcher:
    """The state of one sequence: which tokens may come next, and what follows from taking one.

    Not thread-safe; fork it instead. A fork and a rollback cost the same at every length, because the history is a
    persistent list that forks share. What a rollback undoes is freed bit by bit, as other tokens are taken.
    """

    __slots__ = ("_config", "_constraint", "_engine", "_past", "_seen", "_undone")

    def __init__(self, constraint: Constraint) -> None:
        self._constraint = constraint
        self._engine = constraint.engine
        self._config = self._engine.start
        self._seen = NOTHING_SEEN
        self._past: History | None = None
        # Freeing many steps at once takes longer than undoing them: each step that is taken frees one.
        self._undone: History | None = None

    @property
    def constraint(self) -> Constraint:
        return self._constraint

    def fill_mask(self, out: np.ndarray) -> None:
        """Write the mask of allowed tokens.

        out : int32[n_words], overwritten; bit t % 32 of word t // 32 is 1 where token t is allowed. EOS tokens are
              allowed exactly where the text is complete, after one only they are.
        Raises GramaskError for another shape or dtype, DeadEnd if nothing is allowed.
        """
        # Once for each token: the common case is told apart by identity.
        if type(out) is not np.ndarray or out.dtype is not _INT32 or out.shape != self._engine.shape:
            self._check_mask(out)
        self._mask().put(out)

    def _check_mask(self, out: np.ndarray) -> None:
        if not isinstance(out, np.ndarray) or out.dtype != _INT32 or out.shape != self._engine.shape:
            found = f"{out.dtype}{list(out.shape)}" if isinstance(out, np.ndarray) else type(out).__name__
            raise GramaskError(
                f"a mask is int32[{self._engine.n_words}], not {found}",
                hint="allocate it with numpy.empty(constraint.n_words, numpy.int32)",
            )

    def _mask(self) -> Row:
        """The mask, not to be changed."""
        config, engine = self._config, self._engine
        if config is FINISHED:
            return self._constraint.end_row
        row = engine.masks.get(config)
        if row is None:
            row = engine.mask(config)
        if (self._seen is NOTHING_SEEN or config in engine.idle) and not (
            engine.unit_frames or engine.has_two_names or engine.pushdown.names_run_out
        ):
            return row
        items, names = self._seen
        if engine.unit_frames:
            row = self._constraint.items.filter(config, items, row)
        if names or engine.may_repeat_at_once:
            row = self._constraint.name_masks.filter(config, names, self._past, row)
        return row

    def advance(self, token_id: int) -> bool:
        """Take a token. Returns False, the state unchanged, if it is not allowed.

        Raises GramaskError for an id outside [0, n_logits).
        """
        after = self._after(token_id)
        if after is None:
            return False
        self._past = (self._config, self._seen, token_id, self._past)
        self._config, self._seen = after
        if self._undone is not None:
            self._undone = self._undone[3]
        return True

    def _after(self, token_id: int) -> tuple[Config, Seen] | None:
        config, engine = self._config, self._engine
        texts = engine.tables.text_flags
        # What was read before needs no checks. Where items must differ, it does not depend on the configuration alone.
        read = None if engine.unit_frames else engine.steps.get((config, token_id))
        if read is None:
            if not (0 <= token_id < len(texts) and texts[token_id] and config is not FINISHED):
                self._check_id(token_id)
                return (FINISHED, NOTHING_SEEN) if self._ends_here(token_id) else None
            read = None if engine.unit_frames else engine.read_new(config, token_id)
            # A first read may be what makes it known that there are items to look after.
            if engine.unit_frames:
                return self._after_items(token_id)
            if read is None:
                return None
        after, lowest, named = read
        seen = self._seen
        names = seen[1]
        if lowest != NAMED and (not names or lowest >= names[-1][0]) and not engine.pushdown.names_run_out:
            return after, seen
        if lowest != NAMED:
            kept = self._constraint.names.kept(config, names, self._past, token_id, after, lowest)
        elif named is not None and not engine.pushdown.names_run_out:
            kept = self._constraint.names.with_named(config, names, self._past, token_id, named)
        else:
            nodes = self._nodes(token_id)
            kept = self._constraint.names.after(config, names, self._past, token_id, after, nodes)
        return None if kept is None else (after, _seen(NO_ITEMS, kept))

    def _check_id(self, token_id: int) -> None:
        n_logits = self._constraint.n_logits
        if not 0 <= token_id < n_logits:
            raise GramaskError(
                f"token id {token_id} is outside [0, {n_logits})",
                hint="pass n_logits= if the model has more logits than the tokenizer has tokens",
            )

    def _ends_here(self, token_id: int) -> bool:
        """Whether this is an EOS token and the text is complete."""
        return token_id in self._constraint.eos_ids and self.is_accepting()

    def _after_items(self, token_id: int) -> tuple[Config, Seen] | None:
        """The same where items must differ."""
        items, names = self._seen
        found = self._constraint.items.step(self._config, items, token_id)
        if found is None:
            return None
        after, items, nodes = found
        kept = self._constraint.names.after(self._config, names, self._past, token_id, after, nodes)
        return None if kept is None else (after, _seen(items, kept))

    def _nodes(self, token_id: int) -> list[int]:
        """The stack node after each byte of an allowed token."""
        text = self._engine.tables.text_of(token_id)
        read_bytes(self._engine.pushdown, self._config, text)
        return path_nodes(self._engine.pushdown, len(text))

    def rollback(self, n: int) -> None:
        """Undo the last `n` tokens. Raises GramaskError if fewer were taken."""
        if n < 0:
            raise GramaskError("cannot undo a negative number of tokens")
        if n == 0:
            return
        taken = before = self._past
        try:
            # Several at once: a step of a loop costs more than what is done in it.
            for _ in range(n - 1 >> 4):
                taken = taken[3][3][3][3][3][3][3][3][3][3][3][3][3][3][3][3]  # type: ignore[index]
            for _ in range(n - 1 >> 2 & 3):
                taken = taken[3][3][3][3]  # type: ignore[index]
            for _ in range(n - 1 & 3):
                taken = taken[3]  # type: ignore[index]
            self._config, self._seen, _, self._past = taken  # type: ignore[misc]
        except TypeError:
            raise GramaskError(f"cannot undo {n} tokens: only {_length(self._past)} were taken") from None
        self._undone = before

    def fork(self) -> Matcher:
        """An independent matcher in the same state."""
        other = Matcher.__new__(Matcher)
        other._constraint = self._constraint
        other._engine = self._engine
        other._config = self._config
        other._seen = self._seen
        other._past = self._past
        other._undone = None
        return other

    def reset(self) -> None:
        """Go back to the start."""
        self._undone = self._past
        self._config, self._seen, self._past = self._engine.start, NOTHING_SEEN, None

    def is_accepting(self) -> bool:
        """Whether the text so far is complete, so that EOS is allowed."""
        return self._config is FINISHED or self._engine.accepts(self._config)

    def is_finished(self) -> bool:
        """Whether an EOS token was taken."""
        return self._config is FINISHED

    @property
    def state_id(self) -> Hashable:
        """Within one constraint, equal ids have equal futures."""
        config = self._config
        if config is FINISHED:
            return config
        partial = self._constraint.names.partial(config, self._past)
        return (config, *self._seen, partial) if self._seen is not NOTHING_SEEN or partial else config

    @property
    def min_tokens_to_accept(self) -> int:
        """A lower bound on the tokens (EOS left out) until the text is complete; 0 if it is."""
        if self.is_accepting():
            return 0
        return self._constraint.closing.least_tokens(self._config)

    def closing_tokens(self) -> list[int]:
        """Tokens (EOS left out) that complete the text in the fewest bytes; empty if it is complete."""
        if self.is_accepting():
            return []
        return _close(self.fork())

    def forced_tokens(self, limit: int = 64) -> list[int]:
        """Up to `limit` tokens whose text is the only way on, spelled the usual way.

        White space that may be there or not, and escapes for characters that can be written plainly, do not count
        as another way. The tokens are the tokenizer's own tokenization as far as it cannot depend on what follows.
        """
        if self._config is FINISHED:
            return []
        return self._constraint.forcing.tokens(self._config, limit)


def _length(history: History | None) -> int:
    """How many tokens were taken."""
    n = 0
    while history is not None:
        n, history = n + 1, history[3]
    return n


def _seen(items: Open, names: Names) -> Seen:
    return (items, names) if items or names else NOTHING_SEEN


def _close(matcher: Matcher) -> list[int]:
    """Tokens that complete the text.

    The shortest completion does not know what its names forbid each other: it is taken as far as it is allowed, and
    made again from there. Where that leads nowhere, some of its last tokens are taken back for others.
    """
    found: list[int] = []
    limit = None
    turn = 0
    while not matcher.is_accepting():
        before = len(found)
        for token in matcher.constraint.closing.tokens(matcher._config, matcher._seen[0], limit):
            if not matcher.advance(token):
                # Once barred, it will be again: no more is spelled than may be used.
                limit = _SPELLED_AHEAD
                break
            found.append(token)
        if len(found) == before:
            turn += 1
            if turn > MAX_TURNS:
                raise CompileBudgetExceeded("what completes this text is too hard to find")
            back = min(turn % _TAKEN_BACK, len(found))
            matcher.rollback(back)
            del found[len(found) - back :]
            found.append(_any_step(matcher, turn))
    return found


def _any_step(matcher: Matcher, turn: int) -> int:
    """Take an allowed token, one that leads away from where the shortest way is barred: another one in each turn."""
    mask = np.empty(matcher.constraint.n_words, np.int32)
    matcher.fill_mask(mask)
    allowed = bit_positions(mask.view(np.uint32))
    tokens = matcher.constraint.vocabulary.tokens
    plain = sorted((t for t in allowed if tokens[t].isalnum()), key=lambda t: len(tokens[t]))[:_TRIED]
    # Mostly short names of letters and digits; where these are taken, or barred, whatever there is.
    tried = [*_turned(plain, turn), *_turned(allowed, turn)] if turn % 3 else _turned(allowed, turn)
    for token in tried:
        if matcher.advance(token):
            return int(token)
    raise DeadEnd("the text cannot be completed")


def _turned(tokens: list[int], turn: int) -> list[int]:
    """Another beginning in each turn."""
    first = turn * 2_654_435_761 % len(tokens) if tokens else 0
    return tokens[first:] + tokens[:first]
