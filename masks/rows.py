"""Rows of masks: words of bits or, where only few words have any, these alone."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

import numpy as np

from ..errors import DeadEnd
from .kernels.bits import any_bit, clear_bits, put_words

_numbers = count()


class Row:
    """The allowed tokens of a place, not to be changed.

    number : of no other row there was.  n_words : so many words of 32 tokens.  is_empty : whether no token is allowed.
    holds_names : whether some token holds a whole member name, None where nobody has asked.
    """

    __slots__ = ("__weakref__", "holds_names", "is_empty", "n_words", "number")

    def __init__(self, n_words: int, *, is_empty: bool) -> None:
        self.number = next(_numbers)
        self.n_words = n_words
        self.is_empty = is_empty
        self.holds_names: bool | None = None

    def put(self, out: np.ndarray) -> None:
        """Write the row to int32[n_words]."""
        raise NotImplementedError

    def put_beginning(self, out: np.ndarray) -> None:
        """Write the beginning of the row to uint32[n], C-contiguous."""
        raise NotImplementedError

    def dense(self) -> np.ndarray:
        """All words, uint32[n_words], not to be changed."""
        raise NotImplementedError

    def _less(self, tokens: Iterable[int]) -> Row:
        raise NotImplementedError

    def without(self, tokens: Iterable[int]) -> Row:
        """The row less some tokens; itself where there are none. Raises DeadEnd if nothing is left."""
        tokens = list(tokens)
        if not tokens:
            return self
        left = self._less(tokens)
        if left.is_empty:
            raise DeadEnd("every way on repeats an item or a member name of the text")
        return left


class AllWords(Row):
    """A row as all of its words, uint32[n_words]."""

    __slots__ = ("_signed", "words")

    def __init__(self, words: np.ndarray) -> None:
        super().__init__(len(words), is_empty=not any_bit(words))
        self.words = words
        self._signed = words.view(np.int32)

    def put(self, out: np.ndarray) -> None:
        out[...] = self._signed

    def put_beginning(self, out: np.ndarray) -> None:
        out[...] = self.words[: len(out)]

    def dense(self) -> np.ndarray:
        return self.words

    def _less(self, tokens: Iterable[int]) -> AllWords:
        left = self.words.copy()
        clear_bits(np.array(tokens, np.int64), left)
        return AllWords(left)


class FewWords(Row):
    """A row in which few words have bits; most rows are such, and all words of a 128k vocabulary would be 16 KB.

    words : uint32[2, n]: where these words are, ascending, and the words.
    """

    __slots__ = ("_index", "words")

    def __init__(self, words: np.ndarray, n_words: int) -> None:
        super().__init__(n_words, is_empty=not words[1].any())
        self.words = words
        self._index: dict[int, int] | None = None

    def put(self, out: np.ndarray) -> None:
        if out.flags.c_contiguous:
            put_words(self.words, out)
        else:
            out[...] = self.dense().view(np.int32)

    def put_beginning(self, out: np.ndarray) -> None:
        put_words(self.words, out.view(np.int32))

    def dense(self) -> np.ndarray:
        out = np.empty(self.n_words, np.int32)
        put_words(self.words, out)
        return out.view(np.uint32)

    def _less(self, tokens: Iterable[int]) -> FewWords:
        index = self._index
        if index is None:
            index = self._index = {place: i for i, place in enumerate(self.words[0].tolist())}
        left = None
        for token in tokens:
            i = index.get(token >> 5)
            if i is not None:
                left = self.words.copy() if left is None else left
                left[1, i] &= ~np.uint32(1 << (token & 31))
        return self if left is None else FewWords(left, self.n_words)
