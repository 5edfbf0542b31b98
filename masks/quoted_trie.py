"""A token trie together with what lies behind each quote in it: how tokens leave a JSON string."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .content_length import fast_length
from .level_trie import LevelTrie
from .trie import TokenTrie
from .walker import Exits


@dataclass(frozen=True, slots=True, eq=False)
class Crossing:
    """The tokens that end a string with one outcome, one entry for each quote at which a token may end it.

    tokens, suffixes : int32[n], the token and the id of what follows the quote.
    n_before : int32[n], code points of the string in front of the quote.
    """

    outcome: int
    tokens: np.ndarray
    suffixes: np.ndarray
    n_before: np.ndarray


@dataclass(frozen=True, eq=False)
class QuotedTrie:
    """Immutable.

    levels : the trie.
    nodes : int32[q], ascending: the nodes whose path ends in a quote. pairs[first[i]:last[i]] belong to nodes[i].
    pairs : int32[m, 3], (token, suffix, characters in front of the quote).
    """

    levels: LevelTrie
    nodes: np.ndarray
    first: np.ndarray
    last: np.ndarray
    pairs: np.ndarray

    @classmethod
    def of(cls, trie: TokenTrie, tokens: tuple[bytes, ...]) -> QuotedTrie:
        """From the preorder trie of `tokens`."""
        levels, number = LevelTrie.of(trie.nodes)
        nodes = number[trie.quote_nodes]
        order = np.argsort(nodes)
        pairs = np.column_stack([trie.quote_pairs[:, 1:], _code_points_before(trie, tokens)]).astype(np.int32)
        return cls(levels, nodes[order], trie.quote_offsets[:-1][order], trie.quote_offsets[1:][order], pairs)

    def crossings(self, exits: Exits) -> tuple[Crossing, ...]:
        """The exits of a string walk over this trie, by outcome, with the tokens below each."""
        places = np.searchsorted(self.nodes, exits[:, 0])
        found = []
        for outcome in np.unique(exits[:, 1]):
            here = places[exits[:, 1] == outcome]
            rows = _ranges(self.first[here], self.last[here])
            found.append(
                Crossing(int(outcome), *(np.ascontiguousarray(self.pairs[rows, i]) for i in range(3)))
            )
        return tuple(found)

    def to_arrays(self, prefix: str) -> dict[str, np.ndarray]:
        """The arrays by name, for the disk cache."""
        own = {name: getattr(self, name) for name in ("nodes", "first", "last", "pairs")}
        own |= {
            "bytes": self.levels.bytes,
            "links": self.levels.links,
            "depth": np.array(self.levels.max_depth),
        }
        return {f"{prefix}_{name}": array for name, array in own.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], prefix: str) -> QuotedTrie:
        """The inverse of `to_arrays`. Raises KeyError for an array that is missing."""
        levels = LevelTrie(
            arrays[f"{prefix}_bytes"], arrays[f"{prefix}_links"], int(arrays[f"{prefix}_depth"])
        )
        return cls(levels, *(arrays[f"{prefix}_{name}"] for name in ("nodes", "first", "last", "pairs")))


def _ranges(first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """The concatenation of `arange(first[i], last[i])`."""
    lengths = last - first
    ends = np.cumsum(lengths)
    return np.repeat(first - (ends - lengths), lengths) + np.arange(ends[-1] if len(ends) else 0)


def _code_points_before(trie: TokenTrie, tokens: tuple[bytes, ...]) -> np.ndarray:
    """For each row of `quote_pairs`, the characters of the token in front of its quote. int32[m]."""
    depth = trie.nodes[trie.quote_pairs[:, 0], 0] >> 8
    counts = [fast_length(tokens[t][: d - 1]) for t, d in zip(trie.quote_pairs[:, 1], depth, strict=True)]
    return np.array(counts, np.int32)
