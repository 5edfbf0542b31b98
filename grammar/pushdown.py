"""A deterministic byte pushdown automaton in flat arrays, filled lazily, a state at a time.

Everything that constrains text (JSON Schema, regex, context-free grammars) becomes one `Pushdown`: the kernels of
`masks/` only ever read these arrays. A configuration is `(state, count, escape, node)`: a state, a counter (white
space run or code points of the current string), the progress of a JSON escape, and a node of the persistent stack.

An operation packs a kind and a payload into one int32, `payload << 2 | kind`:

    GOTO state     stay on this stack level        (GOTO 0 is DEAD)
    PUSH offset    push the frames listed in `code[offset:]`, go to the state given there
    EXIT outcome   leave this level: pop a frame, perform the operation it holds for `outcome`
    SPACE          white space: same state, count it against the state's cap

A state that is not READY, or a frame whose operation is UNFILLED, makes a kernel stop and ask; Python fills it and
the kernel goes on. A transition may be UNFILLED as well: it leads somewhere, and where that is is found out when a text
goes on behind it. Arrays only grow (by copy), and a row is complete, but for these, before it is marked READY. Where a
`Maker` makes all of it by kernels, these are called by those that walk, and nothing stops.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np

from ..errors import CannotEnforce
from .dfa import ByteDfa

GOTO, PUSH, EXIT, SPACE = 0, 1, 2, 3
DEAD = 0
UNFILLED = -1

# Columns of a state's row behind its 256 transitions.
FLAGS, END, COUNT_LO, COUNT_HI, END_LO, SPACE_CAP = 256, 257, 258, 259, 260, 261
BEYOND = 262  # the state in which more than COUNT_HI characters go on, 0 where they do not
# The same columns where NAMES is set.
NAMES_AT, N_NAMES, NAME_END, NAME_DEPTH, ALLOWED_NAMES = COUNT_LO, COUNT_HI, END_LO, SPACE_CAP, BEYOND
MADE_OF = 263  # what a `Maker` knows the state by
ROW_WIDTH = 264

# Bits of FLAGS.
READY = 1  # the row is complete
STRING = 2  # inside a JSON string: transitions are over decoded content, END happens at the quote
COUNTED = 4  # code points are counted, COUNT_LO <= count <= COUNT_HI on entry, count >= END_LO at the quote
ESCAPABLE = 8  # between two code points, and at least one more may follow
ANY_CHARACTER = 16  # every code point may follow, with every continuation of its bytes
ACCEPT = 32  # the whole text may end here
SHARED_PUSH = 64  # a PUSH from here leads where the plain string would have been, see masks/engine.py
# The rests of N_NAMES ASCII member names that begin with the same NAME_DEPTH bytes. `count` tells the first one of
# those that are left (`count >> NAME_BITS`) and how many bytes more they share. A byte with which one goes on leads to
# the same state, any other where the row says. Behind all of name i, if it is in the bit set ALLOWED_NAMES, END is
# done, i outcomes further; where no name ends, NAME_END. For each name code[NAMES_AT:] has where in `code` its text
# is, its length, and how many bytes it begins with like the one before.
NAMES = 128
NAME_BITS = 12
MAX_NAMES = 24  # a step looks at one after the other; ALLOWED_NAMES has 31 bits for them

_WHITE_SPACE = np.array([0x20, 0x09, 0x0A, 0x0D])

_AHEAD = 8
# With the code the table is replaced, which is larger: that should be seldom.
_CODE_BEGINS, _CODE_GROWS = 1024, 4

NO_LIMIT = 2**30
MOVED = 2**28  # a frame whose head is MOVED + offset has become too small, and is there now
DEAD_STATE, DONE_STATE = 0, 1


@dataclass(slots=True, eq=False)
class Origin:
    """What a run of states, beginning at `first`, was made from: lets masks be shared between equal ones."""

    first: int


@dataclass(slots=True, eq=False)
class Portable(Origin):
    """States whose languages up to the end of their stack level are equal for equal keys and distances from `first`.

    is_common : whether many automata have them.
    """

    key: tuple[object, ...]
    is_common: bool = False


@dataclass(slots=True, eq=False)
class Junctions(Origin):
    """States that read white space, at most `space` bytes, and one byte more, which leads somewhere else.

    bytes_ : for each state what that may be.
    """

    space: int
    bytes_: tuple[tuple[int, ...], ...]


@dataclass(slots=True, eq=False)
class NamePart(Origin):
    """States inside a member name that is a declared one, or may still become one.

    keys  : the declared names, as sorted UTF-8.
    begin, end, allowed : in the first state they may be those of [begin, end), of which `allowed` (bit 0 is `begin`)
            may come; where there are more states, it is one name alone.
    depth : so many bytes were read in the first state, one more in the next, and so on.
    frame : where any other name will do, what a byte pushes that leaves the declared names.
    plain : there, for each number of bytes that were read, the state in which plain text would be; one alone where it
            is the same for all.
    """

    keys: list[bytes]
    begin: int
    end: int
    allowed: int
    depth: int
    frame: int
    plain: tuple[int, ...]

    def content(self, state: int, count: int) -> bytes:
        """What was read of a name, as UTF-8."""
        if not self.keys:
            return b""
        return self.keys[self.begin + (count >> NAME_BITS)][: self.n_read(state, count)]

    def n_read(self, state: int, count: int) -> int:
        """The number of these bytes."""
        return self.depth + state - self.first + (count & (1 << NAME_BITS) - 1)

    def ranks(self, state: int, count: int) -> range:
        """The names that begin with it."""
        if not count:
            return range(self.begin, self.end)
        first, content = self.begin + (count >> NAME_BITS), self.content(state, count)
        last = first + 1
        while last < self.end and self.keys[last].startswith(content):
            last += 1
        return range(first, last)

    def allows(self, rank: int) -> bool:
        """Whether a name of [begin, end) may come."""
        return bool(self.allowed >> rank - self.begin & 1)

    def plain_state(self, state: int, count: int) -> int:
        """The state in which plain text would be."""
        return self.plain[self.n_read(state, count) if len(self.plain) > 1 else 0]

    def going_on(self, state: int, count: int) -> dict[int, int]:
        """The bytes with which a name that may come goes on, and the first of the names that do."""
        read = self.n_read(state, count)
        first: dict[int, int] = {}
        alive = set()
        for rank in self.ranks(state, count):
            if len(self.keys[rank]) > read:
                byte = self.keys[rank][read]
                first.setdefault(byte, rank)
                if self.plain or self.allows(rank):
                    alive.add(byte)
        return {byte: rank for byte, rank in first.items() if byte in alive}


Row = np.ndarray
Fill = Callable[[int, int], None]
"""Write the operation of a state for a byte into its row, and for other bytes with the same one."""
Expand = Callable[[int, Row], None]
Resume = Callable[[int], int]


def goto(state: int) -> int:
    """The operation that moves to `state` on the same stack level."""
    return state << 2


def leave(outcome: int = 0) -> int:
    """The operation that pops a frame and reports `outcome` to it."""
    return outcome << 2 | EXIT


class Learner(Protocol):
    """What follows when the value is known of an item, or a member, that has just ended."""

    def learned(self, text: bytes) -> int:
        """The state behind a value with this text, DEAD where nothing follows."""
        ...

    def accepts(self, text: bytes) -> bool:
        """Whether anything follows a value with this text."""
        ...

    def family(self, text: bytes) -> Hashable:
        """Equal for states from which the text can be completed alike, if not in as few bytes."""
        ...


class TextSet(Protocol):
    """A set of texts."""

    def __contains__(self, text: bytes) -> bool: ...

    def __len__(self) -> int: ...

    def beginning_with(self, prefix: bytes) -> list[bytes]:
        """Those that begin with `prefix`."""
        ...

    def has_beginning(self, prefix: bytes) -> bool:
        """Whether any does."""
        ...


class Awaited(Protocol):
    """The value of an item, or a member, while it is read.

    strings : the contents, as UTF-8, that no string may have; an automaton alone does not know them.
    numbers : the same for numbers, as `schema.seen_values.number_key` has them.
    Sets of different alternatives: what is in one of them may still be allowed by another.
    """

    @property
    def strings(self) -> tuple[TextSet, ...]: ...

    @property
    def numbers(self) -> tuple[TextSet, ...]: ...

    def may_matter(self, begun: bytes) -> bool:
        """Whether it may matter to what follows; `begun` is its text so far."""
        ...

    def harmless_types(self) -> int | None:
        """The types (bits of `schema.shapes`) of which the item behind it has many values, whatever this one is.

        None where not even that is sure that the same may follow then.
        """
        ...


class MembersLeft(Protocol):
    """What an object still has to have."""

    def names(self) -> list[str]:
        """Member names of which one comes next in some shortest way to the end of the object; none where unknown."""
        ...

    def nearest(self) -> tuple[int, list[str]]:
        """The least number of things that are missing in some alternative, and names of which it needs one."""
        ...


Ending = tuple[bytes | int, ...]
"""A text in parts; a state stands for the text that leaves its level, which has to be searched for."""


class Endings(Protocol):
    """Short texts that end stack levels, where the automaton's maker knows them; shortest where there are no states."""

    def from_state(self, state: int) -> Ending | None:
        """A text that leaves the level from a state; None where it has to be searched for."""
        ...

    def from_frame(self, frame: int) -> Ending | None:
        """A text that leaves the level below `frame`, once what is above has ended; None as above."""
        ...


class Maker(Protocol):
    """Makes states and frames by kernels, which write to the arrays of a pushdown.

    In front of each of its frames, `code` has the number of the maker and what it knows the frame by.
    """

    def expand(self, state: int, row: Row) -> None:
        """Write the row of a state, but for MADE_OF, and make it READY."""
        ...

    def fill(self, state: int, byte: int) -> None:
        """Write the operation of a state for a byte that is UNFILLED."""
        ...

    def resume(self, frame: int, outcome: int) -> None:
        """Write the operation that a frame performs for an outcome, and move the frame if it is too small."""
        ...

    def run(self, kernel: Callable[..., int], *arguments: object) -> int:
        """Call a kernel with some arguments and the maker's arrays, again each time that these had to grow."""
        ...


class Units:
    """The items and members whose values matter to what follows: an automaton alone does not know them.

    frames : the stack symbols under them.
    after  : by the state behind one, what its value changes.
    bars   : whether there are any with values that only who has the text can refuse.
    """

    def __init__(self) -> None:
        self.frames: dict[int, Awaited] = {}
        self.after: dict[int, Learner] = {}
        self.bars = False

    def await_(self, frame: int, awaited: Awaited) -> None:
        """Let the value above a frame be awaited."""
        self.frames[frame] = awaited
        self.bars = self.bars or bool(awaited.strings or awaited.numbers)


class Alike:
    """See `Pushdown.alike`."""

    def __init__(self) -> None:
        self.states: dict[int, int] = {}
        self.frames: dict[int, int] = {}


@dataclass(slots=True, eq=False)
class NameFrame:
    """The frame under a member name of an object that allows names nobody declares.

    keys    : the declared names, as sorted UTF-8; of these `allowed` (a bit set) may come, or all where there is no end
              of other names.
    others  : the lexeme of the other names.
    runs_out : whether there are beginnings with which only finitely many of the others go on.
    all_declare : whether the automaton itself keeps `keys` from repeating: no alternative takes one for another name.
    """

    keys: list[bytes]
    allowed: int
    others: ByteDfa
    runs_out: bool
    all_declare: bool


class Pushdown:
    """The growing tables. Filling is serialised by `lock`; reading needs none.

    table : int32[capacity, ROW_WIDTH], one row a state; state 0 is dead, state 1 is done.
    code  : int32[capacity], push lists `[state, n, frame_1 .. frame_n]` and frames `[n, op_0 .. op_(n-1)]`; where
            outcomes of a frame are watched from `w` on, it begins with -1 - w; where it had to grow, with MOVED and
            where it is now.
    describe     : the pointers of what a state was made from, for errors.
    ends_inside  : whether the text may end above frames that nothing pops.
    frames_grow  : whether frames may have to take more outcomes than they did when they were made.
    members_left : by the state before a member, see `MembersLeft`.
    endings      : see `Endings`; None where completions have to be searched for.
    name_frames  : by stack symbol, see `NameFrame`.  names_run_out : whether `runs_out` is set in any of them.
    alike        : states, and stack symbols, that no text tells apart in which at most one member name ends: for each
                   the first of them.
    maker        : the one that makes all states and frames, if there is one.
    parts        : objects that make them and have references to it, or to each other, see `use.py`.
    nodes : `(parent, frame)` of each persistent stack node; node 0 is the empty stack.
    stack : the same for kernels, int32[capacity, 2].
    """

    def __init__(self, *, final_space: int = 0) -> None:
        self.lock = threading.RLock()
        self.table = np.empty((64, ROW_WIDTH), np.int32)
        self.table[: DONE_STATE + 1] = _first_rows(final_space)
        self._n_cleared = DONE_STATE + 1
        self.code = _FIRST_CODE.copy()
        self._pair = self.table, self.code
        self.stack = np.zeros((64, 2), np.int32)
        self._expand: list[Expand | None] = [None] * (DONE_STATE + 1)
        self.origins: list[Origin | None] = [None] * (DONE_STATE + 1)
        self.units = Units()
        self.describe: Callable[[int], tuple[str, ...]] = lambda state: ()
        self.ends_inside = False
        self.frames_grow = False
        self.members_left: dict[int, MembersLeft] = {}
        self.endings: Endings | None = None
        self.name_frames: dict[int, NameFrame] = {}
        self.names_run_out = False
        self.alike = Alike()
        self._resume: dict[int, Resume] = {}
        self._fill: dict[int, Fill] = {}
        self._makers: list[Maker] = []
        self.maker: Maker | None = None
        self.parts: list[object] = []
        self.n_users = 0
        self.start = DEAD_STATE
        self.root_frame, self.root_node = 0, 1
        self._n_code = 2
        self.nodes = [(0, 0), (0, self.root_frame)]
        self._numbers = {(0, self.root_frame): self.root_node}

    @property
    def n_states(self) -> int:
        return len(self._expand)

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """`(table, code, stack)` for a kernel, which needs no lock."""
        table, code = self._pair
        return table, code, self.stack

    def new_state(self, expand: Expand) -> int:
        """Reserve a state; `expand(state, row)` writes its transitions and attributes when it is first visited."""
        return self.new_states(1, expand)

    def new_states(self, n: int, expand: Expand | None, origin: Origin | None = None) -> int:
        """Reserve `n` consecutive states and return the first."""
        base = len(self._expand)
        self._expand.extend([expand] * n)
        self.origins.extend([origin] * n)
        if base + n > len(self.table):
            self.grow_table(base, base + n)
        if base + n > self._n_cleared:
            # A few states ahead, so that it costs no call for each; all at once would touch memory never used.
            self.table[max(base, self._n_cleared) : base + n + _AHEAD, FLAGS] = 0
            self._n_cleared = min(base + n + _AHEAD, len(self.table))
        return base

    def grow_table(self, used: int, needed: int) -> None:
        """Make room for the rows of `needed` states, of which `used` are there."""
        self._n_cleared = used
        self._replace(_grown(self.table, used, needed), self.code.copy())

    def _replace(self, table: np.ndarray, code: np.ndarray) -> None:
        """Go on with other arrays, both of them.

        A kernel of another thread may be at work on those before, and must not be told of what is beyond either.
        """
        self.table, self.code = table, code
        self._pair = table, code  # at once: a kernel takes two that belong together

    def add_rows(self, rows: np.ndarray, origin: Origin | None = None) -> int:
        """Append states whose complete rows (int32[n, ROW_WIDTH], READY set) are known, return the first."""
        base = self.new_states(len(rows), None, origin)
        self.table[base : base + len(rows)] = rows
        return base

    def ensure(self, state: int) -> None:
        """Make `state` READY."""
        expands = self._expand
        if state < len(expands) and expands[state] is None:
            return
        with self.lock:  # of a kernel as well that has just made the state
            expand = expands[state]
            if expand is None:
                return
            table = self.table
            row = table[state]
            if row[FLAGS] & READY:
                expands[state] = None
                return
            row[:MADE_OF] = 0
            try:
                expand(state, row)
            except CannotEnforce as error:
                raise error.located(self.describe(state)) from None
            if self.table is not table:  # expanding has made it grow
                self.table[state] = row
            self.table[state, FLAGS] |= READY
            self._expand[state] = None

    def origin(self, state: int) -> Origin | None:
        """What a state was made from."""
        if state >= len(self.origins):
            with self.lock:  # a kernel has just made it
                pass
        return self.origins[state]

    def add_maker(self, maker: Maker) -> int:
        """The number of a new maker."""
        self._makers.append(maker)
        return len(self._makers) - 1

    @property
    def n_code(self) -> int:
        """How many words of `code` are taken."""
        return self._n_code

    def add_names(self, names: Sequence[bytes]) -> int:
        """Where in `code` these sorted names are, as NAMES has them."""
        words: list[int] = []
        text = self._n_code + 3 * len(names)
        before = b""
        for name in names:
            words += (text, len(name), _n_shared(before, name))
            text += len(name)
            before = name
        for name in names:
            words += name
        return self._new_code(words)

    def in_string(self, state: int, count: int, column: int) -> tuple[int, int]:
        """What a state does for a byte, of a string's text if it is inside one, or for END; and the count behind it."""
        row, names = self.table[state], self.origin(state)
        if not row[FLAGS] & NAMES:
            if row[column] == UNFILLED:
                self.fill_transition(state, column)
            return int(self.table[state, column]), 0
        assert isinstance(names, NamePart)
        if column == END:
            return self.name_end(state, count), 0
        rank = names.going_on(state, count).get(column)
        if rank is None:
            return int(row[column]), 0
        n_read = names.n_read(state, count) + 1 - names.depth
        return goto(state), rank - names.begin << NAME_BITS | n_read

    def name_end(self, state: int, count: int) -> int:
        """What one of the NAMES does at the quote."""
        names = self.origin(state)
        assert isinstance(names, NamePart)
        first = names.ranks(state, count)[0]
        if len(names.keys[first]) > names.n_read(state, count):
            return int(self.table[state, NAME_END])
        return leave(first) if names.allows(first) else 0

    def take_over(self, maker: Maker, n_states: int, n_code: int, origin: Origin) -> None:
        """Take over what the kernels of a maker have made: so many states and words of code there are now."""
        self._n_code = n_code
        n = n_states - len(self._expand)
        if n:
            self._fill.update(dict.fromkeys(range(n_states - n, n_states), maker.fill))
            self.origins.extend([origin] * n)
            self._expand.extend([maker.expand] * n)

    def defer(self, state: int, fill: Fill) -> None:
        """Let `fill` write what is UNFILLED among the transitions of `state`.

        Only where a text may go on, whatever lies below; what cannot be enforced is found out when one does.
        """
        self._fill[state] = fill

    def fill_transition(self, state: int, byte: int) -> None:
        """Fill in the operation of `state` for `byte`."""
        with self.lock:
            if self.table[state, byte] != UNFILLED:
                return
            try:
                self._fill[state](state, byte)
            except CannotEnforce as error:
                raise error.located(self.describe(state)) from None

    def fill_row(self, state: int) -> None:
        """Fill in all operations of `state`."""
        if state in self._fill:
            for byte in np.flatnonzero(self.table[state, :256] == UNFILLED).tolist():
                self.fill_transition(state, byte)

    def push(self, frames: Sequence[int], state: int) -> int:
        """The operation that pushes `frames` (deepest first) and moves to `state`."""
        return self._new_code([state, len(frames), *frames]) << 2 | PUSH

    def push_new(self, operation: int, state: int) -> tuple[int, int]:
        """A frame of one `operation`, and the operation that pushes it and moves to `state`."""
        frame = self._new_code([1, operation, state, 1, 0])
        self.code[frame + 4] = frame
        return frame, frame + 2 << 2 | PUSH

    def push_each(self, frame: int, states: Sequence[int]) -> np.ndarray:
        """int32[n]: the operations that push `frame` and move to one of the states, DEAD for the dead one."""
        words: list[int] = []
        operations = []
        for state in states:
            operations.append(self._n_code + len(words) << 2 | PUSH if state else 0)
            words += (state, 1, frame)
        self._new_code(words)
        return np.array(operations, np.int32)

    def pushed(self, operation: int) -> tuple[int, list[int]]:
        """The state that a PUSH leads to, and the frames it pushes, deepest first."""
        offset = operation >> 2
        frames = self.code[offset + 2 : offset + 2 + self.code[offset + 1]]
        return int(self.code[offset]), frames.tolist()

    def new_frame(
        self, operations: Sequence[int], resume: Resume | None = None, *, watched: int | None = None
    ) -> int:
        """A stack symbol: what to do for each outcome; UNFILLED ones come from `resume(outcome)` when needed.

        watched : kernels report when the frame is popped with this outcome or a greater one.
        """
        head = len(operations) if watched is None else -1 - watched
        frame = self._new_code([head, *operations])
        if resume is not None:
            self._resume[frame] = resume
        return frame

    def resumed(self, frame: int, outcome: int) -> int:
        """The operation that a frame performs for `outcome`."""
        frame = self._current(frame)
        if not self._has_room(frame, outcome) or self.code[frame + 1 + outcome] == UNFILLED:
            self.fill_frame(frame, outcome)
            frame = self._current(frame)
        return int(self.code[frame + 1 + outcome])

    def fill_frame(self, frame: int, outcome: int) -> None:
        """Fill in the operation that `frame` performs for `outcome`."""
        with self.lock:
            frame = self._current(frame)
            resume = self._resume.get(frame)
            if resume is None:
                self._makers[self.code[frame - 2]].resume(frame, outcome)
                return
            if not self._has_room(frame, outcome):
                frame = self._moved(frame, 2 * outcome)
            if self.code[frame + 1 + outcome] == UNFILLED:
                operation = resume(outcome)
                self.code[self._current(frame) + 1 + outcome] = operation

    def new_made_frame(self, maker: int, made_of: int, operations: Sequence[int]) -> int:
        """A frame of the maker with a number, and what it knows the frame by."""
        return self._new_code([maker, made_of, len(operations), *operations]) + 2

    def _current(self, frame: int) -> int:
        """Where a frame is now."""
        while (head := int(self.code[frame])) >= MOVED:
            frame = head - MOVED
        return frame

    def _has_room(self, frame: int, outcome: int) -> bool:
        return not 0 <= self.code[frame] <= outcome

    def _moved(self, frame: int, n_outcomes: int) -> int:
        """The frame with space for more outcomes."""
        known = self.code[frame + 1 : frame + 1 + self.code[frame]].tolist()
        unfilled = [UNFILLED] * (n_outcomes - len(known))
        moved = self.new_frame([*known, *unfilled], self._resume[frame])
        self.code[frame] = MOVED + moved
        return moved

    def push_node(self, parent: int, frame: int) -> int:
        """The interned stack node with `frame` on top of `parent`."""
        node = self._numbers.get((parent, frame))
        if node is not None:
            return node
        with self.lock:
            node = self._numbers.get((parent, frame))
            if node is not None:
                return node
            node = len(self.nodes)
            if node >= len(self.stack):
                self.stack = _grown(self.stack, node, node + 1)
            key = parent, frame
            self.stack[node] = key
            self.nodes.append(key)
            self._numbers[key] = node
            return node

    def _new_code(self, words: list[int]) -> int:
        offset = self._n_code
        end = offset + len(words)
        if end > len(self.code):
            self.grow_code(offset, end, max(self.n_states, self._n_cleared))
        self.code[offset:end] = words
        self._n_code = end
        return offset

    def grow_code(self, used: int, needed: int, n_rows: int | None = None) -> None:
        """Make room for `needed` words of code, of which `used` are taken. n_rows : of the table, all if not given."""
        grown = np.full(max(_CODE_GROWS * len(self.code), needed), UNFILLED, np.int32)
        grown[:used] = self.code[:used]
        self._replace(_grown(self.table, len(self.table) if n_rows is None else n_rows, 0), grown)


def _n_shared(one: bytes, other: bytes) -> int:
    """With how many bytes both begin."""
    for i, (a, b) in enumerate(zip(one, other)):
        if a != b:
            return i
    return min(len(one), len(other))


def allow_space(row: Row, cap: int) -> None:
    """Let a run of at most `cap` white space bytes stay in this state."""
    if cap > 0:
        row[_WHITE_SPACE] = SPACE
        row[SPACE_CAP] = cap


@lru_cache(8)
def _first_rows(final_space: int) -> np.ndarray:
    """The rows of the dead state and of the one behind the text."""
    rows = np.zeros((DONE_STATE + 1, ROW_WIDTH), np.int32)
    rows[DEAD_STATE, FLAGS] = READY
    rows[DONE_STATE, FLAGS] = READY | ACCEPT
    allow_space(rows[DONE_STATE], final_space)
    return rows


def _first_code() -> np.ndarray:
    """The frame at the bottom of the stack, behind which the text is done, and space for more."""
    code = np.full(_CODE_BEGINS, UNFILLED, np.int32)
    code[:2] = 1, goto(DONE_STATE)
    return code


_FIRST_CODE = _first_code()


def _grown(array: np.ndarray, used: int, needed: int) -> np.ndarray:
    """A longer array with the first `used` elements of `array`, of at least `needed`."""
    grown = np.empty((max(2 * len(array), needed), *array.shape[1:]), array.dtype)
    grown[:used] = array[:used]
    return grown
