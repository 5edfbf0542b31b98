"""A set of terminals to a scanner: subset construction over the threads of their patterns, the preferred first.

What a terminal must not be followed by is read beside it; a match is void where that has come.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple, NoReturn

import numpy as np

from .bits import bits_of
from .char_automata import Alphabet, Budget, minimal_char_dfa
from .dfa import DEAD, NOT_ACCEPTING, ByteDfa
from .first_match import Program
from .grammar import GrammarRefused, Terminal
from .nodes import Chars, Choice
from .scanner import IGNORED, MISREAD, Scanner
from .utf8 import lower_to_bytes

Ahead = frozenset[int]
"""The operations that may read on in what must not come."""

Threads = tuple[tuple[int, Ahead], ...]
"""Operations, each with what must not come next on its way."""


def build_scanner(terminals: Sequence[tuple[int, Terminal]], budget: Budget) -> Scanner:
    """The scanner for some terminals, each with its label. Raises GrammarRefused, CompileBudgetExceeded."""
    return _Subsets(terminals, budget).run()


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
        self._aheads: dict[int, Ahead | None] = {}
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

    def run(self) -> Scanner:
        """Build the scanner."""
        n_classes = self._alphabet.n_classes
        entries = ((entry, _NOTHING) for entry in self._entries)
        start = self._close(entries, None, frozenset(self._word_entries))
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
            self._budget.spend(n_classes + len(targets) * (1 + len(state.threads)), len(states), n_classes)
        ends = [(self._label(state), self._voids(state)) for state in states]
        numbers = {end: i for i, end in enumerate(dict.fromkeys(end for end in ends if end[0] >= 0))}
        labels = [numbers.get(end, NOT_ACCEPTING) for end in ends]
        found = minimal_char_dfa(rows, labels, 1)
        dfa = lower_to_bytes(found.rows, found.labels, found.start, self._alphabet.intervals)
        told = [*numbers, (NOT_ACCEPTING, 0)]  # NOT_ACCEPTING is the last index
        label = np.array([told[number][0] for number in dfa.label], np.int32)
        return Scanner(ByteDfa(dfa.delta, dfa.start, label), [told[number][1] for number in dfa.label])

    def _told_apart(self, state: _State) -> int:
        """The sets of characters (as bits) that matter in a state."""
        told_apart = self._behind
        threads = (*state.threads, *state.if_void)
        aheads = (number for _, ahead in threads for number in ahead)
        for number in (*(number for number, _ in threads), *aheads, *state.words, *state.voiding):
            operation = self._program.operations[number]
            if operation[0] == "char":
                told_apart |= 1 << self._alphabet.set_number[operation[1]]
        return told_apart

    def _step(self, state: _State, character: int) -> _State:
        operations = self._program.operations
        is_void = bool(state.voiding) and self._read_ahead(state.voiding, character) is None
        read = []
        for number, ahead in (*state.threads, *(state.if_void if is_void else ())):
            if self._holds(number, character):
                left = self._read_ahead(ahead, character) if ahead else ahead
                if left is not None:
                    read.append((operations[number][2], left))
        words = (n for n in state.words if operations[n][0] == "char" and self._holds(n, character))
        return self._close(read, character, frozenset(operations[n][2] for n in words))

    def _holds(self, operation: int, character: int) -> bool:
        """Whether the characters of an operation are those of the class `character`."""
        number = self._alphabet.set_number[self._program.operations[operation][1]]
        return bool(self._alphabet.class_sets[character] >> number & 1)

    def _close(
        self, entries: Iterable[tuple[int, Ahead]], before: int | None, words: frozenset[int]
    ) -> _State:
        """The state of threads that begin with some operations, the preferred first, behind the character `before`."""
        threads: list[tuple[int, Ahead]] = []
        preferred: Threads = ()
        match, voiding = _NO_MATCH, _NOTHING
        seen: set[tuple[int, Ahead]] = set()
        todo = list(entries)[::-1]
        while todo:
            thread = todo.pop()
            if thread in seen:
                continue
            seen.add(thread)
            number, ahead = thread
            operation = self._program.operations[number]
            if operation[0] == "match":
                if match != _NO_MATCH:
                    self._refuse(
                        match,
                        "ends where another match does, and what follows decides between them",
                        "write the lookahead so that it decides inside of the terminal",
                    )
                match = operation[1]
                if not ahead:
                    return _State(tuple(threads), match, words)
                # What was preferred less counts where this match turns out to be none.
                preferred, voiding, threads = tuple(threads), ahead, []
            elif operation[0] == "char":
                threads.append(thread)
            elif operation[0] == "split":
                todo += [(operation[2], ahead), (operation[1], ahead)]
            elif operation[0] == "not_ahead":
                barred = self._ahead_of(operation[1])
                if barred is not None:
                    todo.append((operation[2], ahead | barred))
            elif before is None:
                raise GrammarRefused(
                    "a terminal looks behind its first character", "look behind inside of it only"
                )
            elif self._holds(number, before) == operation[2]:
                todo.append((operation[3], ahead))
        if match != _NO_MATCH:
            return _State(preferred, match, words, tuple(threads), voiding)
        return _State(tuple(threads), match, words) if threads else _STUCK

    def _ahead_of(self, first: int) -> Ahead | None:
        """The operations that read in what must not come, from one of its operations on; None where it has come."""
        if first not in self._aheads:
            found: set[int] = set()
            todo = [first]
            while todo:
                operation = self._program.operations[number := todo.pop()]
                if operation[0] == "char":
                    found.add(number)
                elif operation[0] == "split":
                    todo += operation[1:]
                else:
                    assert operation[0] == "found"
                    return self._aheads.setdefault(first, None)
            self._aheads[first] = frozenset(found)
        return self._aheads[first]

    def _read_ahead(self, ahead: Ahead, character: int) -> Ahead | None:
        """What must not come next behind a character; None where it has come with that."""
        left: set[int] = set()
        for number in ahead:
            if self._holds(number, character):
                more = self._ahead_of(self._program.operations[number][2])
                if more is None:
                    return None
                left |= more
        return frozenset(left)

    def _refuse(self, number: int, what: str, hint: str) -> NoReturn:
        terminal = self._terminals[number][1]
        raise GrammarRefused(f"the terminal {what} ({terminal})", hint, terminal.name)

    def _voids(self, state: _State) -> int:
        """The bytes, as bits, before which the match of a state is none."""
        voids = 0
        for first, last, character in self._alphabet.intervals if state.voiding else ():
            left = self._read_ahead(state.voiding, character)
            if left:
                hint = "only `(?!x)` is exact at the end of a terminal"
                self._refuse(state.match, "looks ahead by several characters behind its end", hint)
            if left is None and last >= 0x80:
                hint = "list ASCII characters only"
                self._refuse(state.match, "looks ahead for characters beyond ASCII behind its end", hint)
            if left is None:
                voids |= (1 << last + 1) - (1 << first)
        return voids

    def _label(self, state: _State) -> int:
        """Which terminal was read."""
        match = state.match
        if match == _NO_MATCH:
            return NOT_ACCEPTING
        label = self._terminals[match][0]
        if label != IGNORED:
            complete = {
                self._program.operations[n][1]
                for n in state.words
                if self._program.operations[n][0] == "match"
            }
            match = next((word for word in self._words.get(match, ()) if word in complete), match)
            label = self._terminals[match][0]
            return MISREAD if label == IGNORED else label
        return label


class _State(NamedTuple):
    """Where the threads are.

    threads : the preferred first.
    match   : the terminal that may end here, preferred less than `threads`.
    words   : what the keywords have left to read.
    if_void : the threads that are preferred less than the match, where that turns out to be none.
    voiding : what must not come behind the match.
    """

    threads: Threads
    match: int
    words: frozenset[int]
    if_void: Threads = ()
    voiding: Ahead = frozenset()


_NOTHING: Ahead = frozenset()
_NO_MATCH = -1
_STUCK = _State((), _NO_MATCH, frozenset())


def _precedence(labelled: tuple[int, Terminal]) -> tuple[int, int, int, str]:
    terminal = labelled[1]
    return -terminal.priority, -terminal.max_width, -len(terminal.source), terminal.name


def _is_keyword(word: Terminal, terminal: Terminal) -> bool:
    if word.priority != terminal.priority or word.literal is None:
        return False
    match = re.match(terminal.pattern, word.literal)
    return match is not None and match.group(0) == word.literal
