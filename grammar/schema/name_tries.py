"""The tries of declared member names, with all other names beside them."""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache, partial
from itertools import count
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

from ..lexemes import TEXT, Lexeme
from ..pushdown import (
    ALLOWED_NAMES,
    END,
    ESCAPABLE,
    FLAGS,
    MADE_OF,
    MAX_NAMES,
    N_NAMES,
    NAME_BITS,
    NAME_DEPTH,
    NAME_END,
    NAMES,
    NAMES_AT,
    READY,
    ROW_WIDTH,
    SHARED_PUSH,
    STRING,
    NamePart,
    Row,
    goto,
    leave,
)
from ..utf8 import UTF8

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from .objects import ObjectPlan
    from .values import ValueStates

_LAST = itemgetter(-1)


class NameTable:
    """All names that some plan declares, sorted by their UTF-8 bytes; sets of them are bit sets over that order."""

    def __init__(self, plans: tuple[ObjectPlan, ...]) -> None:
        names: dict[str, None] = {}
        for plan in plans:
            names.update(dict.fromkeys(plan.names))
        self.names = sorted(names, key=_utf8)
        self.keys = list(map(_utf8, self.names))
        self.text_states = list(map(_text_states, self.keys))
        self._rank = dict(zip(self.names, count()))
        self._foreign: dict[ObjectPlan, Sequence[str]] = dict.fromkeys(plans, ())
        if len(plans) > 1:
            for plan in plans:
                self._foreign[plan] = [name for name in self.names if name not in plan.index]
        # Names that some alternative does not declare are for it as any other.
        is_counted = any(self._foreign.values()) or any(plan.repeats for plan in plans)
        self.watched = 0 if is_counted else len(self.keys)
        self._allowed: dict[tuple[ObjectPlan, Hashable], int] = {}

    def allowed(self, plan: ObjectPlan, progress: Hashable) -> int:
        """The names that `plan` allows after `progress`."""
        # What has come does not matter to a plan that lets names repeat.
        key = plan, None if plan.repeats else progress
        found = self._allowed.get(key)
        if found is None:
            found = 0
            for name in plan.candidates(progress):
                found |= 1 << self._rank[name]
            foreign = self._foreign[plan]
            if foreign and plan.open_classes(progress):
                found |= sum(1 << self._rank[name] for name in foreign if plan.after_name(progress, name))
            self._allowed[key] = found
        return found


class _Others:
    """Names that nobody declares: a lexeme under a frame that reports their classes, from `base` on."""

    def __init__(self, values: ValueStates, lexeme: Lexeme, base: int, n_labels: int) -> None:
        self.lexeme = lexeme
        self.frame = values.pushdown.new_frame([leave(base + label) for label in range(n_labels)])
        self.plain = values.lexicon.states(lexeme)
        self._pushes = values.pushdown.push_each(self.frame, self.plain)
        self._base = base
        self._rows: dict[int, np.ndarray] = {}

    def row(self, state: int) -> np.ndarray:
        """int32[ROW_WIDTH], not to be changed, for a state of the lexeme: a name that has left no trie yet."""
        row = self._rows.get(state)
        if row is None:
            row = self._rows[state] = np.zeros(ROW_WIDTH, np.int32)
            row[:256] = self._pushes[self.lexeme.dfa.delta[state]]
            row[FLAGS] = STRING | SHARED_PUSH | self.lexeme.string_flags[state]
            label = int(self.lexeme.dfa.label[state])
            row[END] = leave(self._base + label) if label >= 0 else 0
        return row

    def fill(self, rows: np.ndarray, states: Sequence[int]) -> None:
        """Write the rows of these states, most of which are the first one: names are ASCII."""
        rows[:] = self.row(states[0])
        for i, state in enumerate(states):
            if state != states[0]:
                rows[i] = self.row(state)

    def states(self, text: bytes) -> list[int]:
        """The states of the lexeme before, between and behind the bytes of `text`."""
        state = self.lexeme.dfa.start
        found = [state]
        for byte in text:
            state = int(self.lexeme.dfa.delta[state, byte])
            found.append(state)
        return found


class NameTrie:
    """The trie states of one table of names, beside the names of `lexeme`."""

    def __init__(self, values: ValueStates, table: NameTable, lexeme: Lexeme | None, n_labels: int) -> None:
        self.pushdown = values.pushdown
        self.table = table
        self.others = None if lexeme is None else _Others(values, lexeme, len(table.keys), n_labels)
        self._other_states = table.text_states
        if self.others is not None and lexeme is not TEXT:
            self._other_states = [self.others.states(key) for key in table.keys]
        # Where each declared name could also be the beginning of another one, masks are alike.
        self._is_covered = all(map(_LAST, self._other_states))
        self._plain: dict[int, tuple[int, ...]] = {}
        self._has_groups = lexeme is None or lexeme is TEXT
        self._places: dict[int, int] = {}  # where names are in the automaton, by the first of them
        self._states: dict[tuple[int, int, int], int] = {}

    def state(self, allowed: int, first: int, last: int, depth: int) -> int:
        """The state in which the names [first, last) share the `depth` bytes read so far.

        allowed : those of that range that may come, bit 0 being `first`.
        """
        if not allowed and (self.others is None or not self._other_state(first, depth)):
            return 0
        key = (first, depth, allowed)
        state = self._states.get(key)
        if state is not None:
            return state
        state = self._states[key] = self._new_state(allowed, first, last, depth)
        return state

    def _new_state(self, allowed: int, first: int, last: int, depth: int) -> int:
        n_states = self.pushdown.n_states
        if self._is_group(first, last, depth):
            others = self.others
            frame, plain = (0, ()) if others is None else (others.frame, (others.plain[UTF8.start],))
            names = NamePart(n_states, self.table.keys, first, last, allowed, depth, frame, plain)
            return self.pushdown.new_states(1, partial(self._fill_names, names), names)
        if last - first == 1 and len(self.table.keys[first]) > depth:
            return self._name(allowed, first, depth)
        origin = self._origin(n_states, first, last, allowed, depth)
        expand = lambda _, row: self._expand(allowed, first, last, depth, row)  # noqa: E731
        return self.pushdown.new_states(1, expand, origin)

    def _is_group(self, first: int, last: int, depth: int) -> bool:
        """Whether these names, behind the bytes that they share, can be one state."""
        if not self._has_groups or not 0 < last - first <= MAX_NAMES:
            return False
        keys = self.table.keys[first:last]
        return all(key.isascii() for key in keys) and max(map(len, keys)) - depth < 1 << NAME_BITS

    def _origin(self, state: int, first: int, last: int, allowed: int, depth: int) -> NamePart | None:
        keys = self.table.keys
        if self.others is None:
            return NamePart(state, keys, first, last, allowed, depth, 0, ())
        if not self._is_covered:
            return None
        return NamePart(state, keys, first, last, allowed, depth, self.others.frame, self._plain_of(first))

    def _plain_of(self, rank: int) -> tuple[int, ...]:
        """The states of plain text before, between and behind the bytes of a name."""
        found = self._plain.get(rank)
        if found is None:
            assert self.others is not None
            states = self._other_states[rank] if self.table.keys else [self._other_state(0, 0)]
            found = self._plain[rank] = tuple(map(self.others.plain.__getitem__, states))
        return found

    def _other_state(self, first: int, depth: int) -> int:
        """The state of the lexeme of other names after the `depth` bytes that are common from `first` on."""
        if self.table.keys:
            return self._other_states[first][depth]
        return UTF8.start if self.others is None else self.others.lexeme.dfa.start

    def _expand(self, allowed: int, first: int, last: int, depth: int, row: Row) -> None:
        keys = self.table.keys
        if self.others is not None:
            row[:] = self.others.row(self._other_state(first, depth))
        else:
            row[FLAGS] = STRING
        offset = 0
        if first < last and len(keys[first]) == depth:
            row[END] = leave(first) if allowed & 1 else 0
            offset = 1
        while first + offset < last:
            begin = first + offset
            byte = keys[begin][depth]
            end = bisect_left(keys, byte + 1, begin, last, key=lambda name: name[depth])
            inner = allowed >> offset & (1 << end - begin) - 1
            row[byte] = goto(self.state(inner, begin, end, depth + 1))
            offset = end - first
        text_state = self.table.text_states[first][depth] if keys else UTF8.start
        if text_state == UTF8.start and row[:256].any():
            row[FLAGS] |= ESCAPABLE

    def _name(self, allowed: int, rank: int, depth: int) -> int:
        """The states of one name's remaining bytes."""
        key = self.table.keys[rank]
        n_read = len(key)
        if not allowed:
            # Only as far as it may be the beginning of another name.
            n_read = depth + sum(state != 0 for state in self._other_states[rank][depth + 1 :])
        origin = self._origin(self.pushdown.n_states, rank, rank + 1, allowed, depth)
        fill = partial(self._fill_states, self.pushdown.n_states, allowed, rank, range(depth, n_read + 1))
        return self.pushdown.new_states(n_read + 1 - depth, fill, origin)

    def _fill_names(self, names: NamePart, _: int, row: Row) -> None:
        place = self._places.get(names.begin)
        if place is None:
            place = self._places[names.begin] = self.pushdown.add_names(names.keys[names.begin : names.end])
        if self.others is not None:
            row[:MADE_OF] = self.others.row(UTF8.start)[:MADE_OF]
        row[FLAGS] |= STRING | ESCAPABLE | NAMES
        row[NAMES_AT], row[N_NAMES], row[NAME_DEPTH] = place, names.end - names.begin, names.depth
        row[NAME_END], row[END], row[ALLOWED_NAMES] = row[END], leave(names.begin), names.allowed

    def _fill_states(self, base: int, allowed: int, rank: int, read: range, state: int, _: Row) -> None:
        """Write the first state, which tokens of other names look at, or all others at once."""
        here = read[:1] if state == base else read[1:]
        first = base + here.start - read.start
        rows = self.pushdown.table[first : first + len(here)]
        if self.others is not None:
            self.others.fill(rows, self._other_states[rank][here.start : here.stop])
        else:
            rows[:] = 0
            rows[:, FLAGS] = STRING
        key, moves = self.table.keys[rank], here if here.stop < read.stop else here[:-1]
        begins = [self.table.text_states[rank][i] == UTF8.start for i in moves]
        rows[: len(moves), FLAGS] |= np.array(begins, np.int32) * ESCAPABLE
        for i in moves:
            rows[i - here.start, key[i]] = goto(base + i + 1 - read.start)
        if read.stop - 1 == len(key) in here:
            rows[-1, END] = leave(rank) if allowed else 0
        rows[:, FLAGS] |= READY


def _utf8(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


def _text_states(text: bytes) -> Sequence[int]:
    """The states of plain text before, between and behind the bytes of `text`."""
    if text.isascii():
        return _ascii_states(len(text))
    states = [UTF8.start]
    for byte in text:
        states.append(int(UTF8.delta[states[-1], byte]))
    return states


@lru_cache(256)
def _ascii_states(n: int) -> tuple[int, ...]:
    """The same for so many bytes of ASCII: one for all of them."""
    return (UTF8.start,) * (n + 1)
