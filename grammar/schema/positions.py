"""Where the subschemas of a schema are: those that a keyword applies, and those that only wait to be referred to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from enum import Enum, auto
from typing import Any

from .keywords import is_schema
from .pointers import escape_token

# Where the subschemas of a keyword are: in its value, in a list, or in the members of an object.
_DIRECT = frozenset(
    """not if then else contains propertyNames additionalProperties items additionalItems unevaluatedItems
    unevaluatedProperties""".split()
)
_LISTS = frozenset(("anyOf", "allOf", "oneOf", "prefixItems"))
_MEMBERS = frozenset(("properties", "patternProperties", "dependentSchemas", "dependencies"))
APPLYING = _DIRECT | _LISTS | _MEMBERS
"""The keywords that can have subschemas."""
# Places for definitions, in documents of all drafts.
_SHELVES = frozenset(("$defs", "definitions"))


def named_subschemas(keyword: str, value: Any) -> Collection[tuple[str, Any]]:
    """The `(name, subschema)` pairs of a keyword whose subschemas are members; arrays in `dependencies` are none."""
    if not isinstance(value, dict):
        return ()
    if keyword != "dependencies":
        return value.items()
    return [(name, below) for name, below in value.items() if not isinstance(below, list)]


def subschemas(keyword: str, schema: dict[str, Any]) -> list[tuple[str, Any]]:
    """The `(path, subschema)` pairs that a keyword applies, in document order; a malformed value has none."""
    value = schema[keyword]
    if keyword in _MEMBERS:
        found = []
        for name, below in named_subschemas(keyword, value):
            found.append((f"{keyword}/{escape_token(name)}", below))
        return found
    if keyword in _LISTS or (keyword == "items" and isinstance(value, list)):
        return [(f"{keyword}/{i}", below) for i, below in enumerate(value)] if isinstance(value, list) else []
    return [(keyword, value)] if keyword in _DIRECT and _applies(keyword, schema) else []


def _applies(keyword: str, schema: dict[str, Any]) -> bool:
    if keyword == "additionalItems":
        return isinstance(schema.get("items"), list)  # else there is nothing that it could be additional to
    return keyword not in ("then", "else") or "if" in schema


def all_subschemas(schema: dict[str, Any], ignored: frozenset[str]) -> Iterator[tuple[str, Any]]:
    """The `(path, subschema)` pairs directly below a schema, applied or not, where `ignored` mean nothing."""
    for keyword, value in schema.items():
        if keyword in ignored:
            continue
        if keyword in _SHELVES and isinstance(value, dict):
            yield from ((f"{keyword}/{escape_token(name)}", below) for name, below in value.items())
        elif keyword in _DIRECT and not isinstance(value, list):
            yield keyword, value
        else:
            yield from subschemas(keyword, schema)


def with_subschemas(keyword: str, value: Any, replacement: Callable[[Any], Any]) -> Any:
    """The value of a keyword with what stands in the places of subschemas replaced, definitions included."""
    if isinstance(value, dict) and (keyword in _MEMBERS or keyword in _SHELVES):
        return {name: replacement(below) for name, below in value.items()}
    if isinstance(value, list):
        return [*map(replacement, value)] if keyword in _LISTS or keyword == "items" else value
    return replacement(value) if keyword in _DIRECT else value


class Position(Enum):
    """What a JSON Pointer has reached: a schema, a list or an object of schemas, or anything else."""

    SCHEMA = auto()
    COLLECTION = auto()
    OTHER = auto()


def position_below(position: Position, token: str, value: Any, ignored: frozenset[str]) -> Position:
    """The position of `value`, which is at `token` below a position, where the keywords `ignored` mean nothing."""
    if position is Position.COLLECTION and is_schema(value):
        return Position.SCHEMA
    if position is not Position.SCHEMA or token in ignored:
        return Position.OTHER
    if isinstance(value, list):
        return Position.COLLECTION if token in _LISTS or token == "items" else Position.OTHER
    if token in _MEMBERS or token in _SHELVES:
        return Position.COLLECTION if isinstance(value, dict) else Position.OTHER
    return Position.SCHEMA if token in _DIRECT and is_schema(value) else Position.OTHER
