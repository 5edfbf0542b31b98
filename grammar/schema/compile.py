"""JSON Schema to a pushdown automaton: lint, satisfiability of the root, and a start state; the rest is lazy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ...errors import CannotEnforce
from ..options import Options
from ..pushdown import Pushdown
from . import string_grammars
from .document import Document
from .emptiness import Emptiness
from .goals import Goals
from .guarded import GuardedEmptiness, GuardedStates, LenientStates
from .leaving_out import MAX_ROUNDS, in_place, leave_out, leave_out_cause, leave_out_everything, subschemas_at
from .own_shape import goal_of
from .scalars import check_patterns
from .shapes import ANYTHING, ARRAY, NOTHING, OBJECT, Goal
from .why_empty import explain

# Only so many goals are looked at ahead of time.
MAX_LOOKED_AT = 1_000
# Keywords with which automata of scalars may take tens of milliseconds, some of them beside a pattern.
_SLOW, _SLOW_WITH_PATTERN = {"format", "multipleOf"}, {"minLength", "maxLength"}


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


def add_document(document: Document, options: Options, pushdown: Pushdown) -> int:
    """Add the automaton of a document to another one: the state in which it begins. Raises as `compile_schema`."""
    _check(document, document.lint())
    describe = pushdown.describe
    start = _build(document, options, thorough=False, pushdown=pushdown).pushdown.start
    own = pushdown.describe
    pushdown.describe = lambda state: own(state) or describe(state)
    return start


def compile_document(document: Document, options: Options, *, thorough: bool = False) -> Compiled:
    """The same for a document, in which is noted what is left out. Raises as `compile_schema`.

    thorough : raise also for what would only be found when a text gets there, as far as it is a single goal.
    """
    if options.unsupported == "error":
        keywords = document.lint()
        _check(document, keywords)
        return _build(document, options, thorough=thorough, keywords=keywords)
    _lint_leniently(document)
    for _ in range(MAX_ROUNDS):
        try:
            return _build(document, options, thorough=True)
        except CannotEnforce as error:
            if not leave_out_cause(document, error):
                raise
            reason = error.message
    leave_out_everything(document, reason)
    return _build(document, options, thorough=False)


def _lint_leniently(document: Document) -> None:
    """Leave out what is refused before anything is built."""
    for number, keyword, is_refused in list(document.visit()):
        if is_refused:
            leave_out(document, number, [keyword], f"{keyword} is not enforced")
            continue
        try:
            _check(document, [(number, keyword)])
        except CannotEnforce as error:
            leave_out(document, number, [keyword], error.message)


def _check(document: Document, keywords: list[tuple[int, str]]) -> None:
    """Raise for the first pattern, or grammar of a string, that cannot be compiled."""
    patterns = []
    for number, keyword in keywords:
        if keyword in ("pattern", "patternProperties"):
            pointer = f"{document.pointers[number]}/{keyword}"
            value = document.schemas[number][keyword]
            found = [value] if keyword == "pattern" else value
            patterns += [(pattern, pointer, keyword) for pattern in found]
        elif keyword == string_grammars.KEYWORD:
            string_grammars.check_grammar(
                document.schemas[number][keyword], f"{document.pointers[number]}/{keyword}"
            )
    check_patterns(patterns)


def _build(
    document: Document,
    options: Options,
    *,
    thorough: bool,
    pushdown: Pushdown | None = None,
    keywords: Iterable[tuple[int, str]] = (),
) -> Compiled:
    """keywords : of which the languages are built now, see `_build_languages`."""
    goals = Goals(document)
    emptiness = GuardedEmptiness(goals)
    root = document.intern("", document.root)
    space = options.whitespace_run
    pushdown = Pushdown(final_space=space) if pushdown is None else pushdown
    is_lenient = options.unsupported == "validate"
    kind = LenientStates if is_lenient else GuardedStates
    states = kind(pushdown, goals, emptiness, space=space, in_order=options.order == "schema")
    pushdown.parts += [states, emptiness, emptiness.plans, document]
    try:
        if not emptiness.is_live((root,)):
            raise explain(goals, emptiness, (root,))
        pushdown.start = states.value(((root,),))
        if not is_lenient:
            pushdown.ensure(pushdown.start)  # its errors are better known before anything is generated
        _build_languages(document, states, keywords)
        if thorough:
            _look_ahead(states, (root,))
    except CannotEnforce as error:
        if not thorough:
            raise
        raise _smallest(document, states, error) from None
    return Compiled(pushdown, document, states)


def _build_languages(document: Document, states: GuardedStates, keywords: Iterable[tuple[int, str]]) -> None:
    """Build the automata of scalars that take their time, so that no text has to wait for them amid its tokens.

    What cannot be enforced is left to whoever gets there.
    """
    found: dict[int, set[str]] = {}
    for number, keyword in keywords:
        found.setdefault(number, set()).add(keyword)
    for number, of_it in found.items():
        if of_it & _SLOW or ("pattern" in of_it and of_it & _SLOW_WITH_PATTERN):
            with suppress(CannotEnforce):
                states.beginnings((goal_of(document, number),))


def _look_ahead(states: GuardedStates, root: Goal) -> None:
    """Raise what values at `root` and below it would, each goal taken alone, in the order of the schema."""
    seen = {root, ANYTHING, NOTHING}
    todo = [root]
    while todo and len(seen) < MAX_LOOKED_AT:
        goal = todo.pop(0)
        failure = states.failure_of(goal)
        if failure is not None:
            raise failure
        for below in dict.fromkeys(_goals_below(states.emptiness, goal)):
            if below not in seen:
                seen.add(below)
                todo.append(below)


def _goals_below(emptiness: Emptiness, goal: Goal) -> Iterator[Goal]:
    """The goals of the members and items of values that satisfy `goal`."""
    for shape in emptiness.live_shapes(goal):
        if shape.types & OBJECT:
            members = emptiness.members(shape.objects)
            yield from map(members.goal, (*members.ordered, *members.loose))
            yield from (said for said, _ in members.classes.said) if members.tells_apart else [members.extra]
        if shape.types & ARRAY:
            yield from (*shape.arrays.items.prefix, shape.arrays.items.rest)


def _smallest(document: Document, states: GuardedStates, error: CannotEnforce) -> CannotEnforce:
    """The error of the smallest part of a goal that is too large alone; `error` where only all of it is."""
    parts: dict[int, None] = {}
    todo = list(subschemas_at(document, error))
    while todo:
        number = todo.pop()
        if number not in parts:
            parts[number] = None
            todo += in_place(document, number)
    found = (states.failure_of((number,)) for number in reversed(parts))
    return next((failure for failure in found if failure is not None), error)
