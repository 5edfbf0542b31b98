"""What is wanted beside the constraint: laws of samplers, enumerated, given that a predicate holds."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import pytest
from small_languages import (
    LIMIT,
    SEEDS,
    WANTED,
    TableModel,
    Tokens,
    constraint_of,
    distance,
    expected_weights,
    first_law,
    joint_law,
    no_b_behind_a,
    normalised,
    wanted_probabilities,
)

from gramask.samplers.sampling import sample


@pytest.mark.parametrize(("method", "max_attempts"), [("rs", 2), ("rsft", 2), ("ars", 2), ("cars", 3)])
def test_exact_with_a_predicate(method: str, max_attempts: int) -> None:
    for texts, seed in itertools.product(WANTED, SEEDS):
        model = TableModel(seed)
        law = first_law(model, texts, max_attempts=max_attempts, predicate=no_b_behind_a, method=method)
        assert distance(law, normalised(wanted_probabilities(model, texts))) < 1e-12


@pytest.mark.parametrize(
    "options", [{"method": "weighted"}, {"method": "awrs"}, {"method": "awrs", "estimator": "paper"}]
)
def test_weights_with_a_predicate(options: dict[str, Any]) -> None:
    for texts, seed in itertools.product(WANTED, SEEDS):
        model = TableModel(seed)
        law = joint_law(model, texts, 1, predicate=no_b_behind_a, max_attempts=1, **options)
        assert expected_weights(law) == pytest.approx(wanted_probabilities(model, texts), rel=1e-12)


@pytest.mark.parametrize("method", ["cars", "awrs", "weighted"])
def test_a_predicate_is_asked_once(method: str) -> None:
    asked: Counter[tuple[Tokens, bool]] = Counter()

    def predicate(tokens: Tokens, is_whole: bool) -> bool:
        asked[tokens, is_whole] += 1
        return no_b_behind_a(tokens, is_whole)

    options: dict[str, Any] = {"method": method, "predicate": predicate, "seed": 0}
    found = sample(TableModel(0), constraint_of(WANTED[0]), 50, max_tokens=LIMIT, **options)
    assert max(asked.values()) == 1
    assert found.stats.predicate_calls == len(asked)
