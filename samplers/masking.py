"""Packed masks on torch logits, out of place."""

from __future__ import annotations

import torch

from ..logits.apply import apply_mask as apply_in_place
from ..logits.plain import unpack_mask


def apply_mask(logits: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
    """A copy of `logits` with -inf wherever the mask forbids.

    logits : floating[B, V], not mutated.  words : int32[B, W], see `unpack_mask`; moved to the device.
    """
    words = words.to(logits.device)
    if logits.requires_grad:
        return logits.masked_fill(~unpack_mask(words, logits.shape[-1]), float("-inf"))
    masked = logits.clone()
    apply_in_place(masked, words.contiguous())
    return masked


__all__ = ["apply_mask", "unpack_mask"]
