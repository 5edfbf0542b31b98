"""What happens to each keyword of a schema: enforced by the mask, or refused. Nothing is dropped silently."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

from ...errors import GramaskError
from ..formats import FORMATS
from ..options import Options
from ..source import JsonSource, Source
from .compile import compile_schema
from .document import Document
from .keywords import CHECKS, NOT_ENFORCED

Outcome = Literal["enforced", "annotation", "refused"]

# Those whose value is a schema or any JSON value have no entry in CHECKS.
_ENFORCED = {
    *CHECKS,
    *("const", "not", "if", "then", "else", "items", "additionalItems", "contains", "unevaluatedItems"),
    *("additionalProperties", "propertyNames", "unevaluatedProperties"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One keyword at one place of the schema."""

    pointer: str
    keyword: str
    outcome: Outcome
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome for every keyword that a value can meet, in document order, and the error of compiling, if any."""

    entries: tuple[Entry, ...]
    error: GramaskError | None = None

    @property
    def ok(self) -> bool:
        """Whether the schema compiles."""
        return self.error is None

    @property
    def counts(self) -> dict[str, int]:
        """How many keywords are enforced, annotations, refused."""
        found = Counter(entry.outcome for entry in self.entries)
        return {outcome: found[outcome] for outcome in ("enforced", "annotation", "refused")}

    def of(self, outcome: Outcome) -> list[Entry]:
        return [entry for entry in self.entries if entry.outcome == outcome]

    def __str__(self) -> str:
        lines = [", ".join(f"{outcome} {count}" for outcome, count in self.counts.items())]
        lines += [f"refused: {e.keyword} at {e.pointer or 'the root'}; {e.hint}" for e in self.of("refused")]
        if self.error is not None:
            lines.append(f"{type(self.error).__name__}: {self.error}")
        return "\n".join(lines)


def check_schema(schema: Any, options: Options) -> Report:
    """Report on a JSON Schema without a tokenizer. Never raises for what is wrong with the schema."""
    document = Document(schema, formats=options.formats, registry=options.documents)
    entries: list[Entry] = []
    try:
        for number, keyword, refused in document.visit():
            entries.append(_entry(document, number, keyword, refused))
        compile_schema(schema, options)
    except GramaskError as error:
        return Report(tuple(entries), error)
    return Report(tuple(entries))


def report_of(source: Source, options: Options) -> Report:
    """The report of any source; only JSON Schemas have keywords."""
    return check_schema(source.schema, options) if isinstance(source, JsonSource) else Report(())


def _entry(document: Document, number: int, keyword: str, refused: bool) -> Entry:
    pointer = document.pointers[number]
    if refused:
        return Entry(pointer, keyword, "refused", NOT_ENFORCED[keyword].hint)
    is_enforced = keyword in _ENFORCED
    if keyword == "format":
        is_enforced = not document.annotate_formats and document.schemas[number]["format"] in FORMATS
    return Entry(pointer, keyword, "enforced" if is_enforced else "annotation")
