"""Phrases that a text has to hold, as an automaton over its bytes: tokens may begin and end anywhere in them.

Source: Aho and Corasick (1975), "Efficient string matching: an aid to bibliographic search", sections 2 to 4 and 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import GramaskError

Phrase = bytes | str
State = tuple[int, int]
"""The node, which is the longest beginning of a phrase that the text ends with; the phrases that it holds, as bits."""
NOTHING_READ: State = (0, 0)
MAX_KEPT = 256
"""Of what is found out about sets of phrases and about states; beyond this it is found out again."""


class _Missing(NamedTuple):
    """What is still to do where some phrases are held.

    held_bytes : those of the phrases held.  longest : the most bytes that a missing phrase needs.
    matched : int32[n_nodes], the bytes of the longest beginning of a missing phrase.
    meets   : bool[n_nodes], whether a missing phrase ends there.
    """

    held_bytes: int
    longest: int
    matched: NDArray[np.int32]
    meets: NDArray[np.bool_]


class Phrases:
    """All of some phrases, in any order; they may overlap. Of a tuple of phrases any one will do.

    n_bytes : of all phrases, of each tuple the longest.
    Raises GramaskError for phrases without a byte.
    """

    def __init__(self, phrases: Sequence[Phrase | Sequence[Phrase]]) -> None:
        if isinstance(phrases, str | bytes):
            raise GramaskError("`phrases` is one phrase", hint="give a list of phrases")
        groups = [_alternatives(phrase) for phrase in phrases]
        self._lengths = [[len(text) for text in group] for group in groups]
        self._all = (1 << len(groups)) - 1
        self.n_bytes = sum(map(max, self._lengths))
        self._build(groups)
        self._missing: dict[int, _Missing] = {}

    def advance(self, state: State, text: bytes) -> State:
        """The state behind more bytes."""
        node, held = state
        for byte in text:
            node = self.after.item(node, byte)
            held |= self._ends[node]
        return node, held

    def are_held(self, state: State) -> bool:
        """Whether the text holds all phrases."""
        return state[1] == self._all

    def progress(self, state: State) -> int:
        """The bytes of the phrases held, and of the longest beginning of a missing one; `n_bytes` if all are held."""
        missing = self.missing(state[1])
        return missing.held_bytes + missing.matched.item(state[0])

    def needed_bytes(self, state: State) -> int:
        """A lower bound on the bytes that are still needed, 0 if none are."""
        if self.are_held(state):
            return 0
        missing = self.missing(state[1])
        return max(1, missing.longest - missing.matched.item(state[0]))

    def missing(self, held: int) -> _Missing:
        """What is known of a set of phrases that are held."""
        found = self._missing.get(held)
        if found is None:
            if len(self._missing) >= MAX_KEPT:
                self._missing.clear()
            found = self._missing[held] = self._find_missing(held)
        return found

    def _find_missing(self, held: int) -> _Missing:
        matched = np.zeros(len(self.after), np.int32)
        # Nodes come in the order of their depth, so that those they fall back to are known.
        for node in range(1, len(self.after)):
            is_missing = self._through[node] & ~held
            matched[node] = self._depths[node] if is_missing else matched[self._fallbacks[node]]
        meets = np.array([bool(ends & ~held) for ends in self._ends], np.bool_)
        held_bytes = sum(max(lengths) for i, lengths in enumerate(self._lengths) if held >> i & 1)
        longest = max(
            (min(lengths) for i, lengths in enumerate(self._lengths) if not held >> i & 1), default=0
        )
        return _Missing(held_bytes, longest, matched, meets)

    def _build(self, groups: list[list[bytes]]) -> None:
        """The nodes by depth.

        after : int32[n_nodes, 256], the node behind one more byte.
        """
        beginnings = {text[:n] for group in groups for text in group for n in range(len(text) + 1)} | {b""}
        texts = sorted(beginnings, key=lambda text: (len(text), text))
        nodes = {text: node for node, text in enumerate(texts)}
        self._depths = [len(text) for text in texts]
        self._ends = [0] * len(texts)
        self._through = [0] * len(texts)
        for i, group in enumerate(groups):
            for text in group:
                self._ends[nodes[text]] |= 1 << i
                for n in range(1, len(text) + 1):
                    self._through[nodes[text[:n]]] |= 1 << i
        self._fallbacks = [0] * len(texts)
        self.after = np.zeros((len(texts), 256), np.int32)
        children: list[list[int]] = [[] for _ in texts]
        for text in texts[1:]:
            children[nodes[text[:-1]]].append(nodes[text])
        for node in range(len(texts)):
            # What a node falls back to is less deep, and so is complete.
            fallback = self._fallbacks[node]
            self._ends[node] |= self._ends[fallback]
            self.after[node] = self.after[fallback]
            for child in children[node]:
                byte = texts[child][-1]
                self._fallbacks[child] = self.after.item(node, byte)
                self.after[node, byte] = child


class PhraseTokens:
    """Which tokens get further into what is missing.

    tokens : their bytes.  The cost is that of reading all of them, once for each state; how many phrases there are does
    not matter.
    """

    def __init__(self, phrases: Phrases, tokens: Sequence[bytes]) -> None:
        lengths = np.array([len(text) for text in tokens], np.int64)
        self._phrases = phrases
        # The longest first, so that the tokens that have a byte at some place come first.
        self._ids = np.argsort(-lengths, kind="stable")
        lengths = lengths[self._ids]
        text = np.frombuffer(b"".join(tokens[token] for token in self._ids.tolist()), np.uint8)
        starts = np.cumsum(lengths) - lengths
        counts = [int((lengths > at).sum()) for at in range(int(lengths.max(initial=0)))]
        self._columns = [text[starts[:count] + at] for at, count in enumerate(counts)]
        self._known: dict[State, NDArray[np.int64]] = {}

    def advancing(self, state: State) -> NDArray[np.int64]:
        """int64[n], ascending: the tokens with which a missing phrase ends, or behind which more bytes are matched."""
        found = self._known.get(state)
        if found is None:
            if len(self._known) >= MAX_KEPT:
                self._known.clear()
            found = self._known[state] = self._find(state)
        return found

    def _find(self, state: State) -> NDArray[np.int64]:
        node, held = state
        missing = self._phrases.missing(held)
        nodes = np.full(len(self._ids), node, np.int32)
        meets = np.zeros(len(self._ids), np.bool_)
        for column in self._columns:
            n = len(column)
            nodes[:n] = self._phrases.after[nodes[:n], column]
            meets[:n] |= missing.meets[nodes[:n]]
        found: NDArray[np.int64] = np.sort(
            self._ids[meets | (missing.matched[nodes] > missing.matched[node])]
        )
        return found


def _alternatives(phrase: Phrase | Sequence[Phrase]) -> list[bytes]:
    alternatives = [phrase] if isinstance(phrase, str | bytes) else list(phrase)
    found = [text.encode() if isinstance(text, str) else bytes(text) for text in alternatives]
    if not found or not all(found):
        raise GramaskError("a phrase is empty", hint="every text holds it: leave it out")
    return found
