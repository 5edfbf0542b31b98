"""Markov chains of texts: a text is cut somewhere, written anew from there under the mask, and kept or not.

Whether it is kept makes the model's law, given the language, the stationary one (Metropolis and Hastings); every state
is a valid text. Source: Anaya Gonzalez et al. (2025), "Constrained Sampling for Language Models Should Be Easy: An MCMC
Perspective", section 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from .ancestral import MAX_DEAD_ENDS, why_stopped
from .arguments import check_counts, one_of
from .choices import Choices, Floats
from .language_model import Prefix
from .logs import log, log_sum
from .masked_rows import MaskedRows
from .predicates import Memo, is_wanted
from .prefixes import Prefixes
from .samples import Samples
from .validity_trie import Row

Proposal = Literal["uniform", "priority", "restart"]
STEPS = 10


@dataclass(frozen=True, slots=True)
class State:
    """A whole text, or the beginning of one.

    tokens : with the one that ends a whole text.  log_p, log_q : of each, by the model and under the mask.
    entropy : in nats, of the law under the mask at each place.
    log_allowed : of what may follow a beginning, by the model; 0 for a whole text.
    """

    tokens: Prefix
    log_p: tuple[float, ...]
    log_q: tuple[float, ...]
    entropy: tuple[float, ...]
    log_allowed: float = 0.0

    @property
    def log_target(self) -> float:
        return sum(self.log_p) + self.log_allowed


START = State((), (), (), ())


class Chain:
    """Moves from text to text, or from beginning to beginning, all of them of one length.

    Of beginnings, the law is that of the model times the probability of what may follow.
    proposal  : where texts are cut: anywhere; preferably where the next token is open ("priority"); at the beginning.
    predicate : what is wanted beside the constraint, of each beginning and of the whole.
    """

    def __init__(
        self,
        prefixes: Prefixes,
        proposal: Proposal = "priority",
        *,
        predicate: Memo | None = None,
        rows: MaskedRows | None = None,
    ) -> None:
        self._prefixes = prefixes
        one_of("proposal", proposal, PROPOSALS)
        self._cuts = PROPOSALS[proposal]
        self._predicate = predicate
        self._rows = MaskedRows(prefixes) if rows is None else rows

    def start(self, choices: Choices) -> State | None:
        """A text by masking alone; None if it turned out to be too long, or is not wanted."""
        return self._written(START, choices, math.inf)

    def move(self, state: State, choices: Choices, length: float = math.inf) -> State:
        """The next state: a whole text, or where `length` is told a beginning of as many tokens."""
        cuts = self._cuts(state)
        if not cuts.any():
            return state  # there is one text only
        at = choices.categorical(cuts)
        kept = State(state.tokens[:at], state.log_p[:at], state.log_q[:at], state.entropy[:at])
        other = self._written(kept, choices, length)
        if other is None or other.tokens == state.tokens:
            return state
        log_ratio = other.log_target - state.log_target
        log_ratio += self._log_proposed(state, other) - self._log_proposed(other, state)
        return other if choices.bernoulli(math.exp(min(0.0, log_ratio))) else state

    def _log_proposed(self, state: State, origin: State) -> float:
        """The logarithm of the probability that `state` is proposed at `origin`, by any cut."""
        shared = next(
            i for i, pair in enumerate(zip(state.tokens, origin.tokens, strict=False)) if pair[0] != pair[1]
        )
        cuts = self._cuts(origin)
        cuts /= cuts.sum()
        # Of long texts these are too small for anything but their logarithms.
        log_rests = np.cumsum(state.log_q[::-1])[::-1]
        return log_sum([log(float(cuts[i])) + float(log_rests[i]) for i in range(shared + 1)])

    def _written(self, begun: State, choices: Choices, length: float) -> State | None:
        """A text that begins as told; None if it turns out to be too long, or is not wanted."""
        matcher = self._prefixes.constraint.matcher()
        for token in begun.tokens:
            matcher.advance(token)
        found = begun
        while True:
            row = self._rows.row(found.tokens, matcher)
            self._prefixes.stats.steps += 1
            if not len(row.tokens):
                return None
            if len(found.tokens) == length:
                return replace(found, log_allowed=log(float(row.probabilities.sum())))
            before = found.tokens
            found = longer(found, row, choices.categorical(row.probabilities))
            token = found.tokens[-1]
            is_end = token in self._prefixes.eos_ids
            if not is_wanted(self._predicate, before if is_end else found.tokens, is_whole=is_end):
                return None
            if is_end:
                return found if length == math.inf else None
            matcher.advance(token)


def longer(state: State, row: Row, place: int) -> State:
    """A state with the token at a place of the row behind a state."""
    allowed = float(row.probabilities.sum())
    log_p = log(float(row.probabilities[place]))
    return State(
        (*state.tokens, int(row.tokens[place])),
        (*state.log_p, log_p),
        (*state.log_q, log_p - log(allowed)),
        (*state.entropy, _entropy(row.probabilities / allowed)),
    )


def draw_chains(
    prefixes: Prefixes,
    choices: Choices,
    n: int,
    *,
    steps: int = STEPS,
    proposal: Proposal = "priority",
    predicate: Memo | None = None,
) -> Samples:
    """`n` texts, each the last state of a chain of its own with `steps` moves.

    Raises GramaskError for another proposal and a negative number of steps.
    """
    check_counts(steps=steps)
    chain, stats = Chain(prefixes, proposal, predicate=predicate), prefixes.stats
    found: list[Prefix] = []
    in_a_row = 0
    while len(found) < n and in_a_row < MAX_DEAD_ENDS and prefixes.has_budget:
        state = chain.start(choices)
        stats.attempts += 1
        in_a_row = in_a_row + 1 if state is None else 0
        if state is not None:
            for _ in range(steps):
                state = chain.move(state, choices)
            found.append(state.tokens[:-1])
            stats.accepted = len(found)
    stats.stopped = why_stopped(prefixes, len(found), n)
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
