"""LR states: LALR(1) ones, which Lark's lexer goes by, and canonical ones, by which errors show before any reduction.

In a canonical state the terminals with an action are exactly those that can follow: a mask must not allow the first
byte of any other. There are many of them, so each is made when a text gets there. The LALR(1) states, in which those of
equal items are one, are few and made at once: they say whether the grammar is deterministic, and what is to be lexed.
Source: Knuth (1965), "On the translation of languages from left to right"; Aho et al. (2006), section 4.7.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ..errors import CompileBudgetExceeded
from .bits import bit_positions, bits_of
from .grammar import END, Grammar, Production
from .lr_items import ENDED, Items, Kernel

MAX_MERGED = 10_000
MAX_STATES = 200_000
MAX_WORK = 3_000_000
ACCEPT = 0
"""The production that stands for the whole text."""


class Conflict(Exception):
    """One terminal of lookahead does not decide between `choices`."""

    def __init__(self, terminal: str, choices: list[Production], *, shift: bool) -> None:
        self.terminal = terminal
        self.choices = choices
        self.shift = shift
        super().__init__(terminal)


@dataclass(slots=True)
class State:
    """One LR(1) state, terminals and rules by number.

    merged  : the LALR(1) state with the same items.
    shift   : terminal -> state.  goto : rule -> state.  reduce : terminal -> production, where it is not shifted.
    follow  : the terminals that may come next, as bits.
    """

    merged: int
    shift: dict[int, int] = field(default_factory=dict)
    goto: dict[int, int] = field(default_factory=dict)
    reduce: dict[int, int] = field(default_factory=dict)
    follow: int = 0

    def prefer_shifts(self) -> None:
        """Where a terminal can be shifted, do so."""
        for terminal in self.shift:
            self.reduce.pop(terminal, None)


class Tables:
    """The states of a grammar; number 0 is the start, among those of both kinds.

    terminals   : names by number, the last is the end of the text.  rules : names by number.
    productions : (rule number, number of symbols), number ACCEPT is `start`, once, at the top.
    merged      : the LALR(1) states, which lead to one another.
    preferred   : by LALR(1) state, if any, (production, terminal) where a terminal is shifted though the production
                  may end before it.
    merged_by_items : number of the LALR(1) state by its items.
    conflicts   : where a terminal is shifted though a rule may end before it, and texts could be lost by that.
    Raises Conflict where two rules may end before the same terminal, CompileBudgetExceeded.
    """

    def __init__(self, grammar: Grammar) -> None:
        top = Production("", (grammar.start,))
        self.sources = (top, *grammar.productions)
        self.terminals = [*(terminal.name for terminal in grammar.terminals), *grammar.declared, END]
        self.rules = list(dict.fromkeys(production.name for production in self.sources))
        self.items = Items(self.sources, self.terminals)
        self.productions = self.items.productions
        start: Kernel = ((0, 1 << len(self.terminals) - 1),)
        self.merged: list[State] = []
        self.merged_by_items: dict[tuple[int, ...], int] = {}
        self._lookaheads: list[dict[int, int]] = []
        self._merge(start)
        self.conflicts = list(_Determinism(self, self.items, self._lookaheads).conflicts())
        self.preferred = {
            number: found
            for number, state in enumerate(self.merged)
            if (
                found := [
                    (state.reduce[terminal], terminal) for terminal in state.shift if terminal in state.reduce
                ]
            )
        }
        for state in self.merged:
            state.prefer_shifts()
        self._kernels = [start]
        self._numbers = {start: 0}
        self._states: list[State | None] = [None]

    def kernel(self, number: int) -> list[tuple[Production, int]]:
        """The productions that a LALR(1) state is in the middle of, each with how many of its symbols were read."""
        items = self.items
        found = []
        for item in self._lookaheads[number]:
            production = items.production[item]
            found.append((self.sources[production], item - items.first_item[production]))
        return found

    def canonical_kernel(self, number: int) -> Kernel:
        """The items from which a canonical state was made."""
        return self._kernels[number]

    def behind(self, number: int, symbol: int) -> int:
        """The canonical state behind a symbol that may come next in one."""
        state = self.state(number)
        if symbol < len(self.terminals):
            return state.shift[symbol]
        return state.goto[symbol - len(self.terminals)]

    def state(self, number: int) -> State:
        """A canonical state, made when it is first asked for."""
        found = self._states[number]
        if found is None:
            found = self._states[number] = self._canonical(self._kernels[number])
        return found

    def _canonical(self, kernel: Kernel) -> State:
        state = State(self.merged_by_items[tuple(item for item, _ in kernel)])
        moves, ended = self.items.expand(kernel)
        for symbol, target in moves.items():
            self._connect(state, symbol, self._number(target))
        self._reduce(state, ended)
        state.prefer_shifts()
        return state

    def _number(self, kernel: Kernel) -> int:
        number = self._numbers.get(kernel)
        if number is None:
            number = self._numbers[kernel] = len(self._kernels)
            self._kernels.append(kernel)
            self._states.append(None)
            if number > MAX_STATES:
                raise _too_large(MAX_STATES)
        return number

    def _connect(self, state: State, symbol: int, target: int) -> None:
        if symbol < len(self.terminals):
            state.shift[symbol] = target
        else:
            state.goto[symbol - len(self.terminals)] = target

    def _reduce(self, state: State, ended: Iterable[tuple[int, int]]) -> None:
        """Fill in the reductions of items that have ended, and what may follow. Raises Conflict."""
        for item, ahead in ended:
            production = self.items.production[item]
            for terminal in bit_positions(ahead):
                other = state.reduce.setdefault(terminal, production)
                if other != production:
                    choices = [self.sources[other], self.sources[production]]
                    raise Conflict(self.terminals[terminal], choices, shift=False)
        state.follow = bits_of(state.shift) | bits_of(state.reduce)

    def _merge(self, start: Kernel) -> None:
        """Make the LALR(1) states: whenever lookaheads of one grow, what it leads to is looked at again."""
        work = MAX_WORK
        number, _ = self._join(start)
        todo = deque([number])
        waiting = {number}
        ended: dict[int, list[tuple[int, int]]] = {}
        while todo:
            number = todo.popleft()
            waiting.discard(number)
            moves, ended[number] = self.items.expand(tuple(self._lookaheads[number].items()))
            for symbol, target in moves.items():
                work -= len(target)
                joined, has_grown = self._join(target)
                self._connect(self.merged[number], symbol, joined)
                if has_grown and joined not in waiting:
                    waiting.add(joined)
                    todo.append(joined)
            if work < 0 or len(self.merged) > MAX_MERGED:
                raise _too_large(MAX_MERGED)
        for number, items in ended.items():
            self._reduce(self.merged[number], items)

    def _join(self, kernel: Kernel) -> tuple[int, bool]:
        """The LALR(1) state that a canonical one is joined to, and whether it became more by that."""
        items = tuple(item for item, _ in kernel)
        number = self.merged_by_items.get(items)
        if number is None:
            number = self.merged_by_items[items] = len(self.merged)
            self.merged.append(State(number))
            self._lookaheads.append(dict(kernel))
            return number, True
        known = self._lookaheads[number]
        has_grown = False
        for item, ahead in kernel:
            if ahead & ~known[item]:
                known[item] |= ahead
                has_grown = True
        return number, has_grown


class _Determinism:
    """Whether LALR(1) states are deterministic, or only harmlessly not."""

    def __init__(self, tables: Tables, items: Items, lookaheads: list[dict[int, int]]) -> None:
        self._tables = tables
        self._items = items
        self._lookaheads = lookaheads
        self._before: list[list[int]] = [[] for _ in tables.merged]
        for number, state in enumerate(tables.merged):
            for target in [*state.shift.values(), *state.goto.values()]:
                self._before[target].append(number)

    def conflicts(self) -> Iterator[Conflict]:
        """Where shifting a terminal, as Lark does, could lose texts."""
        for number, state in enumerate(self._tables.merged):
            for terminal, production in state.reduce.items():
                if terminal in state.shift and not self._is_harmless(number, terminal, production):
                    yield self._conflict(state, terminal, production)

    def _is_harmless(self, number: int, terminal: int, production: int) -> bool:
        """Whether shifting, as Lark does, loses no text though the end of `production` could be reduced as well.

        So it is with operators, `a: a "+" a`: where the finished `a` could only go on as the first part of an `a`, its
        own last part can go on in the same way, `(1 + 2) + 3` as `1 + (2 + 3)`.
        """
        source = self._tables.sources[production]
        if not source.symbols or source.symbols[-1] != source.name:
            return False
        rule, length = self._tables.productions[production]
        below = {number}
        for _ in range(length):
            below = {previous for state in below for previous in self._before[state]}
        targets = {self._tables.merged[state].goto[rule] for state in below}
        return all(self._goes_on_alike(target, terminal, source.name) for target in targets)

    def _goes_on_alike(self, number: int, terminal: int, rule: str) -> bool:
        """Whether all that `terminal` can mean in a state is to go on with `rule: rule ...` behind the first part."""
        state, items = self._tables.merged[number], self._items
        if terminal not in state.shift:
            return False
        reduced = state.reduce.get(terminal)
        lookaheads = self._lookaheads[number]
        for item, ahead in lookaheads.items():
            production = items.production[item]
            if items.symbol[item] == ENDED:
                if ahead >> terminal & 1 and reduced != production:
                    return False
                continue
            if not items.first[item] >> terminal & 1 and not items.empty[item]:
                continue
            source = self._tables.sources[production]
            own = source.name == rule == source.symbols[0]
            if items.empty[item] or not own or item != items.first_item[production] + 1:
                return False
        # A reduction that ends no item of the kernel is one of an empty rule.
        ends = {items.production[item] for item in lookaheads if items.symbol[item] == ENDED}
        return reduced is None or reduced in ends

    def _conflict(self, state: State, terminal: int, production: int) -> Conflict:
        sources = self._tables.sources
        shifted = self._lookaheads[state.shift[terminal]]
        choices = [sources[production], *(sources[self._items.production[item]] for item in shifted)]
        return Conflict(self._tables.terminals[terminal], choices, shift=True)


def _too_large(n_states: int) -> CompileBudgetExceeded:
    return CompileBudgetExceeded(
        f"the grammar needs more than {n_states} parser states",
        keyword="lark",
        hint="split it, or give parts that are regular as one terminal each",
    )
