"""The keyword `x-grammar`: the content of a string is a text of a grammar.

Its value is an object with one member: `{"gbnf": text}` or `{"ebnf": text}`, where `[text, start]` names the rule to
begin with; `{"regex": pattern}`; or any other source as `packed` has it. A maker in a schema given as a Python value
stands for the string.

A grammar excludes nothing and is not intersected: what it has to be besides a string is refused, but for `enum` and
`const`, whose texts are tried one by one.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from ...errors import GramaskError, InvalidSchema, UnsupportedSchema
from ..acceptance import accepts
from ..context_free.machine import add_rules, compile_rules
from ..context_free.rules import Rules, productive
from ..json_spelling import in_string
from ..packed import packed, unpacked
from ..pushdown import Pushdown
from ..regex import compile_regex
from ..source import ChoiceSource, JsonSource, LarkSource, Maker
from ..text_parts import TextParts

_LATEST = "https://json-schema.org/draft/2020-12/schema"
KEYWORD = "x-grammar"
KIND = "grammar"
"""Of a `Matcher`; its text is that of the keyword's value."""


def schema_of(maker: Maker, name: str) -> Any:
    """The schema that a maker in the place of one stands for; `name` tells it from the others of the schema."""
    match maker:
        case JsonSource(schema):
            return as_resource(name, schema)
        case ChoiceSource(texts):
            return {"enum": list(texts)}
        case LarkSource():
            TextParts().node(maker)  # says why not
    kind, content = packed(maker)
    return {"type": "string", KEYWORD: {kind: content}}


def as_resource(name: str, schema: Any) -> Any:
    """A schema that means the same when it is part of another one, of whatever draft."""
    if not isinstance(schema, dict) or "$id" in schema or "id" in schema:
        return schema
    uri = f"urn:gramask:{name}"
    if "$ref" in schema and "$schema" not in schema and isinstance(schema.get("allOf", []), list):
        # Early drafts ignore all that stands beside it, names as well.
        reference = {"$ref": schema["$ref"]}
        schema = {key: value for key, value in schema.items() if key != "$ref"}
        schema["allOf"] = [*schema.get("allOf", ()), reference]
    return {"$schema": _LATEST, "$id": uri, "id": uri, **schema}


def is_grammar(value: Any) -> bool:
    """Whether a value has the form of the keyword's; what is in it is another question."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    ((kind, content),) = value.items()
    if kind == "regex":
        return isinstance(content, str)
    return kind in ("gbnf", "ebnf", "all", "any", "repeated") and isinstance(content, str | list)


def text_of(value: Any) -> str:
    """The keyword's value as text, which is equal for equal ones."""
    return json.dumps(value, separators=(",", ":"))


def check_grammar(value: Any, pointer: str) -> None:
    """Raise GramaskError, with the pointer, for a grammar that cannot be used."""
    try:
        if "regex" in value:
            compile_regex(value["regex"])
        else:
            in_string(_rules(text_of(value)))
    except GramaskError as error:
        raise error.at(pointer, KEYWORD) from None


def begin(text: str, pushdown: Pushdown) -> int:
    """Add the strings of a grammar to `pushdown`: the operation behind their opening quote."""
    return add_rules(in_string(_rules(text)), pushdown)


def is_text_of(text: str, content: bytes) -> bool:
    """Whether a grammar derives `content`."""
    return accepts(_automaton(text), content)


def refuse_more() -> UnsupportedSchema:
    """The error where a grammar meets what it cannot be intersected with."""
    return UnsupportedSchema(
        "a grammar in a string cannot be combined with other constraints on the same string",
        keyword=KEYWORD,
        hint="put lengths, patterns and alternatives into the grammar, or use `pattern` for what is regular",
    )


@lru_cache(maxsize=64)
def _automaton(text: str) -> Pushdown:
    return compile_rules(_rules(text))


@lru_cache(maxsize=64)
def _rules(text: str) -> Rules:
    ((kind, content),) = json.loads(text).items()
    if kind in ("gbnf", "ebnf") and isinstance(content, str):
        content = [content, None]
    try:
        source = unpacked((kind, content))
    except (KeyError, TypeError, ValueError):
        raise InvalidSchema(
            f"{KEYWORD} is not a grammar", keyword=KEYWORD, hint='write {"gbnf": "root ::= ..."}'
        ) from None
    rules = TextParts().rules(source)
    if rules.start not in productive(rules):
        raise InvalidSchema(f"the grammar of {KEYWORD} derives no text", keyword=KEYWORD)
    return rules
