"""Places in a program: the positions with which they begin, and what is read or called there."""

from __future__ import annotations

import numpy as np

from ....jit import inner
from .instructions import (
    CALL,
    EMPTY,
    ENTER,
    JUMP,
    LOOP,
    OP,
    PRODUCTIVE,
    READ,
    RETURN,
    SPLIT,
    UNBOUNDED,
    A,
    B,
    C,
)
from .store import (
    CLOSED,
    COUNT,
    N_CLOSED,
    OUTER,
    PASS_MARK,
    PASSES,
    PC,
    PLACE_MARK,
    POSITIONS,
    START,
    TODO,
    UNKNOWN,
    ZERO,
    keep,
    new_stamp,
    place_of,
    push,
)

MAX_EMPTY = 3_000
"""So many passes of a loop that read nothing may follow each other."""


class TooManyEmpty(Exception):
    """More than MAX_EMPTY passes in a row may be empty."""


@inner
def place_behind(s, place):
    """The place behind a character, or a call, that is read at a place; the character's last byte was read."""
    pc = s.places[place, PC]
    if pc < 0:
        return s.places[place, OUTER]
    return place_of(s, pc + 1, ZERO, s.places[place, OUTER])


@inner
def close(s, place):
    """Find the positions with which a place begins: where a byte is read, a rule is called, or the rule ends."""
    if s.places[place, CLOSED] != UNKNOWN:
        return
    stamp = new_stamp(s)
    n = explore(s, visit(s, place, ZERO, stamp), stamp, ZERO)
    s.places[place, CLOSED] = keep(s, s.scratch[POSITIONS], n)
    s.places[place, N_CLOSED] = n


@inner
def explore(s, n_todo, stamp, n):
    """Append to POSITIONS those that are reached from TODO without a byte, each once."""
    while n_todo:
        n_todo -= 1
        here = s.scratch[TODO, n_todo]
        pc, outer = s.places[here, PC], s.places[here, OUTER]
        op = READ if pc < 0 else s.code[pc, OP]
        if op == READ or op == CALL or (op == RETURN and outer == 0):
            n = push(s, POSITIONS, n, here)
        if op == CALL and s.code[s.rules[s.code[pc, A], START], EMPTY]:
            n_todo = visit(s, place_of(s, pc + 1, ZERO, outer), n_todo, stamp)
        elif op == JUMP:
            n_todo = visit(s, place_of(s, s.code[pc, A], ZERO, outer), n_todo, stamp)
        elif op == SPLIT:
            n_todo = visit(s, place_of(s, s.code[pc, A], ZERO, outer), n_todo, stamp)
            n_todo = visit(s, place_of(s, pc + 1, ZERO, outer), n_todo, stamp)
        elif op == ENTER:
            after = place_of(s, pc + 1, ZERO, outer)
            n_todo = visit(s, place_of(s, s.rules[s.code[pc, A], START], ZERO, after), n_todo, stamp)
        elif op == LOOP:
            n_todo = _loop(s, here, n_todo, stamp)
        elif op == RETURN and outer != 0:
            _count_pass(s, s.places[outer, PC], stamp)
            n_todo = visit(s, outer, n_todo, stamp)
    return n


@inner
def visit(s, place, n_todo, stamp):
    """Append a place to TODO, once, if its body can be ended from there; the length of TODO."""
    pc = s.places[place, PC]
    if s.places[place, PLACE_MARK] == stamp or (pc >= 0 and not s.code[pc, PRODUCTIVE]):
        return n_todo
    s.places[place, PLACE_MARK] = stamp
    return push(s, TODO, n_todo, place)


@inner
def _loop(s, here, n_todo, stamp):
    """Visit what is behind a loop, or its body, as the number of passes so far allows."""
    pc, count, outer = s.places[here, PC], s.places[here, COUNT], s.places[here, OUTER]
    least, most = s.code[pc, B], s.code[pc, C]
    if count >= least:
        n_todo = visit(s, place_of(s, s.code[pc, A], ZERO, outer), n_todo, stamp)
    if most == UNBOUNDED or count < most:
        again = place_of(s, pc, min(count + 1, least) if most == UNBOUNDED else count + 1, outer)
        n_todo = visit(s, place_of(s, pc + 1, ZERO, again), n_todo, stamp)
    return n_todo


@inner
def _count_pass(s, pc, stamp):
    """Count that the body of an instruction was run through without a byte, if that is a loop."""
    if s.code[pc, OP] != LOOP:
        return
    loop = s.places[pc]  # the place of an instruction has its number
    if loop[PASS_MARK] != stamp:
        loop[PASS_MARK], loop[PASSES] = stamp, 0
    loop[PASSES] += 1
    if loop[PASSES] > MAX_EMPTY:
        raise TooManyEmpty


@inner
def rule_called(s, position):
    """The rule that is called at a position, else -1."""
    pc = s.places[position, PC]
    return s.code[pc, A] if pc >= 0 and s.code[pc, OP] == CALL else -1


@inner
def node_read(s, position):
    """The encoding node that is read at a position, else 0."""
    pc = s.places[position, PC]
    if pc < 0:
        return -pc
    return s.code[pc, A] if s.code[pc, OP] == READ else 0


@inner
def edge_of(s, node, byte):
    """The edge of an encoding node that reads a byte, else -1."""
    for edge in range(s.first_edge[node], s.first_edge[node + 1]):
        if s.bytes[edge, byte >> 6] >> np.uint64(byte & 63) & np.uint64(1):
            return edge
    return -1


@inner
def is_tail(s, place):
    """Whether nothing comes behind the call at a place."""
    place = place_behind(s, place)
    close(s, place)
    if s.places[place, N_CLOSED] != 1:
        return False
    pc = s.places[s.pool[s.places[place, CLOSED]], PC]
    return pc >= 0 and s.code[pc, OP] == RETURN
