"""The tokens with which an item, or a member, could become a value that it must not have.

Strings and numbers of which there are always more are not left out of the automaton (`schema.narrowing`). So of the
tokens that it allows, those are looked for here that end one of these values, or begin a number that can only become
one. Nearly always there are none, which is seen by the beginnings of the values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from ..grammar.dfa import ByteDfa
from ..grammar.finite import MANY, n_texts
from ..grammar.pushdown import FLAGS, GOTO, PUSH, STRING, Awaited, TextSet
from ..grammar.schema.barred_numbers import enough_texts, is_barred, may_be_near, plainly, state_after
from .engine import Engine
from .item_tokens import ItemTokens, NumberTokens
from .open_text import OpenText
from .quote_tokens import QuoteTokens, content_of
from .tables import bit_positions
from .walker import Config

_SPACE = b" \t\r\n"
_NUMBER = b"-+.0123456789eE"


class Repeats:
    """Immutable for its users. All of it is called with the lock of the automaton held."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.pushdown = engine.pushdown
        # By a DFA, its state, that in plain notation, and whether it is behind the beginning: see `_doubtful`.
        self._known: dict[tuple[ByteDfa, int, int, bool], list[tuple[bytes, list[int]]]] = {}

    @property
    def _quotes(self) -> QuoteTokens:
        return self.engine.tables.shared("quotes", QuoteTokens)

    @property
    def _numbers(self) -> NumberTokens:
        return self.engine.tables.shared("numbers", NumberTokens)

    def tokens(self, config: Config, text: OpenText | None, row: np.ndarray) -> list[int]:
        """Some tokens of `row`, among them all that are not allowed for the value that is open or begins here.

        text : of the item on this stack level, if one is open.
        """
        awaited = self._awaited(config[3]) if text is not None else None
        is_string = self.pushdown.table[config[0], FLAGS] & STRING
        if awaited is not None and (awaited.strings or awaited.numbers):
            begun = bytes(text or b"").lstrip(_SPACE)
            if is_string and begun[:1] == b'"':
                return self._in_row(row, self._in_string(begun[1:], config[2], awaited.strings))
            if not begun and not is_string:
                return self._in_row(row, self._before(config[0], awaited))
            if begun and begun[0] in _NUMBER:
                return self._in_row(row, self._in_number(config[0], begun, awaited.numbers, row))
        return [] if is_string else self._in_row(row, self._beginning(config[0]))

    def with_strings(self, config: Config, text: OpenText | None, row: np.ndarray) -> list[int]:
        """The tokens of `row` that end a string and hold whole ones behind it, some of them equal, or barred."""
        inside = self.engine.tables.shared("items", ItemTokens).strings
        found = self._in_row(row, inside)
        awaited = self._awaited(config[3]) if found else None
        if awaited is None or config[2]:
            return found
        raw = bytes(text or b"").lstrip(_SPACE)[1:]
        begun = content_of(raw) if b"\\" in raw else raw

        def is_clear(first: bytes, *others: bytes) -> bool:
            is_seen = any(content in texts for content in others for texts in awaited.strings)
            return not is_seen and len({begun + first, *others}) > len(others)

        return [token for token in found if not inside[token] or not is_clear(*inside[token])]

    def _awaited(self, node: int) -> Awaited | None:
        return self.pushdown.units.frames.get(self.pushdown.nodes[node][1])

    @staticmethod
    def _in_row(row: np.ndarray, tokens: Iterable[int]) -> list[int]:
        return [token for token in dict.fromkeys(tokens) if row[token >> 5] >> (token & 31) & 1]

    def _in_string(self, raw: bytes, escape: int, barred: tuple[TextSet, ...]) -> Iterator[int]:
        """The tokens that end a string, behind the raw text `raw` of it, as one of `barred`."""
        content = content_of(raw) if b"\\" in raw else raw
        near = {text for texts in barred for text in texts.beginning_with(content)}
        if near and escape:
            yield from self.engine.tables.with_quote.tolist()
            return
        for text in near:
            yield from self._quotes.ending(text[len(content) :])

    def _beginning(self, state: int) -> Iterator[int]:
        """The tokens that begin with a whole value in a state that pushes frames as one begins."""
        if not self.pushdown.units.bars:
            return
        self.pushdown.ensure(state)
        operations = self.pushdown.table[state, list(b'"-0')].tolist()
        for operation in dict.fromkeys(o for o in operations if o & 3 == PUSH):
            target, n, *frames = self.pushdown.code[operation >> 2 : (operation >> 2) + 3].tolist()
            awaited = self.pushdown.units.frames.get(frames[0]) if n == 1 else None
            if awaited is not None:
                yield from self._before(target, awaited)

    def _before(self, state: int, awaited: Awaited) -> Iterator[int]:
        """The tokens that begin with a whole string, or with a number, in front of a value."""
        for texts in awaited.strings:
            yield from self._quotes.whole_of(texts)
        dfa = self._number_before(state) if awaited.numbers else None
        if dfa is not None:
            yield from self._parts(dfa, b"", awaited.numbers)

    def _number_before(self, state: int) -> ByteDfa | None:
        """The numbers that may begin in a state in front of a value, or that have begun there."""
        self.pushdown.ensure(state)
        operations = self.pushdown.table[state, list(b"-0123456789")].tolist()
        for here in [state, *(o >> 2 for o in operations if o & 3 == GOTO)]:
            lexeme = self.engine.number_at(here)
            if lexeme is not None:
                return lexeme[0].dfa
        return None

    def _in_number(
        self, state: int, text: bytes, barred: tuple[TextSet, ...], row: np.ndarray
    ) -> Iterator[int]:
        """The tokens that end a number, behind `text`, as one of `barred`, or leave none but these."""
        number = self.engine.number_at(state)
        if number is not None and may_be_near(text, barred):
            if is_barred(text, barred):
                yield from bit_positions(row[: len(self._numbers.others)] & self._numbers.others)
            yield from self._parts(number[0].dfa, text, barred)

    def _parts(self, dfa: ByteDfa, text: bytes, barred: tuple[TextSet, ...]) -> Iterator[int]:
        """The same for tokens that go on with the number."""
        parts = self._numbers.inside if text else self._numbers.before
        enough = enough_texts(barred)
        for part, counts in self._doubtful(dfa, state_after(dfa, text), text):
            # Behind fewer bytes no number is refused; behind more of them no more can be near.
            n = next((i for i, count in enumerate(counts, 1) if count <= enough), 0)
            tokens = parts[part]
            if n and may_be_near(text + part[:n], barred):
                yield from tokens.staying
                yield from tokens.ending
            elif tokens.ending and is_barred(text + part, barred):
                yield from tokens.ending

    def _doubtful(self, dfa: ByteDfa, state: int, text: bytes) -> list[tuple[bytes, list[int]]]:
        """The parts of numbers that tokens end behind `text`, or that lead to where there are not MANY more numbers.

        Each with how many texts there are behind its first bytes, in plain notation.
        """
        plain = plainly(dfa)
        plain_state = state_after(plain, text)
        key = (dfa, state, plain_state, len(text) > 0)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = []
            for part, tokens in (self._numbers.inside if text else self._numbers.before).items():
                counts = _counts(plain, plain_state, part)
                if state_after(dfa, part, state) and (counts[-1] < MANY or tokens.ending):
                    found.append((part, counts))
        return found


def _counts(plain: ByteDfa, state: int, part: bytes) -> list[int]:
    """How many texts there are behind each byte of `part`."""
    found = []
    for byte in part:
        state = int(plain.delta[state, byte])
        found.append(n_texts(plain)[state])
    return found
