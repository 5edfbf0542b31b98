"""compile, check and constrain: what they share, what they refuse."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from byte_matching import accepts

import gramask
from gramask import GramaskError, UnsatisfiableSchema, UnsupportedSchema, Vocabulary
from gramask.api import CACHED_CONSTRAINTS

BYTES = Vocabulary([bytes([byte]) for byte in range(256)] + [b""], eos_ids=[256])
MODEL = Path(gramask.__file__).parent / "assets" / "model"


@dataclass
class Point:
    x: int
    y: int


POINT = {
    "type": "object",
    "properties": {"x": {"type": "integer"}, "y": {"type": "integer"}},
    "required": ["x", "y"],
    "additionalProperties": False,
}


def test_the_same_schema_is_compiled_once() -> None:
    first = gramask.compile(POINT, BYTES)
    assert gramask.compile(json.dumps(POINT), BYTES) is first
    assert gramask.compile(POINT, BYTES, cache=False) is not first
    assert gramask.compile(POINT, BYTES, n_logits=300) is not first
    assert gramask.compile(POINT, BYTES, whitespace="compact") is not first


def test_a_type_shares_what_is_compiled_but_reads_its_own_values() -> None:
    plain, typed = gramask.compile(POINT, BYTES), gramask.compile(Point, BYTES)
    assert typed.engine is plain.engine
    assert typed.parse('{"x": 1, "y": 2}') == Point(1, 2)
    assert plain.parse('{"x": 1, "y": 2}') == {"x": 1, "y": 2}


def test_the_order_of_keys_makes_another_constraint() -> None:
    turned = {**POINT, "properties": {"y": {"type": "integer"}, "x": {"type": "integer"}}}
    first, second = gramask.compile(POINT, BYTES), gramask.compile(turned, BYTES)
    assert accepts(first, '{"x": 1, "y": 2}') and not accepts(first, '{"y": 2, "x": 1}')
    assert accepts(second, '{"y": 2, "x": 1}') and not accepts(second, '{"x": 1, "y": 2}')


def test_options_reach_the_engine() -> None:
    compact = gramask.compile(POINT, BYTES, whitespace="compact")
    assert accepts(compact, '{"x":1,"y":2}') and not accepts(compact, '{"x": 1,"y":2}')
    assert accepts(gramask.compile(POINT, BYTES, order="any"), '{"y": 2, "x": 1}')
    run = gramask.compile(POINT, BYTES, whitespace=2)
    assert accepts(run, '{  "x":1,"y":2}') and not accepts(run, '{   "x":1,"y":2}')


def test_the_oldest_constraint_is_dropped() -> None:
    schema = {"const": "the first of many"}
    first = gramask.compile(schema, BYTES)
    for number in range(CACHED_CONSTRAINTS):
        gramask.compile({"const": f"another {number}"}, BYTES)
    assert gramask.compile(schema, BYTES) is not first


def test_threads_may_compile_at_once() -> None:
    found: list[gramask.Constraint] = []
    start = threading.Barrier(8)

    def work(number: int) -> None:
        start.wait()
        found.append(gramask.compile({"enum": ["thread", number % 2]}, BYTES))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(accepts(constraint, '"thread"') for constraint in found)


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (gramask.regex(r"\d{4}-\d{2}"), "2024-05"),
        (gramask.choice(["Oslo", "Rome"]), "Rome"),
        ({"type": "regex", "value": "a+"}, "aaa"),
    ],
    ids=str,
)
def test_texts_are_their_own_value(schema: Any, text: str) -> None:
    constraint = gramask.compile(schema, BYTES)
    assert accepts(constraint, text) and not accepts(constraint, text + "!")
    assert constraint.parse(text) == text


def test_padding_ids_are_never_allowed() -> None:
    constraint = gramask.compile(True, BYTES, n_logits=300)
    mask = np.zeros(constraint.n_words, dtype=np.int32)
    constraint.matcher().fill_mask(mask)
    bits = np.unpackbits(mask.view(np.uint8), bitorder="little")
    assert bits[:257].any() and not bits[257:].any()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: gramask.compile({"$ref": "http://nowhere/x"}, BYTES), UnsupportedSchema, "another document"),
        (lambda: gramask.compile(False, BYTES), UnsatisfiableSchema, "no value"),
        (lambda: gramask.compile(POINT, BYTES, whitespaces=1), GramaskError, "did you mean 'whitespace'"),
        (lambda: gramask.compile(POINT, BYTES, n_logits=10), GramaskError, "n_logits"),
        (lambda: gramask.check(gramask.regex("a")), GramaskError, "JSON Schemas"),
        (lambda: gramask.check(POINT, oder="any"), GramaskError, "did you mean 'order'"),
    ],
)
def test_refusals(call: Any, error: type[GramaskError], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_check_reports_types_and_texts_alike() -> None:
    assert gramask.check(Point).counts == gramask.check(json.dumps(POINT)).counts
    assert gramask.check(Point).ok
    assert not gramask.check({"$ref": "http://nowhere/x"}).ok


def test_sets_and_tagged_unions_of_types() -> None:
    pydantic = pytest.importorskip("pydantic")

    class Cat(pydantic.BaseModel):
        kind: Literal["cat"]
        lives: int

    class Dog(pydantic.BaseModel):
        kind: Literal["dog"]
        name: str

    class Pet(pydantic.BaseModel):
        pet: Annotated[Cat | Dog, pydantic.Field(discriminator="kind")]
        tags: set[str]

    constraint = gramask.compile(Pet, BYTES)
    text = '{"pet": {"kind": "cat", "lives": 9}, "tags": ["a", "b"]}'
    assert accepts(constraint, text)
    assert constraint.parse(text) == Pet(pet=Cat(kind="cat", lives=9), tags={"a", "b"})
    assert not accepts(constraint, '{"pet": {"kind": "cat", "name": "a"}}')
    assert not accepts(constraint, text.replace('"b"', '"a"'))
    assert accepts(gramask.compile(set[int], BYTES), "[1, 2]")
    assert not accepts(gramask.compile(set[int], BYTES), "[1, 1]")


def test_constrain_gives_the_type_asked_for() -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    answer = gramask.constrain(MODEL, Point, whitespace="compact", max_new_tokens=40)
    result = answer("Describe a point as JSON.\nKeys: x, y\nJSON: ")
    assert isinstance(result.value, Point)
    assert result.value == Point(**json.loads(result.text))
    assert " " not in result.text
    assert len(result.tokens) <= 40


def test_constrain_names_the_closest_option() -> None:
    pytest.importorskip("torch")
    with pytest.raises(GramaskError, match="did you mean 'temperature'"):
        gramask.constrain(MODEL, Point, temprature=0.5)
