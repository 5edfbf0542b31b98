"""The texts of a JSON Schema as a context-free grammar over bytes, run by trying every choice at once.

A stack is a nested pair (symbol, stack below) and () at the end. A text is viable if some stack survives it:
only symbols that derive at least one text are ever pushed, so a stack that survives can be completed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from . import number
from . import regex as rx
from .shapes import ArrayShape, Conjunction, NumberShape, ObjectShape, Shape, Shapes, StringShape, Word
from .spelling import spelled

WHITESPACE = b" \t\n\r"
MAX_RUN = 32
Stack = tuple
Stacks = frozenset


@dataclass(frozen=True, slots=True)
class Options:
    """`exponents`: in integers and bounded numbers too. An engine may refuse some of those, no others."""

    whitespace: int = MAX_RUN
    order: Literal["schema", "any"] = "schema"
    exponents: bool = True

    @classmethod
    def parse(
        cls, *, whitespace: str | int = "flexible", order: Literal["schema", "any"] = "schema"
    ) -> Options:
        """From the options of the public interface."""
        runs = {"flexible": MAX_RUN, "compact": 0}
        return cls(runs[whitespace] if isinstance(whitespace, str) else whitespace, order)


@dataclass(frozen=True, slots=True)
class Text:
    rest: bytes


@dataclass(frozen=True, slots=True)
class Space:
    left: int


@dataclass(frozen=True, slots=True)
class Content:
    """Inside a string, closing quote included: the content left, the bytes of an unfinished character."""

    language: rx.Regex
    pending: bytes = b""


@dataclass(frozen=True, slots=True)
class Number:
    bounds: number.Bounds
    text: str = ""


@dataclass(frozen=True, slots=True)
class Value:
    conjunction: Conjunction


@dataclass(frozen=True, slots=True)
class Items:
    shape: ArrayShape
    index: int


@dataclass(frozen=True, slots=True)
class Members:
    """After `{` or a member. `used`: declared keys seen. `place`: how far down the key order we are."""

    shape: ObjectShape
    used: frozenset[str]
    place: int
    first: bool


class Grammar:
    """All texts of `schema` under `options`."""

    def __init__(self, schema: Any, options: Options | None = None) -> None:
        self.options = options or Options()
        self.shapes = Shapes(schema)
        self._space = Space(self.options.whitespace)
        self._after: dict[tuple[Stacks, int], Stacks] = {}

    @property
    def satisfiable(self) -> bool:
        return self.shapes.alive(self.shapes.root)

    def start(self) -> Stacks:
        root = (self._space, Value(self.shapes.root), self._space)
        return frozenset({_push(root, ())}) if self.satisfiable else frozenset()

    def feed(self, stacks: Stacks, text: bytes) -> Stacks:
        """The stacks after `text`; none of them left means that no accepted text begins so."""
        for byte in text:
            key = (stacks, byte)
            if key not in self._after:
                self._after[key] = frozenset(after for stack in stacks for after in self._step(stack, byte))
            stacks = self._after[key]
        return stacks

    def accepting(self, stacks: Stacks) -> bool:
        return any(all(map(self._nullable, _symbols(stack))) for stack in stacks)

    def viable(self, prefix: bytes) -> bool:
        return bool(self.feed(self.start(), prefix))

    def accepts(self, text: bytes) -> bool:
        return self.accepting(self.feed(self.start(), text))

    def _step(self, stack: Stack, byte: int) -> Iterator[Stack]:
        while stack:
            symbol, below = stack
            if isinstance(symbol, Value | Items | Members):
                for sequence in self._choices(symbol):
                    yield from self._step(_push(sequence, below), byte)
            else:
                yield from (_push(sequence, below) for sequence in self._eat(symbol, byte))
            if not self._nullable(symbol):
                return
            stack = below

    def _nullable(self, symbol: Any) -> bool:
        if isinstance(symbol, Number):
            return number.accepts(symbol.bounds, symbol.text, exponents=self.options.exponents)
        return isinstance(symbol, Space)

    def _eat(self, symbol: Any, byte: int) -> Iterator[tuple]:
        if isinstance(symbol, Space):
            if symbol.left and byte in WHITESPACE:
                yield (Space(symbol.left - 1),)
        elif isinstance(symbol, Text):
            if symbol.rest[0] == byte:
                yield (Text(symbol.rest[1:]),) if len(symbol.rest) > 1 else ()
        elif isinstance(symbol, Number):
            text = symbol.text + chr(byte)
            if number.viable(symbol.bounds, text, exponents=self.options.exponents):
                yield (replace(symbol, text=text),)
        else:
            yield from _eat_content(symbol, byte)

    def _choices(self, symbol: Value | Items | Members) -> Iterable[tuple]:
        if isinstance(symbol, Items):
            return self._items(symbol)
        if isinstance(symbol, Members):
            return self._members(symbol)
        live = [shape for shape in self.shapes.of(symbol.conjunction) if self.shapes.shape_alive(shape)]
        return [self._begin(shape) for shape in live]

    def _begin(self, shape: Shape) -> tuple:
        if isinstance(shape, Word):
            return (Text(shape.text),)
        if isinstance(shape, StringShape):
            return (Text(b'"'), Content(shape.content))
        if isinstance(shape, NumberShape):
            return (Number(shape.bounds),)
        if isinstance(shape, ArrayShape):
            return (Text(b"["), self._space, Items(shape, 0))
        return (Text(b"{"), self._space, Members(shape, frozenset(), 0, True))

    def _items(self, here: Items) -> Iterator[tuple]:
        if here.index >= here.shape.low:
            yield (Text(b"]"),)
        if here.index < self.shapes.longest(here.shape):
            comma = (Text(b","), self._space) if here.index else ()
            # Beyond the prefix and the minimum the index says nothing more, unless there is a maximum.
            last = max(len(here.shape.prefix), here.shape.low, 1)
            after = here.index + 1 if here.shape.high is not None else min(here.index + 1, last)
            yield (*comma, Value(here.shape.item(here.index)), self._space, Items(here.shape, after))

    def _members(self, here: Members) -> Iterator[tuple]:
        missing = here.shape.required - here.used
        if not missing:
            yield (Text(b"}"),)
        in_order = self.options.order == "schema"
        for place, (key, value) in enumerate(here.shape.keys):
            if key not in here.used and self.shapes.alive(value) and (not in_order or place >= here.place):
                after = replace(here, used=here.used | {key}, place=place + 1, first=False)
                # A key that jumps over a required one leads nowhere.
                skipped = {name for name, _ in here.shape.keys[:place]} & missing
                if not (in_order and skipped):
                    yield self._member(here, rx.literal(key), value, after)
        if self.shapes.alive(here.shape.extra) and not (in_order and missing):
            names = rx.negate(rx.alt(*(rx.literal(key) for key, _ in here.shape.keys)))
            after = replace(here, place=len(here.shape.keys), first=False)
            yield self._member(here, rx.both(rx.EVERYTHING, names), here.shape.extra, after)

    def _member(self, here: Members, key: rx.Regex, value: Conjunction, after: Members) -> tuple:
        comma = () if here.first else (Text(b","), self._space)
        colon = (self._space, Text(b":"), self._space)
        return (*comma, Text(b'"'), Content(key), *colon, Value(value), self._space, after)


def _eat_content(symbol: Content, byte: int) -> Iterator[tuple]:
    spelling = symbol.pending + bytes([byte])
    if spelling == b'"':
        if rx.nullable(symbol.language):
            yield ()
        return
    meanings = spelled(spelling)
    for low, _, complete in meanings:
        if complete:
            after = rx.derivative(symbol.language, low)
            if not rx.is_empty(after):
                yield (Content(after),)
    if any(rx.live_within(symbol.language, low, high) for low, high, complete in meanings if not complete):
        yield (replace(symbol, pending=spelling),)


def _push(sequence: tuple, stack: Stack) -> Stack:
    for symbol in reversed(sequence):
        stack = (symbol, stack)
    return stack


def _symbols(stack: Stack) -> Iterator[Any]:
    while stack:
        yield stack[0]
        stack = stack[1]


def viable(schema: Any, prefix: bytes, options: Options | None = None) -> bool:
    """Whether `prefix` can be extended to an accepted text."""
    return Grammar(schema, options).viable(prefix)
