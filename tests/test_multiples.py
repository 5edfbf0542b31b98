"""Texts of multiples and of all other numbers against exact rational arithmetic."""

from __future__ import annotations

import itertools
import json
import random
import time
from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from reference.number import COMPLETE, is_decimal, is_multiple

from gramask.errors import CompileBudgetExceeded
from gramask.grammar.dfa import difference, intersect, minimize, union
from gramask.grammar.multiples import multiple_dfa, non_multiple_dfa
from gramask.grammar.numbers import number_dfa
from gramask.grammar.regex import compile_regex

DECIMAL_TEXTS = compile_regex(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
NUMBER_TEXTS = number_dfa(integer=False)
SHORT = [
    text
    for n in range(1, 6)
    for letters in itertools.product("-01257.e", repeat=n)
    if COMPLETE.fullmatch(text := "".join(letters))
]

# The divisors of actual schemas, and the corners: factors 2 and 5 alone and together, above and below the point.
STATES = {
    "1": 170,
    "0.01": 170,
    "0.1": 170,
    "0.5": 180,
    "0.25": 220,
    "0.05": 180,
    "0.001": 160,
    "0.0001": 160,
    "0.00000001": 160,
    "2": 190,
    "5": 190,
    "10": 180,
    "100": 190,
    "1000000": 220,
    "7": 280,
    "12": 300,
    "15": 230,
    "60": 240,
    "365": 140,
    "3600": 450,
    "86400": 230,
    "1024": 280,
    "0.125": 290,
    "0.0009765625": 260,
    "0.4": 220,
    "1.5": 220,
    "1.6": 380,
    "3.2": 510,
    "0.7": 270,
    "1.23": 290,
    "0.000043": 1060,
}


@pytest.mark.parametrize("text", STATES)
def test_states_stay_few(text: str) -> None:
    for dfa in (multiple_dfa(Fraction(text)), non_multiple_dfa(Fraction(text))):
        assert dfa.n_states <= STATES[text]
        assert minimize(dfa.delta, dfa.start, dfa.label).digest == dfa.digest


@pytest.mark.parametrize("text", STATES)
def test_all_short_texts(text: str) -> None:
    divisor = Fraction(text)
    multiples, others = multiple_dfa(divisor), non_multiple_dfa(divisor)
    for number in SHORT:
        wanted = is_multiple(Fraction(number), divisor)
        assert not (others if wanted else multiples).accepts(number.encode()), number
        mantissa = COMPLETE.fullmatch(number)
        assert mantissa
        if mantissa[4] is None or (len(mantissa[2]) == 1 and mantissa[2] != "0"):
            assert (multiples if wanted else others).accepts(number.encode()), number


@pytest.mark.parametrize("text", STATES)
def test_each_decimal_is_one_or_the_other(text: str) -> None:
    multiples, others = multiple_dfa(Fraction(text)), non_multiple_dfa(Fraction(text))
    both = union(multiples, others)
    assert intersect(multiples, others).is_empty
    assert difference(both, NUMBER_TEXTS).is_empty
    assert intersect(both, DECIMAL_TEXTS).digest == DECIMAL_TEXTS.digest


@pytest.mark.parametrize("zero", ["0", "-0", "0.0", "-0.000", "0e5", "0.0E-12", "0e00", "0e-999"])
def test_zero_is_a_multiple(zero: str) -> None:
    for text in STATES:
        assert multiple_dfa(Fraction(text)).accepts(zero.encode())
        assert not non_multiple_dfa(Fraction(text)).accepts(zero.encode())


@pytest.mark.parametrize("text", STATES)
def test_exponents_are_limited(text: str) -> None:
    everything = number_dfa(integer=False)
    for dfa in (multiple_dfa(Fraction(text)), non_multiple_dfa(Fraction(text))):
        assert difference(dfa, everything).is_empty
        assert not any(
            dfa.accepts(number) for number in (b"0e0000", b"0e1000", b"1e1000", b"1e-1000", b"6e0001")
        )


COMMON = [
    "1e2",
    "1.5e3",
    "1E+2",
    "2.5e-3",
    "1e-8",
    "1e308",
    "1e+22",
    "1e-07",
    "5e-324",
    "1e21",
    "1.5E+300",
    "9.0e1",
]


@pytest.mark.parametrize("text", STATES)
def test_common_exponents(text: str) -> None:
    divisor = Fraction(text)
    for number in COMMON:
        dfa = (multiple_dfa if is_multiple(Fraction(number), divisor) else non_multiple_dfa)(divisor)
        assert dfa.accepts(number.encode()), number


DIVISORS = st.one_of(
    st.sampled_from(sorted(STATES)).map(Fraction),
    st.integers(1, 120).map(Fraction),
    st.builds(lambda n, k: Fraction(n, 10**k), st.integers(1, 60), st.integers(0, 4)),
    st.builds(
        lambda a, b, q: Fraction(2) ** a * Fraction(5) ** b * q,
        st.integers(-4, 6),
        st.integers(-3, 3),
        st.sampled_from([1, 1, 3, 7, 11]),
    ),
)
SPELLINGS = st.builds(
    lambda sign, whole, fraction, zeros, exponent: (
        f"{sign}{whole}{(fraction or zeros) and '.'}{fraction}{zeros}{exponent}"
    ),
    st.sampled_from(["", "-"]),
    st.one_of(st.integers(0, 9), st.integers(0, 10**6), st.integers(1, 999).map(lambda n: n * 10**9)).map(
        str
    ),
    st.one_of(st.just(""), st.integers(0, 99).map(str), st.from_regex(r"0{0,4}[0-9]{1,20}", fullmatch=True)),
    st.sampled_from(["", "", "0", "000", "0" * 20]),
    st.one_of(
        st.just(""),
        st.builds(
            "{}{}{}".format, st.sampled_from("eE"), st.sampled_from(["", "+", "-", "-0"]), st.integers(0, 25)
        ),
    ),
)


@settings(max_examples=300)
@given(DIVISORS, st.lists(SPELLINGS, min_size=20), st.integers(-(10**20), 10**20), st.integers(1, 9))
@example(Fraction(86400), ["8.64e4", "8.64e3"], 3, 1)
@example(Fraction(7), ["1.4e1", "14e-1"], 2**70, 1)
def test_against_fractions(divisor: Fraction, texts: list[str], factor: int, off: int) -> None:
    multiples, others = multiple_dfa(divisor), non_multiple_dfa(divisor)
    for near in (factor * divisor, factor * divisor + off, factor * divisor + Fraction(off, 1000)):
        texts = [*texts, _decimal(near), _decimal(near) + ("0" if "." in _decimal(near) else ".00")]
    for text in texts:
        wanted = is_multiple(Fraction(text), divisor)
        right, wrong = (multiples, others) if wanted else (others, multiples)
        assert not wrong.accepts(text.encode()), text
        if is_decimal(text):
            assert right.accepts(text.encode()), text


def _decimal(value: Fraction) -> str:
    """In plain notation."""
    places = next(k for k in itertools.count() if (value * 10**k).denominator == 1)
    digits = str(abs(int(value * 10**places))).rjust(places + 1, "0")
    sign = "-" if value < 0 else ""
    return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)


@settings(max_examples=50)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_as_python_writes_it(value: float) -> None:
    text = json.dumps(value)
    for divisor in (Fraction(1), Fraction(1, 100), Fraction(7), Fraction(1, 10**8)):
        dfa = (multiple_dfa if is_multiple(Fraction(text), divisor) else non_multiple_dfa)(divisor)
        assert dfa.accepts(text.encode()), (text, divisor)


@settings(max_examples=150)
@given(
    st.sampled_from(
        [text for text in STATES if text not in ("365", "86400", "1024", "0.0009765625", "1.23")]
    ),
    st.from_regex(r"-?[1-9]\.[0-9]{0,16}[1-9]", fullmatch=True),
    st.one_of(st.integers(-999, 999), st.integers(-40, 40)),
)
@example("1.5", "2.557357175152", 14)
@example("1.5", "2.557357175152529", 18)
@example("0.000043", "1.2345678901234567", -9)
def test_one_integer_digit_and_up_to_17_fraction_digits(text: str, mantissa: str, exponent: int) -> None:
    divisor, number = Fraction(text), f"{mantissa}e{exponent:+03}"
    dfa = (multiple_dfa if is_multiple(Fraction(number), divisor) else non_multiple_dfa)(divisor)
    assert dfa.accepts(number.encode())


@pytest.mark.parametrize("text", ["1.5", "7", "0.125", "128", "97", "720"])
def test_multiples_in_scientific_notation(text: str) -> None:
    divisor, rng = Fraction(text), random.Random(0)
    for _ in range(200):
        value = divisor * rng.randint(1, 10 ** rng.randint(1, 15))
        digits = str(int(value * 10**6)).rstrip("0")
        exponent = next(n for n in range(-6, 40) if Fraction(digits[0]) * Fraction(10) ** (n + 1) > value)
        mantissa = f"{digits[0]}{digits[1:] and '.'}{digits[1:]}"
        number = f"{mantissa}e{exponent}"
        if len(digits) <= 18:
            assert Fraction(number) == value
            assert multiple_dfa(divisor).accepts(number.encode()), number
            assert non_multiple_dfa(divisor).accepts(f"{mantissa}e{exponent - 60}".encode())


def test_light_divisors_have_exponents_after_any_integer_part() -> None:
    accepted = {"1": "12e1 100e-2 1.50e1 10.0e-1", "5": "10e0 12e1 50e-1", "7": "14e0 1.4e1 210e-1 1.40e1"}
    for divisor, texts in accepted.items():
        dfa = multiple_dfa(Fraction(divisor))
        assert [text for text in texts.split() if not dfa.accepts(text.encode())] == []
    assert multiple_dfa(Fraction(86400)).accepts(b"8.64e4")
    assert not multiple_dfa(Fraction(86400)).accepts(b"8.64e3")


def test_hostile_divisors_are_a_named_error_soon() -> None:
    begin = time.perf_counter()
    hostile = [
        123456789,
        2**24,
        2**64,
        999983,
        10**3000 + 1,
        Fraction(1, 2**20),
        Fraction(1, 5**30),
        Fraction(10) ** 5000,
    ]
    hostile += [Fraction("0.123456"), Fraction(43) ** 9 / 10**30, Fraction(4999), Fraction("125e-390")]
    for divisor in map(Fraction, hostile):
        for build in (multiple_dfa, non_multiple_dfa):
            with pytest.raises(CompileBudgetExceeded) as error:
                build(divisor)
            assert error.value.hint
    assert time.perf_counter() - begin < 10
    for wrong in (Fraction(0), Fraction(-1), Fraction(1, 3)):
        with pytest.raises(ValueError, match=r"above zero|finite"):
            multiple_dfa(wrong)
