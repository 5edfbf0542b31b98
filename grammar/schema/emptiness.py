"""Which goals no value satisfies: a least fixpoint over the members that a value cannot do without."""

from __future__ import annotations

from typing import Any

from .goals import Goals
from .scalars import string_is_empty
from .shapes import ARRAY, FALSE, NULL, NUMBER, OBJECT, STRING, TRUE, Arrays, Goal, Objects, Shape

# Without these every type that a subschema allows has a value: "", [], {}, some number.
_RESTRICTING = frozenset(
    "$ref const anyOf allOf pattern minLength maxLength minimum maximum exclusiveMinimum exclusiveMaximum "
    "minItems maxItems".split()
)
_LOOK_DEPTH = 3


def _is_ascii(value: object) -> bool:
    return isinstance(value, str) and value.isascii()


class Emptiness:
    """Answers are kept: a goal is known satisfiable, or known not to be."""

    def __init__(self, goals: Goals) -> None:
        self.goals = goals
        self._known: dict[Goal, bool] = {(): True}

    def is_empty(self, goal: Goal) -> bool:
        """Whether no finite value satisfies `goal`."""
        if goal not in self._known:
            if len(goal) == 1 and self._is_plain(goal[0]):
                self._known[goal] = True
            else:
                self._solve(goal)
        return not self._known[goal]

    def _is_plain(self, number: int, depth: int = 0) -> bool:
        """Whether a look at its keywords shows that a subschema has a value: most do, and all of them are asked."""
        document = self.goals.document
        schema = document.schemas[number]
        if isinstance(schema, bool) or depth > _LOOK_DEPTH:
            return schema is True
        if "$ref" in schema and (document.ref_alone or len(schema) == 1):
            return self._is_plain(document.resolve(number), depth + 1)
        if not _RESTRICTING.isdisjoint(schema) or isinstance(schema.get("type"), list):
            return False
        values = schema.get("enum")
        if values is not None:
            return schema.get("type") == "string" and values[:1] != [] and _is_ascii(values[0])
        return "required" not in schema or self._has_plain_members(number, schema, depth)

    def _has_plain_members(self, number: int, schema: dict[str, Any], depth: int) -> bool:
        """The same for the required members of an object: declared ones, and others where anything goes."""
        numbers = self.goals.document.children(number, "properties") if "properties" in schema else ()
        members = dict(zip(schema.get("properties", ()), numbers, strict=True))
        is_open = schema.get("additionalProperties", True) is True
        return all(
            self._is_plain(members[name], depth + 1) if name in members else is_open
            for name in schema["required"]
        )

    def live_shapes(self, goal: Goal) -> list[Shape]:
        """The alternatives of `goal` with the types left out that no value has."""
        result = []
        for shape in self.goals.alternatives(goal):
            types = self._live_types(shape)
            if types:
                result.append(Shape(types, shape.numbers, shape.strings, shape.arrays, shape.objects))
        return result

    def has_value(self, shape: Shape) -> bool:
        """Whether some value has this shape."""
        return self._live_types(shape) != 0

    def _live_types(self, shape: Shape) -> int:
        types = self._simple_types(shape)
        if shape.types & ARRAY and not any(self.is_empty(g) for g in needed_items(shape.arrays)):
            types |= ARRAY * _in_order(shape.arrays)
        if shape.types & OBJECT and not any(self.is_empty(g) for g in needed_members(shape.objects)):
            types |= OBJECT
        return types

    def _solve(self, root: Goal) -> None:
        """Horn clauses over all goals that `root` depends on: a goal holds if all needs of one clause hold.

        Linear-time unit propagation (Dowling and Gallier 1984), iterative so that deep schemas cannot overflow.
        """
        waiting: dict[Goal, list[list[object]]] = {}
        holds: list[Goal] = []
        visited = {root}
        todo = [root]
        while todo:
            goal = todo.pop()
            for needs in self._clauses(goal):
                open_needs = {need for need in needs if self._known.get(need) is not True}
                if any(self._known.get(need) is False for need in open_needs):
                    continue
                clause: list[object] = [goal, len(open_needs)]
                if not open_needs:
                    holds.append(goal)
                    break
                for need in open_needs:
                    waiting.setdefault(need, []).append(clause)
                    if need not in visited:
                        visited.add(need)
                        todo.append(need)
        self._propagate(holds, waiting)
        for goal in visited:
            self._known.setdefault(goal, False)

    def _propagate(self, holds: list[Goal], waiting: dict[Goal, list[list[object]]]) -> None:
        while holds:
            goal = holds.pop()
            if self._known.get(goal):
                continue
            self._known[goal] = True
            for clause in waiting.get(goal, ()):
                clause[1] -= 1  # type: ignore[operator]
                if clause[1] == 0:
                    holds.append(clause[0])  # type: ignore[arg-type]

    def _clauses(self, goal: Goal) -> list[list[Goal]]:
        """Each clause: goals that suffice, all together, for `goal` to have a value."""
        clauses: list[list[Goal]] = []
        for shape in self.goals.alternatives(goal):
            if self._simple_types(shape):
                return [[]]
            if shape.types & ARRAY and _in_order(shape.arrays):
                clauses.append(needed_items(shape.arrays))
            if shape.types & OBJECT:
                clauses.append(needed_members(shape.objects))
        return clauses

    @staticmethod
    def _simple_types(shape: Shape) -> int:
        """The scalar types that have a value of this shape."""
        types = shape.types & (NULL | TRUE | FALSE)
        if shape.types & NUMBER and not shape.numbers.is_empty:
            types |= NUMBER
        if shape.types & STRING and not string_is_empty(shape.strings):
            types |= STRING
        return types


def _in_order(arrays: Arrays) -> bool:
    return arrays.high is None or arrays.low <= arrays.high


def needed_items(arrays: Arrays) -> list[Goal]:
    """The goals of the items that every array of this shape has."""
    goals = list(arrays.prefix[: arrays.low])
    if arrays.low > len(arrays.prefix):
        goals.append(arrays.rest)
    return goals


def needed_members(objects: Objects) -> list[Goal]:
    """The goals of the members that every object of this shape has."""
    return [objects.member(name) for name in objects.required]
