"""Objects and arrays that are none of some values.

Progress knows the values that the text equals so far. As for items that must differ, the value of a member or item is
not known to an automaton and told when it ends; while it is unknown it counts as another one.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, NamedTuple

from .arrays import ArrayPlan
from .canonical import canonical, kept_items, kept_members, kept_value, may_become
from .containers import Step
from .finite_values import FiniteValues, Values
from .membership import Membership
from .narrowing import Narrowing
from .objects import ObjectPlan
from .seen_values import NO_VALUES, SeenValues


@dataclass(frozen=True, slots=True)
class Tools:
    """What these plans ask."""

    narrowing: Narrowing
    membership: Membership

    @property
    def finite(self) -> FiniteValues:
        return self.narrowing.finite

    def step(self, step: Step, progress: Alike, forbidden: set[str]) -> list[Step]:
        """`step` to `progress` with a value that is none of `forbidden`."""
        values = SeenValues.of(forbidden)
        exact = self.narrowing.exact(step.goal, values)
        if len(exact) < len(forbidden):
            progress = progress._replace(barred=SeenValues.of(forbidden - exact))
        return self.narrowing.step(step, progress, exact)

    def steps(
        self,
        plan: ExcludingObjectPlan | ExcludingArrayPlan,
        steps: list[Step],
        values: dict[str, str],
        read: frozenset[str] | int,
        name: str,
    ) -> list[Step]:
        """`steps` of what `plan` is made from, so that something is left to differ in.

        values : the next member's or item's value in each value that equals what was read so far.
        read, name : as in `Alike`, behind it.
        """
        same: dict[str, list[str]] = {}
        for text, value in values.items():
            same.setdefault(value, []).append(text)
        found = []
        for step in steps:
            forbidden = set()
            for value, alike in same.items():
                after = self.settled(plan.inner, step, value)
                if after is None or not plan.can_differ(after, alike, read):
                    forbidden.add(value)
            left = frozenset(text for text, value in values.items() if value not in forbidden)
            behind = Alike(step.progress, left, read, name) if left else Alike(step.progress)
            found += self.step(step, behind, forbidden)
        return found

    def settled(self, plan: ObjectPlan | ArrayPlan, step: Step, value: str) -> Hashable | None:
        """The progress of `plan` behind a member or item with this canonical text."""
        progress = step.progress
        if step.observed:
            known = kept_value(value)
            keys = {key for key, goal in step.observed if self.membership.holds(goal, known)}
            progress = plan.settled(progress, keys)
        return plan.learned(progress, value)


class Alike(NamedTuple):
    """What was read so far.

    inner   : the progress without regard to the values left out.
    values  : canonical texts of those that equal it so far, but for the last member or item if that is `unknown`.
    read    : the names of its members, or its number of items; nothing if there are no such values.
    unknown : the name of a member, or "" for an item, whose value is not known yet.
    barred  : the values that this is not, beside those that its goal leaves out.
    """

    inner: Hashable
    values: frozenset[str] = frozenset()
    read: frozenset[str] | int = 0
    unknown: str | None = None
    barred: SeenValues = NO_VALUES

    def waits(self, begun: bytes) -> bool:
        """Whether what begins with `begun` may become one of `barred`."""
        return bool(self.barred) and any(may_become(begun, kept_value(text)) for text in self.barred.texts())


class ExcludingObjectPlan(ObjectPlan):
    """An object plan without the objects `excluded` (canonical texts). Their names are names of `inner`."""

    def __init__(self, inner: ObjectPlan, excluded: frozenset[str], tools: Tools) -> None:
        self.inner = inner
        self.names = inner.names
        self.index = inner.index
        self.others = inner.others
        self._tools = tools
        self._objects: dict[str, dict[str, Any]] = {text: kept_value(text) for text in excluded}
        self._members = {text: kept_members(text) for text in excluded}
        self._steps: dict[tuple[Hashable, str], list[Step]] = {}
        self._ways: dict[tuple[Hashable, int], Values | None] = {}
        self.start = Alike(inner.start, excluded, frozenset())

    def candidates(self, progress: Hashable) -> list[str]:
        assert isinstance(progress, Alike)
        names = self.inner.candidates(progress.inner)
        return [name for name in names if self.after(progress, name)] if self._alike(progress) else names

    def after(self, progress: Hashable, name: str) -> list[Step]:
        assert isinstance(progress, Alike)
        found = self._steps.get((progress, name))
        if found is None:
            found = self._steps[progress, name] = self._after(progress, name)
        return found

    def _after(self, progress: Alike, name: str) -> list[Step]:
        alike = [text for text in self._alike(progress) if name in self._members[text]]
        steps = self.inner.after(progress.inner, name)
        if not alike:
            return [step._replace(progress=Alike(step.progress)) for step in steps]
        assert isinstance(progress.read, frozenset)
        read = progress.read | {name}
        values = {text: self._members[text][name] for text in alike}
        return self._tools.steps(self, steps, values, read, name)

    def after_other(self, progress: Hashable, kind: int) -> list[Step]:
        assert isinstance(progress, Alike)
        steps = self.inner.after_other(progress.inner, kind)
        return [step._replace(progress=Alike(step.progress)) for step in steps]

    def settled(self, progress: Hashable, keys: set[int]) -> Hashable:
        assert isinstance(progress, Alike)
        return progress._replace(inner=self.inner.settled(progress.inner, keys))

    def may_close(self, progress: Hashable) -> bool:
        assert isinstance(progress, Alike)
        is_equal = any(self._objects[text].keys() == progress.read for text in self._alike(progress))
        return not is_equal and self.inner.may_close(progress.inner)

    def needed_names(self, progress: Hashable) -> list[str]:
        assert isinstance(progress, Alike)
        return [] if self._alike(progress) else self.inner.needed_names(progress.inner)

    def n_missing(self, progress: Hashable) -> int:
        assert isinstance(progress, Alike)
        return self.inner.n_missing(progress.inner)

    def open_classes(self, progress: Hashable) -> tuple[int, ...]:
        assert isinstance(progress, Alike)
        return self.inner.open_classes(progress.inner)

    def waits(self, progress: Hashable, begun: bytes = b"") -> bool:
        assert isinstance(progress, Alike)
        name = progress.unknown
        is_like = name is not None and any(
            may_become(begun, self._objects[text][name]) for text in progress.values
        )
        return is_like or progress.waits(begun)

    def learned(self, progress: Hashable, value: str) -> Hashable | None:
        assert isinstance(progress, Alike)
        if value in progress.barred:
            return None
        name = progress.unknown
        if name is None:
            return progress._replace(barred=NO_VALUES)
        same = frozenset(text for text in progress.values if self._members[text][name] == value)
        return Alike(progress.inner, same, progress.read) if same else Alike(progress.inner)

    def barred(self, progress: Hashable) -> list[SeenValues]:
        assert isinstance(progress, Alike)
        return [progress.barred] if progress.barred else []

    def _alike(self, progress: Alike) -> frozenset[str]:
        """The values that equal what was read, all of it being known."""
        return progress.values if progress.unknown is None else frozenset()

    def can_differ(self, inner: Hashable, alike: list[str], read: frozenset[str] | int) -> bool:
        """Whether some members complete an object from `inner` on otherwise than all of `alike`."""
        key = (inner, len(alike))
        if key not in self._ways:
            self._ways[key] = self._tools.finite.of_objects(self.inner, *key)
        ways = self._ways[key]
        if ways is None:
            return True
        assert isinstance(read, frozenset)
        rests = ({n: v for n, v in self._objects[text].items() if n not in read} for text in alike)
        return not ways.keys() <= set(map(canonical, rests))


class ExcludingArrayPlan(ArrayPlan):
    """An array plan without the arrays `excluded` (canonical texts)."""

    def __init__(self, inner: ArrayPlan, excluded: frozenset[str], tools: Tools) -> None:
        self.inner = inner
        self._tools = tools
        self._arrays: dict[str, list[Any]] = {text: kept_value(text) for text in excluded}
        self._items = {text: kept_items(text) for text in excluded}
        self._steps: dict[Hashable, list[Step]] = {}
        self._ways: dict[tuple[Hashable, int], Values | None] = {}
        self.start = Alike(inner.start, excluded)

    def after_item(self, progress: Hashable) -> list[Step]:
        found = self._steps.get(progress)
        if found is None:
            assert isinstance(progress, Alike)
            found = self._steps[progress] = self._after(progress)
        return found

    def _after(self, progress: Alike) -> list[Step]:
        n = progress.read
        assert isinstance(n, int)
        alike = [text for text in self._alike(progress) if len(self._items[text]) > n]
        steps = self.inner.after_item(progress.inner)
        if not alike:
            return [step._replace(progress=Alike(step.progress)) for step in steps]
        values = {text: self._items[text][n] for text in alike}
        return self._tools.steps(self, steps, values, n + 1, "")

    def settled(self, progress: Hashable, keys: set[int]) -> Hashable:
        assert isinstance(progress, Alike)
        return progress._replace(inner=self.inner.settled(progress.inner, keys))

    def may_close(self, progress: Hashable) -> bool:
        assert isinstance(progress, Alike)
        is_equal = any(len(self._items[text]) == progress.read for text in self._alike(progress))
        return not is_equal and self.inner.may_close(progress.inner)

    def waits(self, progress: Hashable, begun: bytes = b"") -> bool:
        assert isinstance(progress, Alike)
        return (
            self._waits(progress, begun) or progress.waits(begun) or self.inner.waits(progress.inner, begun)
        )

    def _waits(self, progress: Alike, begun: bytes) -> bool:
        if progress.unknown is None:
            return False
        assert isinstance(progress.read, int)
        return any(may_become(begun, self._arrays[text][progress.read - 1]) for text in progress.values)

    def learned(self, progress: Hashable, value: str) -> Hashable | None:
        assert isinstance(progress, Alike)
        inner = self.inner.learned(progress.inner, value)
        if inner is None or value in progress.barred:
            return None
        if progress.unknown is None:
            return progress._replace(inner=inner, barred=NO_VALUES)
        assert isinstance(progress.read, int)
        same = (text for text in progress.values if self._items[text][progress.read - 1] == value)
        left = frozenset(same)
        return Alike(inner, left, progress.read) if left else Alike(inner)

    def blurred(self, progress: Hashable) -> Hashable:
        assert isinstance(progress, Alike)
        return progress._replace(inner=self.inner.blurred(progress.inner))

    def harmless_types(self, progress: Hashable) -> int | None:
        assert isinstance(progress, Alike)
        return None if progress.unknown is not None else self.inner.harmless_types(progress.inner)

    def barred(self, progress: Hashable) -> list[SeenValues]:
        assert isinstance(progress, Alike)
        return [*([progress.barred] if progress.barred else []), *self.inner.barred(progress.inner)]

    def _alike(self, progress: Alike) -> frozenset[str]:
        return progress.values if progress.unknown is None else frozenset()

    def can_differ(self, inner: Hashable, alike: list[str], n: frozenset[str] | int) -> bool:
        """Whether some items complete an array from `inner` on otherwise than all of `alike`."""
        key = (inner, len(alike))
        if key not in self._ways:
            self._ways[key] = self._tools.finite.of_arrays(self.inner, *key)
        ways = self._ways[key]
        assert isinstance(n, int)
        return ways is None or not ways.keys() <= {canonical(self._arrays[text][n:]) for text in alike}
