"""Masks without the tokens that would repeat a member name, or leave none to come; see `names.py`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..grammar.dfa import literals
from ..grammar.pushdown import FLAGS, PUSH, STRING, UNFILLED, NameFrame
from .kernels.bits import any_of, copy_bits
from .name_set import NameSet
from .names import HeldName, NameReader, Names
from .quote_tokens import QuoteTokens
from .rows import Row
from .tables import bit_positions, pack_ids
from .units import NO_ITEMS
from .walker import NAMED, Config

if TYPE_CHECKING:
    from .matcher import History

MAX_PLACES = 1 << 14
_QUOTE = 0x22
_OTHER, _STRING, _BEFORE_NAME = range(3)


Held = tuple[tuple[int, tuple[HeldName, ...] | None], ...]
"""Tokens, each with the names in it; None where it repeats one of them."""


@dataclass(slots=True, eq=False)
class Place:
    """What seen names may change about a mask.

    inside : the stack node of the object, and the frame, of the name that a text is inside of.
    begins : whether a name may begin next.
    held   : the tokens with whole names; None where that depends on what was read before.
    content : what was read of the name; None where that depends on what was read before.
    at     : the stack node of the object of which a name begins or goes on.
    is_plain : whether the seen names of that object, what was read of the name, and which tokens end strings say all.
    """

    inside: tuple[int, NameFrame] | None
    begins: bool
    held: Held | None
    content: bytes | None
    at: int
    is_plain: bool

    @property
    def is_idle(self) -> bool:
        """Whether they change nothing."""
        return self.inside is None and not self.begins and self.held == ()


_IDLE = Place(None, False, (), None, 0, False)


class NameMasks:
    """The masks of one constraint. Immutable for its users."""

    def __init__(self, reader: NameReader) -> None:
        self._reader = reader
        self._engine = reader.engine
        self._pushdown = reader.pushdown
        self._places: dict[Config, Place] = {}
        self._kinds: dict[int, int] = {}  # of states
        self._running_out: dict[Config, list[int]] = {}

    @cached_property
    def _tokens(self) -> QuoteTokens:
        return self._engine.tables.shared("quotes", QuoteTokens)

    def filter(self, config: Config, names: Names, history: History | None, row: Row) -> Row:
        """`row`, the mask of the automaton alone, without the tokens that repeat a name or leave none.

        Raises DeadEnd if no token is left.
        """
        if not names:
            runs_out = self._pushdown.names_run_out
            among = self._tokens.next_name if runs_out else self._engine.tables.two_names
            return row.without(self._tried(config, names, history, self._present(among, row)))
        place = self._places.get(config) or self._new_place(config)
        if self._pushdown.names_run_out:
            wrong = self._wrong(config, names, history, row, place)
        elif place is _IDLE:
            return row
        elif place.is_plain:
            seen = _seen_at(names, place.at)
            wrong = [] if seen is None else self._repeating(seen, place)
        else:
            wrong = self._wrong(config, names, history, row, place)
        return row.without(wrong) if wrong else row

    def _repeating(self, seen: NameSet, place: Place) -> list[int]:
        """The tokens that end one of the seen names, in a plain place."""
        tokens, content = self._tokens, place.content
        if place.inside is None:
            if seen.whole is None:
                seen.whole = [token for name in seen for token in tokens.whole(name)]
            return seen.whole
        if not content:
            if seen.ending is None:
                seen.ending = [token for name in seen for token in tokens.ending(name)]
            return seen.ending
        near = seen.beginning_with(content)
        return [token for name in near for token in tokens.ending(name[len(content) :])]

    def _new_place(self, config: Config) -> Place:
        kind = self._kinds.get(config[0])
        if kind is None:
            kind = self._kind(config[0])
        inside = self._reader.place_of_name(config) if kind == _STRING else None
        row = self._engine.mask(config)
        if len(self._places) >= MAX_PLACES:
            self._places.clear()
            self._engine.idle.clear()
        if inside is None and kind != _BEFORE_NAME and not self._holds_names(row):
            found = _IDLE
        else:
            content = None if inside is None else self._reader.content_known(config)
            held = self._held(config, row, inside is not None)
            at = config[3] if inside is None else inside[0]
            is_known = inside is None or (content is not None and not config[2] and not inside[1].runs_out)
            found = Place(inside, kind == _BEFORE_NAME, held, content, at, held == () and is_known)
        self._places[config] = found
        if found.is_idle:
            self._engine.idle.add(config)
        return found

    def _held(self, config: Config, row: Row, is_inside: bool) -> Held | None:
        """The tokens of `row` that hold whole names; None where one does behind the end of a name, or items matter."""
        if not self._holds_names(row):
            return ()
        present = self._present(self._tokens.name_inside, row)
        if is_inside or self._engine.unit_frames:
            return None
        found = []
        for token in present:
            read = self._reader.step(config, NO_ITEMS, token)
            held = () if read is None else self._reader.names_in(config, token, read[1])
            if held != ():
                found.append((token, held))
        return tuple(found)

    def _holds_names(self, row: Row) -> bool:
        """Whether a token of `row` holds a whole name."""
        if row.holds_names is None:  # once for all places with this row
            row.holds_names = any_of(self._tokens.name_inside, row.dense())
        return row.holds_names

    def _wrong(
        self, config: Config, names: Names, history: History | None, row: Row, place: Place
    ) -> list[int]:
        """The tokens that repeat a name, or leave none to come where names run out."""
        tokens, runs_out = self._tokens, self._pushdown.names_run_out
        if runs_out:
            wrong = list(self._tried(config, names, history, self._may_run_out(config, row)))
        elif place.held is None:
            wrong = list(self._tried(config, names, history, self._present(tokens.name_inside, row)))
        else:
            wrong = [token for token, held in place.held if _repeats(held, names)]
        seen = _seen_at(names, place.at)
        if seen and place.inside is not None:
            content = place.content
            if content is None:
                content = self._reader.content(config, history, place.at)
            near = seen.beginning_with(content)
            if near and (config[2] or place.inside[1].runs_out):
                towards = self._towards(near, content, config[2])
                wrong += self._tried(config, names, history, self._present(towards, row))
            else:
                wrong += [token for name in near for token in tokens.ending(name[len(content) :])]
        elif seen and place.begins:
            wrong += [token for name in seen for token in tokens.whole(name)]
            if runs_out:
                beginning = self._present(tokens.beginning(seen), row)
                wrong += self._tried(config, names, history, beginning)
        return wrong

    def _towards(self, names: list[bytes], content: bytes, escape: int) -> np.ndarray:
        """The tokens with which one of `names` goes on or ends behind `content` and a part of an escape. int64[n].

        No others leave no name: there is one that the automaton knows, and it can only have been seen.
        """
        dfa, tables = literals(names), self._engine.tables
        state = dfa.start
        for byte in content:
            state = int(dfa.delta[state, byte])
        found = tables.row(dfa, state, escape)
        ending = [token for crossing in found.crossings for token in crossing.tokens.tolist()]
        words = found.inside | pack_ids(ending, tables.n_words)
        copy_bits(tables.trie.duplicates, words)
        return np.array(bit_positions(words), np.int64)

    def _kind(self, state: int) -> int:
        """Whether `state` is in a string, or a quote begins a member name there, or neither."""
        kind = self._kinds.get(state)
        if kind is None:
            pushdown = self._pushdown
            pushdown.ensure(state)
            row = pushdown.table[state]
            operation = int(row[_QUOTE])
            if row[FLAGS] & STRING:
                kind = _STRING
            elif operation == UNFILLED:
                kind = _BEFORE_NAME  # perhaps, and if so the first of its object
            elif operation & 3 == PUSH and int(pushdown.code[(operation >> 2) + 2]) in pushdown.name_frames:
                kind = _BEFORE_NAME
            else:
                kind = _OTHER
            self._kinds[state] = kind
        return kind

    def _may_run_out(self, config: Config, row: Row) -> list[int]:
        """The allowed tokens that could begin a name, behind something else, and leave none or repeat one."""
        found = self._running_out.get(config)
        if found is None:
            begun = self._present(self._tokens.name_begun, row)
            found = [token for token in begun if self._matters(config, token)]
            if len(self._running_out) >= MAX_PLACES:
                self._running_out.clear()
            self._running_out[config] = found
        return found

    def _matters(self, config: Config, token: int) -> bool:
        """Whether a token ends a name, or ends in one of which there may be no other with the same beginning."""
        read = self._engine.read(config, token)
        return read is not None and (read[1] == NAMED or self._reader.may_run_out(read[0]))

    @staticmethod
    def _present(among: np.ndarray, row: Row) -> list[int]:
        """Those of the tokens `among` (int64[n]) that are in `row`."""
        words = row.dense()
        return among[words[among >> 5] >> (among & 31) & 1 == 1].tolist()

    def _tried(
        self, config: Config, names: Names, history: History | None, tokens: list[int]
    ) -> Iterator[int]:
        """Those of these tokens, which are allowed, that repeat a name or leave none."""
        items = self._reader.open_items(history) if tokens else NO_ITEMS
        for token in tokens:
            if self._matters(config, token):
                found = self._reader.step(config, items, token)
                if found is not None and self._reader.after(config, names, history, token, *found) is None:
                    yield token


def _seen_at(names: Names, at: int) -> NameSet | None:
    """The names that were seen in the object at a stack node, if there are any."""
    return names[-1][1] if names[-1][0] == at else dict(names).get(at)


def _repeats(held: tuple[HeldName, ...] | None, names: Names) -> bool:
    """Whether a token repeats a name, of its own or of an object that is still open then."""
    if held is None:
        return True
    for above, place, name in held:
        for node, seen in names:
            if node == place and above >= place and name in seen:
                return True
    return False
