"""Context-free rules as a program: flat instructions that read a character, call a rule, or branch.

Source: Thompson (1968), "Regular expression search algorithm"; Cox (2009), "Regular expression matching: the virtual
machine approach". Counted repetitions are loops with a counter, and rules that become part of their callers are
entered like subroutines, so a program is as long as the grammar, whatever is repeated or called how often.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..char_automata import Budget
from ..dfa import DEAD, NOT_ACCEPTING
from ..encodings import END, Encodings
from ..nodes import And, Call, Chars, Choice, Concat, Literal, Node, Not, Repeat, merge_ranges
from ..regex_lower import lower_regex
from .kernels.analysis import find_ends
from .kernels.instructions import (
    CALL,
    FAIL,
    JUMP,
    LOOP,
    OP,
    PRODUCTIVE,
    READ,
    REGION,
    RETURN,
    SPLIT,
    UNBOUNDED,
    WIDTH,
    A,
    B,
    C,
)
from .order import callees_first

MAX_INLINED = 200
"""A rule without recursion becomes part of its callers if it has at most so many instructions, repetitions counted."""
TOP = 0
"""The rule that stands for the whole text: it calls the start rule and nothing calls it."""


class Program:
    """The instructions of rules.

    names      : of the rules; that of TOP is empty.
    code       : int64[n, WIDTH], see `kernels.instructions`.
    starts     : int64[n_rules], where each rule begins.
    order      : int64[n_rules], the rules, each behind those that it calls, but for recursion.
    n_regions  : the number of bodies.
    encodings  : what READ reads.
    Raises CompileBudgetExceeded.
    """

    def __init__(self, start: str, bodies: Mapping[str, Node]) -> None:
        writer = _Writer({name: i for i, name in enumerate(bodies, 1)})
        self.names = ["", *bodies]
        for rule, body in enumerate([Call(start), *bodies.values()]):
            writer.rule(rule, body)
        self.encodings = writer.encodings
        self.n_regions = writer.n_regions
        self.code = writer.code()
        order = callees_first(range(len(writer.calls)), writer.calls.__getitem__)
        inlined = _inlined(writer.sizes, writer.calls, order)
        self.starts, self.order, is_inlined = np.array((writer.starts, order, inlined), np.int64)
        find_ends(self.code, self.starts, self.order, is_inlined)

    def unproductive(self) -> set[str]:
        """The rules that derive no text."""
        derives = self.code[self.starts, PRODUCTIVE].tolist()
        return {name for name, has_text in zip(self.names, derives) if name and not has_text}


class _Writer:
    """Writes rules one behind the other.

    sizes : of each rule the number of its instructions, those of repetitions counted.
    calls : of each rule those that it calls, and how often.
    """

    def __init__(self, numbers: Mapping[str, int]) -> None:
        self.starts: list[int] = []
        self.encodings = Encodings()
        self.n_regions = len(numbers) + 1
        self.sizes: list[int] = []
        self.calls: list[dict[int, int]] = []
        self._numbers = numbers
        self._ops: list[int] = []
        self._targets: list[int] = []
        self._regions: list[int] = []
        self._bounds: list[tuple[int, int, int]] = []
        self._region = TOP
        self._times = 1
        self._size = 0
        self._called: dict[int, int] = {}
        self._roots: dict[str, int] = {}

    def rule(self, number: int, body: Node) -> None:
        """Write the next rule."""
        self._region, self._size, self._called = number, 0, {}
        self.starts.append(len(self._ops))
        self._write(body)
        self._put(RETURN)
        self.sizes.append(self._size)
        self.calls.append(self._called)

    def code(self) -> np.ndarray:
        """The instructions, their flags not set: int64[n, WIDTH]."""
        code = np.zeros((len(self._ops), WIDTH), np.int64)
        for column, values in ((OP, self._ops), (A, self._targets), (REGION, self._regions)):
            code[:, column] = values
        for at, low, high in self._bounds:
            code[at, B], code[at, C] = low, high
        return code

    def _put(self, op: int, a: int = 0) -> int:
        """Write an instruction; where it is."""
        self._ops.append(op)
        self._targets.append(a)
        self._regions.append(self._region)
        self._size += self._times
        return len(self._ops) - 1

    def _aim(self, at: int) -> None:
        """Let an instruction go on at the next one to be written."""
        self._targets[at] = len(self._ops)

    def _write(self, node: Node) -> None:
        write = _WRITERS.get(type(node))
        if write is None:
            raise TypeError(f"{type(node).__name__} has no place in a context-free rule")
        write(self, node)

    def _literal(self, node: Literal) -> None:
        for char in node.text:
            root = self._roots.get(char)
            if root is None:
                root = self._roots[char] = self.encodings.character(ord(char))
            self._put(READ, root)

    def _chars(self, node: Chars) -> None:
        self._read(self.encodings.root(node.ranges))

    def _call(self, node: Call) -> None:
        number = self._numbers[node.name]
        self._called[number] = self._called.get(number, 0) + self._times
        self._put(CALL, number)

    def _concat(self, node: Concat) -> None:
        for part in node.parts:
            self._write(part)

    def _read(self, root: int) -> None:
        self._put(FAIL if root == END else READ, root)

    def _choice(self, node: Choice) -> None:
        options = node.options
        ends = []
        for option in options[:-1]:
            split = self._put(SPLIT)
            self._write(option)
            ends.append(self._put(JUMP))
            self._aim(split)
        if options:
            self._write(options[-1])
        else:
            self._put(FAIL)
        for end in ends:
            self._aim(end)

    def _repeat(self, node: Repeat) -> None:
        body, low, high = node.body, node.low, node.high
        if high == 0:
            return
        if high is None and low == 1:
            begin = len(self._ops)
            self._write(body)
            self._put(SPLIT, begin)
        elif low == 0 and (high is None or high == 1):
            split = self._put(SPLIT)
            self._write(body)
            if high is None:
                self._put(JUMP, split)
            self._aim(split)
        else:
            self._loop(body, low, high)

    def _loop(self, body: Node, low: int, high: int | None) -> None:
        loop = self._put(LOOP)
        self._bounds.append((loop, low, UNBOUNDED if high is None else high))
        region, times = self._region, self._times
        self._region = self.n_regions
        self._times *= max(low, high or 0)
        self.n_regions += 1
        self._write(body)
        self._put(RETURN)
        self._region, self._times = region, times
        self._aim(loop)

    def _automaton(self, node: And | Not) -> None:
        """An intersection or a complement: its states, each with its ways on."""
        dfa, alphabet = lower_regex(node, search=False, budget=Budget())
        if dfa.start == DEAD:
            self._put(FAIL)
            return
        begins: dict[int, int] = {}
        jumps: list[tuple[int, int]] = [(self._put(JUMP), dfa.start)]
        ends = []
        for state in range(1, len(dfa.rows)):
            begins[state] = len(self._ops)
            ranges: dict[int, list[tuple[int, int]]] = {}
            for low, high, number in alphabet.intervals:
                if dfa.rows[state][number] != DEAD:
                    ranges.setdefault(dfa.rows[state][number], []).append((low, high))
            for target, some in ranges.items():
                split = self._put(SPLIT)
                self._read(self.encodings.root(merge_ranges(some)))
                jumps.append((self._put(JUMP), target))
                self._aim(split)
            ends.append(self._put(FAIL if dfa.labels[state] == NOT_ACCEPTING else JUMP))
        for at, target in jumps:
            self._targets[at] = begins[target]
        for end in ends:
            self._aim(end)


_WRITERS: dict[type[Node], Callable[[_Writer, Any], None]] = {
    Literal: _Writer._literal,
    Chars: _Writer._chars,
    Call: _Writer._call,
    Concat: _Writer._concat,
    Choice: _Writer._choice,
    Repeat: _Writer._repeat,
    And: _Writer._automaton,
    Not: _Writer._automaton,
}


def _inlined(sizes: list[int], calls: list[dict[int, int]], order: list[int]) -> list[bool]:
    """Whether each rule becomes part of its callers."""
    found = [False] * len(sizes)
    whole = list(sizes)
    for rule in order:
        called = calls[rule]
        if all(found[other] for other in called):
            whole[rule] += sum(times * whole[other] for other, times in called.items())
            found[rule] = rule != TOP and whole[rule] <= MAX_INLINED
    return found
