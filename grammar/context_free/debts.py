"""What an item owes: that terminals which were read do not go on.

Where a lexer takes the longest match, a terminal ends at one place only if no later one will do, so the text behind it
is read by its automaton as well: it must not come to an accepting state again.
"""

from __future__ import annotations

import numpy as np

from ..bits import ALL_BYTES, bits_of
from .networks import Networks

NOTHING = 0
"""What an item owes that owes nothing."""
BROKEN = -1
"""What is owed behind a byte that must not come."""


class Debts:
    """What items owe: sets of states of terminals that must not become final again."""

    def __init__(self, networks: Networks) -> None:
        self._networks = networks
        self._sets: list[frozenset[int]] = [frozenset()]
        self._numbers: dict[frozenset[int], int] = {frozenset(): NOTHING}
        self._rows: dict[int, np.ndarray] = {NOTHING: np.zeros(256, np.int32)}

    def with_state(self, owed: int, state: int) -> int:
        """`owed`, and that the terminal in `state` does not go on."""
        return self._number(self._sets[owed] | {state})

    def row(self, owed: int) -> np.ndarray:
        """int32[256]: what is owed behind each byte, or BROKEN."""
        found = self._rows.get(owed)
        if found is None:
            rows = np.array([self._networks.row(state) for state in self._sets[owed]])
            found = np.empty(256, np.int32)
            for byte, targets in enumerate(rows.T.tolist()):
                goes_on = any(self._networks.final[target] for target in targets)
                found[byte] = BROKEN if goes_on else self._number(frozenset(targets) - {0})
            self._rows[owed] = found
        return found

    def after(self, owed: int, byte: int) -> int:
        """What is owed behind a byte, or BROKEN."""
        return NOTHING if owed == NOTHING else int(self.row(owed)[byte])

    def alike(self, owed: int, byte: int) -> int:
        """The bytes (bits) behind which the same is owed."""
        if owed == NOTHING:
            return ALL_BYTES
        row = self.row(owed)
        return bits_of(np.flatnonzero(row == row[byte]).tolist())

    def _number(self, states: frozenset[int]) -> int:
        number = self._numbers.get(states)
        if number is None:
            number = self._numbers[states] = len(self._sets)
            self._sets.append(states)
        return number
