"""Rows of masks, equal ones kept once."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar
from weakref import ReferenceType, ref

import numpy as np

from .kernels.bits import fingerprint, same_bits
from .rows import AllWords, FewWords, Row

# Rows of 16 KB with a 128k vocabulary: 32 MB.
MAX_ROWS = 2048
# By words, and by recipe: of so many rows the keys are kept, as long as the rows are there.
MAX_REFERENCES = 1 << 15
# Keys of rows that are gone are looked for where there are twice as many as after the last time.
FIRST_LOOK = 1 << 12

Recipe = tuple[Hashable, ...]
"""What a row follows from, see `recipes.py`. Flat: there are many, and garbage is collected among what is nested."""
Key = TypeVar("Key")
Held = TypeVar("Held", bound=Row)


class Fingerprints:
    """Numbers that differ for most masks that differ, whatever their lengths."""

    def __init__(self) -> None:
        self._multipliers: np.ndarray = np.zeros((2, 0), np.uint32)

    def of(self, words: np.ndarray) -> int:
        """The number of a mask, uint32[n]."""
        if self._multipliers.shape[1] < len(words):
            drawn = np.random.default_rng(0).integers(2**32, size=(2, len(words)), dtype=np.uint32)
            self._multipliers = drawn | np.uint32(1)
        return fingerprint(words, self._multipliers)


class _Held(Generic[Key, Held]):
    """Rows by some key, as long as someone holds them."""

    def __init__(self) -> None:
        self._references: dict[Key, ReferenceType[Held]] = {}
        self._next_look = FIRST_LOOK

    def get(self, key: Key) -> Held | None:
        """The row with a key, None if there is none, or nobody holds it any more."""
        held = self._references.get(key)
        return None if held is None else held()

    def put(self, key: Key, row: Held) -> None:
        """Let a row have a key."""
        if len(self._references) >= self._next_look:
            living = {key: held for key, held in list(self._references.items()) if held() is not None}
            self._references = living if len(living) < MAX_REFERENCES // 2 else {}
            self._next_look = max(FIRST_LOOK, 2 * len(self._references))
        self._references[key] = ref(row)

    def clear(self) -> None:
        """Forget all of them."""
        self._references.clear()


class RowStore:
    """Rows by their words; most places of a schema allow what others do, and many what places of others do.

    A row that is not new costs no memory, and a new one is most of what a mask costs when its pages are. Where it is
    known what a row follows from (`recipes.py`), an equal one need not even be made to be found. The last MAX_ROWS new
    rows are kept, others as long as someone holds them. Thread-safe.
    """

    def __init__(self) -> None:
        # By the number of words, and their fingerprint; few words by themselves.
        self._rows: _Held[tuple[int, int], AllWords] = _Held()
        self._few: _Held[tuple[int, bytes], FewWords] = _Held()
        self._by_recipe: _Held[Recipe, Row] = _Held()
        self._last: deque[Row] = deque(maxlen=MAX_ROWS)
        self._fingerprints = Fingerprints()

    def clear(self) -> None:
        """Forget all rows; those that someone holds stay."""
        self._rows.clear()
        self._few.clear()
        self._by_recipe.clear()
        self._last.clear()

    def keep(self, words: np.ndarray) -> AllWords:
        """The row of these words, uint32[n], which are copied."""
        key = len(words), self._fingerprints.of(words)
        found = self._rows.get(key)
        if found is None or not same_bits(found.words, words):
            found = AllWords(words.copy())
            self._rows.put(key, found)
            self._last.append(found)
        return found

    def keep_few(self, words: np.ndarray, n_words: int) -> FewWords:
        """The row of so many words in which only `words` have bits, see `FewWords`."""
        key = n_words, words.tobytes()
        found = self._few.get(key)
        if found is None:
            found = FewWords(words, n_words)
            self._few.put(key, found)
            self._last.append(found)
        return found

    def made_by(self, recipe: Recipe) -> Row | None:
        """The row that follows from `recipe`, if it is known."""
        return self._by_recipe.get(recipe)

    def keep_recipe(self, recipe: Recipe, row: Row) -> None:
        """Let a row, one of those that are kept, be known by its recipe."""
        self._by_recipe.put(recipe, row)
