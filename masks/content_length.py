"""How many characters of a JSON string a token spells."""

from __future__ import annotations

import numpy as np


def content_length(text: bytes) -> int:
    r"""Characters begun in `text`, read as string content: an escape counts once, and so does a surrogate pair."""
    count = i = 0
    while i < len(text):
        if text[i] & 0xC0 == 0x80:
            i += 1
            continue
        count += 1
        if text[i] != 0x5C:
            i += 1
        elif text[i + 1 : i + 2] != b"u":
            i += 2
        else:
            high = text[i + 2 : i + 4].lower()
            i += 12 if high in (b"d8", b"d9", b"da", b"db") else 6
    return count


def content_lengths(tokens: tuple[bytes, ...]) -> np.ndarray:
    """int32[n_tokens]."""
    return np.fromiter(map(fast_length, tokens), np.int32, len(tokens))


def fast_length(text: bytes) -> int:
    """`content_length`, quick for the many texts without an escape."""
    if b"\\" in text:
        return content_length(text)
    return len(text) if text.isascii() else sum(byte & 0xC0 != 0x80 for byte in text)
