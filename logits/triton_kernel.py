"""Masks on logits by a Triton kernel, in place. Imports triton: `device.py` loads it when it is needed."""

from __future__ import annotations

import torch
import triton
import triton.language as tl

# Tokens for each program of 128 threads.
_BLOCK = 4096


@triton.jit
def _apply_kernel(
    logits,
    octets,
    row_of,
    target_of,
    offsets,
    patches,
    stride,
    n_rows,
    n_logits,
    n_octets,
    BLOCK: tl.constexpr,
    DISTINCT: tl.constexpr,
):
    """One block of the tokens of one sequence, by the octets of its mask, as 16 bytes are 8 logits of two bytes.

    Octets that allow everything cost nothing, those that forbid everything are not read. Of others the logits are read
    and written as a whole: stores of single logits would be eight instead of one, each of half-empty sectors. Where
    another program may have the same row, what it forbids would be overwritten so, and single ones it is.
    """
    i = tl.program_id(0)
    block = tl.program_id(1)
    row = i if row_of is None else tl.load(row_of + i)
    target = i if target_of is None else tl.load(target_of + i)
    at = block * (BLOCK // 8) + tl.arange(0, BLOCK // 8)
    octet = tl.load(octets + row.to(tl.int64) * n_octets + at, mask=at < n_octets, other=0).to(tl.int32)
    if offsets is not None:
        for p in range(tl.load(offsets + i), tl.load(offsets + i + 1)):
            token = tl.load(patches + 3 * p + 1)
            bit = tl.where(at == token // 8, 1 << (token % 8), 0)
            octet = tl.where(tl.load(patches + 3 * p + 2) != 0, octet | bit, octet & ~bit)
    # Indices that were on the device are not checked anywhere else.
    end = tl.where((target >= 0) & (target < n_rows), n_logits, 0)
    token_ids = block * BLOCK + 8 * tl.arange(0, BLOCK // 8)[:, None] + tl.arange(0, 8)[None, :]
    place = logits + target.to(tl.int64) * stride + token_ids
    octet = octet[:, None]
    allowed = (octet >> tl.arange(0, 8)[None, :]) & 1 != 0
    inside = token_ids < end
    if DISTINCT:
        before = tl.load(place, mask=inside & (octet != 0) & (octet != 255))
        after = tl.where(allowed, before, float("-inf")).to(logits.dtype.element_ty)
        tl.store(place, after, mask=inside & (octet != 255))
    else:
        tl.store(place, float("-inf"), mask=inside & (allowed == 0))


def apply_by_triton(
    logits: torch.Tensor,
    rows: torch.Tensor,
    row_of: torch.Tensor | None,
    target_of: torch.Tensor | None,
    offsets: torch.Tensor | None,
    patches: torch.Tensor | None,
    distinct: bool,
) -> None:
    """Write -inf wherever a mask forbids.

    logits : float[B, V], of a step of 1 between the logits of a row.  rows : int32[K, W], contiguous.
    row_of, target_of : int[n], see `Work`; None is row i for row i.
    offsets, patches, distinct : see `DeviceWork`.
    """
    n = rows.shape[0] if row_of is None else row_of.shape[0]
    n_logits = logits.shape[1]
    if not n or not n_logits:
        return
    _apply_kernel[(n, triton.cdiv(n_logits, _BLOCK))](
        logits,
        rows.reshape(-1).view(torch.uint8),
        row_of,
        target_of,
        offsets,
        patches,
        logits.stride(0),
        logits.shape[0],
        n_logits,
        4 * rows.shape[1],
        BLOCK=_BLOCK,
        DISTINCT=distinct,
    )
