"""The JSON texts of numbers that are, or are not, a multiple of a divisor, exactly.

The divisor is 2**a * 5**b * q, with q coprime to 10. A mantissa with the digits D, f of them behind the decimal
point, times 10**e is a multiple just if q divides D (10 is a unit modulo q) and e >= T, where
T = f + max(a - v2(D), b - v5(D)). Once the z trailing zeros of D are taken off, 2 or 5 does not divide what is
left, and T = f - z + max(a, b) - h, where h <= |a - b| is how often the prime with the larger of `a` and `b`
divides it. So D modulo q * prime**|a - b| and T are all that is remembered; where T is known only to lie in a
range, multiples need an exponent above it and the others one below it. No float is involved.

Plain decimal notation is accepted without a limit wherever the value qualifies, and any exponent (as limited in
`exponents.py`) after a zero mantissa. Let w be q * prime**|a - b| (1 for powers of ten, 7 for 7 and 0.7, 15 for 1.5,
864 for 86400), and k the number of states that tell the remainders modulo w apart as far as it matters (1, 7, 6, 378):
- for k <= MAX_ALIKE, an exponent may follow up to MAX_FRACTION_DIGITS fraction digits, behind any integer part for
  k <= MAX_LIGHT, else behind one integer digit. Trailing zeros are taken off T for at most MAX_TRAILING_ZEROS of
  them before the decimal point (beyond what max(a, b) needs), and among the first FEW_DIGITS digits behind it;
- for larger k, and where w > MAX_WEIGHT, it may follow one integer digit and up to FEW_DIGITS fraction digits.
What is not a multiple because of q may have any exponent within the same limits on the mantissa.
A text outside these limits is not accepted, neither as a multiple nor as none; a text with a wrong value never is.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from fractions import Fraction
from typing import Any, TypeAlias

from ..errors import CompileBudgetExceeded
from .dfa import ByteDfa, crawl, table_bytes
from .exponents import ANY, NONE, Exponents, ScaledText, Step, between, exponent_mark
from .partition import equivalence_blocks
from .recent import CACHE_BYTES, Recent

MAX_LIGHT = 40
MAX_ALIKE = 117  # 17 fraction digits of each need no more than 2,000 states
MAX_WEIGHT = 1_000
MAX_FRACTION_DIGITS = 17
MAX_TRAILING_ZEROS = 2
FEW_DIGITS = 2
MAX_DIVISOR_STATES = 5_000
MAX_BITS = 4_000
MAX_POWER, MAX_LIGHT_POWER = 40, 400
"""Divisors have at most this many factors 2 or 5, above or below the line; powers of ten may have more."""

# (low, high): T lies between them; without `low` only the upper bound is known.
_Range: TypeAlias = tuple[int | None, int]

_NEVER: _Range = (0, 0)
"""Stands for T where q does not divide the digits: as long as zeros follow, no exponent makes them a multiple."""

_CACHE: Recent[ByteDfa] = Recent(CACHE_BYTES, table_bytes)


def multiple_dfa(divisor: Fraction) -> ByteDfa:
    """The texts of numbers that are an integer times `divisor` (> 0, with a finite decimal expansion). Cached.

    Raises CompileBudgetExceeded where that needs more than about MAX_DIVISOR_STATES states.
    """
    return _CACHE.get((divisor, True), lambda: _build(divisor, wanted=True))


def non_multiple_dfa(divisor: Fraction) -> ByteDfa:
    """The texts of numbers that are not an integer times `divisor`. As `multiple_dfa`."""
    return _CACHE.get((divisor, False), lambda: _build(divisor, wanted=False))


def _build(divisor: Fraction, *, wanted: bool) -> ByteDfa:
    text = _MultipleText(_Divisor(divisor), wanted=wanted)
    try:
        return crawl(("start",), text.step, text.label, budget=MAX_DIVISOR_STATES)
    except CompileBudgetExceeded:
        raise _too_large() from None


def _too_large() -> CompileBudgetExceeded:
    return CompileBudgetExceeded(
        f"the multiples of this number need more than {MAX_DIVISOR_STATES} states",
        hint="use a divisor with fewer digits, add bounds that leave few multiples, or validate it afterwards",
    )


class _Divisor:
    """2**a * 5**b * q.

    coprime : q.
    prime   : 2 or 5, whichever has the greater power in the divisor; `highest` is that power, `lowest` the other.
    weight  : q * prime**(highest - lowest), the modulus of the digits.
    places  : a multiple has at most so many fraction digits, trailing zeros aside.
    whole   : the divisor times 10**places, an integer and a multiple of `weight`.
    is_light, most_scaled : whether an exponent may follow any integer part, and how many fraction digits at most.
    """

    def __init__(self, divisor: Fraction) -> None:
        if divisor <= 0:
            raise ValueError(f"not above zero: {divisor}")
        if max(divisor.numerator, divisor.denominator).bit_length() > MAX_BITS:
            raise _too_large()
        twos, top = _power(divisor.numerator, 2)
        fives, self.coprime = _power(top, 5)
        twos_below, bottom = _power(divisor.denominator, 2)
        fives_below, bottom = _power(bottom, 5)
        if bottom != 1:
            raise ValueError(f"{divisor} has no finite decimal expansion")
        powers = (twos - twos_below, fives - fives_below)
        self.prime = 2 if powers[0] >= powers[1] else 5
        self.lowest, self.highest = sorted(powers)
        spread = self.highest - self.lowest
        self.weight = self.coprime * self.prime**spread
        # The last digits alone tell so many numbers apart.
        is_small = self.weight <= MAX_WEIGHT and self.coprime * (spread + 1) <= MAX_ALIKE
        self._alike = self._alike_digits() if is_small else None
        n_kinds = len(set(self._alike)) if self._alike else self.weight
        self.is_light = n_kinds <= MAX_LIGHT
        self.most_scaled = MAX_FRACTION_DIGITS if n_kinds <= MAX_ALIKE else FEW_DIGITS
        most = MAX_LIGHT_POWER if self.is_light else MAX_POWER
        if self.coprime > MAX_DIVISOR_STATES or max(map(abs, powers)) > most:
            raise _too_large()
        self.places = max(0, -self.lowest)
        self.whole = int(divisor * 10**self.places)

    def _alike_digits(self) -> list[int]:
        """For each number below `weight` the least one that no more digits tell from it."""
        digits = range(self.weight)
        kinds = [2 * self._power_of(number) + (number % self.coprime == 0) for number in digits]
        longer = [[(10 * number + digit) % self.weight for digit in range(10)] for number in digits]
        blocks = equivalence_blocks(longer, kinds).tolist()
        least: dict[int, int] = {}
        return [least.setdefault(block, number) for number, block in enumerate(blocks)]

    def reduced(self, digits: int) -> int:
        """What of the digits matters while an exponent may follow: a number below `weight`."""
        rest = digits % self.weight
        return self._alike[rest] if self._alike else rest

    def _power_of(self, digits: int) -> int:
        """How often `prime` divides the digits, as far as it divides `weight`."""
        spread = self.highest - self.lowest
        rest = digits % self.prime**spread
        return _power(rest, self.prime)[0] if rest else spread

    def least_exponent(self, digits: int, places: int) -> int:
        """T after a digit that is not zero. digits : modulo `weight`.  places : of them behind the point."""
        return places + self.highest - self._power_of(digits)

    def missing(self, digits: int, shift: int) -> int | None:
        """The least number that, appended as `shift` digits, gives a multiple of `whole`; None if there is none."""
        missing = -digits * 10**shift % self.whole
        return missing if missing < 10**shift else None


def _power(number: int, prime: int) -> tuple[int, int]:
    """How often `prime` divides `number` > 0, and what is left."""
    power = 0
    while number % prime == 0:
        number //= prime
        power += 1
    return power, number


class _MultipleText(ScaledText):
    """Numbers as a crawlable automaton.

    While an exponent may follow, states have the digits modulo `weight` and the range of T. Later states
    ("plain") have the digits as far as plain notation can tell them apart.
    """

    def __init__(self, divisor: _Divisor, *, wanted: bool) -> None:
        self._divisor = divisor
        self._wanted = wanted
        # How many fraction digits an exponent may follow; light divisors have no plain states.
        self._places = max(divisor.places, divisor.most_scaled) if divisor.is_light else divisor.most_scaled
        self._most_places = max(divisor.places, self._places)
        self._floor = min(divisor.highest, 0) - MAX_TRAILING_ZEROS
        self._alike: dict[Hashable, int] = {}

    def _accepts(self, kind: str, *rest: Any) -> bool:
        if kind in ("zero", "leading"):
            return self._wanted
        if kind in ("whole", "fraction"):
            return self._is_wanted(rest[0] % self._divisor.coprime == 0 and _is_integral(rest[-1]))
        if kind == "end":
            return self._is_wanted(rest[0] and _is_integral(rest[1]))
        if kind == "plain":
            return self._is_wanted(self._divisor.missing(rest[0], self._divisor.places) == 0)
        if kind == "plain_fraction":
            return self._is_wanted(rest[0] == 0)
        return kind == "other" or super()._accepts(kind, *rest)

    def _is_wanted(self, is_multiple: bool) -> bool:
        return is_multiple == self._wanted

    def _after_start(self) -> Iterator[Step]:
        yield ord("-"), ord("-"), ("minus",)
        yield from self._after_minus()

    def _after_minus(self) -> Iterator[Step]:
        yield ord("0"), ord("0"), ("zero",)
        for digit in range(1, 10):
            yield 48 + digit, 48 + digit, self._whole(0, digit, (0, 0))

    def _whole(self, before: int, digit: int, least: _Range) -> Hashable:
        """One more integer digit while an exponent may follow."""
        digits = 10 * before + digit
        if self._divisor.is_light:
            digits = self._divisor.reduced(digits)
        if digits % self._divisor.coprime:
            return "whole", digits, _NEVER
        if digit:
            least = _exactly(self._divisor.least_exponent(digits, 0))
        else:
            least = _exactly(least[1] - 1) if least[1] > self._floor else (None, self._floor)
        return "whole", digits, self._as_wanted(least)

    def _as_wanted(self, least: _Range) -> _Range:
        """What of the range of T matters: multiples do without its lower end."""
        return (None, least[1]) if self._wanted else least

    def _after_whole(self, digits: int, least: _Range) -> Iterator[Step]:
        for digit in range(10):
            more = self._whole(digits, digit, least) if self._divisor.is_light else self._plain(digits, digit)
            yield 48 + digit, 48 + digit, more
        yield ord("."), ord("."), ("point", self._divisor.reduced(digits), least)
        yield from self._scale(digits % self._divisor.coprime == 0, least)

    def _after_point(self, digits: int, least: _Range) -> Iterator[Step]:
        yield from _digits(lambda digit: self._fraction(digits, digit, 1, least))

    def _after_fraction(self, digits: int, places: int, least: _Range) -> Iterator[Step]:
        yield from _digits(lambda digit: self._fraction(digits, digit, places + 1, least))
        yield from self._scale(digits % self._divisor.coprime == 0, least)

    def _fraction(self, before: int, digit: int, places: int, least: _Range) -> Hashable | None:
        """One more fraction digit, the last of `places`, while an exponent may follow."""
        if places > self._places:  # only before the last place of a multiple, so `weight` is `whole`
            missing = self._divisor.missing(before, self._divisor.places - places + 1)
            return self._still_missing(missing, digit, places)
        digits = self._divisor.reduced(10 * before + digit)
        divides = digits % self._divisor.coprime == 0
        if not divides:
            least = _NEVER
        elif digit:
            least = _exactly(self._divisor.least_exponent(digits, places))
        elif places > FEW_DIGITS:
            # Only the sign of T, and an upper bound: the states stay few.
            least = (None, 0) if _is_integral(least) else (1, places + self._divisor.highest)
        least = self._as_wanted(least)
        if places < self._most_places:
            return "fraction", digits, places, least
        return ("end", divides, least) if divides or not self._wanted else None

    def _after_end(self, divides: bool, least: _Range) -> Iterator[Step]:
        """After all fraction digits of a multiple."""
        yield ord("0"), ord("0"), ("end", divides, least)
        if not self._wanted:
            yield ord("1"), ord("9"), self._too_fine()
        yield from self._scale(divides, least)

    def _too_fine(self) -> Hashable | None:
        """After a digit that is not zero and so far behind the point that T is at least this."""
        return self._other(self._most_places + 1 + self._divisor.lowest)

    def _other(self, least: int | None) -> Hashable | None:
        """No multiple, whatever fraction digits follow, nor with an exponent below `least` (None: any)."""
        return None if self._wanted else ("other", least)

    def _after_other(self, least: int | None) -> Iterator[Step]:
        yield ord("0"), ord("9"), ("other", least)
        if least is not None:
            yield from exponent_mark(between(None, least - 1))

    def _after_zero(self) -> Iterator[Step]:
        yield ord("."), ord("."), ("zero_point",)
        yield from exponent_mark(ANY if self._wanted else NONE)

    def _after_zero_point(self) -> Iterator[Step]:
        yield from _digits(lambda digit: self._leading(digit, 1))

    def _after_leading(self, places: int) -> Iterator[Step]:
        yield from _digits(lambda digit: self._leading(digit, places + 1))
        yield from exponent_mark(ANY if self._wanted else NONE)

    def _leading(self, digit: int, places: int) -> Hashable | None:
        """One more digit after `0.` and zeros."""
        if digit == 0:
            return "leading", min(places, self._most_places)
        return self._fraction(0, digit, places, (0, 0)) if places <= self._most_places else self._too_fine()

    def _scale(self, divides: bool, least: _Range) -> Iterator[Step]:
        """divides : whether q divides the digits."""
        yield from exponent_mark(self._exponents(divides, least))

    def _exponents(self, divides: bool, least: _Range) -> Exponents:
        low, high = least
        if self._wanted:
            return between(high, None) if divides else NONE
        if not divides:
            return ANY
        return NONE if low is None else between(None, low - 1)

    def _plain(self, before: int, digit: int) -> Hashable:
        """One more integer digit where no exponent may follow."""
        divisor = self._divisor
        digits = (10 * before + digit) % divisor.whole
        # With so many more digits, the powers of 2 and 5 are in all multiples of 10**shift.
        shifts = range(divisor.places, divisor.places + divisor.highest)
        future = (digits % divisor.coprime, *(divisor.missing(digits, shift) for shift in shifts))
        return "plain", self._alike.setdefault(future, digits)

    def _after_plain(self, digits: int) -> Iterator[Step]:
        yield from _digits(lambda digit: self._plain(digits, digit))
        missing = self._divisor.missing(digits, self._divisor.places)
        if missing is not None or not self._wanted:
            yield ord("."), ord("."), ("plain_point", missing)

    def _after_plain_point(self, missing: int | None) -> Iterator[Step]:
        yield from _digits(lambda digit: self._still_missing(missing, digit, 1))

    def _after_plain_fraction(self, missing: int, places: int) -> Iterator[Step]:
        yield from _digits(lambda digit: self._still_missing(missing, digit, places + 1))

    def _still_missing(self, missing: int | None, digit: int, places: int) -> Hashable | None:
        """After one more fraction digit, the last of `places`, where no exponent may follow.

        missing : the least number that the fraction digits from this one on can spell to give a multiple.
        """
        if missing is None:
            return self._other(None)
        if places > self._divisor.places:
            return self._other(None) if digit else ("plain_fraction", 0, self._divisor.places)
        worth = 10 ** (self._divisor.places - places)
        rest = (missing - digit * worth) % self._divisor.whole
        return ("plain_fraction", rest, places) if rest < worth else self._other(None)


def _digits(after: Callable[[int], Hashable | None]) -> Iterator[Step]:
    for digit in range(10):
        target = after(digit)
        if target is not None:
            yield 48 + digit, 48 + digit, target


def _exactly(least: int) -> _Range:
    return least, least


def _is_integral(least: _Range) -> bool:
    """Whether T <= 0, which is never in doubt."""
    return least[1] <= 0
