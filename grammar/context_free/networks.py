"""Rules as a recursive transition network: for each rule a DFA that reads bytes and calls rules.

Source: Woods (1970), "Transition network grammars for natural language analysis".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ..bits import ALL_BYTES, bits_of, flags, union
from ..nodes import Call, Node
from .first_follow import FirstFollow
from .rule_automaton import ACCEPT, DEAD, RuleAutomaton, State, Trees, too_many_empty
from .sizes import Pieces

TOP = 0
"""The rule that stands for the whole text: it calls the start rule and nothing calls it."""


MAX_EMPTY = 500
"""So many calls that read nothing may follow each other: each is a place of its own, before and behind every byte."""


class Entry(NamedTuple):
    """How the automaton of a foreign rule begins: the state, and the bytes (bits of an int)."""

    state: int
    first: int


class Networks:
    """The states of all rules, numbered through, those of a rule when they are asked for. State 0 is dead.

    names : of the rules.  owner : the rule of a state.  final : whether the rule may end in a state.
    follow : for each rule the bytes (bits of an int) that may come behind it, or more than those.
    terminals : the rules that are read as far as they go.
    foreign : the rules that have automata of their own, and these. Such a rule has two states: before it, and behind.
    trees : what the automata of rules have in common.
    """

    def __init__(self, pieces: Pieces, foreign: Mapping[str, Entry]) -> None:
        rules = pieces.rules
        found = FirstFollow(rules, pieces.inlined, {name: entry.first for name, entry in foreign.items()})
        names = [*rules.bodies, *rules.terminals, *foreign]
        self.names = ["", *names]
        self._numbers = {name: i for i, name in enumerate(names, 1)}
        self._bodies: list[Node] = [Call(rules.start), *rules.bodies.values()]
        self.trees = Trees(pieces.inlined)
        self._is_greedy = rules.is_greedy
        self.terminals = {self._numbers[name]: dfa for name, dfa in rules.terminals.items()}
        self.foreign = {self._numbers[name]: entry for name, entry in foreign.items()}
        self._starts: dict[int, int] = {}
        self.follow = [0, *(found.follow[name] for name in names)]
        self._nullable = {self._numbers[name] for name in found.nullable}
        self.owner = [TOP]
        self.final = [False]
        self._automata: dict[int, RuleAutomaton] = {}
        self._of_automaton: list[State] = [DEAD]
        self._states: dict[tuple[int, State], int] = {}
        self._rows: dict[int, np.ndarray] = {0: np.zeros(256, np.int32)}
        self._calls: dict[int, tuple[int, ...]] = {}
        self._behind_calls: dict[tuple[int, int], int] = {}
        self._reads: dict[int, list[tuple[int, int]]] = {}
        self._read: dict[int, tuple[int, int]] = {}
        self._used: dict[int, int] = {}
        self._closures: dict[int, tuple[int, ...]] = {}
        self._called: dict[int, frozenset[int]] = {}
        self._may_end: dict[int, bool] = {}
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
            self._append(rule, False)
            self._append(rule, True)
            return len(self.owner) - 2
        if rule in self.terminals:
            return self._add_terminal(rule)
        automaton = RuleAutomaton(self._bodies[rule], self.trees)
        self._automata[rule] = automaton
        return self._number(rule, automaton.start)

    def automaton(self, rule: int) -> RuleAutomaton:
        """The automaton of a rule that was begun."""
        return self._automata[rule]

    def place(self, state: int) -> tuple[RuleAutomaton, State]:
        """The automaton of a state's rule, which is not foreign and no terminal, and the state there."""
        return self._automata[self.owner[state]], self._of_automaton[state]

    def number(self, name: str) -> int:
        """The number of a rule."""
        return self._numbers[name]

    def behind(self, rule: int) -> int:
        """The state behind a foreign rule."""
        return self.start(rule) + 1

    def _add_terminal(self, rule: int) -> int:
        dfa, first = self.terminals[rule], len(self.owner) - 1
        rows = np.where(dfa.delta[1:], dfa.delta[1:] + first, 0).astype(np.int32)
        for row, label in zip(rows, dfa.label[1:].tolist()):
            self._rows[len(self.owner)] = row
            self._append(rule, label >= 0)
        return first + dfa.start

    def _append(self, rule: int, final: bool, state: State = DEAD) -> int:
        """A new state. `state` : of the rule's automaton, where the rule has one."""
        number = len(self.owner)
        self.owner.append(rule)
        self.final.append(final)
        self._of_automaton.append(state)
        return number

    def _number(self, rule: int, state: State) -> int:
        """The number of a state of a rule's automaton."""
        if state == DEAD:
            return 0
        number = self._states.get((rule, state))
        if number is None:
            final = isinstance(state, int) and bool(state & ACCEPT)
            number = self._states[rule, state] = self._append(rule, final, state)
        return number

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

    def read(self, state: int, byte: int) -> tuple[int, int]:
        """The target of a byte, 0 for none, and the bytes (bits) with the same one."""
        key = state << 8 | byte
        found = self._read.get(key)
        if found is None:
            reads = self._reads_of(state)
            found = next((read for read in reads if read[1] >> byte & 1), (0, ALL_BYTES ^ self._used[state]))
            self._read[key] = found
        return found

    def used(self, state: int) -> int:
        """The bytes (bits) that a state reads."""
        if state not in self._used:
            self._reads_of(state)
        return self._used[state]

    def _reads_of(self, state: int) -> list[tuple[int, int]]:
        """For each target of a state the bytes (bits) that lead there."""
        reads = self._reads.get(state)
        if reads is None:
            reads = self._reads[state] = self._new_reads(state)
            self._used[state] = union([bytes_ for _, bytes_ in reads])
        return reads

    def _new_reads(self, state: int) -> list[tuple[int, int]]:
        rule = self.owner[state]
        if rule in self._automata:
            reads = self._automata[rule].reads(self._of_automaton[state])
            return [(self._number(rule, target), bytes_) for target, bytes_ in reads]
        if rule in self.foreign:
            return []
        row = self._rows[state]
        return [
            (target, bits_of(np.flatnonzero(row == target).tolist())) for target in set(row[row > 0].tolist())
        ]

    def row(self, state: int) -> np.ndarray:
        """int32[256]: the target of each byte."""
        row = self._rows.get(state)
        if row is None:
            row = self._rows[state] = np.zeros(256, np.int32)
            for target, bytes_ in self._reads_of(state):
                row[flags(bytes_)] = target
        return row

    def calls(self, state: int) -> tuple[int, ...]:
        """The rules that a state calls."""
        calls = self._calls.get(state)
        if calls is None:
            automaton = self._automata.get(self.owner[state])
            names = automaton.called(self._of_automaton[state]) if automaton is not None else []
            calls = self._calls[state] = tuple([self._numbers[name] for name in names])
        return calls

    def behind_call(self, state: int, called: int) -> int:
        """Where the call of a rule leads."""
        target = self._behind_calls.get((state, called))
        if target is None:
            rule = self.owner[state]
            behind = self._automata[rule].behind_call(self._of_automaton[state], self.names[called])
            target = self._behind_calls[state, called] = self._number(rule, behind)
        return target

    def targets(self, state: int) -> set[int]:
        """The states behind a byte."""
        return {target for target, _ in self._reads_of(state)}

    def called_from(self, state: int) -> list[int]:
        """The rules that are called in a state or further on in its rule."""
        automaton = self._automata.get(self.owner[state])
        found = automaton.called_from(self._of_automaton[state]) if automaton is not None else []
        return [self._numbers[name] for name in found]

    def closure(self, state: int) -> tuple[int, ...]:
        """A state, and those that are reached from it by calls that read nothing."""
        found = self._closures.get(state)
        if found is None:
            reached = {state}
            todo = [state]
            for here in todo:
                for rule in self.calls(here):
                    if rule in self._nullable and (target := self.behind_call(here, rule)) not in reached:
                        reached.add(target)
                        todo.append(target)
                if len(todo) > MAX_EMPTY:
                    raise too_many_empty(MAX_EMPTY)
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
        if not self.final[state]:
            return False
        if self.owner[state] in self._automata:
            return self._of_automaton[state] == ACCEPT
        return not self._reads_of(state)

    def called(self, state: int) -> frozenset[int]:
        """The rules that are called in a state."""
        found = self._called.get(state)
        if found is None:
            found = frozenset(rule for here in self.closure(state) for rule in self.calls(here))
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
                rule
                for here in self.closure(state)
                for rule in self.calls(here)
                if not self.only_ends(self.behind_call(here, rule))
            }
            found = self._tails[state] = self.called(state) - others
        return found
