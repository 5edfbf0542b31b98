"""A conjunction of subschemas, multiplied out into shapes: one kind of value with plain constraints each."""

from __future__ import annotations

import itertools
import json
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from . import number, pattern
from . import regex as rx
from .authority import OLD_DRAFTS, REF_HIDES_SIBLINGS, Authority
from .number import Bounds

# A subschema is its JSON text: refs are resolved from the root, so its place does not matter.
Conjunction = tuple[str, ...]
IN_PLACE = ("$ref", "allOf", "anyOf", "enum", "const")
KINDS = ("null", "boolean", "number", "string", "array", "object")


@dataclass(frozen=True, slots=True)
class Word:
    text: bytes


@dataclass(frozen=True, slots=True)
class StringShape:
    content: rx.Regex


@dataclass(frozen=True, slots=True)
class NumberShape:
    bounds: Bounds


@dataclass(frozen=True, slots=True)
class ArrayShape:
    prefix: tuple[Conjunction, ...]
    rest: Conjunction
    low: int
    high: int | None

    def item(self, index: int) -> Conjunction:
        return self.prefix[index] if index < len(self.prefix) else self.rest


@dataclass(frozen=True, slots=True)
class ObjectShape:
    """`keys`: the declared keys, as order="schema" wants; `extra`: what any other key's value must be."""

    keys: tuple[tuple[str, Conjunction], ...]
    required: frozenset[str]
    extra: Conjunction


Shape = Word | StringShape | NumberShape | ArrayShape | ObjectShape


def text_of(schema: Any) -> str:
    return json.dumps(schema, default=_spell_fraction)


def _spell_fraction(value: Fraction) -> float:
    if Fraction(repr(float(value))) != value:
        raise ValueError(f"{value} has no short spelling")
    return float(value)


class Shapes:
    """Multiplies out conjunctions over one root schema, and knows which of them have any value at all."""

    def __init__(self, schema: Any) -> None:
        self.authority = Authority(schema)
        self.root: Conjunction = (text_of(schema),)
        self._of: dict[Conjunction, tuple[Shape, ...]] = {}
        self._alive: dict[Conjunction, bool] = {}

    def of(self, conjunction: Conjunction) -> tuple[Shape, ...]:
        if conjunction not in self._of:
            plain = itertools.chain.from_iterable(map(self._shapes, self._branches(conjunction)))
            self._of[conjunction] = tuple(dict.fromkeys(plain))
        return self._of[conjunction]

    def _parse(self, text: str) -> Any:
        return self.authority.value(text)

    def _resolve(self, ref: str) -> Any:
        if not ref.startswith("#"):
            raise ValueError(f"only local refs: {ref}")
        here = self.authority.root
        for part in urllib.parse.unquote(ref[1:]).split("/")[1:]:
            part = part.replace("~1", "/").replace("~0", "~")
            here = here[int(part)] if isinstance(here, list) else here[part]
        return here

    def _branches(self, conjunction: Conjunction) -> Iterator[list[dict[str, Any]]]:
        """Every choice of `anyOf` branches, as the list of the subschemas that then hold, outermost first."""
        todo: list[tuple[list[str], list[str]]] = [(list(conjunction), [])]
        while todo:
            queue, done = todo.pop(0)
            while queue:
                text = queue.pop(0)
                if text in done:
                    continue
                schema = self._parse(text)
                if schema is False:
                    break
                done = [*done, text]
                if schema is True:
                    continue
                more, any_of = self._applied(schema)
                if any_of is not None:
                    todo += [([*more, text_of(branch), *queue], done) for branch in any_of]
                    break
                queue = [*more, *queue]
            else:
                yield [self._visible(schema) for schema in map(self._parse, done) if schema is not True]

    def _visible(self, schema: dict[str, Any]) -> dict[str, Any]:
        hidden = "$ref" in schema and self.authority.draft in REF_HIDES_SIBLINGS
        return {"$ref": schema["$ref"]} if hidden else schema

    def _applied(self, schema: dict[str, Any]) -> tuple[list[str], list[Any] | None]:
        """The subschemas applied in place: those of `$ref` and `allOf`, and the list of `anyOf`."""
        schema = self._visible(schema)
        more = [text_of(self._resolve(schema["$ref"]))] if "$ref" in schema else []
        more += [text_of(branch) for branch in schema.get("allOf", [])]
        return more, schema.get("anyOf")

    def _shapes(self, schemas: list[dict[str, Any]]) -> Iterator[Shape]:
        values = next((listed for listed in map(_listed_values, schemas) if listed is not None), None)
        if values is not None:
            fitting = [v for v in values if all(self.authority.is_valid(v, schema) for schema in schemas)]
            beside = [{k: v for k, v in schema.items() if k not in IN_PLACE} for schema in schemas]
            for value in fitting:
                yield from self._literal(value, tuple(map(text_of, beside)))
            return
        for kind in KINDS:
            wanted = [_types(schema) for schema in schemas]
            if kind == "number" and all({"number", "integer"} & types for types in wanted):
                integer = any("number" not in types for types in wanted)
                yield NumberShape(_bounds(schemas, integer, self.authority.draft in OLD_DRAFTS))
            elif all(kind in types for types in wanted):
                yield from self._of_kind(kind, schemas)

    def _of_kind(self, kind: str, schemas: list[dict[str, Any]]) -> Iterator[Shape]:
        if kind == "null":
            yield Word(b"null")
        elif kind == "boolean":
            yield from (Word(b"true"), Word(b"false"))
        elif kind == "string":
            yield StringShape(_content(schemas))
        elif kind == "array":
            yield _array(schemas)
        elif kind == "object":
            yield _object(schemas)

    def _literal(self, value: Any, beside: Conjunction) -> tuple[Shape, ...]:
        """The shapes of one value, which satisfies `beside`: that only has a say in the order of its keys."""
        if value is None or isinstance(value, bool):
            return (Word(json.dumps(value).encode()),)
        if isinstance(value, str):
            return (StringShape(rx.literal(value)),)
        if isinstance(value, int | Fraction):
            exact = Fraction(value)
            return (NumberShape(Bounds(exact, False, exact, False)),)
        if isinstance(value, list):
            items = [{"const": item} for item in value]
            return self.of(
                (text_of({"type": "array", "prefixItems": items, "items": False, "minItems": len(items)}),)
            )
        properties = {key: {"const": item} for key, item in value.items()}
        closed = {"properties": properties, "required": list(value), "additionalProperties": False}
        return self.of((*beside, text_of({"type": "object", **closed})))

    def alive(self, conjunction: Conjunction) -> bool:
        """Whether some value satisfies `conjunction`: the least fixpoint over all it leads to."""
        if conjunction not in self._alive:
            reached = {conjunction}
            todo = [conjunction]
            while todo:
                new = {c for shape in self.of(todo.pop()) for c in children(shape)} - reached
                reached |= new
                todo += new
            self._alive |= dict.fromkeys(reached - self._alive.keys(), False)
            changed = True
            while changed:
                grown = {c for c in reached if not self._alive[c] and any(map(self.shape_alive, self.of(c)))}
                self._alive |= dict.fromkeys(grown, True)
                changed = bool(grown)
        return self._alive[conjunction]

    def shape_alive(self, shape: Shape) -> bool:
        """Whether `shape` has a value, going by what `alive` knows of its children so far."""
        if isinstance(shape, StringShape):
            return not rx.is_empty(shape.content)
        if isinstance(shape, NumberShape):
            return not number.is_empty(shape.bounds)
        if isinstance(shape, ArrayShape):
            return shape.low <= self.longest(shape)
        if isinstance(shape, ObjectShape):
            return all(self._alive.get(value, False) for key, value in shape.keys if key in shape.required)
        return True

    def longest(self, shape: ArrayShape) -> float:
        """How many items an array of `shape` can have: up to the first position that no value fits."""
        limit = float("inf") if shape.high is None else shape.high
        places = [*shape.prefix, shape.rest]
        dead = [float(i) for i, item in enumerate(places) if not self._alive.get(item, False)]
        return min([limit, *dead])


def children(shape: Shape) -> list[Conjunction]:
    if isinstance(shape, ArrayShape):
        return [*shape.prefix, shape.rest]
    if isinstance(shape, ObjectShape):
        return [*(value for _, value in shape.keys), shape.extra]
    return []


def _listed_values(schema: dict[str, Any]) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _types(schema: dict[str, Any]) -> set[str]:
    types = schema.get("type", [*KINDS, "integer"])
    return {types} if isinstance(types, str) else set(types)


def _bounds(schemas: list[dict[str, Any]], integer: bool, old_draft: bool) -> Bounds:
    out = Bounds(integer=integer, dotless=integer and old_draft)
    for schema in schemas:
        for keyword, side in (("inimum", "low"), ("aximum", "high")):
            plain, exclusive = schema.get("m" + keyword), schema.get("exclusiveM" + keyword)
            if isinstance(exclusive, bool):
                limits = [] if plain is None else [(plain, exclusive)]
            else:
                limits = [(plain, False), (exclusive, True)]
            for limit, is_open in limits:
                if limit is not None:
                    out = out.narrowed(Bounds(**{side: Fraction(limit), f"{side}_open": is_open}))
    return out


def _content(schemas: list[dict[str, Any]]) -> rx.Regex:
    out = rx.EVERYTHING
    for schema in schemas:
        if "pattern" in schema:
            out = rx.both(out, pattern.search_language(schema["pattern"]))
        low, high = schema.get("minLength", 0), schema.get("maxLength")
        out = rx.both(out, rx.length(int(low), None if high is None else int(high)))
    return out


def _array(schemas: list[dict[str, Any]]) -> ArrayShape:
    tuples = [_tuple(schema) for schema in schemas]
    size = max((len(prefix) for prefix, _ in tuples), default=0)
    places: list[Conjunction] = []
    for index in range(size + 1):
        parts = [prefix[index] if index < len(prefix) else rest for prefix, rest in tuples]
        places.append(tuple(text_of(part) for part in parts if part is not True))
    highs = [int(schema["maxItems"]) for schema in schemas if "maxItems" in schema]
    low = max((int(schema.get("minItems", 0)) for schema in schemas), default=0)
    return ArrayShape(tuple(places[:-1]), places[-1], low, min(highs, default=None))


def _tuple(schema: dict[str, Any]) -> tuple[list[Any], Any]:
    """The schemas of the first items, and of the others; up to 2019-09 a list in `items` is the tuple."""
    items = schema.get("items", True)
    if isinstance(items, list):
        return items, schema.get("additionalItems", True)
    return schema.get("prefixItems", []), items


def _object(schemas: list[dict[str, Any]]) -> ObjectShape:
    declared = [key for schema in schemas for key in schema.get("properties", {})]
    required = [key for schema in schemas for key in schema.get("required", [])]
    keys = tuple((key, _value_of(schemas, key)) for key in dict.fromkeys(declared + required))
    return ObjectShape(keys, frozenset(required), _value_of(schemas, None))


def _value_of(schemas: list[dict[str, Any]], key: str | None) -> Conjunction:
    parts = []
    for schema in schemas:
        declared = schema.get("properties", {})
        parts.append(declared[key] if key in declared else schema.get("additionalProperties", True))
    return tuple(dict.fromkeys(text_of(part) for part in parts if part is not True))
