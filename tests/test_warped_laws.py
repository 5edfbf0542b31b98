"""Temperature and cuts: where masking has them, and that they are part of the law of the other samplers."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from small_languages import (
    EOS,
    LANGUAGES,
    LIMIT,
    TEXTS,
    TableModel,
    Tokens,
    constraint_of,
    distance,
    first_law,
    normalised,
    probabilities,
)

from gramask.samplers import ancestral
from gramask.samplers.masked_rows import MaskedRows
from gramask.samplers.prefixes import Prefixes
from gramask.samplers.sampling import sample
from gramask.samplers.validity_trie import Row, ValidityTrie
from gramask.samplers.warping import Sampling, warp


def closest(p: np.ndarray, allowed: list[int]) -> np.ndarray:
    """The law on some tokens with the least KL(Q || p), by mirror descent."""
    q = np.full(len(allowed), 1.0 / len(allowed))
    for _ in range(200):
        gradient = np.log(q) - np.log(p[allowed]) + 1.0
        q = q * np.exp(-0.5 * gradient)
        q /= q.sum()
    return q


@pytest.mark.parametrize("order", ["warp_then_mask", "mask_then_warp"])
@pytest.mark.parametrize(
    "sampling",
    [None, Sampling(0.6), Sampling(1.5), Sampling(1.0, top_k=2), Sampling(0.8, top_p=0.6)],
    ids=repr,
)
def test_masking_is_the_projection(order: Any, sampling: Sampling | None) -> None:
    """What `local` draws from is the closest law on the allowed tokens; cuts may leave nothing of it."""
    n_empty = 0
    for texts, seed in itertools.product(LANGUAGES, range(20)):
        model, constraint = TableModel(seed), constraint_of(texts)
        rows = MaskedRows(Prefixes(model, constraint, LIMIT), sampling=sampling, order=order)
        row = rows.row((), constraint.matcher())
        law, allowed = model.row(()), sorted({TEXTS.index(text[0]) for text in texts})
        if order == "warp_then_mask" and sampling is not None:
            warped = warp(Row(np.arange(EOS + 1), law), sampling)
            law = np.zeros(EOS + 1)
            law[warped.tokens] = warped.probabilities
            allowed = [token for token in allowed if law[token] > 0.0]
        expected = Row(np.array(allowed), closest(law, allowed) if allowed else np.zeros(0))
        if order == "mask_then_warp" and sampling is not None:
            expected = warp(expected, sampling)
        n_empty += not allowed
        assert row.tokens.tolist() == expected.tokens.tolist()
        if allowed:
            found = row.probabilities / row.probabilities.sum()
            assert found == pytest.approx(expected.probabilities, abs=1e-6)
    cuts = sampling is not None and (sampling.top_k or sampling.top_p)
    assert (n_empty > 0) == bool(cuts and order == "warp_then_mask")


def test_the_order_of_warping_and_masking_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    # Cuts lead to dead ends. Texts begin anew behind each with the same law, so two are as good as the thousand.
    monkeypatch.setattr(ancestral, "MAX_DEAD_ENDS", 2)
    model, texts = TableModel(0), ["aa", "ab", "c"]
    laws = [
        first_law(model, texts, method="local", sampling=Sampling(1.0, top_k=2), order=order)
        for order in ("warp_then_mask", "mask_then_warp")
    ]
    assert distance(*laws) > 0.01
    same = [
        first_law(model, texts, method="local", sampling=Sampling(0.6), order=order)
        for order in ("warp_then_mask", "mask_then_warp")
    ]
    assert distance(*same) < 1e-12


class Warped(TableModel):
    """At a temperature, and with the least probable token cut away."""

    def __init__(self, seed: int, temperature: float) -> None:
        super().__init__(seed)
        self.temperature = temperature

    def row(self, prefix: Tokens) -> np.ndarray:
        row = super().row(prefix) ** (1.0 / self.temperature)
        row[np.argmin(row)] = 0.0
        return row / row.sum()


class BoundsFirst(ValidityTrie):
    """Puts the temperature on the product of probabilities and bounds, as processors in front of a warper do."""

    temperature = 0.6

    def weights(self, node: int, row: Row) -> np.ndarray:
        return row.probabilities * (super().weights(node, row) / row.probabilities) ** (
            1.0 / self.temperature
        )


def law_of_learned_bounds(model: TableModel, texts: list[str], trie: ValidityTrie) -> dict[Tokens, float]:
    sample(model, constraint_of(texts), 300, max_tokens=LIMIT, method="asap", trie=trie, seed=0)
    return first_law(model, texts, method="asap", trie=trie)


def law_of_possible(model: TableModel, texts: list[str]) -> dict[Tokens, float]:
    """Cuts may leave few of the texts, or none."""
    return normalised({text: p for text, p in probabilities(model, texts).items() if p > 0.0})


@pytest.mark.parametrize("temperature", [0.6, 1.0, 1.5])
def test_temperature_is_part_of_the_law(temperature: float) -> None:
    found = []
    for texts, seed in itertools.product(LANGUAGES, range(6)):
        model = Warped(seed, temperature)
        exact = law_of_possible(model, texts)
        if len(exact) < 2:
            continue
        found.append(distance(first_law(model, texts, method="cars", max_attempts=3), exact))
        assert distance(law_of_learned_bounds(model, texts, ValidityTrie()), exact) < 1e-9
    assert len(found) > 5
    assert max(found) < 1e-12


def test_temperature_on_bounds_is_another_law() -> None:
    """The control: with bounds that have nothing left to learn."""
    found = []
    for texts, seed in itertools.product(LANGUAGES, range(6)):
        model = Warped(seed, BoundsFirst.temperature)
        exact = law_of_possible(model, texts)
        if exact:
            found.append(distance(law_of_learned_bounds(model, texts, BoundsFirst()), exact))
    assert max(found) > 0.05
