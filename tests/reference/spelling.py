"""How the content of a JSON string is spelled in bytes (RFC 8259 section 7, RFC 3629)."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

SHORT_ESCAPES = {
    b'"': '"', b"\\": "\\", b"/": "/", b"b": "\b", b"f": "\f", b"n": "\n", b"r": "\r", b"t": "\t",
}  # fmt: skip
HEX_DIGITS = b"0123456789abcdefABCDEF"


class Spelled(NamedTuple):
    """The code points [low, high] that a spelling may mean; `complete` when it already means `low`."""

    low: int
    high: int
    complete: bool


@cache
def spelled(prefix: bytes) -> tuple[Spelled, ...]:
    """What the non-empty `prefix` of the spelling of one code point can still become."""
    if prefix[0] == 0x5C:
        return _escaped(prefix[1:])
    if prefix[0] < 0x20 or prefix[0] == 0x22:
        return ()
    if prefix[0] < 0x80:
        return (Spelled(prefix[0], prefix[0], True),) if len(prefix) == 1 else ()
    return _utf8(prefix)


def _utf8(prefix: bytes) -> tuple[Spelled, ...]:
    lead = prefix[0]
    if lead < 0xC0 or lead > 0xF7 or any(not 0x80 <= byte <= 0xBF for byte in prefix[1:]):
        return ()
    size = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    if len(prefix) > size:
        return ()
    value = lead & (0x7F >> size)
    for byte in prefix[1:]:
        value = value << 6 | byte & 0x3F
    open_bits = 6 * (size - len(prefix))
    low, high = value << open_bits, (value + 1 << open_bits) - 1
    shortest = {2: 0x80, 3: 0x800, 4: 0x10000}[size]
    return _scalars(max(low, shortest), min(high, 0x10FFFF), complete=open_bits == 0)


def _scalars(low: int, high: int, *, complete: bool) -> tuple[Spelled, ...]:
    """[low, high] without the surrogates."""
    pieces = [(low, min(high, 0xD7FF)), (max(low, 0xE000), high)]
    return tuple(Spelled(a, b, complete) for a, b in pieces if a <= b)


def _escaped(rest: bytes) -> tuple[Spelled, ...]:
    if rest == b"":
        return _scalars(0, 0x10FFFF, complete=False)
    if rest in SHORT_ESCAPES:
        code = ord(SHORT_ESCAPES[rest])
        return (Spelled(code, code, True),)
    if rest[:1] != b"u":
        return ()
    units = _unit_range(rest[1:5])
    if units is None:
        return ()
    low, high = units
    if len(rest) <= 5:
        out = _scalars(low, high, complete=low == high)
        first, last = max(low, 0xD800), min(high, 0xDBFF)
        if first <= last:
            out += (
                Spelled(0x10000 + (first - 0xD800 << 10), 0x10000 + (last - 0xD800 << 10) + 0x3FF, False),
            )
        return out
    return _second_unit(low, rest[5:])


def _second_unit(high_surrogate: int, rest: bytes) -> tuple[Spelled, ...]:
    """`rest` follows a complete first unit, so only the low half of a pair can be meant."""
    if not 0xD800 <= high_surrogate <= 0xDBFF or not b"\\u".startswith(rest[:2]):
        return ()
    units = _unit_range(rest[2:])
    if units is None:
        return ()
    low, high = max(units[0], 0xDC00), min(units[1], 0xDFFF)
    base = 0x10000 + (high_surrogate - 0xD800 << 10) - 0xDC00
    return (Spelled(base + low, base + high, units[0] == units[1]),) if low <= high else ()


def _unit_range(digits: bytes) -> tuple[int, int] | None:
    """UTF-16 code units whose four hex digits begin with `digits`."""
    if len(digits) > 4 or any(byte not in HEX_DIGITS for byte in digits):
        return None
    value, missing = int(digits or b"0", 16), 4 * (4 - len(digits))
    return value << missing, (value + 1 << missing) - 1
