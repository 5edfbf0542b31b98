"""What the mask leaves out where exact enforcement is refused or over budget (`unsupported="validate"`).

Without some of its keywords a subschema allows more values than it should, never fewer. What that makes of the whole is
again a superset, as long as nothing asks how many values do not satisfy the subschema: its negation is taken to hold
always, and the few keywords that count what satisfies something below, or look at what it evaluates, are left out too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...errors import CannotEnforce
from .document import Document
from .keywords import REFERENCES

# Each costs one more attempt to compile.
MAX_ROUNDS = 10

_IN_PLACE = (
    *REFERENCES,
    *("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "dependencies"),
)
_UNEVALUATED = ("unevaluatedProperties", "unevaluatedItems")
# What a keyword means may depend on others of the same subschema: those go with it.
_WITH_IT: dict[str, tuple[str, ...]] = {
    "properties": ("additionalProperties",),
    "patternProperties": ("additionalProperties",),
    **dict.fromkeys(("prefixItems", "items"), ("prefixItems", "items", "additionalItems")),
    **dict.fromkeys(("contains", "minContains", "maxContains"), ("contains", "minContains", "maxContains")),
    **dict.fromkeys(("if", "then", "else"), ("if", "then", "else")),
}
_EVALUATES = frozenset(
    (
        *_IN_PLACE,
        *_UNEVALUATED,
        *("properties", "patternProperties", "additionalProperties"),
        *("prefixItems", "items", "additionalItems", "contains"),
    )
)


def leave_out(document: Document, number: int, keywords: Iterable[str], reason: str) -> bool:
    """Leave keywords of a subschema out, with all that can then not be enforced. False if nothing changed."""
    changed = _leave(document, number, keywords, reason)
    if changed:
        _close(document)
    return changed


def leave_out_cause(document: Document, error: CannotEnforce) -> bool:
    """Leave out what an error of compiling names, as little as possible. False if nothing is left to leave out."""
    for number in list(subschemas_at(document, error)) or [document.intern("", document.root)]:
        known = document.known(number)
        # The keyword, then what multiplies alternatives, then all that could be too large alone, then everything.
        for keywords in (
            [keyword for keyword in known if keyword == error.keyword],
            [keyword for keyword in known if keyword in _IN_PLACE],
            [keyword for keyword in known if keyword != "type"],
            known,
        ):
            if leave_out(document, number, keywords, error.message):
                return True
    return False


def leave_out_everything(document: Document, reason: str) -> None:
    """Let the mask allow any JSON value."""
    root = document.intern("", document.root)
    leave_out(document, root, document.known(root), reason)


def _leave(document: Document, number: int, keywords: Iterable[str], reason: str) -> bool:
    known = set(document.known(number))
    out = document.left_out.get(number, {})
    more = [part for keyword in keywords for part in (keyword, *_WITH_IT.get(keyword, ()))]
    more = [keyword for keyword in dict.fromkeys(more) if keyword in known and keyword not in out]
    if more:
        document.left_out[number] = out | dict.fromkeys(more, reason)
    return bool(more)


def subschemas_at(document: Document, error: CannotEnforce) -> Iterator[int]:
    """The subschemas that an error names; what a constant implies counts as the subschema with the constant."""
    for place in error.among or (error.pointer or "",):
        for mark in ("/enum/=", "/const/=", "/uniqueItems/="):
            place = place.partition(mark)[0]
        places = {place, place.removesuffix(f"/{error.keyword}")} if error.keyword else {place}
        for number in range(len(document.schemas)):
            if document.pointers[number] in places and isinstance(document.schemas[number], dict):
                yield number


def in_place(document: Document, number: int) -> list[int]:
    """The subschemas that a subschema applies to the same value."""
    found = list(document.references(number))
    for keyword in document.active(number):
        if keyword in _IN_PLACE and keyword not in REFERENCES:
            found += document.children(number, keyword)
    return found


def _close(document: Document) -> None:
    """Leave out what depends on the exact meaning of a subschema of which something is left out, until nothing does."""
    above = _Above(document)
    changed = True
    while changed:
        changed = False
        weak = set(document.left_out)
        silent = {n for n, out in document.left_out.items() if not _EVALUATES.isdisjoint(out)}
        reason = "it depends on a subschema that is only validated"
        for number, keyword in above.depending(weak, silent):
            changed |= _leave(document, number, [keyword], reason)


class _Above:
    """The subschemas that lead to others, by the keyword through which they do."""

    def __init__(self, document: Document) -> None:
        self._in_place: dict[int, list[tuple[int, str]]] = {}
        self._nested: dict[int, list[tuple[int, str]]] = {}
        self._unevaluated: list[tuple[int, str]] = []
        for number, keyword, _ in document.visit():
            if keyword in _UNEVALUATED:
                self._unevaluated.append((number, keyword))
            below = (
                document.references(number) if keyword in REFERENCES else document.children(number, keyword)
            )
            table = self._in_place if keyword in _IN_PLACE else self._nested
            for child in below:
                table.setdefault(child, []).append((number, keyword))

    def depending(self, weak: set[int], silent: set[int]) -> Iterator[tuple[int, str]]:
        """Keywords that need to know exactly what satisfies one of `weak`, or what one of `silent` evaluates."""
        in_place = self._leading_to(weak, nested=False)
        for number in in_place:
            yield from (pair for pair in self._nested.get(number, ()) if pair[1] == "propertyNames")
        # How many items match: more than there should be, at any depth.
        for number in self._leading_to(weak, nested=True):
            yield from (pair for pair in self._nested.get(number, ()) if pair[1] == "contains")
        around = self._leading_to(silent, nested=False)
        yield from (pair for pair in self._unevaluated if pair[0] in around)

    def _leading_to(self, numbers: set[int], *, nested: bool) -> set[int]:
        found = set(numbers)
        todo = list(numbers)
        while todo:
            number = todo.pop()
            above = [parent for parent, _ in self._in_place.get(number, ())]
            if nested:
                above += [parent for parent, _ in self._nested.get(number, ())]
            todo += [parent for parent in dict.fromkeys(above) if parent not in found]
            found.update(above)
        return found
