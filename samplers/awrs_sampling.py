"""Weighted texts, token by token: the mask first, then rejection by a predicate that is too dear for all tokens."""

from __future__ import annotations

import math
from functools import partial

from .arguments import check_counts, one_of
from .awrs import ESTIMATORS, Estimator, draw_valid
from .choices import Choices
from .language_model import Prefix
from .logs import log, log_mean
from .masked_rows import MaskedRows
from .predicates import Memo, is_wanted
from .prefixes import Prefixes
from .samples import Samples
from .trie_sampling import MAX_ATTEMPTS
from .validity_trie import Row

Text = tuple[Prefix, float]


def draw_weighted(
    prefixes: Prefixes,
    choices: Choices,
    n: int,
    *,
    predicate: Memo | None = None,
    max_attempts: int = MAX_ATTEMPTS,
    estimator: Estimator = "recursive",
) -> Samples:
    """`n` texts with proper weights, fewer where `max_attempts` or the budget are used up.

    Raises GramaskError for another estimator and a negative number of attempts.
    """
    one_of("estimator", estimator, ESTIMATORS)
    check_counts(max_attempts=max_attempts)
    stats = prefixes.stats
    rows = MaskedRows(prefixes)
    found: list[Text] = []
    log_weights: list[float] = []
    while len(found) < n and stats.attempts < max_attempts and prefixes.has_budget:
        text = _text(prefixes, rows, predicate, choices, estimator)
        stats.attempts += 1
        log_weights.append(-math.inf if text is None else text[1])
        if text is not None:
            found.append(text)
            stats.accepted = len(found)
    if len(found) < n:
        stats.stopped = "the attempts are used up" if prefixes.has_budget else "the budget is used up"
    # The last one is the reason to stop: with it the estimate would be too high (Haldane).
    counted = log_weights[:-1] if len(found) == n > 1 else log_weights
    log_z = log_mean(counted) if counted else None
    return Samples([tokens for tokens, _ in found], [w for _, w in found], log_z, "weighted", stats)


def _text(
    prefixes: Prefixes, rows: MaskedRows, predicate: Memo | None, choices: Choices, estimator: Estimator
) -> Text | None:
    """A text and the logarithm of its weight, None where nothing was left."""
    matcher, tokens, log_weight = prefixes.constraint.matcher(), list[int](), 0.0
    while True:
        row = rows.row(tuple(tokens), matcher)
        prefixes.stats.steps += 1
        if not len(row.tokens):
            return None
        allowed = float(row.probabilities.sum())
        may_follow = partial(_may_follow, prefixes, predicate, tuple(tokens), row)
        drawn = draw_valid(row.probabilities / allowed, may_follow, choices, estimator)
        if drawn is None:
            return None
        log_weight += log(allowed * drawn[1])
        token = int(row.tokens[drawn[0]])
        if token in prefixes.eos_ids:
            return tuple(tokens), log_weight
        matcher.advance(token)
        tokens.append(token)


def _may_follow(prefixes: Prefixes, predicate: Memo | None, tokens: Prefix, row: Row, place: int) -> bool:
    """Whether the predicate lets a token of a row follow."""
    token = int(row.tokens[place])
    is_whole = token in prefixes.eos_ids
    return is_wanted(predicate, tokens if is_whole else (*tokens, token), is_whole=is_whole)
