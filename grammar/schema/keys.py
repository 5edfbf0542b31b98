"""Member names: the declared ones as a trie, all other strings beside it."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

import numpy as np

from ..lexemes import TEXT
from ..pushdown import (
    ANY_CHARACTER,
    END,
    ESCAPABLE,
    FLAGS,
    READY,
    ROW_WIDTH,
    SHARED_PUSH,
    STRING,
    NamePart,
    Row,
    goto,
)
from ..utf8 import UTF8

if TYPE_CHECKING:
    from .containers import ObjectPlan
    from .shapes import Goal
    from .values import ObjectRun, Position, ValueStates


class KeyStates:
    """The states inside a member name.

    A state stands for the declared names that begin with what was read, and for which of them may come now. Where
    other names are allowed too, a byte that leaves the trie pushes the frame of such a name and goes on as plain
    text: everything there is shared with every other string.
    """

    def __init__(self, values: ValueStates) -> None:
        self.values = values
        self._tables: dict[tuple[ObjectPlan, ...], _NameTable] = {}
        self._names: dict[tuple[object, ...], _Names] = {}
        self._others: dict[int, _Others] = {}

    def any_follows(self, run: ObjectRun) -> bool:
        """Whether any member may come next."""
        return any(
            plan.after_extra(progress) is not None or plan.candidates(progress) for plan, _, progress in run
        )

    def begin(self, position: Position, run: ObjectRun) -> int:
        """The operation at the opening quote of a name, DEAD where no name may come."""
        plans = tuple(plan for plan, _, _ in run)
        table = self._tables.get(plans)
        if table is None:
            table = self._tables[plans] = _NameTable(plans)
        choices = _choices(run, None)
        other = self.values.after_name(position, choices) if choices else 0
        allowed = tuple(table.allowed(plan, progress) for plan, _, progress in run)
        if not other and not any(allowed):
            return 0
        # In order, what follows a name does not depend on what came before it, so its states are shared.
        seen = None if self.values.in_order else run
        key = (position, plans, tuple(bit for _, bit, _ in run), other, seen)
        names = self._names.get(key)
        if names is None:
            names = self._names[key] = _Names(self.values, position, table, self.others(other))
        return goto(names.state(run, allowed, 0, len(table.keys), 0))

    def others(self, after: int) -> _Others | None:
        """The names that nobody declares, None where there can be none; `after` is the state behind one."""
        if not after:
            return None
        found = self._others.get(after)
        if found is None:
            found = self._others[after] = _Others(self.values, after)
        return found


def _choices(run: ObjectRun, name: str | None) -> tuple[tuple[ObjectPlan, int, int, Goal], ...]:
    """The alternatives that allow `name` (None: one that nobody declares), with the goal of its value."""
    found = []
    for plan, bit, progress in run:
        following = plan.after_extra(progress) if name is None else plan.after(progress, name)
        if following is not None:
            found.append((plan, bit, *following))
    return tuple(found)


class _NameTable:
    """All names that some plan declares, sorted by their UTF-8 bytes; sets of them are bit sets over that order."""

    def __init__(self, plans: tuple[ObjectPlan, ...]) -> None:
        names = dict.fromkeys(name for plan in plans for name in plan.names)
        pairs = sorted((name.encode("utf-8", "surrogatepass"), name) for name in names)
        self.keys = [key for key, _ in pairs]
        self.names = [name for _, name in pairs]
        self.text_states = [_text_states(key) for key in self.keys]
        self._rank = {name: 1 << i for i, name in enumerate(self.names)}
        self._foreign = dict.fromkeys(plans, 0)
        if len(plans) > 1:
            for plan in plans:
                self._foreign[plan] = sum(self._rank[n] for n in self.names if n not in plan.index)
        self._allowed: dict[tuple[ObjectPlan, int], int] = {}

    def allowed(self, plan: ObjectPlan, progress: int) -> int:
        """The names that `plan` allows after `progress`."""
        found = self._allowed.get((plan, progress))
        if found is None:
            found = sum(map(self._rank.__getitem__, plan.candidates(progress)))
            if plan.after_extra(progress) is not None:
                found |= self._foreign[plan]
            self._allowed[plan, progress] = found
        return found


class _Others:
    """Names that nobody declares: plain text under a frame that leads to the state behind them."""

    def __init__(self, values: ValueStates, after: int) -> None:
        self.after = after
        self.frame = values.pushdown.new_frame((goto(after),))
        self.plain = [values.lexicon.state(TEXT, state) for state in range(UTF8.n_states)]
        pushes = [0] + [values.pushdown.push([self.frame], state) for state in self.plain[1:]]
        table = np.array(pushes, np.int32)
        # For each state of plain text the row of a name that is not finished there and has left no trie yet.
        self.rows = np.zeros((UTF8.n_states, ROW_WIDTH), np.int32)
        self.rows[:, :256] = table[UTF8.delta]
        self.rows[:, FLAGS] = STRING | SHARED_PUSH
        self.rows[UTF8.start, FLAGS] |= ESCAPABLE | ANY_CHARACTER
        self.rows[UTF8.start, END] = goto(after)


class _Names:
    """The trie states of one table of names whose futures are alike: see `KeyStates.begin`."""

    def __init__(
        self, values: ValueStates, position: Position, table: _NameTable, others: _Others | None
    ) -> None:
        self.values = values
        self.position = position
        self.table = table
        self.others = others
        self._states: dict[tuple[int, int, tuple[int, ...]], int] = {}

    def state(self, run: ObjectRun, allowed: tuple[int, ...], first: int, last: int, depth: int) -> int:
        """The state in which the names [first, last) share the `depth` bytes read so far.

        `allowed` has for each alternative of `run` the names of that range, bit 0 being `first`.
        """
        if self.others is None and not any(allowed):
            return 0
        key = (first, depth, allowed)
        state = self._states.get(key)
        if state is not None:
            return state
        if last - first == 1 and len(self.table.keys[first]) > depth:
            state = self._states[key] = self._chain(run, allowed, first, depth)
            return state
        pushdown = self.values.pushdown
        text_state = self.table.text_states[first][depth] if self.table.keys else UTF8.start
        origin = self._origin(pushdown.n_states, [text_state])
        expand = lambda _, row: self._expand(run, allowed, first, last, depth, row)  # noqa: E731
        state = self._states[key] = pushdown.new_states(1, expand, origin)
        return state

    def _origin(self, first: int, text_states: list[int]) -> NamePart | None:
        if self.others is None:
            return None
        return NamePart(first, self.others.frame, tuple(self.others.plain[s] for s in text_states))

    def _expand(
        self, run: ObjectRun, allowed: tuple[int, ...], first: int, last: int, depth: int, row: Row
    ) -> None:
        keys = self.table.keys
        text_state = self.table.text_states[first][depth] if keys else UTF8.start
        self._begin_row(text_state, row)
        offset = 0
        if first < last and len(keys[first]) == depth:
            row[END] = self._end(run, allowed, first)
            offset = 1
        while first + offset < last:
            begin = first + offset
            byte = keys[begin][depth]
            end = bisect_left(keys, byte + 1, begin, last, key=lambda name: name[depth])
            inner = tuple(bits >> offset & (1 << end - begin) - 1 for bits in allowed)
            row[byte] = goto(self.state(run, inner, begin, end, depth + 1))
            offset = end - first
        if text_state == UTF8.start and row[:256].any():
            row[FLAGS] |= ESCAPABLE

    def _begin_row(self, text_state: int, row: Row) -> None:
        if self.others is not None:
            row[:] = self.others.rows[text_state]
        else:
            row[FLAGS] = STRING

    def _end(self, run: ObjectRun, allowed: tuple[int, ...], rank: int) -> int:
        """The operation at the quote behind a whole name."""
        able = tuple(alternative for alternative, bits in zip(run, allowed, strict=True) if bits & 1)
        choices = _choices(able, self.table.names[rank])
        return goto(self.values.after_name(self.position, choices)) if choices else 0

    def _chain(self, run: ObjectRun, allowed: tuple[int, ...], rank: int, depth: int) -> int:
        """The states of one name's remaining bytes, built at once: most states of an object are of this kind."""
        key, text_states = self.table.keys[rank], self.table.text_states[rank]
        n = len(key) - depth
        rows = np.zeros((n + 1, ROW_WIDTH), np.int32)
        if self.others is not None:
            rows[:] = self.others.rows[text_states[depth:]]
        else:
            rows[:, FLAGS] = STRING | ESCAPABLE
            if not key.isascii():
                rows[:, FLAGS] = [STRING | (ESCAPABLE if s == UTF8.start else 0) for s in text_states[depth:]]
            rows[n, FLAGS] = STRING
        rows[n, END] = self._end(run, allowed, rank)
        rows[:, FLAGS] |= READY
        pushdown = self.values.pushdown
        base = pushdown.n_states
        rows[np.arange(n), np.frombuffer(key, np.uint8, offset=depth)] = (
            np.arange(base + 1, base + n + 1) << 2
        )
        return pushdown.add_rows(rows, self._origin(base, text_states[depth:]))


def _text_states(text: bytes) -> list[int]:
    """The states of plain text before, between and behind the bytes of `text`."""
    if text.isascii():
        return [UTF8.start] * (len(text) + 1)
    states = [UTF8.start]
    for byte in text:
        states.append(int(UTF8.delta[states[-1], byte]))
    return states
