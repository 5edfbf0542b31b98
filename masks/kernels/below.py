"""What lies below the nodes of a token trie: its kinds of characters, and its tokens."""

from __future__ import annotations

import numpy as np

from ...jit import inlined, jit


def _byte_groups():
    """int64[256]: the group of each byte, so that a set of groups is an int64.

    Bytes that grammars mostly allow together are one group: upper and lower letters (hexadecimal ones apart), digits,
    control characters. White space and other ASCII characters are alone. A byte from 0xC2 to 0xF4 stands for all
    characters that begin with it, and these are grouped about as scripts are; those behind it have no group.
    """
    found = np.full(256, MALFORMED, np.int64)
    found[:128] = np.arange(128) < 0x20
    letters, leads = (
        b"09afgzAFGZ",
        bytes.fromhex("c2c2 c3c3 c4cd cedf e0e0 e1e1 e2e2 e3e3 e4e9 eaec edee efef f0f4"),
    )
    ranges = np.frombuffer(letters + leads, np.uint8).reshape(-1, 2).tolist()
    for group, (first, last) in enumerate(ranges, 2):
        found[first : last + 1] = group
    alone = [byte for byte in range(127) if found[byte] == 0 or byte in b"\t\n\v\f\r"]
    found[alone] = 2 + len(ranges) + np.arange(len(alone))
    return found


FIRST_LEAD, LAST_LEAD = 0xC2, 0xF4  # with these begin the characters of several bytes
# Groups of no byte: of those that are not UTF-8, and of what is still to come of a character that has begun.
MALFORMED, PENDING = 62, 61
BYTE_GROUPS = _byte_groups()
IS_MALFORMED, IS_PENDING = np.int64(1) << MALFORMED, np.int64(1) << PENDING
assert np.setdiff1d(BYTE_GROUPS, MALFORMED).max() < PENDING


@inlined
def n_behind(lead):
    """How many bytes are behind the first one of a character."""
    return 1 + (lead >= 0xE0) + (lead >= 0xF0)


@jit
def second_bytes(lead):
    """The first and the last byte that may be behind the first one of a character (The Unicode Standard, table 3-7)."""
    first = 0xA0 if lead == 0xE0 else (0x90 if lead == 0xF0 else 0x80)
    return first, (0x9F if lead == 0xED else (0x8F if lead == 0xF4 else 0xBF))


@jit
def collect_groups(trie_bytes, links, missing, found):
    """The groups (bits) of what is below each node of a trie in level order, see BYTE_GROUPS.

    A character that has begun above a node counts as PENDING, whatever is left of it.
    missing : int64[n], zeros, scratch: how many bytes are missing of the character at each node, -1 if it is none.
    found   : int64[n], out.
    """
    for node in range(found.shape[0]):
        for child in range(links[node, 0], links[node + 1, 0]):
            missing[child] = _still_missing(missing[node], trie_bytes[node], trie_bytes[child])
    for node in range(found.shape[0] - 1, -1, -1):
        is_inside = missing[node] > 0
        groups = IS_PENDING if is_inside else np.int64(0)
        for child in range(links[node, 0], links[node + 1, 0]):
            if missing[child] < 0:
                groups |= IS_MALFORMED
            elif not is_inside:
                groups |= np.int64(1) << BYTE_GROUPS[trie_bytes[child]]
            groups |= found[child] & ~IS_PENDING
        found[node] = groups


@inlined
def _still_missing(missing, last, byte):
    """How many bytes of a character are missing behind `byte`, -1 if it can be none.

    missing : how many there were behind the byte before, `last`.
    """
    if missing <= 0:
        if byte < 0x80:
            return 0
        return n_behind(byte) if FIRST_LEAD <= byte <= LAST_LEAD else -1
    low, high = second_bytes(last) if last >= FIRST_LEAD else (0x80, 0xBF)
    return missing - 1 if low <= byte <= high else -1


@jit
def collect_tokens(links, spans, tokens):
    """The tokens at and below each node of a trie in level order, side by side; it may have several roots.

    spans  : int32[n, 2], out: those of node i are tokens[spans[i, 0] : spans[i, 1]].
    tokens : int32[n_tokens], out.
    """
    for node in range(spans.shape[0] - 1, -1, -1):
        n = 1 if links[node, 1] >= 0 else 0
        for child in range(links[node, 0], links[node + 1, 0]):
            n += spans[child, 1]
        spans[node, 1] = n  # how many, for now
    total = 0
    for node in range(spans.shape[0]):
        if node < links[0, 0]:  # a root
            spans[node, 0] = total
            total += spans[node, 1]
        first = spans[node, 0]
        spans[node, 1] += first
        if links[node, 1] >= 0:
            tokens[first] = links[node, 1]
            first += 1
        for child in range(links[node, 0], links[node + 1, 0]):
            spans[child, 0] = first
            first += spans[child, 1]
