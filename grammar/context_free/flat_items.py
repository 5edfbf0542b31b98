"""The sets of items of rules that stand alone, made by kernels.

See `items.py` for what they are; here nothing is owed, a place in a rule is an instruction of a `Program`, and sets,
places and nodes are numbers. So a step costs a few microseconds, where `items.py` needs a hundred.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate

import numpy as np

from ...errors import CompileBudgetExceeded
from ..encodings import Encodings
from ..pushdown import Pushdown
from .kernels import entry, places
from .kernels import store as at
from .kernels.analysis import N_WORDS, find_sets
from .kernels.entry import step
from .kernels.instructions import CALL, OP, READ, RETURN
from .program import Program
from .rule_automaton import too_many_empty


class FlatItems:
    """Makes the sets of a program, each when it is asked for, and its states and frames in `pushdown`.

    store : the arrays. Those of the pushdown are among them, as they were when `borrow` was called.
    """

    def __init__(self, program: Program, pushdown: Pushdown) -> None:
        self.program = program
        self.pushdown = pushdown
        self.store = _store_of(program, pushdown)

    def run(self, kernel: Callable[..., int], *arguments: object) -> int:
        """Call a kernel with some arguments and the arrays, again each time that these had to grow."""
        while True:
            try:
                return kernel(*arguments, *self.store)
            except at.Full:
                self.grow()
            except at.TooManyItems:
                raise CompileBudgetExceeded(
                    "the grammar leaves too many ways open at once to read the text so far",
                    hint="make it less ambiguous: let what can be read in two ways be decided nearer to its beginning",
                ) from None
            except places.TooManyEmpty:
                raise too_many_empty(places.MAX_EMPTY) from None

    def _step(self, action: int, first: int) -> int:
        return self.run(step, action, first, 0)

    def borrow(self) -> None:
        """Take the arrays of the pushdown as they are now."""
        pushdown, store = self.pushdown, self.store
        if store.table is not pushdown.table or store.words is not pushdown.code:
            self.store = store = store._replace(table=pushdown.table, words=pushdown.code)
        store.n[at.N_STATES], store.n[at.N_CODE] = pushdown.n_states, pushdown.n_code

    def grow(self) -> None:
        """Make room in the array that was full, which may be one of the pushdown."""
        pushdown, store = self.pushdown, self.store
        full, n_states, n_words = store.n[[at.FULL, at.N_STATES, at.N_CODE]].tolist()
        if full == at.TABLE:
            pushdown.grow_table(n_states, n_states + 1)
        elif full == at.WORDS:
            pushdown.grow_code(n_words, len(store.words) + 1)
        else:
            store = _grown(store, full)
        self.store = store._replace(table=pushdown.table, words=pushdown.code)

    def exits(self, items: int) -> bool:
        """Whether the stack level can be left."""
        return bool(self.store.sets[items, at.LEFT])

    def items(self, items: int) -> list[tuple[int, int]]:
        """The places of a set, and what their rules return to."""
        begin, n = self.store.sets[items, at.ITEMS], self.store.sets[items, at.N_SET]
        return _pairs(self.store.pool[begin : begin + n])

    def returns(self, number: int) -> list[tuple[int, int]]:
        """The places behind a call, and what their rules return to."""
        self._step(entry.BEHIND_CALL, number)
        begin, n = self.store.nodes[number, at.RETURNS], self.store.nodes[number, at.N_RETURNS]
        return _pairs(self.store.pool[begin : begin + n])

    def may_end(self, place: int) -> bool:
        """Whether the rule may end at a place."""
        return any(pc >= 0 and self.program.code[pc, OP] == RETURN for _, pc in self._positions(place))

    def onward(self, place: int) -> list[tuple[int, int]]:
        """What is read at a place, a node of the encodings, or -1 less the number of a rule; and the places behind."""
        found = []
        for position, pc in self._positions(place):
            op, a = (READ, -pc) if pc < 0 else self.program.code[pc, :2].tolist()
            if op != RETURN:
                symbol = -1 - a if op == CALL else a
                found.append((symbol, self._step(entry.BEHIND, position)))
        return found

    def _positions(self, place: int) -> list[tuple[int, int]]:
        """The positions with which a place begins, and their instructions."""
        self._step(entry.CLOSE, place)
        begin, n = self.store.places[place, at.CLOSED], self.store.places[place, at.N_CLOSED]
        return [
            (place, int(self.store.places[place, at.PC]))
            for place in self.store.pool[begin : begin + n].tolist()
        ]


def _pairs(items: np.ndarray) -> list[tuple[int, int]]:
    return [(item >> 32, item & at.LOW) for item in items.tolist()]


def _store_of(program: Program, pushdown: Pushdown) -> at.Store:
    """The arrays, with nothing found yet. START_AT is what must be done with them first."""
    n_code, n_rules, n_nodes = len(program.code), len(program.starts), len(program.encodings.edges)
    edges, bytes_, first_edge = _flat_encodings(program.encodings)
    sets = np.zeros((n_nodes + program.n_regions + n_code, N_WORDS), np.uint64)
    used, follow, first = sets[:n_nodes], sets[n_nodes:-n_code], sets[-n_code:]
    find_sets(program.code, program.starts, program.order, first_edge, bytes_, used, first, follow)
    rules = np.zeros((n_rules, 2), np.int64)
    rules[:, at.START] = program.starts
    n_places = n_code + 512
    return at.Store(
        code=program.code,
        rules=rules,
        follow=follow,
        edges=edges,
        bytes=bytes_,
        first_edge=first_edge,
        used=used,
        places=np.empty((n_places, at.PLACE_WIDTH), np.int64),
        nodes=np.empty((256, at.NODE_WIDTH), np.int64),
        sets=np.empty((256, at.SET_WIDTH), np.int64),
        set_bytes=np.empty((256, 2, N_WORDS), np.uint64),
        pool=np.empty(4096, np.int64),
        outcomes=np.empty((256, 2), np.int64),
        hashes=np.zeros((at.OUTCOMES + 1, 2 * _power(n_places)), np.int64),
        corners=np.empty((n_rules + 1, (n_rules >> 6) + 1), np.uint64),
        scratch=np.empty((at.N_SCRATCH, 1024), np.int64),
        n=np.zeros(at.N_COUNTERS, np.int64),
        table=pushdown.table,
        words=pushdown.code,
    )


def _power(n: int) -> int:
    return 1 << n.bit_length()


def _flat_encodings(encodings: Encodings) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`edges`, `bytes` and `first_edge` of a store."""
    edges = [edge for node in encodings.edges for edge in node]
    words = b"".join([bytes_.to_bytes(32, "little") for bytes_, _ in edges])
    first_edge = [0, *accumulate(map(len, encodings.edges))]
    return (
        np.array([child for _, child in edges], np.int64),
        np.frombuffer(words, np.uint64).reshape(-1, N_WORDS),
        np.array(first_edge, np.int64),
    )


def _grown(store: at.Store, full: int) -> at.Store:
    """The store with twice the room in what is full."""
    if full == at.SCRATCH:
        return store._replace(scratch=np.empty((at.N_SCRATCH, 2 * store.scratch.shape[1]), np.int64))
    names = _GROWING[full]
    store = store._replace(**{name: _longer(getattr(store, name)) for name in names})
    if full <= at.OUTCOMES and 2 * len(getattr(store, names[0])) > store.hashes.shape[1]:
        store = store._replace(hashes=np.zeros((at.OUTCOMES + 1, 2 * store.hashes.shape[1]), np.int64))
        at.rehash(store)
    return store


_GROWING = {
    at.PLACES: ("places",),
    at.NODES: ("nodes",),
    at.SETS: ("sets", "set_bytes"),
    at.OUTCOMES: ("outcomes",),
    at.POOL: ("pool",),
}


def _longer(array: np.ndarray) -> np.ndarray:
    longer = np.empty((2 * len(array), *array.shape[1:]), array.dtype)
    longer[: len(array)] = array
    return longer
