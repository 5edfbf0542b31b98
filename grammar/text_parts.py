"""Sources as trees and context-free rules: those of text alone, which is all but JSON Schemas."""

from __future__ import annotations

from typing import Any

from ..errors import GramaskError, UnsupportedSchema
from .context_free.rules import Rules, with_calls
from .ebnf import parse_ebnf
from .gbnf import parse_gbnf
from .nodes import Anchor, And, Call, Choice, Concat, Literal, Look, Node, Repeat
from .regex_parse import parse_regex
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


def rules_of(source: RulesSource) -> Rules:
    """The rules of a grammar, read in its notation."""
    if source.notation == "gbnf":
        return parse_gbnf(source.text, source.start or "root")
    return parse_ebnf(source.text, source.start)


class TextParts:
    """The rules so far. Those of a grammar are named `<number>/<name>`."""

    def __init__(self) -> None:
        self.bodies: dict[str, Node] = {}
        self._n_parts = 0

    def rules(self, source: Maker) -> Rules:
        """The rules of a source that is put together from others. Raises what the front ends of its parts raise."""
        self.bodies[START] = self.node(source)
        return Rules(START, self.bodies)

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
                return self.json(source.schema)
            case Sequence():
                return Concat(tuple(map(self.node, source.parts)))
            case Either():
                return self.either(source)
            case Repeated():
                return Repeat(self.node(source.part), source.low, source.high)
            case LarkSource():
                raise GramaskError(
                    "a Lark grammar has a lexer of its own and cannot be part of another language",
                    hint="write the part in GBNF (gramask.gbnf) or EBNF (gramask.ebnf)",
                )
        raise TypeError(f"not a source: {source!r}")

    def json(self, schema: Any) -> Node:
        """The tree of a JSON Schema. Raises UnsupportedSchema."""
        raise UnsupportedSchema(
            "a JSON Schema cannot stand in a grammar that stands in a JSON string",
            hint="describe the text in the string by grammars alone",
        )

    def either(self, source: Either) -> Node:
        """One of the parts."""
        return Choice(tuple(map(self.node, source.parts)))

    def _grammar(self, source: RulesSource) -> Node:
        rules = rules_of(source)
        prefix = self.next_name()
        names = {name: f"{prefix}/{name}" for name in rules.bodies}
        for name, body in rules.bodies.items():
            self.bodies[names[name]] = with_calls(body, lambda called: Call(names[called]))
        return Call(names[rules.start])

    def next_name(self) -> str:
        """A name for one more part."""
        self._n_parts += 1
        return str(self._n_parts)


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
