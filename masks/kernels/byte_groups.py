"""Bytes in groups, so that a set of them fits into an int: bytes that grammars mostly allow together.

Upper and lower letters (hexadecimal ones apart), digits, bytes behind a lead byte, lead bytes, and control characters
are groups; white space and every other ASCII character is one of its own.
"""

from __future__ import annotations

import numpy as np

_RANGES = ("09", "af", "gz", "AF", "GZ", "\x80\xbf", "\xc0\xff")


def _groups() -> np.ndarray:
    found = np.zeros(256, np.int64)  # group 0: control characters
    for group, (first, last) in enumerate(_RANGES, 1):
        found[ord(first) : ord(last) + 1] = group
    alone = [byte for byte in range(127) if not found[byte] and (byte >= 0x20 or chr(byte).isspace())]
    found[alone] = 1 + len(_RANGES) + np.arange(len(alone))
    return found


BYTE_GROUPS = _groups()
"""int64[256]: the group of each byte, below 63."""
assert BYTE_GROUPS.max() < 63, "they are bits of an int64"
