"""Automata over classes of characters: the partition of the alphabet, and minimal DFAs over it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import CompileBudgetExceeded
from .dfa import DEAD, DEFAULT_BUDGET, NOT_ACCEPTING, ByteDfa
from .nodes import Anchor, And, Chars, Choice, Concat, Literal, Look, Node, Not, Ranges, Repeat
from .partition import equivalence_blocks
from .unicode_sets import WORD
from .utf8 import SCALARS, Interval, lower_to_bytes

MAX_WORK = 3_000_000
MAX_CELLS = 500_000


class Budget:
    """What one compilation may still spend, over all its automata."""

    def __init__(self, n_states: int = DEFAULT_BUDGET) -> None:
        self.n_states = n_states
        self._work = MAX_WORK

    def spend(self, work: int, n_states: int, n_classes: int) -> None:
        """Count elementary steps; check the size of a table."""
        self._work -= work
        if self._work < 0 or n_states > self.n_states or n_states * n_classes > MAX_CELLS:
            raise CompileBudgetExceeded(
                "the pattern needs too many states",
                keyword="pattern",
                hint="shorten counted repetitions, or validate this pattern afterwards",
            )


class Alphabet:
    """The coarsest partition of the scalar values that each set of characters in a tree respects.

    intervals   : (first, last, class), sorted, split at 0x80; they cover all scalar values.
    class_sets  : for each class a bit mask of the sets that contain it.
    set_number  : the bit of each set.
    word_class  : for each class whether it is ASCII word characters (meaningful if the tree has word anchors).
    """

    def __init__(self, node: Node) -> None:
        self.has_word_anchor = False
        self.set_number: dict[Ranges, int] = {}
        self._collect(node)
        word_bit = self._number(WORD) if self.has_word_anchor else None
        flips: dict[int, int] = {0x80: 0}
        for ranges, number in self.set_number.items():
            for low, high in ranges:
                flips[low] = flips.get(low, 0) ^ (1 << number)
                flips[high + 1] = flips.get(high + 1, 0) ^ (1 << number)
        self.intervals: list[Interval] = []
        self.class_sets: list[int] = []
        self._partition(flips)
        self.n_classes = len(self.class_sets)
        self.word_class = [word_bit is not None and bool(sets >> word_bit & 1) for sets in self.class_sets]

    def _number(self, ranges: Ranges) -> int:
        return self.set_number.setdefault(ranges, len(self.set_number))

    def _collect(self, node: Node) -> None:
        match node:
            case Chars(ranges):
                self._number(ranges)
            case Literal(text):
                for char in text:
                    self._number(((ord(char), ord(char)),))
            case Concat(children) | Choice(children) | And(children):
                for child in children:
                    self._collect(child)
            case Repeat(body) | Not(body) | Look(body):
                self._collect(body)
            case Anchor(kind):
                self.has_word_anchor |= kind in ("word", "not word")

    def _partition(self, flips: dict[int, int]) -> None:
        class_number: dict[int, int] = {}
        for low, high in SCALARS:
            points = [low, *sorted(point for point in flips if low < point <= high), high + 1]
            sets = 0
            for point in flips:
                if point <= low:
                    sets ^= flips[point]
            for first, after in itertools.pairwise(points):
                if first != low:
                    sets ^= flips[first]
                number = class_number.setdefault(sets, len(class_number))
                self.intervals.append((first, after - 1, number))
        self.class_sets = list(class_number)


@dataclass(frozen=True, slots=True)
class CharDfa:
    """Minimal DFA over the classes of an alphabet: as ByteDfa, with lists and without canonical numbers.

    universal : the state that accepts every continuation, -1 if there is none.
    """

    rows: list[list[int]]
    labels: list[int]
    start: int

    @property
    def universal(self) -> int:
        for state, row in enumerate(self.rows):
            if self.labels[state] != NOT_ACCEPTING and all(target == state for target in row):
                return state
        return -1

    def complement(self) -> CharDfa:
        """The texts not accepted."""
        rows = [[DEAD] * len(self.rows[0])] + [[target + 1 for target in row] for row in self.rows]
        labels = [NOT_ACCEPTING] + [0 if label == NOT_ACCEPTING else NOT_ACCEPTING for label in self.labels]
        return minimal_char_dfa(rows, labels, self.start + 1)

    def to_bytes(self, alphabet: Alphabet, budget: Budget) -> ByteDfa:
        return lower_to_bytes(self.rows, self.labels, self.start, alphabet.intervals, budget=budget.n_states)


def minimal_char_dfa(rows: list[list[int]], labels: list[int], start: int) -> CharDfa:
    """The trimmed quotient of a complete DFA whose state 0 is dead; unreachable states go."""
    block_of = equivalence_blocks(rows, labels).tolist()
    number = {block_of[DEAD]: DEAD}
    reached = [DEAD]

    def visit(state: int) -> int:
        block = block_of[state]
        if block not in number:
            number[block] = len(number)
            reached.append(state)
        return number[block]

    first = visit(start)
    table = [[visit(target) for target in rows[state]] for state in reached]
    return CharDfa(table, [labels[state] for state in reached], first)


def quotient(rows: list[list[int]], labels: list[int]) -> tuple[CharDfa, list[int]]:
    """The quotient of a complete DFA whose state 0 is dead, wherever it begins, and which of its states each one is."""
    block_of = equivalence_blocks(rows, labels).tolist()
    number = {block: i for i, block in enumerate(dict.fromkeys(block_of))}
    first = {number[block]: state for state, block in reversed(list(enumerate(block_of)))}
    kept = [first[i] for i in range(len(number))]
    table = [[number[block_of[target]] for target in rows[state]] for state in kept]
    return CharDfa(table, [labels[state] for state in kept], DEAD), [number[block] for block in block_of]


def intersect_char_dfas(dfas: Iterable[CharDfa], budget: Budget) -> CharDfa:
    """The texts that all of `dfas` accept."""
    parts = list(dfas)
    n_classes = len(parts[0].rows[0])
    dead = (DEAD,) * len(parts)
    start = tuple(dfa.start for dfa in parts)
    states = [dead, start]
    ids = {dead: DEAD, start: 1}
    rows: list[list[int]] = []
    for state in states:
        row = []
        for target in zip(*[dfa.rows[q] for dfa, q in zip(parts, state)]):
            if DEAD in target:
                target = dead
            if target not in ids:
                ids[target] = len(states)
                states.append(target)
            row.append(ids[target])
        rows.append(row)
        budget.spend(n_classes, len(states), n_classes)
    labels = [
        0 if all(dfa.labels[q] != NOT_ACCEPTING for dfa, q in zip(parts, state)) else NOT_ACCEPTING
        for state in states
    ]
    return minimal_char_dfa(rows, labels, 1)
