"""Numbers that must not have some values: what the beginning of a number may still become.

Nearly all beginnings may become infinitely many numbers. `0`, `1.` and the like may not where only integers are
asked for, nor may any within bounds: of these the values are listed. Only plain decimal notation is looked at, in which
there is every value. So behind a beginning that some of the values have, this is what there is; an exponent may follow
no digits that are those of one of the values, wherever its decimal point is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from ..dfa import ByteDfa, intersect
from ..finite import each_text, n_texts
from ..pushdown import TextSet
from ..regex import compile_regex
from .canonical import canonical, value_of
from .seen_values import number_key

_PLAIN = r"-?[0-9]+(\.([0-9]*[1-9]|0))?"
_SPELLINGS = 2
"""A value has at most so many of these: `1` and `1.0`."""
_EXPONENT = re.compile(rb"[eE]")


@lru_cache(maxsize=256)
def plainly(dfa: ByteDfa) -> ByteDfa:
    """The numbers of a DFA in plain notation, without needless zeros at the end."""
    return intersect(dfa, compile_regex(_PLAIN))


def state_after(dfa: ByteDfa, text: bytes, state: int | None = None) -> int:
    """The state behind `text`."""
    state = dfa.start if state is None else state
    for byte in text:
        state = int(dfa.delta[state, byte])
    return state


def has_exponent(text: bytes) -> bool:
    """Whether the exponent of a number has begun."""
    return _EXPONENT.search(text) is not None


def digits_of(text: bytes) -> bytes:
    """The digits of a number, or of its beginning, from the first that is not zero to its exponent."""
    return _EXPONENT.split(text, 1)[0].lstrip(b"-0.").replace(b".", b"")


def may_be_near(text: bytes, barred: Sequence[TextSet]) -> bool:
    """Whether a number that begins with `text`, in some spelling, is one of `barred` (see `Awaited.numbers`)."""
    digits = digits_of(text)
    if any(values.has_beginning(digits) for values in barred):
        return True
    return digits[-1:] == b"0" and _has_digits(digits, barred)


def _has_digits(digits: bytes, barred: Sequence[TextSet]) -> bool:
    """Whether one of `barred` has these digits, whatever zeros come behind."""
    digits = digits.rstrip(b"0")
    if not digits:
        return any(b"0" in values for values in barred)
    return any(values.has_beginning(digits + b"e") for values in barred)


def is_barred(text: bytes, barred: Sequence[TextSet]) -> bool:
    """Whether a text is a number, and one of `barred`."""
    if not text[-1:].isdigit():
        return False
    key = number_key(canonical(value_of(text)))
    return any(key in values for values in barred)


def enough_texts(barred: Sequence[TextSet]) -> int:
    """Of more texts than this in plain notation, without needless zeros, one is none of `barred`."""
    return _SPELLINGS * sum(map(len, barred))


def goes_on(
    dfa: ByteDfa, text: bytes, barred: Sequence[TextSet], accepts: Callable[[bytes, int], bool]
) -> bool:
    """Whether `text` may begin a number of `dfa` that is not one of `barred`.

    accepts : whether a number with a label may be there.
    """
    if not may_be_near(text, barred):
        return True
    if has_exponent(text):
        return not _has_digits(digits_of(text), barred)
    plain = plainly(dfa)
    state = state_after(plain, text)
    if n_texts(plain)[state] > enough_texts(barred):
        return True
    if (label := dfa.run(text)) >= 0 and accepts(text, label):
        return True
    return any(accepts(text + rest, label) for rest, label in each_text(plain, state))
