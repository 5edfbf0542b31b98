"""What the tokens that leave a stack level come to, found out a frame at a time.

Configurations inside the same terminal differ in what lies below, and often far below: a few tokens, such as `)))`,
look that deep. So what the frame on top decides is kept apart from what the one below it does, and so on. Where only
lower frames are new there is little left to find out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..grammar.pushdown import Pushdown
from .exits import LevelExits
from .kernels.bits import any_bit, set_pairs
from .kernels.walk import BOTTOM
from .rows import Row
from .tables import TokenTables
from .walker import Exits, Reach, walk_exits
from .walker import exits as last_exits

MAX_FRAMES = 4
"""Below so many, hardly two stacks are alike, and only few tokens look there."""
MAX_DEPTHS = 1 << 16
MAX_EXIT_BYTES = 64 << 20
# Masks of 16 KB with a 128k vocabulary: 32 MB.
MAX_MASKS = 2048


@dataclass(slots=True, eq=False)
class Depth:
    """What is known when some frames have been looked at.

    inside : uint32[n_words], not to be changed: the tokens that are allowed whatever lies below.
    in_place, rests : where others go on below, in the vocabulary's trie and in that of `LevelExits.rests`.
    """

    inside: np.ndarray
    in_place: Exits
    rests: Exits

    @property
    def is_settled(self) -> bool:
        """Whether nothing depends on what lies below."""
        return not (len(self.in_place) or len(self.rests))


class ByDepth:
    """The tokens of stack levels with many frames below; what is kept is forgotten when it becomes too much."""

    def __init__(self, pushdown: Pushdown, tables: TokenTables) -> None:
        self._pushdown = pushdown
        self._tables = tables
        self._roots: dict[tuple[object, ...], tuple[LevelExits, Depth]] = {}
        self._below: dict[tuple[Depth, int], Depth] = {}  # by the next frame
        self._n_bytes = 0  # of the exits of `_roots`
        self._masks: dict[int, Row] = {}  # by their numbers

    def fill(
        self,
        key: tuple[object, ...],
        inside: np.ndarray,
        exits: LevelExits,
        node: int,
        mask: np.ndarray,
        reach: Reach,
    ) -> None:
        """Make `mask`, uint32[n_words], the tokens allowed on a level above `node`, but for `whole` ones.

        key : of the level.  inside : what is allowed on the level itself.  What is looked at is noted in `reach`.
        """
        known, here = self._roots.get(key, (None, None))
        if here is None or known is not exits:
            here = Depth(inside, exits.in_place, exits.begins)
            self._keep_root(key, exits, here)
        for _ in range(MAX_FRAMES):
            if here.is_settled:
                break
            reach.note(node)
            node, frame = self._pushdown.nodes[node]
            deeper = self._below.get((here, frame))
            if deeper is None:
                deeper = self._step(here, exits, self._pushdown.push_node(BOTTOM, frame))
                self._keep(here, frame, deeper)
            here = deeper
        mask[:] = here.inside
        if not here.is_settled:
            self._follow(here, exits, node, mask, reach)

    def fill_at_once(
        self, inside: np.ndarray, exits: LevelExits, node: int, mask: np.ndarray, reach: Reach
    ) -> None:
        """The same, without keeping anything: for automata in which stacks are seldom alike."""
        mask[:] = inside
        self._follow(Depth(inside, exits.in_place, exits.begins), exits, node, mask, reach)

    def alive(self, exits: LevelExits, node: int, reach: Reach) -> np.ndarray:
        """uint32 words, a bit for each node of `exits.rests`: which may follow behind the level above `node`."""
        alive = _no_rests(exits)
        walk_exits(self._pushdown, node, exits.begins, exits.rests, alive, reach)
        return alive

    def _step(self, here: Depth, exits: LevelExits, node: int) -> Depth:
        """What is known when the frames of the stack `node` have been looked at as well."""
        inside = here.inside.copy()
        return Depth(inside, *self._follow(here, exits, node, inside, Reach()))

    def _follow(
        self, here: Depth, exits: LevelExits, node: int, mask: np.ndarray, reach: Reach
    ) -> tuple[Exits, Exits]:
        """Add to `mask` what the frames of the stack `node` allow; what goes on below, as `in_place` and `rests`."""
        in_place, rests = here.in_place, here.rests
        if len(in_place):
            trie = self._tables.all.levels
            walk_exits(self._pushdown, node, in_place, trie, mask, reach)
            in_place = last_exits()
        if len(rests):
            alive = _no_rests(exits)
            walk_exits(self._pushdown, node, rests, exits.rests, alive, reach)
            rests = last_exits()
            if any_bit(alive):
                set_pairs(exits.tokens, exits.ends, alive, mask)
        return in_place, rests

    def _keep_root(self, key: tuple[object, ...], exits: LevelExits, here: Depth) -> None:
        if self._n_bytes > MAX_EXIT_BYTES:
            self._forget()
        self._n_bytes += exits.n_bytes
        self._roots[key] = (exits, here)

    def _forget(self) -> None:
        self._n_bytes = 0
        for kept in (self._roots, self._below, self._masks):
            kept.clear()

    def _keep(self, here: Depth, frame: int, deeper: Depth) -> None:
        if len(self._below) >= MAX_DEPTHS or len(self._masks) > MAX_MASKS:
            self._forget()
        row = self._tables.kept.keep(deeper.inside)
        deeper.inside = row.words
        self._masks[row.number] = row
        self._below[here, frame] = deeper


def _no_rests(exits: LevelExits) -> np.ndarray:
    return np.zeros((len(exits.rests.bytes) >> 5) + 1, np.uint32)
