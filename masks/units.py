"""Items that must differ: the values of items and members that end, told to the automaton as they do.

The automaton knows which values were seen, but not the value of an item that ends in the middle of a token. So in a
schema with `uniqueItems` a token is read up to each end of such an item, the state behind it is replaced by the one
that knows the value, and reading goes on. Masks come from the automaton without that, which allows whatever some value
allows; the few tokens that go past the end of an item are then tried one by one, unless it cannot matter, and so are
those that might end one of the values that the automaton does not leave out (`repeats.py`).
"""

from __future__ import annotations

import numpy as np

from ..grammar.dfa import ByteDfa
from ..grammar.lexemes import Lexeme
from ..grammar.pushdown import END, FLAGS, GOTO, STRING, Awaited
from ..grammar.schema.barred_numbers import goes_on
from ..grammar.schema.shapes import ROOMY_STRINGS
from .engine import Engine
from .item_tokens import ItemTokens, is_harmless
from .open_text import OpenText
from .repeats import Repeats
from .rows import Row
from .walker import Config, path_nodes, read_bytes

_BYTES = [np.array([byte], np.uint8) for byte in range(256)]
_NUMBER = frozenset(b"-+.0123456789eE")

Open = tuple[tuple[int, OpenText], ...]
"""The items that are open, outermost first: the stack node on which each lies, and its text so far."""
NO_ITEMS: Open = ()


class ItemReader:
    """Reads tokens one byte at a time, for automata in which values of items matter. Immutable."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.pushdown = engine.pushdown
        self.units = engine.pushdown.units
        self._repeats = Repeats(engine)

    @property
    def _tokens(self) -> ItemTokens:
        return self.engine.tables.shared("items", ItemTokens)

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
        items = tuple((place, text.with_(byte)) for place, text in items)
        if after[3] != node:
            items = self._entered(node, after[3], items, byte)
        if byte in _NUMBER and not self._number_goes_on(after, items):
            return None
        return self._left(after, items)

    def _entered(self, before: int, after: int, items: Open, byte: int) -> Open:
        """`items` with those that begin here: behind a comma or a colon, or at their own first byte."""
        parent, frame = self.pushdown.nodes[after]
        if frame in self.units.frames and parent == before and all(place != parent for place, _ in items):
            return (*items, (parent, OpenText(b"" if byte in b",:" else bytes([byte]))))
        return items

    def _number_goes_on(self, config: Config, items: Open) -> bool:
        """Whether an item that is a number may end as one that is allowed; True where it is no number."""
        state, _, _, node = config
        parent, frame = self.pushdown.nodes[node]
        awaited = self.units.frames.get(frame)
        if awaited is None or not awaited.numbers or not items or items[-1][0] != parent:
            return True
        number = self.engine.number_at(state)
        if number is None:
            return True
        text = bytes(items[-1][1]).lstrip()
        if text[0] not in _NUMBER:
            return True  # a word
        with self.pushdown.lock:
            return self.number_goes_on(frame, number[0].dfa, text)

    def number_goes_on(self, frame: int, dfa: ByteDfa, text: bytes) -> bool:
        """The same for a number of `dfa` above a frame."""

        def accepts(number: bytes, label: int) -> bool:
            return self._accepts(frame, number, label)

        return goes_on(dfa, text, self.units.frames[frame].numbers, accepts)

    def may_end(self, frame: int, lexeme: Lexeme, begun: bytes, rest: bytes, label: int) -> bool:
        """Whether a scalar above a frame, of which the text `begun` was read, may end as `begun + rest`."""
        text = begun + rest
        if not self._accepts(frame, text, label):
            return False
        if lexeme.is_string or not self.units.frames[frame].numbers:
            return True
        ends = range(len(begun) + 1, len(text) + 1)
        return all(self.number_goes_on(frame, lexeme.dfa, text[:n]) for n in ends)

    def _accepts(self, frame: int, text: bytes, label: int) -> bool:
        """Whether a scalar with this text and label may be above a frame."""
        operation = self.pushdown.resumed(frame, label)
        learner = self.units.after.get(operation >> 2) if operation & 3 == GOTO else None
        return operation != 0 and (learner is None or learner.accepts(text))

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
                state = learner.learned(bytes(text))
            if not state:
                return None
            config = (state, *config[1:])
        return config, items

    def filter(self, config: Config, items: Open, whole: Row) -> Row:
        """`whole`, the mask of the automaton alone, without the tokens that some value forbids."""
        row = whole.dense()
        with self.pushdown.lock:
            awaited = self._awaited(config, items)
            harmless = awaited[0][1].harmless_types() if len(awaited) == 1 else None
            repeating = self._repeats.tokens(config, self._text_here(config, items), row)
        nodes = {node for node, _ in awaited}
        barred = [
            token
            for token in self._doubtful(config, items, nodes, harmless, row)
            if self._is_barred(config, items, nodes, harmless, token)
        ]
        barred += [token for token in repeating if self.step(config, items, token) is None]
        return whole.without(barred)

    def _text_here(self, config: Config, items: Open) -> OpenText | None:
        """The text so far of the item, if one is open, on the stack level of `config`."""
        if items and self.pushdown.nodes[config[3]][0] == items[-1][0]:
            return items[-1][1]
        return None

    def _awaited(self, config: Config, items: Open) -> list[tuple[int, Awaited]]:
        """The open items whose value may matter, outermost first: each with the stack node above it."""
        found = []
        chain = self._chain(config[3])
        for place, text in items:
            node = next(node for node, parent, _ in chain if parent == place)
            awaited = self.units.frames[self.pushdown.nodes[node][1]]
            if awaited.may_matter(text.beginning):
                found.append((node, awaited))
        return found

    def _chain(self, node: int) -> list[tuple[int, int, int]]:
        """`(node, parent, frame)` from a stack node down to the bottom."""
        found = []
        while node:
            parent, frame = self.pushdown.nodes[node]
            found.append((node, parent, frame))
            node = parent
        return found

    def _doubtful(
        self, config: Config, items: Open, awaited: set[int], harmless: int | None, row: np.ndarray
    ) -> list[int]:
        """The tokens of `row` in which an item may end so far that its value matters.

        awaited  : the stack nodes above the open items whose value may matter.
        harmless : where there is one such item, the types of which the next one has many values anyway.
        """
        tokens = self._tokens
        if not self.pushdown.table[config[0], FLAGS] & STRING:
            inner = tokens.among(row, "inner") if self.units.bars else []
            return tokens.among(row, "outside") + inner
        if awaited and max(awaited) == config[3]:
            found = tokens.behind_string(row, harmless)
            if (harmless or 0) & ROOMY_STRINGS:
                found += self._repeats.with_strings(config, self._text_here(config, items), row)
            return found
        inner = tokens.among(row, "behind inner") if self.units.bars else []
        return tokens.among(row, "in string" if awaited else "with array") + inner

    def _is_barred(
        self, config: Config, items: Open, awaited: set[int], harmless: int | None, token: int
    ) -> bool:
        """Whether the automaton allows a token that is not allowed."""
        text = self.engine.tables.text_of(token)
        if read_bytes(self.pushdown, config, text) is None:
            return True
        nodes = path_nodes(self.pushdown, len(text))
        ended = self._first_end(config[3], nodes, awaited)
        if ended is None:
            # It may have begun a number that cannot be one.
            return self.units.bars and text[-1] in _NUMBER and self.step(config, items, token) is None
        end, node = ended
        if harmless is not None and node in awaited and is_harmless(text[end:].tobytes(), harmless):
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
