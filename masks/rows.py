"""Rows of masks: words of bits or, where only few words have any, these alone."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..errors import DeadEnd
from .kernels.bits import any_bit, put_words


class FewWords:
    """A row in which few words have bits; most rows are such, and all words of a 128k vocabulary would be 16 KB.

    words : uint32[2, n], not to be changed: where these words are, ascending, and the words.  n_words : of the row.
    holds_names : whether some token holds a whole member name, None where nobody has asked.
    """

    __slots__ = ("__weakref__", "_index", "holds_names", "n_words", "words")

    def __init__(self, words: np.ndarray, n_words: int) -> None:
        self.words = words
        self.n_words = n_words
        self.holds_names: bool | None = None
        self._index: dict[int, int] | None = None

    def __len__(self) -> int:
        return self.n_words

    def put(self, out: np.ndarray) -> None:
        """Write the row, or the beginning of it, to int32[n], C-contiguous."""
        put_words(self.words, out)

    def dense(self) -> np.ndarray:
        """All words, uint32[n_words]."""
        out = np.empty(self.n_words, np.int32)
        put_words(self.words, out)
        return out.view(np.uint32)

    def without(self, tokens: Iterable[int]) -> FewWords:
        """The row less some tokens, itself if it has none that are near them."""
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


Row = np.ndarray | FewWords
"""uint32[n_words], or the same in few words; neither is to be changed."""


def dense(row: Row) -> np.ndarray:
    """uint32[n_words], not to be changed."""
    return row.dense() if isinstance(row, FewWords) else row


def is_empty(row: Row) -> bool:
    """Whether no token is allowed."""
    return not any_bit(row.words[1] if isinstance(row, FewWords) else row)


def put_row(row: Row, out: np.ndarray) -> None:
    """Write a row, int32[n_words] if it is an array, to int32[n_words]."""
    if not isinstance(row, FewWords):
        out[...] = row
    elif out.flags.c_contiguous:
        row.put(out)
    else:
        out[...] = row.dense().view(np.int32)


def put_beginning(row: Row, out: np.ndarray) -> None:
    """Write the beginning of a row to uint32[n], C-contiguous."""
    if isinstance(row, FewWords):
        row.put(out.view(np.int32))
    else:
        out[...] = row[: len(out)]


def without(row: Row, tokens: Iterable[int]) -> Row:
    """A row less some tokens; `row` itself where there are none. Raises DeadEnd if nothing is left."""
    tokens = list(tokens)
    if not tokens:
        return row
    left: Row
    if isinstance(row, FewWords):
        left = row.without(tokens)
    else:
        left = row.copy()
        for token in tokens:
            left[token >> 5] &= ~np.uint32(1 << (token & 31))
    if is_empty(left):
        raise DeadEnd("every way on repeats an item or a member name of the text")
    return left
