"""Bits of masks: bit t % 32 of word t // 32."""

from __future__ import annotations

import numpy as np

from .jit import jit


@jit
def set_pairs(tokens, suffixes, alive, mask):
    """Set the bits of `tokens[i]` where suffix `suffixes[i]` is alive. alive : uint32 words, a bit per suffix id."""
    for i in range(tokens.shape[0]):
        suffix = suffixes[i]
        if alive[suffix >> 5] >> np.uint32(suffix & 31) & np.uint32(1):
            token = tokens[i]
            mask[token >> 5] |= np.uint32(1) << np.uint32(token & 31)


@jit
def any_bit(mask):
    """Whether any bit is set; a look at the first words where many are."""
    for i in range(mask.shape[0]):
        if mask[i]:
            return True
    return False


@jit
def copy_bits(pairs, mask):
    """For each row (first, other) of `pairs`, give bit `other` the value of bit `first`."""
    for i in range(pairs.shape[0]):
        first, other = pairs[i, 0], pairs[i, 1]
        bit = np.uint32(1) << np.uint32(other & 31)
        if mask[first >> 5] >> np.uint32(first & 31) & np.uint32(1):
            mask[other >> 5] |= bit
        else:
            mask[other >> 5] &= ~bit
