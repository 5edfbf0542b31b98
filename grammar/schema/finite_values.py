"""The values of goals that have few: what `uniqueItems` has to count, and whether a value differs from others."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import TYPE_CHECKING, Any

from ...errors import CompileBudgetExceeded
from ..finite import texts
from ..number_sets import list_numbers
from .canonical import canonical
from .members import only_labels
from .scalars import string_language
from .shapes import (
    ANY_STRING,
    ARRAY,
    FALSE,
    NOTHING,
    NULL,
    NUMBER,
    OBJECT,
    STRING,
    TRUE,
    Arrays,
    Goal,
    Objects,
    Shape,
)

if TYPE_CHECKING:
    from .arrays import ArrayPlan
    from .containers import Live, Step
    from .goals import Goals
    from .objects import ObjectPlan

MANY_VALUES = 64
"""Goals are asked for at least so many: answers are used again when there are more items."""
MAX_LOOKED_AT = 20_000
Values = dict[str, Any]
"""Values by their canonical text."""
Key = tuple[Goal, int]
PlanOf = Callable[[Shape, int, "Live"], "ObjectPlan | ArrayPlan"]
"""The plan of a shape for one container type, given which goals have a value."""


class FiniteValues:
    """The values of goals with at most `limit` values, None for the others; answers are kept.

    A goal may depend on itself, so this is a least fixpoint: all start without values, and whatever gets more is asked
    again by those that asked for it.
    """

    def __init__(self, goals: Goals, plan_of: PlanOf, holds: Callable[[Goal, Any], bool]) -> None:
        self._goals = goals
        self._plan_of = plan_of
        self._holds = holds
        self._known: dict[Key, Values | None] = {}
        # By identity, which lives as long as it is kept here.
        self._containers: dict[tuple[int, int], tuple[Arrays | Objects, Values | None]] = {}
        # While a fixpoint is looked for: what was found so far, who asked for it, what comes next, and who asks.
        self._found: dict[Key, Values | None] | None = None
        self._askers: dict[Key, set[Key]] = {}
        self._todo: list[Key] = []
        self._asking: Key | None = None

    def of(self, goal: Goal, limit: int) -> Values | None:
        """All values of `goal`, None if there are more than `limit`."""
        base, others = self._goals.parted(goal)
        if base == NOTHING:
            return {}
        asked = limit + len(others)
        values = self._of(base, 0 if asked == 0 else max(asked, MANY_VALUES))
        if values is None:
            return None
        left = {text: value for text, value in values.items() if text not in others} if others else values
        return left if len(left) <= limit else None

    def is_live(self, goal: Goal) -> bool:
        """Whether there is any value."""
        return self.of(goal, 0) != {}

    def endless_types(self, goal: Goal, limit: int) -> int:
        """The types of which `goal` has more than `limit` values: a bit set."""
        types = 0
        for shape in self._goals.alternatives(goal):
            for bit in (NUMBER, STRING, ARRAY, OBJECT):
                if shape.types & bit and self.of_type(shape, bit, limit) is None:
                    types |= bit
        return types

    def of_type(self, shape: Shape, bit: int, limit: int) -> Values | None:
        """The values of one type in a shape."""
        if bit & (NULL | TRUE | FALSE):
            value = None if bit == NULL else bit == TRUE
            return {canonical(value): value}
        if bit == NUMBER:
            return _of_numbers(shape, limit)
        if bit == STRING:
            return _of_strings(shape, limit)
        asked = limit + len(shape.excluded)
        values = self._of_container(shape, bit, max(asked, MANY_VALUES) if asked else 0)
        if values is None:
            return None
        left = {text: value for text, value in values.items() if text not in shape.excluded}
        return left if len(left) <= limit else None

    def _of_container(self, shape: Shape, bit: int, limit: int) -> Values | None:
        """The arrays or objects of a shape, whatever it leaves out. Kept: many shapes differ in nothing else."""
        of_kind = shape.arrays if bit == ARRAY else shape.objects
        key = (id(of_kind), limit)
        found = self._containers.get(key)
        if found is not None:
            return found[1]
        plan = self._plan_of(shape, bit, self.is_live)
        if not plan.is_possible:
            values: Values | None = {}
        elif bit == ARRAY:
            values = self.of_arrays(plan, plan.start, limit)  # type: ignore[arg-type]
        else:
            values = self.of_objects(plan, plan.start, limit)  # type: ignore[arg-type]
        if self._found is None:  # else it may be less than there is
            self._containers[key] = (of_kind, values)
        return values

    def _of(self, goal: Goal, limit: int) -> Values | None:
        key = (goal, limit)
        if key not in self._known:
            if self._found is None:
                self._solve(key)
            else:
                return self._ask(key)
        return self._known[key]

    def _ask(self, key: Key) -> Values | None:
        assert self._found is not None
        if key not in self._found:
            self._found[key] = {}
            self._todo.append(key)
        if self._asking is not None:
            self._askers.setdefault(key, set()).add(self._asking)
        return self._found[key]

    def _solve(self, root: Key) -> None:
        self._found, self._askers, self._todo = {root: {}}, {}, [root]
        try:
            while self._todo and self._found[root] is not None:
                key = self._asking = self._todo.pop()
                values, before = self._values(*key), self._found[key]
                if before is not None and (values is None or len(values) > len(before)):
                    self._found[key] = values
                    self._todo += self._askers.get(key, ())
            # Where the root was found early, nothing else is settled but what has many values.
            is_settled = not self._todo
            self._known |= {key: v for key, v in self._found.items() if is_settled or v is None}
        finally:
            self._found = self._asking = None

    def _values(self, goal: Goal, limit: int) -> Values | None:
        shapes = self._goals.alternatives(goal)
        found: Values = {}
        # What is found without a look below comes first.
        for bit in (NULL, TRUE, FALSE, NUMBER, STRING, ARRAY, OBJECT):
            for shape in shapes:
                if shape.types & bit:
                    values = self.of_type(shape, bit, limit)
                    if values is None:
                        return None
                    found |= values
                    if len(found) > limit:
                        return None
        return found

    def of_arrays(self, plan: ArrayPlan, progress: Hashable, limit: int) -> Values | None:
        """The items, as arrays, that complete an array from `progress` on."""
        found: Values = {}
        rows: dict[tuple[Hashable, str], tuple[Hashable, list[Any]]] = {(progress, "[]"): (progress, [])}
        n_looked_at = 0
        while rows:
            longer: dict[tuple[Hashable, str], tuple[Hashable, list[Any]]] = {}
            for progress, row in rows.values():
                if plan.may_close(progress):
                    found[canonical(row)] = row
                for step in plan.after_item(progress):
                    values = self.of(step.goal, limit)
                    if values is None:
                        return None
                    for text, value in values.items():
                        after = plan.learned(self._settled(plan, step, value), text)
                        if after is not None:
                            item = [*row, value]
                            longer[after, canonical(item)] = (after, item)
            # Rows of one length that differ are completed to arrays that differ.
            if len(found) > limit or len({text for _, text in longer}) > limit:
                return None
            n_looked_at += len(longer)
            if n_looked_at > MAX_LOOKED_AT:
                raise _too_many()
            rows = longer
        return found

    def of_objects(self, plan: ObjectPlan, progress: Hashable, limit: int) -> Values | None:
        """The members, as objects, that complete an object from `progress` on."""
        found: Values = {}
        todo: list[tuple[Hashable, dict[str, Any]]] = [(progress, {})]
        visited: set[tuple[Hashable, str]] = set()
        while todo:
            progress, members = todo.pop()
            text = canonical(members)
            if (progress, text) in visited:
                continue
            visited.add((progress, text))
            if plan.may_close(progress):
                found[text] = members
            if len(found) > limit:
                return None
            if len(visited) > MAX_LOOKED_AT:
                raise _too_many()
            for name, step in self._next_members(plan, progress, members, limit):
                values = None if name is None else self.of(step.goal, limit)
                if name is None or values is None:
                    return None
                for value_text, value in values.items():
                    after = plan.learned(self._settled(plan, step, value), value_text)
                    if after is not None:
                        todo.append((after, {**members, name: value}))
        return found

    def _next_members(
        self, plan: ObjectPlan, progress: Hashable, members: dict[str, Any], limit: int
    ) -> Iterator[tuple[str | None, Step]]:
        """The names that may come next, with how each goes on; None for more than `limit` of them."""
        for name in plan.names:
            yield from ((name, step) for step in plan.after(progress, name))
        for kind in plan.open_classes(progress):
            assert plan.others is not None
            listed = texts(only_labels(plan.others, {kind: kind}), limit + len(members))
            names = [None] if listed is None else [text.decode() for text, _ in listed]
            steps = plan.after_other(progress, kind)
            yield from ((name, step) for name in names if name not in members for step in steps)

    def _settled(self, plan: ObjectPlan | ArrayPlan, step: Step, value: Any) -> Hashable:
        if not step.observed:
            return step.progress
        return plan.settled(step.progress, {key for key, goal in step.observed if self._holds(goal, value)})


def _of_numbers(shape: Shape, limit: int) -> Values | None:
    if shape.numbers.is_plainly_endless:
        return None
    fields = {name: getattr(shape.numbers, name) for name in shape.numbers.__slots__}
    numbers = list_numbers(limit, **fields)
    return None if numbers is None else {canonical(number): number for number in numbers}


def _of_strings(shape: Shape, limit: int) -> Values | None:
    if shape.strings == ANY_STRING:
        return None
    try:
        found = texts(string_language(frozenset([shape.strings])), limit)
    except CompileBudgetExceeded:
        return None  # too large to be looked at
    return None if found is None else {canonical(text.decode()): text.decode() for text, _ in found}


def _too_many() -> CompileBudgetExceeded:
    return CompileBudgetExceeded(
        "counting the values that are left for items which must differ takes too long",
        keyword="uniqueItems",
        hint="drop uniqueItems, or let the items be of a simpler kind",
    )
