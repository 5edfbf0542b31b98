"""MaskBench's accounting, on an engine whose every answer is known."""

from __future__ import annotations

import json
import os
import signal
import statistics
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from byte_tokenizer import save_byte_tokenizer

from benchmarks.maskbench.cli import main
from benchmarks.maskbench.corpus import draw
from benchmarks.maskbench.engines import ENGINES, Refused, load, resolve
from benchmarks.maskbench.failures import describe
from benchmarks.maskbench.measure import ACCEPTED, COMPLETED, REFUSED, measure
from benchmarks.maskbench.records import read_results
from benchmarks.maskbench.runner import Run, Settings, plan
from benchmarks.maskbench.summary import distribution

ROOT = Path(__file__).parents[1]
THIS = Path(__file__).stem


class Fake:
    """Allows exactly the texts listed under "accept" in the schema; misbehaves as it says under "fault"."""

    package: ClassVar[str] = "numpy"

    def __init__(self, tokenizer: Path) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(tokenizer / "tokenizer.json"))
        self.mask = np.zeros((self._tokenizer.get_vocab_size() + 31) // 32, dtype=np.int32)

    def compile(self, schema: Any) -> None:
        self._fault = schema.get("fault")
        if self._fault == "refuse":
            raise Refused("keyword", "this keyword is refused")
        if self._fault == "raise":
            raise KeyError("missing")
        if self._fault == "die":
            os.kill(os.getpid(), signal.SIGSEGV)
        if self._fault == "hang":
            time.sleep(60)
        texts = schema.get("accept")
        # The warm-up schema lists nothing and gets everything.
        self._language = None if texts is None else [self._tokenizer.encode(text).ids for text in texts]

    def reset(self) -> None:
        self._written: list[int] = []

    def _next(self) -> list[int | None]:
        n = len(self._written)
        assert self._language is not None
        return [text[n] if n < len(text) else None for text in self._language if text[:n] == self._written]

    def fill_mask(self) -> None:
        self.mask[:] = -1 if self._language is None else 0
        for token in self._next() if self._language is not None else ():
            if token is not None:
                self.mask.view(np.uint32)[token >> 5] |= np.uint32(1 << (token & 31))

    def advance(self, token_id: int) -> bool:
        """An honest engine refuses here what its mask forbids; the warm-up's texts are all allowed."""
        allowed = self._language is None or token_id in self._next()
        self._written.append(token_id)
        return allowed and self._fault != "contradict"

    def accepting(self) -> bool:
        return self._language is None or None in self._next()


class Strict(Fake):
    """A second engine: like Fake, but refuses the schema marked "hard"."""

    def compile(self, schema: Any) -> None:
        if schema.get("hard"):
            raise Refused("hard", "too hard") from NotImplementedError()
        super().compile(schema)


class Versioned(Fake):
    """An engine whose package, of which there may be two versions, and whose options decide what it refuses."""

    package: ClassVar[str] = "maskbench_toy"
    takes: ClassVar[tuple[str, ...]] = ("order",)

    def __init__(self, tokenizer: Path, **options: str) -> None:
        super().__init__(tokenizer)
        import maskbench_toy  # type: ignore[import-not-found]

        self.options = options
        self._refused = maskbench_toy.REFUSED

    def compile(self, schema: Any) -> None:
        if schema.get("fault") == self._refused:
            raise Refused("version", "not in this version")
        super().compile(schema)


def _schema(*accept: Any, **more: Any) -> dict[str, Any]:
    return {"accept": [json.dumps(value) for value in accept], **more}


def _test(data: Any, valid: bool) -> dict[str, Any]:
    return {"data": data, "valid": valid, "description": f"{data!r}"}


CASES = {
    "a_passes": (_schema(12, [3], hard=True), [_test(12, True), _test([3], True), _test("x", False)]),
    "b_refused": (_schema(12, fault="refuse"), [_test(12, True)]),
    "c_valid_rejected": (_schema(12), [_test(12, True), _test(13, True), _test("x", False)]),
    "d_invalid_accepted": (_schema(12, 13), [_test(13, False), _test(12, True)]),
    "e_both": (_schema(12), [_test(12, False), _test(13, True)]),
    # "1" is a prefix of the language: each token is allowed, but the text may not end.
    "f_prefix": (_schema(12), [_test(1, False), _test(1, True)]),
    "g_raises": (_schema(12, fault="raise"), [_test(12, True)]),
    "h_dies": (_schema(12, fault="die"), [_test(12, True)]),
    "i_hangs": (_schema(12, fault="hang"), [_test(12, True)]),
    "j_contradicts": (_schema(12, fault="contradict"), [_test(12, True)]),
    "k_without_tests": (_schema(12), []),
    "l_passes_after_all": (_schema(12), [_test(12, True), _test(2, False)]),
}
REPAIRED = ("h_dies", "i_hangs")


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_byte_tokenizer(tmp_path_factory.mktemp("tokenizer"))


def _write_cases(path: Path, cases: dict[str, Any]) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    for name, (schema, tests) in cases.items():
        (path / f"{name}.json").write_text(json.dumps({"schema": schema, "tests": tests}))
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _write_cases(tmp_path_factory.mktemp("data"), CASES)


@pytest.fixture
def arguments(data: Path, tokenizer: Path, tmp_path: Path) -> list[str]:
    return [
        "--data",
        str(data),
        "--tokenizer",
        str(tokenizer),
        "--out",
        str(tmp_path / "out"),
        "--timeout",
        "1",
    ]


@pytest.fixture(scope="module")
def finished(data: Path, tokenizer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results directory of one run of two engines over all cases."""
    out = tmp_path_factory.mktemp("finished") / "out"
    where = ["--data", str(data), "--tokenizer", str(tokenizer), "--out", str(out)]
    assert main([*where, "--timeout", "1", "--engines", f"{THIS}:Fake,{THIS}:Strict"]) == 0
    return out


def _summary(out: Path) -> dict[str, Any]:
    return json.loads((out / "summary.json").read_text())


def test_accounting(finished: Path) -> None:
    summary = _summary(finished)
    fake = summary["engines"]["Fake"]
    assert summary["complete"]
    expected = {
        "files": 12,
        "completed": 8,
        "refused": 1,
        "crashed": 2,
        "timed_out": 1,
        "valid_rejected": 4,
        "invalid_accepted": 2,
        "passing": 3,
        "tests_valid_rejected": 4,
        "tests_invalid_accepted": 2,
        "mask_contradicts_commit": 1,
    }
    assert {key: fake[key] for key in expected} == expected
    assert fake["refused_by"] == {"keyword": 1}
    assert fake["crashed_by"] == {"KeyError": 1, "SIGSEGV": 1}
    strict = summary["engines"]["Strict"]
    assert (strict["refused"], strict["passing"]) == (2, 2)
    assert summary["common_files"] == strict["common"]["files"] == fake["common"]["files"] == 7
    assert (fake["all"]["files"], strict["all"]["files"]) == (8, 7)


def test_a_crash_and_a_time_out_restart_the_engine_and_an_exception_too(finished: Path) -> None:
    results = read_results(finished)
    afters = sorted(start.after for start in results.starts if start.engine == "Fake")
    assert afters == ["begin", "crashed", "crashed", "timed out"]


def test_failures_name_instance_and_token(finished: Path) -> None:
    records = {r.file: r for r in read_results(finished).files if r.engine == "Fake"}

    def details(name: str) -> list[tuple[int, str, int | None, int]]:
        failures = records[f"{name}.json"].failures
        return [(f["instance"], f["kind"], f["token"], f["tokens"]) for f in failures]

    assert details("c_valid_rejected") == [(1, "valid_rejected", 1, 2)]
    assert details("d_invalid_accepted") == [(0, "invalid_accepted", None, 2)]
    assert details("e_both") == [(0, "invalid_accepted", None, 2), (1, "valid_rejected", 1, 2)]
    # The token index equal to the number of tokens says: the end was rejected.
    assert details("f_prefix") == [(1, "valid_rejected", 1, 1)]
    assert details("j_contradicts") == [(0, "valid_rejected", 0, 2)]
    assert records["c_valid_rejected.json"].failures[0]["description"] == "13"


def test_failures_name_the_first_byte_refused(finished: Path) -> None:
    found = json.loads((finished / "failures.json").read_text())
    by_file = {entry["file"].partition(".")[0]: entry for entry in found["Fake"]}
    assert by_file.keys() == CASES.keys() - {"a_passes", "k_without_tests", "l_passes_after_all"}
    (test,) = by_file["c_valid_rejected"]["tests"]
    assert (test["byte"], test["bytes"], test["before"], test["after"]) == (1, 2, "1", "3")
    assert by_file["f_prefix"]["tests"][0]["byte"] == 1
    assert by_file["d_invalid_accepted"]["tests"][0]["byte"] is None
    assert [by_file[name]["grade"] for name in ("b_refused", "d_invalid_accepted", "e_both", "h_dies")] == [
        "refused",
        "invalid accepted",
        "valid rejected",
        "crashed",
    ]
    assert by_file["g_raises"]["error"] == "KeyError"
    assert "test_benchmarks_maskbench.py:" in by_file["g_raises"]["message"]
    assert found["Strict"][-1]["grade"] == "valid rejected"
    assert {e["file"]: e["error"] for e in found["Strict"]}["a_passes.json"] == "NotImplementedError"
    text = (finished / "failures-Fake.txt").read_text()
    assert (
        "valid rejected    c_valid_rejected.json  test 1, byte 1 of 2: '1' may not go on with '3'  (13)"
        in text
    )
    assert "refused           b_refused.json  this keyword is refused" in text
    assert "invalid accepted  d_invalid_accepted.json  test 0  (13)" in text
    # What was recorded before there were positions of bytes has positions of tokens.
    old = {key: value for key, value in test.items() if key not in ("byte", "bytes", "before", "after")}
    (line,) = describe({**by_file["c_valid_rejected"], "tests": [old]})
    assert "test 1, token 1 of 2" in line


def test_failures_are_listed_on_demand(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--summarise", str(finished), "--list-failures", "Strict"]) == 0
    output = capsys.readouterr().out
    assert "Strict: 10 files do not pass" in output and "Fake: 9 files" not in output
    assert main(["--summarise", str(finished), "--list-failures"]) == 0
    assert "Fake: 9 files" in capsys.readouterr().out


def test_two_versions_of_one_engine_in_one_run(
    arguments: list[str], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each process imports the package of its own checkout, and the report compares the two."""
    for name, refused in (("new", "refuse"), ("old", "contradict"), ("linked", "raise")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"__version__, REFUSED = {name!r}, {refused!r}\n")
    # As for gramask, a folder with a link of the package's name in it will do.
    (tmp_path / "holder").mkdir()
    (tmp_path / "holder" / "maskbench_toy").symlink_to(tmp_path / "linked")
    versions = [f"{THIS}:Versioned@{tmp_path / name}" for name in ("new", "old", "holder")]
    cases = {name: case for name, case in CASES.items() if name not in REPAIRED}
    arguments[arguments.index("--data") + 1] = str(_write_cases(tmp_path / "some", cases))
    assert main([*arguments, "--engines", ",".join([*versions, f"{THIS}:Fake"]), "--order", "schema"]) == 0
    summary = _summary(tmp_path / "out")
    assert summary["settings"]["order"] == "schema"
    set_ups = {name: engine["set_up"] for name, engine in summary["engines"].items()}
    assert list(set_ups) == ["Versioned@new", "Versioned@old", "Versioned@holder", "Fake"]
    assert [s["version"].split()[0] for s in set_ups.values()][:3] == ["new", "old", "linked"]
    assert [s["options"] for s in set_ups.values()] == [{"order": "schema"}] * 3 + [{}]
    refused = [engine["refused_by"].get("version", 0) for engine in summary["engines"].values()]
    assert refused == [1, 1, 1, 0]
    first, second = summary["comparisons"]
    assert (first["new"], first["old"], second["old"]) == (
        "Versioned@new",
        "Versioned@old",
        "Versioned@holder",
    )
    assert (first["gained"], first["lost"]) == ([], [])
    assert first["both_passed"]["files"] == summary["passed_files"] == 3
    rows = [summary["engines"][name]["passed"]["tbm_us"] for name in ("Versioned@new", "Versioned@old")]
    for key in ("p25", "p50", "p75", "p90", "p99", "p99.9", "p100", "avg"):
        assert first["all_passed"]["tbm_us"][key] == pytest.approx(rows[0][key] / rows[1][key])
    assert "Versioned@new / Versioned@old" in capsys.readouterr().out


def test_comparison_with_an_earlier_run(
    finished: Path, data: Path, tokenizer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = {name: CASES[name] for name in ("a_passes", "b_refused", "l_passes_after_all")}
    where = ["--data", str(_write_cases(tmp_path / "some", cases)), "--tokenizer", str(tokenizer)]
    where += ["--out", str(tmp_path / "out"), "--engines", f"{THIS}:Strict", "--compare", str(finished)]
    assert main(where) == 0
    (comparison,) = _summary(tmp_path / "out")["comparisons"]
    assert (comparison["new"], comparison["old"]) == ("Strict", "Strict, earlier")
    assert comparison["both_passed"]["files"] == 1
    assert "Strict / Strict, earlier" in capsys.readouterr().out


def test_checkouts_by_name(tmp_path: Path) -> None:
    (tmp_path / "v1").mkdir()
    (tmp_path / "v1" / "__init__.py").touch()
    name, spec = resolve(f"gramask@{tmp_path / 'v1'}")
    assert (name, spec) == ("gramask@v1", f"{ENGINES['gramask']}@{(tmp_path / 'v1').resolve()}")


def test_one_timing_per_token_up_to_the_first_rejected(finished: Path) -> None:
    counts = {r.file: r.timings[1] for r in read_results(finished).files if r.engine == "Fake"}
    assert counts["a_passes.json"] == 2 + 3 + 1
    assert counts["c_valid_rejected.json"] == 2 + 2 + 1
    assert counts["f_prefix.json"] == 1 + 1
    assert counts["k_without_tests.json"] == counts["b_refused.json"] == counts["h_dies.json"] == 0


def test_summary_equals_a_recomputation_from_the_files(finished: Path) -> None:
    lines = [json.loads(line) for line in (finished / "results.jsonl").read_text().splitlines()]
    raw = (finished / "timings.i64").read_bytes()
    timings, ttfm = [], []
    for line in lines:
        if line["event"] == "file" and line["engine"] == "Fake" and line["outcome"] == "completed":
            offset, count = line["timings"]
            timings += struct.unpack_from(f"<{count}q", raw, offset * 8)
            ttfm.append(line["ttfm_ns"])
    tables = _summary(finished)["engines"]["Fake"]["all"]
    for values, scale, row in ((timings, 1e3, tables["tbm_us"]), (ttfm, 1e6, tables["ttfm_ms"])):
        assert row["n"] == len(values) and min(values) > 0
        assert row["avg"] == pytest.approx(statistics.fmean(values) / scale)
        for level in (25, 50, 75, 90, 95, 99, 99.9, 100):
            assert row[f"p{level:g}"] == pytest.approx(np.percentile(values, level) / scale)


def test_distribution_of_known_numbers() -> None:
    row = distribution(np.arange(0, 1001, dtype=np.int64) * 1000, 1e3)
    assert row is not None
    assert [row[key] for key in ("n", "avg", "p25", "p50", "p99", "p99.9", "p100")] == pytest.approx(
        [1001, 500, 250, 500, 990, 999, 1000]
    )
    assert distribution(np.empty(0, dtype=np.int64), 1e3) is None


def test_summarise_recomputes_the_same(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = _summary(finished)
    (finished / "summary.json").unlink()
    assert main(["--summarise", str(finished)]) == 0
    assert _summary(finished) == before
    assert "Time between masks" in capsys.readouterr().out


def test_plot_is_a_png(finished: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    assert main(["--summarise", str(finished)]) == 0
    assert (finished / "latency.png").read_bytes().startswith(b"\x89PNG")


def test_summary_says_with_what_it_was_made(finished: Path) -> None:
    summary = _summary(finished)
    assert summary["settings"]["timeout"] == 1
    (session,) = summary["sessions"]
    assert {"cpu", "cores", "python", "packages", "commit", "date"} <= set(session)
    assert summary["engines"]["Fake"]["set_up"]["version"] == np.__version__


def _settings(data: Path, tokenizer: Path, **more: Any) -> Settings:
    engines = {"Fake": f"{THIS}:Fake", "Strict": f"{THIS}:Strict"}
    return Settings(str(data), str(tokenizer), engines, **{"timeout": 1.0, **more})


@pytest.mark.slow
def test_resume_completes_an_interrupted_run_without_repeating(
    data: Path, tokenizer: Path, tmp_path: Path, finished: Path
) -> None:
    settings = _settings(data, tokenizer)
    first = Run(settings, tmp_path)
    seen: list[str] = []

    def stop_after_five(record: Any) -> None:
        seen.append(record.file)
        if len(seen) == 5:
            first.stop.set()

    first.on_record = stop_after_five
    first.execute()
    assert len(read_results(tmp_path).files) == 5
    with (tmp_path / "results.jsonl").open("a") as file:
        file.write('{"event": "file", "file": "torn')
    with (tmp_path / "timings.i64").open("ab") as timings:
        timings.write(b"torn")
    second = Run(settings, tmp_path, resume=True)
    assert len(second.done) == 5
    second.execute()
    results, whole = read_results(tmp_path), read_results(finished)
    assert len(results.run["sessions"]) == 2

    def gist(record: Any) -> tuple[Any, ...]:
        return record.engine, record.file, record.outcome, record.failures, record.timings[1]

    assert sorted(map(gist, results.files)) == sorted(map(gist, whole.files))
    assert results.timings_of(results.files).min() > 0


def test_resume_needs_the_same_arguments(
    arguments: list[str], finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments[arguments.index("--out") + 1] = str(finished)
    arguments += ["--engines", f"{THIS}:Fake,{THIS}:Strict"]
    assert main(arguments) == 2
    assert "--resume" in capsys.readouterr().err
    assert main([*arguments, "--resume", "--seed", "3"]) == 2
    assert "seed was 0, is 3" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_with_a_report(
    number: signal.Signals, arguments: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    arguments[arguments.index("--timeout") + 1] = "50"
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests"), *sys.path])
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.maskbench", *arguments, "--engines", f"{THIS}:Fake"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        # Eight files and the crashed two's restarts come before the one that hangs.
        lines = out / "results.jsonl"
        deadline = time.monotonic() + 60
        while not (lines.exists() and lines.read_text().count('"event": "file"') == 8):
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.1)
        process.send_signal(number)
        output, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 128 + number
    assert "Traceback" not in errors and "Incomplete" in output
    summary = _summary(out)
    assert not summary["complete"]
    assert summary["engines"]["Fake"]["files"] == 8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--data": "{tmp}/empty"}, "holds no *.json file"),
        ({"--data": "{tmp}/nowhere"}, "is not a directory"),
        ({"--data": "{tmp}/other"}, "not a file with 'schema' and 'tests'"),
        ({"--tokenizer": "{tmp}/nowhere"}, "is not a directory"),
        ({"--tokenizer": "{tmp}/empty"}, "no tokenizer can be loaded"),
        ({"--engines": "nonesuch"}, "unknown engine 'nonesuch'"),
        ({"--engines": "nonesuch:Engine"}, "cannot be imported"),
        ({"--engines": f"{THIS}:Absent"}, "is not installed"),
        ({"--engines": ","}, "names no engine"),
        ({"--engines": f"{THIS}:Fake,{THIS}:Fake"}, "two of the same name"),
        ({"--engines": "gramask@{tmp}/empty"}, "is no checkout of gramask"),
        ({"--compare": "{tmp}/empty"}, "holds no results"),
        ({"--list-failures": "Strict"}, "not among the engines"),
        ({"--sample-for": "xgrammar=2"}, "not among the engines"),
        ({"--summarise": "{tmp}/empty"}, "holds no results"),
    ],
)
def test_wrong_arguments_are_one_line(
    change: dict[str, str],
    message: str,
    arguments: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.json").write_text('{"other": 1}')
    arguments += ["--engines", f"{THIS}:Fake"]
    for option, value in change.items():
        arguments += [option, value.format(tmp=tmp_path)]
    assert main(arguments) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert errors.strip().count("\n") == 0


class Absent(Fake):
    package: ClassVar[str] = "no_such_package"


class Broken(Fake):
    def __init__(self, tokenizer: Path) -> None:
        raise RuntimeError("no tables")


def test_an_engine_that_cannot_be_set_up(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*arguments, "--engines", f"{THIS}:Broken"]) == 1
    errors = capsys.readouterr().err
    assert "RuntimeError: no tables" in errors and "Traceback" not in errors
    # Nothing was measured, so the directory is free for the next attempt.
    assert main([*arguments, "--engines", f"{THIS}:Broken"]) == 1


def test_samples_are_nested_and_kept_in_order() -> None:
    names = [f"{i:02}" for i in range(50)]
    ten, twenty = draw(names, 10, seed=1), draw(names, 20, seed=1)
    assert set(ten) < set(twenty) and len(ten) == 10
    assert ten == sorted(ten)
    assert ten != draw(names, 10, seed=2)
    assert draw(names[::-1], 10, seed=1) == ten[::-1]
    assert draw(names, None, seed=1) == draw(names, 99, seed=1) == names


def test_plan(data: Path, tokenizer: Path) -> None:
    drawn = plan(_settings(data, tokenizer, sample=8, sample_for={"Strict": 3}, reverse=True))
    assert drawn.files == sorted(drawn.files, reverse=True) and len(drawn.files) == 8
    assert drawn.members["Strict"] < drawn.members["Fake"] == set(drawn.files)
    orders = {tuple(plan(_settings(data, tokenizer)).turns(f"{n}_x.json", seed=0)) for n in CASES}
    assert orders == {()}
    orders = {tuple(plan(_settings(data, tokenizer)).turns(f"{n}.json", seed=0)) for n in CASES}
    assert orders == {("Fake", "Strict"), ("Strict", "Fake")}


def test_limited_and_parallel(arguments: list[str], data: Path, tmp_path: Path) -> None:
    cases = {name: case for name, case in CASES.items() if name not in REPAIRED}
    arguments[arguments.index("--data") + 1] = str(_write_cases(tmp_path / "some", cases))
    arguments += ["--engines", f"{THIS}:Fake", "--limit-instances", "1", "--workers", "2"]
    assert main(arguments) == 0
    fake = _summary(tmp_path / "out")["engines"]["Fake"]
    assert (fake["files"], fake["tests"], fake["valid_rejected"], fake["invalid_accepted"]) == (10, 7, 1, 2)


PEER_SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "n": {"type": "integer"}},
    "required": ["name", "n"],
    "additionalProperties": False,
}
REFUSED_BY = {
    "gramask": ({"$ref": "https://example.com/elsewhere"}, "$ref"),
    "gramask-alone": ({"$ref": "https://example.com/elsewhere"}, "$ref"),
    "llguidance": ({"type": "array", "uniqueItems": True}, "uniqueItems"),
    "xgrammar": ({"type": "foo"}, "Unsupported type …"),
}


@pytest.mark.parametrize("name", ENGINES)
def test_adapters(name: str, tokenizer: Path) -> None:
    pytest.importorskip(load(ENGINES[name]).package, reason=f"the package of {name} is not installed")
    from tokenizers import Tokenizer

    encode = Tokenizer.from_file(str(tokenizer / "tokenizer.json")).encode
    engine = load(ENGINES[name])(tokenizer)
    texts = ['{"name": "é", "n": 12}', '{"name": 1}', '{"name": "é", "n": 12', '{"name": "", "n": 1}']
    instances = [encode(text).ids for text in texts]
    measurement = measure(engine, PEER_SCHEMA, instances)
    assert measurement.outcome == COMPLETED
    assert measurement.stops == (ACCEPTED, texts[1].index("1"), len(instances[2]), ACCEPTED)
    assert measurement.contradictions == ()
    assert measurement.ttfm_ns is not None and measurement.ttfm_ns > 0
    n_timings = len(instances[0]) + texts[1].index("1") + 1 + len(instances[2]) + len(instances[3])
    assert len(measurement.timings) == 8 * n_timings


@pytest.mark.parametrize("name", ENGINES)
def test_adapters_name_what_is_refused(name: str, tokenizer: Path) -> None:
    pytest.importorskip(load(ENGINES[name]).package, reason=f"the package of {name} is not installed")
    schema, reason = REFUSED_BY[name]
    measurement = measure(load(ENGINES[name])(tokenizer), schema, [])
    assert measurement.outcome == REFUSED and measurement.message
    assert measurement.refused_ns is not None and measurement.refused_ns > 0
    assert reason is None or measurement.reason == reason
