"""The languages that a user can ask for, each in the syntax it was written in, and how they are put together."""

from __future__ import annotations

import json as json_text
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from ..errors import GramaskError
from .indentation import Indentation

JsonSchema = dict[str, Any] | bool


class Source(Protocol):
    """A language, in the syntax the user wrote it in."""

    @property
    def parse(self) -> Callable[[str], Any]:
        """Turn a complete text of the language into the value the user asked for."""
        ...

    def identity(self) -> Hashable:
        """Equal for sources of the same language, whatever they make of a text; None where it may change."""
        ...


class Maker:
    """What can be put together: `a + b`, `a | b`, `a[2]`, `a[1:3]`, `a[0:]`; a str stands for itself.

    What is put together has the text as its value.
    """

    __slots__ = ()
    __iter__ = None  # `a[i]` is a repetition, no item

    def __add__(self, other: Maker | str) -> Sequence:
        return Sequence((*_parts(self, Sequence), *_parts(other, Sequence)))

    def __radd__(self, other: str) -> Sequence:
        return Sequence((*_parts(other, Sequence), *_parts(self, Sequence)))

    def __or__(self, other: Maker | str) -> Either:
        return Either((*_parts(self, Either), *_parts(other, Either)))

    def __ror__(self, other: str) -> Either:
        return Either((*_parts(other, Either), *_parts(self, Either)))

    def __getitem__(self, counts: int | slice) -> Repeated:
        if isinstance(counts, int):
            counts = slice(counts, counts)
        low, high = counts.start or 0, counts.stop
        if counts.step is not None or low < 0 or (high is not None and high < low):
            raise GramaskError(
                f"[{low}:{'' if high is None else high}] is no repetition",
                hint="write `a[2]`, `a[1:3]` (at least one, at most three) or `a[1:]`",
            )
        return Repeated(self, low, high)

    def identity(self) -> Hashable:
        """Equal for sources of the same language, whatever they make of a text; None where it may change."""
        return self

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: Callable[[Any], Any]) -> dict[str, Any]:
        """What pydantic says of `Annotated[str, maker]`."""
        from .schema.string_grammars import schema_of

        return {**handler(core_schema), **schema_of(self, "annotation")}


class TextMaker(Maker):
    """A source whose texts stand for themselves."""

    __slots__ = ()

    def parse(self, text: str) -> str:
        """The value of a complete text."""
        return text


def _parts(part: Maker | str, kind: type[Sequence] | type[Either]) -> tuple[Maker, ...]:
    """The parts that `part` adds to a source of this kind."""
    if isinstance(part, kind):
        return part.parts
    if isinstance(part, str):
        check_text(part)
        return (ChoiceSource((part,)),)
    if not isinstance(part, Maker):
        raise GramaskError(
            f"{type(part).__name__} cannot be put together with other sources",
            hint="wrap it: gramask.json(...) takes schemas and types, gramask.choice([...]) texts",
        )
    return (part,)


def check_text(text: str) -> None:
    """Raise GramaskError if no bytes encode `text`."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise GramaskError(
            f"{text!r} has half of a surrogate pair at {error.start}", hint="texts are whole characters"
        ) from None


@dataclass(frozen=True, slots=True)
class Sequence(TextMaker):
    """All parts in order."""

    parts: tuple[Maker, ...]

    def identity(self) -> Hashable:
        return _joint("all", self.parts)


@dataclass(frozen=True, slots=True)
class Either(TextMaker):
    """Any of the parts."""

    parts: tuple[Maker, ...]

    def identity(self) -> Hashable:
        return _joint("any", self.parts)


@dataclass(frozen=True, slots=True)
class Repeated(TextMaker):
    """`part`, `low` to `high` times; without end for None."""

    part: Maker
    low: int
    high: int | None

    def identity(self) -> Hashable:
        return _joint((self.low, self.high), (self.part,))


def _joint(how: Hashable, parts: tuple[Maker, ...]) -> Hashable:
    identities = [part.identity() for part in parts]
    return None if None in identities else (how, *identities)


@dataclass(frozen=True, slots=True)
class JsonSource(Maker):
    """JSON documents that satisfy `schema`; `parse` gives the Python value of one."""

    schema: JsonSchema
    parse: Callable[[str], Any]

    def canonical(self) -> str:
        """The schema as JSON text. Keys keep their order: it decides the order of members."""
        return json_text.dumps(self.schema, ensure_ascii=True, separators=(",", ":"))

    def identity(self) -> Hashable:
        return "json", self.canonical()


@dataclass(frozen=True, slots=True)
class RegexSource(TextMaker):
    """The texts that `pattern` matches from end to end."""

    pattern: str


@dataclass(frozen=True, slots=True)
class ChoiceSource(TextMaker):
    """Exactly one of `texts`."""

    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LarkSource(TextMaker):
    """The texts that the rule `start` of a Lark grammar derives, as `parser` with `lexer` reads it.

    path    : the file it came from.
    postlex : what the ends of lines add, where indentation matters.
    """

    text: str
    start: str = "start"
    path: Path | None = None
    parser: Literal["lalr", "earley"] = "lalr"
    lexer: Literal["contextual", "dynamic", "dynamic_complete"] = "contextual"
    postlex: Indentation | None = None

    def identity(self) -> Hashable:
        return None if self.path is not None else self  # the files it imports may have changed


@dataclass(frozen=True, slots=True)
class RulesSource(TextMaker):
    """The texts that the rule `start` of a grammar derives, character by character. `notation`: "gbnf" or "ebnf"."""

    notation: Literal["gbnf", "ebnf"]
    text: str
    start: str | None
