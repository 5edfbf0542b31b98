"""Samples with weights, enumerated: the expected weight of each text is its probability."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from copy import deepcopy
from typing import Any

import pytest
from small_languages import (
    LANGUAGES,
    LIMIT,
    SEEDS,
    WANTED,
    TableModel,
    Tokens,
    Weighted,
    completion_probability,
    constraint_of,
    distance,
    exact_law,
    expected_weights,
    joint_law,
    learned,
    no_b_behind_a,
    normalised,
    probabilities,
    wanted_probabilities,
)

from gramask.samplers import sampling, smc
from gramask.samplers.choices import Choices
from gramask.samplers.enumeration import enumerate_law
from gramask.samplers.sampling import sample
from gramask.samplers.validity_trie import ValidityTrie


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_weights_are_unbiased(batch: int) -> None:
    """In every attempt."""
    n_attempts = 2
    for texts, seed in itertools.product(LANGUAGES, SEEDS):
        model = TableModel(seed)
        law = joint_law(model, texts, n_attempts, method="weighted", batch=batch, max_attempts=n_attempts)
        expected = {text: n_attempts * p for text, p in probabilities(model, texts).items()}
        assert expected_weights(law) == pytest.approx(expected, rel=1e-12)


def test_estimates_of_the_probability_of_the_language() -> None:
    for texts, method in itertools.product(LANGUAGES, ("rs", "cars", "weighted")):
        model = TableModel(1)
        found = sample(model, constraint_of(texts), 400, max_tokens=LIMIT, method=method, seed=0, batch=8)
        assert found.log_z == pytest.approx(math.log(completion_probability(model, texts, ())), abs=0.3)


Outcome = tuple[str, tuple[Weighted, ...]]


def auto_law(model: TableModel, texts: list[str]) -> dict[Outcome, float]:
    """The law of what `auto` says of the sample, and of the sample, if there is one."""
    constraint = constraint_of(texts)

    def run(choices: Choices) -> Outcome:
        options: dict[str, Any] = {"method": "auto", "max_attempts": 1, "choices": choices}
        found = sample(model, constraint, 1, max_tokens=LIMIT, **options)
        assert (found.stats.switched is None) == (found.exactness == "exact")
        return found.exactness, tuple(zip(found.tokens, found.log_weights, strict=True))

    return enumerate_law(run)


def test_auto_takes_weights_where_little_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever it takes, what it returns is what it says; the trial, here of one text, has no part in that."""
    monkeypatch.setattr(sampling, "N_TRIAL", 1)
    taken: set[str] = set()
    for texts, seed in itertools.product(LANGUAGES, SEEDS):
        model = TableModel(seed)
        laws: dict[str, dict[tuple[Weighted, ...], float]] = {"exact": {}, "weighted": {}}
        for (exactness, samples), p in auto_law(model, texts).items():
            laws[exactness][samples] = p
        weights = {exactness: expected_weights(law) for exactness, law in laws.items()}
        taken |= {exactness for exactness, law in laws.items() if law}
        if weights["exact"]:
            assert distance(normalised(weights["exact"]), exact_law(model, texts)) < 1e-12
        if laws["weighted"]:
            share = sum(laws["weighted"].values())
            expected = {text: share * p for text, p in probabilities(model, texts).items()}
            assert weights["weighted"] == pytest.approx(expected, rel=1e-12)
    assert taken == {"exact", "weighted"}


PARTICLES: dict[str, tuple[int, float, dict[str, Any]]] = {  # by name: how many, ENOUGH, options
    "one": (1, 0.5, {}),
    "two": (2, 0.5, {}),
    "three": (3, 0.5, {}),
    "always resampled": (2, 1.1, {}),
    "systematic": (3, 0.5, {"resample": "systematic"}),
    "systematic, always": (2, 1.1, {"resample": "systematic"}),
    "steered": (1, 0.5, {"resample": "optimal"}),
    "two steered": (2, 0.5, {"resample": "optimal"}),
    "rejuvenated": (1, 0.5, {"rejuvenate": 1}),
    "rejuvenated twice": (1, 0.5, {"rejuvenate": 2}),
    "rejuvenated, always": (2, 1.1, {"resample": "systematic", "rejuvenate": 1}),
}
"""Above 1 they are always resampled."""


CASES = [(case, has) for case in PARTICLES for has in (False, True) if not (has and "rejuv" in case)]
"""With and without a trie; bounds and rejuvenation do not go together."""


def particle_weights(
    model: TableModel, texts: list[str], n: int, *, trie: ValidityTrie | None = None, **options: Any
) -> tuple[Counter[Tokens], float]:
    """The expected weight of each text, over all particles, and the expected estimate of that of all texts."""
    constraint = constraint_of(texts)

    def run(choices: Choices) -> tuple[Any, ...]:
        given = {"trie": deepcopy(trie), "choices": choices, **options}
        found = sample(model, constraint, n, max_tokens=LIMIT, method="smc", **given)
        return found.log_z, *zip(found.tokens, found.log_weights, strict=True)

    weights: Counter[Tokens] = Counter()
    estimate = 0.0
    for (log_z, *samples), p in enumerate_law(run).items():
        estimate += p * math.exp(log_z)
        for tokens, log_weight in samples:
            weights[tokens] += p * math.exp(log_weight) / n
    return weights, estimate


@pytest.mark.parametrize(("case", "has_trie"), CASES)
def test_particles_are_unbiased(case: str, has_trie: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The expected weight of each text, over all particles, is its probability; `log_z` is that of all texts."""
    n, enough, options = PARTICLES[case]
    monkeypatch.setattr(smc, "ENOUGH", enough)
    has_many_courses = n > 1 and "rejuvenate" in options
    languages = (
        [(["aa", "b"], None)] if has_many_courses else [(LANGUAGES[1], None), (WANTED[0], no_b_behind_a)]
    )
    for texts, predicate in languages:
        model = TableModel(1)
        expected = (probabilities if predicate is None else wanted_probabilities)(model, texts)
        weights, estimate = particle_weights(
            model, texts, n, trie=ValidityTrie() if has_trie else None, predicate=predicate, **options
        )
        assert weights == pytest.approx(expected, rel=1e-11)
        assert estimate == pytest.approx(sum(expected.values()), rel=1e-11)


@pytest.mark.parametrize("methods", list(itertools.product(("cars", "ars", "smc"), repeat=2)))
def test_particles_are_unbiased_with_what_others_have_learned(methods: tuple[str, str]) -> None:
    """From a trie that was merged of two, with a predicate."""
    for texts, seed in itertools.product(WANTED, SEEDS):
        model = TableModel(seed)
        tries = [
            learned(model, texts, method, 3, seed=step, predicate=no_b_behind_a)
            for step, method in enumerate(methods)
        ]
        tries[0].merge(tries[1])
        weights, _ = particle_weights(model, texts, 1, trie=tries[0], predicate=no_b_behind_a)
        assert weights == pytest.approx(wanted_probabilities(model, texts), rel=1e-11)


def test_moves_behind_resampling_alone_are_biased(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: whether texts move depends on what they are."""

    class Sometimes(smc.Particles):
        has_replaced = False

        def _replace(self) -> None:
            before = self._particles
            super()._replace()
            self.has_replaced = self._particles is not before

        def _refresh(self, particle: Any) -> None:
            if self.has_replaced:
                super()._refresh(particle)

    monkeypatch.setattr(smc, "Particles", Sometimes)
    monkeypatch.setattr(smc, "ENOUGH", 0.95)
    model, texts = TableModel(1), LANGUAGES[1]
    weights, _ = particle_weights(model, texts, 2, rejuvenate=1, resample="systematic")
    exact = probabilities(model, texts)
    assert max(abs(weights[text] / p - 1.0) for text, p in exact.items()) > 1e-3
