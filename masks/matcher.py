"""A matcher: one sequence on its way through a constraint."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DeadEnd, GramaskError
from .names import NO_NAMES, Names
from .tables import bit_positions
from .units import NO_ITEMS, Open
from .walker import Config, path_nodes, read_bytes

if TYPE_CHECKING:
    from .constraint import Constraint

_SPELLED_AHEAD = 64
FINISHED: Config = (-1, 0, 0, 0)
"""Behind an EOS token."""

Place = tuple[Config, Open, Names]
"""A configuration, and what it does not know: the open items that must differ, the names that must not repeat."""
History = tuple[Place, int, "History | None"]
"""The last place, the token taken there, and what came before."""


class Matcher:
    """The state of one sequence: which tokens may come next, and what follows from taking one.

    Not thread-safe; fork it instead. A fork and a rollback cost the same at every length, because the history is a
    persistent list that forks share.
    """

    __slots__ = ("_constraint", "_engine", "_past", "_place")

    def __init__(self, constraint: Constraint) -> None:
        self._constraint = constraint
        self._engine = constraint.engine
        self._place: Place = (self._engine.start, NO_ITEMS, NO_NAMES)
        self._past: History | None = None

    @property
    def constraint(self) -> Constraint:
        return self._constraint

    def fill_mask(self, out: np.ndarray) -> None:
        """Write the mask of allowed tokens.

        out : int32[n_words], overwritten; bit t % 32 of word t // 32 is 1 where token t is allowed. EOS tokens are
              allowed exactly where the text is complete, after one only they are.
        Raises GramaskError for another shape or dtype, DeadEnd if nothing is allowed.
        """
        if not isinstance(out, np.ndarray) or out.dtype != np.int32 or out.shape != (self._engine.n_words,):
            found = f"{out.dtype}{list(out.shape)}" if isinstance(out, np.ndarray) else type(out).__name__
            raise GramaskError(
                f"a mask is int32[{self._engine.n_words}], not {found}",
                hint="allocate it with numpy.empty(constraint.n_words, numpy.int32)",
            )
        out[:] = self._row().view(np.int32)

    @property
    def _config(self) -> Config:
        return self._place[0]

    def _row(self) -> np.ndarray:
        config, items, names = self._place
        if config is FINISHED:
            return self._constraint.end_row
        engine = self._engine
        row = engine.row(config)
        if engine.unit_frames:
            row = self._constraint.items.filter(config, items, row)
        if names or engine.may_repeat_at_once:
            row = self._constraint.names.filter(config, names, self._past, row)
        return row

    def advance(self, token_id: int) -> bool:
        """Take a token. Returns False, the state unchanged, if it is not allowed.

        Raises GramaskError for an id outside [0, n_logits).
        """
        after = self._after(token_id)
        if after is None:
            return False
        self._past = (self._place, token_id, self._past)
        self._place = after
        return True

    def _after(self, token_id: int) -> Place | None:
        constraint = self._constraint
        if not 0 <= token_id < constraint.n_logits:
            raise GramaskError(
                f"token id {token_id} is outside [0, {constraint.n_logits})",
                hint="pass n_logits= if the model has more logits than the tokenizer has tokens",
            )
        if token_id in constraint.eos_ids:
            return (FINISHED, NO_ITEMS, NO_NAMES) if self.is_accepting() else None
        is_text = constraint.is_text
        config, items, names = self._place
        if config is FINISHED or token_id >= len(is_text) or not is_text[token_id]:
            return None
        read = None if self._engine.unit_frames else self._engine.read(config, token_id)
        # A first read may be what makes it known that there are items to look after.
        if self._engine.unit_frames:
            found = constraint.items.step(config, items, token_id)
            if found is None:
                return None
            after, items, nodes = found
        elif read is None:
            return None
        else:
            after, is_named = read
            if not is_named and not names:
                return after, NO_ITEMS, NO_NAMES
            nodes = self._nodes(token_id)
        names_after = constraint.names.after(config, names, self._past, token_id, after, nodes)
        return None if names_after is None else (after, items, names_after)

    def _nodes(self, token_id: int) -> list[int]:
        """The stack node after each byte of an allowed token."""
        text = self._engine.tables.text_of(token_id)
        read_bytes(self._engine.pushdown, self._config, text)
        return path_nodes(self._engine.pushdown, len(text))

    def rollback(self, n: int) -> None:
        """Undo the last `n` tokens. Raises GramaskError if fewer were taken."""
        place, past = self._place, self._past
        for done in range(n):
            if past is None:
                raise GramaskError(f"cannot undo {n} tokens: only {done} were taken")
            place, _, past = past
        if n < 0:
            raise GramaskError("cannot undo a negative number of tokens")
        self._place, self._past = place, past

    def fork(self) -> Matcher:
        """An independent matcher in the same state."""
        other = Matcher.__new__(Matcher)
        other._constraint = self._constraint
        other._engine = self._engine
        other._place = self._place
        other._past = self._past
        return other

    def reset(self) -> None:
        """Go back to the start."""
        self._place, self._past = (self._engine.start, NO_ITEMS, NO_NAMES), None

    def is_accepting(self) -> bool:
        """Whether the text so far is complete, so that EOS is allowed."""
        config = self._place[0]
        return config is FINISHED or self._engine.accepts(config)

    def is_finished(self) -> bool:
        """Whether an EOS token was taken."""
        return self._place[0] is FINISHED

    @property
    def state_id(self) -> Hashable:
        """Within one constraint, equal ids have equal futures."""
        config, items, names = self._place
        if config is FINISHED:
            return config
        partial = self._constraint.names.partial(config, self._past)
        return (config, items, names, partial) if items or names or partial else config

    @property
    def min_tokens_to_accept(self) -> int:
        """A lower bound on the tokens (EOS left out) until the text is complete; 0 if it is."""
        if self.is_accepting():
            return 0
        return self._constraint.closing.least_tokens(*self._place[:2])

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


def _close(matcher: Matcher) -> list[int]:
    """Tokens that complete the text.

    The shortest completion does not know what its names forbid each other: it is taken as far as it is allowed, and
    made again from there.
    """
    found: list[int] = []
    limit = None
    while not matcher.is_accepting():
        before = len(found)
        for token in matcher.constraint.closing.tokens(*matcher._place[:2], limit):
            if not matcher.advance(token):
                # Once barred, it will be again: no more is spelled than may be used.
                limit = _SPELLED_AHEAD
                break
            found.append(token)
        if len(found) == before:
            found.append(_any_step(matcher, len(found)))
    return found


def _any_step(matcher: Matcher, turn: int) -> int:
    """Take an allowed token, one that leads away from where the shortest way is barred: another one in each turn."""
    mask = np.empty(matcher.constraint.n_words, np.int32)
    matcher.fill_mask(mask)
    allowed = bit_positions(mask.view(np.uint32))
    tokens = matcher.constraint.vocabulary.tokens
    plain = sorted((t for t in allowed if tokens[t].isalnum()), key=lambda t: len(tokens[t]))
    first = turn * 2_654_435_761 % len(plain) if plain else 0
    for token in [*plain[first:], *plain[:first], *allowed]:
        if matcher.advance(token):
            return int(token)
    raise DeadEnd("the text cannot be completed")
