"""What searches share: texts on their way, and what may follow them, asked of the model for all of them together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .engine import MatcherLike
from .language_model import Prefix
from .logs import log
from .prefixes import Prefixes

OUT_OF_BUDGET = "the budget is used up"


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A text on its way.

    log_p : of its tokens, by the model.
    parent : what it goes on from, None at the beginning.  place : where its last token is in the row of the parent.
    """

    tokens: Prefix
    log_p: float
    parent: Expanded | None
    place: int


@dataclass(frozen=True, slots=True)
class Expanded:
    """A hypothesis, and all that may follow.

    matcher : behind its tokens; it is not advanced any more.
    next_tokens : int64[n], ascending, those that end the text left out.  log_p : float64[n], of the text with each.
    log_end : of the text, if it ends here; -inf where it cannot.
    """

    tokens: Prefix
    matcher: MatcherLike
    next_tokens: NDArray[np.int64]
    log_p: NDArray[np.float64]
    log_end: float

    def child(self, place: int) -> Hypothesis:
        """The hypothesis with one more token."""
        return Hypothesis((*self.tokens, int(self.next_tokens[place])), float(self.log_p[place]), self, place)


START = Hypothesis((), 0.0, None, -1)


class Reader:
    """Expands hypotheses, and keeps what is known behind them until it is told to forget.

    budget : the most rows that may be asked of the model, None for as many as one likes.
    """

    def __init__(self, prefixes: Prefixes, budget: int | None) -> None:
        self.prefixes = prefixes
        self._budget = math.inf if budget is None else budget
        self._ends = np.array(sorted(prefixes.eos_ids), np.int64)
        self._kept: dict[Prefix, Expanded] = {}

    def expand(self, hypotheses: Sequence[Hypothesis]) -> list[Expanded] | None:
        """What may follow each hypothesis; the model is asked once. None if the budget does not allow it."""
        asked = [each for each in hypotheses if each.tokens not in self._kept]
        if self.prefixes.model.n_rows + len(asked) > self._budget:
            return None
        rows = self.prefixes.rows([each.tokens for each in asked])
        for each, row in zip(asked, rows, strict=True):
            matcher = self._matcher(each)
            row = self.prefixes.allowed(row, matcher, len(each.tokens))
            is_end = np.isin(row.tokens, self._ends)
            self._kept[each.tokens] = Expanded(
                each.tokens,
                matcher,
                row.tokens[~is_end],
                each.log_p + np.log(row.probabilities[~is_end]),
                each.log_p + log(float(row.probabilities[is_end].sum())),
            )
        return [self._kept[each.tokens] for each in hypotheses]

    def forget(self, hypotheses: Sequence[Hypothesis]) -> None:
        """Keep what lies behind these hypotheses, all of one length, and nothing else."""
        beginnings = {each.tokens for each in hypotheses}
        n = len(hypotheses[0].tokens) if hypotheses else 0
        self._kept = {tokens: known for tokens, known in self._kept.items() if tokens[:n] in beginnings}

    def _matcher(self, hypothesis: Hypothesis) -> MatcherLike:
        if hypothesis.parent is None:
            return self.prefixes.constraint.matcher()
        matcher = hypothesis.parent.matcher.fork()
        # The mask has allowed the token.
        matcher.advance(hypothesis.tokens[-1])
        return matcher


def top(values: NDArray[Any], n: int) -> NDArray[np.int64]:
    """int64[min(n, len(values))]: where the greatest values are, in descending order, the first of equal ones first."""
    places = np.arange(len(values))
    if n < len(values):
        places = np.flatnonzero(values >= np.partition(values, -n)[-n])
    return places[np.argsort(-values[places], kind="stable")[:n]]
