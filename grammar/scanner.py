"""Lexers for sets of terminals as one byte automaton: where the next terminal ends, and which one it is.

The automaton reads on while any terminal could still match. The last accepting state on its way says which terminal
was read, exactly as Lark's lexer decides it, see `grammar/lark.py`. For each set of terminals it begins elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from .dfa import DEAD

IGNORED = 0
"""The label of ignored terminals."""

MISREAD = 1
"""The label of an ignored keyword that another terminal matched: Lark hands it to the parser, which never wants it."""

FIRST_LABEL = 2
"""That of terminal number 0; the others follow."""

NOTHING_READ = -1
"""The state of a scanner before its first byte. The one where it begins may also be reached again later."""

Edges = Sequence[tuple[int, int, int]]
"""(first byte, last byte, target)."""


class ScannerStates:
    """Immutable. The states of all scanners of a grammar. A terminal ends where no byte continues it.

    edges, rows : the successors, as ranges of bytes and for each byte.
    label       : which terminal was read.
    voids       : for each state the bytes, as bits, before which no terminal ends there: it looks ahead.
    continued   : for each state the bytes that continue it, as bits.
    barring     : both.
    bytes_to    : for each state its successors, each with the bytes (as bits) that lead to it.
    """

    def __init__(self, edges: Sequence[Edges], label: list[int], voids: list[int]) -> None:
        self.edges, self.label, self.voids = edges, label, voids
        self.rows: list[list[int]] = []
        self.bytes_to: list[list[tuple[int, int]]] = []
        self.continued: list[int] = []
        for out in edges:
            self._add(out)
        self.barring = [more | void for more, void in zip(self.continued, voids)]

    def _add(self, out: Edges) -> None:
        row = [DEAD] * 256
        to: dict[int, int] = {}
        continued = 0
        for low, high, target in out:
            row[low : high + 1] = [target] * (high + 1 - low)
            bytes_ = (1 << high + 1) - (1 << low)
            to[target] = to.get(target, 0) | bytes_
            continued |= bytes_
        self.rows.append(row)
        self.bytes_to.append(list(to.items()))
        self.continued.append(continued)

    @cached_property
    def byte_classes(self) -> list[int]:
        """The bytes (as bits) that lead to the same from all states, and before which the same ends are none."""
        columns = np.array(self.rows, np.int32).T
        classes: dict[tuple[bytes, tuple[int, ...]], int] = {}
        voids = [bits for bits in self.voids if bits]
        for byte, column in enumerate(columns):
            key = column.tobytes(), tuple([bits >> byte & 1 for bits in voids])
            classes[key] = classes.get(key, 0) | 1 << byte
        return list(classes.values())

    @cached_property
    def reach(self) -> list[int]:
        """For each state the labels of the states ahead of it, itself included, as bits."""
        return self.ahead([0 if label < 0 else 1 << label for label in self.label])

    @cached_property
    def ignored_ends(self) -> list[int]:
        """The states in which ignored text may end."""
        return [state for state, label in enumerate(self.label) if label == IGNORED]

    @cached_property
    def ignored_reach(self) -> list[int]:
        """As `reach`, with a bit for each of `ignored_ends`."""
        seeds = [0] * len(self.rows)
        for i, state in enumerate(self.ignored_ends):
            seeds[state] = 1 << i
        return self.ahead(seeds)

    @cached_property
    def _before(self) -> list[list[int]]:
        found: list[list[int]] = [[] for _ in self.rows]
        for state, targets in enumerate(self.bytes_to):
            for target, _ in targets:
                found[target].append(state)
        return found

    def ahead(self, seeds: list[int]) -> list[int]:
        """For each state the union of the seeds (bits) of the states ahead of it, itself included."""
        found = list(seeds)
        todo = [state for state, seed in enumerate(seeds) if seed]
        while todo:
            state = todo.pop()
            for previous in self._before[state]:
                if found[state] & ~found[previous]:
                    found[previous] |= found[state]
                    todo.append(previous)
        return found


class Scanner:
    """Immutable. The lexer for one set of terminals: `states`, from `start` on."""

    def __init__(self, states: ScannerStates, start: int) -> None:
        self.states = states
        self.start = start
        # What is asked for all the time.
        self.rows, self.label, self.voids = states.rows, states.label, states.voids
        self.continued, self.barring, self.bytes_to = states.continued, states.barring, states.bytes_to
        self.reach = states.reach
        self._first_bytes: dict[int, int] = {}

    @cached_property
    def reached(self) -> list[int]:
        """The states that can be reached, the first one included."""
        found = {self.start: None}
        todo = [self.start]
        for state in todo:
            for target, _ in self.bytes_to[state]:
                if target not in found:
                    found[target] = None
                    todo.append(target)
        return todo

    def bytes_on(self, state: int) -> list[tuple[int, int]]:
        """As `bytes_to`, of a state that may be NOTHING_READ."""
        return self.bytes_to[self.start if state == NOTHING_READ else state]

    def row(self, state: int) -> list[int]:
        """The successors of a state for each byte; `state` may be NOTHING_READ."""
        return self.rows[self.start if state == NOTHING_READ else state]

    def first_bytes(self, label: int) -> int:
        """The bytes (as bits) with which a text of `label` begins."""
        found = self._first_bytes.get(label)
        if found is None:
            found = self._first_bytes[label] = self.first_to(self.reach, 1 << label)
        return found

    def first_to(self, reach: list[int], wanted: int) -> int:
        """The first bytes (as bits) behind which some of the bits `wanted` of `reach` is ahead."""
        found = 0
        for target, bytes_ in self.bytes_to[self.start]:
            if reach[target] & wanted:
                found |= bytes_
        return found
