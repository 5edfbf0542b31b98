"""What a search returns."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field

from .language_model import Prefix


@dataclass(slots=True)
class SearchStats:
    """What it took.

    forwards   : rows asked of the model.  mask_fills : masks asked of the constraint.
    stopped    : why there are fewer texts than were asked for, or that the budget came to its end; None otherwise.
    """

    forwards: int = 0
    mask_fills: int = 0
    stopped: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Texts of a constraint, the one of the highest score first.

    tokens     : without the token that ends the text.
    log_probs  : natural logarithms of what the model says of each text and its end, whichever token that is; not
                 normalised by masks.
    scores     : what ranks the texts: the same, if the method has no other score.
    log_bound  : no text that is missing here has a higher score; -inf where none is, inf where nothing is known.
    is_optimal : whether the texts are proved to be those of the highest scores in the language, within the length; but
                 for rounding.
    """

    tokens: list[Prefix]
    log_probs: list[float]
    scores: list[float]
    log_bound: float
    is_optimal: bool
    stats: SearchStats = field(default_factory=SearchStats)


class Best:
    """The `n` texts of the highest scores so far, and what is known of all others.

    log_bound : no other text that was begun and is not going on has a higher score.
    """

    def __init__(self, n: int) -> None:
        self.log_bound = -math.inf
        self._n = n
        self._n_added = 0
        self._texts: list[tuple[float, int, Prefix, float]] = []  # a heap, the worst first

    @property
    def least(self) -> float:
        """What another text has to exceed to be one of them."""
        return self._texts[0][0] if len(self._texts) == self._n else -math.inf

    @property
    def n_missing(self) -> int:
        return self._n - len(self._texts)

    def add(self, tokens: Prefix, log_prob: float, score: float) -> None:
        """Take a text, unless there are `n` better ones."""
        # Of equal ones the first is kept: the second counter decides.
        self._n_added += 1
        heapq.heappush(self._texts, (score, -self._n_added, tokens, log_prob))
        if len(self._texts) > self._n:
            self.dismiss(heapq.heappop(self._texts)[0])

    def dismiss(self, log_bound: float) -> None:
        """Do without texts that have at most this score."""
        self.log_bound = max(self.log_bound, log_bound)

    def found(self, stats: SearchStats) -> Found:
        texts = sorted(self._texts, reverse=True)
        return Found(
            [tokens for _, _, tokens, _ in texts],
            [log_prob for *_, log_prob in texts],
            [score for score, *_ in texts],
            self.log_bound,
            self.log_bound <= self.least,
            stats,
        )
