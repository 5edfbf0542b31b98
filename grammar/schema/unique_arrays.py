"""Arrays without equal items.

The values seen are part of the progress: the next item satisfies its goal and is none of them. What value an item had
is not known to an automaton; the matcher, which has the text, tells the plan when an item ends (`learned`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import NamedTuple

from ...errors import CompileBudgetExceeded
from .arrays import ArrayPlan
from .finite_values import FiniteValues, Values, critical_values
from .objects import Live, Step
from .shapes import ARRAY, OBJECT, STRING, Arrays, Goal, conjoin

MANY_VALUES = 64
"""A goal with more values than this, and than items are asked for, is never used up in an array of usual length."""
MAX_PLACES = 256
"""Each item that has to be there is one more value that the next ones have to differ from."""


class Seen(NamedTuple):
    """The items so far.

    inner  : the progress of the array without regard to equal items.
    n      : how many items.
    values : their canonical texts.
    """

    inner: Hashable
    n: int
    values: frozenset[str]


class UniqueArrayPlan(ArrayPlan):
    """An array plan whose items differ.

    differs : the goal of all values but those with these canonical texts.
    """

    def __init__(
        self,
        inner: ArrayPlan,
        arrays: Arrays,
        live: Live,
        finite: FiniteValues,
        differs: Callable[[frozenset[str]], Goal],
    ) -> None:
        self.inner = inner
        self.arrays = arrays
        self._live = live
        self._finite = finite
        self._differs = differs
        self._steps: dict[Seen, list[Step]] = {}
        self.start = Seen(inner.start, 0, frozenset())

    def may_close(self, progress: Hashable) -> bool:
        assert isinstance(progress, Seen)
        return self.inner.may_close(progress.inner)

    def settled(self, progress: Hashable, keys: set[int]) -> Hashable:
        assert isinstance(progress, Seen)
        return progress._replace(inner=self.inner.settled(progress.inner, keys))

    def learned(self, progress: Hashable, value: str) -> Hashable:
        """`progress` with the canonical text of the last item."""
        assert isinstance(progress, Seen)
        return progress._replace(values=progress.values | {value})

    def safe_types(self, progress: Hashable) -> int:
        """The types of which the next item has many values: a bit set over strings, arrays and objects."""
        assert isinstance(progress, Seen)
        if len(progress.values) >= MANY_VALUES - 1 or progress.n < self.arrays.low:
            return 0
        types = self._finite.infinite_types(self.arrays.items.at(progress.n), MANY_VALUES)
        return types & (STRING | ARRAY | OBJECT)

    def after_item(self, progress: Hashable) -> list[Step]:
        assert isinstance(progress, Seen)
        found = self._steps.get(progress)
        if found is None:
            found = self._steps[progress] = self._after(progress)
        return found

    def _after(self, progress: Seen) -> list[Step]:
        critical = critical_values(_places(self.arrays, self._finite, progress.n + 1), progress.values)
        if critical is None:
            return []
        other = self._differs(progress.values | critical)
        n = min(progress.n + 1, self._counted)
        found = []
        for step in self.inner.after_item(progress.inner):
            goal = conjoin(step.goal, other)
            if self._live(goal):
                observed = ((key, conjoin(g, other)) for key, g in step.observed)
                kept = tuple((key, g) for key, g in observed if self._live(g))
                found.append(Step(Seen(step.progress, n, progress.values), goal, kept))
        return found

    @property
    def _counted(self) -> int:
        return max(self.arrays.low, len(self.arrays.items.prefix))


def can_differ(arrays: Arrays, finite: FiniteValues) -> bool:
    """Whether the items that every such array has can differ from each other."""
    return arrays.low < 2 or critical_values(_places(arrays, finite, 0), ()) is not None


def _places(arrays: Arrays, finite: FiniteValues, first: int) -> list[Values]:
    """The values of each item from `first` on that must be there, as far as they are few."""
    low, items = arrays.low, arrays.items
    if low > MAX_PLACES:
        raise CompileBudgetExceeded(
            f"more than {MAX_PLACES} items that all differ", keyword="uniqueItems", hint="lower minItems"
        )
    limit = max(MANY_VALUES, low)
    found = [finite.of(goal, limit) for goal in items.prefix[first:low]]
    n_rest = low - max(first, len(items.prefix))
    if n_rest > 0:
        rest = finite.of(items.rest, limit)
        found += [rest] * n_rest if rest is not None else []
    return [values for values in found if values is not None]
