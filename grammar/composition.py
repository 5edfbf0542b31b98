"""Sources that are put together, as context-free rules with the automata of JSON Schemas among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import GramaskError
from .context_free.rules import Foreign, Rules, with_calls
from .ebnf import parse_ebnf
from .gbnf import parse_gbnf
from .nodes import Anchor, And, Call, Choice, Concat, Literal, Look, Node, Repeat
from .options import Options
from .pushdown import Pushdown
from .regex_parse import parse_regex
from .schema.compile import add_document, document_of
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
)

START = "start"


def compose(source: Maker, options: Options) -> Rules:
    """The rules of a source that is put together from others. Raises what the front ends of its parts raise."""
    if options.unsupported == "validate":
        raise GramaskError(
            'a JSON Schema that is part of another language cannot be left to validation (`unsupported="validate"`)',
            hint="leave the option out, or constrain to the schema alone",
        )
    parts = _Parts(options)
    parts.bodies[START] = parts.node(source)
    return Rules(START, parts.bodies, foreign=parts.foreign)


@dataclass(frozen=True, slots=True)
class _Json:
    """The documents of a schema, without white space around them."""

    schema: Any
    options: Options

    def build(self, pushdown: Pushdown) -> int:
        return add_document(document_of(self.schema, self.options), self.options, pushdown)


class _Parts:
    """The rules so far. Those of a grammar are named `<number>/<name>`."""

    def __init__(self, options: Options) -> None:
        self.bodies: dict[str, Node] = {}
        self.foreign: dict[str, Foreign] = {}
        self._options = options
        self._n_parts = 0

    def node(self, source: Maker) -> Node:
        """The tree of a source; what it needs beside is added to the rules."""
        match source:
            case ChoiceSource():
                return Choice(tuple(map(Literal, source.texts)))
            case RegexSource():
                return _whole(parse_regex(source.pattern, "gramask"))
            case RulesSource():
                return self._grammar(source)
            case JsonSource():
                return self._json(source.schema)
            case Sequence():
                return Concat(tuple(map(self.node, source.parts)))
            case Either():
                return self._either(source)
            case Repeated():
                return Repeat(self.node(source.part), source.low, source.high)
            case LarkSource():
                raise GramaskError(
                    "a Lark grammar has a lexer of its own and cannot be part of another language",
                    hint="write the part in GBNF (gramask.gbnf) or EBNF (gramask.ebnf)",
                )
        raise TypeError(f"not a source: {source!r}")

    def _grammar(self, source: RulesSource) -> Node:
        rules = rules_of(source)
        prefix = self._next()
        names = {name: f"{prefix}/{name}" for name in rules.bodies}
        for name, body in rules.bodies.items():
            self.bodies[names[name]] = with_calls(body, lambda called: Call(names[called]))
        return Call(names[rules.start])

    def _json(self, schema: Any) -> Node:
        name = self._next()
        self.foreign[name] = _Json(schema, self._options)
        return Call(name)

    def _either(self, source: Either) -> Node:
        """One of the parts; JSON Schemas are read side by side, as one schema."""
        schemas = [part.schema for part in source.parts if isinstance(part, JsonSource)]
        options = [self.node(part) for part in source.parts if not isinstance(part, JsonSource)]
        if len(schemas) == 1:
            options.append(self._json(schemas[0]))
        elif schemas:
            options.append(self._json({"anyOf": [_resource(i, schema) for i, schema in enumerate(schemas)]}))
        return Choice(tuple(options))

    def _next(self) -> str:
        self._n_parts += 1
        return str(self._n_parts)


def rules_of(source: RulesSource) -> Rules:
    """The rules of a grammar, read in its notation."""
    if source.notation == "gbnf":
        return parse_gbnf(source.text, source.start or "root")
    return parse_ebnf(source.text, source.start)


def _whole(node: Node) -> Node:
    """A pattern as part of something else: its anchors and lookarounds see its own text alone."""
    todo = [node]
    while todo:
        match todo.pop():
            case Anchor() | Look():
                return And((node,))
            case Concat(children) | Choice(children):
                todo += children
            case Repeat(body):
                todo.append(body)
    return node


def _resource(number: int, schema: Any) -> Any:
    """A schema whose references stay within it when it is part of another one."""
    if not isinstance(schema, dict) or "$id" in schema or "id" in schema:
        return schema
    return {"$id": f"urn:gramask:alternative:{number}", **schema}
