"""Lexemes: scalar languages as byte DFAs, and how they become states of a pushdown automaton."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from ..errors import CompileBudgetExceeded
from . import kernels
from .dfa import ByteDfa, code_point_lengths, table_bytes
from .finite import runs_out
from .pushdown import (
    ANY_CHARACTER,
    BEYOND,
    COUNT_HI,
    COUNT_LO,
    COUNTED,
    END,
    END_LO,
    ESCAPABLE,
    FLAGS,
    NO_LIMIT,
    READY,
    STRING,
    Expand,
    Origin,
    Pushdown,
    Row,
    leave,
)
from .recent import CACHE_BYTES, recently
from .utf8 import UTF8

_CONTINUATION = (0x80, 0xC0)
_LEADS = ((0, 0x80), (0xC0, 0x100))
# Lexemes of at most so many states are placed whole: copying their rows costs less than asking for them one by one.
_AT_ONCE = 64


@dataclass(frozen=True, eq=False)
class Onward:
    """What comes behind the last count of a stage.

    stage   : the next one, which has the same states; None where no string is longer.
    entered : bool[n_states], where it goes on.
    bounds  : for each state of *this* stage the counts with which it can still end: int64[n_states] twice.
    """

    stage: Lexeme | None
    entered: np.ndarray
    bounds: tuple[np.ndarray, np.ndarray]

    @cached_property
    def key(self) -> tuple[object, ...]:
        counts = tuple(bound.tobytes() for bound in self.bounds)
        return self.entered.tobytes(), counts, None if self.stage is None else self.stage.key


@dataclass(frozen=True, eq=False)
class Lexeme:
    """A scalar language.

    dfa     : over the raw text, or over the decoded content where `is_string`; its labels are the outcomes.
    low, high : bounds on the code points of a string, counted at run time instead of unrolled into states;
              `high=None` is unbounded. Only exact where every length between a state's bounds can be reached.
              Raises CompileBudgetExceeded where `low` is more than NO_LIMIT.
    onward  : what goes on beyond `high`, for one of several stages, see `stages.py`.
    """

    dfa: ByteDfa
    is_string: bool = False
    low: int = 0
    high: int | None = None
    onward: Onward | None = None
    bounds: tuple[np.ndarray, np.ndarray] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.low > NO_LIMIT:
            raise CompileBudgetExceeded(
                f"a string of more than {NO_LIMIT} characters is asked for",
                keyword="minLength",
                hint="lower minLength",
            )
        if self.is_counted:
            bounds = self.onward.bounds if self.onward else self._count_bounds()
            object.__setattr__(self, "bounds", bounds)

    @property
    def is_counted(self) -> bool:
        return self.low > 0 or self.high is not None

    @property
    def next_stage(self) -> Lexeme | None:
        """What goes on beyond `high`, if anything does."""
        return None if self.onward is None else self.onward.stage

    @cached_property
    def is_small(self) -> bool:
        """Whether its states are made all at once."""
        return self.dfa.n_states <= _AT_ONCE and self.next_stage is None

    @cached_property
    def key(self) -> tuple[object, ...]:
        """Equal for equal lexemes."""
        beyond = self.onward.key if self.onward else None
        return self.dfa.digest, self.is_string, self.low, self.high, beyond

    @cached_property
    def outcomes(self) -> tuple[int, ...]:
        """The outcomes with which it may end."""
        return tuple(np.unique(self.dfa.label[self.dfa.label >= 0]).tolist())

    @property
    def is_empty(self) -> bool:
        """Whether no text belongs to the lexeme."""
        if self.dfa.is_empty:
            return True
        if self.bounds is None:
            return False
        least, greatest = self.bounds
        return not least[self.dfa.start] <= 0 <= greatest[self.dfa.start]

    @cached_property
    def runs_out(self) -> bool:
        """Whether there are beginnings, whatever their lengths, with which only finitely many texts go on."""
        return runs_out(self.dfa)

    @cached_property
    def free_states(self) -> np.ndarray:
        """bool[n_states]: every code point may follow, with every spelling of its bytes."""
        return self._characters[1]

    @cached_property
    def free_characters(self) -> np.ndarray:
        """int32[n_states]: so many characters can follow whatever they are; NO_LIMIT where nothing is ever refused."""
        # A character is counted where it begins: at the transition on its lead byte.
        columns = self.dfa.columns
        leads = np.concatenate([columns.within(*bytes_) for bytes_ in _LEADS], axis=1)
        refuses = ~self.free_states & ~self.inside_character
        distances = np.where(refuses, 0, NO_LIMIT)
        others = np.ascontiguousarray(columns.within(*_CONTINUATION))
        kernels.dfas.least_ahead(np.ascontiguousarray(leads), others, distances)
        return distances.astype(np.int32)

    @cached_property
    def has_floor(self) -> bool:
        """Whether some state is dead because too few characters were read before it."""
        return self.bounds is not None and bool((self.bounds[0][1:] > 0).any())

    @cached_property
    def most_needed(self) -> list[int]:
        """For each state the most characters that one ahead of it needs before the lexeme can end."""
        assert self.bounds is not None and self.high is not None
        needed = min(self.high, NO_LIMIT) - self.bounds[1]
        kernels.dfas.greatest_ahead(np.ascontiguousarray(self.dfa.columns.table), needed)
        found: list[int] = needed.tolist()
        return found

    @cached_property
    def inside_character(self) -> np.ndarray:
        """bool[n_states]: between the bytes of one character."""
        return self._characters[0]

    @cached_property
    def _characters(self) -> tuple[np.ndarray, np.ndarray]:
        n_states = self.dfa.n_states
        inside, takes_any = np.empty((2, n_states), np.bool_)
        kinds = np.empty(n_states, np.uint8)
        kernels.lexemes.look_at_characters(self.dfa.delta, self.dfa.label, kinds, inside, takes_any)
        return inside, takes_any

    def write_rows(self, first: int, rows: np.ndarray) -> None:
        """Write the rows of all states but the dead one, state 1 being `first`, to int32[n_states - 1, ROW_WIDTH]."""
        kernels.lexemes.write_rows(self.dfa.delta, self.dfa.label, self._flags, first, rows)
        if self.bounds is not None:
            kernels.lexemes.write_bounds(*self.bounds, self.low, rows)

    @cached_property
    def _flags(self) -> np.ndarray:
        if self.is_string:
            return self.string_flags | READY
        return np.full(self.dfa.n_states, READY, np.int32)

    @cached_property
    def string_flags(self) -> np.ndarray:
        """int32[n_states]."""
        flags = np.full(self.dfa.n_states, STRING | (COUNTED if self.is_counted else 0), np.int32)
        flags[~self.inside_character & (self.dfa.columns.table != 0).any(axis=1)] |= ESCAPABLE
        # With a bound the target's own bound decides, except in plain text, where all bounds are alike.
        if self.dfa is UTF8 or not self.is_counted:
            flags[self.free_states] |= ANY_CHARACTER
        return flags

    def _count_bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """For each state the least and greatest count with which it can still end inside [low, high]."""
        shortest, longest, _ = code_point_lengths(self.dfa)
        high = NO_LIMIT if self.high is None else min(self.high, NO_LIMIT)
        least = np.maximum(self.low - longest, 0)
        return least.clip(0, NO_LIMIT).astype(np.int64), (high - shortest).clip(-1, NO_LIMIT).astype(np.int64)


@recently(CACHE_BYTES, lambda lexeme: table_bytes(lexeme.dfa))
def relabelled(lexeme: Lexeme, labels: tuple[int, ...]) -> Lexeme:
    """`lexeme` with outcome `labels[i]` in place of `i`."""
    old = lexeme.dfa.label
    new = np.where(old >= 0, np.array(labels, np.int32)[old], old).astype(np.int32)
    dfa, onward = lexeme.dfa.with_labels(new), lexeme.onward
    if onward is not None and onward.stage is not None:
        onward = replace(onward, stage=relabelled(onward.stage, labels))
    return Lexeme(dfa, lexeme.is_string, lexeme.low, lexeme.high, onward)


TEXT = Lexeme(UTF8, is_string=True)


@dataclass(slots=True, eq=False)
class Placed(Origin):
    """States of a lexeme, in the order of its DFA: `first` is its state 1.

    text_state : the one in which whole characters lead nowhere else, as in plain text; -1 if there is none.
    """

    lexeme: Lexeme
    text_state: int = field(init=False, default=-1)

    def __post_init__(self) -> None:
        if self._is_text:
            self.text_state = self.first + UTF8.start - 1

    @property
    def _is_text(self) -> bool:
        return self.lexeme.is_string and self.lexeme.dfa.delta is UTF8.delta

    def local(self, state: int) -> int:
        """The state of the lexeme's DFA that `state` stands for."""
        return state - self.first + 1


@dataclass(slots=True, eq=False)
class Scattered(Placed):
    """States of a lexeme that were placed one by one: one object for all of them, which may be many.

    states : int32[n_states], by those of the DFA; 0 for those that are not placed.
    """

    states: np.ndarray = field(init=False)
    _locals: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.text_state = -1
        self.states = np.zeros(self.lexeme.dfa.n_states, np.int32)

    def add(self, local: int, state: int) -> None:
        """Let `state` stand for state `local` of the DFA."""
        self._locals[state] = local
        self.states[local] = state
        if local == UTF8.start and self._is_text:
            self.text_state = state

    def local(self, state: int) -> int:
        return self._locals[state]


class Lexicon:
    """The lexemes placed in one pushdown automaton: small ones as a run of states, of others those that are visited."""

    def __init__(self, pushdown: Pushdown) -> None:
        self.pushdown = pushdown
        self._first_state: dict[Lexeme, int] = {}
        self._scattered: dict[Lexeme, Scattered] = {}
        self._fillers: dict[Lexeme, Expand] = {}

    def start(self, lexeme: Lexeme) -> int:
        """The state in which `lexeme` begins (for a string: behind its opening quote)."""
        return self.state(lexeme, lexeme.dfa.start)

    def state(self, lexeme: Lexeme, local: int) -> int:
        """The pushdown state of state `local` of the lexeme's DFA."""
        if local == 0:
            return 0
        if not lexeme.is_small:
            return self._single(lexeme, local)
        return self._first(lexeme) + local - 1

    def states(self, lexeme: Lexeme) -> list[int]:
        """The pushdown state of each state of the lexeme's DFA."""
        n = lexeme.dfa.n_states
        if not lexeme.is_small:
            return [self.state(lexeme, local) for local in range(n)]
        first = self._first(lexeme)
        return [0, *range(first, first + n - 1)]

    def begin(self, lexeme: Lexeme, row: Row) -> None:
        """Let the first bytes of a lexeme, which has no opening quote, lead into it from `row`."""
        self._move(lexeme, lexeme.dfa.start, row)

    # The rows of a vocabulary are shared between threads, and so is the automaton that they are read from.

    def _first(self, lexeme: Lexeme) -> int:
        first = self._first_state.get(lexeme)
        return self._place(lexeme) if first is None else first

    def _place(self, lexeme: Lexeme) -> int:
        with self.pushdown.lock:
            first = self._first_state.get(lexeme)
            if first is None:
                pushdown = self.pushdown
                n = lexeme.dfa.n_states - 1
                first = pushdown.new_states(n, None, Placed(pushdown.n_states, lexeme))
                lexeme.write_rows(first, pushdown.table[first : first + n])
                self._first_state[lexeme] = first
        return first

    def _single(self, lexeme: Lexeme, local: int) -> int:
        with self.pushdown.lock:
            placed = self._apart(lexeme)
            if not placed.states[local]:
                placed.add(local, self.pushdown.new_states(1, self._filler(lexeme), placed))
            return int(placed.states[local])

    def _apart(self, lexeme: Lexeme) -> Scattered:
        placed = self._scattered.get(lexeme)
        if placed is None:
            placed = self._scattered[lexeme] = Scattered(self.pushdown.n_states, lexeme)
        return placed

    def _filler(self, lexeme: Lexeme) -> Expand:
        """What fills the rows of a lexeme's states: one for all of them, of which there may be many."""
        filler = self._fillers.get(lexeme)
        if filler is None:

            def filler(state: int, row: Row) -> None:
                origin = self.pushdown.origins[state]
                assert isinstance(origin, Placed)
                self._fill(lexeme, origin.local(state), row)

            self._fillers[lexeme] = filler
        return filler

    def _fill(self, lexeme: Lexeme, local: int, row: Row) -> None:
        label = int(lexeme.dfa.label[local])
        row[END] = leave(label) if label >= 0 else 0
        row[FLAGS] = int(lexeme.string_flags[local]) if lexeme.is_string else 0
        if lexeme.bounds is not None:
            least, greatest = lexeme.bounds
            row[COUNT_LO], row[COUNT_HI], row[END_LO] = least[local], greatest[local], lexeme.low
        self._move(lexeme, local, row)
        onward = lexeme.onward
        if onward is not None and onward.stage is not None and onward.entered[local]:
            row[BEYOND] = self.state(onward.stage, local)

    def _move(self, lexeme: Lexeme, local: int, row: Row) -> None:
        pushdown, delta = self.pushdown, lexeme.dfa.delta
        if lexeme.is_small:
            kernels.lexemes.move(delta, local, self._first(lexeme), row)
            return
        placed, fresh = self._apart(lexeme), np.empty(256, np.int32)
        n_fresh = kernels.lexemes.move_apart(delta, local, placed.states, pushdown.n_states, fresh, row)
        first = pushdown.new_states(n_fresh, self._filler(lexeme), placed)
        for state, at in enumerate(fresh[:n_fresh].tolist(), first):
            placed.add(at, state)
