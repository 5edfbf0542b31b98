"""Objects of one shape: which members may come after those that were seen.

Progress is a small hashable value, so that equal futures are one state.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, count

from ..dfa import ByteDfa
from ..utf8 import UTF8
from .containers import ContainerPlan, Live, Step
from .members import Members
from .shapes import Goal

_MANY_MISSING = -1


@dataclass(slots=True, eq=False)
class MembersLeft:
    """What an object still has to have under the alternatives `run`, see `pushdown.MembersLeft`."""

    run: tuple[tuple[ObjectPlan, int, Hashable], ...]

    def names(self) -> list[str]:
        # One that each way has to have can as well come first where the order of members is free; where it is not,
        # others before it would only make it longer.
        names = [plan.needed_names(progress) for plan, _, progress in self.run]
        return list(dict.fromkeys(chain(*names))) if all(names) else []

    def nearest(self) -> tuple[int, list[str]]:
        plan, _, progress = min(self.run, key=lambda one: one[0].n_missing(one[2]))
        return plan.n_missing(progress), plan.needed_names(progress)


class ObjectPlan(ContainerPlan):
    """What may come next in an object.

    names   : the declared names.
    repeats : whether names that came may come again: who reads the text bars them.
    """

    names: tuple[str, ...]
    index: dict[str, int]
    repeats = False

    @cached_property
    def others(self) -> ByteDfa | None:
        """The names that are not declared, over UTF-8, its labels being classes; None where there can be none."""
        raise NotImplementedError

    def candidates(self, progress: Hashable) -> list[str]:
        """The declared names that may come next."""
        raise NotImplementedError

    def after(self, progress: Hashable, name: str) -> list[Step]:
        """The ways to go on behind the declared name `name`."""
        raise NotImplementedError

    def after_other(self, progress: Hashable, kind: int) -> list[Step]:
        """The same for a name that is not declared, of class `kind`."""
        raise NotImplementedError

    def needed_names(self, progress: Hashable) -> list[str]:
        """Declared names of which one comes next in some shortest way to the end; none where that is not known."""
        raise NotImplementedError

    def n_missing(self, progress: Hashable) -> int:
        """What has to come yet, a member for each: with all of it the object may end."""
        raise NotImplementedError

    def open_classes(self, progress: Hashable) -> tuple[int, ...]:
        """The classes of names that may come next."""
        if self.others is None:
            return ()
        kinds = dict.fromkeys(self.others.label[self.others.label >= 0].tolist())
        return tuple(kind for kind in kinds if self.after_other(progress, kind))

    def _listed(self, names: int) -> list[str]:
        """The names of a bit set over `names`."""
        return [name for i, name in enumerate(self.names) if names >> i & 1] if names else []

    def after_name(self, progress: Hashable, name: str) -> list[Step]:
        """The ways to go on behind any name."""
        if name in self.index:
            return self.after(progress, name)
        kind = -1 if self.others is None else self.others.run(name.encode("utf-8", "surrogatepass"))
        return self.after_other(progress, kind) if kind >= 0 else []


class SimpleObjectPlan(ObjectPlan):
    """Names that are declared or not, required or not.

    Progress is the index of the next name, or the bit set of those that came; only of required ones, where any others
    may be added: states for all sets of seen names would be dear.

    goals         : the goal of each name; None where no value fits, so that the name cannot occur.
    required      : bit set over `names`.
    next_required : for each index the first required index at or behind it, len(names) if there is none.
    """

    def __init__(self, members: Members, live: Live, *, in_order: bool) -> None:
        self.names = members.ordered
        self.index = dict(zip(self.names, count()))
        goals: list[Goal | None] = []
        for goal in map(members.goal, self.names):
            goals.append(goal if live(goal) else None)
        self.goals = tuple(goals)
        self.required = 0
        for name in members.objects.required:
            self.required |= 1 << self.index[name]
        nearest = len(self.names)
        next_required = [nearest]
        for i in reversed(range(len(self.names))):
            nearest = i if self.required >> i & 1 else nearest
            next_required.append(nearest)
        self.next_required = tuple(reversed(next_required))
        self.extra = members.extra
        self.others = UTF8 if live(self.extra) else None
        self.in_order = in_order
        self.start: int = 0
        self.repeats = not in_order and self.others is not None

    @property
    def is_possible(self) -> bool:
        return all(goal is not None for i, goal in enumerate(self.goals) if self.required >> i & 1)

    def candidates(self, progress: Hashable) -> list[str]:
        assert isinstance(progress, int)
        if self.in_order:
            reach = range(progress, min(self.next_required[progress] + 1, len(self.names)))
            return [self.names[i] for i in reach if self.goals[i] is not None]
        if self.repeats:
            return [n for n, goal in zip(self.names, self.goals) if goal is not None]
        return [n for i, n in enumerate(self.names) if not progress >> i & 1 and self.goals[i] is not None]

    def after(self, progress: Hashable, name: str) -> list[Step]:
        assert isinstance(progress, int)
        i = self.index[name]
        goal = self.goals[i]
        if goal is None:
            return []
        if self.in_order:
            return [Step(i + 1, goal)] if progress <= i <= self.next_required[progress] else []
        if self.repeats:
            return [Step(progress | self.required & 1 << i, goal)]
        return [] if progress >> i & 1 else [Step(progress | 1 << i, goal)]

    def after_other(self, progress: Hashable, kind: int) -> list[Step]:
        assert isinstance(progress, int)
        if self.others is None:
            return []
        if not self.in_order:
            return [Step(progress, self.extra)]
        return [Step(len(self.names), self.extra)] if self.next_required[progress] == len(self.names) else []

    def before(self, name: str | None) -> int:
        """The progress at which `name` may come (None: one that is not declared), where members have an order."""
        return len(self.names) if name is None else self.index[name]

    def open_classes(self, progress: Hashable) -> tuple[int, ...]:
        return (0,) if self.after_other(progress, 0) else ()

    def outlook(self, progress: int) -> int | None:
        """Equal for what no text tells apart in which at most one name ends; None where nothing is known of it."""
        if not self.repeats:
            return None
        missing = self.required & ~progress
        # With two missing, one name does not let the object end.
        return missing if missing & missing - 1 == 0 else _MANY_MISSING

    def may_close(self, progress: Hashable) -> bool:
        assert isinstance(progress, int)
        if self.in_order:
            return self.next_required[progress] == len(self.names)
        return self.required & ~progress == 0

    def needed_names(self, progress: Hashable) -> list[str]:
        assert isinstance(progress, int)
        if self.in_order:
            return list(self.names[self.next_required[progress] :][:1])
        missing = self.required & ~progress
        return self._listed(missing & -missing)

    def n_missing(self, progress: Hashable) -> int:
        assert isinstance(progress, int)
        missing = self.required >> progress if self.in_order else self.required & ~progress
        return missing.bit_count()
