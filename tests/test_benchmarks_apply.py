"""The benchmark of masks on logits: its masks, its records, its table."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

pytest.importorskip("torch")

from benchmarks import apply

OPTIONS = ["--batches", "1,3", "--vocabulary", "100", "--devices", "cpu", "--duration", "0.001"]


def test_masks_are_as_dense_as_said() -> None:
    dense = np.unpackbits(apply.make_masks("dense", 20, 1000).view(np.uint8), axis=1, bitorder="little")
    assert dense.shape == (20, 1024)
    assert 0.95 < dense[:, :1000].mean() < 0.97 and not dense[:, 1000:].any()
    sparse = np.unpackbits(apply.make_masks("sparse", 20, 1000).view(np.uint8), axis=1)
    assert set(sparse.sum(axis=1)) <= {1, 2, 3}


def test_every_setting_is_measured() -> None:
    steps: list[int] = []
    records = apply.measure_apply(
        (1, 3),
        engines=("gramask", "gramask-table", "gramask-numpy"),
        devices=("cpu",),
        duration=0.001,
        n_logits=100,
        advance=lambda: steps.append(1),
    )
    assert len(steps) == 8
    # NumPy has no bfloat16.
    assert len(records) == 8 * 2 + 4
    assert all(0 < one.least_us <= one.median_us and one.n_calls >= 5 for one in records)


def test_an_engine_that_is_missing_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise ImportError("no such engine")

    monkeypatch.setitem(apply.ENGINES, "xgrammar", missing)
    records = apply.measure_apply(
        (1,), ("float32",), ("dense",), engines=("xgrammar", "gramask"), devices=("cpu",), duration=0.001
    )
    assert [one.engine for one in records] == ["gramask"]


def test_engines_mask_alike() -> None:
    torch = pytest.importorskip("torch")
    logits = torch.randn(2, 4096)
    masks = torch.from_numpy(apply.make_masks("dense", 2, 4096))
    found = []
    for engine in apply.ENGINES.values():
        copy = logits.clone()
        try:
            call = engine(copy, masks)
            call()
        except Exception:
            continue
        found.append(copy)
    assert len(found) >= 3 and all(torch.equal(one, found[0]) for one in found)


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "apply.json"
    assert apply.main([*OPTIONS, "--engines", "gramask,gramask-table", "--out", str(out)]) == 0
    assert len(json.loads(out.read_text())) == 16
    assert "gramask-table" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        apply.main(["--engines", "nobody"])


def test_ratios_are_of_gramask() -> None:
    one = apply.Record("gramask", "here", 1, 2, "float32", "dense", 100, 5, 10.0, 9.0)
    other = apply.Record("xgrammar", "here", 1, 2, "float32", "dense", 100, 5, 25.0, 9.0)
    console = Console(file=io.StringIO(), width=200)
    apply.show([one, other], console)
    assert "25.0 (2.50×)" in console.file.getvalue()
