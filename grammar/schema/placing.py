"""Whether an object can be completed: a search for the members that it still has to have."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from ...errors import CompileBudgetExceeded
from ..finite import MANY
from .shapes import ANYTHING, NOTHING, Goal, conjoin

if TYPE_CHECKING:
    from .rich_objects import Progress, RichObjectPlan

MAX_PLACINGS = 2_000

Goals = dict[int, Goal]
"""Names that occur, by index, with what their values satisfy."""
Extras = tuple[tuple[int, Goal], ...]
"""The same for names that are not declared, by class."""


class Placing:
    """A search for members that complete an object: required ones, one for each need, and as many as are asked for."""

    def __init__(self, plan: RichObjectPlan, progress: Progress) -> None:
        self.plan = plan
        self.progress = progress
        self.steps = 0
        self.high = MANY if plan.high is None else plan.high
        self.unseen = plan.unseen(progress)
        available = sum(1 << i for i in range(len(plan.names)) if plan.is_available(progress, i))
        self.usable = self._closed(available, 0)

    def _closed(self, names: int, beside: int) -> int:
        """Those of `names` of which all that they imply is among them, `beside` them, or seen."""
        while True:
            lost = 0
            for trigger, implied in self.plan.implied:
                if names & trigger and implied & self.unseen & ~names & ~beside:
                    lost |= trigger
            if not lost:
                return names
            names &= ~lost

    def succeeds(self) -> bool:
        plan, progress = self.plan, self.progress
        must = plan.must(progress.seen) & self.unseen
        if must & ~self.usable:
            return False
        needs = ones(progress.open)
        goals = {i: goal for i in ones(must) if (goal := plan.goals[i]) is not None}
        return self._place(needs, goals, (), 0)

    def _place(self, needs: list[int], goals: Goals, extras: Extras, banned: int) -> bool:
        """Place the needs one after the other.

        goals : the names that occur, with their goals.  extras : the same for other names, by class.
        banned : names that must not occur.
        """
        self.steps += 1
        if self.steps > MAX_PLACINGS:
            raise too_many_ways()
        if self._n_members(goals, extras) > self.high:
            return False
        if not needs:
            return self._counts_fit(goals, extras, banned)
        need, *others = needs
        return (
            self._place_absent(need, others, goals, extras, banned)
            or self._place_name(need, others, goals, extras, banned)
            or self._place_extra(need, others, goals, extras, banned)
        )

    def _place_absent(self, need: int, needs: list[int], goals: Goals, extras: Extras, banned: int) -> bool:
        return any(
            self._place(needs, goals, extras, banned | 1 << i)
            for i in self.plan.absent[need]
            if i not in goals and not self.progress.seen >> i & 1
        )

    def _place_name(self, need: int, needs: list[int], goals: Goals, extras: Extras, banned: int) -> bool:
        plan = self.plan
        free = self.usable & ~banned
        meeting = plan.meeting[need]
        fresh = (i for i in meeting if i not in goals and free >> i & 1)
        for i in chain((i for i in meeting if i in goals), fresh):
            for option in plan.meets[i][need]:
                goal = conjoin(goals.get(i, plan.goals[i] or ANYTHING), option)
                if not plan.live(goal):
                    continue
                placed = self._with_implied({**goals, i: goal}, banned)
                if placed is not None and self._place(needs, placed, extras, banned):
                    return True
        return False

    def _with_implied(self, goals: Goals, banned: int) -> Goals | None:
        plan = self.plan
        if not plan.implied:
            return goals
        occurring = sum(1 << i for i in goals) | self.progress.seen
        must = plan.must(occurring) & self.unseen
        if must & (banned | ~self.usable):
            return None
        return {**{i: plan.goals[i] or NOTHING for i in ones(must)}, **goals}

    def _place_extra(self, need: int, needs: list[int], goals: Goals, extras: Extras, banned: int) -> bool:
        plan = self.plan
        for at, (kind, goal) in enumerate(extras):
            meets = next(m for k, _, m, _ in plan.kinds if k == kind)
            for option in meets[need]:
                shared = conjoin(goal, option)
                if plan.live(shared) and self._place(
                    needs, goals, (*extras[:at], (kind, shared), *extras[at + 1 :]), banned
                ):
                    return True
        for kind, goal, meets, size in plan.kinds:
            if sum(k == kind for k, _ in extras) >= size:
                continue
            for option in meets[need]:
                narrowed = conjoin(goal, option)
                if plan.live(narrowed) and self._place(needs, goals, (*extras, (kind, narrowed)), banned):
                    return True
        return False

    def _n_members(self, goals: Goals, extras: Extras) -> int:
        return self.progress.n + len(goals) + len(extras)

    def _counts_fit(self, goals: Goals, extras: Extras, banned: int) -> bool:
        plan = self.plan
        count = self._n_members(goals, extras)
        if count >= plan.low:
            return True
        # As many more as there are: all names that neither are banned nor imply one that is.
        chosen = sum(1 << i for i in goals)
        free = self._closed(self.usable & ~banned & ~chosen, chosen)
        room = free.bit_count() + sum(size for *_, size in plan.kinds) - len(extras)
        if plan.high is not None and plan.low > plan.high:
            return False
        return count + room >= plan.low and self._can_fill(count, free)

    def _can_fill(self, count: int, free: int) -> bool:
        """Whether members can be added up to `low` without passing `high`: implied ones come in groups."""
        plan = self.plan
        if plan.high is None or not plan.implied:
            return True
        single = free & ~sum(trigger for trigger in {t for t, _ in plan.implied})
        room = single.bit_count() + sum(size for *_, size in plan.kinds)
        return count + room >= plan.low or self._fill_in_groups(count, free, single)

    def _fill_in_groups(self, count: int, free: int, single: int) -> bool:
        """The same by trying each set of names that imply others: exact, and rarely asked for."""
        plan = self.plan
        room = single.bit_count() + sum(size for *_, size in plan.kinds)
        triggers = ones(free & ~single)
        if len(triggers) > 10:
            raise CompileBudgetExceeded(
                "too many members that depend on others under minProperties and maxProperties",
                keyword="minProperties",
                hint="drop one of the bounds",
            )
        for chosen in range(1 << len(triggers)):
            occurring = sum(1 << triggers[j] for j in ones(chosen))
            occurring |= plan.must(occurring) & self.unseen & free
            n = occurring.bit_count()
            if (
                count + n <= (plan.high or 0)
                and count + n + max(0, room - (occurring & single).bit_count()) >= plan.low
            ):
                return True
        return False


def too_many_ways() -> CompileBudgetExceeded:
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
