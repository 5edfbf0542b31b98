"""What may follow places in a rule, one character or call at a time, for searches of texts."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Protocol, cast

from ..bits import bit_positions
from ..encodings import Encodings
from ..pushdown import Ending
from .networks import Networks
from .rule_automaton import ACCEPT

if TYPE_CHECKING:
    from .flat_items import FlatItems

Symbol = int | str
"""What is left of a character, a node of the encodings; or the name of a rule."""
Place = Hashable


class Ways(Protocol):
    """Places in rules, and the ways between them.

    encodings : the nodes that stand for characters.  known : the texts of rules that have no places.
    """

    encodings: Encodings
    known: dict[str, Ending]

    def first(self, rule: str) -> list[Place]:
        """The places where a rule begins."""
        ...

    def at(self, state: int) -> list[tuple[Symbol | None, Place]]:
        """The places that a state of an item stands for, some behind a symbol."""
        ...

    def is_end(self, place: Place) -> bool:
        """Whether the rule may end at a place."""
        ...

    def onward(self, place: Place) -> list[tuple[Symbol, Place]]:
        """What goes on at a place, and the places behind it."""
        ...


class NetworkWays:
    """Those of networks. A place is a rule, and a position of its automaton (a bit)."""

    def __init__(self, networks: Networks) -> None:
        self._networks = networks
        self.encodings = networks.trees.encodings
        self.known: dict[str, Ending] = {
            networks.names[rule]: (entry.state,) for rule, entry in networks.foreign.items()
        }

    def first(self, rule: str) -> list[Place]:
        return [place for _, place in self.at(self._networks.start(self._networks.number(rule)))]

    def at(self, state: int) -> list[tuple[Symbol | None, Place]]:
        networks = self._networks
        rule = networks.owner[state]
        if rule in networks.foreign:
            return [(None if networks.final[state] else networks.names[rule], (rule, ACCEPT))]
        _, place = networks.place(state)
        if isinstance(place, int):
            return [(None, one) for one in _places(rule, place)]
        return [(node, one) for node, positions in place for one in _places(rule, positions)]

    def is_end(self, place: Place) -> bool:
        return cast(tuple[int, int], place)[1] == ACCEPT

    def onward(self, place: Place) -> list[tuple[Symbol, Place]]:
        rule, position = cast(tuple[int, int], place)
        automaton = self._networks.automaton(rule)
        return [
            (symbol, one) for symbol, behind in automaton.onward(position) for one in _places(rule, behind)
        ]


def _places(rule: int, positions: int) -> list[Place]:
    return [(rule, 1 << position) for position in bit_positions(positions)]


class FlatWays:
    """Those of programs."""

    def __init__(self, sets: FlatItems) -> None:
        self._sets = sets
        self._rules = {name: rule for rule, name in enumerate(sets.program.names)}
        self.encodings = sets.program.encodings
        self.known: dict[str, Ending] = {}

    def first(self, rule: str) -> list[Place]:
        return [int(self._sets.program.starts[self._rules[rule]])]

    def at(self, state: int) -> list[tuple[Symbol | None, Place]]:
        return [(None, state)]

    def is_end(self, place: Place) -> bool:
        return self._sets.may_end(cast(int, place))

    def onward(self, place: Place) -> list[tuple[Symbol, Place]]:
        names = self._sets.program.names
        return [
            (names[-1 - symbol] if symbol < 0 else symbol, behind)
            for symbol, behind in self._sets.onward(cast(int, place))
        ]
