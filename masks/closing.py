"""The shortest way to complete a text."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import cached_property

import numpy as np

from ..errors import CompileBudgetExceeded, DeadEnd
from ..grammar.pushdown import Ending, Endings
from .closing_search import Search
from .engine import Engine
from .spelling import Spelling
from .units import NO_ITEMS, Open
from .walker import Config, read_bytes
from .ways import Path, Ways, text_of


class Closing:
    """Immutable for its users; answers are computed when first asked for and kept.

    learns : whether items that must differ do. Where not, some completions are none, but none are shorter.
    """

    def __init__(self, engine: Engine, *, learns: bool = True) -> None:
        self.engine = engine
        self.spelling = Spelling(engine.tables.vocabulary)
        self._ways = Ways(engine, learns=learns)

    @cached_property
    def _lower_bounds(self) -> Closing:
        return Closing(self.engine, learns=False)

    def least_tokens(self, config: Config) -> int:
        """A lower bound on the tokens that complete the text from `config`."""
        length = 0 if self._ways.learns else len(self.text(config))
        if self._ways.learns:  # which a first search may find out
            length = len(self._lower_bounds.text(config))
        return max(1, -(-length // self.spelling.longest))

    def tokens(self, config: Config, items: Open = NO_ITEMS, limit: int | None = None) -> list[int]:
        """Tokens that spell a shortest completion from `config`, or its first `limit` bytes. DeadEnd if none do."""
        text = self.text(config, items)[:limit]
        tokens = self.spelling.tokens(text)
        if text and not tokens:
            raise DeadEnd(f"no tokens spell {text[:40]!r}", hint="the vocabulary lacks a token for some byte")
        return tokens

    def text(self, config: Config, items: Open = NO_ITEMS) -> bytes:
        """A shortest text (bytes) that completes the text; b"" where it is complete.

        Where a shortest one is too hard to find, a short one: of an object with many needs, the nearest is met first.
        items : the open items whose values matter; with such items there may be a shorter completion.
        Raises CompileBudgetExceeded where it is longer than MAX_BYTES or too hard to find.
        """
        if self.engine.accepts(config):
            return b""
        with self.engine.pushdown.lock:
            endings = self.engine.pushdown.endings
            return (
                self._to_known_level(config, items)
                if endings is None
                else self._ended(endings, config, items)
            )

    def _ended(self, endings: Endings, config: Config, items: Open) -> bytes:
        """What ends each level of the stack, where that is known of each for itself."""
        nodes, node = self.engine.pushdown.nodes, config[3]
        known = endings.from_state(config[0])
        parts: list[bytes] = []
        if known is None:
            parts.append(self._to_known_level(config, items))
            while node and endings.from_frame(nodes[node][1]) is None:
                node = nodes[node][0]
        else:
            parts += self._spelled(known)
        while node:
            node, frame = nodes[node]
            parts += self._spelled(endings.from_frame(frame) or ())
        return b"".join(parts)

    def _spelled(self, ending: Ending) -> Iterator[bytes]:
        root = self.engine.pushdown.root_node
        for part in ending:
            yield part if isinstance(part, bytes) else self._search(part, 0, root, {})

    def _to_known_level(self, config: Config, items: Open) -> bytes:
        """The text up to the level for which an ending is known, or to the end."""
        head, (state, count, _, node) = self._finish_escape(config)
        return head + self._search(state, count, node, {place: bytes(text) + head for place, text in items})

    def _search(self, state: int, count: int, node: int, begun: dict[int, bytes]) -> bytes:
        if self._ways.learns:
            # What completes a text depends on the items that were begun before.
            return text_of(self._found(state, count, node, begun))
        # What was counted matters in a string only, and in a member name.
        is_counted = self.engine.string_at(state) or self._ways.is_in_names(state)
        known = None if is_counted else self._ways.rest(state, node)
        text, offset = known or self._ways.remember(self._found(state, count, node, begun))
        return text[offset:]

    def _found(self, state: int, count: int, node: int, begun: dict[int, bytes]) -> Path:
        try:
            return Search(self._ways, state, count, node, begun).run()
        except CompileBudgetExceeded:
            pass
        try:
            return Search(self._ways, state, count, node, begun, hurries=True, commits=True).run()
        except CompileBudgetExceeded:
            return Search(self._ways, state, count, node, begun, hurries=True).run()

    def _finish_escape(self, config: Config) -> tuple[bytes, Config]:
        """The fewest bytes that end the escape in which `config` is: breadth first, at most ten of them."""
        todo = deque([(b"", config)])
        while todo:
            text, here = todo.popleft()
            if here[2] == 0:
                return text, here
            for byte in b'n"\\/bfrtu0123456789abcdef':
                after = read_bytes(self.engine.pushdown, here, np.array([byte], np.uint8))
                if after is not None:
                    todo.append((text + bytes([byte]), after))
        raise DeadEnd("an escape cannot be finished")
