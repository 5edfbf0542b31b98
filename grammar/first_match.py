"""Regular expressions of Python's `re`, as programs whose threads are ordered by preference.

`re` finds the match that its backtracking reaches first: greedy, lazy and `|` say in which order ways are tried. A
program keeps that order, so that an automaton made from it ends a match where `re` ends it, not where the longest is.
Source: Cox, "Regular Expression Matching: the Virtual Machine Approach" (2009), for threads in order of preference.
"""

from __future__ import annotations

import re
from functools import lru_cache
from re import _constants as sre
from re import _parser as sre_parser
from typing import Any, NoReturn

import numpy as np

from .grammar import GrammarRefused
from .nodes import Ranges, complement_ranges, merge_ranges
from .utf8 import MAX_CODE_POINT

ANY: Ranges = ((0, MAX_CODE_POINT),)
MAX_OPERATIONS = 20_000

Operation = tuple[Any, ...]
"""("char", ranges, next) | ("split", first, second) | ("behind", ranges, wanted, next) | ("match", label), and
("not_ahead", first of what must not come, next), where that ends in ("found",)."""


class Program:
    """Operations of several patterns. What cannot be run this way raises GrammarRefused."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []

    def add(self, pattern: str, label: int) -> int:
        """Append `pattern`, whose matches end in ("match", label), and return its first operation."""
        first, operations = _compiled(pattern)
        base = len(self.operations)
        _check_size(base + len(operations))
        self.operations += [_moved(operation, base, label) for operation in operations]
        return base + first


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> tuple[int, list[Operation]]:
    """The first operation of a pattern, and all, numbered from 0. Terminals are in the programs of many scanners."""
    compiler = _Compiler()
    tree = sre_parser.parse(pattern)
    return compiler.sequence(tree, tree.state.flags, compiler.emit("match", None)), compiler.operations


def _moved(operation: Operation, base: int, label: int) -> Operation:
    """An operation of a pattern, as it is numbered from `base` on."""
    match operation:
        case ("char", ranges, after):
            return "char", ranges, base + after
        case ("behind", ranges, wanted, after):
            return "behind", ranges, wanted, base + after
        case ("match", _):
            return "match", label
        case (kind, first, second):
            return kind, base + first, base + second
    return operation


def _check_size(n_operations: int) -> None:
    if n_operations > MAX_OPERATIONS:
        raise GrammarRefused(
            f"the terminal needs more than {MAX_OPERATIONS} states", "shorten its counted repetitions"
        )


class _Compiler:
    """Appends the operations of a pattern, last ones first."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self._looks_ahead = False

    def emit(self, *operation: Any) -> int:
        """Append an operation: its number."""
        _check_size(len(self.operations) + 1)
        self.operations.append(operation)
        return len(self.operations) - 1

    def sequence(self, items: Any, flags: int, after: int) -> int:
        """Append what matches `items`, and then goes on with the operation `after`: its first operation."""
        for op, value in reversed(list(items)):
            after = self._item(op, value, flags, after)
        return after

    def _item(self, op: Any, value: Any, flags: int, after: int) -> int:
        if op in _CHARACTERS:
            return self.emit("char", _characters(op, value, flags), after)
        if op is sre.BRANCH:
            return self._branch(value[1], flags, after)
        if op is sre.SUBPATTERN:
            _, added, removed, body = value
            return self.sequence(body, (flags | added) & ~removed, after)
        if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            low, high, body = value
            return self._repeat(low, high, body, flags, after, greedy=op is sre.MAX_REPEAT)
        if op in (sre.ASSERT, sre.ASSERT_NOT) and self._looks_ahead:
            raise GrammarRefused(
                "the terminal looks around inside of a lookahead", "list the texts that must not come"
            )
        if op in (sre.ASSERT, sre.ASSERT_NOT) and value[0] < 0:
            return self._behind(value[1], flags, after, wanted=op is sre.ASSERT)
        if op is sre.ASSERT_NOT:
            return self._not_ahead(value[1], flags, after)
        _refuse(op)

    def _branch(self, options: list[Any], flags: int, after: int) -> int:
        entries = [self.sequence(option, flags, after) for option in options]
        entry = entries.pop()
        while entries:
            entry = self.emit("split", entries.pop(), entry)
        return entry

    def _repeat(self, low: int, high: Any, body: Any, flags: int, after: int, *, greedy: bool) -> int:
        unbounded = high is sre.MAXREPEAT
        if (unbounded or high > 1) and body.getwidth()[0] == 0:
            raise GrammarRefused(
                "the terminal repeats what may be empty", "let each repetition match a character"
            )
        if unbounded:
            entry = self.emit("split", after, after)
            inner = self.sequence(body, flags, entry)
            self.operations[entry] = ("split", inner, after) if greedy else ("split", after, inner)
        else:
            entry = after
            for _ in range(high - low):
                inner = self.sequence(body, flags, entry)
                entry = self.emit("split", inner, after) if greedy else self.emit("split", after, inner)
        for _ in range(low):
            entry = self.sequence(body, flags, entry)
        return entry

    def _not_ahead(self, body: Any, flags: int, after: int) -> int:
        self._looks_ahead = True
        first = self.sequence(body, flags, self.emit("found"))
        self._looks_ahead = False
        return self.emit("not_ahead", first, after)

    def _behind(self, body: Any, flags: int, after: int, *, wanted: bool) -> int:
        items = list(body)
        while len(items) == 1 and items[0][0] is sre.SUBPATTERN:
            _, added, removed, inner = items[0][1]
            flags = (flags | added) & ~removed
            items = list(inner)
        if len(items) != 1 or items[0][0] not in _CHARACTERS:
            raise GrammarRefused(
                "the terminal looks behind by more than one character",
                "only `(?<=x)` and `(?<!x)` are exact here",
            )
        op, value = items[0]
        return self.emit("behind", _characters(op, value, flags), wanted, after)


_CHARACTERS = (sre.LITERAL, sre.NOT_LITERAL, sre.ANY, sre.IN)


def _refuse(op: Any) -> NoReturn:
    what, hint = {
        sre.ASSERT: ("looks ahead", "write what it may match, or end the terminal before what follows"),
        sre.AT: ("has an anchor or a word border", "terminals end where nothing continues them; remove it"),
        sre.GROUPREF: ("refers back to a group", "write one terminal for each text the group may be"),
    }.get(
        op, (f"uses {str(op).lower()} of Python's `re`", "write it with alternatives, classes and repetition")
    )
    raise GrammarRefused(f"the terminal {what}", hint)


def _characters(op: Any, value: Any, flags: int) -> Ranges:
    """The characters that a pattern of one character matches."""
    if op is sre.ANY:
        return ANY if flags & re.DOTALL else complement_ranges(((10, 10),))
    if op is sre.IN:
        return _class(value, flags)
    ranges: Ranges = ((value, value),)
    if flags & re.IGNORECASE:
        ranges = _any_case(ranges, ascii_only=bool(flags & re.ASCII))
    return complement_ranges(ranges) if op is sre.NOT_LITERAL else ranges


def _class(items: list[Any], flags: int) -> Ranges:
    ascii_only = bool(flags & re.ASCII)
    negated = False
    listed: list[tuple[int, int]] = []
    categories: list[tuple[int, int]] = []
    for op, value in items:
        if op is sre.NEGATE:
            negated = True
        elif op is sre.LITERAL:
            listed.append((value, value))
        elif op is sre.RANGE:
            listed.append(value)
        else:
            categories += _category(str(value), ascii_only)
    if flags & re.IGNORECASE:
        listed = list(_any_case(merge_ranges(listed), ascii_only=ascii_only))
    ranges = merge_ranges([*listed, *categories])
    return complement_ranges(ranges) if negated else ranges


@lru_cache(maxsize=16)
def _category(name: str, ascii_only: bool) -> Ranges:
    r"""The characters of `\d`, `\s`, `\w` and their complements, asked from `re` itself."""
    kind = name.rpartition("_")[2].lower()
    pattern = re.compile(
        {"digit": r"\d+", "space": r"\s+", "word": r"\w+"}[kind], re.ASCII if ascii_only else 0
    )
    ranges = merge_ranges([(m.start(), m.end() - 1) for m in pattern.finditer(_all_characters())])
    return complement_ranges(ranges) if "_NOT_" in name else ranges


def _all_characters() -> str:
    points = np.arange(MAX_CODE_POINT + 1, dtype="<u4")  # ten times as fast as joining them
    return points.tobytes().decode("utf-32-le", "surrogatepass")


@lru_cache(maxsize=1)
def _cased() -> dict[str, list[str]]:
    """The characters that some change of case changes, by their case-folded form."""
    found: dict[str, list[str]] = {}
    for char in map(chr, range(0x20000)):  # no letter beyond plane 1 has case
        if not char.lower() == char.upper() == char.casefold() == char:
            for key in {char.lower(), char.casefold(), char.upper().lower(), char.lower()[0]}:
                found.setdefault(key, []).append(char)
    return found


@lru_cache(maxsize=4096)
def _variants(point: int, ascii_only: bool) -> tuple[int, ...]:
    """The characters that match `point` without regard to case, asked from `re` itself."""
    char = chr(point)
    pattern = re.compile(re.escape(char), re.IGNORECASE | (re.ASCII if ascii_only else 0))
    cased = _cased()
    keys = {char.lower(), char.casefold(), char.upper().lower(), char.lower()[0]}
    near = {other for key in keys for other in cased.get(key, ())}
    near |= {
        other
        for first in near
        for key in (first.lower(), first.upper().lower())
        for other in cased.get(key, ())
    }
    return tuple(sorted({point, *(ord(other) for other in near if pattern.fullmatch(other))}))


@lru_cache(maxsize=1)
def _cased_points() -> frozenset[int]:
    return frozenset(ord(char) for chars in _cased().values() for char in chars)


def _any_case(ranges: Ranges, *, ascii_only: bool) -> Ranges:
    cased = _cased_points()
    inside = (point for low, high in ranges for point in _overlap(low, high, cased))
    return merge_ranges([*ranges, *((v, v) for point in inside for v in _variants(point, ascii_only))])


def _overlap(low: int, high: int, points: frozenset[int]) -> list[int]:
    if high - low < len(points):
        return [point for point in range(low, high + 1) if point in points]
    return [point for point in points if low <= point <= high]
