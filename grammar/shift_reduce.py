"""A deterministic context-free grammar as states of a pushdown automaton: a shift-reduce parser over bytes.

A state is a parser state with a position in the terminal being read; the frames are the parser states below it. Only
recognition is left of the parser, so a left-recursive list keeps a flat stack.
"""

from __future__ import annotations

from ..errors import CompileBudgetExceeded
from .grammar import Grammar
from .liveness import Liveness
from .parsing import Done, Enter, Leave, Move, Parser
from .pushdown import DEAD, DONE_STATE, END, PUSH, SPACE, UNFILLED, Pushdown, Row, goto, leave
from .reading import Position, Token
from .scanner import NOTHING_READ

# A run of white space of length at most 0: a byte that is refused without ending the terminal first.
REJECT = SPACE


def compile_grammar(grammar: Grammar) -> Pushdown:
    """The automaton of a grammar, its states filled when visited.

    Raises GrammarRefused, which names a rule or terminal; CompileBudgetExceeded.
    """
    parser = Parser(grammar)
    if parser.doubts and not Liveness(parser).holds():
        raise parser.doubts[0]
    return _Machine(parser).pushdown


class _Machine:
    """Makes the states and frames of `pushdown`."""

    def __init__(self, parser: Parser) -> None:
        self.pushdown = Pushdown()
        self.pushdown.ends_inside = True
        self.pushdown.frames_grow = True
        self._parser = parser
        self._reading = parser.reading
        self._states: dict[Position, int] = {}
        self._frames: dict[int, int] = {}
        self.pushdown.start = self._state(Position(0))

    def _state(self, position: Position) -> int:
        state = self._states.get(position)
        if state is None:
            state = self._states[position] = self.pushdown.new_state(
                lambda _, row: self._expand(position, row)
            )
        return state

    def _frame(self, parser: int) -> int:
        frame = self._frames.get(parser)
        if frame is None:
            frame = self.pushdown.new_frame((UNFILLED,), lambda outcome: self._resume(parser, outcome))
            self._frames[parser] = frame
        return frame

    def _resume(self, parser: int, outcome: int) -> int:
        """What a frame does for an outcome."""
        operation = self._operation(self._parser.resume(parser, outcome))
        # Pushing goes through a state of its own, so that every cycle of the automaton passes through states.
        return goto(self._relay(operation)) if operation & 3 == PUSH else operation

    def _relay(self, operation: int) -> int:
        """The state that reads nothing and performs `operation`."""

        def expand(_: int, row: Row) -> None:
            row[END] = operation

        return self.pushdown.new_state(expand)

    def _expand(self, position: Position, row: Row) -> None:
        """The transitions and the end of a state."""
        row[END] = self._end(position)
        scanner = self._reading.scanner(position.parser)
        for byte, target in enumerate(scanner.row(position.state)):
            if target == 0 or position.barred >> byte & 1:
                continue
            row[byte] = self._move(position, target, byte)
            if row[byte] == DEAD and row[END]:
                row[byte] = REJECT

    def _move(self, position: Position, target: int, byte: int) -> int:
        """The operation for a byte that leads to `target` of the scanner."""
        parser = position.parser
        scanner = self._reading.scanner(parser)
        is_live = self._reading.is_live(parser, target)
        if scanner.label[target] >= 0:
            if not is_live:
                return DEAD
            if scanner.barring[target]:
                return goto(self._state(Position(parser, target)))
            return self._operation(self._parser.take((parser,), Token(scanner.label[target])))
        late = None
        if position.state != NOTHING_READ and scanner.label[position.state] >= 0:
            if not scanner.voids[position.state] >> byte & 1:
                late = scanner.label[position.state], bytes([byte])
        elif position.late:
            late = position.late[0], position.late[1] + bytes([byte])
        longer = Position(parser, target, late if late in self._reading.late else None)
        return goto(self._state(longer)) if is_live or self._may_turn_out(longer) else DEAD

    def _may_turn_out(self, position: Position) -> bool:
        """Whether a text may go on from where nothing wanted is being read, but a terminal has ended before."""
        token = self._reading.ended(position)
        move = None if token is None else self._parser.take((position.parser,), token)
        if isinstance(move, Leave):
            # It depends on the stack whether what was read behind the terminal begins something.
            raise CompileBudgetExceeded(
                "where a terminal ends shows too late: "
                f"{position.late!r} may continue it, or be something else in some places only",
                keyword="lark",
                hint="let the terminals that may follow each other begin differently",
            )
        return move is not None

    def _end(self, position: Position) -> int:
        """The operation for the end of the terminal, or of the text, in front of a byte that does not continue it."""
        token = self._reading.ended(position)
        return goto(DEAD) if token is None else self._operation(self._parser.take((position.parser,), token))

    def _operation(self, move: Move) -> int:
        if isinstance(move, Leave):
            return leave(move.outcome)
        if isinstance(move, Done):
            return goto(DONE_STATE)
        if not isinstance(move, Enter):
            return goto(DEAD)
        state = self._state(move.position)
        if len(move.stack) == 1:
            return goto(state)
        return self.pushdown.push([self._frame(parser) for parser in move.stack[:-1]], state)
