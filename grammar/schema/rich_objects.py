"""Objects of which more has to be remembered than the names seen."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from functools import cached_property
from typing import NamedTuple

from ..bits import bit_positions
from ..dfa import ByteDfa, difference, literals
from ..utf8 import UTF8
from .containers import Live, Step
from .members import Members, is_text, only_labels
from .objects import ObjectPlan, SimpleObjectPlan
from .placing import MAX_PLACINGS, Placing, Witness, too_many_ways
from .shapes import Goal, conjoin

MAX_NEEDS = 40
"""Which of them each member meets is observed, and where each could still be met is looked for after each member."""


def object_plan(members: Members, live: Live, *, in_order: bool) -> ObjectPlan:
    """The plan of one shape."""
    objects = members.objects
    if not objects.is_rich and (not objects.rules or not (members.tells_apart or members.loose)):
        return SimpleObjectPlan(members, live, in_order=in_order)
    return RichObjectPlan(members, live, in_order=in_order)


Meets = dict[int, tuple[Goal, ...]]
"""For each need that a value may meet the goals with which it does."""


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
    """Names by pattern, bounds on the number of members, needs, and names that imply others.

    goals   : the goal of each name; None where no value fits, so that the name cannot occur.
    meets   : for each name, and each need that its value may meet, the goals with which it would.
    meeting : for each need the names that may meet it, those first that may meet most.
    absent  : for each need the names of which it is met if one does not occur.
    implied : (bit of a name, bits of the names that occur where it does).
    kinds   : the classes of other names: (label, goal, what meets each need, how many names).
    low, high : bounds on the number of members.
    """

    def __init__(self, members: Members, live: Live, *, in_order: bool) -> None:
        objects = members.objects
        if len(objects.needs) > MAX_NEEDS:
            raise too_many_ways()
        self.live = live
        self._members = members
        listed, self._classes, sizes = members.divided
        self.names = (*members.ordered, *members.loose, *listed)
        self.index = {name: i for i, name in enumerate(self.names)}
        self.n_ordered = len(members.ordered) if in_order else 0
        said = [*map(members.said, (*members.ordered, *members.loose)), *listed.values()]
        self.goals = tuple(goal if live(goal) else None for goal, _ in said)
        self.meets = tuple(_sparse(meets) for _, meets in said)
        by_use = sorted(range(len(said)), key=lambda i: -len(self.meets[i]))
        self.meeting = tuple(
            tuple(i for i in by_use if need in self.meets[i]) for need in range(len(objects.needs))
        )
        self.absent = tuple(frozenset(map(self.index.__getitem__, need.absent)) for need in objects.needs)
        self._required = self._bits(objects.required)
        self.implied = tuple((1 << self.index[name], self._bits(names)) for name, names in objects.implied)
        self.low, self.high = objects.low, objects.high
        self._cap = 0 if self.high is None and not self.low else max(self.low, self.high or 0)
        self._remembered = self._relevant()
        self.kinds = tuple(
            (kind, goal, _sparse(meets), size)
            for kind, ((goal, meets), size) in enumerate(zip(self._classes.said, sizes, strict=True))
            if size > 0 and live(goal)
        )
        self._possible = sum(1 << i for i, goal in enumerate(self.goals) if goal is not None)
        self._completable: dict[Progress, bool] = {}
        self._witness: Witness | None = None
        self._steps: dict[tuple[Progress, int], list[Step]] = {}
        self.start = Progress(open=(1 << len(objects.needs)) - 1)

    @cached_property
    def others(self) -> ByteDfa | None:
        """See `ObjectPlan`. Only made for states: whether there is any object does not depend on it."""
        if not self.kinds:
            return None
        if not self._members.tells_apart:
            return UTF8
        others = only_labels(self._classes.dfa, {kind: kind for kind, *_ in self.kinds})
        declared = [name.encode() for name in self.names if is_text(name)]
        # Without the declared names: where nothing but one of them is left, there is no other name.
        others = difference(others, literals(declared))
        return None if others.is_empty else others

    def _bits(self, names: tuple[str, ...]) -> int:
        return sum(1 << self.index[name] for name in dict.fromkeys(names))

    def _relevant(self) -> int:
        """Which names have to be remembered when they were seen."""
        relevant = (1 << len(self.names)) - (1 << self.n_ordered)
        for trigger, names in self.implied:
            relevant |= trigger | names
        for absent in self.absent:
            relevant |= sum(1 << i for i in absent)
        return relevant | self._required

    @property
    def is_possible(self) -> bool:
        assert isinstance(self.start, Progress)
        return self.completable(self.start)

    def candidates(self, progress: Hashable) -> list[str]:
        assert isinstance(progress, Progress)
        return [name for i, name in enumerate(self.names) if self._may_come(progress, i)]

    def _may_come(self, progress: Progress, i: int) -> bool:
        if self.goals[i] is None:
            return False
        behind = self._seen(progress, i)
        return behind is not None and (self.completable(behind) or bool(self._after(progress, i)))

    def after(self, progress: Hashable, name: str) -> list[Step]:
        assert isinstance(progress, Progress)
        return self._after(progress, self.index[name])

    def _after(self, progress: Progress, i: int) -> list[Step]:
        found = self._steps.get((progress, i))
        if found is None:
            goal = self.goals[i]
            found = [] if goal is None else self._steps_to(self._seen(progress, i), goal, self.meets[i])
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
            for other, goal, meets, _ in self.kinds:
                if other == kind:
                    behind = progress._replace(place=self.n_ordered, n=self._counted(progress))
                    found = self._steps_to(behind, goal, meets)
            self._steps[key] = found
        return found

    def _steps_to(self, behind: Progress | None, goal: Goal, meets: Meets) -> list[Step]:
        """The steps to `behind` with a member of this goal.

        Which needs its value meets is observed. Where the object could not be completed if it met none, each smallest
        set of needs that it has to meet is a step of its own.
        """
        if behind is None:
            return []
        if self.completable(behind):
            return [self._step(behind, goal, meets)]
        open_needs = [need for need in bit_positions(behind.open) if need in meets]
        needed = self._needed(behind, open_needs)
        others = [need for need in open_needs if need not in needed]
        found: list[Step] = []
        done: list[set[int]] = []
        tried = [(set[int](), self._met(behind, needed), self._narrowed([goal], needed, meets))]
        for met, after, goals in tried:
            if not goals or any(smaller <= met for smaller in done):
                continue
            if self.completable(after):
                found += [self._step(after, narrowed, meets) for narrowed in goals]
                done.append(met)
                continue
            last = max(met, default=-1)
            tried += (
                (met | {need}, self._met(after, [need]), self._narrowed(goals, [need], meets))
                for need in others
                if need > last
            )
            if len(tried) > MAX_PLACINGS:
                raise too_many_ways()
        return found

    def _needed(self, behind: Progress, needs: list[int]) -> list[int]:
        """Those of `needs` that the next value has to meet, whichever of the others it meets as well."""
        if not self.completable(self._met(behind, needs)):
            return needs
        return [
            need
            for need in needs
            if not self.completable(self._met(behind, [other for other in needs if other != need]))
        ]

    @staticmethod
    def _met(progress: Progress, needs: Iterable[int]) -> Progress:
        return progress._replace(open=progress.open & ~sum(1 << need for need in needs))

    def _narrowed(self, goals: list[Goal], needs: list[int], meets: Meets) -> list[Goal]:
        """What satisfies one of `goals` and meets all `needs`."""
        for need in needs:
            both = dict.fromkeys(conjoin(goal, option) for goal in goals for option in meets[need])
            goals = [goal for goal in both if self.live(goal)]
        return goals

    def _step(self, behind: Progress, goal: Goal, meets: Meets) -> Step:
        """One step, with the needs observed that the value may meet as well."""
        observed = []
        for need, options in meets.items():
            if not behind.open >> need & 1:
                continue
            goals = [conjoin(goal, option) for option in options]
            if goal in goals:
                behind = behind._replace(open=behind.open & ~(1 << need))
            else:
                observed += [(need, narrowed) for narrowed in goals if self.live(narrowed)]
        return Step(behind, goal, tuple(observed))

    def settled(self, progress: Hashable, keys: set[int]) -> Hashable:
        assert isinstance(progress, Progress)
        return self._met(progress, keys)

    def may_close(self, progress: Hashable) -> bool:
        assert isinstance(progress, Progress)
        if self.must(progress.seen) & self.unseen(progress):
            return False
        if progress.n < self.low or (self.high is not None and progress.n > self.high):
            return False
        return all(
            any(not progress.seen >> i & 1 for i in absent)
            for need, absent in enumerate(self.absent)
            if progress.open >> need & 1
        )

    def needed_names(self, progress: Hashable) -> list[str]:
        assert isinstance(progress, Progress)
        if self.n_ordered:
            return []
        must = self.must(progress.seen) & self.unseen(progress)
        if must:
            return self._listed(must & -must)
        # Of the needs that only declared members can meet, the one with the fewest of them.
        available = self.available(progress)
        names = [
            available & sum(1 << i for i in self.meeting[need])
            for need in self._pressing(progress)
            if not any(need in meets for _, _, meets, _ in self.kinds)
        ]
        return self._listed(min(names, key=int.bit_count, default=0))

    def n_missing(self, progress: Hashable) -> int:
        assert isinstance(progress, Progress)
        must = self.must(progress.seen) & self.unseen(progress)
        return max(must.bit_count() + len(self._pressing(progress)), self.low - progress.n)

    def _pressing(self, progress: Progress) -> list[int]:
        """The needs that some member has to meet: it is too late to do without those whose absence would."""
        return [
            need
            for need in bit_positions(progress.open)
            if all(progress.seen >> i & 1 for i in self.absent[need])
        ]

    def must(self, seen: int) -> int:
        """The names that have to occur, given those that do."""
        must = self._required
        while True:
            more = must
            for trigger, names in self.implied:
                if (must | seen) & trigger:
                    more |= names
            if more == must:
                return must
            must = more

    def unseen(self, progress: Progress) -> int:
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
            found = self._completable[progress] = self._serves(progress) or self._search(progress)
        return found

    def _search(self, progress: Progress) -> bool:
        witness = Placing(self, progress).find(self._witness)
        self._witness = witness or self._witness
        return witness is not None

    def available(self, progress: Progress) -> int:
        """The names that can still occur, as a bit set."""
        passed = (1 << min(progress.place, self.n_ordered)) - 1
        return self._possible & ~(passed | progress.seen)

    def _serves(self, progress: Progress) -> bool:
        """Whether a look shows that the members found last complete an object from `progress` as well."""
        witness = self._witness
        return (
            witness is not None
            and self._cap == 0
            and witness.used & ~self.available(progress) == 0
            and witness.banned & progress.seen == 0
            and progress.open & ~witness.needs == 0
            and self.must(progress.seen | witness.used) & self.unseen(progress) & ~witness.used == 0
        )


def _sparse(meets: tuple[tuple[Goal, ...], ...]) -> Meets:
    return {need: options for need, options in enumerate(meets) if options}
