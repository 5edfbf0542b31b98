"""What rules may begin in a place, and what they return to; see `items.py` of the folder above."""

from __future__ import annotations

import numpy as np

from ....jit import inner
from .places import close, is_tail, rule_called
from .store import (
    BASES,
    BEGUN,
    CHOSEN,
    CLOSED,
    CORNERS_KNOWN,
    ENTRIES,
    ITEMS,
    LOW,
    N_BASES,
    N_CLOSED,
    N_ITEMS,
    N_SET,
    RULE,
    START,
    UNKNOWN,
    ZERO,
    node_of,
    push,
    sort_unique,
)


@inner
def _find_corners(s, rule):
    """Find the rules with which a rule may begin."""
    if s.rules[rule, CORNERS_KNOWN]:
        return
    corners = s.corners[rule]
    for word in range(corners.shape[0]):
        corners[word] = np.uint64(0)
    n = _add_corners(s, rule, corners, ZERO)
    i = ZERO
    while i < n:
        n = _add_corners(s, s.scratch[BEGUN, i], corners, n)
        i += 1
    s.rules[rule, CORNERS_KNOWN] = True


@inner
def _add_corners(s, rule, corners, n):
    """Append the rules that are called at the beginning of one to `BEGUN[:n]`, each once."""
    start = s.rules[rule, START]
    close(s, start)
    for i in range(s.places[start, CLOSED], s.places[start, CLOSED] + s.places[start, N_CLOSED]):
        called = rule_called(s, s.pool[i])
        if called >= 0 and not _has(corners, called):
            _include(corners, called)
            n = push(s, BEGUN, n, called)
    return n


@inner
def _has(bits, number):
    return bits[number >> 6] >> np.uint64(number & 63) & np.uint64(1) != 0


@inner
def _include(bits, number):
    bits[number >> 6] |= np.uint64(1) << np.uint64(number & 63)


@inner
def find_begun(s, n_bases):
    """Write to BEGUN the rules of `BASES[:n_bases]`, sorted, and those that they may begin with.

    Each with what it returns to; how many there are.
    """
    rules = s.corners[s.corners.shape[0] - 1]
    for word in range(rules.shape[0]):
        rules[word] = np.uint64(0)
    for i in range(n_bases):
        rule = s.scratch[BASES, i] >> 32
        _find_corners(s, rule)
        _include(rules, rule)
        for word in range(rules.shape[0]):
            rules[word] |= s.corners[rule, word]
    n = ZERO
    for word in range(rules.shape[0]):
        bits = rules[word]
        rule = word << 6
        while bits:
            if bits & np.uint64(1):
                n = _add_begun(s, n_bases, rule, n)
            bits >>= np.uint64(1)
            rule += 1
    return n


@inner
def _add_begun(s, n_bases, rule, n):
    """Append to BEGUN what a rule returns to that begins with `BASES[:n_bases]`, or a rule of which does."""
    n_left = ZERO
    for i in range(n_bases):
        if _has(s.corners[s.scratch[BASES, i] >> 32], rule):
            s.scratch[CHOSEN, n_left] = s.scratch[BASES, i]
            n_left += 1
    n_left = _without_own(s, n_left)
    node = node_of(s, rule, s.scratch[CHOSEN], ZERO, n_left) if n_left else UNKNOWN
    for i in range(n_bases):
        if s.scratch[BASES, i] >> 32 != rule:
            continue
        below = s.scratch[BASES, i] & LOW
        is_rule = node != UNKNOWN and s.nodes[below, RULE] == rule
        within = is_rule and _begins_among(s, below, UNKNOWN, n_left)
        if not within:
            n = push(s, BEGUN, n, rule << 32 | below)
    return push(s, BEGUN, n, rule << 32 | node) if node != UNKNOWN else n


@inner
def _without_own(s, n_left):
    """Leave out bases of CHOSEN whose rule begins with itself, where what it returned to before comes round again."""
    i = ZERO
    while i < n_left:
        base = s.scratch[CHOSEN, i]
        below = base & LOW
        if s.nodes[below, RULE] == base >> 32 and _begins_among(s, below, base, n_left):
            for j in range(i, n_left - 1):
                s.scratch[CHOSEN, j] = s.scratch[CHOSEN, j + 1]
            n_left -= 1
        else:
            i += 1
    return n_left


@inner
def _begins_among(s, node, but, n_left):
    """Whether a node has bases and all of them are in `CHOSEN[:n_left]`, which is sorted, and none is `but`."""
    n_bases = s.nodes[node, N_BASES]
    first = s.nodes[node, ENTRIES] + s.nodes[node, N_ITEMS]
    j = 0
    for i in range(first, first + n_bases):
        while j < n_left and s.scratch[CHOSEN, j] < s.pool[i]:
            j += 1
        if j == n_left or s.scratch[CHOSEN, j] != s.pool[i] or s.pool[i] == but:
            return False
    return n_bases > 0


@inner
def find_bases(s, number):
    """Write to BASES the rules that the items of a set call, and what these return to; how many there are.

    A rule that is called with nothing behind it returns to where its caller does.
    """
    first, n_items = s.sets[number, ITEMS], s.sets[number, N_SET]
    n_inner = ZERO
    for i in range(first, first + n_items):
        rule = rule_called(s, s.pool[i] >> 32)
        if rule >= 0 and not is_tail(s, s.pool[i] >> 32):
            n_inner = push(s, BEGUN, n_inner, rule << 32 | s.pool[i] & LOW)
    n_inner = sort_unique(s.scratch[BEGUN], n_inner)
    n = ZERO
    for i in range(first, first + n_items):
        rule = rule_called(s, s.pool[i] >> 32)
        if rule >= 0 and not _is_among(s.scratch[BEGUN], n_inner, rule << 32 | s.pool[i] & LOW):
            n = push(s, BASES, n, rule << 32 | s.pool[i] & LOW)
    for i in range(n_inner):
        rule = s.scratch[BEGUN, i] >> 32
        if i and s.scratch[BEGUN, i - 1] >> 32 == rule:
            continue
        n_entries = ZERO
        for j in range(first, first + n_items):
            call = rule << 32 | s.pool[j] & LOW
            if rule_called(s, s.pool[j] >> 32) == rule and _is_among(s.scratch[BEGUN], n_inner, call):
                n_entries = push(s, CHOSEN, n_entries, s.pool[j])
        n = push(s, BASES, n, rule << 32 | node_of(s, rule, s.scratch[CHOSEN], n_entries, ZERO))
    return sort_unique(s.scratch[BASES], n)


@inner
def _is_among(values, n, value):
    """Whether the first `n` values, which are sorted, have one."""
    low, high = 0, n
    while low < high:
        middle = low + high >> 1
        if values[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low < n and values[low] == value
