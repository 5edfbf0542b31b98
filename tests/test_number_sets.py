"""Conjunctions of constraints on numbers: their texts and their sizes, against their definition."""

from __future__ import annotations

import itertools
import math
import time
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.number import COMPLETE, NumberSet, is_decimal

from gramask.errors import CompileBudgetExceeded
from gramask.grammar.dfa import minimize
from gramask.grammar.number_sets import count_numbers, list_numbers, numbers_are_empty, numbers_dfa
from gramask.grammar.numbers import number_dfa

SHORT = [
    text
    for n in range(1, 6)
    for letters in itertools.product("-0125.e", repeat=n)
    if COMPLETE.fullmatch(text := "".join(letters))
]


def of(*values: Any) -> frozenset[Fraction]:
    return frozenset(map(Fraction, values))


SETS: list[dict[str, Any]] = [
    {},
    {"integer": True},
    {"integer": True, "plain": True},
    {"plain": True},
    {"plain": False},
    {"integer": True, "plain": False},
    {"low": Fraction(0), "high": Fraction(20), "multiples": of(5)},
    {"low": Fraction(0), "low_open": True, "multiples": of("0.01")},
    {"low": Fraction(-10), "high": Fraction(10), "high_open": True, "multiples": of("0.25")},
    {"low": Fraction(-100), "high": Fraction(100), "non_multiples": of(1)},
    {"non_multiples": of(1)},
    {"integer": True, "non_multiples": of(2)},
    {"integer": True, "low": Fraction(1), "non_multiples": of(2, 3, 4)},
    {"multiples": of(4), "non_multiples": of(2)},
    {"multiples": of(4), "non_multiples": of(8)},
    {"multiples": of(4, 6)},
    {"multiples": of("0.3", 1)},
    {"multiples": of("0.3"), "plain": True},
    {"multiples": of(5), "low": Fraction(1, 2), "high": Fraction(1000), "plain": False},
    {"values": of(1, 2, "0.5", 50, "-1.2"), "integer": True},
    {"values": of(1, 2, "0.5", 50, "-1.2"), "plain": True},
    {"values": of(1, 2, "0.5", 50, "-1.2"), "plain": False},
    {"values": of(1, 2, "0.5", 50), "non_multiples": of(2), "excluded": of(1), "high": Fraction(50)},
    {"values": of()},
    {"excluded": of(0, 1, "0.5", -1)},
    {"excluded": of(0), "integer": True},
    {"excluded": of(0, 1, 20), "multiples": of(5), "low": Fraction(0), "high": Fraction(2000)},
    {"excluded": of(1, "1.5"), "low": Fraction(1), "high": Fraction(2)},
    {"low": Fraction(5), "high": Fraction(5), "excluded": of(5)},
    {"low": Fraction(5), "high": Fraction(5), "non_multiples": of(2)},
    {"low": Fraction(5), "high": Fraction(5), "low_open": True},
    {"low": Fraction(7), "high": Fraction(5)},
    {"low": Fraction(1), "high": Fraction(9), "multiples": of(10)},
    {"low": Fraction(0), "high": Fraction(10**9), "multiples": of(123456789)},
    {"low": Fraction(-3), "integer": True, "excluded": of(-3, -2, -1)},
]


@pytest.mark.parametrize("constraints", SETS, ids=str)
def test_all_short_texts(constraints: dict[str, Any]) -> None:
    dfa, judge = numbers_dfa(**constraints), NumberSet(**constraints)
    for text in SHORT:
        wanted = judge.has_text(text)
        assert wanted >= dfa.accepts(text.encode()), text
        # One digit before an exponent is within everyone's limits.
        if is_decimal(text) or (text.lstrip("-")[1] == "e" and text.lstrip("-")[0] != "0"):
            assert wanted == dfa.accepts(text.encode()), text
    assert minimize(dfa.delta, dfa.start, dfa.label).digest == dfa.digest
    assert numbers_are_empty(**constraints) == dfa.is_empty


BOUND = st.one_of(st.none(), st.integers(-40, 40).map(Fraction), st.decimals(-9, 9, places=1).map(Fraction))
STEP = st.sampled_from([Fraction(text) for text in "0.1 0.25 0.5 1 1.5 2 3 4 5 6 7 10 12".split()])
VALUE = st.one_of(st.integers(-20, 20).map(Fraction), st.decimals(-5, 5, places=1).map(Fraction))
CONSTRAINTS = st.fixed_dictionaries(
    {},
    optional={
        "integer": st.booleans(),
        "low": BOUND,
        "low_open": st.booleans(),
        "high": BOUND,
        "high_open": st.booleans(),
        "multiples": st.frozensets(STEP, max_size=2),
        "non_multiples": st.frozensets(STEP, max_size=2),
        "values": st.one_of(st.none(), st.frozensets(VALUE, max_size=6)),
        "excluded": st.frozensets(VALUE, max_size=4),
        "plain": st.sampled_from([None, True, False]),
    },
)
TEXTS = st.builds(
    lambda sign, digits, place, zeros, exponent: (
        f"{sign}{digits[:place]}{(digits[place:] or zeros) and '.'}{digits[place:]}{zeros}{exponent}"
    ),
    st.sampled_from(["", "-"]),
    st.integers(1, 9999).map(str),
    st.integers(1, 4),
    st.sampled_from(["", "", "0", "00000"]),
    st.sampled_from(["", "", "", "e0", "e1", "E+2", "e-1", "e-02", "e5", "e20"]),
)


@settings(max_examples=300)
@given(CONSTRAINTS, st.lists(TEXTS, min_size=30), st.lists(st.integers(-400, 400), min_size=10))
def test_texts_against_the_definition(
    constraints: dict[str, Any], texts: list[str], tenths: list[int]
) -> None:
    dfa, judge = numbers_dfa(**constraints), NumberSet(**constraints)
    for n in tenths:
        sign = "-" if n < 0 else ""
        texts = [
            *texts,
            f"{n}",
            f"{sign}{abs(n) // 10}.{abs(n) % 10}",
            f"{sign}{abs(n) // 100}.{abs(n) % 100:02}0",
        ]
    for text in texts:
        wanted = judge.has_text(text)
        assert wanted >= dfa.accepts(text.encode()), text
        if is_decimal(text):
            assert wanted == dfa.accepts(text.encode()), text


@settings(max_examples=60)
@given(CONSTRAINTS, st.integers(0, 40))
def test_sizes_against_the_definition(constraints: dict[str, Any], limit: int) -> None:
    judge = NumberSet(**constraints)
    # All bounds and values are within 40 and in twentieths, and so are multiples, the least of which are within 84.
    low, high = constraints.get("low"), constraints.get("high")
    first, last = (-90 if low is None else math.floor(low)), (90 if high is None else math.ceil(high))
    grid = [value for n in range(20 * first, 20 * last + 1) if (value := Fraction(n, 20)) in judge]
    is_dense = judge.values is None and not (judge.integer or judge.plain or judge.multiples)
    is_dense &= low is None or high is None or low < high
    reaches_far = any(abs(value) > 40 for value in grid)
    found = list_numbers(limit, **constraints)
    if is_dense or reaches_far or len(grid) > limit:
        assert found is None
        assert count_numbers(limit, **constraints) == limit + 1
    else:
        assert found == grid
        assert count_numbers(limit, **constraints) == len(grid)
    assert numbers_are_empty(**constraints) == (not grid) == numbers_dfa(**constraints).is_empty


def test_large_sets_are_counted_soon() -> None:
    huge = Fraction(10) ** 30
    begin = time.perf_counter()
    assert not numbers_are_empty(low=Fraction(0), high=huge, multiples=of(7), non_multiples=of(2, 3, 5))
    assert count_numbers(1000, multiples=of(7), low=-huge) == 1001
    assert numbers_are_empty(multiples=of(6), non_multiples=of(3), low=Fraction(0), high=huge)
    assert numbers_are_empty(multiples=of(huge), low=Fraction(1), high=huge, high_open=True)
    assert list_numbers(9, multiples=of(huge), low=-huge, high=huge) == [-huge, 0, huge]
    primes = [n for n in range(2, 200) if all(n % k for k in range(2, math.isqrt(n) + 1))]
    assert list_numbers(9, integer=True, low=Fraction(2), high=Fraction(211), non_multiples=of(*primes)) == [
        211
    ]
    assert time.perf_counter() - begin < 5


def test_plain_intervals_are_those_of_number_dfa() -> None:
    assert numbers_dfa() is number_dfa(integer=False)
    assert numbers_dfa(integer=True, low=Fraction(1)) is number_dfa(integer=True, lo=1)
    assert numbers_dfa(multiples=of(7, 2)).digest == numbers_dfa(multiples=of(14, 2), integer=True).digest


def test_typical_sets_stay_small() -> None:
    typical: list[tuple[int, dict[str, Any]]] = [
        (170, {"low": Fraction(0), "multiples": of("0.01")}),
        (45, {"low": Fraction(0), "high": Fraction(100), "multiples": of(5)}),
        (45, {"low": Fraction(0), "high": Fraction(1), "multiples": of("0.05")}),
        (150, {"low": Fraction(0), "high": Fraction(86400), "multiples": of(60)}),
        (150, {"integer": True, "low": Fraction(1), "high": Fraction(65535), "multiples": of(7)}),
        (150, {"integer": True, "low": Fraction(1), "non_multiples": of(2)}),
        (360, {"low": Fraction(0), "high": Fraction(100), "non_multiples": of(1)}),
        (170, {"integer": True, "excluded": of(0)}),
    ]
    for most, constraints in typical:
        assert numbers_dfa(**constraints).n_states <= most, constraints


def test_hostile_products_are_a_named_error() -> None:
    with pytest.raises(CompileBudgetExceeded, match="multiples"):
        numbers_dfa(multiples=of(365), non_multiples=of(97, 37, 41), low=Fraction(1000))
    with pytest.raises(CompileBudgetExceeded):
        numbers_dfa(multiples=of(9973), low=Fraction(0))
