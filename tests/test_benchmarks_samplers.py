"""The sampler benchmark: a small run reports what it found, and its figures are what they say."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers")

import gramask
from benchmarks.samplers.cli import main
from benchmarks.samplers.distances import distance, noise
from benchmarks.samplers.predicates import Zipf
from benchmarks.samplers.tasks import tasks

BYTES = gramask.Vocabulary([*(bytes([byte]) for byte in range(256)), b"<eos>"], eos_ids=[256])


def test_a_small_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "--tasks",
        "role",
        "--seeds",
        "1",
        "--samples",
        "20",
        "--budget",
        "400",
        "--max-attempts",
        "500",
    ]
    assert main([*arguments, "--out", str(tmp_path)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "shared trie, batch 32" in shown and "total variation" in shown
    summary = json.loads((tmp_path / "summary.json").read_text())
    at = {record["label"]: record for record in summary["costs"]["role"]}
    kept, published = at["CARS, rows kept"], at["CARS"]
    # They are the same sampler with the same seed: rows are kept, or asked for anew.
    assert kept["runs"][0]["steps"] == published["runs"][0]["steps"] > kept["runs"][0]["forwards"]
    assert at["shared trie, batch 32"]["rows_per_text"] < published["rows_per_text"]
    found = summary["distances"]["role"]
    assert found["covered"] > 0.98
    exact = found["curves"]["shared trie, batch 32"][-1]
    assert exact["distance"] < 3.0 * found["noise"]["3000"]
    assert summary["trie"]["bytes_per_node"] > 0.0


def test_unknown_task(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--tasks", "bv5"])
    assert stopped.value.code == 2
    assert "there is no task 'bv5'" in capsys.readouterr().err


@pytest.mark.parametrize("name", tasks())
def test_languages_compile(name: str) -> None:
    matcher = tasks()[name].constraint(BYTES, 257).matcher()
    assert 0 < len(matcher.closing_tokens()) <= tasks()[name].max_tokens


def test_noise_is_that_of_independent_draws() -> None:
    law = {(i,): p for i, p in enumerate(np.random.default_rng(0).dirichlet(np.ones(8)))}
    rng = np.random.default_rng(1)
    drawn = [distance(law, [(int(i),) for i in rng.choice(8, 200, p=list(law.values()))]) for _ in range(300)]
    assert noise(law, 200) == pytest.approx(sum(drawn) / len(drawn), rel=0.1)


def test_laws_of_zipf_have_the_mass_they_are_said_to_have() -> None:
    constraint = gramask.compile(gramask.regex("[a-c]{3}"), BYTES)
    for prefix in ((), (97,), (97, 98)):
        row = np.exp(Zipf(BYTES, constraint, 0.9).next_logprobs([prefix])[0])
        assert math.isclose(row.sum(), 1.0)
        assert row[[97, 98, 99]].sum() == pytest.approx(0.9)
