"""What plans of objects and of arrays have in common."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import NamedTuple

from .seen_values import SeenValues
from .shapes import Goal

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


class ContainerPlan:
    """What may come next in an object or array. `start` is the progress before the first member or item.

    A plan may wait for the value of the last one, which an automaton does not know. Until it is told (`learned`), all
    is allowed that some value allows.
    """

    start: Hashable

    @property
    def is_possible(self) -> bool:
        """Whether there is any such object or array."""
        raise NotImplementedError

    def may_close(self, progress: Hashable) -> bool:
        """Whether the object or array may end."""
        raise NotImplementedError

    def settled(self, progress: Hashable, keys: set[int]) -> Hashable:
        """`progress` when a value turned out to satisfy the observed goals with these keys."""
        return progress

    def waits(self, progress: Hashable, begun: bytes = b"") -> bool:
        """Whether the value of the last member or item matters, which begins with the text `begun`."""
        return False

    def learned(self, progress: Hashable, value: str) -> Hashable | None:
        """`progress` with the canonical text of the last value, None where nothing follows."""
        return progress

    def barred(self, progress: Hashable) -> list[SeenValues]:
        """Sets of values that the last member or item cannot have, though its goal does not say so."""
        return []

    def blurred(self, progress: Hashable) -> Hashable:
        """Equal for what an object or array can be completed from alike, if not in as few bytes."""
        return progress
