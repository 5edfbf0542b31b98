"""Rules as a recursive transition network: for each rule a DFA that reads bytes and calls rules.

Source: Woods (1970), "Transition network grammars for natural language analysis".
"""

from __future__ import annotations

import numpy as np

from ..char_automata import Budget
from ..dfa import NOT_ACCEPTING
from ..nodes import Call, Node
from ..regex_lower import lower_regex
from ..utf8 import byte_edges
from .first_follow import FirstFollow
from .rules import Rules

TOP = 0
"""The rule that stands for the whole text: it calls the start rule and nothing calls it."""


class Networks:
    """The states of all rules, numbered through; those of a rule are built when it is asked for. State 0 is dead.

    rows  : for each state int32[256], the target of each byte.
    calls : for each state `(rule, target)`, what it may call and where that leads.
    final : whether the rule may end in a state.  owner : the rule of a state.
    follow : for each rule the bytes (bits of an int) that may come behind it, or more than those.
    """

    def __init__(self, rules: Rules) -> None:
        found = FirstFollow(rules)
        names = list(rules.bodies)
        self.names = ["", *names]
        self._numbers = {name: i for i, name in enumerate(names, 1)}
        self._bodies: list[Node] = [Call(rules.start), *rules.bodies.values()]
        self._starts: dict[int, int] = {}
        self.follow = [0, *(found.follow[name] for name in names)]
        self._nullable = {self._numbers[name] for name in found.nullable}
        self.rows = [np.zeros(256, np.int32)]
        self.calls: list[list[tuple[int, int]]] = [[]]
        self.final = [False]
        self.owner = [TOP]
        self._closures: dict[int, tuple[int, ...]] = {}
        self._corners: dict[int, frozenset[int]] = {}
        self._tails: dict[int, frozenset[int]] = {}

    def start(self, rule: int) -> int:
        """The first state of a rule."""
        start = self._starts.get(rule)
        if start is None:
            start = self._starts[rule] = self._build(rule)
        return start

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
        return any(self.final[here] for here in self.closure(state))

    def only_ends(self, state: int) -> bool:
        """Whether a state is final and nothing goes on from it."""
        return self.final[state] and not self.calls[state] and not self.rows[state].any()

    def corners(self, state: int) -> frozenset[int]:
        """The rules that may begin in a state: those that it calls, those that they begin with, and so on."""
        found = self._corners.get(state)
        if found is None:
            todo = [rule for here in self.closure(state) for rule, _ in self.calls[here]]
            reached = set(todo)
            while todo:
                for here in self.closure(self.start(todo.pop())):
                    for rule, _ in self.calls[here]:
                        if rule not in reached:
                            reached.add(rule)
                            todo.append(rule)
            found = self._corners[state] = frozenset(reached)
        return found

    def tails(self, state: int) -> frozenset[int]:
        """Of the rules that may begin in a state, those that it calls last, and that begin there in no other way."""
        found = self._tails.get(state)
        if found is None:
            targets: dict[int, list[int]] = {}
            for here in self.closure(state):
                for rule, target in self.calls[here]:
                    targets.setdefault(rule, []).append(target)
            inner = frozenset[int]().union(*(self.corners(self.start(rule)) for rule in targets))
            last = (rule for rule, ends in targets.items() if all(map(self.only_ends, ends)))
            found = self._tails[state] = frozenset(last) - inner
        return found
