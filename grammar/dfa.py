"""Minimal deterministic automata over bytes, in one canonical form, and the algebra on them."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import CompileBudgetExceeded
from . import kernels
from .byte_classes import Columns, in_order, joint_classes
from .partition import equivalence_blocks

DEAD = 0
NOT_ACCEPTING = -1
DEFAULT_BUDGET = 20_000
_SIDE_BY_SIDE = 4
"""More automata than these are joined two by two."""
_ROOM = 256
"""The states that a product has room for at first."""
UNBOUNDED = 1 << 40
"""Stands for "no greatest length" in `code_point_lengths`."""


@dataclass(frozen=True, slots=True, eq=False)
class ByteDfa:
    """Immutable minimal DFA over bytes: equal labelled languages have equal arrays.

    delta : int32[n_states, 256], read-only; state 0 is DEAD and has only itself as a successor.
    start : the initial state: 1, or 0 for the empty language.
    label : int32[n_states], read-only; -1 where not accepting, else an outcome >= 0.

    Every state but 0 can reach an accepting state, and states are numbered breadth first from
    the start in the order of bytes. The functions of this module keep these properties; do not construct directly.
    """

    delta: NDArray[np.int32]
    start: int
    label: NDArray[np.int32]
    _digest: bytes | None = field(default=None, init=False, repr=False)
    _columns: Columns | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        # Cached instances are shared between callers and threads.
        self.delta.setflags(write=False)
        self.label.setflags(write=False)

    @property
    def n_states(self) -> int:
        return int(self.label.size)

    @property
    def is_empty(self) -> bool:
        return self.start == DEAD

    def with_labels(self, label: NDArray[np.int32]) -> ByteDfa:
        """The same automaton with other outcomes, which must keep it canonical. label : int32[n_states]."""
        other = ByteDfa(self.delta, self.start, label)
        object.__setattr__(other, "_columns", self._columns)
        return other

    @property
    def columns(self) -> Columns:
        """The distinct columns of `delta`."""
        if self._columns is None:
            object.__setattr__(self, "_columns", Columns.of(self.delta))
        assert self._columns is not None
        return self._columns

    @property
    def digest(self) -> bytes:
        """16 bytes that identify the labelled language."""
        if self._digest is None:
            content = hashlib.blake2b(digest_size=16)
            for part in (self.label, self.columns.class_of, self.columns.table):
                content.update(np.ascontiguousarray(part).tobytes())
            object.__setattr__(self, "_digest", content.digest())
        assert self._digest is not None
        return self._digest

    def run(self, data: bytes) -> int:
        """The label reached after `data`, -1 if it is not accepted."""
        state = self.start
        for byte in data:
            state = int(self.delta[state, byte])
        return int(self.label[state])

    def accepts(self, data: bytes) -> bool:
        return self.run(data) != NOT_ACCEPTING


def table_bytes(dfa: ByteDfa) -> int:
    """The memory that a DFA takes, in bytes: the size of a cached one."""
    return int(dfa.delta.nbytes)


def check_budget(n_states: int, budget: int) -> None:
    """Raise CompileBudgetExceeded if `n_states` is more than `budget`."""
    if n_states > budget:
        raise CompileBudgetExceeded(
            f"the automaton needs more than {budget} states",
            hint="shorten counted repetitions and length bounds, or validate this part afterwards",
        )


def build_dfa(rows: ArrayLike, labels: ArrayLike, start: int, byte_class: ArrayLike) -> ByteDfa:
    """Minimise, trim and number.

    rows       : int[n_states, n_classes], successors over byte classes; state 0 must be DEAD.
    labels     : int[n_states].
    byte_class : int[256], the class of each byte.
    """
    table = np.asarray(rows, dtype=np.int32)
    return number_states(table, labels, start, byte_class, equivalence_blocks(table, labels))


def number_states(
    rows: ArrayLike,
    labels: ArrayLike,
    start: int,
    byte_class: ArrayLike,
    block_of: NDArray[np.int32] | None = None,
) -> ByteDfa:
    """The canonical DFA of the quotient by `block_of`; without it `rows` must be minimal already."""
    # Classes in the order of their first bytes give the numbering that single bytes would give.
    first, column_of = in_order(byte_class)
    columns = np.ascontiguousarray(np.asarray(rows, dtype=np.int32)[:, np.asarray(byte_class)[first]])
    if block_of is None:
        block_of = np.arange(len(columns), dtype=np.int32)
    n_blocks = int(block_of.max()) + 1
    reached = np.empty(n_blocks, np.int32)
    table = np.empty((n_blocks, columns.shape[1]), np.int32)
    n_reached = kernels.dfas.number(
        columns, block_of, int(start), np.full(n_blocks, -1, np.int32), reached, table
    )
    label = np.asarray(labels, dtype=np.int32)[reached[:n_reached]]
    label[DEAD] = NOT_ACCEPTING
    delta = table[:n_reached, column_of]
    return ByteDfa(np.ascontiguousarray(delta), min(1, n_reached - 1), label)


def minimize(delta: NDArray[np.int32], start: int, label: NDArray[np.int32]) -> ByteDfa:
    """The canonical DFA of any complete DFA over bytes whose state 0 is DEAD."""
    columns = Columns.of(np.asarray(delta, dtype=np.int32))
    return build_dfa(columns.table, label, start, columns.class_of)


def crawl(
    start: Hashable,
    step: Callable[[Hashable], Iterable[tuple[int, int, Hashable]]],
    label: Callable[[Hashable], int],
    *,
    budget: int = DEFAULT_BUDGET,
) -> ByteDfa:
    """Explore an automaton that is given as functions.

    step   : the transitions `(low byte, high byte, next state)` of a state, ranges disjoint.
    label  : the outcome of a state, -1 if it does not accept.
    Raises CompileBudgetExceeded beyond `budget` states, counted before minimisation.
    """
    ids: dict[Hashable, int] = {start: 1}
    order = [start]
    edges: list[list[tuple[int, int, int]]] = []
    for state in order:
        out = []
        for low, high, target in step(state):
            if target not in ids:
                ids[target] = len(ids) + 1
                order.append(target)
            out.append((low, high, ids[target]))
        check_budget(len(order), budget)
        edges.append(out)
    labels = [NOT_ACCEPTING] + [label(state) for state in order]
    return number_edges([[], *edges], labels, 1, minimal=False)


def number_edges(
    edges: Sequence[Sequence[tuple[int, int, int]]], labels: ArrayLike, start: int, *, minimal: bool
) -> ByteDfa:
    """The canonical DFA of transitions `(low byte, high byte, target)`, disjoint in each state; state 0 is DEAD.

    minimal : no two of the states accept the same texts.
    """
    byte_class, rows = _rows_of_edges(edges)
    return number_states(
        rows, labels, start, byte_class, None if minimal else equivalence_blocks(rows, labels)
    )


def _rows_of_edges(
    edges: Sequence[Sequence[tuple[int, int, int]]],
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Byte classes that all edges respect: int64[256], and the rows over these."""
    source = np.repeat(np.arange(len(edges)), [len(out) for out in edges])
    low, high, target = np.array([edge for out in edges for edge in out], np.int64).reshape(-1, 3).T
    cuts = np.zeros(257, np.int64)
    cuts[low] = cuts[high + 1] = 1
    cuts[0] = 0
    byte_class = np.cumsum(cuts[:256])
    first, last = byte_class[low], byte_class[high]
    width = last - first + 1
    # All classes of the first edge, then all of the second one, and so on.
    edge = np.repeat(np.arange(low.size), width)
    column = np.arange(edge.size) - np.repeat(np.cumsum(width) - width - first, width)
    rows = np.zeros((len(edges), int(byte_class[255]) + 1), np.int32)
    rows[source[edge], column] = target[edge]
    if np.count_nonzero(rows) < np.count_nonzero(target[edge]):
        raise ValueError("overlapping transitions")
    return byte_class, rows


def literals(
    texts: Iterable[bytes], labels: Iterable[int] | None = None, *, budget: int = 5 * DEFAULT_BUDGET
) -> ByteDfa:
    """The finite language of `texts`, each with its label (default 0).

    Raises ValueError if one text has two labels.
    """
    if labels is None:
        pairs = [(text, 0) for text in sorted(set(texts))]
    else:
        pairs = sorted(set(zip(texts, labels, strict=True)))
    if not pairs:
        return EMPTY
    spelled = [text for text, _ in pairs]
    for before, text in pairwise(spelled):
        if before == text:
            raise ValueError(f"two labels for {text!r}")
    lengths = np.array([0, *map(len, spelled)], np.int64)
    n_nodes = int(lengths.sum()) + 1
    nodes = np.empty((kernels.texts.NODE_FIELDS, n_nodes), np.int32)
    n_kept = kernels.texts.share_endings(
        np.frombuffer(b"".join(spelled) or b"\0", np.uint8),
        np.cumsum(lengths),
        np.array([label for _, label in pairs], np.int32),
        np.empty(int(lengths.max()) + 1, np.int32),
        nodes,
        np.full(2 << n_nodes.bit_length(), -1, np.int32),
    )
    check_budget(n_kept, budget)
    delta = np.zeros((n_kept + 1, 256), np.int32)
    label = np.empty(n_kept + 1, np.int32)
    kernels.texts.number_nodes(nodes, np.empty(n_kept + 1, np.int32), delta, label)
    return ByteDfa(delta, 1, label)


EMPTY = ByteDfa(np.zeros((1, 256), np.int32), DEAD, np.full(1, NOT_ACCEPTING, np.int32))
"""The language without any text."""


class _Product:
    """The reachable part of the product of several DFAs, over their joint byte classes.

    needed : which components must not be dead; one of all must not be in any case.
    states : int32[n_states, n_components], the components of each state; state 0 is the dead one.
    """

    def __init__(self, dfas: Sequence[ByteDfa], needed: Sequence[bool], budget: int) -> None:
        self.byte_class, first = joint_classes([dfa.columns for dfa in dfas])
        tables = np.ascontiguousarray(np.concatenate([dfa.delta[:, first] for dfa in dfas]))
        sizes = np.array([dfa.n_states for dfa in dfas])
        start = np.array([dfa.start for dfa in dfas], np.int32)
        self.start = int(start.any() and start[list(needed)].all())
        self.states = np.zeros((_ROOM, len(dfas)), np.int32)
        self.states[1] = start
        rows = np.zeros((_ROOM, first.size), np.int32)
        progress = np.array([1 + self.start, 1])
        arguments = tables, np.cumsum(sizes) - sizes, np.array(needed), progress
        while not kernels.dfas.multiply(*arguments, self.states, rows, np.full(2 * len(rows), -1, np.int32)):
            check_budget(len(rows), budget)
            self.states, rows = (
                np.concatenate([old, *[np.zeros_like(old)] * 3]) for old in (self.states, rows)
            )
        n_states = int(progress[0])
        check_budget(n_states, budget)
        self.states, self.rows = self.states[:n_states], rows[:n_states]

    def build(self, labels: NDArray[np.int32]) -> ByteDfa:
        """labels : int[n_states], -1 for the dead one."""
        return build_dfa(self.rows, labels, self.start, self.byte_class)


def intersect(a: ByteDfa, b: ByteDfa, *, budget: int = DEFAULT_BUDGET) -> ByteDfa:
    """The texts in both, labelled as in `a`."""
    found = _Product((a, b), (True, True), budget)
    accepts = b.label[found.states[:, 1]] != NOT_ACCEPTING
    return found.build(np.where(accepts, a.label[found.states[:, 0]], NOT_ACCEPTING))


def union(*dfas: ByteDfa, budget: int = DEFAULT_BUDGET) -> ByteDfa:
    """The texts in at least one, labelled as in the first that accepts."""
    if len(dfas) < 2:
        return dfas[0] if dfas else EMPTY
    if len(dfas) > _SIDE_BY_SIDE:
        half = len(dfas) // 2
        return union(union(*dfas[:half], budget=budget), union(*dfas[half:], budget=budget), budget=budget)
    found = _Product(dfas, [False] * len(dfas), budget)
    labels = dfas[-1].label[found.states[:, -1]]
    for i in range(len(dfas) - 2, -1, -1):
        mine = dfas[i].label[found.states[:, i]]
        labels = np.where(mine != NOT_ACCEPTING, mine, labels)
    return found.build(labels)


def difference(a: ByteDfa, b: ByteDfa, *, budget: int = DEFAULT_BUDGET) -> ByteDfa:
    """The texts in `a` and not in `b`, labelled as in `a`."""
    found = _Product((a, b), (True, False), budget)
    accepts = b.label[found.states[:, 1]] != NOT_ACCEPTING
    return found.build(np.where(accepts, NOT_ACCEPTING, a.label[found.states[:, 0]]))


def product(
    dfas: Sequence[ByteDfa], *, budget: int = DEFAULT_BUDGET
) -> tuple[ByteDfa, list[tuple[bool, ...]]]:
    """Run several DFAs side by side, alive while any of them is.

    Returns the DFA and its vectors: where its label is `i`, exactly the components with a true
    `vectors[i][component]` accept. Texts that no component accepts have label -1.
    """
    accepting = [np.where(dfa.label == NOT_ACCEPTING, NOT_ACCEPTING, 0) for dfa in dfas]
    dfa, vectors = _labelled(dfas, accepting, budget)
    return dfa, [tuple(label == 0 for label in vector) for vector in vectors]


def labelled_product(
    dfas: Sequence[ByteDfa], *, budget: int = DEFAULT_BUDGET
) -> tuple[ByteDfa, list[tuple[int, ...]]]:
    """As `product`, with the label of each component, -1 where it does not accept."""
    return _labelled(dfas, [dfa.label for dfa in dfas], budget)


def _labelled(
    dfas: Sequence[ByteDfa], labels: Sequence[NDArray[np.integer]], budget: int
) -> tuple[ByteDfa, list[tuple[int, ...]]]:
    if len(dfas) > _SIDE_BY_SIDE:
        return _labelled_halves(dfas, labels, budget)
    found = _Product(dfas, [False] * len(dfas), budget)
    outcomes = zip(*[label[column].tolist() for label, column in zip(labels, found.states.T)])
    number_of: dict[tuple[int, ...], int] = {(NOT_ACCEPTING,) * len(dfas): NOT_ACCEPTING}
    dfa = found.build(np.array([number_of.setdefault(vector, len(number_of) - 1) for vector in outcomes]))
    # The order of discovery belongs to the input; that of the canonical states to the language.
    seen = {label: i for i, label in enumerate(dict.fromkeys(dfa.label[dfa.label >= 0].tolist()))}
    vectors = list(number_of)[1:]
    relabel = np.array([seen.get(old, 0) for old in range(len(vectors))] + [NOT_ACCEPTING], dtype=np.int32)
    return dfa.with_labels(relabel[dfa.label]), [vectors[old] for old in seen]


def _labelled_halves(
    dfas: Sequence[ByteDfa], labels: Sequence[NDArray[np.integer]], budget: int
) -> tuple[ByteDfa, list[tuple[int, ...]]]:
    """The same by halves. No half has more states than the whole, and rows of many components are dear."""
    half = len(dfas) // 2
    left, left_vectors = _labelled(dfas[:half], labels[:half], budget)
    right, right_vectors = _labelled(dfas[half:], labels[half:], budget)
    dfa, pairs = _labelled([left, right], [left.label, right.label], budget)
    # -1, "not accepted", is the last of each list.
    left_vectors.append((NOT_ACCEPTING,) * half)
    right_vectors.append((NOT_ACCEPTING,) * (len(dfas) - half))
    return dfa, [left_vectors[i] + right_vectors[j] for i, j in pairs]


def code_point_lengths(dfa: ByteDfa) -> tuple[NDArray[np.int64], NDArray[np.int64], bool]:
    """How many code points each state of a DFA over UTF-8 still reads before it accepts.

    Counted are lead bytes (all but 0x80 to 0xBF), so a state inside a character has begun to read it.
    Returns int64[n_states] with the least number (UNBOUNDED for DEAD), int64[n_states] with the
    greatest (-1 for DEAD, UNBOUNDED if there is none), and whether *every* number between the two is possible
    in every state. A DFA with a cycle of continuation bytes is not over UTF-8: ValueError.
    """
    successors = _weighted_successors(dfa)
    accepting = (dfa.label != NOT_ACCEPTING).tolist()
    least = _least_lengths(successors, accepting)
    greatest = _greatest_lengths(successors, accepting)
    contiguous = all(
        _covers(
            [(0, 0)] * accepting[state] + [(least[t] + w, greatest[t] + w) for t, w in successors[state]],
            least[state],
            greatest[state],
        )
        for state in range(1, dfa.n_states)
    )
    return np.array(least, np.int64), np.array(greatest, np.int64).clip(max=UNBOUNDED), contiguous


def _covers(intervals: list[tuple[int, int]], low: int, high: int) -> bool:
    """Whether the union of `intervals` has every integer from `low` to `high`.

    With the intervals that are claimed for the successors, this is the induction step of the claim
    for all states: each step reads a byte, and at most three in a row count nothing.
    """
    for first, last in sorted(intervals):
        if first > low:
            return False
        low = max(low, last + 1)
        if low > high:
            return True
    return low > high


def _weighted_successors(dfa: ByteDfa) -> list[list[tuple[int, int]]]:
    """For each state its distinct (target, 1 if a lead byte leads there, else 0)."""
    columns = dfa.columns
    lead = np.concatenate([columns.within(0, 0x80), columns.within(0xC0, 0x100)], axis=1)
    found: list[list[tuple[int, int]]] = []
    for leads, inner in zip(lead.tolist(), columns.within(0x80, 0xC0).tolist()):
        found.append([(t, 1) for t in {*leads} - {DEAD}] + [(t, 0) for t in {*inner} - {DEAD}])
    return found


def _least_lengths(successors: list[list[tuple[int, int]]], accepting: list[bool]) -> list[int]:
    predecessors: list[list[tuple[int, int]]] = [[] for _ in successors]
    for state, out in enumerate(successors):
        for target, weight in out:
            predecessors[target].append((state, weight))
    least = [0 if flag else UNBOUNDED for flag in accepting]
    todo = deque(state for state, flag in enumerate(accepting) if flag)
    while todo:
        state = todo.popleft()
        for before, weight in predecessors[state]:
            if least[state] + weight < least[before]:
                least[before] = least[state] + weight
                # Edges of weight 0 first: then every state is settled when it is taken.
                (todo.append if weight else todo.appendleft)(before)
    return least


def _greatest_lengths(successors: list[list[tuple[int, int]]], accepting: list[bool]) -> list[int]:
    inner = [[target for target, weight in out if not weight] for out in successors]
    if len(_acyclic_order(inner)) < len(inner):
        raise ValueError("a cycle of continuation bytes: not a language of UTF-8 texts")
    greatest = [UNBOUNDED] * len(successors)
    for state in _acyclic_order([[target for target, _ in out] for out in successors]):
        ahead = [greatest[target] + weight for target, weight in successors[state]]
        greatest[state] = max([0 if accepting[state] else -1, *ahead])
    return greatest


def _acyclic_order(successors: list[list[int]]) -> list[int]:
    """The states from which no cycle can be reached, each after its successors."""
    predecessors: list[list[int]] = [[] for _ in successors]
    n_open = [len(out) for out in successors]
    for state, out in enumerate(successors):
        for target in out:
            predecessors[target].append(state)
    order = [state for state, count in enumerate(n_open) if count == 0]
    for state in order:
        for before in predecessors[state]:
            n_open[before] -= 1
            if n_open[before] == 0:
                order.append(before)
    return order


def bounded_length(dfa: ByteDfa, low: int, high: int | None, *, budget: int = DEFAULT_BUDGET) -> ByteDfa:
    """The texts of `dfa`, a DFA over UTF-8, that have `low` to `high` code points.

    Raises CompileBudgetExceeded: the states are pairs of a state and a count.
    """
    least, greatest = (bounds.tolist() for bounds in code_point_lengths(dfa)[:2])
    byte_class, first = _length_classes(dfa)
    table = dfa.delta[:, first].tolist()
    weights = [int(not 0x80 <= byte < 0xC0) for byte in first]
    most = UNBOUNDED if high is None else high
    label = dfa.label.tolist()

    def alive(state: int, count: int) -> bool:
        return count + least[state] <= most and count + greatest[state] >= low

    states = [(DEAD, 0)]
    ids = {}
    if alive(dfa.start, 0):
        ids[dfa.start, 0] = 1
        states.append((dfa.start, 0))
    rows = [[DEAD] * len(weights)]
    for state, count in islice(states, 1, None):  # grows as it is read
        row = []
        for target, weight in zip(table[state], weights):
            # Without an upper bound, all counts from `low` on are alike.
            reached = (target, count + weight if high is not None else min(count + weight, low))
            number = ids.get(reached)
            if number is None:
                number = ids[reached] = len(states) if alive(*reached) else DEAD
                if number:
                    states.append(reached)
            row.append(number)
        rows.append(row)
        check_budget(len(states), budget)
    labels = [label[q] if low <= count <= most else NOT_ACCEPTING for q, count in states]
    labels[DEAD] = NOT_ACCEPTING
    return build_dfa(rows, labels, len(states) > 1, byte_class)


def _length_classes(dfa: ByteDfa) -> tuple[NDArray[np.int64], list[int]]:
    """Byte classes that tell continuation bytes from others, and the first byte of each."""
    keys = dfa.columns.class_of * 2
    keys[0x80:0xC0] += 1
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return inverse, first.tolist()
