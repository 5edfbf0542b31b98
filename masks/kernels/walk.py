"""Stepping a pushdown automaton over the bytes of one token, or over a whole token trie.

The arrays `table`, `code` and `stack` are those of `grammar.pushdown.Pushdown`. Scratch arrays, supplied by the caller:

path  : int32[max_depth + 2, 7], the configuration after each byte (state, count, escape, stack node, n_local), and a
        walk's place among the siblings (cursor, last).
local : int32[n, 2], stack nodes (parent, frame) made during this walk; node id LOCAL + index.
ctl   : int64[N_CTL], what the kernel and its caller tell each other, see the CTL_ names; CTL_POPPED becomes the least
        node of `stack` that was popped, if that is less than what it was.

All kernels that step are in one file because Numba's disk cache does not notice a change in another one; of `below.py`
they use facts of UTF-8.
"""

from __future__ import annotations

import numpy as np

from ...grammar.pushdown import (
    ACCEPT,
    ALLOWED_NAMES,
    ANY_CHARACTER,
    BEYOND,
    COUNT_HI,
    COUNT_LO,
    COUNTED,
    END,
    END_LO,
    ESCAPABLE,
    EXIT,
    FLAGS,
    GOTO,
    MOVED,
    N_NAMES,
    NAME_BITS,
    NAME_DEPTH,
    NAME_END,
    NAMES,
    NAMES_AT,
    PUSH,
    READY,
    SHARED_PUSH,
    SPACE,
    SPACE_CAP,
    STRING,
    UNFILLED,
)
from ...jit import inlined, inner, jit
from .below import (
    BYTE_GROUPS,
    FIRST_LEAD,
    IS_MALFORMED,
    IS_PENDING,
    LAST_LEAD,
    n_behind,
    second_bytes,
)

# What a step reports.
STEP_DEAD, STEP_ALIVE = 0, 1
STEP_OUT = 2  # popped below BOTTOM, byte consumed; ctl[CTL_OUTCOME] has the outcome
STEP_OUT_BEFORE = 3  # the same, but this byte belongs to what follows
STEP_SHARED = 4  # from here on as the base row has it
STEP_ASK = -1  # not a quick step
# Stop and ask Python: expand a state, fill a frame, enlarge scratch, fill a transition.
MISS_STATE, MISS_FRAME, MISS_SPACE, MISS_BYTE = 5, 6, 7, 8

BOTTOM = -1  # below the visible part of the stack
LOCAL = 1 << 24  # stack node ids from here on are indices into `local`
PAIR = 1 << 30  # escape value: a high surrogate was read

STATE, COUNT, ESCAPE, NODE, N_LOCAL, CURSOR, LAST = 0, 1, 2, 3, 4, 5, 6
CTL_RESUME, CTL_MISS, CTL_OUTCOME, CTL_EXITS, CTL_SHARED, CTL_CLEAR, CTL_NAMED = 0, 1, 2, 3, 4, 5, 6
CTL_LOWEST, CTL_STAGE, CTL_POPPED, CTL_INSIDE, CTL_ACCEPTS = 7, 8, 9, 10, 11
# Of the last watched outcome: the frame, the outcome, the stack node below.
CTL_NAME_FRAME, CTL_NAME_OUTCOME, CTL_NAME_PLACE, CTL_FEW = 12, 13, 14, 15
# Behind a text: the configuration, CTL_LOWEST and CTL_NAMED, side by side for a caller who takes them all at once.
CTL_END, N_CTL = 16, 22
NO_SHARED = -2
NAME_MASK = (1 << NAME_BITS) - 1
_STRING_BYTES = np.int64(1) << np.int64(0x22), np.int64(1) << np.int64(0x5C - 64)  # that no row has


GO_ON = -1  # in place of a state: not the beginning of a walk


@inlined
def _begin(path, ctl, state, count, escape, node):
    """Let a walk begin in a configuration."""
    _put(path, 0, state, count, escape, node, 0)
    for i in range(N_CTL):
        ctl[i] = 0
    ctl[CTL_SHARED], ctl[CTL_POPPED] = NO_SHARED, LOCAL


@inlined
def _put(path, depth, state, count, escape, node, n_local):
    path[depth, STATE] = state
    path[depth, COUNT] = count
    path[depth, ESCAPE] = escape
    path[depth, NODE] = node
    path[depth, N_LOCAL] = n_local
    return STEP_ALIVE


@inner
def _apply(machine, path, depth, operation, node, n_local, ctl):
    """Perform `operation` on the stack `node` and write the configuration to `path[depth]`."""
    _, code, stack, local = machine
    while operation & 3 == EXIT:
        if node == BOTTOM:
            ctl[CTL_OUTCOME] = operation >> 2
            return STEP_OUT
        if node >= LOCAL:
            frame = local[node - LOCAL, 1]
            node = local[node - LOCAL, 0]
        else:
            ctl[CTL_POPPED] = min(ctl[CTL_POPPED], node)
            frame = stack[node, 1]
            node = stack[node, 0]
        outcome = operation >> 2
        while code[frame] >= MOVED:
            frame = code[frame] - MOVED
        head = code[frame]
        if head < 0 and outcome >= -1 - head:
            ctl[CTL_NAMED] += 1
            ctl[CTL_NAME_FRAME], ctl[CTL_NAME_OUTCOME], ctl[CTL_NAME_PLACE] = frame, outcome, node
        operation = UNFILLED if 0 <= head <= outcome else code[frame + 1 + outcome]
        if operation == UNFILLED:
            ctl[CTL_MISS] = frame
            ctl[CTL_OUTCOME] = outcome
            return MISS_FRAME
    if operation == 0:
        return STEP_DEAD
    if operation & 3 == GOTO:
        return _put(path, depth, operation >> 2, 0, 0, node, n_local)
    offset = operation >> 2
    for i in range(code[offset + 1]):
        if n_local == local.shape[0]:
            return MISS_SPACE
        local[n_local, 0] = node
        local[n_local, 1] = code[offset + 2 + i]
        node = LOCAL + n_local
        n_local += 1
    return _put(path, depth, code[offset], 0, 0, node, n_local)


@inner
def _in_bounds(table, state, count, ctl):
    """Whether `count` code points may have been read on entering the counted `state`, or what goes on beyond it.

    Where they may, ctl[CTL_STAGE] is the state that is entered.
    """
    while True:
        if not table[state, FLAGS] & READY:
            ctl[CTL_MISS] = state
            return MISS_STATE
        if not table[state, FLAGS] & COUNTED or count <= table[state, COUNT_HI]:
            break
        state = table[state, BEYOND]
        if state == 0:
            return STEP_DEAD
    ctl[CTL_STAGE] = state
    return STEP_ALIVE if count >= table[state, COUNT_LO] else STEP_DEAD


@inlined
def _count(table, path, depth, count, ctl):
    """Enter the counted state of `path[depth]` with `count` code points."""
    status = _in_bounds(table, np.int64(path[depth, STATE]), np.int64(count), ctl)
    if status == STEP_ALIVE:
        state = ctl[CTL_STAGE]
        path[depth, STATE] = state
        path[depth, COUNT] = count if table[state, FLAGS] & COUNTED else 0
    return status


@inner
def _utf8_length(code_point):
    if code_point < 0x80:
        return 1
    if code_point < 0x800:
        return 2
    return 3 if code_point < 0x10000 else 4


@inner
def _utf8_byte(code_point, length, index):
    """Byte `index` of the UTF-8 form of `code_point`, which is `length` bytes long."""
    if length == 1:
        return code_point
    shift = 6 * (length - 1 - index)
    if index > 0:
        return 0x80 | (code_point >> shift) & 0x3F
    if length == 2:
        return 0xC0 | code_point >> shift
    return (0xE0 if length == 3 else 0xF0) | code_point >> shift


@inner
def _name_behind(table, code, state, count, byte):
    """The count behind `byte` in NAMES, -1 where no name goes on with it."""
    names, n, depth = table[state, NAMES_AT], table[state, N_NAMES], _name_depth(table, state, count)
    is_open, allowed = table[state, FLAGS] & SHARED_PUSH, table[state, ALLOWED_NAMES]
    i, first = count >> NAME_BITS, -1
    while True:
        if code[names + 3 * i + 1] > depth:
            next_byte = code[code[names + 3 * i] + depth]
            if next_byte > byte:
                return -1
            if next_byte == byte:
                first = i if first < 0 else first
                if is_open or allowed >> i & 1:  # other names may begin like one that may not come
                    return first << NAME_BITS | (count & NAME_MASK) + 1
        i += 1
        if i == n or code[names + 3 * i + 2] < depth:
            return -1


@inlined
def _name_depth(table, state, count):
    """How many bytes were read of a name."""
    return table[state, NAME_DEPTH] + (count & NAME_MASK)


@inner
def _name_bytes(table, code, state, count):
    """The bytes with which names go on in NAMES that may come: two bit sets, below 64 and from there on."""
    names, n, depth = table[state, NAMES_AT], table[state, N_NAMES], _name_depth(table, state, count)
    allowed = table[state, ALLOWED_NAMES]
    low, high = np.int64(0), np.int64(0)
    i = count >> NAME_BITS
    while True:
        if code[names + 3 * i + 1] > depth and allowed >> i & 1:
            byte = np.int64(code[code[names + 3 * i] + depth])
            if byte < 64:
                low |= np.int64(1) << byte
            else:
                high |= np.int64(1) << byte - 64
        i += 1
        if i == n or code[names + 3 * i + 2] < depth:
            return low, high


@inner
def _name_end(table, code, state, count):
    """The operation at the quote in NAMES."""
    i = count >> NAME_BITS
    if code[table[state, NAMES_AT] + 3 * i + 1] > _name_depth(table, state, count):
        return table[state, NAME_END]
    return table[state, END] + (i << 2) if table[state, ALLOWED_NAMES] >> i & 1 else 0


@inner
def _any_alive(machine, state, count, first, last, ctl):
    """Whether some code point of [first, last] may be the next character of the string in `state`."""
    table, code, _, _ = machine
    flags = table[state, FLAGS]
    if flags & ANY_CHARACTER:
        return STEP_DEAD if flags & COUNTED and count > table[state, COUNT_HI] else STEP_ALIVE
    if flags & NAMES:
        # Of other names, if there are any, every character may be the next.
        for point in range(first, min(last, 0x7F) + 1):
            if _name_behind(table, code, state, count, np.int64(point)) >= 0:
                return STEP_ALIVE
        return STEP_DEAD
    point = first
    while point <= last:
        if 0xD800 <= point <= 0xDFFF:
            point = 0xE000
            continue
        # As many at once as share all bytes but the last one or two.
        length = _utf8_length(point)
        end = min(last, 0xD7FF if point < 0xD800 else 0x10FFFF)
        while _utf8_length(end) > length:
            end = (0x7F, 0x7FF, 0xFFFF)[length - 1]
        is_pair = length > 1 and not point & 0x3F and point + 0x3F <= end
        shift, index = (6, length - 2) if is_pair else (0, length - 1)
        low, n = _utf8_byte(point, length, index), (end + 1 - point) >> shift
        high = low + n - 1 if index == 0 else min(low + n - 1, 0xBF)
        here = np.int64(state)
        for i in range(index):
            if here != 0 and not table[here, FLAGS] & READY:
                ctl[CTL_MISS] = here
                return MISS_STATE
            here = np.int64(_target(table, code, here, _utf8_byte(point, length, i)))
        status = STEP_DEAD
        if is_pair:
            status = _any_pair(table, code, here, count, low, high, flags, ctl)
        elif here != 0:
            status = _any_byte(table, code, here, count, low, high, flags, ctl)
        if status != STEP_DEAD:
            return status
        point += (high - low + 1) << shift
    return STEP_DEAD


@inner
def _any_pair(table, code, state, count, low, high, flags, ctl):
    """Whether a byte of [low, high] and one of continuation lead to where `count` characters may be."""
    if state == 0:
        return STEP_DEAD
    if not table[state, FLAGS] & READY:
        ctl[CTL_MISS] = state
        return MISS_STATE
    before = 0
    for byte in range(low, high + 1):
        here = np.int64(_target(table, code, state, byte))
        if here != before and here != 0:
            before = here
            status = _any_byte(table, code, here, count, np.int64(0x80), np.int64(0xBF), flags, ctl)
            if status != STEP_DEAD:
                return status
    return STEP_DEAD


@inner
def _any_byte(table, code, state, count, low, high, flags, ctl):
    """Whether a byte of [low, high] leads there; `flags` are those of the state before the character."""
    if not table[state, FLAGS] & READY:
        ctl[CTL_MISS] = state
        return MISS_STATE
    before = 0
    for byte in range(low, high + 1):
        here = np.int64(_target(table, code, state, byte))
        if here != before and here != 0:
            before = here
            status = _in_bounds(table, here, count, ctl) if flags & COUNTED else STEP_ALIVE
            if status != STEP_DEAD:
                return status
    return STEP_DEAD


@inlined
def _target(table, code, state, byte):
    """The state behind a byte of a character, 0 for none."""
    operation = table[state, byte]
    # A push leaves the declared names for the lexeme of all others.
    return operation >> 2 if operation & 3 == GOTO else code[operation >> 2]


@inner
def _partial_alive(machine, state, count, value, n_digits, ctl):
    r"""Whether `\u` and the hex digits `value` can still become a character that `state` accepts."""
    shift = 4 * (4 - n_digits)
    first = value << shift
    last = first + (1 << shift) - 1
    if first < 0xD800 or last > 0xDFFF:
        status = _any_alive(machine, state, np.int64(count), first, last, ctl)
        if status != STEP_DEAD:
            return status
    high = max(first, 0xD800)
    high_last = min(last, 0xDBFF)
    if high > high_last:
        return STEP_DEAD
    return _any_alive(
        machine,
        state,
        np.int64(count),
        0x10000 + ((high - 0xD800) << 10),
        0x10000 + ((high_last - 0xD800) << 10) + 0x3FF,
        ctl,
    )


@inner
def _partial_low_alive(machine, state, count, high, value, n_digits, ctl):
    """The same for the low half of a surrogate pair."""
    shift = 4 * (4 - n_digits)
    first = max(value << shift, 0xDC00)
    last = min((value << shift) + (1 << shift) - 1, 0xDFFF)
    if first > last:
        return STEP_DEAD
    base = 0x10000 + (high << 10) - 0xDC00
    return _any_alive(machine, state, np.int64(count), base + first, base + last, ctl)


@inner
def _feed(machine, path, depth, point, ctl):
    """Read the decoded character `point` from the configuration at `depth - 1`; it was counted at the backslash."""
    table = machine[0]
    state, count, node, n_local = (
        path[depth - 1, STATE],
        path[depth - 1, COUNT],
        path[depth - 1, NODE],
        path[depth - 1, N_LOCAL],
    )
    counted = table[state, FLAGS] & COUNTED
    if table[state, FLAGS] & NAMES:
        behind = _name_behind(table, machine[1], state, np.int64(count), np.int64(point))
        if behind >= 0:
            return _put(path, depth, state, behind, 0, node, n_local)
    length = _utf8_length(point)
    for index in range(length):
        flags = table[state, FLAGS]
        if not flags & READY:
            ctl[CTL_MISS] = state
            return MISS_STATE
        operation = table[state, _utf8_byte(point, length, index)]
        if operation & 3 == PUSH and flags & SHARED_PUSH and node == ctl[CTL_SHARED]:
            return STEP_SHARED
        status = _apply(machine, path, np.int64(depth), np.int64(operation), node, n_local, ctl)
        if status != STEP_ALIVE:
            return status
        state, node, n_local = path[depth, STATE], path[depth, NODE], path[depth, N_LOCAL]
    return _count(table, path, depth, count, ctl) if counted else STEP_ALIVE


@inner
def _short_escape(byte):
    """The code point that a backslash and `byte` spell, or -1."""
    if byte == 0x22 or byte == 0x5C or byte == 0x2F:
        return byte
    if byte == 0x62:
        return 0x08
    if byte == 0x66:
        return 0x0C
    if byte == 0x6E:
        return 0x0A
    if byte == 0x72:
        return 0x0D
    return 0x09 if byte == 0x74 else -1


@inner
def _hex_value(byte):
    if 0x30 <= byte <= 0x39:
        return byte - 0x30
    lower = byte | 0x20
    return lower - 0x57 if 0x61 <= lower <= 0x66 else -1


@inner
def _step_escape(machine, path, depth, byte, ctl):
    r"""One byte inside an escape.

    `escape` is 1 after the backslash; after `\u` it is the hex digits so far behind a leading 1 nibble and a 0
    nibble; PAIR | high << 20 | (0 | 1 | digits) while the low half of a surrogate pair is awaited.
    """
    state, count, escape = path[depth - 1, STATE], path[depth - 1, COUNT], path[depth - 1, ESCAPE]
    node, n_local = path[depth - 1, NODE], path[depth - 1, N_LOCAL]
    pair = escape & PAIR
    progress = escape & 0xFFFFF if pair else escape
    upper = escape - progress
    if progress == 0:
        return _put(path, depth, state, count, upper | 1, node, n_local) if byte == 0x5C else STEP_DEAD
    if progress == 1:
        if byte == 0x75:
            return _put(path, depth, state, count, upper | 0x10, node, n_local)
        point = _short_escape(byte)
        return STEP_DEAD if pair or point < 0 else _feed(machine, path, depth, point, ctl)
    digit = _hex_value(byte)
    if digit < 0:
        return STEP_DEAD
    progress = progress << 4 | digit
    if progress >= 0x100000:
        return _finish_hex(machine, path, depth, progress & 0xFFFF, ctl)
    n_digits = 1 if progress < 0x1000 else (2 if progress < 0x10000 else 3)
    value = progress & ((1 << 4 * n_digits) - 1)
    if pair:
        status = _partial_low_alive(machine, state, count, escape >> 20 & 0x3FF, value, n_digits, ctl)
    else:
        status = _partial_alive(machine, state, count, value, n_digits, ctl)
    if status == STEP_ALIVE:
        _put(path, depth, state, count, upper | progress, node, n_local)
    return status


@inner
def _finish_hex(machine, path, depth, value, ctl):
    r"""The fourth digit of a `\u` escape."""
    state, count, escape = path[depth - 1, STATE], path[depth - 1, COUNT], path[depth - 1, ESCAPE]
    if escape & PAIR:
        if not 0xDC00 <= value <= 0xDFFF:
            return STEP_DEAD
        high = escape >> 20 & 0x3FF
        return _feed(machine, path, depth, 0x10000 + (high << 10) + value - 0xDC00, ctl)
    if 0xDC00 <= value <= 0xDFFF:
        return STEP_DEAD  # a lone low surrogate is not text
    if not 0xD800 <= value <= 0xDBFF:
        return _feed(machine, path, depth, value, ctl)
    high = value - 0xD800
    first = 0x10000 + (high << 10)
    status = _any_alive(machine, state, np.int64(count), first, first + 0x3FF, ctl)
    if status == STEP_ALIVE:
        _put(path, depth, state, count, PAIR | high << 20, path[depth - 1, NODE], path[depth - 1, N_LOCAL])
    return status


@inner
def _step_string(machine, path, depth, byte, ctl):
    """One raw byte inside a JSON string, outside an escape. The state is READY."""
    table = machine[0]
    state, count, node, n_local = (
        path[depth - 1, STATE],
        path[depth - 1, COUNT],
        path[depth - 1, NODE],
        path[depth - 1, N_LOCAL],
    )
    flags = table[state, FLAGS]
    if byte == 0x22:
        if flags & COUNTED and count < table[state, END_LO]:
            return STEP_DEAD
        end = _name_end(table, machine[1], state, count) if flags & NAMES else table[state, END]
        return _apply(machine, path, np.int64(depth), np.int64(end), node, n_local, ctl)
    if byte == 0x5C:
        if not flags & ESCAPABLE:
            return STEP_DEAD
        if flags & (NAMES | SHARED_PUSH) == NAMES:
            low, high = _name_bytes(table, machine[1], state, count)
            if low | high == 0:
                return STEP_DEAD
        if flags & COUNTED:
            count += 1
            status = _any_alive(machine, state, np.int64(count), np.int64(0), np.int64(0x10FFFF), ctl)
            if status != STEP_ALIVE:
                return status
        return _put(path, depth, state, count, 1, node, n_local)
    if byte < 0x20:
        return STEP_DEAD
    if flags & NAMES:
        behind = _name_behind(table, machine[1], state, np.int64(count), np.int64(byte))
        if behind >= 0:
            return _put(path, depth, state, behind, 0, node, n_local)
    operation = table[state, byte]
    if operation & 3 == PUSH and flags & SHARED_PUSH and node == ctl[CTL_SHARED]:
        return STEP_SHARED
    status = _apply(machine, path, np.int64(depth), np.int64(operation), node, n_local, ctl)
    if status == STEP_ALIVE and flags & COUNTED:
        # Counted where a character begins, so that half a character never overruns the bound.
        return _count(table, path, depth, count + (byte & 0xC0 != 0x80), ctl)
    return status


@inner
def step(machine, path, depth, byte, ctl):
    """Read `byte` in the configuration `path[depth - 1]`; on STEP_ALIVE `path[depth]` is the new one."""
    if path[depth - 1, ESCAPE] != 0:
        return _step_escape(machine, path, depth, byte, ctl)
    table = machine[0]
    state, count, node, n_local = (
        path[depth - 1, STATE],
        path[depth - 1, COUNT],
        path[depth - 1, NODE],
        path[depth - 1, N_LOCAL],
    )
    while True:
        flags = table[state, FLAGS]
        if not flags & READY:
            ctl[CTL_MISS] = state
            return MISS_STATE
        if flags & STRING:
            if state != path[depth - 1, STATE]:
                return STEP_DEAD  # a string begins with its quote, so nothing ends into the middle of one
            return _step_string(machine, path, depth, byte, ctl)
        operation = table[state, byte]
        if operation == SPACE:
            if count >= table[state, SPACE_CAP]:
                return STEP_DEAD
            return _put(path, depth, state, count + 1, 0, node, n_local)
        if operation == UNFILLED:
            ctl[CTL_MISS] = state
            ctl[CTL_OUTCOME] = byte
            return MISS_BYTE
        if operation != 0:
            return _apply(machine, path, np.int64(depth), np.int64(operation), node, n_local, ctl)
        # The byte does not continue this lexeme: end it where that is possible, and read the byte one level up.
        operation = table[state, END]
        if operation == 0:
            return STEP_DEAD
        status = _apply(machine, path, np.int64(depth), np.int64(operation), node, n_local, ctl)
        if status == STEP_OUT:
            return STEP_OUT_BEFORE
        if status != STEP_ALIVE:
            return status
        state, count, node, n_local = path[depth, STATE], 0, path[depth, NODE], path[depth, N_LOCAL]


@jit
def advance(table, code, stack, local, path, state, count, escape, node, text, ctl):
    """Read all bytes of `text` in a configuration, see `_read`; where all are read, what is behind is at CTL_END."""
    _put(path, 0, state, count, escape, node, 0)
    ctl[CTL_SHARED] = NO_SHARED
    status = _read((table, code, stack, local), path, text, ctl)
    if status == STEP_ALIVE:
        for i in range(N_LOCAL):
            ctl[CTL_END + i] = path[text.shape[0], i]
        ctl[CTL_END + N_LOCAL], ctl[CTL_END + N_LOCAL + 1] = ctl[CTL_LOWEST], ctl[CTL_NAMED]
    return status


@inner
def _read(machine, path, text, ctl):
    """Read all bytes of `text` from `path[0]`. Returns STEP_ALIVE with `path[len(text)]` set, STEP_DEAD, or a miss.

    ctl : CTL_LOWEST becomes the lowest stack node behind a byte, one of `local` where nothing below the start was left;
          CTL_NAMED how many times frames reported watched outcomes, CTL_NAME_FRAME and so on the last of them.
    """
    lowest = 2 * LOCAL
    ctl[CTL_NAMED] = 0
    for depth in range(1, text.shape[0] + 1):
        status = step(machine, path, depth, text[depth - 1], ctl)
        if status != STEP_ALIVE:
            return status
        lowest = min(lowest, path[depth, NODE])
    ctl[CTL_LOWEST] = lowest
    return STEP_ALIVE


@jit
def walk(
    table,
    code,
    stack,
    local,
    path,
    trie_bytes,
    links,
    groups,
    spans,
    tokens,
    mask,
    exits,
    ctl,
    start,
    count,
    escape,
    start_node,
    shared,
):
    """Set the bit of each token of a trie whose bytes keep the automaton alive from (start, count, escape, start_node).

    trie_bytes : uint8[n], links : int32[n + 1, 2], the trie in level order: first child and token id (or -1) of each
                 node; the children of a node end where those of the next one begin.
    groups : int64[n], of the characters below each node, see `below.collect_groups`.
    spans : int32[n, 2]: tokens[spans[i, 0] : spans[i, 1]] are those at and below node i.  tokens : int32[n_tokens].
    mask  : uint32[ceil(V / 32)], bits are set; where `shared` is a stack node, it holds the row of the shared state,
            and bits are also cleared.
    exits : int32[n, 3], of which ctl[CTL_EXITS] become (trie node, outcome, 1 if its byte was not consumed), where the
            walk leaves BOTTOM.
    Returns STEP_ALIVE when done, or a miss, after which a call with GO_ON in place of `start` goes on where it stopped,
    at depth ctl[CTL_RESUME].
    Cost: one step per node visited, siblings side by side in memory. What is below a node is not visited, but its
    tokens are, where its characters all lead from a state to itself: such are names, text and white space.
    """
    machine = (table, code, stack, local)
    if start != GO_ON:
        _begin(path, ctl, start, count, escape, start_node)
        path[1, CURSOR], path[1, LAST] = 1, links[1, 0]
        ctl[CTL_RESUME], ctl[CTL_SHARED], ctl[CTL_CLEAR] = 1, shared, shared != NO_SHARED
    depth = ctl[CTL_RESUME]
    same_state, same_groups = 0, np.int64(0)
    while depth > 0:
        node = path[depth, CURSOR] if ctl[CTL_CLEAR] else _skip_dead(table, code, path, depth, trie_bytes)
        if node == path[depth, LAST]:
            depth -= 1
            continue
        byte = trie_bytes[node]
        status = _quick_step(table, path, depth, byte)
        is_quick = status == STEP_ALIVE
        if status == STEP_ASK:
            status = step(machine, path, depth, byte, ctl)
        has_children = links[node, 0] < links[node + 1, 0]
        if status == MISS_BYTE and not has_children:
            status = STEP_ALIVE  # wherever it leads: nothing is behind it
        is_all = False
        if is_quick and has_children and not ctl[CTL_CLEAR]:
            state, below = path[depth, STATE], groups[node]
            is_lead = FIRST_LEAD <= byte <= LAST_LEAD
            if is_lead:  # what counts is where the whole character leads
                below &= ~IS_PENDING
                state = path[depth - 1, STATE]
                if state != same_state or not same_groups >> BYTE_GROUPS[byte] & 1:
                    state = (
                        _behind_character(table, np.int64(state), np.int64(byte), ctl) if depth == 1 else 0
                    )
            if state > 0 and state != same_state and (is_lead or state == path[depth - 1, STATE]):
                same_state, same_groups = state, _groups_to_itself(table, state, depth, ctl)
                if same_groups < 0:
                    state = same_groups
            if state < 0:
                status = -state
            is_all = state > 0 and state == same_state and below & ~same_groups == 0
        if status >= MISS_STATE or not _note(status, node, exits, ctl):
            path[depth, CURSOR] = node
            ctl[CTL_RESUME] = depth
            return status if status >= MISS_STATE else MISS_SPACE
        path[depth, CURSOR] = node + 1
        if status == STEP_ALIVE:
            token = links[node, 1]
            if token >= 0:
                mask[token >> 5] |= np.uint32(1) << np.uint32(token & 31)
            if is_all:
                _set_all(tokens, spans[node, 0], spans[node, 1], mask)
            elif has_children:
                depth += 1
                path[depth, CURSOR] = links[node, 0]
                path[depth, LAST] = links[node + 1, 0]
        elif status == STEP_DEAD and ctl[CTL_CLEAR]:
            _clear_all(tokens, spans[node, 0], spans[node, 1], mask)
    return STEP_ALIVE


@inlined
def _quick_step(table, path, depth, byte):
    """What `step` does where one row is enough: on the same stack level, no counting of characters, no escape.

    STEP_ASK for all other steps. Nine steps of ten are of this kind, and a call costs more than the step.
    """
    state = path[depth - 1, STATE]
    flags = table[state, FLAGS]
    status = STEP_ASK
    if path[depth - 1, ESCAPE] == 0 and flags & (READY | COUNTED | NAMES) == READY:
        operation = table[state, byte]
        if operation == SPACE and not flags & STRING:
            count = path[depth - 1, COUNT]
            status = STEP_DEAD
            if count < table[state, SPACE_CAP]:
                status = STEP_ALIVE
                _put(path, depth, state, count + 1, 0, path[depth - 1, NODE], path[depth - 1, N_LOCAL])
        elif operation & 3 == GOTO and operation != 0:
            if not (flags & STRING and (byte == 0x22 or byte == 0x5C or byte < 0x20)):
                status = STEP_ALIVE
                _put(path, depth, operation >> 2, 0, 0, path[depth - 1, NODE], path[depth - 1, N_LOCAL])
    return status


@inlined
def _skip_dead(table, code, path, depth, trie_bytes):
    """The first node from the cursor on that needs a step: the others have no transition, and that is seen at once."""
    node, last = path[depth, CURSOR], path[depth, LAST]
    state = path[depth - 1, STATE]
    flags = table[state, FLAGS]
    if path[depth - 1, ESCAPE] != 0 or not flags & READY or flags & SHARED_PUSH:
        return node
    if flags & STRING:
        low, high = _STRING_BYTES
        if flags & NAMES:
            name_low, name_high = _name_bytes(table, code, state, path[depth - 1, COUNT])
            low |= name_low
            high |= name_high
        while node < last and table[state, trie_bytes[node]] == 0:
            byte = np.int64(trie_bytes[node])
            if byte < 0x80 and (low >> byte if byte < 64 else high >> byte - 64) & 1:
                break
            node += 1
    elif table[state, END] == 0:
        while node < last and table[state, trie_bytes[node]] == 0:
            node += 1
    return node


@inner
def _note(status, node, exits, ctl):
    """Write down an exit. False if there is no room for it."""
    if status != STEP_OUT and status != STEP_OUT_BEFORE:
        return True
    row = ctl[CTL_EXITS]
    if row == exits.shape[0]:
        return False
    exits[row, 0] = node
    exits[row, 1] = ctl[CTL_OUTCOME]
    exits[row, 2] = status == STEP_OUT_BEFORE
    ctl[CTL_EXITS] = row + 1
    return True


@inner
def _common_target(table, state, first, last, ctl):
    """The state to which the bytes of [first, last] all lead on the stack level; 0 if there is none, or -miss."""
    flags = table[state, FLAGS]
    if not flags & READY:
        ctl[CTL_MISS] = state
        return -MISS_STATE
    if flags & (COUNTED | NAMES):
        return 0
    operation = table[state, first]
    for byte in range(first, last + 1):
        if table[state, byte] == UNFILLED:
            ctl[CTL_MISS], ctl[CTL_OUTCOME] = state, byte
            return -MISS_BYTE
        if table[state, byte] != operation or operation & 3 != GOTO:
            return 0
    return operation >> 2


@inner
def _behind_character(table, state, lead, ctl):
    """The same for all characters of UTF-8 that begin with the byte `lead`."""
    state = _common_target(table, np.int64(state), np.int64(lead), np.int64(lead), ctl)
    first, last = second_bytes(lead)
    for _ in range(n_behind(lead)):
        if state <= 0:
            break
        state = _common_target(table, np.int64(state), np.int64(first), np.int64(last), ctl)
        first, last = 0x80, 0xBF
    return state


@inner
def _groups_to_itself(table, state, depth, ctl):
    """The groups (bits) of whose characters each leads from `state` to itself, without any count; or -miss.

    Only near the root of a trie it pays to ask for what is not known.
    """
    flags = table[state, FLAGS]
    if not flags & READY:
        ctl[CTL_MISS] = state
        return np.int64(-MISS_STATE)
    if flags & (COUNTED | NAMES):
        return np.int64(0)
    others = IS_MALFORMED | IS_PENDING
    for byte in range(0x80):
        is_special = flags & STRING and (byte == 0x22 or byte == 0x5C or byte < 0x20)
        if is_special or table[state, byte] != state << 2 | GOTO:
            others |= np.int64(1) << BYTE_GROUPS[byte]
    last, behind = 0, 0
    for lead in range(FIRST_LEAD, LAST_LEAD + 1):
        group = np.int64(1) << BYTE_GROUPS[lead]
        if others & group:
            continue
        # Most differ from the one before neither in where they lead nor in what may come behind them.
        if last == 0 or table[state, lead] != table[state, last] or not _is_same_kind(lead, last):
            last = lead
            behind = _behind_character(table, np.int64(state), np.int64(lead), ctl)
            if behind < 0 and depth == 1:
                return np.int64(behind)
        if behind != state:
            others |= group
    return ~others & np.int64(2**62 - 1)


@inlined
def _is_same_kind(lead, other):
    """Whether the same may come behind two first bytes of characters."""
    return n_behind(lead) == n_behind(other) and second_bytes(lead) == second_bytes(other)


@inner
def _set_all(tokens, first, last, mask):
    """Set the bits of `tokens[first:last]`."""
    for i in range(first, last):
        token = tokens[i]
        mask[token >> 5] |= np.uint32(1) << np.uint32(token & 31)


@inner
def _clear_all(tokens, first, last, mask):
    """Clear them."""
    for i in range(first, last):
        token = tokens[i]
        mask[token >> 5] &= ~(np.uint32(1) << np.uint32(token & 31))


@jit
def walk_exits(
    table,
    code,
    stack,
    local,
    path,
    trie_bytes,
    links,
    groups,
    spans,
    tokens,
    mask,
    node,
    exits,
    left,
    ctl,
    is_new,
):
    """Continue walks that left BOTTOM, now that the stack `node` is known to lie there, perhaps on BOTTOM again.

    exits : int32[n, 3], as `walk` writes them: where in the trie, the outcome, 1 if the byte there was not consumed.
    left  : int32[n, 3], appended where a walk leaves BOTTOM once more.
    is_new : whether to begin; else it goes on at the exit ctl[CTL_RESUME], in it at the depth ctl[CTL_INSIDE].
    """
    machine = (table, code, stack, local)
    if is_new:
        _begin(path, ctl, 0, 0, 0, node)
    outcome, passed, status = -1, 0, STEP_DEAD
    for i in range(ctl[CTL_RESUME], exits.shape[0]):
        inside = ctl[CTL_INSIDE]
        if inside > 0:
            outcome, status = exits[i, 1], STEP_ALIVE  # `path` is as it was
        elif exits[i, 1] != outcome:
            outcome = exits[i, 1]
            status = _apply(machine, path, np.int64(0), np.int64(outcome << 2 | EXIT), node, 0, ctl)
            passed = ctl[CTL_OUTCOME]
            if status == STEP_ALIVE and path[0, STATE] == 0:
                status = STEP_DEAD
        if status == STEP_OUT:
            row = ctl[CTL_EXITS]
            if row < left.shape[0]:
                left[row, 0], left[row, 1], left[row, 2] = exits[i, 0], passed, exits[i, 2]
                ctl[CTL_EXITS] = row + 1
            else:
                status = MISS_SPACE
        elif status == STEP_ALIVE:
            if inside == 0:
                place = exits[i, 0]
                if exits[i, 2]:
                    path[1, CURSOR], path[1, LAST] = place, place + 1
                else:
                    token = links[place, 1]
                    if token >= 0:
                        mask[token >> 5] |= np.uint32(1) << np.uint32(token & 31)
                    path[1, CURSOR], path[1, LAST] = links[place, 0], links[place + 1, 0]
                inside = 1
            ctl[CTL_RESUME] = inside
            status = walk(
                table,
                code,
                stack,
                local,
                path,
                trie_bytes,
                links,
                groups,
                spans,
                tokens,
                mask,
                left,
                ctl,
                GO_ON,
                0,
                0,
                0,
                NO_SHARED,
            )
            ctl[CTL_INSIDE] = ctl[CTL_RESUME] if status >= MISS_STATE else 0
        if status >= MISS_STATE:
            ctl[CTL_RESUME] = i
            return status
    return STEP_ALIVE


@inner
def _may_end(machine, path, ctl):
    """Whether the text may end at `path[0]`; `path[1]` is scratch."""
    table = machine[0]
    at = 0
    while True:
        state = path[at, STATE]
        flags = table[state, FLAGS]
        if not flags & READY:
            ctl[CTL_MISS] = state
            return MISS_STATE
        if flags & ACCEPT:
            return STEP_ALIVE
        operation = table[state, END]
        if operation == 0 or flags & STRING or path[at, ESCAPE] != 0:
            return STEP_DEAD
        status = _apply(
            machine, path, np.int64(1), np.int64(operation), path[at, NODE], path[at, N_LOCAL], ctl
        )
        if status != STEP_ALIVE:
            return status
        at = 1


@jit
def finish(table, code, stack, local, path, duplicates, ends, mask, few, ctl, state, count, escape, node):
    """Complete the mask of a configuration, right for text tokens but for those that spell what another one does.

    duplicates : int32[n, 2], for each of these such a token first.  ends : int64[n], the tokens that end a text.
    few  : uint32[2, n], out: where the words are that have bits, and these words.
    ctl : CTL_ACCEPTS becomes 1 where the text may end; CTL_FEW the number of words in `few`, -1 where they are more.
    Returns STEP_ALIVE, or a miss.
    """
    _begin(path, ctl, state, count, escape, node)
    status = _may_end((table, code, stack, local), path, ctl)
    if status >= MISS_STATE:
        return status
    ctl[CTL_ACCEPTS] = status == STEP_ALIVE
    if status == STEP_ALIVE:
        _set_all(ends, 0, ends.shape[0], mask)
    for i in range(duplicates.shape[0]):
        first, other = duplicates[i, 0], duplicates[i, 1]
        bit = np.uint32(1) << np.uint32(other & 31)
        mask[other >> 5] &= ~bit
        if mask[first >> 5] >> np.uint32(first & 31) & np.uint32(1):
            mask[other >> 5] |= bit
    ctl[CTL_FEW] = collect_words(mask, few)
    return STEP_ALIVE


@jit
def collect_words(mask, few):
    """Write the words that have bits to `few`, see `finish`. Returns their number, -1 where they are more."""
    n = 0
    for first in range(0, mask.shape[0], 16):
        last = min(first + 16, mask.shape[0])
        any_bits = np.uint32(0)
        for i in range(first, last):  # mostly nothing: these are looked at together
            any_bits |= mask[i]
        if any_bits:
            for i in range(first, last):
                if mask[i]:
                    if n == few.shape[1]:
                        return -1
                    few[0, n], few[1, n] = i, mask[i]
                    n += 1
    return n


@jit
def check_tokens(
    table, code, stack, local, path, text, offsets, doubtful, mask, ctl, start, count, escape, start_node
):
    """Set the bit of each token in the bit set `doubtful` whose bytes keep the automaton alive from a configuration.

    text : uint8[n], offsets : int64[V + 1], token t is text[offsets[t]:offsets[t + 1]].
    Returns STEP_ALIVE when done, or a miss, after which a call with GO_ON goes on at the word ctl[CTL_RESUME].
    """
    machine = (table, code, stack, local)
    if start != GO_ON:
        _begin(path, ctl, start, count, escape, start_node)
    for word in range(ctl[CTL_RESUME], doubtful.shape[0]):
        rest = doubtful[word]
        token = word << 5
        while rest:
            if rest & np.uint32(1):
                status = _read(machine, path, text[offsets[token] : offsets[token + 1]], ctl)
                if status >= MISS_STATE:
                    ctl[CTL_RESUME] = word
                    return status
                if status == STEP_ALIVE:
                    mask[word] |= np.uint32(1) << np.uint32(token & 31)
            rest >>= np.uint32(1)
            token += 1
    return STEP_ALIVE
