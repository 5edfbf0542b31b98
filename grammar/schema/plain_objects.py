"""The states around the members of plain objects: one alternative, whose names are declared or not. Most are such."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np

from ..lexemes import TEXT, Lexeme
from ..pushdown import FLAGS, MADE_OF, READY, ROW_WIDTH, Junctions, Row, allow_space, goto, leave
from .objects import MembersLeft, SimpleObjectPlan

if TYPE_CHECKING:
    from .shapes import Goal
    from .values import ValueStates

_BEHIND_MEMBER = (0x2C, 0x7D), (0x22,)  # and behind the comma
_BEHIND_NAME = ((0x3A,),)


class PlainObject:
    """The members of objects with one plan, in any position of one goal whose one alternative it is.

    For each progress there are two states, behind a member and behind a comma, which are made together; for each and a
    goal one behind the name of a member. What of it no token tells apart is noted in `Pushdown.alike`.
    """

    def __init__(self, values: ValueStates, plan: SimpleObjectPlan) -> None:
        self._values = values
        self._pushdown = values.pushdown
        self._plan = plan
        self.start: int = plan.start
        self._table = values.keys.table((plan,))
        self._blank = _blank_row(values.space)
        self._behind: dict[int, int] = {}  # by progress
        self._progress: dict[int, int] = {}  # by the state behind a member
        self._after_name: dict[tuple[Goal, int], int] = {}
        self._in_order: dict[Lexeme | None, int] = {}  # frames under names, where members have an order
        self._allowed: dict[int, int] = {}  # names, by progress
        # By what no token tells apart: the first states and frames of a kind.
        self._first: dict[object, int] = {}

    def behind_member(self, progress: int) -> int:
        """The state behind a member's value."""
        state = self._behind.get(progress)
        if state is None:
            pushdown = self._pushdown
            origin = Junctions(pushdown.n_states, self._values.space, _BEHIND_MEMBER)
            state = self._behind[progress] = pushdown.new_states(2, self._expand, origin)
            self._progress[state] = progress
            left = MembersLeft(((self._plan, 1, progress),))
            pushdown.members_left[state] = pushdown.members_left[state + 1] = left
            outlook = self._plan.outlook(progress)
            if outlook is not None:
                first = self._first.setdefault(outlook, state)
                pushdown.alike.states[state], pushdown.alike.states[state + 1] = first, first + 1
        return state

    def _expand(self, state: int, row: Row) -> None:
        """Write the rows of the state behind a member, and of the one behind a comma."""
        progress = self._progress.get(state)
        if progress is None:
            self._pushdown.ensure(state - 1)
            row[:MADE_OF] = self._pushdown.table[state, :MADE_OF]
            return
        begin = self.begin_name(progress)
        row[:MADE_OF] = self._blank
        row[0x7D] = self.close(progress)
        if begin:
            row[0x2C] = goto(state + 1)
            following = self._pushdown.table[state + 1]
            following[:MADE_OF] = self._blank
            following[0x22] = begin
            following[FLAGS] |= READY

    def close(self, progress: int) -> int:
        """The operation at the end of the object, DEAD where it may not end."""
        return leave() if self._plan.may_close(progress) else 0

    def begin_name(self, progress: int) -> int:
        """The operation at the opening quote of a name, DEAD where no name may come."""
        plan, table = self._plan, self._table
        allowed = self._allowed.get(progress)
        if allowed is None:
            allowed = self._allowed[progress] = table.allowed(plan, progress)
        lexeme = TEXT if plan.open_classes(progress) else None
        if not allowed and lexeme is None:
            return 0
        n_classes = 0 if lexeme is None else 1
        frame = self._name_frame(progress, lexeme, n_classes, allowed)
        return self._values.keys.push(table, lexeme, n_classes, allowed, frame)

    def _name_frame(self, progress: int, lexeme: Lexeme | None, n_classes: int, allowed: int) -> int:
        keys, plan = self._values.keys, self._plan
        if plan.in_order:  # progress does not matter to what follows a name
            frame = self._in_order.get(lexeme)
            if frame is None:
                frame = keys.frame(self._table, lexeme, n_classes, -1, self._go_on_in_order)
                self._in_order[lexeme] = frame
            return frame
        frame = keys.frame(self._table, lexeme, n_classes, allowed, partial(self._go_on, progress))
        outlook = plan.outlook(progress)
        if outlook is not None:
            self._pushdown.alike.frames[frame] = self._first.setdefault(("name", outlook), frame)
        return frame

    def _name(self, outcome: int) -> str | None:
        """The name that an outcome tells of, None for one that nobody declares."""
        names = self._table.names
        return names[outcome] if outcome < len(names) else None

    def _go_on_in_order(self, outcome: int) -> int:
        return self._go_on(self._plan.before(self._name(outcome)), outcome)

    def _go_on(self, progress: int, outcome: int) -> int:
        """The operation behind a name, where a member is added to what has come."""
        name = self._name(outcome)
        steps = self._plan.after_other(progress, 0) if name is None else self._plan.after(progress, name)
        if not steps:
            return 0
        ((after, goal, _),) = steps
        assert isinstance(after, int)
        if name is not None and not (self._plan.in_order or self._plan.repeats):
            self._allowed[after] = self._allowed[progress] & ~(1 << outcome)
        key = goal, after
        state = self._after_name.get(key)
        if state is None:
            state = self._after_name[key] = self._new_after_name(goal, after)
        # Whoever goes there goes on at once: no kernel has to stop for it.
        self._pushdown.ensure(self._values.value((goal,)))
        return goto(state)

    def _new_after_name(self, goal: Goal, progress: int) -> int:
        """The state behind the name of a member with a value for `goal`, and with some progress behind that."""
        pushdown = self._pushdown
        frame, begin_value = pushdown.push_new(
            goto(self.behind_member(progress)), self._values.value((goal,))
        )
        origin = Junctions(pushdown.n_states, self._values.space, _BEHIND_NAME)
        state = pushdown.new_states(1, None, origin)
        row = pushdown.table[state]
        row[:MADE_OF] = self._blank
        row[0x3A] = begin_value
        row[FLAGS] |= READY
        outlook = self._plan.outlook(progress)
        if outlook is not None:
            alike = pushdown.alike
            alike.states[state] = self._first.setdefault(("after name", goal, outlook), state)
            alike.frames[frame] = self._first.setdefault(("value", outlook), frame)
        return state


@lru_cache(8)
def _blank_row(space: int) -> np.ndarray:
    """A row, but for MADE_OF, of a state that reads white space alone."""
    row = np.zeros(ROW_WIDTH, np.int32)
    allow_space(row, space)
    return row[:MADE_OF]
