"""A table of masks that stays where the logits are: each step sends numbers of rows, and no masks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import GramaskError
from ..masks.kernels.apply import patch_rows
from .arguments import Array, Indices, check_count, check_logits, host_indices, is_tensor
from .host import Work, apply_on_host
from .patches import checked_patches
from .slots import Slots

if TYPE_CHECKING:
    import torch

    from .device_rows import DeviceRows

# In place of an id: the logits stay as they are.
UNCONSTRAINED = -1


class RowTable:
    """Mutable: distinct masks on one device, of which the least recently used one is replaced when it is full.

    Most masks of a step are those of an earlier one or of another sequence: `put` finds them by their content, and only
    new ones travel. A step is what happens up to an `apply`: what was put or kept in it is not replaced before it ends.
    An id whose mask was replaced is an error, never another mask. Not for several threads or CUDA streams at once.
    """

    def __init__(
        self, n_logits: int, *, capacity: int = 1024, device: str | torch.device | int = "cpu"
    ) -> None:
        """
        n_logits : bits of a mask; rows have ceil(n_logits / 32) words.
        capacity : masks at most; the table begins small and grows. At least the number of sequences of a step.
        device : where the logits are. On "cpu" they may be NumPy's, and torch is not needed.
        """
        if n_logits < 1 or capacity < 1:
            raise GramaskError(f"a table of {capacity} masks of {n_logits} bits holds nothing")
        self.n_logits = n_logits
        self.n_words = (n_logits + 31) // 32
        self._slots = Slots(self.n_words, capacity)
        self._device_rows: DeviceRows | None = None
        if str(device) != "cpu":
            from .device_rows import DeviceRows

            self._device_rows = DeviceRows(self._slots, device)

    def __len__(self) -> int:
        """Masks in the table."""
        return len(self._slots)

    @property
    def capacity(self) -> int:
        return self._slots.capacity

    def put(self, row: NDArray[np.int32]) -> int:
        """The id of a mask, which is added unless it is there. It stays at least until this step ends.

        row : int32[ceil(n_logits / 32)], copied.  Cost: a few µs, for a look at all words.
        Raises GramaskError if this step uses `capacity` other masks already.
        """
        fits = isinstance(row, np.ndarray) and row.dtype == np.int32 and row.shape == (self.n_words,)
        if not fits or not row.flags.c_contiguous:
            raise GramaskError(
                f"a row of this table is a contiguous int32[{self.n_words}] of NumPy, this is "
                f"{getattr(row, 'dtype', type(row).__name__)} of shape {getattr(row, 'shape', None)}",
                hint="n_logits of the table and of the constraint must be the same",
            )
        number, written = self._slots.find_or_add(row)
        if written is not None and self._device_rows is not None:
            self._device_rows.outdated.add(written)
        return number

    def keep(self, ids: ArrayLike) -> None:
        """Say that this step uses rows that were put in an earlier one: they are not replaced before it ends.

        ids : int[n].  Raises GramaskError if one of them is replaced already.
        """
        self._slots.use(self._slots.of_ids(np.asarray(ids, dtype=np.int64).reshape(-1)))

    def apply(
        self,
        logits: Array,
        ids: ArrayLike,
        indices: Indices | None = None,
        *,
        patches: ArrayLike | None = None,
        threads: int = 1,
    ) -> None:
        """Write -inf to all logits that the rows forbid, and end the step.

        logits : as in `apply_mask`, on the table's device, mutated.
        ids : int[n], on the host; -1 leaves the logits as they are.
        indices : int[n], on the host; the row of the logits for each id; None if there is an id for each row.
        patches : int[P, 3] of (i, token, 1 or 0): for ids[i], this token is allowed or forbidden whatever its row says.
                  Of several for one token the last one counts.
        threads : see `apply_mask`.
        Raises GramaskError for what does not fit; then nothing was written.
        """
        check_logits(logits)
        self._check_device(logits)
        numbers = self._numbers(ids)
        targets = self._targets(indices, numbers.size, logits.shape[0])
        checked = checked_patches(patches, numbers.size, 32 * self.n_words)
        constrained = numbers != UNCONSTRAINED
        if not constrained.all():
            checked = _renumbered(checked, constrained)
            numbers, targets = numbers[constrained], targets[constrained]
        slots = self._slots.of_ids(numbers)
        if self._device_rows is not None:
            self._device_rows.apply(logits, slots, targets, checked)  # type: ignore[arg-type]
        else:
            self._apply_on_host(logits, slots, targets, checked, threads)
        self._slots.use(slots)
        self._slots.step += 1

    def _apply_on_host(
        self,
        logits: Array,
        slots: NDArray[np.int64],
        targets: NDArray[np.int64],
        patches: NDArray[np.int32] | None,
        threads: int,
    ) -> None:
        if patches is not None:
            # Rows are shared, so what is patched is a copy.
            patched, where = np.unique(patches[:, 0], return_inverse=True)
            rows = self._slots.rows[slots[patched]]
            patch_rows(rows.view(np.uint32), np.column_stack([where.astype(np.int32), patches[:, 1:]]))
            apply_on_host(logits, Work(rows, np.arange(patched.size), targets[patched]), threads)
            slots, targets = np.delete(slots, patched), np.delete(targets, patched)
        apply_on_host(logits, Work(self._slots.rows, slots, targets), threads)

    def _check_device(self, logits: Any) -> None:
        here = "cpu" if self._device_rows is None else str(self._device_rows.device)
        there = str(logits.device) if is_tensor(logits) else "cpu"
        if here != there:
            raise GramaskError(
                f"the table is on {here}, the logits are on {there}",
                hint=f"make a RowTable(device={there!r})",
            )

    def _numbers(self, ids: ArrayLike) -> NDArray[np.int64]:
        given = np.asarray(ids)
        if given.ndim != 1 or not (given.size == 0 or np.issubdtype(given.dtype, np.integer)):
            raise GramaskError(
                f"ids of shape {given.shape} and dtype {given.dtype} are not a vector of integers"
            )
        return given.astype(np.int64)

    def _targets(self, indices: Indices | None, n_ids: int, n_rows: int) -> NDArray[np.int64]:
        if indices is None:
            check_count(n_ids, n_rows)
            return np.arange(n_ids)
        given: Any = indices.cpu().numpy() if is_tensor(indices) else indices  # type: ignore[union-attr]
        return host_indices(given, n_ids, n_rows)


def _renumbered(
    patches: NDArray[np.int32] | None, constrained: NDArray[np.bool_]
) -> NDArray[np.int32] | None:
    """Patches when the other sequences are left out, of which there must be none."""
    if patches is None:
        return None
    if not constrained[patches[:, 0]].all():
        raise GramaskError(
            "a patch is for a sequence whose id is -1", hint="put a row that allows everything"
        )
    return np.column_stack([np.cumsum(constrained, dtype=np.int32)[patches[:, 0]] - 1, patches[:, 1:]])
