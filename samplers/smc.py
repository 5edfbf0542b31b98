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
from dataclasses import replace
from typing import Literal

from ..errors import GramaskError
from .arguments import check_counts, one_of
from .choices import Choices
from .engine import MatcherLike
from .language_model import Prefix
from .logs import log, log_sum
from .masked_rows import MaskedRows
from .mcmc import START, Chain, State, longer
from .predicates import Memo, is_wanted
from .prefixes import Prefixes
from .resampling import Resampled, optimal, stratified, systematic
from .samples import Samples
from .validity_trie import ROOT, Row, ValidityTrie

Resampling = Literal["stratified", "systematic", "optimal"]
RESAMPLING: dict[str, Callable[..., Resampled]] = {
    "stratified": stratified,
    "systematic": systematic,
    "optimal": optimal,
}
ENOUGH = 0.5
"""Particles are resampled when their effective number is less than this share of them."""


def draw_particles(
    prefixes: Prefixes,
    choices: Choices,
    n: int,
    *,
    trie: ValidityTrie | None = None,
    resample: Resampling = "stratified",
    continuations: int | None = None,
    rejuvenate: int = 0,
    predicate: Memo | None = None,
) -> Samples:
    """What `n` particles come to, see `Particles`.

    continuations : by default 2 with "optimal", else 1.
    Raises GramaskError for options that are unknown, out of range, or do not go together.
    """
    one_of("resample", resample, RESAMPLING)
    if continuations is None:
        continuations = 2 if resample == "optimal" else 1
    check_counts(continuations=continuations - 1, rejuvenate=rejuvenate)
    if continuations > 1 and resample != "optimal":
        raise GramaskError(
            f"resample={resample!r} does not bring {continuations} continuations of each text down again",
            hint='use resample="optimal"',
        )
    if rejuvenate and trie is not None:
        raise GramaskError(
            "texts that bounds have ended cannot move elsewhere, which rejuvenation counts on",
            hint="leave out `trie` or `rejuvenate`",
        )
    particles = Particles(
        prefixes,
        choices,
        n,
        trie=trie,
        resample=resample,
        continuations=continuations,
        rejuvenate=rejuvenate,
        predicate=predicate,
    )
    return particles.run()


class Particles:
    """`n` texts that grow at the same time.

    trie      : shared bounds, None for none.  predicate : what is wanted beside the constraint.
    resample  : how; the effective number of particles is (sum w)^2 / sum w^2. "optimal" steers: whenever there are more
                than `n`, those of weight that matters stay as they are, and chance decides about the others.
    continuations : of each text, drawn at each token; more than one needs "optimal", which brings them down to `n`.
    rejuvenate : moves of a Markov chain that each text on its way makes in front of each token, so that copies differ
                again; not with a trie, whose bounds end texts that could still move elsewhere. Always, not only behind
                resampling: to move or not by what the texts are would be a bias.
                Source: Gilks and Berzuini (2001), "Following a moving target", section 2.
    """

    def __init__(
        self,
        prefixes: Prefixes,
        choices: Choices,
        n: int,
        *,
        trie: ValidityTrie | None,
        resample: Resampling = "stratified",
        continuations: int = 1,
        rejuvenate: int = 0,
        predicate: Memo | None = None,
    ) -> None:
        self._prefixes = prefixes
        self._choices = choices
        self._n = n
        self._trie = trie
        self._resample = resample
        self._continuations = continuations
        self._rejuvenate = rejuvenate
        self._predicate = predicate
        self._masked = MaskedRows(prefixes)
        self._chain = Chain(prefixes, "uniform", predicate=predicate, rows=self._masked)
        self._particles = [_Particle(prefixes.constraint.matcher()) for _ in range(n)]

    def run(self) -> Samples:
        """Grow all texts to their end. Those of weight 0 are left out; `log_z` counts them."""
        while any(not particle.is_over for particle in self._particles):
            rows = self._rows()
            for particle in self._running():
                self._reweigh(particle, rows[tuple(particle.tokens)])
            self._replace()
            if self._rejuvenate:
                for particle in self._running():
                    self._refresh(particle)
                rows = self._rows()
            self._continue()
            for particle in self._running():
                self._prefixes.stats.steps += 1
                self._draw(particle, rows[tuple(particle.tokens)])
        return self._samples()

    def _running(self) -> list[_Particle]:
        return [particle for particle in self._particles if not particle.is_over]

    def _samples(self) -> Samples:
        whole = [particle for particle in self._particles if particle.log_weight > -math.inf]
        log_weights = [particle.log_weight for particle in whole]
        stats = self._prefixes.stats
        stats.attempts, stats.accepted = self._n, len(whole)
        stats.stopped = None if len(whole) >= self._n else "some particles have come to nothing"
        log_z = log_sum(log_weights) - math.log(self._n) if self._n else None
        return Samples([tuple(particle.tokens) for particle in whole], log_weights, log_z, "weighted", stats)

    def _rows(self) -> dict[Prefix, Row]:
        """What may follow each prefix; the model is called at most once."""
        at = {tuple(particle.tokens): particle for particle in self._running()}
        rows = self._masked.rows({prefix: particle.matcher for prefix, particle in at.items()})
        for prefix, particle in at.items():
            # Bounds that were learned elsewhere are those of the row only when it has been opened here.
            if self._trie is not None and not self._is_at_hand(particle.node):
                self._trie.open(particle.node, rows[prefix])
        return rows

    def _is_at_hand(self, node: int) -> bool:
        return self._trie is not None and self._trie.is_open(node) and self._trie.row(node) is not None

    def _reweigh(self, particle: _Particle, row: Row) -> None:
        """Account for what has become known since the last token was drawn."""
        bound = float(row.probabilities.sum()) if self._trie is None else self._trie.theta(particle.node)
        particle.log_weight += log(bound) - log(particle.bound)
        particle.bound = bound
        if bound <= 0.0:
            particle.end(-math.inf)

    def _replace(self) -> None:
        """Resample if a few particles have nearly all of the weight, or there are too many."""
        top = max((particle.log_weight for particle in self._particles), default=-math.inf)
        if top == -math.inf:
            return
        weights = [math.exp(particle.log_weight - top) for particle in self._particles]
        if self._resample == "optimal":
            is_enough = sum(weight > 0.0 for weight in weights) <= self._n
        else:
            is_enough = sum(weights) ** 2 >= ENOUGH * self._n * sum(weight * weight for weight in weights)
        if is_enough:
            return
        indices, after = RESAMPLING[self._resample](weights, self._n, self._choices)
        self._particles = [
            self._particles[index].copy(top + log(weight))
            for index, weight in zip(indices, after, strict=True)
        ]

    def _refresh(self, particle: _Particle) -> None:
        """Let a text make some moves, which leave the law of the weights as it is: p(x), times what the mask leaves."""
        state = replace(particle.state, log_allowed=log(particle.bound))
        for _ in range(self._rejuvenate):
            state = self._chain.move(state, self._choices, len(state.tokens))
        particle.go_to(state, self._prefixes.constraint.matcher())

    def _continue(self) -> None:
        """Let each text that is not whole go on in several ways."""
        if self._continuations > 1:
            running = [particle for particle in self._running() for _ in range(self._continuations)]
            whole = [particle for particle in self._particles if particle.is_over]
            share = math.log(self._continuations)
            self._particles = [
                *whole,
                *(particle.copy(particle.log_weight - share) for particle in running),
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
        tokens = tuple(particle.tokens) if is_end else (*particle.tokens, token)
        if not is_wanted(self._predicate, tokens, is_whole=is_end):
            if self._trie is not None:
                self._trie.rule_out(self._trie.add(particle.node, token, probability))
            particle.end(-math.inf)
        elif is_end:
            particle.end(particle.log_weight)
        else:
            particle.matcher.advance(token)
            particle.tokens.append(token)
            if self._rejuvenate:
                particle.state = longer(particle.state, row, place)
            if self._trie is not None:
                particle.node = self._trie.add(particle.node, token, probability)
            particle.bound = 1.0 if self._trie is None else self._trie.theta(particle.node)


class _Particle:
    """A text on its way.

    bound : what was known of its prefix when the last token was drawn.  state : for its moves, if it makes any.
    """

    def __init__(self, matcher: MatcherLike) -> None:
        self.matcher = matcher
        self.tokens: list[int] = []
        self.node = ROOT
        self.bound = 1.0
        self.log_weight = 0.0
        self.is_over = False
        self.state = START

    def copy(self, log_weight: float) -> _Particle:
        """Another one at the same place."""
        found = copy(self)
        found.matcher, found.tokens, found.log_weight = self.matcher.fork(), list(self.tokens), log_weight
        return found

    def end(self, log_weight: float) -> None:
        """Stop here."""
        self.is_over, self.log_weight = True, log_weight

    def go_to(self, state: State, matcher: MatcherLike) -> None:
        """Be at another beginning.  matcher : at the beginning of all."""
        self.state, self.matcher = state, matcher
        self.tokens, self.bound = list(state.tokens), math.exp(state.log_allowed)
        for token in self.tokens:
            matcher.advance(token)
