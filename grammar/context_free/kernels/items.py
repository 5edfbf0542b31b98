"""Steps from sets of items to others; see `flat_items.py` for what they mean.

All raise Full where the arrays of the store have to grow. What was interned until then stays, so calling again is safe.
"""

from __future__ import annotations

import numpy as np

from ....jit import inner, jit
from .analysis import N_WORDS
from .instructions import (
    CALL,
    EMPTY,
    ENTER,
    JUMP,
    LOOP,
    OP,
    PRODUCTIVE,
    READ,
    REGION,
    RETURN,
    SPLIT,
    UNBOUNDED,
    A,
    B,
    C,
)
from .store import (
    BASES,
    BEGUN,
    BOTTOM,
    CHOSEN,
    CLOSED,
    CORNERS_KNOWN,
    COUNT,
    ENTRIES,
    FOUND,
    ITEMS,
    LEFT,
    LOW,
    MOVED,
    N_BASES,
    N_CLOSED,
    N_FRAMES,
    N_ITEMS,
    N_RETURNS,
    N_ROOTS,
    N_SET,
    N_SOURCES,
    NEXT,
    NODE_MARK,
    OUTER,
    PC,
    PLACE_MARK,
    POSITIONS,
    RETURNS,
    ROOTS,
    RULE,
    SOURCES,
    START,
    TODO,
    UNKNOWN,
    ZERO,
    Full,
    keep,
    new_stamp,
    node_of,
    place_of,
    set_of,
    sort,
    sort_unique,
)

START_AT, FIND_SOURCES, AFTER, FACTOR, BEHIND_CALL, JOIN, BEHIND, CLOSE = range(8)
"""What `step` does."""
MAX_EMPTY = 3_000
"""So many passes of loops that read nothing may follow each other."""


class TooManyEmpty(Exception):
    """More than MAX_EMPTY passes in a row may be empty."""


@inner
def _push(s, row, n, value):
    """Append a value to a row of `scratch` with `n` values; the number of values then."""
    if n >= s.scratch.shape[1]:
        raise Full
    s.scratch[row, n] = value
    return n + 1


@inner
def _behind(s, place):
    """The place behind a character, or a call, that is read at a place; the character's last byte was read."""
    pc = s.places[place, PC]
    if pc < 0:
        return s.places[place, OUTER]
    return place_of(s, pc + 1, ZERO, s.places[place, OUTER])


@inner
def _close(s, place):
    """Find the positions with which a place begins: where a byte is read, a rule is called, or the rule ends."""
    if s.places[place, CLOSED] != UNKNOWN:
        return
    stamp = new_stamp(s)
    n = _explore(s, _visit(s, place, ZERO, stamp), stamp, ZERO)
    s.places[place, CLOSED] = keep(s, s.scratch[POSITIONS], n)
    s.places[place, N_CLOSED] = n


@inner
def _explore(s, n_todo, stamp, n):
    """Append to POSITIONS those that are reached from TODO without a byte, each once."""
    passes = 0
    while n_todo:
        n_todo -= 1
        here = s.scratch[TODO, n_todo]
        pc, outer = s.places[here, PC], s.places[here, OUTER]
        op = READ if pc < 0 else s.code[pc, OP]
        if op == READ or op == CALL or (op == RETURN and outer == 0):
            n = _push(s, POSITIONS, n, here)
        if op == CALL and s.code[s.rules[s.code[pc, A], START], EMPTY]:
            n_todo = _visit(s, place_of(s, pc + 1, ZERO, outer), n_todo, stamp)
        elif op == JUMP:
            n_todo = _visit(s, place_of(s, s.code[pc, A], ZERO, outer), n_todo, stamp)
        elif op == SPLIT:
            n_todo = _visit(s, place_of(s, s.code[pc, A], ZERO, outer), n_todo, stamp)
            n_todo = _visit(s, place_of(s, pc + 1, ZERO, outer), n_todo, stamp)
        elif op == ENTER:
            inner = place_of(s, pc + 1, ZERO, outer)
            n_todo = _visit(s, place_of(s, s.rules[s.code[pc, A], START], ZERO, inner), n_todo, stamp)
        elif op == LOOP:
            n_todo = _loop(s, here, n_todo, stamp)
        elif op == RETURN and outer != 0:
            passes += s.code[s.places[outer, PC], OP] == LOOP
            if passes > MAX_EMPTY:
                raise TooManyEmpty
            n_todo = _visit(s, outer, n_todo, stamp)
    return n


@inner
def _visit(s, place, n_todo, stamp):
    """Append a place to TODO, once, if its body can be ended from there; the length of TODO."""
    pc = s.places[place, PC]
    if s.places[place, PLACE_MARK] == stamp or (pc >= 0 and not s.code[pc, PRODUCTIVE]):
        return n_todo
    s.places[place, PLACE_MARK] = stamp
    return _push(s, TODO, n_todo, place)


@inner
def _loop(s, here, n_todo, stamp):
    """Visit what is behind a loop, or its body, as the number of passes so far allows."""
    pc, count, outer = s.places[here, PC], s.places[here, COUNT], s.places[here, OUTER]
    least, most = s.code[pc, B], s.code[pc, C]
    if count >= least:
        n_todo = _visit(s, place_of(s, s.code[pc, A], ZERO, outer), n_todo, stamp)
    if most == UNBOUNDED or count < most:
        again = place_of(s, pc, min(count + 1, least) if most == UNBOUNDED else count + 1, outer)
        n_todo = _visit(s, place_of(s, pc + 1, ZERO, again), n_todo, stamp)
    return n_todo


@inner
def _add_closed(s, place, below, n):
    """Append the items of a place's positions to FOUND."""
    _close(s, place)
    first = s.places[place, CLOSED]
    for i in range(first, first + s.places[place, N_CLOSED]):
        n = _push(s, FOUND, n, s.pool[i] << 32 | below)
    return n


@inner
def _follow_none(s):
    """Let nothing come where the level of the next set is left."""
    for word in range(N_WORDS):
        s.set_bytes[NEXT, 0, word] = np.uint64(0)


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
        n = _push(s, FOUND, n, s.pool[i])
    return n


@inner
def _find_returns(s, node, begin):
    """Write to FOUND, from `begin` on, the items behind the call of a node; how many there are."""
    rule, first, n_items = s.nodes[node, RULE], s.nodes[node, ENTRIES], s.nodes[node, N_ITEMS]
    n = begin
    for i in range(first, first + n_items):
        n = _add_closed(s, _behind(s, s.pool[i] >> 32), s.pool[i] & LOW, n)
    n_bases = s.nodes[node, N_BASES]
    for i in range(n_bases):
        s.scratch[BASES, i] = s.pool[first + n_items + i]
    for i in range(_find_begun(s, n_bases)):
        start = s.rules[s.scratch[BEGUN, i] >> 32, START]
        _close(s, start)
        for j in range(s.places[start, CLOSED], s.places[start, CLOSED] + s.places[start, N_CLOSED]):
            position = s.pool[j]
            if _called(s, position) == rule:
                n = _add_closed(s, _behind(s, position), s.scratch[BEGUN, i] & LOW, n)
    return sort_unique(s.scratch[FOUND, begin:], n - begin)


@inner
def _called(s, position):
    """The rule that is called at a position, else -1."""
    pc = s.places[position, PC]
    return s.code[pc, A] if pc >= 0 and s.code[pc, OP] == CALL else -1


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
    _close(s, start)
    for i in range(s.places[start, CLOSED], s.places[start, CLOSED] + s.places[start, N_CLOSED]):
        called = _called(s, s.pool[i])
        if called >= 0 and not _has(corners, called):
            _include(corners, called)
            n = _push(s, BEGUN, n, called)
    return n


@inner
def _has(bits, number):
    return bits[number >> 6] >> np.uint64(number & 63) & np.uint64(1) != 0


@inner
def _include(bits, number):
    bits[number >> 6] |= np.uint64(1) << np.uint64(number & 63)


@inner
def _find_begun(s, n_bases):
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
    inner = node_of(s, rule, s.scratch[CHOSEN], ZERO, n_left) if n_left else UNKNOWN
    for i in range(n_bases):
        if s.scratch[BASES, i] >> 32 != rule:
            continue
        below = s.scratch[BASES, i] & LOW
        within = (
            inner != UNKNOWN and s.nodes[below, RULE] == rule and _begins_among(s, below, UNKNOWN, n_left)
        )
        if not within:
            n = _push(s, BEGUN, n, rule << 32 | below)
    return _push(s, BEGUN, n, rule << 32 | inner) if inner != UNKNOWN else n


@inner
def _without_own(s, n_left):
    """Leave out bases of `left` whose rule begins with itself, where what it returned to before comes round again."""
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
def _is_tail(s, place):
    """Whether nothing comes behind the call at a place."""
    place = _behind(s, place)
    _close(s, place)
    if s.places[place, N_CLOSED] != 1:
        return False
    pc = s.places[s.pool[s.places[place, CLOSED]], PC]
    return pc >= 0 and s.code[pc, OP] == RETURN


@inner
def _find_bases(s, number):
    """Write to BASES the rules that the items of a set call, and what these return to; how many there are.

    A rule that is called with nothing behind it returns to where its caller does.
    """
    first, n_items = s.sets[number, ITEMS], s.sets[number, N_SET]
    n_inner = ZERO
    for i in range(first, first + n_items):
        rule = _called(s, s.pool[i] >> 32)
        if rule >= 0 and not _is_tail(s, s.pool[i] >> 32):
            n_inner = _push(s, BEGUN, n_inner, rule << 32 | s.pool[i] & LOW)
    n_inner = sort_unique(s.scratch[BEGUN], n_inner)
    n = ZERO
    for i in range(first, first + n_items):
        rule = _called(s, s.pool[i] >> 32)
        if rule >= 0 and not _is_among(s.scratch[BEGUN], n_inner, rule << 32 | s.pool[i] & LOW):
            n = _push(s, BASES, n, rule << 32 | s.pool[i] & LOW)
    for i in range(n_inner):
        rule = s.scratch[BEGUN, i] >> 32
        if i and s.scratch[BEGUN, i - 1] >> 32 == rule:
            continue
        n_entries = ZERO
        for j in range(first, first + n_items):
            call = rule << 32 | s.pool[j] & LOW
            if _called(s, s.pool[j] >> 32) == rule and _is_among(s.scratch[BEGUN], n_inner, call):
                n_entries = _push(s, CHOSEN, n_entries, s.pool[j])
        n = _push(s, BASES, n, rule << 32 | node_of(s, rule, s.scratch[CHOSEN], n_entries, ZERO))
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


@inner
def _reading(s, position):
    """The encoding node that is read at a position, else 0."""
    pc = s.places[position, PC]
    if pc < 0:
        return -pc
    return s.code[pc, A] if s.code[pc, OP] == READ else 0


@inner
def _find_sources(s, number):
    """Find the items of a set, and of the rules that they begin, that read the next byte; and which bytes they read."""
    if s.sets[number, SOURCES] != UNKNOWN:
        return
    n_begun = _find_begun(s, _find_bases(s, number))
    n = ZERO
    for i in range(s.sets[number, ITEMS], s.sets[number, ITEMS] + s.sets[number, N_SET]):
        if _reading(s, s.pool[i] >> 32):
            n = _push(s, FOUND, n, s.pool[i])
    for i in range(n_begun):
        start = s.rules[s.scratch[BEGUN, i] >> 32, START]
        _close(s, start)
        for j in range(s.places[start, CLOSED], s.places[start, CLOSED] + s.places[start, N_CLOSED]):
            if _reading(s, s.pool[j]):
                n = _push(s, FOUND, n, s.pool[j] << 32 | s.scratch[BEGUN, i] & LOW)
    n = sort_unique(s.scratch[FOUND], n)
    used = s.set_bytes[number, 1]
    for word in range(N_WORDS):
        used[word] = np.uint64(0)
    for i in range(n):
        node = _reading(s, s.scratch[FOUND, i] >> 32)
        for word in range(N_WORDS):
            used[word] |= s.used[node, word]
    s.sets[number, SOURCES] = keep(s, s.scratch[FOUND], n)
    s.sets[number, N_SOURCES] = n


@inner
def _after(s, number, byte):
    """The set behind a byte. The bytes that lead there as well are in `set_bytes[NEXT, 1]` then."""
    _find_sources(s, number)
    alike = s.set_bytes[NEXT, 1]
    for word in range(N_WORDS):
        alike[word] = s.set_bytes[number, 1, word]
    first = s.sets[number, SOURCES]
    n = ZERO
    for i in range(first, first + s.sets[number, N_SOURCES]):
        position, below = s.pool[i] >> 32, s.pool[i] & LOW
        node = _reading(s, position)
        edge = _edge(s, node, byte)
        for word in range(N_WORDS):
            alike[word] &= s.bytes[edge, word] if edge >= 0 else ~s.used[node, word]
        if edge < 0:
            continue
        target = _behind(s, position)
        if s.edges[edge]:
            target = place_of(s, -s.edges[edge], ZERO, target)
        n = _push(s, BEGUN, n, below << 32 | target)
    _follow_none(s)
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
        n_todo = _visit(s, s.scratch[BEGUN, i] & LOW, n_todo, stamp)
    for i in range(_explore(s, n_todo, stamp, ZERO)):
        n = _push(s, FOUND, n, s.scratch[POSITIONS, i] << 32 | below)
    return n


@inner
def _edge(s, node, byte):
    """The edge of an encoding node that reads a byte, else -1."""
    for edge in range(s.first_edge[node], s.first_edge[node + 1]):
        if s.bytes[edge, byte >> 6] >> np.uint64(byte & 63) & np.uint64(1):
            return edge
    return -1


@inner
def _start(s, place):
    """The set in front of the whole text; `place` is where it begins."""
    _follow_none(s)
    return _complete(s, _add_closed(s, place, BOTTOM, ZERO), ZERO)


@inner
def _behind_call(s, node):
    """The set behind a call."""
    _follow_none(s)
    return _complete(s, _add_returns(s, node, ZERO), ZERO)


@inner
def _join(s, inside, node, outside):
    """The set of what is in `outside`, and in `inside` on the stack level above the frame `node`."""
    n = _load(s, inside, ZERO)
    _move(s, n, BOTTOM, node)
    if s.sets[inside, LEFT]:
        n = _add_returns(s, node, n)
    n = _load(s, outside, n)
    for word in range(N_WORDS):
        s.set_bytes[NEXT, 0, word] = s.set_bytes[outside, 0, word]
    return _complete(s, n, s.sets[outside, LEFT])


@inner
def _load(s, number, n):
    """Append the items of a set to FOUND."""
    for i in range(s.sets[number, ITEMS], s.sets[number, ITEMS] + s.sets[number, N_SET]):
        n = _push(s, FOUND, n, s.pool[i])
    return n


@inner
def _factor(s, number):
    """The set on the topmost stack level that a set consists of; the frames below it, nodes, the lowest first.

    The frames are in BEGUN, N_FRAMES of them.
    """
    n_frames = ZERO
    while s.sets[number, N_SET] and not s.sets[number, LEFT]:
        root = _root(s, number)
        if root == BOTTOM:
            break
        n_frames = _push(s, BEGUN, n_frames, root)
        n = _load(s, number, ZERO)
        _move(s, n, root, BOTTOM)
        _follow_none(s)
        number = set_of(s, n, ZERO)
    s.n[N_FRAMES] = n_frames
    return number


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
def _move(s, n, base, moved):
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
    return _push(s, BASES, needed, node)


@inner
def _moved_node(s, node):
    """A node with what it returns to moved."""
    first, n_items, n_bases = s.nodes[node, ENTRIES], s.nodes[node, N_ITEMS], s.nodes[node, N_BASES]
    for i in range(n_items + n_bases):
        entry = s.pool[first + i]
        _push(s, CHOSEN, i, entry >> 32 << 32 | s.nodes[entry & LOW, MOVED])
    n = sort_unique(s.scratch[CHOSEN], n_items)
    outer = s.scratch[CHOSEN, n_items:]
    n_outer = sort_unique(outer, n_bases)
    for i in range(n_outer):
        s.scratch[CHOSEN, n + i] = outer[i]
    return node_of(s, s.nodes[node, RULE], s.scratch[CHOSEN], n, n_outer)


@jit
def step(s, action, first, second, third):
    """Do one of START_AT ... CLOSE.

    It alone is called from Python: what is called from there is compiled with all that it calls, which takes long.
    """
    if action == START_AT:
        return _start(s, first)
    if action == FIND_SOURCES:
        _find_sources(s, first)
        return first
    if action == AFTER:
        return _after(s, first, second)
    if action == FACTOR:
        return _factor(s, first)
    if action == BEHIND_CALL:
        return _behind_call(s, first)
    if action == JOIN:
        return _join(s, first, second, third)
    if action == BEHIND:
        return _behind(s, first)
    _close(s, first)
    return first


@jit
def write(found, value, operation, row):
    """Write an operation in place of a value for some bytes. found : uint64[N_WORDS]."""
    for byte in range(256):
        if row[byte] == value and found[byte >> 6] >> np.uint64(byte & 63) & np.uint64(1):
            row[byte] = operation
