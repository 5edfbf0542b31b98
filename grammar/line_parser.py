"""The parser of a grammar with indentation, as Lark's `Indenter` has it between lexer and parser.

The end of a line is taken by the parser when its first byte is read; how far in the next one begins shows when it has
ended. The stack knows how far in its innermost block is, and the one around it.
"""

from __future__ import annotations

from dataclasses import dataclass

from .grammar import Grammar
from .indentation import Indentation
from .lexing import Lexing
from .lines import Lines
from .parsing import STATE, STATE_BITS, Enter, EnterLine, Leave, Move, Parser
from .reading import InLine, LineEnd, Position, Token
from .scanner import IGNORED

MAX_WIDTH = 1000
"""Columns: no line can begin further in."""

_UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class LineStart(Token):
    """The end of a line, of which one byte was read. `state` is that of the scanner."""

    state: int = 0
    width: int | None = None


@dataclass(frozen=True, slots=True)
class Dent(Token):
    """An indent, or as many dedents as lead to the block at column `width`; `at_end` of the text, to none."""

    width: int = 0
    at_end: bool = False


class LineParser(Parser):
    """As `Parser`. A stack entry has a pair's number above its LR state: where its block begins, and the outer one.

    Raises as `Parser`.
    """

    def __init__(self, grammar: Grammar, indentation: Indentation) -> None:
        self._indentation = indentation
        self._blocks: list[tuple[int, int]] = []
        self._numbers_of_blocks: dict[tuple[int, int], int] = {}
        self._entry(0, (0, _UNKNOWN))
        super().__init__(grammar)

    def _lexing(self, grammar: Grammar) -> Lexing:
        self.lines = Lines(grammar, self._indentation)
        return Lexing(self.lines.grammar, self.lines.tables, self.lines)

    def _entry(self, state: int, block: tuple[int, int]) -> int:
        number = self._numbers_of_blocks.setdefault(block, len(self._blocks))
        if number == len(self._blocks):
            self._blocks.append(block)
        return state & STATE | number << STATE_BITS

    def _block(self, entry: int) -> tuple[int, int]:
        return self._blocks[entry >> STATE_BITS]

    def take(self, known: tuple[int, ...], token: Token) -> Move:
        if token.label == self.lexing.end_label and self._block(known[-1])[0] > 0:
            token = Dent(self.lines.dedent, at_end=True)
        return super().take(known, token)

    def _read_on(self, stack: list[int], token: Token) -> Move | Token:
        if isinstance(token, LineStart):
            return EnterLine(tuple(stack), InLine(token.state, token.width))
        if not isinstance(token, Dent):
            return super()._read_on(stack, token)
        width, outer = self._block(stack[-1])
        if token.label == self.lines.indent:
            stack[-1] = self._entry(stack[-1], (token.width, width))
            return self._begin(stack, token.barred)
        stack[-1] = self._entry(stack[-1], (outer, _UNKNOWN))
        if token.at_end:
            return token if outer > 0 else Token(self.lexing.end_label)
        if token.width < outer:
            return token
        return self._begin(stack, token.barred) if token.width == outer else None

    def resume(self, state: int, outcome: int) -> Move:
        told = self.outcomes[outcome]
        if not isinstance(told, LineEnd):
            return super().resume(state, outcome)
        width, _ = self._block(state)
        if told.width == width:
            return self._begin([state], told.barred)
        label = self.lines.indent if told.width > width else self.lines.dedent
        return self.take((state,), Dent(label, b"", told.barred, told.width))

    def _begin(self, stack: list[int], barred: int) -> Move:
        """Go on at the beginning of a line, if any text may come there, or none."""
        state = stack[-1] & STATE
        if not self.reading.wanted(state) & ~(1 << IGNORED | 1 << self.lines.indent):
            return None
        return Enter(tuple(stack), self.reading.restricted(Position(state), barred))

    def begun_line(self, state: int, byte: int) -> Leave:
        """Behind the first byte of the end of a line, which leads to `state` of the scanner."""
        return Leave(self.outcome(LineStart(self.lines.newline, state=state, width=self.width(None, byte))))

    def width(self, before: int | None, byte: int) -> int | None:
        """How far in the next line begins behind `byte`: what blanks a comment has count in Lark, too."""
        if byte == 0x0A:
            return 0
        if before is None:
            return None
        more = 1 if byte == 0x20 else self.lines.tab if byte == 0x09 else 0
        return min(before + more, MAX_WIDTH)

    def ended_line(self, position: InLine) -> Leave | None:
        """At the end of the end of a line; None where it is none."""
        scanner = self.reading.scanner(0)
        if position.width is None or position.width == MAX_WIDTH:
            return None
        if scanner.label[position.state] != self.lines.newline:
            return None
        return Leave(self.outcome(LineEnd(position.width, scanner.barring[position.state])))

    def ends_line(self, state: int) -> bool:
        """Whether a state of the scanner is inside the end of a line."""
        return self.lexing.scanner(0).reach[state] == 1 << self.lines.newline
