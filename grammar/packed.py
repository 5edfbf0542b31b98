"""Sources as JSON, and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from .indentation import Indentation
from .source import (
    ChoiceSource,
    Either,
    JsonSource,
    LarkSource,
    Maker,
    RegexSource,
    Repeated,
    RulesSource,
    Sequence,
    Source,
)

Packed = tuple[str, Any]
"""The kind of a source, and its content as JSON."""


def packed(source: Source | Maker) -> Packed:
    """What `unpacked` makes the source of; a Python type is left behind."""
    match source:
        case JsonSource():
            return "json", source.schema
        case RegexSource():
            return "regex", source.pattern
        case ChoiceSource():
            return "choice", list(source.texts)
        case RulesSource():
            return source.notation, [source.text, source.start]
        case Sequence():
            return "all", [list(packed(part)) for part in source.parts]
        case Either():
            return "any", [list(packed(part)) for part in source.parts]
        case Repeated():
            return "repeated", [list(packed(source.part)), source.low, source.high]
        case LarkSource():
            postlex = None if source.postlex is None else source.postlex.to_json()
            return "lark", [source.text, source.start, source.parser, source.lexer, postlex]
    raise TypeError(f"not a source: {source!r}")


def unpacked(pair: Packed) -> Any:
    """The source. Raises KeyError, TypeError or ValueError for what `packed` did not return."""
    kind, content = pair
    return _UNPACK[kind](content)


def _lark(text: str, start: str, parser: Any, lexer: Any, postlex: dict[str, Any] | None) -> LarkSource:
    indentation = None if postlex is None else Indentation.from_json(postlex)
    return LarkSource(text, start, None, parser, lexer, indentation)


_UNPACK: Mapping[str, Callable[[Any], Source]] = {
    "json": lambda schema: JsonSource(schema, json.loads),
    "regex": RegexSource,
    "choice": lambda texts: ChoiceSource(tuple(texts)),
    "lark": lambda content: _lark(*content),
    "all": lambda content: Sequence(tuple(map(unpacked, content))),
    "any": lambda content: Either(tuple(map(unpacked, content))),
    "repeated": lambda content: Repeated(unpacked(content[0]), *content[1:]),
    "gbnf": lambda content: RulesSource("gbnf", *content),
    "ebnf": lambda content: RulesSource("ebnf", *content),
}
