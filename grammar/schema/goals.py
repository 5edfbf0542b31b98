"""Goals to alternatives: what a conjunction of subschemas allows, as a list of shapes whose union it is."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

from ...errors import CompileBudgetExceeded
from .document import Document
from .shapes import (
    ALL_TYPES,
    ANY_OBJECT,
    ANY_SHAPE,
    ANYTHING,
    ARRAY,
    FALSE,
    NULL,
    NUMBER,
    OBJECT,
    STRING,
    TRUE,
    Arrays,
    Goal,
    Numbers,
    Objects,
    Shape,
    Strings,
)

MAX_ALTERNATIVES = 5_000
_TYPE_BITS = {
    "null": NULL,
    "boolean": TRUE | FALSE,
    "integer": NUMBER,
    "number": NUMBER,
    "string": STRING,
    "array": ARRAY,
    "object": OBJECT,
}
_NOTHING = Shape(0)
_ANY_NUMBER, _ANY_STRING, _ANY_ARRAY = Numbers(), Strings(), Arrays()
_IN_PLACE = frozenset(("$ref", "allOf", "anyOf", "enum", "const"))


class Goals:
    """The alternatives of every goal of one document, computed when first asked for."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._shapes: dict[int, Shape] = {}
        self._alternatives: dict[Goal, tuple[Shape, ...]] = {(): (ANY_SHAPE,)}

    def alternatives(self, goal: Goal) -> tuple[Shape, ...]:
        """The shapes whose union is `goal`; empty where types or finite sets already contradict each other."""
        found = self._alternatives.get(goal)
        if found is None:
            simple = len(goal) == 1 and self._is_simple(goal[0])
            found = (self.own_shape(goal[0]),) if simple else tuple(self._expand(goal))
            self._alternatives[goal] = found
        return found

    def _is_simple(self, number: int) -> bool:
        """Whether a subschema is nothing but its own shape: no applicator in place, no constant that needs a branch."""
        schema = self.document.schemas[number]
        return isinstance(schema, dict) and _IN_PLACE.isdisjoint(schema)

    def describe(self, goal: Goal) -> tuple[str, ...]:
        """The pointers of a goal's subschemas, for error messages."""
        return tuple(self.document.pointers[number] for number in goal)

    def _expand(self, goal: Goal) -> list[Shape]:
        """Distribute the disjunctions of `goal` over its conjunctions, depth first."""
        result: list[Shape] = []
        # Each entry: the shape so far, subschemas still to add, each with those it was reached through, those added.
        # A subschema reached through itself without a value in between has no finite meaning: that branch is dead.
        start = tuple((number, frozenset[int]()) for number in goal)
        stack: list[tuple[Shape, tuple[tuple[int, frozenset[int]], ...], frozenset[int]]] = [
            (ANY_SHAPE, start, frozenset())
        ]
        steps = 0
        while stack:
            shape, pending, added = stack.pop()
            steps += 1
            if steps > 4 * MAX_ALTERNATIVES or len(result) > MAX_ALTERNATIVES:
                raise CompileBudgetExceeded(
                    f"more than {MAX_ALTERNATIVES} combinations of alternatives",
                    pointer=self.document.pointers[goal[0]],
                    keyword="anyOf",
                    hint="nest fewer anyOf inside one conjunction",
                )
            if not pending:
                result.append(shape)
                continue
            (number, above), *others = pending
            if number in above:
                continue
            if number in added:
                stack.append((shape, tuple(others), added))
                continue
            merged = shape & self.own_shape(number)
            if not merged.types:
                continue
            for choice in reversed(self.choices(number)):
                inner = tuple((child, above | {number}) for child in choice)
                stack.append((merged, (*inner, *others), added | {number}))
        return result

    def choices(self, number: int) -> list[tuple[int, ...]]:
        """Ways to satisfy the applicators of one subschema in place: each a set of further subschemas."""
        schema = self.document.schemas[number]
        if isinstance(schema, bool):
            return [()]
        active = self.document.active(number)
        always: tuple[int, ...] = ()
        if "$ref" in active:
            always += (self.document.resolve(number),)
        if "allOf" in active:
            always += self.document.children(number, "allOf")
        choices = [always]
        for branches in self._disjunctions(number, active):
            choices = [(*choice, branch) for choice in choices for branch in branches]
        return choices

    def _disjunctions(self, number: int, active: list[str]) -> list[list[int]]:
        schema = self.document.schemas[number]
        groups = []
        if "anyOf" in active:
            groups.append(list(self.document.children(number, "anyOf")))
        for keyword in ("enum", "const"):
            values = [v for v in self._listed(schema, keyword, active) if isinstance(v, dict | list)]
            if values:
                groups.append(self._constant_branches(number, keyword, schema, values))
        return groups

    def _constant_branches(
        self, number: int, keyword: str, schema: dict[str, Any], values: list[Any]
    ) -> list[int]:
        """One subschema for each array or object of an enum, and one for all its scalars."""
        scalars = [v for v in self._listed(schema, keyword, [keyword]) if not isinstance(v, dict | list)]
        branches = [
            self.document.synthetic(number, f"{keyword}/={i}", _constant(value))
            for i, value in enumerate(values)
        ]
        if scalars:
            branches.append(self.document.synthetic(number, f"{keyword}/=scalars", {"enum": scalars}))
        return branches

    @staticmethod
    def _listed(schema: dict[str, Any], keyword: str, active: list[str]) -> list[Any]:
        if keyword not in active:
            return []
        return [schema["const"]] if keyword == "const" else schema["enum"]

    def own_shape(self, number: int) -> Shape:
        """The constraints of one subschema without its applicators in place."""
        shape = self._shapes.get(number)
        if shape is None:
            shape = self._shapes[number] = self._parse(number)
        return shape

    def _parse(self, number: int) -> Shape:
        schema = self.document.schemas[number]
        if isinstance(schema, bool):
            return ANY_SHAPE if schema else _NOTHING
        active = self.document.active(number)
        schema = {keyword: schema[keyword] for keyword in active}
        types = _types(schema.get("type"))
        shape = Shape(
            types,
            _numbers(schema, plain=self.document.draft <= 4) if types & NUMBER else _ANY_NUMBER,
            _strings(schema) if types & STRING else _ANY_STRING,
            self._arrays(number, schema) if types & ARRAY else _ANY_ARRAY,
            self._objects(number, schema) if types & OBJECT else ANY_OBJECT,
        )
        for keyword in ("enum", "const"):
            if keyword in active:
                shape = shape & _scalars_of(self._listed(schema, keyword, active))
        return shape

    def _arrays(self, number: int, schema: dict[str, Any]) -> Arrays:
        as_tuple = isinstance(schema.get("items"), list)
        prefix, rest = ("items", "additionalItems") if as_tuple else ("prefixItems", "items")
        return Arrays(
            int(schema.get("minItems", 0)),
            _integer_or_none(schema.get("maxItems")),
            self._applied(number, schema, prefix),
            next(iter(self._applied(number, schema, rest)), ANYTHING),
        )

    def _objects(self, number: int, schema: dict[str, Any]) -> Objects:
        return Objects(
            dict(zip(schema.get("properties", ()), self._applied(number, schema, "properties"), strict=True)),
            tuple(dict.fromkeys(schema.get("required", ()))),
            next(iter(self._applied(number, schema, "additionalProperties")), ANYTHING),
        )

    def _applied(self, number: int, schema: dict[str, Any], keyword: str) -> tuple[Goal, ...]:
        """The goals of the subschemas of a keyword, none where it is absent."""
        if keyword not in schema:
            return ()
        return tuple(map(self._goal, self.document.children(number, keyword)))

    def _goal(self, number: int) -> Goal:
        schema = self.document.schemas[number]
        return () if schema is True or schema == {} else (number,)


def _types(value: Any) -> int:
    if value is None:
        return ALL_TYPES
    bits = 0
    for name in value if isinstance(value, list) else [value]:
        bits |= _TYPE_BITS[name]
    return bits


def exact(value: float | int | Decimal) -> Fraction:
    """The number that a JSON text of `value` means: 0.1 is one tenth, not the nearest double."""
    return Fraction(repr(value)) if isinstance(value, float) else Fraction(value)


def _numbers(schema: dict[str, Any], *, plain: bool) -> Numbers:
    names = schema.get("type", "number")
    names = names if isinstance(names, list) else [names]
    integer = "integer" in names and "number" not in names
    result = Numbers(integer, plain=integer and plain)
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


def _strings(schema: dict[str, Any]) -> Strings:
    pattern = schema.get("pattern")
    return Strings(
        int(schema.get("minLength", 0)),
        _integer_or_none(schema.get("maxLength")),
        frozenset() if pattern is None else frozenset([pattern]),
    )


def _integer_or_none(value: Any) -> int | None:
    return None if value is None else int(value)


def _scalars_of(values: list[Any]) -> Shape:
    """The shape of a finite set of values; its arrays and objects are left to `_constant_branches`."""
    types = 0
    for value in values:
        types |= _type_of(value)
    numbers = frozenset(exact(v) for v in values if _type_of(v) == NUMBER)
    texts = frozenset(v for v in values if isinstance(v, str))
    return Shape(types, Numbers(values=numbers), Strings(texts=texts))


def _type_of(value: Any) -> int:
    if value is None:
        return NULL
    if isinstance(value, bool):
        return TRUE if value else FALSE
    if isinstance(value, str):
        return STRING
    if isinstance(value, list):
        return ARRAY
    return OBJECT if isinstance(value, dict) else NUMBER


def _constant(value: Any) -> dict[str, Any]:
    """A schema that only `value` satisfies."""
    if isinstance(value, dict):
        return {
            "type": "object",
            "properties": {name: _constant(member) for name, member in value.items()},
            "required": list(value),
            "additionalProperties": False,
        }
    if isinstance(value, list):
        n = len(value)
        # As a list, `items` is a tuple in every draft that has it, and no later one gives the list another meaning.
        prefix = {"items": [_constant(item) for item in value]} if value else {}
        return {"type": "array", "minItems": n, "maxItems": n, **prefix}
    return {"enum": [value]}
