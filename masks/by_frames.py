"""What is known of a configuration, kept for all stacks that are alike as far down as was looked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from ..grammar.pushdown import Alike, Pushdown
from .kernels.walk import LOCAL
from .walker import Config, Reach

T = TypeVar("T")
Key = int | tuple[int, int, int]
"""A state; with a count and an escape where there are any; or the number of a table and a frame."""
_FRAME_BITS = 32


class ByFrames(Generic[T]):
    """Answers that follow from state, count and escape of a configuration and some frames on top of its stack.

    How many frames that are depends on the frames themselves: whoever makes an answer looks at one after the other,
    and says by its `Reach` where it stopped. At most `limit` answers are kept; then all are forgotten. No answer is
    None or an int.

    alike : states and frames that no answer tells apart, see `Pushdown.alike`; None where some may.
    """

    def __init__(self, pushdown: Pushdown, limit: int, alike: Alike | None = None) -> None:
        self._pushdown = pushdown
        self._states = {} if alike is None else alike.states
        self._frames = {} if alike is None else alike.frames
        self._limit = limit
        self._n = 0
        self._n_tables = 0
        # An answer, or the number of a table, which has more by the frame on top of what is left of the stack. All in
        # one dict, and by numbers: of very many objects, each is work for every collection of garbage.
        self._found: dict[Key, Any] = {}

    def __len__(self) -> int:
        return self._n

    def clear(self) -> None:
        """Forget all answers."""
        self._found.clear()
        self._n = 0

    def get(self, config: Config, make: Callable[[Config, Reach], T], reach: Reach | None) -> T:
        """The answer for `config`, made if it is new. What was looked at for it is noted in `reach`, if it is given."""
        state, count, escape, node = config
        first, lowest = self._states.get(state, state), LOCAL
        entry = self._found.get((first, count, escape) if count or escape else first)
        while entry.__class__ is int:
            lowest = node
            node, frame = self._pushdown.nodes[node]
            entry = self._found.get(entry << _FRAME_BITS | self._frames.get(frame, frame))
        if entry is None:
            own = Reach()
            entry = make(config, own)
            lowest = min(lowest, own.lowest)
            self._keep(config, own.lowest, entry)
        if reach is not None:
            reach.note(lowest)
        found: T = entry
        return found

    def _keep(self, config: Config, lowest: int, found: T) -> None:
        if self._n >= self._limit:
            self.clear()
        self._n += 1
        state, count, escape, node = config
        first = self._states.get(state, state)
        key: Key = (first, count, escape) if count or escape else first
        while node >= lowest:  # a node has a greater number than those below it
            table = self._found.get(key)
            if table.__class__ is not int:
                self._n_tables += 1
                table = self._found[key] = self._n_tables
            node, frame = self._pushdown.nodes[node]
            key = table << _FRAME_BITS | self._frames.get(frame, frame)
        self._found[key] = found
