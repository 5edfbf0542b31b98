"""The plan of each shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

from .arrays import ArrayPlan, RichArrayPlan, SimpleArrayPlan
from .canonical import kept_value
from .containers import Live
from .excluding import ExcludingArrayPlan, ExcludingObjectPlan, Tools
from .finite_values import FiniteValues
from .goals import Goals
from .members import Members
from .membership import Membership
from .narrowing import Narrowing
from .objects import ObjectPlan
from .repeated_items import RepeatedItemsPlan
from .rich_objects import object_plan
from .shapes import ANYTHING, ARRAY, Arrays, Names, Objects, Shape
from .unique_arrays import UniqueArrayPlan

MembersOf = Callable[[Objects], Members]


class Plans:
    """Makes plans, given which goals have a value.

    finite : the values of goals that have few.
    """

    def __init__(self, goals: Goals, members: MembersOf) -> None:
        self._goals = goals
        self._members = members
        # By identity, which lives as long as it is kept here.
        self._holds: dict[tuple[int, str], tuple[Arrays | Objects, bool]] = {}

    @cached_property
    def finite(self) -> FiniteValues:
        return FiniteValues(self._goals, self._plan, self._membership.holds)

    @cached_property
    def _membership(self) -> Membership:
        return Membership(self._goals, self._members)

    def arrays(self, arrays: Arrays, live: Live) -> ArrayPlan:
        """The plan of a set of arrays."""
        if arrays.is_rich:
            plan: ArrayPlan = RichArrayPlan(arrays, live)
        else:
            plan = SimpleArrayPlan(arrays, live)
        if arrays.unique is None:
            return plan
        if arrays.unique:
            return UniqueArrayPlan(plan, arrays, Narrowing(self._goals, live, self.finite))
        return RepeatedItemsPlan(plan, live, self._membership.holds, self._goals.equals)

    def objects(self, objects: Objects, live: Live, *, in_order: bool) -> ObjectPlan:
        """The plan of a set of objects."""
        return object_plan(self._members(objects), live, in_order=in_order)

    def without(
        self, plan: ArrayPlan | ObjectPlan, shape: Shape, live: Live, *, in_order: bool
    ) -> ArrayPlan | ObjectPlan:
        """`plan`, of one container type of `shape`, without the values that the shape leaves out."""
        kind = list if isinstance(plan, ArrayPlan) else dict
        values = {text: kept_value(text) for text in shape.excluded}
        excluded = {
            text: value
            for text, value in values.items()
            if isinstance(value, kind) and self._has(shape, text, value)
        }
        if not excluded:
            return plan
        tools = Tools(Narrowing(self._goals, live, self.finite), self._membership)
        if isinstance(plan, ArrayPlan):
            return ExcludingArrayPlan(plan, frozenset(excluded), tools)
        unknown = frozenset(name for value in excluded.values() for name in value if name not in plan.index)
        if unknown:
            # A rule that says nothing makes the names known.
            rules = (*shape.objects.rules, (Names(unknown), ANYTHING))
            plan = self.objects(replace(shape.objects, rules=rules), live, in_order=in_order)
        return ExcludingObjectPlan(plan, frozenset(excluded), tools)

    def _has(self, shape: Shape, text: str, value: Any) -> bool:
        """Whether an array or object is in `shape`. Kept: it is asked again for each item behind it."""
        of_kind = shape.arrays if isinstance(value, list) else shape.objects
        key = (id(of_kind), text)
        found = self._holds.get(key)
        if found is None:
            found = self._holds[key] = (of_kind, self._membership.has(shape, value))
        return found[1]

    def _plan(self, shape: Shape, kind: int, live: Live) -> ArrayPlan | ObjectPlan:
        """The plan of one container type for counting values: without what the shape leaves out being left out."""
        if kind == ARRAY:
            return self.arrays(shape.arrays, live)
        return self.objects(shape.objects, live, in_order=True)
