r"""A language inside a JSON string: each of its characters in every way that JSON has to spell it.

RFC 8259, section 7: a character stands for itself, but for the quote, the backslash and those below U+0020; some have
an escape of two characters; all have `\u` with four hexadecimal digits in either case, those above U+FFFF with the two
of a surrogate pair.

Reading a spelling is a function, so this commutes with every operation on languages, and positions stay positions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from ..errors import UnsupportedSchema
from .context_free.rules import Rules
from .nodes import (
    Anchor,
    And,
    Call,
    Chars,
    Choice,
    Concat,
    Literal,
    Look,
    Node,
    Not,
    Ranges,
    Repeat,
    complement_ranges,
    merge_ranges,
)
from .utf8 import MAX_CODE_POINT

_SHORT = {'"': '"', "\\": "\\", "/": "/", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}
_NEVER_RAW: Ranges = ((0x00, 0x1F), (0x22, 0x22), (0x5C, 0x5C))
_SURROGATES = (0xD800, 0xDFFF)
_ANY: Ranges = ((0, 0xD7FF), (0xE000, MAX_CODE_POINT))


def in_string(rules: Rules) -> Rules:
    """The JSON strings, without the opening quote, whose content `rules` derives. Raises UnsupportedSchema."""
    if rules.foreign or rules.terminals:
        raise UnsupportedSchema(
            "a JSON Schema cannot stand in a grammar that stands in a JSON string",
            hint="describe the text in the string by grammars alone",
        )
    bodies: dict[str, Node] = {name: spelled(body) for name, body in rules.bodies.items()}
    start = f'{rules.start}"'
    bodies[start] = Concat((Call(rules.start), Literal('"')))
    return replace(rules, start=start, bodies=bodies)


def spelled(node: Node) -> Node:
    """The spellings of the texts of a tree. Raises UnsupportedSchema."""
    match node:
        case Literal(text):
            return Concat(tuple(_spelled_chars(((ord(char), ord(char)),)) for char in text))
        case Chars(ranges):
            return _spelled_chars(ranges)
        case Concat(parts):
            return Concat(tuple(map(spelled, parts)))
        case Choice(options):
            return Choice(tuple(map(spelled, options)))
        case Repeat(body, low, high):
            return Repeat(spelled(body), low, high)
        case And(parts):
            return And(tuple(map(spelled, parts)))
        case Not(body):
            return And((Not(spelled(body)), Repeat(_spelled_chars(_ANY), 0, None)))
        case Look(body, behind=False, negative=negative):
            return Look(spelled(body), behind=False, negative=negative)
        case Anchor("start" | "end") | Call():
            return node
    # What ends a spelling may also end that of another character: `n` that of a line feed.
    what = "a lookbehind" if isinstance(node, Look) else r"\b"
    raise UnsupportedSchema(
        f"{what} cannot stand in a grammar that stands in a JSON string",
        hint="use `pattern` for a regex, or leave it out",
    )


@lru_cache(maxsize=1024)
def _spelled_chars(ranges: Ranges) -> Node:
    """The spellings of one character of `ranges`."""
    options: list[Node] = []
    raw = without(ranges, (*_NEVER_RAW, _SURROGATES))
    if raw:
        options.append(Chars(raw))
    short = [(ord(name), ord(name)) for char, name in _SHORT.items() if _has(ranges, ord(char))]
    if short:
        options.append(Concat((Literal("\\"), Chars(merge_ranges(short)))))
    for escape in (_plain(ranges), _pairs(ranges)):
        if escape is not None:
            options.append(escape)
    return options[0] if len(options) == 1 else Choice(tuple(options))


def _plain(ranges: Ranges) -> Node | None:
    r"""The characters up to U+FFFF as `\uXXXX`."""
    some = without(ranges, (_SURROGATES, (0x10000, MAX_CODE_POINT)))
    return Concat((Literal("\\u"), _hexadecimal(some))) if some else None


def _pairs(ranges: Ranges) -> Node | None:
    r"""Those above U+FFFF as `\uXXXX\uXXXX`; high halves with the same low ones beside them go together."""
    highs: dict[Ranges, list[tuple[int, int]]] = {}
    for low, high in ((max(low, 0x10000) - 0x10000, high - 0x10000) for low, high in ranges if high > 0xFFFF):
        for first, last, lows in _rows(low, high):
            highs.setdefault(((0xDC00 + lows[0], 0xDC00 + lows[1]),), []).append(
                (0xD800 + first, 0xD800 + last)
            )
    options = []
    for halves, some in highs.items():
        begin, end = _hexadecimal(merge_ranges(some)), _hexadecimal(halves)
        options.append(Concat((Literal("\\u"), begin, Literal("\\u"), end)))
    return Choice(tuple(options)) if options else None


def _rows(low: int, high: int) -> Iterable[tuple[int, int, tuple[int, int]]]:
    """The numbers `low` to `high` as (first high half, last, range of low halves): of 10 bits each."""
    first, last = low >> 10, high >> 10
    if first == last:
        return [(first, last, (low & 0x3FF, high & 0x3FF))]
    found = []
    if low & 0x3FF:
        found.append((first, first, (low & 0x3FF, 0x3FF)))
        first += 1
    if high & 0x3FF != 0x3FF:
        found.append((last, last, (0, high & 0x3FF)))
        last -= 1
    if first <= last:
        found.append((first, last, (0, 0x3FF)))
    return found


def _hexadecimal(ranges: Ranges, n_digits: int = 4) -> Node:
    """The numbers of `ranges` in so many hexadecimal digits; digits behind which the same may come go together."""
    size = 16 ** (n_digits - 1)
    if n_digits == 0:
        return Literal("")
    digits: dict[Ranges, list[int]] = {}
    for digit in range(16):
        begin, end = digit * size, (digit + 1) * size - 1
        rest = tuple(
            (max(low, begin) - begin, min(high, end) - begin)
            for low, high in ranges
            if low <= end and high >= begin
        )
        if rest:
            digits.setdefault(rest, []).append(digit)
    options: list[Node] = []
    for rest, some in digits.items():
        points = [(ord(char), ord(char)) for digit in some for char in {f"{digit:x}", f"{digit:X}"}]
        options.append(Concat((Chars(merge_ranges(points)), _hexadecimal(rest, n_digits - 1))))
    return options[0] if len(options) == 1 else Choice(tuple(options))


def without(ranges: Ranges, others: Iterable[tuple[int, int]]) -> Ranges:
    """The code points of `ranges` that are in none of `others`."""
    return complement_ranges(merge_ranges([*complement_ranges(ranges), *others]))


def _has(ranges: Ranges, point: int) -> bool:
    return any(low <= point <= high for low, high in ranges)
