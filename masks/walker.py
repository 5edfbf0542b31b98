"""Running the kernels: scratch space for each thread, and the answers to their misses."""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np

from ..grammar.pushdown import Maker, Pushdown
from .kernels import walk as kernel
from .level_trie import LevelTrie

Exits = np.ndarray
"""int32[n, 3]: trie node, outcome, 1 if the node's byte was not consumed."""

Config = tuple[int, int, int, int]
"""state, count, escape, stack node."""

NAMED = -1
"""Less than any stack node."""


class Named(NamedTuple):
    """The one member name that ended in a text, of those whose repetition the automaton does not bar.

    lowest  : the lowest stack node behind a byte of the text, not below `place`.
    place   : the stack node of the object.
    frame, outcome : what was reported, see `pushdown.NameFrame`.
    """

    lowest: int
    place: int
    frame: int
    outcome: int


Read = tuple[Config, int, Named | None]
"""Where a text leads, and the lowest stack node behind one of its bytes (`kernel.LOCAL` or more where nothing below its
beginning was left); NAMED in place of that where a member name ended whose repetition the automaton does not bar. Where
it was one, of an object that was there before and is still open, it is told as well."""


class Reach:
    """How far down the stack something looked: `lowest` is the least node of which the frame mattered."""

    __slots__ = ("lowest",)

    def __init__(self) -> None:
        self.lowest = kernel.LOCAL

    def note(self, node: int) -> None:
        """Something looked at `node` and perhaps those above it."""
        if node < self.lowest:
            self.lowest = node


def start_at(state: int, count: int = 0, escape: int = 0) -> Config:
    """Where a walk begins for which the stack below must not matter."""
    return state, count, escape, kernel.BOTTOM


FEW_WORDS = 64
FEW_OF = 8
"""A row is kept as the words that have bits if these are at most so many, and one of so many of its words."""


class Scratch:
    """The arrays that kernels write to."""

    def __init__(self) -> None:
        self.few = np.zeros((2, FEW_WORDS), np.uint32)
        self.path = np.zeros((1024, 7), np.int32)
        self.local = np.zeros((1024, 2), np.int32)
        self.exits = np.zeros((4096, 3), np.int32)
        self._masks: list[np.ndarray] = []
        self._n_lent = 0
        self.ctl = np.zeros(kernel.N_CTL, np.int64)

    def lend_mask(self, n_words: int) -> np.ndarray:
        """uint32[n_words], zeros, until `take_back`: the last one lent comes back first."""
        if self._n_lent == len(self._masks):
            self._masks.append(np.empty(n_words, np.uint32))
        mask = self._masks[self._n_lent]
        if len(mask) != n_words:
            mask = self._masks[self._n_lent] = np.empty(n_words, np.uint32)
        self._n_lent += 1
        mask.fill(0)
        return mask

    def take_back(self) -> None:
        """The last mask that was lent is free again."""
        self._n_lent -= 1

    def few_words(self, n_words: int) -> np.ndarray | None:
        """The words with bits of the mask that was completed last, see `FewWords`; None where they are many."""
        n = int(self.ctl[kernel.CTL_FEW])
        return None if n < 0 or FEW_OF * n > n_words else self.few[:, :n].copy()

    def need_depth(self, depth: int) -> None:
        if len(self.path) < depth + 2:
            self.path = np.zeros((2 * depth + 2, 7), np.int32)

    def grow(self) -> None:
        """Twice the space, the contents kept."""
        self.local = np.concatenate([self.local, np.zeros_like(self.local)])
        self.exits = np.concatenate([self.exits, np.zeros_like(self.exits)])


_threads = threading.local()


def scratch() -> Scratch:
    """This thread's scratch arrays."""
    found: Scratch | None = getattr(_threads, "scratch", None)
    if found is None:
        found = _threads.scratch = Scratch()
    return found


def answer(pushdown: Pushdown, status: int, space: Scratch) -> None:
    """Do what a kernel asked for when it stopped."""
    ctl = space.ctl
    if status == kernel.MISS_STATE:
        pushdown.ensure(int(ctl[kernel.CTL_MISS]))
    elif status == kernel.MISS_BYTE:
        pushdown.fill_transition(int(ctl[kernel.CTL_MISS]), int(ctl[kernel.CTL_OUTCOME]))
    elif status == kernel.MISS_FRAME:
        pushdown.fill_frame(int(ctl[kernel.CTL_MISS]), int(ctl[kernel.CTL_OUTCOME]))
    else:
        space.grow()


def walk_trie(
    pushdown: Pushdown,
    start: Config,
    trie: LevelTrie,
    mask: np.ndarray,
    *,
    shared: int = kernel.NO_SHARED,
    reach: Reach | None = None,
) -> None:
    """Set the bits of all tokens of `trie` that keep `pushdown` alive from `start`.

    mask : uint32[n_words], changed in place. With `shared`, a stack node, it holds the row of the shared state
    and only what differs is changed. `exits` are the places where the walk left the visible stack; what it looked at of
    the others is noted in `reach`.
    """
    space = scratch()
    space.need_depth(trie.max_depth)
    status = kernel.walk(
        *pushdown.arrays,
        space.local,
        space.path,
        *trie.arrays,
        mask,
        space.exits,
        space.ctl,
        *start,
        shared,
    )
    while status != kernel.STEP_ALIVE:
        if pushdown.maker is not None:
            status = _walk_making(pushdown, pushdown.maker, space, trie, mask)
            if status == kernel.STEP_ALIVE:
                break
        answer(pushdown, status, space)
        status = kernel.walk(
            *pushdown.arrays,
            space.local,
            space.path,
            *trie.arrays,
            mask,
            space.exits,
            space.ctl,
            *_GO_ON,
        )
    if reach is not None:
        reach.note(int(space.ctl[kernel.CTL_POPPED]))


_GO_ON = kernel.GO_ON, 0, 0, 0, kernel.NO_SHARED


def exits() -> Exits:
    """Where the last walk of this thread left the visible stack."""
    space = scratch()
    return space.exits[: space.ctl[kernel.CTL_EXITS]].copy()


def _walk_making(
    pushdown: Pushdown,
    maker: Maker,
    space: Scratch,
    trie: LevelTrie,
    mask: np.ndarray,
    behind: tuple[int, Exits] | None = None,
) -> int:
    """Go on with a walk, or one `behind` a stack node and exits, with what makes the states and frames."""
    from .kernels.making import walk_making  # only for grammars

    node, begun = (kernel.BOTTOM, space.exits) if behind is None else behind
    return maker.run(
        walk_making,
        pushdown.stack,
        space.local,
        space.path,
        *trie.arrays,
        mask,
        node,
        begun,
        space.exits,
        space.ctl,
        behind is not None,
    )


def walk_exits(
    pushdown: Pushdown, node: int, begun: Exits, trie: LevelTrie, mask: np.ndarray, reach: Reach
) -> None:
    """Set the bits of the tokens of `trie` that go on behind the exits `begun`, with the stack `node` below the level.

    `exits` are the places where the walk left the visible stack again, which may end at `node`.
    """
    space = scratch()
    space.need_depth(trie.max_depth)
    is_new = True
    while True:
        status = kernel.walk_exits(
            *pushdown.arrays,
            space.local,
            space.path,
            *trie.arrays,
            mask,
            node,
            begun,
            space.exits,
            space.ctl,
            is_new,
        )
        if status != kernel.STEP_ALIVE and pushdown.maker is not None:
            status = _walk_making(pushdown, pushdown.maker, space, trie, mask, (node, begun))
        if status == kernel.STEP_ALIVE:
            reach.note(int(space.ctl[kernel.CTL_POPPED]))
            return
        answer(pushdown, status, space)
        is_new = False


def finish(
    pushdown: Pushdown, config: Config, spelled: tuple[np.ndarray, np.ndarray], mask: np.ndarray, reach: Reach
) -> bool:
    """Complete the mask of `config`. Returns whether the text may end there.

    spelled : duplicates (int32[n, 2]) and tokens that end a text (int64[n]), see `kernel.finish`.
    """
    space = scratch()
    ctl = space.ctl
    while True:
        status = kernel.finish(
            *pushdown.arrays, space.local, space.path, *spelled, mask, space.few, ctl, *config
        )
        if status == kernel.STEP_ALIVE:
            reach.note(int(ctl[kernel.CTL_POPPED]))
            return bool(ctl[kernel.CTL_ACCEPTS])
        answer(pushdown, status, space)


def check_tokens(
    pushdown: Pushdown,
    start: Config,
    texts: tuple[np.ndarray, np.ndarray],
    doubtful: np.ndarray,
    mask: np.ndarray,
    reach: Reach | None = None,
) -> None:
    """Set the bits of those tokens of the bit set `doubtful` that are allowed from `start`.

    texts : the bytes of all tokens in one array, and int64[V + 1] where each begins.
    """
    space = scratch()
    begin = start
    while True:
        status = kernel.check_tokens(
            *pushdown.arrays, space.local, space.path, *texts, doubtful, mask, space.ctl, *begin
        )
        if status == kernel.STEP_ALIVE:
            if reach is not None:
                reach.note(int(space.ctl[kernel.CTL_POPPED]))
            return
        answer(pushdown, status, space)
        begin = _GO_ON[:4]


def read_bytes(pushdown: Pushdown, config: Config, text: np.ndarray) -> Config | None:
    """The configuration after the bytes `text` (uint8), None where they are not allowed."""
    found = read_text(pushdown, config, text)
    return None if found is None else found[0]


def read_text(pushdown: Pushdown, config: Config, text: np.ndarray) -> Read | None:
    """The same, with what it has to do with member names.

    Until the next call, `path_nodes` tells more about the way.
    """
    space = scratch()
    space.need_depth(len(text))
    ctl = space.ctl
    while True:
        status = kernel.advance(*pushdown.arrays, space.local, space.path, *config, text, ctl)
        if status == kernel.STEP_ALIVE:
            state, count, escape, node, lowest, n_named = ctl[kernel.CTL_END :].tolist()
            if node >= kernel.LOCAL:
                node = _interned(pushdown, space.local, node)
            if n_named:
                return (state, count, escape, node), NAMED, _one_name(ctl)
            return (state, count, escape, node), lowest, None
        if status == kernel.STEP_DEAD:
            return None
        answer(pushdown, status, space)


def _one_name(ctl: np.ndarray) -> Named | None:
    """The name that ended in what was just read, if it was one alone and its object is still open."""
    lowest, place = int(ctl[kernel.CTL_LOWEST]), int(ctl[kernel.CTL_NAME_PLACE])
    if ctl[kernel.CTL_NAMED] > 1 or place >= kernel.LOCAL or lowest < place:
        return None
    return Named(lowest, place, int(ctl[kernel.CTL_NAME_FRAME]), int(ctl[kernel.CTL_NAME_OUTCOME]))


def path_nodes(pushdown: Pushdown, n: int) -> list[int]:
    """The stack node after each of the `n` bytes of the last `read_bytes` of this thread."""
    space = scratch()
    nodes = space.path[1 : n + 1, kernel.NODE].tolist()
    if n and max(nodes) >= kernel.LOCAL:
        nodes = [_interned(pushdown, space.local, node) for node in nodes]
    return nodes


def _interned(pushdown: Pushdown, local: np.ndarray, node: int) -> int:
    """The persistent stack node for a node of this walk."""
    frames = []
    while node >= kernel.LOCAL:
        parent, frame = local[node - kernel.LOCAL].tolist()
        frames.append(frame)
        node = parent
    for frame in reversed(frames):
        node = pushdown.push_node(node, frame)
    return node
