"""The shortest texts that end rules and stack levels.

What a rule needs at least follows from what the rules it calls need (Knuth 1977, "A generalization of Dijkstra's
algorithm"); what an item needs, from the rest of its rule and what it returns to. Levels do not depend on each other:
the shortest completion is that of the uppermost level, then that of each frame. Of foreign rules the text is not known
here: their states stand for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from itertools import count
from typing import Protocol

from ..encodings import END, Encodings
from ..pushdown import Ending
from .items import BOTTOM, Call
from .ways import Place, Symbol, Ways

FOREIGN_COST = 4
"""How many bytes a foreign rule counts for."""

_PLEASANT = sorted(range(256), key=lambda b: (b >= 0x80, not chr(b).isalnum(), not 0x20 < b < 0x7F, b))
"""Bytes, those first that are best to look at."""
_PLEASURE = {byte: rank for rank, byte in enumerate(_PLEASANT)}


class Sets(Protocol):
    """A maker of sets; there are two, in `items.py` and `flat_items.py`."""

    def returns(self, number: int) -> Sequence[Call]:
        """The states behind a call, a node, and what they return to."""
        ...


class Shortest:
    """Immutable for its users; answers are kept."""

    def __init__(self, sets: Sets, ways: Ways) -> None:
        self._sets = sets
        self._rests = _Rests(ways)
        # By node: the shortest text behind a call.
        self._behind: dict[int, Ending] = {BOTTOM: ()}

    def text(self, items: Sequence[Call]) -> Ending:
        """A shortest text that leaves the level from `items`."""
        self._solve({below for _, below in items})
        return min((self._text(item) for item in items), key=_order)

    def behind(self, node: int) -> Ending:
        """A shortest text that leaves the level from behind a call."""
        self._solve({node})
        return self._behind[node]

    def _text(self, item: Call) -> Ending:
        state, below = item
        return _joined(self._rests.of(state), self._behind[below])

    def _solve(self, nodes: set[int]) -> None:
        """Find what stands behind `nodes`, those first that need least."""
        needed = nodes - self._behind.keys()
        todo = list(needed)
        waiting: dict[int, list[tuple[int, Call]]] = {}
        heap: list[tuple[int, int, int, Ending]] = []
        ties = count()

        def offer(node: int, item: Call) -> None:
            text = self._text(item)
            heappush(heap, (cost_of(text), next(ties), node, text))

        while todo:
            node = todo.pop()
            for item in self._sets.returns(node):
                if item[1] in self._behind:
                    offer(node, item)
                    continue
                waiting.setdefault(item[1], []).append((node, item))
                if item[1] not in needed:
                    needed.add(item[1])
                    todo.append(item[1])
        while heap:
            _, _, node, text = heappop(heap)
            if node not in self._behind:
                self._behind[node] = text
                for caller, item in waiting.get(node, ()):
                    offer(caller, item)


class _Rests:
    """For states of items the shortest text that ends their rule."""

    def __init__(self, ways: Ways) -> None:
        self._ways = ways
        self._characters = _Characters(ways.encodings)
        self._known: dict[int, Ending] = {}
        self._rules = dict(ways.known)

    def of(self, state: int) -> Ending:
        """The shortest text from a state to the end of its rule."""
        text = self._known.get(state)
        if text is None:
            begun = self._ways.at(state)
            self._solve_rules(begun)
            text = self._search(begun, self._rules.get)
            assert text is not None, "every rule derives something"
            self._known[state] = text
        return text

    def _solve_rules(self, begun: list[tuple[Symbol | None, Place]]) -> None:
        """Find the shortest texts of all rules that the rest of a rule may call."""
        ways = self._ways
        names = {symbol: None for symbol, _ in begun if isinstance(symbol, str)}
        names |= self._called([place for _, place in begun])
        todo = [name for name in names if name not in self._rules]
        for name in todo:
            others = self._called(ways.first(name))
            todo += [other for other in others if other not in todo and other not in self._rules]
        # Longer texts come first, until no rule has a shorter one.
        found: dict[str, Ending] = {}
        while True:
            before = dict(found)
            for name in todo:
                text = self._search(
                    [(None, place) for place in ways.first(name)],
                    lambda other: found.get(other, self._rules.get(other)),
                )
                if text is not None:
                    found[name] = text
            if {r: cost_of(t) for r, t in found.items()} == {r: cost_of(t) for r, t in before.items()}:
                break
        self._rules |= found

    def _called(self, places: list[Place]) -> dict[str, None]:
        """The rules that may be called at places or behind them."""
        found: dict[str, None] = {}
        todo = list(places)
        seen = set(todo)
        for place in todo:
            for symbol, behind in self._ways.onward(place):
                if isinstance(symbol, str):
                    found[symbol] = None
                if behind not in seen:
                    seen.add(behind)
                    todo.append(behind)
        return found

    def _search(
        self, begun: list[tuple[Symbol | None, Place]], text_of: Callable[[str], Ending | None]
    ) -> Ending | None:
        """The shortest text to the end of a rule."""
        ties = count()
        heap: list[tuple[int, int, Place, Ending]] = []

        def offer(text: Ending, symbols: list[tuple[Symbol | None, Place]]) -> None:
            onward = [(self._text_of(symbol, text_of), behind) for symbol, behind in symbols]
            known = [(more, behind) for more, behind in onward if more is not None]
            for more, behind in sorted(known, key=lambda one: _rank(one[0])):
                longer = _joined(text, more)
                heappush(heap, (cost_of(longer), next(ties), behind, longer))

        offer((), begun)
        seen: set[Place] = set()
        while heap:
            _, _, place, text = heappop(heap)
            if self._ways.is_end(place):
                return text
            if place not in seen:
                seen.add(place)
                offer(text, [*self._ways.onward(place)])
        return None

    def _text_of(self, symbol: Symbol | None, text_of: Callable[[str], Ending | None]) -> Ending | None:
        """The text of a character, or of a rule."""
        if symbol is None:
            return ()
        return text_of(symbol) if isinstance(symbol, str) else (self._characters.text(symbol),)


class _Characters:
    """The shortest text of what is left of a character, of those the one that is best to look at."""

    def __init__(self, encodings: Encodings) -> None:
        self._encodings = encodings
        self._texts = {END: b""}

    def text(self, node: int) -> bytes:
        text = self._texts.get(node)
        if text is None:
            options = (
                bytes((next(byte for byte in _PLEASANT if bytes_ >> byte & 1),)) + self.text(child)
                for bytes_, child in self._encodings.edges[node]
            )
            text = self._texts[node] = min(options, key=lambda text: _rank((text,)))
        return text


def _rank(text: Ending) -> tuple[int, list[int]]:
    """Lower for what is shorter, and better to look at."""
    return cost_of(text), [_PLEASURE[byte] for part in text if isinstance(part, bytes) for byte in part]


def cost_of(text: Ending) -> int:
    """The number of bytes of a text, foreign parts guessed."""
    return sum(len(part) if isinstance(part, bytes) else FOREIGN_COST for part in text)


def _joined(first: Ending, second: Ending) -> Ending:
    if first and second and isinstance(first[-1], bytes) and isinstance(second[0], bytes):
        return (*first[:-1], first[-1] + second[0], *second[1:])
    return (*first, *second)


def _order(text: Ending) -> tuple[int, str]:
    return cost_of(text), str(text)
