"""Equivalent states of a DFA."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import kernels

Row = Sequence[int]
"""The successors of a state over some classes of input."""

_SCRATCH = 7


def equivalence_blocks(rows: ArrayLike, labels: ArrayLike) -> NDArray[np.int32]:
    """The block of each state in the coarsest partition that respects labels and successors.

    rows   : int[n_states, n_classes], the successors of each state over some classes of input.
    labels : int[n_states].
    Returns int32[n_states]. Cost: O(n_states * n_classes * log n_states).
    """
    table = np.ascontiguousarray(rows, dtype=np.int32)
    values, inverse = np.unique(labels, return_inverse=True)
    block_of = inverse.astype(np.int32)
    n_states, n_classes = table.shape
    before = np.empty((n_classes, n_states), np.int32)
    first_before = np.empty((n_classes, n_states + 1), np.int32)
    kernels.dfas.refine(
        table, values.size, block_of, first_before, before, np.empty((_SCRATCH, n_states), np.int32)
    )
    return block_of
