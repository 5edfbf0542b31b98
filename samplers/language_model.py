"""What samplers ask of a language model."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import GramaskError

Prefix = tuple[int, ...]
TOLERANCE = 1e-6
"""By so much the probabilities of a row may sum to something else than 1."""


class LanguageModel(Protocol):
    """The law of the next token, temperature, top-k and top-p included.

    vocab_size : tokens, V.  eos_ids : those that end a text.
    """

    @property
    def vocab_size(self) -> int: ...
    @property
    def eos_ids(self) -> Collection[int]: ...

    def next_logprobs(self, prefixes: Sequence[Prefix]) -> NDArray[np.float64]:
        """float64[B, V]: natural logarithms, -inf where a token is impossible; each row sums to 1."""
        ...


class CountedModel:
    """Rows of a model as probabilities, counted and checked.

    n_rows : how many were asked for so far.  n_calls : of the model, each for some rows.
    """

    def __init__(self, model: LanguageModel) -> None:
        self.model = model
        self.n_rows = 0
        self.n_calls = 0

    def next_probabilities(self, prefixes: Sequence[Prefix]) -> NDArray[np.float64]:
        """float64[B, V]. Raises GramaskError for a row that is no probability law."""
        if not prefixes:
            return np.zeros((0, self.model.vocab_size))
        rows = np.exp(np.asarray(self.model.next_logprobs(prefixes), np.float64))
        if rows.shape != (len(prefixes), self.model.vocab_size):
            raise GramaskError(
                f"the model gave rows of shape {rows.shape}, not ({len(prefixes)}, {self.model.vocab_size})"
            )
        wrong = np.flatnonzero(~(np.abs(rows.sum(axis=1) - 1.0) <= TOLERANCE))
        if len(wrong):
            raise GramaskError(
                f"the probabilities behind {len(prefixes[wrong[0]])} tokens sum to {rows[wrong[0]].sum()}",
                hint="`next_logprobs` gives normalised logarithms, without NaN",
            )
        self.n_rows += len(prefixes)
        self.n_calls += 1
        return rows
