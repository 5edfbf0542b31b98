"""One sequence of a batch: its matcher, its tokens, and how it ends within its budget."""

from __future__ import annotations

import codecs
from dataclasses import dataclass, replace
from statistics import median
from time import perf_counter
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import DeadEnd, GramaskError
from .engine import ConstraintLike
from .result import Finish, Result, Stats

OnBudget = Literal["close", "cut", "raise"]


@dataclass(frozen=True, slots=True)
class Budget:
    """How many tokens a row may take, the end token included, and what happens when they run out.

    close : always leave room for the shortest ending known, and write it when the room would be gone.
    cut   : stop anywhere; the result has finish="length".
    raise : stop anywhere with a GramaskError.
    """

    max_new_tokens: int = 512
    on_budget: OnBudget = "close"

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise GramaskError(f"max_new_tokens={self.max_new_tokens} is not a positive number")
        if self.on_budget not in ("close", "cut", "raise"):
            message = f"the option on_budget={self.on_budget!r} is unknown"
            raise GramaskError(message, hint="it is 'close', 'cut' or 'raise'")

    def within(self, n_positions: int | None, prompt_length: int) -> Budget:
        """The same, lowered where the context of the model ends before it.

        n_positions : length of that context, None where it has none.
        Raises GramaskError where there is no room at all.
        """
        # The last token is written without being read, so one more than there are positions.
        room = self.max_new_tokens if n_positions is None else n_positions - prompt_length + 1
        if room < 1:
            raise GramaskError(
                f"the prompt has {prompt_length} tokens, and the model reads {n_positions}",
                hint="shorten the prompt",
            )
        return replace(self, max_new_tokens=min(room, self.max_new_tokens))


class Row:
    """Mutable; belongs to one decoding loop.

    tokens  : ids written so far; the first `n_fed` are in the model's cache, the first `n_scored` in
              `logprob`.
    finish  : None while the row is running.
    Raises GramaskError if `on_budget="close"` cannot hold from the start.
    """

    def __init__(self, constraint: ConstraintLike, budget: Budget) -> None:
        self.constraint = constraint
        self.budget = budget
        self.matcher = constraint.matcher()
        self.eos_ids = tuple(constraint.vocabulary.eos_ids)
        self.tokens: list[int] = []
        self.n_fed = 0
        self.n_scored = 0
        self.logprob = 0.0
        self.finish: Finish | None = None
        self.mask_us: list[float] = []
        self.n_forced = 0
        self.n_jumped = 0
        self.n_closing = 0
        self._text = Utf8Text()
        if budget.on_budget == "close":
            self._require_room_to_close()

    @property
    def remaining(self) -> int:
        """Tokens that may still be written."""
        return self.budget.max_new_tokens - len(self.tokens)

    @property
    def text(self) -> str:
        """What is written so far; whole characters only."""
        return self._text.whole

    @property
    def n_waiting(self) -> int:
        """Tokens the model must still read: to choose the next one, or to score those already written."""
        return len(self.tokens) - self.n_fed - (1 if self.finish else 0)

    def fill_mask(self, out: NDArray[np.int32]) -> None:
        """Write the mask of the next token and note how long that took."""
        begin = perf_counter()
        self.matcher.fill_mask(out)
        self.mask_us.append((perf_counter() - begin) * 1e6)

    def take(self, token_id: int) -> None:
        """Write a token chosen under the mask, or the closing path where it would leave no room to close."""
        ends = token_id in self.eos_ids
        if self.budget.on_budget == "close" and not ends and not self._leaves_room(token_id):
            self._close()
        else:
            self._write(token_id)

    def jump(self) -> bool:
        """Write the tokens that the constraint forces, as far as the budget goes. Whether there was any."""
        before = len(self.tokens)
        for token_id in self.matcher.forced_tokens(self.remaining):
            if self.finish is not None:
                break
            self.take(token_id)
        written = len(self.tokens) - before
        self.n_jumped += written - self.n_closing
        self.n_forced += written - self.n_closing
        return written > 0

    def _write(self, token_id: int) -> None:
        if not self.matcher.advance(token_id):
            raise DeadEnd(
                f"the constraint refused token {token_id}, which its own mask allows: a bug of gramask"
            )
        self.tokens.append(token_id)
        if self.matcher.is_finished():
            self.finish = "complete"
            return
        self._text.feed(self.constraint.vocabulary.tokens[token_id])
        if self.remaining == 0:
            self._end_of_budget()

    def _end_of_budget(self) -> None:
        if self.matcher.is_accepting():
            self.finish = "complete"
        elif self.budget.on_budget == "raise":
            raise GramaskError(
                f"the text is not complete after {len(self.tokens)} tokens: {self.text!r}",
                hint="raise max_new_tokens, or use on_budget='close'",
            )
        else:
            self.finish = "length"

    def _close(self) -> None:
        path = [*self.matcher.closing_tokens(), self.eos_ids[0]]
        # Counted one by one in `_write`, which may itself set `finish`.
        for token_id in path:
            self._write(token_id)
        self.n_closing = len(path)
        self.finish = "closed"

    def _leaves_room(self, token_id: int) -> bool:
        probe = self.matcher.fork()
        if not probe.advance(token_id):
            return True  # `_write` will report it
        room = self.remaining - 2  # the token itself and the end token
        if probe.min_tokens_to_accept > room:
            return False
        return len(probe.closing_tokens()) <= room

    def _require_room_to_close(self) -> None:
        if not self.eos_ids:
            raise GramaskError("the vocabulary has no end token", hint="give it eos_ids")
        needed = len(self.matcher.closing_tokens()) + 1
        if needed > self.budget.max_new_tokens:
            raise GramaskError(
                f"a budget of {self.budget.max_new_tokens} tokens is too small: the shortest text known takes "
                f"{needed} with its end token",
                hint=f"give at least max_new_tokens={needed} and a prompt that leaves room, or on_budget='cut'",
            )

    def stats(self, n_forward: int, n_prompt_tokens: int) -> Stats:
        return Stats(
            n_forward=n_forward,
            n_prompt_tokens=n_prompt_tokens,
            n_masks=len(self.mask_us),
            mask_us_median=median(self.mask_us) if self.mask_us else 0.0,
            mask_us_max=max(self.mask_us, default=0.0),
            forced_tokens=self.n_forced,
            jumped_tokens=self.n_jumped,
            closing_tokens=self.n_closing,
        )

    def result(self, n_forward: int, n_prompt_tokens: int) -> Result[Any]:
        """The outcome of a finished row."""
        assert self.finish is not None
        value = None if self.finish == "length" else self.constraint.parse(self.text)
        stats = self.stats(n_forward, n_prompt_tokens)
        return Result(value, self.text, tuple(self.tokens), self.logprob, self.finish, stats)


class Utf8Text:
    """Text that arrives as bytes cut anywhere; shows whole characters only."""

    def __init__(self) -> None:
        # Invalid bytes are possible where a grammar speaks of bytes; they must not end a generation.
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._parts: list[str] = []

    @property
    def whole(self) -> str:
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""

    def feed(self, data: bytes) -> None:
        self._parts.append(self._decoder.decode(data))
