"""Whether a parser over bytes can get stuck, decided on its configurations.

`Lexing` proves for most grammars that it cannot: each terminal that the parser waits for can be read. Where one cannot,
another may be there to go on with, in each context or only in some. Here the configurations that texts lead to are
explored. Of a stack only one set counts: the outcomes with which it can be left so that the text can be completed.
Source: Bouajjani, Esparza and Maler (1997), "Reachability analysis of pushdown automata", for such sets.
"""

from __future__ import annotations

from functools import cached_property

from .lexing import Position, Token
from .lr import bit_positions
from .parsing import Done, Enter, Leave, Move, Parser

MAX_WORK = 1_000_000
"""Elementary steps, about a second."""


class _OutOfWork(Exception):
    """The question is too large."""


class Liveness:
    """The exploration for one parser. Sets of outcomes are bits; the last bit stands for a complete text."""

    def __init__(self, parser: Parser) -> None:
        self._parser = parser
        self._lexing = parser.lexing
        self._complete = 1 << len(parser.outcomes)
        self._work = MAX_WORK
        self._ways: dict[Position, list[list[Token]]] = {}
        self._taken: dict[tuple[int, Token], Move] = {}
        self._resumed: dict[tuple[int, int], Move] = {}
        self._reached: dict[Position | Enter, int] = {}

    def holds(self) -> bool:
        """Whether every text that keeps the parser alive can be completed. False also where that is not decided."""
        if self._lexing.late:
            return False
        start = Enter((0,), Position(0))
        try:
            self._solve(start)
            return bool(self._reached[start] & self._complete) and self._explore(start)
        except _OutOfWork:
            return False

    def _spend(self, work: int) -> None:
        self._work -= work
        if self._work < 0:
            raise _OutOfWork

    def _take(self, state: int, token: Token) -> Move:
        key = state, token
        if key not in self._taken:
            self._spend(10)
            self._taken[key] = self._parser.take((state,), token)
        return self._taken[key]

    def _resume(self, state: int, outcome: int) -> Move:
        key = state, outcome
        if key not in self._resumed:
            self._spend(10)
            self._resumed[key] = self._parser.resume(state, outcome)
        return self._resumed[key]

    # What can be read

    def _ends(self, position: Position) -> dict[Token, None]:
        """The terminals that can end from `position` on."""
        tokens = {token: None for way in self._ways_on(position) for token in way}
        here = self._lexing.ended(position)
        return tokens if here is None else {**tokens, here: None}

    def _ways_on(self, position: Position) -> list[list[Token]]:
        """For each state of the scanner that bytes lead to: the terminals that can end there or further on."""
        ways = self._ways.get(position)
        if ways is None:
            parser = position.parser
            scanner = self._lexing.scanners[parser]
            row = scanner.row(position.state)
            allowed = [target for byte, target in enumerate(row) if not position.barred >> byte & 1]
            states = {target: None for target in allowed if self._lexing.is_live(parser, target)}
            todo = list(states)
            for state in todo:
                self._spend(256)
                for target in dict.fromkeys(scanner.rows[state]):
                    if target not in states and self._lexing.is_live(parser, target):
                        states[target] = None
                        todo.append(target)
            tokens, ahead = self._ends_ahead[parser]
            sets = dict.fromkeys(ahead[state] for state in states)
            ways = self._ways[position] = [[tokens[i] for i in bit_positions(bits)] for bits in sets]
        return ways

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
            self._spend(256 * len(seeds))
            found.append((list(tokens), scanner.ahead(seeds)))
        return found

    # Which outcomes can be reached: a least fixpoint

    def _solve(self, start: Enter) -> None:
        self._reached[start] = 0
        while True:
            before = dict(self._reached)
            for key in before:
                self._reached[key] = (
                    self._of_position(key) if isinstance(key, Position) else self._of_enter(key)
                )
            if self._reached == before:
                return

    def _outcomes(self, key: Position | Enter) -> int:
        return self._reached.setdefault(key, 0)

    def _of_position(self, position: Position) -> int:
        found = 0
        for token in self._ends(position):
            found |= self._of_move(self._take(position.parser, token))
        return found

    def _of_enter(self, enter: Enter) -> int:
        found = self._outcomes(enter.position)
        for state in reversed(enter.stack[:-1]):
            found = self._through(state, found)
        return found

    def _through(self, state: int, outcomes: int) -> int:
        """What `outcomes` become when `state` is popped."""
        found = outcomes & self._complete
        for outcome in bit_positions(outcomes & ~self._complete):
            found |= self._of_move(self._resume(state, outcome))
        return found

    def _of_move(self, move: Move) -> int:
        self._spend(1)
        if isinstance(move, Leave):
            return 1 << move.outcome
        if isinstance(move, Done):
            return self._complete
        return 0 if move is None else self._outcomes(move)

    # Which configurations there are, and whether each can go on

    def _explore(self, start: Enter) -> bool:
        seen = {(start, self._complete)}
        todo = list(seen)
        for enter, good in todo:
            good_on_top, moves = self._unfold(enter, good)
            position = enter.position
            for way in self._ways_on(position):
                if not any(self._of_move(self._take(position.parser, token)) & good_on_top for token in way):
                    return False
            moves += [(self._take(position.parser, token), good_on_top) for token in self._ends(position)]
            for move, below in moves:
                if isinstance(move, Enter) and (move, below) not in seen:
                    seen.add((move, below))
                    todo.append((move, below))
        return True

    def _unfold(self, enter: Enter, good: int) -> tuple[int, list[tuple[Move, int]]]:
        """The good outcomes above the whole stack of `enter`, and the moves on the way down, each with those below it.

        good : the outcomes of `enter` from which the text can be completed, the complete text among them.
        """
        arriving = []
        outcomes = self._outcomes(enter.position)
        for state in reversed(enter.stack[:-1]):
            arriving.append(outcomes)
            outcomes = self._through(state, outcomes)
        moves: list[tuple[Move, int]] = []
        for state in enter.stack[:-1]:
            above = self._complete
            for outcome in bit_positions(arriving.pop() & ~self._complete):
                move = self._resume(state, outcome)
                moves.append((move, good))
                if self._of_move(move) & good:
                    above |= 1 << outcome
            good = above
        return good, moves
