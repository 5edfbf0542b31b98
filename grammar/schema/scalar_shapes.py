"""Sets of numbers and of strings as conjunctions of constraints, closed under intersection and complement."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple, TypeVar

T = TypeVar("T")
_NONE: frozenset[Fraction] = frozenset()


@dataclass(frozen=True, slots=True)
class Numbers:
    """A set of numbers: an interval, only the integers of it, multiples, only some values, all but some.

    multiples     : the value is a multiple of each of them.
    non_multiples : it is a multiple of none of them.
    plain         : spelled without fraction and exponent (True), or with one of them (False). In draft 4 that is
                    what makes a number an integer.
    """

    integer: bool = False
    low: Fraction | None = None
    low_open: bool = False
    high: Fraction | None = None
    high_open: bool = False
    values: frozenset[Fraction] | None = None
    plain: bool | None = None
    multiples: frozenset[Fraction] = _NONE
    non_multiples: frozenset[Fraction] = _NONE
    excluded: frozenset[Fraction] = _NONE

    @property
    def contradicts_itself(self) -> bool:
        """Whether no number is left, by what is seen at once: only True is sure."""
        if self.values is not None and len(self.values) <= 8:
            return not any(map(self.holds, self.values))
        if self.low is None or self.high is None:
            return False
        return self.low > self.high or (self.low == self.high and (self.low_open or self.high_open))

    @property
    def is_plainly_endless(self) -> bool:
        """Whether a look shows that there are infinitely many: an interval that is open on one side, or integers."""
        if self.values is not None or self.non_multiples or self.plain is False:
            return False
        return self.low is None or self.high is None

    def holds(self, value: Fraction) -> bool:
        """Whether `value` is in the set, however it is spelled."""
        if self.integer and value.denominator != 1:
            return False
        if self.low is not None and (value < self.low or (self.low_open and value == self.low)):
            return False
        if self.high is not None and (value > self.high or (self.high_open and value == self.high)):
            return False
        return (
            value not in self.excluded
            and (self.values is None or value in self.values)
            and all((value / divisor).denominator == 1 for divisor in self.multiples)
            and not any((value / divisor).denominator == 1 for divisor in self.non_multiples)
        )

    def __and__(self, other: Numbers) -> Numbers:
        low, low_open = _tighter(self.low, self.low_open, other.low, other.low_open, sign=1)
        high, high_open = _tighter(self.high, self.high_open, other.high, other.high_open, sign=-1)
        if self.plain is None or self.plain == other.plain:
            plain, values = other.plain, both(self.values, other.values)
        elif other.plain is None:
            plain, values = self.plain, both(self.values, other.values)
        else:
            plain, values = True, frozenset()
        return Numbers(
            self.integer or other.integer,
            low,
            low_open,
            high,
            high_open,
            values,
            plain,
            self.multiples | other.multiples,
            self.non_multiples | other.non_multiples,
            self.excluded | other.excluded,
        )

    def complement(self) -> list[Numbers]:
        """Sets whose union is all other numbers."""
        found = []
        if self.plain is not None:
            found.append(Numbers(plain=not self.plain))
        elif self.integer:
            found.append(Numbers(non_multiples=frozenset([Fraction(1)])))
        if self.low is not None:
            found.append(Numbers(high=self.low, high_open=not self.low_open))
        if self.high is not None:
            found.append(Numbers(low=self.high, low_open=not self.high_open))
        if self.values is not None:
            found.append(Numbers(excluded=self.values))
        if self.excluded:
            found.append(Numbers(values=self.excluded))
        found += [Numbers(non_multiples=frozenset([divisor])) for divisor in self.multiples]
        found += [Numbers(multiples=frozenset([divisor])) for divisor in self.non_multiples]
        return found


class Matcher(NamedTuple):
    """A test of a string: a `pattern` found in it, a `format`, `regex` or `grammar` that it has; or the contrary."""

    kind: str
    text: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Strings:
    """A set of strings: `low` to `high` code points, all `matchers`, only some texts, all texts but some."""

    low: int = 0
    high: int | None = None
    matchers: frozenset[Matcher] = frozenset()
    texts: frozenset[str] | None = None
    excluded: frozenset[str] = frozenset()

    def __and__(self, other: Strings) -> Strings:
        return Strings(
            max(self.low, other.low),
            least(self.high, other.high),
            self.matchers | other.matchers,
            both(self.texts, other.texts),
            self.excluded | other.excluded,
        )

    @property
    def contradicts_itself(self) -> bool:
        """Whether no string is left, by what is seen at once: only True is sure."""
        if self.high is not None and self.low > self.high:
            return True
        return self.texts is not None and self.texts <= self.excluded

    def complement(self) -> list[Strings]:
        """Sets whose union is all other strings."""
        found = []
        if self.low:
            found.append(Strings(high=self.low - 1))
        if self.high is not None:
            found.append(Strings(low=self.high + 1))
        if self.texts is not None:
            found.append(Strings(excluded=self.texts))
        if self.excluded:
            found.append(Strings(texts=self.excluded))
        found += [
            Strings(matchers=frozenset([m._replace(negated=not m.negated)])) for m in sorted(self.matchers)
        ]
        return found


def _tighter(
    a: Fraction | None, a_open: bool, b: Fraction | None, b_open: bool, *, sign: int
) -> tuple[Fraction | None, bool]:
    """The tighter of two lower (sign 1) or upper (sign -1) bounds."""
    if a is None or b is None:
        return (b, b_open) if a is None else (a, a_open)
    if a == b:
        return a, a_open or b_open
    return (a, a_open) if (a > b) == (sign > 0) else (b, b_open)


def least(a: int | None, b: int | None) -> int | None:
    """The tighter of two upper bounds on a count."""
    if a is None or b is None:
        return b if a is None else a
    return min(a, b)


def both(a: frozenset[T] | None, b: frozenset[T] | None) -> frozenset[T] | None:
    """The intersection of two sets, None being everything."""
    if a is None or b is None:
        return b if a is None else a
    return a & b
