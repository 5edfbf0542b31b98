"""What is known of each JSON Schema keyword: how its value must look, and where its subschemas are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ...errors import InvalidSchema

TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")

Check = Callable[[Any, str], None]


def _fail(expected: str, value: Any, pointer: str) -> None:
    keyword = pointer.rsplit("/", 1)[-1]
    shown = repr(value)
    raise InvalidSchema(f"{keyword} must be {expected}, not {shown[:60]}", pointer=pointer, keyword=keyword)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _count(value: Any, pointer: str) -> None:
    if not is_number(value) or value < 0 or value != int(value):
        _fail("a non-negative integer", value, pointer)


def _number(value: Any, pointer: str) -> None:
    if not is_number(value) or value != value or value in (float("inf"), float("-inf")):
        _fail("a number", value, pointer)


def _number_or_flag(value: Any, pointer: str) -> None:
    if not isinstance(value, bool):
        _number(value, pointer)


def _types(value: Any, pointer: str) -> None:
    names = value if isinstance(value, list) else [value]
    for name in names:
        if name not in TYPES:
            _fail(f"one of {', '.join(TYPES)} or a list of them", name, pointer)


def _text(value: Any, pointer: str) -> None:
    if not isinstance(value, str):
        _fail("a string", value, pointer)


def _texts(value: Any, pointer: str) -> None:
    if not isinstance(value, list) or not all(isinstance(x, str) for x in value):
        _fail("an array of strings", value, pointer)


def _array(value: Any, pointer: str) -> None:
    if not isinstance(value, list):
        _fail("an array", value, pointer)


def _branches(value: Any, pointer: str) -> None:
    if not isinstance(value, list) or not value:
        _fail("a non-empty array of schemas", value, pointer)


def _object(value: Any, pointer: str) -> None:
    if not isinstance(value, dict):
        _fail("an object", value, pointer)


CHECKS: dict[str, Check] = {
    "type": _types,
    "enum": _array,
    "properties": _object,
    "required": _texts,
    "minItems": _count,
    "maxItems": _count,
    "minLength": _count,
    "maxLength": _count,
    "minimum": _number,
    "maximum": _number,
    "exclusiveMinimum": _number_or_flag,
    "exclusiveMaximum": _number_or_flag,
    "pattern": _text,
    "anyOf": _branches,
    "allOf": _branches,
    "prefixItems": _branches,
}

# The draft that introduced a keyword; in an earlier one it is unknown, and so an annotation.
INTRODUCED = {
    **dict.fromkeys(("const", "contains", "propertyNames"), 6),
    **dict.fromkeys(("if", "then", "else"), 7),
    **dict.fromkeys(
        ("dependentSchemas", "dependentRequired", "unevaluatedProperties", "unevaluatedItems"), 2019
    ),
    **dict.fromkeys(("minContains", "maxContains", "$recursiveRef"), 2019),
    **dict.fromkeys(("prefixItems", "$dynamicRef"), 2020),
}

# Where the subschemas of a keyword are: in its value, in a list, or in the members of an object.
_DIRECT = ("additionalProperties", "items", "additionalItems")
_LISTS = ("anyOf", "allOf", "prefixItems")
_MEMBERS = ("properties",)


def subschemas(keyword: str, schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The `(path, subschema)` pairs that an enforced keyword applies."""
    value = schema[keyword]
    if keyword == "additionalItems" and not isinstance(schema.get("items"), list):
        return  # without a tuple there is nothing that it could be additional to
    if keyword in _DIRECT and not isinstance(value, list):
        yield keyword, value
    elif keyword in _LISTS or (keyword in _DIRECT and isinstance(value, list)):
        yield from ((f"{keyword}/{i}", item) for i, item in enumerate(value))
    elif keyword in _MEMBERS:
        for name, item in value.items():
            yield f"{keyword}/{name.replace('~', '~0').replace('/', '~1')}", item


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a constraining keyword is refused, and when it constrains nothing after all."""

    hint: str
    harmless: Callable[[dict[str, Any]], bool] = lambda schema: False

    def constrains(self, schema: dict[str, Any]) -> bool:
        return not self.harmless(schema)


_LATER = "remove it and validate the result afterwards"


def _without(*needed: str) -> Callable[[dict[str, Any]], bool]:
    return lambda schema: not any(name in schema for name in needed)


# Every keyword of drafts 4 to 2020-12 that constrains instances and is not enforced.
NOT_ENFORCED: dict[str, Refusal] = {
    "oneOf": Refusal("use anyOf where the branches exclude each other"),
    "not": Refusal(_LATER, lambda s: s["not"] is False),
    "if": Refusal(_LATER, _without("then", "else")),
    "then": Refusal(_LATER, _without("if")),
    "else": Refusal(_LATER, _without("if")),
    "dependentSchemas": Refusal(_LATER, lambda s: not s["dependentSchemas"]),
    "dependentRequired": Refusal(_LATER, lambda s: not s["dependentRequired"]),
    "dependencies": Refusal(_LATER, lambda s: not s["dependencies"]),
    "patternProperties": Refusal(_LATER, lambda s: not s["patternProperties"]),
    "propertyNames": Refusal(_LATER, lambda s: s["propertyNames"] in (True, {})),
    "minProperties": Refusal(_LATER, lambda s: s["minProperties"] == 0),
    "maxProperties": Refusal(_LATER),
    "unevaluatedProperties": Refusal(_LATER, lambda s: s["unevaluatedProperties"] in (True, {})),
    "unevaluatedItems": Refusal(_LATER, lambda s: s["unevaluatedItems"] in (True, {})),
    "contains": Refusal(_LATER),
    "minContains": Refusal(_LATER, _without("contains")),
    "maxContains": Refusal(_LATER, _without("contains")),
    "uniqueItems": Refusal(_LATER, lambda s: s["uniqueItems"] is False),
    "multipleOf": Refusal(_LATER),
    "format": Refusal('pass formats="annotate" to treat it as an annotation'),
    "$dynamicRef": Refusal("use $ref"),
    "$recursiveRef": Refusal("use $ref"),
}
