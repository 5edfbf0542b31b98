"""Sets of items as states and frames of a `Pushdown`, made where a text gets to; see `machine.py` for what they mean.

All raise Full where an array has to grow, the pushdown's own among them. What was made until then stays, so calling
again is safe. Whoever calls holds the lock of the pushdown; other threads read it meanwhile, so what an operation leads
to is written before the operation is, and a row before it is READY.
"""

from __future__ import annotations

import numpy as np

from ....jit import fence, inner
from ...pushdown import DONE_STATE, END, EXIT, FLAGS, GOTO, MADE_OF, MOVED, PUSH, READY, UNFILLED
from .analysis import N_WORDS
from .items import after, behind_call, find_sources, join
from .moving import factor
from .store import (
    BOTTOM,
    FRAME,
    FRAMES,
    FULL,
    LEFT,
    MAKER,
    N_CODE,
    N_FRAMES,
    N_SET,
    N_STATES,
    NEXT,
    OPERATION,
    ROOT,
    SET_STATE,
    TABLE,
    TOP,
    UNKNOWN,
    WORDS,
    Full,
    has_byte,
    outcome_of,
)

LEAVE = EXIT
"""The operation that leaves a level for good: outcome 0."""
HEADER = 2
"""Words in front of a frame that is made here: the number of its maker, and its node, BOTTOM for the root's."""


@inner
def expand(s, state):
    """Write the row of a state: what goes on is UNFILLED but where the level may end instead."""
    number = s.table[state, MADE_OF]
    find_sources(s, number)
    row = s.table[state]
    for column in range(MADE_OF):
        row[column] = 0
    _write(s.set_bytes[number, 1], 0, UNFILLED, row)
    if s.sets[number, LEFT]:
        for byte in range(256):
            if row[byte] == UNFILLED and has_byte(s.set_bytes[number, 0], byte):
                _fork_all(s, number, byte, row)
        row[END] = LEAVE
    fence()
    row[FLAGS] = READY


@inner
def _write(found, value, operation, row):
    """Write an operation in place of a value for some bytes. found : uint64[N_WORDS]."""
    for word in range(N_WORDS):
        bits = found[word]
        byte = word << 6
        while bits:
            if bits & np.uint64(1) and row[byte] == value:
                row[byte] = operation
            bits >>= np.uint64(1)
            byte += 1


@inner
def _fork_all(s, number, byte, row):
    """Write the operations for a byte that may come behind the level instead, and for all that lead where it does."""
    inside = after(s, number, byte)
    for other in range(byte, 256):
        if has_byte(s.set_bytes[NEXT, 1], other) and has_byte(s.set_bytes[number, 0], other):
            row[other] = _fork(s, inside, other)


@inner
def _fork(s, inside, byte):
    """The operation where `byte` leads to `inside`, or to what comes behind the level."""
    return outcome_of(s, inside, byte) << 2 | EXIT


@inner
def fill(s, state, byte):
    """Write the operation of a state for a byte, and for all that lead where it does; expand the state it leads to."""
    row = s.table[state]
    if row[byte] != UNFILLED:
        return
    target = after(s, row[MADE_OF], byte)
    factor(s, target)  # leaves the bytes that `after` found to be alike
    operation = operation_of(s, target)
    fence()
    _write(s.set_bytes[NEXT, 1], UNFILLED, operation, row)
    if operation & 3 != EXIT:  # a text goes on there at once
        target_state = operation >> 2 if operation & 3 == GOTO else s.words[operation >> 2]
        if not s.table[target_state, FLAGS] & READY:
            expand(s, target_state)


@inner
def resume(s, frame, outcome):
    """Write the operation that a frame performs for an outcome, wherever the frame is now."""
    while s.words[frame] >= MOVED:
        frame = s.words[frame] - MOVED
    if outcome >= s.words[frame]:
        frame = _moved(s, frame, 2 * outcome)
    if s.words[frame + 1 + outcome] == UNFILLED:
        operation = _resumed(s, s.words[frame - 1], outcome)
        fence()
        s.words[frame + 1 + outcome] = operation


@inner
def _moved(s, frame, n_outcomes):
    """The frame with space for more outcomes."""
    known = s.words[frame]
    moved = _reserve(s, HEADER + 1 + n_outcomes) + HEADER
    s.words[moved - 2], s.words[moved - 1], s.words[moved] = (
        s.words[frame - 2],
        s.words[frame - 1],
        n_outcomes,
    )
    for i in range(1, n_outcomes + 1):
        s.words[moved + i] = s.words[frame + i] if i <= known else UNFILLED
    fence()
    s.words[frame] = MOVED + moved
    return moved


@inner
def _resumed(s, node, outcome):
    """The operation behind a call, or behind the whole text, for an outcome."""
    inside, byte = s.outcomes[outcome, 0], s.outcomes[outcome, 1]
    if node == BOTTOM:
        return DONE_STATE << 2 | GOTO if byte < 0 else _above_root(s, inside)
    behind = behind_call(s, node)
    if byte < 0:
        return operation_of(s, behind)
    target = join(s, inside, node, after(s, behind, byte))
    if s.sets[behind, LEFT] and has_byte(s.set_bytes[behind, 0], byte):
        return _fork(s, target, byte)
    return operation_of(s, target)


@inner
def _above_root(s, number):
    """The operation that leads to a set on the level of the whole text, which was left and goes on after all."""
    return _new_operation(s, number, 1) if s.sets[number, N_SET] else DONE_STATE << 2 | GOTO


@inner
def operation_of(s, number):
    """What leads to a set."""
    if s.sets[number, OPERATION] == UNKNOWN:
        s.sets[number, OPERATION] = _new_operation(s, number, 0) if s.sets[number, N_SET] else LEAVE
    return s.sets[number, OPERATION]


@inner
def _new_operation(s, number, n_below):
    """What leads to a set that goes on, above the root frame where `n_below` is 1."""
    factor(s, number)
    state = state_of(s, s.sets[number, TOP])
    first, n_frames = s.sets[number, FRAMES], s.sets[number, N_FRAMES]
    if n_frames + n_below == 0:
        return state << 2 | GOTO
    for i in range(first, first + n_frames):
        _frame_of(s, s.pool[i])
    offset = _reserve(s, 2 + n_below + n_frames)
    s.words[offset], s.words[offset + 1] = state, n_below + n_frames
    if n_below:
        s.words[offset + 2] = s.n[ROOT]
    for i in range(n_frames):
        s.words[offset + 2 + n_below + i] = _frame_of(s, s.pool[first + i])
    return offset << 2 | PUSH


@inner
def state_of(s, number):
    """The state of a set."""
    if s.sets[number, SET_STATE] == UNKNOWN:
        state = s.n[N_STATES]
        if state >= s.table.shape[0]:
            s.n[FULL] = TABLE
            raise Full
        s.n[N_STATES] = state + 1
        s.table[state, FLAGS], s.table[state, MADE_OF] = 0, number
        s.sets[number, SET_STATE] = state
    return s.sets[number, SET_STATE]


@inner
def _frame_of(s, node):
    """The frame of a node."""
    if s.nodes[node, FRAME] == 0:
        frame = _reserve(s, HEADER + 2) + HEADER
        s.words[frame - 2], s.words[frame - 1], s.words[frame], s.words[frame + 1] = (
            s.n[MAKER],
            node,
            1,
            UNFILLED,
        )
        s.nodes[node, FRAME] = frame
    return s.nodes[node, FRAME]


@inner
def _reserve(s, n_words):
    """Where `n_words` more words of code are."""
    offset = s.n[N_CODE]
    if offset + n_words > s.words.shape[0]:
        s.n[FULL] = WORDS
        raise Full
    s.n[N_CODE] = offset + n_words
    return offset
