"""Member names that nobody declares: in one object none may come twice, however it is spelled (RFC 7493, section 2.3).

The automaton forbids repeated names only where they are declared: a state for each set of other names would cost more
than it is worth. So a matcher remembers the other names of each open object, and takes the tokens that would repeat
one out of the mask. Where the language of names runs out behind a beginning, so does what may be written there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ..grammar.dfa import ByteDfa
from ..grammar.finite import MANY, n_texts
from ..grammar.pushdown import PUSH, NameFrame
from .engine import Engine
from .tables import TokenTables, bit_positions, without
from .units import NO_ITEMS
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
        self._matters: dict[Config, tuple[bool, bool]] = {}
        self._n_looked_at = 0
        self._may_end = False

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
        if names_after and self._is_dead(after, names_after, history, config, token):
            return None
        return names_after

    def kept(
        self, config: Config, names: Names, history: History | None, token: int, after: Config, lowest: int
    ) -> Names | None:
        """The same behind a token in which none of these names ends; its way goes down to the stack node `lowest`."""
        if names and lowest < names[-1][0]:
            names = tuple((place, seen) for place, seen in names if place <= lowest)
        return None if names and self._is_dead(after, names, history, config, token) else names

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
                    added = _added(names, node, _content(raw), frame)
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
            config, _, token, history = history
            text = self.engine.tables.text_of(token)
            read = self.engine.read(config, token) if config[3] > place else None
            if read is not None and read[1] > place:  # all of it is inside the name
                parts.append(text.tobytes())
                continue
            read_bytes(self.pushdown, config, text)
            # A token may end one name of the object and begin the next.
            start = _last_entry(path_nodes(self.pushdown, len(text)), config[3], place)
            parts.append(text.tobytes()[start + 1 :])
            if start >= 0:
                break
        return b"".join(reversed(parts))

    def partial(self, config: Config, history: History | None) -> bytes:
        """The raw text so far of the name that nobody declares and that `config` is inside of; b"" for none."""
        found = self.place_of_name(config)
        return b"" if found is None else self._raw(history, found[0])

    def filter(self, config: Config, names: Names, history: History | None, row: np.ndarray) -> np.ndarray:
        """`row`, the mask of the automaton alone, without the tokens that repeat a name."""
        if names:
            if not any(self._what_matters(config)):
                return row
            return without(row, self._wrong(config, names, history, row))
        return without(row, self._tried(config, names, history, row, self.engine.tables.two_names))

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
        return (True, found[1]) if self._may_run_out() else found

    def _wrong(self, config: Config, names: Names, history: History | None, row: np.ndarray) -> Iterator[int]:
        tokens = self._tokens
        if self._what_matters(config)[1]:
            yield from self._tried(config, names, history, row, tokens.name_inside)
        inside = self.place_of_name(config)
        if inside is None:
            seen = dict(names).get(config[3])
            if seen and self._begins_name(config[0]):
                for name in seen:
                    yield from tokens.whole(name)
            if self._may_run_out():
                yield from self._tried(config, names, history, row, tokens.with_quote)
            return
        place, frame = inside
        seen = dict(names).get(place)
        if not seen:
            return
        if config[2] or _runs_out(frame.others):
            yield from self._tried(config, names, history, row, None)
            return
        content = _content(self._raw(history, place))
        for name in seen:
            if name.startswith(content):
                yield from tokens.ending(name[len(content) :])

    def _begins_name(self, state: int) -> bool:
        """Whether a quote in `state` begins a member name."""
        self.pushdown.ensure(state)
        operation = int(self.pushdown.table[state, _QUOTE])
        return (
            operation & 3 == PUSH
            and int(self.pushdown.code[(operation >> 2) + 2]) in self.pushdown.name_frames
        )

    def _may_run_out(self) -> bool:
        """Whether some object has beginnings of names with which only finitely many go on."""
        frames = self.pushdown.name_frames
        if len(frames) > self._n_looked_at:
            self._may_end |= any(
                _runs_out(frame.others) for frame in list(frames.values())[self._n_looked_at :]
            )
            self._n_looked_at = len(frames)
        return self._may_end

    def _tried(
        self, config: Config, names: Names, history: History | None, row: np.ndarray, among: np.ndarray | None
    ) -> Iterator[int]:
        """Those of the tokens `among` (int64[n]; None: all) that are in `row` and repeat a name."""
        if among is None:
            words = row[: self.engine.tables.n_words]
            among = np.array([t for t in bit_positions(words) if self.engine.tables.is_text[t]], np.int64)
        for token in among[row[among >> 5] >> (among & 31) & 1 == 1].tolist():
            read = self.engine.read(config, token)
            if read is None or (read[1] != NAMED and not self._may_run_out()):
                continue
            text = self.engine.tables.text_of(token)
            after = read_bytes(self.pushdown, config, text)
            assert after is not None
            nodes = path_nodes(self.pushdown, len(text))
            if self.after(config, names, history, token, after, nodes) is None:
                yield token

    def _is_dead(
        self, after: Config, names: Names, history: History | None, config: Config, token: int
    ) -> bool:
        """Whether a token ends in a name with whose beginning no name is left."""
        inside = self.place_of_name(after) if self._may_run_out() else None
        if inside is None or not _runs_out(inside[1].others):
            return False
        place, frame = inside
        raw = self._raw((config, (NO_ITEMS, names), token, history), place)
        return not self._goes_on(after, raw, frame, dict(names).get(place, frozenset()))

    def _goes_on(self, config: Config, raw: bytes, frame: NameFrame, seen: frozenset[bytes]) -> bool:
        """Whether some name that was not `seen` begins with `raw`: an escape that is not finished is, in every way."""
        if config[2]:
            for byte in _IN_ESCAPE:
                after = read_bytes(self.pushdown, config, np.array([byte], np.uint8))
                if after is not None and self._goes_on(after, raw + bytes([byte]), frame, seen):
                    return True
            return False
        content = _content(raw)
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


def _content(raw: bytes) -> bytes:
    """The content of raw string text, as UTF-8; a part of a character at its end stays as it is."""
    if b"\\" not in raw:
        return raw
    cut = len(raw)
    while cut and raw[cut - 1] & 0xC0 == 0x80:
        cut -= 1
    if cut and raw[cut - 1] >= 0xC0:
        cut -= 1
    whole = _is_whole(raw[cut:])
    head, tail = (raw, b"") if whole else (raw[:cut], raw[cut:])
    return json.loads(b'"' + head + b'"').encode() + tail


def _is_whole(character: bytes) -> bool:
    try:
        character.decode()
    except UnicodeDecodeError:
        return False
    return True


@lru_cache(maxsize=256)
def _runs_out(dfa: ByteDfa) -> bool:
    """Whether there are beginnings of names with which only finitely many go on."""
    totals = n_texts(dfa)
    return any(total < MANY for total in totals[1:])


_STRING = rb'\s*"(?:[^"\\]|\\.)*"'
_NAME_INSIDE = re.compile(rb"[,{]" + _STRING, re.DOTALL)


class QuoteTokens:
    """The tokens of a vocabulary by their quotes.

    with_quote  : int64[n], all that have one.
    name_inside : int64[n], those that could hold a whole member name behind something else.
    """

    def __init__(self, tables: TokenTables) -> None:
        self.with_quote = tables.with_quote
        inside = []
        self._ending: dict[bytes, list[int]] = {}
        self._whole: dict[bytes, list[int]] = {}
        for token in self.with_quote.tolist():
            text = tables.vocabulary.tokens[token]
            if _NAME_INSIDE.search(text):
                inside.append(token)
            before = _before_quote(text)
            if before is not None:
                self._ending.setdefault(before, []).append(token)
                name = _before_quote(text.lstrip()[1:]) if not before.strip() else None
                if name is not None:
                    self._whole.setdefault(name, []).append(token)
        self.name_inside = np.array(inside, np.int64)

    def ending(self, content: bytes) -> list[int]:
        """The tokens that end a string behind exactly this content."""
        return self._ending.get(content, [])

    def whole(self, content: bytes) -> list[int]:
        """The tokens that begin with a whole string of this content."""
        return self._whole.get(content, [])


def _before_quote(text: bytes) -> bytes | None:
    """The content in front of the first quote that is not escaped, None if there is no such quote."""
    found = re.match(rb'((?:[^"\\]|\\.)*)"', text, re.DOTALL)
    if found is None:
        return None
    try:
        return _content(found[1])
    except ValueError:
        return None
