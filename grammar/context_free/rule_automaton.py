"""The automaton of a rule: it reads bytes and calls rules; its states are found out when they are asked for.

A state is a set of *positions*: what is read or called next, and the rest of the rule behind it (Antimirov 1996,
"Partial derivatives of regular expressions and finite automaton constructions"). Between the bytes of a character it is
what is left of that character, and the positions behind it. So a text costs what it visits, however long the rule is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias, TypeVar

from ...errors import CompileBudgetExceeded
from ..bits import bit_positions, union
from ..char_automata import Budget, CharDfa
from ..dfa import DEAD as NO_STATE
from ..dfa import NOT_ACCEPTING
from ..encodings import END, Encodings
from ..nodes import And, Call, Chars, Choice, Concat, Literal, Node, Not, Repeat, merge_ranges
from ..regex_lower import lower_regex

ACCEPT = 1
"""Bit 0 of positions: the rule may end."""
DEAD = 0
"""No position: nothing goes on."""
Symbol = int | str
"""What is in front of a character, a node of `Encodings`; or the name of a rule."""
AnySymbol = TypeVar("AnySymbol", int, str)
State = int | tuple[tuple[int, int], ...]
"""Positions (bits); or what is left of characters, nodes of `Encodings`, and the positions behind it."""
MAX_OPEN = 20_000
"""So many rests may begin in one place."""
NOTHING, NONE, FIRST_REST = 0, 1, 2
"""Rests: the rule ends, nothing ends it, and those with an item."""


class _Text(NamedTuple):
    """`literal` from `at` on."""

    literal: Literal
    at: int


class _Passes(NamedTuple):
    """`body`, `low` to `high` times."""

    body: Node
    low: int
    high: int | None


class _Reading(NamedTuple):
    """What an automaton accepts from a state on. By state, `edges` has what is in front of characters, and targets."""

    dfa: CharDfa
    edges: list[list[tuple[int, int]]]
    state: int


Item: TypeAlias = Chars | Choice | Call | _Text | _Passes | _Reading


class Trees:
    """What the automata of a grammar's rules have in common.

    inlined : the trees of rules that are part of those that call them.  encodings : what is in front of characters.
    """

    def __init__(self, inlined: Mapping[str, Node]) -> None:
        self.inlined = inlined
        self.encodings = Encodings()
        # By identity: the rules keep their trees alive, and comparing them would take long.
        self._have_text: dict[int, bool] = {}
        self._readings: dict[int, _Reading] = {}

    def has_text(self, node: Node) -> bool:
        """Whether a tree has a text; all rules do."""
        found = self._have_text.get(id(node))
        if found is None:
            match node:
                case Concat(parts):
                    found = all(map(self.has_text, parts))
                case Choice(options):
                    found = any(map(self.has_text, options))
                case Repeat(body, low):
                    found = low == 0 or self.has_text(body)
                case Chars(ranges):
                    found = self.encodings.root(ranges) != END
                case Literal(text):
                    found = text.isascii() or all(
                        self.encodings.root(((ord(c), ord(c)),)) != END for c in text
                    )
                case And() | Not():
                    found = self.reading(node).state != NO_STATE
                case _:
                    found = True
            self._have_text[id(node)] = found
        return found

    def reading(self, node: And | Not) -> _Reading:
        """An intersection or a complement as an automaton. Raises CompileBudgetExceeded."""
        found = self._readings.get(id(node))
        if found is None:
            dfa, alphabet = lower_regex(node, search=False, budget=Budget())
            edges: list[list[tuple[int, int]]] = []
            for row in dfa.rows:
                ranges: dict[int, list[tuple[int, int]]] = {}
                for low, high, number in alphabet.intervals:
                    if row[number] != NO_STATE:
                        ranges.setdefault(row[number], []).append((low, high))
                roots = [(self.encodings.root(merge_ranges(some)), target) for target, some in ranges.items()]
                edges.append(roots)
            found = self._readings[id(node)] = _Reading(dfa, edges, dfa.start)
        return found


class RuleAutomaton:
    """Of one tree.

    start : the first state.
    Everything raises CompileBudgetExceeded.
    """

    def __init__(self, body: Node, trees: Trees) -> None:
        self._rests = _Rests(trees)
        self._encodings = trees.encodings
        self.start: State = self._rests.positions(self._rests.of(body, NOTHING))

    def reads(self, state: State) -> list[tuple[State, int]]:
        """The states behind a byte, with the bytes (bits) that lead there."""
        parts = self._rests.behind(self._rests.reads(state)) if isinstance(state, int) else state
        found: dict[State, int] = {}
        for bytes_, reached in self._regions(parts):
            target = _state(reached)
            found[target] = found.get(target, 0) | bytes_
        return list(found.items())

    def called(self, state: State) -> list[str]:
        """The rules that may be called in a state."""
        return list(dict.fromkeys([name for name, _ in self._calls(state)]))

    def behind_call(self, state: State, name: str) -> State:
        """The state behind a rule that is called in `state`."""
        return union([self._rests.positions(rest) for called, rest in self._calls(state) if called == name])

    def onward(self, positions: int) -> list[tuple[Symbol, int]]:
        """What goes on at positions, and the positions behind it."""
        rests = self._rests
        return [*rests.behind(rests.reads(positions)), *rests.behind(rests.calls(positions))]

    def _calls(self, state: State) -> list[tuple[str, int]]:
        return self._rests.calls(state) if isinstance(state, int) else []

    def called_from(self, state: State) -> list[str]:
        """The rules that may be called in a state or behind it."""
        todo = state if isinstance(state, int) else union([behind for _, behind in state])
        seen = ACCEPT
        names: dict[str, None] = {}
        while todo := todo & ~seen:
            seen |= todo
            onward = self.onward(todo)
            names |= {symbol: None for symbol, _ in onward if isinstance(symbol, str)}
            todo = union([behind for _, behind in onward])
        return list(names)

    def _regions(self, parts: Iterable[tuple[int, int]]) -> list[tuple[int, list[tuple[int, int]]]]:
        """Bytes (bits) that lead to the same parts of characters, and these; no byte is in two of them."""
        found: list[tuple[int, list[tuple[int, int]]]] = []
        taken = 0
        for node, behind in parts:
            for bytes_, child in self._encodings.edges[node]:
                if bytes_ & taken:
                    found = _split(found, bytes_, (child, behind))
                if bytes_ & ~taken:
                    found.append((bytes_ & ~taken, [(child, behind)]))
                taken |= bytes_
        return found


class _Rests:
    """What is left of a rule: an item and the rest behind it, numbered; NOTHING is the end, NONE no way to it."""

    def __init__(self, trees: Trees) -> None:
        self._trees = trees
        self._rests: list[tuple[Item, int]] = []
        self._numbers: dict[tuple[int, object, int], int] = {}
        self._first = {NOTHING: ACCEPT, NONE: DEAD}
        self._places: list[tuple[Symbol, int]] = [(END, NOTHING)]
        self._positions: dict[tuple[Symbol, int], int] = {}

    def of(self, node: Node, rest: int) -> int:
        """A tree with `rest` behind it."""
        if rest == NONE or not self._trees.has_text(node):
            return NONE
        match node:
            case Concat(parts):
                for part in reversed(parts):
                    rest = self.of(part, rest)
                return rest
            case Literal():
                return self._text(node, 0, rest)
            case Repeat(body, low, high):
                return self._passes(body, low, high, rest)
            case And() | Not():
                reading = self._trees.reading(node)
                return self._rest(reading, (id(reading.dfa), reading.state, rest))
            case Call(name) if name in self._trees.inlined:
                return self.of(self._trees.inlined[name], rest)
            case Chars() | Choice() | Call():
                return self._rest(node, (id(node), None, rest))
        raise TypeError(f"{type(node).__name__} has no place in a context-free rule")

    def positions(self, rest: int) -> int:
        """The positions (bits) that a rest begins with."""
        found = self._first.get(rest)
        if found is None:
            self._find_first(rest)
            found = self._first[rest]
        return found

    def reads(self, positions: int) -> list[tuple[int, int]]:
        """What is in front of characters that are read at positions, and the rest behind each."""
        places = [self._places[position] for position in bit_positions(positions & ~ACCEPT)]
        return [(symbol, rest) for symbol, rest in places if isinstance(symbol, int)]

    def calls(self, positions: int) -> list[tuple[str, int]]:
        """The rules that are called at positions, and the rest behind each."""
        places = [self._places[position] for position in bit_positions(positions & ~ACCEPT)]
        return [(symbol, rest) for symbol, rest in places if isinstance(symbol, str)]

    def behind(self, places: list[tuple[AnySymbol, int]]) -> list[tuple[AnySymbol, int]]:
        """Each symbol once, and the positions of its rests."""
        found: dict[AnySymbol, int] = {}
        for symbol, rest in places:
            found[symbol] = found.get(symbol, 0) | self.positions(rest)
        return list(found.items())

    def _text(self, literal: Literal, at: int, rest: int) -> int:
        return self._rest(_Text(literal, at), (id(literal), at, rest)) if at < len(literal.text) else rest

    def _passes(self, body: Node, low: int, high: int | None, rest: int) -> int:
        return rest if high == 0 else self._rest(_Passes(body, low, high), (id(body), (low, high), rest))

    def _rest(self, item: Item, key: tuple[int, object, int]) -> int:
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._rests) + FIRST_REST
            self._rests.append((item, key[-1]))
        return number

    def _find_first(self, rest: int) -> None:
        """Find the positions of a rest, and of those that it may begin with: each once, since there may be many."""
        found: dict[int, int] = {}
        others: dict[int, list[int]] = {rest: []}
        todo = [rest]
        for here in todo:
            item, behind = self._rests[here - FIRST_REST]
            found[here], others[here] = self._begin(item, behind)
            for other in others[here]:
                if other in self._first:
                    found[here] |= self._first[other]
                elif other not in others:
                    others[other] = []
                    todo.append(other)
            if len(todo) > MAX_OPEN:
                raise too_many_empty(MAX_OPEN)
        changed = True
        while changed:  # once, and once more, but for loops
            changed = False
            for here in reversed(todo):
                positions = union([found[here], *(found.get(other, 0) for other in others[here])])
                changed = changed or positions != found[here]
                found[here] = positions
        self._first |= found

    def _begin(self, item: Item, rest: int) -> tuple[int, list[int]]:
        """The positions that an item with `rest` behind it begins with, and the rests whose positions do as well."""
        match item:
            case _Text(literal, at):
                point = ord(literal.text[at])
                root = self._trees.encodings.root(((point, point),))
                return self._position(root, self._text(literal, at + 1, rest)), []
            case Chars(ranges):
                return self._position(self._trees.encodings.root(ranges), rest), []
            case Call(name):
                return self._position(name, rest), []
            case Choice(options):
                return 0, [self.of(option, rest) for option in options]
            case _Passes(body, low, high):
                again = self._passes(body, max(low - 1, 0), None if high is None else high - 1, rest)
                return 0, [self.of(body, again), *((rest,) if low == 0 else ())]
            case _Reading(dfa, edges, state):
                positions = 0
                for root, target in edges[state]:
                    onward = self._rest(_Reading(dfa, edges, target), (id(dfa), target, rest))
                    positions |= self._position(root, onward)
                return positions, [rest] if dfa.labels[state] != NOT_ACCEPTING else []

    def _position(self, symbol: Symbol, rest: int) -> int:
        """The bit of a position."""
        number = self._positions.get((symbol, rest))
        if number is None:
            number = self._positions[symbol, rest] = len(self._places)
            self._places.append((symbol, rest))
        return 1 << number


def too_many_empty(limit: int) -> CompileBudgetExceeded:
    """The error where more than `limit` parts may be empty, one behind the other."""
    return CompileBudgetExceeded(
        f"more than {limit} parts in a row may be empty",
        hint="let what is repeated have some text: `(a?){0,1000}` is `a{0,1000}`",
    )


def _split(
    regions: list[tuple[int, list[tuple[int, int]]]], bytes_: int, part: tuple[int, int]
) -> list[tuple[int, list[tuple[int, int]]]]:
    """`regions` where those of `bytes_` lead to `part` as well."""
    found = []
    for known, parts in regions:
        both = known & bytes_
        if both == known:
            parts.append(part)
        elif both:
            found.append((known ^ both, parts))
            known, parts = both, [*parts, part]
        found.append((known, parts))
    return found


def _state(parts: list[tuple[int, int]]) -> State:
    """The state where characters have come to `parts`; all of them are complete, or none is."""
    joined: dict[int, int] = {}
    for node, behind in parts:
        joined[node] = joined.get(node, 0) | behind
    return joined[END] if END in joined else tuple(sorted(joined.items()))
