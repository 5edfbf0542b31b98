"""Fewer weighted things in place of many, or as many with more equal weights, without bias.

Each function returns indices and weights, such that the expected weight of a thing, all its copies together, is the one
it had.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .choices import Choices, Floats

Resampled = tuple[list[int], list[float]]


def stratified(weights: Sequence[float], n: int, choices: Choices) -> Resampled:
    """`n` things of equal weight, one for each of `n` equal parts of the total weight.

    weights : not negative, not all 0. Source: Kitagawa (1996), "Monte Carlo Filter and Smoother", section 3.
    """
    ends = _ends(weights, n)
    cuts = np.unique(ends)
    found = []
    for i in range(n):
        here = cuts[np.searchsorted(cuts, i, side="right") : np.searchsorted(cuts, i + 1)] - i
        found.append(_at(ends, i + choices.uniform(here.tolist())))
    return found, [sum(weights) / n] * n


def systematic(weights: Sequence[float], n: int, choices: Choices) -> Resampled:
    """The same with one point for all parts: a thing has its expected number of copies, rounded up or down."""
    ends = _ends(weights, n)
    cuts = sorted({float(end % 1.0) for end in ends} - {0.0})
    point = choices.uniform(cuts)
    return [_at(ends, i + point) for i in range(n)], [sum(weights) / n] * n


def optimal(weights: Sequence[float], n: int, choices: Choices) -> Resampled:
    """At most `n` things, none twice, with the least variance of their weights.

    Those of a weight above some bound keep it; of the others some are chosen, and have the bound as their weight.
    Source: Fearnhead and Clifford (2003), "On-line inference for hidden Markov models via particle filters", section 4.
    """
    positive = [i for i, weight in enumerate(weights) if weight > 0.0]
    if len(positive) <= n:
        return positive, [weights[i] for i in positive]
    bound, n_kept = _bound(sorted((weights[i] for i in positive), reverse=True), n)
    kept = sorted(positive, key=lambda i: -weights[i])[:n_kept]
    is_kept = set(kept)
    others = [i for i in positive if i not in is_kept]
    chosen, _ = systematic([weights[i] for i in others], n - n_kept, choices)
    return [*kept, *(others[i] for i in chosen)], [*(weights[i] for i in kept), *[bound] * (n - n_kept)]


def _bound(descending: list[float], n: int) -> tuple[float, int]:
    """c, and how many weights are above it: the sum of min(1, w / c) is `n`."""
    rest = sum(descending)
    for n_kept, weight in enumerate(descending):
        bound = rest / (n - n_kept)
        if weight <= bound or n_kept == n - 1:
            return bound, n_kept
        rest -= weight
    raise AssertionError("more weights than n")


def _ends(weights: Sequence[float], n: int) -> Floats:
    """Where the share of each thing ends, all shares together being `n`."""
    ends = np.cumsum(np.asarray(weights, np.float64))
    return np.asarray(ends * (n / ends[-1]), np.float64)


def _at(ends: Floats, point: float) -> int:
    """In whose share a point is."""
    return min(int(np.searchsorted(ends, point, side="right")), len(ends) - 1)
