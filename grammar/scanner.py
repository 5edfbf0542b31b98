"""A lexer for one set of terminals as a byte automaton: where the next terminal ends, and which one it is.

The automaton reads on while any terminal could still match. The last accepting state on its way says which terminal
was read, exactly as Lark's lexer decides it, see `grammar/lark.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np

from .bits import bits_of
from .char_automata import Alphabet, Budget, minimal_char_dfa
from .dfa import DEAD, NOT_ACCEPTING, ByteDfa
from .first_match import Program
from .grammar import GrammarRefused, Terminal
from .nodes import Chars, Choice
from .utf8 import lower_to_bytes

IGNORED = 0
"""The label of ignored terminals."""

MISREAD = 1
"""The label of an ignored keyword that another terminal matched: Lark hands it to the parser, which never wants it."""

FIRST_LABEL = 2
"""That of terminal number 0; the others follow."""

NOTHING_READ = -1
"""The state of a scanner before its first byte. The DFA's start may also be reached again later."""

Threads = tuple[int, ...]


class Scanner:
    """Immutable. `dfa` ends a terminal where no byte continues; its labels say which terminal was read.

    rows, label : of the DFA, as lists.
    reach     : for each state the labels of the states ahead of it, itself included, as bits.
    continued : for each state the bytes that continue it, as bits.
    """

    def __init__(self, dfa: ByteDfa) -> None:
        self.dfa = dfa
        self.rows: list[list[int]] = dfa.delta.tolist()
        self.label: list[int] = dfa.label.tolist()
        self.continued = [bits_of(np.flatnonzero(row).tolist()) for row in dfa.delta]
        self._first_bytes: dict[int, int] = {}
        self.reach = self.ahead([0 if label < 0 else 1 << label for label in self.label])

    @cached_property
    def targets(self) -> list[tuple[int, ...]]:
        """For each state its successors, each once."""
        return [tuple(sorted(set(row) - {DEAD})) for row in self.rows]

    def row(self, state: int) -> list[int]:
        """The successors of a state for each byte; `state` may be NOTHING_READ."""
        return self.rows[self.dfa.start if state == NOTHING_READ else state]

    def first_bytes(self, label: int) -> int:
        """The bytes (as bits) with which a text of `label` begins."""
        found = self._first_bytes.get(label)
        if found is None:
            found = self._first_bytes[label] = self.first_to(self.reach, 1 << label)
        return found

    def first_to(self, reach: list[int], wanted: int) -> int:
        """The first bytes (as bits) behind which some of the bits `wanted` of `reach` is ahead."""
        return bits_of(byte for byte, target in enumerate(self.row(NOTHING_READ)) if reach[target] & wanted)

    def ends(self, label: int) -> list[int]:
        """The states in which a text of `label` may end."""
        return [state for state, here in enumerate(self.label) if here == label]

    @cached_property
    def ignored_reach(self) -> list[int]:
        """As `reach`, with a bit for each of `ends(IGNORED)`."""
        seeds = [0] * len(self.rows)
        for i, state in enumerate(self.ends(IGNORED)):
            seeds[state] = 1 << i
        return self.ahead(seeds)

    def ahead(self, seeds: list[int]) -> list[int]:
        """For each state the union of the seeds (bits) of the states ahead of it, itself included."""
        before: list[list[int]] = [[] for _ in self.rows]
        for state, targets in enumerate(self.targets):
            for target in targets:
                before[target].append(state)
        found = list(seeds)
        todo = [state for state, seed in enumerate(seeds) if seed]
        while todo:
            state = todo.pop()
            for previous in before[state]:
                if found[state] & ~found[previous]:
                    found[previous] |= found[state]
                    todo.append(previous)
        return found


def build_scanner(terminals: Sequence[tuple[int, Terminal]], budget: Budget) -> Scanner:
    """The scanner for some terminals, each with its label. Raises GrammarRefused, CompileBudgetExceeded."""
    return Scanner(_Subsets(terminals, budget).run())


class _Subsets:
    """Subset construction over threads in order of preference: a match drops the threads behind it."""

    def __init__(self, terminals: Sequence[tuple[int, Terminal]], budget: Budget) -> None:
        self._budget = budget
        self._program = Program()
        self._entries: list[int] = []
        # Terminals are numbered by their position here, because several of them may be ignored.
        self._terminals = sorted(terminals, key=_precedence)
        self._words: dict[int, list[int]] = {}
        self._word_entries: list[int] = []
        self._find_keywords()
        sets = dict.fromkeys(op[1] for op in self._program.operations if op[0] in ("char", "behind"))
        self._alphabet = Alphabet(Choice(tuple(map(Chars, sets))))
        numbers = {self._alphabet.set_number[op[1]] for op in self._program.operations if op[0] == "behind"}
        self._behind = bits_of(numbers)

    def _find_keywords(self) -> None:
        """A string that a regexp of the same priority also matches is told apart behind the match."""
        told_apart: set[int] = set()
        strings = [n for n, (_, t) in enumerate(self._terminals) if t.literal is not None]
        for number, (_, terminal) in enumerate(self._terminals):
            if terminal.literal is not None:
                continue
            words = [n for n in strings if _is_keyword(self._terminals[n][1], terminal)]
            if words:
                self._words[number] = words
            told_apart.update(n for n in words if self._terminals[n][1].flags <= terminal.flags)
        for number in range(len(self._terminals)):
            if number not in told_apart:
                self._entries.append(self._add(number))
        self._word_entries = [
            self._add(n) for n in sorted({n for words in self._words.values() for n in words})
        ]

    def _add(self, number: int) -> int:
        terminal = self._terminals[number][1]
        try:
            return self._program.add(terminal.pattern, number)
        except GrammarRefused as refusal:
            raise GrammarRefused(f"{refusal} ({terminal})", refusal.hint, terminal.name) from None

    def run(self) -> ByteDfa:
        n_classes = self._alphabet.n_classes
        start: _State = (*self._close(self._entries, None), frozenset(self._word_entries))
        ids: dict[_State, int] = {_STUCK: DEAD, start: 1}
        states = [_STUCK, start]
        rows: list[list[int]] = []
        for state in states:
            told_apart = self._told_apart(state)
            targets: dict[int, int] = {}  # by what of that a character is
            row = []
            for character, sets in enumerate(self._alphabet.class_sets):
                number = targets.get(sets & told_apart)
                if number is None:
                    target = self._step(state, character)
                    number = ids.setdefault(target, len(states))
                    if number == len(states):
                        states.append(target)
                    targets[sets & told_apart] = number
                row.append(number)
            rows.append(row)
            self._budget.spend(n_classes + len(targets) * (1 + len(state[0])), len(states), n_classes)
        found = minimal_char_dfa(rows, [self._label(state) for state in states], 1)
        return lower_to_bytes(found.rows, found.labels, found.start, self._alphabet.intervals)

    def _told_apart(self, state: _State) -> int:
        """The sets of characters (as bits) that matter in a state."""
        told_apart = self._behind
        for number in (*state[0], *state[2]):
            operation = self._program.operations[number]
            if operation[0] == "char":
                told_apart |= 1 << self._alphabet.set_number[operation[1]]
        return told_apart

    def _step(self, state: _State, character: int) -> _State:
        operations = self._program.operations
        read = [operations[n][2] for n in state[0] if self._holds(n, character)]
        threads, match = self._close(read, character)
        if not threads and match == _NO_MATCH:
            return _STUCK
        words = (n for n in state[2] if operations[n][0] == "char" and self._holds(n, character))
        return threads, match, frozenset(operations[n][2] for n in words)

    def _holds(self, operation: int, character: int) -> bool:
        """Whether the characters of an operation are those of the class `character`."""
        number = self._alphabet.set_number[self._program.operations[operation][1]]
        return bool(self._alphabet.class_sets[character] >> number & 1)

    def _close(self, entries: Iterable[int], before: int | None) -> tuple[Threads, int]:
        """The threads that read a character next, the preferred first, and the terminal that may end here."""
        threads: list[int] = []
        seen: set[int] = set()
        todo = list(entries)[::-1]
        while todo:
            number = todo.pop()
            if number in seen:
                continue
            seen.add(number)
            operation = self._program.operations[number]
            if operation[0] == "match":
                return tuple(threads), operation[1]
            if operation[0] == "char":
                threads.append(number)
            elif operation[0] == "split":
                todo += [operation[2], operation[1]]
            elif before is None:
                raise GrammarRefused(
                    "a terminal looks behind its first character", "look behind inside of it only"
                )
            elif self._holds(number, before) == operation[2]:
                todo.append(operation[3])
        return tuple(threads), _NO_MATCH

    def _label(self, state: _State) -> int:
        """Which terminal was read."""
        match = state[1]
        if match == _NO_MATCH:
            return NOT_ACCEPTING
        label = self._terminals[match][0]
        if label != IGNORED:
            complete = {
                self._program.operations[n][1] for n in state[2] if self._program.operations[n][0] == "match"
            }
            match = next((word for word in self._words.get(match, ()) if word in complete), match)
            label = self._terminals[match][0]
            return MISREAD if label == IGNORED else label
        return label


_State = tuple[Threads, int, frozenset[int]]
"""Threads, the terminal that may end here, what the keywords have left to read."""

_NO_MATCH = -1
_STUCK: _State = ((), _NO_MATCH, frozenset())


def _precedence(labelled: tuple[int, Terminal]) -> tuple[int, int, int, str]:
    terminal = labelled[1]
    return -terminal.priority, -terminal.max_width, -len(terminal.source), terminal.name


def _is_keyword(word: Terminal, terminal: Terminal) -> bool:
    if word.priority != terminal.priority or word.literal is None:
        return False
    match = re.match(terminal.pattern, word.literal)
    return match is not None and match.group(0) == word.literal
