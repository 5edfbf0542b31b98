"""Best-first search is exact, with whatever bounds that hold, and wrong with others."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from table_model import (
    CASES,
    ENDS,
    LIMIT,
    PATTERNS,
    SEEDS,
    WIDE,
    TableModel,
    agrees,
    all_texts,
    by_definition,
    constraint_of,
    probability,
)

from gramask.samplers import ValidityTrie, best_first, sample, search
from gramask.samplers.validity_trie import Row


def learned(model: TableModel, pattern: str, *, method: str = "cars", n: int = 20) -> ValidityTrie:
    trie = ValidityTrie()
    sample(model, constraint_of(pattern), n, method=method, max_tokens=LIMIT, trie=trie, seed=0)
    return trie


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("method", [None, "cars", "ars", "rs", "rsft", "smc"])
def test_best_first_is_exact(method: str | None, batch: int, tmp_path: Path) -> None:
    """Whatever is known beforehand, saved and loaded too; and it never reads more than there is."""
    for pattern, seed in CASES:
        model = TableModel(seed)
        trie = ValidityTrie() if method is None else learned(model, pattern, method=method)
        if method == "cars":
            trie.save(tmp_path / "bounds.npz", "table")
            trie = ValidityTrie.load(tmp_path / "bounds.npz", "table")
        for n in (1, 4):
            found = search(
                model,
                constraint_of(pattern),
                n,
                method="best_first",
                max_tokens=LIMIT,
                trie=trie,
                batch=batch,
            )
            assert agrees(found, by_definition(model, pattern, n)) and found.is_optimal
            assert all(s <= found.log_bound + 1e-9 for s, _ in by_definition(model, pattern, n + 1)[n:])
        everything = search(
            TableModel(seed), constraint_of(pattern), WIDE, method="best_first", max_tokens=LIMIT
        )
        prefixes = {t[:i] for t in all_texts(pattern, LIMIT) for i in range(len(t) + 1)}
        assert everything.stats.forwards <= len(prefixes)


def test_best_first_learns_bounds_that_hold() -> None:
    """What it leaves in a trie, samplers may use: it is never less than what it bounds."""
    for pattern, seed in CASES:
        model, trie = TableModel(seed), ValidityTrie()
        search(model, constraint_of(pattern), 2, method="best_first", max_tokens=LIMIT, trie=trie)
        every = by_definition(model, pattern, WIDE)
        for bounds, together in ((trie.largest(ENDS), max), (trie.theta, sum)):
            for node in range(trie.n_nodes):
                prefix = trie.prefix(node)
                if prefix and prefix[-1] in ENDS:
                    continue
                before = probability(seed, prefix)
                behind = together([math.exp(s) for s, t in every if t[: len(prefix)] == prefix] or [0.0])
                bound = bounds(node) if callable(bounds) else bounds[node]
                assert bound >= behind / before - 1e-12


@pytest.mark.parametrize("method", ["cars", "ars", "weighted"])
def test_bounds_on_the_most_probable_text(method: str) -> None:
    """Admissible, and not above theta."""
    n_lower = 0
    for pattern, seed, n in itertools.product(PATTERNS, SEEDS, (1, 10)):
        model = TableModel(seed)
        trie = learned(model, pattern, method=method, n=n)
        every = by_definition(model, pattern, WIDE)
        for node, bound in enumerate(trie.largest(ENDS)):
            prefix = trie.prefix(node)
            before = probability(seed, prefix)
            behind = max((math.exp(s) for s, t in every if t[: len(prefix)] == prefix), default=0.0)
            assert behind / before - 1e-12 <= bound <= trie.theta(node) + 1e-9
            n_lower += bound < trie.theta(node) - 1e-9
    assert n_lower > 100


def test_a_text_may_have_several_ends() -> None:
    """Which are one text, as probable as all of them together."""
    trie = ValidityTrie()
    trie.open(0, Row(np.array([0, 5, 6]), np.array([0.4, 0.3, 0.3])))
    for token, p in ((0, 0.4), (5, 0.3), (6, 0.3)):
        trie.add(0, token, p)
    assert trie.largest(ENDS)[0] == pytest.approx(0.6)


def test_what_rounding_swallows_is_still_possible() -> None:
    """The rest of a sum may be nothing to a float, and is all that there is."""
    for row_bytes in (1 << 20, 0):  # at hand, or forgotten
        trie = ValidityTrie(row_bytes=row_bytes)
        trie.open(0, Row(np.array([0, 1]), np.array([0.5, 1e-20])))
        if not row_bytes:
            trie.keep(trie.add(0, 0, 0.5), Row(np.array([0]), np.array([1.0])))
            assert trie.row(0) is None
        trie.rule_out(trie.add(0, 0, 0.5))
        assert trie.largest(ENDS)[0] >= 1e-20
        assert trie.theta(0) >= 1e-20
        trie.rule_out(trie.add(0, 1, 1e-20))
        assert trie.largest(ENDS)[0] == 0.0
        trie.open(0, Row(np.array([0, 1]), np.array([0.5, 1e-20])))
        assert trie.theta(0) == 0.0


def test_what_is_learned_saves_rows() -> None:
    pairs = []
    for pattern, seed in CASES:
        forwards = []
        for trie in (ValidityTrie(), learned(TableModel(seed), pattern, n=100)):
            # Rows would save the model too; here bounds have to.
            for node in range(trie.n_nodes):
                trie._rows.pop(node, None)
            found = search(
                TableModel(seed), constraint_of(pattern), method="best_first", max_tokens=LIMIT, trie=trie
            )
            forwards.append(found.stats.forwards)
        pairs.append(forwards)
    assert all(after <= before for before, after in pairs)
    assert sum(after for _, after in pairs) < 0.8 * sum(before for before, _ in pairs)


def test_bounds_that_are_too_small_lead_astray() -> None:
    """The control."""

    class Hasty(ValidityTrie):
        def largest(self, ends: Any) -> np.ndarray:
            bounds = super().largest(ends)
            bounds[1:] *= np.random.default_rng(0).uniform(0.01, 1.0, len(bounds) - 1)
            return bounds

    n_wrong = 0
    for pattern, seed in CASES:
        model, trie = TableModel(seed), Hasty()
        sample(model, constraint_of(pattern), 50, max_tokens=LIMIT, trie=trie, seed=0)
        found = search(model, constraint_of(pattern), method="best_first", max_tokens=LIMIT, trie=trie)
        n_wrong += not agrees(found, by_definition(model, pattern, 1))
    assert n_wrong > 3


@pytest.mark.parametrize("at_a_time", [1, 2])
def test_best_first_looks_at_a_few_tokens_at_a_time(at_a_time: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here fewer than there are; rows that are forgotten in between are asked for again."""
    monkeypatch.setattr(best_first, "AT_A_TIME", at_a_time)
    for (pattern, seed), row_bytes in itertools.product(CASES, (1, 1 << 20)):
        options: dict[str, Any] = {"trie": ValidityTrie(row_bytes=row_bytes), "batch": 2}
        model = TableModel(seed)
        found = search(model, constraint_of(pattern), 9, method="best_first", max_tokens=LIMIT, **options)
        assert agrees(found, by_definition(model, pattern, 9)) and found.is_optimal
