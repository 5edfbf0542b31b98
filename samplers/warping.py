"""Temperature, top-k and top-p: what changes a law before it is drawn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import GramaskError
from .validity_trie import Row


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is drawn.

    temperature : 0 takes the most probable token; above it, logits are divided by it.
    top_k       : draw among the k most probable tokens only, and those tied with the k-th.
    top_p       : draw among the smallest set of tokens whose probability reaches top_p.

    Raises GramaskError for a value out of range, and for top_k or top_p at temperature 0.
    """

    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < float("inf"):
            raise GramaskError(f"temperature={self.temperature} is not a finite number from 0 on")
        if self.top_k is not None and self.top_k < 1:
            raise GramaskError(f"top_k={self.top_k} is not a positive number", hint="None switches it off")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise GramaskError(f"top_p={self.top_p} is not in (0, 1]", hint="None switches it off")
        if self.temperature == 0 and (self.top_k is not None or self.top_p is not None):
            raise GramaskError(
                "top_k and top_p do nothing at temperature 0, which takes the most probable token",
                hint="give a temperature above 0, such as temperature=1.0",
            )


def warp(row: Row, sampling: Sampling) -> Row:
    """A row at a temperature above 0, then cut by top-k, then by top-p; its probabilities sum to 1.

    The probabilities of `row` need not.
    """
    if not len(row.tokens):
        return row
    logs = np.log(row.probabilities)
    weights: NDArray[np.float64] = np.exp((logs - logs.max()) / sampling.temperature)
    if sampling.top_k is not None and sampling.top_k < len(weights):
        weights[weights < np.partition(weights, -sampling.top_k)[-sampling.top_k]] = 0.0
    if sampling.top_p is not None:
        order = np.argsort(-weights, kind="stable")
        mass = np.cumsum(weights[order])
        # The mass before a token decides, hence the most probable one is never cut.
        weights[order[1:][mass[:-1] >= sampling.top_p * mass[-1]]] = 0.0
    kept = weights > 0.0
    return Row(row.tokens[kept], weights[kept] / weights.sum())
