"""The moves of a shift-reduce parser on the known top of its stack.

When a terminal ends, its reductions run: those that stay on the known part of the stack at once, the others by leaving
it with an outcome that says how many states are left to pop, to which rule, and with which terminal ahead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from ..errors import CompileBudgetExceeded
from .conflicts import refusal
from .grammar import Grammar
from .lexing import Lexing
from .lr import ACCEPT, Conflict, Tables
from .reading import CanonicalReading, InLine, LineEnd, Position, Token
from .scanner import FIRST_LABEL, IGNORED

MAX_OUTCOMES = 30_000


@dataclass(frozen=True, slots=True)
class Leave:
    """The known stack is used up; the state below it goes on with `outcome`."""

    outcome: int


@dataclass(frozen=True, slots=True)
class Enter:
    """The known stack becomes `stack`, the last one the parser state at whose `position` the text goes on."""

    stack: tuple[int, ...]
    position: Position


@dataclass(frozen=True, slots=True)
class EnterLine:
    """The same inside the end of a line."""

    stack: tuple[int, ...]
    position: InLine


@dataclass(frozen=True, slots=True)
class Done:
    """The text is complete."""


Move: TypeAlias = Leave | Enter | EnterLine | Done | None
"""None where the terminal cannot be parsed."""


Outcome: TypeAlias = Token | Position | LineEnd | tuple[int, int, Token]

# A stack holds LR states, above them (in bits) what else is known where they were entered.
STATE_BITS = 20
STATE = (1 << STATE_BITS) - 1


class Parser:
    """The parser of a grammar. Its states, canonical ones, are made when they are asked for.

    lexing, tables : what can happen at all.  reading : what does in a state.
    doubts   : refusals, unless it is shown for the parser as a whole that no prefix is a dead end.
    outcomes : what frames have been told so far: a terminal that has ended on them; that nothing wanted is read any
               more, so that a terminal has to have ended before; or a reduction that has left the known stack:
               (states left to pop, rule, terminal ahead).
    Raises GrammarRefused, which names a rule or terminal; CompileBudgetExceeded.
    """

    def __init__(self, grammar: Grammar) -> None:
        try:
            self.lexing = self._lexing(grammar)
        except Conflict as conflict:
            raise refusal(grammar, conflict) from None
        self.tables = self.lexing.tables
        conflicts = (refusal(grammar, conflict) for conflict in self.tables.conflicts)
        self.doubts = [*conflicts, *self.lexing.doubts]
        self.reading = CanonicalReading(self.tables, self.lexing)
        self.outcomes: list[Outcome] = []
        self._numbers: dict[Outcome, int] = {}

    def _lexing(self, grammar: Grammar) -> Lexing:
        return Lexing(grammar, Tables(grammar))

    def take(self, known: tuple[int, ...], token: Token) -> Move:
        """Parse `token`, where `known` is the known top of the stack."""
        stack = list(known)
        while True:
            if token.label != IGNORED:
                state = self.tables.state(stack[-1] & STATE)
                target = state.shift.get(token.label - FIRST_LABEL)
                if target is None:
                    production = state.reduce.get(token.label - FIRST_LABEL)
                    if production is None:
                        return None
                    if production == ACCEPT:
                        return Done()
                    rule, length = self.tables.productions[production]
                    if length >= len(stack):
                        return Leave(self.outcome((length - len(stack), rule, token)))
                    del stack[len(stack) - length :]
                    stack.append(self.tables.state(stack[-1] & STATE).goto[rule] | stack[-1] & ~STATE)
                    continue
                stack.append(target | stack[-1] & ~STATE)
            found = self._read_on(stack, token)
            if not isinstance(found, Token):
                return found
            token = found

    def _read_on(self, stack: list[int], token: Token) -> Move | Token:
        """What comes behind a token that was shifted: more of it, or the place where the text goes on."""
        found = self.reading.read(stack[-1] & STATE, token.rest)
        if isinstance(found, Position):
            return Enter(tuple(stack), self.reading.restricted(found, token.barred))
        return None if found is None else Token(found.label, found.rest, token.barred)

    def resume(self, state: int, outcome: int) -> Move:
        """What happens when the stack was popped down to `state`, which is popped with it."""
        told = self.outcomes[outcome]
        if isinstance(told, Token):
            return self.take((state,), told)
        if isinstance(told, Position):
            return self._turn_out(state, replace(told, parser=state & STATE))
        assert not isinstance(told, LineEnd)
        left, rule, token = told
        if left:
            return Leave(self.outcome((left - 1, rule, token)))
        target = self.tables.state(state & STATE).goto.get(rule)
        return None if target is None else self.take((state, target | state & ~STATE), token)

    def _turn_out(self, known: int, position: Position) -> Move:
        """Stay where nothing wanted is being read, if the terminal that has ended before may have been one."""
        token = self.reading.ended(position)
        move = None if token is None else self.take((known,), token)
        if isinstance(move, Leave) and token is not None:
            # The stack says which state comes behind the terminal, and so whether the rest begins something there.
            found = {
                self.lexing.read(state, token.rest) is None for state in self.lexing.after(token.label, ())
            }
            if len(found) != 1:
                raise CompileBudgetExceeded(
                    "where a terminal ends shows too late: "
                    f"{position.late!r} may continue it, or be something else in some places only",
                    keyword="lark",
                    hint="let the terminals that may follow each other begin differently",
                )
            move = None if found.pop() else move
        return None if move is None else Enter((known,), position)

    def outcome(self, told: Outcome) -> int:
        """The number of an outcome."""
        number = self._numbers.get(told)
        if number is None:
            number = self._numbers[told] = len(self.outcomes)
            self.outcomes.append(told)
            if number > MAX_OUTCOMES:
                raise CompileBudgetExceeded(
                    "the grammar is too large",
                    keyword="lark",
                    hint="shorten its rules, or use fewer terminals",
                )
        return number
