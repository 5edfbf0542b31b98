"""Logarithms of probabilities that may be 0."""

from __future__ import annotations

import math
from collections.abc import Sequence


def log(value: float) -> float:
    """The natural logarithm, -inf for 0."""
    return math.log(value) if value > 0.0 else -math.inf


def log_sum(logs: Sequence[float]) -> float:
    """The logarithm of the sum of values given by theirs."""
    top = max(logs, default=-math.inf)
    return top if top == -math.inf else top + math.log(sum(math.exp(value - top) for value in logs))


def log_mean(logs: Sequence[float]) -> float:
    """The same of their mean; there is at least one."""
    return log_sum(logs) - math.log(len(logs))
