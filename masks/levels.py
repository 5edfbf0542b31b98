"""What is known of a stack level from elsewhere: where it can go by itself is found once for a vocabulary."""

from __future__ import annotations

from typing import NamedTuple

from ..grammar.lexemes import Placed
from ..grammar.pushdown import Origin, Portable, Pushdown
from .walker import Config, start_at


class Level(NamedTuple):
    """Where a text is on its stack level, and what lies below.

    key : equal where the level goes on alike.  pushdown, start : where to find out how.  node : the stack below.
    """

    key: tuple[object, ...]
    pushdown: Pushdown
    start: Config
    node: int


def level_at(pushdown: Pushdown, origin: Origin | None, config: Config) -> Level | None:
    """The level of a configuration whose state was made from `origin`, None where it is unlike others."""
    state, count, escape, node = config
    if isinstance(origin, Portable):
        key = (*origin.key, state - origin.first, count)
    elif isinstance(origin, Placed) and not origin.lexeme.is_string:
        key = (origin.lexeme.key, origin.local(state), count)
    else:
        return None
    return Level(key, pushdown, start_at(state, count, escape), node)
