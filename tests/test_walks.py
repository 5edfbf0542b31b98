"""Random documents under masks on real vocabularies and real schemas."""

from __future__ import annotations

import json
import random
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from reference.authority import Authority
from shared_data import shared_dir
from strategies import EOS, merged_tokens

import gramask
from benchmarks.random_walks import TokensByFirstByte, Walked, judge, main, walk_document, walk_schema

TOKENIZERS = ["gpt2", "llama2", "llama3", "llama4"]
SCHEMAS_EACH = 30
SMALL = gramask.Vocabulary([*merged_tokens(), EOS], eos_ids=[len(merged_tokens())])


@cache
def real_vocabulary(name: str) -> tuple[gramask.Vocabulary, TokensByFirstByte]:
    vocabulary = gramask.Vocabulary.from_tokenizer(str(shared_dir("tokenizers", name)))
    return vocabulary, TokensByFirstByte(vocabulary)


def real_schemas(seed: str) -> list[tuple[str, Any]]:
    """Schemas that compile, a few dozen, in a random order of their own."""
    files = sorted(shared_dir("data", "maskbench").glob("*.json"))
    random.Random(seed).shuffle(files)
    found: list[tuple[str, Any]] = []
    for path in files:
        schema = json.loads(path.read_text(encoding="utf-8"))["schema"]
        try:
            gramask.compile(schema, SMALL)
        except gramask.GramaskError:
            continue
        found.append((path.name, schema))
        if len(found) == SCHEMAS_EACH:
            break
    return found


@pytest.mark.slow
@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_documents_of_real_schemas_are_valid(tokenizer: str) -> None:
    vocabulary, groups = real_vocabulary(tokenizer)
    schemas = real_schemas(tokenizer)
    n_valid = 0
    for name, schema in schemas:
        found = walk_schema(name, schema, vocabulary, groups, n=2, seed=0)
        assert found.faults == []
        n_valid += found.counts["documents valid"]
    # The rest holds an exponent of five digits, or a pattern that Python cannot read.
    assert n_valid >= 1.5 * len(schemas)


@pytest.mark.slow
@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_every_mask_bit_of_a_real_vocabulary(tokenizer: str) -> None:
    vocabulary, groups = real_vocabulary(tokenizer)
    schema = {
        "type": "object",
        "properties": {"né": {"type": "string", "maxLength": 5}, "n": {"type": "integer", "minimum": 10}},
        "required": ["né"],
        "additionalProperties": {"enum": ["a", 1, None, [{"b": True}]]},
    }
    constraint = gramask.compile(schema, vocabulary)
    walked = walk_document(
        constraint, groups, random.Random(1), length=6, probes=len(vocabulary.tokens) // 20
    )
    assert walked.fault is None
    assert judge(Authority(schema), walked.text) == "valid"


def test_walk_of_a_broken_matcher_is_a_fault() -> None:
    """The walk itself must notice a mask that lies."""
    constraint = gramask.compile({"type": "string"}, SMALL)
    groups = TokensByFirstByte(SMALL)

    class Liar:
        def __init__(self, real: Any) -> None:
            self.real = real

        def __getattr__(self, name: str) -> Any:
            return getattr(self.real, name)

        def fill_mask(self, out: Any) -> None:
            self.real.fill_mask(out)
            out[2] ^= 2

    class Lying:
        n_words, vocabulary = constraint.n_words, constraint.vocabulary

        def matcher(self) -> Any:
            return Liar(constraint.matcher())

    faults = [walk_document(Lying(), groups, random.Random(i), length=30).fault for i in range(10)]  # type: ignore[arg-type]
    assert any(faults)


def test_judge() -> None:
    authority = Authority({"type": "number", "maximum": 1})
    assert judge(authority, b"0.5") == "valid"
    assert judge(authority, b"1.00000000000000000000001") == "invalid"
    assert judge(authority, b"0.5]") == "invalid"
    assert judge(authority, b"1e-99999999") == "valid"
    assert judge(authority, b"1e99999999") == "invalid"
    assert judge(Authority({"pattern": "(?<x>a)"}), b'"a"').startswith("unjudged")
    assert Walked().fault is None


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tokenizer = shared_dir("tokenizers", "gpt2")
    for i, schema in enumerate([{"type": "string", "maxLength": 3}, {"not": {}}, {"enum": ["a", 1]}]):
        (tmp_path / f"{i}.json").write_text(json.dumps({"schema": schema, "tests": []}))
    out = tmp_path / "out" / "record.json"
    out.parent.mkdir()
    asked = ["--data", str(tmp_path), "--tokenizer", str(tokenizer), "--documents", "6", "--out", str(out)]
    assert main(asked) == 0
    record = json.loads(out.read_text())
    assert record["counts"]["documents"] >= 6
    assert record["counts"]["documents valid"] == record["counts"]["documents"]
    assert "0 faults" in capsys.readouterr().out


def test_judge_reads_patterns_as_ecma_in_every_draft() -> None:
    draft = "http://json-schema.org/draft-04/schema#"
    for schema in ({"pattern": r"^\s\d$"}, {"$schema": draft, "pattern": r"^\s\d$"}):
        assert judge(Authority(schema), '"\ufeff1"'.encode()) == "valid"
        assert judge(Authority(schema), '" \u0661"'.encode()) == "invalid"
