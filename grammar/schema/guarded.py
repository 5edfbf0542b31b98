"""States and emptiness of a schema, with a place in every error, and a way on where one comes amid a text."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ...errors import CannotEnforce
from ..dfa import ByteDfa
from ..pushdown import EXIT, FLAGS, GOTO, READY, SPACE, UNFILLED, Expand, Pushdown, Row, goto, leave
from .emptiness import Emptiness
from .goals import Goals
from .shapes import ANYTHING, Goal, Shape
from .values import ArrayRun, ObjectRun, Position, Run, ValueStates

if TYPE_CHECKING:
    from .emptiness import _Clause
    from .objects import SimpleObjectPlan

_ANY: Position = (ANYTHING,)
# What follows the value that a state pushes a frame for.
_BEHIND = {"after name": "after member", "array": "after item", "after item": "after item"}


class GuardedEmptiness(Emptiness):
    """`Emptiness` whose errors name the subschemas that were looked at."""

    def live_shapes(self, goal: Goal) -> list[Shape]:
        try:
            return super().live_shapes(goal)
        except CannotEnforce as error:
            raise error.located(self.goals.describe(goal)) from None

    def language(self, goal: Goal) -> ByteDfa:
        try:
            return super().language(goal)
        except CannotEnforce as error:
            raise error.located(self.goals.describe(goal)) from None

    def _visit(
        self, goal: Goal, shape: Shape, holds: list[Goal], ask: Callable[[_Clause, set[Goal]], None]
    ) -> bool:
        try:
            return super()._visit(goal, shape, holds, ask)
        except CannotEnforce as error:
            raise error.located(self.goals.describe(goal)) from None


class GuardedStates(ValueStates):
    """`ValueStates` whose errors name the subschemas of the position that was expanded.

    failures : the errors that were kept back, which is when finished texts have to be checked.
    """

    def __init__(
        self, pushdown: Pushdown, goals: Goals, emptiness: Emptiness, *, space: int, in_order: bool
    ) -> None:
        super().__init__(pushdown, emptiness, space=space, in_order=in_order)
        self.failures: list[CannotEnforce] = []
        self._goals = goals
        pushdown.describe = self._describe_state

    def _describe_state(self, state: int) -> tuple[str, ...]:
        """The pointers of the position that a state belongs to."""
        keys = (key for key, number in self._interned.items() if number == state)
        position = next((key[1] for key in keys if isinstance(key[1], tuple)), ())
        return self._describe(position)

    def failure_of(self, goal: Goal) -> CannotEnforce | None:
        """The error at a value for `goal`, met for the first time; None if there is none."""
        n_before = len(self.failures)
        try:
            self.emptiness.is_live(goal)
            self.pushdown.ensure(self.value((goal,)))
        except CannotEnforce as error:
            return error
        return self.failures[n_before] if len(self.failures) > n_before else None

    def _describe(self, position: Position) -> tuple[str, ...]:
        return tuple(dict.fromkeys(pointer for goal in position for pointer in self._goals.describe(goal)))

    def known(self, position: Position, run: Run, text: bytes) -> Run:
        try:
            return super().known(position, run, text)
        except CannotEnforce as error:
            raise error.located(self._describe(position)) from None


class LenientStates(GuardedStates):
    """`GuardedStates` in which an error does not end a text: from that place on any JSON closes what is open.

    Each frame has one operation more, for a value of which nobody knows what it satisfies.
    """

    _defers = False  # an error must be met where the state is made

    def __init__(
        self, pushdown: Pushdown, goals: Goals, emptiness: Emptiness, *, space: int, in_order: bool
    ) -> None:
        super().__init__(pushdown, goals, emptiness, space=space, in_order=in_order)
        self._building: tuple[str, Position] | None = None
        self._exits: dict[int, int] = {}
        pushdown.root_frame = pushdown.new_frame([pushdown.code[pushdown.root_frame + 1]] * 2)
        pushdown.root_node = pushdown.push_node(0, pushdown.root_frame)

    def intern(self, key: tuple[object, ...], expand: Expand) -> int:
        state = self._interned.get(key)
        if state is None:
            state = self._interned[key] = self.pushdown.new_state(self._guarded(key, expand))
        return state

    def _guarded(self, key: tuple[object, ...], expand: Expand) -> Expand:
        kind, position = key[:2]
        assert isinstance(kind, str) and isinstance(position, tuple)

        def guarded(state: int, row: Row) -> None:
            around, self._building = self._building, (kind, position)
            try:
                expand(state, row)
            except CannotEnforce as error:
                if position == _ANY:
                    raise
                self.failures.append(error.located(self._describe(position)))
                self._allow_anything(kind, self.outcomes(position).capacity, row)
            finally:
                self._building = around

        return guarded

    def known(self, position: Position, run: Run, text: bytes) -> Run:
        try:
            return super().known(position, run, text)
        except CannotEnforce as error:
            self.failures.append(error)
            return run

    def plain_plan(self, position: Position, run: ObjectRun) -> SimpleObjectPlan | None:
        return None  # its frames have no operation for what nobody knows

    # Where nothing is known any more

    def frame(self, position: Position, resume: Callable[[int], int]) -> int:
        outcomes = self.outcomes(position)
        assert self._building is not None
        kind, outer = self._building
        unknown = outcomes.capacity

        def resume_all(outcome: int) -> int:
            if outcome == unknown:
                return goto(self._anything(_BEHIND[kind], self.outcomes(outer).capacity))
            return resume(outcomes.sets[outcome] if len(position) > 1 else 1)

        return self.pushdown.new_frame([UNFILLED] * (unknown + 1), resume_all)

    def _anything(self, kind: str, outcome: int) -> int:
        """A state of this kind in a value of which nothing is known; at its end it reports `outcome`."""
        key = ("anything", kind, outcome)
        state = self._interned.get(key)
        if state is None:
            expand: Expand = lambda _, row: self._allow_anything(kind, outcome, row)  # noqa: E731
            state = self._interned[key] = self.pushdown.new_state(expand)
        return state

    def _allow_anything(self, kind: str, outcome: int, row: Row) -> None:
        """Let a state be as it is in any JSON value, under a frame that reports `outcome` at its end."""
        state = self._in_any_value(kind)
        self.pushdown.ensure(state)
        frame = self._exits.get(outcome)
        if frame is None:
            frame = self._exits[outcome] = self.pushdown.new_frame([leave(outcome)] * 2)
        row[:] = self.pushdown.table[state]
        row[FLAGS] &= ~READY
        operations = row[:256].copy()
        for operation in np.unique(operations).tolist():
            if operation not in (0, SPACE):
                row[:256][operations == operation] = self._under(frame, operation)

    def _under(self, frame: int, operation: int) -> int:
        """`operation` with `frame` pushed below all that it pushes itself."""
        payload, pushdown = operation >> 2, self.pushdown
        if operation & 3 == GOTO:
            return pushdown.push([frame], payload)
        if operation & 3 == EXIT:
            return int(pushdown.code[frame + 1 + payload])
        n = int(pushdown.code[payload + 1])
        frames = pushdown.code[payload + 2 : payload + 2 + n].tolist()
        return pushdown.push([frame, *frames], int(pushdown.code[payload]))

    def _begin_inside(self, frame: int, value: int, row: Row) -> None:
        self.pushdown.ensure(value)
        operations = self.pushdown.table[value, :256]
        for operation in set(operations.tolist()) - {0, SPACE}:
            row[:256][operations == operation] = self._under(frame, operation)

    def _in_any_value(self, kind: str) -> int:
        """The state of this kind in any JSON value."""
        if kind == "value":
            return self.value(_ANY)
        if kind == "array":
            return self._array_first(_ANY)
        if kind == "object":
            return self._object_first(_ANY)
        if kind == "after item":
            items: ArrayRun = self._container("array", _ANY)  # type: ignore[assignment]
            return self.after_item(_ANY, items)
        members: ObjectRun = self._container("object", _ANY)  # type: ignore[assignment]
        if kind == "after member":
            return self.after_member(_ANY, members)
        if kind == "next name":
            return self._next_name(_ANY, members)
        assert kind == "after name"
        choices = [
            (plan, bit, step) for plan, bit, progress in members for step in plan.after_other(progress, 0)
        ]
        return self.after_name(_ANY, tuple(choices))
