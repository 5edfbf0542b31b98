"""Whether a JSON text, or the beginning of one, has an object in which a name came twice. Slow and obvious."""

from __future__ import annotations

import json


def repeats_a_name(text: bytes) -> bool:
    """`text` must be the beginning of a well-formed JSON text."""
    names: list[set[str] | None] = []  # for each open container its names so far, None for an array
    expects_name = [False]
    at = 0
    while at < len(text):
        byte = text[at : at + 1]
        at += 1
        if byte == b'"':
            end = _end_of_string(text, at)
            if end is None:
                return False
            if expects_name[-1]:
                name = json.loads(text[at - 1 : end])
                seen = names[-1]
                assert seen is not None
                if name in seen:
                    return True
                seen.add(name)
            at = end
        elif byte in (b"{", b"["):
            names.append(set() if byte == b"{" else None)
            expects_name.append(byte == b"{")
        elif byte in (b"}", b"]"):
            names.pop()
            expects_name.pop()
        elif byte in (b":", b","):
            expects_name[-1] = byte == b"," and names[-1] is not None
    return False


def _end_of_string(text: bytes, at: int) -> int | None:
    """Where the string whose content begins at `at` ends, behind its quote; None if it does not."""
    while at < len(text):
        if text[at] == 0x22:
            return at + 1
        at += 2 if text[at] == 0x5C else 1
    return None
