"""Whether a parser over bytes can get stuck, decided on its configurations.

`Lexing` proves for most grammars that it cannot: each terminal that the parser waits for can be read. Where one cannot,
another may be there to go on with, in each context or only in some. Here the configurations that texts lead to are
explored. Of a stack only one set counts: the outcomes with which it can be left so that the text can be completed.
Source: Bouajjani, Esparza and Maler (1997), "Reachability analysis of pushdown automata", for such sets.
"""

from __future__ import annotations

from collections.abc import Iterator

from .bits import bit_positions
from .parsing import Done, Enter, EnterLine, Leave, Move, Parser
from .reading import Position, Token

MAX_WORK = 1_000_000
"""Elementary steps, about a second."""


_Reached = dict[Position | Enter, int]
"""The outcomes (as bits) that can be reached from a position, or from an entered stack below it."""


class _OutOfWork(Exception):
    """The question is too large."""


_COMPLETE = 1


def _bit(outcome: int) -> int:
    return 2 << outcome


def _outcomes(bits: int) -> Iterator[int]:
    return bit_positions(bits >> 1)


class Liveness:
    """The exploration for one parser. Sets of outcomes are bits; the first stands for a complete text, see `_bit`."""

    def __init__(self, parser: Parser) -> None:
        self._parser = parser
        self._lexing = parser.lexing
        self._reading = parser.reading
        self._work = MAX_WORK
        self._ways: dict[Position, list[list[Token]]] = {}
        self._ahead: dict[tuple[int, int], tuple[list[Token], list[int]]] = {}
        self._taken: dict[tuple[int, Token], Move] = {}
        self._resumed: dict[tuple[int, int], Move] = {}
        # Late ends are left out of what a text can count on, and put into what it may meet, each a bit too much.
        self._sure: _Reached = {}
        self._possible: _Reached = {}

    def holds(self) -> bool:
        """Whether every text that keeps the parser alive can be completed. False also where that is not decided."""
        start = Enter((0,), Position(0))
        try:
            self._solve(start, self._possible)
            self._solve(start, self._sure)
            return bool(self._sure[start] & _COMPLETE) and self._explore(start)
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

    def _ends(self, position: Position, reached: _Reached) -> list[Token]:
        """The terminals that can end from `position` on."""
        tokens = {token: None for way in self._ways_on(position) for token in way}
        here = self._reading.ended(position)
        if here is not None:
            tokens[here] = None
        if reached is self._sure:
            return [token for token in tokens if not token.rest]
        labels = {token.label for token in tokens}
        return [
            *tokens,
            *(t for t in self._lexing.tokens if t.rest and t.label in labels and t not in tokens),
        ]

    def _ways_on(self, position: Position) -> list[list[Token]]:
        """For each state of the scanner that bytes lead to: the terminals that can end there or further on."""
        ways = self._ways.get(position)
        if ways is None:
            parser = position.parser
            scanner = self._reading.scanner(parser)
            row = scanner.row(position.state)
            allowed = [target for byte, target in enumerate(row) if not position.barred >> byte & 1]
            states = {target: None for target in allowed if self._reading.is_live(parser, target)}
            todo = list(states)
            for state in todo:
                self._spend(len(scanner.bytes_to[state]))
                for target, _ in scanner.bytes_to[state]:
                    if target not in states and self._reading.is_live(parser, target):
                        states[target] = None
                        todo.append(target)
            tokens, ahead = self._ends_ahead(parser)
            sets = dict.fromkeys(ahead[state] for state in states)
            ways = self._ways[position] = [[tokens[i] for i in bit_positions(bits)] for bits in sets]
        return ways

    def _ends_ahead(self, parser: int) -> tuple[list[Token], list[int]]:
        """Tokens, and for each state of the scanner those (as bits) that end there or ahead."""
        scanner, wanted = self._reading.scanner(parser), self._reading.wanted(parser)
        key = self._parser.tables.state(parser).merged, wanted
        found = self._ahead.get(key)
        if found is None:
            tokens: dict[Token, int] = {}
            seeds = [0] * len(scanner.rows)
            for state in scanner.reached:
                label = scanner.label[state]
                if label >= 0 and wanted >> label & 1:
                    token = self._reading.ended(Position(parser, state))
                    assert token is not None
                    seeds[state] = 1 << tokens.setdefault(token, len(tokens))
            self._spend(len(scanner.reached))
            found = self._ahead[key] = list(tokens), scanner.states.ahead(seeds)
        return found

    # Which outcomes can be reached: a least fixpoint

    def _solve(self, start: Enter, reached: _Reached) -> None:
        # What may be met is also asked for in the other set.
        reached.update(dict.fromkeys(self._possible, 0))
        reached[start] = 0
        while True:
            before = dict(reached)
            for key in before:
                if isinstance(key, Position):
                    reached[key] = self._of_position(key, reached)
                else:
                    reached[key] = self._of_enter(key, reached)
            if reached == before:
                return

    def _of_position(self, position: Position, reached: _Reached) -> int:
        found = 0
        for token in self._ends(position, reached):
            found |= self._of_move(self._take(position.parser, token), reached)
        return found

    def _of_enter(self, enter: Enter, reached: _Reached) -> int:
        found = reached.setdefault(enter.position, 0)
        for state in reversed(enter.stack[:-1]):
            found = self._through(state, found, reached)
        return found

    def _through(self, state: int, outcomes: int, reached: _Reached) -> int:
        """What `outcomes` become when `state` is popped."""
        found = outcomes & _COMPLETE
        for outcome in _outcomes(outcomes):
            found |= self._of_move(self._resume(state, outcome), reached)
        return found

    def _of_move(self, move: Move, reached: _Reached) -> int:
        self._spend(1)
        if isinstance(move, Leave):
            return _bit(move.outcome)
        if isinstance(move, Done):
            return _COMPLETE
        assert not isinstance(move, EnterLine)
        return 0 if move is None else reached.setdefault(move, 0)

    # Which configurations there are, and whether each can go on

    def _explore(self, start: Enter) -> bool:
        seen = {(start, _COMPLETE)}
        todo = list(seen)
        for enter, good in todo:
            good_on_top, moves = self._unfold(enter, good)
            position = enter.position
            for way in self._ways_on(position):
                if not any(self._is_good(self._take(position.parser, token), good_on_top) for token in way):
                    return False
            ends = self._ends(position, self._possible)
            moves += [(self._take(position.parser, token), good_on_top) for token in ends]
            for move, below in moves:
                if isinstance(move, Enter) and (move, below) not in seen:
                    seen.add((move, below))
                    todo.append((move, below))
        return True

    def _is_good(self, move: Move, good: int) -> bool:
        return bool(self._of_move(move, self._sure) & good)

    def _unfold(self, enter: Enter, good: int) -> tuple[int, list[tuple[Move, int]]]:
        """The good outcomes above the whole stack of `enter`, and the moves on the way down, each with those below it.

        good : the outcomes of `enter` from which the text can be completed, the complete text among them.
        """
        arriving = []
        outcomes = self._possible[enter.position]
        for state in reversed(enter.stack[:-1]):
            arriving.append(outcomes)
            outcomes = self._through(state, outcomes, self._possible)
        moves: list[tuple[Move, int]] = []
        for state in enter.stack[:-1]:
            above = _COMPLETE
            for outcome in _outcomes(arriving.pop()):
                move = self._resume(state, outcome)
                moves.append((move, good))
                if self._is_good(move, good):
                    above |= _bit(outcome)
            good = above
        return good, moves
