"""Arrays of one shape: which items may come after those that were seen."""

from __future__ import annotations

from collections.abc import Hashable

from ...errors import CompileBudgetExceeded
from .containers import ContainerPlan, Live, Step
from .shapes import ANYTHING, NOTHING, Arrays, Contains, Goal, conjoin, negated

MAX_COUNTS = 20_000
MAX_VARIANTS = 4_096


class ArrayPlan(ContainerPlan):
    """What may come next in an array."""

    def after_item(self, progress: Hashable) -> list[Step]:
        """The ways to go on behind one more item."""
        raise NotImplementedError

    def variants(self, progress: Hashable) -> list[tuple[Hashable, Goal]]:
        """The ways to go on behind one more item, with nothing left to observe; they may overlap.

        Those come first that are nearest to what the array has to contain.
        """
        return [(step.progress, step.goal) for step in self.after_item(progress)]

    def harmless_types(self, progress: Hashable) -> int | None:
        """The types of which the next item has many values, whatever the last one is: a bit set.

        With ROOMY_STRINGS if that is so for strings that begin in any way, in all items to come.
        None where not even that is sure that the array may go on and end alike whatever that is.
        """
        return None


class SimpleArrayPlan(ArrayPlan):
    """Progress is the number of items, as far as it matters; `high` is where an item with no value ends the array."""

    def __init__(self, arrays: Arrays, live: Live) -> None:
        self.items = arrays.items
        self.low = arrays.low
        self.high = _longest(arrays, live)
        # Beyond the cap one more item changes nothing, so counting stops.
        self.cap = max(len(self.items.prefix), self.low, 0 if self.high is None else self.high)
        self.start = 0

    @property
    def is_possible(self) -> bool:
        return self.high is None or self.low <= self.high

    def after_item(self, progress: Hashable) -> list[Step]:
        assert isinstance(progress, int)
        if self.high is not None and progress >= self.high:
            return []
        return [Step(min(progress + 1, self.cap), self.items.at(progress))]

    def may_close(self, progress: Hashable) -> bool:
        assert isinstance(progress, int)
        return progress >= self.low


def _longest(arrays: Arrays, live: Live) -> int | None:
    """The most items there can be."""
    limits = [] if arrays.high is None else [arrays.high]
    limits += [i for i, goal in enumerate(arrays.items.prefix) if not live(goal)][:1]
    if not live(arrays.items.rest):
        limits.append(len(arrays.items.prefix))
    return min(limits, default=None)


Counts = tuple[int, tuple[int, ...]]
"""The number of items, and for each `contains` how many of them it has counted, as far as they matter."""


def _as_counts(progress: Hashable) -> Counts:
    assert isinstance(progress, tuple)
    return progress


class RichArrayPlan(ArrayPlan):
    """Arrays that must contain certain items."""

    def __init__(self, arrays: Arrays, live: Live) -> None:
        self.arrays = arrays
        # Not every text of a match is seen to be one: members may be in another order, numbers spelled in a way that
        # no multiple is looked for in. Where matches are bounded, it must not be taken for one of no match.
        self._is_observable = all(contains.high is None for contains in arrays.contains)
        self._live = live
        self.high = _longest(arrays, live)
        prefixes = [len(arrays.items.prefix), *(len(c.items.prefix) for c in arrays.contains)]
        self.cap = max(*prefixes, arrays.low, 0 if self.high is None else self.high)
        self._completable: dict[Counts, bool] = {}
        self._known: dict[Counts, list[tuple[Counts, Goal]]] = {}
        self._steps: dict[Counts, list[Step]] = {}
        self.start: Counts = (0, (0,) * len(arrays.contains))

    @property
    def is_possible(self) -> bool:
        return self.completable(self.start)

    def variants(self, progress: Hashable) -> list[tuple[Hashable, Goal]]:
        ways = sorted(self._after(_as_counts(progress)), key=lambda way: sum(way[0][1]), reverse=True)
        return [(after, goal) for after, goal in ways if self.completable(after)]

    def may_close(self, progress: Hashable) -> bool:
        n, counts = _as_counts(progress)
        return n >= self.arrays.low and all(
            count >= contains.low and (contains.high is None or count <= contains.high)
            for count, contains in zip(counts, self.arrays.contains, strict=True)
        )

    def after_item(self, progress: Hashable) -> list[Step]:
        counts = _as_counts(progress)
        found = self._steps.get(counts)
        if found is None:
            found = self._steps[counts] = self._steps_from(counts)
        return found

    def _steps_from(self, progress: Counts) -> list[Step]:
        """Where all that an item may turn out to be is fine, what it matches is observed; else each way is a step."""
        following = self._after(progress)
        able = [(after, goal) for after, goal in following if self.completable(after)]
        if len(able) < len(following) or len(able) < 2 or not self._is_observable:
            return [Step(after, goal) for after, goal in able]
        n, counts = progress
        goal, settled, free = self.arrays.items.at(n), list(counts), []
        for i, contains in enumerate(self.arrays.contains):
            ways = _ways(contains, n, counts[i])
            if len(ways) > 1:
                free.append((i, contains.items.at(n)))
            else:
                ((more, settled[i]),) = ways
                goal = conjoin(goal, more)
        observed = tuple((i, both) for i, wanted in free if self._live(both := conjoin(goal, wanted)))
        return [Step((min(n + 1, self.cap), tuple(settled)), goal, observed)] if self._live(goal) else []

    def settled(self, progress: Hashable, keys: set[int]) -> Hashable:
        n, counts = _as_counts(progress)
        return n, tuple(count + (i in keys) for i, count in enumerate(counts))

    def _after(self, progress: Counts) -> list[tuple[Counts, Goal]]:
        """The same, whether or not the array can be completed then."""
        found = self._known.get(progress)
        if found is None:
            found = self._known[progress] = self._expand(progress)
        return found

    def _expand(self, progress: Counts) -> list[tuple[Counts, Goal]]:
        n, counts = progress
        if self.high is not None and n >= self.high:
            return []
        variants: list[tuple[Goal, tuple[int, ...]]] = [(self.arrays.items.at(n), ())]
        for contains, count in zip(self.arrays.contains, counts, strict=True):
            ways = _ways(contains, n, count)
            variants = [
                (conjoin(goal, more), (*before, after)) for goal, before in variants for more, after in ways
            ]
            if len(variants) > MAX_VARIANTS:
                raise _too_many("one item may match too many of the schemas that an array contains")
        best: dict[tuple[Goal, tuple[int, ...]], None] = {}
        for goal, after in variants:
            if self._live(goal):
                best[goal, after] = None
        behind = min(n + 1, self.cap)
        return [((behind, after), goal) for goal, after in best]

    def completable(self, progress: Counts) -> bool:
        """Whether some items lead from `progress` to an array that may close: depth first over the counts."""
        known = self._completable
        if progress in known:
            return known[progress]
        path, todo = [progress], [self._promising(progress)]
        visited = {progress}
        while path:
            here = path[-1]
            if known.get(here) or self.may_close(here):
                known.update(dict.fromkeys(path, True))
                return True
            following = next((c for c in todo[-1] if c not in visited and known.get(c) is not False), None)
            if following is None:
                path.pop()
                todo.pop()
                continue
            visited.add(following)
            path.append(following)
            todo.append(self._promising(following))
            if len(visited) > MAX_COUNTS:
                raise _too_many("counting the items that an array contains takes too many states")
        # All that was visited leads nowhere.
        known.update(dict.fromkeys(visited, False))
        return False

    def _promising(self, progress: Counts) -> list[Counts]:
        """The counts behind one more item, those first that have counted most."""
        return sorted((after for after, _ in self._after(progress)), key=lambda c: sum(c[1]), reverse=True)


def _ways(contains: Contains, index: int, count: int) -> list[tuple[Goal, int]]:
    """How the item at `index` may change one count: what it has to be like, and the count behind it."""
    goal = contains.items.at(index)
    if contains.high is None:
        if count >= contains.low or goal == NOTHING:
            return [(ANYTHING, count)]
        # Only a lower bound: an item that is not known to match may still do so.
        return [(goal, count + 1)] if goal == ANYTHING else [(goal, count + 1), (ANYTHING, count)]
    ways = [] if goal == NOTHING or count == contains.high else [(goal, count + 1)]
    return ways if goal == ANYTHING else [*ways, (negated(goal), count)]


def _too_many(message: str) -> CompileBudgetExceeded:
    return CompileBudgetExceeded(
        message, keyword="contains", hint="lower minContains, maxContains, minItems or maxItems"
    )
