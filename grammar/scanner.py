"""A lexer for one set of terminals as a byte automaton: where the next terminal ends, and which one it is.

The automaton reads on while any terminal could still match. The last accepting state on its way says which terminal
was read, exactly as Lark's lexer decides it, see `grammar/lark.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np

from .char_automata import Alphabet, Budget, minimal_char_dfa
from .dfa import DEAD, NOT_ACCEPTING, ByteDfa
from .first_match import PatternRefused, Program
from .grammar import Terminal
from .nodes import Chars, Choice
from .utf8 import lower_to_bytes

__all__ = ["IGNORED", "PatternRefused", "Scanner"]

IGNORED = 0
"""The label of ignored terminals; that of another terminal is 1 + its number."""

NOTHING_READ = -1
"""The state of a scanner before its first byte. The DFA's start may also be reached again later."""

Threads = tuple[int, ...]
Spellings = frozenset[tuple[int, int]]
"""(keyword, characters read): the keywords that the text may still be."""


class Scanner:
    """Immutable. `dfa` ends a terminal where no byte continues; its labels say which terminal was read.

    reach  : for each state the labels of states ahead of it, itself included, as bits.
    mortal : for each state the bytes that continue it, as bits of an int.
    """

    def __init__(self, dfa: ByteDfa) -> None:
        self.dfa = dfa
        self.rows: list[list[int]] = dfa.delta.tolist()
        self.label: list[int] = dfa.label.tolist()
        self.continued = [_bits(np.flatnonzero(row)) for row in dfa.delta]
        self.reach = self._propagate([0 if label < 0 else 1 << label for label in self.label])

    def row(self, state: int) -> list[int]:
        """The successors of a state for each byte; `state` may be NOTHING_READ."""
        return self.rows[self.dfa.start if state == NOTHING_READ else state]

    def first_bytes(self, label: int) -> int:
        """The bytes (as bits) with which a text of `label` begins."""
        return self.first_to(self.reach, 1 << label)

    def first_to(self, reach: list[int], wanted: int) -> int:
        """The first bytes (as bits) behind which some of the bits `wanted` of `reach` is ahead."""
        return sum(1 << byte for byte, target in enumerate(self.row(NOTHING_READ)) if reach[target] & wanted)

    def ends(self, label: int) -> list[int]:
        """The states in which a text of `label` may end."""
        return [state for state, here in enumerate(self.label) if here == label]

    @cached_property
    def ignored_reach(self) -> list[int]:
        """As `reach`, with a bit for each of `ends(IGNORED)`."""
        seeds = [0] * len(self.rows)
        for i, state in enumerate(self.ends(IGNORED)):
            seeds[state] = 1 << i
        return self._propagate(seeds)

    def _propagate(self, seeds: list[int]) -> list[int]:
        """For each state the union of the seeds of all states ahead of it."""
        before: list[list[int]] = [[] for _ in self.rows]
        for state, row in enumerate(self.rows):
            for target in set(row) - {DEAD}:
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


def _bits(positions: Iterable[int]) -> int:
    return sum(1 << int(position) for position in positions)


def build_scanner(terminals: Sequence[tuple[int, Terminal]], budget: Budget) -> Scanner:
    """The scanner for some terminals, each with its label. Raises PatternRefused, CompileBudgetExceeded."""
    ordered = sorted(terminals, key=lambda t: (-t[1].priority, -t[1].max_width, -t[1].length, t[1].name))
    keywords = _keywords(ordered)
    told_apart = {word.name for words in keywords.values() for _, word in words if word.flags <= _flags(words, ordered, keywords)}
    raise NotImplementedError
