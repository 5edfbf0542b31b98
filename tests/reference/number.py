"""Which number texts can still become a number inside bounds, in exact arithmetic."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache

# An exponent has at most three digits behind at most two zeros.
COMPLETE = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?0{0,2}(?:0|[1-9][0-9]{0,2})))?")
PARTIAL = re.compile(
    r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?"
    r"|(?:0|[1-9][0-9]*)(?:\.[0-9]+)?[eE][+-]?(?:0{0,3}|0{0,2}[1-9][0-9]{0,2}))?"
)

FAR = 400


@dataclass(frozen=True, slots=True)
class Bounds:
    """Numbers between `low` and `high`, None being unbounded; `integer` in value, however spelled."""

    low: Fraction | None = None
    low_open: bool = False
    high: Fraction | None = None
    high_open: bool = False
    integer: bool = False
    dotless: bool = False  # draft 4: only a number without fraction and exponent is an integer

    @property
    def trivial(self) -> bool:
        return self.low is None and self.high is None and not self.integer

    def narrowed(self, other: Bounds) -> Bounds:
        lows = [(b.low, b.low_open) for b in (self, other) if b.low is not None]
        highs = [(b.high, not b.high_open) for b in (self, other) if b.high is not None]
        low, low_open = max(lows, default=(None, False))
        high, high_closed = min(highs, default=(None, True))
        integer, dotless = self.integer or other.integer, self.dotless or other.dotless
        return Bounds(low, low_open, high, not high_closed, integer, dotless)


def fraction_of(text: str) -> Fraction:
    """The value of a complete JSON number, exact up to exponents that no bound comes near."""
    mantissa, _, exponent = text.lower().partition("e")
    return Fraction(mantissa) * Fraction(10) ** max(-FAR, min(int(exponent or 0), FAR))


def contains(bounds: Bounds, value: Fraction) -> bool:
    if bounds.integer and value.denominator != 1:
        return False
    return meets(bounds, value, value, end_open=False)


def meets(bounds: Bounds, low: Fraction, high: Fraction, *, end_open: bool) -> bool:
    """Whether `bounds` has a number in [low, high], or in [low, high) if `end_open`."""
    inside = Bounds(low, False, high, end_open).narrowed(bounds)
    if not inside.integer:
        return inside.low < inside.high or (
            inside.low == inside.high and not (inside.low_open or inside.high_open)
        )
    first = math.floor(inside.low) + 1 if inside.low_open else math.ceil(inside.low)
    last = math.ceil(inside.high) - 1 if inside.high_open else math.floor(inside.high)
    return first <= last


def is_empty(bounds: Bounds) -> bool:
    far = Fraction(10) ** FAR
    return not meets(bounds, -far, far, end_open=False)


@dataclass(frozen=True, slots=True)
class NumberSet:
    """A conjunction of constraints on a number; see `grammar/number_sets.py` for the fields."""

    integer: bool = False
    low: Fraction | None = None
    low_open: bool = False
    high: Fraction | None = None
    high_open: bool = False
    multiples: frozenset[Fraction] = frozenset()
    non_multiples: frozenset[Fraction] = frozenset()
    values: frozenset[Fraction] | None = None
    excluded: frozenset[Fraction] = frozenset()
    plain: bool | None = None

    def __contains__(self, value: Fraction) -> bool:
        """Whether some spelling of `value` is in the set."""
        bounds = Bounds(
            self.low, self.low_open, self.high, self.high_open, self.integer or self.plain is True
        )
        return (
            contains(bounds, value)
            and all(is_multiple(value, divisor) for divisor in self.multiples)
            and not any(is_multiple(value, divisor) for divisor in self.non_multiples)
            and (self.values is None or value in self.values)
            and value not in self.excluded
        )

    def has_text(self, text: str) -> bool:
        parts = COMPLETE.fullmatch(text)
        if not parts:
            return False
        is_plain = parts[3] is None and parts[4] is None
        return fraction_of(text) in self and self.plain in (None, is_plain)


def is_multiple(value: Fraction, divisor: Fraction) -> bool:
    return value % divisor == 0


def is_decimal(text: str) -> bool:
    """Whether `text` is a number in plain decimal notation, without an exponent."""
    parts = COMPLETE.fullmatch(text)
    return parts is not None and parts[4] is None


@cache
def accepts(bounds: Bounds, text: str, *, exponents: bool) -> bool:
    """Whether `text` spells a number in `bounds`; without `exponents` only in plain notation, unless trivial."""
    parts = COMPLETE.fullmatch(text)
    if not parts or bounds.trivial:
        return bool(parts)
    if (parts[4] and not exponents) or (bounds.dotless and (parts[3] or parts[4])):
        return False
    return contains(bounds, fraction_of(text))


@cache
def viable(bounds: Bounds, text: str, *, exponents: bool) -> bool:
    """Whether some number in `bounds` is spelled `text` + anything; see `accepts`.

    Tries mantissas of up to 40 more digits, and every power of ten up to 10**±40, so the bounds of the tests must
    stay far inside that.
    """
    if not PARTIAL.fullmatch(text):
        return False
    if bounds.trivial or accepts(bounds, text, exponents=exponents):
        return True
    mantissa, mark, exponent = text.replace("E", "e").partition("e")
    if mantissa in ("", "-"):
        return any(viable(bounds, text + digit, exponents=exponents) for digit in "0123456789")
    if bounds.dotless and (mark or "." in mantissa):
        return False
    if not mark and _reaches(bounds, mantissa, 0, more=40):
        return True
    if bounds.dotless or not exponents:
        return False
    typed = int(exponent) if exponent.strip("+-") else 0
    if abs(typed) > FAR:
        return _reaches(bounds, mantissa, FAR if typed > 0 else -FAR, more=None)
    powers = {*range(-40, 41), typed, typed * 10, typed * 10 + 9}
    # With an exponent still to come, more integer digits reach nothing that a larger exponent does not.
    more = None if mark else 1
    return any(_reaches(bounds, mantissa, power, more=more) for power in powers if _spells(exponent, power))


def _spells(prefix: str, power: int) -> bool:
    """Whether `prefix` + anything spells the exponent `power`, with up to two zeros before it."""
    signs = ("+", "-", "") if power == 0 else ("-",) if power < 0 else ("+", "")
    if abs(power) > 999:
        return False
    return any(f"{sign}{'0' * n}{abs(power)}".startswith(prefix) for sign in signs for n in range(3))


def _reaches(bounds: Bounds, mantissa: str, power: int, *, more: int | None) -> bool:
    """Whether `mantissa` times 10**power falls into `bounds`, with fewer than `more` integer digits added.

    Fraction digits are added without limit; with None the mantissa is taken as it is.
    """
    if mantissa.startswith("-"):
        low, high = (None if b is None else -b for b in (bounds.high, bounds.low))
        bounds = replace(bounds, low=low, low_open=bounds.high_open, high=high, high_open=bounds.low_open)
    scale = Fraction(10) ** power
    return any(
        meets(bounds, begin * scale, (begin + width) * scale, end_open=width > 0)
        for begin, width in _spans(*mantissa.lstrip("-").partition("."), more)
    )


def _spans(whole: str, dot: str, part: str, more: int | None) -> Iterator[tuple[Fraction, Fraction]]:
    """(begin, width) of the intervals that the extensions of a mantissa fill."""
    if more is None:
        yield Fraction(whole + dot + part), Fraction(0)
    elif dot:
        yield Fraction(f"{whole}.{part}0"), Fraction(1, 10 ** len(part))
    elif whole == "0":
        yield Fraction(0), Fraction(1)
    else:
        yield from ((Fraction(int(whole) * 10**k), Fraction(10**k)) for k in range(more))
