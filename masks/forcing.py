"""Forced text: what follows without a choice, and its tokens."""

from __future__ import annotations

import numpy as np

from ..grammar.pushdown import COUNTED, END, END_LO, FLAGS, NAMES, SPACE, STRING, NamePart
from .engine import Engine
from .spelling import Spelling
from .walker import Config, read_bytes

MAX_BYTES = 512
_LOOK_BACK = 4


class Forcing:
    """Immutable. Forced bytes and tokens of one engine's configurations."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.spelling = Spelling(engine.tables.vocabulary)

    def text(self, config: Config) -> bytes:
        """The longest text (at most MAX_BYTES) that every completion begins with, up to white space and escapes."""
        found = bytearray()
        while len(found) < MAX_BYTES and not self.engine.accepts(config):
            candidates = self._candidates(config)
            if len(candidates) != 1:
                break
            (byte,) = candidates
            after = read_bytes(self.engine.pushdown, config, np.array([byte], np.uint8))
            if after is None:
                break
            found.append(byte)
            config = after
        return bytes(found)

    def _candidates(self, config: Config) -> set[int]:
        """The bytes that may come next, spelled plainly; several where only an escape would do."""
        state, count, escape, node = config
        if escape:
            return set()
        pushdown = self.engine.pushdown
        pushdown.ensure(state)
        row = pushdown.table[state]
        if row[FLAGS] & STRING:
            found = set(np.flatnonzero(row[:256]).tolist())
            names = pushdown.origin(state)
            if row[FLAGS] & NAMES and isinstance(names, NamePart):
                found.update(names.going_on(state, count))
            if found & {0x22, 0x5C, *range(0x20)}:
                return set()
            if pushdown.in_string(state, count, END)[0] and not (
                row[FLAGS] & COUNTED and count < row[END_LO]
            ):
                found.add(0x22)
            return found
        found = set(np.flatnonzero((row[:256] != 0) & (row[:256] != SPACE)).tolist())
        if row[END]:
            ended = self.engine.perform(int(row[END]), node)
            if ended is not None:
                found |= self._candidates(ended)
        return found

    def tokens(self, config: Config, limit: int) -> list[int]:
        """The tokens of the forced text, as far as the text behind it cannot change them; at most `limit`."""
        text = self.text(config)
        # A cut inside a character leaves nothing to tokenize there.
        while text and not _is_text(text):
            text = text[:-1]
        tokens = self.spelling.tokens(text) if text else []
        tokens = tokens[: self._settled(config, tokens, text)][:limit]
        return tokens if self._allowed(config, tokens) else []

    def _settled(self, config: Config, tokens: list[int], text: bytes) -> int:
        """How many of the tokens stand: those in front of any token that could reach past the forced text."""
        vocabulary = self.engine.tables.vocabulary
        starts = np.cumsum([0] + [len(vocabulary.tokens[t]) for t in tokens])
        for i in range(max(0, len(tokens) - _LOOK_BACK), len(tokens)):
            if self.spelling.extends(text[starts[i] :]):
                return i
        return len(tokens)

    def _allowed(self, config: Config, tokens: list[int]) -> bool:
        here: Config | None = config
        for token in tokens:
            here = self.engine.step(here, token) if here is not None else None
        return here is not None


def _is_text(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True
