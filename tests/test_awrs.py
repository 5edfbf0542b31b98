"""Adaptive weighted rejection: weights are proper, for each law and each set of valid tokens, by enumeration."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

from gramask.errors import GramaskError
from gramask.samplers import awrs
from gramask.samplers.awrs import Drawn, draw_valid
from gramask.samplers.choices import Choices, RandomChoices
from gramask.samplers.enumeration import enumerate_law

ESTIMATORS = ("paper", "recursive", "geometric")


def weighted_law(p: np.ndarray, valid: frozenset[int], estimator: str) -> dict[int, float]:
    """The expected weight of each token."""

    def run(choices: Choices) -> Drawn:
        asked: Counter[int] = Counter()

        def is_valid(index: int) -> bool:
            asked[index] += 1
            return index in valid

        found = draw_valid(p, is_valid, choices, estimator)  # type: ignore[arg-type]
        assert max(asked.values()) == 1
        assert (found is None) == (not valid)
        return found

    weights: dict[int, float] = dict.fromkeys(range(len(p)), 0.0)
    for drawn, probability in enumerate_law(run).items():
        if drawn is not None:
            weights[drawn[0]] += probability * drawn[1]
    return weights


def subsets(n: int) -> Iterator[frozenset[int]]:
    for size in range(n + 1):
        yield from map(frozenset, itertools.combinations(range(n), size))


def cases(estimator: str) -> Iterator[tuple[np.ndarray, frozenset[int]]]:
    """The geometric estimator has a branch for each number of draws that are not made: few tokens, or few of those."""
    rng = np.random.default_rng(0)
    n = 2 if estimator == "geometric" else 5
    for valid in subsets(n):
        yield rng.dirichlet(np.full(n, 2.0)), valid
    if estimator == "geometric":
        for valid in subsets(3):
            yield np.array([0.02, 0.95, 0.03]), valid | {1}


@pytest.mark.parametrize("few", [64, 1])
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_weights_are_proper(estimator: str, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(awrs, "FEW", few)  # one block, or some
    for p, valid in cases(estimator):
        expected = {token: p[token] if token in valid else 0.0 for token in range(len(p))}
        assert weighted_law(p, valid, estimator) == pytest.approx(expected, abs=1e-12)


def test_another_weight_is_not_proper(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: what is left of the probability is too much if what comes next may be invalid."""

    def too_much(draws: awrs._Draws) -> Drawn:
        found = awrs._recursive(draws)
        return None if found is None else (found[0], draws.left)

    monkeypatch.setitem(awrs.ESTIMATORS, "recursive", too_much)
    p = np.array([0.4, 0.3, 0.2, 0.1])
    weights = weighted_law(p, frozenset((0, 3)), "recursive")
    assert abs(weights[0] - p[0]) > 0.01


def test_few_questions_where_most_is_valid() -> None:
    p = np.full(1000, 1e-3)
    asked = []

    def is_valid(index: int) -> bool:
        asked.append(index)
        return index != 7

    for seed in range(20):
        assert draw_valid(p, is_valid, RandomChoices(seed), "geometric") is not None
    assert len(asked) < 60


def test_unknown_estimator() -> None:
    with pytest.raises(GramaskError, match="no estimator 'best'"):
        draw_valid(np.ones(1), lambda _: True, RandomChoices(0), "best")  # type: ignore[arg-type]
