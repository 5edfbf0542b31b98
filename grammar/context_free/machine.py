"""Context-free rules as states and frames of a pushdown automaton, each made when it is first visited."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..bits import bit_positions, bits_of, flags, union
from ..pushdown import (
    DONE_STATE,
    END,
    EXIT,
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
from .items import Items, ItemSets, Moves, Place
from .networks import Entry, Networks
from .rules import Rules
from .shortest import Shortest
from .sizes import Pieces


class _Outcome(NamedTuple):
    """How a level is left: owing one of `owed`, in front of the next byte; or, with `byte`, perhaps not at all.

    inside : where `byte` leads on the level itself, if it belongs there.
    """

    owed: frozenset[int]
    inside: Items = frozenset()
    byte: int = -1


_LEFT = _Outcome(frozenset((NOTHING,)))


def compile_rules(rules: Rules) -> Pushdown:
    """The automaton of rules that all derive something.

    Raises UnsupportedSchema where a foreign rule and another may begin alike, or cannot be told apart at their end.
    CompileBudgetExceeded is raised when states are visited that take too many items.
    """
    pushdown = Pushdown()
    foreign = {name: _entry(pushdown, language.build(pushdown)) for name, language in rules.foreign.items()}
    networks = Networks(Pieces(rules), foreign)
    if foreign:
        check_foreign(networks)
    _Machine(pushdown, ItemSets(networks)).be_all()
    return pushdown


def add_rules(rules: Rules, pushdown: Pushdown) -> int:
    """Add the automaton of rules to that of something else: the operation with which it begins.

    None of their texts goes on as another one, and none is empty: a text leaves the stack level with its last byte.
    """
    return _Machine(pushdown, ItemSets(Networks(Pieces(rules), {}))).enter()


def _entry(pushdown: Pushdown, state: int) -> Entry:
    pushdown.ensure(state)
    operations = pushdown.table[state, :256]
    return Entry(state, bits_of(np.flatnonzero((operations != 0) & (operations != SPACE)).tolist()))


class _Machine:
    """Makes the states and frames of `pushdown`, and knows how they end."""

    def __init__(self, pushdown: Pushdown, sets: ItemSets) -> None:
        self.pushdown = pushdown
        self._sets = sets
        self._key = object()  # of the rows of this grammar's masks
        self._shortest = Shortest(sets)
        self._states: dict[Place, int] = {}
        self._places: dict[int, Place] = {}
        self._nodes: dict[int, int] = {}
        self._returns: dict[Items, int] = {}
        self._returned: dict[int, Items] = {}
        self._frames: dict[int, int] = {}
        self._operations: dict[Items, int] = {}
        self._outcomes = [_LEFT]
        self._outcome_numbers = {_LEFT: 0}
        self._root = -1
        pushdown.frames_grow = True

    def be_all(self) -> None:
        """Let the whole text be one of this grammar."""
        self._root = self.pushdown.new_frame((goto(DONE_STATE),), self._resume_root)
        self.pushdown.root_node = self.pushdown.push_node(0, self._root)
        if not self._sets.networks.terminals:
            self.pushdown.endings = self  # what is owed would have to be paid
        self.pushdown.start = self._state(self._sets.completed(self._sets.start))

    def enter(self) -> int:
        """The operation with which a text begins on a stack level."""
        return self._operation(self._sets.start)

    def from_state(self, state: int) -> Ending | None:
        """A short text that leaves the level from a state; None in a foreign automaton."""
        place = self._places.get(state)
        if place is None:
            return () if state == DONE_STATE else None
        with self.pushdown.lock:
            return () if place.exits else self._shortest.text(place.items)

    def from_frame(self, frame: int) -> Ending | None:
        """A short text that leaves the level below `frame`, once what is above has ended; None for a foreign one."""
        with self.pushdown.lock:
            if frame in self._nodes:
                return self._shortest.behind(self._nodes[frame])
            if frame in self._returned:
                return self._shortest.text(self._returned[frame])
        return () if frame == self._root else None

    def _state(self, place: Place) -> int:
        state = self._states.get(place)
        if state is None:
            number = len(self._states)
            origin = Portable(self.pushdown.n_states, (self._key, number))
            state = self.pushdown.new_states(1, lambda state, row: self._expand(place, state, row), origin)
            self._states[place] = state
            self._places[state] = place
        return state

    def _frame(self, node: int) -> int:
        frame = self._frames.get(node)
        if frame is None:
            frame = self.pushdown.new_frame((UNFILLED,), lambda outcome: self._resume(node, outcome))
            self._frames[node] = frame
            self._nodes[frame] = node
        return frame

    def _expand(self, place: Place, state: int, row: Row) -> None:
        """The transitions and the end of a state."""
        follow = union(bytes_ for _, bytes_ in place.exits)
        networks = self._sets.networks
        moves = self._sets.moves(place.items)
        left = moves.used
        if not networks.has_debts:
            row[:256][flags(left)] = UNFILLED
            self.pushdown.defer(state, lambda byte: self._deferred(moves, byte))
            left &= follow
        while left:
            byte = next(bit_positions(left))
            items, alike = self._sets.behind(moves, byte)
            self._move(place, follow, alike & left, items, row)
            left &= ~alike
        for rule, belows, owed in self._sets.predicted(place.items) if networks.foreign else ():
            entry = networks.foreign.get(rule)
            if entry is not None:
                assert owed == NOTHING, "there is no lexer beside what is foreign"
                self._enter(rule, entry, belows, follow, row)
        if place.exits:
            row[END] = self._leave(_Outcome(frozenset(owed for owed, _ in place.exits)))

    def _enter(self, rule: int, entry: Entry, belows: tuple[int, ...], follow: int, row: Row) -> None:
        """Let a foreign rule begin, which returns to `belows`."""
        clashes = entry.first & (follow | bits_of(np.flatnonzero(row[:256]).tolist()))
        if clashes:
            raise undecided(clashes)
        behind = frozenset((self._sets.networks.behind(rule), below, NOTHING) for below in belows)
        nodes, place = self._sets.factored(Place(behind))
        frames = [*map(self._frame, nodes), self._return_frame(place.items)]
        for byte in bit_positions(entry.first):
            row[byte] = self._above(frames, int(self.pushdown.table[entry.state, byte]), behind)

    def _above(self, frames: list[int], operation: int, behind: Items) -> int:
        """An operation of a foreign automaton, with `frames` below its level."""
        if operation & 3 == EXIT:
            return self._operation(behind)
        if operation & 3 == PUSH:
            state, more = self.pushdown.pushed(operation)
            return self.pushdown.push([*frames, *more], state)
        return self.pushdown.push(frames, operation >> 2)

    def _return_frame(self, behind: Items) -> int:
        """The frame below a foreign rule; `behind`, relative to what is below the frame, is where it returns to."""
        frame = self._returns.get(behind)
        if frame is None:
            frame = self.pushdown.new_frame((UNFILLED,), lambda outcome: self._operation(behind))
            self._returns[behind] = frame
            self._returned[frame] = behind
        return frame

    def _move(self, place: Place, follow: int, bytes_: int, items: Items, row: Row) -> None:
        """The transitions of a state that lead to `items`, or perhaps to what comes behind the level."""
        if not items:
            return
        operation = self._operation(items) if bytes_ & ~follow else 0
        for byte in bit_positions(bytes_):
            row[byte] = self._fork(place, items, byte) if follow >> byte & 1 else operation

    def _deferred(self, moves: Moves, byte: int) -> tuple[int, int]:
        """The operation for a byte, and all bytes (bits) with the same one."""
        items, alike = self._sets.behind(moves, byte)
        return alike, self._operation(items)

    def _operation(self, items: Items) -> int:
        """What leads to `items`."""
        operation = self._operations.get(items)
        if operation is None:
            operation = self._operations[items] = self._new_operation(items)
        return operation

    def _new_operation(self, items: Items, *below: int) -> int:
        """What leads to `items`, above the frames `below` that were popped on the way."""
        place = self._sets.completed(items)
        if not place.items:
            outcome = self._leave(_Outcome(frozenset(owed for owed, _ in place.exits)))
            return self.pushdown.resumed(below[-1], outcome >> 2) if below else outcome
        nodes, place = self._sets.factored(place)
        frames = [*below, *map(self._frame, nodes)]
        state = self._state(place)
        return self.pushdown.push(frames, state) if frames else goto(state)

    def _resume(self, node: int, number: int) -> int:
        """What a frame does for an outcome."""
        outcome = self._outcomes[number]
        behind = frozenset(item for owed in outcome.owed for item in self._sets.behind_call(node, owed))
        if outcome.byte < 0:
            return self._operation(behind)
        place = self._sets.completed(behind)
        behind, _ = self._sets.behind(self._sets.moves(place.items), outcome.byte)
        inside = self._sets.above(outcome.inside, node) | behind
        if any(bytes_ >> outcome.byte & 1 for _, bytes_ in place.exits):
            return self._fork(place, inside, outcome.byte)
        return self._operation(inside)

    def _resume_root(self, number: int) -> int:
        """The same where the whole text may end, or might have ended and did not."""
        outcome = self._outcomes[number]
        return goto(DONE_STATE) if outcome.byte < 0 else self._new_operation(outcome.inside, self._root)

    def _fork(self, place: Place, inside: Items, byte: int) -> int:
        """The operation where `byte` leads to `inside`, or to what comes behind the level."""
        owed = frozenset(
            owed for owed, bytes_ in place.exits if bytes_ >> byte & 1 and self._sets.allows(owed, byte)
        )
        return self._leave(_Outcome(owed, inside, byte)) if owed else self._operation(inside)

    def _leave(self, outcome: _Outcome) -> int:
        """The operation that leaves a level."""
        number = self._outcome_numbers.get(outcome)
        if number is None:
            number = self._outcome_numbers[outcome] = len(self._outcomes)
            self._outcomes.append(outcome)
        return leave(number)
