"""Regular expressions of ECMA-262 (2024, section 22.2.1) with the `u` flag, as texts: a regular and small part.

Each text that is accepted makes `new RegExp(text, "u")` succeed. Limits, beyond which a valid text is not accepted:
- groups nest up to MAX_DEPTH; lookarounds stand at the outermost two levels and not inside each other;
- a named group only at the very beginning (names must differ), its name in ASCII; no back-references;
- `{n,m}` where the first digits of n and m and their numbers of digits show that n <= m; up to 3 digits each;
- in classes, ranges between two characters, two `\\xHH` or two `\\uHHHH` if one of a few round numbers
  (_CHARACTER_CUTS, _HEX_CUTS, _UNICODE_CUTS) is between their ends;
- of `\\p{...}`, the one- and two-letter values of General_Category.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import cache
from itertools import pairwise
from typing import Any

from ..dfa import NOT_ACCEPTING, ByteDfa, crawl
from ..utf8 import MAX_CODE_POINT, byte_sequences

MAX_DEPTH = 5
LOOK_DEPTH = 1
"""Lookarounds are opened inside at most this many groups."""

Step = tuple[int, int, Hashable]
Context = tuple[int, int]
"""How many groups are open, and which of them (from 1) is a lookaround, 0 if none."""

_SYNTAX = frozenset(b"^$\\.*+?()[]{}|")
_CATEGORIES = {"C": "cfnos", "L": "Clmotu", "M": "cen", "N": "dlo", "P": "cdefios", "S": "ckmo", "Z": "lps"}
_MAX_COUNT_DIGITS = 3

# A range from a to b is accepted if a <= cut <= b for one of these. A start is known by the first cut behind it.
_CHARACTER_CUTS = tuple(
    sorted({*map(ord, " !09AFZafz"), *range(ord("1"), ord("9")), 0x7F, 0xC0, 0x430, 0x4E00})
)
_HEX_CUTS = (0x00, 0x01, 0x20, 0x21, 0x80, 0xA0, 0xC0)
_UNICODE_CUTS = (0x0000, 0x0001, 0x0020, 0x0080, 0x00C0, 0x0100, 0x0400, 0x1000, 0x5000, 0xB000)


def regex_dfa() -> ByteDfa:
    """The patterns that ECMA-262 accepts with the `u` flag, within the limits of this module."""
    return crawl(("start", (0, 0)), _step, _label)


def _label(state: Any) -> int:
    kind, context = state[0], state[1]
    return 0 if context == (0, 0) and kind in _COMPLETE else NOT_ACCEPTING


_COMPLETE = frozenset({"start", "term", "atom", "quantified", "zero"})


def _step(state: Any) -> Iterable[Step]:
    steps: Callable[..., Iterable[Step]] = _STEPS[state[0]]
    return steps(*state[1:])


def _byte(text: str, target: Hashable) -> Iterator[Step]:
    for char in text:
        yield ord(char), ord(char), target


# Terms. "term": behind something that cannot be repeated; "atom": behind something that can.


def _start(context: Context) -> Iterator[Step]:
    """The beginning of the text: only here may a named group be."""
    for low, high, target in _term(context):
        yield low, high, ("first_group", context) if low == ord("(") else target


def _term(context: Context) -> Iterator[Step]:
    depth, look = context
    yield from _byte("^$|", ("term", context))
    yield from _byte(".", ("atom", context))
    yield from _byte("\\", ("escape", context))
    yield from _byte("[", ("class_start", context))
    if depth < MAX_DEPTH:
        yield from _byte("(", ("group", context))
    if depth:
        outer = (depth - 1, 0 if look == depth else look)
        yield from _byte(")", ("term" if look == depth else "atom", outer))
    for low, high in ((0, 0x23), (0x25, 0x27), (0x2C, 0x2D), (0x2F, 0x3E), (0x40, 0x5A), (0x5F, 0x7A)):
        yield low, high, ("atom", context)
    yield from _byte("~\x7f", ("atom", context))
    yield from _wide(0x80, MAX_CODE_POINT, ("atom", context))


def _atom(context: Context) -> Iterator[Step]:
    yield from _term(context)
    yield from _byte("*+?", ("quantified", context))
    yield from _byte("{", ("count", context, 0, 0, True))


def _quantified(context: Context) -> Iterator[Step]:
    yield from _term(context)
    yield from _byte("?", ("term", context))


def _wide(low: int, high: int, target: Hashable) -> Iterator[Step]:
    """The UTF-8 encodings of code points from 0x80 on."""
    yield from _branch(tuple((sequence, target) for sequence in _sequences(low, high)))


_sequences = cache(byte_sequences)


# Groups


def _group(context: Context) -> Iterator[Step]:
    inner = (context[0] + 1, context[1])
    for low, high, target in _term(inner):
        if low <= ord("?") <= high:
            continue
        yield low, high, target
    yield from _byte("?", ("group_kind", context, False))


def _first_group(context: Context) -> Iterator[Step]:
    for low, high, target in _group(context):
        yield low, high, ("group_kind", context, True) if low == ord("?") else target


def _group_kind(context: Context, may_be_named: bool) -> Iterator[Step]:
    inner = (context[0] + 1, context[1])
    may_look = context[0] <= LOOK_DEPTH and not context[1]
    yield from _byte(":", ("term", inner))
    if may_look:
        yield from _byte("=!", ("term", (inner[0], inner[0])))
    if may_look or may_be_named:
        yield from _byte("<", ("angle", context, may_look, may_be_named))


def _angle(context: Context, may_look: bool, may_be_named: bool) -> Iterator[Step]:
    depth = context[0] + 1
    if may_look:
        yield from _byte("=!", ("term", (depth, depth)))
    if may_be_named:
        yield from _name_letters(("name", (depth, context[1])))


def _name(inner: Context) -> Iterator[Step]:
    yield from _name_letters(("name", inner))
    yield from ((low, high, ("name", inner)) for low, high in ((0x30, 0x39),))
    yield from _byte(">", ("term", inner))


def _name_letters(target: Hashable) -> Iterator[Step]:
    yield from ((low, high, target) for low, high in ((0x41, 0x5A), (0x61, 0x7A)))
    yield from _byte("$_", target)


# Counts: `{n}`, `{n,}`, `{n,m}`


def _count(context: Context, n_digits: int, first: int, is_round: bool) -> Iterator[Step]:
    """n so far: how many digits behind leading zeros, the first of them, and whether the others are 0."""
    for digit in range(10):
        byte = ord("0") + digit
        if n_digits == 0:
            yield byte, byte, ("count", context, 1, digit, True)
        elif n_digits == 1 and first == 0:
            # A leading zero is legal but no use.
            continue
        elif n_digits < _MAX_COUNT_DIGITS:
            yield byte, byte, ("count", context, n_digits + 1, first, is_round and digit == 0)
    if n_digits:
        yield from _byte("}", ("quantified", context))
        least = first if is_round else first + 1
        # 9x needs three digits where x is not 0.
        need = (n_digits, least) if least < 10 else (n_digits + 1, 1)
        yield from _byte(",", ("comma", context, *need))


def _comma(context: Context, n_digits: int, least: int) -> Iterator[Step]:
    """m must have more than `n_digits` digits, or as many and the first at least `least`."""
    yield from _byte("}", ("quantified", context))
    for digit in range(10):
        if digit == 0 and (n_digits, least) != (1, 0):
            continue
        need = n_digits if digit >= least else n_digits + 1
        if need <= _MAX_COUNT_DIGITS:
            room = _MAX_COUNT_DIGITS - 1 if digit else 0
            yield ord("0") + digit, ord("0") + digit, ("upper", context, need - 1, room)


def _upper(context: Context, need: int, room: int) -> Iterator[Step]:
    """`need`: the digits that must still come; `room`: those that may."""
    if room:
        yield ord("0"), ord("9"), ("upper", context, max(need - 1, 0), room - 1)
    if not need:
        yield from _byte("}", ("quantified", context))


# Escapes, in patterns ("atom" follows) and in classes


def _escape(context: Context) -> Iterator[Step]:
    yield from _byte("bB", ("term", context))
    yield from _any_escape(("atom", context), ("zero", context))


def _zero(context: Context) -> Iterator[Step]:
    """Behind `\\0`: no digit."""
    yield from _without_digits(_atom(context))


def _without_digits(steps: Iterable[Step]) -> Iterator[Step]:
    for low, high, target in steps:
        if low < ord("0") <= high:
            yield low, ord("0") - 1, target
        if low <= ord("9") < high:
            yield ord("9") + 1, high, target
        if high < ord("0") or low > ord("9"):
            yield low, high, target


def _any_escape(target: Hashable, zero: Hashable) -> Iterator[Step]:
    """The escapes of one character or set but `\\b`, `\\-`, with `\\x` and `\\u` of any value."""
    yield from _set_escape(target)
    yield from _byte("fnrtv/", target)
    yield from ((byte, byte, target) for byte in sorted(_SYNTAX))
    yield from _byte("0", zero)
    yield from _byte("c", ("control", target))
    yield from _byte("x", ("hex", target, 2))
    yield from _byte("u", ("unicode", target))


def _set_escape(target: Hashable) -> Iterator[Step]:
    yield from _byte("dDsSwW", target)
    yield from _byte("pP", ("property", target, "{"))


def _control(target: Hashable) -> Iterator[Step]:
    yield from ((low, high, target) for low, high in ((0x41, 0x5A), (0x61, 0x7A)))


def _hex(target: Hashable, n_digits: int) -> Iterator[Step]:
    then = ("hex", target, n_digits - 1) if n_digits > 1 else target
    yield from ((low, high, then) for low, high in _HEX_RANGES)


_HEX_RANGES = ((0x30, 0x39), (0x41, 0x46), (0x61, 0x66))


def _unicode(target: Hashable) -> Iterator[Step]:
    yield from _hex(target, 4)
    yield from _byte("{", ("braced", target, -1, 6))


def _braced(target: Hashable, n_digits: int, limit: int) -> Iterator[Step]:
    """Inside `\\u{`: a value up to 10FFFF. `n_digits` count from the first that is not 0, -1: there is no digit yet.

    limit : how many digits there may be; 6 only if the first two are 1 and 0.
    """
    n = max(n_digits, 0)
    if n < limit:
        for low, high, number in _hex_digits():
            if n == 0:
                allowed = 6 if number <= 1 else 5
            else:
                allowed = 5 if n == 1 and number else limit
            yield low, high, ("braced", target, n + 1 if n or number else 0, allowed)
    if n_digits >= 0:
        yield from _byte("}", target)


def _hex_digits() -> Iterator[tuple[int, int, int]]:
    """Digits in either case, with their values."""
    for char in "0123456789abcdefABCDEF":
        yield ord(char), ord(char), int(char, 16)


def _property(target: Hashable, expected: str) -> Iterator[Step]:
    if expected == "{":
        yield from _byte("{", ("property", target, "category"))
    elif expected == "category":
        for major in _CATEGORIES:
            yield from _byte(major, ("property", target, major))
    else:
        for minor in _CATEGORIES.get(expected, ""):
            yield from _byte(minor, ("property", target, "}"))
        yield from _byte("}", target)


# Classes. Behind a character that may begin a range, "low" knows a cut that the end must reach.


def _class_start(context: Context) -> Iterator[Step]:
    for low, high, target in _class(context):
        if low <= ord("^") <= high:
            if low < ord("^"):
                yield low, ord("^") - 1, target
            yield from _byte("^", ("class_begun", context))
            if high > ord("^"):
                yield ord("^") + 1, high, target
        else:
            yield low, high, target
    yield from _byte("-", ("single", context))


def _class_begun(context: Context) -> Iterator[Step]:
    yield from _class(context)
    yield from _byte("-", ("single", context))


def _class(context: Context) -> Iterator[Step]:
    """The next member; not a hyphen."""
    yield from _byte("]", ("atom", context))
    yield from _byte("\\", ("class_escape", context))
    for low, high, key in _CHARACTER_RUNS:
        target = ("single", context) if key is None else ("low", context, key)
        if high < 0x80:
            for first, last in _without(low, high, b"\\]-"):
                yield first, last, target
    yield from _tails_by_key(context)


def _without(low: int, high: int, holes: bytes) -> Iterator[tuple[int, int]]:
    for hole in sorted(holes):
        if low <= hole <= high:
            if low < hole:
                yield low, hole - 1
            low = hole + 1
    if low <= high:
        yield low, high


def _find_character_runs() -> Iterator[tuple[int, int, int | None]]:
    """Runs of code points and the cut that the end of a range from there must reach."""
    ascii_cuts = [cut for cut in _CHARACTER_CUTS if cut < 0x80]
    low = 0
    for cut in ascii_cuts:
        yield low, cut, cut
        low = cut + 1
    for cut in _CHARACTER_CUTS:
        if cut >= 0x80:
            yield max(low, 0x80), cut - 1, None
            yield cut, cut, cut
            low = cut + 1
    yield low, MAX_CODE_POINT, None


_CHARACTER_RUNS = tuple(_find_character_runs())


def _tails_by_key(context: Context) -> Iterator[Step]:
    """Members beyond ASCII: only the cuts themselves begin ranges."""
    found = []
    for low, high, key in _CHARACTER_RUNS:
        if low >= 0x80:
            target = ("single", context) if key is None else ("low", context, key)
            found += [(sequence, target) for sequence in _sequences(low, high)]
    yield from _branch(tuple(found))


def _branch(pairs: tuple[tuple[tuple[tuple[int, int], ...], Hashable], ...]) -> Iterator[Step]:
    """Transitions for disjoint byte sequences with a target each; leads are disjoint or equal once cut."""
    cuts = sorted({point for (lead, *_), _ in pairs for point in (lead[0], lead[1] + 1)})
    for first, after in pairwise(cuts):
        inside = [(tuple(rest), target) for (lead, *rest), target in pairs if lead[0] <= first <= lead[1]]
        if inside:
            done = [target for rest, target in inside if not rest]
            yield first, after - 1, done[0] if done else ("branch", tuple(inside))


def _single(context: Context) -> Iterator[Step]:
    """Behind a member that begins no range: a hyphen only at the end."""
    yield from _class(context)
    yield from _byte("-", ("last_hyphen", context))


def _last_hyphen(context: Context) -> Iterator[Step]:
    yield from _byte("]", ("atom", context))


def _low(context: Context, cut: int) -> Iterator[Step]:
    yield from _class(context)
    yield from _byte("-", ("hyphen", context, cut))


def _hyphen(context: Context, cut: int) -> Iterator[Step]:
    """The end of a range: a character from `cut` on."""
    yield from _byte("]", ("atom", context))
    if cut < 0x80:
        yield from ((low, high, ("single", context)) for low, high in _without(cut, 0x7F, b"\\]-"))
    yield from _wide(max(cut, 0x80), MAX_CODE_POINT, ("single", context))


def _class_escape(context: Context) -> Iterator[Step]:
    single = ("single", context)
    yield from _byte("b-", single)
    for low, high, target in _any_escape(single, ("class_zero", context)):
        if low == ord("x"):
            target = ("low_hex", context, 2, 0, _HEX_CUTS)
        elif low == ord("u"):
            target = ("low_unicode", context)
        yield low, high, target


def _class_zero(context: Context) -> Iterator[Step]:
    yield from _without_digits(_single(context))


def _low_unicode(context: Context) -> Iterator[Step]:
    yield from _low_hex(context, 4, 0, _UNICODE_CUTS)
    yield from _byte("{", ("braced", ("single", context), -1, 6))


def _low_hex(context: Context, n_left: int, value: int, cuts: tuple[int, ...]) -> Iterator[Step]:
    """The start of a range in hexadecimal digits; of its value only the cut it leads to is kept."""
    for low, high, number in _hex_digits():
        reached = value * 16 + number
        size = 16 ** (n_left - 1)
        first, last = reached * size, reached * size + size - 1
        # Half of a surrogate pair is not the start that it seems to be.
        if first <= 0xDFFF and last >= 0xD800 and cuts is _UNICODE_CUTS:
            keys: set[int | None] = {None}
            is_settled = n_left <= 3
        else:
            keys = {_cut_behind(first, cuts), _cut_behind(last, cuts)}
            is_settled = len(keys) == 1
        if is_settled:
            key = keys.pop()
            after: Hashable = ("single", context) if key is None else ("low_escape", context, key, cuts)
            yield low, high, ("hex", after, n_left - 1) if n_left > 1 else after
        else:
            yield low, high, ("low_hex", context, n_left - 1, reached, cuts)


def _cut_behind(value: int, cuts: tuple[int, ...]) -> int | None:
    return next((cut for cut in cuts if cut >= value), None)


def _low_escape(context: Context, cut: int, cuts: tuple[int, ...]) -> Iterator[Step]:
    yield from _class(context)
    yield from _byte("-", ("escape_hyphen", context, cut, cuts))


def _escape_hyphen(context: Context, cut: int, cuts: tuple[int, ...]) -> Iterator[Step]:
    yield from _byte("]", ("atom", context))
    yield from _byte("\\", ("high_escape", context, cut, cuts))


def _high_escape(context: Context, cut: int, cuts: tuple[int, ...]) -> Iterator[Step]:
    letter, n_digits = ("x", 2) if cuts is _HEX_CUTS else ("u", 4)
    yield from _byte(letter, ("high_hex", context, n_digits, 0, cut))


def _high_hex(context: Context, n_left: int, value: int, cut: int) -> Iterator[Step]:
    """The end of a range in hexadecimal digits, at least `cut`."""
    size = 16 ** (n_left - 1)
    for low, high, number in _hex_digits():
        first = (value * 16 + number) * size
        if first + size - 1 < cut:
            continue
        if n_left == 1:
            yield low, high, ("single", context)
        elif first >= cut:
            yield low, high, ("hex", ("single", context), n_left - 1)
        else:
            yield low, high, ("high_hex", context, n_left - 1, value * 16 + number, cut)


_STEPS: dict[str, Callable[..., Iterable[Step]]] = {
    function.__name__.lstrip("_"): function
    for function in (
        *(_start, _term, _atom, _quantified, _group, _first_group, _group_kind, _angle, _name),
        *(_count, _comma, _upper, _escape, _zero, _control, _hex, _unicode, _braced, _property),
        *(
            _class_start,
            _class_begun,
            _class,
            _single,
            _last_hyphen,
            _low,
            _hyphen,
            _class_escape,
            _class_zero,
        ),
        *(_low_unicode, _low_hex, _low_escape, _escape_hyphen, _high_escape, _high_hex, _branch),
    )
}
