"""What `sample` refuses, and what it does when the budget is used up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from small_languages import TableModel, Tokens, constraint_of, no_b_behind_a

from gramask.errors import GramaskError
from gramask.samplers.sampling import sample
from gramask.samplers.validity_trie import ValidityTrie

CONSTRAINT = constraint_of(["aaa"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_tokens": 2}, "at most 2 tokens"),
        ({"method": "casr"}, "no method 'casr'"),
        ({"method": "asap", "unique": True}, "there is no option of method="),
        ({"method": "local", "predicate": no_b_behind_a}, "there is no option of method="),
        ({"method": "smc", "budget": 3}, "there is no option of method="),
        ({"method": "cars", "steps": 3}, "there is no option of method="),
        ({"unique": True, "trie": ValidityTrie()}, "missing from the trie"),
        ({"budget": -1}, "budget is too small"),
        ({"seed": -1}, "seed is too small"),
        ({"method": "smc", "rejuvenate": 1, "trie": ValidityTrie()}, "cannot move elsewhere"),
        ({"method": "smc", "continuations": 3}, "does not bring 3 continuations"),
        ({"method": "smc", "resample": "best"}, "'best'"),
        ({"method": "mcmc", "proposal": "best"}, "'best'"),
        ({"method": "local", "order": "best"}, "'best'"),
    ],
    ids=lambda given: ", ".join(given) if isinstance(given, dict) else None,
)
def test_bad_input(options: dict[str, Any], message: str) -> None:
    with pytest.raises(GramaskError, match=message):
        sample(TableModel(0), CONSTRAINT, 1, **{"max_tokens": 3, **options})


class Impossible(TableModel):
    """Gives the token `a` no probability."""

    def row(self, prefix: Tokens) -> np.ndarray:
        row = super().row(prefix)
        row[0] = 0.0
        return row / row.sum()


class NoLaw(TableModel):
    def next_logprobs(self, prefixes: Sequence[Tokens]) -> np.ndarray:
        return super().next_logprobs(prefixes) * np.nan


@pytest.mark.parametrize(
    ("model", "message"), [(Impossible(0), "at most 3 tokens"), (NoLaw(0), "sum to nan")], ids=["zero", "nan"]
)
def test_bad_models(model: TableModel, message: str) -> None:
    with pytest.raises(GramaskError, match=message):
        sample(model, CONSTRAINT, 1, max_tokens=3)


@pytest.mark.parametrize("method", ["rs", "local", "mcmc", "awrs", "weighted"])
def test_a_budget_ends_the_sampling(method: str) -> None:
    stopped = sample(TableModel(0), CONSTRAINT, 5_000, max_tokens=3, method=method, budget=3, seed=0)
    assert stopped.stats.stopped == "the budget is used up"
    assert len(stopped.tokens) < 5_000
    assert stopped.stats.forwards <= 3 + 4  # the last attempt comes to its end
