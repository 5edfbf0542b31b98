"""The exponents of number texts: which may follow a mantissa, as states of a crawl (`dfa.crawl`).

An exponent is at most MAX_EXPONENT from zero and has at most MAX_LEADING_ZEROS zeros before its digits, wherever
it stands: `1e+09` and `1e007`, but neither `1e1000` nor `0e0000`. So a value can be computed exactly by whoever
reads it, and no text goes on with exponent digits for ever.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeAlias

from .dfa import NOT_ACCEPTING

Step = tuple[int, int, Hashable]

MAX_EXPONENT_DIGITS = 3
MAX_LEADING_ZEROS = 2
MAX_EXPONENT = 10**MAX_EXPONENT_DIGITS - 1

# Ranges of integers, ascending and disjoint, within ±MAX_EXPONENT.
Exponents: TypeAlias = tuple[tuple[int, int], ...]
ANY: Exponents = ((-MAX_EXPONENT, MAX_EXPONENT),)
NONE: Exponents = ()


class ScaledText:
    """The part of a number's syntax that begins with `e`; a subclass has the mantissas.

    States are tuples, a kind before what `_after_<kind>` takes:
    mark     : after `e`; `allowed` may follow.
    exponent : after the sign, if any, and `zeros` zeros.
    digits   : after a digit that is no leading zero. ends[n] : what the next n digits may spell.
    """

    def step(self, state: Any) -> Iterable[Step]:
        steps: Iterable[Step] = getattr(self, f"_after_{state[0]}")(*state[1:])
        return steps

    def label(self, state: Any) -> int:
        return 0 if self._accepts(*state) else NOT_ACCEPTING

    def _accepts(self, kind: str, *rest: Any) -> bool:
        if kind == "exponent":
            allowed, zeros = rest
            return zeros > 0 and holds(allowed, 0)
        return kind == "digits" and bool(rest[0][0])

    # The steps behind `e` depend on nothing else, so they are kept for the process.

    def _after_mark(self, allowed: Exponents) -> Iterable[Step]:
        return _mark_steps(allowed)

    def _after_exponent(self, allowed: Exponents, zeros: int) -> Iterable[Step]:
        return _exponent_steps(allowed, zeros)

    def _after_digits(self, ends: tuple[Exponents, ...]) -> Iterable[Step]:
        return _digit_steps(ends)


def exponent_mark(allowed: Exponents) -> Iterator[Step]:
    """The steps from a mantissa into its exponent."""
    if allowed:
        for mark in b"Ee":
            yield mark, mark, ("mark", allowed)


def between(low: int | None, high: int | None) -> Exponents:
    """The exponents from `low` to `high`, None being no bound."""
    first = -MAX_EXPONENT if low is None else max(low, -MAX_EXPONENT)
    last = MAX_EXPONENT if high is None else min(high, MAX_EXPONENT)
    return ((first, last),) if first <= last else NONE


def one_of(values: Iterable[int]) -> Exponents:
    """These exponents, as far as they are within MAX_EXPONENT."""
    return tuple([(value, value) for value in sorted(values) if abs(value) <= MAX_EXPONENT])


def complement(allowed: Exponents) -> Exponents:
    """All other exponents."""
    ends = [(-MAX_EXPONENT - 1,) * 2, *allowed, (MAX_EXPONENT + 1,) * 2]
    return tuple([(low + 1, high - 1) for (_, low), (high, _) in pairwise(ends) if low + 1 < high])


def at_least(allowed: Exponents, least: int) -> Exponents:
    """Those of `allowed` that are `least` or greater."""
    return tuple([(max(low, least), high) for low, high in allowed if high >= least])


def holds(allowed: Exponents, value: int) -> bool:
    """Whether `value` is one of the exponents."""
    return any(low <= value <= high for low, high in allowed)


def _part(allowed: Exponents, low: int, high: int) -> Exponents:
    """Those from `low` to `high`, less `low`."""
    return tuple([(max(a, low) - low, min(b, high) - low) for a, b in allowed if a <= high and b >= low])


@lru_cache(maxsize=4096)
def _mark_steps(allowed: Exponents) -> tuple[Step, ...]:
    above = _part(allowed, 0, MAX_EXPONENT)
    below = _part(tuple([(-high, -low) for low, high in reversed(allowed)]), 0, MAX_EXPONENT)
    signed = [
        (ord(sign), ord(sign), ("exponent", part, 0)) for sign, part in (("+", above), ("-", below)) if part
    ]
    return *signed, *_exponent_steps(above, 0)


@lru_cache(maxsize=4096)
def _exponent_steps(allowed: Exponents, zeros: int) -> tuple[Step, ...]:
    steps: list[Step] = []
    if allowed and (zeros < MAX_LEADING_ZEROS or holds(allowed, 0)):
        # The last zero is the exponent itself.
        more = ("exponent", allowed, zeros + 1) if zeros < MAX_LEADING_ZEROS else ("digits", (((0, 0),),))
        steps.append((48, 48, more))
    # What digits may spell after a digit that is not zero follows `digits`, as after any other.
    ends = tuple([_part(allowed, 0, 10**n - 1) for n in range(MAX_EXPONENT_DIGITS + 1)])
    return *steps, *_steps_into(ends, first=1)


@lru_cache(maxsize=4096)
def _digit_steps(ends: tuple[Exponents, ...]) -> tuple[Step, ...]:
    return tuple(_steps_into(ends, first=0))


def _steps_into(ends: tuple[Exponents, ...], first: int) -> Iterator[Step]:
    """Read a digit, `first` or more. The last of `ends` is never empty but for the first digit."""
    previous, since = None, first
    for digit in range(first, 11):
        after = None if digit == 10 else _after_digit(ends, digit)
        if after != previous:
            if previous is not None:
                yield 48 + since, 47 + digit, ("digits", previous)
            previous, since = after, digit


def _after_digit(ends: tuple[Exponents, ...], digit: int) -> tuple[Exponents, ...] | None:
    """What may be spelled after `digit`, None if nothing."""
    after = [_part(part, digit * 10**n, (digit + 1) * 10**n - 1) for n, part in enumerate(ends[1:])]
    while after and not after[-1]:
        after.pop()
    return tuple(after) or None
