"""The shortest way to complete a text.

A best-first search over the states that a completion goes through, a stack level at a time: what a called state costs
is found once for all that call it (Knuth 1977, "A generalization of Dijkstra's algorithm"), and only places that are
nearer than the end are looked at, so that a large automaton costs no more than what lies on the way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from heapq import heappop, heappush
from itertools import count as counter

import numpy as np

from ..errors import CompileBudgetExceeded, DeadEnd
from ..grammar.lexemes import Lexeme
from ..grammar.pushdown import ACCEPT, END, EXIT, FLAGS, GOTO, NO_LIMIT, PUSH, SPACE, STRING, goto
from .engine import Engine
from .scalar_texts import CONTENT_COST, RAW, SPELLED, Place, first_accepted, place_in, stages_of
from .spelling import Spelling
from .units import NO_ITEMS, ItemReader, Open
from .walker import Config, read_bytes

Exits = dict[int, bytes]
"""Outcome to a shortest text."""
COMPLETE = 1 << 29
"""The outcome of a level in which the whole text ends."""
MAX_BYTES = 1 << 18
"""The longest completion that is written."""
MAX_PLACES = 40_000
"""So many states a search looks at: about two seconds."""
MAX_NEW_STATES = 2_000
"""So many that nothing asked for before: the same time, where objects leave many ways open."""
FAR_STAGE = 1_000
"""Stages of a string that end so many characters away are not searched to their end."""
LEAST_PATIENCE = 100
SPELLINGS = 20
"""So many does each value that must not be there have at most that are no longer than the shortest of another."""
MAX_READ = 80_000
"""So many bytes before items that must differ, for each item all those of its array: the same time."""

# From the dearest byte to the cheapest: in a dict that is filled in this order, the cheapest stays.
_BY_COST = np.array(sorted(range(256), key=lambda b: (-len(SPELLED[b]), -b)))
_BYTES = np.arange(256)
_BACKWARDS = np.arange(255, -1, -1)


@dataclass(frozen=True, slots=True, eq=False)
class _Path:
    """How a place was reached: behind `before`, through a called level (`call`), by `text`.

    cost : in bytes, since the level was entered.
    rest : where the place is on the stack of the text itself, (state, stack node).
    """

    before: _Path | None
    text: bytes
    call: _Path | None
    cost: int
    rest: tuple[int, int] | None = None


_NOWHERE = _Path(None, b"", None, 0)


@dataclass(slots=True, eq=False)
class _Level:
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
    exits: dict[int, _Path] = field(default_factory=dict)
    callers: list[tuple[_Level, tuple[int, ...], _Path]] = field(default_factory=list)
    called_by: set[tuple[_Level, tuple[int, ...]]] = field(default_factory=set)
    seen: set[Hashable] = field(default_factory=set)


class Closing:
    """Immutable for its users; answers are computed when first asked for and kept.

    learns : whether items that must differ do. Where not, some completions are none, but none are shorter.
    """

    def __init__(self, engine: Engine, *, learns: bool = True) -> None:
        self.engine = engine
        self.items = ItemReader(engine)
        self._learns = learns
        self.pushdown = engine.pushdown
        self.spelling = Spelling(engine.tables.vocabulary)
        # By the state in which a level is entered, and how many outcomes there can be: the shortest way to each.
        self._exits: dict[tuple[int, int], dict[int, _Path]] = {}
        self._strings: dict[int, Exits] = {}
        # By state and stack node: a text, and where in it the shortest completion begins.
        self._rests: dict[tuple[int, int], tuple[bytes, int]] = {}

    @property
    def learns(self) -> bool:
        """Whether what was read of an item matters to what follows."""
        return self._learns and bool(self.pushdown.units.frames)

    @cached_property
    def _lower_bounds(self) -> Closing:
        return Closing(self.engine, learns=False)

    def least_tokens(self, config: Config) -> int:
        """A lower bound on the tokens that complete the text from `config`."""
        length = 0 if self.learns else len(self.text(config))
        if self.learns:  # which a first search may find out
            length = len(self._lower_bounds.text(config))
        return max(1, -(-length // self.spelling.longest))

    def tokens(self, config: Config, items: Open = NO_ITEMS, limit: int | None = None) -> list[int]:
        """Tokens that spell a shortest completion from `config`, or its first `limit` bytes. DeadEnd if none do."""
        text = self.text(config, items)[:limit]
        tokens = self.spelling.tokens(text)
        if text and not tokens:
            raise DeadEnd(f"no tokens spell {text[:40]!r}", hint="the vocabulary lacks a token for some byte")
        return tokens

    def text(self, config: Config, items: Open = NO_ITEMS) -> bytes:
        """A shortest text (bytes) that completes the text; b"" where it is complete.

        Where a shortest one is too hard to find, a short one: of an object with many needs, the nearest is met first.
        items : the open items whose values matter; with such items there may be a shorter completion.
        Raises CompileBudgetExceeded where it is longer than MAX_BYTES or too hard to find.
        """
        if self.engine.accepts(config):
            return b""
        with self.pushdown.lock:
            head, (state, count, _, node) = self._finish_escape(config)
            return head + self._search(
                state, count, node, {place: bytes(text) + head for place, text in items}
            )

    def _search(self, state: int, count: int, node: int, begun: dict[int, bytes]) -> bytes:
        if self.learns:
            # What completes a text depends on the items that were begun before.
            return _text_of(self._found(state, count, node, begun))
        # What was counted matters in a string only.
        known = None if self.engine.string_at(state) else self._rests.get((state, node))
        text, offset = known or self._remember(self._found(state, count, node, begun))
        return text[offset:]

    def _found(self, state: int, count: int, node: int, begun: dict[int, bytes]) -> _Path:
        try:
            return _Search(self, state, count, node, begun).run()
        except CompileBudgetExceeded:
            return _Search(self, state, count, node, begun, hurries=True).run()

    def _remember(self, path: _Path) -> tuple[bytes, int]:
        """The text of a whole completion; it holds those of the places on its way as well."""
        whole = _text_of(path)
        rest = path.rest and self._rests.get(path.rest)
        if rest:
            whole += rest[0][rest[1] :]
        here: _Path | None = path
        while here is not None:
            if here.rest is not None:
                self._rests.setdefault(here.rest, (whole, here.cost))
            here = here.before
        return whole, 0

    def exits_of(self, state: int, n_outcomes: int) -> dict[int, _Path] | None:
        """The shortest ways out of the level that is entered in `state`, None where not all are known."""
        known = self._exits.get((state, n_outcomes))
        texts = self.string_exits(state) if known is None else None
        if texts is not None:
            known = {outcome: _Path(None, text, None, len(text)) for outcome, text in texts.items()}
            self._exits[state, n_outcomes] = known
        return known if known and (len(known) >= n_outcomes or state in self._strings) else None

    def string_exits(self, state: int) -> Exits | None:
        """The shortest texts that end a string whose content begins in `state`; None where that is no string."""
        texts = self._strings.get(state)
        if texts is None:
            string = self.engine.string_at(state)
            if string is not None:
                texts = self._strings[state] = finish_string(*string, 0)
        return texts

    def rest(self, state: int, node: int) -> int | None:
        """The length of the shortest completion from a state on a stack node, None where it is not known yet."""
        known = self._rests.get((state, node))
        return None if known is None else len(known[0]) - known[1]

    def keep_exit(self, state: int, n_outcomes: int, outcome: int, path: _Path) -> None:
        self._exits.setdefault((state, n_outcomes), {}).setdefault(outcome, path)

    def operation(self, frame: int, outcome: int) -> int:
        """What a frame does for an outcome."""
        return self.pushdown.resumed(frame, outcome)

    def target(self, operation: int) -> tuple[int, tuple[int, ...]]:
        """The state that a GOTO or PUSH leads to, and the frames it pushes."""
        if operation & 3 == GOTO:
            return operation >> 2, ()
        offset = operation >> 2
        code = self.pushdown.code
        return int(code[offset]), tuple(code[offset + 2 : offset + 2 + code[offset + 1]].tolist())

    def moves(self, state: int) -> list[tuple[bytes, int]]:
        """`(text, operation)` for each operation of a state, with the shortest text that causes it."""
        row = self.pushdown.table[state]
        is_string = bool(row[FLAGS] & STRING)
        order, spelled = (_BY_COST, SPELLED) if is_string else (_BACKWARDS, RAW)
        shortest = dict(zip(row[order].tolist(), order.tolist()))
        shortest.pop(0, None)
        shortest.pop(SPACE, None)
        moves = [(spelled[byte], operation) for operation, byte in shortest.items()]
        if row[END]:
            moves.append((b'"' if is_string else b"", int(row[END])))
        return moves

    def _finish_escape(self, config: Config) -> tuple[bytes, Config]:
        """The fewest bytes that end the escape in which `config` is: breadth first, at most ten of them."""
        todo = deque([(b"", config)])
        while todo:
            text, here = todo.popleft()
            if here[2] == 0:
                return text, here
            for byte in b'n"\\/bfrtu0123456789abcdef':
                after = read_bytes(self.pushdown, here, np.array([byte], np.uint8))
                if after is not None:
                    todo.append((text + bytes([byte]), after))
        raise DeadEnd("an escape cannot be finished")


class _Search:
    """From one place to the nearest end of the text.

    What waits in the heap is ordered by its cost from the beginning of the search; the places of a called level count
    from where it was entered first. So whatever is taken from the heap has its least cost.

    hurries : of the places in one object that miss equally many members, only the first is gone on from. Each of them
              can be completed, but another might be nearer to the end.
    """

    def __init__(
        self,
        closing: Closing,
        state: int,
        count: int,
        node: int,
        begun: dict[int, bytes],
        *,
        hurries: bool = False,
    ) -> None:
        self.closing = closing
        self.pushdown = closing.pushdown
        self._hurries = hurries
        self._last_state = NO_LIMIT if hurries else self.pushdown.n_states + MAX_NEW_STATES
        self._begun = begun  # by the stack node on which an open item lies: its text so far
        # (cost, tie, level, what, frames, path): the state `what` is reached, or entered above `frames`;
        # ~what is the outcome with which the level is left.
        self._heap: list[tuple[int, int, _Level | None, int, tuple[int, ...], _Path]] = []
        self._ties = counter(0, -1)  # of equals the newest first: straight on
        self._called: dict[tuple[int, int, int, bytes], _Level] = {}
        self._on_stack: dict[int, _Level] = {}
        # Of the states behind items, one for each set of them is enough: there are as many as orders of items.
        self._families: dict[int, Hashable] = {}
        self._n_read = 0
        level = self._first = self._level_on(node)
        string = closing.engine.string_at(state)
        if string is None:
            self._add(level, state, (), _Path(None, b"", None, 0, (state, node)))
        elif level.barring < 0:
            self._finish(level, finish_string(*string, count), _NOWHERE)
        else:
            self._finish_otherwise(level, *string, _NOWHERE, count)

    def run(self) -> _Path:
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
            elif frames or (level.node >= 0 and level is not self._first):
                # The levels below are left as called ones are: they may be many, of few kinds.
                self._call(level, what, frames, path)
            elif (place := self._place(what)) not in level.seen and len(level.exits) < level.wanted:
                n_places += 1
                level.seen.add(place)
                self._arrive(level, what, path)
        raise too_long()

    def _ends(self, level: _Level, state: int, path: _Path) -> bool:
        """Whether the text may end in a state on its own stack, or how it is completed from there is known."""
        if path.rest is None or self.closing.learns:
            return False
        known = self.closing.rest(state, level.node)
        if known is not None:
            self._complete(path, path.cost + known)
        return known is not None

    def _complete(self, path: _Path, cost: int) -> None:
        heappush(self._heap, (cost, next(self._ties), None, 0, (), path))

    def _arrive(self, level: _Level, state: int, path: _Path) -> None:
        if level.barring >= 0 and (lexeme := self.closing.engine.lexeme_at(state)) is not None:
            self._finish_otherwise(level, *lexeme, path)
            return
        texts = self.closing.string_exits(state)
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
        moves = self.closing.moves(state)
        if level.barring >= 0:
            moves = self._without_numbers(level, moves, path)
        elif self.pushdown.units.bars:
            moves = self._with_digits(state, moves)
        for text, operation in moves:
            self._perform(level, (), operation, path, text, None)

    def _without_numbers(
        self, level: _Level, moves: list[tuple[bytes, int]], before: _Path
    ) -> list[tuple[bytes, int]]:
        """The `moves` that begin no lexeme without a quote; those that there are are finished, each from its start."""
        found, lexemes = [], dict[Lexeme, None]()
        for text, operation in moves:
            number = self.closing.engine.number_at(operation >> 2) if operation & 3 == GOTO else None
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
            if operation & 3 == PUSH and self._barring(self.closing.target(operation)[1]) >= 0
        ]
        digits = ((bytes((digit,)), int(self.pushdown.table[state, digit])) for digit in b"0123456789")
        more = [move for move in digits if move[1] in begins]
        return [*moves, *(move for move in more if move not in moves)]

    def _finish_otherwise(
        self, level: _Level, lexeme: Lexeme, local: int, before: _Path, count: int = 0
    ) -> None:
        """Leave a level with a scalar that is none of those that must not be there."""
        frame, quote = level.barring, b'"' if lexeme.is_string else b""
        begun = (level.begun + _text_of(before)).lstrip()

        def accepts(text: bytes, label: int) -> bool:
            self._n_read += 1
            return self.closing.items.may_end(frame, lexeme, begun, text + quote, label)

        awaited = self.pushdown.units.frames[frame]
        n_barred = sum(map(len, (*awaited.strings, *awaited.numbers)))
        texts = first_accepted(lexeme, local, count, accepts, LEAST_PATIENCE + SPELLINGS * n_barred)
        self._finish(level, {label: text + quote for label, text in texts.items()}, before)

    def _write_name(self, level: _Level, state: int, name: str, before: _Path) -> None:
        """Go on with a member name, behind a comma where one is due."""
        frames: tuple[int, ...] = ()
        content = [(byte, SPELLED[byte]) for byte in name.encode("utf-8", "surrogatepass")]
        comma = [] if self.pushdown.table[state, 0x22] else [(0x2C, b",")]
        steps = [*comma, (0x22, b'"'), *content, (END, b'"')]
        text = b""
        for column, spelled in steps:
            self.pushdown.ensure(state)
            operation = int(self.pushdown.table[state, column])
            while operation & 3 == EXIT and frames:
                operation, frames = self.closing.operation(frames[-1], operation >> 2), frames[:-1]
            if operation == 0 or operation & 3 == EXIT:
                return
            state, pushed = self.closing.target(operation)
            frames += pushed
            text += spelled
        assert not frames, "a name ends on the level of its object"
        path = _Path(before, text, None, before.cost + len(text), self._rest(level, state))
        self._reach(level, state, path)

    def _finish(self, level: _Level, texts: Exits, before: _Path) -> None:
        """Leave a level with one of the texts that end a string."""
        for outcome, text in texts.items():
            self._add(level, ~outcome, (), _Path(before, text, None, before.cost + len(text)))

    def _perform(
        self,
        level: _Level,
        frames: tuple[int, ...],
        operation: int,
        before: _Path,
        text: bytes,
        call: _Path | None,
    ) -> None:
        """Go on from `before` with an operation; `frames` were pushed since the level was entered."""
        while operation & 3 == EXIT and frames and operation >> 2 != COMPLETE:
            frame, frames = frames[-1], frames[:-1]
            operation = self.closing.operation(frame, operation >> 2)
            if call is not None and self.closing.learns and frame in self.pushdown.units.frames:
                operation = self._learned(operation, _first_of(before) + _text_of(call))
                self._n_read += before.cost
        if operation == 0:
            return
        cost = before.cost + len(text) + (0 if call is None else call.cost)
        if operation & 3 == EXIT:
            self._add(level, ~(operation >> 2), (), _Path(before, text, call, cost))
            return
        state, pushed = self.closing.target(operation)
        frames += pushed
        path = _Path(before, text, call, cost, None if frames else self._rest(level, state))
        if not frames:
            self._reach(level, state, path)
            return
        exits = None
        if self._barring(frames) < 0:
            exits = self.closing.exits_of(state, self._n_outcomes(level, frames))
        if exits is None:
            self._add(level, state, frames, path)
            return
        for outcome, inner in exits.items():
            self._perform(level, frames, outcome << 2 | EXIT, path, b"", inner)

    def _reach(self, level: _Level, state: int, path: _Path) -> None:
        if self._place(state) not in level.seen:
            self._add(level, state, (), path)

    def _place(self, state: int) -> Hashable:
        """Equal for states of which one is enough on a level."""
        left = self.pushdown.members_left.get(state) if self._hurries else None
        if left is None:
            return self._families.get(state, state)
        self.pushdown.ensure(state)
        return left.nearest()[0], self.pushdown.table[state, 0x22] == 0

    def _rest(self, level: _Level, state: int) -> tuple[int, int] | None:
        return (state, level.node) if level.node >= 0 else None

    def _n_outcomes(self, level: _Level, frames: tuple[int, ...]) -> int:
        return self._capacity(frames[-1]) if frames else level.wanted

    def _capacity(self, frame: int) -> int:
        """How many outcomes a frame takes; where it does not say, more than there are."""
        n = int(self.pushdown.code[frame])
        return COMPLETE if n < 0 else n + self.closing.pushdown.ends_inside

    def _add(self, level: _Level, what: int, frames: tuple[int, ...], path: _Path) -> None:
        heappush(self._heap, (level.base + path.cost, next(self._ties), level, what, frames, path))

    def _call(self, level: _Level, state: int, frames: tuple[int, ...], path: _Path) -> None:
        """Enter the level that begins in `state`, or wait for one that was entered before."""
        barring = self._barring(frames)
        begun = _first_of(path) if barring >= 0 else b""
        key = (state, self._n_outcomes(level, frames), barring, begun)
        called = self._called.get(key)
        if called is None:
            called = self._called[key] = _Level(state, -1, level.base + path.cost, *key[1:])
            self._add(called, state, (), _NOWHERE)
        if (level, frames) in called.called_by:
            return  # in a shorter way
        called.called_by.add((level, frames))
        called.callers.append((level, frames, path))
        for outcome, inner in called.exits.items():
            self._perform(level, frames, outcome << 2 | EXIT, path, b"", inner)

    def _leave(self, level: _Level, outcome: int, path: _Path) -> None:
        """A level is left with an outcome: go on where it was called."""
        if outcome in level.exits:
            return
        level.exits[outcome] = path
        if level.node >= 0 and outcome == COMPLETE:
            self._complete(path, path.cost)
        elif level.node >= 0:
            parent, frame = self.pushdown.stack[level.node].tolist()
            operation = self.closing.operation(frame, outcome)
            if parent in self._begun:
                operation = self._learned(operation, self._begun[parent] + _text_of(path))
            self._perform(self._level_on(parent), (), operation, path, b"", None)
        else:
            if level.barring < 0 and not self._hurries:
                self.closing.keep_exit(level.start, level.wanted, outcome, path)
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

    def _level_on(self, node: int) -> _Level:
        """The level of the text itself that lies on a stack node."""
        level = self._on_stack.get(node)
        if level is None:
            parent, frame = self.pushdown.stack[node].tolist()
            n_outcomes, begun = self._capacity(frame) if node else 1, self._begun.get(parent, b"")
            level = _Level(0, node, 0, n_outcomes, self._barring((frame,)), begun)
            self._on_stack[node] = level
        return level

    def _barring(self, frames: tuple[int, ...]) -> int:
        """The frame on top, where some scalars must not be above it; else -1."""
        awaited = self.pushdown.units.frames.get(frames[-1]) if frames and self.closing.learns else None
        return frames[-1] if awaited is not None and (awaited.strings or awaited.numbers) else -1


def too_long() -> CompileBudgetExceeded:
    """No completion is near enough to be found."""
    return CompileBudgetExceeded(
        "the shortest way to complete the text is too long, or too hard to find",
        hint="lower minItems, minLength or minProperties, or require fewer members",
    )


def _first_of(path: _Path) -> bytes:
    """What a value has of the text that led to it: its first byte, if not a comma or a colon."""
    return b"" if path.text in (b",", b":") else path.text


def _text_of(path: _Path) -> bytes:
    """The text of a way. Without recursion: levels may lie deeper than Python's own stack."""
    parts = []
    todo: list[_Path] = [path]
    while todo:
        here = todo.pop()
        parts.append(here.text)
        if here.before is not None:
            todo.append(here.before)
        if here.call is not None:
            todo.append(here.call)
    return b"".join(reversed(parts))


def finish_string(lexeme: Lexeme, local: int, count: int) -> Exits:
    """For each outcome of a string lexeme the shortest text, closing quote included, from state `local`.

    Where a stage goes on for more than FAR_STAGE characters, the texts of the next one are found behind the cheapest
    way there, which may be a few bytes longer than others; those of more than MAX_BYTES are left out.
    """
    if lexeme.is_counted and lexeme.low - count > MAX_BYTES:
        raise too_long()
    filler = _filler(lexeme, local)
    stage, onward = lexeme.next_stage, lexeme.onward
    wanted = set(lexeme.dfa.label.tolist()) - {-1}
    if len(wanted) == 1 and lexeme.dfa.label[local] >= 0 and filler is not None and not stage:
        n = max(lexeme.low - count, 0)
        return {int(lexeme.dfa.label[local]): filler * n + b'"'}
    n = 0 if lexeme.high is None else lexeme.high + 1 - count
    if stage is None or onward is None or filler is None or n <= FAR_STAGE:
        return _finish_near([*stages_of(lexeme)], local, count)
    exits = _finish_near([lexeme], local, count)
    if n <= MAX_BYTES and onward.entered[local]:
        for outcome, text in finish_string(stage, local, count + n).items():
            exits.setdefault(outcome, filler * n + text)
    if not exits:
        raise too_long()
    return exits


def _finish_near(stages: list[Lexeme], local: int, count: int) -> Exits:
    """The same, the first of the `stages` being the one that the string is in.

    Dijkstra over (stage, state, characters so far); the cost is the raw bytes of the content.
    """
    wanted = {label for stage in stages for label in stage.dfa.label.tolist()} - {-1}
    start = (0, local, count)
    heap = [(0, start)]
    cost_of = {start: 0}
    # How each place was reached: from where, by which content byte. Texts are put together at the end only.
    reached: dict[Place, tuple[Place, int]] = {}
    exits: Exits = {}
    while heap and wanted:
        cost, here = heappop(heap)
        if cost > cost_of[here]:
            continue
        at, state, n = here
        label = int(stages[at].dfa.label[state])
        if label in wanted and n >= stages[at].low:
            exits[label] = _spelled(reached, here) + b'"'
            wanted.discard(label)
        for byte, there in _content_moves(stages, here):
            new_cost = cost + int(CONTENT_COST[byte])
            if new_cost < cost_of.get(there, new_cost + 1):
                cost_of[there] = new_cost
                reached[there] = (here, byte)
                heappush(heap, (new_cost, there))
    return exits


def _filler(lexeme: Lexeme, state: int) -> bytes | None:
    """A character that is written in one byte and leaves the state as it is: nothing is shorter than some of these."""
    found = np.flatnonzero((lexeme.dfa.delta[state] == state) & (CONTENT_COST == 1) & (_BYTES < 0x80))
    return SPELLED[found[0]] if len(found) else None


def _spelled(reached: dict[Place, tuple[Place, int]], place: Place) -> bytes:
    """The raw text of the path that led to `place`."""
    parts = []
    while place in reached:
        place, byte = reached[place]
        parts.append(SPELLED[byte])
    return b"".join(reversed(parts))


def _content_moves(stages: list[Lexeme], place: Place) -> Iterator[tuple[int, Place]]:
    """`(content byte, target)`, for each target the cheapest byte."""
    at, state, count = place
    for target, byte, is_lead in _cheapest_bytes(stages[at], state):
        after = place_in(stages, at, target, count + is_lead)
        if after is not None:
            yield byte, after


@lru_cache(maxsize=1 << 14)
def _cheapest_bytes(lexeme: Lexeme, state: int) -> list[tuple[int, int, bool]]:
    """`(target, content byte, whether it begins a character)`."""
    row = lexeme.dfa.delta[state]
    cheapest: dict[tuple[int, bool], int] = {}
    for byte in np.flatnonzero(row).tolist():
        key = (int(row[byte]), byte & 0xC0 != 0x80)
        if key not in cheapest or CONTENT_COST[byte] < CONTENT_COST[cheapest[key]]:
            cheapest[key] = byte
    return [(target, byte, is_lead) for (target, is_lead), byte in cheapest.items()]
