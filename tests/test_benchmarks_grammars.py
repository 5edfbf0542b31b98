"""The grammar benchmark: its texts are what they are said to be, and a small run reports what it found."""

from __future__ import annotations

import json
import random
from itertools import islice
from pathlib import Path

import pytest
from shared_data import shared_dir

from benchmarks.grammars.cli import main
from benchmarks.grammars.engines import ENGINES, chosen
from benchmarks.grammars.generate import GENERATORS, generated
from benchmarks.grammars.languages import LANGUAGES
from benchmarks.grammars.runner import TOKENS_PER_STEP, Outcome, count, split, summarise
from benchmarks.grammars.texts import gather, mutated
from benchmarks.maskbench.errors import BenchmarkError
from benchmarks.maskbench.measure import ACCEPTED, COMPLETED, Measurement


@pytest.mark.parametrize("name", GENERATORS)
def test_generated_texts_are_of_the_language(name: str) -> None:
    accepts = LANGUAGES[name].reference()
    texts = list(islice(generated(name, 1), 200))
    assert [text for text in texts if not accepts(text)] == []
    assert texts == list(islice(generated(name, 1), 200))
    assert len(set(texts)) > 100


def test_mutations_change_little() -> None:
    rng = random.Random(0)
    for _ in range(200):
        assert abs(len(mutated(rng, "select a from b")) - len("select a from b")) <= len("select")


def as_bytes(text: str) -> list[int]:
    return list(text.encode())


def test_texts_of_one_s_own_come_first(tmp_path: Path) -> None:
    (tmp_path / "one.calc").write_text("1 + one_of_my_own", encoding="utf-8")
    (tmp_path / "wrong.calc").write_text("1 +", encoding="utf-8")
    (tmp_path / "other.sql").write_text("select 1", encoding="utf-8")
    texts = gather(
        LANGUAGES["calculator"], as_bytes, data=None, extra=tmp_path, max_tokens=500, n_mutations=7, seed=0
    )
    assert bytes(texts.good[0]) == b"1 + one_of_my_own"
    assert 450 <= texts.n_tokens <= 500
    accepts = LANGUAGES["calculator"].reference()
    assert all(accepts(bytes(text).decode()) for text in texts.good)
    assert len(texts.bad) == 7
    assert not any(accepts(bytes(text).decode()) for text in texts.bad)


def test_json_without_data_is_an_error() -> None:
    with pytest.raises(BenchmarkError, match="--data"):
        gather(LANGUAGES["json"], as_bytes, data=None, extra=None, max_tokens=10, n_mutations=0, seed=0)


def test_engines_by_name() -> None:
    assert list(chosen(["gramask"])) == ["gramask", "gramask-lark"]
    assert set(chosen(None)) <= set(ENGINES)
    with pytest.raises(BenchmarkError, match="unknown engine 'regex'"):
        chosen(["regex"])


def test_steps_hold_all_texts_in_order() -> None:
    texts = [(0,) * (TOKENS_PER_STEP // 2)] * 5
    assert [len(part) for part in split(texts)] == [2, 2, 1]
    assert split([]) == []


def test_counting() -> None:
    outcome = Outcome()
    good = Measurement(COMPLETED, ttfm_ns=5, stops=(ACCEPTED, 1), timings=b"\x01\0\0\0\0\0\0\0" * 4)
    count(outcome, "good", [(1, 2), (3, 4)], good)
    count(outcome, "bad", [(1,), (2,)], Measurement(COMPLETED, ttfm_ns=5, stops=(0, ACCEPTED)))
    count(outcome, "compile", [], Measurement(COMPLETED, ttfm_ns=3_000_000))
    summary = summarise(outcome)
    assert (summary["good"], summary["accepted"], summary["bad"], summary["rejected"]) == (2, 1, 2, 1)
    assert summary["first_mask_ms"] == [3.0]
    assert summary["tbm_us"]["n"] == 4


@pytest.mark.slow
def test_a_small_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("transformers")
    tokenizer = shared_dir("tokenizers", "gpt2")
    out = tmp_path / "out"
    arguments = ["--tokenizer", str(tokenizer), "--engines", "gramask", "--languages", "calculator,python"]
    limits = ["--max-tokens", "200", "--mutations", "4", "--repeats", "1", "--out", str(out)]
    assert main([*arguments, *limits]) == 0
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert summary["complete"]
    python = summary["languages"]["python"]["engines"]
    assert python["gramask-lark"]["accepted"] == python["gramask-lark"]["good"] > 0
    assert "indentation" in python["gramask"]["troubles"][0]
    for engine in summary["languages"]["calculator"]["engines"].values():
        assert engine["troubles"] == []
        assert engine["accepted"] == engine["good"] > 0
        assert engine["rejected"] == engine["bad"] == 4
        assert engine["contradictions"] == 0
    assert "calculator" in capsys.readouterr().out


def test_wrong_arguments_end_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--tokenizer", str(tmp_path / "none")]) == 2
    assert "is not a directory" in capsys.readouterr().err
    assert main(["--tokenizer", str(tmp_path), "--languages", "cobol"]) == 2
    assert "unknown languages cobol" in capsys.readouterr().err
