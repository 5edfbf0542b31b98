"""Regular languages over code points by Brzozowski derivatives (Brzozowski, J. ACM 11(4), 1964).

A language is a nested tuple; two languages built by the constructors below compare equal when they
were simplified to the same tree, which is enough for the searches here to end.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

Ranges = tuple[tuple[int, int], ...]
# ("none",) | ("eps",) | ("set", ranges) | ("cat", a, b) | ("alt" or "and", parts) | ("not", a)
# | ("rep", a, low, high)
Regex = tuple

MAX_CODE_POINT = 0x10FFFF
SURROGATES = (0xD800, 0xDFFF)
NONE: Regex = ("none",)
EPSILON: Regex = ("eps",)


def char_set(ranges: Iterable[tuple[int, int]]) -> Regex:
    """One code point of `ranges`; surrogates are not code points of any text and drop out."""
    kept = []
    for low, high in sorted(ranges):
        kept += [(low, min(high, SURROGATES[0] - 1)), (max(low, SURROGATES[1] + 1), high)]
    ranges = tuple((low, high) for low, high in kept if low <= high)
    return ("set", ranges) if ranges else NONE


ANY = char_set([(0, MAX_CODE_POINT)])


def complement_ranges(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """The code points outside `ranges`."""
    out, begin = [], 0
    for low, high in sorted(ranges):
        if begin < low:
            out.append((begin, low - 1))
        begin = max(begin, high + 1)
    if begin <= MAX_CODE_POINT:
        out.append((begin, MAX_CODE_POINT))
    return tuple(out)


def cat(first: Regex, second: Regex) -> Regex:
    if NONE in (first, second):
        return NONE
    if first == EPSILON:
        return second
    if second == EPSILON:
        return first
    if first[0] == "cat":
        return ("cat", first[1], cat(first[2], second))
    return ("cat", first, second)


def _flat(kind: str, parts: Iterable[Regex]) -> frozenset[Regex]:
    return frozenset(leaf for part in parts for leaf in (part[1] if part[0] == kind else (part,)))


def alt(*parts: Regex) -> Regex:
    kept = _flat("alt", parts) - {NONE}
    if not kept:
        return NONE
    return next(iter(kept)) if len(kept) == 1 else ("alt", kept)


def both(*parts: Regex) -> Regex:
    """Intersection; of nothing, every text."""
    kept = _flat("and", parts) - {EVERYTHING}
    if NONE in kept:
        return NONE
    if not kept:
        return EVERYTHING
    return next(iter(kept)) if len(kept) == 1 else ("and", kept)


def negate(part: Regex) -> Regex:
    return part[1] if part[0] == "not" else ("not", part)


def repeat(part: Regex, low: int, high: int | None) -> Regex:
    if high == 0 or part == EPSILON:
        return EPSILON
    if part == NONE:
        return EPSILON if low == 0 else NONE
    return part if (low, high) == (1, 1) else ("rep", part, low, high)


EVERYTHING: Regex = repeat(ANY, 0, None)


def literal(text: str) -> Regex:
    out = EPSILON
    for character in reversed(text):
        out = cat(char_set([(ord(character), ord(character))]), out)
    return out


def length(low: int, high: int | None) -> Regex:
    """Texts of `low` to `high` code points."""
    return repeat(ANY, low, high) if high is None or low <= high else NONE


@cache
def nullable(regex: Regex) -> bool:
    kind = regex[0]
    if kind in ("none", "set"):
        return False
    if kind == "eps":
        return True
    if kind == "cat":
        return nullable(regex[1]) and nullable(regex[2])
    if kind == "alt":
        return any(map(nullable, regex[1]))
    if kind == "and":
        return all(map(nullable, regex[1]))
    if kind == "not":
        return not nullable(regex[1])
    return regex[2] == 0 or nullable(regex[1])


@cache
def derivative(regex: Regex, code_point: int) -> Regex:
    """The texts w such that `code_point` followed by w is in `regex`."""
    kind = regex[0]
    if kind in ("none", "eps"):
        return NONE
    if kind == "set":
        return EPSILON if any(low <= code_point <= high for low, high in regex[1]) else NONE
    if kind == "cat":
        first = cat(derivative(regex[1], code_point), regex[2])
        return alt(first, derivative(regex[2], code_point)) if nullable(regex[1]) else first
    if kind == "alt":
        return alt(*(derivative(part, code_point) for part in regex[1]))
    if kind == "and":
        return both(*(derivative(part, code_point) for part in regex[1]))
    if kind == "not":
        return negate(derivative(regex[1], code_point))
    _, body, low, high = regex
    # A nullable body may use up its optional rounds for nothing, so the count needs no special case.
    rest = repeat(body, max(0, low - 1), None if high is None else high - 1)
    return cat(derivative(body, code_point), rest)


@cache
def cuts(regex: Regex) -> frozenset[int]:
    """Code points where `derivative` may change: it is constant between neighbouring cuts."""
    kind = regex[0]
    if kind == "set":
        return frozenset({0} | {low for low, _ in regex[1]} | {high + 1 for _, high in regex[1]})
    if kind in ("none", "eps"):
        return frozenset({0})
    if kind == "cat":
        return cuts(regex[1]) | cuts(regex[2])
    if kind in ("alt", "and"):
        return frozenset().union(*(cuts(part) for part in regex[1]))
    return cuts(regex[1])


def representatives(regex: Regex, low: int = 0, high: int = MAX_CODE_POINT) -> set[int]:
    """At least one code point of [low, high] for each different derivative of `regex`."""
    begins = {low} | {cut for cut in cuts(regex) if low <= cut <= high}
    begins |= {SURROGATES[1] + 1} if low <= SURROGATES[1] < high else set()
    return {c for c in begins if not SURROGATES[0] <= c <= SURROGATES[1]}


@cache
def is_empty(regex: Regex) -> bool:
    """Whether no text at all is in `regex`: a search over its derivatives."""
    seen, todo = {regex}, [regex]
    while todo:
        here = todo.pop()
        if nullable(here):
            return False
        for code_point in representatives(here):
            after = derivative(here, code_point)
            if after not in seen and after != NONE:
                seen.add(after)
                todo.append(after)
    return True


def live_within(regex: Regex, low: int, high: int) -> bool:
    """Whether some text of `regex` begins with a code point of [low, high]."""
    return any(not is_empty(derivative(regex, c)) for c in representatives(regex, low, high))


def matches(regex: Regex, text: str) -> bool:
    for character in text:
        regex = derivative(regex, ord(character))
    return nullable(regex)
