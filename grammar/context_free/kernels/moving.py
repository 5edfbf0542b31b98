"""Sets of items relative to other levels of the stack."""

from __future__ import annotations

from ....jit import inner
from .store import (
    BASES,
    BEGUN,
    BOTTOM,
    CHOSEN,
    ENTRIES,
    FOUND,
    FRAMES,
    ITEMS,
    LEFT,
    LOW,
    MAX_ITEMS,
    MAX_POOL,
    MOVED,
    N_BASES,
    N_FRAMES,
    N_ITEMS,
    N_POOL,
    N_ROOTS,
    N_SET,
    NODE_MARK,
    PC,
    ROOTS,
    RULE,
    TOP,
    UNKNOWN,
    ZERO,
    TooManyItems,
    follow_none,
    keep,
    new_stamp,
    node_of,
    push,
    set_of,
    sort,
    sort_unique,
)


@inner
def factor(s, number):
    """Find the set on the topmost stack level that a set consists of, and the frames below it.

    There are none inside a character: behind it the set shall be the one that comes behind a character of one byte.
    """
    if s.sets[number, TOP] != UNKNOWN:
        return
    whole, n_frames = number, ZERO
    while s.sets[number, N_SET] and not s.sets[number, LEFT]:
        root = BOTTOM if _is_inside_character(s, number) else _root(s, number)
        if root == BOTTOM:
            break
        n_frames = push(s, BEGUN, n_frames, root)
        n = load(s, number, ZERO)
        move(s, n, root, BOTTOM)
        follow_none(s)
        number = set_of(s, n, ZERO)
    if s.sets[number, N_SET] > MAX_ITEMS or s.n[N_POOL] > MAX_POOL:
        raise TooManyItems
    s.sets[whole, FRAMES] = keep(s, s.scratch[BEGUN], n_frames)
    s.sets[whole, N_FRAMES], s.sets[whole, TOP] = n_frames, number


@inner
def _is_inside_character(s, number):
    """Whether all items of a set are in the middle of a character."""
    first = s.sets[number, ITEMS]
    for i in range(first, first + s.sets[number, N_SET]):
        if s.places[s.pool[i] >> 32, PC] >= 0:
            return False
    return True


@inner
def _root(s, number):
    """The one node through which all items of a set return to what is below, BOTTOM if there is none."""
    first = s.sets[number, ITEMS]
    below = s.pool[first] & LOW
    same = True
    found = UNKNOWN
    for i in range(first, first + s.sets[number, N_SET]):
        here = s.pool[i] & LOW
        same &= here == below
        if here == BOTTOM:
            return BOTTOM
        for j in range(s.nodes[here, ROOTS], s.nodes[here, ROOTS] + s.nodes[here, N_ROOTS]):
            if found == UNKNOWN:
                found = s.pool[j]
            elif found != s.pool[j]:
                found = BOTTOM
    if found == BOTTOM and same:
        return below  # no frame for what is below it, but the items are the same anywhere
    return found


@inner
def move(s, n, base, moved):
    """Let the items `FOUND[:n]` be relative to another place of the stack; the node `base` becomes `moved` there."""
    stamp = new_stamp(s)
    s.nodes[base, NODE_MARK], s.nodes[base, MOVED] = stamp, moved
    needed = ZERO
    for i in range(n):
        needed = _need(s, s.scratch[FOUND, i] & LOW, stamp, needed)
    i = ZERO
    while i < needed:
        node = s.scratch[BASES, i]
        i += 1
        first = s.nodes[node, ENTRIES]
        for j in range(first, first + s.nodes[node, N_ITEMS] + s.nodes[node, N_BASES]):
            needed = _need(s, s.pool[j] & LOW, stamp, needed)
    sort(s.scratch[BASES], needed)  # a node is younger than those it returns to
    for i in range(needed):
        s.nodes[s.scratch[BASES, i], MOVED] = _moved_node(s, s.scratch[BASES, i])
    for i in range(n):
        s.scratch[FOUND, i] = s.scratch[FOUND, i] >> 32 << 32 | s.nodes[s.scratch[FOUND, i] & LOW, MOVED]


@inner
def _need(s, node, stamp, needed):
    """Append a node to BASES, once."""
    if s.nodes[node, NODE_MARK] == stamp:
        return needed
    s.nodes[node, NODE_MARK] = stamp
    return push(s, BASES, needed, node)


@inner
def _moved_node(s, node):
    """A node with what it returns to moved."""
    first, n_items, n_bases = s.nodes[node, ENTRIES], s.nodes[node, N_ITEMS], s.nodes[node, N_BASES]
    for i in range(n_items + n_bases):
        entry = s.pool[first + i]
        push(s, CHOSEN, i, entry >> 32 << 32 | s.nodes[entry & LOW, MOVED])
    n = sort_unique(s.scratch[CHOSEN], n_items)
    outer = s.scratch[CHOSEN, n_items:]
    n_outer = sort_unique(outer, n_bases)
    for i in range(n_outer):
        s.scratch[CHOSEN, n + i] = outer[i]
    return node_of(s, s.nodes[node, RULE], s.scratch[CHOSEN], n, n_outer)


@inner
def load(s, number, n):
    """Append the items of a set to FOUND."""
    for i in range(s.sets[number, ITEMS], s.sets[number, ITEMS] + s.sets[number, N_SET]):
        n = push(s, FOUND, n, s.pool[i])
    return n
