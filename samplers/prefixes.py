"""What a model and a constraint say together about the tokens behind a prefix."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from .engine import ConstraintLike, MatcherLike
from .language_model import CountedModel, LanguageModel, Prefix
from .samples import SampleStats
from .validity_trie import Row

Watch = Callable[[SampleStats], None]


class Prefixes:
    """The language is that of the constraint, of at most `max_tokens` tokens before the one that ends the text.

    budget  : rows of the model, None for any number. Whoever draws begins no text when so many have been asked for.
    watch   : called with `stats` after each call of the model.
    n_masks : masks filled so far.  stats : what has happened; whoever draws counts what this cannot see.
    """

    def __init__(
        self,
        model: LanguageModel,
        constraint: ConstraintLike,
        max_tokens: int,
        *,
        budget: int | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.model = CountedModel(model)
        self.budget = budget
        self.stats = SampleStats()
        self._watch = watch
        self.constraint = constraint
        self.max_tokens = max_tokens
        self.eos_ids = frozenset(model.eos_ids)
        self.n_masks = 0
        self._mask = np.zeros(constraint.n_words, np.int32)

    @property
    def has_budget(self) -> bool:
        """Whether a text may be begun. Those that are on their way are not given up: the short ones would be left."""
        return self.budget is None or self.model.n_rows < self.budget

    def rows(self, prefixes: Sequence[Prefix]) -> list[Row]:
        """What the model says: the tokens that are possible at all."""
        found = []
        for probabilities in self.model.next_probabilities(prefixes):
            tokens = np.flatnonzero(probabilities)
            found.append(Row(tokens, probabilities[tokens]))
        self.stats.forwards, self.stats.calls = self.model.n_rows, self.model.n_calls
        self.stats.mask_fills = self.n_masks
        if self._watch is not None and found:
            self._watch(self.stats)
        return found

    def allowed(self, row: Row, matcher: MatcherLike, n_tokens: int) -> Row:
        """The tokens of a row that the constraint allows behind `n_tokens`; none where it is too late for an end."""
        left = self.max_tokens - n_tokens
        if matcher.min_tokens_to_accept > left:
            return _chosen(row, np.zeros(len(row.tokens), np.bool_))
        if left == 0:
            ends = np.isin(row.tokens, list(self.eos_ids))
            return _chosen(row, ends & matcher.is_accepting())
        self.n_masks += 1
        matcher.fill_mask(self._mask)
        words = self._mask.view(np.uint32)[np.minimum(row.tokens >> 5, len(self._mask) - 1)]
        is_known = row.tokens < self.constraint.n_logits
        return _chosen(row, is_known & (words >> (row.tokens & 31).astype(np.uint32) & 1).astype(np.bool_))

    def allows(self, token: int, matcher: MatcherLike, n_tokens: int) -> bool:
        """Whether a token may come behind `n_tokens`; takes it if it does not end the text."""
        if token in self.eos_ids:
            return matcher.is_accepting()
        return n_tokens < self.max_tokens and token < self.constraint.n_logits and matcher.advance(token)


def _chosen(row: Row, chosen: NDArray[np.bool_]) -> Row:
    return Row(row.tokens[chosen], row.probabilities[chosen])
