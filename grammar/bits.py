"""Sets of small numbers as ints, a bit for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

ALL_BYTES = (1 << 256) - 1


def bits_of(numbers: Iterable[int]) -> int:
    """The set of `numbers`; Python's own ints, since NumPy's overflow."""
    found = 0
    for number in numbers:
        found |= 1 << number
    return found


def bits_between(low: int, high: int) -> int:
    """The set of the numbers from `low` to `high`."""
    return (1 << (high + 1)) - (1 << low)


def bit_positions(bits: int) -> Iterator[int]:
    """The positions of the bits that are set, in rising order."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def flags(bits: int) -> np.ndarray:
    """bool[256]: the positions below 256."""
    packed = np.frombuffer(bits.to_bytes(32, "little"), np.uint8)
    return np.unpackbits(packed, bitorder="little").view(np.bool_)


def union(sets: Iterable[int]) -> int:
    """The union of sets."""
    found = 0
    for bits in sets:
        found |= bits
    return found
