"""Packed masks on torch logits, out of place."""

from __future__ import annotations

from functools import cache

import torch


@cache
def _bits_of_a_byte(device: torch.device) -> torch.Tensor:
    """bool[256, 8]; row b holds the bits of b, lowest first."""
    byte = torch.arange(256, device=device).unsqueeze(1)
    return (byte >> torch.arange(8, device=device)) & 1 == 1


def unpack_mask(words: torch.Tensor, n_logits: int) -> torch.Tensor:
    """bool[B, n_logits] of packed masks: bit t % 32 of word t // 32.

    words : int32[B, W], contiguous, little endian as on every platform torch runs on.
    Ids from 32 * W on are not allowed; bits from n_logits on are dropped.
    """
    n_rows, n_words = words.shape
    octets = words.contiguous().view(torch.uint8).reshape(n_rows, 4 * n_words)
    allowed = _bits_of_a_byte(words.device)[octets.int()].reshape(n_rows, 32 * n_words)
    if allowed.shape[1] >= n_logits:
        return allowed[:, :n_logits]
    return torch.nn.functional.pad(allowed, (0, n_logits - allowed.shape[1]), value=False)


def apply_mask(logits: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
    """A copy of `logits` with -inf wherever the mask forbids.

    logits : floating[B, V], not mutated.  words : int32[B, W], see `unpack_mask`; moved to the device.
    """
    return logits.masked_fill(~unpack_mask(words.to(logits.device), logits.shape[-1]), float("-inf"))
