"""Member names: the declared ones as a trie, all other strings beside it."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from ..lexemes import TEXT
from ..pushdown import ANY_CHARACTER, END, ESCAPABLE, FLAGS, SHARED_PUSH, STRING, Row, goto
from ..utf8 import UTF8

if TYPE_CHECKING:
    from .containers import ObjectPlan
    from .shapes import Goal
    from .values import ObjectRun, Position, ValueStates


class KeyStates:
    """The states inside a member name.

    A state stands for the declared names that begin with what was read, a range of the sorted names. Where other
    names are allowed too, a byte that leaves the trie pushes the frame of such a name and goes on as plain text:
    everything there is shared with every other string.
    """

    def __init__(self, values: ValueStates) -> None:
        self.values = values
        self._tries: dict[tuple[Position, ObjectRun], _Trie] = {}

    def any_follows(self, run: ObjectRun) -> bool:
        """Whether any member may come next."""
        return any(
            plan.after_extra(progress) is not None or plan.candidates(progress) for plan, _, progress in run
        )

    def begin(self, position: Position, run: ObjectRun) -> int:
        """The operation at the opening quote of a name, DEAD where no name may come."""
        if not self.any_follows(run):
            return 0
        trie = self._tries.get((position, run))
        if trie is None:
            trie = self._tries[position, run] = _Trie(self.values, position, run)
        return goto(trie.state(0, len(trie.names), 0))


class _Trie:
    """The names that matter in one situation, sorted by their UTF-8 bytes."""

    def __init__(self, values: ValueStates, position: Position, run: ObjectRun) -> None:
        self.values = values
        self.position = position
        self.run = run
        others = self._choices(None)
        self.after_other = values.after_name(position, others) if others else 0
        if others:
            # Names that may not come now are in the trie all the same: they are not "other" names.
            texts = dict.fromkeys(name for plan, _, _ in run for name in plan.names)
        else:
            texts = dict.fromkeys(name for plan, _, progress in run for name in plan.candidates(progress))
        pairs = sorted((name.encode("utf-8", "surrogatepass"), name) for name in texts)
        self.keys = [key for key, _ in pairs]
        self.names = [name for _, name in pairs]
        self.frame = 0
        if others:
            self.frame = values.pushdown.new_frame((goto(self.after_other),))
        self._states: dict[tuple[int, int], int] = {}
        self._pushes: dict[int, int] = {}

    def _choices(self, name: str | None) -> tuple[tuple[ObjectPlan, int, int, Goal], ...]:
        """The alternatives that allow `name` (None: one that nobody declares), with the goal of its value."""
        found = []
        for plan, bit, progress in self.run:
            following = plan.after_extra(progress) if name is None else plan.after(progress, name)
            if following is not None:
                found.append((plan, bit, *following))
        return tuple(found)

    def state(self, first: int, last: int, depth: int) -> int:
        """The state in which the names [first, last) share the `depth` bytes read so far."""
        state = self._states.get((first, depth))
        if state is None:
            state = self.values.pushdown.new_state(lambda row: self._expand(first, last, depth, row))
            self._states[first, depth] = state
            if self.frame:
                text_state = _text_state(self.keys[first][:depth] if self.keys else b"")
                plain = self.values.lexicon.state(TEXT, text_state)
                self.values.pushdown.shared[state] = (self.frame, plain)
        return state

    def _expand(self, first: int, last: int, depth: int, row: Row) -> None:
        row[FLAGS] = STRING
        prefix = self.keys[first][:depth] if self.keys else b""
        text_state = _text_state(prefix)
        if self.frame:
            row[FLAGS] |= SHARED_PUSH
            self._leave_trie(text_state, row)
        if first < last and len(self.keys[first]) == depth:
            choices = self._choices(self.names[first])
            row[END] = goto(self.values.after_name(self.position, choices)) if choices else 0
            first += 1
        elif self.frame and text_state == UTF8.start:
            row[END] = goto(self.after_other)
        while first < last:
            byte = self.keys[first][depth]
            end = bisect_left(self.keys, self.keys[first][:depth] + bytes([byte + 1]), first, last) if byte < 255 else last
            row[byte] = goto(self.state(first, end, depth + 1))
            first = end
        if text_state == UTF8.start and row[:256].any():
            row[FLAGS] |= ESCAPABLE | (ANY_CHARACTER if self.frame else 0)

    def _leave_trie(self, text_state: int, row: Row) -> None:
        for byte in UTF8.delta[text_state].nonzero()[0]:
            target = int(UTF8.delta[text_state, byte])
            if target not in self._pushes:
                state = self.values.lexicon.state(TEXT, target)
                self._pushes[target] = self.values.pushdown.push([self.frame], state)
            row[byte] = self._pushes[target]


def _text_state(prefix: bytes) -> int:
    state = UTF8.start
    for byte in prefix:
        state = int(UTF8.delta[state, byte])
    return state
