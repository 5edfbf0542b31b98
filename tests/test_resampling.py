"""Resampling has no bias: enumerated over the points that it draws."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gramask.samplers.choices import Choices
from gramask.samplers.enumeration import enumerate_law
from gramask.samplers.resampling import optimal, stratified, systematic

WEIGHTS = ([1.0, 2.0, 3.0], [0.1, 5.0, 0.2, 0.3], [1.0, 1.0], [0.0, 2.0, 0.5, 0.0, 0.7], [4.0])


def expected(resample: Callable[..., Any], weights: list[float], n: int) -> dict[int, float]:
    def run(choices: Choices) -> tuple[tuple[int, float], ...]:
        indices, after = resample(weights, n, choices)
        assert len(indices) == len(after) <= n
        if resample is optimal:
            assert len(set(indices)) == len(indices)
        return tuple(zip(indices, after, strict=True))

    found: Counter[int] = Counter(dict.fromkeys(range(len(weights)), 0.0))  # type: ignore[arg-type]
    for pairs, p in enumerate_law(run).items():
        for index, weight in pairs:
            found[index] += p * weight  # type: ignore[assignment]
    return dict(found)


@pytest.mark.parametrize("resample", [stratified, systematic, optimal])
@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_no_bias(resample: Callable[..., Any], n: int) -> None:
    for weights in WEIGHTS:
        assert expected(resample, weights, n) == pytest.approx(dict(enumerate(weights)), abs=1e-12)


def test_equal_weights_for_all_have_a_bias() -> None:
    """The control: keeping the heaviest."""

    def heaviest(weights: list[float], n: int, choices: Choices) -> tuple[list[int], list[float]]:
        order = np.argsort(weights)[::-1][:n].tolist()
        return order, [sum(weights) / n] * len(order)

    assert expected(heaviest, [1.0, 2.0, 3.0], 2) != pytest.approx({0: 1.0, 1: 2.0, 2: 3.0}, abs=1e-3)


def test_what_is_heavy_keeps_its_weight() -> None:
    indices, weights = optimal([10.0, 0.1, 0.2, 0.3], 2, _Middle())
    assert indices[0] == 0 and weights[0] == 10.0
    assert sum(weights) == pytest.approx(10.6)


class _Middle(Choices):
    def categorical(self, weights: np.ndarray) -> int:
        return int(np.argmax(weights))

    def geometric(self, p: float) -> int:
        return 0

    def uniform(self, cuts: Any) -> float:
        return 0.5
