"""What is known of a stack level from elsewhere: where it can go by itself is found once for a vocabulary."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from ..grammar.lexemes import Placed
from ..grammar.pushdown import (
    FLAGS,
    MADE_OF,
    PUSH,
    READY,
    Junctions,
    Origin,
    Portable,
    Pushdown,
    Row,
    allow_space,
    goto,
    leave,
)
from .walker import Config, start_at


class Level(NamedTuple):
    """Where a text is on its stack level, and what lies below.

    key : equal where the level goes on alike.  pushdown, start : where to find out how.  node : the stack below.
    is_common : whether many places are there, however the schema.
    """

    key: tuple[object, ...]
    pushdown: Pushdown
    start: Config
    node: int
    is_common: bool = False


class Value(NamedTuple):
    """A value behind a junction.

    key : of the level that the junction and the value are.  frame : pushed between them.  opening : the state in front
    of the value, if there were no such frame.
    """

    key: tuple[object, ...]
    frame: int
    opening: int


class Levels:
    """The levels of one automaton."""

    def __init__(self, pushdown: Pushdown) -> None:
        self._pushdown = pushdown
        self._frames: dict[int, int] = {}  # of junctions, by state
        self._values: dict[int, Value | None] = {}  # behind junctions, by state
        self._openings: dict[int, int] = {}  # states, by those of the values

    def at(self, origin: Origin | None, config: Config) -> Level | None:
        """The level of a configuration whose state was made from `origin`, None where it is unlike others."""
        state, count, escape, node = config
        if isinstance(origin, Junctions):
            return self._of_junction(origin, config)
        if isinstance(origin, Portable):
            key = (*origin.key, state - origin.first, count)
        elif isinstance(origin, Placed) and not origin.lexeme.is_string:
            key = (origin.lexeme.key, origin.local(state), count)
        else:
            return None
        return Level(key, self._pushdown, start_at(state, count, escape), node)

    def _of_junction(self, origin: Junctions, config: Config) -> Level:
        """As if the junction were a level of its own, above a frame that knows where each byte leads."""
        state, count, _, node = config
        bytes_ = origin.bytes_[state - origin.first]
        if state not in self._values:
            self._values[state] = self._value(state, origin.space, bytes_)
        value = self._values[state]
        if value is not None:
            node = self._pushdown.push_node(node, value.frame)
            return Level((*value.key, count), self._pushdown, start_at(value.opening, count), node)
        frame = self._frames.get(state)
        if frame is None:
            frame = self._frames[state] = self._frame(state, bytes_)
        pushdown, start = _junction(origin.space, bytes_)
        node = self._pushdown.push_node(node, frame)
        key = ("junction", origin.space, bytes_, count)
        return Level(key, pushdown, start_at(start, count), node, is_common=True)

    def _value(self, state: int, space: int, bytes_: tuple[int, ...]) -> Value | None:
        """The value that a junction leads to by its one byte, if that is one of which many automata have the like.

        Then most of what is behind the byte is known from elsewhere as well, and not only up to it.
        """
        pushdown = self._pushdown
        pushdown.ensure(state)
        operation = int(pushdown.table[state, bytes_[0]])
        if len(bytes_) > 1 or operation & 3 != PUSH:
            return None
        target, frames = pushdown.pushed(operation)
        pushdown.ensure(target)
        origin = pushdown.origin(target)
        if len(frames) > 1 or not (
            isinstance(origin, Portable) and origin.is_common and origin.first == target
        ):
            return None
        opening = self._openings.get(target)
        if opening is None:
            opening = self._openings[target] = _opening(pushdown, space, bytes_[0], target)
        return Value(("opening", space, bytes_[0], *origin.key), frames[0], opening)

    def _frame(self, state: int, bytes_: tuple[int, ...]) -> int:
        pushdown = self._pushdown
        pushdown.ensure(state)
        row = pushdown.table[state]
        operations = [int(row[byte]) for byte in bytes_]
        with pushdown.lock:
            return pushdown.new_frame(operations, lambda outcome: self._operation(state, bytes_[outcome]))

    def _operation(self, state: int, byte: int) -> int:
        self._pushdown.fill_transition(state, byte)
        return int(self._pushdown.table[state, byte])


def _opening(pushdown: Pushdown, space: int, byte: int, value: int) -> int:
    """A state that reads white space and one byte, and goes on to a value on its own stack level."""
    with pushdown.lock:
        state = pushdown.new_states(1, None)
        row = pushdown.table[state]
        row[:MADE_OF] = 0
        allow_space(row, space)
        row[byte] = goto(value)
        row[FLAGS] |= READY
    return state


@lru_cache(64)
def _junction(space: int, bytes_: tuple[int, ...]) -> tuple[Pushdown, int]:
    """An automaton of white space and one byte more, its outcome the place of that among `bytes_`; its start."""

    def expand(_: int, row: Row) -> None:
        allow_space(row, space)
        for outcome, byte in enumerate(bytes_):
            row[byte] = leave(outcome)

    pushdown = Pushdown()
    return pushdown, pushdown.new_state(expand)
