"""Which goals no value satisfies: a least fixpoint over the members that a value cannot do without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..dfa import ByteDfa
from .alike import TELLING
from .containers import Live
from .goals import Goals
from .members import Members
from .plans import Plans
from .rich_objects import RichObjectPlan
from .scalars import numbers_are_empty, string_is_empty, string_language
from .shapes import (
    ANYTHING,
    ARRAY,
    DIFFERS,
    FALSE,
    NOTHING,
    NULL,
    NUMBER,
    OBJECT,
    STRING,
    TRUE,
    TRUE_SCHEMA,
    Arrays,
    Goal,
    Objects,
    Shape,
)
from .string_grammars import KEYWORD

# Without these every type that a subschema allows has a value: "", [], {}, some number.
_RESTRICTING = frozenset(
    "$ref $dynamicRef $recursiveRef const anyOf allOf oneOf not if pattern minItems maxItems contains uniqueItems "
    "minProperties maxProperties dependentRequired dependentSchemas dependencies patternProperties propertyNames "
    "unevaluatedProperties unevaluatedItems".split()
)
# Any one of a kind leaves strings, or numbers; two may contradict each other.
_OF_STRINGS = frozenset(("format", "minLength", "maxLength", KEYWORD))
_OF_NUMBERS = frozenset("minimum maximum exclusiveMinimum exclusiveMaximum multipleOf".split())
_LOOK_DEPTH = 3


def _is_ascii(value: object) -> bool:
    return isinstance(value, str) and value.isascii()


def _says_only(keyword: str, schema: dict[str, Any]) -> bool:
    """Whether all other keywords of a subschema are annotations."""
    return all(other == keyword or other not in TELLING for other in schema)


def _may_be_met(schema: dict[str, Any], keywords: frozenset[str], low: str, high: str) -> bool:
    """Whether a look shows that some value meets those of `keywords` that are there: any one, or two whole bounds."""
    present = keywords.intersection(schema)
    if len(present) < 2:
        return True
    bounds = [schema[keyword] for keyword in (low, high) if keyword in present]
    return (
        len(present) == len(bounds) == 2
        and all(type(bound) is int for bound in bounds)
        and bounds[0] <= bounds[1]
    )


class _Clause:
    """Something that makes `goal` hold: so many goals as are open, or what `possible` finds out."""

    __slots__ = ("goal", "n_open", "possible")

    def __init__(self, goal: Goal, n_open: int, possible: Callable[[Live], bool] | None = None) -> None:
        self.goal = goal
        self.n_open = n_open
        self.possible = possible


class Emptiness:
    """Answers are kept: a goal is known satisfiable, or known not to be."""

    def __init__(self, goals: Goals) -> None:
        self.goals = goals
        self._known: dict[Goal, bool] = {ANYTHING: True, NOTHING: False}
        self._looked_at: set[Goal] = set()
        self._languages: dict[Goal, ByteDfa] = {}
        self._members: dict[int, Members] = {}
        self.plans = Plans(goals, self.members)

    def is_live(self, goal: Goal) -> bool:
        """Whether some finite value satisfies `goal`."""
        known = self._at_once(goal)
        if known is None:
            self._solve(goal)
            known = self._known[goal]
        return known

    def _at_once(self, goal: Goal) -> bool | None:
        """The same, None where it takes more than a look."""
        known = self._known.get(goal)
        if known is None and goal not in self._looked_at:
            self._looked_at.add(goal)
            if goal[-1] >= DIFFERS:
                known = self._known[goal] = self.plans.finite.is_live(goal)
            elif len(goal) == 1 and 0 <= goal[0] < TRUE_SCHEMA and self._is_plain(goal[0]):
                known = self._known[goal] = True
            else:
                known = self._by_scalars(goal)
                if known is not None:
                    self._known[goal] = known
        return known

    def _by_scalars(self, goal: Goal) -> bool | None:
        """The same where no object or array has to be asked for: a search among members asks for many such goals."""
        undecided = False
        for shape in self.goals.alternatives(goal):
            if self._simple_types(shape):
                return True
            undecided |= bool(shape.types & (ARRAY | OBJECT))
        return None if undecided else False

    def language(self, goal: Goal) -> ByteDfa:
        """The strings that satisfy `goal`, as UTF-8."""
        found = self._languages.get(goal)
        if found is None:
            shapes = (s.strings for s in self.goals.alternatives(goal) if s.types & STRING)
            found = self._languages[goal] = string_language(frozenset(shapes))
        return found

    def members(self, objects: Objects) -> Members:
        """What `objects` says of each name; kept, because names by pattern are dear."""
        found = self._members.get(id(objects))
        if found is None:
            found = self._members[id(objects)] = Members(objects, self.language)
        return found

    def _is_plain(self, number: int, depth: int = 0) -> bool:
        """Whether a look at its keywords shows that a subschema has a value: most do, and all of them are asked."""
        document = self.goals.document
        schema = document.schemas[number]
        if isinstance(schema, bool) or depth > _LOOK_DEPTH:
            return schema is True
        if "$ref" in schema and (document.ref_alone_of(number) or _says_only("$ref", schema)):
            return self._is_plain(document.resolve(number), depth + 1)
        if "anyOf" in schema and _says_only("anyOf", schema) and "anyOf" in document.known(number):
            return any(self._is_plain(child, depth + 1) for child in document.children(number, "anyOf"))
        if not _RESTRICTING.isdisjoint(schema):
            return False
        types, values = schema.get("type"), schema.get("enum")
        if values is not None:
            is_free = _OF_STRINGS.isdisjoint(schema) and types in ("string", None)
            return is_free and values[:1] != [] and _is_ascii(values[0])
        if not _may_be_met(schema, _OF_STRINGS, "minLength", "maxLength"):
            return False
        if not _may_be_met(schema, _OF_NUMBERS, "minimum", "maximum"):
            return False
        if isinstance(types, list):
            return bool(types) and ("required" not in schema or types != ["object"])
        return "required" not in schema or self._has_plain_members(number, schema, depth)

    def _has_plain_members(self, number: int, schema: dict[str, Any], depth: int) -> bool:
        """The same for the required members of an object: declared ones, and others where anything goes."""
        numbers = self.goals.document.children(number, "properties") if "properties" in schema else ()
        members = dict(zip(schema.get("properties", ()), numbers, strict=True))
        is_open = schema.get("additionalProperties", True) is True
        for name in schema["required"]:
            if not (self._is_plain(members[name], depth + 1) if name in members else is_open):
                return False
        return True

    def live_shapes(self, goal: Goal) -> list[Shape]:
        """The alternatives of `goal` with the types left out that no value has."""
        result = []
        for shape in self.goals.alternatives(goal):
            types = self._live_types(shape)
            if types:
                result.append(shape if types == shape.types else replace(shape, types=types))
        return result

    def _live_types(self, shape: Shape) -> int:
        types = self._simple_types(shape)
        if shape.types & (ARRAY | OBJECT):
            for kind, needs, possible in self._structures(shape):
                if possible(self.is_live) if possible else all(map(self.is_live, needs)):
                    types |= kind
        if shape.excluded:
            for kind in (ARRAY, OBJECT):
                if types & kind and self.plans.finite.of_type(shape, kind, 0) == {}:
                    types &= ~kind
        return types

    def _structures(self, shape: Shape) -> list[tuple[int, list[Goal], Callable[[Live], bool] | None]]:
        """The container types of a shape: each with the goals that it needs, or a test where that is not enough."""
        found: list[tuple[int, list[Goal], Callable[[Live], bool] | None]] = []
        arrays, objects = shape.arrays, shape.objects
        if shape.types & ARRAY and _in_order(arrays):
            if arrays.is_rich or arrays.unique is False or (arrays.unique and arrays.low > 1):
                found.append((ARRAY, [], lambda live: self.plans.arrays(arrays, live).is_possible))
            else:
                found.append((ARRAY, needed_items(arrays), None))
        if shape.types & OBJECT and not objects.required and not objects.is_rich:
            found.append((OBJECT, [], None))
        elif shape.types & OBJECT:
            members = self.members(objects)
            if objects.is_rich:
                # The order of members decides nothing here.
                found.append(
                    (OBJECT, [], lambda live: RichObjectPlan(members, live, in_order=False).is_possible)
                )
            else:
                found.append((OBJECT, list(map(members.goal, objects.required)), None))
        return found

    def _solve(self, root: Goal) -> None:
        """Horn clauses over all goals that `root` depends on: a goal holds if all needs of one clause hold.

        Unit propagation (Dowling and Gallier 1984), iterative so that deep schemas cannot overflow. Where a clause is
        not a conjunction, it is tried again whenever one of the goals holds that it asked for in vain.
        """
        waiting: dict[Goal, list[_Clause]] = {}
        visited = {root}
        todo = [root]
        holds: list[Goal] = []

        def ask(clause: _Clause, needs: set[Goal]) -> None:
            for need in needs:
                waiting.setdefault(need, []).append(clause)
                if need not in visited:
                    visited.add(need)
                    todo.append(need)

        while todo or holds:
            if holds:
                goal = holds.pop()
                if self._known.get(goal):
                    continue
                self._known[goal] = True
                for clause in waiting.pop(goal, ()):
                    clause.n_open -= 1
                    if clause.possible is not None:
                        missing = self._try(clause.possible)
                        if missing is None:
                            holds.append(clause.goal)
                        else:
                            ask(clause, {need for need in missing if clause not in waiting.get(need, ())})
                    elif clause.n_open == 0:
                        holds.append(clause.goal)
                continue
            goal = todo.pop()
            for shape in self.goals.alternatives(goal):
                if self._known.get(goal) or self._visit(goal, shape, holds, ask):
                    break
        for goal in visited:
            self._known.setdefault(goal, False)

    def _visit(
        self, goal: Goal, shape: Shape, holds: list[Goal], ask: Callable[[_Clause, set[Goal]], None]
    ) -> bool:
        """Add the clauses of one alternative. True where it holds at once."""
        if self._simple_types(shape):
            holds.append(goal)
            return True
        for _, needs, possible in self._structures(shape):
            if possible is not None:
                missing = self._try(possible)
            else:
                missing = {need for need in needs if not self._at_once(need)}
                if any(self._known.get(need) is False for need in missing):
                    continue
                missing = missing or None
            if missing is None:
                holds.append(goal)
                return True
            ask(_Clause(goal, len(missing), possible), missing)
        return False

    def _try(self, possible: Callable[[Live], bool]) -> set[Goal] | None:
        """None where a test succeeds with what is known; else the goals that it asked for in vain."""
        missing: set[Goal] = set()

        def live(goal: Goal) -> bool:
            known = self._at_once(goal)
            if known is None:
                missing.add(goal)
            return bool(known)

        return None if possible(live) else missing

    @staticmethod
    def _simple_types(shape: Shape) -> int:
        """The scalar types that have a value of this shape."""
        types = shape.types & (NULL | TRUE | FALSE)
        if shape.types & NUMBER and not numbers_are_empty(shape.numbers):
            types |= NUMBER
        if shape.types & STRING and not string_is_empty(shape.strings):
            types |= STRING
        return types


def _in_order(arrays: Arrays) -> bool:
    return arrays.high is None or arrays.low <= arrays.high


def needed_items(arrays: Arrays) -> list[Goal]:
    """The goals of the items that every array of this shape has."""
    goals = list(arrays.items.prefix[: arrays.low])
    if arrays.low > len(arrays.items.prefix):
        goals.append(arrays.items.rest)
    return goals
