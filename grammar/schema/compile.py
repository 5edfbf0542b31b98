"""JSON Schema to a pushdown automaton: lint, satisfiability of the root, and a start state; the rest is lazy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...errors import CannotEnforce
from ..options import Options
from ..pushdown import Pushdown
from .document import Document
from .goals import Goals
from .guarded import GuardedEmptiness, GuardedStates
from .leaving_out import MAX_ROUNDS, leave_out, leave_out_cause, leave_out_everything
from .scalars import check_patterns
from .why_empty import explain

# Only so many subschemas are looked at ahead of time, to leave out what is too large where it is too large.
MAX_LOOKED_AT = 1_000


@dataclass(frozen=True, slots=True)
class Compiled:
    """The automaton of a document, and what it leaves out."""

    pushdown: Pushdown
    document: Document
    states: GuardedStates

    @property
    def is_exact(self) -> bool:
        """Whether a text of the automaton satisfies the schema; else it has to be checked."""
        return not (self.document.left_out or self.states.failures)


def compile_schema(schema: Any, options: Options) -> Pushdown:
    """The automaton of all JSON texts that satisfy `schema`; with `unsupported="validate"` of more, see `Compiled`.

    Raises InvalidSchema, UnsupportedSchema, UnsatisfiableSchema, CompileBudgetExceeded, or GrammarSyntaxError for
    a pattern; each names the pointer.
    """
    return compile_document(document_of(schema, options), options).pushdown


def document_of(schema: Any, options: Options) -> Document:
    """The document of a schema, read as the options say. Raises as `compile_schema`."""
    return Document(schema, formats=options.formats, registry=options.documents)


def compile_document(document: Document, options: Options) -> Compiled:
    """The same for a document, in which is noted what is left out. Raises as `compile_schema`."""
    if options.unsupported == "error":
        _check(document, list(document.lint()))
        return _build(document, options, [])
    numbers = _lint_leniently(document)
    for _ in range(MAX_ROUNDS):
        try:
            return _build(document, options, numbers[:MAX_LOOKED_AT])
        except CannotEnforce as error:
            if not leave_out_cause(document, error):
                raise
            reason = error.message
    leave_out_everything(document, reason)
    return _build(document, options, [])


def _lint_leniently(document: Document) -> list[int]:
    """Leave out what is refused before anything is built. Returns the numbers of all subschemas."""
    visited = list(document.visit())
    for number, keyword, is_refused in visited:
        if is_refused:
            leave_out(document, number, [keyword], f"{keyword} is not enforced")
            continue
        try:
            _check(document, [(number, keyword)])
        except CannotEnforce as error:
            leave_out(document, number, [keyword], error.message)
    return list(dict.fromkeys(number for number, _, _ in visited))


def _check(document: Document, keywords: list[tuple[int, str]]) -> None:
    """Raise for the first pattern that cannot be compiled."""
    patterns = []
    for number, keyword in keywords:
        if keyword in ("pattern", "patternProperties"):
            pointer = f"{document.pointers[number]}/{keyword}"
            value = document.schemas[number][keyword]
            found = [value] if keyword == "pattern" else value
            patterns += [(pattern, pointer, keyword) for pattern in found]
    check_patterns(patterns)


def _build(document: Document, options: Options, looked_at: list[int]) -> Compiled:
    """Raises for the first of `looked_at`, subschemas from the root downwards, that is too large."""
    goals = Goals(document)
    emptiness = GuardedEmptiness(goals)
    root = document.intern("", document.root)
    space = options.whitespace_run
    pushdown = Pushdown(final_space=space)
    values = GuardedStates(
        pushdown,
        goals,
        emptiness,
        space=space,
        in_order=options.order == "schema",
        lenient=options.unsupported == "validate",
    )
    # Those below first: an error is then that of the subschema itself, not of all around it.
    for number in reversed(looked_at):
        emptiness.is_live((number,))
        pushdown.ensure(values.value(((number,),)))
        if values.failures:
            raise values.failures[0]
    if not emptiness.is_live((root,)):
        raise explain(goals, emptiness, (root,))
    pushdown.start = values.value(((root,),))
    return Compiled(pushdown, document, values)
