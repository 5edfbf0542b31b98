"""How many texts a DFA accepts, and which, where they are few."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from . import kernels
from .byte_classes import Columns
from .dfa import ByteDfa
from .recent import CACHE_BYTES, recently

MANY = 1 << 40
"""Stands for more texts than anyone counts, and for infinitely many."""
BYTES_PER_STATE = 4 * 257


def distinct_edges(columns: Columns) -> NDArray[np.int64]:
    """int64[3, n]: source, target and number of bytes for each two states of which one leads to the other but DEAD."""
    n_states = len(columns.table)
    source, column = np.nonzero(columns.table)
    keys = source * n_states + columns.table[source, column]
    pairs, pair_of = np.unique(keys, return_inverse=True)
    n_bytes = np.zeros(pairs.size, np.int64)
    np.add.at(n_bytes, pair_of, columns.n_bytes[column])
    return np.array([*np.divmod(pairs, n_states), n_bytes])


def ways(edges: NDArray[np.int64], begin: NDArray[np.int64]) -> NDArray[np.int64]:
    """What comes to each state by all ways along `edges` (from, to, factor), each beginning with what `begin` says.

    int64[n_states], at most MANY; that much as well on and behind cycles, to which ways have no end.
    """
    n_states, n_edges = len(begin), edges.shape[1]
    amounts, is_settled = begin.copy(), np.empty(n_states, np.bool_)
    scratch = (np.empty(n, np.int64) for n in (n_states + 1, n_edges, n_states, n_states))
    kernels.dfas.count_ways(edges, amounts, is_settled, MANY, *scratch)
    amounts[~is_settled] = MANY
    return amounts


@recently(CACHE_BYTES, lambda totals: BYTES_PER_STATE * len(totals))
def n_texts(dfa: ByteDfa) -> tuple[int, ...]:
    """For each state the number of texts that are accepted from it, at most MANY."""
    edges = distinct_edges(dfa.columns)
    totals = ways(edges[[1, 0, 2]], (dfa.label >= 0).astype(np.int64))
    return tuple(totals.tolist())


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
