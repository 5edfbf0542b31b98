"""Beam search for texts that hold phrases: each step costs as much as without them, however many there are.

Source: Post and Vilar (2018), "Fast Lexically Constrained Decoding with Dynamic Beam Allocation for Neural Machine
Translation" (candidates, allocation), with bytes in place of tokens: a bank is of hypotheses that have matched as many
bytes of the phrases. So a phrase counts however it is cut into tokens; of one that is broken off there stays
what begins a phrase again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .beam import Beam
from .holding import Holding, state_of
from .hypotheses import Expanded, Hypothesis, top
from .phrases import PhraseTokens
from .prefixes import Prefixes


class LexicalBeam(Beam):
    """The beam is shared out to banks, so that hypotheses that lack phrases do not push out those that have them.

    prefixes : of the constraint `holding`.  Options as of `Beam`.
    """

    def __init__(self, prefixes: Prefixes, n: int, holding: Holding, **options: Any) -> None:
        super().__init__(prefixes, n, **options)
        self._phrases = holding.phrases
        self._texts = holding.vocabulary.tokens
        self._phrase_tokens = PhraseTokens(holding.phrases, self._texts)

    def _candidates(self, expanded: list[Expanded]) -> list[Hypothesis]:
        """The best of all; of each hypothesis the best with one more token, and those that get further in a phrase."""
        found = {each.tokens: each for each in super()._candidates(expanded)}
        for each in expanded:
            advancing = self._advancing(each)
            places = [*top(each.log_p, 1), *advancing[top(each.log_p[advancing], self._width)]]
            for place in map(int, places):
                child = each.child(place)
                found.setdefault(child.tokens, child)
        return sorted(found.values(), key=lambda each: -each.log_p)

    def _advancing(self, expanded: Expanded) -> NDArray[np.int64]:
        """Where the tokens are in a row that get further into a missing phrase."""
        tokens = self._phrase_tokens.advancing(state_of(expanded.matcher))
        places = expanded.next_tokens.searchsorted(tokens)
        is_there = places < len(expanded.next_tokens)
        is_there[is_there] = expanded.next_tokens[places[is_there]] == tokens[is_there]
        found: NDArray[np.int64] = places[is_there]
        return found

    def _chosen(self, candidates: list[Hypothesis]) -> list[Hypothesis]:
        banks: dict[int, list[Hypothesis]] = {}
        for each in candidates:
            banks.setdefault(self._progress(each), []).append(each)
        sizes = {bank: len(found) for bank, found in banks.items()}
        slots = allocate(sizes, self._phrases.n_bytes, self._width)
        chosen = {each.tokens for bank, found in banks.items() for each in found[: slots[bank]]}
        return [each for each in candidates if each.tokens in chosen]

    def _progress(self, candidate: Hypothesis) -> int:
        assert candidate.parent is not None
        before = state_of(candidate.parent.matcher)
        return self._phrases.progress(self._phrases.advance(before, self._texts[candidate.tokens[-1]]))


def allocate(sizes: Mapping[int, int], last: int, width: int) -> dict[int, int]:
    """How many of each bank go on: equal shares, the remainder for the last bank.

    sizes : candidates of each bank that has any, of the banks 0 to `last`.
    What a bank does not need goes to the others in turn, the highest first (the paper: to its neighbours first). Where
    banks outnumber slots, as they do with bytes, that is how all are given.
    """
    share, rest = divmod(width, last + 1)
    slots = {bank: min(size, share + (rest if bank == last else 0)) for bank, size in sizes.items()}
    left = min(width, sum(sizes.values())) - sum(slots.values())
    order = sorted(sizes, reverse=True)
    while left:
        for bank in order:
            if left and slots[bank] < sizes[bank]:
                slots[bank] += 1
                left -= 1
    return slots
