"""Context-free rules as states and frames of a pushdown automaton, each made when it is first visited.

Where there are terminals or foreign rules; of rules that stand alone they are made by kernels, see `flat_machine.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..bits import bit_positions, bits_of, union
from ..pushdown import (
    DONE_STATE,
    END,
    EXIT,
    GOTO,
    PUSH,
    SPACE,
    UNFILLED,
    Ending,
    Portable,
    Pushdown,
    Row,
    goto,
    leave,
)
from .debts import NOTHING
from .foreign import check_foreign, undecided
from .items import Exit, ItemSets, Place
from .networks import Entry, Networks
from .rules import Rules
from .shortest import Shortest
from .sizes import Pieces
from .ways import NetworkWays

if TYPE_CHECKING:
    from .flat_machine import FlatMachine


class _Outcome(NamedTuple):
    """How a level is left: owing one of `owed`, in front of the next byte; or, with `byte`, perhaps not at all.

    inside : where `byte` leads on the level itself, if it belongs there.
    """

    owed: frozenset[int]
    inside: Any = None
    byte: int = -1


_LEFT = _Outcome(frozenset((NOTHING,)))


def compile_rules(rules: Rules) -> Pushdown:
    """The automaton of rules that all derive something.

    Raises UnsupportedSchema where a foreign rule and another may begin alike, or cannot be told apart at their end.
    CompileBudgetExceeded is raised when states are visited that take too many items.
    """
    pushdown = Pushdown()
    make = _general_machine if rules.terminals or rules.foreign else _flat_machine
    make(rules, pushdown).be_all()
    return pushdown


def add_rules(rules: Rules, pushdown: Pushdown) -> int:
    """Add the automaton of rules to that of something else: the operation with which it begins.

    None of their texts goes on as another one, and none is empty: a text leaves the stack level with its last byte.
    """
    return _flat_machine(rules, pushdown).enter()


def _flat_machine(rules: Rules, pushdown: Pushdown) -> FlatMachine:
    """For rules that stand alone."""
    from .flat_machine import FlatMachine  # its kernels need numba, which looking at a schema does not

    return FlatMachine(rules, pushdown)


def _general_machine(rules: Rules, pushdown: Pushdown) -> _Machine:
    """For all rules, where the terminals and the foreign ones among them have automata of their own."""
    foreign = {name: _entry(pushdown, language.build(pushdown)) for name, language in rules.foreign.items()}
    networks = Networks(Pieces(rules), foreign)
    if foreign:
        check_foreign(networks)
    return _Machine(pushdown, networks)


def _entry(pushdown: Pushdown, state: int) -> Entry:
    pushdown.ensure(state)
    operations = pushdown.table[state, :256]
    return Entry(state, bits_of(np.flatnonzero((operations != 0) & (operations != SPACE)).tolist()))


class _Machine:
    """Makes the states and frames of `pushdown`, and knows how they end."""

    def __init__(self, pushdown: Pushdown, networks: Networks) -> None:
        self.pushdown = pushdown
        self._sets = ItemSets(networks)
        self._origin = Portable(pushdown.n_states, (object(),))  # one for the rows of all states' masks
        self._shortest = Shortest(self._sets, NetworkWays(networks))
        self._states: dict[Place, int] = {}
        self._items: dict[int, Place] = {}
        self._nodes: dict[int, int] = {}
        self._returns: dict[Place, int] = {}
        self._returned: dict[int, Place] = {}
        self._frames: dict[int, int] = {}
        self._operations: dict[Place, int] = {}
        self._outcomes = [_LEFT]
        self._outcome_numbers = {_LEFT: 0}
        self._leaving: dict[frozenset[Exit], int] = {}
        self._root = -1
        self._is_lazy = not networks.has_debts
        self._expander, self._filler = self._expand, self._fill  # one object each, for all states
        pushdown.frames_grow = True
        pushdown.parts.append(self)

    def be_all(self) -> None:
        """Let the whole text be one of this grammar."""
        self._root = self.pushdown.new_frame((goto(DONE_STATE),), self._resume_root)
        self.pushdown.root_node = self.pushdown.push_node(0, self._root)
        if not self._sets.networks.terminals:
            self.pushdown.endings = self  # what is owed would have to be paid
        self.pushdown.start = self._state(self._sets.start)

    def from_state(self, state: int) -> Ending | None:
        """A short text that leaves the level from a state; None in a foreign automaton."""
        if state not in self._items:
            return () if state == DONE_STATE else None
        with self.pushdown.lock:
            return self._ending(self._items[state])

    def from_frame(self, frame: int) -> Ending | None:
        """A short text that leaves the level below `frame`, once what is above has ended; None for a foreign one."""
        with self.pushdown.lock:
            if frame in self._nodes:
                return self._shortest.behind(self._nodes[frame])
            if frame in self._returned:
                return self._ending(self._returned[frame])
        return () if frame == self._root else None

    def _ending(self, items: Place) -> Ending:
        return () if self._sets.exits(items) else self._shortest.text(self._sets.items(items))

    def _state(self, items: Place) -> int:
        state = self._states.get(items)
        if state is None:
            state = self.pushdown.new_states(1, self._expander, self._origin)
            self._states[items] = state
            self._items[state] = items
        return state

    def _frame(self, node: int) -> int:
        frame = self._frames.get(node)
        if frame is None:
            frame = self.pushdown.new_frame((UNFILLED,), lambda outcome: self._resume(node, outcome))
            self._frames[node] = frame
            self._nodes[frame] = node
        return frame

    def _expand(self, state: int, row: Row) -> None:
        """The transitions and the end of a state."""
        sets, items = self._sets, self._items[state]
        exits = sets.exits(items)
        follow = union([bytes_ for _, bytes_ in exits])
        if self._is_lazy:
            sets.mark(items, row)
            self.pushdown.defer(state, self._filler)
            left = sets.used(items) & follow if follow else 0
        else:
            left = sets.used(items)
        while left:
            byte = next(bit_positions(left))
            target, alike = sets.after(items, byte)
            self._move(items, follow, alike & left, target, row)
            left &= ~alike
        self._enter_foreign(items, follow, row)
        if exits:
            row[END] = self._leave_owing(exits)

    def _enter_foreign(self, place: Place, follow: int, row: Row) -> None:
        """Let the foreign rules begin that may."""
        sets = self._sets
        for rule, belows, owed in sets.predicted(place.items) if sets.networks.foreign else ():
            entry = sets.networks.foreign.get(rule)
            if entry is not None:
                assert owed == NOTHING, "there is no lexer beside what is foreign"
                self._enter(rule, entry, belows, follow, row)

    def _enter(self, rule: int, entry: Entry, belows: tuple[int, ...], follow: int, row: Row) -> None:
        """Let a foreign rule begin, which returns to `belows`."""
        sets = self._sets
        clashes = entry.first & (follow | bits_of(np.flatnonzero(row[:256]).tolist()))
        if clashes:
            raise undecided(clashes)
        behind = sets.completed((sets.networks.behind(rule), below, NOTHING) for below in belows)
        nodes, top = sets.factored(behind)
        frames = [*map(self._frame, nodes), self._return_frame(top)]
        for byte in bit_positions(entry.first):
            row[byte] = self._above(frames, int(self.pushdown.table[entry.state, byte]), behind)

    def _above(self, frames: list[int], operation: int, behind: Place) -> int:
        """An operation of a foreign automaton, with `frames` below its level."""
        if operation & 3 == EXIT:
            return self._operation(behind)
        if operation & 3 == PUSH:
            state, more = self.pushdown.pushed(operation)
            return self.pushdown.push([*frames, *more], state)
        return self.pushdown.push(frames, operation >> 2)

    def _return_frame(self, behind: Place) -> int:
        """The frame below a foreign rule; `behind`, relative to what is below the frame, is where it returns to."""
        frame = self._returns.get(behind)
        if frame is None:
            frame = self.pushdown.new_frame((UNFILLED,), lambda outcome: self._operation(behind))
            self._returns[behind] = frame
            self._returned[frame] = behind
        return frame

    def _move(self, items: Place, follow: int, bytes_: int, target: Place, row: Row) -> None:
        """The transitions of a state that lead to `target`, or perhaps to what comes behind the level."""
        if not self._sets.goes_on(target) and not self._sets.exits(target):
            return
        operation = self._operation(target) if bytes_ & ~follow else 0
        for byte in bit_positions(bytes_):
            row[byte] = self._fork(items, target, byte) if follow >> byte & 1 else operation

    def _fill(self, state: int, byte: int) -> None:
        """Write the operation of a state for a byte, and for all others that lead where it does."""
        target, alike = self._sets.after(self._items[state], byte)
        operation = self._operation(target)
        self._sets.write(alike, operation, self.pushdown.table[state])  # only now: the table may have grown
        self._visit(operation)

    def _visit(self, operation: int) -> None:
        """Expand the state that an operation leads to: a text goes on there at once."""
        if operation & 3 == GOTO:
            self.pushdown.ensure(operation >> 2)
        elif operation & 3 == PUSH:
            self.pushdown.ensure(int(self.pushdown.code[operation >> 2]))

    def _operation(self, items: Place) -> int:
        """What leads to `items`."""
        operation = self._operations.get(items)
        if operation is None:
            operation = self._operations[items] = self._new_operation(items)
        return operation

    def _new_operation(self, items: Place, *below: int) -> int:
        """What leads to `items`, above the frames `below` that were popped on the way."""
        if not self._sets.goes_on(items):
            outcome = self._leave_owing(self._sets.exits(items))
            return self.pushdown.resumed(below[-1], outcome >> 2) if below else outcome
        nodes, top = self._sets.factored(items)
        state = self._state(top)
        frames = [*below, *map(self._frame, nodes)]
        return self.pushdown.push(frames, state) if frames else goto(state)

    def _resume(self, node: int, number: int) -> int:
        """What a frame does for an outcome."""
        sets, outcome = self._sets, self._outcomes[number]
        behind = sets.behind_call(node, outcome.owed)
        if outcome.byte < 0:
            return self._operation(behind)
        outside, _ = sets.after(behind, outcome.byte)
        inside = sets.joined(outcome.inside, node, outside)
        if any(bytes_ >> outcome.byte & 1 for _, bytes_ in sets.exits(behind)):
            return self._fork(behind, inside, outcome.byte)
        return self._operation(inside)

    def _resume_root(self, number: int) -> int:
        """The same where the whole text may end, or might have ended and did not."""
        outcome = self._outcomes[number]
        return goto(DONE_STATE) if outcome.byte < 0 else self._new_operation(outcome.inside, self._root)

    def _fork(self, items: Place, inside: Place, byte: int) -> int:
        """The operation where `byte` leads to `inside`, or to what comes behind the level of `items`."""
        sets = self._sets
        owed = frozenset(
            owed for owed, bytes_ in sets.exits(items) if bytes_ >> byte & 1 and sets.allows(owed, byte)
        )
        return self._leave(_Outcome(owed, inside, byte)) if owed else self._operation(inside)

    def _leave_owing(self, exits: frozenset[Exit]) -> int:
        """The operation that leaves a level in one of these ways."""
        operation = self._leaving.get(exits)
        if operation is None:
            outcome = _Outcome(frozenset([owed for owed, _ in exits]))
            operation = self._leaving[exits] = self._leave(outcome)
        return operation

    def _leave(self, outcome: _Outcome) -> int:
        """The operation that leaves a level."""
        number = self._outcome_numbers.get(outcome)
        if number is None:
            number = self._outcome_numbers[outcome] = len(self._outcomes)
            self._outcomes.append(outcome)
        return leave(number)
