"""Masks on logits that are on a device: by Triton on CUDA, by torch's own operations elsewhere."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import NamedTuple

import torch

from .plain import apply_plainly


class DeviceWork(NamedTuple):
    """Which mask is for which row, on the device.

    rows : int32[K, W].  row_of, target_of : int[n], mask row_of[i] is for row target_of[i] of the logits; None is i.
    offsets : int32[n + 1]; patches : int32[P, 3] of (i, token, 1 or 0), sorted by i, no pair twice; those of i are
    offsets[i] to offsets[i + 1]. Or both None.
    distinct : whether no row of the logits is named twice, as far as is known.
    """

    rows: torch.Tensor
    row_of: torch.Tensor | None
    target_of: torch.Tensor | None
    offsets: torch.Tensor | None = None
    patches: torch.Tensor | None = None
    distinct: bool = True


@cache
def _has_triton() -> bool:
    return find_spec("triton") is not None


def apply_on_device(logits: torch.Tensor, work: DeviceWork) -> None:
    """Write -inf wherever a mask forbids. The device does it later, as all it is told; nothing waits for it."""
    if logits.is_cuda and _has_triton():
        from .triton_kernel import apply_by_triton

        with torch.cuda.device(logits.device):
            if logits.stride(1) == 1 or logits.shape[1] <= 1:
                return apply_by_triton(logits, *work)
            copy = logits.contiguous()
            apply_by_triton(copy, *work)
            logits.copy_(copy)
            return
    apply_plainly(logits, work.rows, work.row_of, work.target_of, work.patches)
