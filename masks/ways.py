"""What is known of completions: the ways out of states, shared by all searches of a grammar."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..grammar.pushdown import END, FLAGS, GOTO, NAME_END, NAMES, SPACE, STRING, NamePart
from .engine import Engine
from .scalar_texts import RAW, SPELLED
from .string_ends import Exits, finish_string
from .units import ItemReader

# From the dearest byte to the cheapest: in a dict that is filled in this order, the cheapest stays.
_BY_COST = np.array(sorted(range(256), key=lambda b: (-len(SPELLED[b]), -b)))
_PLAIN = bytes(byte for byte in range(0x20, 0x7F) if len(SPELLED[byte]) == 1)  # more than names in one state
_BACKWARDS = np.arange(255, -1, -1)


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """How a place was reached: behind `before`, through a called level (`call`), by `text`.

    cost : in bytes, since the level was entered.
    rest : where the place is on the stack of the text itself, (state, stack node).
    """

    before: Path | None
    text: bytes
    call: Path | None
    cost: int
    rest: tuple[int, int] | None = None


NOWHERE = Path(None, b"", None, 0)


class Ways:
    """The operations of states with the shortest texts that cause them, and the shortest ways that were found."""

    def __init__(self, engine: Engine, *, learns: bool) -> None:
        self.engine = engine
        self.pushdown = engine.pushdown
        self.items = ItemReader(engine)
        self._learns = learns
        # By the state in which a level is entered, and how many outcomes there can be: the shortest way to each.
        self._exits: dict[tuple[int, int], dict[int, Path]] = {}
        self._strings: dict[int, Exits] = {}
        # By state and stack node: a text, and where in it the shortest completion begins.
        self._rests: dict[tuple[int, int], tuple[bytes, int]] = {}

    @property
    def learns(self) -> bool:
        """Whether what was read of an item matters to what follows."""
        return self._learns and bool(self.pushdown.units.frames)

    def exits_of(self, state: int, n_outcomes: int) -> dict[int, Path] | None:
        """The shortest ways out of the level that is entered in `state`, None where not all are known."""
        known = self._exits.get((state, n_outcomes))
        texts = self.string_exits(state) if known is None else None
        if texts is not None:
            known = {outcome: Path(None, text, None, len(text)) for outcome, text in texts.items()}
            self._exits[state, n_outcomes] = known
        return known if known and (len(known) >= n_outcomes or state in self._strings) else None

    def string_exits(self, state: int) -> Exits | None:
        """The shortest texts that end a string which begins, or goes on, in `state`; None where that is not known."""
        texts = self._strings.get(state)
        if texts is None:
            string = self.engine.string_at(state)
            if string is not None:
                texts = self._strings[state] = finish_string(*string, 0)
            elif self.is_in_names(state):
                texts = self._strings[state] = self.name_exits(state, 0)
        return texts

    def is_in_names(self, state: int) -> bool:
        """Whether a state is that of the rests of member names, see `pushdown.NAMES`."""
        self.pushdown.ensure(state)
        return bool(self.pushdown.table[state, FLAGS] & NAMES)

    def name_exits(self, state: int, count: int) -> Exits:
        """The shortest texts that end a name in NAMES: each of them, and another one if there are such."""
        names = self.pushdown.origin(state)
        assert isinstance(names, NamePart)
        n_read = names.n_read(state, count)
        rests = {rank: names.keys[rank][n_read:] for rank in names.ranks(state, count)}
        exits = {
            rank: b"".join(SPELLED[byte] for byte in rest) + b'"'
            for rank, rest in rests.items()
            if names.allows(rank)
        }
        other = int(self.pushdown.table[state, NAME_END])
        if other:
            texts = (b"", *(bytes((byte,)) for byte in _PLAIN))
            exits[other >> 2] = next(text for text in texts if text not in rests.values()) + b'"'
        return exits

    def rest(self, state: int, node: int) -> tuple[bytes, int] | None:
        """A text and where in it the shortest completion from a state on a stack node begins; None if not known yet."""
        return self._rests.get((state, node))

    def remember(self, path: Path) -> tuple[bytes, int]:
        """The text of a whole completion; it holds those of the places on its way as well."""
        whole = text_of(path)
        rest = path.rest and self._rests.get(path.rest)
        if rest:
            whole += rest[0][rest[1] :]
        here: Path | None = path
        while here is not None:
            if here.rest is not None:
                self._rests.setdefault(here.rest, (whole, here.cost))
            here = here.before
        return whole, 0

    def keep_exit(self, state: int, n_outcomes: int, outcome: int, path: Path) -> None:
        self._exits.setdefault((state, n_outcomes), {}).setdefault(outcome, path)

    def operation(self, frame: int, outcome: int) -> int:
        """What a frame does for an outcome."""
        return self.pushdown.resumed(frame, outcome)

    def target(self, operation: int) -> tuple[int, tuple[int, ...]]:
        """The state that a GOTO or PUSH leads to, and the frames it pushes."""
        if operation & 3 == GOTO:
            return operation >> 2, ()
        state, frames = self.pushdown.pushed(operation)
        return state, tuple(frames)

    def moves(self, state: int) -> list[tuple[bytes, int]]:
        """`(text, operation)` for each operation of a state, with the shortest text that causes it."""
        self.pushdown.fill_row(state)
        row = self.pushdown.table[state]
        is_string = bool(row[FLAGS] & STRING)
        order, spelled = (_BY_COST, SPELLED) if is_string else (_BACKWARDS, RAW)
        shortest = dict(zip(row[order].tolist(), order.tolist()))
        shortest.pop(0, None)
        shortest.pop(SPACE, None)
        moves = [(spelled[byte], operation) for operation, byte in shortest.items()]
        if row[END]:
            moves.append((b'"' if is_string else b"", int(row[END])))
        return moves


def first_of(path: Path) -> bytes:
    """What a value has of the text that led to it: its first byte, if not a comma or a colon."""
    return b"" if path.text in (b",", b":") else path.text


def text_of(path: Path) -> bytes:
    """The text of a way. Without recursion: levels may lie deeper than Python's own stack."""
    parts = []
    todo: list[Path] = [path]
    while todo:
        here = todo.pop()
        parts.append(here.text)
        if here.before is not None:
            todo.append(here.before)
        if here.call is not None:
            todo.append(here.call)
    return b"".join(reversed(parts))
