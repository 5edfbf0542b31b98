"""What happens to each keyword of a schema: enforced by the mask, validated after, or refused. Nothing is dropped."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

from ...errors import CannotEnforce, GramaskError
from ..formats import FORMATS
from ..options import Options
from ..source import JsonSource, Source
from .compile import compile_document, document_of
from .document import Document
from .keywords import CHECKS, NOT_ENFORCED, REFERENCES

Outcome = Literal["enforced", "annotation", "validated", "refused"]
OUTCOMES: tuple[Outcome, ...] = ("enforced", "annotation", "validated", "refused")

# Those whose value is a schema or any JSON value have no entry in CHECKS.
_ENFORCED = {
    *CHECKS,
    *("const", "not", "if", "then", "else", "items", "additionalItems", "contains", "unevaluatedItems"),
    *("additionalProperties", "propertyNames", "unevaluatedProperties"),
}
_ALONE = "it stands in a subschema that is only validated"


@dataclass(frozen=True, slots=True)
class Entry:
    """One keyword at one place of the schema.

    outcome : "enforced" by the mask; an "annotation", which constrains nothing; "validated" when the text is complete;
              "refused": the schema does not compile because of it.
    reason  : why it is validated or refused.  hint : what to do about it.
    """

    pointer: str
    keyword: str
    outcome: Outcome
    reason: str | None = None
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
    def counts(self) -> dict[Outcome, int]:
        """How many keywords there are of each outcome."""
        found = Counter(entry.outcome for entry in self.entries)
        return {outcome: found[outcome] for outcome in OUTCOMES}

    def of(self, outcome: Outcome) -> list[Entry]:
        return [entry for entry in self.entries if entry.outcome == outcome]

    def __str__(self) -> str:
        lines = [", ".join(f"{outcome} {count}" for outcome, count in self.counts.items())]
        for outcome in ("validated", "refused"):
            lines += [
                f"{outcome}: {e.keyword} at {e.pointer or 'the root'}; {e.reason}" for e in self.of(outcome)
            ]
        if self.error is not None:
            lines.append(f"{type(self.error).__name__}: {self.error}")
        return "\n".join(lines)


def check_schema(schema: Any, options: Options) -> Report:
    """Report on a JSON Schema without a tokenizer. Never raises for what is wrong with the schema."""
    visited: list[tuple[int, str, bool]] = []
    try:
        document = document_of(schema, options)
        for visit in document.visit():
            visited.append(visit)
        compile_document(document, options, thorough=True)
    except GramaskError as error:
        return Report(_entries(document, visited, error) if visited else (), error)
    return Report(_entries(document, visited, None))


def report_of(source: Source, options: Options) -> Report:
    """The report of any source; only JSON Schemas have keywords."""
    return check_schema(source.schema, options) if isinstance(source, JsonSource) else Report(())


def _entries(
    document: Document, visited: list[tuple[int, str, bool]], error: GramaskError | None
) -> tuple[Entry, ...]:
    reached = _reached(document) if document.left_out else None
    return tuple(
        _entry(document, number, keyword, refused, error, reached is None or number in reached)
        for number, keyword, refused in visited
    )


def _entry(
    document: Document, number: int, keyword: str, refused: bool, error: GramaskError | None, is_reached: bool
) -> Entry:
    pointer = document.pointers[number]
    is_constraint = keyword in _ENFORCED or refused
    if keyword == "format":
        is_constraint = not document.annotate_formats and document.schemas[number]["format"] in FORMATS
    if not is_constraint:
        return Entry(pointer, keyword, "annotation")
    reason = document.left_out.get(number, {}).get(keyword) or (None if is_reached else _ALONE)
    if reason is not None:
        return Entry(pointer, keyword, "validated", reason)
    if refused:
        return Entry(pointer, keyword, "refused", f"{keyword} is not enforced", NOT_ENFORCED[keyword])
    if isinstance(error, CannotEnforce) and keyword == error.keyword:
        if error.pointer in (pointer, f"{pointer}/{keyword}"):
            return Entry(pointer, keyword, "refused", error.message, error.hint)
    return Entry(pointer, keyword, "enforced")


def _reached(document: Document) -> set[int]:
    """The subschemas that the mask looks at."""
    root = document.intern("", document.root)
    found, todo = {root}, [root]
    while todo:
        number = todo.pop()
        below = list(document.references(number))
        for keyword in document.active(number):
            if keyword not in REFERENCES:
                below += document.children(number, keyword)
        todo += [child for child in below if child not in found]
        found.update(below)
    return found
