"""Objects of one shape: which members may come after those that were seen.

Progress is a small hashable value, so that equal futures are one state.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cached_property
from itertools import chain
from typing import NamedTuple

from ...errors import CompileBudgetExceeded
from ..dfa import ByteDfa, difference, literals
from ..utf8 import UTF8
from .members import Members, is_text, only_labels
from .shapes import ANYTHING, NOTHING, Goal, conjoin

Live = Callable[[Goal], bool]
"""Whether some value satisfies a goal."""


class Step(NamedTuple):
    """A way to go on behind a member or an item.

    progress : behind it.  goal : what its value must satisfy.
    observed : further goals, each with a key. The plan settles the progress when it is known which of them the value
               satisfied; several goals may have one key.
    """

    progress: Hashable
    goal: Goal
    observed: tuple[tuple[int, Goal], ...] = ()


MAX_NEEDS = 24
"""Which of them each member meets is observed, and where each could still be met is looked for after each member."""
MAX_PLACINGS = 2_000


def object_plan(members: Members, live: Live, *, in_order: bool) -> ObjectPlan:
    """The plan of one shape."""
    objects = members.objects
    if not objects.is_rich and (not objects.rules or not (members.tells_apart or members.loose)):
        return SimpleObjectPlan(members, live, in_order=in_order)
    return RichObjectPlan(members, live, in_order=in_order)


def needed_names(run: tuple[tuple[ObjectPlan, int, Hashable], ...]) -> list[str]:
    """Names of which one begins some shortest way to the end of an object under the alternatives `run`.

    Where the order of members is free, one that each way has to have can as well come first. Empty where some
    alternative does not have to have any.
    """
    names = dict.fromkeys(plan.needed_name(progress) for plan, _, progress in run)
    return [] if None in names else [name for name in names if name is not None]


class ObjectPlan:
    """What may come next in an object.

    names  : the declared names.
    start  : the progress before the first member.
    """

    names: tuple[str, ...]
    index: dict[str, int]
    start: Hashable

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

    def settled(self, progress: Hashable, keys: set[int]) -> Hashable:
        """`progress` when the value turned out to satisfy the observed goals with these keys."""
        return progress

    def may_close(self, progress: Hashable) -> bool:
        """Whether the object may end."""
        raise NotImplementedError

    def needed_name(self, progress: Hashable) -> str | None:
        """A declared name that still has to come, in an object whose order is free."""
        raise NotImplementedError

    def open_classes(self, progress: Hashable) -> tuple[int, ...]:
        """The classes of names that may come next."""
        if self.others is None:
            return ()
        kinds = dict.fromkeys(self.others.label[self.others.label >= 0].tolist())
        return tuple(kind for kind in kinds if self.after_other(progress, kind))

    def _first(self, names: int) -> str | None:
        """The first name of a bit set over `names`."""
        return self.names[(names & -names).bit_length() - 1] if names else None

    def after_name(self, progress: Hashable, name: str) -> list[Step]:
        """The ways to go on behind any name."""
        if name in self.index:
            return self.after(progress, name)
        kind = -1 if self.others is None else self.others.run(name.encode("utf-8", "surrogatepass"))
        return self.after_other(progress, kind) if kind >= 0 else []


class SimpleObjectPlan(ObjectPlan):
    """Names that are declared or not, required or not: progress is the index of the next name, or a bit set.

    goals         : the goal of each name; None where no value fits, so that the name cannot occur.
    required      : bit set over `names`.
    next_required : for each index the first required index at or behind it, len(names) if there is none.
    """

    def __init__(self, members: Members, live: Live, *, in_order: bool) -> None:
        self.names = members.ordered
        self.index = {name: i for i, name in enumerate(self.names)}
        goals = map(members.goal, self.names)
        self.goals = tuple(goal if live(goal) else None for goal in goals)
        self.required = sum(1 << self.index[name] for name in members.objects.required)
        nearest = len(self.names)
        next_required = [nearest]
        for i in reversed(range(len(self.names))):
            nearest = i if self.required >> i & 1 else nearest
            next_required.append(nearest)
        self.next_required = tuple(reversed(next_required))
        self.extra = members.extra
        self._has_others = live(members.extra)
        self.in_order = in_order
        self.start = 0

    @cached_property
    def others(self) -> ByteDfa | None:
        return UTF8 if self._has_others else None

    def candidates(self, progress: Hashable) -> list[str]:
        assert isinstance(progress, int)
        if self.in_order:
            reach = range(progress, min(self.next_required[progress] + 1, len(self.names)))
            return [self.names[i] for i in reach if self.goals[i] is not None]
        return [n for i, n in enumerate(self.names) if not progress >> i & 1 and self.goals[i] is not None]

    def after(self, progress: Hashable, name: str) -> list[Step]:
        assert isinstance(progress, int)
        i = self.index[name]
        goal = self.goals[i]
        if goal is None:
            return []
        if self.in_order:
            return [Step(i + 1, goal)] if progress <= i <= self.next_required[progress] else []
        return [] if progress >> i & 1 else [Step(progress | 1 << i, goal)]

    def after_other(self, progress: Hashable, kind: int) -> list[Step]:
        assert isinstance(progress, int)
        if self.others is None:
            return []
        if not self.in_order:
            return [Step(progress, self.extra)]
        return [Step(len(self.names), self.extra)] if self.next_required[progress] == len(self.names) else []

    def open_classes(self, progress: Hashable) -> tuple[int, ...]:
        return (0,) if self.after_other(progress, 0) else ()

    def may_close(self, progress: Hashable) -> bool:
        assert isinstance(progress, int)
        if self.in_order:
            return self.next_required[progress] == len(self.names)
        return self.required & ~progress == 0

    def needed_name(self, progress: Hashable) -> str | None:
        assert isinstance(progress, int)
        return None if self.in_order else self._first(self.required & ~progress)


class Progress(NamedTuple):
    """What matters of the members seen so far.

    place : the index of the next of the names that come in order; 0 where order is free.
    seen  : bit set over the names, of those of which that matters later on.
    n     : how many members, as far as it matters.
    open  : bit set over the needs that nothing has met yet.
    """

    place: int = 0
    seen: int = 0
    n: int = 0
    open: int = 0


class RichObjectPlan(ObjectPlan):
    """Names by pattern, bounds on the number of members, needs, and names that imply others."""

    def __init__(self, members: Members, live: Live, *, in_order: bool) -> None:
        objects = members.objects
        if len(objects.needs) > MAX_NEEDS:
            raise _too_many_ways()
        self._live = live
        self._members = members
        listed, self._classes, sizes = members.divided
        self.names = (*members.ordered, *members.loose, *listed)
        self.index = {name: i for i, name in enumerate(self.names)}
        self.n_ordered = len(members.ordered) if in_order else 0
        said = [*map(members.said, (*members.ordered, *members.loose)), *listed.values()]
        self.goals = tuple(goal if live(goal) else None for goal, _ in said)
        self._meets = tuple(meets for _, meets in said)
        self._needs = objects.needs
        # For each need the names that may meet it.
        self._meeting = tuple(
            tuple(i for i, meets in enumerate(self._meets) if meets[need])
            for need in range(len(objects.needs))
        )
        self._absent = tuple(frozenset(map(self.index.__getitem__, need.absent)) for need in objects.needs)
        self._required = self._bits(objects.required)
        self._implied = tuple((1 << self.index[name], self._bits(names)) for name, names in objects.implied)
        self.low, self.high = objects.low, objects.high
        self._cap = 0 if self.high is None and not self.low else max(self.low, self.high or 0)
        self._remembered = self._relevant()
        self._kinds = tuple(
            (kind, goal, meets, size)
            for kind, ((goal, meets), size) in enumerate(zip(self._classes.said, sizes, strict=True))
            if size > 0 and live(goal)
        )
        self._completable: dict[Progress, bool] = {}
        self._steps: dict[tuple[Progress, int], list[Step]] = {}
        self.start = Progress(open=(1 << len(objects.needs)) - 1)

    @cached_property
    def others(self) -> ByteDfa | None:
        """See `ObjectPlan`. Only made for states: whether there is any object does not depend on it."""
        if not self._kinds:
            return None
        if not self._members.tells_apart:
            return UTF8
        others = only_labels(self._classes.dfa, {kind: kind for kind, *_ in self._kinds})
        declared = [name.encode() for name in self.names if is_text(name)]
        # Without the declared names: where nothing but one of them is left, there is no other name.
        others = difference(others, literals(declared))
        return None if others.is_empty else others

    def _bits(self, names: tuple[str, ...]) -> int:
        return sum(1 << self.index[name] for name in dict.fromkeys(names))

    def _relevant(self) -> int:
        """Which names have to be remembered when they were seen."""
        relevant = (1 << len(self.names)) - (1 << self.n_ordered)
        for trigger, names in self._implied:
            relevant |= trigger | names
        for absent in self._absent:
            relevant |= sum(1 << i for i in absent)
        return relevant | self._required

    @property
    def is_possible(self) -> bool:
        """Whether there is any such object."""
        assert isinstance(self.start, Progress)
        return self.completable(self.start)

    def candidates(self, progress: Hashable) -> list[str]:
        assert isinstance(progress, Progress)
        return [name for i, name in enumerate(self.names) if self._after(progress, i)]

    def after(self, progress: Hashable, name: str) -> list[Step]:
        assert isinstance(progress, Progress)
        return self._after(progress, self.index[name])

    def _after(self, progress: Progress, i: int) -> list[Step]:
        found = self._steps.get((progress, i))
        if found is None:
            goal = self.goals[i]
            found = [] if goal is None else self._steps_to(self._seen(progress, i), goal, self._meets[i])
            self._steps[progress, i] = found
        return found

    def _seen(self, progress: Progress, i: int) -> Progress | None:
        """Progress behind name `i`, None where it may not come now."""
        if not self._in_time(progress, i):
            return None
        place = 0 if not self.n_ordered else i + 1 if i < self.n_ordered else self.n_ordered
        return progress._replace(
            place=place, seen=progress.seen | (1 << i & self._remembered), n=self._counted(progress)
        )

    def _in_time(self, progress: Progress, i: int) -> bool:
        """Whether name `i` has not come yet, and its turn has not passed."""
        return progress.place <= i if i < self.n_ordered else not progress.seen >> i & 1

    def _counted(self, progress: Progress) -> int:
        # Without an upper bound only the way to the lower one is counted; beyond the upper one nothing is alive.
        return min(progress.n + 1, self._cap + (self.high is not None))

    def after_other(self, progress: Hashable, kind: int) -> list[Step]:
        assert isinstance(progress, Progress)
        key = (progress, -1 - kind)
        found = self._steps.get(key)
        if found is None:
            found = []
            for other, goal, meets, _ in self._kinds:
                if other == kind:
                    behind = progress._replace(place=self.n_ordered, n=self._counted(progress))
                    found = self._steps_to(behind, goal, meets)
            self._steps[key] = found
        return found

    def _steps_to(
        self, behind: Progress | None, goal: Goal, meets: tuple[tuple[Goal, ...], ...]
    ) -> list[Step]:
        """The steps to `behind` with a member of this goal.

        Which needs its value meets is observed. Where the object could not be completed if it met none, each smallest
        set of needs that it has to meet is a step of its own.
        """
        if behind is None:
            return []
        if self.completable(behind):
            return [self._step(behind, goal, meets)]
        found: list[Step] = []
        done: list[frozenset[int]] = []
        tried = [(frozenset[int](), goal)]
        for met, narrowed in tried:
            for need in range(max(met, default=-1) + 1, len(meets)):
                larger = met | {need}
                if not behind.open >> need & 1 or any(smaller <= larger for smaller in done):
                    continue
                after = behind._replace(open=behind.open & ~sum(1 << i for i in larger))
                enough = self.completable(after)
                for option in meets[need]:
                    both = conjoin(narrowed, option)
                    if self._live(both):
                        (
                            found.append(self._step(after, both, meets))
                            if enough
                            else tried.append((larger, both))
                        )
                if enough:
                    done.append(larger)
            if len(tried) > MAX_PLACINGS:
                raise _too_many_ways()
        return found

    def _step(self, behind: Progress, goal: Goal, meets: tuple[tuple[Goal, ...], ...]) -> Step:
        """One step, with the needs observed that the value may meet as well."""
        observed = []
        for need, options in enumerate(meets):
            goals = [conjoin(goal, option) for option in options] if behind.open >> need & 1 else []
            if goal in goals:
                behind = behind._replace(open=behind.open & ~(1 << need))
            else:
                observed += [(need, narrowed) for narrowed in goals if self._live(narrowed)]
        return Step(behind, goal, tuple(observed))

    def settled(self, progress: Hashable, keys: set[int]) -> Hashable:
        assert isinstance(progress, Progress)
        return progress._replace(open=progress.open & ~sum(1 << need for need in keys))

    def may_close(self, progress: Hashable) -> bool:
        assert isinstance(progress, Progress)
        if self._must(progress.seen) & self._unseen(progress):
            return False
        if progress.n < self.low or (self.high is not None and progress.n > self.high):
            return False
        return all(
            any(not progress.seen >> i & 1 for i in absent)
            for need, absent in enumerate(self._absent)
            if progress.open >> need & 1
        )

    def needed_name(self, progress: Hashable) -> str | None:
        assert isinstance(progress, Progress)
        return None if self.n_ordered else self._first(self._must(progress.seen) & self._unseen(progress))

    def _must(self, seen: int) -> int:
        """The names that have to occur, given those that do."""
        must = self._required
        while True:
            more = must
            for trigger, names in self._implied:
                if (must | seen) & trigger:
                    more |= names
            if more == must:
                return must
            must = more

    def _unseen(self, progress: Progress) -> int:
        """The names that did not occur, of those of which it matters."""
        if not self.n_ordered:
            return ~progress.seen
        passed = (1 << progress.place) - 1 & ~self._remembered
        return ~(progress.seen | passed)

    # Whether an object can be completed

    def completable(self, progress: Progress) -> bool:
        """Whether some members lead from `progress` to an object that may close."""
        found = self._completable.get(progress)
        if found is None:
            found = self._completable[progress] = _Placing(self, progress).succeeds()
        return found

    def is_available(self, progress: Progress, i: int) -> bool:
        """Whether name `i` can still occur."""
        return self.goals[i] is not None and self._in_time(progress, i)


class _Placing:
    """A search for members that complete an object: required ones, one for each need, and as many as are asked for."""

    def __init__(self, plan: RichObjectPlan, progress: Progress) -> None:
        self.plan = plan
        self.progress = progress
        self.steps = 0
        self.usable = self._usable()

    def _usable(self) -> int:
        """The names that can still occur, with all that they imply."""
        plan, progress = self.plan, self.progress
        usable = sum(1 << i for i in range(len(plan.names)) if plan.is_available(progress, i))
        unseen = plan._unseen(progress)
        while True:
            lost = 0
            for trigger, names in plan._implied:
                if usable & trigger and names & unseen & ~usable:
                    lost |= trigger
            if not lost:
                return usable
            usable &= ~lost

    def succeeds(self) -> bool:
        plan, progress = self.plan, self.progress
        must = plan._must(progress.seen) & plan._unseen(progress)
        if must & ~self.usable:
            return False
        needs = [i for i in range(len(plan._needs)) if progress.open >> i & 1]
        goals = {i: goal for i in ones(must) if (goal := plan.goals[i]) is not None}
        return self._place(needs, goals, (), 0)

    def _place(
        self, needs: list[int], goals: dict[int, Goal], extras: tuple[tuple[int, Goal], ...], banned: int
    ) -> bool:
        """Place the needs one after the other.

        goals : the names that occur, with their goals.  extras : the same for other names, by class.
        banned : names that must not occur.
        """
        self.steps += 1
        if self.steps > MAX_PLACINGS:
            raise _too_many_ways()
        if not needs:
            return self._counts_fit(goals, extras, banned)
        need, *others = needs
        return (
            self._place_absent(need, others, goals, extras, banned)
            or self._place_name(need, others, goals, extras, banned)
            or self._place_extra(need, others, goals, extras, banned)
        )

    def _place_absent(self, need, needs, goals, extras, banned) -> bool:  # type: ignore[no-untyped-def]
        return any(
            self._place(needs, goals, extras, banned | 1 << i)
            for i in self.plan._absent[need]
            if i not in goals and not self.progress.seen >> i & 1
        )

    def _place_name(self, need, needs, goals, extras, banned) -> bool:  # type: ignore[no-untyped-def]
        plan = self.plan
        free = self.usable & ~banned
        meeting = plan._meeting[need]
        fresh = (i for i in meeting if i not in goals and free >> i & 1)
        for i in chain((i for i in meeting if i in goals), fresh):
            for option in plan._meets[i][need]:
                goal = conjoin(goals.get(i, plan.goals[i] or ANYTHING), option)
                if not plan._live(goal):
                    continue
                placed = self._with_implied({**goals, i: goal}, banned)
                if placed is not None and self._place(needs, placed, extras, banned):
                    return True
        return False

    def _with_implied(self, goals: dict[int, Goal], banned: int) -> dict[int, Goal] | None:
        plan = self.plan
        if not plan._implied:
            return goals
        occurring = sum(1 << i for i in goals) | self.progress.seen
        must = plan._must(occurring) & plan._unseen(self.progress)
        if must & (banned | ~self.usable):
            return None
        return {**{i: plan.goals[i] or NOTHING for i in ones(must)}, **goals}

    def _place_extra(self, need, needs, goals, extras, banned) -> bool:  # type: ignore[no-untyped-def]
        plan = self.plan
        for at, (kind, goal) in enumerate(extras):
            meets = next(m for k, _, m, _ in plan._kinds if k == kind)
            for option in meets[need]:
                shared = conjoin(goal, option)
                if plan._live(shared) and self._place(
                    needs, goals, (*extras[:at], (kind, shared), *extras[at + 1 :]), banned
                ):
                    return True
        for kind, goal, meets, size in plan._kinds:
            if sum(k == kind for k, _ in extras) >= size:
                continue
            for option in meets[need]:
                narrowed = conjoin(goal, option)
                if plan._live(narrowed) and self._place(needs, goals, (*extras, (kind, narrowed)), banned):
                    return True
        return False

    def _counts_fit(self, goals: dict[int, Goal], extras: tuple[tuple[int, Goal], ...], banned: int) -> bool:
        plan = self.plan
        count = self.progress.n + len(goals) + len(extras)
        if plan.high is not None and count > plan.high:
            return False
        if count >= plan.low:
            return True
        # As many more as there are: all names that neither are banned nor imply one that is.
        free = self.usable & ~banned & ~sum(1 << i for i in goals)
        while True:
            lost = 0
            for trigger, names in plan._implied:
                if free & trigger and names & plan._unseen(self.progress) & ~free & ~sum(
                    1 << i for i in goals
                ):
                    lost |= trigger
            if not lost:
                break
            free &= ~lost
        room = free.bit_count() + sum(size for *_, size in plan._kinds) - len(extras)
        if plan.high is not None and plan.low > plan.high:
            return False
        return count + room >= plan.low and self._can_fill(count, free)

    def _can_fill(self, count: int, free: int) -> bool:
        """Whether members can be added up to `low` without passing `high`: implied ones come in groups."""
        plan = self.plan
        if plan.high is None or not plan._implied:
            return True
        single = free & ~sum(trigger for trigger in {t for t, _ in plan._implied})
        room = single.bit_count() + sum(size for *_, size in plan._kinds)
        return count + room >= plan.low or self._fill_in_groups(count, free, single)

    def _fill_in_groups(self, count: int, free: int, single: int) -> bool:
        """The same by trying each set of names that imply others: exact, and rarely asked for."""
        plan = self.plan
        room = single.bit_count() + sum(size for *_, size in plan._kinds)
        triggers = list(ones(free & ~single))
        if len(triggers) > 10:
            raise CompileBudgetExceeded(
                "too many members that depend on others under minProperties and maxProperties",
                keyword="minProperties",
                hint="drop one of the bounds",
            )
        for chosen in range(1 << len(triggers)):
            occurring = sum(1 << triggers[j] for j in ones(chosen))
            occurring |= plan._must(occurring) & plan._unseen(self.progress) & free
            n = occurring.bit_count()
            if (
                count + n <= (plan.high or 0)
                and count + n + max(0, room - (occurring & single).bit_count()) >= plan.low
            ):
                return True
        return False


def _too_many_ways() -> CompileBudgetExceeded:
    return CompileBudgetExceeded(
        "too many ways to meet what a negated schema asks of some member",
        hint="describe the members directly",
    )


def ones(bits: int) -> list[int]:
    """The indices of the bits that are set."""
    found = []
    while bits:
        low = bits & -bits
        found.append(low.bit_length() - 1)
        bits ^= low
    return found
