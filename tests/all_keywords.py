"""Small random schemas over every keyword of every draft, and instances that come near them.

Names and values are from small pools, so that keywords meet: the same member is declared, matched by a pattern,
required, depended upon and left unevaluated.
"""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

Schema = Any
_NUMBER_OR_STRING = re.compile(r'"([^"\\]|\\.)*"|(?P<number>-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?)')

DRAFTS = {
    4: "http://json-schema.org/draft-04/schema#",
    6: "http://json-schema.org/draft-06/schema#",
    7: "http://json-schema.org/draft-07/schema#",
    2019: "https://json-schema.org/draft/2019-09/schema",
    2020: "https://json-schema.org/draft/2020-12/schema",
}
NAMES = ["a", "b", "ab", "ba", "c"]
# Names that no schema declares, and one that a pattern alone matches.
OTHER_NAMES = ["d", "bb", "é", ""]
NAME_PATTERNS = ["^a", "b$", "^[ab]$", "a.", "^b|c", "^.$", "^$", "^(a|ab)$"]
STRINGS = ["", "a", "b", "ab", "aab", "é", "😀", "1", "2024-02-29", "a\n"]
PATTERNS = ["^a", "b$", "^a*b?$", "^[^a]", "^.{2}$", "^(a|ab)(b|)$", r"\d", "^$", r"^\S*$"]
NUMBERS = [0, 1, 2, 3, 6, -1, -2, 0.5, 1.5, 10]
DIVISORS = [1, 2, 3, 0.5, 1.5, 0.1, 5]
WORDS = [None, True, False]
FORMATS = ["date", "time", "date-time", "ipv4", "uuid", "json-pointer", "unknown"]
FORMAT_TEXTS = [
    "2024-02-29", "2023-02-29", "23:59:60Z", "12:00:00+01:00", "2024-02-29T12:00:00Z", "1.2.3.4", "1.2.3.256",
    "/a~0b", "/a~b", "123e4567-e89b-12d3-a456-426614174000",
]  # fmt: skip
TYPES = ["null", "boolean", "integer", "number", "string", "array", "object"]
# Keywords whose value has schemas under names.
NAMED = ("properties", "patternProperties", "dependentSchemas", "dependencies", "$defs", "definitions")
CONSTANTS: list[Any] = [
    *WORDS, 0, 1, 1.0, 2, -1, 0.5, "", "a", "ab", "é", [], [1], [1, 1], [True], ["a", "b"], [[1]], {}, {"a": 1},
    {"a": 1, "b": "a"}, {"b": {"a": 1}}, {"c": []}, [{"a": 1}, {"a": 1}],
]  # fmt: skip


class AllKeywords:
    """Draws schemas of one draft.

    rng     : of every choice.
    draft   : 4, 6, 7, 2019 or 2020; schemas name it in `$schema`.
    formats : whether `format` may occur.
    """

    def __init__(self, rng: random.Random, draft: int, *, formats: bool = False) -> None:
        self.rng = rng
        self.draft = draft
        self.formats = formats
        self.defs: list[str] = []
        # Whether a `$ref` here would speak of the same value as the definition that it stands in: such could go in
        # circles. Below a member or an item each turn consumes text.
        self.guarded = False
        self.where = "$defs" if draft >= 2019 else "definitions"

    def root(self, depth: int = 3) -> dict[str, Any]:
        self.defs = self.rng.choice([[], [], ["x"], ["x", "y"]])
        schema = self.keywords(depth)
        if self.rng.random() < 0.3:
            schema |= self.keywords(depth - 1)
        if self.defs:
            self.guarded = True
            schema[self.where] = {name: self.schema(depth - 1) for name in self.defs}
            self.guarded = False
        return {"$schema": DRAFTS[self.draft]} | schema

    def schema(self, depth: int) -> Schema:
        if self.draft >= 6 and self.rng.random() < 0.06:
            return self.rng.choice([True, False, {}])
        return self.keywords(depth)

    def keywords(self, depth: int) -> dict[str, Any]:
        """One to three groups of keywords, side by side."""
        rng = self.rng
        groups: list[Callable[[int], dict[str, Any]]] = [self.types, self.listed, self.strings, self.numbers]
        if depth > 0:
            groups += [self.objects] * 4 + [self.arrays] * 3 + [self.applied] * 4
        if self.defs and not self.guarded:
            groups += [self.reference] * 2
        chosen = rng.choices(groups, k=rng.choice([1, 1, 2, 2, 3]))
        out: dict[str, Any] = {}
        for group in chosen:
            out |= group(depth)
        if rng.random() < 0.25 and "type" not in out:
            out["type"] = self.type_of(out)
        if "$ref" in out and self.draft < 2019:
            return {"$ref": out["$ref"]}
        return out

    def type_of(self, schema: dict[str, Any]) -> str:
        """The type that the keywords speak about, so that they are not vacuous."""
        if schema.keys() & {"properties", "patternProperties", "required", "minProperties", "propertyNames"}:
            return "object"
        if schema.keys() & {"items", "prefixItems", "contains", "uniqueItems", "minItems"}:
            return "array"
        return self.rng.choice(TYPES)

    def below(self, depth: int) -> Schema:
        """A schema for a member or an item."""
        guarded, self.guarded = self.guarded, False
        found = self.schema(depth - 1)
        self.guarded = guarded
        return found

    def beside(self, depth: int) -> Schema:
        """A schema for the same value."""
        return self.schema(depth - 1)

    def types(self, _: int) -> dict[str, Any]:
        kinds = self.rng.sample(TYPES, self.rng.choice([1, 1, 1, 2, 3]))
        return {"type": kinds[0] if len(kinds) == 1 else kinds}

    def listed(self, _: int) -> dict[str, Any]:
        rng = self.rng
        if self.draft >= 6 and rng.random() < 0.4:
            return {"const": rng.choice(CONSTANTS)}
        values = [rng.choice(CONSTANTS) for _ in range(rng.choice([1, 2, 3, 4]))]
        return {"enum": [v for i, v in enumerate(values) if not any(_same(v, w) for w in values[:i])]}

    def strings(self, _: int) -> dict[str, Any]:
        rng, out = self.rng, {}
        if rng.random() < 0.4:
            out["minLength"] = rng.choice([0, 1, 2, 3])
        if rng.random() < 0.4:
            out["maxLength"] = rng.choice([0, 1, 2, 3])
        if rng.random() < 0.5:
            out["pattern"] = rng.choice(PATTERNS)
        if self.formats and rng.random() < 0.5:
            out["format"] = rng.choice(FORMATS)
        return out

    def numbers(self, _: int) -> dict[str, Any]:
        rng, out = self.rng, {}
        for plain, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
            if rng.random() < 0.5:
                continue
            if self.draft == 4:
                out[plain] = rng.choice(NUMBERS)
                out |= rng.choice([{}, {}, {exclusive: True}, {exclusive: False}])
            else:
                out[rng.choice([plain, plain, exclusive])] = rng.choice(NUMBERS)
        if rng.random() < 0.5:
            out["multipleOf"] = rng.choice(DIVISORS)
        return out

    def objects(self, depth: int) -> dict[str, Any]:
        """One to four of the keywords for objects."""
        rng = self.rng
        makers: dict[str, Callable[[], Any]] = {
            "properties": lambda: {name: self.below(depth) for name in self.some(NAMES)},
            "patternProperties": lambda: {name: self.below(depth) for name in self.some(NAME_PATTERNS, 2)},
            "additionalProperties": lambda: rng.choice([False, True, self.below(depth)]),
            "required": lambda: self.some(NAMES, 2) or ["a"],
            "minProperties": lambda: rng.choice([0, 1, 2, 3]),
            "maxProperties": lambda: rng.choice([0, 1, 2, 3]),
        }
        if self.draft >= 6:
            makers["propertyNames"] = lambda: rng.choice(
                [self.strings(0), self.listed_names(), self.below(depth)]
            )
        if self.draft <= 7:
            makers["dependencies"] = lambda: {
                name: rng.choice([self.some(NAMES, 2) or ["b"], self.beside(depth)])
                for name in self.some(NAMES, 2)
            }
        else:
            makers["dependentRequired"] = lambda: {name: self.some(NAMES, 2) for name in self.some(NAMES, 2)}
            makers["dependentSchemas"] = lambda: {name: self.beside(depth) for name in self.some(NAMES, 2)}
            makers["unevaluatedProperties"] = lambda: rng.choice([False, False, self.below(depth)])
        chosen = rng.sample(sorted(makers), rng.choice([1, 2, 2, 3, 4]))
        return {name: makers[name]() for name in chosen}

    def listed_names(self) -> dict[str, Any]:
        return {"enum": self.some(NAMES, 3) or ["a"]}

    def arrays(self, depth: int) -> dict[str, Any]:
        """One to four of the keywords for arrays."""
        rng = self.rng
        tuple_keyword = "prefixItems" if self.draft == 2020 else "items"
        makers: dict[str, Callable[[], Any]] = {
            "minItems": lambda: rng.choice([0, 1, 2, 3]),
            "maxItems": lambda: rng.choice([0, 1, 2, 3]),
            "uniqueItems": lambda: rng.choice([True, True, False]),
            "items": lambda: rng.choice([False, self.below(depth)]) if self.draft >= 6 else self.below(depth),
        }
        if self.draft >= 6:
            makers["contains"] = lambda: self.below(depth)
        if self.draft >= 2019:
            makers["minContains"] = lambda: rng.choice([0, 1, 2])
            makers["maxContains"] = lambda: rng.choice([0, 1, 2])
            makers["unevaluatedItems"] = lambda: rng.choice([False, False, self.below(depth)])
        chosen = rng.sample(sorted(makers), rng.choice([1, 2, 2, 3, 4]))
        out = {name: makers[name]() for name in chosen}
        if rng.random() < 0.4:
            out[tuple_keyword] = [self.below(depth) for _ in range(rng.choice([1, 2]))]
            if self.draft <= 2019 and rng.random() < 0.6:
                out["additionalItems"] = rng.choice([False, self.below(depth)])
        if out.keys() & {"minContains", "maxContains"} and rng.random() < 0.8:
            out.setdefault("contains", self.below(depth))
        return out

    def applied(self, depth: int) -> dict[str, Any]:
        """A Boolean applicator."""
        rng = self.rng
        kind = rng.choice(["allOf", "anyOf", "oneOf", "oneOf", "not", "if"])
        if kind == "if" and self.draft >= 7:
            out = {"if": self.beside(depth)}
            for branch in rng.choice([["then"], ["else"], ["then", "else"], ["then", "else"]]):
                out[branch] = self.beside(depth)
            return out
        if kind in ("not", "if"):
            return {"not": self.beside(depth)}
        return {kind: [self.beside(depth) for _ in range(rng.choice([1, 2, 2, 3]))]}

    def reference(self, _: int) -> dict[str, Any]:
        return {"$ref": f"#/{self.where}/{self.rng.choice(self.defs)}"}

    def some(self, pool: list[str], most: int = 3) -> list[str]:
        return self.rng.sample(pool, self.rng.randint(0, most))


def _same(left: Any, right: Any) -> bool:
    """Equality of JSON for the constants above."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True) or (
        left == right and isinstance(left, bool) == isinstance(right, bool)
    )


def random_schema(rng: random.Random, *, depth: int = 2, formats: bool = False) -> dict[str, Any]:
    draft = rng.choice([4, 6, 7, 2019, 2020, 2020, 2020])
    return AllKeywords(rng, draft, formats=formats).root(depth)


def random_value(rng: random.Random, depth: int = 2) -> Any:
    """A value from the pools."""
    kind = rng.choice(["word", "number", "string", "constant", "array", "object", "object"])
    if depth <= 0 and kind in ("array", "object"):
        kind = "constant"
    if kind == "array":
        return [random_value(rng, depth - 1) for _ in range(rng.choice([0, 1, 2, 3]))]
    if kind == "object":
        names = rng.sample(NAMES + OTHER_NAMES[:2], rng.choice([0, 1, 1, 2, 3]))
        return {name: random_value(rng, depth - 1) for name in names}
    pool = {"word": WORDS, "number": NUMBERS, "string": STRINGS + FORMAT_TEXTS, "constant": CONSTANTS}[kind]
    return copy.deepcopy(rng.choice(pool))


def respelled(rng: random.Random, text: str) -> str:
    """A JSON text with its numbers in other spellings: zeros, points and exponents."""
    return _NUMBER_OR_STRING.sub(
        lambda found: _respelled(rng, found[0]) if found["number"] else found[0], text
    )


def _respelled(rng: random.Random, number: str) -> str:
    """The same value with up to 12 zeros more, and the decimal point up to 9 places further left or right."""
    sign, digits, exponent = Decimal(number).as_tuple()
    if not isinstance(exponent, int) or abs(exponent) > 100:
        return number
    zeros, places = rng.choice([0, 0, 1, 2, 3, 5, 12]), rng.choice([0, 0, 1, 2, 3, 9])
    written = "".join(map(str, digits)) + "0" * zeros
    places = min(places, len(written) - 1)
    whole, fraction = written[: len(written) - places], written[len(written) - places :]
    power = exponent - zeros + places
    return ("-" if sign else "") + (whole.lstrip("0") or "0") + (fraction and "." + fraction) + f"e{power}"


def spelled(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def nearby(rng: random.Random, value: Any) -> Any:
    """`value` after one small change."""
    whole = [copy.deepcopy(value)]
    holder, key = rng.choice(list(_places(whole)))
    here = holder[key]
    if isinstance(here, dict) and rng.random() < 0.7:
        _change_members(rng, here)
    elif isinstance(here, list) and rng.random() < 0.7:
        _change_items(rng, here)
    elif isinstance(here, int | float) and not isinstance(here, bool) and rng.random() < 0.6:
        holder[key] = rng.choice([here + 1, here - 1, -here, here * 2, here / 2, float(here)])
    elif isinstance(here, str) and rng.random() < 0.6:
        holder[key] = rng.choice([here + "a", here[1:], here[:-1], here + here, "b" + here])
    else:
        holder[key] = random_value(rng, 1)
    return whole[0]


def _places(whole: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Where `whole[0]` and each value within it is kept: (container, key)."""
    todo: list[tuple[Any, Any]] = [(whole, 0)]
    while todo:
        holder, key = todo.pop()
        yield holder, key
        here = holder[key]
        if isinstance(here, dict):
            todo += [(here, name) for name in here]
        elif isinstance(here, list):
            todo += [(here, index) for index in range(len(here))]


def _change_members(rng: random.Random, members: dict[str, Any]) -> None:
    names = list(members)
    kind = rng.choice(["add", "add", "drop", "rename", "swap", "reorder"])
    if kind == "add" or not names:
        members[rng.choice(NAMES + OTHER_NAMES)] = random_value(rng, 1)
    elif kind == "drop":
        del members[rng.choice(names)]
    elif kind == "rename":
        members[rng.choice(NAMES + OTHER_NAMES)] = members.pop(rng.choice(names))
    elif kind == "swap":
        one, other = rng.choice(names), rng.choice(names)
        members[one], members[other] = members[other], members[one]
    else:
        rng.shuffle(names)
        for name in names:
            members[name] = members.pop(name)


def _change_items(rng: random.Random, items: list[Any]) -> None:
    kind = rng.choice(["append", "append", "repeat", "drop", "shuffle"])
    if kind == "append" or not items:
        items.insert(rng.randint(0, len(items)), random_value(rng, 1))
    elif kind == "repeat":
        items.insert(rng.randint(0, len(items)), copy.deepcopy(rng.choice(items)))
    elif kind == "drop":
        del items[rng.randrange(len(items))]
    else:
        rng.shuffle(items)


def repeat_member(rng: random.Random, text: str) -> str:
    """The text with one more member at the front of one of its objects: the name of another, or one of the pool."""
    braces = [at for at, character in enumerate(text) if character == "{"]
    if not braces:
        return text
    at = rng.choice(braces) + 1
    first = text[at:].partition(":")[0] if text[at : at + 1] == '"' else spelled(rng.choice(NAMES))
    name = rng.choice([first, spelled(rng.choice(NAMES))])
    return f"{text[:at]}{name}:1" + ("" if text[at : at + 1] == "}" else ",") + text[at:]


def smaller(schema: Schema) -> Iterator[Schema]:
    """Schemas one step simpler: a part of the schema in place of the whole, or a keyword, member or entry less."""
    if not isinstance(schema, dict):
        return
    kept = {key: schema[key] for key in ("$schema",) if key in schema}
    for keyword, value in schema.items():
        if keyword in kept:
            continue
        yield {key: inner for key, inner in schema.items() if key != keyword}
        parts: list[Schema] = [value] if isinstance(value, dict) else []
        if keyword in NAMED:
            parts = list(value.values())
        elif isinstance(value, list):
            parts = value
        yield from (
            kept | part for part in parts if isinstance(part, dict) and keyword not in ("enum", "const")
        )
        for less in _smaller_value(keyword, value):
            yield schema | {keyword: less}


def _smaller_value(keyword: str, value: Any) -> Iterator[Any]:
    if keyword in NAMED:
        for name, part in value.items():
            yield {key: inner for key, inner in value.items() if key != name}
            for less in smaller(part):
                yield value | {name: less}
    elif isinstance(value, list):
        for index, part in enumerate(value):
            if len(value) > 1:
                yield value[:index] + value[index + 1 :]
            for less in smaller(part):
                yield [*value[:index], less, *value[index + 1 :]]
    else:
        yield from smaller(value)


def shrink(schema: Schema, fails: Callable[[Schema], bool], *, attempts: int = 400) -> Schema:
    """The smallest schema that greedy steps lead to while `fails` holds."""
    progress = True
    while progress and attempts > 0:
        progress = False
        for less in smaller(schema):
            attempts -= 1
            if attempts <= 0:
                break
            if fails(less):
                schema, progress = less, True
                break
    return schema
