"""Stacks of a parser that differ, though the same may follow them.

In the middle of a production, what was read of it does not matter any more: with `list: item | list "," item`, what
follows behind `[ 1,` is what follows behind `[ 1, 2,`. Its states are popped together, when it ends. So one in which a
single production goes on may stand for all with the same rest, whatever came before. Masks that look at the stack are
made for fewer stacks then.
"""

from __future__ import annotations

from .lr import Tables
from .lr_items import ENDED
from .reading import Reading

Key = tuple[int, tuple[int, ...], int, tuple[tuple[int, int], ...]]
"""Rule, symbols that are left, the terminals that may follow (bits), how the states from here on lex."""


MAX_LEFT = 16
"""Of longer rests it is not asked whether they are equal: each state would look at all of the states behind it."""


class Tails:
    """Makes equal what may be."""

    def __init__(self, tables: Tables, reading: Reading) -> None:
        self._tables = tables
        self._reading = reading
        self._found: dict[int, tuple[int, Key] | None] = {}
        self._kept: dict[Key, tuple[int, ...]] = {}

    def same(self, stack: tuple[int, ...]) -> tuple[int, ...]:
        """The first stack, of canonical states, that was asked for among those with the same future.

        They differ in what was read of the production on top. Where that is not all on `stack`, it is left as it is.
        """
        found = self._tail(stack[-1])
        if found is None or found[0] > len(stack):
            return stack
        n_read, key = found
        kept = self._kept.setdefault(key, stack[-n_read:])
        return (*stack[:-n_read], *kept)

    def _tail(self, state: int) -> tuple[int, Key] | None:
        """How many symbols were read of the production that goes on in a state, and its key; None if several do."""
        if state not in self._found:
            self._found[state] = self._new_tail(state)
        return self._found[state]

    def _new_tail(self, state: int) -> tuple[int, Key] | None:
        kernel = self._tables.canonical_kernel(state)
        items = self._tables.items
        if len(kernel) > 1:
            return None
        ((item, ahead),) = kernel
        production = items.production[item]
        n_read = item - items.first_item[production]
        n_left = items.productions[production][1] - n_read
        if n_read == 0 or n_left > MAX_LEFT:  # nothing is read at the start alone
            return None
        left, lexed = [], [self._reading.lexed_as(state)]
        while items.symbol[item] != ENDED:
            left.append(items.symbol[item])
            state = self._tables.behind(state, items.symbol[item])
            if len(self._tables.canonical_kernel(state)) > 1:
                return None  # the next symbol also begins something else
            lexed.append(self._reading.lexed_as(state))
            item += 1
        return n_read, (items.productions[production][0], tuple(left), ahead, tuple(lexed))
