"""Which number texts can still become a number inside bounds, in exact arithmetic."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache

# Limits of the engine on mantissas with an exponent.
MAX_POINT = 8
MAX_FRACTION_DIGITS = 17
COMPLETE = re.compile(r"(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")
PARTIAL = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|(?:0|[1-9][0-9]*)(?:\.[0-9]+)?[eE][+-]?[0-9]*)?")


@dataclass(frozen=True, slots=True)
class Bounds:
    """Numbers between `low` and `high`, None being unbounded; `integer` in value, however spelled."""

    low: Fraction | None = None
    low_open: bool = False
    high: Fraction | None = None
    high_open: bool = False
    integer: bool = False
    dotless: bool = False  # draft 4: only a number without fraction and exponent is an integer
    listed: bool = False  # the one value of a `const` or `enum`

    @property
    def trivial(self) -> bool:
        return self.low is None and self.high is None and not self.integer

    def narrowed(self, other: Bounds) -> Bounds:
        lows = [(b.low, b.low_open) for b in (self, other) if b.low is not None]
        highs = [(b.high, not b.high_open) for b in (self, other) if b.high is not None]
        low, low_open = max(lows, default=(None, False))
        high, high_closed = min(highs, default=(None, True))
        integer, dotless = self.integer or other.integer, self.dotless or other.dotless
        return Bounds(low, low_open, high, not high_closed, integer, dotless, self.listed or other.listed)


def fraction_of(text: str) -> Fraction:
    """The exact value of a complete JSON number."""
    return Fraction(text)


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
    far = Fraction(10) ** 400
    return not meets(bounds, -far, far, end_open=False)


def allows_exponent(bounds: Bounds, whole: int, zeros: int, part: int, power: int) -> bool:
    """Whether the engine documents that it accepts an exponent here (`grammar/numbers.py`), the mantissa not zero.

    whole : integer digits, 0 for a leading `0.`.  zeros : those after `0.`.  part : fraction digits.
    """
    if bounds.listed:
        return whole == 1
    if bounds.integer and power == 0:
        return True
    if bounds.integer:
        single = whole == 1 or (bounds.low is None and bounds.high is None)
        return single and part <= MAX_FRACTION_DIGITS and part <= power
    return whole <= MAX_POINT and zeros <= MAX_POINT


@cache
def accepts(bounds: Bounds, text: str, *, all_exponents: bool) -> bool:
    """Whether `text` spells a number in `bounds`; without `all_exponents`, in the forms the engine documents."""
    parts = COMPLETE.fullmatch(text)
    if not parts:
        return False
    if bounds.trivial:
        return True
    if bounds.dotless and (parts[3] or parts[4]):
        return False
    value = fraction_of(text)
    if not contains(bounds, value):
        return False
    if all_exponents or not parts[4] or value == 0 or _unbounded_side(bounds, negative=bool(parts[1])):
        return True
    part = parts[3] or ""
    return allows_exponent(bounds, *_extent(parts[2], part), len(part), int(parts[4]))


def _extent(whole: str, part: str) -> tuple[int, int]:
    """The integer digits (0 for `0`), and the zeros between `0.` and the first other digit."""
    return (len(whole), 0) if whole != "0" else (0, len(part) - len(part.lstrip("0")))


def _unbounded_side(bounds: Bounds, *, negative: bool) -> bool:
    """Whether all numbers of this sign qualify."""
    if bounds.integer:
        return False
    near, far = (bounds.high, bounds.low) if negative else (bounds.low, bounds.high)
    if far is not None:
        return False
    return near is None or (near >= 0 if negative else near <= 0)


@cache
def viable(bounds: Bounds, text: str, *, all_exponents: bool) -> bool:
    """Whether some number in `bounds` is spelled `text` + anything; see `accepts`.

    Tries mantissas of up to 40 more digits with every power of ten up to 10**±40, so the bounds of the tests must
    stay far inside that.
    """
    if not PARTIAL.fullmatch(text):
        return False
    if bounds.trivial or accepts(bounds, text, all_exponents=all_exponents):
        return True
    mantissa, mark, exponent = text.replace("E", "e").partition("e")
    if mantissa in ("", "-"):
        return any(viable(bounds, text + digit, all_exponents=all_exponents) for digit in "0123456789")
    if bounds.dotless and (mark or "." in mantissa):
        return False
    if not mark and _reaches(bounds, mantissa, 0, closed=False):
        return True
    if bounds.dotless:
        return False
    if mark and Fraction(mantissa) == 0:
        return contains(bounds, Fraction(0))
    typed = int(exponent) if exponent.strip("+-") else 0
    powers = {*range(-40, 41), typed, typed * 10, typed * 10 + 9}
    return any(
        _reaches(bounds, mantissa, power, closed=bool(mark), all_exponents=all_exponents, most=MAX_POINT)
        for power in powers
        if _spells_power(exponent, power)
    )


def _spells_power(prefix: str, power: int) -> bool:
    """Whether `prefix` + anything spells the exponent `power`, with any number of zeros before it."""
    sign = prefix[:1] if prefix[:1] in ("+", "-") else ""
    digits = prefix[len(sign) :].lstrip("0")
    if power == 0:
        return digits == ""
    if prefix and (sign == "-") != (power < 0):
        return False
    return str(abs(power)).startswith(digits)


def _reaches(
    bounds: Bounds, mantissa: str, power: int, *, closed: bool, all_exponents: bool = True, most: int = 40
) -> bool:
    """Whether `mantissa`, extended by more digits unless `closed`, times 10**power falls into `bounds`.

    most : integer digits to add at most. With an exponent a few do: `power` shifts the value just as well.
    """
    negative = mantissa.startswith("-")
    if negative:
        low, high = (None if b is None else -b for b in (bounds.high, bounds.low))
        bounds = replace(bounds, low=low, low_open=bounds.high_open, high=high, high_open=bounds.low_open)
    whole, dot, part = mantissa.lstrip("-").partition(".")
    scale = Fraction(10) ** power
    restricted = not all_exponents and not _unbounded_side(bounds, negative=False)
    for begin, width, more in _spans(whole, dot, part, closed=closed, most=most):
        if restricted and not _allows_some(bounds, whole, part, more, power):
            continue
        if meets(bounds, begin * scale, (begin + width) * scale, end_open=width > 0):
            return True
    return False


def _spans(
    whole: str, dot: str, part: str, *, closed: bool, most: int
) -> Iterator[tuple[Fraction, Fraction, int]]:
    """(begin, width, integer digits added) of the intervals that the extensions of a mantissa fill."""
    if closed:
        yield Fraction(whole + dot + part), Fraction(0), 0
    elif dot:
        yield Fraction(f"{whole}.{part}0"), Fraction(1, 10 ** len(part)), 0
    elif whole == "":
        yield Fraction(0), Fraction(10) ** 60, 0
    elif whole == "0":
        yield Fraction(0), Fraction(1), 0
    else:
        yield from ((Fraction(int(whole) * 10**k), Fraction(10**k), k) for k in range(most))


def _allows_some(bounds: Bounds, whole: str, part: str, more: int, power: int) -> bool:
    digits, zeros = _extent(whole, part)
    return allows_exponent(bounds, digits + more, zeros, len(part), power)
