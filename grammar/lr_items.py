"""The items of an LR(1) parser: which hold where others do, and which hold behind a symbol.

Symbols are numbers: those of terminals, then those of rules. An item is a production and a position in it; items are
numbered through all productions, so that the one behind item `i` is `i + 1`.
"""

from __future__ import annotations

from collections.abc import Sequence

from .grammar import Production

Kernel = tuple[tuple[int, int], ...]
"""(item, lookahead terminals as bits), sorted."""

ENDED = -1
"""Stands for the symbol at the end of a production."""


class Items:
    """Immutable.

    symbol, production : by item.
    productions        : (rule number, number of symbols) of each.
    first, empty       : by item, the terminals with which the rest may begin (bits), and whether it may be empty.
    """

    def __init__(self, sources: Sequence[Production], terminals: Sequence[str]) -> None:
        names = dict.fromkeys(production.name for production in sources)
        numbers = {name: i for i, name in enumerate((*terminals, *names))}
        self.n_terminals = len(terminals)
        self.productions = [(numbers[p.name] - self.n_terminals, len(p.symbols)) for p in sources]
        self.symbol: list[int] = []
        self.production: list[int] = []
        self.first_item: list[int] = []
        self._items_of: list[list[int]] = [[] for _ in names]
        for number, source in enumerate(sources):
            self.first_item.append(len(self.symbol))
            self._items_of[self.productions[number][0]].append(len(self.symbol))
            self.symbol += [*(numbers[name] for name in source.symbols), ENDED]
            self.production += [number] * (len(source.symbols) + 1)
        self._compute_first()
        self._corners: dict[int, list[tuple[int, int, bool]]] = {}

    def expand(self, kernel: Kernel) -> tuple[dict[int, Kernel], list[tuple[int, int]]]:
        """The kernel behind each symbol that may come next, and the items that have ended, with their lookaheads."""
        after: dict[int, list[tuple[int, int]]] = {}
        ended = []
        for item, ahead in self._closed(kernel):
            symbol = self.symbol[item]
            if symbol == ENDED:
                ended.append((item, ahead))
            else:
                after.setdefault(symbol, []).append((item + 1, ahead))
        return {symbol: tuple(sorted(items)) for symbol, items in after.items()}, ended

    def _closed(self, kernel: Kernel) -> list[tuple[int, int]]:
        """All items that hold where those of the kernel do."""
        behind: dict[int, int] = {}
        for item, ahead in kernel:
            rule = self.symbol[item] - self.n_terminals
            if rule < 0:
                continue
            inherited = self.first[item + 1] | (ahead if self.empty[item + 1] else 0)
            for corner, own, inherits in self._corners_of(rule):
                behind[corner] = behind.get(corner, 0) | own | (inherited if inherits else 0)
        closed = list(kernel)
        for rule, ahead in behind.items():
            closed += [(item, ahead) for item in self._items_of[rule]]
        return closed

    def _corners_of(self, rule: int) -> list[tuple[int, int, bool]]:
        """The rules that may stand first in what `rule` derives, itself included.

        Each with the terminals that may follow it there whatever follows `rule`, and whether what follows `rule` may.
        """
        found = self._corners.get(rule)
        if found is None:
            corners = {rule: (0, True)}
            todo = [rule]
            while todo:
                here = todo.pop()
                own, inherits = corners[here]
                for item in self._items_of[here]:
                    inner = self.symbol[item] - self.n_terminals
                    if inner < 0:
                        continue
                    more, passes = self.first[item + 1], self.empty[item + 1]
                    before = corners.get(inner, (0, False))
                    now = before[0] | more | (own if passes else 0), before[1] or (passes and inherits)
                    if inner not in corners or now != before:
                        corners[inner] = now
                        todo.append(inner)
            found = self._corners[rule] = [(corner, *told) for corner, told in corners.items()]
        return found

    def _compute_first(self) -> None:
        self.first = [0] * len(self.symbol)
        self.empty = [symbol == ENDED for symbol in self.symbol]
        changed = True
        while changed:
            changed = False
            for item in reversed(range(len(self.symbol))):
                if self.symbol[item] == ENDED:
                    continue
                first, empty = self._of_symbol(self.symbol[item])
                if empty:
                    first |= self.first[item + 1]
                    empty = self.empty[item + 1]
                if (first, empty) != (self.first[item], self.empty[item]):
                    self.first[item], self.empty[item] = first, empty
                    changed = True

    def _of_symbol(self, symbol: int) -> tuple[int, bool]:
        if symbol < self.n_terminals:
            return 1 << symbol, False
        first, empty = 0, False
        for item in self._items_of[symbol - self.n_terminals]:
            first |= self.first[item]
            empty = empty or self.empty[item]
        return first, empty
