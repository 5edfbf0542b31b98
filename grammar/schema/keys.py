"""Member names: the declared ones as a trie, all other strings beside it."""

from __future__ import annotations

from bisect import bisect_left
from functools import partial
from itertools import count
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

from ..dfa import ByteDfa, labelled_product
from ..lexemes import TEXT, Lexeme
from ..pushdown import (
    END,
    ESCAPABLE,
    FLAGS,
    READY,
    ROW_WIDTH,
    SHARED_PUSH,
    STRING,
    UNFILLED,
    NameFrame,
    NamePart,
    Resume,
    Row,
    goto,
    leave,
)
from ..utf8 import UTF8
from .members import only_labels

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from .containers import Step
    from .objects import ObjectPlan
    from .values import ObjectRun, Position, ValueStates

Parts = tuple[tuple[ByteDfa, tuple[int, ...]], ...]
"""Languages of names that are not declared, each with those of its classes that may occur."""
Choices = tuple[tuple["ObjectPlan", int, "Step"], ...]
"""The alternatives that allow a name, and how each goes on."""
_FIRST, _LAST = itemgetter(0), itemgetter(-1)


class KeyStates:
    """The states inside a member name.

    The opening quote pushes a frame that knows what was seen before; the states above it do not, so they are shared
    between all places of an object where the same names may come. Their outcome is the rank of the name, or, behind
    the ranks, the class of a name that is not declared.
    """

    def __init__(self, values: ValueStates) -> None:
        self.values = values
        self._tables: dict[tuple[ObjectPlan, ...], _NameTable] = {}
        self._names: dict[tuple[_NameTable, Lexeme | None], _Names] = {}
        self._languages: dict[Parts, tuple[Lexeme, list[tuple[int, ...]]]] = {}
        self._frames: dict[tuple[Position, ObjectPlan, int, Lexeme | None], int] = {}

    def any_follows(self, run: ObjectRun) -> bool:
        """Whether any member may come next."""
        table = self._table(run)
        return any(table.allowed(plan, progress) or plan.open_classes(progress) for plan, _, progress in run)

    def begin(self, position: Position, run: ObjectRun) -> int:
        """The operation at the opening quote of a name, DEAD where no name may come."""
        table = self._table(run)
        allowed = 0
        open_parts: dict[tuple[ByteDfa, tuple[int, ...]], None] = {}
        for plan, _, progress in run:
            allowed |= table.allowed(plan, progress)
            if plan.others is not None and (kinds := plan.open_classes(progress)):
                open_parts[plan.others, kinds] = None
        parts: Parts = tuple(open_parts)
        if not parts and not allowed:
            return 0
        lexeme, labels = self._language(parts) if parts else (None, [])
        names = self._names.get((table, lexeme))
        if names is None:
            names = self._names[table, lexeme] = _Names(self.values, table, lexeme, len(labels))
        plan, bit, _ = run[0]
        if len(run) == 1 and plan.forgets:
            frame = self._frames.get((position, plan, bit, lexeme))
            if frame is None:
                resume = partial(self._behind, position, plan, bit, table)
                frame = self._frame(table, lexeme, labels, -1, resume)
                self._frames[position, plan, bit, lexeme] = frame
        else:
            resume = partial(self._behind_any, position, run, table, parts, labels)
            frame = self._frame(table, lexeme, labels, allowed, resume)
            if len(run) == 1 and (outlook := plan.outlook(run[0][2])) is not None:
                self.values.pushdown.alike.frame(("name", position, plan, outlook), frame)
        state = names.state(allowed, 0, len(table.keys), 0)
        self.values.pushdown.ensure(state)  # few tokens end with the quote
        return self.values.pushdown.push([frame], state)

    def _frame(
        self,
        table: _NameTable,
        lexeme: Lexeme | None,
        labels: list[tuple[int, ...]],
        allowed: int,
        resume: Resume,
    ) -> int:
        """The frame under a name."""
        pushdown = self.values.pushdown
        n_names = len(table.keys)
        operations = [UNFILLED] * (n_names + len(labels))
        frame = pushdown.new_frame(operations, resume, watched=None if lexeme is None else table.watched)
        if lexeme is not None:
            ends, declared = lexeme.runs_out, table.watched == n_names
            pushdown.name_frames[frame] = NameFrame(table.keys, allowed, lexeme.dfa, ends, declared)
            pushdown.names_run_out |= ends
        return frame

    def _behind(self, position: Position, plan: ObjectPlan, bit: int, table: _NameTable, outcome: int) -> int:
        """The operation behind a name where one alternative is left, and nothing but the name matters to it."""
        name = table.names[outcome] if outcome < len(table.names) else None
        progress = plan.before(name)
        steps = plan.after_other(progress, 0) if name is None else plan.after(progress, name)
        return self._go_on(position, tuple((plan, bit, step) for step in steps))

    def _behind_any(
        self,
        position: Position,
        run: ObjectRun,
        table: _NameTable,
        parts: Parts,
        labels: list[tuple[int, ...]],
        outcome: int,
    ) -> int:
        """The same for any alternatives."""
        n_names = len(table.names)
        if outcome < n_names:
            return self._go_on(position, _choices(run, table.names[outcome]))
        return self._go_on(position, _other_choices(run, parts, labels[outcome - n_names]))

    def _go_on(self, position: Position, choices: Choices) -> int:
        return goto(self.values.ready_after_name(position, choices)) if choices else 0

    def _table(self, run: ObjectRun) -> _NameTable:
        plans = tuple(dict.fromkeys(map(_FIRST, run)))
        table = self._tables.get(plans)
        if table is None:
            table = self._tables[plans] = _NameTable(plans)
        return table

    def _language(self, parts: Parts) -> tuple[Lexeme, list[tuple[int, ...]]]:
        """The lexeme of the names in some part, and for each of its labels the class in each part, -1 for none."""
        for dfa, _ in parts:
            if dfa is not UTF8:
                break
        else:
            return TEXT, [(0,) * len(parts)]
        found = self._languages.get(parts)
        if found is None:
            dfas = [only_labels(dfa, {kind: kind for kind in kinds}) for dfa, kinds in parts]
            dfa, vectors = labelled_product(dfas)
            lexeme = TEXT if dfa.digest == UTF8.digest else Lexeme(dfa, is_string=True)
            found = self._languages[parts] = (lexeme, vectors)
        return found


def _choices(run: ObjectRun, name: str) -> Choices:
    return tuple((plan, bit, step) for plan, bit, progress in run for step in plan.after_name(progress, name))


def _other_choices(run: ObjectRun, parts: Parts, label: tuple[int, ...]) -> Choices:
    """The same for the names that have the class `label[i]` in each of `parts`."""
    found = []
    for plan, bit, progress in run:
        if plan.others is None:
            continue
        kinds = plan.open_classes(progress)
        kind = label[parts.index((plan.others, kinds))] if kinds else -1
        if kind >= 0:
            found += [(plan, bit, step) for step in plan.after_other(progress, kind)]
    return tuple(found)


class _NameTable:
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

    def fill(self, rows: np.ndarray, states: list[int]) -> None:
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


class _Names:
    """The trie states of one table of names, beside the names of `lexeme`."""

    def __init__(self, values: ValueStates, table: _NameTable, lexeme: Lexeme | None, n_labels: int) -> None:
        self.pushdown = values.pushdown
        self.table = table
        self.others = None if lexeme is None else _Others(values, lexeme, len(table.keys), n_labels)
        self._other_states = table.text_states
        if self.others is not None and lexeme is not TEXT:
            self._other_states = [self.others.states(key) for key in table.keys]
        # Where each declared name could also be the beginning of another one, masks are alike.
        self._is_covered = all(map(_LAST, self._other_states))
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
        if last - first == 1 and len(self.table.keys[first]) > depth:
            state = self._states[key] = self._chain(allowed, first, depth)
            return state
        others = [self._other_state(first, depth)]
        origin = self._origin(self.pushdown.n_states, others, first, last, allowed, depth)
        expand = lambda _, row: self._expand(allowed, first, last, depth, row)  # noqa: E731
        state = self._states[key] = self.pushdown.new_states(1, expand, origin)
        return state

    def _origin(
        self, state: int, other_states: list[int], first: int, last: int, allowed: int, depth: int
    ) -> NamePart | None:
        keys = self.table.keys
        if self.others is None:
            return NamePart(state, keys, first, last, allowed, depth, 0, ())
        if not self._is_covered:
            return None
        plain = tuple(map(self.others.plain.__getitem__, other_states))
        return NamePart(state, keys, first, last, allowed, depth, self.others.frame, plain)

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

    def _chain(self, allowed: int, rank: int, depth: int) -> int:
        """The states of one name's remaining bytes, most of which no text gets to: most states are of this kind."""
        n_read = len(self.table.keys[rank])
        if not allowed:
            # Only as far as it may be the beginning of another name.
            n_read = depth + sum(state != 0 for state in self._other_states[rank][depth + 1 :])
        base = self.pushdown.n_states
        other_states = self._other_states[rank][depth : n_read + 1]
        origin = self._origin(base, other_states, rank, rank + 1, allowed, depth)
        expand = partial(self._fill_chain, base, allowed, rank, depth, other_states)
        return self.pushdown.new_states(n_read + 1 - depth, expand, origin)

    def _fill_chain(
        self, base: int, allowed: int, rank: int, depth: int, other_states: list[int], state: int, _: Row
    ) -> None:
        """Write the first state, which tokens of other names look at, or all others at once."""
        n = len(other_states)
        first, last = (0, 1) if state == base else (1, n)
        rows = self.pushdown.table[base + first : base + last]
        if self.others is not None:
            self.others.fill(rows, other_states[first:last])
        else:
            rows[:] = 0
            rows[:, FLAGS] = STRING
        key, end = self.table.keys[rank], min(last, n - 1)
        n_moves = end - first
        if key.isascii():
            rows[:n_moves, FLAGS] |= ESCAPABLE
        else:
            begins = [
                state == UTF8.start for state in self.table.text_states[rank][depth + first : depth + end]
            ]
            rows[:n_moves, FLAGS] |= np.array(begins, np.int32) * ESCAPABLE
        targets = np.arange(base + first + 1, base + end + 1) << 2
        rows[np.arange(n_moves), np.frombuffer(key, np.uint8)[depth + first : depth + end]] = targets
        if last == n and n - 1 + depth == len(key):
            rows[-1, END] = leave(rank) if allowed else 0
        rows[:, FLAGS] |= READY


def _utf8(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


def _text_states(text: bytes) -> list[int]:
    """The states of plain text before, between and behind the bytes of `text`."""
    if text.isascii():
        return [UTF8.start] * (len(text) + 1)
    states = [UTF8.start]
    for byte in text:
        states.append(int(UTF8.delta[states[-1], byte]))
    return states
