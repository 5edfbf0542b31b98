"""The keywords of one subschema, without its applicators in place, as a shape."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

from ..formats import FORMATS
from . import string_grammars
from .document import Document
from .scalar_shapes import Matcher, Numbers, Strings
from .shapes import (
    ALL_TYPES,
    ANY_ARRAY,
    ANY_NUMBER,
    ANY_OBJECT,
    ANY_SHAPE,
    ANY_STRING,
    ANYTHING,
    ARRAY,
    FALSE,
    NOTHING,
    NULL,
    NUMBER,
    OBJECT,
    STRING,
    TRUE,
    Arrays,
    Contains,
    Goal,
    Items,
    Names,
    Objects,
    Rule,
    Shape,
)

_TYPE_BITS = {
    "null": NULL,
    "boolean": TRUE | FALSE,
    "integer": NUMBER,
    "number": NUMBER,
    "string": STRING,
    "array": ARRAY,
    "object": OBJECT,
}
NO_VALUE = Shape(0)
# The keywords that say something of one type, or of the names of members.
_OF_NUMBERS = frozenset("multipleOf minimum maximum exclusiveMinimum exclusiveMaximum".split())
_OF_STRINGS = frozenset(f"pattern format minLength maxLength {string_grammars.KEYWORD}".split())
_OF_ARRAYS = frozenset(
    "items additionalItems prefixItems minItems maxItems contains minContains maxContains uniqueItems".split()
)
_OF_NAMES = frozenset("patternProperties additionalProperties propertyNames".split())
_OF_OBJECTS = _OF_NAMES | frozenset(
    "properties required dependentRequired dependencies minProperties maxProperties".split()
)
_OF_VALUES = _OF_NUMBERS | _OF_STRINGS | _OF_ARRAYS | _OF_OBJECTS | {"type", "enum", "const"}


def own_shape(document: Document, number: int) -> Shape:
    """The shape of subschema `number` by its own keywords."""
    schema = document.schemas[number]
    if isinstance(schema, bool):
        return ANY_SHAPE if schema else NO_VALUE
    if _OF_VALUES.isdisjoint(schema):
        return ANY_SHAPE
    active = document.active(number)
    if len(active) < len(schema):
        schema = {keyword: schema[keyword] for keyword in active}
    types = _types(schema.get("type"))
    shape = Shape(
        types,
        _numbers(schema, plain=document.draft_of(number) <= 4) if types & NUMBER else ANY_NUMBER,
        _strings(schema, formats=not document.annotate_formats) if types & STRING else ANY_STRING,
        _arrays(document, number, schema) if types & ARRAY else ANY_ARRAY,
        _objects(document, number, schema) if types & OBJECT else ANY_OBJECT,
    )
    for keyword in ("enum", "const"):
        if keyword in schema:
            shape = shape & _scalars_of(listed_values(schema, keyword))
    return shape


def listed_values(schema: dict[str, Any], keyword: str) -> list[Any]:
    """The values that `enum` or `const` allows."""
    return [schema["const"]] if keyword == "const" else schema["enum"]


def goal_of(document: Document, number: int) -> Goal:
    """The goal of one subschema."""
    schema = document.schemas[number]
    if schema is False:
        return NOTHING
    if schema is True or schema == {}:
        return ANYTHING
    first = document.alike.first(number)
    return ANYTHING if first is None else (first,)


def exact(value: Any) -> Fraction:
    """The number that was written: a float stands for its shortest decimal spelling."""
    return Fraction(Decimal(repr(value)) if isinstance(value, float) else value)


def _types(value: Any) -> int:
    if value is None:
        return ALL_TYPES
    types = 0
    for name in value if isinstance(value, list) else [value]:
        types |= _TYPE_BITS[name]
    return types


def _numbers(schema: dict[str, Any], *, plain: bool) -> Numbers:
    names = schema.get("type", ())
    names = names if isinstance(names, list) else [names]
    integer = "integer" in names and "number" not in names
    if schema.keys().isdisjoint(_OF_NUMBERS):
        return Numbers(integer, plain=True if integer and plain else None) if integer else ANY_NUMBER
    divisor = schema.get("multipleOf")
    multiples = frozenset() if divisor is None else frozenset([exact(divisor)])
    result = Numbers(integer, plain=True if integer and plain else None, multiples=multiples)
    for limit, exclusive, is_low in (
        ("minimum", "exclusiveMinimum", True),
        ("maximum", "exclusiveMaximum", False),
    ):
        flag = schema.get(exclusive)
        # Draft 4 has a boolean that makes the inclusive bound exclusive; later drafts a bound of its own.
        if limit in schema:
            result = result & _bound(exact(schema[limit]), is_open=flag is True, is_low=is_low)
        if flag is not None and not isinstance(flag, bool):
            result = result & _bound(exact(flag), is_open=True, is_low=is_low)
    return result


def _bound(value: Fraction, *, is_open: bool, is_low: bool) -> Numbers:
    return Numbers(low=value, low_open=is_open) if is_low else Numbers(high=value, high_open=is_open)


def _strings(schema: dict[str, Any], *, formats: bool) -> Strings:
    if schema.keys().isdisjoint(_OF_STRINGS):
        return ANY_STRING
    matchers = []
    if "pattern" in schema:
        matchers.append(Matcher("pattern", schema["pattern"]))
    if formats and schema.get("format") in FORMATS:
        matchers.append(Matcher("format", schema["format"]))
    if string_grammars.KEYWORD in schema:
        matchers.append(_grammar(schema[string_grammars.KEYWORD]))
    return Strings(
        int(schema.get("minLength", 0)), _integer_or_none(schema.get("maxLength")), frozenset(matchers)
    )


def _grammar(value: dict[str, Any]) -> Matcher:
    if "regex" in value:
        return Matcher("regex", value["regex"])
    return Matcher(string_grammars.KIND, string_grammars.text_of(value))


def _integer_or_none(value: Any) -> int | None:
    return None if value is None else int(value)


def _scalars_of(values: list[Any]) -> Shape:
    """The shape of a finite set of values; its arrays and objects are left to branches of their own."""
    types = 0
    for value in values:
        types |= type_of(value)
    numbers = frozenset(exact(v) for v in values if type_of(v) == NUMBER)
    texts = frozenset(v for v in values if isinstance(v, str))
    return Shape(types, Numbers(values=numbers), Strings(texts=texts))


def type_of(value: Any) -> int:
    """The type of a JSON value, as a bit."""
    if value is None:
        return NULL
    if isinstance(value, bool):
        return TRUE if value else FALSE
    if isinstance(value, str):
        return STRING
    if isinstance(value, list):
        return ARRAY
    return OBJECT if isinstance(value, dict) else NUMBER


def constant(value: Any) -> dict[str, Any]:
    """A schema that only `value` satisfies."""
    if isinstance(value, dict):
        return {
            "type": "object",
            "properties": {name: constant(member) for name, member in value.items()},
            "required": list(value),
            "additionalProperties": False,
        }
    if isinstance(value, list):
        n = len(value)
        # As a list, `items` is a tuple in every draft that has it, and no later one gives the list another meaning.
        prefix = {"items": [constant(item) for item in value]} if value else {}
        return {"type": "array", "minItems": n, "maxItems": n, **prefix}
    return {"enum": [value]}


def _arrays(document: Document, number: int, schema: dict[str, Any]) -> Arrays:
    if schema.keys().isdisjoint(_OF_ARRAYS):
        return ANY_ARRAY
    as_tuple = isinstance(schema.get("items"), list)
    prefix, rest = ("items", "additionalItems") if as_tuple else ("prefixItems", "items")
    return Arrays(
        int(schema.get("minItems", 0)),
        _integer_or_none(schema.get("maxItems")),
        Items(_goals(document, number, schema, prefix), _goal(document, number, schema, rest)),
        _contains(document, number, schema),
        True if schema.get("uniqueItems") else None,
    )


def _contains(document: Document, number: int, schema: dict[str, Any]) -> tuple[Contains, ...]:
    if "contains" not in schema:
        return ()
    low, high = int(schema.get("minContains", 1)), _integer_or_none(schema.get("maxContains"))
    goal = _goal(document, number, schema, "contains")
    return (Contains(Items(rest=goal), low, high),) if low or high is not None else ()


def _objects(document: Document, number: int, schema: dict[str, Any]) -> Objects:
    if schema.keys().isdisjoint(_OF_OBJECTS):
        return ANY_OBJECT
    properties = dict(
        zip(schema.get("properties", ()), _goals(document, number, schema, "properties"), strict=True)
    )
    return Objects(
        properties,
        tuple(dict.fromkeys(schema.get("required", ()))),
        _rules(document, number, schema),
        implied=_implied(schema) if "dependentRequired" in schema or "dependencies" in schema else (),
        low=int(schema.get("minProperties", 0)),
        high=_integer_or_none(schema.get("maxProperties")),
    )


def _implied(schema: dict[str, Any]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The names that each name brings with it."""
    return tuple(
        (name, tuple(names))
        for keyword in ("dependentRequired", "dependencies")
        for name, names in schema.get(keyword, {}).items()
        if isinstance(names, list) and names
    )


def _rules(document: Document, number: int, schema: dict[str, Any]) -> tuple[Rule, ...]:
    if schema.keys().isdisjoint(_OF_NAMES):
        return ()
    patterns = schema.get("patternProperties", {})
    goals = _goals(document, number, schema, "patternProperties")
    rules = []
    for pattern, goal in zip(patterns, goals, strict=True):
        if goal != ANYTHING:
            rules.append((Names(patterns=frozenset([pattern])), goal))
    additional = _goal(document, number, schema, "additionalProperties")
    if additional != ANYTHING:
        declared = frozenset(schema.get("properties", ()))
        rules.append((Names(declared, frozenset(patterns), others=True), additional))
    names = _goal(document, number, schema, "propertyNames")
    if names != ANYTHING:
        rules.append((Names(goal=names, others=True), NOTHING))
    return tuple(rules)


def _goals(document: Document, number: int, schema: dict[str, Any], keyword: str) -> tuple[Goal, ...]:
    """The goals of the subschemas of a keyword, none where it is absent."""
    if keyword not in schema:
        return ()
    return tuple(map(partial(goal_of, document), document.children(number, keyword)))


def _goal(document: Document, number: int, schema: dict[str, Any], keyword: str) -> Goal:
    """The goal of the one subschema of a keyword, ANYTHING where it is absent."""
    return goal_of(document, document.children(number, keyword)[0]) if keyword in schema else ANYTHING
