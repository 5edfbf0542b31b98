"""Beam search under masks, which knows when it is over and whether it has lost anything.

Source: the stopping rule is that of Huang, Zhao and Ma (2017), "When to Finish? Optimal Beam Search for Neural Text
Generation (modulo beam size)"; length normalisation is that of Wu et al. (2016), "Google's Neural Machine Translation
System", section 7, with the plain length.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from heapq import nlargest

import numpy as np

from .found import Best, Found, SearchStats
from .hypotheses import OUT_OF_BUDGET, START, Expanded, Hypothesis, Reader, top
from .language_model import Prefix
from .prefixes import Prefixes

WIDTH = 8


class Beam:
    """At each step the `width` best hypotheses go on. Texts that have ended are kept apart and take no room.

    n      : texts that are wanted.  width : hypotheses, and so the most rows of the model in a step.
    length_penalty : log p is divided by this power of the length, the end counted as a token.
    budget : the most rows of the model.

    The search is over when no hypothesis can become better than the n-th text: log p never rises, so it is bounded by
    what it is now, at the length that suits it best. The same bound, taken of all that was pruned, tells whether the
    texts are proved to be the best.
    """

    def __init__(
        self,
        prefixes: Prefixes,
        n: int,
        *,
        width: int = WIDTH,
        length_penalty: float = 0.0,
        budget: int | None = None,
    ) -> None:
        self._reader = Reader(prefixes, budget)
        self._best = Best(n)
        self._width = self._n_candidates = width
        self._length_penalty = length_penalty
        self._max_tokens = prefixes.max_tokens

    def run(self) -> Found:
        """Search until nothing is left that could matter."""
        stats = SearchStats()
        running = [START]
        while running:
            expanded = self._reader.expand(running)
            if expanded is None:
                stats.stopped = OUT_OF_BUDGET
                for each in running:
                    self._best.dismiss(self._bound(each.log_p, len(each.tokens)))
                break
            running = self._step(expanded)
            self._reader.forget(running)
        if self._best.n_missing and not stats.stopped:
            is_all = self._best.log_bound == -math.inf
            stats.stopped = "no text is left" if is_all else "all other hypotheses were pruned"
        stats.forwards = self._reader.prefixes.model.n_rows
        stats.mask_fills = self._reader.prefixes.n_masks
        return self._best.found(stats)

    def _step(self, expanded: list[Expanded]) -> list[Hypothesis]:
        """The hypotheses with one token more."""
        for each in expanded:
            if each.log_end > -math.inf:
                self._best.add(each.tokens, each.log_end, self._score(each.tokens, each.log_end))
        least = self._best.least
        hopeful = [
            each for each in self._candidates(expanded) if self._bound(each.log_p, len(each.tokens)) > least
        ]
        chosen = self._chosen(hopeful)
        self._dismiss_others(expanded, chosen)
        return chosen

    def _candidates(self, expanded: list[Expanded]) -> list[Hypothesis]:
        """Those that may go on: the best of all."""
        return best_children(expanded, self._n_candidates)

    def _chosen(self, candidates: list[Hypothesis]) -> list[Hypothesis]:
        """Those that go on."""
        return candidates[: self._width]

    def _score(self, tokens: Prefix, log_prob: float) -> float:
        """What ranks a whole text."""
        return self._normalised(log_prob, len(tokens) + 1)

    def _bound(self, log_p: float, n_tokens: int) -> float:
        """No text that begins with so many tokens of this probability has a higher score."""
        return max(self._normalised(log_p, n) for n in (n_tokens + 1, self._max_tokens + 1))

    def _normalised(self, log_p: float, n: int) -> float:
        return log_p / float(n) ** self._length_penalty

    def _dismiss_others(self, expanded: list[Expanded], chosen: list[Hypothesis]) -> None:
        """Account for the best of what was pruned, candidate or not."""
        places: dict[Prefix, list[int]] = {each.tokens: [] for each in expanded}
        for hypothesis in chosen:
            places[hypothesis.tokens[:-1]].append(hypothesis.place)
        for each in expanded:
            is_left = np.ones(len(each.log_p), np.bool_)
            is_left[places[each.tokens]] = False
            if is_left.any():
                self._best.dismiss(self._bound(float(each.log_p[is_left].max()), len(each.tokens) + 1))


def best_children(expanded: Sequence[Expanded], n: int) -> list[Hypothesis]:
    """The `n` most probable hypotheses with one token more, in descending order."""
    children = [
        (float(each.log_p[place]), -i, -int(place))
        for i, each in enumerate(expanded)
        for place in top(each.log_p, n)
    ]
    return [expanded[-i].child(-place) for _, i, place in nlargest(n, children)]
