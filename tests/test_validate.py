"""`unsupported="validate"`: what the mask leaves out, what checks the finished text, and how a loop tries again."""

from __future__ import annotations

import json
import os
import random
from typing import Any

import numpy as np
import pytest
from all_keywords import nearby, random_schema, random_value, spelled
from official_suite import BYTES, DRAFTS, accepts, cases, files, options_for
from reference.judge import Judge, Unjudged

import gramask
from gramask import GramaskError, ValidationFailed
from gramask.example import random_example
from gramask.grammar.makers import resolve
from gramask.grammar.options import Options
from gramask.grammar.regex_search import is_found
from gramask.grammar.schema import values
from gramask.grammar.schema.compile import Compiled, compile_document, document_of
from gramask.grammar.schema.leaving_out import leave_out
from gramask.grammar.schema.validation import Validator
from gramask.masks.constraint import Constraint
from gramask.masks.engine import Engine
from gramask.masks.tables import tables_of

ROUNDS = float(os.environ.get("GRAMASK_ROUNDS", "1"))
LENIENT = Options(unsupported="validate", order="any")
HARD_PATTERN = "(a|b)*a(a|b){30}"
HARD_DIVISOR = 0.1234567891
HARD = {
    "type": "object",
    "properties": {
        "a": {"type": "number", "multipleOf": HARD_DIVISOR},
        "b": {"type": "string", "pattern": HARD_PATTERN},
        "c": {"type": "integer"},
    },
    "additionalProperties": False,
}


def is_valid(validator: Validator, text: str) -> bool:
    try:
        validator.check(text)
    except ValidationFailed:
        return False
    return True


@pytest.mark.parametrize("draft", DRAFTS)
def test_validator_is_right_on_the_official_suite(draft: str) -> None:
    """But for formats of which it is open whether a text has them, which then counts as invalid."""
    wrong = []
    for name, path in files(draft).items():
        options = Options(**options_for(name))
        for case in cases(path, draft):
            validator = Validator(resolve(case.schema).schema, options)
            for instance in case.instances:
                if instance.valid != is_valid(validator, instance.text):
                    wrong.append((name, case.name, instance.description, instance.valid))
    assert [
        found for found in wrong if not found[0].startswith(("optional/format/", "optional/content"))
    ] == []
    assert not any(valid is False for name, *_, valid in wrong if name != "optional/content")


def random_case(rng: random.Random) -> tuple[dict[str, Any], Judge, list[str]]:
    """A schema, its judge, and texts near to what it allows."""
    schema = random_schema(rng)
    texts = [spelled(nearby(rng, random_value(rng))) for _ in range(12)]
    return schema, Judge(schema, formats=False), texts


@pytest.mark.parametrize("block", range(4))
def test_validator_agrees_with_the_judge(block: int) -> None:
    rng = random.Random(block)
    for _ in range(round(150 * ROUNDS)):
        schema, judge, texts = random_case(rng)
        validator = Validator(schema, Options(formats="annotate"))
        for text in texts:
            try:
                expected = judge.accepts(text)
            except Unjudged:
                continue
            assert is_valid(validator, text) == expected, (schema, text)


@pytest.mark.parametrize("block", range(4))
def test_what_is_left_out_makes_the_mask_allow_more_never_less(block: int) -> None:
    rng = random.Random(block)
    options = Options(formats="annotate", order="any", unsupported="validate")
    for _ in range(round(120 * ROUNDS)):
        schema, judge, texts = random_case(rng)
        document = document_of(schema, options)
        visited = [(number, keyword) for number, keyword, _ in document.visit()]
        for number, keyword in rng.sample(visited, min(len(visited), rng.choice([1, 1, 2]))):
            leave_out(document, number, [keyword], "to see what happens")
        constraint = None
        try:
            constraint = constraint_of(options, compile_document(document, options))
        except gramask.UnsatisfiableSchema:
            pass
        except GramaskError:
            continue
        for text in texts:
            try:
                expected = judge.accepts(text)
            except Unjudged:
                continue
            if expected:
                found = constraint is not None and accepts(constraint, text.encode())
                assert found, (schema, document.left_out, text)


def constraint_of(options: Options, compiled: Compiled) -> Constraint:
    constraint = Constraint(resolve(True), BYTES, n_logits=len(BYTES), options=options)
    constraint.engine = Engine(compiled.pushdown, tables_of(BYTES), len(BYTES))
    return constraint


def test_only_what_is_too_hard_is_left_out() -> None:
    report = gramask.check(HARD, unsupported="validate")
    assert report.ok
    assert [(e.pointer, e.keyword) for e in report.of("validated")] == [
        ("/properties/a", "multipleOf"),
        ("/properties/b", "pattern"),
    ]
    assert all(entry.reason for entry in report.of("validated"))
    assert "validated: pattern at /properties/b; the pattern needs" in str(report)
    constraint = gramask.compile(HARD, BYTES, unsupported="validate")
    assert accepts(constraint, b'{"a": 0.5, "b": "x", "c": 1}')
    assert not accepts(constraint, b'{"a": "x"}')
    assert not accepts(constraint, b'{"d": 1}')


@pytest.mark.parametrize("pointer", ["", "/properties/a", "/items"])
def test_an_error_names_the_subschema_that_is_too_hard(pointer: str) -> None:
    hard = {"type": "number", "multipleOf": HARD_DIVISOR}
    schema: dict[str, Any] = {
        "": hard,
        "/properties/a": {"properties": {"a": hard}},
        "/items": {"items": hard, "minItems": 1, "type": "array"},
    }[pointer]
    text = {"/properties/a": b'{"a": 0.5}', "/items": b"[0.5]"}.get(pointer, b"0.5")
    with pytest.raises(gramask.CompileBudgetExceeded) as caught:
        accepts(gramask.compile(schema, BYTES, cache=False), text)
    assert caught.value.pointer == pointer


@pytest.mark.parametrize(
    ("schema", "left_out"),
    [
        ({"anyOf": [{"type": "null"}, {"multipleOf": HARD_DIVISOR}]}, [("/anyOf/1", "multipleOf")]),
        ({"$defs": {"a": {"multipleOf": HARD_DIVISOR}}, "$ref": "#/$defs/a"}, [("/$defs/a", "multipleOf")]),
        (
            {"propertyNames": {"pattern": HARD_PATTERN}, "minProperties": 1},
            [("", "propertyNames"), ("/propertyNames", "pattern")],
        ),
        (
            {"contains": {"pattern": HARD_PATTERN}, "maxContains": 2, "minItems": 1},
            [("", "contains"), ("", "maxContains"), ("/contains", "pattern")],
        ),
        (
            {"patternProperties": {HARD_PATTERN: {}}, "additionalProperties": False, "required": ["a"]},
            [("", "patternProperties"), ("", "additionalProperties")],
        ),
        (
            {
                "allOf": [{"patternProperties": {HARD_PATTERN: {"type": "null"}}}],
                "unevaluatedProperties": False,
                "minProperties": 1,
            },
            [
                ("", "unevaluatedProperties"),
                ("/allOf/0", "patternProperties"),
                ("/allOf/0/patternProperties/x", "type"),
            ],
        ),
    ],
)
def test_what_depends_on_it_is_left_out_too(schema: Any, left_out: list[tuple[str, str]]) -> None:
    report = gramask.check(schema, unsupported="validate")
    assert report.ok
    places = [(e.pointer.replace(HARD_PATTERN, "x"), e.keyword) for e in report.of("validated")]
    assert sorted(places) == sorted(left_out)


def test_the_error_of_a_report_is_refused_where_it_is() -> None:
    report = gramask.check(HARD)
    assert [(e.pointer, e.keyword, e.outcome) for e in report.of("refused")] == [
        ("/properties/b", "pattern", "refused")
    ]


@pytest.mark.parametrize(
    ("text", "pointer", "keyword"),
    [
        (f'{{"a": {HARD_DIVISOR}, "b": "{"a" * 31}"}}', None, None),
        ('{"a": 0.12}', "/properties/a", "multipleOf"),
        ('{"b": "abab"}', "/properties/b", "pattern"),
        ('{"c": 1, "c": 2}', None, ""),
        (f'{{"a": {HARD_DIVISOR}e2}}', None, None),
    ],
)
def test_parse_checks_what_the_mask_left_out(text: str, pointer: str | None, keyword: str | None) -> None:
    constraint = gramask.compile(HARD, BYTES, unsupported="validate")
    if keyword is None:
        assert constraint.parse(text) == json.loads(text)
        return
    with pytest.raises(ValidationFailed) as caught:
        constraint.parse(text)
    assert (caught.value.pointer, caught.value.keyword or "") == (pointer, keyword)


def test_where_masks_are_exact_nothing_is_checked() -> None:
    constraint = gramask.compile({"type": "integer"}, BYTES, unsupported="validate")
    assert constraint.parse('"x"') == "x"


def test_a_negation_of_what_is_left_out_allows_everything() -> None:
    schema = {"not": {"type": "number", "multipleOf": HARD_DIVISOR}}
    constraint = gramask.compile(schema, BYTES, unsupported="validate")
    assert accepts(constraint, b"0.5") and accepts(constraint, b'"x"')
    assert constraint.parse("0.5") == 0.5
    with pytest.raises(ValidationFailed):
        constraint.parse(str(HARD_DIVISOR))


def test_draft_3_alone_has_keywords_that_only_get_validated() -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-03/schema#",
        "type": "integer",
        "divisibleBy": 3,
        "disallow": [{"minimum": 10}, "string"],
        "extends": {"minimum": 2},
    }
    with pytest.raises(gramask.UnsupportedSchema):
        gramask.compile(schema, BYTES)
    constraint = gramask.compile(schema, BYTES, unsupported="validate")
    assert gramask.check(schema, unsupported="validate").counts["validated"] == 3
    assert [n for n in range(20) if accepts(constraint, str(n).encode())] == list(range(20))
    found = []
    for n in range(20):
        try:
            found.append(constraint.parse(str(n)))
        except ValidationFailed:
            continue
    assert found == [3, 6, 9]


OVERLAPPING = {
    "type": "object",
    "properties": {
        "y": {
            "anyOf": [
                {"type": "object", "properties": {"k": {"const": i}, "l": {"const": i}}, "required": ["k"]}
                for i in (1, 2)
            ]
        },
        "w": {"type": "array", "items": {"$ref": "#/properties/y"}},
    },
    "required": ["y"],
}


def test_a_budget_that_ends_amid_a_text_does_not_end_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "MAX_OUTCOMES", 1)
    with pytest.raises(gramask.CompileBudgetExceeded) as caught:
        accepts(gramask.compile(OVERLAPPING, BYTES, cache=False), b'{"y": {"k": 2}}')
    assert caught.value.pointer == "/properties/y/anyOf/0/properties/k"
    constraint = gramask.compile(OVERLAPPING, BYTES, cache=False, unsupported="validate")
    for text in ('{"y": {"k": 2, "l": 2}}', '{"y": {"k": 1}, "w": [{"k": 1}, {"k": 2}]}'):
        assert accepts(constraint, text.encode()) and constraint.parse(text) == json.loads(text)
    wrong = '{"y": {"k": 2, "l": 1}}'
    assert accepts(constraint, wrong.encode())
    with pytest.raises(ValidationFailed) as failed:
        constraint.parse(wrong)
    assert failed.value.pointer == "/properties/y"
    assert_every_walk_ends_in_json(constraint)


def assert_every_walk_ends_in_json(constraint: Constraint) -> None:
    rng = random.Random(5)
    mask = np.zeros(constraint.n_words, np.int32)
    for _ in range(60):
        matcher, written = constraint.matcher(), bytearray()
        while len(written) < 80 and not matcher.is_accepting():
            matcher.fill_mask(mask)
            allowed = np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little")).tolist()
            token = rng.choice(
                [byte for byte in allowed if byte < 256 and byte in b'{}[]":,12klyw'] or allowed
            )
            assert matcher.advance(token)
            written.append(token)
        json.loads(written + bytes(matcher.closing_tokens()))


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (HARD_PATTERN, "b" * 5 + "a" + "ab" * 15, True),
        (HARD_PATTERN, "ab" * 15, False),
        ("^(?=.*b)a{2,3}(?!c)", "aab", True),
        ("^(?=.*b)a{2,3}(?!c)", "aaac", False),
        (r"(?<=x)y\b", "a xy", True),
        (r"(?<!x)y", "xy", False),
        (r"^(a|)*$", "aaa", True),
        (r"^\W[^a]*\d{2}", " é12", True),
        ("", "", True),
        ("[]", "a", False),
    ],
)
def test_patterns_without_an_automaton(pattern: str, text: str, found: bool) -> None:
    assert is_found(pattern, text) is found


class Picky:
    """A constraint whose texts are only valid if they are in `valid`; it notes the texts it was shown."""

    def __init__(self, inner: Any, valid: set[str]) -> None:
        self.inner, self.valid = inner, valid
        self.shown: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def parse(self, text: str) -> Any:
        self.shown.append(text)
        if text not in self.valid:
            raise ValidationFailed("the text breaks it", pointer="/a", keyword="pattern")
        return text


def test_a_loop_tries_again_until_the_text_is_valid() -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from reference.toy import BOS, tiny_model, word_constraint

    from gramask.samplers.loop import Decoding, decode

    model, prompts = tiny_model(), [[BOS], [BOS, 11, 12]]
    first, second = decode(model, prompts, [word_constraint(), word_constraint()])
    free = word_constraint()
    others = {text.decode() for text in free.texts} - {first.text}
    picky, content = Picky(free, others), Picky(free, {second.text})
    decoding = Decoding(attempts=50, seed=3)
    again, kept = decode(model, prompts, [picky, content], decoding)
    assert again.value in others and kept.value == second.text
    # A greedy answer would be the same for ever: only the attempts behind the first are drawn, and only where needed.
    assert picky.shown[0] == first.text and content.shown == [second.text]
    repeated = Picky(free, others)
    assert decode(model, prompts, [repeated, content], decoding)[0].text == again.text
    assert repeated.shown == picky.shown


def test_a_loop_gives_up_with_the_pointer() -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from reference.toy import BOS, tiny_model, word_constraint

    from gramask.samplers.loop import Decoding, decode

    picky = Picky(word_constraint(), set())
    with pytest.raises(ValidationFailed, match="none of 4 texts is valid") as caught:
        decode(tiny_model(), [[BOS]], [picky])
    assert (caught.value.pointer, caught.value.keyword) == ("/a", "pattern")
    assert len(picky.shown) == 4
    with pytest.raises(GramaskError, match="attempts=0"):
        Decoding(attempts=0)


@pytest.mark.parametrize("seed", range(3))
def test_examples_are_valid(seed: int) -> None:
    schema = {"type": "object", "properties": {"a": {"multipleOf": 3, "type": "integer"}}, "required": ["a"]}
    example = random_example(schema, Options(), seed=seed)
    assert example["a"] % 3 == 0
    assert random_example(schema, Options(), seed=seed) == example


def test_check_finds_what_compiling_leaves_for_later() -> None:
    deep = {"properties": {"x": {"properties": {"y": {"type": "number", "multipleOf": HARD_DIVISOR}}}}}
    gramask.compile(deep, BYTES, cache=False)
    report = gramask.check(deep)
    assert [(e.pointer, e.keyword) for e in report.of("refused")] == []
    assert isinstance(report.error, gramask.CompileBudgetExceeded)
    assert report.error.pointer == "/properties/x/properties/y"
    # Too large alone, but nothing is.
    assert gramask.check({"allOf": [{"multipleOf": HARD_DIVISOR}, {"minimum": 0, "maximum": 1}]}).ok
