"""Packed masks on logits, in place: 32 logits, the word of a mask, and -inf where its bits are 0.

Logits come as integers with the same bits, flat, because bfloat16 is no type of NumPy; all that is ever written to them
is one number, -inf. Numba would not make vector instructions of a loop over the bits of a word (ten times slower,
measured on a 2-core x86-64 machine with AVX-512), so the two steps that matter are spelled in LLVM's vectors, which
become what the machine has.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

from ...jit import INTERPRETED, intrinsic, jit, types

# So many words before their turn, logits are fetched: what is not in the cache takes two thirds of the time then, what
# is in it no longer than without (measured on a 2-core x86-64 machine at 128,256 logits).
_AHEAD = 32
# Bytes at which stores beside the cache must be aligned.
ALIGNMENT = 64


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, at: Any) -> Any:
    return builder.gep(context.make_array(array_type)(context, builder, array).data, [at])


def _splat(builder: Any, value: Any, n: int) -> Any:
    """A vector of `n` times the value."""
    index = ir.IntType(32)
    empty = ir.Constant(ir.VectorType(value.type, n), ir.Undefined)
    first = builder.insert_element(empty, value, index(0))
    return builder.shuffle_vector(first, empty, ir.Constant(ir.VectorType(index, n), [0] * n))


@intrinsic
def _blend_vector(typingctx: Any, flat: Any, at: Any, word: Any, fill: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, at, word, fill = arguments
        lanes = ir.VectorType(fill.type, 32)
        pointer = builder.bitcast(_pointer(context, builder, flat, array, at), lanes.as_pointer())
        width = fill.type.width // 8
        allowed = builder.bitcast(word, ir.VectorType(ir.IntType(1), 32))
        kept = builder.select(allowed, builder.load(pointer, align=width), _splat(builder, fill, 32))
        builder.store(kept, pointer, align=width)
        return context.get_dummy_value()

    return types.void(flat, types.int64, types.int32, flat.dtype), generate


@intrinsic
def _stream_vector(typingctx: Any, flat: Any, at: Any, fill: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, at, fill = arguments
        lanes = ir.VectorType(fill.type, 32)
        pointer = builder.bitcast(_pointer(context, builder, flat, array, at), lanes.as_pointer())
        store = builder.store(_splat(builder, fill, 32), pointer, align=ALIGNMENT)
        store.set_metadata("nontemporal", builder.module.add_metadata([ir.IntType(32)(1)]))
        return context.get_dummy_value()

    return types.void(flat, types.int64, flat.dtype), generate


@intrinsic
def _prefetch_lines(typingctx: Any, flat: Any, at: Any) -> Any:
    """Fetch the 32 elements from `at` on, which may lie outside of the array, for writing."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, at = arguments
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        of_type = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        name = "llvm.prefetch.p0"
        prefetch = builder.module.globals.get(name) or ir.Function(builder.module, of_type, name)
        for line in range(0, 32, ALIGNMENT * 8 // flat.dtype.bitwidth):
            place = _pointer(context, builder, flat, array, builder.add(at, at.type(line)))
            builder.call(prefetch, [builder.bitcast(place, byte), number(1), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(flat, types.int64), generate


@intrinsic
def _finish_streams(typingctx: Any) -> Any:
    """Stores beside the cache are not ordered; other threads see them no later than what comes behind this."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate


def _blend_slowly(flat: Any, at: int, word: int, fill: int) -> None:
    for j in range(32):
        if not int(word) >> j & 1:
            flat[at + j] = fill


def _stream_slowly(flat: Any, at: int, fill: int) -> None:
    flat[at : at + 32] = fill


def _nothing(*_: Any) -> None:
    pass


_blend: Any = _blend_slowly if INTERPRETED else _blend_vector
_stream: Any = _stream_slowly if INTERPRETED else _stream_vector
_prefetch: Any = _nothing if INTERPRETED else _prefetch_lines
_finish: Any = _nothing if INTERPRETED else _finish_streams


@jit
def _apply_rest(flat, begin, n_logits, fill, words, first, last):
    """Tokens from `first` to `last` one by one: those of a part of a word, and those that have none."""
    for t in range(first, min(last, n_logits)):
        if t >> 5 >= words.shape[0] or not words[t >> 5] >> np.int32(t & 31) & np.int32(1):
            flat[begin + t] = fill


@jit
def apply_rows(flat, shape, fill, rows, row_of, target_of, span):
    """Write `fill` to the logits that masks forbid.

    flat : int16, int32 or int64[...], mutated; logit t of row r is at r * shape[0] + t.
    shape : (elements from row to row, n_logits).  fill : the bits of -inf.
    rows : int32[K, W], masks.  row_of, target_of : int64[n]; mask row_of[i] is for row target_of[i] of the logits.
    span : the words to look at, as a pair; what lies behind W words counts as 0.
    Two threads may have the same rows if their spans differ: each writes only below its own words.
    """
    stride, n_logits = shape
    for i in range(row_of.shape[0]):
        words = rows[row_of[i]]
        begin = target_of[i] * stride
        end = max(span[0], min(span[1], words.shape[0], n_logits // 32))
        # No look at whether the word is all ones: in the cache, a wrong guess costs more than 32 elements.
        for w in range(span[0], end):
            _prefetch(flat, begin + 32 * (w + _AHEAD))
            _blend(flat, begin + 32 * w, words[w], fill)
        _apply_rest(flat, begin, n_logits, fill, words, 32 * end, 32 * span[1])


@jit
def stream_rows(flat, shape, fill, rows, row_of, target_of, span):
    """The same for logits that do not fit into the cache; all rows of these begin at multiples of ALIGNMENT.

    Where nothing is allowed the lines are written without having been read. Where a word has several lines, those of
    which all is allowed stay clean.
    """
    stride, n_logits = shape
    for i in range(row_of.shape[0]):
        words = rows[row_of[i]]
        begin = target_of[i] * stride
        end = max(span[0], min(span[1], words.shape[0], n_logits // 32))
        for w in range(span[0], end):
            at = begin + 32 * w
            if words[w] == 0:
                _stream(flat, at, fill)
                continue
            _prefetch(flat, at + 32 * _AHEAD)
            if flat.itemsize == 2 or words[w] != -1:
                _blend(flat, at, words[w], fill)
        _apply_rest(flat, begin, n_logits, fill, words, 32 * end, 32 * span[1])
    _finish()


@jit
def patch_rows(rows, patches):
    """Set or clear bits, in order. rows : uint32[n, W], mutated.  patches : int32[P, 3] of (row, token, 1 or 0)."""
    for p in range(patches.shape[0]):
        row, token = patches[p, 0], patches[p, 1]
        bit = np.uint32(1) << np.uint32(token & 31)
        if patches[p, 2]:
            rows[row, token >> 5] |= bit
        else:
            rows[row, token >> 5] &= ~bit
