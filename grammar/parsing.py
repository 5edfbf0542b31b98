"""The moves of a shift-reduce parser on the known top of its stack.

When a terminal ends, its reductions run: those that stay on the known part of the stack at once, the others by leaving
it with an outcome that says how many states are left to pop, to which rule, and with which terminal ahead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from ..errors import CompileBudgetExceeded
from .grammar import Grammar, GrammarRefused
from .lexing import Lexing
from .lr import ACCEPT, Conflict, Tables
from .reading import CanonicalReading, Position, Token
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
class Done:
    """The text is complete."""


Move: TypeAlias = Leave | Enter | Done | None
"""None where the terminal cannot be parsed."""


Outcome: TypeAlias = Token | Position | tuple[int, int, Token]


class Parser:
    """The parser of a grammar. Its states, canonical ones, are made when they are asked for.

    lexing   : what can happen at all.  reading : what does in a state.
    doubts   : refusals, unless it is shown for the parser as a whole that no prefix is a dead end.
    outcomes : what frames have been told so far: a terminal that has ended on them; that nothing wanted is read any
               more, so that a terminal has to have ended before; or a reduction that has left the known stack:
               (states left to pop, rule, terminal ahead).
    Raises GrammarRefused, which names a rule or terminal; CompileBudgetExceeded.
    """

    def __init__(self, grammar: Grammar) -> None:
        try:
            self.tables = Tables(grammar)
        except Conflict as conflict:
            raise _refusal(grammar, conflict) from None
        self.lexing = Lexing(grammar, self.tables)
        conflicts = (_refusal(grammar, conflict) for conflict in self.tables.conflicts)
        self.doubts = [*conflicts, *self.lexing.doubts]
        self.reading = CanonicalReading(self.tables, self.lexing)
        self.outcomes: list[Outcome] = []
        self._numbers: dict[Outcome, int] = {}

    def take(self, known: tuple[int, ...], token: Token) -> Move:
        """Parse `token`, where `known` is the known top of the stack."""
        stack = list(known)
        while True:
            if token.label != IGNORED:
                state = self.tables.state(stack[-1])
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
                    stack.append(self.tables.state(stack[-1]).goto[rule])
                    continue
                stack.append(target)
            found = self.reading.read(stack[-1], token.rest)
            if found is None:
                return None
            if isinstance(found, Position):
                return Enter(tuple(stack), self.reading.restricted(found, token.barred))
            token = Token(found.label, found.rest, token.barred)

    def resume(self, state: int, outcome: int) -> Move:
        """What happens when the stack was popped down to `state`, which is popped with it."""
        told = self.outcomes[outcome]
        if isinstance(told, Token):
            return self.take((state,), told)
        if isinstance(told, Position):
            return self._turn_out(replace(told, parser=state))
        left, rule, token = told
        if left:
            return Leave(self.outcome((left - 1, rule, token)))
        target = self.tables.state(state).goto.get(rule)
        return None if target is None else self.take((state, target), token)

    def _turn_out(self, position: Position) -> Move:
        """Stay where nothing wanted is being read, if the terminal that has ended before may have been one."""
        token = self.reading.ended(position)
        move = None if token is None else self.take((position.parser,), token)
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
        return None if move is None else Enter((position.parser,), position)

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


def _refusal(grammar: Grammar, conflict: Conflict) -> GrammarRefused:
    names = {terminal.name: str(terminal) for terminal in grammar.terminals}
    ahead = names.get(conflict.terminal, "the end of the text")
    shown = list(dict.fromkeys(_readable(production.name) for production in conflict.choices))
    if conflict.shift:
        what = f"{ahead} may go on with {shown[-1]} or stand behind a finished {shown[0]}"
    else:
        what = f"before {ahead}, the same text may be {' or '.join(shown)}"
    origin = conflict.choices[0].name.lstrip("_").partition("_star_")[0].partition("_plus_")[0]
    known = conflict.choices[0].name if not conflict.choices[0].name.startswith("__") else origin
    return GrammarRefused(
        f"the grammar is not deterministic with one terminal of lookahead: {what}",
        "make it LALR(1), e.g. with one rule for each level of precedence",
        known,
    )


def _readable(rule: str) -> str:
    """`__items_star_0` is what Lark calls a repetition inside of `items`."""
    for kind in ("_star_", "_plus_"):
        if rule.startswith("__") and kind in rule:
            return f"a repetition in {rule[2:].partition(kind)[0]}"
    return rule
