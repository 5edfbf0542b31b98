"""Objects and arrays of one shape: what may come next after what was seen so far.

Progress is a small hashable value, so that equal futures are one state: for `order="schema"` the index of the next
declared name, for `order="any"` the bit set of the names seen; for arrays the number of items, as far as it matters.
"""

from __future__ import annotations

from dataclasses import dataclass

from .emptiness import Emptiness
from .shapes import Arrays, Goal, Objects


@dataclass(frozen=True, slots=True, eq=False)
class ObjectPlan:
    """One object shape, prepared.

    names  : declared names in order, then required ones that are not declared.
    goals  : the goal of each name; None where no value fits, so that the name cannot occur.
    required : bit set over `names`.
    next_required : for each index the first required index at or behind it, len(names) if there is none.
    extra  : the goal of all other names, None where there can be none.
    """

    names: tuple[str, ...]
    index: dict[str, int]
    goals: tuple[Goal | None, ...]
    required: int
    next_required: tuple[int, ...]
    extra: Goal | None
    in_order: bool

    @classmethod
    def of(cls, objects: Objects, emptiness: Emptiness, *, in_order: bool) -> ObjectPlan:
        """Prepare `objects`."""
        names = tuple(dict.fromkeys([*objects.properties, *objects.required]))
        goals = (objects.member(name) for name in names)
        index = {name: i for i, name in enumerate(names)}
        required = sum(1 << index[name] for name in objects.required)
        nearest = len(names)
        next_required = [nearest]
        for i in reversed(range(len(names))):
            nearest = i if required >> i & 1 else nearest
            next_required.append(nearest)
        return cls(
            names,
            index,
            tuple(None if emptiness.is_empty(goal) else goal for goal in goals),
            required,
            tuple(reversed(next_required)),
            None if emptiness.is_empty(objects.extra) else objects.extra,
            in_order,
        )

    def candidates(self, progress: int) -> list[str]:
        """The declared names that may come next."""
        if self.in_order:
            reach = range(progress, min(self.next_required[progress] + 1, len(self.names)))
            return [self.names[i] for i in reach if self.goals[i] is not None]
        return [n for i, n in enumerate(self.names) if not progress >> i & 1 and self.goals[i] is not None]

    def after(self, progress: int, name: str) -> tuple[int, Goal] | None:
        """Progress behind the name `name` and the goal of its value; None where it may not come now."""
        i = self.index.get(name)
        if i is None:
            return self.after_extra(progress)
        goal = self.goals[i]
        if goal is None:
            return None
        if self.in_order:
            return (i + 1, goal) if progress <= i <= self.next_required[progress] else None
        return None if progress >> i & 1 else (progress | 1 << i, goal)

    def after_extra(self, progress: int) -> tuple[int, Goal] | None:
        """The same for a name that is not declared."""
        if self.extra is None:
            return None
        if not self.in_order:
            return progress, self.extra
        return (len(self.names), self.extra) if self.next_required[progress] == len(self.names) else None

    def may_close(self, progress: int) -> bool:
        """Whether every required name was seen."""
        if self.in_order:
            return self.next_required[progress] == len(self.names)
        return self.required & ~progress == 0


@dataclass(frozen=True, slots=True, eq=False)
class ArrayPlan:
    """One array shape, prepared: `high` takes into account that an item with no value ends the array."""

    arrays: Arrays
    low: int
    high: int | None
    cap: int

    @classmethod
    def of(cls, arrays: Arrays, emptiness: Emptiness) -> ArrayPlan:
        """Prepare `arrays`."""
        limits = [] if arrays.high is None else [arrays.high]
        limits += [i for i, goal in enumerate(arrays.prefix) if emptiness.is_empty(goal)][:1]
        if emptiness.is_empty(arrays.rest):
            limits.append(len(arrays.prefix))
        high = min(limits, default=None)
        # Beyond the cap one more item changes nothing, so counting stops.
        cap = max(len(arrays.prefix), arrays.low, 0 if high is None else high)
        return cls(arrays, arrays.low, high, cap)

    def after_item(self, progress: int) -> tuple[int, Goal] | None:
        """Progress behind one more item and its goal; None where the array is full."""
        if self.high is not None and progress >= self.high:
            return None
        return min(progress + 1, self.cap), self.arrays.item(progress)

    def may_close(self, progress: int) -> bool:
        """Whether there are enough items."""
        return progress >= self.low
