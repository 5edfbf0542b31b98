"""Sets of numbers as conjunctions of constraints: their texts, and how many values they have.

Which exponent spellings are accepted: those that every part accepts (`numbers.py`, `multiples.py`); where
multiples or exclusions leave at most MAX_LISTED values, those of a list of values. Emptiness and counts are of
values, however spelled, and exact.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from math import gcd, lcm
from typing import TypedDict, Unpack

from ..errors import CompileBudgetExceeded
from .dfa import ByteDfa, difference, intersect, table_bytes
from .multiples import multiple_dfa, non_multiple_dfa
from .numbers import not_equal_dfa, number_dfa, number_equal_dfa
from .recent import CACHE_BYTES, Recent
from .regex import compile_regex

MAX_LISTED = 64
MAX_PRODUCT = 10_000

_CACHE: Recent[ByteDfa] = Recent(CACHE_BYTES, table_bytes)


class Constraints(TypedDict, total=False):
    """The keywords of the functions below; one that is missing constrains nothing.

    integer          : the value is integral.
    low, low_open    : it is at least `low`, or above it; None is no bound. `high` alike.
    multiples        : it is an integer times each of these (> 0, with finite decimal expansions).
    non_multiples    : it is an integer times none of these, so it is no integer if 1 is among them.
    values, excluded : it is one of these (None: of all), none of those (with finite decimal expansions).
    plain            : True: it is an integer, spelled without fraction and exponent. False: it is spelled with one.
    """

    integer: bool
    low: Fraction | None
    low_open: bool
    high: Fraction | None
    high_open: bool
    multiples: frozenset[Fraction]
    non_multiples: frozenset[Fraction]
    values: frozenset[Fraction] | None
    excluded: frozenset[Fraction]
    plain: bool | None


def numbers_dfa(**constraints: Unpack[Constraints]) -> ByteDfa:
    """The texts of the numbers in a set. Cached.

    Raises CompileBudgetExceeded for divisors, bounds or lists that need too many states.
    """
    numbers = _Numbers(**constraints)
    if numbers.is_interval and numbers.plain is None:  # has a cache of its own
        return numbers.interval_dfa()
    return _CACHE.get(numbers, numbers.build)


def numbers_are_empty(**constraints: Unpack[Constraints]) -> bool:
    """Whether no number is in the set."""
    return count_numbers(0, **constraints) == 0


def count_numbers(limit: int, **constraints: Unpack[Constraints]) -> int:
    """How many different numbers are in the set, at most `limit` + 1.

    Cost: of about `limit` numbers looked at, where there are that many.
    """
    few = list_numbers(limit, **constraints)
    return limit + 1 if few is None else len(few)


def list_numbers(limit: int, **constraints: Unpack[Constraints]) -> list[Fraction] | None:
    """All numbers in the set, ascending, or None if there are more than `limit`."""
    return _Numbers(**constraints).listed(limit)


_PLAIN_INTEGER = r"-?(0|[1-9][0-9]*)"


@dataclass(frozen=True)
class _Numbers:
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

    @property
    def is_interval(self) -> bool:
        return self.values is None and not (self.multiples or self.non_multiples or self.excluded)

    @cached_property
    def unit(self) -> Fraction | None:
        """What all numbers of the set are multiples of, if anything."""
        units = {*self.multiples, *({Fraction(1)} if self.integer or self.plain else ())}
        if not units:
            return None
        # In lowest terms: the powers of each prime are the greatest of all.
        return Fraction(lcm(*[u.numerator for u in units]), gcd(*[u.denominator for u in units]))

    @cached_property
    def divisors(self) -> list[Fraction]:
        """`non_multiples` without those that follow from others."""
        if self.unit is None:
            effective = {divisor: divisor for divisor in self.non_multiples}
        else:
            effective = {
                d: Fraction(n) for d, n in zip(self.non_multiples, map(self._every, self.non_multiples))
            }
        kept: list[Fraction] = []
        for divisor in sorted(effective, key=lambda d: (effective[d], d)):
            if not any(_divides(effective[other], effective[divisor]) for other in kept):
                kept.append(divisor)
        return kept

    def _every(self, divisor: Fraction) -> int:
        """Which multiples of the unit are multiples of `divisor`, too: every n-th."""
        assert self.unit is not None
        ratio = divisor / self.unit
        return ratio.numerator

    def holds(self, value: Fraction) -> bool:
        """Whether `value` is in the set, however it is spelled."""
        return (
            self._is_inside(value)
            and (self.unit is None or _divides(self.unit, value))
            and not any(_divides(divisor, value) for divisor in self.non_multiples)
            and value not in self.excluded
            and (self.values is None or value in self.values)
        )

    def _is_inside(self, value: Fraction) -> bool:
        if self.low is not None and (value < self.low or (self.low_open and value == self.low)):
            return False
        return self.high is None or value < self.high or (value == self.high and not self.high_open)

    def members(self, values: frozenset[Fraction]) -> list[Fraction]:
        return sorted(filter(self.holds, values))

    def listed(self, limit: int) -> list[Fraction] | None:
        """All numbers, ascending, or None if there are more than `limit`."""
        if self.values is not None:
            found = self.members(self.values)
        elif self.unit is None:
            if self.low is None or self.high is None or self.low < self.high:
                return None
            found = self.members(frozenset([self.low]))
        else:
            found = sorted(itertools.islice(self._multiples_of(self.unit), limit + 1))
        return found if len(found) <= limit else None

    def _multiples_of(self, unit: Fraction) -> Iterator[Fraction]:
        """All numbers of the set, which are multiples of `unit`; those near zero or a bound first."""
        every = [self._every(divisor) for divisor in self.divisors]
        if 1 in every:
            return
        without = {value / unit for value in self.excluded}
        for factor in self._factors(unit):
            # Else each factor that is 1 more than a multiple of all of `every` is left: it ends.
            if factor not in without and not any(factor % n == 0 for n in every):
                yield factor * unit

    def _factors(self, unit: Fraction) -> Iterator[int]:
        """The integers whose product with `unit` lies within the bounds."""
        low = high = None
        if self.low is not None:
            low = -(-self.low // unit)
            low += self.low_open and low * unit == self.low
        if self.high is not None:
            high = self.high // unit
            high -= self.high_open and high * unit == self.high
        if low is not None:
            return itertools.count(low) if high is None else iter(range(low, high + 1))
        if high is not None:
            return itertools.count(high, -1)
        return (sign * n for n in itertools.count() for sign in ((1, -1) if n else (1,)))

    def interval_dfa(self) -> ByteDfa:
        """All numbers within the bounds; only the integers if all numbers of the set are."""
        return number_dfa(
            integer=self.unit is not None and self.unit.denominator == 1,
            lo=self.low,
            lo_exclusive=self.low_open,
            hi=self.high,
            hi_exclusive=self.high_open,
        )

    def build(self) -> ByteDfa:
        if self.plain is not None:
            spelled = intersect if self.plain else difference
            return spelled(self.however_spelled().build(), compile_regex(_PLAIN_INTEGER))
        if self.is_interval:
            return self.interval_dfa()
        listed = self.listed(len(self.values) if self.values is not None else MAX_LISTED)
        return self._product() if listed is None else number_equal_dfa(listed)

    def however_spelled(self) -> _Numbers:
        return replace(self, integer=self.integer or self.plain is True, plain=None)

    def _product(self) -> ByteDfa:
        parts = sorted(self._parts(), key=lambda part: part.n_states)
        found = parts[0]
        try:
            for part in parts[1:]:
                found = intersect(found, part, budget=MAX_PRODUCT)
        except CompileBudgetExceeded:
            raise CompileBudgetExceeded(
                f"bounds and multiples together need more than {MAX_PRODUCT} states",
                hint="use divisors with fewer digits, or validate them afterwards",
            ) from None
        return found

    def _parts(self) -> Iterator[ByteDfa]:
        is_bounded = not (self.low is None and self.high is None)
        others = replace(self, excluded=frozenset())
        relevant = others.members(self.excluded)
        # All the other parts are numbers anyway.
        is_needed = self.unit is None and not (relevant or self.divisors)
        if is_bounded or self.unit == 1 or is_needed:
            yield self.interval_dfa()
        if self.unit not in (None, 1):
            yield multiple_dfa(self.unit)
        yield from map(non_multiple_dfa, self.divisors)
        if relevant:
            yield not_equal_dfa(relevant)


def _divides(divisor: Fraction, value: Fraction) -> bool:
    return (value / divisor).denominator == 1
