"""Member names that nobody declares: in one object none may come twice, however it is spelled (RFC 7493, section 2.3).

The automaton forbids repeated names only where they are declared: a state for each set of other names would cost more
than it is worth. So a matcher remembers the other names of each open object, and takes the tokens that would repeat
one out of the mask. Where the language of names runs out behind a beginning, so does what may be written there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..grammar.dfa import literals
from ..grammar.finite import n_texts
from ..grammar.pushdown import PUSH, NameFrame
from .engine import Engine
from .kernels.bits import copy_bits
from .quote_tokens import QuoteTokens, content_of
from .tables import bit_positions, pack_ids, without
from .units import NO_ITEMS, ItemReader, Open
from .walker import NAMED, Config, path_nodes, read_bytes

if TYPE_CHECKING:
    from .matcher import History

Names = tuple[tuple[int, frozenset[bytes]], ...]
"""The open objects, outermost first, that have other names: the stack node of each, and the names as UTF-8."""
NO_NAMES: Names = ()
MAX_PLACES = 1 << 14
_QUOTE = 0x22
_IN_ESCAPE = b'"\\/bfnrtu0123456789abcdef'


class NameReader:
    """What other names do to tokens and masks. Immutable for its users."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.pushdown = engine.pushdown
        self.items = ItemReader(engine)
        self._matters: dict[Config, tuple[bool, bool]] = {}

    @property
    def _tokens(self) -> QuoteTokens:
        return self.engine.tables.shared("quotes", QuoteTokens)

    def after(
        self,
        config: Config,
        names: Names,
        history: History | None,
        token: int,
        after: Config,
        nodes: list[int],
    ) -> Names | None:
        """The names behind a token, None if it repeats one, or leaves no name to come.

        after : the configuration behind it.  nodes : the stack node after each of its bytes.
        """
        names_after = self._read(config, names, history, token, nodes)
        if names_after and self._is_dead(after, names_after, history, config, token, nodes):
            return None
        return names_after

    def kept(
        self, config: Config, names: Names, history: History | None, token: int, after: Config, lowest: int
    ) -> Names | None:
        """The same behind a token in which none of these names ends; its way goes down to the stack node `lowest`."""
        if names and lowest < names[-1][0]:
            names = tuple((place, seen) for place, seen in names if place <= lowest)
        if not names or not self.pushdown.names_run_out:
            return names
        found = self._step(config, NO_ITEMS, token)
        assert found is not None, "a token that is allowed"
        return None if self._is_dead(after, names, history, config, token, found[1]) else names

    def _read(
        self, config: Config, names: Names, history: History | None, token: int, nodes: list[int]
    ) -> Names | None:
        text = self.engine.tables.text_of(token).tobytes()
        before = config[3]
        begun = -1
        for i, node in enumerate(nodes):
            if names and node < names[-1][0]:
                names = tuple((place, seen) for place, seen in names if place <= node)
            if text[i] == _QUOTE and node != before:
                if self._frame_between(node, before) is not None:
                    begun = i
                elif (frame := self._frame_between(before, node)) is not None:
                    raw = text[begun + 1 : i] if begun >= 0 else self._raw(history, node) + text[:i]
                    added = _added(names, node, content_of(raw), frame)
                    if added is None:
                        return None
                    names, begun = added, -1
            before = node
        return names

    def _frame_between(self, node: int, place: int) -> NameFrame | None:
        """The frame of a name that lies on the stack node `place` and has `node` on top."""
        stack = self.pushdown.stack
        for _ in range(2):
            if node <= place:
                return None
            parent, frame = stack[node].tolist()
            if parent == place:
                return self.pushdown.name_frames.get(frame)
            node = parent
        return None

    def place_of_name(self, config: Config) -> tuple[int, NameFrame] | None:
        """The object's stack node and the frame, where `config` is inside a name."""
        node = config[3]
        for _ in range(2):
            if node == 0:
                return None
            parent, symbol = self.pushdown.stack[node].tolist()
            frame = self.pushdown.name_frames.get(symbol)
            if frame is not None:
                return parent, frame
            node = parent
        return None

    def _raw(self, history: History | None, place: int) -> bytes:
        """What was read since the opening quote of the name that lies on the stack node `place`."""
        parts: list[bytes] = []
        while history is not None:
            config, (items, _), token, history = history
            if config[3] > place and not self.engine.unit_frames:
                read = self.engine.read(config, token)
                if read is not None and read[1] > place:  # all of it is inside the name
                    parts.append(self.engine.tables.text_of(token).tobytes())
                    continue
            found = self._step(config, items, token)
            assert found is not None, "a token that was taken"
            part, is_begun = self._since_entry(config, token, found[1], place)
            parts.append(part)
            if is_begun:
                break
        return b"".join(reversed(parts))

    def _since_entry(self, config: Config, token: int, nodes: list[int], place: int) -> tuple[bytes, bool]:
        """What of a token is behind the opening quote of the name on `place`, and whether the quote is in it."""
        # A token may end one name of the object and begin the next.
        start = _last_entry(nodes, config[3], place)
        return self.engine.tables.text_of(token).tobytes()[start + 1 :], start >= 0

    def _step(self, config: Config, items: Open, token: int) -> tuple[Config, list[int]] | None:
        """The configuration behind a token, and the stack node after each byte; None where it is not allowed."""
        if self.engine.unit_frames:
            read = self.items.step(config, items, token)
            return None if read is None else (read[0], read[2])
        text = self.engine.tables.text_of(token)
        after = read_bytes(self.pushdown, config, text)
        return None if after is None else (after, path_nodes(self.pushdown, len(text)))

    def _open_items(self, history: History | None) -> Open:
        """The items that are open behind the last token."""
        if history is None or not self.engine.unit_frames:
            return NO_ITEMS
        config, (items, _), token, _ = history
        found = self.items.step(config, items, token)
        assert found is not None, "a token that was taken"
        return found[1]

    def partial(self, config: Config, history: History | None) -> bytes:
        """The raw text so far of the name that nobody declares and that `config` is inside of; b"" for none."""
        found = self.place_of_name(config)
        return b"" if found is None else self._raw(history, found[0])

    def filter(self, config: Config, names: Names, history: History | None, row: np.ndarray) -> np.ndarray:
        """`row`, the mask of the automaton alone, without the tokens that repeat a name or leave none."""
        if names:
            if not any(self._what_matters(config)):
                return row
            return without(row, self._wrong(config, names, history, row))
        among = self._tokens.next_name if self.pushdown.names_run_out else self.engine.tables.two_names
        return without(row, self._tried(config, names, history, row, among))

    def _what_matters(self, config: Config) -> tuple[bool, bool]:
        """Where seen names may change a mask: in or before a name, and where tokens of it hold a whole one."""
        found = self._matters.get(config)
        if found is None:
            row, inside = self.engine.row(config), self._tokens.name_inside
            holds_name = bool((row[inside >> 5] >> (inside & 31) & 1).any())
            found = (self.place_of_name(config) is not None or self._begins_name(config[0]), holds_name)
            if len(self._matters) >= MAX_PLACES:
                self._matters.clear()
            self._matters[config] = found
        return (True, True) if self.pushdown.names_run_out else found

    def _wrong(self, config: Config, names: Names, history: History | None, row: np.ndarray) -> Iterator[int]:
        tokens, runs_out = self._tokens, self.pushdown.names_run_out
        if self._what_matters(config)[1]:
            begun = tokens.name_begun if runs_out else tokens.name_inside
            yield from self._tried(config, names, history, row, begun)
        inside = self.place_of_name(config)
        seen = dict(names).get(config[3] if inside is None else inside[0])
        if not seen:
            return
        if inside is not None:
            content = content_of(self._raw(history, inside[0]))
            near = [name for name in seen if name.startswith(content)]
            if config[2] or inside[1].runs_out:
                yield from self._tried(config, names, history, row, self._towards(near, content, config[2]))
            else:
                for name in near:
                    yield from tokens.ending(name[len(content) :])
        elif self._begins_name(config[0]):
            for name in seen:
                yield from tokens.whole(name)
            if runs_out:
                yield from self._tried(config, names, history, row, tokens.beginning(seen))

    def _towards(self, names: list[bytes], content: bytes, escape: int) -> np.ndarray:
        """The tokens with which one of `names` goes on or ends behind `content` and a part of an escape. int64[n].

        No others leave no name: there is one that the automaton knows, and it can only have been seen.
        """
        if not names:
            return np.zeros(0, np.int64)
        dfa, tables = literals(names), self.engine.tables
        state = dfa.start
        for byte in content:
            state = int(dfa.delta[state, byte])
        found = tables.row(dfa, state, escape)
        ending = [token for crossing in found.crossings for token in crossing.tokens.tolist()]
        words = found.inside | pack_ids(ending, tables.n_words)
        copy_bits(tables.trie.duplicates, words)
        return np.array(bit_positions(words), np.int64)

    def _begins_name(self, state: int) -> bool:
        """Whether a quote in `state` begins a member name."""
        self.pushdown.ensure(state)
        operation = int(self.pushdown.table[state, _QUOTE])
        return (
            operation & 3 == PUSH
            and int(self.pushdown.code[(operation >> 2) + 2]) in self.pushdown.name_frames
        )

    def _tried(
        self, config: Config, names: Names, history: History | None, row: np.ndarray, among: np.ndarray
    ) -> Iterator[int]:
        """Those of the tokens `among` (int64[n]) that are in `row` and repeat a name or leave none."""
        present = among[row[among >> 5] >> (among & 31) & 1 == 1].tolist()
        items = self._open_items(history) if present else NO_ITEMS
        for token in present:
            read = self.engine.read(config, token)
            if read is None or (read[1] != NAMED and not self.pushdown.names_run_out):
                continue
            found = self._step(config, items, token)
            if found is not None and self.after(config, names, history, token, *found) is None:
                yield token

    def _is_dead(
        self,
        after: Config,
        names: Names,
        history: History | None,
        config: Config,
        token: int,
        nodes: list[int],
    ) -> bool:
        """Whether a token ends in a name with whose beginning no name is left."""
        inside = self.place_of_name(after) if self.pushdown.names_run_out else None
        if inside is None or not inside[1].runs_out:
            return False
        place, frame = inside
        raw, is_begun = self._since_entry(config, token, nodes, place)
        if not is_begun:
            raw = self._raw(history, place) + raw
        return not self._goes_on(after, raw, frame, dict(names).get(place, frozenset()))

    def _goes_on(self, config: Config, raw: bytes, frame: NameFrame, seen: frozenset[bytes]) -> bool:
        """Whether some name that was not `seen` begins with `raw`: an escape that is not finished is, in every way."""
        if config[2]:
            for byte in _IN_ESCAPE:
                after = read_bytes(self.pushdown, config, np.array([byte], np.uint8))
                if after is not None and self._goes_on(after, raw + bytes([byte]), frame, seen):
                    return True
            return False
        content = content_of(raw)
        for i, key in enumerate(frame.keys):
            if frame.allowed >> i & 1 and key.startswith(content) and key not in seen:
                return True
        taken = sum(name.startswith(content) and frame.others.accepts(name) for name in seen)
        state = frame.others.start
        for byte in content:
            state = int(frame.others.delta[state, byte])
        return n_texts(frame.others)[state] > taken


def _last_entry(nodes: list[int], before: int, place: int) -> int:
    """The index of the byte that last went from the stack node `place` to one above it."""
    found = -1
    for i, node in enumerate(nodes):
        if before == place and node > place:
            found = i
        before = node
    return found


def _added(names: Names, place: int, name: bytes, frame: NameFrame) -> Names | None:
    """`names` with one more for the object at `place`, None if it has it already."""
    if frame.all_declare and name in frame.keys:
        return names  # the automaton knows
    if names and names[-1][0] == place:
        if name in names[-1][1]:
            return None
        return (*names[:-1], (place, names[-1][1] | {name}))
    return (*names, (place, frozenset([name])))
