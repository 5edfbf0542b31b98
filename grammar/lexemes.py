"""Lexemes: scalar languages as byte DFAs, and how they become states of a pushdown automaton."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np

from .dfa import ByteDfa, code_point_lengths
from .pushdown import (
    ANY_CHARACTER,
    COUNT_HI,
    COUNT_LO,
    COUNTED,
    END,
    END_LO,
    ESCAPABLE,
    FLAGS,
    NO_LIMIT,
    STRING,
    Pushdown,
    Row,
    leave,
)
from .utf8 import UTF8

_CONTINUATION = slice(0x80, 0xC0)


@dataclass(frozen=True, eq=False)
class Lexeme:
    """A scalar language.

    dfa     : over the raw text, or over the decoded content where `is_string`; its labels are the outcomes.
    low, high : bounds on the code points of a string, counted at run time instead of unrolled into states;
              `high=None` is unbounded. Only exact where every length between a state's bounds can be reached.
    """

    dfa: ByteDfa
    is_string: bool = False
    low: int = 0
    high: int | None = None
    bounds: tuple[np.ndarray, np.ndarray] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.is_counted:
            object.__setattr__(self, "bounds", self._count_bounds())

    @property
    def is_counted(self) -> bool:
        return self.low > 0 or self.high is not None

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
    def open_states(self) -> frozenset[int]:
        """The free states from which no well-formed text can leave the free states: nothing is ever refused."""
        delta, free = self.dfa.delta, self.free_states
        closed = set(range(1, self.dfa.n_states)) - free - set(self._inside_characters)
        # Propagate "may get stuck" backwards until nothing changes.
        while True:
            reaches = {s for s in range(1, self.dfa.n_states) if s not in closed and closed & set(delta[s].tolist())}
            if not reaches:
                return free - closed
            closed |= reaches

    @cached_property
    def uniform_states(self) -> frozenset[int]:
        """The states between characters from which only the count decides: all bounds ahead are the same."""
        if self.bounds is None:
            return frozenset()
        least, greatest = self.bounds
        inside = set(self._inside_characters)
        uniform = set()
        for state in set(range(1, self.dfa.n_states)) - inside:
            ahead = self._ahead(state)
            if all(least[s] <= 0 and greatest[s] == greatest[state] for s in ahead):
                uniform.add(state)
        return frozenset(uniform)

    def _ahead(self, state: int) -> set[int]:
        """The states that can be reached from `state`, itself included."""
        seen = {state}
        todo = [state]
        while todo:
            for target in set(self.dfa.delta[todo.pop()].tolist()) - {0}:
                if target not in seen:
                    seen.add(target)
                    todo.append(target)
        return seen

    @cached_property
    def _inside_characters(self) -> list[int]:
        """The states between the bytes of one character."""
        outside = self.dfa.delta.copy()
        outside[:, _CONTINUATION] = 0
        outside_any = outside.any(axis=1) | (self.dfa.label >= 0)
        return [s for s in range(1, self.dfa.n_states) if not outside_any[s]]

    def _count_bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """For each state the least and greatest count with which it can still end inside [low, high]."""
        shortest, longest, _ = code_point_lengths(self.dfa)
        high = NO_LIMIT if self.high is None else min(self.high, NO_LIMIT)
        least = np.maximum(self.low - longest, 0)
        return least.clip(0, NO_LIMIT).astype(np.int64), (high - shortest).clip(-1, NO_LIMIT).astype(np.int64)

    @cached_property
    def free_states(self) -> frozenset[int]:
        """The states in which every code point may follow, with every spelling of its bytes."""
        return frozenset(s for s in range(1, self.dfa.n_states) if _takes_any(self.dfa.delta, s))


@lru_cache(maxsize=1024)
def relabelled(lexeme: Lexeme, labels: tuple[int, ...]) -> Lexeme:
    """`lexeme` with outcome `labels[i]` in place of `i`; the labels differ, so the DFA stays minimal."""
    old = lexeme.dfa.label
    new = np.where(old >= 0, np.array(labels, np.int32)[old], old).astype(np.int32)
    return Lexeme(ByteDfa(lexeme.dfa.delta, lexeme.dfa.start, new), lexeme.is_string, lexeme.low, lexeme.high)


def _takes_any(delta: np.ndarray, state: int) -> bool:
    """Whether `state` has a transition chain for every well-formed UTF-8 character."""
    todo = [(state, UTF8.start)]
    seen = set(todo)
    while todo:
        here, model = todo.pop()
        needed = UTF8.delta[model]
        targets = delta[here]
        if np.any((needed != 0) & (targets == 0)):
            return False
        for byte in np.flatnonzero((needed != 0) & (needed != UTF8.start)):
            pair = (int(targets[byte]), int(needed[byte]))
            if pair not in seen:
                seen.add(pair)
                todo.append(pair)
    return True


TEXT = Lexeme(UTF8, is_string=True)


class Lexicon:
    """The lexemes placed in one pushdown automaton: each gets a run of states, expanded when visited."""

    def __init__(self, pushdown: Pushdown) -> None:
        self.pushdown = pushdown
        self._first_state: dict[Lexeme, int] = {}
        self._owner: dict[int, tuple[Lexeme, int]] = {}

    def start(self, lexeme: Lexeme) -> int:
        """The state in which `lexeme` begins (for a string: behind its opening quote)."""
        return self.state(lexeme, lexeme.dfa.start)

    def state(self, lexeme: Lexeme, local: int) -> int:
        """The pushdown state of state `local` of the lexeme's DFA."""
        if local == 0:
            return 0
        first = self._first_state.get(lexeme)
        if first is None:
            first = self._place(lexeme)
        return first + local - 1

    def owner(self, state: int) -> tuple[Lexeme, int] | None:
        """The string lexeme and its local state that `state` stands for, if any."""
        return self._owner.get(state)

    def _place(self, lexeme: Lexeme) -> int:
        n = lexeme.dfa.n_states - 1

        def expand(i: int, row: Row) -> None:
            self._expand(lexeme, first, i + 1, row)

        first = self._first_state[lexeme] = self.pushdown.new_states(n, expand)
        if lexeme.is_string:
            self._owner.update((first + i, (lexeme, i + 1)) for i in range(n))
        return first

    @staticmethod
    def _expand(lexeme: Lexeme, first: int, local: int, row: Row) -> None:
        targets = lexeme.dfa.delta[local]
        row[:256] = np.where(targets > 0, (first - 1 + targets) << 2, 0)
        label = int(lexeme.dfa.label[local])
        if label >= 0:
            row[END] = leave(label)
        if not lexeme.is_string:
            return
        row[FLAGS] = STRING
        between = targets.copy()
        between[_CONTINUATION] = 0
        if between.any():
            row[FLAGS] |= ESCAPABLE
        # With a bound the target's own bound decides, except in plain text, where all bounds are alike.
        if (lexeme.dfa is UTF8 or not lexeme.is_counted) and local in lexeme.free_states:
            row[FLAGS] |= ANY_CHARACTER
        if lexeme.bounds is not None:
            row[FLAGS] |= COUNTED
            row[COUNT_LO], row[COUNT_HI] = lexeme.bounds[0][local], lexeme.bounds[1][local]
            row[END_LO] = lexeme.low
