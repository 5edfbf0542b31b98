"""Arrays with two equal items: what `uniqueItems` asks for where it is negated.

As in arrays without equal items, the matcher tells what value an item had. Whether an item equals a known one before it
the automaton finds out itself, so that the shortest way to the end is one that it knows.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

from ...errors import CompileBudgetExceeded
from .arrays import ArrayPlan
from .canonical import value_of
from .containers import Live, Step
from .shapes import Goal, conjoin

MAX_WAYS = 5_000


class Before(NamedTuple):
    """The items so far.

    inner     : the progress of the array without regard to equal items.
    values    : their canonical texts; none any more when two were equal.
    has_equal : whether two were equal.
    unknown   : how many of them are not known yet, at most 2.
    """

    inner: Hashable
    values: frozenset[str] = frozenset()
    has_equal: bool = False
    unknown: int = 0


class RepeatedItemsPlan(ArrayPlan):
    """An array plan some two items of which are equal.

    equals : the goal of exactly the values with these canonical texts.
    """

    def __init__(
        self,
        inner: ArrayPlan,
        live: Live,
        holds: Callable[[Goal, Any], bool],
        equals: Callable[[frozenset[str]], Goal],
    ) -> None:
        self.inner = inner
        self._live = live
        self._holds = holds
        self._equals = equals
        self._completable: dict[Before, bool] = {}
        self.start = Before(inner.start)

    @property
    def is_possible(self) -> bool:
        assert isinstance(self.start, Before)
        return self.inner.is_possible and self.completable(self.start)

    def may_close(self, progress: Hashable) -> bool:
        assert isinstance(progress, Before)
        return (progress.has_equal or progress.unknown > 1) and self.inner.may_close(progress.inner)

    def settled(self, progress: Hashable, keys: set[int]) -> Hashable:
        assert isinstance(progress, Before)
        return progress._replace(inner=self.inner.settled(progress.inner, keys))

    def waits(self, progress: Hashable, begun: bytes = b"") -> bool:
        assert isinstance(progress, Before)
        return not progress.has_equal

    def learned(self, progress: Hashable, value: str) -> Hashable | None:
        assert isinstance(progress, Before)
        if progress.has_equal:
            return progress
        if value in progress.values:
            return Before(progress.inner, has_equal=True)
        # The step to here was one from which two items can still be equal.
        return Before(progress.inner, progress.values | {value})

    def blurred(self, progress: Hashable) -> Hashable:
        assert isinstance(progress, Before)
        return progress.inner, len(progress.values), progress.has_equal

    def after_item(self, progress: Hashable) -> list[Step]:
        assert isinstance(progress, Before)
        if progress.has_equal or progress.unknown:
            around = progress._replace(unknown=0 if progress.has_equal else 2)
            return [
                step._replace(progress=around._replace(inner=step.progress))
                for step in self.inner.after_item(progress.inner)
            ]
        found: dict[Step, None] = {}
        for after, goal in self.inner.variants(progress.inner):
            behind = progress._replace(inner=after)
            if progress.values:
                equal = Step(Before(after, has_equal=True), conjoin(goal, self._equals(progress.values)))
                found[equal] = None
            # It may be anything else as well, or has to be what a later one can be.
            is_free = self.completable(behind)
            for narrowed in [goal] if is_free else [conjoin(goal, later) for later in self._later(after)]:
                found[Step(behind._replace(unknown=1), narrowed)] = None
        return [step for step in found if self._live(step.goal)]

    def _later(self, progress: Hashable) -> list[Goal]:
        """The goals that items behind `progress` may have."""
        found: dict[Goal, None] = {}
        todo, visited = [progress], {progress}
        while todo:
            for after, goal in self.inner.variants(todo.pop()):
                found[goal] = None
                if after not in visited:
                    visited.add(after)
                    todo.append(after)
            if len(visited) > MAX_WAYS:
                raise _too_many()
        return list(found)

    def completable(self, progress: Before) -> bool:
        """Whether some items lead from `progress` to an array that may close, two of them being equal."""
        found = self._completable.get(progress)
        if found is None:
            found = self._completable[progress] = progress.has_equal or self._search(progress)
        return found

    def _search(self, progress: Before) -> bool:
        """Depth first: a goal that comes behind one with which it has a value in common makes two items equal."""
        values = list(map(value_of, progress.values))
        start = (progress.inner, frozenset[Goal]())
        todo, visited = [start], {start}
        while todo:
            here, goals = todo.pop()
            for after, goal in self.inner.variants(here):
                # All ways of `inner` lead to its end.
                if any(self._live(conjoin(goal, other)) for other in goals):
                    return True
                if any(self._holds(goal, value) for value in values):
                    return True
                way = (after, goals | {goal})
                if way not in visited:
                    visited.add(way)
                    todo.append(way)
            if len(visited) > MAX_WAYS:
                raise _too_many()
        return False


def _too_many() -> CompileBudgetExceeded:
    return CompileBudgetExceeded(
        "too many ways for two items to be equal",
        keyword="uniqueItems",
        hint="do not negate uniqueItems, or drop contains",
    )
