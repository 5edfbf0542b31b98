"""Sources that are put together, as context-free rules with the automata of JSON Schemas among them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..errors import GramaskError
from .context_free.rules import Foreign, Rules
from .nodes import Call, Choice, Node
from .options import Options
from .pushdown import Pushdown
from .schema.compile import add_document, document_of
from .schema.string_grammars import as_resource
from .source import Either, JsonSource, Maker
from .text_parts import TextParts


def compose(source: Maker, options: Options) -> Rules:
    """The rules of a source that is put together from others. Raises what the front ends of its parts raise."""
    if options.unsupported == "validate":
        raise GramaskError(
            'a JSON Schema that is part of another language cannot be left to validation (`unsupported="validate"`)',
            hint="leave the option out, or constrain to the schema alone",
        )
    parts = _Parts(options)
    return replace(parts.rules(source), foreign=parts.foreign)


@dataclass(frozen=True, slots=True)
class _Json:
    """The documents of a schema, without white space around them."""

    schema: Any
    options: Options

    def build(self, pushdown: Pushdown) -> int:
        return add_document(document_of(self.schema, self.options), self.options, pushdown)


class _Parts(TextParts):
    """JSON Schemas are foreign to the rules."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.foreign: dict[str, Foreign] = {}
        self._options = options

    def json(self, schema: Any) -> Node:
        name = self.next_name()
        self.foreign[name] = _Json(schema, self._options)
        return Call(name)

    def either(self, source: Either) -> Node:
        """One of the parts; JSON Schemas are read side by side, as one schema."""
        schemas = [part.schema for part in source.parts if isinstance(part, JsonSource)]
        options = [self.node(part) for part in source.parts if not isinstance(part, JsonSource)]
        if len(schemas) == 1:
            options.append(self.json(schemas[0]))
        elif schemas:
            alternatives = [as_resource(f"alternative:{i}", schema) for i, schema in enumerate(schemas)]
            options.append(self.json({"anyOf": alternatives}))
        return Choice(tuple(options))
