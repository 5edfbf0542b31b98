"""The laws of samplers, enumerated: what is called exact is the model's law given the language."""

from __future__ import annotations

import itertools
import math
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gramask
from gramask.errors import GramaskError
from gramask.samplers import sampling, smc
from gramask.samplers.choices import Choices
from gramask.samplers.enumeration import enumerate_law
from gramask.samplers.masked_rows import MaskedRows
from gramask.samplers.mcmc import Chain, State
from gramask.samplers.predicates import Memo
from gramask.samplers.prefixes import Prefixes
from gramask.samplers.sampling import sample
from gramask.samplers.trie_sampling import POLICIES, Policy, TrieSampler
from gramask.samplers.validity_trie import Row, ValidityTrie
from gramask.samplers.warping import Sampling, warp

TEXTS = ("a", "b", "c")
EOS = len(TEXTS)
Tokens = tuple[int, ...]


class TableModel:
    """A random law behind each prefix."""

    def __init__(self, seed: int) -> None:
        self.vocab_size, self.eos_ids = EOS + 1, (EOS,)
        self._seed = seed

    def row(self, prefix: Tokens) -> np.ndarray:
        rng = np.random.default_rng([self._seed, len(prefix), *prefix])
        return rng.dirichlet(np.ones(self.vocab_size))

    def next_logprobs(self, prefixes: Sequence[Tokens]) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return np.log(np.stack([self.row(prefix) for prefix in prefixes]))


VOCABULARY = gramask.Vocabulary([*(text.encode() for text in TEXTS), b"<eos>"], eos_ids=[EOS])


def constraint_of(texts: Iterable[str]) -> gramask.Constraint:
    return gramask.compile(gramask.choice(list(texts)), VOCABULARY)


def probability(model: TableModel, text: Tokens) -> float:
    p = 1.0
    for i, token in enumerate((*text, EOS)):
        p *= model.row(text[:i])[token]
    return p


def exact_law(model: TableModel, texts: Iterable[str]) -> dict[Tokens, float]:
    found = {
        tokens: probability(model, tokens) for text in texts for tokens in [tuple(map("abc".index, text))]
    }
    total = sum(found.values())
    return {tokens: p / total for tokens, p in found.items()}


def distance(law: dict[Tokens, float], other: dict[Tokens, float]) -> float:
    """Total variation."""
    return sum(abs(law.get(t, 0.0) - other.get(t, 0.0)) for t in law.keys() | other.keys()) / 2


def normalised(law: dict[Tokens | None, float]) -> dict[Tokens, float]:
    total = sum(p for t, p in law.items() if t is not None)
    return {t: p / total for t, p in law.items() if t is not None}


LANGUAGES = (["a", "bc"], ["aa", "ab", "c"], ["abc", "ac", "b", "bb"], ["cc", "cab"])
SEEDS = range(3)
LIMIT = 3


def first_law(model: TableModel, texts: list[str], **options: object) -> dict[Tokens, float]:
    """The law of the first sample, given that there is one."""
    constraint = constraint_of(texts)

    def run(choices: Choices) -> Tokens | None:
        found = sample(model, constraint, 1, max_tokens=LIMIT, choices=choices, **options).tokens  # type: ignore[arg-type]
        return found[0] if found else None

    return normalised(enumerate_law(run))


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


class Careless(TrieSampler):
    """Takes the first attempt that comes to an end, whichever began first."""

    def _in_order(self, running: deque[Any]) -> deque[Any]:
        return deque(sorted(running, key=lambda attempt: not attempt.is_over))


def batch_law(
    model: TableModel, texts: list[str], sampler: type[TrieSampler], policy: Policy
) -> dict[Tokens, float]:
    constraint = constraint_of(texts)

    def run(choices: Choices) -> Tokens | None:
        prefixes = Prefixes(model, constraint, LIMIT)
        found = sampler(prefixes, policy, choices, batch=2, max_attempts=2).draw(1).tokens
        return found[0] if found else None

    return normalised(enumerate_law(run))


def test_controls_of_a_shared_trie() -> None:
    """Neither the first to finish nor the draws of an attempt that ignores drift have the law."""
    found: dict[str, list[float]] = {"order": [], "drift": [], "none": []}
    for texts, seed in itertools.product(LANGUAGES, SEEDS):
        model = TableModel(seed)
        exact = exact_law(model, texts)
        for name, sampler, policy in (
            ("order", Careless, POLICIES["cars"]),
            ("drift", TrieSampler, POLICIES["asap"]),
            ("none", TrieSampler, POLICIES["cars"]),
        ):
            found[name].append(distance(batch_law(model, texts, sampler, policy), exact))
    assert max(found["none"]) < 1e-12
    assert max(found["order"]) > 0.01
    assert max(found["drift"]) > 0.1


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
        law, allowed = model.row(()), sorted({"abc".index(text[0]) for text in texts})
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


def test_the_order_of_warping_and_masking_matters() -> None:
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
        model, constraint = TableModel(seed), constraint_of(texts)
        for sampler, distances in found.items():

            def run(choices: Choices) -> Tokens | None:
                prefixes = Prefixes(model, constraint, LIMIT, budget=budget)  # noqa: B023
                cars = sampler(prefixes, POLICIES["cars"], choices, batch=batch, max_attempts=3)  # noqa: B023
                tokens = cars.draw(1).tokens
                return tokens[0] if tokens else None

            law = enumerate_law(run)
            if any(text is not None for text in law):
                distances.append(distance(normalised(law), exact_law(model, texts)))
    assert max(found[TrieSampler]) < 1e-12
    assert max(found[Hasty]) > 0.1


def joint_law(model: TableModel, texts: list[str], n: int, **options: Any) -> dict[tuple[Any, ...], float]:
    """The law of `n` samples and their weights, fewer of them where attempts are used up."""
    constraint = constraint_of(texts)

    def run(choices: Choices) -> tuple[Any, ...]:
        found = sample(model, constraint, n, max_tokens=LIMIT, choices=choices, **options)
        return tuple(zip(found.tokens, found.log_weights, strict=True))

    return enumerate_law(run)


def second_laws(model: TableModel, texts: list[str], **options: Any) -> dict[Tokens, dict[Tokens, float]]:
    """The law of the second sample, by the first one."""
    found: dict[Tokens, Counter[Tokens]] = {}
    for pair, p in joint_law(model, texts, 2, **options).items():
        if len(pair) == 2:
            (first, _), (second, _) = pair
            found.setdefault(first, Counter())[second] += p
    return {first: normalised(dict(law)) for first, law in found.items()}


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
        for first, law in second_laws(model, texts, unique=True, batch=batch, max_attempts=4).items():
            left = normalised({text: p for text, p in exact.items() if text != first})
            assert distance(law, left) < 1e-12


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_weights_are_unbiased(batch: int) -> None:
    """The expected weight of each text is its probability, in every attempt."""
    n_attempts = 2
    for texts, seed in itertools.product(LANGUAGES, SEEDS):
        model = TableModel(seed)
        weights: Counter[Tokens] = Counter()
        law = joint_law(model, texts, n_attempts, method="weighted", batch=batch, max_attempts=n_attempts)
        for samples, p in law.items():
            for tokens, log_weight in samples:
                weights[tokens] += p * math.exp(log_weight)
        expected = {text: n_attempts * probability(model, text) for text in exact_law(model, texts)}
        assert weights == pytest.approx(expected, rel=1e-12)


def test_unique_stops_at_the_end_of_the_language() -> None:
    for texts in LANGUAGES:
        found = sample(
            TableModel(0), constraint_of(texts), 99, max_tokens=LIMIT, unique=True, seed=0, batch=4
        )
        assert sorted(found.tokens) == sorted(exact_law(TableModel(0), texts))
        assert found.stats.stopped == "no text is left"


def completion_probability(model: TableModel, texts: list[str], prefix: Tokens) -> float:
    whole = [tuple(map("abc".index, text)) for text in texts]
    before = math.prod(model.row(prefix[:i])[token] for i, token in enumerate(prefix))
    return sum(probability(model, text) for text in whole if text[: len(prefix)] == prefix) / before


@pytest.mark.parametrize("method", ["asap", "cars", "ars", "weighted"])
def test_bounds_hold_and_fall(method: str) -> None:
    for texts, seed in itertools.product(LANGUAGES, SEEDS):
        model, trie = TableModel(seed), ValidityTrie()
        before = {0: 1.0}
        for step in range(30):
            sample(model, constraint_of(texts), 1, max_tokens=LIMIT, method=method, trie=trie, seed=step)
            for node in range(trie.n_nodes):
                assert trie.theta(node) <= before.get(node, 1.0) + 1e-12
                assert trie.theta(node) >= completion_probability(model, texts, trie.prefix(node)) - 1e-12
                before[node] = trie.theta(node)
        assert trie.theta(0) < 1.0


def test_what_asap_draws_comes_to_have_the_law() -> None:
    """The distance of its first draw is that of masking alone; with a trie that has learned all there is none."""
    for texts, seed in itertools.product(LANGUAGES, SEEDS):
        model = TableModel(seed)
        assert (
            distance(first_law(model, texts, method="asap"), first_law(model, texts, method="local")) < 1e-12
        )
        trie = ValidityTrie()
        sample(model, constraint_of(texts), 300, max_tokens=LIMIT, method="asap", trie=trie, seed=seed)
        assert distance(first_law(model, texts, method="asap", trie=trie), exact_law(model, texts)) < 1e-9


def test_estimates_of_the_probability_of_the_language() -> None:
    for texts, method in itertools.product(LANGUAGES, ("rs", "cars", "weighted")):
        model = TableModel(1)
        found = sample(model, constraint_of(texts), 400, max_tokens=LIMIT, method=method, seed=0, batch=8)
        assert found.log_z == pytest.approx(math.log(completion_probability(model, texts, ())), abs=0.3)


class Impossible(TableModel):
    """Gives the token `a` no probability."""

    def row(self, prefix: Tokens) -> np.ndarray:
        row = super().row(prefix)
        row[0] = 0.0
        return row / row.sum()


def test_bad_input() -> None:
    model, constraint = TableModel(0), constraint_of(["aaa"])
    with pytest.raises(GramaskError, match="at most 2 tokens"):
        sample(model, constraint, 1, max_tokens=2)
    with pytest.raises(GramaskError, match="at most 3 tokens"):
        sample(Impossible(0), constraint, 1, max_tokens=3)
    with pytest.raises(GramaskError, match="no method 'casr'"):
        sample(model, constraint, 1, max_tokens=3, method="casr")
    for options in (
        {"method": "asap", "unique": True},
        {"method": "local", "predicate": no_b_behind_a},
        {"method": "smc", "budget": 3},
        {"method": "cars", "steps": 3},
    ):
        with pytest.raises(GramaskError, match="there is no option of method="):
            sample(model, constraint, 1, max_tokens=3, **options)  # type: ignore[arg-type]
    with pytest.raises(GramaskError, match="missing from the trie"):
        sample(model, constraint, 1, max_tokens=3, unique=True, trie=ValidityTrie())
    with pytest.raises(GramaskError, match="budget is too small"):
        sample(model, constraint, 1, max_tokens=3, budget=-1)
    with pytest.raises(GramaskError, match="does not bring 3 continuations"):
        sample(model, constraint, 1, max_tokens=3, method="smc", continuations=3)
    for options in (
        {"method": "smc", "resample": "best"},
        {"method": "mcmc", "proposal": "best"},
        {"method": "local", "order": "best"},
    ):
        with pytest.raises(GramaskError, match="'best'"):
            sample(model, constraint, 1, max_tokens=3, **options)  # type: ignore[arg-type]
    for method in ("rs", "local", "mcmc", "awrs", "weighted"):
        stopped = sample(model, constraint, 5_000, max_tokens=3, method=method, budget=3, seed=0)
        assert stopped.stats.stopped == "the budget is used up", method
        assert len(stopped.tokens) < 5_000
        assert stopped.stats.forwards <= 3 + 4  # the last attempt comes to its end

    class Wrong(TableModel):
        def next_logprobs(self, prefixes: Sequence[Tokens]) -> np.ndarray:
            return super().next_logprobs(prefixes) * np.nan

    with pytest.raises(GramaskError, match="sum to nan"):
        sample(Wrong(0), constraint, 1, max_tokens=3)


def no_b_behind_a(tokens: Tokens, is_whole: bool) -> bool:
    """A predicate on beginnings and on whole texts."""
    return (0, 1) not in itertools.pairwise(tokens) and not (is_whole and len(tokens) == 1)


WANTED = (["aa", "ab", "c", "cab", "bc"], ["abc", "ac", "b", "bb", "cc"])


def wanted_law(model: TableModel, texts: list[str]) -> dict[Tokens, float]:
    """The probabilities, not normalised."""
    whole = {tuple(map("abc".index, text)) for text in texts}
    return {
        text: probability(model, text)
        for text in whole
        if no_b_behind_a(text, True) and all(no_b_behind_a(text[:i], False) for i in range(len(text) + 1))
    }


@pytest.mark.parametrize(("method", "max_attempts"), [("rs", 2), ("rsft", 2), ("ars", 2), ("cars", 3)])
def test_exact_with_a_predicate(method: str, max_attempts: int) -> None:
    for texts, seed in itertools.product(WANTED, SEEDS):
        model = TableModel(seed)
        options: dict[str, Any] = {"max_attempts": max_attempts, "predicate": no_b_behind_a, "method": method}
        assert distance(first_law(model, texts, **options), normalised(wanted_law(model, texts))) < 1e-12


@pytest.mark.parametrize(
    "options", [{"method": "weighted"}, {"method": "awrs"}, {"method": "awrs", "estimator": "paper"}]
)
def test_weights_with_a_predicate(options: dict[str, Any]) -> None:
    for texts, seed in itertools.product(WANTED, SEEDS):
        model = TableModel(seed)
        weights: Counter[Tokens] = Counter()
        for samples, p in joint_law(
            model, texts, 1, predicate=no_b_behind_a, max_attempts=1, **options
        ).items():
            for tokens, log_weight in samples:
                weights[tokens] += p * math.exp(log_weight)
        assert weights == pytest.approx(wanted_law(model, texts), rel=1e-12)


@pytest.mark.parametrize("method", ["cars", "awrs", "weighted"])
def test_a_predicate_is_asked_once(method: str) -> None:
    asked: Counter[tuple[Tokens, bool]] = Counter()

    def predicate(tokens: Tokens, is_whole: bool) -> bool:
        asked[tokens, is_whole] += 1
        return no_b_behind_a(tokens, is_whole)

    found = sample(
        TableModel(0),
        constraint_of(WANTED[0]),
        50,
        max_tokens=LIMIT,
        method=method,
        predicate=predicate,
        seed=0,
    )
    assert max(asked.values()) == 1
    assert found.stats.predicate_calls == len(asked)


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


def particle_weights(
    model: TableModel, texts: list[str], n: int, *, has_trie: bool, **options: Any
) -> tuple[Counter[Tokens], float]:
    """The expected weight of each text, over all particles, and the expected estimate of that of all texts."""
    constraint = constraint_of(texts)

    def run(choices: Choices) -> tuple[Any, ...]:
        trie = ValidityTrie() if has_trie else None
        found = sample(
            model, constraint, n, max_tokens=LIMIT, method="smc", trie=trie, choices=choices, **options
        )
        return found.log_z, *zip(found.tokens, found.log_weights, strict=True)

    weights: Counter[Tokens] = Counter()
    estimate = 0.0
    for (log_z, *samples), p in enumerate_law(run).items():
        estimate += p * math.exp(log_z)
        for tokens, log_weight in samples:
            weights[tokens] += p * math.exp(log_weight) / n
    return weights, estimate


@pytest.mark.parametrize("has_trie", [True, False])
@pytest.mark.parametrize("case", PARTICLES)
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
        expected = {text: probability(model, text) for text in exact_law(model, texts)}
        expected = expected if predicate is None else wanted_law(model, texts)
        weights, estimate = particle_weights(
            model, texts, n, has_trie=has_trie, predicate=predicate, **options
        )
        assert weights == pytest.approx(expected, rel=1e-11)
        assert estimate == pytest.approx(sum(expected.values()), rel=1e-11)


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

    monkeypatch.setattr(sampling, "Particles", Sometimes)
    monkeypatch.setattr(smc, "ENOUGH", 0.95)
    model, texts = TableModel(1), LANGUAGES[1]
    weights, _ = particle_weights(model, texts, 2, has_trie=False, rejuvenate=1, resample="systematic")
    exact = {text: probability(model, text) for text in exact_law(model, texts)}
    assert max(abs(weights[text] / p - 1.0) for text, p in exact.items()) > 1e-3


def transitions(
    model: TableModel, texts: list[str], proposal: Any, kind: type[Chain] = Chain, predicate: Any = None
) -> np.ndarray:
    """float64[L, L]: the probability of each move of a chain, texts in the order of their law."""
    whole = list(exact_law(model, texts) if predicate is None else wanted_law(model, texts))
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
        exact = exact_law(model, texts) if predicate is None else normalised(wanted_law(model, texts))
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


class Unlikely(TableModel):
    """Gives `a` a probability of 1e-9 everywhere."""

    def row(self, prefix: Tokens) -> np.ndarray:
        row = super().row(prefix)
        row[0] = 1e-9
        return row / row.sum()


@pytest.mark.parametrize("method", ["cars", "asap", "weighted"])
def test_very_small_bounds_keep_their_digits(method: str) -> None:
    """Bounds that are found by subtraction would be all rounding here."""
    texts = ["aaaaa", "aaabb", "aaaba"]
    for seed in SEEDS:
        model, trie = Unlikely(seed), ValidityTrie()
        found = sample(model, constraint_of(texts), 200, max_tokens=5, method=method, trie=trie, seed=seed)
        assert len(found.tokens) == 200
        assert trie.theta(0) == pytest.approx(completion_probability(model, texts, ()), rel=1e-9)
        law = Counter(found.tokens)
        assert law.most_common(1)[0][0] == (0, 0, 0, 1, 1)


@pytest.mark.parametrize("methods", list(itertools.product(("cars", "ars", "rsft", "asap"), repeat=2)))
def test_merged_bounds_hold(methods: tuple[str, str]) -> None:
    """They are as low as those of both tries, not too low, and samples have the law."""
    for texts, seed in itertools.product(LANGUAGES[:2], SEEDS):
        model = TableModel(seed)
        trie = merged(model, texts, methods)
        parts = [learned(model, texts, method, step) for step, method in enumerate(methods)]
        for node in range(trie.n_nodes):
            prefix = trie.prefix(node)
            assert trie.theta(node) >= completion_probability(model, texts, prefix) - 1e-12
            assert trie.theta(node) <= min(theta_at(part, prefix) for part in parts) + 1e-12
        law = enumerate_law(partial(first_with_merged, model, texts, methods))
        assert distance(normalised(law), exact_law(model, texts)) < 1e-12


def learned(model: TableModel, texts: list[str], method: str, seed: int) -> ValidityTrie:
    """What two samples teach."""
    trie = ValidityTrie()
    sample(model, constraint_of(texts), 2, max_tokens=LIMIT, method=method, trie=trie, seed=seed)
    return trie


def merged(model: TableModel, texts: list[str], methods: tuple[str, str]) -> ValidityTrie:
    trie = learned(model, texts, methods[0], 0)
    trie.merge(learned(model, texts, methods[1], 1))
    return trie


def first_with_merged(
    model: TableModel, texts: list[str], methods: tuple[str, str], choices: Choices
) -> Tokens | None:
    trie = merged(model, texts, methods)
    found = sample(
        model, constraint_of(texts), 1, max_tokens=LIMIT, trie=trie, choices=choices, max_attempts=2
    )
    return found.tokens[0] if found.tokens else None


def theta_at(trie: ValidityTrie, prefix: Tokens) -> float:
    """What a trie says of a prefix, 1 where it knows nothing."""
    node = 0
    for token in prefix:
        node = trie.child(node, token)
        if node < 0:
            return 1.0
    return trie.theta(node)


def test_saved_bounds_are_the_same(tmp_path: Path) -> None:
    for texts, seed in itertools.product(LANGUAGES, SEEDS):
        model, trie = TableModel(seed), ValidityTrie()
        sample(model, constraint_of(texts), 3, max_tokens=LIMIT, trie=trie, seed=seed)
        trie.save(tmp_path / "bounds.npz", "table")
        loaded = ValidityTrie.load(tmp_path / "bounds.npz", "table")
        nodes = range(trie.n_nodes)
        assert [(loaded.prefix(node), loaded.theta(node)) for node in nodes] == [
            (trie.prefix(node), trie.theta(node)) for node in nodes
        ]
        # Its rows are gone, and what is learned from them again changes nothing but for rounding.
        found = sample(model, constraint_of(texts), 20, max_tokens=LIMIT, trie=loaded, seed=1)
        assert found.stats.forwards > 0
        assert all(loaded.theta(node) <= trie.theta(node) + 1e-15 for node in nodes)
        assert loaded.theta(0) >= completion_probability(model, texts, ()) - 1e-15


def test_rows_that_are_forgotten_change_no_law() -> None:
    for texts, seed in itertools.product(LANGUAGES[:2], SEEDS):
        model = TableModel(seed)

        def run(choices: Choices) -> Tokens | None:
            options: dict[str, Any] = {"trie": ValidityTrie(row_bytes=1), "batch": 2, "max_attempts": 2}
            found = sample(model, constraint_of(texts), 1, max_tokens=LIMIT, choices=choices, **options)  # noqa: B023
            return found.tokens[0] if found.tokens else None

        assert distance(normalised(enumerate_law(run)), exact_law(model, texts)) < 1e-12


def test_bounds_of_something_else_are_refused(tmp_path: Path) -> None:
    ValidityTrie().save(tmp_path / "bounds.npz", "one prompt")
    with pytest.raises(GramaskError, match="something else: one prompt"):
        ValidityTrie.load(tmp_path / "bounds.npz", "another prompt")
    (tmp_path / "text.npz").write_text("{}")
    for name in ("text.npz", "nothing.npz"):
        with pytest.raises(GramaskError, match="holds no bounds"):
            ValidityTrie.load(tmp_path / name, "one prompt")


def test_a_node_takes_little_memory() -> None:
    trie = ValidityTrie()
    for node in range(20_000):
        trie.add(node // 3, node, 1e-3)
    assert trie.n_bytes / trie.n_nodes < 300


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


@pytest.mark.parametrize("temperature", [0.6, 1.0, 1.5])
def test_temperature_is_part_of_the_law(temperature: float) -> None:
    found = []
    for texts, seed in itertools.product(LANGUAGES, range(6)):
        model = Warped(seed, temperature)
        exact = (
            {text: p for text, p in exact_law(model, texts).items() if p > 0.0}
            if possible(model, texts)
            else {}
        )
        if len(exact) < 2:
            continue
        found.append(distance(first_law(model, texts, method="cars", max_attempts=3), exact))
        assert distance(law_of_learned_bounds(model, texts, ValidityTrie()), exact) < 1e-9
    assert len(found) > 5
    assert max(found) < 1e-12


def possible(model: TableModel, texts: list[str]) -> bool:
    return completion_probability(model, texts, ()) > 0.0


def test_temperature_on_bounds_is_another_law() -> None:
    """The control: with bounds that have nothing left to learn."""
    found = []
    for texts, seed in itertools.product(LANGUAGES, range(6)):
        model = Warped(seed, BoundsFirst.temperature)
        if possible(model, texts):
            law = law_of_learned_bounds(model, texts, BoundsFirst())
            found.append(distance(law, normalised(exact_law(model, texts))))
    assert max(found) > 0.05


def auto_law(model: TableModel, texts: list[str]) -> dict[tuple[str, Any], float]:
    constraint = constraint_of(texts)

    def run(choices: Choices) -> tuple[str, Any]:
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
        weights: dict[str, Counter[Tokens]] = {"exact": Counter(), "weighted": Counter()}
        total: Counter[str] = Counter()
        for (exactness, samples), p in auto_law(model, texts).items():
            total[exactness] += p  # type: ignore[assignment]
            for tokens, log_weight in samples:
                weights[exactness][tokens] += p * math.exp(log_weight)  # type: ignore[assignment]
        taken |= total.keys()
        exact = exact_law(model, texts)
        if weights["exact"]:
            assert distance(normalised(dict(weights["exact"])), exact) < 1e-12
        for tokens in exact if total["weighted"] else ():
            expected = total["weighted"] * probability(model, tokens)
            assert weights["weighted"][tokens] == pytest.approx(expected, rel=1e-12)
    assert taken == {"exact", "weighted"}


@pytest.mark.parametrize("row_bytes", [1, 1 << 20])
@pytest.mark.parametrize(("before", "after"), list(itertools.permutations(("rs", "ars", "cars"), 2)))
def test_what_one_method_has_learned_serves_another(before: str, after: str, row_bytes: int) -> None:
    """Rows of the first one that are kept, and those that are asked for again, have the bounds of the trie."""
    for texts, seed in itertools.product(LANGUAGES[:2], SEEDS):
        model, constraint = TableModel(seed), constraint_of(texts)

        def learned() -> ValidityTrie:
            trie = ValidityTrie(row_bytes=row_bytes)
            sample(model, constraint, 3, max_tokens=LIMIT, method=before, trie=trie, seed=5)  # noqa: B023
            return trie

        law = law_with(model, constraint, learned, after)
        assert distance(law, exact_law(model, texts)) < 1e-12


def law_with(
    model: TableModel, constraint: Any, trie: Callable[[], ValidityTrie], method: str
) -> dict[Tokens, float]:
    def run(choices: Choices) -> Tokens | None:
        options: dict[str, Any] = {"method": method, "trie": trie(), "max_attempts": 2}
        found = sample(model, constraint, 1, max_tokens=LIMIT, choices=choices, **options).tokens
        return found[0] if found else None

    return normalised(enumerate_law(run))
