"""The Triton kernel: against the definition in Triton's interpreter, and what it is compiled to for CUDA.

The interpreter has to be chosen before triton is loaded, so these tests run in a process of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.masked_logits import masked_logits

torch = pytest.importorskip("torch")
triton = pytest.importorskip("triton", reason="the kernel for CUDA is not tested where Triton is missing")

from gramask.logits import triton_kernel  # noqa: E402
from gramask.logits.patches import checked_patches, patch_offsets  # noqa: E402
from gramask.logits.triton_kernel import apply_by_triton  # noqa: E402

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
in_the_interpreter = pytest.mark.skipif(not INTERPRETED, reason="test_in_the_interpreter runs it")
VALUES = [0.0, -0.0, 1.5, -2.5, float("inf"), float("-inf"), float("nan")]


@pytest.mark.slow
@pytest.mark.skipif(INTERPRETED, reason="this is it")
def test_in_the_interpreter() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", "interpreted"]
    root = Path(__file__).resolve().parents[1]
    # Without what a parallel run tells its processes.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["TRITON_INTERPRET"] = "1"
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=root)
    assert done.returncode == 0, done.stdout[-4000:]
    assert "skipped" not in done.stdout.splitlines()[-1]


def random_masks(rng: np.random.Generator, n: int, n_words: int) -> Any:
    masks = rng.integers(-(2**31), 2**31, (n, n_words)).astype(np.int32)
    masks[rng.random(masks.shape) < 0.3] = 0
    masks[rng.random(masks.shape) < 0.3] = -1
    return masks


@in_the_interpreter
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@given(data=st.data())
@settings(max_examples=25)
def test_interpreted_kernel(dtype: Any, data: Any) -> None:
    n_rows, n_masks = data.draw(st.integers(0, 4)), data.draw(st.integers(1, 3))
    n_logits, n_words = data.draw(st.integers(0, 300)), data.draw(st.integers(1, 10))
    n = data.draw(st.integers(0, 5)) if n_rows else 0
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    masks, row_of = random_masks(rng, n_masks, n_words), rng.integers(0, n_masks, n)
    targets = rng.integers(0, max(1, n_rows), n)
    distinct = data.draw(st.booleans())
    if distinct:
        targets = np.unique(targets)
        n, row_of = targets.size, row_of[: targets.size]
    patches = None
    if n:
        patch = st.tuples(st.integers(0, n - 1), st.integers(0, 32 * n_words - 1), st.integers(0, 1))
        patches = checked_patches(data.draw(st.lists(patch, max_size=5)), n, 32 * n_words)
    room = torch.from_numpy(rng.choice(VALUES, (n_rows, n_logits + 5))).to(dtype)
    logits, beside = room[:, :n_logits], room[:, n_logits:].clone()
    expected = masked_logits(
        logits.tolist(), masks[row_of].tolist(), targets.tolist(), () if patches is None else patches.tolist()
    )
    int32 = {"dtype": torch.int32}
    with pytest.MonkeyPatch.context() as patch_module:
        # Several blocks, of which the last one is not full.
        patch_module.setattr(triton_kernel, "_BLOCK", 64)
        apply_by_triton(
            logits,
            torch.from_numpy(masks),
            torch.tensor(row_of, **int32),
            torch.tensor(targets, **int32),
            None if patches is None else torch.from_numpy(patch_offsets(patches, n)),
            None if patches is None else torch.from_numpy(patches),
            distinct,
        )
    np.testing.assert_array_equal(logits.double().numpy(), np.array(expected).reshape(n_rows, n_logits))
    np.testing.assert_array_equal(beside.double().numpy(), room[:, n_logits:].double().numpy())


@in_the_interpreter
@pytest.mark.parametrize("distinct", [True, False])
def test_interpreted_kernel_without_numbers(distinct: bool) -> None:
    """A mask for each row, and more words than one block has."""
    rng = np.random.default_rng(0)
    masks = random_masks(rng, 2, 300)
    logits = torch.from_numpy(rng.choice(VALUES, (2, 9000))).float()
    expected = masked_logits(logits.tolist(), masks.tolist(), [0, 1])
    apply_by_triton(logits, torch.from_numpy(masks), None, None, None, None, distinct)
    np.testing.assert_array_equal(logits.numpy(), np.array(expected, np.float32))


@in_the_interpreter
@pytest.mark.parametrize("distinct", [True, False])
def test_interpreted_kernel_leaves_memory_alone(distinct: bool) -> None:
    """Indices that were on the device may be anything."""
    room = torch.zeros(3, 40)
    targets = torch.tensor([-1, 0, 1, 2**20], dtype=torch.int32)
    masks = torch.zeros(4, 2, dtype=torch.int32)
    apply_by_triton(room[1:2], masks, None, targets, None, None, distinct)
    assert room.isinf().all(dim=1).tolist() == [False, True, False]
    assert not room[::2].any()


@pytest.mark.skipif(INTERPRETED, reason="nothing is compiled there")
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("dtype", ["bf16", "fp16", "fp32"])
@pytest.mark.parametrize("numbered", [False, True])
def test_compiled_for_cuda(
    dtype: str, numbered: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It compiles without a device, and reads and writes logits 16 bytes at a time."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    kernel = triton_kernel._apply_kernel
    types = [f"*{dtype}", "*u8", *["*i32"] * 4, "i64", *["i32"] * 3, "constexpr", "constexpr"]
    signature = dict(zip(kernel.arg_names, types, strict=True))
    constants: dict[str, Any] = {"BLOCK": triton_kernel._BLOCK, "DISTINCT": True}
    if not numbered:
        constants |= dict.fromkeys(("row_of", "target_of", "offsets", "patches"))
        signature |= dict.fromkeys(("row_of", "target_of", "offsets", "patches"), "constexpr")
    place = {name: (index,) for index, name in enumerate(kernel.arg_names)}
    aligned = {place[name]: [["tt.divisibility", 16]] for name in ("logits", "octets", "stride", "n_logits")}
    source = ASTSource(kernel, signature, {place[name]: value for name, value in constants.items()}, aligned)
    text = triton.compile(source, target=GPUTarget("cuda", 90, 32)).asm["ptx"]
    assert "st.global.v4.b32" in text and "ld.global.v4.b32" in text
    assert "st.global.b16" not in text and "st.global.b32" not in text
