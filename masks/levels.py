"""What is known of a stack level from elsewhere: where it can go by itself is found once for a vocabulary."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from ..grammar.lexemes import Placed
from ..grammar.pushdown import Junctions, Origin, Portable, Pushdown, Row, allow_space, leave
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


class Levels:
    """The levels of one automaton."""

    def __init__(self, pushdown: Pushdown) -> None:
        self._pushdown = pushdown
        self._frames: dict[int, int] = {}  # of junctions, by state

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
        frame = self._frames.get(state)
        if frame is None:
            frame = self._frames[state] = self._frame(state, bytes_)
        pushdown, start = _junction(origin.space, bytes_)
        node = self._pushdown.push_node(node, frame)
        key = ("junction", origin.space, bytes_, count)
        return Level(key, pushdown, start_at(start, count), node, is_common=True)

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


@lru_cache(64)
def _junction(space: int, bytes_: tuple[int, ...]) -> tuple[Pushdown, int]:
    """An automaton of white space and one byte more, its outcome the place of that among `bytes_`; its start."""

    def expand(_: int, row: Row) -> None:
        allow_space(row, space)
        for outcome, byte in enumerate(bytes_):
            row[byte] = leave(outcome)

    pushdown = Pushdown()
    return pushdown, pushdown.new_state(expand)
