"""Member names: the declared ones as a trie, all other strings beside it."""

from __future__ import annotations

from bisect import bisect_left
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
    NamePart,
    Row,
    goto,
)
from ..utf8 import UTF8

from .members import only_labels
from .objects import SimpleObjectPlan

if TYPE_CHECKING:
    from collections.abc import Hashable

    from .objects import ObjectPlan
    from .shapes import Goal
    from .values import ObjectRun, Position, ValueStates


class KeyStates:
    """The states inside a member name.

    A state stands for the declared names that begin with what was read, and for which of them may come now. Where
    other names are allowed too, a byte that leaves the trie pushes the frame of such a name and goes on in the
    lexeme of all such names: everything there is shared with other strings.
    """

    def __init__(self, values: ValueStates) -> None:
        self.values = values
        self._tables: dict[tuple[ObjectPlan, ...], _NameTable] = {}
        self._names: dict[tuple[object, ...], _Names] = {}
        self._others: dict[tuple[object, ...], _Others] = {}
        self._languages: dict[tuple[object, ...], tuple[Lexeme, list[tuple[int, ...]]]] = {}

    def any_follows(self, run: ObjectRun) -> bool:
        """Whether any member may come next."""
        return any(plan.open_classes(progress) or plan.candidates(progress) for plan, _, progress in run)

    def begin(self, position: Position, run: ObjectRun) -> int:
        """The operation at the opening quote of a name, DEAD where no name may come."""
        plans = tuple(plan for plan, _, _ in run)
        table = self._tables.get(plans)
        if table is None:
            table = self._tables[plans] = _NameTable(plans)
        others = self._other_names(position, run)
        allowed = tuple(table.allowed(plan, progress) for plan, _, progress in run)
        if others is None and not any(allowed):
            return 0
        # In order, what follows a name does not depend on what came before it, so its states are shared.
        is_simple = self.values.in_order and all(isinstance(plan, SimpleObjectPlan) for plan in plans)
        seen = None if is_simple else run
        key = (position, plans, tuple(bit for _, bit, _ in run), others, seen)
        names = self._names.get(key)
        if names is None:
            names = self._names[key] = _Names(self.values, position, table, others)
        return goto(names.state(run, allowed, 0, len(table.keys), 0))

    def _other_names(self, position: Position, run: ObjectRun) -> _Others | None:
        """The names that nobody declares, None where there can be none now."""
        able = [
            (plan, bit, progress, kinds)
            for plan, bit, progress in run
            if (kinds := plan.open_classes(progress))
        ]
        if not able:
            return None
        if all(plan.others is UTF8 for plan, *_ in able):
            lexeme, labels = TEXT, [(0,)]
            place = [0] * len(able)
        else:
            parts = tuple(dict.fromkeys((plan.others, kinds) for plan, _, _, kinds in able))
            lexeme, labels = self._language(parts)
            place = [parts.index((plan.others, kinds)) for plan, _, _, kinds in able]
        afters = []
        for label in labels:
            choices = tuple(
                (plan, bit, *step)
                for at, (plan, bit, progress, _) in zip(place, able, strict=True)
                if label[at] >= 0
                for step in plan.after_other(progress, label[at])
            )
            afters.append(self.values.after_name(position, choices))
        return self.others(lexeme, tuple(afters))

    def _language(
        self, parts: tuple[tuple[ByteDfa | None, tuple[int, ...]], ...]
    ) -> tuple[Lexeme, list[tuple[int, ...]]]:
        """The lexeme of the names in some part, and for each of its labels the class in each part, -1 for none."""
        found = self._languages.get(parts)
        if found is None:
            dfas = [only_labels(dfa, {kind: kind for kind in kinds}) for dfa, kinds in parts if dfa is not None]
            dfa, vectors = labelled_product(dfas)
            lexeme = TEXT if dfa.digest == UTF8.digest else Lexeme(dfa, is_string=True)
            found = self._languages[parts] = (lexeme, vectors)
        return found

    def others(self, lexeme: Lexeme, afters: tuple[int, ...]) -> _Others:
        """The names of `lexeme`; `afters` has the state behind one of each label."""
        found = self._others.get((lexeme, afters))
        if found is None:
            found = self._others[lexeme, afters] = _Others(self.values, lexeme, afters)
        return found


def _choices(run: ObjectRun, name: str) -> tuple[tuple[ObjectPlan, int, Hashable, Goal], ...]:
    """The alternatives that allow `name`, with the goal of its value."""
    return tuple((plan, bit, *step) for plan, bit, progress in run for step in plan.after_name(progress, name))


class _NameTable:
    """All names that some plan declares, sorted by their UTF-8 bytes; sets of them are bit sets over that order."""

    def __init__(self, plans: tuple[ObjectPlan, ...]) -> None:
        names = dict.fromkeys(name for plan in plans for name in plan.names)
        pairs = sorted((name.encode("utf-8", "surrogatepass"), name) for name in names)
        self.keys = [key for key, _ in pairs]
        self.names = [name for _, name in pairs]
        self.text_states = [_text_states(key) for key in self.keys]
        self._rank = {name: 1 << i for i, name in enumerate(self.names)}
        self._foreign: dict[ObjectPlan, list[str]] = dict.fromkeys(plans, [])
        if len(plans) > 1:
            for plan in plans:
                self._foreign[plan] = [name for name in self.names if name not in plan.index]
        self._allowed: dict[tuple[ObjectPlan, Hashable], int] = {}

    def allowed(self, plan: ObjectPlan, progress: Hashable) -> int:
        """The names that `plan` allows after `progress`."""
        found = self._allowed.get((plan, progress))
        if found is None:
            found = sum(map(self._rank.__getitem__, plan.candidates(progress)))
            if plan.open_classes(progress):
                foreign = self._foreign[plan]
                found |= sum(self._rank[name] for name in foreign if plan.after_name(progress, name))
            self._allowed[plan, progress] = found
        return found


class _Others:
    """Names that nobody declares: a lexeme under a frame that leads to the state behind them."""

    def __init__(self, values: ValueStates, lexeme: Lexeme, afters: tuple[int, ...]) -> None:
        self.lexeme = lexeme
        self.frame = values.pushdown.new_frame([goto(after) for after in afters])
        self.plain = [values.lexicon.state(lexeme, state) for state in range(lexeme.dfa.n_states)]
        pushes = [0] + [values.pushdown.push([self.frame], state) for state in self.plain[1:]]
        self._pushes = np.array(pushes, np.int32)
        label = lexeme.dfa.label
        self._ends = np.where(label >= 0, np.array([*afters, 0], np.int32)[label] << 2, 0)
        self._rows: dict[int, np.ndarray] = {}

    def row(self, state: int) -> np.ndarray:
        """int32[ROW_WIDTH], for a state of the lexeme: the row of a name that has left no trie yet. Not to be changed."""
        row = self._rows.get(state)
        if row is None:
            row = self._rows[state] = np.zeros(ROW_WIDTH, np.int32)
            row[:256] = self._pushes[self.lexeme.dfa.delta[state]]
            row[FLAGS] = STRING | SHARED_PUSH | self.lexeme.string_flags[state]
            row[END] = self._ends[state]
        return row

    def rows(self, states: list[int]) -> np.ndarray:
        """int32[n, ROW_WIDTH]."""
        return np.stack([self.row(state) for state in states])

    def states(self, text: bytes) -> list[int]:
        """The states of the lexeme before, between and behind the bytes of `text`."""
        state = self.lexeme.dfa.start
        found = [state]
        for byte in text:
            state = int(self.lexeme.dfa.delta[state, byte])
            found.append(state)
        return found


class _Names:
    """The trie states of one table of names whose futures are alike: see `KeyStates.begin`."""

    def __init__(
        self, values: ValueStates, position: Position, table: _NameTable, others: _Others | None
    ) -> None:
        self.values = values
        self.position = position
        self.table = table
        self.others = others
        self._other_states = table.text_states
        if others is not None and others.lexeme is not TEXT:
            self._other_states = [others.states(key) for key in table.keys]
        # Where each declared name could also be the beginning of another one, masks are alike.
        self._is_covered = others is not None and all(states[-1] for states in self._other_states)
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
        origin = self._origin(pushdown.n_states, [self._other_state(first, depth)])
        expand = lambda _, row: self._expand(run, allowed, first, last, depth, row)  # noqa: E731
        state = self._states[key] = pushdown.new_states(1, expand, origin)
        return state

    def _origin(self, first: int, text_states: list[int]) -> NamePart | None:
        if self.others is None or not self._is_covered:
            return None
        return NamePart(first, self.others.frame, tuple(self.others.plain[s] for s in text_states))

    def _other_state(self, first: int, depth: int) -> int:
        """The state of the lexeme of other names after the `depth` bytes that are common from `first` on."""
        if self.table.keys:
            return self._other_states[first][depth]
        return UTF8.start if self.others is None else self.others.lexeme.dfa.start

    def _expand(
        self, run: ObjectRun, allowed: tuple[int, ...], first: int, last: int, depth: int, row: Row
    ) -> None:
        keys = self.table.keys
        self._begin_row(self._other_state(first, depth), row)
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
        text_state = self.table.text_states[first][depth] if keys else UTF8.start
        if text_state == UTF8.start and row[:256].any():
            row[FLAGS] |= ESCAPABLE

    def _begin_row(self, other_state: int, row: Row) -> None:
        if self.others is not None:
            row[:] = self.others.row(other_state)
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
            rows[:] = self.others.rows(self._other_states[rank][depth:])
            if self.others.lexeme is not TEXT:
                between = [s == UTF8.start for s in text_states[depth:]]
                rows[:, FLAGS] |= np.where(between, ESCAPABLE, 0)
                rows[n, FLAGS] = self.others.row(self._other_states[rank][-1])[FLAGS]
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
        return pushdown.add_rows(rows, self._origin(base, self._other_states[rank][depth:]))


def _text_states(text: bytes) -> list[int]:
    """The states of plain text before, between and behind the bytes of `text`."""
    if text.isascii():
        return [UTF8.start] * (len(text) + 1)
    states = [UTF8.start]
    for byte in text:
        states.append(int(UTF8.delta[states[-1], byte]))
    return states
