"""What bodies may be and what may come behind them, found by sweeps over a program until nothing changes.

Source: Aho et al. (2006), section 4.4.2, on instructions in place of productions.
"""

from __future__ import annotations

from ....jit import inner, jit
from .instructions import CALL, EMPTY, ENTER, JUMP, LOOP, OP, PRODUCTIVE, READ, REGION, RETURN, SPLIT, A, B

N_WORDS = 4
"""Of a set of bytes: bit b % 64 of word b // 64."""


@jit
def find_ends(code, starts, order, inlined):
    """Let calls of rules that are `inlined` be ENTER; set EMPTY and PRODUCTIVE, which are 0.

    order   : int64[n_rules], all rules, each behind those that it calls, but for recursion: so it takes few sweeps.
    inlined : int64[n_rules], 1 for those that become part of their callers.
    """
    for at in range(code.shape[0]):
        if code[at, OP] == CALL and inlined[code[at, A]]:
            code[at, OP] = ENTER
    changed = True
    while changed:
        changed = False
        for rule in order:
            for at in range(_end(code, starts, rule) - 1, starts[rule] - 1, -1):
                for flag in range(EMPTY, PRODUCTIVE + 1):
                    if not code[at, flag] and _may_end(code, starts, at, flag):
                        code[at, flag] = 1
                        changed = True


@inner
def _end(code, starts, rule):
    """Where the instructions of a rule end."""
    return starts[rule + 1] if rule + 1 < starts.shape[0] else code.shape[0]


@inner
def _may_end(code, starts, at, flag):
    """Whether the end of the body may be reached from an instruction, as far as the flags are known."""
    op, a = code[at, OP], code[at, A]
    onward = code[at + 1, flag] != 0 if at + 1 < code.shape[0] else False
    if op == CALL or op == ENTER:
        return onward and code[starts[a], flag] != 0
    if op == READ:
        return onward and flag == PRODUCTIVE
    if op == JUMP:
        return code[a, flag] != 0
    if op == SPLIT:
        return onward or code[a, flag] != 0
    if op == LOOP:
        return code[a, flag] != 0 and (onward or code[at, B] == 0)
    return op == RETURN


@inner
def _add(to, i, other, j):
    """Add the set `other[j]` to the set `to[i]`; whether it grew."""
    grew = False
    for word in range(N_WORDS):
        joined = to[i, word] | other[j, word]
        if joined != to[i, word]:
            to[i, word] = joined
            grew = True
    return grew


@jit
def find_sets(code, starts, order, first_edge, bytes_, used, first, follow):
    """Find the sets of bytes that a step needs.

    first_edge, bytes_ : of the encodings, see `store.Store`.
    used   : uint64[n_nodes, N_WORDS], zeros, changed: the bytes of each encoding node.
    first  : uint64[n, N_WORDS], zeros, changed: those with which what an instruction begins may begin, up to the end of
             its body.
    follow : uint64[n_regions, N_WORDS], zeros, changed: those that may come behind each region, or more than those.
    """
    for node in range(used.shape[0]):
        for edge in range(first_edge[node], first_edge[node + 1]):
            _add(used, node, bytes_, edge)
    changed = True
    while changed:
        changed = False
        for rule in order:
            for at in range(_end(code, starts, rule) - 1, starts[rule] - 1, -1):
                changed |= _grow_first(code, starts, at, used, first)
    changed = True
    while changed:
        changed = False
        for rule in order[::-1]:
            for at in range(starts[rule], _end(code, starts, rule)):
                changed |= _grow_follow(code, at, first, follow)


@inner
def _grow_first(code, starts, at, used, first):
    """Add to what an instruction begins with what is known of others; whether that is more."""
    op, a = code[at, OP], code[at, A]
    grew = False
    if op == READ:
        grew = _add(first, at, used, a)
    elif op == CALL or op == ENTER:
        grew = _add(first, at, first, starts[a])
        if code[starts[a], EMPTY]:
            grew |= _add(first, at, first, at + 1)
    elif op == JUMP:
        grew = _add(first, at, first, a)
    elif op == SPLIT:
        grew = _add(first, at, first, at + 1)
        grew |= _add(first, at, first, a)
    elif op == LOOP:
        grew = _add(first, at, first, at + 1)
        if code[at, B] == 0 or code[at + 1, EMPTY]:
            grew |= _add(first, at, first, a)
    return grew


@inner
def _grow_follow(code, at, first, follow):
    """Add to what may come behind the body that an instruction runs; whether that is more."""
    op, a, region = code[at, OP], code[at, A], code[at, REGION]
    grew = False
    if op == CALL or op == ENTER:
        grew = _add(follow, a, first, at + 1)
        if code[at + 1, EMPTY]:
            grew |= _add(follow, a, follow, region)
    elif op == LOOP:
        body = code[at + 1, REGION]
        grew = _add(follow, body, first, at + 1)
        grew |= _add(follow, body, first, a)
        if code[a, EMPTY]:
            grew |= _add(follow, body, follow, region)
    return grew
