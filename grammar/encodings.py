"""Sets of characters as trees of the bytes that encode them, equal subtrees shared."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from .bits import bits_between
from .nodes import Ranges
from .utf8 import byte_sequences

END = 0
"""The node behind the last byte of a character."""
ASCII = 0x80

Edges = tuple[tuple[int, int], ...]
"""Bytes (bits of an int), and the node behind them. They are disjoint."""
_Tree = tuple[tuple[int, Any], ...]
"""The same with trees in place of nodes; there is nothing in the one behind the last byte."""


class Encodings:
    """edges : of each node; there are none behind END."""

    def __init__(self) -> None:
        self.edges: list[Edges] = [()]
        self._numbers: dict[Edges, int] = {(): END}
        self._roots: dict[Ranges, int] = {}
        self._wide: dict[Ranges, Edges] = {}

    def root(self, ranges: Ranges) -> int:
        """The node in front of a character of `ranges`; END for none."""
        found = self._roots.get(ranges)
        if found is None:
            found = self._roots[ranges] = self._new_root(ranges)
        return found

    def character(self, point: int) -> int:
        """The node in front of one character."""
        return self._number(((1 << point, END),)) if point < ASCII else self.root(((point, point),))

    def _new_root(self, ranges: Ranges) -> int:
        plain = 0
        wide = []
        for low, high in ranges:
            if low < ASCII:
                plain |= bits_between(low, min(high, ASCII - 1))
            if high >= ASCII:
                wide.append((max(low, ASCII), high))
        edges: Edges = ((plain, END),) if plain else ()
        if wide:
            edges += self._edges(tuple(wide))
        return self._number(edges)

    def _edges(self, wide: Ranges) -> Edges:
        """The edges of the characters of several bytes."""
        edges = self._wide.get(wide)
        if edges is None:
            edges = self._wide[wide] = tuple(
                [(bytes_, self._node(below)) for bytes_, below in _tree_of(wide)]
            )
        return edges

    def _node(self, tree: _Tree) -> int:
        return self._number(tuple([(bytes_, self._node(below)) for bytes_, below in tree]))

    def _number(self, edges: Edges) -> int:
        number = self._numbers.get(edges)
        if number is None:
            number = self._numbers[edges] = len(self.edges)
            self.edges.append(edges)
        return number


@lru_cache(maxsize=256)
def _tree_of(ranges: Ranges) -> _Tree:
    """The bytes of characters; many classes are alike in those that are not ASCII."""
    return _tree([sequence for low, high in ranges for sequence in byte_sequences(low, high)])


def _tree(sequences: list[tuple[tuple[int, int], ...]]) -> _Tree:
    """The tree of byte sequences whose first ranges are equal or disjoint."""
    rests: dict[tuple[int, int], list[tuple[tuple[int, int], ...]]] = {}
    for first, *rest in sequences:
        rests.setdefault(first, []).append(tuple(rest))
    bytes_: dict[_Tree, int] = {}
    for (low, high), behind in rests.items():
        below = () if behind == [()] else _tree(behind)
        bytes_[below] = bytes_.get(below, 0) | bits_between(low, high)
    return tuple([(found, below) for below, found in bytes_.items()])
