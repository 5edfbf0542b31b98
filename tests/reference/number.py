"""Which number texts can still become a number inside bounds, in exact arithmetic."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

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

    @property
    def trivial(self) -> bool:
        return self.low is None and self.high is None and not self.integer

    def narrowed(self, other: Bounds) -> Bounds:
        lows = [(b.low, b.low_open) for b in (self, other) if b.low is not None]
        highs = [(b.high, not b.high_open) for b in (self, other) if b.high is not None]
        low, low_open = max(lows, default=(None, False))
        high, high_closed = min(highs, default=(None, True))
        dotless = self.dotless or other.dotless
        return Bounds(low, low_open, high, not high_closed, self.integer or other.integer, dotless)


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


@cache
def accepts(bounds: Bounds, text: str, exponent_digits: int | None) -> bool:
    """Whether `text` spells a number in `bounds`; see `viable` for `exponent_digits`."""
    parts = COMPLETE.fullmatch(text)
    if not parts:
        return False
    if bounds.trivial:
        return True
    if bounds.dotless and (parts[3] or parts[4]):
        return False
    if exponent_digits is not None and len((parts[4] or "").lstrip("+-")) > exponent_digits:
        return False
    return contains(bounds, fraction_of(text))


@cache
def viable(bounds: Bounds, text: str, exponent_digits: int | None) -> bool:
    """Whether some number in `bounds` is spelled `text` + anything.

    exponent_digits : longest exponent allowed where `bounds` says something; None is no limit.
    """
    if not PARTIAL.fullmatch(text):
        return False
    if bounds.trivial or accepts(bounds, text, exponent_digits):
        return True
    digits = 2 if exponent_digits is None else exponent_digits
    if bounds.dotless:
        digits = 0
        if set(text) & set(".eE"):
            return False
    mantissa, mark, exponent = text.replace("E", "e").partition("e")
    if mark and digits == 0:
        return False
    return any(
        _reaches(bounds, mantissa, bool(mark), Fraction(10) ** power)
        for power in range(-(10**digits) + 1, 10**digits)
        if (digits and _spells_power(exponent, power, digits)) or (not mark and power == 0)
    )


def _spells_power(prefix: str, power: int, digits: int) -> bool:
    """Whether `prefix` + anything, with at most `digits` digits, spells the exponent `power`."""
    signs = ["-"] if power < 0 else ["", "+"] if power else ["", "+", "-"]
    spelled = [sign + str(abs(power)).zfill(size) for sign in signs for size in range(1, digits + 1)]
    return any(text.startswith(prefix) and len(text.lstrip("+-")) <= digits for text in spelled)


def _reaches(bounds: Bounds, mantissa: str, closed: bool, scale: Fraction) -> bool:
    """Whether `mantissa`, extended by more digits unless `closed`, times `scale` falls into `bounds`."""
    negative = mantissa.startswith("-")
    whole, dot, part = mantissa.lstrip("-").partition(".")
    if closed:
        spans = [(Fraction(whole + dot + part), Fraction(0))]
    elif dot:
        spans = [(Fraction(f"{whole}.{part}0"), Fraction(1, 10 ** len(part)))]
    elif whole == "":
        spans = [(Fraction(0), Fraction(10) ** 60)]
    elif whole == "0":
        spans = [(Fraction(0), Fraction(1))]
    else:
        spans = [(Fraction(int(whole) * 10**k), Fraction(10**k)) for k in range(60)]
    for begin, width in spans:
        low, high = begin * scale, (begin + width) * scale
        if negative:
            mirrored = Bounds(
                None if bounds.high is None else -bounds.high,
                bounds.high_open,
                None if bounds.low is None else -bounds.low,
                bounds.low_open,
                bounds.integer,
            )
            if meets(mirrored, low, high, end_open=width > 0):
                return True
        elif meets(bounds, low, high, end_open=width > 0):
            return True
    return False
