"""JSON Schema to a pushdown automaton: lint, satisfiability of the root, and a start state; the rest is lazy."""

from __future__ import annotations

from typing import Any

from ..options import Options
from ..pushdown import Pushdown
from .document import Document
from .emptiness import Emptiness
from .goals import Goals
from .scalars import check_patterns
from .values import ValueStates
from .why_empty import explain


def compile_schema(schema: Any, options: Options) -> Pushdown:
    """The automaton of all JSON texts that satisfy `schema`.

    Raises InvalidSchema, UnsupportedSchema, UnsatisfiableSchema, CompileBudgetExceeded, or GrammarSyntaxError for
    a pattern; each names the pointer.
    """
    document = Document(schema, formats=options.formats, registry=options.documents)
    patterns = []
    has_unique = False
    for number, keyword in document.lint():
        has_unique |= keyword == "uniqueItems" and document.schemas[number][keyword] is True
        if keyword in ("pattern", "patternProperties"):
            patterns += _patterns_of(document, number, keyword)
    check_patterns(patterns)
    goals = Goals(document)
    emptiness = Emptiness(goals)
    root = document.intern("", schema)
    if not emptiness.is_live((root,)):
        raise explain(goals, emptiness, (root,))
    space = options.whitespace_run
    pushdown = Pushdown(final_space=space)
    pushdown.units.active = has_unique
    values = ValueStates(pushdown, emptiness, space=space, in_order=options.order == "schema")
    pushdown.start = values.value(((root,),))
    return pushdown


def _patterns_of(document: Document, number: int, keyword: str) -> list[tuple[str, str, str]]:
    """Each pattern of a keyword, with its pointer and the keyword."""
    pointer = f"{document.pointers[number]}/{keyword}"
    value = document.schemas[number][keyword]
    return [(pattern, pointer, keyword) for pattern in ([value] if keyword == "pattern" else value)]
