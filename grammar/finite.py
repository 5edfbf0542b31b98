"""How many texts a DFA accepts, and which, where they are few."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .byte_classes import Columns
from .dfa import DEAD, ByteDfa
from .recent import CACHE_BYTES, recently

MANY = 1 << 40
"""Stands for more texts than anyone counts, and for infinitely many."""
BYTES_PER_STATE = 4 * 257


def distinct_edges(columns: Columns) -> list[tuple[int, int, int]]:
    """`(source, target, number of bytes)` for each two states of which one leads to the other; DEAD left out."""
    n_states = len(columns.table)
    source, column = np.nonzero(columns.table)
    keys = source.astype(np.int64) * n_states + columns.table[source, column]
    pairs, pair_of = np.unique(keys, return_inverse=True)
    n_bytes = np.zeros(pairs.size, np.int64)
    np.add.at(n_bytes, pair_of, columns.n_bytes[column])
    sources, targets = np.divmod(pairs, n_states)
    return list(zip(sources.tolist(), targets.tolist(), n_bytes.tolist(), strict=True))


@recently(CACHE_BYTES, lambda totals: BYTES_PER_STATE * len(totals))
def n_texts(dfa: ByteDfa) -> tuple[int, ...]:
    """For each state the number of texts that are accepted from it, at most MANY."""
    into: list[list[tuple[int, int]]] = [[] for _ in range(dfa.n_states)]
    n_open = [0] * dfa.n_states
    for before, after, n_bytes in distinct_edges(dfa.columns):
        into[after].append((before, n_bytes))
        n_open[before] += 1
    total = [MANY] * dfa.n_states
    partial = (dfa.label >= 0).astype(int).tolist()
    # A state on a cycle, or before one, is never closed: it accepts infinitely many texts.
    ready = [state for state in range(dfa.n_states) if n_open[state] == 0]
    for state in ready:
        total[state] = min(partial[state], MANY)
        for before, count in into[state]:
            partial[before] += count * total[state]
            n_open[before] -= 1
            if n_open[before] == 0:
                ready.append(before)
    total[DEAD] = 0
    return tuple(total)


def runs_out(dfa: ByteDfa) -> bool:
    """Whether there are beginnings with which only finitely many texts go on."""
    return any(total < MANY for total in n_texts(dfa)[1:])


def texts(dfa: ByteDfa, limit: int) -> list[tuple[bytes, int]] | None:
    """All texts with their labels, in the order of their bytes; None if there are more than `limit`."""
    return None if n_texts(dfa)[dfa.start] > limit else list(each_text(dfa, dfa.start))


def each_text(dfa: ByteDfa, state: int) -> Iterator[tuple[bytes, int]]:
    """The texts that are accepted from a state, of which there must be finitely many, in the order of their bytes."""
    stack = [(b"", state)] if state else []
    while stack:
        text, state = stack.pop()
        if dfa.label[state] >= 0:
            yield text, int(dfa.label[state])
        row = dfa.delta[state]
        stack += [(text + bytes([byte]), int(row[byte])) for byte in row.nonzero()[0][::-1].tolist()]
