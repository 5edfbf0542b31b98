"""Context-free rules as states and frames of a pushdown automaton, each made when it is first visited."""

from __future__ import annotations

import numpy as np

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
from .foreign import bits, check_foreign, undecided
from .items import Items, ItemSets, Place
from .networks import Entry, Networks
from .rules import Rules, inlined
from .shortest import Shortest

LEFT = 0
"""The outcome of a level that ends in front of the next byte; every other one is a _Fork."""

_Fork = tuple[Items, int]
"""A byte that may belong to the level or to what follows: the items behind it on the level, and the byte."""


def compile_rules(rules: Rules) -> Pushdown:
    """The automaton of rules that all derive something.

    Raises UnsupportedSchema where a foreign rule and another may begin alike, or cannot be told apart at their end.
    CompileBudgetExceeded is raised when states are visited that take too many items.
    """
    pushdown = Pushdown()
    foreign = {name: _entry(pushdown, language.build(pushdown)) for name, language in rules.foreign.items()}
    networks = Networks(inlined(rules), foreign)
    if foreign:
        check_foreign(networks)
    return _Machine(pushdown, ItemSets(networks)).pushdown


def _entry(pushdown: Pushdown, state: int) -> Entry:
    pushdown.ensure(state)
    operations = pushdown.table[state, :256]
    return Entry(
        state, sum(1 << byte for byte in np.flatnonzero((operations != 0) & (operations != SPACE)).tolist())
    )


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
        self._forks: list[_Fork] = [(frozenset(), -1)]
        self._fork_numbers: dict[_Fork, int] = {}
        self._root = self.pushdown.new_frame((goto(DONE_STATE),), self._resume_root)
        self.pushdown.root_node = self.pushdown.push_node(0, self._root)
        self.pushdown.endings = self
        self.pushdown.start = self._state(sets.completed(sets.start))

    def from_state(self, state: int) -> Ending | None:
        """A short text that leaves the level from a state; None in a foreign automaton."""
        place = self._places.get(state)
        if place is None:
            return () if state == DONE_STATE else None
        return () if place.exits is not None else self._shortest.text(place.items)

    def from_frame(self, frame: int) -> Ending | None:
        """A short text that leaves the level below `frame`, once what is above has ended; None for a foreign one."""
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
            state = self.pushdown.new_states(1, lambda _, row: self._expand(place, row), origin)
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

    def _expand(self, place: Place, row: Row) -> None:
        """The transitions and the end of a state."""
        exits = place.exits
        for behind, bytes_ in self._sets.moves(place.items).items():
            items = frozenset(behind)
            forks = bytes_ & (exits or 0)
            operation = self._operation(items) if bytes_ & ~forks else 0
            for byte in bits(bytes_):
                row[byte] = leave(self._fork(items, byte)) if forks >> byte & 1 else operation
        for rule, belows in self._sets.predicted(place.items).items():
            entry = self._sets.networks.foreign.get(rule)
            if entry is not None:
                self._enter(rule, entry, belows, exits or 0, row)
        if exits is not None:
            row[END] = leave(LEFT)

    def _enter(self, rule: int, entry: Entry, belows: tuple[int, ...], exits: int, row: Row) -> None:
        """Let a foreign rule begin, which returns to `belows`."""
        clashes = entry.first & (exits | sum(1 << byte for byte in np.flatnonzero(row[:256]).tolist()))
        if clashes:
            raise undecided(clashes)
        behind = frozenset((self._sets.networks.behind(rule), below) for below in belows)
        nodes, place = self._sets.factored(Place(behind, None))
        frames = [*map(self._frame, nodes), self._return_frame(place.items)]
        for byte in bits(entry.first):
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

    def _operation(self, items: Items, *below: int) -> int:
        """What leads to `items`, above the frames `below` that were popped on the way."""
        place = self._sets.completed(items)
        if not place.items:
            return self._again(below, leave(LEFT))
        nodes, place = self._sets.factored(place)
        frames = [*below, *map(self._frame, nodes)]
        state = self._state(place)
        return self.pushdown.push(frames, state) if frames else goto(state)

    def _again(self, below: tuple[int, ...], operation: int) -> int:
        return operation if not below else self.pushdown.resumed(below[-1], operation >> 2)

    def _resume(self, node: int, outcome: int) -> int:
        """What a frame does for an outcome."""
        behind = frozenset(self._sets.returns(node))
        if outcome == LEFT:
            return self._operation(behind)
        inside, byte = self._forks[outcome]
        place = self._sets.completed(behind)
        read = next(
            (items for items, bytes_ in self._sets.moves(place.items).items() if bytes_ >> byte & 1), ()
        )
        items = self._sets.above(inside, node).union(read)
        if place.exits is not None and place.exits >> byte & 1:
            return leave(self._fork(items, byte))
        return self._operation(items)

    def _resume_root(self, outcome: int) -> int:
        """The same where the whole text might have ended: it did not."""
        return self._operation(self._forks[outcome][0], self._root)

    def _fork(self, items: Items, byte: int) -> int:
        """The outcome that stands for a fork."""
        number = self._fork_numbers.get((items, byte))
        if number is None:
            number = self._fork_numbers[items, byte] = len(self._forks)
            self._forks.append((items, byte))
        return number
