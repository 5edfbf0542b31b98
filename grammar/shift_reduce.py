"""A deterministic context-free grammar as states of a pushdown automaton: a shift-reduce parser over bytes.

A state is a parser state with a position in the terminal being read; the frames are the parser states below it. When a
terminal ends, its reductions run: those that stay on the known part of the stack at once, the others by an EXIT whose
outcome says how many frames are left to pop, to which rule, and with which terminal ahead. Only recognition is left of
the parser, so a left-recursive list keeps a flat stack.
"""

from __future__ import annotations

from ..errors import CompileBudgetExceeded
from .grammar import Grammar, GrammarRefused
from .lexing import Lexing, Position, Token
from .lr import ACCEPT, Conflict, Tables
from .pushdown import DEAD, DONE_STATE, END, PUSH, SPACE, UNFILLED, Pushdown, Row, goto, leave
from .scanner import FIRST_LABEL, IGNORED, NOTHING_READ

MAX_OUTCOMES = 30_000

# A run of white space of length at most 0: a byte that is refused without ending the terminal first.
REJECT = SPACE


def compile_grammar(grammar: Grammar) -> Pushdown:
    """The automaton of a grammar, its states filled when visited.

    Raises GrammarRefused, which names a rule or terminal; CompileBudgetExceeded.
    """
    try:
        tables = Tables(grammar)
    except Conflict as conflict:
        raise _refusal(grammar, conflict) from None
    return _Machine(tables, Lexing(grammar, tables)).pushdown


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


class _Machine:
    """Makes the states and frames of `pushdown`."""

    def __init__(self, tables: Tables, lexing: Lexing) -> None:
        self.pushdown = Pushdown()
        self._tables = tables
        self._lexing = lexing
        self._states: dict[Position, int] = {}
        self._frames: dict[int, int] = {}
        self._outcomes: list[tuple[int, int, Token]] = []
        self._numbers: dict[tuple[int, int, Token], int] = {}
        self._number_outcomes()
        self.pushdown.start = self._state(Position(0))

    def _number_outcomes(self) -> None:
        """(frames left to pop, rule, terminal ahead) for each reduction that can reach below the known stack."""
        tokens: dict[int, list[Token]] = {}
        for token in sorted(self._lexing.tokens, key=lambda t: (t.label, t.rest, t.barred)):
            tokens.setdefault(token.label, []).append(token)
        reductions = {
            (terminal, production)
            for state in self._tables.states
            for terminal, production in state.reduce.items()
            if production != ACCEPT
        }
        for terminal, production in sorted(reductions):
            rule, length = self._tables.productions[production]
            for token in tokens.get(terminal + FIRST_LABEL, ()):
                for left in range(length):
                    outcome = left, rule, token
                    if outcome not in self._numbers:
                        self._numbers[outcome] = len(self._outcomes)
                        self._outcomes.append(outcome)
        if len(self._outcomes) > MAX_OUTCOMES:
            raise CompileBudgetExceeded(
                "the grammar is too large", keyword="lark", hint="shorten its rules, or use fewer terminals"
            )

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
            unfilled = [UNFILLED] * len(self._outcomes)
            frame = self.pushdown.new_frame(unfilled, lambda outcome: self._resume(parser, outcome))
            self._frames[parser] = frame
        return frame

    def _resume(self, parser: int, outcome: int) -> int:
        """What to do when the stack was popped down to `parser`."""
        left, rule, token = self._outcomes[outcome]
        if left:
            return leave(self._numbers[left - 1, rule, token])
        target = self._tables.states[parser].goto.get(rule)
        if target is None:
            return goto(DEAD)
        operation = self._take([parser, target], token)
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
        scanner = self._lexing.scanners[position.parser]
        for byte, target in enumerate(scanner.row(position.state)):
            if target == 0 or position.barred >> byte & 1:
                continue
            if self._lexing.is_live(position.parser, target):
                row[byte] = self._move(position, target, byte)
            elif row[END]:
                row[byte] = REJECT

    def _move(self, position: Position, target: int, byte: int) -> int:
        """The operation for a byte that leads to `target` of the scanner."""
        parser = position.parser
        scanner = self._lexing.scanners[parser]
        if scanner.label[target] >= 0:
            if scanner.continued[target]:
                return goto(self._state(Position(parser, target)))
            return self._take([parser], Token(scanner.label[target]))
        late = None
        if position.state != NOTHING_READ and scanner.label[position.state] >= 0:
            late = scanner.label[position.state], bytes([byte])
        elif position.late:
            late = position.late[0], position.late[1] + bytes([byte])
        return goto(self._state(Position(parser, target, late if late in self._lexing.late else None)))

    def _end(self, position: Position) -> int:
        """The operation for the end of the terminal, or of the text, in front of a byte that does not continue it."""
        token = self._lexing.ended(position)
        return goto(DEAD) if token is None else self._take([position.parser], token)

    def _take(self, stack: list[int], token: Token) -> int:
        """The operation that parses `token`, where `stack` is the known top of the stack of parser states."""
        while True:
            if token.label != IGNORED:
                state = self._tables.states[stack[-1]]
                target = state.shift.get(token.label - FIRST_LABEL)
                if target is None:
                    production = state.reduce.get(token.label - FIRST_LABEL)
                    if production is None:
                        return goto(DEAD)
                    if production == ACCEPT:
                        return goto(DONE_STATE)
                    rule, length = self._tables.productions[production]
                    if length >= len(stack):
                        return leave(self._numbers[length - len(stack), rule, token])
                    del stack[len(stack) - length :]
                    stack.append(self._tables.states[stack[-1]].goto[rule])
                    continue
                stack.append(target)
            found = self._lexing.read(stack[-1], token.rest)
            if found is None:
                return goto(DEAD)
            if isinstance(found, Position):
                return self._enter(stack, found, token.barred)
            token = Token(found.label, found.rest, token.barred)

    def _enter(self, stack: list[int], position: Position, barred: int) -> int:
        """The operation that makes `stack` the top of the stack and goes on at `position`."""
        if position.state == NOTHING_READ:
            barred &= self._lexing.first[position.parser]
        state = self._state(Position(position.parser, position.state, position.late, barred))
        if len(stack) == 1:
            return goto(state)
        return self.pushdown.push([self._frame(parser) for parser in stack[:-1]], state)
