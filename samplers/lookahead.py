"""Beam search that looks ahead: what a hypothesis is worth is judged by how the model would go on from it.

Each candidate is continued greedily under the mask for some tokens, all of them in the same calls of the model, and its
score is log p plus what is hoped for on the way. What was read of the candidates that are taken is not read again.
Source: Lu et al. (2022), "NeuroLogic A*esque Decoding: Constrained Text Generation with Lookahead Heuristics" (phrases,
greedy lookahead); Huang et al. (2024), "DeAL: Decoding-time Alignment for Large Language Models" (rewards).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from .holding import Holding
from .hypotheses import Expanded, Hypothesis
from .language_model import Prefix
from .lexical import LexicalBeam
from .prefixes import Prefixes

Reward = Callable[[Prefix, bool], float]
"""Of tokens, and whether the text ends behind them."""
DEPTH = 5
SPREAD = 2
WEIGHT = 1.0
NO_HOPE = -30.0
"""The logarithm that stands for a phrase that nothing leads to."""


class Lookahead(LexicalBeam):
    """The score of a hypothesis is log p + weight * (reward + hope).

    reward : of its continuation; None for none. For whole texts it is part of the score too.
    hope   : the best logarithm, anywhere on the continuation, of the probability of a token that gets further into a
             missing phrase; 0 if none is missing. (The paper takes whole phrases, in the tokens of one spelling.)
    depth  : tokens of a continuation.  spread : hypotheses that are continued, for each that goes on.
    Other options as of `Beam`.

    A reward can be anything, so with one nothing is proved unless nothing is pruned, and the search goes on until all
    hypotheses have come to their end.
    """

    def __init__(
        self,
        prefixes: Prefixes,
        n: int,
        holding: Holding,
        *,
        reward: Reward | None = None,
        weight: float = WEIGHT,
        depth: int = DEPTH,
        spread: int = SPREAD,
        **options: Any,
    ) -> None:
        super().__init__(prefixes, n, holding, **options)
        self._n_candidates = spread * self._width
        self._reward = None if reward is None else cache(reward)
        self._weight = weight
        self._depth = depth

    def _chosen(self, candidates: list[Hypothesis]) -> list[Hypothesis]:
        continued = self._continued(candidates)
        scores = {each.start.tokens: self._hoped_for(each) for each in continued}
        return super()._chosen(sorted(candidates, key=lambda each: -scores[each.tokens]))

    def _score(self, tokens: Prefix, log_prob: float) -> float:
        return log_prob + self._rewarded(tokens, True)

    def _bound(self, log_p: float, n_tokens: int) -> float:
        return super()._bound(log_p, n_tokens) if self._reward is None else math.inf

    def _rewarded(self, tokens: Prefix, is_whole: bool) -> float:
        return 0.0 if self._reward is None else self._weight * self._reward(tokens, is_whole)

    def _hoped_for(self, continued: _Continued) -> float:
        """The score of a candidate."""
        is_missing = self._progress(continued.start) < self._phrases.n_bytes
        hope = max(continued.hope, NO_HOPE) if is_missing else 0.0
        rewarded = self._rewarded(continued.at.tokens, continued.is_whole)
        return continued.start.log_p + rewarded + self._weight * hope

    def _continued(self, candidates: list[Hypothesis]) -> list[_Continued]:
        """All candidates, continued; less far where the budget does not allow it."""
        continued = [_Continued(each, each) for each in candidates]
        for _ in range(self._depth):
            running = [each for each in continued if not each.is_over]
            expanded = self._reader.expand([each.at for each in running])
            for each, known in zip(running, expanded or [], strict=expanded is not None):
                self._continue(each, known)
        return continued

    def _continue(self, continued: _Continued, expanded: Expanded) -> None:
        """Take the most probable token."""
        advancing = expanded.log_p[self._advancing(expanded)]
        continued.hope = max(continued.hope, float(advancing.max(initial=-math.inf)) - continued.at.log_p)
        best = float(expanded.log_p.max(initial=-math.inf))
        continued.is_whole = -math.inf < expanded.log_end >= best
        continued.is_over = continued.is_whole or best == -math.inf
        if not continued.is_over:
            continued.at = expanded.child(int(np.argmax(expanded.log_p)))


@dataclass(slots=True)
class _Continued:
    """A candidate and how far its continuation has got.  hope : see `Lookahead`."""

    start: Hypothesis
    at: Hypothesis
    hope: float = -math.inf
    is_whole: bool = False
    is_over: bool = False
