"""The exponents of number texts: which may follow a mantissa, as states of a crawl (`dfa.crawl`)."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from .dfa import NOT_ACCEPTING

Step = tuple[int, int, Hashable]


@dataclass(frozen=True, slots=True)
class AllBut:
    """All exponents but a few."""

    values: frozenset[int]


# An interval, None being no bound; a finite set; or the complement of one.
Exponents: TypeAlias = tuple[int | None, int | None] | frozenset[int] | AllBut
ANY: Exponents = (None, None)
NONE: Exponents = frozenset()


class ScaledText:
    """The part of a number's syntax that begins with `e`; a subclass has the mantissas.

    States are tuples, a kind before what `_after_<kind>` takes.
    """

    def step(self, state: Any) -> Iterable[Step]:
        steps: Iterable[Step] = getattr(self, f"_after_{state[0]}")(*state[1:])
        return steps

    def label(self, state: Any) -> int:
        return 0 if self._accepts(*state) else NOT_ACCEPTING

    def _accepts(self, kind: str, *rest: Any) -> bool:
        return kind in ("last", "digits") or (kind == "exponent" and holds(*rest))

    def _after_mark(self, allowed: Exponents) -> Iterator[Step]:
        above, below = _above_zero(allowed), _below_zero(allowed)
        yield ord("+"), ord("+"), ("signed", above)
        yield ord("-"), ord("-"), ("signed", below)
        yield from self._after_signed(above)

    def _after_signed(self, allowed: Exponents) -> Iterator[Step]:
        yield from _exponent_digits(allowed, 0)

    def _after_exponent(self, allowed: Exponents, value: int) -> Iterator[Step]:
        yield from _exponent_digits(allowed, value)

    def _after_need(self) -> Iterator[Step]:
        yield 48, 57, ("digits",)

    def _after_digits(self) -> Iterator[Step]:
        yield 48, 57, ("digits",)

    def _after_last(self) -> Iterator[Step]:
        return iter(())


def exponent_mark(allowed: Exponents) -> Iterator[Step]:
    """The steps from a mantissa into its exponent."""
    if allowed:
        for mark in b"Ee":
            yield mark, mark, ("mark", allowed)


def holds(allowed: Exponents, value: int) -> bool:
    """Whether `value` is one of the exponents."""
    if isinstance(allowed, frozenset):
        return value in allowed
    if isinstance(allowed, AllBut):
        return value not in allowed.values
    low, high = allowed
    return (low is None or low <= value) and (high is None or value <= high)


def _above_zero(allowed: Exponents) -> Exponents:
    if isinstance(allowed, frozenset):
        return frozenset(value for value in allowed if value >= 0)
    if isinstance(allowed, AllBut):
        return AllBut(frozenset(value for value in allowed.values if value >= 0))
    return max(0, allowed[0] or 0), allowed[1]


def _below_zero(allowed: Exponents) -> Exponents:
    """The absolute values of those not above zero."""
    if isinstance(allowed, frozenset):
        return frozenset(-value for value in allowed if value <= 0)
    if isinstance(allowed, AllBut):
        return AllBut(frozenset(-value for value in allowed.values if value <= 0))
    low, high = allowed
    return (0 if high is None else max(0, -high)), (None if low is None else -low)


def _exponent_digits(allowed: Exponents, value: int) -> Iterator[Step]:
    """Append a digit to `value`; leading zeros leave it 0."""
    for digit in range(10):
        target = _exponent_state(allowed, 10 * value + digit)
        if target is not None:
            yield 48 + digit, 48 + digit, target


def _exponent_state(allowed: Exponents, value: int) -> Hashable | None:
    """The state after the digits of `value`, one for all values with the same continuations."""
    if isinstance(allowed, frozenset):
        kept = _continued(allowed, value)
        return ("exponent", kept, value) if kept else None
    if isinstance(allowed, AllBut):
        kept = _continued(allowed.values, value)
        return ("exponent", AllBut(kept), value) if kept else ("digits",)
    low, high = allowed[0] or 0, allowed[1]
    if high is None:
        if value >= low:
            return ("digits",)
        return ("need",) if 0 < value and 10 * value >= low else ("exponent", allowed, value)
    if value > high or low > high:
        return None
    if 10 * value > high:
        return ("last",) if value >= low else None
    return ("exponent", allowed, value)


def _continued(values: frozenset[int], value: int) -> frozenset[int]:
    """Those that more digits after `value`, or none, can still spell."""
    text = str(value) if value else ""
    return frozenset(number for number in values if str(number).startswith(text))
