"""Number texts against exact rational arithmetic."""

from __future__ import annotations

import itertools
import json
import re
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gramask.errors import CompileBudgetExceeded
from gramask.grammar.dfa import intersect, minimize, union
from gramask.grammar.exponents import MAX_EXPONENT, MAX_LEADING_ZEROS
from gramask.grammar.numbers import (
    FEW_DIGITS,
    MAX_FRACTION_DIGITS,
    MAX_POINT,
    MAX_TRAILING_ZEROS,
    not_equal_dfa,
    number_dfa,
    number_equal_dfa,
)
from gramask.grammar.regex import compile_regex

NUMBER = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?(?:00?)?(?:0|[1-9][0-9]{0,2})))?")
TEXTS = ["".join(t) for n in range(1, 6) for t in itertools.product("-0159.e", repeat=n)]
TEXTS += [
    f"{s}{t}"
    for s in ("", "-")
    for t in ("1e+2", "1.5E-07", "0.0e+9", "1e05", "10.10e01", "1e", "1.e1", "+1")
]


def qualifies(value: Fraction, bounds: dict[str, Any]) -> bool:
    low, high = bounds.get("lo"), bounds.get("hi")
    return (
        (not bounds["integer"] or value.denominator == 1)
        and (
            low is None
            or value > Fraction(low)
            or (value == Fraction(low) and not bounds.get("lo_exclusive"))
        )
        and (
            high is None
            or value < Fraction(high)
            or (value == Fraction(high) and not bounds.get("hi_exclusive"))
        )
    )


def is_promised(text: str, bounds: dict[str, Any]) -> bool:
    """Whether the documented limits on exponent forms let this number through."""
    match = NUMBER.fullmatch(text)
    assert match
    _, whole, fraction, exponent = match.groups()
    fraction = fraction or ""
    if exponent is None or not (whole + fraction).strip("0"):
        return True
    if not bounds["integer"]:
        leading = len(fraction) - len(fraction.lstrip("0")) if whole == "0" else 0
        return len(whole) <= MAX_POINT and leading < MAX_POINT
    if whole == "0":
        return False
    if bounds.get("lo") is None and bounds.get("hi") is None:
        return int(exponent) >= _least_unbounded(whole, fraction)
    if not fraction.strip("0"):
        return len(whole) <= MAX_POINT and int(exponent) >= 0
    return len(whole) == 1 and len(fraction) <= min(int(exponent), MAX_FRACTION_DIGITS)


def _least_unbounded(whole: str, fraction: str) -> int:
    """The least exponent that is promised to make an integer where there are no bounds."""
    if not fraction.strip("0"):
        zeros = min(len(whole) - len(whole.rstrip("0")), MAX_TRAILING_ZEROS)
        return -zeros if len(fraction) <= FEW_DIGITS else 0
    if len(fraction) > MAX_FRACTION_DIGITS:
        return 1000
    return len(fraction.rstrip("0")) if len(fraction) <= FEW_DIGITS else len(fraction)


DECIMAL_TEXTS = compile_regex(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")

BOUNDS: list[dict[str, Any]] = [
    {},
    {"lo": 0},
    {"lo": 0, "lo_exclusive": True},
    {"hi": 0, "hi_exclusive": True},
    {"lo": 1, "hi": 5},
    {"lo": 1, "hi": 5, "lo_exclusive": True, "hi_exclusive": True},
    {"lo": 0, "hi": 100},
    {"lo": -5, "hi": 5, "hi_exclusive": True},
    {"lo": Decimal("0.1"), "hi": Decimal("0.51")},
    {"lo": Fraction(1, 3), "hi": Fraction(22, 7), "hi_exclusive": True},
    {"lo": -51, "hi": -5},
    {"lo": Decimal("1e10"), "hi": Decimal("1.5e15")},
    {"lo": 9, "hi": 9},
    {"lo": 9, "hi": 9, "hi_exclusive": True},
    {"lo": 9, "hi": 5},
    {"lo": 0, "hi": 0},
    {"lo": Decimal("-0.005"), "hi": Decimal("0.005")},
    {"lo": Decimal("1e-7"), "hi": Decimal("1e-5")},
]


@pytest.mark.parametrize("integer", [False, True])
@pytest.mark.parametrize("bounds", BOUNDS, ids=str)
def test_all_short_texts(bounds: dict[str, Any], integer: bool) -> None:
    bounds = {**bounds, "integer": integer}
    dfa = number_dfa(**bounds)
    for text in TEXTS:
        if not NUMBER.fullmatch(text):
            assert not dfa.accepts(text.encode()), text
        elif dfa.accepts(text.encode()):
            assert qualifies(Fraction(text), bounds), text
        elif qualifies(Fraction(text), bounds):
            assert not is_promised(text, bounds), text
    assert minimize(dfa.delta, dfa.start, dfa.label).digest == dfa.digest


NUMBER_TEXTS = st.builds(
    lambda sign, whole, zeros, fraction, exponent: (
        f"{sign}{whole}{fraction and '.' + zeros + fraction}{exponent}"
    ),
    st.sampled_from(["", "-"]),
    st.one_of(st.just("0"), st.integers(1, 10**12).map(str), st.integers(1, 9).map(str)),
    st.sampled_from(["", "0", "000", "0" * 9]),
    st.one_of(st.just(""), st.integers(0, 10**6).map(str), st.integers(1, 99).map(lambda n: f"{n}00")),
    st.one_of(
        st.just(""),
        st.builds(
            "{}{}{}".format, st.sampled_from("eE"), st.sampled_from(["", "+", "-"]), st.integers(0, 20)
        ),
        st.sampled_from(["e00", "E+007", "e-012", "e300", "e-0999", "E+999"]),
        st.sampled_from(["e1000", "E+0001", "e-0000", "e-12345"]),
    ),
)
DECIMALS = st.one_of(
    st.none(),
    st.integers(-(10**4), 10**4),
    st.decimals(-1000, 1000, places=3),
    st.builds(Fraction, st.integers(-99, 99), st.integers(1, 30)),
    st.sampled_from([2**53, -(2**63), 2**64 - 1, Decimal("1e-9"), Decimal("1e18"), Decimal("-2.5e300")]),
)


@given(DECIMALS, DECIMALS, st.booleans(), st.booleans(), st.booleans(), st.lists(NUMBER_TEXTS, min_size=5))
def test_against_fractions(
    low: Any, high: Any, low_open: bool, high_open: bool, integer: bool, texts: list[str]
) -> None:
    bounds = {"integer": integer, "lo": low, "lo_exclusive": low_open, "hi": high, "hi_exclusive": high_open}
    dfa = number_dfa(**bounds)
    # The bounds themselves and their neighbours are where mistakes live.
    for value in (low, high):
        if isinstance(value, int):
            texts = [*texts, *(str(value + d) for d in (-1, 0, 1)), f"{value}.0", f"{value}.000001"]
    for text in texts:
        wanted = bool(NUMBER.fullmatch(text)) and qualifies(Fraction(text), bounds)
        assert wanted >= dfa.accepts(text.encode()), text
        if wanted and is_promised(text, bounds):
            assert dfa.accepts(text.encode()), text


EXPONENT_BOUNDS: list[dict[str, Any]] = [
    {},
    {"lo": 0, "lo_exclusive": True},
    {"lo": 1, "hi": 5},
    {"lo": 30},
    {"hi": 30},
    {"lo": -(10**12), "hi": 10**13},
    {"lo": Decimal("1e97"), "hi": Decimal("1e103")},
    {"lo": Decimal("5e-104"), "hi": Decimal("5e-8")},
    {"lo": Decimal("1e998"), "hi": Decimal("1e1001")},
    {"lo": Decimal("1e1000")},
    {"hi": Decimal("1e-1000"), "lo": 0},
    {"hi": Decimal("-1e-998")},
]


@pytest.mark.parametrize("integer", [False, True])
@pytest.mark.parametrize("bounds", EXPONENT_BOUNDS, ids=str)
def test_every_exponent(bounds: dict[str, Any], integer: bool) -> None:
    """One to three digits behind at most two zeros, and of these all that qualify."""
    bounds = {**bounds, "integer": integer}
    dfa = number_dfa(**bounds)
    for mantissa in ("3", "-5", "0"):
        for exponent in range(-1005, 1006):
            wanted = qualifies(Fraction(f"{mantissa}e{exponent}"), bounds)
            for n_zeros in range(5):
                digits = "0" * n_zeros + str(abs(exponent))
                for sign in ("-",) if exponent < 0 else ("-", "+", "") if exponent == 0 else ("+", ""):
                    text = f"{mantissa}e{sign}{digits}"
                    limited = wanted and abs(exponent) <= MAX_EXPONENT and n_zeros <= MAX_LEADING_ZEROS
                    assert dfa.accepts(text.encode()) == limited, text


@pytest.mark.parametrize(
    "values", [[0], [3], [Decimal("1e998"), 30, 300], [Decimal("-3e-999"), -3, 3]], ids=str
)
def test_every_exponent_of_listed_values(values: list[Any]) -> None:
    listed, others = number_equal_dfa(values), not_equal_dfa(values)
    assert [listed.accepts(b"0e" + e) for e in (b"000", b"-7", b"999", b"0000", b"1000")] == (
        [0 in values] * 3 + [False] * 2
    )
    for mantissa in ("1", "3", "-3"):
        for exponent in range(-1005, 1006):
            text = f"{mantissa}e{exponent}"
            is_listed, within = Fraction(text) in set(map(Fraction, values)), abs(exponent) <= MAX_EXPONENT
            assert listed.accepts(text.encode()) == (is_listed and within), text
            assert others.accepts(text.encode()) == (within and not is_listed), text


@settings(max_examples=25)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_spelling_of_json_writers(value: float) -> None:
    spellings = {json.dumps(value), f"{value:e}", f"{value:.16E}", f"{value:.3e}"}
    for text in spellings:
        spelled = Fraction(text)
        assert number_dfa(integer=False).accepts(text.encode())
        assert number_dfa(integer=False, lo=spelled, hi=spelled).accepts(text.encode())
        assert not number_dfa(integer=False, lo=spelled, lo_exclusive=True).accepts(text.encode())
        assert number_equal_dfa([Decimal(text)]).accepts(text.encode())
        assert not number_dfa(integer=False, hi=spelled, hi_exclusive=True).accepts(text.encode())


def test_integers_by_value() -> None:
    dfa = number_dfa(integer=True)
    accepted = [
        "1",
        "-0",
        "0.0",
        "1.0",
        "1.00",
        "-12.0",
        "1e3",
        "1.5e1",
        "1E+16",
        "1.2345678901234567e+19",
        "0.000e-5",
        "1.50e1",
        "100e-2",
        "10.0e-1",
    ]
    rejected = ["1.5", "1.5e0", "1e-1", "0.5", "01", "1.", ".5", "", "-", "1e", "+1", "1.05e1"]
    assert [text for text in accepted if not dfa.accepts(text.encode())] == []
    assert [text for text in rejected if dfa.accepts(text.encode())] == []


def test_beyond_doubles() -> None:
    dfa = number_dfa(integer=True, lo=2**53, hi=2**53 + 1)
    assert [n for n in range(2**53 - 2, 2**53 + 4) if dfa.accepts(str(n).encode())] == [2**53, 2**53 + 1]


VALUES: list[list[Any]] = [
    [],
    [0],
    [Decimal("-0.0")],
    [1, 5, 10],
    [Decimal("1.5"), Decimal("-0.25"), 1000],
    [Decimal("1e20"), Decimal("5e-7"), 59, 5, 50, 500],
    [Decimal("0.1"), Decimal("0.10"), 1, 10, 100],
]


@pytest.mark.parametrize("values", VALUES, ids=str)
def test_listed_values(values: list[Any]) -> None:
    dfa = number_equal_dfa(values)
    wanted = {Fraction(value) for value in values}
    for text in [
        *TEXTS,
        "1e20",
        "1.0E+20",
        "100000000000000000000",
        "5e-7",
        "0.0000005",
        "0.000000050",
        "5e-8",
    ]:
        match = NUMBER.fullmatch(text)
        if dfa.accepts(text.encode()):
            assert match and Fraction(text) in wanted, text
        elif match and Fraction(text) in wanted:
            assert match[4] is not None and (len(match[2]) > 1 or match[2] == "0"), text
    assert minimize(dfa.delta, dfa.start, dfa.label).digest == dfa.digest


@given(st.lists(st.decimals(-1000, 1000, places=2), max_size=8), st.lists(NUMBER_TEXTS, min_size=5))
def test_listed_against_fractions(values: list[Decimal], texts: list[str]) -> None:
    dfa = number_equal_dfa(values)
    wanted = set(map(Fraction, values))
    for text in [*texts, *(format(value, "f") for value in values)]:
        if dfa.accepts(text.encode()):
            assert NUMBER.fullmatch(text)
            assert Fraction(text) in wanted
        elif Fraction(text) in wanted:
            assert "e" in text.lower()


def test_one_value_as_a_list_and_as_bounds() -> None:
    for value in (7, Decimal("-2.5"), 1200, Decimal("0.003")):
        listed, bounded = number_equal_dfa([value]), number_dfa(integer=False, lo=value, hi=value)
        assert intersect(listed, bounded).digest == listed.digest


@pytest.mark.parametrize("values", VALUES, ids=str)
def test_values_that_are_not_listed(values: list[Any]) -> None:
    dfa = not_equal_dfa(values)
    unwanted = {Fraction(value) for value in values}
    for text in [*TEXTS, "1e20", "1.0E+20", "1e21", "100000000000000000000", "5e-7", "0.0000005", "5e-8"]:
        match = NUMBER.fullmatch(text)
        wanted = bool(match) and Fraction(text) not in unwanted
        assert wanted >= dfa.accepts(text.encode()), text
        if (
            match
            and wanted
            and (match[4] is None or (len(match[2]) == 1 and match[2] != "0" and not match[3]))
        ):
            assert dfa.accepts(text.encode()), text
    assert minimize(dfa.delta, dfa.start, dfa.label).digest == dfa.digest


@given(st.lists(st.decimals(-1000, 1000, places=2), max_size=8), st.lists(NUMBER_TEXTS, min_size=5))
def test_not_listed_against_fractions(values: list[Decimal], texts: list[str]) -> None:
    dfa = not_equal_dfa(values)
    unwanted = set(map(Fraction, values))
    for text in [*texts, *(format(value, "f") for value in values), *(f"{value:e}" for value in values)]:
        wanted = bool(NUMBER.fullmatch(text)) and Fraction(text) not in unwanted
        assert wanted >= dfa.accepts(text.encode()), text
        if wanted and "e" not in text.lower():
            assert dfa.accepts(text.encode()), text


@given(
    st.lists(st.decimals(-1000, 1000, places=2), min_size=65, max_size=80, unique=True),
    st.lists(NUMBER_TEXTS, min_size=5),
)
@settings(max_examples=40)
def test_many_not_listed(values: list[Decimal], texts: list[str]) -> None:
    dfa = not_equal_dfa(values)
    unwanted = set(map(Fraction, values))
    spelled = [format(value, "f") for value in values]
    changed = [text + digit for text in spelled for digit in "05"] + [text[:-1] for text in spelled]
    for text in [*texts, *spelled, *changed, *(f"{value:e}" for value in values)]:
        wanted = bool(NUMBER.fullmatch(text)) and Fraction(text) not in unwanted
        assert wanted >= dfa.accepts(text.encode()), text
        if wanted and "e" not in text.lower():
            assert dfa.accepts(text.encode()), text


@pytest.mark.parametrize("values", VALUES, ids=str)
def test_listed_or_not(values: list[Any]) -> None:
    listed, others = number_equal_dfa(values), not_equal_dfa(values)
    assert intersect(listed, others).is_empty
    assert intersect(union(listed, others), DECIMAL_TEXTS).digest == DECIMAL_TEXTS.digest


def test_sizes_stay_small() -> None:
    assert number_dfa(integer=False).n_states == 14
    for low, high in ((0, 1), (1, 100), (0, 65535), (-180, 180)):
        assert number_dfa(integer=False, lo=low, hi=high).n_states < 220
        assert number_dfa(integer=True, lo=low, hi=high).n_states < 100
    assert number_dfa(integer=True, lo=0, hi=100).n_states < 45
    assert number_dfa(integer=True, lo=-(2**63), hi=2**63 - 1).n_states < 360
    assert number_dfa(integer=True).n_states < 170
    assert not_equal_dfa([0]).n_states < 20
    assert not_equal_dfa(range(100)).n_states < 120


def test_absurd_bounds_are_a_named_error() -> None:
    for bound in (Decimal("1e999999999"), Decimal("-1e-999999999")):
        with pytest.raises(CompileBudgetExceeded):
            number_dfa(integer=False, lo=bound)
        with pytest.raises(CompileBudgetExceeded):
            not_equal_dfa([bound])
    with pytest.raises(CompileBudgetExceeded):
        number_equal_dfa([Fraction(10) ** 5000])
    with pytest.raises(ValueError, match="not a number"):
        number_dfa(integer=False, lo=Decimal("nan"))


def test_equal_ranges_are_one_dfa() -> None:
    one = number_dfa(integer=True, lo=Decimal("0.5"), hi=Decimal("9.9"))
    assert one is number_dfa(integer=True, lo=0, lo_exclusive=True, hi=9)
