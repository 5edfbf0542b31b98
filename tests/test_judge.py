"""What the judge of the other tests promises beyond the official suite."""

from __future__ import annotations

import json
import re

import pytest
from reference.ecma import searches
from reference.formats import RULES, FormatRules
from reference.judge import Judge, Malformed, Unjudged, identity

DRAFT_4 = "http://json-schema.org/draft-04/schema#"
DRAFT_7 = "http://json-schema.org/draft-07/schema#"
DRAFT_2019 = "https://json-schema.org/draft/2019-09/schema"


@pytest.mark.parametrize(
    ("schema", "valid", "invalid"),
    [
        ({"uniqueItems": True}, "[1,true,[1],[true]]", "[[1],[true],[1.0]]"),
        ({"uniqueItems": True}, '[{"a":1},{"b":1}]', '[{"a":1,"b":2},{"b":2.0,"a":1e0}]'),
        ({"const": {"a": [1]}}, '{"a":[1.0]}', '{"a":[true]}'),
        ({"enum": [0, False]}, "-0.0", "null"),
        ('{"multipleOf":0.01}', "4.35", "4.351"),
        ('{"multipleOf":1e-300}', "1e-299", "1e-301"),
        ({"multipleOf": 3}, "9007199254740993", "9007199254740994"),
        ('{"minimum":9007199254740993}', "9007199254740993", "9007199254740992"),
        ({"type": "integer"}, "1e2", "1e-2"),
        ({"$schema": DRAFT_4, "type": "integer"}, "100", "1e2"),
        ({"pattern": "^a$"}, '"a"', '"a\\n"'),
        ({"patternProperties": {r"^\d$": False}}, '{"\u0663":1}', '{"3":1}'),
        ({"additionalProperties": False, "patternProperties": {"b$": {}}}, '{"b":1}', '{"b\\n":1}'),
        ({"$schema": DRAFT_2019, "additionalProperties": {}, "unevaluatedProperties": False}, '{"a":1}', "_"),
        ({"$schema": DRAFT_2019, "contains": {}, "unevaluatedItems": False}, '{"a":1}', "[1]"),
        ({"contains": {}, "unevaluatedItems": False}, "[1]", "[]"),
        ({"$schema": DRAFT_2019, "items": False, "unevaluatedItems": False}, "[]", "[1]"),
        ({"$schema": DRAFT_7, "items": True, "additionalItems": False}, "[1]", "_"),
        ({"not": {"$id": "http://x/y", "$defs": {"a": {"type": "null"}}, "$ref": "#/$defs/a"}}, "1", "null"),
        ({}, '{"a":{"b":1}}', '{"a":{"b":1,"\\u0062":1}}'),
        ({}, '"\\ud83d\\ude00"', '"\\ud83d"'),
        ({}, "0", "NaN"),
    ],
)
def test_verdicts(schema: object, valid: str, invalid: str) -> None:
    judge = Judge(schema)
    assert judge.accepts(valid)
    assert not judge.accepts(invalid)


def test_repeated_names_count_once_on_request() -> None:
    judge = Judge({"maxProperties": 1, "properties": {"a": {"const": 2}}})
    assert not judge.accepts('{"a":1,"a":2}')
    assert judge.accepts('{"a":1,"a":2}', repeats=True)
    assert not judge.accepts('{"a":2,"a":1}', repeats=True)
    with pytest.raises(Malformed):
        judge.parse('{"a":1,"a":2}')


@pytest.mark.parametrize("text", ["1e3000", "1e-3000"])
def test_numbers_too_far_away_are_not_judged(text: str) -> None:
    with pytest.raises(Unjudged):
        Judge(True).accepts(text)


def test_what_python_cannot_read_is_not_judged() -> None:
    with pytest.raises(Unjudged):
        Judge({"pattern": r"\p{Script=Greek}"}).accepts('"a"')
    with pytest.raises(Unjudged):
        Judge({"$ref": "#"}).accepts("1")


def test_identity() -> None:
    values = [
        "0",
        "false",
        "null",
        '"0"',
        "[]",
        "{}",
        "[0]",
        "[false]",
        '{"a":0}',
        '{"a":false}',
        '["a",0]',
        "0.5",
    ]
    judge = Judge(True)
    assert len({identity(judge.parse(text)) for text in values}) == len(values)
    assert identity(judge.parse("0")) == identity(judge.parse("-0.0")) == identity(judge.parse("0e5"))


@pytest.mark.parametrize(
    ("pattern", "found", "missed"),
    [
        (r"^\s$", "\ufeff", "\x85"),
        (r"^[\s]$", "\u2003", "\x1c"),
        (r"^[\S]$", "\x1c", "\u3000"),
        (r"^.$", "\x85", "\u2028"),
        (r"^[^]$", "\n", ""),
        (r"^(a|[])$", "a", ""),
        (r"^\w$", "a", "é"),
        (r"^\p{Lu}$", "É", "é"),
        (r"^[\p{L}1]$", "é", "2"),
        (r"^\P{L}$", "1", "é"),
        (r"^\u{1F600}$", "😀", "a"),
        (r"^\ud83d\ude00$", "😀", "a"),
        (r"^\cA$", "\x01", "A"),
        (r"^[[&]$", "[", "]"),
        (r"a$", "ba", "a\n"),
    ],
)
def test_ecma(pattern: str, found: str, missed: str) -> None:
    assert searches(pattern, found)
    assert not searches(pattern, missed)


def test_what_is_no_ecma() -> None:
    for pattern in (r"\Z", r"\a", "(?<n>a)(", "[b-a]"):
        with pytest.raises(re.error):
            searches(pattern, "")


def test_formats() -> None:
    conforms = FormatRules(RULES).conforms
    assert conforms("date", "2024-02-29") and not conforms("date", "2023-02-29")
    assert conforms("time", "22:59:60-01:00") and not conforms("time", "22:59:60Z")
    assert conforms("of our own", "anything") and conforms("date", 1)
    assert not Judge({"format": "ipv4"}, formats=True).accepts('"1.2.3.256"')
    assert Judge({"format": "ipv4"}).accepts(json.dumps("1.2.3.256"))
