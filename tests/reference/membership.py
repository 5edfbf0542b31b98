"""Whether a whole text is in the language of a JSON Schema: strict parse, `jsonschema`, order of keys."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from . import number
from . import regex as rx
from .shapes import ArrayShape, Conjunction, NumberShape, ObjectShape, Shape, Shapes, StringShape, Word
from .viability import Options

NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
STRING = re.compile(r'"([^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"')
SPACE = re.compile(r"[ \t\n\r]*")


class NotJson(ValueError):
    pass


@dataclass(frozen=True, slots=True)
class Node:
    """A parsed value: `text` as written, `value` as the authority sees it, children with keys in order."""

    value: Any
    items: tuple[Node, ...] = ()
    members: tuple[tuple[str, Node], ...] = ()


class _Parser:
    def __init__(self, text: str, shapes: Shapes, longest_run: int) -> None:
        self.text, self.at = text, 0
        self.shapes = shapes
        self.longest_run = longest_run

    def document(self) -> Node:
        self.space()
        node = self.value()
        self.space()
        if self.at != len(self.text):
            raise NotJson("text after the value")
        return node

    def space(self) -> None:
        if len(self.match(SPACE)) > self.longest_run:
            raise NotJson("whitespace run too long")

    def match(self, shape: re.Pattern[str]) -> str:
        found = shape.match(self.text, self.at)
        if not found:
            raise NotJson(f"at {self.at}")
        self.at = found.end()
        return found[0]

    def take(self, wanted: str) -> bool:
        found = self.text.startswith(wanted, self.at)
        self.at += len(wanted) if found else 0
        return found

    def value(self) -> Node:
        for word, constant in (("null", None), ("true", True), ("false", False)):
            if self.take(word):
                return Node(constant)
        if self.text.startswith('"', self.at):
            return Node(self.string())
        if self.take("["):
            nodes = self.several("]", self.value)
            return Node([node.value for node in nodes], items=tuple(nodes))
        if self.take("{"):
            members = self.several("}", self.member)
            return Node({key: node.value for key, node in members}, members=tuple(members))
        return Node(self.shapes.authority.value(self.match(NUMBER)))

    def several(self, end: str, parse: Any) -> list[Any]:
        self.space()
        found: list[Any] = []
        while not self.take(end):
            if found and not self.take(","):
                raise NotJson(f"at {self.at}")
            if found:
                self.space()
            found.append(parse())
            self.space()
        return found

    def member(self) -> tuple[str, Node]:
        key = self.string()
        self.space()
        if not self.take(":"):
            raise NotJson(f"at {self.at}")
        self.space()
        return key, self.value()

    def string(self) -> str:
        text: str = self.shapes.authority.value(self.match(STRING))
        try:
            text.encode()
        except UnicodeEncodeError:
            raise NotJson("lone surrogate") from None
        return text


class Membership:
    """The accepted texts of `schema` under `options`."""

    def __init__(self, schema: Any, options: Options | None = None) -> None:
        self.options = options or Options()
        self.shapes = Shapes(schema)

    def accepts(self, text: bytes) -> bool:
        try:
            node = _Parser(text.decode(), self.shapes, self.options.whitespace).document()
        except (UnicodeDecodeError, NotJson):
            return False
        valid = self.shapes.authority.is_valid(node.value)
        fits = self.fits(node, self.shapes.root)
        if self.options.order == "any" and valid != fits and not _repeats_key(node):
            raise AssertionError(f"the shapes say {fits} and jsonschema says {valid}: {text!r}")
        return valid and fits

    def fits(self, node: Node, conjunction: Conjunction) -> bool:
        """Whether `node` has a shape of `conjunction` all the way down, its keys once and in order."""
        return any(self._fits_shape(node, shape) for shape in self.shapes.of(conjunction))

    def _fits_shape(self, node: Node, shape: Shape) -> bool:
        value = node.value
        if isinstance(shape, ObjectShape):
            return isinstance(value, dict) and self._fits_object(node, shape)
        if isinstance(shape, ArrayShape):
            fits = [self.fits(item, shape.item(index)) for index, item in enumerate(node.items)]
            high = float("inf") if shape.high is None else shape.high
            return isinstance(value, list) and all(fits) and shape.low <= len(fits) <= high
        if isinstance(shape, Word):
            return value is {b"null": None, b"true": True, b"false": False}[shape.text]
        if isinstance(shape, StringShape):
            return isinstance(value, str) and rx.matches(shape.content, value)
        numeric = isinstance(value, int | Fraction) and not isinstance(value, bool)
        return numeric and _within(shape, value)

    def _fits_object(self, node: Node, shape: ObjectShape) -> bool:
        declared = dict(shape.keys)
        places = list(declared)
        seen = [key for key, _ in node.members if key in declared]
        if len(set(seen)) < len(seen) or not shape.required <= set(seen):
            return False
        if self.options.order == "schema":
            order = [places.index(key) if key in declared else len(places) for key, _ in node.members]
            if order != sorted(order):
                return False
        return all(self.fits(child, declared.get(key, shape.extra)) for key, child in node.members)


def _within(shape: NumberShape, value: int | Fraction) -> bool:
    if shape.bounds.dotless and not isinstance(value, int):
        return False
    return number.contains(shape.bounds, Fraction(value))


def _repeats_key(node: Node) -> bool:
    keys = [key for key, _ in node.members]
    children = (*node.items, *(child for _, child in node.members))
    return len(set(keys)) < len(keys) or any(map(_repeats_key, children))


def accepts(schema: Any, text: bytes, options: Options | None = None) -> bool:
    """Whether `text` is in the language of `schema`."""
    return Membership(schema, options).accepts(text)
