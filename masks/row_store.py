"""Rows of masks, equal ones kept once."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import TypeVar
from weakref import ReferenceType, ref

import numpy as np

from .kernels.bits import fingerprint, same_bits
from .rows import FewWords, Row

# Rows of 16 KB with a 128k vocabulary: 32 MB.
MAX_ROWS = 2048
# By fingerprint, and by recipe: many may be of one row, or of rows that nobody holds any more.
MAX_REFERENCES = 1 << 15

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


class RowStore:
    """Rows by their words; most places of a schema allow what others do, and many what places of others do.

    A row that is not new costs no memory, and a new one is most of what a mask costs when its pages are. Where it is
    known what a row follows from (`recipes.py`), an equal one need not even be made to be found. The last MAX_ROWS new
    rows are kept, others as long as someone holds them. Thread-safe.
    """

    def __init__(self) -> None:
        # By the number of words, and their fingerprint; few words by themselves.
        self._rows: dict[tuple[int, int], ReferenceType[np.ndarray]] = {}
        self._few: dict[tuple[int, bytes], ReferenceType[FewWords]] = {}
        self._by_recipe: dict[tuple[int, Hashable], ReferenceType[Row]] = {}
        self._last: deque[Row] = deque(maxlen=MAX_ROWS)
        self._fingerprints = Fingerprints()

    def clear(self) -> None:
        """Forget all rows; those that someone holds stay."""
        self._rows.clear()
        self._few.clear()
        self._by_recipe.clear()
        self._last.clear()

    def keep(self, words: np.ndarray) -> np.ndarray:
        """uint32[n], not to be changed, with the same words as `words`."""
        key = len(words), self._fingerprints.of(words)
        held = self._rows.get(key)
        found = None if held is None else held()
        if found is not None and same_bits(found, words):
            return found
        kept = words.copy()
        if len(self._rows) >= MAX_REFERENCES:
            self._rows = _living(self._rows)
        self._rows[key] = ref(kept)
        self._last.append(kept)
        return kept

    def keep_few(self, words: np.ndarray, n_words: int) -> FewWords:
        """The row of so many words in which only `words` have bits, see `FewWords`."""
        key = n_words, words.tobytes()
        held = self._few.get(key)
        found = None if held is None else held()
        if found is None:
            found = FewWords(words, n_words)
            if len(self._few) >= MAX_REFERENCES:
                self._few = _living(self._few)
            self._few[key] = ref(found)
            self._last.append(found)
        return found

    def made_by(self, recipe: Hashable, n_words: int) -> Row | None:
        """The row of so many words that follows from `recipe`, if it is known."""
        held = self._by_recipe.get((n_words, recipe))
        return None if held is None else held()

    def keep_recipe(self, recipe: Hashable, row: Row) -> None:
        """Let a row, one of those that are kept, be known by its recipe."""
        if len(self._by_recipe) >= MAX_REFERENCES:
            self._by_recipe = _living(self._by_recipe)
        self._by_recipe[len(row), recipe] = ref(row)


def _living(references: dict[Key, ReferenceType[Held]]) -> dict[Key, ReferenceType[Held]]:
    """Those of rows that someone still holds; none where most are."""
    living = {key: held for key, held in list(references.items()) if held() is not None}
    return living if len(living) < MAX_REFERENCES // 2 else {}
