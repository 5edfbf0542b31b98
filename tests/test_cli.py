"""The commands: output, exit codes, and errors without a traceback."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gramask import cli, demo

GOOD = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "title": "T"}
# Draft 3 alone has this keyword.
REFUSED = {"$schema": "http://json-schema.org/draft-03/schema#", "properties": {"a/b": {"divisibleBy": 3}}}
HARD = {"type": "object", "properties": {"a/b": {"pattern": "(a|b)*a(a|b){30}"}}}


def write(folder: Path, schema: Any) -> str:
    path = folder / "schema.json"
    path.write_text(schema if isinstance(schema, str) else json.dumps(schema), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    "arguments", [[], ["--help"], ["demo", "--help"], ["check", "--help"], ["warmup", "--help"]]
)
def test_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code: Any = cli.main(arguments)
    except SystemExit as exit_:
        code = exit_.code
    assert code == 0
    assert "usage: gramask" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["bogus"], ["check"], ["demo", "--n", "0"], ["demo", "--n", "x"]])
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main(arguments)
    assert exit_.value.code == 2
    assert "usage: gramask" in capsys.readouterr().err


def test_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gramask", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("gramask 0.")


def test_check_accepts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", write(tmp_path, GOOD)]) == 0
    out = capsys.readouterr().out
    assert "properties" in out
    assert "compiles" in out


def test_check_refuses_with_pointer_and_hint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", write(tmp_path, REFUSED)]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "divisibleBy at /properties/a~1b" in out
    assert "use draft 4" in out
    assert "for example" not in out
    assert "UnsupportedSchema" in out


def test_check_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "--json", write(tmp_path, REFUSED)]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is False
    assert report["error"]["pointer"] == "/properties/a~1b"
    assert report["error"]["keyword"] == "divisibleBy"
    assert report["example"] is None
    entries = {(entry["pointer"], entry["keyword"]): entry for entry in report["keywords"]}
    assert entries["", "properties"]["outcome"] == "enforced"
    assert entries["/properties/a~1b", "divisibleBy"] == {
        "pointer": "/properties/a~1b",
        "keyword": "divisibleBy",
        "outcome": "refused",
        "reason": "divisibleBy is not enforced",
        "hint": "use draft 4 or later",
    }


def test_check_shows_a_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, GOOD)
    shown = []
    for seed in ("1", "1", "2"):
        assert cli.main(["check", path, "--seed", seed]) == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1] != shown[2]
    example = json.loads(shown[0].partition("for example:")[2])
    assert isinstance(example["a"], int)


def test_check_as_json_holds_the_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "--json", write(tmp_path, GOOD)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["error"] is None
    assert isinstance(report["example"]["a"], int)


def test_check_validates_what_it_cannot_enforce(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, HARD)
    assert cli.main(["check", path]) == 1
    assert "refused pattern at /properties/a~1b" in " ".join(capsys.readouterr().out.split())
    assert cli.main(["check", path, "--unsupported", "validate", "--order", "any"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "validated pattern at /properties/a~1b: the pattern needs too many states" in out
    assert "for example" in out


def test_a_schema_without_any_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", write(tmp_path, {"type": "string", "enum": [1]})]) == 1
    assert "UnsatisfiableSchema" in capsys.readouterr().out


def test_no_example_says_nothing_against_a_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    schema = {**HARD, "required": ["a/b"]}
    schema["properties"]["a/b"]["type"] = "string"  # type: ignore[index]
    assert cli.main(["check", write(tmp_path, schema), "--unsupported", "validate"]) == 0
    assert "no example was found: ValidationFailed" in " ".join(capsys.readouterr().out.split())


def test_check_reads_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = json.dumps({"type": "json_schema", "json_schema": {"schema": GOOD}})
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert cli.main(["check", "-", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["counts"]["enforced"] >= 4


def test_check_takes_formats_as_told(tmp_path: Path) -> None:
    path = write(tmp_path, {"type": "string", "format": "no-such-format"})
    assert cli.main(["check", path, "--formats", "annotate"]) == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "not valid JSON"), ("[1]", "a schema is an object or a boolean"), ("\\d+", "gramask.regex")],
)
def test_input_that_is_no_schema(
    content: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["check", write(tmp_path, content)]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "nowhere.json"],
        ["demo", "--schema", "nowhere.json"],
        ["demo", "--model", "nowhere"],
        ["warmup", "--tokenizer", "nowhere"],
    ],
    ids=" ".join,
)
def test_missing_files_are_named_without_a_traceback(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "gramask", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr


def test_demo_refuses_before_it_loads_a_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo", "--schema", write(tmp_path, REFUSED)]) == 2
    captured = capsys.readouterr()
    assert "/properties/a~1b" in captured.err
    assert "loading" not in captured.out


def test_a_bug_is_one_line_unless_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("gramask.api.check", broken)
    assert cli.main(["check", write(tmp_path, GOOD)]) == 3
    assert "RuntimeError: boom" in capsys.readouterr().err
    with pytest.raises(RuntimeError):
        cli.main(["--traceback", "check", write(tmp_path, GOOD)])


def test_interrupt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gramask.api.check", interrupted)
    assert cli.main(["check", write(tmp_path, GOOD)]) == 130


@pytest.mark.slow
def test_warmup_compiles_every_kernel() -> None:
    """Every one that is called from Python; in a process of its own, where nothing else has called one."""
    code = """
from gramask.demo import compile_grammar_kernels, compile_kernels
from gramask.grammar.context_free.kernels import analysis, entry, store
from gramask.grammar.kernels import dfas, lexemes, texts
from gramask.masks.kernels import apply, below, bits, making, merge, walk
compile_kernels()
compile_grammar_kernels()
called = [walk.advance, walk.walk, walk.walk_exits, walk.check_tokens, walk.finish]
called += [bits.any_of, bits.set_pairs, bits.any_bit, bits.fingerprint, bits.same_bits, bits.add_common, bits.put_words]
called += [bits.count_bits, bits.clear_bits]
called += [dfas.distinct_columns, dfas.refine, dfas.number, dfas.multiply]
called += [dfas.count_ways, dfas.greatest_ahead, dfas.least_ahead, texts.share_endings, texts.number_nodes]
called += [lexemes.look_at_characters, lexemes.write_rows, lexemes.write_bounds, lexemes.move, lexemes.move_apart]
called += [apply.apply_rows, apply.stream_rows]
called += [merge.merge, merge.count_below, below.collect_groups, below.collect_tokens]
called += [analysis.find_ends, analysis.find_sets, store.rehash]
called += [entry.step, making.walk_making]
missing = [kernel.__name__ for kernel in called if not kernel.signatures]
assert not missing, missing
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_warmup(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("transformers")
    assert cli.main(["warmup", "--tokenizer", str(demo.EMBEDDED_MODEL)]) == 0
    assert "compiling the kernels" in capsys.readouterr().err


@pytest.mark.slow
def test_demo_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    assert cli.main(["demo", "--json", "--n", "3", "--seed", "5"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["constrained"]["valid"] == 3
    assert len(shown["unconstrained"]["texts"]) == 3
    assert shown["n_masks"] == sum(shown["constrained"]["tokens"])
    assert 0 < shown["mask_us_p50"] <= shown["mask_us_p99"]
    assert 0 <= shown["jumped_share"] <= 1


@pytest.mark.slow
def test_demo_of_laws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("transformers")
    assert cli.main(["demo", "--sampler", "exact", "--json", "--n", "500"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert sum(shown["model"].values()) == pytest.approx(1.0)
    assert shown["covered"] > 0.99
    assert shown["masked_distance"] > 0.3
    assert shown["exact_distance"] < 2.5 * shown["noise"] < 0.2
    assert cli.main(["demo", "--sampler", "exact", "--n", "20"]) == 0
    assert "masked: 20 draws" in " ".join(capsys.readouterr().out.split())
    assert cli.main(["demo", "--sampler", "exact", "--schema", write(tmp_path, {"type": "string"})]) == 2
    assert "give a schema with fewer values" in " ".join(capsys.readouterr().err.split())


def test_demo_on_a_terminal_with_a_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    assert cli.main(["demo", "--schema", write(tmp_path, GOOD), "--n", "2", "--max-new-tokens", "40"]) == 0
    out = capsys.readouterr().out
    assert "2 of 2 valid" in out
    assert "gramask.constrain" in out
