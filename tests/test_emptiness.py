"""What a look at a subschema says of its values, against what is found without it."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from gramask.grammar.options import Options
from gramask.grammar.schema.alike import TELLING
from gramask.grammar.schema.compile import document_of
from gramask.grammar.schema.emptiness import Emptiness
from gramask.grammar.schema.goals import Goals
from gramask.grammar.schema.string_grammars import KEYWORD

DRAFTS = ["http://json-schema.org/draft-04/schema#", "https://json-schema.org/draft/2020-12/schema"]
NEVER = {"type": "string", "minLength": 3, "maxLength": 2}
PARTS: list[dict[str, Any]] = [
    {},
    {"type": "string"},
    {"type": ["object"]},
    {"type": ["null", "object"]},
    {"required": ["a"]},
    {"required": ["a", "b"], "additionalProperties": False},
    {"properties": {"a": {"enum": []}}},
    {"properties": {"a": NEVER}},
    {"enum": ["x", 1]},
    {"enum": [1, "x"]},
    {"enum": []},
    {"minLength": 2},
    {"minLength": 2, "maxLength": 2},
    {"minLength": 3, "maxLength": 2},
    {"type": "integer", "minimum": 2, "maximum": 2},
    {"type": "integer", "minimum": 3, "maximum": 2},
    {"type": "integer", "minimum": 2, "maximum": 3, "multipleOf": 5},
    {"type": "integer", "minimum": 2.2, "maximum": 2.8},
    {"type": "number", "minimum": 2, "maximum": 2, "exclusiveMinimum": True},
    {"type": "number", "minimum": 2, "exclusiveMaximum": 2},
    {"anyOf": [NEVER, {"type": "null"}]},
    {"anyOf": [NEVER, {"enum": []}]},
    {"$ref": "#/definitions/never"},
    {"$ref": "#/definitions/any", "description": "any"},
    {"$ref": "#/definitions/text", "type": "integer"},
    {"$ref": "#/definitions/itself"},
    {"anyOf": [{"$ref": "#/definitions/itself"}, False]},
]
DEFINITIONS = {
    "never": NEVER,
    "any": {"type": "object"},
    "text": {"type": "string"},
    "itself": {"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#/definitions/itself"}}},
}


def _is_live(schema: dict[str, Any], *, looks: bool) -> bool:
    document = document_of(schema, Options())
    emptiness = Emptiness(Goals(document))
    if not looks:
        emptiness._is_plain = lambda number, depth=0: False  # type: ignore[method-assign]
    return emptiness.is_live((document.intern("", document.root),))


@pytest.mark.parametrize("draft", DRAFTS, ids=["4", "2020-12"])
def test_a_look_says_nothing_else(draft: str) -> None:
    n_live = n_dead = 0
    for one, other in itertools.product(PARTS, repeat=2):
        schema = {"$schema": draft, **one, **other, "definitions": DEFINITIONS}
        if "exclusiveM" in str(schema) and ("True" in str(schema)) != (draft == DRAFTS[0]):
            continue  # a boolean in one draft, a number in the other
        if draft == DRAFTS[0] and ("False" in str(schema["anyOf"]) if "anyOf" in schema else False):
            continue
        is_live = _is_live(schema, looks=False)
        assert _is_live(schema, looks=True) is is_live, schema
        n_live, n_dead = n_live + is_live, n_dead + (not is_live)
    assert min(n_live, n_dead) > 100


def test_what_tells_something_is_no_annotation() -> None:
    assert KEYWORD in TELLING
