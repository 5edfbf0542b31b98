"""Shapes: one conjunction of constraints per JSON type, and their intersection.

A goal is a conjunction of subschemas, a sorted tuple of their numbers; `()` allows everything. A shape is one
alternative of a goal with its own keywords merged; member schemas stay goals, so nothing below is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypeVar

T = TypeVar("T")
Goal = tuple[int, ...]
ANYTHING: Goal = ()

NULL, TRUE, FALSE, NUMBER, STRING, ARRAY, OBJECT = 1, 2, 4, 8, 16, 32, 64
ALL_TYPES = 127


def conjoin(a: Goal, b: Goal) -> Goal:
    """The conjunction of two goals."""
    if not a or a == b:
        return b
    return a if not b else tuple(sorted({*a, *b}))


@dataclass(frozen=True, slots=True)
class Numbers:
    """A set of numbers: an interval, only the integers of it, only some values.

    plain : spelled without fraction and exponent; in draft 4 that is what makes a number an integer.
    """

    integer: bool = False
    low: Fraction | None = None
    low_open: bool = False
    high: Fraction | None = None
    high_open: bool = False
    values: frozenset[Fraction] | None = None
    plain: bool = False

    def contains(self, value: Fraction) -> bool:
        if self.integer and value.denominator != 1:
            return False
        if self.low is not None and (value < self.low or (self.low_open and value == self.low)):
            return False
        return not (self.high is not None and (value > self.high or (self.high_open and value == self.high)))

    @property
    def is_empty(self) -> bool:
        """Whether no number is left."""
        if self.values is not None:
            return not any(map(self.contains, self.values))
        if self.low is None or self.high is None:
            return False
        if not self.integer:
            return self.low > self.high or (self.low == self.high and (self.low_open or self.high_open))
        first = self.low.__ceil__() + (self.low_open and self.low.denominator == 1)
        last = self.high.__floor__() - (self.high_open and self.high.denominator == 1)
        return first > last

    def __and__(self, other: Numbers) -> Numbers:
        low, low_open = _tighter(self.low, self.low_open, other.low, other.low_open, sign=1)
        high, high_open = _tighter(self.high, self.high_open, other.high, other.high_open, sign=-1)
        values = _both(self.values, other.values)
        integer, plain = self.integer or other.integer, self.plain or other.plain
        return Numbers(integer, low, low_open, high, high_open, values, plain)


@dataclass(frozen=True, slots=True)
class Strings:
    """A set of strings: `low` to `high` code points, each pattern found in it, only some texts."""

    low: int = 0
    high: int | None = None
    patterns: frozenset[str] = frozenset()
    texts: frozenset[str] | None = None

    def __and__(self, other: Strings) -> Strings:
        return Strings(
            max(self.low, other.low),
            _least(self.high, other.high),
            self.patterns | other.patterns,
            _both(self.texts, other.texts),
        )


@dataclass(frozen=True, slots=True)
class Arrays:
    """Arrays of `low` to `high` items: the first ones by `prefix`, the others by `rest`."""

    low: int = 0
    high: int | None = None
    prefix: tuple[Goal, ...] = ()
    rest: Goal = ANYTHING

    def item(self, index: int) -> Goal:
        return self.prefix[index] if index < len(self.prefix) else self.rest

    def __and__(self, other: Arrays) -> Arrays:
        n = max(len(self.prefix), len(other.prefix))
        return Arrays(
            max(self.low, other.low),
            _least(self.high, other.high),
            tuple(conjoin(self.item(i), other.item(i)) for i in range(n)),
            conjoin(self.rest, other.rest),
        )


@dataclass(frozen=True, slots=True)
class Objects:
    """Objects: declared `properties` in order, `required` names in order, `extra` for all other names."""

    properties: dict[str, Goal]
    required: tuple[str, ...] = ()
    extra: Goal = ANYTHING

    def member(self, name: str) -> Goal:
        return self.properties.get(name, self.extra)

    def __and__(self, other: Objects) -> Objects:
        names = dict.fromkeys([*self.properties, *other.properties])
        return Objects(
            {name: conjoin(self.member(name), other.member(name)) for name in names},
            tuple(dict.fromkeys(self.required + other.required)),
            conjoin(self.extra, other.extra),
        )


ANY_OBJECT = Objects({})


@dataclass(frozen=True, slots=True)
class Shape:
    """Values of the types in the bit set `types`, each type under its own constraints."""

    types: int = ALL_TYPES
    numbers: Numbers = Numbers()
    strings: Strings = Strings()
    arrays: Arrays = Arrays()
    objects: Objects = ANY_OBJECT

    def __and__(self, other: Shape) -> Shape:
        if self is ANY_SHAPE or other is ANY_SHAPE:
            return other if self is ANY_SHAPE else self
        types = self.types & other.types
        merged = Shape(types)
        # Only what the remaining types can show is merged: the rest would be work for nothing.
        if types & NUMBER:
            merged = replace(merged, numbers=self.numbers & other.numbers)
        if types & STRING:
            merged = replace(merged, strings=self.strings & other.strings)
        if types & ARRAY:
            merged = replace(merged, arrays=self.arrays & other.arrays)
        if types & OBJECT:
            merged = replace(merged, objects=self.objects & other.objects)
        return merged


ANY_SHAPE = Shape()


def _tighter(
    a: Fraction | None, a_open: bool, b: Fraction | None, b_open: bool, *, sign: int
) -> tuple[Fraction | None, bool]:
    """The tighter of two lower (sign 1) or upper (sign -1) bounds."""
    if a is None or b is None:
        return (b, b_open) if a is None else (a, a_open)
    if a == b:
        return a, a_open or b_open
    return (a, a_open) if (a > b) == (sign > 0) else (b, b_open)


def _least(a: int | None, b: int | None) -> int | None:
    if a is None or b is None:
        return b if a is None else a
    return min(a, b)


def _both(a: frozenset[T] | None, b: frozenset[T] | None) -> frozenset[T] | None:
    if a is None or b is None:
        return b if a is None else a
    return a & b
