"""Where the randomness of samplers comes from: one object, so that the law of what they return can be enumerated."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Choices(ABC):
    """Random decisions. `RandomChoices` draws them; `enumeration.enumerate_law` goes through all of them."""

    @abstractmethod
    def categorical(self, weights: Floats) -> int:
        """An index, as probable as its weight.

        weights : float64[n], not negative, not all 0; their sum need not be 1.
        """

    @abstractmethod
    def geometric(self, p: float) -> int:
        """How many failures come before a success of probability `p`, which is above 0."""

    @abstractmethod
    def uniform(self, cuts: Sequence[float]) -> float:
        """A point of [0, 1), uniformly distributed.

        cuts : ascending, in (0, 1): all that matters to the caller is between which of them the point is.
        """

    def bernoulli(self, p: float) -> bool:
        """True with probability `p`, which may be off [0, 1] by a rounding error."""
        p = min(max(p, 0.0), 1.0)
        # Certain outcomes draw nothing, so that they cost no branch where all are enumerated.
        return p == 1.0 or (p > 0.0 and self.categorical(np.array([1.0 - p, p])) == 1)


class RandomChoices(Choices):
    """Draws from a generator; the same seed gives the same decisions.

    seed : one number or several; None is fresh entropy.
    """

    def __init__(self, seed: int | Sequence[int] | None = None) -> None:
        self._rng = np.random.default_rng(seed)

    def categorical(self, weights: Floats) -> int:
        total = np.cumsum(weights)
        # Rounding may lift the point to the total itself, behind which nothing is.
        point = min(self._rng.random() * total[-1], np.nextafter(total[-1], 0.0))
        return int(np.searchsorted(total, point, side="right"))

    def geometric(self, p: float) -> int:
        return int(self._rng.geometric(p)) - 1

    def uniform(self, cuts: Sequence[float]) -> float:
        return float(self._rng.random())
