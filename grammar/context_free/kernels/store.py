"""What is known of a program's texts, in arrays that grow: places, nodes and sets of items.

    place   where a text may stand in a rule: an instruction, how often its loop has run, and the place behind the body
            that it is part of; or, in the middle of a character, what is left of that and the place behind it
    node    the call of a rule by some items, or one that begins other rules: what a call returns to
    set     items, each a place and the node that its rule returns to; and what may come if the level is left here

All are interned: equal ones have one number. A place without a counter outside all bodies has the number of its
instruction. An item is one int64, `place << 32 | node`, the base of a node likewise, `rule << 32 | node`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ....jit import inner, jit
from .analysis import N_WORDS

PC, COUNT, OUTER, CLOSED, N_CLOSED, PLACE_MARK, PASSES, PASS_MARK, PLACE_WIDTH = range(9)
"""Columns of places. PC is the instruction, or minus the encoding node in the middle of a character. OUTER is the place
behind the body, 0 for none. The positions with which it begins are `pool[CLOSED : CLOSED + N_CLOSED]`. PASSES and
PASS_MARK are those of an instruction: how often a loop was run through at the mark."""
RULE, ENTRIES, N_ITEMS, N_BASES, RETURNS, N_RETURNS, ROOTS, N_ROOTS = range(8)
NODE_MARK, MOVED, FRAME, NODE_WIDTH = range(8, 12)
"""Columns of nodes. Items and, behind them, bases are in the pool from ENTRIES on. FRAME : the node's frame, or 0."""
ITEMS, N_SET, LEFT, SOURCES, N_SOURCES, TOP, FRAMES, N_FRAMES, SET_STATE, OPERATION, SET_WIDTH = range(11)
"""Columns of sets. LEFT : whether the level may be left. TOP : the set on its topmost stack level, UNKNOWN
until it is asked for; the nodes of the frames below that are in the pool, the lowest first. SET_STATE, OPERATION : its
state in the pushdown, and what leads there, or UNKNOWN."""
START, CORNERS_KNOWN = 0, 1
"""Columns of rules."""
PLACES, NODES, SETS, OUTCOMES, POOL, SCRATCH, TABLE, WORDS = range(8)
"""What may be full; the first four are rows of hashes too."""
FOUND, TODO, POSITIONS, BASES, BEGUN, CHOSEN, N_SCRATCH = map(np.int64, range(7))
"""Rows of scratch."""
MAX_ITEMS = 10_000
MAX_POOL = 16 << 20
"""So many items are in a set, and so many items, and what else is listed, in all sets together: 128 MB."""
NEXT = 0
"""The row of `set_bytes` for the set that is being made."""
UNKNOWN = np.int64(-1)
BOTTOM = np.int64(0)
"""The node that is whatever lies below this stack level."""
ZERO = np.int64(0)
"""Numbers of NumPy's are not literals: for each literal, kernels would be compiled anew."""
N_PLACES, N_NODES, N_SETS, N_OUTCOMES, N_POOL, N_STATES, N_CODE, FULL, STAMP, MAKER, ROOT, N_COUNTERS = range(
    12
)
"""Counters: states and words of code are those of the whole pushdown. FULL is what was full at the last Full, MAKER the
number of the store among the makers of the pushdown, ROOT the frame below the whole text."""
LOW = 0xFFFFFFFF


class Full(Exception):
    """An array is full, see FULL: whoever called lets it grow and calls again."""


class TooManyItems(Exception):
    """A set has more than MAX_ITEMS items, or all lists have more than MAX_POOL."""


class Store(NamedTuple):
    """The arrays. All integers have 64 bits: so kernels are compiled for one type of arguments only.

    code       : int64[n, WIDTH], of the program.
    rules      : int64[n_rules, 2], where each begins, and whether its corners are known.
    follow     : uint64[n_regions, N_WORDS], what may come behind a region.
    edges      : int64[n], of all encoding nodes: the node behind.  bytes : uint64[n, N_WORDS], what leads there.
    first_edge : int64[n_nodes + 1].  used : uint64[n_nodes, N_WORDS], the bytes of all edges.
    places     : int64[capacity, PLACE_WIDTH].
    nodes      : int64[capacity, NODE_WIDTH].
    sets       : int64[capacity, SET_WIDTH].
    set_bytes  : uint64[capacity, 2, N_WORDS], of sets: what may come when the level is left, and what is read.
    pool       : int64[capacity], lists.
    outcomes   : int64[capacity, 2], how a level is left: in front of the next byte (the first one); or perhaps not at
                 all, the set inside and the byte that may lead there.
    hashes     : int64[4, capacity], open addressing for places, nodes, sets and outcomes, 0 for nothing.
    corners    : uint64[n_rules + 1, n / 64], of rules those that they may begin with; the last is scratch.
    scratch    : int64[6, capacity], lists of the step that is made.
    n          : int64[N_COUNTERS].
    table, words : `table` and `code` of the pushdown.
    """

    code: np.ndarray
    rules: np.ndarray
    follow: np.ndarray
    edges: np.ndarray
    bytes: np.ndarray
    first_edge: np.ndarray
    used: np.ndarray
    places: np.ndarray
    nodes: np.ndarray
    sets: np.ndarray
    set_bytes: np.ndarray
    pool: np.ndarray
    outcomes: np.ndarray
    hashes: np.ndarray
    corners: np.ndarray
    scratch: np.ndarray
    n: np.ndarray
    table: np.ndarray
    words: np.ndarray


@inner
def clear(s):
    """Let there be what is always there: the places of instructions, BOTTOM, and the outcome that leaves a level."""
    for pc in range(s.code.shape[0]):
        for column in range(PLACE_WIDTH):
            s.places[pc, column] = 0
        s.places[pc, PC], s.places[pc, CLOSED] = pc, UNKNOWN
    for column in range(NODE_WIDTH):
        s.nodes[BOTTOM, column] = 0
    s.outcomes[0, 0], s.outcomes[0, 1] = UNKNOWN, UNKNOWN
    s.n[N_PLACES], s.n[N_NODES], s.n[N_SETS], s.n[N_OUTCOMES] = s.code.shape[0], 1, 1, 1


@inner
def _mixed(hashed, value):
    """A hash and one more value."""
    hashed = (hashed ^ value) * np.uint64(0x9E3779B97F4A7C15)
    return hashed ^ hashed >> np.uint64(32)


@inner
def _hash_of_place(pc, count, outer):
    return _mixed(_mixed(_mixed(np.uint64(1), np.uint64(pc)), np.uint64(count)), np.uint64(outer))


@inner
def place_of(s, pc, count, outer):
    """The number of a place."""
    if count == 0 and outer == 0 and pc >= 0:
        return pc
    mask = s.hashes.shape[1] - 1
    slot = np.int64(_hash_of_place(pc, count, outer)) & mask
    while True:
        number = s.hashes[PLACES, slot]
        if number == 0:
            break
        known = s.places[number]
        if known[PC] == pc and known[COUNT] == count and known[OUTER] == outer:
            return number
        slot = slot + 1 & mask
    number = s.n[N_PLACES]
    if number >= s.places.shape[0]:
        s.n[FULL] = PLACES
        raise Full
    s.n[N_PLACES] = number + 1
    new = s.places[number]
    new[PC], new[COUNT], new[OUTER], new[CLOSED], new[PLACE_MARK] = pc, count, outer, UNKNOWN, 0
    s.hashes[PLACES, slot] = number
    return number


@inner
def push(s, row, n, value):
    """Append a value to a row of `scratch` with `n` values; the number of values then."""
    if n >= s.scratch.shape[1]:
        s.n[FULL] = SCRATCH
        raise Full
    s.scratch[row, n] = value
    return n + 1


@inner
def sort(values, n):
    """Sort the first `n` values (Shell 1959): mostly there are few."""
    gap = 1
    while gap < n // 9:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, n):
            value = values[i]
            j = i
            while j >= gap and values[j - gap] > value:
                values[j] = values[j - gap]
                j -= gap
            values[j] = value
        gap //= 3


@inner
def sort_unique(values, n):
    """Sort the first `n` values, each once; how many are left."""
    if n == 0:
        return 0
    sort(values, n)
    last = 0
    for i in range(1, n):
        if values[i] != values[last]:
            last += 1
            values[last] = values[i]
    return last + 1


@inner
def keep(s, values, n):
    """Append `n` values to the pool; where they are."""
    begin = s.n[N_POOL]
    if begin + n > s.pool.shape[0]:
        s.n[FULL] = POOL
        raise Full
    for i in range(n):
        s.pool[begin + i] = values[i]
    s.n[N_POOL] = begin + n
    return begin


@inner
def _is_in_pool(s, begin, values, n):
    """Whether the pool has these values at a place."""
    for i in range(n):
        if s.pool[begin + i] != values[i]:
            return False
    return True


@inner
def _hash_of(values, n, hashed):
    """A hash, and the first `n` values."""
    for i in range(n):
        hashed = _mixed(hashed, np.uint64(values[i]))
    return hashed


@inner
def _hash_of_set(items, n, left, follow):
    hashed = _hash_of(items, n, np.uint64(left))
    for word in range(N_WORDS):
        hashed = _mixed(hashed, follow[word])
    return hashed


@inner
def _hash_of_node(entries, rule, n_items, n_bases):
    hashed = _hash_of(entries, n_items + n_bases, np.uint64(rule))
    return _mixed(hashed, np.uint64(n_items))


@inner
def set_of(s, n, left):
    """The number of the set of the items `FOUND[:n]`, in any order.

    left : whether the level may be left; what may come then is in the row NEXT of `set_bytes`, zeros where it may not.
    """
    follow = s.set_bytes[NEXT, 0]
    n = sort_unique(s.scratch[FOUND], n)
    mask = s.hashes.shape[1] - 1
    slot = np.int64(_hash_of_set(s.scratch[FOUND], n, left, follow)) & mask
    while True:
        number = s.hashes[SETS, slot]
        if number == 0:
            break
        known = s.sets[number]
        if known[N_SET] == n and known[LEFT] == left and _is_in_pool(s, known[ITEMS], s.scratch[FOUND], n):
            same = True
            for word in range(N_WORDS):
                same &= s.set_bytes[number, 0, word] == follow[word]
            if same:
                return number
        slot = slot + 1 & mask
    number = s.n[N_SETS]
    if number >= s.sets.shape[0]:
        s.n[FULL] = SETS
        raise Full
    begin = keep(s, s.scratch[FOUND], n)
    s.n[N_SETS] = number + 1
    new = s.sets[number]
    new[ITEMS], new[N_SET], new[LEFT], new[SOURCES], new[TOP] = begin, n, left, UNKNOWN, UNKNOWN
    new[SET_STATE], new[OPERATION] = UNKNOWN, UNKNOWN
    for word in range(N_WORDS):
        s.set_bytes[number, 0, word] = follow[word]
    s.hashes[SETS, slot] = number
    return number


@inner
def outcome_of(s, inside, byte):
    """The number of the outcome where `byte` may lead to the set `inside`, or be what comes behind the level."""
    mask = s.hashes.shape[1] - 1
    slot = np.int64(_hash_of_outcome(inside, byte)) & mask
    while True:
        number = s.hashes[OUTCOMES, slot]
        if number == 0:
            break
        if s.outcomes[number, 0] == inside and s.outcomes[number, 1] == byte:
            return number
        slot = slot + 1 & mask
    number = s.n[N_OUTCOMES]
    if number >= s.outcomes.shape[0]:
        s.n[FULL] = OUTCOMES
        raise Full
    s.n[N_OUTCOMES] = number + 1
    s.outcomes[number, 0], s.outcomes[number, 1] = inside, byte
    s.hashes[OUTCOMES, slot] = number
    return number


@inner
def _hash_of_outcome(inside, byte):
    return _mixed(_mixed(np.uint64(1), np.uint64(inside)), np.uint64(byte))


@inner
def has_byte(words, byte):
    """Whether a set of bytes, uint64[N_WORDS], has one."""
    return words[byte >> 6] >> np.uint64(byte & 63) & np.uint64(1) != 0


@inner
def follow_none(s):
    """Let nothing come where the level of the next set is left."""
    for word in range(N_WORDS):
        s.set_bytes[NEXT, 0, word] = np.uint64(0)


@inner
def node_of(s, rule, entries, n_items, n_bases):
    """The number of a node with the items and, behind them, the bases in `entries`, each sorted and once."""
    n = n_items + n_bases
    mask = s.hashes.shape[1] - 1
    slot = np.int64(_hash_of_node(entries, rule, n_items, n_bases)) & mask
    while True:
        number = s.hashes[NODES, slot]
        if number == 0:
            break
        known = s.nodes[number]
        same = known[RULE] == rule and known[N_ITEMS] == n_items and known[N_BASES] == n_bases
        if same and _is_in_pool(s, known[ENTRIES], entries, n):
            return number
        slot = slot + 1 & mask
    number = s.n[N_NODES]
    if number >= s.nodes.shape[0]:
        s.n[FULL] = NODES
        raise Full
    begin = s.n[N_POOL]
    n_roots = _put_roots(s, number, entries, n, begin + n)
    for i in range(n):
        s.pool[begin + i] = entries[i]
    s.n[N_POOL] = begin + n + n_roots
    s.n[N_NODES] = number + 1
    new = s.nodes[number]
    new[RULE], new[ENTRIES], new[N_ITEMS], new[N_BASES], new[RETURNS] = rule, begin, n_items, n_bases, UNKNOWN
    new[ROOTS], new[N_ROOTS], new[NODE_MARK], new[FRAME] = begin + n, n_roots, 0, 0
    s.hashes[NODES, slot] = number
    return number


@inner
def _put_roots(s, number, entries, n, at):
    """Write to the pool at `at` the roots of a new node, with room for `entries` before them; how many there are."""
    n_roots = 0
    for i in range(n):
        below = entries[i] & LOW
        own = below == BOTTOM
        for j in range(1 if own else s.nodes[below, N_ROOTS]):
            root = number if own else s.pool[s.nodes[below, ROOTS] + j]
            k = n_roots
            while k > 0 and s.pool[at + k - 1] > root:
                k -= 1
            if k > 0 and s.pool[at + k - 1] == root:
                continue
            if at + n_roots >= s.pool.shape[0]:
                s.n[FULL] = POOL
                raise Full
            for other in range(n_roots, k, -1):
                s.pool[at + other] = s.pool[at + other - 1]
            s.pool[at + k] = root
            n_roots += 1
    return n_roots


@inner
def new_stamp(s):
    """A mark that nothing has yet."""
    s.n[STAMP] += 1
    return s.n[STAMP]


@jit
def rehash(s):
    """Fill the hash arrays, which are empty, from what there is."""
    for number in range(s.code.shape[0], s.n[N_PLACES]):
        place = s.places[number]
        _put(s.hashes[PLACES], _hash_of_place(place[PC], place[COUNT], place[OUTER]), number)
    for number in range(1, s.n[N_NODES]):
        node = s.nodes[number]
        hashed = _hash_of_node(s.pool[node[ENTRIES] :], node[RULE], node[N_ITEMS], node[N_BASES])
        _put(s.hashes[NODES], hashed, number)
    for number in range(1, s.n[N_SETS]):
        known = s.sets[number]
        hashed = _hash_of_set(s.pool[known[ITEMS] :], known[N_SET], known[LEFT], s.set_bytes[number, 0])
        _put(s.hashes[SETS], hashed, number)
    for number in range(1, s.n[N_OUTCOMES]):
        hashed = _hash_of_outcome(s.outcomes[number, 0], s.outcomes[number, 1])
        _put(s.hashes[OUTCOMES], hashed, number)


@inner
def _put(table, hashed, number):
    mask = table.shape[0] - 1
    slot = np.int64(hashed) & mask
    while table[slot] != 0:
        slot = slot + 1 & mask
    table[slot] = number
