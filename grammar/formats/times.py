"""Dates, times and durations of RFC 3339."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any

from ..dfa import NOT_ACCEPTING, ByteDfa, crawl
from ..regex import compile_regex

Step = tuple[int, int, Hashable]

_DAY = 24 * 60
_LONG_MONTHS = frozenset({1, 3, 5, 7, 8, 10, 12})
_DATE_END = ("date",)
_END = ("end",)

# A leap second is the last one of June 30 or December 31 in UTC (section 5.7). Local dates are the same day or,
# east of Greenwich, the day after; "any" is for a time without a date.
_EVES = frozenset({(6, 30), (12, 31)})
_MORROWS = frozenset({(7, 1), (1, 1)})


def date_dfa() -> ByteDfa:
    """`full-date` of section 5.6: four-digit years from 0000, Gregorian throughout."""
    return _crawl(_DateTime(has_time=False), ("year", 0, 0))


def time_dfa() -> ByteDfa:
    """`full-time` of section 5.6: with an offset. Second 60 only as 23:59:60 UTC, see `date_time_dfa`."""
    return _crawl(_DateTime(has_time=True), ("hour", "any", 0, 0))


def date_time_dfa() -> ByteDfa:
    """`date-time` of section 5.6; `T` and `Z` in either case, never a space between date and time.

    Second 60 is the last one of a June 30 or December 31 in UTC (section 5.7). Not accepted are leap seconds with an
    offset that is not a multiple of 15 minutes: no zone has had one since there are leap seconds and RFC 3339.
    """
    return _crawl(_DateTime(has_time=True), ("year", 0, 0))


def duration_dfa() -> ByteDfa:
    """`duration` of appendix A, letters in upper case: no fractions, no signs, no skipped units, weeks alone."""
    number = "[0-9]+"
    time = f"T(?:{number}H(?:{number}M(?:{number}S)?)?|{number}M(?:{number}S)?|{number}S)"
    date = f"(?:{number}Y(?:{number}M(?:{number}D)?)?|{number}M(?:{number}D)?|{number}D)"
    return compile_regex(f"P(?:{date}(?:{time})?|{time}|{number}W)", dialect="ecma262")


def _crawl(syntax: _DateTime, start: Hashable) -> ByteDfa:
    return crawl(start, syntax.step, syntax.label)


class _DateTime:
    """States are tuples: what is read next, then what of the text before still matters."""

    def __init__(self, *, has_time: bool) -> None:
        self._has_time = has_time
        self._final = _END if has_time else _DATE_END

    def step(self, state: Any) -> Iterable[Step]:
        steps: Callable[..., Iterable[Step]] = getattr(self, f"_{state[0]}")
        return steps(*state[1:])

    def label(self, state: Any) -> int:
        return 0 if state[0] == self._final[0] else NOT_ACCEPTING

    def _year(self, n_digits: int, known: int) -> Iterator[Step]:
        """`known`: the century modulo 4, times ten plus the third digit from there on."""
        for digit in range(10):
            if n_digits < 2:
                yield _digit(digit, ("year", n_digits + 1, (10 * known + digit) % 4))
            elif n_digits == 2:
                yield _digit(digit, ("year", 3, 10 * known + digit))
            else:
                century, year = known // 10, known % 10 * 10 + digit
                leap = century == 0 if year == 0 else year % 4 == 0
                yield _digit(digit, ("dash", ("month", leap, None)))

    def _dash(self, target: Hashable) -> Iterator[Step]:
        yield ord("-"), ord("-"), target

    def _month(self, leap: bool, first: int | None) -> Iterator[Step]:
        if first is None:
            yield from (_digit(digit, ("month", leap, digit)) for digit in (0, 1))
            return
        for digit in range(10):
            month = 10 * first + digit
            if 1 <= month <= 12:
                days = 29 if leap else 28
                if month != 2:
                    days = 31 if month in _LONG_MONTHS else 30
                eve = month if month in (1, 6, 7, 12) else 0
                yield _digit(digit, ("dash", ("day", days, eve, None)))

    def _day(self, days: int, month: int, first: int | None) -> Iterator[Step]:
        """`month` is 0 if it has no day of interest for leap seconds."""
        for digit in range(10):
            if first is None:
                if 10 * digit <= days:
                    yield _digit(digit, ("day", days, month, digit))
            elif 1 <= 10 * first + digit <= days:
                day = (month, 10 * first + digit)
                near = "eve" if day in _EVES else "morrow" if day in _MORROWS else "far"
                yield _digit(digit, ("date", near) if self._has_time else _DATE_END)

    def _date(self, near: str | None = None) -> Iterator[Step]:
        if near is not None:
            for letter in b"Tt":
                yield letter, letter, ("hour", near, 0, 0)

    def _hour(self, near: str, n_digits: int, value: int) -> Iterator[Step]:
        yield from _two_digits(
            ("hour", near), n_digits, value, 24, lambda hour: ("colon", "minute", near, hour)
        )

    def _colon(self, kind: str, near: str, value: int) -> Iterator[Step]:
        yield ord(":"), ord(":"), (kind, near, value, 0, 0)

    def _minute(self, near: str, hour: int, n_digits: int, value: int) -> Iterator[Step]:
        def after(minute: int) -> Hashable:
            clock = 60 * hour + minute
            return ("colon", "second", near, clock if _leap_offsets(near, clock) else -1)

        yield from _two_digits(("minute", near, hour), n_digits, value, 60, after)

    def _second(self, near: str, clock: int, n_digits: int, value: int) -> Iterator[Step]:
        """`clock`: the minutes since midnight if a leap second is possible, else -1."""
        if n_digits == 0:
            yield ord("0"), ord("5"), ("last_digit", None)
            if clock >= 0:
                yield ord("6"), ord("6"), ("sixty", _leap_offsets(near, clock))

    def _last_digit(self, offsets: Any) -> Iterator[Step]:
        yield ord("0"), ord("9"), ("after_second", offsets)

    def _sixty(self, offsets: Any) -> Iterator[Step]:
        yield ord("0"), ord("0"), ("after_second", offsets)

    def _after_second(self, offsets: Any) -> Iterator[Step]:
        """`offsets`: which of (sign, minutes) may follow, None for all."""
        yield ord("."), ord("."), ("point", offsets)
        yield from self._offset(offsets)

    def _point(self, offsets: Any) -> Iterator[Step]:
        yield ord("0"), ord("9"), ("fraction", offsets)

    def _fraction(self, offsets: Any) -> Iterator[Step]:
        yield ord("0"), ord("9"), ("fraction", offsets)
        yield from self._offset(offsets)

    def _offset(self, offsets: Any) -> Iterator[Step]:
        if offsets is None or ("+", 0) in offsets:
            for letter in b"Zz":
                yield letter, letter, _END
        for sign in "+-":
            minutes = None if offsets is None else frozenset(m for s, m in offsets if s == sign)
            if minutes is None or minutes:
                yield ord(sign), ord(sign), ("offset_hour", minutes, 0, 0)

    def _offset_hour(self, minutes: frozenset[int] | None, n_digits: int, value: int) -> Iterator[Step]:
        def after(hour: int) -> Hashable:
            if minutes is None:
                return ("offset_colon", None)
            kept = frozenset(m % 60 for m in minutes if m // 60 == hour)
            return ("offset_colon", kept) if kept else None

        yield from _two_digits(("offset_hour", minutes), n_digits, value, 24, after)

    def _offset_colon(self, minutes: frozenset[int] | None) -> Iterator[Step]:
        yield ord(":"), ord(":"), ("offset_minute", minutes, 0, 0)

    def _offset_minute(self, minutes: frozenset[int] | None, n_digits: int, value: int) -> Iterator[Step]:
        def after(minute: int) -> Hashable:
            return _END if minutes is None or minute in minutes else None

        yield from _two_digits(("offset_minute", minutes), n_digits, value, 60, after)

    def _end(self) -> Iterator[Step]:
        return iter(())


def _digit(digit: int, target: Hashable) -> Step:
    return ord("0") + digit, ord("0") + digit, target


def _two_digits(
    state: tuple[Hashable, ...], n_digits: int, value: int, end: int, after: Callable[[int], Hashable | None]
) -> Iterator[Step]:
    """Read a number below `end`; `after` gives the state behind it, None if there is none."""
    for digit in range(10):
        if n_digits == 0:
            if 10 * digit < end:
                yield _digit(digit, (*state, 1, digit))
        elif 10 * value + digit < end and (target := after(10 * value + digit)) is not None:
            yield _digit(digit, target)


def _leap_offsets(near: str, clock: int) -> frozenset[tuple[str, int]]:
    """The offsets (sign, minutes) that make `clock`, in minutes since midnight, the last minute of a UTC day."""
    found = set()
    if near in ("eve", "any"):
        found.add(("-", _DAY - 1 - clock))
        if clock == _DAY - 1:
            found.add(("+", 0))
    if near in ("morrow", "any") and clock < _DAY - 1:
        found.add(("+", clock + 1))
    return frozenset((sign, minutes) for sign, minutes in found if minutes % 15 == 0)
