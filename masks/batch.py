"""The masks of a batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import GramaskError
from .matcher import Matcher
from .rows import Row

_INT32 = np.dtype(np.int32)


def fill_masks(matchers: Sequence[Matcher], out: np.ndarray) -> None:
    """Write the masks of many matchers, each as `Matcher.fill_mask` would.

    matchers : of any constraints whose masks are equally wide; the same one may be there twice.
    out      : int32[len(matchers), n_words], C-contiguous, overwritten.

    Raises GramaskError for another shape or dtype, and what `fill_mask` raises (DeadEnd); the message names the row.
    After an error the content of `out` is undefined.
    """
    _check_shape(out, len(matchers))
    rows: list[Row] = []
    try:
        for matcher in matchers:
            rows.append(matcher._mask())
    except GramaskError as error:
        raise error.in_row(len(rows)) from error
    _check_widths(rows, out.shape[1])
    for row, place in zip(rows, out):
        row.put(place)


def _check_shape(out: np.ndarray, n_rows: int) -> None:
    is_array = isinstance(out, np.ndarray)
    if is_array and out.dtype == _INT32 and out.ndim == 2 and len(out) == n_rows and out.flags.c_contiguous:
        return
    found = type(out).__name__
    if is_array:
        found = f"{out.dtype}{list(out.shape)}{'' if out.flags.c_contiguous else ', not C-contiguous'}"
    raise GramaskError(
        f"the masks of {n_rows} matchers are int32[{n_rows}, n_words], C-contiguous, not {found}",
        hint="allocate them with numpy.empty((len(matchers), constraint.n_words), numpy.int32)",
    )


def _check_widths(rows: Sequence[Row], n_words: int) -> None:
    for index, row in enumerate(rows):
        if row.n_words != n_words:
            raise GramaskError(
                f"the mask of row {index} has {row.n_words} words, the rows of `out` have {n_words}",
                hint="compile all constraints of a batch with the same n_logits",
            )
