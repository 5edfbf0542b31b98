"""A lexer for one set of terminals as a byte automaton: where the next terminal ends, and which one it is.

The automaton reads on while any terminal could still match. The last accepting state on its way says which terminal
was read, exactly as Lark's lexer decides it, see `grammar/lark.py`.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from .bits import bits_of
from .dfa import DEAD, ByteDfa

IGNORED = 0
"""The label of ignored terminals."""

MISREAD = 1
"""The label of an ignored keyword that another terminal matched: Lark hands it to the parser, which never wants it."""

FIRST_LABEL = 2
"""That of terminal number 0; the others follow."""

NOTHING_READ = -1
"""The state of a scanner before its first byte. The DFA's start may also be reached again later."""


class Scanner:
    """Immutable. `dfa` ends a terminal where no byte continues; its labels say which terminal was read.

    voids       : for each state the bytes, as bits, before which no terminal ends there: it looks ahead.
    barring     : those and the bytes that continue it.
    rows, label : of the DFA, as lists.
    reach     : for each state the labels of the states ahead of it, itself included, as bits.
    continued : for each state the bytes that continue it, as bits.
    """

    def __init__(self, dfa: ByteDfa, voids: list[int]) -> None:
        self.dfa = dfa
        self.voids = voids
        self.rows: list[list[int]] = dfa.delta.tolist()
        self.label: list[int] = dfa.label.tolist()
        self.continued = [bits_of(np.flatnonzero(row).tolist()) for row in dfa.delta]
        self.barring = [more | void for more, void in zip(self.continued, voids)]
        self._first_bytes: dict[int, int] = {}
        self.reach = self.ahead([0 if label < 0 else 1 << label for label in self.label])

    @cached_property
    def targets(self) -> list[tuple[int, ...]]:
        """For each state its successors, each once."""
        return [tuple(sorted(set(row) - {DEAD})) for row in self.rows]

    @cached_property
    def bytes_to(self) -> list[list[tuple[int, int]]]:
        """For each state its successors, each with the bytes (as bits) that lead to it."""
        found = []
        for row in self.rows:
            bits: dict[int, int] = {}
            for byte, target in enumerate(row):
                if target != DEAD:
                    bits[target] = bits.get(target, 0) | 1 << byte
            found.append(list(bits.items()))
        return found

    def bytes_on(self, state: int) -> list[tuple[int, int]]:
        """As `bytes_to`, of a state that may be NOTHING_READ."""
        return self.bytes_to[self.dfa.start if state == NOTHING_READ else state]

    def row(self, state: int) -> list[int]:
        """The successors of a state for each byte; `state` may be NOTHING_READ."""
        return self.rows[self.dfa.start if state == NOTHING_READ else state]

    def first_bytes(self, label: int) -> int:
        """The bytes (as bits) with which a text of `label` begins."""
        found = self._first_bytes.get(label)
        if found is None:
            found = self._first_bytes[label] = self.first_to(self.reach, 1 << label)
        return found

    def first_to(self, reach: list[int], wanted: int) -> int:
        """The first bytes (as bits) behind which some of the bits `wanted` of `reach` is ahead."""
        return bits_of(byte for byte, target in enumerate(self.row(NOTHING_READ)) if reach[target] & wanted)

    def ends(self, label: int) -> list[int]:
        """The states in which a text of `label` may end."""
        return [state for state, here in enumerate(self.label) if here == label]

    @cached_property
    def ignored_reach(self) -> list[int]:
        """As `reach`, with a bit for each of `ends(IGNORED)`."""
        seeds = [0] * len(self.rows)
        for i, state in enumerate(self.ends(IGNORED)):
            seeds[state] = 1 << i
        return self.ahead(seeds)

    def ahead(self, seeds: list[int]) -> list[int]:
        """For each state the union of the seeds (bits) of the states ahead of it, itself included."""
        before: list[list[int]] = [[] for _ in self.rows]
        for state, targets in enumerate(self.targets):
            for target in targets:
                before[target].append(state)
        found = list(seeds)
        todo = [state for state, seed in enumerate(seeds) if seed]
        while todo:
            state = todo.pop()
            for previous in before[state]:
                if found[state] & ~found[previous]:
                    found[previous] |= found[state]
                    todo.append(previous)
        return found
