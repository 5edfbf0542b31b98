"""The rows of a table on a device."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from .device import DeviceWork, apply_on_device
from .patches import patch_offsets
from .slots import Slots


class DeviceRows:
    """Mutable: the rows of `slots` on a device, but for those that are outdated, which follow with the next step.

    What a device is told it does in order, so a row is never overwritten before the steps that read it.
    """

    def __init__(self, slots: Slots, device: str | torch.device | int) -> None:
        self._slots = slots
        self._rows = torch.zeros(slots.rows.shape, dtype=torch.int32, device=device)
        self.device = self._rows.device
        self.outdated: set[int] = set()

    def apply(
        self,
        logits: torch.Tensor,
        slots: NDArray[np.int64],
        targets: NDArray[np.int64],
        patches: NDArray[np.int32] | None,
    ) -> None:
        """Write -inf wherever a row forbids. slots, targets : int64[n].  patches : see `checked_patches`."""
        self._update()
        n = slots.size
        parts = [slots.astype(np.int32), targets.astype(np.int32)]
        if patches is not None:
            parts += [patch_offsets(patches, n), patches.reshape(-1)]
        # All in one transfer.
        step = self._send(np.concatenate(parts))
        distinct = np.unique(targets).size == n
        work = DeviceWork(self._rows, step[:n], step[n : 2 * n], distinct=distinct)
        if patches is not None:
            rest = step[2 * n :]
            work = work._replace(offsets=rest[: n + 1], patches=rest[n + 1 :].view(-1, 3))
        apply_on_device(logits, work)

    def _update(self) -> None:
        if len(self._rows) < len(self._slots.rows):
            grown = torch.zeros(self._slots.rows.shape, dtype=torch.int32, device=self.device)
            grown[: len(self._rows)] = self._rows
            self._rows = grown
        if self.outdated:
            slots = sorted(self.outdated)
            self._rows[self._send(np.array(slots))] = self._send(self._slots.rows[slots])
            self.outdated.clear()

    def _send(self, numbers: NDArray) -> torch.Tensor:
        tensor = torch.from_numpy(numbers)
        if self.device.type == "cuda":
            # Only from pinned memory nobody waits; torch reuses it when the transfer is done.
            tensor = tensor.pin_memory()
        return tensor.to(self.device, non_blocking=True)
