"""Whether an object can be completed: a search for the members that it still has to have."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from itertools import chain
from operator import or_
from typing import TYPE_CHECKING, NamedTuple

from ...errors import CompileBudgetExceeded
from ..bits import bit_positions
from ..finite import MANY
from .shapes import ANYTHING, NOTHING, Goal, conjoin

if TYPE_CHECKING:
    from .rich_objects import Progress, RichObjectPlan

MAX_PLACINGS = 2_000

Goals = dict[int, Goal]
"""Names that occur, by index, with what their values satisfy."""
Extras = tuple[tuple[int, Goal], ...]
"""The same for names that are not declared, by class."""


class Placed(NamedTuple):
    """What a search has decided on.

    goals : the names that occur, with their goals.  extras : the same for other names, by class.
    banned : bit set over the names that must not occur.
    """

    goals: Goals
    extras: Extras
    banned: int


EXTRA = 1 << 30
"""In place of a name's index: some name that is not declared."""


class Witness(NamedTuple):
    """Members that complete an object.

    met  : the needs (a bit set) that are met by name i, by its absence (~i), or by EXTRA.
    used, banned, needs : bit sets of the names that occur, of those that must not, and of all needs that are met.
    """

    placed: Placed
    met: dict[int, int]
    used: int
    banned: int
    needs: int

    @staticmethod
    def of(placed: Placed, met: dict[int, int]) -> Witness:
        used = sum(1 << i for i in placed.goals)
        return Witness(placed, met, used, placed.banned, reduce(or_, met.values(), 0))


class Placing:
    """A search for members that complete an object: required ones, one for each need, and as many as are asked for."""

    def __init__(self, plan: RichObjectPlan, progress: Progress) -> None:
        self.plan = plan
        self.progress = progress
        self.steps = 0
        self.failures = [0] * len(plan.absent)
        self.high = MANY if plan.high is None else plan.high
        self.unseen = plan.unseen(progress)
        self.usable = self._closed(plan.available(progress), 0)

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

    def find(self, near: Witness | None) -> Witness | None:
        """Members that complete the object, those of `near` as far as they do; None where there are none."""
        plan = self.plan
        must = plan.must(self.progress.seen) & self.unseen
        if must & ~self.usable:
            return None
        found = None if near is None else self._mended(near, must)
        if found is None:
            needs = list(bit_positions(self.progress.open))
            goals = {i: goal for i in bit_positions(must) if (goal := plan.goals[i]) is not None}
            placed = self._place(needs, Placed(goals, (), 0))
            if placed is not None:
                met: dict[int, int] = {}
                for need in needs:
                    how = self._what_meets(need, placed)
                    met[how] = met.get(how, 0) | 1 << need
                found = Witness.of(placed, met)
        return found

    def _mended(self, near: Witness, must: int) -> Witness | None:
        """`near` with other members in place of those that cannot come, where the first that will do go together.

        Most objects differ in one member from one for which the search was made before.
        """
        plan = self.plan
        goals, extras, banned = near.placed
        goals, met = dict(goals), dict(near.met)
        lost = 0
        for i in bit_positions(near.used & ~self.usable):
            del goals[i]
            lost |= met.pop(i, 0)
        for i in bit_positions(banned & self.progress.seen):
            lost |= met.pop(~i, 0)
        placed = Placed(goals, extras, banned & ~self.progress.seen)
        if must & placed.banned:
            return None
        goals.update((i, plan.goals[i] or NOTHING) for i in bit_positions(must & ~near.used))
        for need in bit_positions(self.progress.open & ~(near.needs & ~lost)):
            more = next(self._ways(need, placed), None)
            if more is None:
                return None
            placed = more
            how = self._what_meets(need, placed)
            met[how] = met.get(how, 0) | 1 << need
        if self._n_members(placed) > self.high or not self._counts_fit(placed):
            return None
        return Witness.of(placed, met)

    def _what_meets(self, need: int, placed: Placed) -> int:
        """A key of `Witness.met`; EXTRA where no declared name meets the need."""
        for i in self.plan.absent[need]:
            if placed.banned >> i & 1:
                return ~i
        for i in self.plan.meeting[need]:
            goal = placed.goals.get(i)
            if goal is not None and any(conjoin(goal, option) == goal for option in self.plan.meets[i][need]):
                return i
        return EXTRA

    def _place(self, needs: list[int], placed: Placed) -> Placed | None:
        """Place the needs one after the other: the one first that most often could not be met at all.

        Such a need shows at once that what was tried before it cannot work, so that the rest is not tried in between
        (Boussemart et al. 2004, "Boosting systematic search by weighting constraints").
        """
        self.steps += 1
        if self.steps > MAX_PLACINGS:
            raise too_many_ways()
        if self._n_members(placed) > self.high:
            return None
        if not needs:
            return placed if self._counts_fit(placed) else None
        need = max(needs, key=self.failures.__getitem__)
        others = [other for other in needs if other != need]
        could_be_met = False
        for more in self._ways(need, placed):
            found = self._place(others, more)
            if found is not None:
                return found
            could_be_met = True
        if not could_be_met:
            self.failures[need] += 1
        return None

    def _ways(self, need: int, placed: Placed) -> Iterator[Placed]:
        """What else is placed where `need` is met, each way once; nothing else where it is met already."""
        if self._what_meets(need, placed) != EXTRA:
            yield placed
            return
        goals, extras, banned = placed
        for i in self.plan.absent[need]:
            if i not in goals and not self.progress.seen >> i & 1:
                yield Placed(goals, extras, banned | 1 << i)
        yield from self._ways_by_name(need, placed)
        yield from self._ways_by_extra(need, placed)

    def _ways_by_name(self, need: int, placed: Placed) -> Iterator[Placed]:
        plan = self.plan
        goals, extras, banned = placed
        free = self.usable & ~banned
        meeting = plan.meeting[need]
        fresh = (i for i in meeting if i not in goals and free >> i & 1)
        for i in chain((i for i in meeting if i in goals), fresh):
            for option in plan.meets[i].get(need, ()):
                goal = conjoin(goals.get(i, plan.goals[i] or ANYTHING), option)
                if plan.live(goal):
                    implied = self._with_implied({**goals, i: goal}, banned)
                    if implied is not None:
                        yield Placed(implied, extras, banned)

    def _with_implied(self, goals: Goals, banned: int) -> Goals | None:
        plan = self.plan
        if not plan.implied:
            return goals
        occurring = sum(1 << i for i in goals) | self.progress.seen
        must = plan.must(occurring) & self.unseen
        if must & (banned | ~self.usable):
            return None
        return {**{i: plan.goals[i] or NOTHING for i in bit_positions(must)}, **goals}

    def _ways_by_extra(self, need: int, placed: Placed) -> Iterator[Placed]:
        plan = self.plan
        goals, extras, banned = placed
        for at, (kind, goal) in enumerate(extras):
            meets = next(m for k, _, m, _ in plan.kinds if k == kind)
            for option in meets.get(need, ()):
                shared = conjoin(goal, option)
                if plan.live(shared):
                    yield Placed(goals, (*extras[:at], (kind, shared), *extras[at + 1 :]), banned)
        for kind, goal, meets, size in plan.kinds:
            if sum(k == kind for k, _ in extras) >= size:
                continue
            for option in meets.get(need, ()):
                narrowed = conjoin(goal, option)
                if plan.live(narrowed):
                    yield Placed(goals, (*extras, (kind, narrowed)), banned)

    def _n_members(self, placed: Placed) -> int:
        return self.progress.n + len(placed.goals) + len(placed.extras)

    def _counts_fit(self, placed: Placed) -> bool:
        plan = self.plan
        goals, extras, banned = placed
        count = self._n_members(placed)
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
        triggers = list(bit_positions(free & ~single))
        if len(triggers) > 10:
            raise CompileBudgetExceeded(
                "too many members that depend on others under minProperties and maxProperties",
                keyword="minProperties",
                hint="drop one of the bounds",
            )
        for chosen in range(1 << len(triggers)):
            occurring = sum(1 << triggers[j] for j in bit_positions(chosen))
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
