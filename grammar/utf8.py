"""Code points as UTF-8 bytes (RFC 3629): ranges, and automata over characters turned into automata over bytes."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from .dfa import DEAD, DEFAULT_BUDGET, NOT_ACCEPTING, ByteDfa, check_budget, number_edges
from .partition import Row

MAX_CODE_POINT = 0x10FFFF
SURROGATES = (0xD800, 0xDFFF)
SCALARS = ((0, 0xD7FF), (0xE000, MAX_CODE_POINT))
"""All code points that UTF-8 can encode."""

CONTINUATION = 0x80
CONTINUATION_LAST = 0xBF

# First lead byte, first and last code point of the sequences of 2, 3 and 4 bytes.
_LEADS = ((0xC0, 0x80, 0x7FF), (0xE0, 0x800, 0xFFFF), (0xF0, 0x10000, MAX_CODE_POINT))

Interval = tuple[int, int, int]
"""First code point, last code point, class of characters."""

_Runs = tuple[tuple[int, int, int], ...]
"""First byte, last byte, child: a node of the level below, or a class of characters on level 1."""


def byte_sequences(low: int, high: int) -> list[tuple[tuple[int, int], ...]]:
    """The UTF-8 encodings of the code points `low` to `high` as sequences of byte ranges.

    Surrogates are left out. The sequences are disjoint and in byte order.
    """
    found: list[tuple[tuple[int, int], ...]] = []
    cuts = sorted(
        {low, high + 1, *(c for c in (0x80, 0x800, *SURROGATES, 0xE000, 0x10000) if low < c <= high)}
    )
    for first, after in itertools.pairwise(cuts):
        if SURROGATES[0] <= first <= SURROGATES[1]:
            continue
        found += _split(chr(first).encode(), chr(after - 1).encode())
    return found


def _split(first: bytes, last: bytes) -> list[tuple[tuple[int, int], ...]]:
    """Sequences for the code points between two encodings of one length."""
    if len(first) == 1:
        return [((first[0], last[0]),)]
    if first[0] == last[0]:
        return [((first[0], first[0]), *rest) for rest in _split(first[1:], last[1:])]
    tail = len(first) - 1
    low_rest, high_rest = b"\x80" * tail, b"\xbf" * tail
    before, after, low, high = [], [], first[0], last[0]
    if first[1:] != low_rest:
        before = [((low, low), *rest) for rest in _split(first[1:], high_rest)]
        low += 1
    if last[1:] != high_rest:
        after = [((high, high), *rest) for rest in _split(low_rest, last[1:])]
        high -= 1
    whole = [((low, high), *(((CONTINUATION, CONTINUATION_LAST),) * tail))] if low <= high else []
    return before + whole + after


class _EncodingTree:
    """Which class of characters each multi-byte sequence encodes, equal subtrees shared.

    levels : the distinct nodes that read 1, 2 and 3 more bytes.
    lead   : the runs of lead bytes; the child is (level, node).
    """

    def __init__(self, intervals: Sequence[Interval]) -> None:
        self._intervals = intervals
        self._firsts = [first for first, _, _ in intervals]
        self._numbers: tuple[dict[_Runs, int], ...] = ({}, {}, {})
        self.lead: list[tuple[int, int, int, int]] = []
        for level, (first_lead, low, high) in enumerate(_LEADS):
            size = 64 ** (level + 1)
            for first, last, child in self._runs(level + 1, 0, low, high):
                self.lead.append((first_lead + first // size, first_lead + last // size, level, child))
        self.levels = tuple(list(numbers) for numbers in self._numbers)

    def _runs(self, level: int, base: int, low: int, high: int) -> list[tuple[int, int, int]]:
        """Blocks of 64**level code points between `low` and `high`: first, last offset from `base`, child."""
        size = 64**level
        runs: list[tuple[int, int, int]] = []
        block = low - (low - base) % size
        while block <= high:
            first, last = max(block, low), min(block + size - 1, high)
            n_blocks, child = 1, self._child(level, block, first, last)
            if child is not None:
                end = self._whole_until(first)
                n_blocks = max(1, (min(end, high) + 1 - block) // size) if first == block else 1
                begin, until = block - base, block - base + (n_blocks - 1) * size
                if runs and runs[-1][2] == child and runs[-1][1] + size == begin:
                    runs[-1] = (runs[-1][0], until, child)
                else:
                    runs.append((begin, until, child))
            block += n_blocks * size
        return runs

    def _whole_until(self, point: int) -> int:
        """The last code point of the interval that holds `point`, or `point` where there is none."""
        at = bisect_right(self._firsts, point) - 1
        return max(point, self._intervals[at][1]) if at >= 0 else point

    def _child(self, level: int, block: int, first: int, last: int) -> int | None:
        if level == 0:
            at = bisect_right(self._firsts, block) - 1
            inside = at >= 0 and block <= self._intervals[at][1]
            return self._intervals[at][2] if inside else None
        size = 64 ** (level - 1)
        inner = self._runs(level - 1, block, first, last)
        if not inner:
            return None
        key = tuple((CONTINUATION + a // size, CONTINUATION + b // size, child) for a, b, child in inner)
        numbers = self._numbers[level - 1]
        return numbers.setdefault(key, len(numbers))


@lru_cache(maxsize=64)
def _encoding_tree(intervals: tuple[Interval, ...]) -> _EncodingTree:
    return _EncodingTree(intervals)


class _ByteTable:
    """Byte transitions that grow under the states of an automaton over characters."""

    def __init__(self, rows: Sequence[Row], intervals: Sequence[Interval]) -> None:
        self._rows = rows
        self._tree = _encoding_tree(tuple(i for i in intervals if i[0] >= 0x80))
        self._ascii = [(low, high, c) for low, high, c in intervals if high < 0x80]
        self.edges: list[list[tuple[int, int, int]]] = [[] for _ in rows]
        self._ids: dict[_Runs, int] = {}
        self._wide_classes = sorted({c for low, _, c in intervals if low >= 0x80})
        self._lead_runs: dict[tuple[int, ...], list[tuple[int, int, int]]] = {}

    def add(self, state: int) -> None:
        """Fill in the byte transitions of one state over characters."""
        row = self._rows[state]
        edges = [(low, high, row[c]) for low, high, c in self._ascii if row[c] != DEAD]
        wide = tuple([row[c] for c in self._wide_classes])
        if wide not in self._lead_runs:
            self._lead_runs[wide] = self._leads(row)
        self.edges[state] = edges + self._lead_runs[wide]

    def _leads(self, row: Row) -> list[tuple[int, int, int]]:
        below: Row = row
        states_by_level = []
        for nodes in self._tree.levels:
            below = [self._intern(runs, below) for runs in nodes]
            states_by_level.append(below)
        lead = [(low, high, states_by_level[level][node]) for low, high, level, node in self._tree.lead]
        return [run for run in lead if run[2] != DEAD]

    def _intern(self, runs: _Runs, targets: Row) -> int:
        merged: list[tuple[int, int, int]] = []
        for low, high, child in runs:
            target = targets[child]
            if target == DEAD:
                continue
            if merged and merged[-1][2] == target and merged[-1][1] + 1 == low:
                merged[-1] = (merged[-1][0], high, target)
            else:
                merged.append((low, high, target))
        if not merged:
            return DEAD
        key = tuple(merged)
        if key not in self._ids:
            self._ids[key] = len(self.edges)
            self.edges.append(merged)
        return self._ids[key]


def lower_to_bytes(
    rows: Sequence[Row],
    labels: Row,
    start: int,
    intervals: Sequence[Interval],
    *,
    budget: int = DEFAULT_BUDGET,
) -> ByteDfa:
    """The byte DFA of a *minimal* DFA over characters.

    rows      : successors over classes of characters; state 0 is DEAD and no other state is dead.
    intervals : the class of each scalar value, sorted, disjoint and split at 0x80.

    The result needs no minimisation: the states inside a multi-byte sequence are shared by
    content, and what a state reads next (a continuation byte or none) tells the levels apart.
    """
    edges = byte_edges(rows, intervals, budget=budget)
    return number_edges(edges, [*labels, *[NOT_ACCEPTING] * (len(edges) - len(rows))], start, minimal=True)


def byte_edges(
    rows: Sequence[Row], intervals: Sequence[Interval], *, budget: int = DEFAULT_BUDGET
) -> list[list[tuple[int, int, int]]]:
    """`(first byte, last byte, target)` for each state of a DFA over characters, and behind these for those between."""
    table = _ByteTable(rows, intervals)
    for state in range(1, len(rows)):
        table.add(state)
        check_budget(len(table.edges), budget)
    return table.edges


_ONE_LEFT, _TWO_LEFT, _THREE_LEFT = 2, 4, 7
_WELL_FORMED = (
    (1, 0x00, 0x7F, 1),
    (1, 0xC2, 0xDF, _ONE_LEFT),
    (1, 0xE0, 0xE0, 3),
    (1, 0xE1, 0xEC, _TWO_LEFT),
    (1, 0xED, 0xED, 5),
    (1, 0xEE, 0xEF, _TWO_LEFT),
    (1, 0xF0, 0xF0, 6),
    (1, 0xF1, 0xF3, _THREE_LEFT),
    (1, 0xF4, 0xF4, 8),
    (_ONE_LEFT, 0x80, 0xBF, 1),
    (3, 0xA0, 0xBF, _ONE_LEFT),
    (_TWO_LEFT, 0x80, 0xBF, _ONE_LEFT),
    (5, 0x80, 0x9F, _ONE_LEFT),
    (6, 0x90, 0xBF, _TWO_LEFT),
    (_THREE_LEFT, 0x80, 0xBF, _TWO_LEFT),
    (8, 0x80, 0x8F, _TWO_LEFT),
)
"""State, first byte, last byte, next state: what may follow in UTF-8 (The Unicode Standard, table 3-7)."""


def _all_text() -> ByteDfa:
    # Written down, in the canonical form: kernels that could find it would be loaded with this module.
    delta = np.zeros((9, 256), np.int32)
    for state, low, high, target in _WELL_FORMED:
        delta[state, low : high + 1] = target
    label = np.full(9, NOT_ACCEPTING, np.int32)
    label[1] = 0
    return ByteDfa(delta, 1, label)


UTF8 = _all_text()
"""Every text: all sequences of Unicode scalar values, control characters included."""
