"""The machine of rules that stand alone: `machine.py` says what it does, kernels do it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from ..pushdown import DONE_STATE, MADE_OF, Ending, Portable, Pushdown, Row, goto
from .flat_items import FlatItems
from .kernels import store as at
from .kernels.entry import EXPAND, FILL, OPERATION, RESUME, START_AT, step
from .kernels.store import BOTTOM
from .program import TOP
from .rules import Rules
from .shortest import Shortest
from .ways import FlatWays


class FlatMachine:
    """Makes states of sets and frames of nodes, in `pushdown`, and knows how they end."""

    def __init__(self, rules: Rules, pushdown: Pushdown) -> None:
        self.pushdown = pushdown
        self._items = FlatItems(rules.program, pushdown)
        self._origin = Portable(pushdown.n_states, (object(),))  # one for the rows of all states' masks
        self._number = pushdown.add_maker(self)
        self._items.store.n[at.MAKER] = self._number
        pushdown.frames_grow = True

    def be_all(self) -> None:
        """Let the whole text be one of this grammar."""
        pushdown = self.pushdown
        root = pushdown.new_made_frame(self._number, int(BOTTOM), (goto(DONE_STATE),))
        self._items.store.n[at.ROOT] = root
        pushdown.root_node = pushdown.push_node(0, root)
        pushdown.endings = pushdown.maker = self
        pushdown.start = self._start()

    def enter(self) -> int:
        """The operation with which a text begins on a stack level."""
        return self.run(step, OPERATION, self._made_of(self._start()), 0)

    def run(self, kernel: Callable[..., int], *arguments: object) -> int:
        """See `Maker`."""
        pushdown, items = self.pushdown, self._items
        with pushdown.lock:
            items.borrow()
            try:
                return items.run(kernel, *arguments)
            finally:
                n_states, n_code = items.store.n[at.N_STATES : at.N_CODE + 1].tolist()
                pushdown.take_over(self, n_states, n_code, self._origin)

    def expand(self, state: int, row: Row) -> None:
        """See `Maker`."""
        table = self.pushdown.table
        self.run(step, EXPAND, state, 0)
        if self.pushdown.table is not table:
            row[:] = self.pushdown.table[state]

    def fill(self, state: int, byte: int) -> None:
        """See `Maker`."""
        self.run(step, FILL, state, byte)

    def resume(self, frame: int, outcome: int) -> None:
        """See `Maker`."""
        self.run(step, RESUME, frame, outcome)

    def from_state(self, state: int) -> Ending:
        """A short text that leaves the level from a state."""
        if state == DONE_STATE:
            return ()
        with self.pushdown.lock:
            items = self._made_of(state)
            return () if self._items.exits(items) else self._shortest.text(self._items.items(items))

    def from_frame(self, frame: int) -> Ending:
        """A short text that leaves the level below `frame`, once what is above has ended."""
        with self.pushdown.lock:
            return self._shortest.behind(int(self.pushdown.code[frame - 1]))

    @cached_property
    def _shortest(self) -> Shortest:
        return Shortest(self._items, FlatWays(self._items))

    def _start(self) -> int:
        """The state in front of the text."""
        return self.run(step, START_AT, int(self._items.program.starts[TOP]), 0)

    def _made_of(self, state: int) -> int:
        """The set of a state."""
        return int(self.pushdown.table[state, MADE_OF])
