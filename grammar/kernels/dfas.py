"""Automata over bytes and classes of these: equal columns, equivalent states, canonical numbers, products."""

from __future__ import annotations

import numpy as np

from ...jit import inner, jit

_DEAD = 0


@jit
def distinct_columns(delta, class_of, first, scratch):
    """Group the bytes whose columns are equal.

    delta : int32[n, 256].
    class_of, first : int64[256], out: the class of each byte, and the first byte of each class, ascending.
    scratch : int64[256].
    Returns the number of classes. Cost: a look at each number.
    """
    n_classes = 1
    class_of[:] = 0
    first[0] = 0
    for state in range(delta.shape[0]):
        # What leads to another state than the first byte of its class leaves it, with all that leads to the same one.
        row, n_before = delta[state], n_classes
        for byte in range(256):
            old = class_of[byte]
            if row[byte] != row[first[old]]:
                found = n_before
                while found < n_classes and (scratch[found] != old or row[first[found]] != row[byte]):
                    found += 1
                if found == n_classes:
                    first[found], scratch[found] = byte, old
                    n_classes += 1
                class_of[byte] = found
    # They are numbered as they were found.
    n_seen = 0
    for byte in range(256):
        old = class_of[byte]
        if first[old] == byte:
            scratch[old] = n_seen
            n_seen += 1
        class_of[byte] = scratch[old]
    n_seen = 0
    for byte in range(256):
        if class_of[byte] == n_seen:
            first[n_seen] = byte
            n_seen += 1
    return n_classes


@jit
def refine(rows, n_blocks, block_of, first_before, before, scratch):
    """Split blocks until the states of each have successors in the same blocks.

    rows : int32[n, k], the successors of each state over k classes.
    n_blocks, block_of : how many blocks there are, and the block of each state: int32[n], in and out.
    first_before, before, scratch : int32[k, n + 1], int32[k, n], int32[7, n].
    Returns the number of blocks. Cost: O(n * k * log n).
    Source: Hopcroft (1971), with blocks as runs of one permutation (Valmari and Lehtinen, 2008).
    """
    begins, ends, elements, place = scratch[0], scratch[1], scratch[2], scratch[3]
    marked, hits, touched = scratch[4], scratch[5], scratch[6]
    _list_predecessors(rows, first_before, before)
    _list_members(n_blocks, block_of, begins, ends, elements, place, marked)
    # Of a split block the smaller part is new and splits others in its turn, over all classes; the larger part keeps
    # its name, and with it what of it is still to be done.
    splitter = 0
    while splitter < n_blocks:
        for column in range(rows.shape[1]):
            n_hits = _states_before(
                column, begins[splitter], ends[splitter], elements, first_before, before, hits
            )
            n_touched = _mark(hits, n_hits, block_of, begins, elements, place, marked, touched)
            for i in range(n_touched):
                n_blocks = _split(touched[i], n_blocks, block_of, begins, ends, elements, marked)
        splitter += 1
    return n_blocks


@inner
def _list_predecessors(rows, first_before, before):
    """before[c, first_before[c, q]:first_before[c, q + 1]] are the states that class c leads to q."""
    n_states, n_columns = rows.shape
    for column in range(n_columns):
        counts = first_before[column]
        counts[:] = 0
        for state in range(n_states):
            counts[rows[state, column] + 1] += 1
        for state in range(n_states):
            counts[state + 1] += counts[state]
        # Each count becomes the end of its run, then, counted down, its beginning.
        for state in range(n_states - 1, -1, -1):
            target = rows[state, column]
            counts[target + 1] -= 1
            before[column, counts[target + 1]] = state
        for state in range(n_states):
            counts[state] = counts[state + 1]
        counts[n_states] = n_states


@inner
def _list_members(n_blocks, block_of, begins, ends, elements, place, marked):
    """elements[begins[b]:ends[b]] are the states of block b; place is where each state stands there."""
    n_states = block_of.shape[0]
    ends[:n_blocks] = 0
    for state in range(n_states):
        ends[block_of[state]] += 1
    at = 0
    for block in range(n_blocks):
        begins[block] = at
        at += ends[block]
        ends[block] = begins[block]
    for state in range(n_states):
        block = block_of[state]
        elements[ends[block]] = state
        place[state] = ends[block]
        ends[block] += 1
    marked[:] = 0


@inner
def _states_before(column, begin, end, elements, first_before, before, hits):
    """The states that one class leads to elements[begin:end], each one once."""
    n_hits = 0
    for i in range(begin, end):
        target = elements[i]
        for j in range(first_before[column, target], first_before[column, target + 1]):
            hits[n_hits] = before[column, j]
            n_hits += 1
    return n_hits


@inner
def _mark(hits, n_hits, block_of, begins, elements, place, marked, touched):
    """Move the states to the front of their blocks. touched : int32[n], out: these blocks. Returns how many."""
    n_touched = 0
    for i in range(n_hits):
        state = hits[i]
        block = block_of[state]
        if marked[block] == 0:
            touched[n_touched] = block
            n_touched += 1
        front, here = begins[block] + marked[block], place[state]
        other = elements[front]
        elements[front], elements[here] = state, other
        place[state], place[other] = front, here
        marked[block] += 1
    return n_touched


@inner
def _split(block, n_blocks, block_of, begins, ends, elements, marked):
    """Part the marked states of a block from the others. Returns the number of blocks."""
    cut = begins[block] + marked[block]
    marked[block] = 0
    if cut == ends[block]:
        return n_blocks
    if cut - begins[block] <= ends[block] - cut:
        begins[n_blocks], ends[n_blocks] = begins[block], cut
        begins[block] = cut
    else:
        begins[n_blocks], ends[n_blocks] = cut, ends[block]
        ends[block] = cut
    for i in range(begins[n_blocks], ends[n_blocks]):
        block_of[elements[i]] = n_blocks
    return n_blocks + 1


@jit
def number(rows, block_of, start, numbers, reached, table):
    """Number the blocks that are reached, breadth first in the order of classes; that of state 0 is 0.

    rows : int32[n, k], block_of : int32[n].
    numbers : int32[n_blocks], all -1: out, the number of each block, -1 where it is not reached.
    reached : int32[n_blocks], out: a state of the block of each number.
    table : int32[n_blocks, k], out: the successors of each number, as numbers.
    Returns how many numbers there are, with 0.
    """
    numbers[block_of[_DEAD]] = reached[0] = 0
    n_reached = 1
    if numbers[block_of[start]] < 0:
        numbers[block_of[start]], reached[1] = 1, start
        n_reached = 2
    for column in range(rows.shape[1]):
        table[0, column] = 0
    here = 1
    while here < n_reached:
        for column in range(rows.shape[1]):
            target = rows[reached[here], column]
            block = block_of[target]
            if numbers[block] < 0:
                numbers[block], reached[n_reached] = n_reached, target
                n_reached += 1
            table[here, column] = numbers[block]
        here += 1
    return n_reached


@jit
def multiply(tables, first_rows, needed, progress, states, rows, buckets):
    """Go on with the product of several automata, breadth first from the states that are there.

    tables : int32[m, k], their rows under each other; first_rows : int64[p], where each automaton begins. Successors
             are numbers within the automaton, 0 is its dead state.
    needed : bool[p]: a product state is dead without this component; without all of them it always is.
    progress : int64[2], in and out: how many product states there are, and how many of these have a row.
    states : int32[capacity, p], rows : int32[capacity, k], in and out. State 0 is the dead one.
    buckets : int32[2**b], all -1, at least 2 * capacity: scratch, to find states by their components.
    Returns whether all states have rows; else there is no room for another state, and to go on, more is needed.
    """
    n_parts, n_columns = states.shape[1], tables.shape[1]
    n_states = progress[0]
    for here in range(n_states):
        _find(states, here, buckets)
    here = progress[1]
    while here < n_states:
        for column in range(n_columns):
            if n_states == states.shape[0]:
                progress[0], progress[1] = n_states, here
                return False
            for part in range(n_parts):
                states[n_states, part] = tables[first_rows[part] + states[here, part], column]
            rows[here, column] = _DEAD
            if _is_alive(states[n_states], needed):
                target = _find(states, n_states, buckets)
                rows[here, column] = target
                if target == n_states:
                    n_states += 1
        here += 1
    progress[0], progress[1] = n_states, here
    return True


@inner
def _is_alive(state, needed):
    is_alive = False
    for part in range(state.shape[0]):
        if state[part] != _DEAD:
            is_alive = True
        elif needed[part]:
            return False
    return is_alive


@inner
def _find(states, candidate, buckets):
    """The state that has the components of `candidate`: itself, and then it is kept, if there was none."""
    key = np.uint64(0)
    for part in range(states.shape[1]):
        key = (key ^ np.uint64(states[candidate, part])) * np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(29)
    bucket = np.int64(key & np.uint64(buckets.shape[0] - 1))
    while buckets[bucket] >= 0:
        state = buckets[bucket]
        is_same = True
        for part in range(states.shape[1]):
            if states[state, part] != states[candidate, part]:
                is_same = False
        if is_same:
            return state
        bucket = (bucket + 1) & (buckets.shape[0] - 1)
    buckets[bucket] = candidate
    return candidate


@jit
def count_ways(edges, amounts, is_settled, many, first_edge, order, n_open, todo):
    """Add up along all ways what states begin with.

    edges : int64[3, e]: from which state, to which, and by how much what is passed on is multiplied, at most 256.
    amounts : int64[n], in: what each state begins with; out: with what all ways to it bring, at most `many`.
    is_settled : bool[n], out: not on a cycle, nor behind one.
    many : below 2**54.  first_edge, order, n_open, todo : int64[n + 1], int64[e], int64[n], int64[n], scratch.
    """
    n_states = amounts.shape[0]
    first_edge[:], n_open[:], is_settled[:] = 0, 0, False
    for edge in range(edges.shape[1]):
        first_edge[edges[0, edge]] += 1
        n_open[edges[1, edge]] += 1
    for state in range(n_states):
        first_edge[state + 1] += first_edge[state]
    for edge in range(edges.shape[1]):
        first_edge[edges[0, edge]] -= 1
        order[first_edge[edges[0, edge]]] = edge
    n_todo = 0
    for state in range(n_states):
        if n_open[state] == 0:
            todo[n_todo] = state
            n_todo += 1
    here = 0
    while here < n_todo:
        state = todo[here]
        is_settled[state] = True
        for i in range(first_edge[state], first_edge[state + 1]):
            after = edges[1, order[i]]
            amounts[after] = min(amounts[after] + edges[2, order[i]] * amounts[state], many)
            n_open[after] -= 1
            if n_open[after] == 0:
                todo[n_todo] = after
                n_todo += 1
        here += 1


@jit
def greatest_ahead(delta, values):
    """Make each value the greatest of the states that are reached from it, itself included.

    delta : int32[n, k], values : int64[n], in and out; transitions to state 0 do not count.
    Cost: states have mostly greater numbers than those before them, and then two looks at each transition.
    """
    is_new = True
    while is_new:
        is_new = False
        for state in range(delta.shape[0] - 1, 0, -1):
            for column in range(delta.shape[1]):
                target = delta[state, column]
                if target != _DEAD and values[target] > values[state]:
                    values[state] = values[target]
                    is_new = True


@jit
def least_ahead(leads, others, distances):
    """Make each distance the least of any way: to a state ahead, with its own distance at the end.

    leads, others : int32[n, k], int32[n, m], transitions that count one and such that count nothing; none to state 0.
    distances : int64[n], in: of ways without a step, and out.  Cost: as `greatest_ahead`.
    """
    is_new = True
    while is_new:
        is_new = False
        for state in range(leads.shape[0] - 1, 0, -1):
            before = distances[state]
            for column in range(leads.shape[1]):
                if leads[state, column] != _DEAD:
                    distances[state] = min(distances[state], distances[leads[state, column]] + 1)
            for column in range(others.shape[1]):
                if others[state, column] != _DEAD:
                    distances[state] = min(distances[state], distances[others[state, column]])
            is_new |= distances[state] < before
