"""The exact law of what a sampler returns: it is run once for each course that its random decisions can take."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

import numpy as np

from ..errors import GramaskError
from .choices import Choices, Floats

Result = TypeVar("Result", bound=Hashable)
TAIL = 1e-15
"""Longer runs of failures than those that are together less probable are left out."""


def enumerate_law(run: Callable[[Choices], Result], *, max_runs: int = 1_000_000) -> dict[Result, float]:
    """The probability of each result of `run`.

    run : calls a sampler with the given choices, on nothing that an earlier run has changed. It has to come to an end
          whatever is chosen.
    The sum differs from 1 by rounding, and by what TAIL leaves out. Raises GramaskError for more than `max_runs` runs.
    """
    law: dict[Result, float] = {}
    course: list[_Branch] = []
    for _ in range(max_runs):
        choices = _Course(course)
        result = run(choices)
        if len(course) > choices.depth:
            raise GramaskError(
                "a sampler chose otherwise when it was run again", hint="draw from `choices` only"
            )
        law[result] = law.get(result, 0.0) + choices.probability
        while course and not course[-1].advance():
            course.pop()
        if not course:
            return law
    raise GramaskError(f"more than {max_runs} courses", hint="enumerate something smaller")


class _Branch:
    """A decision: the probabilities of its outcomes, and the one that is looked at."""

    def __init__(self, probabilities: Floats) -> None:
        self.probabilities = probabilities
        self.outcome = -1
        self.advance()

    def advance(self) -> bool:
        """Go to the next outcome that is possible; False if there is none."""
        possible = np.flatnonzero(self.probabilities[self.outcome + 1 :])
        if len(possible):
            self.outcome += 1 + int(possible[0])
        return len(possible) > 0


class _Course(Choices):
    """Takes the decisions of a course, and the first possible outcome where it ends."""

    def __init__(self, course: list[_Branch]) -> None:
        self.probability = 1.0
        self.depth = 0
        self._course = course

    def categorical(self, weights: Floats) -> int:
        if self.depth == len(self._course):
            self._course.append(_Branch(np.asarray(weights, np.float64) / np.sum(weights)))
        branch = self._course[self.depth]
        self.depth += 1
        self.probability *= float(branch.probabilities[branch.outcome])
        return branch.outcome

    def geometric(self, p: float) -> int:
        n = 1 if p >= 1.0 else int(np.ceil(np.log(TAIL) / np.log1p(-p)))
        return self._drawn(np.asarray(p * (1.0 - p) ** np.arange(n), np.float64))

    def _drawn(self, probabilities: Floats) -> int:
        """An outcome whose probabilities need not sum to 1."""
        rest = max(0.0, 1.0 - float(probabilities.sum()))
        outcome = self.categorical(np.append(probabilities, rest if rest > TAIL else 0.0))
        return min(outcome, len(probabilities) - 1)

    def uniform(self, cuts: Sequence[float]) -> float:
        edges = np.array([0.0, *cuts, 1.0])
        between = self.categorical(np.diff(edges))
        return float(edges[between] + edges[between + 1]) / 2
