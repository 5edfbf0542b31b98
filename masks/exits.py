"""How tokens leave a stack level: what may follow is the same behind all that leave it with one outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .kernels.merge import merge
from .level_trie import LevelTrie
from .walker import Exits, Places

Beginning = Callable[[np.ndarray], np.ndarray]
"""uint32[n_words], the tokens that begin with one of some bytes (uint8[n])."""

LARGE = 500
"""Subtries of more nodes are walked where they are: hardly anything else is like them, and most of it is dead soon."""


@dataclass(frozen=True, slots=True, eq=False)
class LevelExits:
    """The tokens that leave a stack level.

    rests  : what is left of most of them behind the level, a trie for each outcome; where one ends, its node's number
             stands in place of a token.
    begins : Places, where the rests begin.
    tokens, ends : int32[n], these tokens, and the nodes of `rests` where theirs end.
    large  : Places in the vocabulary's trie where further rests begin.
    whole  : (outcome, tokens as uint32[n_words]), those in front of which the level ends.
    """

    rests: LevelTrie
    begins: Places
    tokens: np.ndarray
    ends: np.ndarray
    large: Places
    whole: tuple[tuple[int, np.ndarray], ...]

    @property
    def n_bytes(self) -> int:
        """The size of its arrays."""
        arrays = (
            self.rests.bytes,
            self.rests.links,
            self.tokens,
            self.ends,
            *(mask for _, mask in self.whole),
        )
        return sum(array.nbytes for array in arrays)


def level_exits(trie: LevelTrie, exits: Exits, beginning: Beginning) -> LevelExits:
    """The exits of a walk over `trie`, put together by outcome."""
    nodes, is_begun = exits[:, 0], exits[:, 2] != 0
    # The children of the root are the nodes behind it.
    is_whole = is_begun & (nodes < trie.links[1, 0])
    is_large = ~is_whole & (trie.n_below[nodes] > LARGE)
    outcomes, number = np.unique(exits[:, 1], return_inverse=True)
    whole = [
        (outcome, beginning(trie.bytes[nodes[is_whole & (number == i)]]))
        for i, outcome in enumerate(outcomes.tolist())
        if (is_whole & (number == i)).any()
    ]
    # The node of a large one is among the rests, because a token may end there.
    is_ended, is_first = ~is_begun, is_begun & ~is_whole & ~is_large
    rests, tokens, ends = _merged(
        trie,
        len(outcomes),
        (nodes[is_ended], number[is_ended], is_large[is_ended]),
        (nodes[is_first], number[is_first]),
    )
    roots = np.arange(len(outcomes))
    begins = _places(outcomes, rests.links[roots, 0], rests.links[roots + 1, 0], roots)
    at, begun = nodes[is_large], is_begun[is_large]
    first, last = np.where(begun, at, trie.links[at, 0]), np.where(begun, at + 1, trie.links[at + 1, 0])
    large = _places(exits[is_large, 1], first, last, np.full(len(at), -1))
    return LevelExits(rests, begins, tokens, ends, large, tuple(whole))


def _places(*columns: np.ndarray) -> Places:
    return np.stack(columns, 1).astype(np.int32)


def _merged(
    trie: LevelTrie,
    n_roots: int,
    ended: tuple[np.ndarray, np.ndarray, np.ndarray],
    begun: tuple[np.ndarray, np.ndarray],
) -> tuple[LevelTrie, np.ndarray, np.ndarray]:
    """The subtries of nodes as a trie for each root.

    ended : nodes whose byte was read, their roots, and whether they count without what is below them.
    begun : nodes whose byte was not read, and their roots.
    """
    order = np.lexsort((ended[2], ended[1]))
    first, is_open = ended[0][order], ~ended[2][order]
    size = len(first) + n_roots + int(trie.n_below[first[is_open]].sum() + (trie.n_below[begun[0]] + 1).sum())
    nodes, begins = np.empty(size, np.int32), np.empty(size + 1, np.int32)
    bytes_, links = np.zeros(size, np.uint8), np.empty((size + 1, 2), np.int32)
    nodes[: len(first)] = first
    begins[: n_roots + 1] = _offsets(ended[1], n_roots)
    n_open = np.bincount(ended[1][order][is_open], minlength=n_roots)
    by_root = begun[0][np.argsort(begun[1], kind="stable")]
    n = merge(
        trie.bytes,
        trie.links,
        n_open,
        by_root,
        _offsets(begun[1], n_roots),
        nodes,
        begins,
        bytes_,
        links,
        np.zeros(257, np.int64),
    )
    tokens = trie.links[nodes[: begins[n]], 1]
    has_token = tokens >= 0
    ends = np.repeat(np.arange(n, dtype=np.int32), np.diff(begins[: n + 1]))
    rests = LevelTrie(bytes_[:n].copy(), links[: n + 1].copy(), trie.max_depth)
    return rests, tokens[has_token], ends[has_token]


def _offsets(roots: np.ndarray, n_roots: int) -> np.ndarray:
    """int64[n_roots + 1]: where the entries of each root begin, once they are sorted by their roots."""
    return np.concatenate([[0], np.cumsum(np.bincount(roots, minlength=n_roots))])
