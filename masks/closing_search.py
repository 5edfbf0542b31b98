"""The search for the shortest completion of a text.

Best first, over the states that a completion goes through, a stack level at a time: what a called state costs is found
once for all that call it (Knuth 1977, "A generalization of Dijkstra's algorithm"), and only places that are nearer than
the end are looked at, so that a large automaton costs no more than what lies on the way.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count as counter

from ..errors import DeadEnd
from ..grammar.lexemes import Lexeme
from ..grammar.pushdown import ACCEPT, END, EXIT, FLAGS, GOTO, NO_LIMIT, PUSH, goto
from .scalar_texts import SPELLED, Kept, first_accepted
from .string_ends import MAX_BYTES, Exits, finish_string, too_long
from .ways import NOWHERE, Path, Ways, first_of, text_of

COMPLETE = 1 << 29
"""The outcome of a level in which the whole text ends."""
MAX_PLACES = 40_000
"""So many states a search looks at: about two seconds."""
MAX_NEW_STATES = 2_000
"""So many that nothing asked for before: the same time, where objects leave many ways open."""
LEAST_PATIENCE = 100
SPELLINGS = 20
"""So many does each value that must not be there have at most that are no longer than the shortest of another."""
MAX_READ = 80_000
"""So many bytes before items that must differ, for each item all those of its array: the same time."""


@dataclass(slots=True, eq=False)
class Level:
    """A stack level in a search.

    start  : the state in which a called level is entered.
    node   : the stack node below a level of the text itself; -1 for a called one.
    base   : the least cost from the beginning of the search to where it is entered.
    wanted : how many outcomes there can be.
    barring : the frame above which it lies, where some scalars must not be the value that ends with it; else -1.
    begun   : what was read of that value before.
    """

    start: int
    node: int
    base: int
    wanted: int
    barring: int = -1
    begun: bytes = b""
    exits: dict[int, Path] = field(default_factory=dict)
    callers: list[tuple[Level, tuple[int, ...], Path]] = field(default_factory=list)
    called_by: set[tuple[Level, tuple[int, ...]]] = field(default_factory=set)
    seen: set[Hashable] = field(default_factory=set)


class Search:
    """From one place to the nearest end of the text.

    What waits in the heap is ordered by its cost from the beginning of the search; the places of a called level count
    from where it was entered first. So whatever is taken from the heap has its least cost.

    hurries : of the places in one object that miss equally many members, only the first is gone on from. Each place
              can be completed, but another one might be nearer to the end.
    commits : where an object of the text itself is reached of which it is known what it needs, all else is forgotten,
              though this one may be hard to end.
    """

    def __init__(
        self,
        ways: Ways,
        state: int,
        count: int,
        node: int,
        begun: dict[int, bytes],
        *,
        hurries: bool = False,
        commits: bool = False,
    ) -> None:
        self._ways = ways
        self.pushdown = ways.pushdown
        self._endings = ways.pushdown.endings
        self._hurries = hurries
        self._commits = commits
        self._last_state = NO_LIMIT if hurries else self.pushdown.n_states + MAX_NEW_STATES
        self._begun = begun  # by the stack node on which an open item lies: its text so far
        # (cost, tie, level, what, frames, path): the state `what` is reached, or entered above `frames`;
        # ~what is the outcome with which the level is left.
        self._heap: list[tuple[int, int, Level | None, int, tuple[int, ...], Path]] = []
        self._ties = counter(0, -1)  # of equals the newest first: straight on
        self._called: dict[tuple[int, int, int, bytes], Level] = {}
        self._on_stack: dict[int, Level] = {}
        # Of the states behind items, one for each set of them is enough: there are as many as orders of items.
        self._families: dict[int, Hashable] = {}
        self._n_read = 0
        self._texts: Kept = {}
        level = self._first = self._level_on(node)
        string = ways.engine.string_at(state)
        if string is None and ways.is_in_names(state):
            self._finish(level, ways.name_exits(state, count), NOWHERE)
        elif string is None:
            self._add(level, state, (), Path(None, b"", None, 0, (state, node)))
        elif level.barring < 0:
            self._finish(level, finish_string(*string, count), NOWHERE)
        else:
            self._finish_otherwise(level, *string, NOWHERE, count)

    def run(self) -> Path:
        """The way to the end. Raises DeadEnd where there is none, CompileBudgetExceeded where it is too long."""
        n_places = 0
        while n_places < MAX_PLACES and self._n_read < MAX_READ and self.pushdown.n_states < self._last_state:
            if not self._heap:
                if self._hurries:
                    break
                raise DeadEnd("the text cannot be completed")
            cost, _, level, what, frames, path = heappop(self._heap)
            if level is None:
                return path
            if cost > MAX_BYTES:
                break
            if what < 0:
                self._leave(level, ~what, path)
            elif level.node >= 0 and self._ends(level, what, path):
                continue
            elif frames or (level.node >= 0 and level is not self._first and not self._hurries):
                # The levels below are left as called ones are: they may be many, of few kinds. In a hurry, the places
                # to which different names lead are told apart on one level only.
                self._call(level, what, frames, path)
            elif (place := self._place(what)) not in level.seen and len(level.exits) < level.wanted:
                n_places += 1
                level.seen.add(place)
                if self._commits and level.node >= 0 and self._needs_members(what):
                    self._commit()
                self._arrive(level, what, path)
        raise too_long()

    def _needs_members(self, state: int) -> bool:
        """Whether an object still needs members, and it is known which."""
        left = self.pushdown.members_left.get(state)
        return left is not None and bool(left.nearest()[1])

    def _commit(self) -> None:
        """Forget all other ways: in an object of the text itself it is known which members are still needed."""
        self._heap.clear()
        self._called.clear()

    def _ends(self, level: Level, state: int, path: Path) -> bool:
        """Whether the text may end in a state on its own stack, or how it is completed from there is known."""
        if path.rest is None or self._ways.learns:
            return False
        known = self._ways.rest(state, level.node)
        if known is not None:
            self._complete(path, path.cost + len(known[0]) - known[1])
        return known is not None

    def _complete(self, path: Path, cost: int) -> None:
        heappush(self._heap, (cost, next(self._ties), None, 0, (), path))

    def _arrive(self, level: Level, state: int, path: Path) -> None:
        if level.barring >= 0 and (lexeme := self._ways.engine.lexeme_at(state)) is not None:
            self._finish_otherwise(level, *lexeme, path)
            return
        texts = self._ways.string_exits(state)
        if texts is not None:
            self._finish(level, texts, path)
            return
        self.pushdown.ensure(state)
        if self.pushdown.table[state, FLAGS] & ACCEPT:
            self._add(level, ~COMPLETE, (), path)
        left = self.pushdown.members_left.get(state)
        names = [] if left is None else left.nearest()[1] if self._hurries else left.names()
        if names:
            for name in names:
                self._write_name(level, state, name, path)
            return
        moves = self._ways.moves(state)
        if level.barring >= 0:
            moves = self._without_numbers(level, moves, path)
        elif self.pushdown.units.bars:
            moves = self._with_digits(state, moves)
        for text, operation in moves:
            self._perform(level, (), operation, path, text, None)

    def _without_numbers(
        self, level: Level, moves: list[tuple[bytes, int]], before: Path
    ) -> list[tuple[bytes, int]]:
        """The `moves` that begin no lexeme without a quote; those that there are are finished, each from its start."""
        found, lexemes = [], dict[Lexeme, None]()
        for text, operation in moves:
            number = self._ways.engine.number_at(operation >> 2) if operation & 3 == GOTO else None
            if number is None:
                found.append((text, operation))
            else:
                lexemes[number[0]] = None
        for lexeme in lexemes:
            self._finish_otherwise(level, lexeme, lexeme.dfa.start, before)
        return found

    def _with_digits(self, state: int, moves: list[tuple[bytes, int]]) -> list[tuple[bytes, int]]:
        """The `moves` of a state with all digits that may begin a number: what another one ends with may be barred."""
        begins = [
            operation
            for _, operation in moves
            if operation & 3 == PUSH and self._barring(self._ways.target(operation)[1]) >= 0
        ]
        digits = ((bytes((digit,)), int(self.pushdown.table[state, digit])) for digit in b"0123456789")
        more = [move for move in digits if move[1] in begins]
        return [*moves, *(move for move in more if move not in moves)]

    def _finish_otherwise(
        self, level: Level, lexeme: Lexeme, local: int, before: Path, count: int = 0
    ) -> None:
        """Leave a level with a scalar that is none of those that must not be there."""
        frame, quote = level.barring, b'"' if lexeme.is_string else b""
        begun = (level.begun + text_of(before)).lstrip()

        def accepts(text: bytes, label: int) -> bool:
            self._n_read += 1
            return self._ways.items.may_end(frame, lexeme, begun, text + quote, label)

        awaited = self.pushdown.units.frames[frame]
        n_barred = sum(map(len, (*awaited.strings, *awaited.numbers)))
        texts = first_accepted(
            lexeme, local, count, accepts, LEAST_PATIENCE + SPELLINGS * n_barred, self._texts
        )
        self._finish(level, {label: text + quote for label, text in texts.items()}, before)

    def _write_name(self, level: Level, state: int, name: str, before: Path) -> None:
        """Go on with a member name, behind a comma where one is due."""
        frames: tuple[int, ...] = ()
        content = [(byte, SPELLED[byte]) for byte in name.encode("utf-8", "surrogatepass")]
        comma = [] if self.pushdown.table[state, 0x22] else [(0x2C, b",")]
        steps = [*comma, (0x22, b'"'), *content, (END, b'"')]
        text, count = b"", 0
        for column, spelled in steps:
            self.pushdown.ensure(state)
            operation, count = self.pushdown.in_string(state, count, column)
            while operation & 3 == EXIT and frames:
                operation, frames = self._ways.operation(frames[-1], operation >> 2), frames[:-1]
            if operation == 0 or operation & 3 == EXIT:
                return
            state, pushed = self._ways.target(operation)
            frames += pushed
            text += spelled
        assert not frames, "a name ends on the level of its object"
        path = Path(before, text, None, before.cost + len(text), self._rest(level, state))
        self._reach(level, state, path)

    def _finish(self, level: Level, texts: Exits, before: Path) -> None:
        """Leave a level with one of the texts that end a string."""
        for outcome, text in texts.items():
            self._add(level, ~outcome, (), Path(before, text, None, before.cost + len(text)))

    def _perform(
        self,
        level: Level,
        frames: tuple[int, ...],
        operation: int,
        before: Path,
        text: bytes,
        call: Path | None,
    ) -> None:
        """Go on from `before` with an operation; `frames` were pushed since the level was entered."""
        while operation & 3 == EXIT and frames and operation >> 2 != COMPLETE:
            frame, frames = frames[-1], frames[:-1]
            operation = self._ways.operation(frame, operation >> 2)
            if call is not None and self._ways.learns and frame in self.pushdown.units.frames:
                operation = self._learned(operation, first_of(before) + text_of(call))
                self._n_read += before.cost
        if operation == 0:
            return
        cost = before.cost + len(text) + (0 if call is None else call.cost)
        if operation & 3 == EXIT:
            self._add(level, ~(operation >> 2), (), Path(before, text, call, cost))
            return
        state, pushed = self._ways.target(operation)
        frames += pushed
        path = Path(before, text, call, cost, None if frames else self._rest(level, state))
        if not frames:
            self._reach(level, state, path)
            return
        # Behind a call this is left to `_call`: levels might be entered and left in a circle.
        if call is not None or not self._pass(level, state, frames, path):
            self._add(level, state, frames, path)

    def _pass(self, level: Level, state: int, frames: tuple[int, ...], path: Path) -> bool:
        """Go through the level that begins in `state` on the ways that are known; False where none are."""
        exits = None
        if self._barring(frames) < 0:
            exits = self._ways.exits_of(state, self._n_outcomes(level, frames))
        for outcome, inner in (exits or {}).items():
            self._perform(level, frames, outcome << 2 | EXIT, path, b"", inner)
        return exits is not None

    def _reach(self, level: Level, state: int, path: Path) -> None:
        if self._place(state) not in level.seen:
            self._add(level, state, (), path)

    def _place(self, state: int) -> Hashable:
        """Equal for states of which one is enough on a level."""
        left = self.pushdown.members_left.get(state) if self._hurries else None
        if left is None:
            return self._families.get(state, state)
        self.pushdown.ensure(state)
        return left.nearest()[0], self.pushdown.table[state, 0x22] == 0

    def _rest(self, level: Level, state: int) -> tuple[int, int] | None:
        return (state, level.node) if level.node >= 0 else None

    def _n_outcomes(self, level: Level, frames: tuple[int, ...]) -> int:
        return self._capacity(frames[-1]) if frames else level.wanted

    def _capacity(self, frame: int) -> int:
        """How many outcomes a frame takes; where it does not say, more than there are."""
        n = int(self.pushdown.code[frame])
        return COMPLETE if n < 0 or self.pushdown.frames_grow else n + self.pushdown.ends_inside

    def _add(self, level: Level, what: int, frames: tuple[int, ...], path: Path) -> None:
        heappush(self._heap, (level.base + path.cost, next(self._ties), level, what, frames, path))

    def _call(self, level: Level, state: int, frames: tuple[int, ...], path: Path) -> None:
        """Enter the level that begins in `state`, or wait for one that was entered before."""
        if self._pass(level, state, frames, path):
            return
        barring = self._barring(frames)
        begun = first_of(path) if barring >= 0 else b""
        key = (state, self._n_outcomes(level, frames), barring, begun)
        called = self._called.get(key)
        if called is None:
            called = self._called[key] = Level(state, -1, level.base + path.cost, *key[1:])
            self._add(called, state, (), NOWHERE)
        if (level, frames) in called.called_by:
            return  # in a shorter way
        called.called_by.add((level, frames))
        called.callers.append((level, frames, path))
        for outcome, inner in called.exits.items():
            self._perform(level, frames, outcome << 2 | EXIT, path, b"", inner)

    def _leave(self, level: Level, outcome: int, path: Path) -> None:
        """A level is left with an outcome: go on where it was called."""
        if outcome in level.exits:
            return
        level.exits[outcome] = path
        if level.node >= 0 and outcome == COMPLETE:
            self._complete(path, path.cost)
        elif level.node >= 0:
            parent, frame = self.pushdown.nodes[level.node]
            if self._endings is not None and self._endings.from_frame(frame) is not None:
                self._complete(path, path.cost)
                return
            operation = self._ways.operation(frame, outcome)
            if parent in self._begun:
                operation = self._learned(operation, self._begun[parent] + text_of(path))
            self._perform(self._level_on(parent), (), operation, path, b"", None)
        else:
            if level.barring < 0 and not self._hurries:
                self._ways.keep_exit(level.start, level.wanted, outcome, path)
            for caller, frames, before in level.callers:
                self._perform(caller, frames, outcome << 2 | EXIT, before, b"", path)

    def _learned(self, operation: int, value: bytes) -> int:
        """`operation`, to the state behind an item, where its value is known."""
        learner = self.pushdown.units.after.get(operation >> 2) if operation & 3 == GOTO else None
        if learner is None:
            return operation
        state = learner.learned(value)
        self._families[state] = learner.family(value)
        return goto(state)

    def _level_on(self, node: int) -> Level:
        """The level of the text itself that lies on a stack node."""
        level = self._on_stack.get(node)
        if level is None:
            parent, frame = self.pushdown.nodes[node]
            n_outcomes, begun = self._capacity(frame) if node else 1, self._begun.get(parent, b"")
            level = Level(0, node, 0, n_outcomes, self._barring((frame,)), begun)
            self._on_stack[node] = level
        return level

    def _barring(self, frames: tuple[int, ...]) -> int:
        """The frame on top, where some scalars must not be above it; else -1."""
        awaited = self.pushdown.units.frames.get(frames[-1]) if frames and self._ways.learns else None
        return frames[-1] if awaited is not None and (awaited.strings or awaited.numbers) else -1
