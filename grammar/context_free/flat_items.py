"""The sets of items of rules that stand alone, made by kernels.

See `items.py` for what they are; here nothing is owed, a place in a rule is an instruction of a `Program`, and sets,
places and nodes are numbers. So a step costs a few microseconds, where `items.py` needs a hundred.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ...errors import CompileBudgetExceeded
from ..encodings import Encodings
from ..pushdown import UNFILLED
from .debts import NOTHING
from .items import Exit
from .kernels import items as kernel
from .kernels import places
from .kernels import store as at
from .kernels.analysis import N_WORDS, find_first, find_follow
from .kernels.instructions import CALL, OP, READ, RETURN
from .program import TOP, Program
from .rule_automaton import too_many_empty

_NO_EXIT: frozenset[Exit] = frozenset()


class FlatItems:
    """Makes the sets of a program, each when it is asked for.

    start : the set in front of the text.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.store = _store_of(program)
        self._exits: dict[bytes, frozenset[Exit]] = {}
        self.start: int = self._step(kernel.START_AT, int(program.starts[TOP]))

    def _step(self, action: int, first: int, second: int = 0, third: int = 0) -> int:
        while True:
            try:
                return kernel.step(action, first, second, third, *self.store)
            except at.Full:
                self.grow()
            except at.TooManyItems:
                raise CompileBudgetExceeded(
                    "the grammar leaves too many ways open at once to read the text so far",
                    hint="make it less ambiguous: let what can be read in two ways be decided nearer to its beginning",
                ) from None
            except places.TooManyEmpty:
                raise too_many_empty(places.MAX_EMPTY) from None

    def grow(self) -> None:
        """Make room in the arrays."""
        self.store = _grown(self.store)

    def exits(self, items: int) -> frozenset[Exit]:
        """How the stack level can be left: none or one, that owes nothing."""
        if not self.store.sets[items, at.LEFT]:
            return _NO_EXIT
        follow = self.store.set_bytes[items, 0].tobytes()
        found = self._exits.get(follow)
        if found is None:
            found = self._exits[follow] = frozenset(((NOTHING, int.from_bytes(follow, "little")),))
        return found

    def goes_on(self, items: int) -> bool:
        """Whether anything follows on the stack level itself."""
        return bool(self.store.sets[items, at.N_SET])

    def used(self, items: int) -> int:
        """The bytes (bits) that something reads."""
        if self.store.sets[items, at.SOURCES] < 0:
            self._step(kernel.FIND_SOURCES, items)
        return _bits(self.store.set_bytes[items, 1])

    def mark(self, items: int, row: np.ndarray) -> None:
        """Write UNFILLED for the bytes that something reads. row : int32[ROW_WIDTH], zeros."""
        self._step(kernel.FIND_SOURCES, items)
        kernel.write(self.store.set_bytes[items, 1], 0, UNFILLED, row)

    def after(self, items: int, byte: int, *, factored: bool = False) -> tuple[int, np.ndarray]:
        """The set behind a byte, and the bytes that lead there as well: uint64[N_WORDS], valid until the next call.

        factored : whether `factored` will be asked for next, which is found at once then.
        """
        found = self._step(kernel.AFTER_FACTORED if factored else kernel.AFTER, items, byte)
        return found, self.store.set_bytes[at.NEXT, 1]

    def bits(self, found: np.ndarray) -> int:
        """Bytes as bits."""
        return _bits(found)

    def write(self, found: np.ndarray, operation: int, row: np.ndarray) -> None:
        """Write an operation for what is UNFILLED among some bytes. row : int32[ROW_WIDTH]."""
        kernel.write(found, UNFILLED, operation, row)

    def factored(self, items: int) -> tuple[list[int], int]:
        """A set as frames to push (nodes, the lowest first) and the set above them."""
        top, begin, n = self.store.sets[items, at.TOP : at.SET_WIDTH].tolist()
        if top == at.UNKNOWN:
            self._step(kernel.FACTOR, items)
            top, begin, n = self.store.sets[items, at.TOP : at.SET_WIDTH].tolist()
        return self.store.pool[begin : begin + n].tolist() if n else [], top

    def behind_call(self, number: int, owed: Iterable[int]) -> int:
        """The set behind a call, which owes nothing."""
        return self._step(kernel.BEHIND_CALL, number)

    def joined(self, inside: int, node: int, outside: int) -> int:
        """The set of what is in `outside`, and in `inside` on the stack level above the frame `node`."""
        return self._step(kernel.JOIN, inside, node, outside)

    def items(self, items: int) -> list[tuple[int, int]]:
        """The places of a set, and what their rules return to."""
        begin, n = self.store.sets[items, at.ITEMS], self.store.sets[items, at.N_SET]
        return _pairs(self.store.pool[begin : begin + n])

    def returns(self, number: int) -> list[tuple[int, int]]:
        """The places behind a call, and what their rules return to."""
        self.behind_call(number, ())
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
                found.append((symbol, self._step(kernel.BEHIND, position)))
        return found

    def _positions(self, place: int) -> list[tuple[int, int]]:
        """The positions with which a place begins, and their instructions."""
        self._step(kernel.CLOSE, place)
        begin, n = self.store.places[place, at.CLOSED], self.store.places[place, at.N_CLOSED]
        return [
            (place, int(self.store.places[place, at.PC]))
            for place in self.store.pool[begin : begin + n].tolist()
        ]

    def allows(self, owed: int, byte: int) -> bool:
        """Whether what is owed lets a byte follow: nothing is."""
        return True


def _bits(words: np.ndarray) -> int:
    return int.from_bytes(words.tobytes(), "little")


def _pairs(items: np.ndarray) -> list[tuple[int, int]]:
    return [(item >> 32, item & at.LOW) for item in items.tolist()]


def _store_of(program: Program) -> at.Store:
    """The arrays, with nothing found yet."""
    n_code, n_rules = len(program.code), len(program.starts)
    places = np.empty((n_code + 1024, at.PLACE_WIDTH), np.int64)
    places[:n_code] = 0
    places[:n_code, at.PC] = np.arange(n_code)
    places[:n_code, at.CLOSED] = at.UNKNOWN
    nodes = np.empty((256, at.NODE_WIDTH), np.int64)
    nodes[0] = 0  # BOTTOM
    n = np.zeros(at.N_COUNTERS, np.int64)
    n[at.N_PLACES], n[at.N_NODES], n[at.N_SETS] = n_code, 1, 1
    edges, bytes_, first_edge, used = _flat_encodings(program.encodings)
    first = np.zeros((n_code, N_WORDS), np.uint64)
    follow = np.zeros((program.n_regions, N_WORDS), np.uint64)
    find_first(program.code, program.starts, program.order, used, first)
    find_follow(program.code, program.starts, program.order, first, follow)
    return at.Store(
        code=program.code,
        rules=np.stack([program.starts, np.zeros(n_rules, np.int64)], axis=1),
        follow=follow,
        edges=edges,
        bytes=bytes_,
        first_edge=first_edge,
        used=used,
        places=places,
        nodes=nodes,
        sets=np.empty((256, at.SET_WIDTH), np.int64),
        set_bytes=np.empty((256, 2, N_WORDS), np.uint64),
        pool=np.empty(8192, np.int64),
        hashes=np.zeros((3, 2 * _power(len(places))), np.int64),
        corners=np.empty((n_rules + 1, (n_rules >> 6) + 1), np.uint64),
        scratch=np.empty((at.N_SCRATCH, 4096), np.int64),
        n=n,
    )


def _power(n: int) -> int:
    return 1 << n.bit_length()


def _flat_encodings(encodings: Encodings) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """`edges`, `bytes`, `first_edge` and `used` of a store."""
    edges = np.array([child for node in encodings.edges for _, child in node], np.int64)
    words = b"".join([bytes_.to_bytes(32, "little") for node in encodings.edges for bytes_, _ in node])
    bytes_ = np.frombuffer(words, np.uint64).reshape(-1, N_WORDS)
    first_edge = np.cumsum([0, *map(len, encodings.edges)], dtype=np.int64)
    used = np.zeros((len(encodings.edges), N_WORDS), np.uint64)
    if len(edges):  # each node has some, but for END
        np.bitwise_or.reduceat(bytes_, first_edge[1:-1], out=used[1:])
    return edges, bytes_, first_edge, used


def _grown(store: at.Store) -> at.Store:
    """The store with twice the room in everything that grows."""
    grown = {name: _longer(getattr(store, name)) for name in ("places", "nodes", "sets", "set_bytes", "pool")}
    scratch = np.empty((at.N_SCRATCH, 2 * store.scratch.shape[1]), np.int64)
    hashes = np.zeros((3, 2 * store.hashes.shape[1]), np.int64)
    store = store._replace(**grown, scratch=scratch, hashes=hashes)
    at.rehash(store)
    return store


def _longer(array: np.ndarray) -> np.ndarray:
    longer = np.empty((2 * len(array), *array.shape[1:]), array.dtype)
    longer[: len(array)] = array
    return longer
