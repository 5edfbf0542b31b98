"""The laws of samplers, enumerated: what is called exact is the model's law given the language."""

from __future__ import annotations

import itertools
from collections import Counter, deque
from typing import Any

import pytest
from small_languages import (
    LANGUAGES,
    LIMIT,
    SEEDS,
    TableModel,
    Tokens,
    constraint_of,
    distance,
    exact_law,
    first_law,
    first_of,
    joint_law,
    normalised,
)

from gramask.samplers.choices import Choices, RandomChoices
from gramask.samplers.enumeration import enumerate_law
from gramask.samplers.prefixes import Prefixes
from gramask.samplers.sampling import sample
from gramask.samplers.trie_sampling import POLICIES, TrieSampler


@pytest.mark.parametrize("texts", LANGUAGES)
@pytest.mark.parametrize(
    ("method", "batch", "max_attempts"),
    [
        ("rs", 1, 2),
        ("rsft", 1, 2),
        ("ars", 1, 2),
        ("cars", 1, 3),
        ("cars", 2, 2),
        ("cars", 3, 3),
        ("ars", 2, 2),
    ],
)
def test_exact(texts: list[str], method: str, batch: int, max_attempts: int) -> None:
    for seed in SEEDS:
        model = TableModel(seed)
        law = first_law(model, texts, method=method, batch=batch, max_attempts=max_attempts)
        assert distance(law, exact_law(model, texts)) < 1e-12


def test_masking_alone_has_another_law() -> None:
    """The control of the test above, and of all that is called local."""
    found = [
        distance(first_law(TableModel(seed), texts, method="local"), exact_law(TableModel(seed), texts))
        for texts in LANGUAGES
        for seed in SEEDS
    ]
    assert max(found) > 0.1


def law_of_sampler(
    model: TableModel,
    texts: list[str],
    sampler: type[TrieSampler],
    policy: str = "cars",
    *,
    budget: int | None = None,
    **options: Any,
) -> dict[Tokens | None, float]:
    """The law of the first sample, None if there is none."""
    constraint = constraint_of(texts)

    def run(choices: Choices) -> Tokens | None:
        prefixes = Prefixes(model, constraint, LIMIT, budget=budget)
        return first_of(sampler(prefixes, POLICIES[policy], choices, **options).draw(1))

    return enumerate_law(run)


class Careless(TrieSampler):
    """Takes the first attempt that comes to an end, whichever began first."""

    def _in_order(self, running: deque[Any]) -> deque[Any]:
        return deque(sorted(running, key=lambda attempt: not attempt.is_over))


def test_controls_of_a_shared_trie() -> None:
    """Neither the first to finish nor the draws of an attempt that ignores drift have the law."""
    found: dict[str, list[float]] = {"order": [], "drift": [], "none": []}
    for texts, seed in itertools.product(LANGUAGES, SEEDS):
        model = TableModel(seed)
        exact = exact_law(model, texts)
        for name, sampler, policy in (
            ("order", Careless, "cars"),
            ("drift", TrieSampler, "asap"),
            ("none", TrieSampler, "cars"),
        ):
            law = law_of_sampler(model, texts, sampler, policy, batch=2, max_attempts=2)
            found[name].append(distance(normalised(law), exact))
    assert max(found["none"]) < 1e-12
    assert max(found["order"]) > 0.01
    assert max(found["drift"]) > 0.1


def chi_square(counts: Counter[Tokens], law: dict[Tokens, float]) -> float:
    """The statistic of Pearson's test in standard deviations from its mean: about N(0, 1) if the law is right."""
    n = sum(counts.values())
    statistic = sum((counts[text] - n * p) ** 2 / (n * p) for text, p in law.items())
    return float((statistic - (len(law) - 1)) / (2 * (len(law) - 1)) ** 0.5)


@pytest.mark.parametrize("place", [0, 1])
def test_six_attempts_at_a_time(place: int) -> None:
    """Too many courses to enumerate: chi-square of the first sample and of the second, with fixed seeds."""
    model, texts = TableModel(0), ["a", "bc", "ab", "cca", "cb"]
    constraint, exact = constraint_of(texts), exact_law(model, texts)
    found = {}
    for name, sampler, policy in (
        ("order", Careless, "cars"),
        ("drift", TrieSampler, "asap"),
        ("none", TrieSampler, "cars"),
    ):
        counts: Counter[Tokens] = Counter()
        for seed in range(2000):
            prefixes = Prefixes(model, constraint, LIMIT)
            samples = sampler(prefixes, POLICIES[policy], RandomChoices(seed), batch=6).draw(place + 1)
            counts[samples.tokens[place]] += 1
        found[name] = chi_square(counts, exact)
    assert abs(found["none"]) < 4.0
    assert found["drift"] > 8.0
    assert found["order"] > 8.0 or place > 0  # the second to finish is less often short


class Hasty(TrieSampler):
    """Gives up what is on its way when the budget is used up."""

    def _advance(self, running: list[Any]) -> None:
        if self._prefixes.has_budget:
            super()._advance(running)
        else:
            self.stats.stopped = "the budget is used up"


@pytest.mark.parametrize("batch", [1, 2])
def test_a_budget_does_not_favour_short_texts(batch: int) -> None:
    """The first sample, if there is one; the control gives up attempts in the middle."""
    found: dict[type[TrieSampler], list[float]] = {TrieSampler: [], Hasty: []}
    for texts, seed, budget in itertools.product(LANGUAGES, SEEDS, (1, 3)):
        model = TableModel(seed)
        for sampler, distances in found.items():
            law = law_of_sampler(model, texts, sampler, budget=budget, batch=batch, max_attempts=3)
            if any(text is not None for text in law):
                distances.append(distance(normalised(law), exact_law(model, texts)))
    assert max(found[TrieSampler]) < 1e-12
    assert max(found[Hasty]) > 0.1


def second_laws(model: TableModel, texts: list[str], **options: Any) -> dict[Tokens, dict[Tokens, float]]:
    """The law of the second sample, by the first one."""
    found: dict[Tokens, Counter[Tokens]] = {}
    for pair, p in joint_law(model, texts, 2, **options).items():
        if len(pair) == 2:
            (first, _), (second, _) = pair
            found.setdefault(first, Counter())[second] += p
    return {first: normalised(law) for first, law in found.items()}


@pytest.mark.parametrize("batch", [1, 2])
def test_samples_are_independent(batch: int) -> None:
    """Whatever the first sample is, and what the trie has learned from it, the second one has the law."""
    for texts, seed in itertools.product(LANGUAGES[:2], SEEDS):
        model = TableModel(seed)
        found = second_laws(model, texts, method="cars", batch=batch, max_attempts=3)
        exact = exact_law(model, texts)
        assert found.keys() == exact.keys()
        assert max(distance(law, exact) for law in found.values()) < 1e-12


@pytest.mark.parametrize("batch", [1, 2])
def test_unique_draws_without_replacement(batch: int) -> None:
    for texts, seed in itertools.product(LANGUAGES, SEEDS):
        model = TableModel(seed)
        exact = exact_law(model, texts)
        for first, law in second_laws(model, texts, unique=True, batch=batch, max_attempts=3).items():
            left = normalised({text: p for text, p in exact.items() if text != first})
            assert distance(law, left) < 1e-12


def test_unique_stops_at_the_end_of_the_language() -> None:
    for texts in LANGUAGES:
        found = sample(
            TableModel(0), constraint_of(texts), 99, max_tokens=LIMIT, unique=True, seed=0, batch=4
        )
        assert sorted(found.tokens) == sorted(exact_law(TableModel(0), texts))
        assert found.stats.stopped == "no text is left"
