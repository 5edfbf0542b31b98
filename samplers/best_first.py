"""The most probable texts, proved to be: the prefix is taken first behind which the most probable text could be.

A prefix x is worth p(x) times a bound on the probability of any one text behind it, which a trie of bounds may know
from what samplers have learned. The bound is never too small (the heuristic is admissible), so that a text that comes
out first is one that nothing else can beat.
Source: Hart, Nilsson and Raphael (1968), "A Formal Basis for the Heuristic Determination of Minimum Cost Paths".
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .engine import MatcherLike
from .found import Best, Found, SearchStats
from .hypotheses import OUT_OF_BUDGET, top
from .language_model import Prefix
from .logs import log
from .prefixes import Prefixes
from .validity_trie import ROOT, Row, ValidityTrie

AT_A_TIME = 32
"""So many of the tokens behind a prefix are looked at first, and as many again as were taken when these are used up."""


@dataclass(frozen=True, slots=True)
class _Text:
    """A whole text."""

    tokens: Prefix
    log_prob: float


@dataclass(frozen=True, slots=True)
class _Open:
    """A prefix, of which the tokens that `taken` lists have been looked at.

    matcher : behind the tokens.  node : in the trie.  taken : int64[n].
    """

    tokens: Prefix
    log_p: float
    matcher: MatcherLike
    node: int
    taken: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Child:
    """A prefix with one more token."""

    parent: _Open
    token: int
    probability: float


class BestFirst:
    """Texts in the order of their probability.

    trie   : what samplers have learned about this model, language and length; it learns the masks.
    batch  : prefixes that are asked for in one call of the model. With more than one some are asked for in vain.
    budget : the most rows of the model.
    """

    def __init__(
        self,
        prefixes: Prefixes,
        n: int,
        *,
        trie: ValidityTrie | None = None,
        batch: int = 1,
        budget: int | None = None,
    ) -> None:
        self._prefixes = prefixes
        self._best = Best(n)
        self._trie = ValidityTrie() if trie is None else trie
        # What this search learns it knows as well from the prefixes it puts in line; so bounds are found once.
        self._bounds = self._trie.largest(prefixes.eos_ids)
        self._batch = batch
        self._budget = math.inf if budget is None else budget
        self._ends = np.array(sorted(prefixes.eos_ids), np.int64)
        self._n_pushed = 0
        self._heap: list[tuple[float, int, int, _Text | _Child | _Open]] = []

    def run(self) -> Found:
        """Search until there are `n` texts, or no others, or the budget is used up."""
        stats = SearchStats()
        start = _Open((), 0.0, self._prefixes.constraint.matcher(), ROOT, np.zeros(0, np.int64))
        self._push(log(self._bounds.item(ROOT)), start)
        while first := self._first():
            if not self._look_behind(first):
                stats.stopped = OUT_OF_BUDGET
                self._take_texts()
                break
        if self._best.n_missing and not stats.stopped:
            stats.stopped = "no text is left"
        self._best.dismiss(-self._heap[0][0] if self._heap else -math.inf)
        stats.forwards, stats.mask_fills = self._prefixes.model.n_rows, self._prefixes.n_masks
        return self._best.found(stats)

    def _push(self, log_bound: float, item: _Text | _Child | _Open) -> None:
        """Put something in line; of equals texts come first, then what came first."""
        self._n_pushed += 1
        heapq.heappush(self._heap, (-log_bound, not isinstance(item, _Text), self._n_pushed, item))

    def _first(self) -> list[tuple[float, _Open]]:
        """The prefixes to look behind, with their bounds; none where there are enough texts, or nothing is left."""
        first: list[tuple[float, _Open]] = []
        while self._best.n_missing and self._heap and len(first) < self._batch:
            log_bound, _, _, item = self._heap[0]
            if isinstance(item, _Text):
                if first:
                    break  # what is behind those may be better
                self._best.add(item.tokens, item.log_prob, item.log_prob)
            else:
                first.append((-log_bound, item if isinstance(item, _Open) else self._entered(item)))
            heapq.heappop(self._heap)
        return first

    def _entered(self, child: _Child) -> _Open:
        parent = child.parent
        matcher = parent.matcher.fork()
        # The mask has allowed the token.
        matcher.advance(child.token)
        log_p = parent.log_p + log(child.probability)
        node = self._trie.add(parent.node, child.token, child.probability)
        return _Open((*parent.tokens, child.token), log_p, matcher, node, np.zeros(0, np.int64))

    def _look_behind(self, first: list[tuple[float, _Open]]) -> bool:
        """Put in line what is behind some prefixes; False if the budget allows none of them."""
        rows = [self._trie.row(prefix.node) for _, prefix in first]
        asked = [i for i, row in enumerate(rows) if row is None]
        room = self._budget - self._prefixes.model.n_rows
        asked = asked[: len(asked) if room == math.inf else int(room)]
        found = self._prefixes.rows([first[i][1].tokens for i in asked])
        for i, row in zip(asked, found, strict=True):
            rows[i] = row
        for i, ((log_bound, prefix), known) in enumerate(zip(first, rows, strict=True)):
            if known is None:
                self._push(log_bound, prefix)
            else:
                self._spread(prefix, self._masked(prefix, known, is_new=i in asked))
        return any(row is not None for row in rows)

    def _masked(self, prefix: _Open, row: Row, *, is_new: bool) -> Row:
        """A row without what may not follow, kept in the trie."""
        if is_new or not self._trie.is_open(prefix.node):
            row = self._prefixes.allowed(row, prefix.matcher, len(prefix.tokens))
            self._trie.open(prefix.node, row)
        return row

    def _spread(self, prefix: _Open, row: Row) -> None:
        """Put in line the text that ends here, the best tokens, and the prefix again for all others."""
        weights = self._trie.weights(prefix.node, row, self._bounds)
        is_end = np.isin(row.tokens, self._ends)
        # An end that is ruled out was refused, whichever token it is.
        if is_end.any() and weights[is_end].all() and not len(prefix.taken):
            log_prob = prefix.log_p + log(float(row.probabilities[is_end].sum()))
            self._push(log_prob, _Text(prefix.tokens, log_prob))
        left = np.flatnonzero(~is_end & (weights > 0.0) & ~np.isin(row.tokens, prefix.taken))
        n = max(AT_A_TIME, len(prefix.taken))
        chosen = left[top(weights[left], n + 1)]
        for place in chosen[:n]:
            child = _Child(prefix, int(row.tokens[place]), float(row.probabilities[place]))
            self._push(prefix.log_p + log(float(weights[place])), child)
        if len(chosen) > n:
            taken = np.concatenate([prefix.taken, row.tokens[chosen[:n]]])
            rest = _Open(prefix.tokens, prefix.log_p, prefix.matcher, prefix.node, taken)
            self._push(prefix.log_p + log(float(weights[chosen[n]])), rest)

    def _take_texts(self) -> None:
        """Take the best texts of those in line, although something else may be better."""
        others = []
        for entry in sorted(self._heap):
            item = entry[3]
            if isinstance(item, _Text) and self._best.n_missing:
                self._best.add(item.tokens, item.log_prob, item.log_prob)
            else:
                others.append(entry)
        self._heap = others  # sorted, and so a heap
