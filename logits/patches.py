"""Patches: single bits that are set or cleared on top of a row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import GramaskError


def checked_patches(patches: ArrayLike | None, n_sequences: int, n_tokens: int) -> NDArray[np.int32] | None:
    """int32[P, 3], sorted by sequence, of each (sequence, token) only the last; None if there are none.

    patches : int[P, 3] of (sequence, token, 1 or 0).  Raises GramaskError for what is out of range.
    """
    given: NDArray[Any] = np.asarray(() if patches is None else patches)
    if given.size == 0:
        return None
    if given.ndim != 2 or given.shape[1] != 3 or not np.issubdtype(given.dtype, np.integer):
        raise GramaskError(
            f"patches of shape {given.shape} and dtype {given.dtype} are not rows of three integers",
            hint="(sequence, token, 1 to allow or 0 to forbid)",
        )
    beyond = (given < 0) | (given >= (n_sequences, n_tokens, 2))
    if beyond.any():
        bad = tuple(given[beyond.any(axis=1)][0].tolist())
        raise GramaskError(
            f"the patch {bad} is out of range: {n_sequences} sequences, {n_tokens} tokens",
            hint="(sequence, token, 1 to allow or 0 to forbid)",
        )
    key = given[:, 0].astype(np.int64) * n_tokens + given[:, 1]
    # The first in reverse is the last one.
    _, last = np.unique(key[::-1], return_index=True)
    return np.ascontiguousarray(given[::-1][last], dtype=np.int32)


def patch_offsets(patches: NDArray[np.int32], n_sequences: int) -> NDArray[np.int32]:
    """int32[n + 1]: those of sequence i are offsets[i] to offsets[i + 1]."""
    return np.searchsorted(patches[:, 0], np.arange(n_sequences + 1)).astype(np.int32)
