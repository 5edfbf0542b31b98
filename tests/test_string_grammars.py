"""Grammars inside JSON strings: what is in the string, in whatever spelling, is a text of the grammar."""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass
from itertools import product
from typing import Annotated, Any

import numpy as np
import pytest
from byte_matching import BYTES, accepts, allowed, matcher_behind, restored

import gramask
from gramask import (
    GramaskError,
    GrammarSyntaxError,
    InvalidSchema,
    UnsupportedSchema,
    ValidationFailed,
    Vocabulary,
)
from gramask.grammar.json_spelling import spelled
from gramask.grammar.nodes import Chars
from gramask.grammar.regex import compile_node

LAST = 0x10FFFF
BRACKETS = gramask.gbnf('root ::= "(" root ")" | "\\n"')
QUOTED = gramask.ebnf("""s ::= '"' s '"' | '\\' s '\\' | '/' | 'é' | '😀' | #xA""")
SUM = gramask.gbnf('root ::= root "+" term | term\nterm ::= [0-9]+ | "(" root ")"')
BACKSLASHES = gramask.ebnf("""s ::= '\\' s | s 'n' | '"' """)
AMBIGUOUS = gramask.gbnf('root ::= root root | "a" | "\\""')
OBJECT = {
    "type": "object",
    "properties": {"q": BRACKETS, "n": {"type": "integer"}},
    "required": ["q"],
    "additionalProperties": False,
}

CASES: list[tuple[str, Any, list[str], list[str]]] = [
    (
        "a member",
        OBJECT,
        ['{"q":"((\\n))"}', '{ "q" : "(\\u000a)", "n": 3}', '{"q":"\\u0028\\n\\u0029"}', '{"q":"\\u000A"}'],
        ['{"q":"(\\n"}', '{"q":""}', '{"q":"()"}', '{"q":3}', '{"q":"(\n)"}', '{"q":"(\\\\n)"}', "{}"],
    ),
    (
        "items, left recursion",
        {"type": "array", "items": SUM},
        ["[]", '["1+2"]', '["(1+(2+33))+4", "5"]'],
        ['["1+"]', '["1+2]', "[1]", '[""]', '["(1"]', '["1)"]'],
    ),
    (
        "escapes, characters of all lengths",
        {"anyOf": [{"type": "null"}, QUOTED]},
        [
            "null",
            '"/"',
            '"\\/"',
            '"\\"\\/\\""',
            '"\\\\é\\\\"',
            '"\\u005c\\u00E9\\u005C"',
            '"\\ud83d\\uDE00"',
            '"😀"',
            '"\\n"',
        ],
        ['"', '"""', '"\\"/"', '"\\\\/"', '"\\ud83d"', '"\\ud83d\\ude01"', '"\n"', '"\\\\/\\""'],
    ),
    (
        "the whole document, ambiguous",
        gramask.json({"$defs": {"x": AMBIGUOUS}, "$ref": "#/$defs/x"}),
        ['"a"', '"aaa\\"a"', '"\\u0061\\u0022"'],
        ['""', '"b"', '"a', '"a\\"'],
    ),
    (
        "parts put together, anchors and a lookahead",
        {
            "items": {
                "x-grammar": {"all": [["regex", r"^(?!0)\d+$"], ["gbnf", ['root ::= "-"', None]]]},
            }
        },
        ['["12-"]', '["1\\u002d"]', "[1]"],
        ['["0-"]', '["\\u0030-"]', '["12"]'],
    ),
    (
        "one of two types, beside an enum",
        {"properties": {"a": {"oneOf": [SUM, {"type": "integer"}]}, "b": gramask.choice(["x", "\n"])}},
        ['{"a":"1+1"}', '{"a":1}', '{"b":"\\n"}'],
        ['{"a":"1+"}', '{"a":1.5}', '{"b":"y"}'],
    ),
    (
        "listed texts that the grammar derives",
        {"enum": ["1+1", "1+", "()", "(7)"], "x-grammar": {"gbnf": [SUM.text, "root"]}},
        ['"1+1"', '"(7)"'],
        ['"1+"', '"()"', '"2"'],
    ),
    (
        "a regex, which is as good as a pattern",
        {"items": {"anyOf": [gramask.regex("a+"), {"type": "string", "maxLength": 1}]}, "uniqueItems": True},
        ['["aa","b",""]', "[]"],
        ['["aa","aa"]', '["ba"]'],
    ),
    (
        "borders of words, where a regex is all",
        {"items": gramask.regex(r"\bfoo\b.*(?<=o)")},
        ['["foo"]', '["foo o"]'],
        ['["food"]', '["foo x"]'],
    ),
    (
        "a schema by itself keeps its draft",
        {
            "$schema": "http://json-schema.org/draft-04/schema#",
            "items": gramask.json({"$ref": "#/$defs/i", "$defs": {"i": {"const": 1}}}),
            "$defs": {"i": {}},
        },
        ["[1]", "[1.0]"],
        ["[2]", '["1"]'],
    ),
    (
        "a schema by itself keeps its references",
        {
            "items": gramask.json({"$ref": "#/$defs/i", "$defs": {"i": {"type": "integer"}}}),
            "$defs": {"i": False},
        },
        ["[1]"],
        ['["1"]'],
    ),
]


@pytest.mark.parametrize("saved", [False, True], ids=["compiled", "restored"])
@pytest.mark.parametrize(("name", "schema", "accept", "reject"), CASES, ids=[case[0] for case in CASES])
def test_case(name: str, schema: Any, accept: list[str], reject: list[str], saved: bool) -> None:
    compiled = gramask.compile(schema, BYTES)
    if saved:
        compiled = restored(compiled)
    assert [text for text in accept if not accepts(compiled, text)] == []
    assert [text for text in reject if accepts(compiled, text)] == []
    assert compiled.parse(accept[0]) == json.loads(accept[0])


@pytest.mark.parametrize(("name", "schema", "accept", "reject"), CASES, ids=[case[0] for case in CASES])
def test_every_prefix_can_be_completed(name: str, schema: Any, accept: list[str], reject: list[str]) -> None:
    compiled = gramask.compile(schema, BYTES)
    for text in accept:
        for end in range(len(text.encode()) + 1):
            matcher = matcher_behind(compiled, text.encode()[:end])
            assert matcher is not None
            closing = matcher.closing_tokens()
            assert matcher.min_tokens_to_accept <= len(closing)
            assert all(map(matcher.advance, closing))
            assert matcher.is_accepting()


@pytest.mark.parametrize(("name", "schema", "accept", "reject"), CASES, ids=[case[0] for case in CASES])
def test_masks_are_what_advance_allows(name: str, schema: Any, accept: list[str], reject: list[str]) -> None:
    rng = random.Random(name)
    pieces = {
        text[i : i + n].encode()
        for text in (*accept, *reject)
        for i in range(len(text))
        for n in (1, 2, 3, 5)
    }
    tokens = [bytes([byte]) for byte in range(256)] + sorted(pieces - {bytes([byte]) for byte in range(256)})
    vocabulary = Vocabulary([*tokens, b"<eos>"], eos_ids=[len(tokens)])
    compiled = gramask.compile(schema, vocabulary)
    for _ in range(5):
        matcher = compiled.matcher()
        for _ in range(25):
            mask = allowed(matcher)
            assert mask == {token for token in range(len(tokens) + 1) if matcher.fork().advance(token)}
            assert mask
            matcher.advance(rng.choice(sorted(mask)))
            if matcher.is_finished():
                break


ALPHABET = ["(", ")", "\n", "n", "\\", '"']


@pytest.mark.parametrize(
    ("grammar", "holds"),
    [
        (BRACKETS, lambda text: (n := len(text) // 2) * "(" + "\n" + n * ")" == text),
        (gramask.gbnf(r'root ::= [^\n"]*'), lambda text: not set(text) & set('\n"')),
        (BACKSLASHES, lambda text: bool(re.fullmatch(r'\\*"n*', text))),
    ],
    ids=["brackets", "not a line feed", "backslashes"],
)  # fmt: skip
def test_all_short_texts_in_random_spellings(grammar: Any, holds: Any) -> None:
    rng = random.Random(5)
    compiled = gramask.compile({"items": grammar}, BYTES)
    n_accepted = 0
    for n in range(5):
        for chars in product(ALPHABET, repeat=n):
            text = "".join(chars)
            spelling = "".join(rng.choice(spellings(char)) for char in text)
            assert json.loads(f'"{spelling}"') == text
            assert accepts(compiled, f'["{spelling}"]') == holds(text), spelling
            n_accepted += holds(text)
    assert n_accepted > 1


def spellings(char: str) -> list[str]:
    """All JSON spellings of a character, of the hexadecimal ones two."""
    short = {'"': '"', "\\": "\\", "/": "/", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}
    units = np.frombuffer(char.encode("utf-16-le"), np.uint16).tolist()
    found = ["".join(f"\\u{unit:04x}" for unit in units), "".join(f"\\u{unit:04X}" for unit in units)]
    if char in short:
        found.append(f"\\{short[char]}")
    return found if char in '"\\' or char < " " else [*found, char]


RANGES = [
    ((0, 0x7F),),
    ((0x41, 0x41),),
    ((0x22, 0x22), (0x100, 0x2FFF), (0xE000, LAST)),
    ((0x10400, 0x1FFFF),),
    ((0x10300, 0x10300), (0x10FC00, LAST)),
    ((0, LAST),),
]


@pytest.mark.parametrize("ranges", RANGES, ids=str)
def test_spellings_of_a_character(ranges: tuple[tuple[int, int], ...]) -> None:
    rng = random.Random(3)
    dfa = compile_node(spelled(Chars(ranges)))
    points = {point + step for pair in ranges for point in pair for step in (-1, 0, 1)} | set(range(0x80))
    points |= {rng.randrange(LAST) for _ in range(2_000)}
    for point in sorted(points):
        if 0 <= point <= LAST and not 0xD800 <= point <= 0xDFFF:
            inside = any(low <= point <= high for low, high in ranges)
            for spelling in spellings(chr(point)):
                assert dfa.accepts(spelling.encode()) == inside, (hex(point), spelling)
    for text in ("\\ud800", "\\udc00", "\\ud800\\u0041", "\\u12", "a\\", '"', "\n", "\\x", ""):
        assert not dfa.accepts(text.encode())


REFUSED: list[tuple[Any, type[GramaskError], str, str | None]] = [
    ({"maxLength": 3, "x-grammar": {"gbnf": SUM.text}}, UnsupportedSchema, "cannot be combined", "#"),
    ({"anyOf": [SUM, BRACKETS]}, UnsupportedSchema, "cannot be combined", "#"),
    ({"not": {"x-grammar": {"gbnf": SUM.text}}, "type": "string"}, UnsupportedSchema, "cannot be combined", "#"),
    ({"items": SUM, "uniqueItems": True}, UnsupportedSchema, "cannot be combined", None),
    ({"propertyNames": SUM}, UnsupportedSchema, "cannot be combined", None),
    ({"contains": SUM}, UnsupportedSchema, "cannot be combined", None),
    ({"items": "a" + gramask.json()}, UnsupportedSchema, "JSON Schema cannot stand", "/items/x-grammar"),
    ({"items": SUM + gramask.regex(r"a\b")}, UnsupportedSchema, r"\\b cannot stand", "/items/x-grammar"),
    ({"items": SUM + gramask.regex("b(?<=b)a")}, UnsupportedSchema, "a lookbehind cannot stand", "/items/x-grammar"),
    ({"items": {"x-grammar": {"gbnf": 'root ::= "a" b'}}}, GrammarSyntaxError, "b", "/items/x-grammar"),
    ({"items": {"x-grammar": {"gbnf": 'root ::= "a" root'}}}, GramaskError, "finite|derives", "/items/x-grammar"),
    ({"items": {"x-grammar": {"lark": "x"}}}, InvalidSchema, "must be an object with one grammar", "/items/x-grammar"),
    ({"items": {"x-grammar": {"all": [1]}}}, InvalidSchema, "is not a grammar", "/items/x-grammar"),
    ({"items": gramask.lark('start: "a"')}, GramaskError, "lexer of its own", None),
    ({"enum": [SUM]}, InvalidSchema, "is not a JSON value", "/enum/0"),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "error", "message", "pointer"), REFUSED)
def test_refused(schema: Any, error: type[GramaskError], message: str, pointer: str | None) -> None:
    with pytest.raises(error, match=message) as caught:
        compiled = gramask.compile(schema, BYTES)
        # What is below the root is built when a text gets there.
        for text in ('["1"]', '{"1":1}', '["1","2"]'):
            accepts(compiled, text)
    if pointer is not None:
        assert (caught.value.pointer or "#") == pointer


def test_what_cannot_be_combined_is_validated() -> None:
    schema = {"items": {"maxLength": 3, "x-grammar": {"gbnf": SUM.text}}}
    compiled = gramask.compile(schema, BYTES, unsupported="validate")
    assert accepts(compiled, '["1+1", "7"]')
    assert compiled.parse('["1+1", "7"]') == ["1+1", "7"]
    for text in ('["1+"]', '["1+1+1"]'):
        with pytest.raises(ValidationFailed):
            compiled.parse(text)


def test_report() -> None:
    report = gramask.check({"items": SUM, "contains": {"type": "string"}})
    assert [entry.outcome for entry in report.entries if entry.keyword == "x-grammar"] == ["enforced"]


@dataclass
class Query:
    text: Annotated[str, SUM]
    kind: Annotated[str, gramask.choice(["a", "b"])] = "a"
    plain: Annotated[str, "a remark"] = ""


def test_annotated_types() -> None:
    compiled = gramask.compile(Query, BYTES)
    assert compiled.parse('{"text":"1+2","kind":"b"}') == Query("1+2", "b")
    assert accepts(compiled, '{"text":"1+2","kind":"b"}')
    assert not accepts(compiled, '{"text":"1+"}') and not accepts(compiled, '{"text":"1","kind":"c"}')
    with pytest.raises(UnsupportedSchema, match="annotate a str"):
        gramask.compile(list[Annotated[int, SUM]], BYTES)


def test_annotated_fields_of_pydantic() -> None:
    pydantic = pytest.importorskip("pydantic")
    model = pydantic.create_model("Model", text=(Annotated[str, SUM], ...))
    compiled = gramask.compile(model, BYTES)
    assert accepts(compiled, '{"text":"1+2"}') and not accepts(compiled, '{"text":"1+"}')
    assert compiled.parse('{"text":"1+2"}').text == "1+2"
