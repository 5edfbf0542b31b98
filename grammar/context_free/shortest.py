"""The shortest texts that end rules and stack levels.

What a rule needs at least follows from what the rules it calls need (Knuth 1977, "A generalization of Dijkstra's
algorithm"); what an item needs, from the rest of its rule and what it returns to. Levels do not depend on each other:
the shortest completion is that of the uppermost level, then that of each frame. Of foreign rules the text is not known
here: their states stand for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from itertools import count

from ..encodings import END, Encodings
from ..pushdown import Ending
from .items import BOTTOM, Call, Item, ItemSets
from .networks import Networks
from .rule_automaton import ACCEPT

FOREIGN_COST = 4
"""How many bytes a foreign rule counts for."""

_PLEASANT = sorted(range(256), key=lambda b: (b >= 0x80, not chr(b).isalnum(), not 0x20 < b < 0x7F, b))
"""Bytes, those first that are best to look at."""
_PLEASURE = {byte: rank for rank, byte in enumerate(_PLEASANT)}


class Shortest:
    """Immutable for its users; answers are kept."""

    def __init__(self, sets: ItemSets) -> None:
        self._sets = sets
        self._rests = _Rests(sets.networks)
        # By node: the shortest text behind a call.
        self._behind: dict[int, Ending] = {BOTTOM: ()}

    def text(self, items: Iterable[Item]) -> Ending:
        """A shortest text that leaves the level from `items`."""
        items = list(items)
        self._solve({below for _, below, _ in items})
        return min((self._text(item[:2]) for item in items), key=_order)

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
    """For states of the networks the shortest text that ends their rule."""

    def __init__(self, networks: Networks) -> None:
        self._networks = networks
        self._characters = _Characters(networks.trees.encodings)
        self._known: dict[int, Ending] = {}
        self._rules: dict[int, Ending] = {rule: (entry.state,) for rule, entry in networks.foreign.items()}

    def of(self, state: int) -> Ending:
        """The shortest text from a state to the end of its rule."""
        text = self._known.get(state)
        if text is None:
            self._solve_rules(state)
            text = self._search(state, self._rules.get)
            assert text is not None, "every rule derives something"
            self._known[state] = text
        return text

    def _solve_rules(self, state: int) -> None:
        """Find the shortest texts of all rules that the rest of a rule may call."""
        networks = self._networks
        todo = networks.called_from(state)
        for rule in todo:
            todo += [other for other in networks.called_from(networks.start(rule)) if other not in todo]
        todo = [rule for rule in todo if rule not in self._rules]
        # Longer texts come first, until no rule has a shorter one.
        found: dict[int, Ending] = {}
        while True:
            before = dict(found)
            for rule in todo:
                text = self._search(
                    networks.start(rule), lambda other: found.get(other, self._rules.get(other))
                )
                if text is not None:
                    found[rule] = text
            if {r: cost_of(t) for r, t in found.items()} == {r: cost_of(t) for r, t in before.items()}:
                break
        self._rules |= found

    def _search(self, state: int, text_of: Callable[[int], Ending | None]) -> Ending | None:
        """The shortest text to the end of a rule, by positions: unlike states, there are not too many of them."""
        networks = self._networks
        if networks.owner[state] in networks.foreign:
            return () if networks.final[state] else text_of(networks.owner[state])
        automaton, place = networks.place(state)
        ties = count()
        heap: list[tuple[int, int, int, Ending]] = []

        def offer(text: Ending, positions: int) -> None:
            heappush(heap, (cost_of(text), next(ties), positions, text))

        if isinstance(place, int):
            offer((), place)
        else:
            for node, behind in place:
                offer((self._characters.text(node),), behind)
        seen = 0
        while heap:
            _, _, positions, text = heappop(heap)
            if positions & ACCEPT:
                return text
            found = automaton.onward(positions & ~seen)
            seen |= positions
            onward = [(self._text_of(symbol, text_of), behind) for symbol, behind in found]
            for more, behind in sorted(
                ((m, b) for m, b in onward if m is not None), key=lambda one: _rank(one[0])
            ):
                offer(_joined(text, more), behind)
        return None

    def _text_of(self, symbol: int | str, text_of: Callable[[int], Ending | None]) -> Ending | None:
        """The text of a character, or of a rule."""
        return (
            (self._characters.text(symbol),)
            if isinstance(symbol, int)
            else text_of(self._networks.number(symbol))
        )


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
