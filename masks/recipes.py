"""What rows follow from, where that is found sooner than the row.

Of what is behind a string, a row depends on the suffixes alone that may follow it; of the string, on the state of its
lexeme, or on the rest of each name that it may be. So it is with other stack levels that are known from elsewhere, and
what may follow where they are left. Rows are shared by all places of all schemas of which that is the same, and neither
walked for nor compared.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple
from weakref import ref

from ..grammar.lexemes import Placed
from ..grammar.pushdown import EXIT, NamePart
from .levels import Level
from .quote_tokens import QuoteTokens
from .walker import Config, Reach

if TYPE_CHECKING:
    from .engine import Engine
    from .rows import Row

FEW_NAMES = 16
"""Of more names than these a walk sees sooner what they begin with."""


class Recipe(NamedTuple):
    """Equal for configurations with equal rows, of one vocabulary.  accepts : whether the text may end there."""

    made_of: Hashable
    accepts: bool


class Recipes:
    """The recipes of one engine's rows."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tables = engine.tables

    @cached_property
    def _quotes(self) -> QuoteTokens:
        return self._tables.shared("quotes", QuoteTokens)

    def of(self, config: Config, reach: Reach) -> Recipe | None:
        """What the row of a configuration follows from, None where it is not known.

        What it looks at of the stack is noted in `reach`.
        """
        pushdown = self._engine.pushdown
        origin = pushdown.origin(config[0])
        if origin is None:
            return None
        if isinstance(origin, NamePart):
            made_of = self._of_name(origin, config, reach)
        elif isinstance(origin, Placed) and origin.lexeme.is_string:
            made_of = self._of_string(origin, config, reach)
        elif not pushdown.frames_grow and (level := self._engine.levels.at(origin, config)) is not None:
            made_of = self._of_level(level, reach)
            if made_of is not None:
                return Recipe(made_of, self._engine.ends_at(config, reach))
        else:
            return None
        return None if made_of is None else Recipe(made_of, accepts=False)

    def _of_level(self, level: Level, reach: Reach) -> Hashable | None:
        engine = self._engine
        row, exits = engine.exits_of(level)
        if not exits.is_merged:
            return None if len(row.exits) else ("level", level.key)
        if len(exits.in_place):
            return None
        alive = engine.exits_alive(exits, level.node, reach)
        whole = []
        for outcome, _ in exits.whole:
            after = engine.behind(outcome, level.node, reach)
            whole.append(None if after is None else _Same(engine.row_at(after, reach)))
        return "level", level.key, alive, tuple(whole)

    def _of_string(self, origin: Placed, config: Config, reach: Reach) -> Hashable | None:
        state, count, escape, _ = config
        lexeme, local = origin.lexeme, origin.local(state)
        least, room = 0, None
        if lexeme.is_counted:
            if escape or lexeme.onward is not None or lexeme.has_floor or lexeme.inside_character[local]:
                return None
            longest = self._tables.longest
            least = max(0, min(lexeme.low - count, longest + 1))
            if lexeme.high is not None:
                room = min(lexeme.high - count, longest + lexeme.most_needed)
        behind = tuple([self._behind(outcome, config, reach) for outcome in lexeme.outcomes])
        return lexeme.dfa.digest, local, escape, least, room, behind

    def _of_name(self, origin: NamePart, config: Config, reach: Reach) -> Hashable | None:
        state, count, escape, _ = config
        ranks = origin.ranks(state, count)
        if escape or len(ranks) > FEW_NAMES:
            return None
        read = origin.n_read(state, count)
        ending = self._quotes.ending
        ended: list[int] = []
        parts: list[tuple[bytes, bytes]] = []
        for rank in ranks:
            rest = origin.keys[rank][read:]
            if not origin.allows(rank):
                if origin.plain and (not rest or ending(rest)):
                    parts.append((rest, b""))
            elif not rest:
                ended.append(rank)
            elif ending(rest):
                return None  # few tokens: what is behind the name is not worth a look at all suffixes
            elif not origin.plain:
                parts.append((rest, b""))
        # Only now: what is behind a name may have to be made.
        parts += [(b"", self._behind(rank, config, reach)) for rank in ended]
        if not origin.plain:
            return tuple(parts)
        plain = self._engine.plain_name(origin, config)
        return _Same(self._engine.row_at(plain, reach)), tuple(parts)

    def _behind(self, outcome: int, config: Config, reach: Reach) -> bytes:
        """The suffixes, bits of uint32 words, that may follow a string which ends with `outcome`; none: b""."""
        after = self._engine.perform(outcome << 2 | EXIT, config[3], reach)
        return b"" if after is None else self._engine.suffixes_alive(after, reach)


class _Same:
    """A row, equal to itself alone, and as long as someone holds it."""

    __slots__ = ("_hash", "_row")

    def __init__(self, row: Row) -> None:
        self._row = ref(row)
        self._hash = id(row)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and (row := self._row()) is not None and row is other._row()

    def __hash__(self) -> int:
        return self._hash
