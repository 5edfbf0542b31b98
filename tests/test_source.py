"""What `resolve` makes of each kind of schema argument, and the options."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import gramask
from gramask import CompileBudgetExceeded, GramaskError, InvalidSchema
from gramask.grammar.makers import resolve
from gramask.grammar.options import Options
from gramask.grammar.source import ChoiceSource, JsonSource, LarkSource, RegexSource

SCHEMA = {"type": "object", "properties": {"b": {"type": "integer"}, "a": {"enum": ["é"]}}}


@dataclass
class Point:
    x: int


@pytest.mark.parametrize(
    "given",
    [
        SCHEMA,
        json.dumps(SCHEMA),
        {"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": SCHEMA}},
        {"type": "json_schema", "name": "n", "schema": SCHEMA},
        {"type": "json_schema", "value": {"name": "n", "schema": SCHEMA}},
        {"type": "json", "value": SCHEMA},
        {"type": "json", "value": json.dumps(SCHEMA)},
        gramask.json(SCHEMA),
    ],
    ids=lambda given: str(given)[:60],
)
def test_every_form_of_a_schema_is_the_same_source(given: Any) -> None:
    source = resolve(given)
    assert isinstance(source, JsonSource)
    assert source.schema == SCHEMA
    assert source.canonical() == json.dumps(SCHEMA, separators=(",", ":"))
    assert source.parse('{"b": 1}') == {"b": 1}


def test_the_order_of_keys_is_kept() -> None:
    turned = {"type": "object", "properties": dict(reversed(SCHEMA["properties"].items()))}  # type: ignore[attr-defined]
    assert resolve(turned).canonical() != resolve(SCHEMA).canonical()  # type: ignore[attr-defined]


def test_files(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
    (tmp_path / "g.lark").write_text('start: "a"', encoding="utf-8")
    assert resolve(tmp_path / "s.json").schema == SCHEMA  # type: ignore[attr-defined]
    assert resolve(tmp_path / "g.lark") == LarkSource('start: "a"', "start", tmp_path / "g.lark")


def test_other_kinds() -> None:
    assert resolve(True).schema is True  # type: ignore[attr-defined]
    assert resolve("false").schema is False  # type: ignore[attr-defined]
    assert resolve({"type": "json_object"}).schema == {"type": "object"}  # type: ignore[attr-defined]
    assert resolve({"type": "regex", "value": "a+"}) == RegexSource("a+")
    assert resolve(Point).parse('{"x": 1}') == Point(1)
    assert resolve(gramask.choice(["a", "b", "a"])) == ChoiceSource(("a", "b"))
    assert resolve(gramask.regex("a")).parse("a") == "a"
    assert gramask.json().schema is True


@pytest.mark.parametrize(
    "name", ["null", "boolean", "object", "array", "number", "string", "integer", ["object"]]
)
def test_a_type_of_json_schema_is_no_response_format(name: Any) -> None:
    schema = {"type": name, "json_schema": {"schema": {}}, "value": 1}
    assert resolve(schema).schema is schema  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (r"\d+", r"gramask\.regex"),
        ("", r"gramask\.regex"),
        ('"text"', "object or a boolean"),
        ("[1]", "object or a boolean"),
        ('{"a": 1, "a": 2}', "repeated"),
        ('{"a": NaN}', "NaN"),
        ("{", "not valid JSON"),
        ("[" * 100_000, "nested more than 200 levels"),
        (["a", "b"], r"gramask\.choice"),
        ({1: 2}, "no str"),
        ({"properties": {"a/b": {"minimum": float("nan")}}}, r"/properties/a~1b/minimum"),
        ({"enum": [(1, 2)]}, "/enum/0"),
        ({"type": "text"}, "constrains nothing"),
        ({"type": "json_schema"}, 'no "schema"'),
        ({"type": "json_schema", "json_schema": {"name": "n"}}, "/json_schema"),
        ({"type": "json"}, 'no "value"'),
        (Path("schema.txt"), "suffix"),
        (Path("/nowhere/schema.json"), "cannot read"),
        (3, "no JSON form"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_refused_with_the_reason(given: Any, message: str) -> None:
    with pytest.raises(GramaskError, match=message):
        resolve(given)


def test_deep_nesting_ends_in_a_named_error() -> None:
    schema: dict[str, Any] = {}
    for _ in range(100_000):
        schema = {"items": schema}
    with pytest.raises(CompileBudgetExceeded, match="nested"):
        resolve(schema)


def test_broken_file_names_itself(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text("{", encoding="utf-8")
    with pytest.raises(InvalidSchema, match=r"s\.json"):
        resolve(tmp_path / "s.json")


@pytest.mark.parametrize("texts", ["abc", [], [1], ["\ud800"]])
def test_choice_refuses(texts: Any) -> None:
    with pytest.raises(GramaskError):
        gramask.choice(texts)


def test_whitespace_runs() -> None:
    assert Options().whitespace_run == 32
    assert Options(whitespace="compact").whitespace_run == 0
    assert Options(whitespace=3).whitespace_run == 3


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"whitespaces": 1}, "did you mean 'whitespace'"),
        ({"zzz": 1}, "the options are whitespace, order"),
        ({"whitespace": "flexibel"}, "did you mean 'flexible'"),
        ({"whitespace": -1}, "negative"),
        ({"whitespace": True}, "number of characters"),
        ({"whitespace": 1.5}, "number of characters"),
        ({"order": "alphabetical"}, "'schema' or 'any'"),
        ({"formats": None}, "'enforce' or 'annotate'"),
        ({"unsupported": "ignore"}, "'error' or 'validate'"),
    ],
    ids=str,
)
def test_options_refuse(keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(GramaskError, match=message):
        Options.from_keywords(**keywords)
