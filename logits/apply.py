"""`apply_mask`: -inf wherever a mask forbids, in place."""

from __future__ import annotations

from typing import Any

import numpy as np

from .arguments import (
    Array,
    Indices,
    check_count,
    check_logits,
    check_masks,
    device_indices,
    host_indices,
    is_tensor,
)
from .host import Work, apply_on_host


def apply_mask(logits: Array, masks: Array, indices: Indices | None = None, *, threads: int = 1) -> None:
    """Write -inf to all logits that the masks forbid; the others stay as they are, bit by bit.

    logits : float32, float16, bfloat16 or float64 [B, V], a torch tensor on any device or a NumPy array, mutated.
    masks : int32[n, W] of the same library and device, contiguous; bit t % 32 of word t // 32 allows token t.
            Tokens from 32 * W on are forbidden, bits from V on are ignored.
    indices : the row of the logits that each mask is for, n numbers; None if there is a mask for each row. What
            two masks are for is left with what both allow. If they are on a device their values are not checked.
    threads : at most so many on the host, for 16 MiB of logits each. One is nearly as fast as the memory of a small
            machine, and does not wait for processors that torch's own threads keep busy.
    Raises GramaskError for what does not fit.
    """
    check_logits(logits)
    check_masks(masks, logits)
    n_rows, n_masks = logits.shape[0], masks.shape[0]
    if indices is None:
        check_count(n_masks, n_rows)
    tensor = is_tensor(logits)
    if tensor and not logits.is_cpu:  # type: ignore[union-attr]
        return _apply_on_device(logits, masks, indices)
    if is_tensor(indices):
        indices = indices.cpu().numpy()  # type: ignore[union-attr]
    numbers = np.arange(n_masks)
    targets = numbers if indices is None else host_indices(indices, n_masks, n_rows)
    words: Any = masks.numpy() if tensor else masks  # type: ignore[union-attr]
    apply_on_host(logits, Work(words, numbers, targets), threads)


def _apply_on_device(logits: Any, masks: Any, indices: Any) -> None:
    import torch

    from .device import DeviceWork, apply_on_device

    if indices is None:
        return apply_on_device(logits, DeviceWork(masks, None, None))
    if is_tensor(indices) and not indices.is_cpu:
        targets = device_indices(indices, masks.shape[0], logits)
        return apply_on_device(logits, DeviceWork(masks, None, targets, distinct=False))
    checked = host_indices(indices, masks.shape[0], logits.shape[0])
    targets = torch.from_numpy(checked).to(logits.device, non_blocking=True)
    apply_on_device(
        logits, DeviceWork(masks, None, targets, distinct=np.unique(checked).size == checked.size)
    )
