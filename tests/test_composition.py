"""Sources put together: the language is what the parts' languages make of it, and no prefix is a dead end."""

from __future__ import annotations

from typing import Any

import pytest
from byte_matching import BYTES, accepts, matcher_behind, restored

import gramask
from gramask import GramaskError, UnsupportedSchema

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name"],
    "additionalProperties": False,
}
WITH_REFERENCE = {
    "type": "object",
    "properties": {"a": {"$ref": "#/$defs/x"}},
    "required": ["a"],
    "$defs": {"x": {"type": "integer"}},
}
ITEMS_BY_REFERENCE = {"type": "array", "items": {"$ref": "#/$defs/x"}, "$defs": {"x": {"type": "boolean"}}}
BRACKETS = gramask.gbnf('root ::= "(" root ")" | ""')

CASES: list[tuple[str, Any, list[str], list[str]]] = [
    (
        "a schema between tags",
        "<tool>" + gramask.json(PERSON) + "</tool>",
        ['<tool>{"name":"x"}</tool>', '<tool>{"name": "<>", "age": 3 }</tool>'],
        ['<tool>{"age":3}</tool>', "<tool></tool>", '<tool>{"name":"x"}', '<tool> {"name":"x"}</tool>'],
    ),
    (
        "several calls",
        (gramask.json(PERSON) + ("\n" | gramask.choice([";"])))[1:],
        ['{"name":""}\n', '{"name":""};{"name":"x"}\n{"name":"y"};'],
        ["", '{"name":""}', '{"name":""}\n;'],
    ),
    (
        "a choice, a regex with an anchor, a grammar",
        gramask.choice(["yes", "no"]) + (", " + gramask.regex(r"\d{2,3}$"))[0:2] + BRACKETS,
        ["yes", "no, 12", "no, 12, 345(())", "yes()"],
        ["", "maybe", "no, 1", "yes(", "yes, 12, 12, 12"],
    ),
    (
        "schemas side by side keep their references apart",
        "a: " + (gramask.json(WITH_REFERENCE) | gramask.json(ITEMS_BY_REFERENCE) | "none") + ";",
        ['a: {"a":1};', "a: [true,false];", "a: none;"],
        ["a: [1];", 'a: {"a":true};', "a: null;"],
    ),
    (
        "numbers with separators",
        (gramask.json({"type": "integer", "minimum": 5}) + ",")[2],
        ["5,12,"],
        ["5,", "5,4,", "5,6,7,", "4,5,"],
    ),
    (
        "a schema in brackets of any depth",
        gramask.gbnf('root ::= "x"')[0:1]
        + gramask.ebnf("a ::= '[' a ']' | '#'")
        + gramask.json({"const": "é"}),
        ['x[[#]]"é"', '#"\\u00e9"'],
        ['[#"é"', '[#]"e"', 'xx#"é"'],
    ),
]


@pytest.mark.parametrize("saved", [False, True], ids=["compiled", "restored"])
@pytest.mark.parametrize(("name", "source", "accept", "reject"), CASES, ids=[case[0] for case in CASES])
def test_case(name: str, source: Any, accept: list[str], reject: list[str], saved: bool) -> None:
    compiled = gramask.compile(source, BYTES)
    if saved:
        compiled = restored(compiled)
    assert [text for text in accept if not accepts(compiled, text)] == []
    assert [text for text in reject if accepts(compiled, text)] == []
    assert compiled.parse(accept[0]) == accept[0]


@pytest.mark.parametrize(("name", "source", "accept", "reject"), CASES, ids=[case[0] for case in CASES])
def test_every_prefix_can_be_completed(name: str, source: Any, accept: list[str], reject: list[str]) -> None:
    compiled = gramask.compile(source, BYTES)
    for text in accept:
        for end in range(len(text) + 1):
            matcher = matcher_behind(compiled, text[:end])
            assert matcher is not None
            closing = matcher.closing_tokens()
            assert matcher.min_tokens_to_accept <= len(closing)
            assert all(map(matcher.advance, closing))
            assert matcher.is_accepting()


def test_the_shortest_completion_goes_through_the_schema() -> None:
    compiled = gramask.compile("<tool>" + gramask.json(PERSON) + "</tool>", BYTES)
    assert bytes(compiled.matcher().closing_tokens()) == b'<tool>{"name":""}</tool>'


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (gramask.json({"type": "string"}) | '"x"', "may begin a JSON value or something else"),
        (gramask.json({"type": "integer"})[2], "may be a number is followed"),
        (gramask.json({"type": "integer"}) + gramask.regex("[a-f]?"), "may be a number is followed"),
        (gramask.gbnf('root ::= "[" "["?') + gramask.json({"type": "array"}), "may begin a JSON value or"),
    ],
    ids=["same beginning", "numbers that touch", "a number and a letter", "an end that may go on"],
)
def test_what_one_byte_does_not_decide_is_refused(source: Any, message: str) -> None:
    with pytest.raises(UnsupportedSchema, match=message):
        gramask.compile(source, BYTES)


def test_validation_is_refused_in_parts() -> None:
    with pytest.raises(GramaskError, match="left to validation"):
        gramask.compile("a" + gramask.json(PERSON), BYTES, unsupported="validate")


def test_errors_of_parts_keep_their_place() -> None:
    with pytest.raises(GramaskError, match="no value satisfies") as caught:
        gramask.compile(
            "a" + gramask.json({"properties": {"b": False}, "required": ["b"], "type": "object"}), BYTES
        )
    assert caught.value.pointer is not None


@pytest.mark.parametrize("bad", [slice(3, 1), slice(-1, 2), slice(0, 2, 2)])
def test_repetitions_are_checked(bad: slice) -> None:
    with pytest.raises(GramaskError, match="no repetition"):
        gramask.regex("a")[bad]


def test_other_things_cannot_be_added() -> None:
    with pytest.raises(GramaskError, match=r"gramask\.json.*takes schemas"):
        gramask.regex("a") + {"type": "string"}  # type: ignore[operator]
    with pytest.raises(TypeError):
        list(gramask.regex("a"))  # type: ignore[call-overload]


def test_equal_compositions_are_compiled_once() -> None:
    first, second = ("a" + gramask.json(PERSON) + "b" for _ in range(2))
    assert gramask.compile(first, BYTES) is gramask.compile(second, BYTES)
