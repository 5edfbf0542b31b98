"""Sequential Monte Carlo: weighted texts that grow side by side, the hopeless ones replaced by copies of others.

The weight of a particle is what `trie_sampling` calls drift, all its ratios multiplied: with the bounds of a trie that
all particles share, what one of them learns twists the weights of the others. Without a trie the ratio is the
probability that the mask leaves. Either way the expected weight of a text, over all particles, is its probability.
Source: Lew et al. (2023), "Sequential Monte Carlo Steering of Large Language Models using Probabilistic Programs";
Zhao et al. (2024), "Probabilistic Inference in Language Models via Twisted Sequential Monte Carlo" (twists).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import copy
from typing import Literal

from .choices import Choices
from .engine import MatcherLike
from .language_model import Prefix
from .logs import log, log_mean
from .predicates import Memo
from .prefixes import Prefixes
from .resampling import Resampled, stratified, systematic
from .samples import Samples, SampleStats
from .validity_trie import ROOT, Row, ValidityTrie

Resampling = Literal["stratified", "systematic"]
RESAMPLING: dict[str, Callable[..., Resampled]] = {"stratified": stratified, "systematic": systematic}
ENOUGH = 0.5
"""Particles are resampled when their effective number is less than this share of them."""


class Particles:
    """`n` texts that grow at the same time.

    trie     : shared bounds, None for none.  predicate : what is wanted beside the constraint.
    resample : how; the effective number of particles is (sum w)^2 / sum w^2.
    """

    def __init__(
        self,
        prefixes: Prefixes,
        choices: Choices,
        n: int,
        *,
        trie: ValidityTrie | None,
        resample: Resampling = "stratified",
        predicate: Memo | None = None,
    ) -> None:
        self._prefixes = prefixes
        self._choices = choices
        self._trie = trie
        self._resample = RESAMPLING[resample]
        self._predicate = predicate
        self._particles = [_Particle(prefixes.constraint.matcher()) for _ in range(n)]

    def run(self) -> Samples:
        """Grow all texts to their end. Those of weight 0 are left out; `log_z` counts them."""
        while running := [particle for particle in self._particles if not particle.is_over]:
            rows = self._rows(running)
            for particle in running:
                self._reweigh(particle, rows[tuple(particle.tokens)])
            self._replace()
            for particle in self._particles:
                if not particle.is_over:
                    self._draw(particle, rows[tuple(particle.tokens)])
        whole = [particle for particle in self._particles if particle.log_weight > -math.inf]
        return Samples(
            [tuple(particle.tokens) for particle in whole],
            [particle.log_weight for particle in whole],
            log_mean([particle.log_weight for particle in self._particles]) if self._particles else None,
            "weighted",
            self._stats(len(whole)),
        )

    def _rows(self, running: list[_Particle]) -> dict[Prefix, Row]:
        """What may follow each prefix; the model is asked once."""
        at = {tuple(particle.tokens): particle for particle in running}
        rows = {}
        for prefix, row in zip(at, self._prefixes.rows(list(at)), strict=True):
            rows[prefix] = self._prefixes.allowed(row, at[prefix].matcher, len(prefix))
            if self._trie is not None:
                self._trie.open(at[prefix].node, rows[prefix])
        return rows

    def _reweigh(self, particle: _Particle, row: Row) -> None:
        """Account for what has become known since the last token was drawn."""
        bound = float(row.probabilities.sum()) if self._trie is None else self._trie.theta(particle.node)
        particle.log_weight += log(bound) - log(particle.bound)
        particle.bound = bound
        if bound <= 0.0:
            particle.end(-math.inf)

    def _replace(self) -> None:
        """Resample if a few particles have nearly all of the weight."""
        top = max(particle.log_weight for particle in self._particles)
        if top == -math.inf:
            return
        weights = [math.exp(particle.log_weight - top) for particle in self._particles]
        n = len(weights)
        if sum(weights) ** 2 >= ENOUGH * n * sum(weight * weight for weight in weights):
            return
        indices, after = self._resample(weights, n, self._choices)
        self._particles = [
            self._particles[index].copy(top + log(weight))
            for index, weight in zip(indices, after, strict=True)
        ]

    def _draw(self, particle: _Particle, row: Row) -> None:
        """Draw a token."""
        if self._trie is not None:
            self._reweigh(particle, row)  # another particle at the same prefix may have learned something
            if particle.is_over:
                return
        weights = row.probabilities if self._trie is None else self._trie.weights(particle.node, row)
        place = self._choices.categorical(weights)
        token, probability = int(row.tokens[place]), float(row.probabilities[place])
        is_end = token in self._prefixes.eos_ids
        if not self._is_wanted(particle, token, is_end):
            if self._trie is not None:
                self._trie.rule_out(self._trie.add(particle.node, token, probability))
            particle.end(-math.inf)
        elif is_end:
            particle.end(particle.log_weight)
        else:
            particle.matcher.advance(token)
            particle.tokens.append(token)
            if self._trie is not None:
                particle.node = self._trie.add(particle.node, token, probability)
            particle.bound = 1.0 if self._trie is None else self._trie.theta(particle.node)

    def _is_wanted(self, particle: _Particle, token: int, is_end: bool) -> bool:
        if self._predicate is None:
            return True
        return self._predicate(tuple(particle.tokens) if is_end else (*particle.tokens, token), is_end)

    def _stats(self, n: int) -> SampleStats:
        return SampleStats(
            forwards=self._prefixes.model.n_rows,
            mask_fills=self._prefixes.n_masks,
            attempts=len(self._particles),
            accepted=n,
            predicate_calls=0 if self._predicate is None else self._predicate.n_calls,
            stopped=None if n == len(self._particles) else "some particles have come to nothing",
        )


class _Particle:
    """A text on its way.  bound : what was known of its prefix when the last token was drawn."""

    def __init__(self, matcher: MatcherLike) -> None:
        self.matcher = matcher
        self.tokens: list[int] = []
        self.node = ROOT
        self.bound = 1.0
        self.log_weight = 0.0
        self.is_over = False

    def copy(self, log_weight: float) -> _Particle:
        """Another one at the same place."""
        found = copy(self)
        found.matcher, found.tokens, found.log_weight = self.matcher.fork(), list(self.tokens), log_weight
        return found

    def end(self, log_weight: float) -> None:
        """Stop here."""
        self.is_over, self.log_weight = True, log_weight
