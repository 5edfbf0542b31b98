"""LR(1) tables: canonical states, so that an error shows before any reduction, and LALR(1) states to lex by.

In a canonical state the terminals with an action are exactly those that can follow: a mask must not allow the first
byte of any other. The lexer's choice, however, is Lark's: it tries the terminals of the LALR(1) state.
Source: Knuth (1965), "On the translation of languages from left to right"; Aho et al. (2006), section 4.7.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from ..errors import CompileBudgetExceeded
from .grammar import END, Grammar, Production

MAX_STATES = 4000
MAX_WORK = 3_000_000
ACCEPT = 0
"""The production that stands for the whole text."""

Kernel = tuple[tuple[int, int], ...]
"""(item, lookahead terminals as bits), sorted. An item is a production and a position in it."""


class Conflict(Exception):
    """One terminal of lookahead does not decide between `choices`."""

    def __init__(self, terminal: str, choices: list[Production], *, shift: bool) -> None:
        self.terminal = terminal
        self.choices = choices
        self.shift = shift
        super().__init__(terminal)


@dataclass(slots=True)
class State:
    """One canonical LR(1) state, terminals and rules by number.

    shift   : terminal -> state.  goto : rule -> state.  reduce : terminal -> production.
    follow  : the terminals that may come next, as bits.
    lexed   : those of the LALR(1) state, as bits: the lexer tries them all.
    """

    shift: dict[int, int] = field(default_factory=dict)
    goto: dict[int, int] = field(default_factory=dict)
    reduce: dict[int, int] = field(default_factory=dict)
    follow: int = 0
    lexed: int = 0


class Tables:
    """The states of a grammar; state 0 is the start.

    terminals   : names by number, the last is the end of the text.
    productions : (rule number, number of symbols), number ACCEPT is `start`, once, at the top.
    Raises Conflict where the LALR(1) tables are not deterministic, CompileBudgetExceeded.
    """

    def __init__(self, grammar: Grammar) -> None:
        top = Production("", (grammar.start,))
        self.sources = (top, *grammar.productions)
        self.terminals = [*(terminal.name for terminal in grammar.terminals), END]
        self._number = {name: i for i, name in enumerate(self.terminals)}
        self._rules = {name: i for i, name in enumerate(("", *grammar.rule_names()))}
        self.productions = [(self._rules[p.name], len(p.symbols)) for p in self.sources]
        self._work = MAX_WORK
        self._prepare_items()
        self._compute_first()
        self.states: list[State] = []
        self._kernels: list[Kernel] = []
        self._build()
        self._merge()

    def _prepare_items(self) -> None:
        """Items are numbered through all productions: the item after `i` is `i + 1`."""
        self._symbol: list[str | None] = []
        self._production: list[int] = []
        self._first_item: list[int] = []
        for number, production in enumerate(self.sources):
            self._first_item.append(len(self._symbol))
            self._symbol += [*production.symbols, None]
            self._production += [number] * (len(production.symbols) + 1)
        self._items_of: dict[str, list[int]] = {}
        for number, production in enumerate(self.sources):
            self._items_of.setdefault(production.name, []).append(self._first_item[number])

    def _compute_first(self) -> None:
        """For the rest of each item the terminals it may begin with, and whether it may be empty."""
        n_items = len(self._symbol)
        self._first = [0] * n_items
        self._empty = [symbol is None for symbol in self._symbol]
        changed = True
        while changed:
            changed = False
            for item in reversed(range(n_items)):
                symbol = self._symbol[item]
                if symbol is None:
                    continue
                first, empty = self._of_symbol(symbol)
                if empty:
                    first |= self._first[item + 1]
                    empty = self._empty[item + 1]
                if (first, empty) != (self._first[item], self._empty[item]):
                    self._first[item], self._empty[item] = first, empty
                    changed = True

    def _of_symbol(self, symbol: str) -> tuple[int, bool]:
        if symbol in self._number:
            return 1 << self._number[symbol], False
        items = self._items_of[symbol]
        first = 0
        for item in items:
            first |= self._first[item]
        return first, any(self._empty[item] for item in items)

    def _build(self) -> None:
        start: Kernel = ((0, 1 << self._number[END]),)
        numbers = {start: 0}
        self._kernels.append(start)
        for kernel in self._kernels:
            state = State()
            self.states.append(state)
            for symbol, target in self._expand(kernel, state):
                if target not in numbers:
                    numbers[target] = len(self._kernels)
                    self._kernels.append(target)
                if symbol in self._number:
                    state.shift[self._number[symbol]] = numbers[target]
                else:
                    state.goto[self._rules[symbol]] = numbers[target]
            self._spend(0)
            state.follow = bits_of(state.shift) | bits_of(state.reduce)

    def _expand(self, kernel: Kernel, state: State) -> Iterator[tuple[str, Kernel]]:
        """Fill in the reductions of a state; return its transitions."""
        after: dict[str, list[tuple[int, int]]] = {}
        for item, ahead in sorted(self._close(kernel).items()):
            symbol = self._symbol[item]
            if symbol is not None:
                after.setdefault(symbol, []).append((item + 1, ahead))
                continue
            for terminal in bit_positions(ahead):
                other = state.reduce.setdefault(terminal, self._production[item])
                if other != self._production[item]:
                    choices = [self.sources[other], self.sources[self._production[item]]]
                    raise Conflict(self.terminals[terminal], choices, shift=False)
        return ((symbol, tuple(items)) for symbol, items in after.items())

    def _close(self, kernel: Kernel) -> dict[int, int]:
        """All items that hold where those of the kernel do."""
        found = dict(kernel)
        todo = [item for item, _ in kernel]
        while todo:
            item = todo.pop()
            symbol = self._symbol[item]
            if symbol is None or symbol in self._number:
                continue
            ahead = self._first[item + 1] | (found[item] if self._empty[item + 1] else 0)
            self._spend(len(self._items_of[symbol]))
            for inner in self._items_of[symbol]:
                before = found.get(inner)
                if before is None or ahead & ~before:
                    found[inner] = ahead | (before or 0)
                    todo.append(inner)
        return found

    def _spend(self, work: int) -> None:
        self._work -= work
        if self._work < 0 or len(self._kernels) > MAX_STATES:
            raise CompileBudgetExceeded(
                f"the grammar needs more than {MAX_STATES} parser states",
                keyword="lark",
                hint="split it, or give parts that are regular as one terminal each",
            )

    def _merge(self) -> None:
        """Join states with the same items to LALR(1) states; check that those are deterministic."""
        same: dict[tuple[int, ...], list[int]] = {}
        for number, kernel in enumerate(self._kernels):
            same.setdefault(tuple(item for item, _ in kernel), []).append(number)
        groups = [[self.states[number] for number in numbers] for numbers in same.values()]
        for numbers in same.values():
            self._check(numbers)
        for states in groups:
            for state in states:
                for terminal in state.shift:
                    state.reduce.pop(terminal, None)
            lexed = 0
            for state in states:
                lexed |= state.follow
            for state in states:
                state.lexed = lexed

    def _check(self, numbers: list[int]) -> None:
        """Raise Conflict unless the LALR(1) state that joins some states is deterministic, or harmlessly not."""
        reduce: dict[int, int] = {}
        for number in numbers:
            state = self.states[number]
            for terminal, production in state.reduce.items():
                if reduce.setdefault(terminal, production) != production:
                    choices = [self.sources[reduce[terminal]], self.sources[production]]
                    raise Conflict(self.terminals[terminal], choices, shift=False)
                if terminal in state.shift and not self._is_harmless(number, terminal, production):
                    self._refuse_shift(state, terminal, production)

    def _is_harmless(self, number: int, terminal: int, production: int) -> bool:
        """Whether shifting, as Lark does, loses no text though the end of `production` could be reduced as well.

        So it is with operators, `a: a "+" a`: where the finished `a` could only go on as the first part of an `a`, its
        own last part can go on in the same way, `(1 + 2) + 3` as `1 + (2 + 3)`.
        """
        source = self.sources[production]
        if not source.symbols or source.symbols[-1] != source.name:
            return False
        rule, length = self.productions[production]
        below = {number}
        for _ in range(length):
            below = {previous for state in below for previous in self._before[state]}
        targets = {self.states[state].goto[rule] for state in below}
        return all(self._goes_on_alike(target, terminal, source.name) for target in targets)

    def _goes_on_alike(self, number: int, terminal: int, rule: str) -> bool:
        """Whether all that `terminal` can mean in a state is to go on with `rule: rule ...` behind the first part."""
        state = self.states[number]
        if terminal not in state.shift:
            return False
        reduced = state.reduce.get(terminal)
        for item, ahead in self._kernels[number]:
            production = self._production[item]
            if self._symbol[item] is None:
                if ahead >> terminal & 1 and reduced != production:
                    return False
                continue
            if not self._first[item] >> terminal & 1 and not self._empty[item]:
                continue
            first = self._first_item[production]
            own = self.sources[production].name == rule == self._symbol[first]
            if self._empty[item] or not own or item != first + 1:
                return False
        # A reduction that ends no item of the kernel is one of an empty rule.
        ends = {self._production[item] for item, _ in self._kernels[number] if self._symbol[item] is None}
        return reduced is None or reduced in ends

    @cached_property
    def _before(self) -> list[list[int]]:
        """For each state those with a transition to it."""
        found: list[list[int]] = [[] for _ in self.states]
        for number, state in enumerate(self.states):
            for target in [*state.shift.values(), *state.goto.values()]:
                found[target].append(number)
        return found

    def _refuse_shift(self, state: State, terminal: int, production: int) -> None:
        kernel = self._kernels[state.shift[terminal]]
        choices = [self.sources[self._production[item]] for item, _ in kernel]
        raise Conflict(self.terminals[terminal], [self.sources[production], *choices], shift=True)


def bits_of(numbers: dict[int, int]) -> int:
    """The keys as bits."""
    return sum(1 << number for number in numbers)


def bit_positions(bits: int) -> Iterator[int]:
    """The positions of the bits that are set, in rising order."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest
