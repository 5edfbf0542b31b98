"""Items that must differ: the values of the items that end, told to the automaton as they do.

The automaton knows which values were seen, but not the value of an item that ends in the middle of a token. So in a
schema with `uniqueItems` a token is read up to each end of such an item, the state behind it is replaced by the one
that knows the value, and reading goes on. Masks come from the automaton without that; the few tokens that go past the
comma behind an item are then tried one by one, unless it cannot matter.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal

import numpy as np

from ..grammar.pushdown import END, FLAGS, STRING
from ..grammar.schema.canonical import canonical
from ..grammar.schema.shapes import ARRAY, OBJECT
from ..grammar.schema.shapes import STRING as STRING_TYPE
from .engine import Engine
from .tables import TokenTables, bit_positions, pack_ids, without
from .walker import Config, read_bytes

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
    def _past_comma(self) -> PastComma:
        return self.engine.tables.shared("commas", PastComma)

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
        """`items` with those that begin here: at the comma before them, or at their own first byte."""
        parent, frame = self.pushdown.stack[after].tolist()
        if frame in self.units.frames and parent == before and all(place != parent for place, _ in items):
            return (*items, (parent, b"" if byte == 0x2C else bytes([byte])))
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
            state = learner.learned(canonical(json.loads(text, parse_float=Decimal)))
            if not state:
                return None
            config = (state, *config[1:])
        return config, items

    def filter(self, config: Config, items: Open, row: np.ndarray) -> np.ndarray:
        """`row`, the mask of the automaton alone, without the tokens that repeat an item."""
        if not items:
            doubtful = self._past_comma.with_first_item(row)
        else:
            is_string = bool(self.pushdown.table[config[0], FLAGS] & STRING)
            safe = self._safe_types(config[3], items[-1][0])
            doubtful = self._past_comma.among(row, is_string=is_string, safe=safe)
        return without(row, (token for token in doubtful if self.step(config, items, token) is None))

    def _safe_types(self, node: int, place: int) -> int:
        """The types of which the item behind the innermost open one has many values."""
        stack = self.pushdown.stack
        while stack[node, 0] != place:
            node = int(stack[node, 0])
        return self.units.frames[int(stack[node, 1])]()


class PastComma:
    """The tokens of a vocabulary with a comma, by what they do behind it."""

    def __init__(self, tables: TokenTables) -> None:
        self._n_words = tables.n_words
        # Whether the comma may be outside of a string in which the token begins, and what the token opens behind it.
        kinds: dict[tuple[bool, int | None], list[int]] = {}
        first: list[int] = []
        for token, text in enumerate(tables.vocabulary.tokens):
            if b"," in text and tables.is_text[token]:
                if _FIRST_ITEM.search(text):
                    first.append(token)
                kinds.setdefault((_QUOTED.search(text) is not None, _opened(text)), []).append(token)
        self._kinds = [
            (quoted, opened, pack_ids(tokens, tables.n_words)) for (quoted, opened), tokens in kinds.items()
        ]
        self._first = pack_ids(first, tables.n_words)

    def with_first_item(self, row: np.ndarray) -> list[int]:
        """The tokens of `row` that may hold a whole first item and more."""
        return bit_positions(row[: self._n_words] & self._first)

    def among(self, row: np.ndarray, *, is_string: bool, safe: int) -> list[int]:
        """The tokens of `row` that may go past the end of an item so far that its value matters."""
        found: list[int] = []
        for quoted, opened, words in self._kinds:
            if is_string and not quoted:
                continue
            if safe and opened is not None and opened & ~safe == 0:
                continue
            found += bit_positions(row[: self._n_words] & words)
        return found


_FIRST_ITEM = re.compile(rb"\[.*,", re.DOTALL)
_QUOTED = re.compile(rb'".*,', re.DOTALL)
_ONE_COMMA = re.compile(rb'[^,\]]*,[ \t\r\n]*(["{\[]?)')
_OPENED_TYPES = {b"": 0, b'"': STRING_TYPE, b"{": OBJECT, b"[": ARRAY}


def _opened(text: bytes) -> int | None:
    """The type that a token opens right behind its only comma, 0 for none; None if it does more than that."""
    found = _ONE_COMMA.fullmatch(text)
    return None if found is None else _OPENED_TYPES[found[1]]
