"""Rules as a recursive transition network: for each rule a DFA that reads bytes and calls rules.

Source: Woods (1970), "Transition network grammars for natural language analysis".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ..bits import ALL_BYTES, union
from ..char_automata import Budget
from ..dfa import NOT_ACCEPTING
from ..nodes import Call, Node
from ..regex_lower import lower_regex
from ..utf8 import byte_edges
from .first_follow import FirstFollow
from .rules import Rules

TOP = 0
"""The rule that stands for the whole text: it calls the start rule and nothing calls it."""


class Entry(NamedTuple):
    """How the automaton of a foreign rule begins: the state, and the bytes (bits of an int)."""

    state: int
    first: int


class Networks:
    """The states of all rules, numbered through; those of a rule are built when it is asked for. State 0 is dead.

    rows  : for each state int32[256], the target of each byte.
    calls : for each state `(rule, target)`, what it may call and where that leads.
    final : whether the rule may end in a state.  owner : the rule of a state.
    follow : for each rule the bytes (bits of an int) that may come behind it, or more than those.
    terminals : the rules that are read as far as they go.
    foreign : the rules that have automata of their own, and these. Such a rule has two states: before it, and behind.
    """

    def __init__(self, rules: Rules, foreign: Mapping[str, Entry]) -> None:
        found = FirstFollow(rules, {name: entry.first for name, entry in foreign.items()})
        names = [*rules.bodies, *rules.terminals, *foreign]
        self.names = ["", *names]
        self._numbers = {name: i for i, name in enumerate(names, 1)}
        self._bodies: list[Node] = [Call(rules.start), *rules.bodies.values()]
        self._is_greedy = rules.is_greedy
        self.terminals = {self._numbers[name]: dfa for name, dfa in rules.terminals.items()}
        self.foreign = {self._numbers[name]: entry for name, entry in foreign.items()}
        self._starts: dict[int, int] = {}
        self.follow = [0, *(found.follow[name] for name in names)]
        self._nullable = {self._numbers[name] for name in found.nullable}
        self.rows = [np.zeros(256, np.int32)]
        self.calls: list[list[tuple[int, int]]] = [[]]
        self.final = [False]
        self.owner = [TOP]
        self._closures: dict[int, tuple[int, ...]] = {}
        self._reads: dict[int, list[tuple[int, int]]] = {}
        self._used: dict[int, int] = {}
        self._called: dict[int, frozenset[int]] = {}
        self._may_end: dict[int, bool] = {}
        self._only_ends: dict[int, bool] = {}
        self._corners: dict[int, frozenset[int]] = {}
        self._tails: dict[int, frozenset[int]] = {}

    def start(self, rule: int) -> int:
        """The first state of a rule."""
        start = self._starts.get(rule)
        if start is None:
            start = self._starts[rule] = self._add(rule)
        return start

    def _add(self, rule: int) -> int:
        if rule in self.foreign:
            return self._add_foreign(rule)
        return self._add_terminal(rule) if rule in self.terminals else self._build(rule)

    def behind(self, rule: int) -> int:
        """The state behind a foreign rule."""
        return self.start(rule) + 1

    def _add_terminal(self, rule: int) -> int:
        dfa, first = self.terminals[rule], len(self.rows) - 1
        self.rows += list(np.where(dfa.delta[1:], dfa.delta[1:] + first, 0).astype(np.int32))
        self.calls += [[] for _ in range(dfa.n_states - 1)]
        self.final += (dfa.label[1:] >= 0).tolist()
        self.owner += [rule] * (dfa.n_states - 1)
        return first + dfa.start

    @property
    def has_debts(self) -> bool:
        """Whether some terminal is read as far as it goes."""
        return self._is_greedy and bool(self.terminals)

    def goes_on(self, state: int) -> bool:
        """Whether a terminal may end in a state, or go on to another end."""
        return (
            self._is_greedy
            and self.owner[state] in self.terminals
            and self.final[state]
            and not self.only_ends(state)
        )

    def _add_foreign(self, rule: int) -> int:
        first = len(self.rows)
        self.rows += [np.zeros(256, np.int32)] * 2
        self.calls += [[], []]
        self.final += [False, True]
        self.owner += [rule] * 2
        return first

    def _build(self, rule: int) -> int:
        dfa, alphabet = lower_regex(self._bodies[rule], search=False, budget=Budget())
        edges = byte_edges(dfa.rows, alphabet.intervals)
        first = len(self.rows) - 1
        for out in edges[1:]:
            row = np.zeros(256, np.int32)
            for low, high, target in out:
                row[low : high + 1] = first + target
            self.rows.append(row)
        n_between = len(edges) - len(dfa.rows)
        self.owner += [rule] * (len(edges) - 1)
        self.final += [label != NOT_ACCEPTING for label in dfa.labels[1:]] + [False] * n_between
        for state in dfa.rows[1:]:
            called = ((self._numbers[call.name], state[number]) for call, number in alphabet.calls.items())
            self.calls.append([(number, first + target) for number, target in called if target])
        self.calls += [[] for _ in range(n_between)]
        return first + dfa.start

    def read(self, state: int, byte: int) -> tuple[int, int]:
        """The target of a byte, 0 for none, and the bytes (bits) with the same one."""
        for target, bytes_ in self._reads_of(state):
            if bytes_ >> byte & 1:
                return target, bytes_
        return 0, ALL_BYTES ^ self._used[state]

    def used(self, state: int) -> int:
        """The bytes (bits) that a state reads."""
        if state not in self._used:
            self._reads_of(state)
        return self._used[state]

    def _reads_of(self, state: int) -> list[tuple[int, int]]:
        """For each target of a state the bytes (bits) that lead there."""
        reads = self._reads.get(state)
        if reads is None:
            found: dict[int, int] = {}
            row = self.rows[state]
            for byte in row.nonzero()[0].tolist():
                target = int(row[byte])
                found[target] = found.get(target, 0) | 1 << byte
            reads = self._reads[state] = list(found.items())
            self._used[state] = union(found.values())
        return reads

    def closure(self, state: int) -> tuple[int, ...]:
        """A state, and those that are reached from it by calls that read nothing."""
        found = self._closures.get(state)
        if found is None:
            todo = [state]
            for here in todo:
                todo += [t for rule, t in self.calls[here] if rule in self._nullable and t not in todo]
            found = self._closures[state] = tuple(todo)
        return found

    def may_end(self, state: int) -> bool:
        """Whether the rule may end in a state, after calls that read nothing at most."""
        found = self._may_end.get(state)
        if found is None:
            found = self._may_end[state] = any(self.final[here] for here in self.closure(state))
        return found

    def only_ends(self, state: int) -> bool:
        """Whether a state is final and nothing goes on from it."""
        if not self.final[state] or self.calls[state]:
            return False
        found = self._only_ends.get(state)
        if found is None:
            found = self._only_ends[state] = not self.rows[state].any()
        return found

    def called(self, state: int) -> frozenset[int]:
        """The rules that are called in a state."""
        found = self._called.get(state)
        if found is None:
            found = frozenset(rule for here in self.closure(state) for rule, _ in self.calls[here])
            self._called[state] = found
        return found

    def corners(self, state: int) -> frozenset[int]:
        """The rules that may begin in a state: those that it calls, those that they begin with, and so on."""
        found = self._corners.get(state)
        if found is None:
            todo = list(self.called(state))
            for rule in todo:
                todo += self.called(self.start(rule)).difference(todo)
            found = self._corners[state] = frozenset(todo)
        return found

    def tails(self, state: int) -> frozenset[int]:
        """Of the rules that are called in a state, those behind which nothing comes."""
        found = self._tails.get(state)
        if found is None:
            others = {
                rule for here in self.closure(state) for rule, t in self.calls[here] if not self.only_ends(t)
            }
            found = self._tails[state] = self.called(state) - others
        return found
