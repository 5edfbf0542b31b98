"""What a maker of sets of items can do; there are two, `items.py` and `flat_items.py`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np

from .items import Call, Exit

Items = Any
"""A set. What it is, is its maker's own matter; equal ones compare equal."""
Bytes = Any
"""A set of bytes, likewise."""


class Sets(Protocol):
    """Makes sets, each when it is asked for.

    start : the set in front of the text.
    """

    start: Items

    def goes_on(self, items: Items) -> bool:
        """Whether anything follows on the stack level itself."""
        ...

    def exits(self, items: Items) -> frozenset[Exit]:
        """How the stack level can be left."""
        ...

    def items(self, items: Items) -> list[Call]:
        """Where something may follow, and what that returns to."""
        ...

    def used(self, items: Items) -> int:
        """The bytes (bits) that something reads."""
        ...

    def mark(self, items: Items, row: np.ndarray) -> None:
        """Write UNFILLED for the bytes that something reads. row : int32[ROW_WIDTH], zeros."""
        ...

    def after(self, items: Items, byte: int, *, factored: bool = False) -> tuple[Items, Bytes]:
        """The set behind a byte, and the bytes that lead there as well, valid until the next call.

        factored : whether `factored` will be asked for that set.
        """
        ...

    def bits(self, found: Bytes) -> int:
        """Bytes as bits."""
        ...

    def write(self, found: Bytes, operation: int, row: np.ndarray) -> None:
        """Write an operation for what is UNFILLED among some bytes. row : int32[ROW_WIDTH]."""
        ...

    def factored(self, items: Items) -> tuple[list[int], Items]:
        """A set as frames to push (nodes, the lowest first) and the set above them."""
        ...

    def behind_call(self, number: int, owed: Iterable[int]) -> Items:
        """The set behind a call, a node, that ended owing one of `owed`."""
        ...

    def returns(self, number: int) -> Sequence[Call]:
        """The states behind a call, and what they return to."""
        ...

    def joined(self, inside: Items, node: int, outside: Items) -> Items:
        """The set of what is in `outside`, and in `inside` on the stack level above the frame `node`."""
        ...

    def allows(self, owed: int, byte: int) -> bool:
        """Whether what is owed lets a byte follow."""
        ...
