"""Which row of a bounded table holds which mask: found by content, the least recently used one is replaced."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import GramaskError
from ..masks.kernels.bits import same_bits
from ..masks.row_store import Fingerprints

# Rows that a table begins with; it doubles until it is as large as it may be.
_FIRST_ROWS = 64
# Of a slot without a mask; no id that anybody was given.
_NO_ID = np.iinfo(np.int64).min


class Slots:
    """Mutable: masks by number.

    The id of a mask is its slot plus a multiple of the capacity that grows whenever the slot is given to another one:
    an id is never another mask's, and one that is out of date is known as such.

    rows : int32[slots so far, W].
    """

    def __init__(self, n_words: int, capacity: int) -> None:
        self.capacity = capacity
        self.step = 1
        self._n_filled = 0
        n = min(_FIRST_ROWS, capacity)
        self.rows: NDArray[np.int32] = np.zeros((n, n_words), dtype=np.int32)
        self._ids = np.full(n, _NO_ID, dtype=np.int64)
        # The step in which each was last used.
        self._used = np.zeros(n, dtype=np.int64)
        self._keys = [0] * n
        self._by_key: dict[int, list[int]] = {}
        self._fingerprints = Fingerprints()

    def __len__(self) -> int:
        return self._n_filled

    def find_or_add(self, row: NDArray[np.int32]) -> tuple[int, int | None]:
        """The id of a mask, and the slot that was written for it, or None if it was there. Used in this step."""
        key = self._fingerprints.of(row.view(np.uint32))
        for slot in self._by_key.get(key, ()):
            if same_bits(self.rows[slot], row):
                self._used[slot] = self.step
                return int(self._ids[slot]), None
        slot = self._free_slot()
        self.rows[slot] = row
        self._keys[slot] = key
        self._by_key.setdefault(key, []).append(slot)
        self._used[slot] = self.step
        return int(self._ids[slot]), slot

    def of_ids(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """The slots of ids. Raises GramaskError if one of them is no id, or that of a mask that was replaced."""
        slots = ids % self.capacity
        # Slots that the table does not have yet are clipped to one whose id is another.
        known = self._ids.take(slots, mode="clip") == ids
        if not known.all():
            raise GramaskError(
                f"the row with id {int(ids[~known][0])} is not in the table, or not any more",
                hint="put it again; what was put or kept since the last apply stays until the next one",
            )
        return slots

    def use(self, slots: NDArray[np.int64]) -> None:
        """Note that this step uses them: they stay until it ends."""
        self._used[slots] = self.step

    def _free_slot(self) -> int:
        if self._n_filled == len(self.rows) < self.capacity:
            self._grow()
        if self._n_filled < len(self.rows):
            slot = self._n_filled
            self._n_filled += 1
            self._ids[slot] = slot
            return slot
        slot = int(self._used.argmin())
        if self._used[slot] == self.step:
            raise GramaskError(
                f"one step uses more than {self.capacity} distinct masks, which is all that the table holds",
                hint="give it a greater capacity, at least the batch size",
            )
        same_key = self._by_key[self._keys[slot]]
        same_key.remove(slot)
        if not same_key:
            del self._by_key[self._keys[slot]]
        self._ids[slot] += self.capacity
        return slot

    def _grow(self) -> None:
        old = len(self.rows)
        new = min(2 * old, self.capacity)
        rows = np.zeros((new, self.rows.shape[1]), dtype=np.int32)
        rows[:old] = self.rows
        self.rows = rows
        self._ids = np.concatenate([self._ids, np.full(new - old, _NO_ID, dtype=np.int64)])
        self._used = np.concatenate([self._used, np.zeros(new - old, dtype=np.int64)])
        self._keys += [0] * (new - old)
