"""Masks on logits by the operations of torch alone, for devices that have no kernel of ours."""

from __future__ import annotations

from functools import cache

import torch

# Bounds what is unpacked at a time, a byte for each logit.
_MAX_UNPACKED = 1 << 26


@cache
def _bits_of_a_byte(device: torch.device) -> torch.Tensor:
    """bool[256, 8]; row b holds the bits of b, lowest first."""
    byte = torch.arange(256, device=device).unsqueeze(1)
    return (byte >> torch.arange(8, device=device)) & 1 == 1


def unpack_mask(words: torch.Tensor, n_logits: int) -> torch.Tensor:
    """bool[B, n_logits] of packed masks: bit t % 32 of word t // 32.

    words : int32[B, W], little endian as on every platform torch runs on.
    Ids from 32 * W on are not allowed; bits from n_logits on are dropped.
    """
    n_rows, n_words = words.shape
    octets = words.reshape(n_rows * n_words).view(torch.uint8).reshape(n_rows, 4 * n_words)
    allowed = _bits_of_a_byte(words.device)[octets.int()].reshape(n_rows, 32 * n_words)
    if allowed.shape[1] >= n_logits:
        return allowed[:, :n_logits]
    return torch.nn.functional.pad(allowed, (0, n_logits - allowed.shape[1]), value=False)


def apply_plainly(
    logits: torch.Tensor,
    rows: torch.Tensor,
    row_of: torch.Tensor | None,
    target_of: torch.Tensor | None,
    patches: torch.Tensor | None,
) -> None:
    """Write -inf wherever a mask forbids.

    rows : int32[K, W].  row_of, target_of : int[n], see `Work`; None is row i for row i.
    patches : int[P, 3] of (i, token, 1 or 0), no pair twice, or None.
    """
    n = rows.shape[0] if row_of is None else row_of.shape[0]
    n_logits = logits.shape[1]
    at_once = max(1, _MAX_UNPACKED // max(1, n_logits))
    for begin in range(0, n, at_once):
        end = min(n, begin + at_once)
        words = rows[begin:end] if row_of is None else rows[row_of[begin:end]]
        allowed = unpack_mask(words, n_logits)
        if patches is not None:
            _patch(allowed, patches, begin)
        if target_of is None:
            logits[begin:end].masked_fill_(~allowed, float("-inf"))
            continue
        # One by one, because a row may be named twice.
        for target, forbidden in zip(target_of[begin:end].tolist(), ~allowed):
            logits[target].masked_fill_(forbidden, float("-inf"))


def _patch(allowed: torch.Tensor, patches: torch.Tensor, begin: int) -> None:
    """Set or clear some. allowed : bool[m, V], mutated, of the sequences from `begin` on."""
    sequence, token, value = patches.unbind(1)
    here = (sequence >= begin) & (sequence < begin + allowed.shape[0]) & (token < allowed.shape[1])
    allowed[(sequence[here] - begin).long(), token[here].long()] = value[here].bool()
