"""Whether a parser over bytes can get stuck, decided on its configurations.

`Lexing` proves for most grammars that it cannot: each terminal that the parser waits for can be read. Where one cannot,
another may be there to go on with, in each context or only in some. Here the reachable configurations are explored
with, for each stack, the set of outcomes from which the text can be completed; the set is all that matters of a stack.
Source: the sets are those of pushdown model checking, Bouajjani, Esparza and Maler (1997), kept per state.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from .lexing import Position, Token
from .lr import bit_positions
from .parsing import Done, Enter, Leave, Move, Parser
from .scanner import NOTHING_READ

MAX_WORK = 300_000
"""Elementary steps, about a second."""


class OutOfWork(Exception):
    """The question is too large to be decided."""


class Liveness:
    """The exploration for one parser. Sets of outcomes are bits; the last bit stands for a complete text."""

    def __init__(self, parser: Parser) -> None:
        self._parser = parser
        self._lexing = parser.lexing
        self._complete = 1 << len(parser.outcomes)
        self._work = MAX_WORK
        self._tokens: dict[Position, list[Token]] = {}
        self._choices: dict[Position, list[list[Token]]] = {}
        self._resumed: dict[tuple[int, int], Move] = {}
        self._outcomes: dict[Position | Enter, int] = {}
        self._pulled: dict[tuple[int, int], int] = {}

    def holds(self) -> bool:
        """Whether from each configuration that a text leads to the text can be completed; False where in doubt."""
        try:
            start = Enter((0,), Position(0))
            self._solve(start)
            return self._explore(start)
        except OutOfWork:
            return False

    def _spend(self) -> None:
        self._work -= 1
        if self._work < 0:
            raise OutOfWork

    # What can be read

    def _ends(self, position: Position) -> list[Token]:
        """The terminals that can end from `position` on, those aside whose end shows late."""
        found = self._tokens.get(position)
        if found is None:
            tokens = {token: None for choice in self._rests(position) for token in choice}
            here = self._lexing.ended(position)
            if here is not None and not here.rest:
                tokens[here] = None
            found = self._tokens[position] = list(tokens)
        return found

    def _rests(self, position: Position) -> list[list[Token]]:
        """For each way to read on: the terminals that can still end. A way is alive if one of them can be parsed."""
        found = self._choices.get(position)
        if found is None:
            parser = position.parser
            scanner = self._lexing.scanners[parser]
            row = scanner.row(position.state)
            todo = {t: None for b, t in enumerate(row) if t and not position.barred >> b & 1}
            todo = {t: None for t in todo if self._lexing.is_live(parser, t)}
            states = list(todo)
            for state in states:
                for target in dict.fromkeys(scanner.rows[state]):
                    if target and target not in todo and self._lexing.is_live(parser, target):
                        todo[target] = None
                        states.append(target)
            tokens, ahead = self._ends_ahead[parser]
            sets = dict.fromkeys(ahead[state] for state in states)
            found = self._choices[position] = [[tokens[i] for i in bit_positions(bits)] for bits in sets]
        return found

    @cached_property
    def _ends_ahead(self) -> list[tuple[list[Token], list[int]]]:
        """For each parser state: tokens, and for each state of its scanner those (as bits) that end there or ahead."""
        found = []
        for parser, scanner in enumerate(self._lexing.scanners):
            tokens: dict[Token, int] = {}
            seeds = [0] * len(scanner.rows)
            for state, label in enumerate(scanner.label):
                if label >= 0 and self._lexing.wanted[parser] >> label & 1:
                    token = self._lexing.ended(Position(parser, state))
                    assert token is not None
                    seeds[state] = 1 << tokens.setdefault(token, len(tokens))
            found.append((list(tokens), scanner.ahead(seeds)))
        return found

    def _late_ends(self, position: Position) -> Iterator[Token]:
        """At least all terminals that can end late from `position` on."""
        for token in self._lexing.tokens:
            if token.rest and self._lexing.wanted[position.parser] >> token.label & 1:
                yield token

    # Which outcomes can be reached: a least fixpoint over positions and entered stacks

    def _solve(self, start: Enter) -> None:
        self._outcomes[start] = 0
        changed = True
        while changed:
            changed = False
            for key in list(self._outcomes):
                found = self._of_position(key) if isinstance(key, Position) else self._of_enter(key)
                changed |= found != self._outcomes[key]
                self._outcomes[key] = found
            changed |= any(self._discovered)
            for key in self._discovered:
                self._outcomes.setdefault(key, 0)
            self._discovered = {}

    _discovered: dict[Position | Enter, None]
