"""Equivalent states of a DFA: partition refinement by signatures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Row = Sequence[int]
"""The successors of a state over some classes of input."""

# Refinement by signatures. A state whose successors changed block is looked at again; of a
# split block the largest part keeps its name, so a state changes block at most log2(n) times
# and long chains (counted repetition) cost no more than short ones. Moore's rounds over whole
# tables would be quadratic there.


def equivalence_blocks(rows: Sequence[Row], labels: Row) -> list[int]:
    """The block of each state in the coarsest partition that respects labels and successors.

    rows : the successors of each state over some classes of input, all of one length.
    Cost: O(n_states * n_classes * log n_states).
    """
    first: dict[int, int] = {}
    block_of = [first.setdefault(label, len(first)) for label in labels]
    members: list[set[int]] = [set() for _ in first]
    for state, block in enumerate(block_of):
        members[block].add(state)
    predecessors = _predecessors(rows)
    dirty: Iterable[int] = range(len(rows))
    while dirty:
        moves = _splits(rows, block_of, members, dirty)
        for block, part in moves:
            members[block] -= part
            for state in part:
                block_of[state] = len(members)
            members.append(part)
        dirty = {before for _, part in moves for state in part for before in predecessors[state]}
    return block_of


def _predecessors(rows: Sequence[Row]) -> list[list[int]]:
    predecessors: list[list[int]] = [[] for _ in rows]
    for state, row in enumerate(rows):
        for target in set(row):
            predecessors[target].append(state)
    return predecessors


def _splits(
    rows: Sequence[Row], block_of: list[int], members: list[set[int]], dirty: Iterable[int]
) -> list[tuple[int, set[int]]]:
    """The parts to move out of their blocks, judged by the blocks as they are now.

    All states of a block that are not dirty have the same signature.
    """
    touched: dict[int, set[int]] = {}
    for state in dirty:
        touched.setdefault(block_of[state], set()).add(state)
    moves = []
    for block, states in touched.items():
        whole = members[block]
        if len(whole) == 1:
            continue
        parts: dict[tuple[int, ...], set[int]] = {}
        for state in states:
            parts.setdefault(tuple([block_of[t] for t in rows[state]]), set()).add(state)
        n_clean = len(whole) - len(states)
        if n_clean:
            clean = next(state for state in whole if state not in states)
            same = parts.pop(tuple([block_of[t] for t in rows[clean]]), set())
            n_clean += len(same)
        largest = max(parts.values(), key=len, default=set())
        if n_clean >= len(largest):
            moves += [(block, part) for part in parts.values()]
            continue
        moves += [(block, part) for part in parts.values() if part is not largest]
        if n_clean:
            moves.append((block, whole.difference(*parts.values())))
    return moves
