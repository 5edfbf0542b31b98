"""The moves of a shift-reduce parser on the known top of its stack.

When a terminal ends, its reductions run: those that stay on the known part of the stack at once, the others by leaving
it with an outcome that says how many states are left to pop, to which rule, and with which terminal ahead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ..errors import CompileBudgetExceeded
from .grammar import Grammar, GrammarRefused
from .lexing import Lexing, Position, Token
from .lr import ACCEPT, Conflict, Tables
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


class Parser:
    """Immutable. The parser of a grammar.

    outcomes : (states left to pop, rule, terminal ahead) for each reduction that can leave the known stack.
    Raises GrammarRefused, which names a rule or terminal; CompileBudgetExceeded.
    """

    def __init__(self, grammar: Grammar) -> None:
        try:
            self.tables = Tables(grammar)
        except Conflict as conflict:
            raise _refusal(grammar, conflict) from None
        self.lexing = Lexing(grammar, self.tables)
        self.outcomes: list[tuple[int, int, Token]] = []
        self._numbers: dict[tuple[int, int, Token], int] = {}
        self._number_outcomes()

    def take(self, known: tuple[int, ...], token: Token) -> Move:
        """Parse `token`, where `known` is the known top of the stack."""
        stack = list(known)
        while True:
            if token.label != IGNORED:
                state = self.tables.states[stack[-1]]
                target = state.shift.get(token.label - FIRST_LABEL)
                if target is None:
                    production = state.reduce.get(token.label - FIRST_LABEL)
                    if production is None:
                        return None
                    if production == ACCEPT:
                        return Done()
                    rule, length = self.tables.productions[production]
                    if length >= len(stack):
                        return Leave(self._numbers[length - len(stack), rule, token])
                    del stack[len(stack) - length :]
                    stack.append(self.tables.states[stack[-1]].goto[rule])
                    continue
                stack.append(target)
            found = self.lexing.read(stack[-1], token.rest)
            if found is None:
                return None
            if isinstance(found, Position):
                return Enter(tuple(stack), self.lexing.restricted(found, token.barred))
            token = Token(found.label, found.rest, token.barred)

    def resume(self, state: int, outcome: int) -> Move:
        """What happens when the stack was popped down to `state`, which is popped with it."""
        left, rule, token = self.outcomes[outcome]
        if left:
            return Leave(self._numbers[left - 1, rule, token])
        target = self.tables.states[state].goto.get(rule)
        return None if target is None else self.take((state, target), token)

    def _number_outcomes(self) -> None:
        tokens: dict[int, list[Token]] = {}
        for token in sorted(self.lexing.tokens, key=lambda t: (t.label, t.rest, t.barred)):
            tokens.setdefault(token.label, []).append(token)
        reductions = {
            (terminal, production)
            for state in self.tables.states
            for terminal, production in state.reduce.items()
            if production != ACCEPT
        }
        for terminal, production in sorted(reductions):
            rule, length = self.tables.productions[production]
            for token in tokens.get(terminal + FIRST_LABEL, ()):
                for left in range(length):
                    if self._numbers.setdefault((left, rule, token), len(self.outcomes)) == len(
                        self.outcomes
                    ):
                        self.outcomes.append((left, rule, token))
        if len(self.outcomes) > MAX_OUTCOMES:
            raise CompileBudgetExceeded(
                "the grammar is too large", keyword="lark", hint="shorten its rules, or use fewer terminals"
            )


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
