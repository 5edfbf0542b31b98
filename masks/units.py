"""Items that must differ: the values of items and members that end, told to the automaton as they do.

The automaton knows which values were seen, but not the value of an item that ends in the middle of a token. So in a
schema with `uniqueItems` a token is read up to each end of such an item, the state behind it is replaced by the one
that knows the value, and reading goes on. Masks come from the automaton without that, which allows whatever some value
allows; the few tokens that go past the end of an item are then tried one by one, unless it cannot matter.
"""

from __future__ import annotations

import re

import numpy as np

from ..grammar.pushdown import END, FLAGS, STRING, Awaited
from ..grammar.schema.shapes import ARRAY, OBJECT
from ..grammar.schema.shapes import STRING as STRING_TYPE
from .engine import Engine
from .tables import TokenTables, bit_positions, pack_ids, without
from .walker import Config, path_nodes, read_bytes

_BYTES = [np.array([byte], np.uint8) for byte in range(256)]

Open = tuple[tuple[int, bytes], ...]
"""The items that are open, outermost first: the stack node on which each lies, and its text so far."""
NO_ITEMS: Open = ()


class ItemReader:
    """Reads tokens one byte at a time, for automata in which values of items matter. Immutable."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.pushdown = engine.pushdown
        self.units = engine.pushdown.units

    @property
    def _tokens(self) -> EndingTokens:
        return self.engine.tables.shared("ends", EndingTokens)

    def step(self, config: Config, items: Open, token: int) -> tuple[Config, Open, list[int]] | None:
        """Read a token. None where it is not allowed.

        Returns the configuration, the open items, and the stack node after each byte.
        """
        nodes = []
        for byte in self.engine.tables.text_of(token).tolist():
            after = self._read(config, items, byte)
            if after is None:
                return None
            config, items = after
            nodes.append(config[3])
        return config, items, nodes

    def _read(self, config: Config, items: Open, byte: int) -> tuple[Config, Open] | None:
        state, _, escape, node = config
        self.pushdown.ensure(state)
        row = self.pushdown.table[state]
        if not escape and not row[FLAGS] & STRING and not row[byte] and row[END]:
            # A number ends where its next byte does not belong to it any more.
            ended = self.engine.perform(int(row[END]), node)
            if ended is None:
                return None
            left = self._left(ended, items)
            return None if left is None else self._read(*left, byte)
        after = read_bytes(self.pushdown, config, _BYTES[byte])
        if after is None:
            return None
        items = tuple((place, text + bytes([byte])) for place, text in items)
        if after[3] != node:
            items = self._entered(node, after[3], items, byte)
        return self._left(after, items)

    def _entered(self, before: int, after: int, items: Open, byte: int) -> Open:
        """`items` with those that begin here: behind a comma or a colon, or at their own first byte."""
        parent, frame = self.pushdown.stack[after].tolist()
        if frame in self.units.frames and parent == before and all(place != parent for place, _ in items):
            return (*items, (parent, b"" if byte in b",:" else bytes([byte])))
        return items

    def _left(self, config: Config, items: Open) -> tuple[Config, Open] | None:
        """The same where an item ends: the state that knows its value."""
        while items and config[3] <= items[-1][0]:
            (place, text), items = items[-1], items[:-1]
            if config[3] < place:
                continue
            learner = self.units.after.get(config[0])
            if learner is None:
                continue
            with self.pushdown.lock:
                state = learner.learned(text)
            if not state:
                return None
            config = (state, *config[1:])
        return config, items

    def filter(self, config: Config, items: Open, row: np.ndarray) -> np.ndarray:
        """`row`, the mask of the automaton alone, without the tokens that some value forbids."""
        with self.pushdown.lock:
            awaited = self._awaited(config, items)
            harmless = awaited[0][1].harmless_types() if len(awaited) == 1 else None
        nodes = {node for node, _ in awaited}
        barred = (
            token
            for token in self._doubtful(config, nodes, harmless, row)
            if self._is_barred(config, items, nodes, harmless, token)
        )
        return without(row, barred)

    def _awaited(self, config: Config, items: Open) -> list[tuple[int, Awaited]]:
        """The open items whose value may matter, outermost first: each with the stack node above it."""
        found = []
        chain = self._chain(config[3])
        for place, text in items:
            node = next(node for node, parent, _ in chain if parent == place)
            awaited = self.units.frames[int(self.pushdown.stack[node, 1])]
            if awaited.may_matter(text):
                found.append((node, awaited))
        return found

    def _chain(self, node: int) -> list[tuple[int, int, int]]:
        """`(node, parent, frame)` from a stack node down to the bottom."""
        found = []
        while node:
            parent, frame = self.pushdown.stack[node].tolist()
            found.append((node, parent, frame))
            node = parent
        return found

    def _doubtful(
        self, config: Config, awaited: set[int], harmless: int | None, row: np.ndarray
    ) -> list[int]:
        """The tokens of `row` in which an item may end so far that its value matters.

        awaited  : the stack nodes above the open items whose value may matter.
        harmless : where there is one such item, the types of which the next one has many values anyway.
        """
        if not self.pushdown.table[config[0], FLAGS] & STRING:
            return self._tokens.among(row, "outside")
        if awaited and max(awaited) == config[3]:
            return self._tokens.behind_string(row, harmless)
        return self._tokens.among(row, "in string" if awaited else "with array")

    def _is_barred(
        self, config: Config, items: Open, awaited: set[int], harmless: int | None, token: int
    ) -> bool:
        """Whether the automaton allows a token that is not allowed."""
        text = self.engine.tables.text_of(token)
        if read_bytes(self.pushdown, config, text) is None:
            return True
        ended = self._first_end(config[3], path_nodes(self.pushdown, len(text)), awaited)
        if ended is None:
            return False
        end, node = ended
        if harmless is not None and node in awaited and _is_harmless(text[end:].tobytes(), harmless):
            return False
        return self.step(config, items, token) is None

    def _first_end(self, before: int, nodes: list[int], awaited: set[int]) -> tuple[int, int] | None:
        """The index of the byte at which an item ends first, and its stack node: one of `awaited`, or a new one."""
        old = {node for node, *_ in self._chain(before)}
        for i, node in enumerate(nodes):
            if node != before:
                here = {node for node, *_ in self._chain(node)}
                for popped, _, frame in self._chain(before):
                    if popped in here:
                        break
                    if popped in awaited or (popped not in old and frame in self.units.frames):
                        return i, popped
            before = node
        return None


class EndingTokens:
    """The tokens of a vocabulary in which an item may end and something follows."""

    def __init__(self, tables: TokenTables) -> None:
        self._n_words = tables.n_words
        self._words: dict[str, np.ndarray] = {}
        found: dict[str, list[int]] = {"outside": [], "in string": [], "behind string": [], "with array": []}
        # Of those behind a string the ones that are harmless if the next item may have one of these types.
        harmless: dict[int, list[int]] = {}
        for token, text in enumerate(tables.vocabulary.tokens):
            if not tables.is_text[token]:
                continue
            if _END.search(text):
                found["outside"].append(token)
            tail = _behind_quote(text)
            if tail:
                found["behind string"].append(token)
                if not _MEMBER.fullmatch(tail):
                    found["in string"].append(token)
                if _WITH_ARRAY.search(tail):
                    found["with array"].append(token)
                types = _opened(tail)
                if types is not None:
                    harmless.setdefault(types, []).append(token)
        self._words = {kind: pack_ids(tokens, tables.n_words) for kind, tokens in found.items()}
        self._harmless = {types: pack_ids(tokens, tables.n_words) for types, tokens in harmless.items()}

    def among(self, row: np.ndarray, kind: str) -> list[int]:
        """The tokens of `row` that may end an item.

        kind : "outside" of a string; "in string" if that is a part of an item; "with array" if it is in none.
        """
        return bit_positions(row[: self._n_words] & self._words[kind])

    def behind_string(self, row: np.ndarray, harmless: int | None) -> list[int]:
        """The same for a string that is the item, but for tokens that are `harmless` (types, None: none are)."""
        words = row[: self._n_words] & self._words["behind string"]
        for types, tokens in self._harmless.items() if harmless is not None else ():
            if not types or types & (harmless or 0):
                words &= ~tokens
        return bit_positions(words)


_END = re.compile(rb"[,\]}]")
_WITH_ARRAY = re.compile(rb"\[.+[,\]}]", re.DOTALL)
_STRING_END = re.compile(rb'(?:[^"\\]|\\.)*"(.*)', re.DOTALL)
# Behind a string in an item: the next name, or a value for this one.
_MEMBER = re.compile(rb"[ \t\r\n]*(?:,[ \t\r\n]*\"?|:[ \t\r\n]*[^,\]}]*)")
# Brackets that close, then a comma and the beginning of what comes next.
_NEXT_ITEM = re.compile(rb'[\]} \t\r\n]*(?:,[ \t\r\n]*(["{\[]?))?')
_OPENED_TYPES = {None: 0, b"": STRING_TYPE | OBJECT | ARRAY, b'"': STRING_TYPE, b"{": OBJECT, b"[": ARRAY}


def _behind_quote(text: bytes) -> bytes:
    """What a token has behind the first quote that is not escaped."""
    found = _STRING_END.fullmatch(text)
    return b"" if found is None else found[1]


def _opened(tail: bytes) -> int | None:
    """The types that may come behind an item and a comma, 0 where there is none; None if more follows than that."""
    found = _NEXT_ITEM.fullmatch(tail)
    return None if found is None else _OPENED_TYPES[found[1]]


def _is_harmless(tail: bytes, types: int) -> bool:
    """Whether a token may follow an item, whatever that is: `tail` begins with the byte at which it ends.

    types : those of which the next item has many values.
    """
    opened = _opened(tail if tail[:1] in (b",", b" ", b"\t", b"\r", b"\n") else tail[1:])
    return opened is not None and (not opened or opened & types != 0)
