"""Tries of bounds: none is too small, whatever was learned, merged, saved or forgotten, and samples have the law."""

from __future__ import annotations

import itertools
from collections import Counter
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_languages import (
    LANGUAGES,
    LIMIT,
    SEEDS,
    WANTED,
    TableModel,
    Tokens,
    completion_probability,
    constraint_of,
    distance,
    exact_law,
    first_law,
    learned,
    no_b_behind_a,
    normalised,
    wanted_probabilities,
)

from gramask.errors import GramaskError
from gramask.samplers.sampling import sample
from gramask.samplers.validity_trie import ValidityTrie


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
        trie = learned(model, texts, "asap", 300, seed=seed)
        assert distance(first_law(model, texts, method="asap", trie=trie), exact_law(model, texts)) < 1e-9


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


@pytest.mark.parametrize("row_bytes", [1, 1 << 20])
@pytest.mark.parametrize(("before", "after"), list(itertools.permutations(("rs", "ars", "cars"), 2)))
def test_what_one_method_has_learned_serves_another(before: str, after: str, row_bytes: int) -> None:
    """Rows of the first one that are kept, and those that are asked for again, have the bounds of the trie."""
    for texts, seed in itertools.product(LANGUAGES[:2], SEEDS):
        model = TableModel(seed)
        trie = learned(model, texts, before, 3, seed=5, row_bytes=row_bytes)
        law = first_law(model, texts, method=after, trie=trie, max_attempts=2)
        assert distance(law, exact_law(model, texts)) < 1e-12


def theta_at(trie: ValidityTrie, prefix: Tokens) -> float:
    """What a trie says of a prefix, 1 where it knows nothing."""
    node = 0
    for token in prefix:
        node = trie.child(node, token)
        if node < 0:
            return 1.0
    return trie.theta(node)


@pytest.mark.parametrize("methods", list(itertools.product(("cars", "ars", "rsft", "asap"), repeat=2)))
def test_merged_bounds_hold(methods: tuple[str, str]) -> None:
    """They are as low as those of both tries, not too low, and samples have the law."""
    for texts, seed in itertools.product(LANGUAGES[:2], SEEDS):
        model = TableModel(seed)
        parts = [learned(model, texts, method, 2, seed=step) for step, method in enumerate(methods)]
        trie, other = deepcopy(parts)
        trie.merge(other)
        for node in range(trie.n_nodes):
            prefix = trie.prefix(node)
            assert trie.theta(node) >= completion_probability(model, texts, prefix) - 1e-12
            assert trie.theta(node) <= min(theta_at(part, prefix) for part in parts) + 1e-12
        law = first_law(model, texts, trie=trie, max_attempts=2)
        assert distance(law, exact_law(model, texts)) < 1e-12


@pytest.mark.parametrize("methods", list(itertools.product(("cars", "ars", "smc"), repeat=2)))
def test_merged_bounds_hold_with_a_predicate(methods: tuple[str, str]) -> None:
    """What one trie has refused for the predicate's sake may be open in the other."""
    for texts, seed in itertools.product(WANTED, SEEDS):
        model = TableModel(seed)
        tries = [
            learned(model, texts, method, 3, seed=step, predicate=no_b_behind_a)
            for step, method in enumerate(methods)
        ]
        tries[0].merge(tries[1])
        exact = normalised(wanted_probabilities(model, texts))
        for method in ("cars", "ars"):
            options: dict[str, Any] = {"predicate": no_b_behind_a, "method": method, "max_attempts": 2}
            law = first_law(model, texts, trie=tries[0], **options)
            assert distance(law, exact) < 1e-12


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
        law = first_law(model, texts, trie=ValidityTrie(row_bytes=1), batch=2, max_attempts=2)
        assert distance(law, exact_law(model, texts)) < 1e-12


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
