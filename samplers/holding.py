"""A constraint whose texts hold some phrases besides, as any sampler takes it.

Its masks are those of the constraint, but that no text may end without its phrases: that no text can hold them any more
may turn out late, or at the end of the length.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import GramaskError
from ..grammar.source import Source
from .engine import ConstraintLike, MatcherLike, VocabularyLike
from .phrases import NOTHING_READ, Phrases, State


class Holding:
    """Immutable: the texts of a constraint that hold all phrases, as bytes of the text as it is written."""

    def __init__(self, constraint: ConstraintLike, phrases: Phrases) -> None:
        self.constraint = constraint
        self.phrases = phrases
        self.longest_token = max(map(len, constraint.vocabulary.tokens))

    @property
    def vocabulary(self) -> VocabularyLike:
        return self.constraint.vocabulary

    @property
    def n_logits(self) -> int:
        return self.constraint.n_logits

    @property
    def n_words(self) -> int:
        return self.constraint.n_words

    @property
    def source(self) -> Source:
        return self.constraint.source

    @property
    def is_exact(self) -> bool:
        return self.constraint.is_exact

    def matcher(self) -> HoldingMatcher:
        return HoldingMatcher(self, self.constraint.matcher(), NOTHING_READ)

    def parse(self, text: str) -> Any:
        """What the constraint makes of a text. Raises GramaskError where a phrase is missing."""
        if not self.phrases.are_held(self.phrases.advance(NOTHING_READ, text.encode())):
            raise GramaskError("the text does not hold all phrases")
        return self.constraint.parse(text)


class HoldingMatcher:
    """See `MatcherLike`.  state : of the phrases."""

    def __init__(self, holding: Holding, matcher: MatcherLike, state: State) -> None:
        self.state = state
        self._holding = holding
        self._matcher = matcher

    @property
    def _may_end(self) -> bool:
        return self._holding.phrases.are_held(self.state)

    def fill_mask(self, out: NDArray[np.int32]) -> None:
        self._matcher.fill_mask(out)
        if not self._may_end:
            words = out.view(np.uint32)
            for token in self._holding.vocabulary.eos_ids:
                words[token >> 5] &= ~np.uint32(1 << (token & 31))

    def advance(self, token_id: int) -> bool:
        vocabulary = self._holding.vocabulary
        if token_id in vocabulary.eos_ids and not self._may_end:
            return False
        if not self._matcher.advance(token_id):
            return False
        if token_id not in vocabulary.eos_ids:
            self.state = self._holding.phrases.advance(self.state, vocabulary.tokens[token_id])
        return True

    def fork(self) -> HoldingMatcher:
        return HoldingMatcher(self._holding, self._matcher.fork(), self.state)

    def is_accepting(self) -> bool:
        return self._may_end and self._matcher.is_accepting()

    def is_finished(self) -> bool:
        return self._matcher.is_finished()

    def forced_tokens(self, limit: int) -> list[int]:
        return self._matcher.forced_tokens(limit)

    def closing_tokens(self) -> list[int]:
        """Raises GramaskError where a phrase is missing: what holds it is found by search only."""
        if not self._may_end:
            raise GramaskError("a phrase is missing", hint="search for a text that holds it")
        return self._matcher.closing_tokens()

    @property
    def state_id(self) -> Hashable:
        return self.state, self._matcher.state_id

    @property
    def min_tokens_to_accept(self) -> int:
        needed = self._holding.phrases.needed_bytes(self.state)
        return max(self._matcher.min_tokens_to_accept, -(-needed // self._holding.longest_token))


def state_of(matcher: MatcherLike) -> State:
    """Where the matcher of a `Holding` is in the phrases."""
    assert isinstance(matcher, HoldingMatcher)
    return matcher.state
