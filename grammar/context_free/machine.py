"""Context-free rules as states and frames of a pushdown automaton, each made when it is first visited."""

from __future__ import annotations

from ..pushdown import DONE_STATE, END, UNFILLED, Portable, Pushdown, Row, goto, leave
from .items import Items, ItemSets, Place
from .networks import Networks
from .rules import Rules, inlined
from .shortest import Shortest

LEFT = 0
"""The outcome of a level that ends in front of the next byte; every other one is a _Fork."""

_Fork = tuple[Items, int]
"""A byte that may belong to the level or to what follows: the items behind it on the level, and the byte."""


def compile_rules(rules: Rules) -> Pushdown:
    """The automaton of rules that all derive something.

    CompileBudgetExceeded is raised when states are visited that take too many items.
    """
    return _Machine(ItemSets(Networks(inlined(rules)))).pushdown


class _Machine:
    """Makes the states and frames of `pushdown`, and knows how they end."""

    def __init__(self, sets: ItemSets) -> None:
        self.pushdown = Pushdown()
        self._sets = sets
        self._key = object()  # of the rows of this grammar's masks
        self._shortest = Shortest(sets)
        self._states: dict[Place, int] = {}
        self._places: dict[int, Place] = {}
        self._nodes: dict[int, int] = {}
        self._frames: dict[int, int] = {}
        self._forks: list[_Fork] = [(frozenset(), -1)]
        self._fork_numbers: dict[_Fork, int] = {}
        self._root = self.pushdown.new_frame((goto(DONE_STATE),), self._resume_root)
        self.pushdown.root_node = self.pushdown.push_node(0, self._root)
        self.pushdown.endings = self
        self.pushdown.start = self._state(sets.completed(sets.start))

    def from_state(self, state: int) -> bytes:
        """A shortest text that leaves the level from a state."""
        place = self._places.get(state)
        return b"" if place is None or place.exits is not None else self._shortest.text(place.items)

    def from_frame(self, frame: int) -> bytes:
        """A shortest text that leaves the level below `frame`, once what is above has ended."""
        return b"" if frame == self._root else self._shortest.behind(self._nodes[frame])

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
            for byte in _bits(bytes_):
                row[byte] = leave(self._fork(items, byte)) if forks >> byte & 1 else operation
        if exits is not None:
            row[END] = leave(LEFT)

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


def _bits(mask: int) -> list[int]:
    return [byte for byte in range(256) if mask >> byte & 1]
