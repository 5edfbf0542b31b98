"""Goals without some values, where items must differ.

What a value is, is known when it ends. Where an automaton must keep a text from becoming some value, because nothing
else would be left to become, the value is left out of its goal (`Goals.differs`), and the automaton of the rest is
built. Where there is always something else to become, that would be work and states for nothing, for each item the
more the longer those before it are: the goal stays as it is, and whoever has the text refuses the value at its end.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from .containers import Live, Step
from .finite_values import FiniteValues
from .goals import Goals
from .scalars import string_lexeme
from .seen_values import SeenValues
from .shapes import NUMBER, STRING, Goal, conjoin


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What plans ask whose items must not have some values."""

    goals: Goals
    live: Live
    finite: FiniteValues
    _are_roomy: dict[Goal, bool] = field(default_factory=dict)
    _n_numbers: dict[Goal, tuple[int, bool]] = field(default_factory=dict)

    def exact(self, goal: Goal, values: SeenValues) -> frozenset[str]:
        """Those of `values` that the goal must leave out itself, by their canonical texts."""
        strings = len(values.strings) > 0 and not self.has_roomy_strings(goal)
        numbers = len(values.numbers) > 0 and not self._has_more_numbers(goal, len(values.numbers))
        return values.texts(strings=strings, numbers=numbers)

    def step(self, step: Step, progress: Hashable, forbidden: frozenset[str]) -> list[Step]:
        """`step` to `progress` with a value that is none of `forbidden`; nothing where there is none."""
        other = self.goals.differs(forbidden)
        goal = conjoin(step.goal, other)
        if not self.live(goal):
            return []
        observed = ((key, conjoin(g, other)) for key, g in step.observed)
        return [Step(progress, goal, tuple((key, g) for key, g in observed if self.live(g)))]

    def has_roomy_strings(self, goal: Goal) -> bool:
        """Whether whatever a string of `goal` begins with, there is no end of ways to go on (or it has no strings)."""
        found = self._are_roomy.get(goal)
        if found is None:
            found = self._are_roomy[goal] = self._find_roomy(goal)
        return found

    def _find_roomy(self, goal: Goal) -> bool:
        shapes = frozenset(s.strings for s in self.goals.alternatives(goal) if s.types & STRING)
        if not shapes:
            return True
        lexeme, _ = string_lexeme((shapes,))
        return lexeme.high is None and not lexeme.runs_out

    def _has_more_numbers(self, goal: Goal, n: int) -> bool:
        """Whether `goal` has more than `n` numbers (or none)."""
        # How many there are at least, and whether that is all: counted anew for twice as many only.
        least, is_all = self._n_numbers.get(goal, (0, False))
        if least <= n and not is_all:
            least, is_all = self._n_numbers[goal] = self._count_numbers(goal, 2 * n)
        return least > n or (is_all and least == 0)

    def _count_numbers(self, goal: Goal, limit: int) -> tuple[int, bool]:
        """How many numbers an alternative of `goal` has, the one with the most; `limit` + 1 for more."""
        counts = [0]
        for shape in self.goals.alternatives(goal):
            if shape.types & NUMBER:
                values = self.finite.of_type(shape, NUMBER, limit)
                if values is None:
                    return limit + 1, False
                counts.append(len(values))
        return max(counts), True
