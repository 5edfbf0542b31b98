"""Arrays without equal items.

The values seen are part of the progress: the next item satisfies its goal and is none of them. What value an item had
is not known to an automaton; the matcher, which has the text, tells the plan when an item ends (`learned`).
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import cached_property
from typing import NamedTuple

from ...errors import CompileBudgetExceeded
from .arrays import ArrayPlan
from .containers import Step
from .finite_values import MANY_VALUES, FiniteValues
from .matching import Matching
from .narrowing import Narrowing
from .seen_values import SeenValues
from .shapes import ARRAY, NUMBER, OBJECT, ROOMY_STRINGS, STRING, Arrays, Goal

MAX_PLACES = 256
"""Each item that has to be there is one more value that the next ones have to differ from."""
MAX_WAYS = 5_000
_UNKNOWN = 2


class Seen(NamedTuple):
    """The items so far.

    inner   : the progress of the array without regard to equal items.
    values  : those of them that are known.
    unknown : how many of them are not known, at most _UNKNOWN.
    """

    inner: Hashable
    values: SeenValues = SeenValues()
    unknown: int = 0


class UniqueArrayPlan(ArrayPlan):
    """An array plan whose items differ."""

    def __init__(self, inner: ArrayPlan, arrays: Arrays, narrowing: Narrowing) -> None:
        self.inner = inner
        self._narrowing = narrowing
        self._finite: FiniteValues = narrowing.finite
        # No array has to be longer than this to be completed.
        prefixes = [len(arrays.items.prefix), *(len(c.items.prefix) for c in arrays.contains)]
        self._least = max(arrays.low, *prefixes) + sum(contains.low for contains in arrays.contains)
        self._arrays = arrays
        self._critical: dict[tuple[Hashable, frozenset[str]], frozenset[str] | None] = {}
        self._steps: dict[Seen, list[Step]] = {}
        self._harmless: dict[Seen, int] = {}
        self.start = Seen(inner.start)

    @property
    def is_possible(self) -> bool:
        return self.inner.is_possible and self.critical(self.inner.start, frozenset()) is not None

    def may_close(self, progress: Hashable) -> bool:
        assert isinstance(progress, Seen)
        return self.inner.may_close(progress.inner)

    def settled(self, progress: Hashable, keys: set[int]) -> Hashable:
        assert isinstance(progress, Seen)
        return progress._replace(inner=self.inner.settled(progress.inner, keys))

    def waits(self, progress: Hashable, begun: bytes = b"") -> bool:
        return True

    def learned(self, progress: Hashable, value: str) -> Hashable | None:
        assert isinstance(progress, Seen)
        return None if value in progress.values else Seen(progress.inner, progress.values.with_(value))

    def barred(self, progress: Hashable) -> list[SeenValues]:
        assert isinstance(progress, Seen)
        return [progress.values]

    def blurred(self, progress: Hashable) -> Hashable:
        # Whatever values were seen, others are left for the items that have to come.
        assert isinstance(progress, Seen)
        return progress.inner, len(progress.values)

    def harmless_types(self, progress: Hashable) -> int | None:
        assert isinstance(progress, Seen)
        found = self._harmless.get(progress)
        if found is None:
            found = self._harmless[progress] = self._harmless_types(progress)
        return found

    def _harmless_types(self, progress: Seen) -> int:
        limit = self._limit(len(progress.values) + 1)
        if not self._is_endless(limit):
            return 0
        types = NUMBER | STRING | ARRAY | OBJECT
        for step in self.inner.after_item(progress.inner):
            types &= self._finite.endless_types(step.goal, limit)
        return types | ROOMY_STRINGS if self._is_roomy else types

    @cached_property
    def _is_roomy(self) -> bool:
        items = self._arrays.items
        return all(map(self._narrowing.has_roomy_strings, {*items.prefix, items.rest}))

    def after_item(self, progress: Hashable) -> list[Step]:
        assert isinstance(progress, Seen)
        found = self._steps.get(progress)
        if found is None:
            found = self._steps[progress] = self._after(progress)
        return found

    def _after(self, seen: Seen) -> list[Step]:
        steps = self.inner.after_item(seen.inner)
        ways = self.inner.variants(seen.inner)
        critical = {after: self._critical_behind(after, seen.values) for after, _ in ways}
        if not any(step.observed for step in steps) or any(
            found != frozenset() for found in critical.values()
        ):
            # What an item turns out to be matters to the others: each way is a step of its own.
            steps = [Step(after, goal) for after, goal in ways]
        found = []
        for step in steps:
            forbidden = critical.get(step.progress, frozenset())
            if forbidden is None:
                continue
            forbidden |= self._narrowing.exact(step.goal, seen.values)
            behind = Seen(step.progress, seen.values, min(seen.unknown + 1, _UNKNOWN))
            found += self._narrowing.step(step, behind, forbidden)
        return found

    # Whether enough values are left

    def _critical_behind(self, progress: Hashable, taken: SeenValues) -> frozenset[str] | None:
        if self._is_endless(self._limit(len(taken))):
            return frozenset()
        return self.critical(progress, taken.texts())

    def critical(self, progress: Hashable, taken: frozenset[str]) -> frozenset[str] | None:
        """The values that no item may take so that the array can still be completed behind `progress` of `inner`.

        taken : those that items have. None where it cannot be completed as it is.
        """
        if self._is_endless(self._limit(len(taken))):
            return frozenset()
        key = (progress, taken)
        if key not in self._critical:
            used = self._completion(progress, taken)
            self._critical[key] = used and frozenset(
                value for value in used if self._completion(progress, taken | {value}) is None
            )
        return self._critical[key]

    def _limit(self, n_taken: int) -> int:
        """Goals with more values than this are never used up by the items that have to come."""
        return max(MANY_VALUES, n_taken + self._least)

    def _is_endless(self, limit: int) -> bool:
        """Whether no item ever lacks a value, wherever it stands."""
        items = self._arrays.items
        return not self._arrays.contains and all(
            self._finite.of(goal, limit) is None for goal in {*items.prefix, items.rest}
        )

    def _completion(self, progress: Hashable, taken: frozenset[str]) -> frozenset[str] | None:
        """Some completion: the values in it of items that have few to choose from; None where there is no completion.

        Depth first over the ways to go on. A way is given up where the items with few values cannot all differ (a
        bipartite matching, Kuhn 1955).
        """
        limit = self._limit(len(taken))
        todo: list[tuple[Hashable, Matching, tuple[Goal, ...]]] = [(progress, Matching(), ())]
        visited: set[tuple[Hashable, tuple[Goal, ...]]] = set()
        while todo:
            here, matching, places = todo.pop()
            if self.inner.may_close(here):
                return frozenset(matching.values)
            # From the last to the first: the first is looked at next.
            for after, goal in reversed(self.inner.variants(here)):
                values = self._finite.of(goal, limit)
                behind = places if values is None else tuple(sorted((*places, goal)))
                if (after, behind) in visited:
                    continue
                visited.add((after, behind))
                extended = matching if values is None else matching.extended(values.keys() - taken)
                if extended is not None:
                    todo.append((after, extended, behind))
            if len(visited) > MAX_WAYS or len(places) > MAX_PLACES:
                raise CompileBudgetExceeded(
                    f"more than {MAX_PLACES} items of few values that all differ, or too many ways to choose them",
                    keyword="uniqueItems",
                    hint="lower minItems, or drop contains",
                )
        return None
