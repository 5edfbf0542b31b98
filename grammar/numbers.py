"""The JSON texts of numbers (RFC 8259, section 6) whose values lie within bounds or in a list, exactly.

A text is read as 0.d1d2... * 10**(point + exponent) with d1 != 0, `point` being the place of its decimal
point. Digits are compared with those of a bound as they come; the exponent, which comes last, must then lie
in an interval that `point` and the comparison determine. No float is involved.

Which exponent forms are accepted. Plain decimal notation is accepted without a limit wherever the value
qualifies. All exponents are limited as `exponents.py` says (at most three digits), so beside its plain digits
an accepted number is in the range of about 1e-1000 to 1e1000. Within that limit, any exponent is accepted after a
zero mantissa or where there is no bound on that side of zero. Else:
- with bounds, up to MAX_POINT integer digits, or up to MAX_POINT zeros after `0.`; any number of further digits;
- for integers, the exponent must be at least the number of fraction digits, of which there may be
  MAX_FRACTION_DIGITS. Not counted are fractions of zeros alone and, without a bound on that side of zero, trailing
  zeros among the first FEW_DIGITS fraction digits; up to MAX_TRAILING_ZEROS before the point are then taken off
  (`1.5e1`, `1.50e1`, `100e-2`, but not `1.500e1`). With a bound there, fractions other than zeros need exactly
  one integer digit, 1 to 9 (`1.5e1` and `15e1`, but not `12.5e1` or `100e-2`), as Python and JavaScript write them;
- in a list of values, exactly one integer digit, 1 to 9;
- outside a list of values, any digits that are not those of a listed value and further zeros; else the decimal
  point must be at most POINT_MARGIN places further left or right than in all listed values, and at most MAX_FAR places
  from the first digit. Where more than MANY_LISTED values are listed, or one with more than MANY_DIGITS significant
  digits, there is no exponent then, nor where the digits before the point begin a listed value.
A text outside these limits is not accepted; a text with a wrong value never is.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import Any, Protocol, TypeAlias

from ..errors import CompileBudgetExceeded
from .dfa import DEFAULT_BUDGET, ByteDfa, crawl, table_bytes
from .exponents import (
    ANY,
    NONE,
    Exponents,
    ScaledText,
    Step,
    at_least,
    between,
    complement,
    exponent_mark,
    holds,
    one_of,
)
from .recent import CACHE_BYTES, Recent

MAX_POINT = 6
POINT_MARGIN = 1
MAX_FAR = 24
MANY_LISTED = 64
MANY_DIGITS = 24
MAX_FRACTION_DIGITS = 17
FEW_DIGITS = 2
MAX_TRAILING_ZEROS = 2
MAX_MAGNITUDE = 2_000
"""Bounds have at most about this many digits before or after the decimal point."""

Exact: TypeAlias = int | Decimal | Fraction

_CACHE: Recent[ByteDfa] = Recent(CACHE_BYTES, table_bytes)

LESS, GREATER, NO_BOUND = -1, -2, -3
"""Outcomes of a comparison; a number >= 0 is the remainder of the bound after equal digits."""

FREE: tuple[tuple[int, ...], int] = ((), 0)
"""The comparison with a list of values that equals none of them."""


def number_dfa(
    *,
    integer: bool,
    lo: Exact | None = None,
    lo_exclusive: bool = False,
    hi: Exact | None = None,
    hi_exclusive: bool = False,
    budget: int = DEFAULT_BUDGET,
) -> ByteDfa:
    """The texts of numbers (`integer`: with an integral value, such as `1.0`) between two bounds.

    Cached. Raises CompileBudgetExceeded, also for bounds of more than MAX_MAGNITUDE digits.
    """
    low, high = _fraction(lo), _fraction(hi)
    if integer:
        low, lo_exclusive = _integral(low, lo_exclusive, ceil, 1), False
        high, hi_exclusive = _integral(high, hi_exclusive, floor, -1), False
    bounds = (low, lo_exclusive and low is not None, high, hi_exclusive and high is not None)

    def build() -> ByteDfa:
        sides = (_between(*bounds), _between(*_negated(*bounds)))
        grammar = _NumberText(sides, zero=_holds_zero(*bounds), integer=integer)
        return crawl(("start",), grammar.step, grammar.label, budget=budget)

    return _CACHE.get((integer, bounds, budget), build)


def number_equal_dfa(values: Iterable[Exact], *, budget: int = DEFAULT_BUDGET) -> ByteDfa:
    """The texts whose value is one of `values`, which must have finite decimal expansions. Cached."""
    return _listed_dfa(_Listed, _fractions(values), budget)


def not_equal_dfa(values: Iterable[Exact], *, budget: int = DEFAULT_BUDGET) -> ByteDfa:
    """The texts of numbers whose value is none of `values`. As `number_equal_dfa`."""
    listed = _fractions(values)
    is_long = len(listed) > MANY_LISTED or any(map(_has_many_digits, listed))
    return _listed_dfa(_UnlistedPlainly if is_long else _Unlisted, listed, budget)


def _has_many_digits(value: Fraction) -> bool:
    """Whether `value` has more than MANY_DIGITS significant digits."""
    return value != 0 and len(_significand(abs(value))[0]) > MANY_DIGITS


def _fractions(values: Iterable[Exact]) -> frozenset[Fraction]:
    return frozenset(fraction for value in values if (fraction := _fraction(value)) is not None)


def _listed_dfa(side: type[_Listed], listed: frozenset[Fraction], budget: int) -> ByteDfa:
    def build() -> ByteDfa:
        positive = side(sorted(_significand(value) for value in listed if value > 0))
        negative = side(sorted(_significand(-value) for value in listed if value < 0))
        zero = (0 in listed) == (side is _Listed)
        grammar = _NumberText((positive, negative), zero=zero, integer=False)
        return crawl(("start",), grammar.step, grammar.label, budget=budget)

    return _CACHE.get((side, listed, budget), build)


def _fraction(value: Exact | None) -> Fraction | None:
    if value is None:
        return None
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"not a number: {value}")
        digits = value.as_tuple()
        if value and max(value.adjusted(), -value.adjusted(), -int(digits.exponent)) > MAX_MAGNITUDE:
            raise _too_long()
        value = value if value else Decimal(0)
    exact = Fraction(value)
    if max(abs(exact.numerator), exact.denominator).bit_length() > 4 * MAX_MAGNITUDE:
        raise _too_long()
    return exact


def _too_long() -> CompileBudgetExceeded:
    return CompileBudgetExceeded(
        f"a bound or value has more than {MAX_MAGNITUDE} digits", hint="use a number of usual size"
    )


def _integral(value: Fraction | None, exclusive: bool, towards: Any, inside: int) -> Fraction | None:
    """The innermost integer within a bound."""
    if value is None:
        return None
    rounded = Fraction(towards(value))
    return rounded + inside if exclusive and rounded == value else rounded


_Bounds: TypeAlias = tuple[Fraction | None, bool, Fraction | None, bool]


def _negated(low: Fraction | None, low_open: bool, high: Fraction | None, high_open: bool) -> _Bounds:
    return (None if high is None else -high), high_open, (None if low is None else -low), low_open


def _holds_zero(low: Fraction | None, low_open: bool, high: Fraction | None, high_open: bool) -> bool:
    above = low is None or low < 0 or (low == 0 and not low_open)
    return above and (high is None or high > 0 or (high == 0 and not high_open))


class _Side(Protocol):
    """What magnitudes, other than zero, are wanted on one side of zero."""

    tracks_point: bool
    most_places: int
    """After how many fraction digits behind one integer digit there may be an exponent, in integers."""

    @property
    def start(self) -> Hashable | None:
        """The comparison before the first significant digit, None if nothing is wanted."""

    def read(self, comparison: Any) -> Iterable[tuple[int, int, Hashable]]:
        """Ranges of digits and the comparisons after them."""

    def place(self, point: int) -> int | None:
        """`point`, clipped to where it matters; None where it is too far right for any text to qualify."""

    def settle(self, point: int, comparison: Any) -> Hashable:
        """`comparison` with what cannot matter any more forgotten, once the point stays at `point`."""

    def exponents(self, point: int, comparison: Any) -> Exponents:
        """The exponents that qualify after a mantissa."""

    def may_scale(self, point: int, comparison: Any) -> bool:
        """Whether an exponent may follow a mantissa with its decimal point there."""

    def is_lost(self, point: int, comparison: Any, least: int) -> bool:
        """Whether no exponent from `least` on can qualify, now or further right."""


@dataclass(frozen=True, slots=True)
class _Bound:
    """0.d1d2... * 10**exponent with d1 != 0; `remainder` / `divisor` is the significand."""

    remainder: int
    divisor: int
    exponent: int
    exclusive: bool

    def read(self, comparison: int) -> tuple[int, int]:
        """The digit that keeps the comparison open, and the remainder after it."""
        return divmod(10 * comparison, self.divisor)


def _bound(value: Fraction, exclusive: bool) -> _Bound:
    """Of a positive value."""
    exponent = len(str(floor(value))) if value >= 1 else -len(str(floor(1 / value))) + 1
    while value >= Fraction(10) ** exponent:
        exponent += 1
    while value < Fraction(10) ** (exponent - 1):
        exponent -= 1
    significand = value / Fraction(10) ** exponent
    return _Bound(significand.numerator, significand.denominator, exponent, exclusive)


class _Between:
    """Magnitudes between two bounds, either of which may be missing."""

    def __init__(self, low: _Bound | None, high: _Bound | None) -> None:
        self._bounds = (low, high)
        exponents = [bound.exponent for bound in self._bounds if bound is not None]
        self.tracks_point = bool(exponents)
        self._points = (min([-MAX_POINT, *exponents]) - 1, max([MAX_POINT, *exponents]) + 1)
        self.most_places = MAX_FRACTION_DIGITS
        if high is not None:
            self.most_places = min(max(high.exponent - 1, 0), MAX_FRACTION_DIGITS)

    @property
    def start(self) -> Hashable:
        return tuple([NO_BOUND if bound is None else bound.remainder for bound in self._bounds])

    def read(self, comparison: tuple[int, int]) -> Iterable[tuple[int, int, Hashable]]:
        open_at: list[tuple[int, int] | None] = []
        for bound, outcome in zip(self._bounds, comparison):
            open_at.append(None if bound is None or outcome < 0 else bound.read(outcome))
        cuts = {0, 10}
        for at in open_at:
            if at is not None:
                cuts |= {at[0], at[0] + 1}
        points = sorted(cuts)
        for first, after in itertools.pairwise(points):
            yield (
                first,
                after - 1,
                tuple(
                    [
                        old if at is None else at[1] if first == at[0] else LESS if first < at[0] else GREATER
                        for at, old in zip(open_at, comparison)
                    ]
                ),
            )

    def place(self, point: int) -> int:
        return min(max(point, self._points[0]), self._points[1]) if self.tracks_point else 0

    def settle(self, point: int, comparison: tuple[int, int]) -> Hashable:
        if self.may_scale(point, comparison):
            return comparison
        return tuple(
            [
                old if bound is None or bound.exponent == point else LESS
                for bound, old in zip(self._bounds, comparison)
            ]
        )

    def exponents(self, point: int, comparison: tuple[int, int]) -> Exponents:
        least = greatest = None
        low, high = self._bounds
        if low is not None:
            outside = comparison[0] == LESS or comparison[0] > 0 or (comparison[0] == 0 and low.exclusive)
            least = low.exponent - point + outside
        if high is not None:
            outside = comparison[1] == GREATER or (comparison[1] == 0 and high.exclusive)
            greatest = high.exponent - point - outside
        return between(least, greatest)

    def may_scale(self, point: int, comparison: Any) -> bool:
        return -MAX_POINT <= point <= MAX_POINT

    def is_lost(self, point: int, comparison: tuple[int, int], least: int) -> bool:
        high = self._bounds[1]
        return high is not None and high.exponent - point - (comparison[1] == GREATER) < least

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._bounds == getattr(other, "_bounds", None)

    __hash__ = None  # type: ignore[assignment]


class _Nothing(_Between):
    """No magnitude."""

    def __init__(self) -> None:
        super().__init__(None, None)

    @property
    def start(self) -> Hashable:
        return None


def _between(low: Fraction | None, low_open: bool, high: Fraction | None, high_open: bool) -> _Side:
    """The positive part of an interval."""
    if high is not None and (high <= 0 or (low is not None and low > high)):
        return _Nothing()
    lower = _bound(low, low_open) if low is not None and low > 0 else None
    return _Between(lower, None if high is None else _bound(high, high_open))


class _Listed:
    """Magnitudes from a list of (significant digits, exponent)."""

    tracks_point = True
    most_places = 0

    def __init__(self, values: list[tuple[str, int]]) -> None:
        self._values = values
        exponents = [exponent for _, exponent in values]
        self._points = (min([1, *exponents]), max([1, *exponents]))

    @property
    def start(self) -> Hashable | None:
        return (tuple(range(len(self._values))), 0) if self._values else None

    def read(self, comparison: tuple[tuple[int, ...], int]) -> Iterable[tuple[int, int, tuple[Any, ...]]]:
        candidates, length = comparison
        by_digit: dict[int, list[int]] = {}
        for value in candidates:
            digits = self._values[value][0]
            by_digit.setdefault(int(digits[length]) if length < len(digits) else 0, []).append(value)
        for digit, kept in by_digit.items():
            longest = max(len(self._values[value][0]) for value in kept)
            yield digit, digit, (tuple(kept), min(length + 1, longest))

    def place(self, point: int) -> int | None:
        return max(point, self._points[0] - 1) if point <= self._points[1] else None

    def settle(self, point: int, comparison: tuple[tuple[int, ...], int]) -> Hashable:
        return comparison

    def exponents(self, point: int, comparison: tuple[tuple[int, ...], int]) -> Exponents:
        candidates, length = comparison
        values = [self._values[value] for value in candidates]
        return one_of({exponent - point for digits, exponent in values if len(digits) <= length})

    def may_scale(self, point: int, comparison: Any) -> bool:
        return point == 1

    def is_lost(self, point: int, comparison: Any, least: int) -> bool:
        return False


class _Unlisted(_Listed):
    """All magnitudes but those from a list.

    Once the digits are those of no listed value, the comparison is FREE: no exponent can make them equal.
    """

    def __init__(self, values: list[tuple[str, int]]) -> None:
        super().__init__(values)
        self._points = (self._points[0] - POINT_MARGIN, self._points[1] + POINT_MARGIN)
        self._scaled = (max(self._points[0], -MAX_FAR), min(self._points[1], MAX_FAR))

    @property
    def start(self) -> Hashable:
        return (tuple(range(len(self._values))), 0) if self._values else FREE

    def read(self, comparison: tuple[tuple[int, ...], int]) -> Iterable[tuple[int, int, tuple[Any, ...]]]:
        kept = sorted(super().read(comparison))
        yield from kept
        ends = [-1, *(digit for digit, _, _ in kept), 10]
        yield from ((low + 1, high - 1, FREE) for low, high in itertools.pairwise(ends) if low + 1 < high)

    def place(self, point: int) -> int:
        return min(max(point, self._points[0] - 1), self._points[1] + 1)

    def exponents(self, point: int, comparison: tuple[tuple[int, ...], int]) -> Exponents:
        return complement(super().exponents(point, comparison))

    def may_scale(self, point: int, comparison: tuple[tuple[int, ...], int]) -> bool:
        return comparison == FREE or self._scaled[0] <= point <= self._scaled[1]


class _UnlistedPlainly(_Unlisted):
    """The same without exponents behind digits of a listed value: far fewer states where the list is long.

    Behind the decimal point a comparison goes on with the values that have theirs there, and is marked for it: however
    it ends, it does not know of the other values, which an exponent could still reach.
    """

    def settle(self, point: int, comparison: tuple[Any, ...]) -> Hashable:
        if comparison == FREE or len(comparison) == 3:
            return comparison
        candidates, length = comparison
        return tuple(value for value in candidates if self._values[value][1] == point), length, "settled"

    def read(self, comparison: tuple[Any, ...]) -> Iterator[tuple[int, int, tuple[Any, ...]]]:
        mark = comparison[2:]
        for low, high, after in super().read(comparison[:2]):
            yield low, high, (*after, *mark)

    def exponents(self, point: int, comparison: tuple[Any, ...]) -> Exponents:
        return super().exponents(point, comparison[:2])

    def may_scale(self, point: int, comparison: tuple[Any, ...]) -> bool:
        return comparison == FREE


def _significand(value: Fraction) -> tuple[str, int]:
    bound = _bound(value, False)
    digits, remainder = "", bound.remainder
    while remainder:
        digit, remainder = bound.read(remainder)
        digits += str(digit)
        if len(digits) > 2 * MAX_MAGNITUDE:
            raise ValueError(f"{value} has no short decimal expansion")
    return digits, bound.exponent


class _NumberText(ScaledText):
    """The syntax of numbers as a crawlable automaton.

    States are tuples: a kind, then (side, point, comparison, fraction digits, least integral exponent).
    """

    def __init__(self, sides: tuple[_Side, _Side], *, zero: bool, integer: bool) -> None:
        self._sides = sides
        # A range that is symmetric about zero needs the digits only once.
        self._negative = 0 if sides[0] == sides[1] else 1
        self._zero = zero
        self._integer = integer

    def _accepts(self, kind: str, *rest: Any) -> bool:
        if kind == "zero" or (kind == "leading" and rest[2]):
            return self._zero
        if kind == "integer" or (kind == "fraction" and rest[3]):
            return holds(self._allowed(*rest), 0)
        if kind == "zeros":
            is_wanted, _, n = rest
            return is_wanted and n > 0
        return super()._accepts(kind, *rest)

    def _after_start(self) -> Iterator[Step]:
        yield ord("-"), ord("-"), ("minus",)
        yield from self._first_digits(0)

    def _after_minus(self) -> Iterator[Step]:
        yield from self._first_digits(self._negative)

    def _first_digits(self, side: int) -> Iterator[Step]:
        yield ord("0"), ord("0"), ("zero", side)
        start = self._sides[side].start
        if start is not None:
            yield from self._digits("integer", side, 1, start, 0, 0, first=1)

    def _digits(
        self, kind: str, side: int, point: int, comparison: Any, n: int, least: int, *, first: int = 0
    ) -> Iterator[Step]:
        """Read one more significant digit, of `first` or more, after which the decimal point is at `point`."""
        place = self._sides[side].place(point)
        if place is None:
            return
        for low, high, after in self._sides[side].read(comparison):
            for begin, end in ((low, min(high, 0)), (max(low, 1), high)):
                if max(begin, first) <= end:
                    integral = self._least(kind, side, place, n, least, is_zero=end == 0)
                    if integral is None or self._is_lost(side, place, after, integral):
                        continue
                    target: tuple[Hashable, ...] = (kind, side, place, after, n, integral)
                    if kind == "fraction":
                        target = self._fraction(side, place, after, n, integral)
                    yield 48 + max(begin, first), 48 + end, target

    def _fraction(self, side: int, point: int, comparison: Any, n: int, least: int) -> tuple[Hashable, ...]:
        """After the decimal point and `n` more digits."""
        if self._integer and least == 0 and n >= self._most_places(side, point):
            # Only zeros may follow, and these change nothing.
            allowed = self._allowed(side, point, comparison, n, least)
            may_scale = self._may_scale(side, point, comparison)
            return "zeros", holds(allowed, 0), allowed if may_scale else NONE, min(n, 1)
        return "fraction", side, point, self._sides[side].settle(point, comparison), n, least

    def _least(self, kind: str, side: int, point: int, n: int, least: int, *, is_zero: bool) -> int | None:
        """The least exponent known to make the value integral after one more digit; None if there is none.

        Fraction digits less trailing zeros; zeros far behind the decimal point are not taken off.
        """
        if not self._integer:
            return 0
        is_bounded = self._sides[side].tracks_point
        if kind == "integer":
            return max(least - 1, 0 if is_bounded else -MAX_TRAILING_ZEROS) if is_zero else 0
        # Taking off zeros doubles the states of bounded integers, and nobody writes them like that.
        exact = 0 if is_bounded else FEW_DIGITS
        if is_zero and least <= 0:
            return least if n <= exact else 0
        if is_zero and n <= exact:
            return least
        return n if n <= self._most_places(side, point) else None

    def _most_places(self, side: int, point: int) -> int:
        """After how many fraction digits that are not all zeros an exponent may make the value an integer."""
        if not self._sides[side].tracks_point:
            return MAX_FRACTION_DIGITS
        return self._sides[side].most_places if point == 1 else 0

    def _is_lost(self, side: int, point: int, comparison: Any, least: int) -> bool:
        """Whether nothing that begins like this can qualify; it only keeps the crawl small."""
        if self._integer:
            # Zeros appended move `point` and `least` by as much, other digits raise `least`.
            return self._sides[side].is_lost(point, comparison, least if point <= MAX_POINT else 0)
        return point > MAX_POINT and self._sides[side].is_lost(point, comparison, 0)

    def _after_integer(self, side: int, point: int, comparison: Any, n: int, least: int) -> Iterator[Step]:
        yield from self._digits("integer", side, point + 1, comparison, 0, least)
        yield ord("."), ord("."), self._fraction(side, point, comparison, 0, least)
        yield from self._scale(side, point, comparison, n, least)

    def _after_fraction(self, side: int, point: int, comparison: Any, n: int, least: int) -> Iterator[Step]:
        yield from self._digits("fraction", side, point, comparison, self._count(n, side, point), least)
        if n:
            yield from self._scale(side, point, comparison, n, least)

    def _after_zeros(self, is_wanted: bool, allowed: Exponents, n: int) -> Iterator[Step]:
        """After the decimal point and, if `n`, zeros, where nothing but zeros and `allowed` may follow."""
        if is_wanted or allowed:
            yield ord("0"), ord("0"), ("zeros", is_wanted, allowed, 1)
        if n:
            yield from exponent_mark(allowed)

    def _count(self, n: int, side: int, point: int) -> int:
        """One more fraction digit, as far as it matters."""
        return min(n, self._most_places(side, point)) + 1 if self._integer else 1

    def _after_zero(self, side: int) -> Iterator[Step]:
        allowed = ANY if self._zero else NONE
        if self._sides[side].start is None or (self._integer and self._sides[side].tracks_point):
            yield ord("."), ord("."), ("zeros", self._zero, allowed, 0)
        else:
            yield ord("."), ord("."), ("leading", side, 0, 0)
        yield from exponent_mark(allowed)

    def _after_leading(self, side: int, point: int, n: int) -> Iterator[Step]:
        """After `0.` and `n` zeros (counted as far as it matters)."""
        count = self._count(n, side, point)
        yield from self._digits("fraction", side, point, self._sides[side].start, count, 1, first=1)
        yield ord("0"), ord("0"), ("leading", side, self._sides[side].place(point - 1), count)
        if n and self._zero:
            yield from exponent_mark(ANY)

    def _allowed(self, side: int, point: int, comparison: Any, n: int, least: int) -> Exponents:
        allowed = self._sides[side].exponents(point, comparison)
        return at_least(allowed, least) if self._integer else allowed

    def _may_scale(self, side: int, point: int, comparison: Any) -> bool:
        return not self._sides[side].tracks_point or self._sides[side].may_scale(point, comparison)

    def _scale(self, side: int, point: int, comparison: Any, n: int, least: int) -> Iterator[Step]:
        if self._may_scale(side, point, comparison):
            yield from exponent_mark(self._allowed(side, point, comparison, n, least))
