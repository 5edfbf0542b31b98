"""Goals to states: a JSON value under several goals at once, as states of a pushdown automaton.

A position is a tuple of distinct goals that run side by side; when its value ends, the outcome tells which of them
it satisfied (a bit set, interned as a small number, because it indexes a frame). One goal is the usual case.
Inside an object or array the alternatives of all goals run as one set: a name that only some of them allow, or a
member that satisfies only some of the goals, leaves the others behind. An alternative is dropped when it cannot be
completed any more, so that what is left is always completable.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from ...errors import CompileBudgetExceeded
from ..dfa import table_bytes
from ..lexemes import TEXT, Lexeme, Lexicon, relabelled
from ..pushdown import (
    DEAD,
    GOTO,
    SPACE,
    UNFILLED,
    Expand,
    Junctions,
    Portable,
    Pushdown,
    Row,
    allow_space,
    goto,
    leave,
)
from ..recent import CACHE_BYTES, Recent
from . import string_grammars
from .arrays import ArrayPlan
from .canonical import canonical, value_of
from .containers import Step
from .emptiness import Emptiness
from .implications import consistent
from .keys import KeyStates
from .objects import MembersLeft, ObjectPlan, SimpleObjectPlan
from .plain_objects import PlainObject
from .scalar_shapes import Strings
from .scalars import number_lexeme, only_grammar, string_lexeme, word_lexeme
from .seen_values import GrowingSet
from .shapes import ANYTHING, ARRAY, FALSE, NULL, NUMBER, OBJECT, ROOMY_STRINGS, TRUE, Goal, Shape
from .shapes import STRING as STRING_TYPE

Position = tuple[Goal, ...]
Plan = TypeVar("Plan", ObjectPlan, ArrayPlan)
Choices = tuple[tuple[Plan, int, Step], ...]
MAX_OUTCOMES = 255
# What kinds of states read behind white space.
_JUNCTIONS: dict[object, tuple[int, ...]] = {
    "object": (0x22, 0x7D),
    "after name": (0x3A,),
    "after member": (0x2C, 0x7D),
    "next name": (0x22,),
    "after item": (0x2C, 0x5D),
}

# An alternative inside a container: its plan, the goals of the position that it stands for, and its progress.
ObjectRun = tuple[tuple[ObjectPlan, int, Hashable], ...]
ArrayRun = tuple[tuple[ArrayPlan, int, Hashable], ...]
Run = tuple[tuple[ObjectPlan | ArrayPlan, int, Hashable], ...]
Beginnings = tuple[int, str | None, list[Lexeme]]
"""See `ValueStates.beginnings`; not to be changed."""


def _size(found: Beginnings) -> int:
    """The memory of the automata, and some for what is beside them."""
    return 256 + sum(table_bytes(lexeme.dfa) for lexeme in found[2])


_SAID: Recent[Beginnings] = Recent(CACHE_BYTES, _size)
"""By what subschemas say that stand by themselves, whatever their document."""


@dataclass(eq=False)
class Outcomes:
    """The outcomes of one position: bit sets of satisfied goals, numbered as they are met."""

    n_goals: int
    numbers: dict[int, int] = field(default_factory=dict)
    sets: list[int] = field(default_factory=list)

    @property
    def capacity(self) -> int:
        """How many operations a frame must have room for."""
        return 1 if self.n_goals == 1 else min(2**self.n_goals - 1, MAX_OUTCOMES)

    def number(self, satisfied: int) -> int:
        """The outcome number of a non-empty bit set."""
        found = self.numbers.get(satisfied)
        if found is None:
            if len(self.sets) == self.capacity:
                raise CompileBudgetExceeded(
                    f"more than {MAX_OUTCOMES} ways in which alternatives overlap in one value",
                    hint="give the alternatives a property that tells them apart",
                )
            found = self.numbers[satisfied] = len(self.sets)
            self.sets.append(satisfied)
        return found


class ValueStates:
    """Builds and interns the states of one schema."""

    _defers = True  # what can be left until a text goes there

    def __init__(self, pushdown: Pushdown, emptiness: Emptiness, *, space: int, in_order: bool) -> None:
        self.pushdown = pushdown
        self.emptiness = emptiness
        self.lexicon = Lexicon(pushdown)
        self.space = space
        self.in_order = in_order
        self.keys = KeyStates(self)
        self._interned: dict[tuple[object, ...], int] = {}
        self._outcomes: dict[Position, Outcomes] = {}
        self._plans: dict[tuple[str, Position], tuple[tuple[ObjectPlan | ArrayPlan, int, Hashable], ...]] = {}
        # By identity: objects are compared member by member, and which lives is kept with its plan.
        self._shape_plans: dict[int, tuple[object, ObjectPlan | ArrayPlan]] = {}
        self._live: dict[Goal, list[Shape]] = {}
        self._beginnings: dict[Position, Beginnings] = {}
        self._plain_objects: dict[SimpleObjectPlan, PlainObject] = {}
        self._grammars: dict[str, int] = {}
        self._may_wait = False  # for the value of an item: never without arrays whose items must differ

    def outcomes(self, position: Position) -> Outcomes:
        found = self._outcomes.get(position)
        if found is None:
            found = self._outcomes[position] = Outcomes(len(position))
        return found

    def intern(self, key: tuple[object, ...], expand: Expand) -> int:
        """The state named `key`, made if it is new."""
        state = self._interned.get(key)
        if state is None:
            bytes_ = _JUNCTIONS.get(key[0])
            origin = None if bytes_ is None else Junctions(self.pushdown.n_states, self.space, (bytes_,))
            state = self._interned[key] = self.pushdown.new_states(1, expand, origin)
        return state

    def value(self, position: Position) -> int:
        """The state before a value: white space, then its first byte decides the type."""
        state = self._interned.get(("value", position))
        if state is not None:
            return state
        state = self.intern(("value", position), lambda state, row: self._expand_value(position, state, row))
        if position == (ANYTHING,):
            self.pushdown.origins[state] = Portable(state, ("any value", self.space), is_common=True)
        return state

    def _expand_value(self, position: Position, state: int, row: Row) -> None:
        allow_space(row, self.space)
        any_type, grammar, lexemes = self.beginnings(position)
        if grammar is not None:
            row[0x22] = self._grammar(grammar)
        for lexeme in lexemes:
            if lexeme.is_string:
                row[0x22] = goto(self.lexicon.start(lexeme))
            else:
                self._begin(lexeme, row)
        if any_type & OBJECT:
            row[0x7B] = goto(self._object_first(position))
        if any_type & ARRAY:
            row[0x5B] = goto(self._array_first(position))
        if not any_type & (OBJECT | ARRAY) and grammar is None:
            key = ("scalar", self.space, *(lexeme.key for lexeme in lexemes))
            is_common = all(lexeme is TEXT or not lexeme.is_string for lexeme in lexemes)
            self.pushdown.origins[state] = Portable(state, key, is_common)

    def beginnings(self, position: Position) -> Beginnings:
        """The types of values at `position`, the grammar that strings have by themselves, the lexemes of all others."""
        found = self._beginnings.get(position)
        if found is None:
            words = self._words(position)
            if words is None:
                found = self._new_beginnings(position)
            else:
                found = _SAID.get(words, lambda: self._new_beginnings(position))
            self._beginnings[position] = found
        return found

    def _words(self, position: Position) -> Hashable | None:
        """Equal in any document for positions at which values begin alike; None where nothing is known to be."""
        if len(position) > 1 or len(position[0]) != 1:
            return None
        document, number = self.emptiness.goals.document, position[0][0]
        words = document.alike.words.get(number)
        # What is left out of it may have been decided since.
        return None if words is None or number in document.left_out else (words, document.annotate_formats)

    def _new_beginnings(self, position: Position) -> Beginnings:
        shapes = list(map(self.live, position))
        types = list(map(_union_of_types, shapes))
        any_type = 0
        for bits in types:
            any_type |= bits
        is_alone = any_type & STRING_TYPE and len(position) == 1
        grammar = only_grammar(_strings_of(shapes[0])) if is_alone else None
        scalars = any_type & ~(OBJECT | ARRAY | (STRING_TYPE if grammar is not None else 0))
        lexemes = self._scalars(position, shapes, types, scalars) if scalars else []
        return any_type, grammar, lexemes

    def _scalars(
        self, position: Position, shapes: list[list[Shape]], types: list[int], any_type: int
    ) -> list[Lexeme]:
        """The lexemes of a value that is a scalar."""
        found = []
        if any_type & (NULL | TRUE | FALSE):
            found.append(word_lexeme(tuple(t & (NULL | TRUE | FALSE) for t in types)))
        if any_type & NUMBER:
            lexeme, vectors = number_lexeme(
                tuple(frozenset(s.numbers for s in x if s.types & NUMBER) for x in shapes)
            )
            found.append(consistent(position, lexeme, vectors))
        if any_type & STRING_TYPE:
            found.append(string_lexeme(tuple(map(_strings_of, shapes))))
        return [self.labelled(position, lexeme, vectors) for lexeme, vectors in found]

    def _grammar(self, text: str) -> int:
        """The operation behind the opening quote of a string with a text of a grammar."""
        operation = self._grammars.get(text)
        if operation is None:
            operation = self._grammars[text] = string_grammars.begin(text, self.pushdown)
        return operation

    def live(self, goal: Goal) -> list[Shape]:
        found = self._live.get(goal)
        if found is None:
            found = self._live[goal] = self.emptiness.live_shapes(goal)
        return found

    def _begin(self, lexeme: Lexeme, row: Row) -> None:
        """Enter a lexeme that has no opening quote with its first byte."""
        self.lexicon.begin(lexeme, row)

    def labelled(self, position: Position, lexeme: Lexeme, vectors: tuple[tuple[bool, ...], ...]) -> Lexeme:
        """`lexeme` with its labels turned from indices into `vectors` to outcome numbers of `position`."""
        if len(position) == 1:
            return lexeme
        outcomes = self.outcomes(position)
        numbers = [
            outcomes.number(sum(1 << i for i, holds in enumerate(vector) if holds)) for vector in vectors
        ]
        return relabelled(lexeme, tuple(numbers))

    # Containers

    def frame(self, position: Position, resume: Callable[[int], int]) -> int:
        """A frame for a value at `position`; `resume` gets the bit set of satisfied goals, returns an operation."""
        if len(position) == 1:
            return self.pushdown.new_frame([UNFILLED], lambda outcome: resume(1))
        outcomes = self.outcomes(position)
        return self.pushdown.new_frame(
            [UNFILLED] * outcomes.capacity, lambda outcome: resume(outcomes.sets[outcome])
        )

    def close(self, position: Position, satisfied: int) -> int:
        """The operation at the end of a container, DEAD where no goal is satisfied."""
        if not satisfied:
            return 0
        return leave(self.outcomes(position).number(satisfied) if len(position) > 1 else 0)

    def _container(
        self, kind: str, position: Position
    ) -> tuple[tuple[ObjectPlan | ArrayPlan, int, Hashable], ...]:
        """The alternatives of a container at `position`, each with the bit of its goal and no progress yet."""
        key = (kind, position)
        found = self._plans.get(key)
        if found is None:
            runs: list[tuple[ObjectPlan | ArrayPlan, int, Hashable]] = []
            for i, goal in enumerate(position):
                for shape in self.live(goal):
                    if shape.types & (OBJECT if kind == "object" else ARRAY):
                        plan = self._plan(kind, shape)
                        runs.append((plan, 1 << i, plan.start))
            found = self._plans[key] = tuple(runs)
        return found

    def objects(self, position: Position) -> ObjectRun:
        """The alternatives of an object at `position`, with no progress yet."""
        return self._container("object", position)  # type: ignore[return-value]

    def _plan(self, kind: str, shape: Shape) -> ObjectPlan | ArrayPlan:
        """The plan of one container type of a shape."""
        plan = self._plain_plan(kind, shape)
        if kind == "array" and shape.arrays.unique is not None:
            self._may_wait = True
        if not shape.excluded:
            return plan
        return self.emptiness.plans.without(plan, shape, self.emptiness.is_live, in_order=self.in_order)

    def _plain_plan(self, kind: str, shape: Shape) -> ObjectPlan | ArrayPlan:
        """The same whatever the shape leaves out; goals that differ in this only share it."""
        of_kind = shape.objects if kind == "object" else shape.arrays
        found = self._shape_plans.get(id(of_kind))
        if found is None:
            plans, live = self.emptiness.plans, self.emptiness.is_live
            if kind == "object":
                plan: ObjectPlan | ArrayPlan = plans.objects(shape.objects, live, in_order=self.in_order)
            else:
                plan = plans.arrays(shape.arrays, live)
            found = self._shape_plans[id(of_kind)] = (of_kind, plan)
        return found[1]

    def _object_first(self, position: Position) -> int:
        run = self.objects(position)

        def expand(state: int, row: Row) -> None:
            allow_space(row, self.space)
            if not self._defers:
                row[0x22] = self.keys.begin(position, run)
            elif self.keys.any_follows(run):
                # Tokens that begin a value often end there, and then its members do not matter yet.
                row[0x22] = UNFILLED
                self.pushdown.defer(state, partial(self._begin_first, position, run))
            row[0x7D] = self.close(position, _closing(run))

        return self._before_member(position, run, self.intern(("object", position), expand))

    def _begin_first(self, position: Position, run: ObjectRun, state: int, quote: int) -> None:
        """Write what the first name of an object begins with."""
        plan = self.plain_plan(position, run)
        if plan is None:
            begin = self.keys.begin(position, run)
        else:
            begin = self.plain_object(plan).begin_name(plan.start)
        self.pushdown.table[state, quote] = begin

    def plain_plan(self, position: Position, run: ObjectRun) -> SimpleObjectPlan | None:
        """The plan of an object in which one alternative is left, if that is a plain one."""
        plan = run[0][0]
        is_plain = len(run) == 1 and len(position) == 1 and type(plan) is SimpleObjectPlan
        return plan if is_plain else None  # type: ignore[return-value]

    def plain_object(self, plan: SimpleObjectPlan) -> PlainObject:
        """The states around the members of an object with such a plan."""
        found = self._plain_objects.get(plan)
        if found is None:
            found = self._plain_objects[plan] = PlainObject(self, plan)
        return found

    def after_member(self, position: Position, run: ObjectRun) -> int:
        """The state behind a member's value."""
        if run and (plan := self.plain_plan(position, run)) is not None:
            return self.plain_object(plan).behind_member(run[0][2])  # type: ignore[arg-type]

        def expand(state: int, row: Row) -> None:
            allow_space(row, self.space)
            if self.keys.any_follows(run):
                following = self._next_name(position, run)
                row[0x2C] = goto(following)
                self.pushdown.ensure(following)  # few tokens end with the comma
            row[0x7D] = self.close(position, _closing(run))

        state = self.intern(("after member", position, run), expand)
        if self._may_wait and any(plan.waits(progress) for plan, _, progress in run):
            self.pushdown.units.after[state] = _Learner(
                self, position, run, partial(self.after_member, position)
            )
        return self._before_member(position, run, state)

    def _next_name(self, position: Position, run: ObjectRun) -> int:
        def expand(state: int, row: Row) -> None:
            allow_space(row, self.space)
            row[0x22] = self.keys.begin(position, run)

        return self._before_member(position, run, self.intern(("next name", position, run), expand))

    def _before_member(self, position: Position, run: ObjectRun, state: int) -> int:
        if len(position) == 1:
            self.pushdown.members_left[state] = MembersLeft(run)
        return state

    def after_name(self, position: Position, choices: Choices[ObjectPlan]) -> int:
        """The state behind a name; `choices` are the alternatives that allow it, with the goal of its value."""

        def expand(state: int, row: Row) -> None:
            allow_space(row, self.space)
            inner = _inner(choices)

            def resume(satisfied: int) -> int:
                return goto(self.after_member(position, _surviving(choices, inner, satisfied)))

            if len(inner) == 1 and all(type(plan) is SimpleObjectPlan for plan, _, _ in choices):
                # Where it goes on is known, and waits for no value: few are begun and not ended.
                frame = self.pushdown.new_frame([resume(1)], lambda outcome: resume(1))
            else:
                frame = self.frame(inner, resume)
            if self._may_wait and any(plan.waits(step.progress) for plan, _, step in choices):
                self.pushdown.units.await_(frame, _awaited(choices))
            row[0x3A] = self.pushdown.push([frame], self.value(inner))

        return self.intern(("after name", position, choices), expand)

    def ready_after_name(self, position: Position, choices: Choices[ObjectPlan]) -> int:
        """The same for whoever goes there at once, and on to the value: so that no kernel has to stop for them."""
        state = self.after_name(position, choices)
        self.pushdown.ensure(state)
        self.pushdown.ensure(self.value(_inner(choices)))
        return state

    def known(self, position: Position, run: Run, text: bytes) -> Run:
        """`run` behind a member or item with this text."""
        value = canonical(value_of(text))
        known = ((plan, bit, plan.learned(progress, value)) for plan, bit, progress in run)
        return tuple(dict.fromkeys(one for one in known if one[2] is not None))

    def _array_first(self, position: Position) -> int:
        run: ArrayRun = self._container("array", position)  # type: ignore[assignment]

        def expand(state: int, row: Row) -> None:
            pushed = self._item(position, run)
            if pushed is not None:
                frame, value = pushed
                self._begin_inside(frame, value, row)
            allow_space(row, self.space)
            row[0x5D] = self.close(position, _closing(run))

        return self.intern(("array", position), expand)

    def _begin_inside(self, frame: int, value: int, row: Row) -> None:
        """Let each first byte of `value` also push `frame`."""
        self.pushdown.ensure(value)
        operations = self.pushdown.table[value, :256]
        for operation in set(operations.tolist()) - {0, SPACE}:
            assert operation & 3 == GOTO
            row[:256][operations == operation] = self.pushdown.push([frame], operation >> 2)

    def _item(self, position: Position, run: ArrayRun) -> tuple[int, int] | None:
        """The frame and the value state of the next item, None where no alternative has room for one."""
        choices = tuple(
            (plan, bit, step) for plan, bit, progress in run for step in plan.after_item(progress)
        )
        if not choices:
            return None
        inner = _inner(choices)

        def resume(satisfied: int) -> int:
            return goto(self.after_item(position, _surviving(choices, inner, satisfied)))

        key = ("item frame", position, choices)
        frame = self._interned.get(key)
        if frame is None:
            frame = self._interned[key] = self.frame(inner, resume)
            if self._may_wait and any(plan.waits(step.progress) for plan, _, step in choices):
                self.pushdown.units.await_(frame, _awaited(choices))
        return frame, self.value(inner)

    def after_item(self, position: Position, run: ArrayRun) -> int:
        def expand(state: int, row: Row) -> None:
            allow_space(row, self.space)
            pushed = self._item(position, run)
            if pushed is not None:
                row[0x2C] = self.pushdown.push([pushed[0]], pushed[1])
            row[0x5D] = self.close(position, _closing(run))

        state = self.intern(("after item", position, run), expand)
        if self._may_wait and any(plan.waits(progress) for plan, _, progress in run):
            self.pushdown.units.after[state] = _Learner(
                self, position, run, partial(self.after_item, position)
            )
        return state


@dataclass(frozen=True, slots=True)
class _Learner:
    """What follows when the value of the member or item is known that has just ended."""

    states: ValueStates
    position: Position
    run: Run
    state: Callable[[Any], int]

    def learned(self, text: bytes) -> int:
        """The state behind a value with this text, DEAD where nothing follows."""
        run = self.states.known(self.position, self.run, text)
        return self.state(run) if run else DEAD

    def accepts(self, text: bytes) -> bool:
        """Whether anything follows a value with this text."""
        return bool(self.states.known(self.position, self.run, text))

    def family(self, text: bytes) -> Hashable:
        """Equal for states from which the text can be completed alike, if not in as few bytes."""
        run = self.states.known(self.position, self.run, text)
        return tuple((plan, bit, plan.blurred(progress)) for plan, bit, progress in run)


@dataclass(frozen=True, slots=True)
class _Awaited:
    """The value of a member or item that matters."""

    choices: tuple[tuple[ObjectPlan | ArrayPlan, int, Step], ...]
    strings: tuple[GrowingSet, ...]
    numbers: tuple[GrowingSet, ...]

    def may_matter(self, begun: bytes) -> bool:
        return any(plan.waits(step.progress, begun) for plan, _, step in self.choices)

    def harmless_types(self) -> int | None:
        types = NUMBER | STRING_TYPE | ARRAY | OBJECT | ROOMY_STRINGS
        for plan, _, step in self.choices:
            if plan.waits(step.progress):
                more = plan.harmless_types(step.progress) if isinstance(plan, ArrayPlan) else None
                if more is None:
                    return None
                types &= more
        return types


def _awaited(choices: Choices[Plan]) -> _Awaited:
    barred = [values for plan, _, step in choices for values in plan.barred(step.progress)]
    strings = tuple(values.strings for values in barred if values.strings)
    return _Awaited(choices, strings, tuple(values.numbers for values in barred if values.numbers))


def _inner(choices: Choices[Plan]) -> Position:
    """The goals that run side by side in the value of a member or item."""
    if len(choices) == 1 and not choices[0][2].observed:
        return (choices[0][2].goal,)
    goals: dict[Goal, None] = {}
    for _, _, step in choices:
        goals[step.goal] = None
        goals.update((goal, None) for _, goal in step.observed)
    return tuple(goals)


def _surviving(
    choices: Choices[Plan], inner: Position, satisfied: int
) -> tuple[tuple[Plan, int, Hashable], ...]:
    """The alternatives whose goal is among the `satisfied` ones of the position `inner`."""
    holds = {goal for i, goal in enumerate(inner) if satisfied >> i & 1}
    found: dict[tuple[Plan, int, Hashable], None] = {}
    for plan, bit, step in choices:
        if step.goal in holds:
            progress = step.progress
            if step.observed:
                progress = plan.settled(progress, {key for key, goal in step.observed if goal in holds})
            found[plan, bit, progress] = None
    return tuple(found)


def _closing(run: tuple[tuple[Plan, int, Hashable], ...]) -> int:
    """The goals that hold if the container ends here."""
    satisfied = 0
    for plan, bit, progress in run:
        if plan.may_close(progress):
            satisfied |= bit
    return satisfied


def _strings_of(shapes: list[Shape]) -> frozenset[Strings]:
    return frozenset(shape.strings for shape in shapes if shape.types & STRING_TYPE)


def _union_of_types(shapes: list[Shape]) -> int:
    types = 0
    for shape in shapes:
        types |= shape.types
    return types
