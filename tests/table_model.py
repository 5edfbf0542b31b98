"""A small random model, and the best of all texts by going through them: the oracle of the searches."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Sequence
from functools import cache, partial

import numpy as np
import pytest

import gramask
from gramask.samplers.found import Found

TEXTS = (b"a", b"b", b"ab", b"aab", b"ba")
ENDS = (5, 6)
VOCABULARY = gramask.Vocabulary([*TEXTS, b"<eos>", b"<end>"], eos_ids=ENDS)
LIMIT = 4
WIDE = 10_000
Tokens = tuple[int, ...]


@cache
def row_of(seed: int, prefix: Tokens) -> np.ndarray:
    rng = np.random.default_rng([seed, len(prefix), *prefix])
    row = rng.dirichlet(np.full(len(TEXTS) + len(ENDS), 0.5))
    row[rng.integers(len(TEXTS))] = 0.0
    return row / row.sum()


class TableModel:
    """A random law behind each prefix, with a token that is impossible.  asked : how many rows in each call."""

    def __init__(self, seed: int) -> None:
        self.vocab_size, self.eos_ids = len(TEXTS) + len(ENDS), ENDS
        self.asked: list[int] = []
        self.row = partial(row_of, seed)
        self.seed = seed

    def next_logprobs(self, prefixes: Sequence[Tokens]) -> np.ndarray:
        assert len(set(prefixes)) == len(prefixes)
        self.asked.append(len(prefixes))
        with np.errstate(divide="ignore"):
            return np.log(np.stack([self.row(prefix) for prefix in prefixes]))


@cache
def constraint_of(pattern: str) -> gramask.Constraint:
    return gramask.compile(gramask.regex(pattern), VOCABULARY)


def spelled(tokens: Tokens) -> bytes:
    return b"".join(TEXTS[token] for token in tokens)


@cache
def probability(seed: int, tokens: Tokens) -> float:
    """Of what begins with some tokens."""
    return probability(seed, tokens[:-1]) * float(row_of(seed, tokens[:-1])[tokens[-1]]) if tokens else 1.0


@cache
def log_prob(seed: int, tokens: Tokens) -> float:
    """Of a text and its end."""
    p = probability(seed, tokens) * float(row_of(seed, tokens)[list(ENDS)].sum())
    return math.log(p) if p else -math.inf


@cache
def all_texts(pattern: str, limit: int) -> list[Tokens]:
    several = (itertools.product(range(len(TEXTS)), repeat=n) for n in range(limit + 1))
    return [t for t in itertools.chain(*several) if re.fullmatch(pattern.encode(), spelled(t))]


Group = bytes | tuple[bytes, ...]


def holds(tokens: Tokens, phrases: Sequence[Group]) -> bool:
    groups = [(phrase,) if isinstance(phrase, bytes) else phrase for phrase in phrases]
    return all(any(phrase in spelled(tokens) for phrase in group) for group in groups)


def by_definition(
    model: TableModel,
    pattern: str,
    n: int,
    *,
    phrases: Sequence[Group] = (),
    limit: int = LIMIT,
    score: Callable[[Tokens, float], float] = lambda _, log_p: log_p,
) -> list[tuple[float, Tokens]]:
    """The highest scores of all, and their texts."""
    scored = [(score(t, log_prob(model.seed, t)), t) for t in all_texts(pattern, limit) if holds(t, phrases)]
    return sorted((each for each in scored if each[0] > -math.inf), reverse=True)[:n]


def agrees(found: Found, expected: list[tuple[float, Tokens]]) -> bool:
    return found.tokens == [tokens for _, tokens in expected] and found.scores == pytest.approx(
        [score for score, _ in expected], rel=1e-12, abs=1e-12
    )


PATTERNS = ("[ab]*", "(ab)*", "a*b?a*", "(ba|aab){1,3}", "b(a|b){2,5}", "(a|bb)+")
SEEDS = range(4)
CASES = list(itertools.product(PATTERNS, SEEDS))
PHRASES: list[list[Group]] = [
    [b"aab"],
    [b"ab", b"ba"],
    [b"aba", b"bab"],
    [b"b", b"abab"],
    [(b"aaa", b"bb"), b"ab"],
    [(b"ab", b"bbbb"), b"aa", b"b"],
]
