"""A small random model, small languages, and their laws by going through all texts: the oracle of the samplers."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from functools import cache
from typing import Any

import numpy as np

import gramask
from gramask.samplers.choices import Choices
from gramask.samplers.enumeration import enumerate_law
from gramask.samplers.predicates import Predicate
from gramask.samplers.samples import Samples
from gramask.samplers.sampling import sample
from gramask.samplers.validity_trie import ROW_BYTES, ValidityTrie

TEXTS = "abc"
EOS = len(TEXTS)
Tokens = tuple[int, ...]
Weighted = tuple[Tokens, float]
"""A sample and its log weight."""


@cache
def row_of(seed: int, prefix: Tokens) -> np.ndarray:
    rng = np.random.default_rng([seed, len(prefix), *prefix])
    return rng.dirichlet(np.ones(EOS + 1))


class TableModel:
    """A random law behind each prefix."""

    def __init__(self, seed: int) -> None:
        self.vocab_size, self.eos_ids = EOS + 1, (EOS,)
        self._seed = seed

    def row(self, prefix: Tokens) -> np.ndarray:
        """A copy, for models that change it."""
        return row_of(self._seed, prefix).copy()

    def next_logprobs(self, prefixes: Sequence[Tokens]) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return np.log(np.stack([self.row(prefix) for prefix in prefixes]))


VOCABULARY = gramask.Vocabulary([*(text.encode() for text in TEXTS), b"<eos>"], eos_ids=[EOS])
LANGUAGES = (["a", "bc"], ["aa", "ab", "c"], ["abc", "ac", "b", "bb"], ["cc", "cab"])
SEEDS = range(3)
LIMIT = 3


def constraint_of(texts: Iterable[str]) -> gramask.Constraint:
    return gramask.compile(gramask.choice(list(texts)), VOCABULARY)


def tokens_of(text: str) -> Tokens:
    return tuple(map(TEXTS.index, text))


def probability(model: TableModel, text: Tokens) -> float:
    p = 1.0
    for i, token in enumerate((*text, EOS)):
        p *= model.row(text[:i])[token]
    return p


def probabilities(model: TableModel, texts: Iterable[str]) -> dict[Tokens, float]:
    return {tokens: probability(model, tokens) for tokens in map(tokens_of, texts)}


def completion_probability(model: TableModel, texts: list[str], prefix: Tokens) -> float:
    """That what begins with some tokens becomes one of the texts."""
    before = math.prod(model.row(prefix[:i])[token] for i, token in enumerate(prefix))
    return sum(p for text, p in probabilities(model, texts).items() if text[: len(prefix)] == prefix) / before


def normalised(law: Mapping[Tokens, float] | Mapping[Tokens | None, float]) -> dict[Tokens, float]:
    """Given that there is a text."""
    total = sum(p for t, p in law.items() if t is not None)
    return {t: p / total for t, p in law.items() if t is not None}


def exact_law(model: TableModel, texts: Iterable[str]) -> dict[Tokens, float]:
    return normalised(probabilities(model, texts))


def no_b_behind_a(tokens: Tokens, is_whole: bool) -> bool:
    """A predicate on beginnings and on whole texts."""
    return (0, 1) not in itertools.pairwise(tokens) and not (is_whole and len(tokens) == 1)


WANTED = (["aa", "ab", "c", "cab", "bc"], ["abc", "ac", "b", "bb", "cc"])
"""Languages of which the predicate wants some texts."""


def wanted_probabilities(model: TableModel, texts: Iterable[str]) -> dict[Tokens, float]:
    return {
        text: p
        for text, p in probabilities(model, texts).items()
        if no_b_behind_a(text, True) and all(no_b_behind_a(text[:i], False) for i in range(len(text) + 1))
    }


def distance(law: dict[Tokens, float], other: dict[Tokens, float]) -> float:
    """Total variation."""
    return sum(abs(law.get(t, 0.0) - other.get(t, 0.0)) for t in law.keys() | other.keys()) / 2


def first_of(samples: Samples) -> Tokens | None:
    return samples.tokens[0] if samples.tokens else None


def first_law(
    model: TableModel, texts: list[str], *, trie: ValidityTrie | None = None, **options: Any
) -> dict[Tokens, float]:
    """The law of the first sample, given that there is one.  trie : what is known before; it stays as it is."""
    constraint = constraint_of(texts)

    def run(choices: Choices) -> Tokens | None:
        known = deepcopy(trie)
        return first_of(
            sample(model, constraint, 1, max_tokens=LIMIT, choices=choices, trie=known, **options)
        )

    return normalised(enumerate_law(run))


def joint_law(
    model: TableModel, texts: list[str], n: int, **options: Any
) -> dict[tuple[Weighted, ...], float]:
    """The law of `n` samples and their weights, fewer of them where attempts are used up."""
    constraint = constraint_of(texts)

    def run(choices: Choices) -> tuple[Weighted, ...]:
        found = sample(model, constraint, n, max_tokens=LIMIT, choices=choices, **options)
        return tuple(zip(found.tokens, found.log_weights, strict=True))

    return enumerate_law(run)


def expected_weights(law: Mapping[tuple[Weighted, ...], float]) -> dict[Tokens, float]:
    """Of each text, over all samples."""
    weights: dict[Tokens, float] = defaultdict(float)
    for samples, p in law.items():
        for tokens, log_weight in samples:
            weights[tokens] += p * math.exp(log_weight)
    return dict(weights)


def learned(
    model: TableModel,
    texts: list[str],
    method: str,
    n: int,
    *,
    seed: int,
    row_bytes: int = ROW_BYTES,
    predicate: Predicate | None = None,
) -> ValidityTrie:
    """What `n` samples teach."""
    trie = ValidityTrie(row_bytes=row_bytes)
    options: dict[str, Any] = {"method": method, "trie": trie, "seed": seed, "predicate": predicate}
    sample(model, constraint_of(texts), n, max_tokens=LIMIT, **options)
    return trie
