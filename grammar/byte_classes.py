"""Bytes that a table of transitions does not tell apart: its distinct columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import kernels


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """The distinct columns of int32[n_states, 256], in the order of the first bytes that have them.

    class_of : int64[256], the column of each byte.
    first    : int64[n_columns], the first byte of each column.
    table    : int32[n_states, n_columns].
    """

    class_of: NDArray[np.int64]
    first: NDArray[np.int64]
    table: NDArray[np.int32]

    @classmethod
    def of(cls, delta: NDArray[np.int32]) -> Columns:
        class_of, first = byte_classes(delta)
        return cls(class_of, first, delta[:, first])

    @property
    def n_bytes(self) -> NDArray[np.int64]:
        """int64[n_columns]: how many bytes have each column."""
        return np.bincount(self.class_of, minlength=self.first.size)

    def within(self, low: int, after: int) -> NDArray[np.int32]:
        """The columns of the bytes from `low` on and below `after`, each one once: int32[n_states, n]."""
        return self.table[:, np.unique(self.class_of[low:after])]


def byte_classes(delta: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Group the bytes whose columns are equal.

    Returns int64[256], the class of each byte, and for each class its first byte, ascending.
    """
    found = np.empty((3, 256), np.int64)
    n_classes = kernels.dfas.distinct_columns(read_only(delta), *found)
    return found[0], found[1, :n_classes]


def read_only(array: NDArray[np.int32]) -> NDArray[np.int32]:
    """The array for a kernel that is compiled for those that are not to be changed, whether this one is."""
    view = array.view()
    view.flags.writeable = False
    return view


def in_order(keys: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first place of each distinct key, ascending, and for each key which of these it is."""
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    return first[order].astype(np.int64), rank[inverse.reshape(-1)].astype(np.int64)


def joint_classes(columns: Iterable[Columns]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """As `byte_classes`, of several tables at once."""
    joint = np.zeros(256, dtype=np.int64)
    first = joint[:1]
    for own in columns:
        first, joint = in_order(joint * 256 + own.class_of)
    return joint, first
