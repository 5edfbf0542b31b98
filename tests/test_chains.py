"""Markov chains, by the matrix of their moves: the model's law given the language is their stationary one."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from small_languages import (
    LANGUAGES,
    LIMIT,
    SEEDS,
    VOCABULARY,
    WANTED,
    TableModel,
    Tokens,
    constraint_of,
    exact_law,
    no_b_behind_a,
    normalised,
    wanted_probabilities,
)

import gramask
from gramask.samplers.choices import Choices, RandomChoices
from gramask.samplers.enumeration import enumerate_law
from gramask.samplers.mcmc import Chain, State
from gramask.samplers.predicates import Memo
from gramask.samplers.prefixes import Prefixes


def transitions(
    model: TableModel, texts: list[str], proposal: Any, kind: type[Chain] = Chain, predicate: Any = None
) -> np.ndarray:
    """float64[L, L]: the probability of each move of a chain, texts in the order of their law."""
    whole = list(exact_law(model, texts) if predicate is None else wanted_probabilities(model, texts))
    prefixes = Prefixes(model, constraint_of(texts), LIMIT)
    chain = kind(prefixes, proposal, predicate=None if predicate is None else Memo(predicate))
    states: dict[Tokens, State] = {}

    def started(choices: Choices) -> None:
        state = chain.start(choices)
        if state is not None:
            states[state.tokens[:-1]] = state

    enumerate_law(started)
    matrix = np.zeros((len(whole), len(whole)))
    for row, text in enumerate(whole):
        for other, p in enumerate_law(lambda choices: chain.move(states[text], choices).tokens[:-1]).items():  # noqa: B023
            matrix[row, whole.index(other)] = p
    return matrix


@pytest.mark.parametrize("proposal", ["uniform", "priority", "restart"])
@pytest.mark.parametrize("predicate", [None, no_b_behind_a])
def test_chains_have_the_law_as_their_stationary_one(proposal: str, predicate: Any) -> None:
    for texts, seed in itertools.product(LANGUAGES if predicate is None else WANTED, SEEDS):
        model = TableModel(seed)
        exact = (
            exact_law(model, texts) if predicate is None else normalised(wanted_probabilities(model, texts))
        )
        law = np.array(list(exact.values()))
        matrix = transitions(model, texts, proposal, predicate=predicate)
        assert matrix.sum(axis=1) == pytest.approx(1.0, abs=1e-12)
        assert law @ matrix == pytest.approx(law, abs=1e-12)
        # From anywhere, the distance falls to nothing.
        start = np.eye(len(law))[0]
        distances = [
            float(abs(start @ np.linalg.matrix_power(matrix, k) - law).sum()) for k in (0, 1, 2, 4, 10_000)
        ]
        assert all(later <= earlier + 1e-12 for earlier, later in itertools.pairwise(distances))
        assert distances[-1] < 1e-6


def test_keeping_every_proposal_has_another_law() -> None:
    """The control."""

    class Always(Chain):
        def _log_proposed(self, state: State, origin: State) -> float:
            return 1e3 if state.tokens < origin.tokens else -1e3

    found = []
    for texts, seed in itertools.product(LANGUAGES, SEEDS):
        law = np.array(list(exact_law(TableModel(seed), texts).values()))
        found.append(float(abs(law @ transitions(TableModel(seed), texts, "uniform", Always) - law).max()))
    assert max(found) > 0.01


def test_a_misreported_proposal_has_another_law() -> None:
    """The control: texts are written under the mask, and said to be drawn from the model's law without it."""

    class Misreported(Chain):
        def _written(self, begun: State, choices: Choices, length: float) -> State | None:
            found = super()._written(begun, choices, length)
            return None if found is None else replace(found, log_q=found.log_p)

    found = []
    for texts, seed in itertools.product(LANGUAGES, SEEDS):
        law = np.array(list(exact_law(TableModel(seed), texts).values()))
        matrix = transitions(TableModel(seed), texts, "uniform", Misreported)
        found.append(float(abs(law @ matrix - law).max()))
    assert max(found) > 0.01


def test_long_texts_are_not_kept_for_being_long() -> None:
    """Probabilities of 1e-400 have logarithms: what is proposed is not accepted whatever it is."""
    n = 900
    model = Flat()
    chain = Chain(Prefixes(model, gramask.compile(gramask.regex(f"[ab]{{{n}}}"), VOCABULARY), n), "restart")
    rng = RandomChoices(0)
    state = chain.start(rng)
    assert state is not None and sum(state.log_q) < -600.0
    n_moved = 0
    for _ in range(30):
        after = chain.move(state, rng)
        n_moved += after is not state
        state = after
    # Of two texts by the mask one is more probable than the other by many nats: most moves are refused.
    assert n_moved < 25


class Flat(TableModel):
    """Likes `c`, which may not come, now and then: so what the mask proposes differs from the law."""

    def __init__(self) -> None:
        super().__init__(0)

    def row(self, prefix: Tokens) -> np.ndarray:
        c = 0.9 if prefix and prefix[-1] == 0 else 0.1
        return np.array([0.45, 0.45, c, 0.1]) / (1.0 + c)
