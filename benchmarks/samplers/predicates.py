"""How often AWRS asks a predicate, at a vocabulary of full size.

The predicate is one that no mask says: whether the text so far begins a document of a schema, asked token by token of a
matcher that is treated as a black box, under a constraint that allows any text. Asking it of all tokens would take as
many calls as there are tokens.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

import gramask
from gramask.samplers import sample

ESTIMATORS = ("paper", "recursive", "geometric")
MASSES = (0.99, 0.9, 0.5, 0.1)
"""Of what the predicate wants, in the model's law."""
SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 20},
        "age": {"type": "integer", "minimum": 0, "maximum": 130},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}
EXPONENT = 1.1


class Zipf:
    """A law of tokens whose probabilities fall by their rank, in an order that is random behind each prefix.

    mass : of the tokens that `constraint` allows; of them, too, few have most of it.
    """

    def __init__(self, vocabulary: gramask.Vocabulary, constraint: gramask.Constraint, mass: float) -> None:
        self.vocab_size, self.eos_ids = len(vocabulary), tuple(vocabulary.eos_ids)
        self._constraint, self._mass = constraint, mass
        self._ranks = np.arange(1, self.vocab_size + 1) ** -EXPONENT

    def next_logprobs(self, prefixes: Sequence[tuple[int, ...]]) -> NDArray[np.float64]:
        with np.errstate(divide="ignore"):
            return np.log(np.stack([self._row(prefix) for prefix in prefixes]))

    def _row(self, prefix: tuple[int, ...]) -> NDArray[np.float64]:
        rng = np.random.default_rng([len(prefix), *prefix])
        matcher = self._constraint.matcher()
        for token in prefix:
            matcher.advance(token)
        words = np.zeros(self._constraint.n_words, np.int32)
        matcher.fill_mask(words)
        wanted = np.unpackbits(words.view(np.uint8), bitorder="little")[: self.vocab_size].astype(np.bool_)
        row = np.zeros(self.vocab_size)
        for share, places in (
            (self._mass, np.flatnonzero(wanted)),
            (1.0 - self._mass, np.flatnonzero(~wanted)),
        ):
            ranks = self._ranks[: len(places)]
            row[rng.permutation(places)] = share * ranks / ranks.sum()
        return row / row.sum()


def measure(tokenizer: Path, *, n: int, seed: int) -> dict[str, Any]:
    """Calls and µs per token, by the mass of what is wanted and by estimator."""
    vocabulary = gramask.Vocabulary.from_tokenizer(tokenizer)
    wanted = gramask.compile(SCHEMA, vocabulary, whitespace="compact")
    anything = gramask.compile(gramask.regex(r"[\s\S]*"), vocabulary)
    records = []
    for mass in MASSES:
        model = Zipf(vocabulary, wanted, mass)
        for estimator in ESTIMATORS:
            records.append(_record(model, anything, wanted, mass, estimator, n, seed))
    return {"vocabulary": len(vocabulary), "records": records}


def _record(
    model: Zipf,
    anything: gramask.Constraint,
    wanted: gramask.Constraint,
    mass: float,
    estimator: str,
    n: int,
    seed: int,
) -> dict[str, Any]:
    seconds: list[float] = []

    def begins_document(tokens: tuple[int, ...], is_whole: bool) -> bool:
        begin = time.perf_counter()
        matcher = wanted.matcher()
        found = all(matcher.advance(token) for token in tokens) and (not is_whole or matcher.is_accepting())
        seconds.append(time.perf_counter() - begin)
        return found

    begin = time.perf_counter()
    samples = sample(
        model,
        anything,
        n,
        method="awrs",
        max_tokens=60,
        predicate=begins_document,
        estimator=estimator,
        seed=seed,
        progress=False,
    )
    stats = samples.stats
    return {
        "mass": mass,
        "estimator": estimator,
        "tokens": stats.steps,
        "calls_per_token": stats.predicate_calls / stats.steps,
        "predicate_us": 1e6 * median(seconds),
        "ms_per_token": 1e3 * (time.perf_counter() - begin) / stats.steps,
    }
