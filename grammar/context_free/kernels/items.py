"""Steps from sets of items to others; see `flat_items.py` for what they mean.

All raise Full where the arrays of the store have to grow. What was interned until then stays, so calling again is safe.
"""

from __future__ import annotations

import numpy as np

from ....jit import inner
from .analysis import N_WORDS
from .calls import find_bases, find_begun
from .instructions import OP, REGION, RETURN
from .moving import load, move
from .places import close, edge_of, explore, node_read, place_behind, rule_called, visit
from .store import (
    BASES,
    BEGUN,
    BOTTOM,
    CLOSED,
    ENTRIES,
    FOUND,
    ITEMS,
    LEFT,
    LOW,
    N_BASES,
    N_CLOSED,
    N_ITEMS,
    N_RETURNS,
    N_SET,
    N_SOURCES,
    NEXT,
    NODE_MARK,
    PC,
    POSITIONS,
    RETURNS,
    RULE,
    SOURCES,
    START,
    UNKNOWN,
    ZERO,
    follow_none,
    keep,
    new_stamp,
    place_of,
    push,
    set_of,
    sort_unique,
)


@inner
def _add_closed(s, place, below, n):
    """Append the items of a place's positions to FOUND."""
    close(s, place)
    first = s.places[place, CLOSED]
    for i in range(first, first + s.places[place, N_CLOSED]):
        n = push(s, FOUND, n, s.pool[i] << 32 | below)
    return n


@inner
def _complete(s, n, left):
    """The set of the items `FOUND[:n]`, with all that returns from rules that may end there.

    left : whether the level may be left beside, and what is in the row NEXT come then.
    """
    stamp = new_stamp(s)
    n_kept = ZERO
    i = ZERO
    while i < n:
        item = s.scratch[FOUND, i]
        i += 1
        pc = s.places[item >> 32, PC]
        if pc < 0 or s.code[pc, OP] != RETURN:
            s.scratch[FOUND, n_kept] = item
            n_kept += 1
            continue
        below = item & LOW
        if below == BOTTOM:
            left = 1
            for word in range(N_WORDS):
                s.set_bytes[NEXT, 0, word] |= s.follow[s.code[pc, REGION], word]
        elif s.nodes[below, NODE_MARK] != stamp:
            s.nodes[below, NODE_MARK] = stamp
            n = _add_returns(s, below, n)
    return set_of(s, n_kept, left)


@inner
def _add_returns(s, node, n):
    """Append the items behind a call to FOUND."""
    if s.nodes[node, RETURNS] == UNKNOWN:
        n_returns = _find_returns(s, node, n)
        s.nodes[node, RETURNS] = keep(s, s.scratch[FOUND, n:], n_returns)
        s.nodes[node, N_RETURNS] = n_returns
        return n + n_returns
    first = s.nodes[node, RETURNS]
    for i in range(first, first + s.nodes[node, N_RETURNS]):
        n = push(s, FOUND, n, s.pool[i])
    return n


@inner
def _find_returns(s, node, begin):
    """Write to FOUND, from `begin` on, the items behind the call of a node; how many there are."""
    rule, first, n_items = s.nodes[node, RULE], s.nodes[node, ENTRIES], s.nodes[node, N_ITEMS]
    n = begin
    for i in range(first, first + n_items):
        n = _add_closed(s, place_behind(s, s.pool[i] >> 32), s.pool[i] & LOW, n)
    n_bases = s.nodes[node, N_BASES]
    for i in range(n_bases):
        s.scratch[BASES, i] = s.pool[first + n_items + i]
    for i in range(find_begun(s, n_bases)):
        start = s.rules[s.scratch[BEGUN, i] >> 32, START]
        close(s, start)
        for j in range(s.places[start, CLOSED], s.places[start, CLOSED] + s.places[start, N_CLOSED]):
            position = s.pool[j]
            if rule_called(s, position) == rule:
                n = _add_closed(s, place_behind(s, position), s.scratch[BEGUN, i] & LOW, n)
    return sort_unique(s.scratch[FOUND, begin:], n - begin)


@inner
def find_sources(s, number):
    """Find the items of a set, and of the rules that they begin, that read the next byte; and which bytes they read."""
    if s.sets[number, SOURCES] != UNKNOWN:
        return
    n_begun = find_begun(s, find_bases(s, number))
    n = ZERO
    for i in range(s.sets[number, ITEMS], s.sets[number, ITEMS] + s.sets[number, N_SET]):
        if node_read(s, s.pool[i] >> 32):
            n = push(s, FOUND, n, s.pool[i])
    for i in range(n_begun):
        start = s.rules[s.scratch[BEGUN, i] >> 32, START]
        close(s, start)
        for j in range(s.places[start, CLOSED], s.places[start, CLOSED] + s.places[start, N_CLOSED]):
            if node_read(s, s.pool[j]):
                n = push(s, FOUND, n, s.pool[j] << 32 | s.scratch[BEGUN, i] & LOW)
    n = sort_unique(s.scratch[FOUND], n)
    used = s.set_bytes[number, 1]
    for word in range(N_WORDS):
        used[word] = np.uint64(0)
    for i in range(n):
        node = node_read(s, s.scratch[FOUND, i] >> 32)
        for word in range(N_WORDS):
            used[word] |= s.used[node, word]
    s.sets[number, SOURCES] = keep(s, s.scratch[FOUND], n)
    s.sets[number, N_SOURCES] = n


@inner
def after(s, number, byte):
    """The set behind a byte. The bytes that lead there as well are in `set_bytes[NEXT, 1]` then."""
    find_sources(s, number)
    alike = s.set_bytes[NEXT, 1]
    for word in range(N_WORDS):
        alike[word] = s.set_bytes[number, 1, word]
    first = s.sets[number, SOURCES]
    n = ZERO
    for i in range(first, first + s.sets[number, N_SOURCES]):
        position, below = s.pool[i] >> 32, s.pool[i] & LOW
        node = node_read(s, position)
        edge = edge_of(s, node, byte)
        for word in range(N_WORDS):
            alike[word] &= s.bytes[edge, word] if edge >= 0 else ~s.used[node, word]
        if edge < 0:
            continue
        target = place_behind(s, position)
        if s.edges[edge]:
            target = place_of(s, -s.edges[edge], ZERO, target)
        n = push(s, BEGUN, n, below << 32 | target)
    follow_none(s)
    return _complete(s, _add_targets(s, sort_unique(s.scratch[BEGUN], n)), ZERO)


@inner
def _add_targets(s, n_targets):
    """Write the items of all positions of the places in BEGUN, `node << 32 | place`, to FOUND; how many there are."""
    n = ZERO
    i = ZERO
    while i < n_targets:
        below = s.scratch[BEGUN, i] >> 32
        end = i + 1
        while end < n_targets and s.scratch[BEGUN, end] >> 32 == below:
            end += 1
        if end == i + 1:
            n = _add_closed(s, s.scratch[BEGUN, i] & LOW, below, n)
        else:  # in one go: they may have most of their positions in common
            n = _add_joint(s, i, end, below, n)
        i = end
    return n


@inner
def _add_joint(s, begin, end, below, n):
    """The same for `BEGUN[begin:end]`, which have one node, behind `n` items."""
    stamp = new_stamp(s)
    n_todo = ZERO
    for i in range(begin, end):
        n_todo = visit(s, s.scratch[BEGUN, i] & LOW, n_todo, stamp)
    for i in range(explore(s, n_todo, stamp, ZERO)):
        n = push(s, FOUND, n, s.scratch[POSITIONS, i] << 32 | below)
    return n


@inner
def start(s, place):
    """The set in front of the whole text; `place` is where it begins."""
    follow_none(s)
    return _complete(s, _add_closed(s, place, BOTTOM, ZERO), ZERO)


@inner
def behind_call(s, node):
    """The set behind a call."""
    follow_none(s)
    return _complete(s, _add_returns(s, node, ZERO), ZERO)


@inner
def join(s, inside, node, outside):
    """The set of what is in `outside`, and in `inside` on the stack level above the frame `node`."""
    n = load(s, inside, ZERO)
    move(s, n, BOTTOM, node)
    if s.sets[inside, LEFT]:
        n = _add_returns(s, node, n)
    n = load(s, outside, n)
    for word in range(N_WORDS):
        s.set_bytes[NEXT, 0, word] = s.set_bytes[outside, 0, word]
    return _complete(s, n, s.sets[outside, LEFT])
