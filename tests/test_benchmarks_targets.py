"""The table of targets: its arithmetic, and each figure's harness in a small configuration."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from byte_tokenizer import save_byte_tokenizer

import gramask
from benchmarks.maskbench.cli import main
from benchmarks.maskbench.errors import BenchmarkError, Interrupted
from benchmarks.maskbench.figures.cli import main as figures_main
from benchmarks.maskbench.figures.figure import Figure, Options, Task
from benchmarks.maskbench.figures.fresh import run_fresh
from benchmarks.maskbench.figures.measuring import Measuring, medians, read_answers, why_not
from benchmarks.maskbench.figures.registry import FIGURES
from benchmarks.maskbench.figures.worker import answer
from benchmarks.maskbench.records import FileRecord, Results
from benchmarks.maskbench.targets.latencies import (
    Side,
    compare_sides,
    latency_rows,
    pairs_of,
    wide_row,
)
from benchmarks.maskbench.targets.rows import figure_rows
from benchmarks.maskbench.targets.table import (
    MET,
    MS,
    NOT_MET,
    NOT_RUN,
    SECONDS,
    US,
    counts,
    fact_row,
    limit_row,
    ratio_row,
)

PEERS = ("llguidance", "xgrammar")


def test_ratios() -> None:
    met, missed, equal = (
        ratio_row("TBM", 0.25, "llguidance", x, 40.0, US, note="n") for x in (9.0, 11.0, 10.0)
    )
    assert [row.verdict for row in (met, missed, equal)] == [MET, NOT_MET, MET]
    assert (met.value, met.limit, met.ours, met.theirs) == (0.225, 0.25, 9.0, 40.0)
    assert (met.target, met.measured) == ("0.25 × llguidance", "9 µs : 40 µs = 0.225 (n)")


@pytest.mark.parametrize(("ours", "theirs"), [(None, 1.0), (1.0, None), (None, None), (1.0, 0.0)])
def test_without_both_sides_nothing_is_met(ours: float | None, theirs: float | None) -> None:
    row = ratio_row("TBM", 1.0, "xgrammar", ours, theirs, US, why="it is not installed")
    assert (row.verdict, row.measured, row.value) == (NOT_RUN, "it is not installed", None)


def test_limits_and_facts() -> None:
    assert limit_row("start", 0.8, 0.79, SECONDS).verdict == MET
    assert limit_row("start", 0.8, 0.81, SECONDS).measured == "0.81 s"
    assert limit_row("start", 0.8, None, SECONDS).verdict == NOT_RUN
    facts = [fact_row("progress", "shown", holds, str) for holds in (True, False, None)]
    assert [row.verdict for row in facts] == [MET, NOT_MET, NOT_RUN]
    assert counts(facts) == {MET: 1, NOT_MET: 1, NOT_RUN: 1}
    assert MS.show(12345.6) == "12,346 ms"


def _results(**engines: dict[str, tuple[int, list[int]] | None]) -> Results:
    """Of each engine and file the TTFM (ns) and timings (ns), None for a refusal."""
    files, timings = [], []
    for engine, by_file in engines.items():
        for file, found in by_file.items():
            outcome, ttfm, own = ("refused", None, []) if found is None else ("completed", *found)
            part = (len(timings), len(own))
            timings += own
            files.append(FileRecord(file, engine, outcome, "", "", ttfm, None, 0, [], [], part, 0.0, 0))
    return Results({"engines": list(engines)}, files, [], np.array(timings, np.int64))


def test_latencies_are_over_the_files_that_both_compile() -> None:
    results = _results(
        gramask={"a": (1_000_000, [1000, 3000]), "b": (9_000_000, [99_000]), "c": None},
        llguidance={"a": (2_000_000, [8000, 8000, 8000]), "b": None, "c": (1, [1])},
        xgrammar={"a": (4_000_000, [2000])},
    )
    pairs = {peer: pairs_of([results], "gramask", peer) for peer in PEERS}
    rows = {(row.figure, row.target): row for row in latency_rows(pairs, {})}
    average = rows["TBM average", "0.25 × llguidance"]
    assert (average.ours, average.theirs, average.value, average.verdict) == (2.0, 8.0, 0.25, MET)
    assert average.measured.endswith("(1 files, 1 run)")
    ttfm = rows["TTFM p50", "1 × llguidance"]
    assert (ttfm.ours, ttfm.theirs, ttfm.verdict) == (1.0, 2.0, MET)
    quarter = rows["TBM p25", "1 × xgrammar"]
    assert (quarter.ours, quarter.theirs, quarter.verdict) == (1.5, 2.0, MET)
    assert len(rows) == 12 and {row.verdict for row in rows.values()} <= {MET, NOT_MET}


def test_medians_over_runs() -> None:
    runs = [
        _results(gramask={"a": (x, [10 * x])}, llguidance={"a": (y, [10 * y])})
        for x, y in ((1000, 5000), (2000, 9000), (90_000, 4000))
    ]
    pair = pairs_of(runs, "gramask", "llguidance")
    assert pair is not None and pair.runs == 3
    assert (pair.ours["tbm_us"]["avg"], pair.theirs["tbm_us"]["avg"]) == (20.0, 50.0)
    assert [run["tbm_us"]["avg"] for run in pair.ratios] == pytest.approx([0.2, 2 / 9, 22.5])
    row = latency_rows({"llguidance": pair}, {})[0]
    assert row.value == pytest.approx(0.4) and "median of 3 runs" in row.measured


def test_what_was_not_run_is_not_met() -> None:
    rows = [
        *latency_rows({}, {"xgrammar": "xgrammar is not installed"}),
        wide_row(None, "no tokenizer was given for it"),
        *figure_rows([]),
    ]
    assert {row.verdict for row in rows} == {NOT_RUN}
    assert rows[4].measured == "xgrammar is not installed"
    without_peer = _results(gramask={"a": (1, [1])})
    assert pairs_of([without_peer], "gramask", "llguidance") is None
    nothing_common = _results(gramask={"a": (1, [1])}, llguidance={"a": None})
    pair = pairs_of([nothing_common], "gramask", "llguidance")
    assert {row.verdict for row in latency_rows({"llguidance": pair}, {})} == {NOT_RUN}


def test_the_wide_vocabulary() -> None:
    usual, wide = (_results(gramask={"a": (1, [t]), "b": (1, [t])}) for t in (1000, 1300))
    row = wide_row(compare_sides([(Side(wide, "gramask"), Side(usual, "gramask"))]), "")
    assert (row.value, row.verdict) == (1.3, NOT_MET)


def _answers(figure: str, **values: dict[str, float]) -> list[dict[str, Any]]:
    return [
        {"figure": figure, "engine": engine, "run": 0, "values": found} for engine, found in values.items()
    ]


def test_a_batch_is_held_against_the_faster_peer_and_needs_both() -> None:
    costs = {"gramask": (30, 50), "llguidance": (100, 200), "xgrammar": (120, 100)}
    answers = _answers(
        "batch", **{e: {"warm_us": w, "cold_us": c, "matchers": 256} for e, (w, c) in costs.items()}
    )
    warm, cold = figure_rows(answers)[:2]
    assert (warm.target, warm.value, warm.verdict) == ("0.33 × llguidance", 0.3, MET)
    assert (cold.target, cold.value, cold.verdict) == ("0.33 × xgrammar", 0.5, NOT_MET)
    assert warm.measured.endswith("(256 matchers, 1 run)")
    missing = {"figure": "batch", "engine": "xgrammar", "run": 0, "missing": "xgrammar is not installed"}
    warm, cold = figure_rows([*answers[:2], missing])[:2]
    assert (
        (warm.verdict, warm.measured)
        == (cold.verdict, cold.measured)
        == (NOT_RUN, "xgrammar is not installed")
    )


def test_forks_are_judged_by_the_worst_length_and_by_growth() -> None:
    values = {
        f"{key}_us_{n}": 0.5
        for key in ("fork", "rollback1", "rollback8", "rollback64")
        for n in (10, 100, 1000, 10_000)
    }
    rows = {
        r.figure: r
        for r in figure_rows(
            _answers("fork", gramask={**values, "fork_us_1000": 2.5, "rollback1_us_10000": 1.1})
        )
    }
    assert (rows["fork"].value, rows["fork"].verdict) == (2.5, NOT_MET)
    assert rows["fork, longest : shortest"].verdict == MET
    growth = rows["rollback(1), longest : shortest"]
    assert (growth.value, growth.verdict) == (pytest.approx(2.2), NOT_MET)
    assert rows["rollback(8)"].verdict == MET


def test_starts_and_memory() -> None:
    answers = [
        *_answers("second", gramask={"total_s": 0.7}, xgrammar={"total_s": 0.6}),
        *_answers("first", gramask={"total_s": 16.0, "shown": 0}),
        *_answers(
            "memory",
            gramask={"growth_bytes": 2e6, "peak_growth_bytes": 9e6, "schemas": 5},
            llguidance={"growth_bytes": 4e6, "peak_growth_bytes": 8e6, "schemas": 5},
        ),
    ]
    found = [(r.figure, r.verdict) for r in figure_rows(answers) if r.verdict != NOT_RUN]
    assert found == [
        ("memory, growth", MET),
        ("memory, peak growth", NOT_MET),
        ("second process to first mask", MET),
        ("second process to first mask", NOT_MET),
        ("first process ever to first mask", NOT_MET),
        ("its progress", NOT_MET),
    ]


def test_medians_of_answers() -> None:
    answers = [
        {"figure": "x", "engine": "a", "run": run, "values": {"us": us, "detail": [1]}}
        for run, us in enumerate((3, 1, 2))
    ]
    answers += [{"figure": "x", "engine": "b", "run": 0, "error": "it broke"}]
    assert medians(answers, "x") == {"a": {"us": 2, "runs": 3}}
    assert why_not(answers, "x", "b") == "it broke" and why_not(answers, "y", "b") == ""


SCHEMAS = [
    {"type": "array", "items": {"type": "integer"}},
    {"type": "array", "items": {"type": ["integer", "null"]}, "maxItems": 50},
    {"type": "array"},
    {"type": "string"},
]
LONG = [100, 200, 300, 400]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_byte_tokenizer(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture(scope="module")
def options(tokenizer: Path, tmp_path_factory: pytest.TempPathFactory) -> Options:
    data = tmp_path_factory.mktemp("data")
    for index, schema in enumerate(SCHEMAS):
        tests = [{"data": 1.5, "valid": False}, {"data": LONG, "valid": schema["type"] == "array"}]
        (data / f"{index}.json").write_text(json.dumps({"schema": schema, "tests": tests}))
    return Options(str(data), str(tokenizer), matchers=3, steps=5, schemas=4, timeout=300.0)


def _measure(
    name: str, options: Options, directory: Path, engines: tuple[str, ...] = ("gramask",)
) -> dict[str, Any]:
    measuring = Measuring(options, directory, 1, stop=Event(), engines=engines)
    measuring.measure(FIGURES[name])
    assert measuring.left(FIGURES[name]) != [] or set(engines) == set(FIGURES[name].engines)
    return {found["engine"]: found for found in read_answers(directory)}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in FIGURES if name not in ("apply", "first", "floor")])
def test_figures_without_peers(name: str, options: Options, tmp_path: Path) -> None:
    """Each in its own fresh process; a peer that is not there is named."""
    found = _measure(name, options, tmp_path)
    assert "values" in found["gramask"], found
    assert all(re.match(f"{peer} (is not installed|was left out)", found[peer]["missing"]) for peer in PEERS)
    values = found["gramask"]["values"]
    if name == "batch":
        assert (values["matchers"], values["steps"], len(values["detail"][0])) == (3, 5, 5)
        assert 0 < values["cold_us"] <= values["cold_max_us"]
    elif name == "memory":
        # Of the number only the first character is tried where it is no array's.
        assert values["schemas"] == 4 and values["masks"] == 4 + 3 * len(json.dumps(LONG)) + 1
        assert values["peak_growth_bytes"] >= values["growth_bytes"] >= 0 or values["growth_bytes"] < 1 << 22
    elif name == "second":
        assert values["total_s"] == pytest.approx(values["import_s"] + values["compile_s"] + values["mask_s"])
    assert any(row.verdict != NOT_RUN for row in figure_rows(list(found.values()))) == (
        name in ("fork", "second")
    )


@pytest.mark.slow
def test_floor(options: Options, tmp_path: Path) -> None:
    values = _measure("floor", options, tmp_path)["gramask"]["values"]
    assert values["schemas"] == 4 and values["masks"] > 20
    assert all(values[f"{name}_average_us"] > 0 for name in ("first", "states_known", "all_known"))


def test_the_floor_keeps_states_and_forgets_masks() -> None:
    """What is timed then is masks alone: no state is made again, and nothing that was learnt of masks is there."""
    from benchmarks.maskbench.figures.floor import _without_masks

    vocabulary = gramask.Vocabulary([*(bytes([byte]) for byte in range(256)), b""], eos_ids=[256])
    before = gramask.compile({"properties": {"a": {"maximum": 7}}}, vocabulary, cache=False)
    mask = np.empty(before.n_words, np.int32)
    _write(before, mask)
    n_states = before.engine.pushdown.n_states
    after = _without_masks(before)
    assert before.engine.masks and before.engine.steps
    assert not after.engine.masks and not after.engine.steps and "name_masks" not in vars(after)
    _write(after, mask)
    # Masks have states of their own in front of values.
    n_openings = len(after.engine.levels._openings)
    assert after.engine.pushdown is before.engine.pushdown
    assert after.engine.pushdown.n_states == n_states + n_openings


def _write(constraint: gramask.Constraint, mask: np.ndarray) -> None:
    matcher = constraint.matcher()
    for token in b'{"a":3.5,"b":[null]}':
        matcher.fill_mask(mask)
        assert matcher.advance(token)


@pytest.mark.slow
def test_the_first_process_finds_empty_caches_and_its_progress_is_seen(
    options: Options, tmp_path: Path
) -> None:
    """With what it does replaced: kernels would take too long."""
    figure = replace(FIGURES["first"], name="first")
    found = run_fresh(figure, Task("nonsense", "gramask", options), tmp_path / "log", Event())
    assert found == {"error": "KeyError: 'nonsense'"}
    code = "import os, sys; print('compiling'); sys.exit(0 if sys.stderr.isatty() else 1)"
    assert _shown(code, tmp_path) == len("compiling")


def _shown(code: str, tmp_path: Path) -> int:
    import subprocess

    from benchmarks.maskbench.figures.fresh import Terminal

    terminal = Terminal(tmp_path / "terminal.log")
    with subprocess.Popen([sys.executable, "-c", code], stdout=terminal.end, stderr=terminal.end) as process:
        terminal.listen()
    assert process.returncode == 0
    shown = terminal.close()
    assert (tmp_path / "terminal.log").read_text().strip() == "compiling"
    return shown


@pytest.mark.parametrize("engine", ["gramask", *PEERS])
def test_engines_agree_on_what_a_batch_and_a_walk_are(engine: str, options: Options) -> None:
    """In this process: what is wrong with an engine's calls would be an error, since each token is tested."""
    pytest.importorskip(engine, reason=f"{engine} is not installed")
    files = tuple((f"{index}.json", (1,)) for index in range(3))
    batch = answer(Task("batch", engine, options, files))
    assert batch.get("values", batch)["matchers"] == 3
    files = tuple((f"{index}.json", (0, 1)) for index in range(4))
    memory = answer(Task("memory", engine, options, files))
    assert memory.get("values", memory)["schemas"] == 4


def test_apply_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, options: Options) -> None:
    monkeypatch.setitem(sys.modules, "benchmarks.apply", None)
    assert "not available" in answer(Task("apply", "gramask", options))["missing"]


def test_apply_takes_over_records(monkeypatch: pytest.MonkeyPatch, options: Options) -> None:
    apply = pytest.importorskip("benchmarks.apply")
    costs = {"gramask": 1.0, "llguidance": 2.0, "xgrammar": 1.5}

    def measured(batches: Any, dtypes: Any, masks: Any, **_: Any) -> list[Any]:
        return [
            apply.Record(engine, "cpu", 1, batch, dtype, mask, 100, 1, us * (1 + (batch == 32)), us)
            for engine, us in costs.items()
            for dtype in dtypes
            for batch in batches
            for mask in masks
        ]

    def rows() -> set[tuple[str, str]]:
        found = {"figure": "apply", "engine": "gramask", "run": 0}
        found |= answer(Task("apply", "gramask", options))
        rows = [row for row in figure_rows([found]) if row.figure.startswith("apply")]
        assert len(rows) == 12
        return {(row.target, row.verdict) for row in rows}

    monkeypatch.setattr(apply, "measure_apply", measured)
    assert rows() == {("1 × xgrammar", MET)}
    del costs["xgrammar"]
    costs["gramask"] = 2.5
    assert rows() == {("1 × llguidance", NOT_MET)}


def test_an_interrupted_session_goes_on(
    options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.maskbench.figures import measuring as module

    stop, asked = Event(), []

    def run_fresh_or_stop(figure: Figure, task: Task, log: Path, stop: Event) -> dict[str, Any]:
        if stop.is_set():
            raise Interrupted
        asked.append(task.engine)
        stop.set()
        return {"values": {"us": 1.0}}

    monkeypatch.setattr(module, "run_fresh", run_fresh_or_stop)
    for done in (1, 2, 3):
        stop.clear()
        measuring = Measuring(options, tmp_path, 1, stop=stop, engines=FIGURES["fork"].engines)
        if done < 3:
            with pytest.raises(Interrupted):
                measuring.measure(FIGURES["fork"])
        else:
            measuring.measure(FIGURES["fork"])
        assert len(read_answers(tmp_path)) == done
    assert sorted(asked) == sorted(FIGURES["fork"].engines)
    with pytest.raises(BenchmarkError, match="seed was 0, is 1"):
        Measuring(replace(options, seed=1), tmp_path, 1, stop=Event())


def _arguments(options: Options, out: Path, *more: str) -> list[str]:
    return ["--targets", "--data", options.data, "--tokenizer", options.tokenizer, "--out", str(out), *more]


@pytest.mark.slow
def test_the_whole_command_on_a_sample(
    options: Options, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    wide = ("--tokenizer-200k", options.tokenizer)
    small = ("--sample", "3", "--runs", "1", *wide)
    assert main(_arguments(options, out, "--only", "latency,wide", *small)) == 0
    first = capsys.readouterr().out
    assert "A TRY-OUT ON A SAMPLE of 3 of 4 files" in first and re.search(r"fork .*not run", first)
    assert main(_arguments(options, out, "--only", "alone", *small)) == 2
    assert "--resume" in capsys.readouterr().err
    assert main(_arguments(options, out, "--only", "alone,reversed", "--resume", *small)) == 0
    report = json.loads((out / "targets.json").read_text())
    rows = {row["figure"]: row for row in report["table"]}
    assert rows["TBM average, wide vocabulary"]["verdict"] in (MET, NOT_MET)
    assert report["is_sample"] and len(report["sessions"]) == 2
    assert {"cpu", "commit", "packages"} <= set(report["sessions"][0])
    with_peer = importlib.util.find_spec("llguidance") is not None
    assert (rows["TBM p50"]["verdict"] != NOT_RUN) == with_peer
    assert ("sharing off" in report["variants"]) == with_peer
    assert with_peer or rows["TBM p50"]["measured"] == "llguidance is not installed"
    capsys.readouterr()
    assert main(["--targets", "--summarise", str(out)]) == 0
    assert "TBM average" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("--only", "latency,speed"), "--only has speed"),
        (("--workers", "2"), "--workers above 1"),
        (("--reverse",), "--reverse does not go with --targets"),
        (("--sample-for", "llguidance=3"), "not for llguidance"),
    ],
)
def test_wrong_arguments(
    change: tuple[str, ...],
    message: str,
    options: Options,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(_arguments(options, tmp_path / "out", *change)) == 2
    assert message in capsys.readouterr().err


def test_wrong_engines_of_single_figures(
    options: Options, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--data", options.data, "--tokenizer", options.tokenizer, "--out", str(tmp_path)]
    assert figures_main(["fork", *where, "--engines", "gramask,other"]) == 2
    assert "unknown engines: other" in capsys.readouterr().err
