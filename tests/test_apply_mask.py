"""Masks on logits, in place: every way against the definition, and what is refused."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.masked_logits import masked_logits

import gramask
from gramask import GramaskError, apply_mask
from gramask.logits import host
from gramask.masks.kernels.apply import apply_rows, stream_rows

torch = pytest.importorskip("torch")

from gramask.logits.plain import apply_plainly  # noqa: E402

NAN, INF = float("nan"), float("inf")
# Values that every format has, so that the definition can say what comes out.
VALUES = np.array([0.0, -0.0, 1.0, -2.5, INF, -INF, NAN, 2.0**15])
TORCH_TYPES = [torch.float32, torch.bfloat16, torch.float16, torch.float64]
ARRAY_TYPES = [np.float32, np.float16, np.float64]
WORDS = [0, -1, 1, -(2**31), 2**31 - 1, 0x0F0F0F0F]


class Case(NamedTuple):
    logits: np.ndarray  # float64[B, V]
    masks: np.ndarray  # int32[n, W]
    indices: list[int] | None

    @property
    def expected(self) -> np.ndarray:
        targets = range(len(self.logits)) if self.indices is None else self.indices
        rows = masked_logits(self.logits.tolist(), self.masks.tolist(), targets)
        return np.array(rows).reshape(self.logits.shape)


@st.composite
def cases(draw: Any, max_logits: int = 200) -> Case:
    n_rows = draw(st.integers(0, 5))
    n_logits = draw(st.integers(0, max_logits))
    n_words = draw(st.integers(0, max_logits // 32 + 2))
    indices = None
    if draw(st.booleans()):
        indices = draw(st.lists(st.integers(0, n_rows - 1), max_size=7)) if n_rows else []
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n_masks = n_rows if indices is None else len(indices)
    words = rng.integers(-(2**31), 2**31, (n_masks, n_words)).astype(np.int32)
    special = rng.random(words.shape) < 0.5
    words[special] = rng.choice(WORDS, special.sum())
    return Case(rng.choice(VALUES, (n_rows, n_logits)), words, indices)


def spread(logits: np.ndarray, layout: str) -> np.ndarray:
    """The same numbers in another layout; what is in between is 7."""
    n_rows, n_logits = logits.shape
    if layout == "padded":
        room = np.full((n_rows, n_logits + 3), 7, logits.dtype)
        view = room[:, 1 : n_logits + 1]
    elif layout == "every second row":
        room = np.full((2 * n_rows, n_logits), 7, logits.dtype)
        view = room[::2]
    elif layout == "every second column":
        room = np.full((n_rows, 2 * n_logits), 7, logits.dtype)
        view = room[:, ::2]
    elif layout == "transposed":
        room = np.full((n_logits, n_rows), 7, logits.dtype)
        view = room.T
    elif layout == "backwards":
        room = np.full((n_rows, n_logits), 7, logits.dtype)
        view = room[::-1]
    else:
        view = np.empty_like(logits)
    view[:] = logits
    return view


ARRAY_LAYOUTS = ["plain", "padded", "every second row", "every second column", "transposed", "backwards"]


def assert_same(found: np.ndarray, expected: np.ndarray) -> None:
    """Equal, NaN for NaN, and zeros of the same sign (the sign of a NaN may change in a conversion)."""
    np.testing.assert_array_equal(found, expected)
    there = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(found[there]), np.signbit(expected[there]))


@pytest.mark.parametrize("layout", ARRAY_LAYOUTS)
@pytest.mark.parametrize("dtype", ARRAY_TYPES)
@given(case=cases())
@settings(max_examples=40)
def test_arrays(dtype: Any, layout: str, case: Case) -> None:
    logits = spread(case.logits.astype(dtype), layout)
    base = logits.base if logits.base is not None else logits
    padding = np.count_nonzero(base == 7)
    apply_mask(logits, case.masks, case.indices)
    assert_same(logits, case.expected)
    assert np.count_nonzero(base == 7) == padding


@pytest.mark.parametrize("layout", [name for name in ARRAY_LAYOUTS if name != "backwards"])
@pytest.mark.parametrize("dtype", TORCH_TYPES, ids=str)
@given(case=cases())
@settings(max_examples=40)
def test_tensors(dtype: Any, layout: str, case: Case) -> None:
    logits = torch.from_numpy(spread(case.logits, layout))
    room = torch.full((max(1, logits.untyped_storage().nbytes() // 8),), 7.0, dtype=dtype)
    tensor = room.as_strided(logits.shape, logits.stride(), logits.storage_offset())
    tensor.copy_(logits)
    before = room.clone()
    apply_mask(tensor, torch.from_numpy(case.masks), case.indices)
    assert_same(tensor.double().numpy(), case.expected)
    outside = torch.ones(room.shape, dtype=torch.bool)
    outside.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset()).fill_(False)
    assert torch.equal(room[outside], before[outside])


@given(case=cases())
def test_plain_torch(case: Case) -> None:
    logits = torch.from_numpy(case.logits.copy())
    indices = None if case.indices is None else torch.tensor(case.indices, dtype=torch.int64)
    apply_plainly(logits, torch.from_numpy(case.masks), None, indices, None)
    assert_same(logits.numpy(), case.expected)


@pytest.mark.parametrize("at_once", [1, 2])
@given(case=cases())
@settings(max_examples=30)
def test_plain_torch_piece_by_piece(at_once: int, case: Case) -> None:
    logits = torch.from_numpy(case.logits.copy())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gramask.logits.plain._MAX_UNPACKED", at_once * max(1, logits.shape[1]))
        indices = None if case.indices is None else torch.tensor(case.indices, dtype=torch.int64)
        apply_plainly(logits, torch.from_numpy(case.masks), None, indices, None)
    assert_same(logits.numpy(), case.expected)


def aligned(n: int, dtype: Any) -> np.ndarray:
    room = np.empty(n * np.dtype(dtype).itemsize + 64, np.uint8)
    begin = -room.ctypes.data % 64
    return room[begin : begin + n * np.dtype(dtype).itemsize].view(dtype)


@pytest.mark.parametrize("kernel", [apply_rows, stream_rows], ids=["in the cache", "past the cache"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@given(case=cases(), data=st.data())
@settings(max_examples=40)
def test_kernels_in_parts_of_the_vocabulary(kernel: Any, dtype: Any, case: Case, data: Any) -> None:
    """Both kernels, and any division of the words, however the logits' rows are spaced."""
    n_rows, n_logits = case.logits.shape
    stride = -(-n_logits // 32) * 32 + 32 * data.draw(st.integers(0, 1))
    flat = aligned(n_rows * stride, dtype)
    flat[:] = 7
    room = flat.reshape(n_rows, stride)
    room[:, :n_logits] = case.logits
    name, fill = host.MINUS_INFINITY[np.dtype(dtype).name]
    targets = np.array(range(n_rows) if case.indices is None else case.indices, dtype=np.int64)
    n_words = -(-n_logits // 32)
    cut = data.draw(st.integers(0, n_words))
    for span in ((cut, n_words), (0, cut)):
        kernel(flat.view(name), (stride, n_logits), fill, case.masks, np.arange(len(targets)), targets, span)
    assert_same(room[:, :n_logits], case.expected)
    assert (room[:, n_logits:] == 7).all()


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("threads", [1, 2, 3, 64])
def test_threads_and_streams_agree(threads: int, streamed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "_PER_THREAD", 1)
    monkeypatch.setattr(host, "_STREAMED", 1 if streamed else 1 << 60)
    seen = set()
    for name in ("apply_rows", "stream_rows"):
        kernel = getattr(host, name)

        def noted(*arguments: Any, kernel: Any = kernel, name: str = name) -> None:
            seen.add((name, threading.get_ident()))
            kernel(*arguments)

        monkeypatch.setattr(host, name, noted)
    rng = np.random.default_rng(0)
    # Repeated rows: a division by rows would let two threads overwrite each other.
    indices = [0, 2, 2, 1, 0]
    masks = rng.integers(-(2**31), 2**31, (5, 20)).astype(np.int32)
    masks[:, 3:6] = 0
    logits = torch.rand(3, 640)
    expected = masked_logits(logits.tolist(), masks.tolist(), indices)
    apply_mask(logits, torch.from_numpy(masks), indices, threads=threads)
    assert logits.tolist() == expected
    assert {name for name, _ in seen} == {"stream_rows" if streamed else "apply_rows"}
    assert (len(seen) > 1) == (threads > 1)


def test_what_is_not_aligned_is_not_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "_STREAMED", 1)
    flat = aligned(2 * 96, np.float32)
    for logits in (flat[:192].reshape(2, 96)[:, 1:65], flat[:190].reshape(2, 95)):
        logits[:] = 1
        apply_mask(logits, np.zeros((2, 3), np.int32))
        assert (logits == -INF).all()


def test_an_error_in_a_thread_is_raised() -> None:
    from gramask.logits.workers import in_parts

    done = []

    def work(begin: int, end: int) -> None:
        done.append((begin, end))
        if begin:
            raise RuntimeError("here")

    with pytest.raises(RuntimeError, match="here"):
        in_parts(work, 10, 3)
    assert sorted(done) == [(0, 3), (3, 6), (6, 10)]


@pytest.mark.parametrize(("dtype", "bits"), [(np.float16, np.uint16), (np.float32, np.uint32)])
def test_what_is_allowed_keeps_its_bits(dtype: Any, bits: Any) -> None:
    """All bit patterns, NaNs with payloads among them."""
    rng = np.random.default_rng(0)
    before = rng.integers(0, np.iinfo(bits).max, (3, 4096), dtype=bits)
    before[:, ::2] |= np.array(-np.inf, dtype).view(bits)
    logits = before.copy().view(dtype)
    masks = rng.integers(-(2**31), 2**31, (3, 128)).astype(np.int32)
    apply_mask(logits, masks)
    allowed = np.unpackbits(masks.view(np.uint8), axis=1, bitorder="little").astype(bool)
    assert (logits.view(bits) == np.where(allowed, before, np.array(-np.inf, dtype).view(bits))).all()


def test_nobody_goes_on_while_a_thread_still_writes() -> None:
    from gramask.logits.workers import in_parts

    done = []

    def work(begin: int, end: int) -> None:
        if not begin:
            raise RuntimeError("here")
        time.sleep(0.05)
        done.append(begin)

    with pytest.raises(RuntimeError, match="here"):
        in_parts(work, 2, 2)
    assert done == [1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own() -> None:
    from gramask.logits.workers import in_parts

    in_parts(lambda begin, end: None, 2, 2)
    child = os.fork()
    if not child:
        signal.alarm(20)
        in_parts(lambda begin, end: None, 2, 2)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def test_indices_of_all_kinds() -> None:
    masks = torch.zeros((2, 1), dtype=torch.int32)
    for indices in ([2, 0], (2, 0), np.array([2, 0], np.int32), torch.tensor([2, 0])):
        logits = torch.zeros(3, 4)
        apply_mask(logits, masks, indices)
        assert (logits == -INF).all(dim=1).tolist() == [True, False, True]


F32, I32 = torch.float32, torch.int32
REFUSED = [
    ("not an array", lambda: ([[0.0]], np.zeros((1, 1), np.int32)), "type list"),
    ("dtype of logits", lambda: (torch.zeros(1, 32, dtype=torch.int64), torch.zeros(1, 1, dtype=I32)), "int64"),
    ("dtype of an array", lambda: (np.zeros((1, 32), np.int32), np.zeros((1, 1), np.int32)), "int32"),
    ("byte order", lambda: (np.zeros((1, 32), ">f4"), np.zeros((1, 1), np.int32)), ">f4"),
    ("one row of logits", lambda: (torch.zeros(32), torch.zeros(1, 1, dtype=I32)), "shape"),
    ("one row of masks", lambda: (torch.zeros(1, 32), torch.zeros(1, dtype=I32)), "shape"),
    ("dtype of masks", lambda: (torch.zeros(1, 32), torch.zeros(1, 1, dtype=torch.int64)), "int64"),
    ("unsigned masks", lambda: (np.zeros((1, 32)), np.zeros((1, 1), np.uint32)), "uint32"),
    ("mixed", lambda: (torch.zeros(1, 32), np.zeros((1, 1), np.int32)), "from_numpy"),
    ("mixed the other way", lambda: (np.zeros((1, 32)), torch.zeros(1, 1, dtype=I32)), "NumPy"),
    ("spread words", lambda: (torch.zeros(2, 64), torch.zeros(2, 4, dtype=I32)[:, ::2]), "contiguous"),
    ("spread words of an array", lambda: (np.zeros((2, 64)), np.zeros((2, 4), np.int32)[:, :2]), "contiguous"),
    ("devices", lambda: (torch.zeros(1, 32), torch.zeros(1, 1, dtype=I32, device="meta")), "meta"),
    ("number of masks", lambda: (torch.zeros(2, 32), torch.zeros(3, 1, dtype=I32)), "3 masks"),
    ("one row as several", lambda: (torch.zeros(1, 32).expand(2, 32), torch.zeros(2, 1, dtype=I32)), "share"),
    ("one number as several", lambda: (np.broadcast_to(np.zeros(1), (1, 32)), np.zeros((1, 1), np.int32)), "."),
    ("gradients", lambda: (torch.zeros(1, 32, requires_grad=True), torch.zeros(1, 1, dtype=I32)), "gradients"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_refused(arguments: Any, said: str) -> None:
    with pytest.raises(GramaskError, match=said) as caught:
        apply_mask(*arguments())
    assert caught.value.hint


@pytest.mark.parametrize("indices", [[0], [0, 3], [-1, 0], [0.0, 1.0], [[0, 1]], torch.tensor([0, 3])])
def test_refused_indices(indices: Any) -> None:
    logits = torch.zeros(3, 32)
    with pytest.raises(GramaskError, match="indices"):
        apply_mask(logits, torch.zeros(2, 1, dtype=torch.int32), indices)
    assert not logits.any()


def test_read_only_arrays_are_refused() -> None:
    logits = np.zeros((1, 32))
    logits.flags.writeable = False
    with pytest.raises(GramaskError, match="read-only"):
        apply_mask(logits, np.zeros((1, 1), np.int32))


def test_read_only_masks_are_fine() -> None:
    logits, masks = np.zeros((1, 32), np.float32), np.ones((1, 1), np.int32)
    masks.flags.writeable = False
    apply_mask(logits, masks)
    assert np.isfinite(logits).sum() == 1


def test_public_name() -> None:
    assert gramask.apply_mask is apply_mask


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", TORCH_TYPES, ids=str)
@given(case=cases())
@settings(max_examples=20)
def test_on_cuda(dtype: Any, case: Case) -> None:
    logits = torch.from_numpy(case.logits).to("cuda", dtype)
    apply_mask(logits, torch.from_numpy(case.masks).cuda(), case.indices)
    assert_same(logits.double().cpu().numpy(), case.expected)
