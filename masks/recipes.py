"""What rows follow from, where that is found sooner than the row.

Of what is behind a string, a row depends on the suffixes alone that may follow it; of the string, on the state of its
lexeme, or on the rest of each name that it may be. So it is with other stack levels that are known from elsewhere, and
what may follow where they are left. Rows are shared by all places of all schemas of which that is the same, and neither
walked for nor compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..grammar.lexemes import Placed
from ..grammar.pushdown import EXIT, NamePart
from .levels import Level
from .quote_tokens import QuoteTokens
from .row_store import Recipe
from .walker import Config, Reach

if TYPE_CHECKING:
    from .engine import Engine

FEW_NAMES = 16
"""Of more names than these a walk sees sooner what they begin with."""


def accepts_of(recipe: Recipe) -> bool:
    """Whether the text may end in the places of a recipe."""
    return recipe[1] is True


def recipe_of(engine: Engine, config: Config, reach: Reach) -> Recipe | None:
    """What the row of a configuration follows from, None where it is not known.

    What it looks at of the stack is noted in `reach`.
    """
    pushdown = engine.pushdown
    origin = pushdown.origin(config[0])
    if origin is None:
        return None
    if isinstance(origin, NamePart):
        return _of_name(engine, origin, config, reach)
    if isinstance(origin, Placed) and origin.lexeme.is_string:
        return _of_string(engine, origin, config, reach)
    if not pushdown.frames_grow and (level := engine.levels.at(origin, config)) is not None:
        return _of_level(engine, level, config, reach)
    return None


def _of_level(engine: Engine, level: Level, config: Config, reach: Reach) -> Recipe | None:
    row, exits = engine.exits_of(level)
    alive = -1
    whole: list[int] = []
    if exits.is_merged:
        if len(exits.in_place):
            return None
        alive = engine.exits_alive(exits, level.node, reach)
        for outcome, _ in exits.whole:
            after = engine.behind(outcome, level.node, reach)
            whole.append(-1 if after is None else engine.row_at(after, reach).number)
    elif len(row.exits):
        return None
    return engine.n_words, engine.ends_at(config, reach), "level", row.number, alive, *whole


def _of_string(engine: Engine, origin: Placed, config: Config, reach: Reach) -> Recipe | None:
    state, count, escape, _ = config
    lexeme, local = origin.lexeme, origin.local(state)
    least, room = 0, None
    if lexeme.is_counted:
        if escape or lexeme.has_floor or lexeme.inside_character[local]:
            return None
        longest = engine.tables.longest
        least = max(0, min(lexeme.low - count, longest + 1))
        if lexeme.high is not None:
            left = lexeme.high - count
            # With more left, the row is as without a bound; how much that is need not be the same for equal automata.
            if left < longest + lexeme.most_needed[local]:
                room = left
                if lexeme.onward is not None:
                    return None  # some tokens may reach the next stage
    behind = [_behind(engine, outcome, config, reach) for outcome in lexeme.outcomes]
    n_words = engine.n_words
    return n_words, False, "string", lexeme.dfa.digest, local, escape, least, room, *behind


def _of_name(engine: Engine, origin: NamePart, config: Config, reach: Reach) -> Recipe | None:
    state, count, escape, _ = config
    ranks = origin.ranks(state, count)
    if escape or len(ranks) > FEW_NAMES:
        return None
    read = origin.n_read(state, count)
    ending = engine.tables.shared("quotes", QuoteTokens).ending
    ended: list[int] = []
    parts: list[bytes | int] = []  # what is left of a name, and which suffixes may follow it
    for rank in ranks:
        rest = origin.keys[rank][read:]
        if not origin.allows(rank):
            if origin.plain and (not rest or ending(rest)):
                parts += rest, -1
        elif not rest:
            ended.append(rank)
        elif ending(rest):
            return None  # few tokens: what is behind the name is not worth a look at all suffixes
        elif not origin.plain:
            parts += rest, -1
    # Only now: what is behind a name may have to be made.
    for rank in ended:
        parts += b"", _behind(engine, rank, config, reach)
    plain = -1
    if origin.plain:
        plain = engine.row_at(engine.plain_name(origin, config), reach).number
    return engine.n_words, False, "name", plain, *parts


def _behind(engine: Engine, outcome: int, config: Config, reach: Reach) -> int:
    """The number of the set of suffixes that may follow a string which ends with `outcome`, -1 for none."""
    after = engine.perform(outcome << 2 | EXIT, config[3], reach)
    return -1 if after is None else engine.suffixes_alive(after, reach)
