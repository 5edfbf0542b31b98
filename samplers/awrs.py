"""Adaptive weighted rejection sampling: a token that is valid, and its weight, from few questions whether a token is.

A weight is proper: the expected weight, on those outcomes where a certain token comes out, is its probability if it
is valid, and 0 if not. So the product of the weights of a text's tokens is an unbiased estimate of its probability.
Source: Lipkin et al. (2025), "Fast Controlled Generation from Language Models with Adaptive Weighted Rejection
Sampling", section 3 (`paper`); for the others, see each function.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np

from .arguments import one_of
from .choices import Choices, Floats

IsValid = Callable[[int], bool]
Drawn = tuple[int, float] | None
"""An index and its weight; None, which has weight 0, where nothing is valid."""
Estimator = Literal["paper", "recursive", "geometric"]
FEW = 64
"""As many are one block."""


def draw_valid(
    probabilities: Floats, is_valid: IsValid, choices: Choices, estimator: Estimator = "recursive"
) -> Drawn:
    """A valid index.

    probabilities : float64[n], of a law, all above 0.  is_valid : asked of an index at most once.
    estimator     : "recursive" varies least where little is valid, "geometric" asks least where most is.
    Raises GramaskError for another estimator.
    """
    one_of("estimator", estimator, ESTIMATORS)
    return ESTIMATORS[estimator](_Draws(probabilities, is_valid, choices))


class _Draws:
    """Draws from what was not found invalid: a block of indices, then one of them; of n, about sqrt(n) are read.

    left : the probability of that.
    """

    def __init__(self, probabilities: Floats, is_valid: IsValid, choices: Choices) -> None:
        self.probabilities = probabilities
        self.choices = choices
        self._is_valid = is_valid
        n = len(probabilities)
        self._width = n if n <= FEW else math.isqrt(n) + 1
        blocks = np.zeros((-(-n // self._width), self._width))
        blocks.flat[:n] = probabilities
        self._blocks = blocks
        self._sums = blocks.sum(axis=1)
        self._answers: dict[int, bool] = {}

    @property
    def left(self) -> float:
        return float(self._sums.sum())

    def draw(self, without: int = -1) -> int:
        """An index other than `without`, -1 if there is none."""
        if without < 0:
            return self._drawn()
        self._set(without, 0.0)
        found = self._drawn()
        self._set(without, float(self.probabilities[without]))
        return found

    def ask(self, index: int) -> bool:
        """Whether an index is valid; if not, it is not drawn again."""
        answer = self._answers.get(index)
        if answer is None:
            answer = self._answers[index] = self._is_valid(index)
            if not answer:
                self._set(index, 0.0)
        return answer

    def _drawn(self) -> int:
        if not self._sums.any():
            return -1
        block = self.choices.categorical(self._sums) if len(self._sums) > 1 else 0
        return block * self._width + self.choices.categorical(self._blocks[block])

    def _set(self, index: int, weight: float) -> None:
        block, place = divmod(index, self._width)
        self._blocks[block, place] = weight
        # Added up anew, so that nothing is left of a block of which nothing is left.
        self._sums[block] = self._blocks[block].sum()


def _paper(draws: _Draws) -> Drawn:
    """The estimator of the paper, from a second round of draws that begins where the first one ended."""
    first, n_first = _until_valid(draws)
    if first < 0:
        return None
    left = draws.left
    _, n_second = _until_valid(draws)
    return first, left / (n_first + n_second + 1)


def _recursive(draws: _Draws) -> Drawn:
    """What is left of the probability if the index that would come next is valid as well, else that of the index.

    Source: genlm-control, whose estimator this is: of a valid index and the one behind it in a random order, each may
    be the first.
    """
    first, _ = _until_valid(draws)
    if first < 0:
        return None
    left = draws.left
    following = draws.draw(without=first)
    is_valid = following >= 0 and draws.ask(following)
    return first, left if is_valid else float(draws.probabilities[first])


def _geometric(draws: _Draws, n_valid: int = 2) -> Drawn:
    """The share of valid draws with replacement; those of known invalid indices are counted, not made.

    Source: Haldane (1945), the unbiased estimate of a probability from the number of draws until `n_valid` successes.
    """
    first, n_draws = -1, 0
    for _ in range(n_valid):
        found = -1
        while found < 0:
            left = draws.left
            if left <= 0.0:
                return None
            n_draws += 1 + draws.choices.geometric(min(left, 1.0))
            index = draws.draw()
            found = index if draws.ask(index) else -1
        first = found if first < 0 else first
    return first, (n_valid - 1) / (n_draws - 1)


def _until_valid(draws: _Draws) -> tuple[int, int]:
    """A valid index, -1 if there is none, and how many others were drawn before."""
    n_invalid = 0
    while (index := draws.draw()) >= 0:
        if draws.ask(index):
            return index, n_invalid
        n_invalid += 1
    return -1, n_invalid


ESTIMATORS: dict[str, Callable[[_Draws], Drawn]] = {
    "paper": _paper,
    "recursive": _recursive,
    "geometric": _geometric,
}
