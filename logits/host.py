"""Masks on logits in the memory of the host, by kernels, on as many threads as are asked for."""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from ..masks.kernels.apply import ALIGNMENT, apply_rows, stream_rows
from .arguments import MINUS_INFINITY, Array, is_tensor
from .workers import in_parts

if TYPE_CHECKING:
    import torch

# Bytes of logits from which on they are taken for too large for the cache, and written past it: see `stream_rows`.
_STREAMED = 24 << 20
# Bytes of logits for each thread at least: fewer are written in less time than it takes to wake it.
_PER_THREAD = 16 << 20


class Bits(NamedTuple):
    """Logits as integers: logit t of row r is at r * stride + t of `flat`; `fill` are the bits of -inf."""

    flat: NDArray[Any]
    stride: int
    n_logits: int
    fill: int


class Work(NamedTuple):
    """Which mask is for which row. rows : int32[K, W].  row_of, target_of : int64[n]."""

    rows: NDArray[np.int32]
    row_of: NDArray[np.int64]
    target_of: NDArray[np.int64]


def apply_on_host(logits: Array, work: Work, threads: int) -> None:
    """Write -inf wherever a mask forbids; all arguments are checked already, and on the host."""
    bits = _tensor_bits(logits) if is_tensor(logits) else _array_bits(logits)  # type: ignore[arg-type]
    if bits is not None:
        _apply(bits, work, threads)
        return
    # Kernels need the logits of a row side by side.
    copy: Any = logits.contiguous() if is_tensor(logits) else np.ascontiguousarray(logits)  # type: ignore[union-attr]
    apply_on_host(copy, work, threads)
    logits[:] = copy


def call_kernels() -> None:
    """Call each kernel once for logits of 16 and of 32 bits, so that it is compiled."""
    number = np.zeros(1, np.int64)
    for dtype in (np.int32, np.int16):
        for kernel in (apply_rows, stream_rows):
            kernel(np.zeros(64, dtype), (32, 32), 0, np.zeros((1, 1), np.int32), number, number, (0, 0))


@cache
def _integers(dtype: torch.dtype) -> tuple[torch.dtype, int]:
    """The integers of the size of a dtype, and the bits of -inf as one of them."""
    name, fill = MINUS_INFINITY[str(dtype).removeprefix("torch.")]
    return getattr(sys.modules["torch"], name), fill


def _tensor_bits(logits: torch.Tensor) -> Bits | None:
    dtype, fill = _integers(logits.dtype)
    n_rows, n_logits = logits.shape
    integers = logits.view(dtype)
    if logits.is_contiguous():
        return Bits(integers.view(-1).numpy(), n_logits, n_logits, fill)
    stride, step = logits.stride()
    if step != 1:
        return None
    flat = integers.as_strided((_extent(n_rows, stride, n_logits),), (1,))
    return Bits(flat.numpy(), stride, n_logits, fill)


def _array_bits(logits: NDArray[Any]) -> Bits | None:
    name, fill = MINUS_INFINITY[logits.dtype.name]
    n_rows, n_logits = logits.shape
    if logits.flags.c_contiguous:
        return Bits(logits.reshape(-1).view(name), n_logits, n_logits, fill)
    stride, rest = divmod(logits.strides[0], logits.itemsize)
    if stride < 0 or rest or logits.strides[1] != logits.itemsize:
        return None
    extent = _extent(n_rows, stride, n_logits)
    flat = as_strided(logits.view(name), (extent,), (logits.itemsize,))
    return Bits(flat, stride, n_logits, fill)


def _extent(n_rows: int, stride: int, n_logits: int) -> int:
    """Elements from the first one to the last."""
    return (n_rows - 1) * stride + n_logits if n_rows and n_logits else 0


def _apply(bits: Bits, work: Work, threads: int) -> None:
    n_bytes = work.row_of.size * bits.n_logits * bits.flat.itemsize
    if not n_bytes:
        return
    kernel = stream_rows if n_bytes >= _STREAMED and _aligned(bits) else apply_rows
    shape = (bits.stride, bits.n_logits)

    # Parts of the vocabulary rather than rows, which may be named twice: two threads would overwrite each other.
    def apply_words(first: int, last: int) -> None:
        kernel(bits.flat, shape, bits.fill, *work, (first, last))

    n_words = (bits.n_logits + 31) // 32
    in_parts(apply_words, n_words, min(threads, n_bytes // _PER_THREAD))


def _aligned(bits: Bits) -> bool:
    return bits.flat.ctypes.data % ALIGNMENT == 0 and bits.stride * bits.flat.itemsize % ALIGNMENT == 0
