"""Sets of characters as trees of the bytes that encode them, equal subtrees shared."""

from __future__ import annotations

from .bits import bits_between, union
from .nodes import Ranges
from .utf8 import byte_sequences

END = 0
"""The node behind the last byte of a character."""

Edges = tuple[tuple[int, int], ...]
"""Bytes (bits of an int), and the node behind them. They are disjoint."""


class Encodings:
    """edges : of each node; there are none behind END."""

    def __init__(self) -> None:
        self.edges: list[Edges] = [()]
        self._numbers: dict[Edges, int] = {(): END}
        self._roots: dict[Ranges, int] = {}

    def root(self, ranges: Ranges) -> int:
        """The node in front of a character of `ranges`; END for none."""
        found = self._roots.get(ranges)
        if found is None:
            found = self._roots[ranges] = self._new_root(ranges)
        return found

    def _new_root(self, ranges: Ranges) -> int:
        if ranges and ranges[-1][1] < 0x80:
            return self._number(((union(bits_between(low, high) for low, high in ranges), END),))
        return self._node([sequence for low, high in ranges for sequence in byte_sequences(low, high)])

    def _node(self, sequences: list[tuple[tuple[int, int], ...]]) -> int:
        """The node in front of byte sequences, whose first ranges are equal or disjoint."""
        rests: dict[tuple[int, int], list[tuple[tuple[int, int], ...]]] = {}
        for first, *rest in sequences:
            rests.setdefault(first, []).append(tuple(rest))
        bytes_: dict[int, int] = {}
        for (low, high), behind in rests.items():
            node = END if behind == [()] else self._node(behind)
            bytes_[node] = bytes_.get(node, 0) | bits_between(low, high)
        return self._number(tuple([(found, node) for node, found in bytes_.items()]))

    def _number(self, edges: Edges) -> int:
        number = self._numbers.get(edges)
        if number is None:
            number = self._numbers[edges] = len(self.edges)
            self.edges.append(edges)
        return number
