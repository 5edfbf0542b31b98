"""Random schemas around `uniqueItems`, and values and texts that are near them."""

from __future__ import annotations

import json
import random
from typing import Any

VALUES: list[Any] = [0, 1, 2, 3, 1.0, 0.5, "", "a", "b", "ab", None, True, False]
CONSTANTS: list[Any] = [1, "a", None, [1], [], [1, 2], {"a": 1}, {"a": 1, "b": 2}, {}]
NAMES = "abc"


class UniqueSchemas:
    """Draws schemas; values of most of them are few, so that items run out."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def schema(self, depth: int) -> dict[str, Any]:
        rng = self.rng
        if depth == 0 or rng.random() < 0.25:
            return self._scalar()
        kind = rng.random()
        if kind < 0.5:
            return self._array(depth - 1)
        return self._object(depth - 1) if kind < 0.75 else self._combined(depth - 1)

    def _scalar(self) -> dict[str, Any]:
        rng = self.rng
        return rng.choice(
            [
                {"enum": rng.sample(VALUES, rng.randint(1, 4))},
                {"enum": rng.sample(CONSTANTS, rng.randint(1, 4))},
                {"const": rng.choice(CONSTANTS)},
                {"type": "boolean"},
                {"type": "integer"},
                {"type": "integer", "minimum": 0, "maximum": rng.randint(0, 3)},
                {"type": "number", "multipleOf": 0.5, "minimum": 0, "maximum": rng.randint(0, 2)},
                {"type": "string"},
                {"type": "string", "maxLength": rng.randint(0, 1), "pattern": "^[ab]*$"},
            ]
        )

    def _array(self, depth: int) -> dict[str, Any]:
        rng, found = self.rng, {"type": "array"}
        keywords = {
            "uniqueItems": (0.75, lambda: rng.random() < 0.9),
            "items": (0.6, lambda: self.schema(depth)),
            "prefixItems": (0.25, lambda: [self.schema(depth) for _ in range(rng.randint(1, 2))]),
            "unevaluatedItems": (0.1, lambda: self.schema(depth)),
            "minItems": (0.3, lambda: rng.randint(0, 3)),
            "maxItems": (0.4, lambda: rng.randint(0, 4)),
            "contains": (0.3, lambda: self.schema(depth)),
            "minContains": (0.15, lambda: rng.randint(0, 2)),
            "maxContains": (0.15, lambda: rng.randint(0, 2)),
        }
        return found | {name: make() for name, (share, make) in keywords.items() if rng.random() < share}

    def _object(self, depth: int) -> dict[str, Any]:
        rng = self.rng
        names = rng.sample(NAMES, rng.randint(1, 2))
        keywords = {
            "additionalProperties": (0.7, lambda: False),
            "propertyNames": (0.2, lambda: {"enum": rng.sample(NAMES, 2)}),
            "required": (0.6, lambda: rng.sample(NAMES, rng.randint(1, 2))),
            "minProperties": (0.2, lambda: rng.randint(1, 2)),
            "maxProperties": (0.2, lambda: rng.randint(1, 2)),
        }
        found = {"type": "object", "properties": {name: self.schema(depth) for name in names}}
        return found | {name: make() for name, (share, make) in keywords.items() if rng.random() < share}

    def _combined(self, depth: int) -> dict[str, Any]:
        keyword = self.rng.choice(["not", "oneOf", "oneOf", "anyOf", "allOf", "if"])
        if keyword == "not":
            return {"not": self.schema(depth)}
        if keyword == "if":
            return {"if": self.schema(depth), "then": self.schema(depth)}
        return {keyword: [self.schema(depth), self.schema(depth)]}


def random_value(rng: random.Random, depth: int) -> Any:
    """Often an array two items of which are equal."""
    kind = rng.random()
    if depth == 0 or kind < 0.4:
        return rng.choice(VALUES)
    if kind < 0.8:
        items = [random_value(rng, depth - 1) for _ in range(rng.randint(0, 4))]
        return [*items, rng.choice(items)] if items and rng.random() < 0.3 else items
    return {name: random_value(rng, depth - 1) for name in rng.sample(NAMES, rng.randint(0, 3))}


def respelled(rng: random.Random, value: Any) -> str:
    """A text of `value` in which numbers are spelled as they may always be, and strings have escapes."""
    if isinstance(value, list):
        return "[" + ",".join(respelled(rng, item) for item in value) + "]"
    if isinstance(value, dict):
        members = rng.sample(list(value.items()), len(value))
        return "{" + ",".join(f"{_string(rng, n)}:{respelled(rng, v)}" for n, v in members) + "}"
    if isinstance(value, str):
        return _string(rng, value)
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    text = json.dumps(value)
    return text + rng.choice(["", "", "0", "000"] if "." in text else ["", "", ".0", ".00"])


def _string(rng: random.Random, text: str) -> str:
    return '"' + "".join(f"\\u{ord(c):04x}" if rng.random() < 0.2 else c for c in text) + '"'
