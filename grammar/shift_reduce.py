"""A deterministic context-free grammar as states of a pushdown automaton: a shift-reduce parser over bytes.

The frames are the parser states, the top one too. A state is a position in the terminal being read, which is the same
for all parser states that lex alike; where the terminal ends, the frame is told which one it was. Only recognition is
left of the parser, so a left-recursive list keeps a flat stack.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from .alike import merged
from .bits import bit_positions, flags
from .grammar import Grammar
from .indentation import Indentation
from .line_parser import LineParser
from .liveness import Liveness
from .parsing import STATE, Done, Enter, EnterLine, Leave, Move, Parser
from .pushdown import (
    DEAD,
    DONE_STATE,
    END,
    FLAGS,
    PUSH,
    READY,
    ROW_WIDTH,
    SPACE,
    UNFILLED,
    Portable,
    Pushdown,
    Row,
    goto,
    leave,
)
from .reading import InLine, Position, Token
from .safe_ways import SafeWays
from .scanner import FIRST_LABEL, IGNORED, NOTHING_READ
from .tails import Tails

# A run of white space of length at most 0: a byte that is refused without ending the terminal first.
REJECT = SPACE


def compile_grammar(grammar: Grammar, indentation: Indentation | None = None) -> Pushdown:
    """The automaton of a grammar, its states filled when visited.

    Raises GrammarRefused, which names a rule or terminal; CompileBudgetExceeded.
    """
    if indentation is None:
        parser = Parser(merged(grammar))
    else:
        parser = LineParser(merged(grammar, indentation.terminals), indentation)
    if parser.doubts and not _is_live(parser):
        raise parser.doubts[0]
    return _Machine(parser).pushdown


def _is_live(parser: Parser) -> bool:
    """Whether each text that can be read can be completed, in spite of doubts."""
    lexing = parser.lexing
    if lexing.is_all_readable and IGNORED not in lexing.touching:
        apart = {
            first - FIRST_LABEL: {second - FIRST_LABEL for second in seconds}
            for first, seconds in lexing.touching.items()
        }
        if SafeWays(parser.tables, apart).hold():
            return True
    return not isinstance(parser, LineParser) and Liveness(parser).holds()


class _Machine:
    """Makes the states and frames of `pushdown`."""

    def __init__(self, parser: Parser) -> None:
        self.pushdown = Pushdown()
        self.pushdown.ends_inside = True
        self.pushdown.frames_grow = True
        self._parser = parser
        self._lines = parser if isinstance(parser, LineParser) else None
        self._reading = parser.reading
        self._tails = Tails(parser.tables, parser.reading)
        self._origin = Portable(self.pushdown.n_states, (object(),))  # one for the rows of all states' masks
        self._states: dict[Position | InLine, int] = {}
        self._frames: dict[int, int] = {}
        self._late_labels = {label for label, _ in self._reading.late}
        self.pushdown.start = self._relay(self._operation(Enter((0,), Position(0))))

    def _state(self, position: Position | InLine) -> int:
        """The state of a position, whatever the parser state is among those that lex alike."""
        if isinstance(position, Position):
            parser = self._reading.first_alike(position.parser)
            if parser != position.parser:
                position = replace(position, parser=parser)
        state = self._states.get(position)
        if state is None:
            if isinstance(position, Position):
                expand = partial(self._expand, position)
            else:
                expand = partial(self._expand_line, position)
            state = self._states[position] = self.pushdown.new_states(1, expand, self._origin)
        return state

    def _frame(self, parser: int) -> int:
        frame = self._frames.get(parser)
        if frame is None:
            frame = self.pushdown.new_frame((UNFILLED,), partial(self._resume, parser))
            self._frames[parser] = frame
        return frame

    def _resume(self, parser: int, outcome: int) -> int:
        """What a frame does for an outcome."""
        operation = self._operation(self._parser.resume(parser, outcome))
        # Pushing goes through a state of its own, so that every cycle of the automaton passes through states.
        return goto(self._relay(operation)) if operation & 3 == PUSH else operation

    def _relay(self, operation: int) -> int:
        """The state that reads nothing and performs `operation`."""

        row = np.zeros((1, ROW_WIDTH), np.int32)
        row[0, END], row[0, FLAGS] = operation, READY
        return self.pushdown.add_rows(row)

    def _operation(self, move: Move) -> int:
        """What a move does once the frame on top was popped."""
        if isinstance(move, Leave):
            return leave(move.outcome)
        if isinstance(move, Done):
            return goto(DONE_STATE)
        if not isinstance(move, Enter | EnterLine):
            return goto(DEAD)
        state = self._state(move.position)
        self.pushdown.ensure(state)  # the text goes on there at once: no kernel has to stop for it
        return self.pushdown.push([self._frame(parser) for parser in self._same(move.stack)], state)

    def _same(self, stack: tuple[int, ...]) -> tuple[int, ...]:
        """The stack that stands for all with the same future."""
        known = stack[-1] & ~STATE
        if any(entry & ~STATE != known for entry in stack):
            return stack
        same = self._tails.same(tuple([entry & STATE for entry in stack]))
        return tuple([state | known for state in same])

    def _expand(self, position: Position, _: int, row: Row) -> None:
        """The transitions and the end of a state."""
        row[END] = self._end(position)
        scanner = self._reading.scanner(position.parser)
        for target, bytes_ in scanner.bytes_on(position.state):
            bytes_ &= ~position.barred
            if position.state == NOTHING_READ and self._lines and self._lines.ends_line(target):
                self._begin_line(position.parser, target, bytes_, row)
                continue
            for late in self._late_ends(position, bytes_):
                operation = self._move(position.parser, target, late)
                if operation == DEAD and row[END]:
                    operation = REJECT
                told_apart = bytes_ if late is None else 1 << late[1][-1]
                row[:256][flags(told_apart)] = operation

    def _begin_line(self, parser: int, target: int, bytes_: int, row: Row) -> None:
        """The transitions on the first byte of the end of a line: the frame is told at once."""
        assert self._lines is not None
        if self._reading.is_live(parser, target):
            for byte in bit_positions(bytes_):
                row[byte] = self._operation(self._lines.begun_line(target, byte))

    def _expand_line(self, position: InLine, _: int, row: Row) -> None:
        """The transitions and the end of a state inside the end of a line."""
        assert self._lines is not None
        ended = self._lines.ended_line(position)
        row[END] = goto(DEAD) if ended is None else self._operation(ended)
        for target, bytes_ in self._reading.scanner(0).bytes_on(position.state):
            for byte in bit_positions(bytes_):
                row[byte] = goto(self._state(InLine(target, self._lines.width(position.width, byte))))

    def _late_ends(self, position: Position, bytes_: int) -> list[tuple[int, bytes] | None]:
        """The terminal that may have ended before, behind each of some bytes where it counts; first for all others."""
        scanner = self._reading.scanner(position.parser)
        before = position.late
        if position.state != NOTHING_READ and scanner.label[position.state] >= 0:
            before = scanner.label[position.state], b""
            bytes_ &= ~scanner.voids[position.state]
        if before is None or before[0] not in self._late_labels:
            return [None]
        behind = ((before[0], before[1] + bytes([byte])) for byte in bit_positions(bytes_))
        return [None, *(late for late in behind if late in self._reading.late)]

    def _move(self, parser: int, target: int, late: tuple[int, bytes] | None) -> int:
        """The operation for bytes that lead to `target` of the scanner; `late` has ended before, or nothing has."""
        scanner = self._reading.scanner(parser)
        is_live = self._reading.is_live(parser, target)
        if scanner.label[target] >= 0:
            if not is_live:
                return DEAD
            if scanner.barring[target]:
                return goto(self._state(Position(parser, target)))
            return self._ended(parser, Token(scanner.label[target]))
        longer = Position(parser, target, late)
        if is_live:
            return goto(self._state(longer))
        return leave(self._parser.outcome(longer)) if late else DEAD

    def _end(self, position: Position) -> int:
        """The operation for the end of the terminal, or of the text, in front of a byte that does not continue it."""
        token = self._reading.ended(position)
        return goto(DEAD) if token is None else self._ended(position.parser, token)

    def _ended(self, parser: int, token: Token) -> int:
        """The operation behind a terminal: the frame is told; behind ignored text reading begins anew."""
        while token.label == IGNORED:
            found = self._reading.read(parser, token.rest)
            if found is None:
                return goto(DEAD)
            if isinstance(found, Position):
                return goto(self._state(self._reading.restricted(found, token.barred)))
            token = Token(found.label, found.rest, token.barred)
        return leave(self._parser.outcome(token))
