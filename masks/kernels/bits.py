"""Bits of masks: bit t % 32 of word t // 32."""

from __future__ import annotations

import numpy as np

from ...jit import jit


@jit
def set_pairs(tokens, suffixes, alive, mask):
    """Set the bits of `tokens[i]` where suffix `suffixes[i]` is alive. alive : uint32 words, a bit per suffix id."""
    for i in range(tokens.shape[0]):
        suffix = suffixes[i]
        if alive[suffix >> 5] >> np.uint32(suffix & 31) & np.uint32(1):
            token = tokens[i]
            mask[token >> 5] |= np.uint32(1) << np.uint32(token & 31)


@jit
def add_common(first, second, mask):
    """Set the bits that are set in both of two masks; `mask` may be shorter than these."""
    for i in range(mask.shape[0]):
        mask[i] |= first[i] & second[i]


@jit
def any_bit(mask):
    """Whether any bit is set; a look at the first words where many are."""
    for i in range(mask.shape[0]):
        if mask[i]:
            return True
    return False


@jit
def any_of(tokens, mask):
    """Whether the bit of any of `tokens`, int64[n], is set."""
    for i in range(tokens.shape[0]):
        if mask[tokens[i] >> 5] >> np.uint32(tokens[i] & 31) & np.uint32(1):
            return True
    return False


@jit
def clear_bits(tokens, mask):
    """Clear the bits of `tokens`, int64[n]."""
    for i in range(tokens.shape[0]):
        mask[tokens[i] >> 5] &= ~(np.uint32(1) << np.uint32(tokens[i] & 31))


@jit
def fingerprint(mask, multipliers):
    """A number that differs for most masks that differ: two sums of products modulo 2**32.

    mask : uint32[n].  multipliers : uint32[2, at least n], odd.
    """
    a, b = np.uint32(0), np.uint32(0)
    for i in range(mask.shape[0]):
        a += mask[i] * multipliers[0, i]
        b += mask[i] * multipliers[1, i]
    return np.int64(a) << 32 | np.int64(b)


@jit
def same_bits(first, second):
    """Whether two masks of one length are equal; to go on behind a difference is faster than to look for one."""
    difference = np.uint32(0)
    for i in range(first.shape[0]):
        difference |= first[i] ^ second[i]
    return difference == 0


@jit
def put_words(words, out):
    """Make `out`, int32[n], zeros but for some words. words : uint32[2, k], places and words."""
    for i in range(out.shape[0]):
        out[i] = 0
    for i in range(words.shape[1]):
        if words[0, i] < out.shape[0]:
            out[words[0, i]] = np.int32(words[1, i])


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


@jit
def count_bits(mask):
    """How many bits are set."""
    total = 0
    for i in range(mask.shape[0]):
        pairs = mask[i] - (mask[i] >> np.uint32(1) & np.uint32(0x55555555))
        fours = (pairs & np.uint32(0x33333333)) + (pairs >> np.uint32(2) & np.uint32(0x33333333))
        eights = fours + (fours >> np.uint32(4)) & np.uint32(0x0F0F0F0F)
        total += (eights & np.uint32(0xFF)) + (eights >> np.uint32(8) & np.uint32(0xFF))
        total += (eights >> np.uint32(16) & np.uint32(0xFF)) + (eights >> np.uint32(24))
    return total
