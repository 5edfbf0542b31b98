"""Whether whatever was read can be completed, where items owe that a terminal does not go on.

A pair (state, what is owed) is alive if its rule can be ended from there. Inside a rule that depends on nothing else,
so it is a search over pairs with a summary for each rule that is entered owing something: what may be owed at its end
(Reps, Horwitz & Sagiv 1995, "Precise interprocedural dataflow analysis via graph reachability"). Dead pairs are left
out of the sets of items. What is left could only get stuck if a rule ended in a way that none of its callers can go on
from: that is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from .debts import BROKEN, NOTHING, Debts
from .networks import TOP, Networks

Pair = tuple[int, int]
"""A state of the networks and what is owed there."""


class Stuck(Exception):
    """What was read as `rule` may leave no way on where it was called in `caller`: names."""

    def __init__(self, rule: str, caller: str) -> None:
        super().__init__(rule, caller)
        self.rule = rule
        self.caller = caller


@dataclass(slots=True, eq=False)
class _Entry:
    """A rule that is entered owing something.

    before  : for each pair that is reached, those before it on a way through the rule.
    ends    : the pairs in which it may end, and what is owed then.
    callers : (entry, pair of the call, state behind it).
    """

    rule: int
    before: dict[Pair, set[Pair]] = field(default_factory=dict)
    ends: dict[int, set[Pair]] = field(default_factory=dict)
    callers: list[tuple[_Entry, Pair, int]] = field(default_factory=list)

    def leading_to(self, pairs: set[Pair]) -> set[Pair]:
        """The pairs from which some of `pairs` is reached."""
        found, todo = set(pairs), list(pairs)
        while todo:
            more = self.before.get(todo.pop(), set()) - found
            found |= more
            todo += more
        return found


class Viability:
    """dead : the pairs from which no rule can be ended. Raises Stuck."""

    def __init__(self, networks: Networks, debts: Debts) -> None:
        self._networks = networks
        self._debts = debts
        self._entries: dict[Pair, _Entry] = {}
        self._todo: list[tuple[_Entry, Pair]] = []
        self._steps: dict[Pair, list[Pair]] = {}
        self._enter(TOP, NOTHING)
        while self._todo:
            self._explore(*self._todo.pop())
        self.dead = {
            pair for entry in self._entries.values() for pair in entry.before.keys() - self._alive(entry)
        }
        if (networks.start(TOP), NOTHING) in self.dead:
            raise Stuck(networks.names[TOP + 1], networks.names[TOP])
        self._check_calls()

    def _enter(self, rule: int, owed: int) -> _Entry:
        entry = self._entries.get((rule, owed))
        if entry is None:
            entry = self._entries[rule, owed] = _Entry(rule)
            self._reach(entry, (self._networks.start(rule), owed), None)
        return entry

    def _reach(self, entry: _Entry, pair: Pair, before: Pair | None) -> None:
        if pair not in entry.before:
            entry.before[pair] = set()
            self._todo.append((entry, pair))
        if before is not None:
            entry.before[pair].add(before)

    def _explore(self, entry: _Entry, pair: Pair) -> None:
        state, owed = pair
        for after in self._read(pair):
            self._reach(entry, after, pair)
        for rule in self._networks.calls(state):
            target = self._networks.behind_call(state, rule)
            called = self._enter(rule, owed)
            called.callers.append((entry, pair, target))
            for left in tuple(called.ends):
                self._reach(entry, (target, left), pair)
        if self._networks.final[state]:
            self._end(entry, pair)

    def _end(self, entry: _Entry, pair: Pair) -> None:
        state, owed = pair
        if self._networks.goes_on(state):
            owed = self._debts.with_state(owed, state)
        is_new = owed not in entry.ends
        entry.ends.setdefault(owed, set()).add(pair)
        if is_new:
            for caller, before, target in entry.callers:
                self._reach(caller, (target, owed), before)

    def _read(self, pair: Pair) -> list[Pair]:
        """The pairs behind one byte."""
        found = self._steps.get(pair)
        if found is None:
            row, debts = self._networks.row(pair[0]), self._debts.row(pair[1])
            used = (row != 0) & (debts != BROKEN)
            steps: Iterator[Pair] = zip(row[used].tolist(), debts[used].tolist())
            found = self._steps[pair] = list(dict.fromkeys(steps))
        return found

    def _alive(self, entry: _Entry) -> set[Pair]:
        return entry.leading_to(set[Pair]().union(*entry.ends.values()))

    def _check_calls(self) -> None:
        """Raise if a rule may come to where none of the ends that its caller can go on from is left."""
        for entry in self._entries.values():
            checked: set[frozenset[int]] = set()
            for caller, _, target in entry.callers:
                good = frozenset(owed for owed in entry.ends if (target, owed) not in self.dead)
                if good in checked or len(good) == len(entry.ends):
                    continue
                checked.add(good)
                fine = entry.leading_to(set[Pair]().union(*(entry.ends[owed] for owed in good)))
                if entry.before.keys() - self.dead - fine:
                    raise Stuck(self._networks.names[entry.rule], self._networks.names[caller.rule])
