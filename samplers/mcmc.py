"""Markov chains of texts: a text is cut somewhere, written anew from there under the mask, and kept or not.

Whether it is kept makes the model's law, given the language, the stationary one (Metropolis and Hastings); every state
is a valid text. Source: Anaya Gonzalez et al. (2025), "Constrained Sampling for Language Models Should Be Easy: An MCMC
Perspective", section 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .ancestral import MAX_DEAD_ENDS
from .choices import Choices, Floats
from .engine import MatcherLike
from .language_model import Prefix
from .logs import log
from .prefixes import Prefixes
from .samples import Samples, SampleStats
from .validity_trie import Row

Proposal = Literal["uniform", "priority", "restart"]
MAX_ROWS = 10_000
STEPS = 10


@dataclass(frozen=True, slots=True)
class State:
    """A whole text.

    tokens : with the one that ends it.  log_p, log_q : of each, by the model and under the mask.
    entropy : in nats, of the law under the mask at each place.
    """

    tokens: Prefix
    log_p: tuple[float, ...]
    log_q: tuple[float, ...]
    entropy: tuple[float, ...]


class Chain:
    """Moves from text to text.

    proposal : where texts are cut: anywhere; preferably where the next token is open ("priority"); at the beginning.
    """

    def __init__(self, prefixes: Prefixes, proposal: Proposal = "priority") -> None:
        self._prefixes = prefixes
        self._cuts = PROPOSALS[proposal]
        self._rows: dict[Prefix, Row] = {}

    def start(self, choices: Choices) -> State | None:
        """A text by masking alone; None if it turned out to be too long."""
        return self._written(State((), (), (), ()), choices)

    def move(self, state: State, choices: Choices) -> State:
        """The next state."""
        cuts = self._cuts(state)
        if not cuts.any():
            return state  # there is one text only
        at = choices.categorical(cuts)
        kept = State(state.tokens[:at], state.log_p[:at], state.log_q[:at], state.entropy[:at])
        other = self._written(kept, choices)
        if other is None or other.tokens == state.tokens:
            return state
        log_ratio = sum(other.log_p) - sum(state.log_p)
        log_ratio += self._log_proposed(state, other) - self._log_proposed(other, state)
        return other if choices.bernoulli(math.exp(min(0.0, log_ratio))) else state

    def _log_proposed(self, state: State, origin: State) -> float:
        """The logarithm of the probability that `state` is proposed at `origin`, by any cut."""
        shared = next(
            i for i, pair in enumerate(zip(state.tokens, origin.tokens, strict=False)) if pair[0] != pair[1]
        )
        cuts = self._cuts(origin)
        cuts /= cuts.sum()
        return log(sum(cuts[i] * math.exp(sum(state.log_q[i:])) for i in range(shared + 1)))

    def _written(self, begun: State, choices: Choices) -> State | None:
        """A text that begins as told; None if it turns out to be too long."""
        matcher = self._prefixes.constraint.matcher()
        for token in begun.tokens:
            matcher.advance(token)
        tokens, log_p, log_q = list(begun.tokens), list(begun.log_p), list(begun.log_q)
        entropy = list(begun.entropy)
        while True:
            row = self._row(tuple(tokens), matcher)
            if not len(row.tokens):
                return None
            place = choices.categorical(row.probabilities)
            allowed = float(row.probabilities.sum())
            tokens.append(int(row.tokens[place]))
            log_p.append(log(float(row.probabilities[place])))
            log_q.append(log_p[-1] - log(allowed))
            entropy.append(_entropy(row.probabilities / allowed))
            if tokens[-1] in self._prefixes.eos_ids:
                return State(tuple(tokens), tuple(log_p), tuple(log_q), tuple(entropy))
            matcher.advance(tokens[-1])

    def _row(self, prefix: Prefix, matcher: MatcherLike) -> Row:
        row = self._rows.get(prefix)
        if row is None:
            if len(self._rows) >= MAX_ROWS:
                self._rows.clear()
            (row,) = self._prefixes.rows([prefix])
            row = self._rows[prefix] = self._prefixes.allowed(row, matcher, len(prefix))
        return row


def draw_chains(
    prefixes: Prefixes, choices: Choices, n: int, *, steps: int = STEPS, proposal: Proposal = "priority"
) -> Samples:
    """`n` texts, each the last state of a chain of its own with `steps` moves."""
    chain, stats = Chain(prefixes, proposal), SampleStats()
    found: list[Prefix] = []
    in_a_row = 0
    while len(found) < n and in_a_row < MAX_DEAD_ENDS:
        state = chain.start(choices)
        stats.attempts += 1
        in_a_row = in_a_row + 1 if state is None else 0
        if state is not None:
            for _ in range(steps):
                state = chain.move(state, choices)
            found.append(state.tokens[:-1])
    stats.accepted, stats.forwards, stats.mask_fills = len(found), prefixes.model.n_rows, prefixes.n_masks
    stats.stopped = None if len(found) == n else "no text came to an end within the length"
    return Samples(found, [0.0] * len(found), None, "asymptotic", stats)


def _entropy(law: Floats) -> float:
    return float(-(law * np.log(law)).sum())


def _anywhere(state: State) -> Floats:
    return np.ones(len(state.tokens))


def _where_it_is_open(state: State) -> Floats:
    return np.expm1(np.maximum(state.entropy, 0.0))


def _at_the_beginning(state: State) -> Floats:
    return np.append(1.0, np.zeros(len(state.tokens) - 1))


PROPOSALS: dict[str, Callable[[State], Floats]] = {
    "uniform": _anywhere,
    "priority": _where_it_is_open,
    "restart": _at_the_beginning,
}
