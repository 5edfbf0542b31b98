"""How tokens leave a stack level: what may follow is the same behind all that leave it with one outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .kernels.merge import merge
from .level_trie import LevelTrie
from .walker import Exits

Beginning = Callable[[np.ndarray], np.ndarray]
"""uint32[n_words], the tokens that begin with one of some bytes (uint8[n])."""

LARGE = 150
"""Subtries of more nodes are walked where they are: hardly anything else is like them, and most of it is dead soon."""


@dataclass(frozen=True, slots=True, eq=False)
class LevelExits:
    """The tokens that leave a stack level.

    in_place : Exits at which what is left of tokens is walked in the vocabulary's trie.
    rests    : what is left of the others behind the level, a trie for each outcome; where one ends, its node's number
               stands in place of a token.  begins : Exits at the roots of `rests`.
    tokens, ends : int32[n], these tokens, and the nodes of `rests` where theirs end.
    whole    : (outcome, tokens as uint32[n_words]), those in front of which the level ends.
    """

    in_place: Exits
    rests: LevelTrie
    begins: Exits
    tokens: np.ndarray
    ends: np.ndarray
    whole: tuple[tuple[int, np.ndarray], ...]

    @property
    def is_merged(self) -> bool:
        """Whether they were put together."""
        return len(self.begins) > 0

    @property
    def n_bytes(self) -> int:
        """The size of its arrays."""
        arrays = (self.in_place, self.tokens, self.ends, *(mask for _, mask in self.whole))
        return self.rests.n_bytes + sum(array.nbytes for array in arrays)


def exits_in_place(exits: Exits) -> LevelExits:
    """The exits of a walk as they are."""
    return LevelExits(exits, _NO_RESTS, _NO_EXITS, _NO_TOKENS, _NO_TOKENS, ())


def merged_exits(trie: LevelTrie, exits: Exits, beginning: Beginning, large: int | None = None) -> LevelExits:
    """The exits of a walk over `trie`, put together by outcome: for what is asked for again and again.

    large : subtries of more nodes are left where they are.
    """
    exits = exits[np.argsort(exits[:, 1], kind="stable")]
    nodes, is_begun = exits[:, 0], exits[:, 2] != 0
    # The children of the root are the nodes behind it.
    is_whole = is_begun & (nodes < trie.links[1, 0])
    is_large = ~is_whole & (trie.n_below[nodes] > (np.inf if large is None else large))
    outcomes, number = np.unique(exits[:, 1], return_inverse=True)
    whole = [
        (outcome, beginning(trie.bytes[nodes[is_whole & (number == i)]]))
        for i, outcome in enumerate(outcomes.tolist())
        if (is_whole & (number == i)).any()
    ]
    is_ended, is_first = ~is_begun & ~is_large, is_begun & ~is_whole & ~is_large
    rests, tokens, ends = _merged(
        trie, len(outcomes), (nodes[is_ended], number[is_ended]), (nodes[is_first], number[is_first])
    )
    roots = np.arange(len(outcomes))
    begins = np.stack([roots, outcomes, np.zeros_like(roots)], 1).astype(np.int32)
    return LevelExits(exits[is_large], rests, begins, tokens, ends, tuple(whole))


_NO_EXITS: Exits = np.zeros((0, 3), np.int32)
_NO_TOKENS = np.zeros(0, np.int32)
_NO_RESTS = LevelTrie(np.zeros(0, np.uint8), np.zeros((1, 2), np.int32), 0)


def _merged(
    trie: LevelTrie, n_roots: int, ended: tuple[np.ndarray, np.ndarray], begun: tuple[np.ndarray, np.ndarray]
) -> tuple[LevelTrie, np.ndarray, np.ndarray]:
    """The subtries of nodes as a trie for each root; the tokens in them, and where each ends.

    ended : nodes whose byte was read, and their roots, ascending.  begun : nodes whose byte was not read, alike.
    """
    first = ended[0]
    size = len(first) + n_roots + int(trie.n_below[first].sum() + (trie.n_below[begun[0]] + 1).sum())
    nodes, begins = np.empty(size, np.int32), np.empty(size + 1, np.int32)
    bytes_, links = np.zeros(size, np.uint8), np.empty((size + 1, 2), np.int32)
    nodes[: len(first)] = first
    begins[: n_roots + 1] = _offsets(ended[1], n_roots)
    first_begun = _offsets(begun[1], n_roots)
    counts = np.zeros(257, np.int64)
    n = merge(trie.bytes, trie.links, begun[0], first_begun, nodes, begins, bytes_, links, counts)
    tokens = trie.links[nodes[: begins[n]], 1]
    has_token = tokens >= 0
    ends = np.repeat(np.arange(n, dtype=np.int32), np.diff(begins[: n + 1]))
    rests = LevelTrie(bytes_[:n].copy(), links[: n + 1].copy(), trie.max_depth)
    return rests, tokens[has_token], ends[has_token]


def _offsets(roots: np.ndarray, n_roots: int) -> np.ndarray:
    """int64[n_roots + 1]: where the entries of each root begin; they are sorted by their roots."""
    return np.concatenate([[0], np.cumsum(np.bincount(roots, minlength=n_roots))])
