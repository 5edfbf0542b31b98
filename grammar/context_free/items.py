"""What a text may be the beginning of: sets of items, each relative to the stack level it lies on.

An Earley item (Earley 1970, "An efficient context-free parsing algorithm") is a place in a rule and the position in
the text at which that rule began. Here it is a place and, instead of the position, what it returns to: BOTTOM, which is
whatever lies below this stack level, or a *node*: the call of a rule by some items. So a set does not depend on how
long the text is, and equal sets have equal futures. Predicted items are not stored, since they follow from the others.
A call with nothing behind it returns to where its caller returns (as in Leo 1991, "A general context-free parsing
algorithm running in linear time on every LR(k) grammar without using lookahead"): right recursion needs no depth.

An item may owe something, see `debts.py`. Those that could not pay are left out.

Where all items of a set return through one node, that node becomes a frame of the stack, and the items are kept
relative to it. So what is deterministic is a pushdown automaton with few states, and only what is not is a set.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from ...errors import CompileBudgetExceeded
from ..bits import flags, union
from ..pushdown import UNFILLED
from .debts import BROKEN, NOTHING, Debts
from .networks import TOP, Networks
from .viability import Viability

BOTTOM = 0
"""What an item returns to that belongs to the frame below."""
MAX_ITEMS = 2_000
MAX_ALL_ITEMS = 1_000_000

Call = tuple[int, int]
"""A state of the networks, or a rule, and what it returns to: BOTTOM or a node."""
Calls = frozenset[Call]
Item = tuple[int, int, int]
"""A state of the networks, what it returns to, and what it owes: the number of a set of terminals' states."""
Items = frozenset[Item]
Source = tuple[int, tuple[int, ...], int]
"""A state in which a byte is read, all that it returns to, and what it owes."""
Exit = tuple[int, int]
"""What is owed where a level is left, and the bytes (bits) that may come there, or more than those."""


class Place(NamedTuple):
    """Where a text may be: `items` where something may follow, `exits` if the stack level can be left here."""

    items: Items
    exits: frozenset[Exit] = frozenset()


class Node(NamedTuple):
    """What a call of `rule` returns to: a call by one of `items`, or one that begins another rule.

    bases : for the latter, `(other rule, what it returns to)`: where the text stands that begins with `rule`, these are
            called, and each begins with `rule`, or with a rule that does, and so on.
    """

    rule: int
    items: Calls = frozenset()
    bases: Calls = frozenset()


class Prediction(NamedTuple):
    """A rule that may begin, what it returns to, and what its beginning owes."""

    rule: int
    belows: tuple[int, ...]
    owed: int


class Moves(NamedTuple):
    """What reads the next byte, and the bytes (bits) that something reads."""

    sources: list[Source]
    used: int


class ItemSets:
    """Makes the sets of a grammar, each when it is asked for."""

    def __init__(self, networks: Networks) -> None:
        """Raises Stuck, see `viability.py`."""
        self.networks = networks
        self.nodes: list[Node] = [Node(TOP)]
        self._numbers: dict[Node, int] = {}
        self._roots: dict[int, frozenset[int]] = {BOTTOM: frozenset((BOTTOM,))}
        self._moves_of: dict[Items, Moves] = {}
        self._predicted: dict[Calls, dict[int, tuple[int, ...]]] = {}
        self._returns: dict[int, tuple[Call, ...]] = {}
        self._debts = Debts(networks)
        self._dead = Viability(networks, self._debts).dead if networks.has_debts else set()
        self._n_items = 0
        self.start = self.completed(((networks.start(TOP), BOTTOM, NOTHING),))

    def _node(self, key: Node) -> int:
        """The number of a node."""
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.nodes)
            self.nodes.append(key)
            roots: set[int] = set()
            for _, below in (*key.items, *key.bases):
                roots |= {number} if below == BOTTOM else self._roots[below]
            self._roots[number] = frozenset(roots)
        return number

    def predicted(self, items: Items) -> Iterator[Prediction]:
        """The rules that may begin at one of `items`."""
        callers: dict[int, set[Call]] = {}
        for state, below, owed in items:
            callers.setdefault(owed, set()).add((state, below))
        for owed, calls in callers.items():
            for rule, belows in self._begun(frozenset(calls)).items():
                yield Prediction(rule, belows, owed)

    def _begun(self, calls: Calls) -> dict[int, tuple[int, ...]]:
        found = self._predicted.get(calls)
        if found is None:
            found = self._predicted[calls] = self._belows(self._bases(calls))
        return found

    def _bases(self, items: Calls) -> Calls:
        """The rules that `items` themselves call, and what these return to."""
        bases: set[Call] = set()
        callers: dict[int, set[Call]] = {}
        for state, below in items:
            tails = self.networks.tails(state)
            for rule in self.networks.called(state):
                if rule in tails:
                    bases.add((rule, below))
                else:
                    callers.setdefault(rule, set()).add((state, below))
        bases.update((rule, self._node(Node(rule, frozenset(some)))) for rule, some in callers.items())
        return frozenset(bases)

    def _belows(self, bases: Calls) -> dict[int, tuple[int, ...]]:
        """For the rules of `bases`, and those that these may begin with, what they return to."""
        found: dict[int, list[int]] = {rule: [] for rule, _ in bases}
        for first in tuple(found):
            for rule in self.networks.corners(self.networks.start(first)):
                found.setdefault(rule, [])
        for rule, belows in found.items():
            inner = self._beginning(rule, bases)
            own = [below for base, below in bases if base == rule and not self._is_within(below, inner)]
            belows += own if inner is None else [*own, inner]
        return {rule: tuple(belows) for rule, belows in found.items()}

    def _beginning(self, rule: int, bases: Calls) -> int | None:
        """The node of the calls of `rule` with which rules of `bases` begin, None where none does."""
        corners, start = self.networks.corners, self.networks.start
        left = frozenset(base for base in bases if rule in corners(start(base[0])))
        # Where a rule begins with itself, what it returned to before comes round again.
        for base in sorted(left):
            node = self.nodes[base[1]]
            if node.bases and node.rule == base[0] and node.bases <= left - {base}:
                left -= {base}
        return self._node(Node(rule, bases=left)) if left else None

    def _is_within(self, below: int, inner: int | None) -> bool:
        """Whether what `below` returns to is among what `inner` does."""
        if inner is None:
            return False
        node, other = self.nodes[below], self.nodes[inner]
        return bool(node.bases) and node.rule == other.rule and node.bases <= other.bases

    def returns(self, number: int) -> tuple[Call, ...]:
        """The states behind a call, and what they return to."""
        found = self._returns.get(number)
        if found is None:
            found = self._returns[number] = tuple(dict.fromkeys(self._behind(self.nodes[number])))
        return found

    def behind_call(self, number: int, owed: Iterable[int]) -> Place:
        """What is behind a call that ended owing one of `owed`."""
        return self.completed(item for one in owed for item in self._behind_call(number, one))

    def _behind_call(self, number: int, owed: int) -> list[Item]:
        return [(state, below, owed) for state, below in self.returns(number)]

    def _behind(self, node: Node) -> Iterator[Call]:
        for state, below in node.items:
            yield from ((target, below) for target in self._targets(state, node.rule))
        for rule, belows in self._belows(node.bases).items():
            for target in self._targets(self.networks.start(rule), node.rule):
                yield from ((target, below) for below in belows)

    def _targets(self, state: int, rule: int) -> Iterator[int]:
        for here in self.networks.closure(state):
            if rule in self.networks.calls(here):
                yield self.networks.behind_call(here, rule)

    def completed(self, items: Iterable[Item], also: Iterable[Exit] = ()) -> Place:
        """Where a text may be behind `items`: with all that returns from rules that may end there, and exits `also`."""
        networks = self.networks
        todo = list(dict.fromkeys(items))
        found = set(todo)
        exits = dict(also)
        for state, below, owed in todo:
            if not networks.may_end(state):
                continue
            if networks.goes_on(state):
                owed = self._debts.with_state(owed, state)
            if below == BOTTOM:
                exits[owed] = exits.get(owed, 0) | networks.follow[networks.owner[state]]
                continue
            more = [
                item for item in self._behind_call(below, owed) if item not in found and self._lives(item)
            ]
            found.update(more)
            todo += more
        left = (item for item in todo if not networks.only_ends(item[0]))
        return Place(frozenset(left), frozenset(exits.items()))

    def _lives(self, item: Item) -> bool:
        return (item[0], item[2]) not in self._dead

    def goes_on(self, place: Place) -> bool:
        """Whether anything follows on the stack level itself."""
        return bool(place.items)

    def exits(self, place: Place) -> frozenset[Exit]:
        """How the stack level can be left."""
        return place.exits

    def items(self, place: Place) -> list[Call]:
        """Where something may follow, and what that returns to."""
        return [(state, below) for state, below, _ in place.items]

    def used(self, place: Place) -> int:
        """The bytes (bits) that something reads."""
        return self._moves(place.items).used

    def mark(self, place: Place, row: np.ndarray) -> None:
        """Write UNFILLED for the bytes that something reads."""
        row[:256][flags(self.used(place))] = UNFILLED

    def write(self, found: int, operation: int, row: np.ndarray) -> None:
        """Write an operation for what is UNFILLED among some bytes (bits)."""
        row[:256][flags(found) & (row[:256] == UNFILLED)] = operation

    def after(self, place: Place, byte: int) -> tuple[Place, int]:
        """What is behind a byte, and the bytes (bits) that lead there as well.

        There is nothing where what is owed cannot be paid.
        """
        moves = self._moves(place.items)
        alike = moves.used
        found = []
        for state, belows, owed in moves.sources:
            target, bytes_ = self.networks.read(state, byte)
            alike &= bytes_
            if owed != NOTHING:  # what is owed is read like anything else
                alike &= self._debts.alike(owed, byte)
            after = self._debts.after(owed, byte)
            if target and after != BROKEN and (target, after) not in self._dead:
                found += [(target, below, after) for below in belows]
        return self.completed(found), alike

    def _moves(self, items: Items) -> Moves:
        found = self._moves_of.get(items)
        if found is None:
            networks = self.networks
            begun: list[Source] = [(state, (below,), owed) for state, below, owed in items]
            begun += [(networks.start(rule), belows, owed) for rule, belows, owed in self.predicted(items)]
            sources = [
                (here, belows, owed)
                for state, belows, owed in begun
                for here in networks.closure(state)
                if networks.used(here)
            ]
            used = union([networks.used(state) for state, _, _ in sources])
            found = self._moves_of[items] = Moves(sources, used)
        return found

    def allows(self, owed: int, byte: int) -> bool:
        """Whether what is owed lets a byte follow."""
        return self._debts.after(owed, byte) != BROKEN

    def factored(self, place: Place) -> tuple[list[int], Place]:
        """A place as frames to push (nodes, the lowest first) and the place above them."""
        frames: list[int] = []
        while place.items and not place.exits:
            roots = frozenset[int]().union(*(self._roots[below] for _, below, _ in place.items))
            belows = {below for _, below, _ in place.items}
            if len(roots) > 1 and len(belows) == 1:
                roots = frozenset(
                    belows
                )  # no frame for what is below it, but the items are the same anywhere
            if len(roots) > 1 or BOTTOM in roots:
                break
            (node,) = roots
            frames.append(node)
            place = Place(self._moved(place.items, {node: BOTTOM}))
        self._check_size(place)
        return frames, place

    def joined(self, inside: Place, node: int, outside: Place) -> Place:
        """What is `outside`, or `inside` on the stack level above the frame `node`."""
        items = {*outside.items, *self._moved(inside.items, {BOTTOM: node})}
        for owed, _ in inside.exits:
            items.update(item for item in self._behind_call(node, owed) if self._lives(item))
        return self.completed(items, outside.exits)

    def _moved(self, items: Iterable[Item], moved: dict[int, int]) -> Items:
        """`items` relative to another place of the stack; `moved` says what one end of their nodes becomes."""
        items = list(items)
        todo = list({below for _, below, _ in items} - moved.keys())
        needed = set(todo)
        while todo:
            node = self.nodes[todo.pop()]
            more = {below for _, below in (*node.items, *node.bases)} - moved.keys() - needed
            needed |= more
            todo += more
        for number in sorted(needed):  # a node is younger than those it returns to
            rule, callers, bases = self.nodes[number]
            inner = frozenset((state, moved[below]) for state, below in callers)
            outer = frozenset((base, moved[below]) for base, below in bases)
            moved[number] = self._node(Node(rule, inner, outer))
        return frozenset((state, moved[below], owed) for state, below, owed in items)

    def _check_size(self, place: Place) -> None:
        self._n_items += len(place.items)
        if len(place.items) > MAX_ITEMS or self._n_items > MAX_ALL_ITEMS:
            raise CompileBudgetExceeded(
                "the grammar leaves too many ways open at once to read the text so far",
                hint="make it less ambiguous: let what can be read in two ways be decided nearer to its beginning",
            )
