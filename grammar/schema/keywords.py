"""What is known of each JSON Schema keyword: how its value must look, which drafts have it, what is not enforced."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from math import isfinite
from typing import Any, NamedTuple

from .string_grammars import KEYWORD, is_grammar

TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")


class Form(NamedTuple):
    """How the value of a keyword must look: the test, and the words for it."""

    holds: Callable[[Any], bool]
    expected: str


def is_number(value: Any) -> bool:
    if isinstance(value, int):
        return not isinstance(value, bool)
    return isinstance(value, float | Decimal) and isfinite(value)


def is_schema(value: Any) -> bool:
    return isinstance(value, dict | bool)


def _is_count(value: Any) -> bool:
    return is_number(value) and value >= 0 and value == int(value)


def _is_type(value: Any) -> bool:
    return value in TYPES or (
        isinstance(value, list) and bool(value) and all(name in TYPES for name in value)
    )


def _are_texts(value: Any) -> bool:
    if not isinstance(value, list):
        return False
    for text in value:
        if not isinstance(text, str):
            return False
    return True


def _are_dependents(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_are_texts, value.values()))


def _are_dependencies(value: Any) -> bool:
    return isinstance(value, dict) and all(is_schema(v) or _are_texts(v) for v in value.values())


_COUNT = Form(_is_count, "a non-negative integer")
_NUMBER = Form(is_number, "a number")
# Draft 4 has a boolean that makes the inclusive bound exclusive; later drafts have a bound of its own.
_BOUND = Form(lambda value: isinstance(value, bool) or is_number(value), "a number")
_TEXT = Form(lambda value: isinstance(value, str), "a string")
_TEXTS = Form(_are_texts, "an array of strings")
_ARRAY = Form(lambda value: isinstance(value, list), "an array")
_OBJECT = Form(lambda value: isinstance(value, dict), "an object")
_BRANCHES = Form(lambda value: isinstance(value, list) and bool(value), "a non-empty array of schemas")

# The keywords whose value is a schema are not here: it is checked where it gets its number.
CHECKS: dict[str, Form] = {
    "type": Form(_is_type, f"one of {', '.join(TYPES)} or a list of them"),
    "enum": _ARRAY,
    **dict.fromkeys(("properties", "patternProperties", "dependentSchemas"), _OBJECT),
    "dependentRequired": Form(_are_dependents, "an object of arrays of strings"),
    "dependencies": Form(_are_dependencies, "an object of schemas and arrays of strings"),
    "required": _TEXTS,
    **dict.fromkeys(("minProperties", "maxProperties", "minItems", "maxItems"), _COUNT),
    **dict.fromkeys(("minContains", "maxContains", "minLength", "maxLength"), _COUNT),
    "uniqueItems": Form(lambda value: isinstance(value, bool), "a boolean"),
    **dict.fromkeys(("minimum", "maximum"), _NUMBER),
    **dict.fromkeys(("exclusiveMinimum", "exclusiveMaximum"), _BOUND),
    "multipleOf": Form(lambda value: is_number(value) and value > 0, "a number above 0"),
    **dict.fromkeys(("pattern", "format", "$ref", "$dynamicRef"), _TEXT),
    "$recursiveRef": Form(lambda value: value == "#", "'#'"),
    **dict.fromkeys(("anyOf", "allOf", "oneOf", "prefixItems"), _BRANCHES),
    KEYWORD: Form(is_grammar, 'an object with one grammar, such as {"gbnf": "root ::= ..."}'),
}

# The same for keywords that name places and constrain nothing themselves. A fragment alone as `$id` is an anchor
# in old drafts; later ones forbid it, but schemas of all ages carry it, and nothing depends on it.
NAME_CHECKS: dict[str, Form] = {
    **dict.fromkeys(("$id", "$anchor", "$dynamicAnchor"), _TEXT),
    "$recursiveAnchor": Form(lambda value: isinstance(value, bool), "a boolean"),
}

# The draft that introduced a keyword; in an earlier one it is unknown, and so an annotation.
INTRODUCED = {
    **dict.fromkeys(("const", "contains", "propertyNames"), 6),
    **dict.fromkeys(("if", "then", "else"), 7),
    **dict.fromkeys(
        ("dependentSchemas", "dependentRequired", "unevaluatedProperties", "unevaluatedItems"), 2019
    ),
    **dict.fromkeys(("minContains", "maxContains", "$anchor", "$recursiveRef", "$recursiveAnchor"), 2019),
    **dict.fromkeys(("prefixItems", "$dynamicRef", "$dynamicAnchor"), 2020),
}

# The draft that dropped a keyword. Not here: `dependencies`, which validators of later drafts still know, and a list
# as `items` with its `additionalItems`, which no later draft gives another meaning.
RETIRED = {
    **dict.fromkeys(("extends", "disallow", "divisibleBy"), 4),
    **dict.fromkeys(("$recursiveRef", "$recursiveAnchor"), 2020),
}

REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


# Every keyword that constrains instances and is not enforced, with a hint. Draft 3 alone has these.
NOT_ENFORCED = dict.fromkeys(("extends", "disallow", "divisibleBy"), "use draft 4 or later")
