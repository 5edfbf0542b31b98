"""Masks on logits by a Triton kernel, in place. Imports triton: `device.py` loads it when it is needed."""

from __future__ import annotations

import torch
import triton
import triton.language as tl

# Tokens for each program: 32 stores of 16 bytes for each of 128 threads at two bytes a logit.
_BLOCK = 4096


@triton.jit
def _apply_kernel(
    logits,
    rows,
    row_of,
    target_of,
    offsets,
    patches,
    stride,
    n_rows,
    n_logits,
    n_words,
    BLOCK: tl.constexpr,
):
    i = tl.program_id(0)
    block = tl.program_id(1)
    row = i if row_of is None else tl.load(row_of + i)
    target = i if target_of is None else tl.load(target_of + i)
    at = block * (BLOCK // 32) + tl.arange(0, BLOCK // 32)
    words = tl.load(rows + row.to(tl.int64) * n_words + at, mask=at < n_words, other=0)
    if offsets is not None:
        for p in range(tl.load(offsets + i), tl.load(offsets + i + 1)):
            token = tl.load(patches + 3 * p + 1)
            bit = tl.where(at == token // 32, 1 << (token % 32), 0)
            words = tl.where(tl.load(patches + 3 * p + 2) != 0, words | bit, words & ~bit)
    forbidden = tl.reshape((words[:, None] >> tl.arange(0, 32)[None, :]) & 1, [BLOCK]) == 0
    token_ids = block * BLOCK + tl.arange(0, BLOCK)
    # Indices that were on the device are not checked anywhere else.
    end = tl.where((target >= 0) & (target < n_rows), n_logits, 0)
    place = logits + target.to(tl.int64) * stride + token_ids
    tl.store(place, float("-inf"), mask=forbidden & (token_ids < end))


def apply_by_triton(
    logits: torch.Tensor,
    rows: torch.Tensor,
    row_of: torch.Tensor | None,
    target_of: torch.Tensor | None,
    offsets: torch.Tensor | None,
    patches: torch.Tensor | None,
) -> None:
    """Write -inf wherever a mask forbids; what is allowed is not even read.

    logits : float[B, V], of a step of 1 between the logits of a row.  rows : int32[K, W], contiguous.
    row_of, target_of : int[n], see `Work`; None is row i for row i.
    offsets, patches : see `DeviceWork`.
    """
    n = rows.shape[0] if row_of is None else row_of.shape[0]
    n_logits = logits.shape[1]
    if not n or not n_logits:
        return
    _apply_kernel[(n, triton.cdiv(n_logits, _BLOCK))](
        logits,
        rows,
        row_of,
        target_of,
        offsets,
        patches,
        logits.stride(0),
        logits.shape[0],
        n_logits,
        rows.shape[1],
        BLOCK=_BLOCK,
    )
