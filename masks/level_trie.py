"""The token trie in level order: siblings side by side, which is what a walk that dies early reads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .kernels.below import collect_groups, collect_tokens
from .kernels.merge import count_below


@dataclass(frozen=True, eq=False)
class LevelTrie:
    """Immutable. The same trie as its preorder rows, renumbered breadth first; node 0 is the root.

    Most nodes that a mask looks at are dead siblings. In preorder each of them is a jump to another cache line, in
    level order the bytes of a hundred siblings are two lines.

    bytes : uint8[n].
    links : int32[n + 1, 2], the first child and the token (or -1) of each node; a node's children end where those
        of the next one begin.
    """

    bytes: np.ndarray
    links: np.ndarray
    max_depth: int

    @cached_property
    def n_below(self) -> np.ndarray:
        """int32[n], the nodes below each."""
        found = np.zeros(len(self.bytes), np.int32)
        count_below(self.links, found)
        return found

    @property
    def n_bytes(self) -> int:
        """The size of `arrays`, made or not: 16 bytes a node for groups and spans, at most 4 for its token."""
        return self.bytes.nbytes + self.links.nbytes + 20 * len(self.bytes)

    @cached_property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """`bytes, links, groups, spans, tokens` for a kernel, see `kernels.walk.walk`."""
        missing, groups = np.zeros((2, len(self.bytes)), np.int64)
        collect_groups(self.bytes, self.links, missing, groups)
        spans = np.zeros((len(self.bytes), 2), np.int32)
        tokens = np.zeros(np.count_nonzero(self.links[:-1, 1] >= 0), np.int32)
        collect_tokens(self.links, spans, tokens)
        return self.bytes, self.links, groups, spans, tokens

    @classmethod
    def of(cls, nodes: np.ndarray) -> tuple[LevelTrie, np.ndarray]:
        """From preorder rows (see `TokenTrie`); also returns int32[n], the new number of each row."""
        depth = nodes[:, 0] >> 8
        order = np.argsort(depth, kind="stable")
        number = np.empty(len(nodes), np.int32)
        number[order] = np.arange(len(nodes), dtype=np.int32)
        n_children = np.zeros(len(nodes) + 1, np.int64)
        np.add.at(n_children, number[_parents(depth)[order[1:]]], 1)
        links = np.full((len(nodes) + 1, 2), -1, np.int32)
        links[:, 0] = 1 + np.cumsum(n_children) - n_children
        links[:-1, 1] = nodes[order, 2]
        return cls((nodes[order, 0] & 255).astype(np.uint8), links, int(depth.max())), number


def _parents(depth: np.ndarray) -> np.ndarray:
    """The parent of each node of a preorder: the last node before it that is one level up. int64[n], root -1."""
    parents = np.full(len(depth), -1, np.int64)
    for level in range(1, int(depth.max()) + 1):
        here = np.flatnonzero(depth == level)
        above = np.flatnonzero(depth == level - 1)
        parents[here] = above[np.searchsorted(above, here) - 1]
    return parents
