"""Whether preferring to shift, as Lark does, leaves a way to the end everywhere: mostly it does, and that is cheap.

A reduction is unsafe before a terminal that is shifted in its place in some state. A way to the end without unsafe
reductions is one that the parser takes. So for each LR state, and what may safely follow the rules that began below it,
some of its items must have such a way. In the same way it is shown that two terminals need not touch of which the
second would only continue the first. Terminals of which none of this is known are all alike here, so there are few
states.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from .bits import bit_positions, bits_of
from .lr import Tables
from .lr_items import ENDED

MAX_STATES = 30_000

Places = tuple[tuple[int, int], ...]
"""(item, the classes of terminals, as bits, that may safely follow its rule), sorted."""


class SafeWays:
    """The exploration for the tables of one grammar. `apart`: by terminal, those that cannot stand behind it."""

    def __init__(self, tables: Tables, apart: Mapping[int, Collection[int]]) -> None:
        self._tables = tables
        self._items = tables.items
        shifted = (terminal for pairs in tables.preferred.values() for _, terminal in pairs)
        contested = dict.fromkeys((*shifted, *(terminal for behind in apart.values() for terminal in behind)))
        own_class = {terminal: number for number, terminal in enumerate(contested, 1)}
        self._classes = [own_class.get(terminal, 0) for terminal in range(len(tables.terminals))]
        self._n_classes = len(contested) + 1
        # By terminal, the classes that may stand behind it.
        self._behind = [-1] * len(tables.terminals)
        for terminal, others in apart.items():
            self._behind[terminal] = ~bits_of(own_class[other] for other in others)
        self._unsafe = [0] * len(tables.sources)
        # By production, and by LALR(1) state and production: the classes before which its reduction is unsafe.
        self._unsafe_in: dict[tuple[int, int], int] = {}
        for state, pairs in tables.preferred.items():
            for production, terminal in pairs:
                self._unsafe[production] |= 1 << own_class[terminal]
                here = self._unsafe_in.get((state, production), 0)
                self._unsafe_in[state, production] = here | 1 << own_class[terminal]
        self._productions_of: list[list[int]] = [[] for _ in tables.rules]
        for production, (rule, _) in enumerate(tables.productions):
            self._productions_of[rule].append(production)
        # By rule and what follows it: the classes of terminals it may then begin with, that one if it may be empty.
        self._begins = [[0] * self._n_classes for _ in tables.rules]
        self._solve()
        self._ahead: dict[tuple[int, int], int] = {}
        self._opened: dict[tuple[int, int], dict[int, int]] = {}

    def hold(self) -> bool:
        """Whether every state has a safe way to the end. False also where there are too many states."""
        start: Places = ((0, 1 << self._classes[-1]),)
        seen = {start}
        todo = [start]
        while todo:
            places = todo.pop()
            if not self._goes_on(places):
                return False
            for target in self._moves(places):
                if target not in seen:
                    seen.add(target)
                    todo.append(target)
            if len(seen) > MAX_STATES:
                return False
        return True

    def _goes_on(self, places: Places) -> bool:
        """Whether some item has a safe way to the end."""
        state = self._tables.merged_by_items[tuple(item for item, _ in places)]
        first = places[0][0]
        behind = -1
        if first != 0:  # at the start of the text nothing was read
            read = self._items.symbol[first - 1]
            if read >= self._items.n_terminals:
                return True  # what comes next was read before the rule was reduced
            behind = self._behind[read]
        for item, after in places:
            if self._items.symbol[item] == ENDED:
                after &= ~self._unsafe_in.get((state, self._items.production[item]), 0)
            else:
                after = self._follow(item, after)
            if after & behind:
                return True
        return False

    def _solve(self) -> None:
        """The least fixpoint of `_begins`."""
        changed = True
        while changed:
            changed = False
            for production, (rule, _) in enumerate(self._tables.productions):
                begins = self._begins[rule]
                for after in bit_positions(~self._unsafe[production] & (1 << self._n_classes) - 1):
                    found = begins[after] | self._rest(self._items.first_item[production], 1 << after)
                    if found != begins[after]:
                        begins[after] = found
                        changed = True

    def _rest(self, item: int, after: int) -> int:
        """The classes with which what is left at `item` may begin, in front of the classes `after`."""
        symbol = self._items.symbol[item]
        if symbol == ENDED:
            return after
        behind = self._rest(item + 1, after)
        if symbol < self._items.n_terminals:
            return 1 << self._classes[symbol] if behind & self._behind[symbol] else 0
        found = 0
        begins = self._begins[symbol - self._items.n_terminals]
        for following in bit_positions(behind):
            found |= begins[following]
        return found

    def _follow(self, item: int, after: int) -> int:
        """The same where `after` follows the rule of the item, as far as that is safe."""
        found = self._ahead.get((item, after))
        if found is None:
            safe = after & ~self._unsafe[self._items.production[item]]
            found = self._ahead[item, after] = self._rest(item, safe)
        return found

    def _open(self, rule: int, after: int) -> dict[int, int]:
        """The rules that may stand first in `rule`, itself included, with the classes that may safely follow them."""
        found = self._opened.get((rule, after))
        if found is None:
            found = self._opened[rule, after] = {rule: after}
            todo = [rule]
            while todo:
                here = todo.pop()
                for production in self._productions_of[here]:
                    item = self._items.first_item[production]
                    inner = self._items.symbol[item] - self._items.n_terminals
                    if inner >= 0:
                        behind = found.get(inner, 0) | self._follow(item + 1, found[here])
                        if inner not in found or behind != found[inner]:
                            found[inner] = behind
                            todo.append(inner)
        return found

    def _moves(self, places: Places) -> list[Places]:
        """Where the symbols lead that may come next."""
        opened: dict[int, int] = {}
        for item, after in places:
            rule = self._items.symbol[item] - self._items.n_terminals
            if rule >= 0:
                for inner, follow in self._open(rule, self._follow(item + 1, after)).items():
                    opened[inner] = opened.get(inner, 0) | follow
        found: dict[int, list[tuple[int, int]]] = {}
        closed = [*places]
        for rule, after in opened.items():
            closed += [(self._items.first_item[p], after) for p in self._productions_of[rule]]
        for item, after in closed:
            symbol = self._items.symbol[item]
            if symbol != ENDED:
                found.setdefault(symbol, []).append((item + 1, after))
        return [tuple(sorted(target)) for target in found.values()]
