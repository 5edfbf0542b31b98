"""Sets of terminals to scanners: subset construction over the threads of their patterns, the preferred first.

What a terminal must not be followed by is read beside it; a match is void where that has come.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple, NoReturn

from .bits import union
from .char_automata import Alphabet, Budget, quotient
from .dfa import DEAD, NOT_ACCEPTING
from .first_match import Program
from .grammar import GrammarRefused, Terminal
from .nodes import Chars, Choice
from .scanner import IGNORED, MISREAD, Scanner, ScannerStates
from .utf8 import byte_edges

Ahead = frozenset[int]
"""The operations that may read on in what must not come."""

Threads = tuple[tuple[int, Ahead], ...]
"""Operations, each with what must not come next on its way."""


def build_scanners(
    terminals: Sequence[tuple[int, Terminal]],
    sets: Iterable[int],
    budget: Budget,
    ignored_as: int = IGNORED,
) -> dict[int, Scanner]:
    """The scanners for some `sets` (bits) of the labels of `terminals`, by these bits.

    ignored_as : a label of terminals that only some of the sets ignore; told as IGNORED.
    Raises GrammarRefused, CompileBudgetExceeded.
    """
    return _Subsets(terminals, budget, ignored_as).run(list(dict.fromkeys(sets)))


class _Subsets:
    """Subset construction over threads in order of preference: a match drops the threads behind it.

    Behind their first characters most sets of terminals have few left, and the same: they share their states.
    """

    def __init__(self, terminals: Sequence[tuple[int, Terminal]], budget: Budget, ignored_as: int) -> None:
        self._budget = budget
        self._ignored_as = ignored_as
        self._program = Program()
        # Terminals are numbered by their position here, because several of them may be ignored.
        self._terminals = sorted(terminals, key=_precedence)
        self._words = self._find_keywords()
        self._entries = [self._add(number) for number in range(len(self._terminals))]
        words = {n for words in self._words.values() for n in words}
        self._word_entries = {n: self._add(n) for n in sorted(words)}
        sets = dict.fromkeys(op[1] for op in self._program.operations if op[0] in ("char", "behind"))
        self._alphabet = Alphabet(Choice(tuple(map(Chars, sets))))
        self._aheads: dict[int, Ahead | None] = {}
        # By operation, the set of characters (a bit of `Alphabet.class_sets`) that it reads or looks for; else 0.
        self._set_of = [
            1 << self._alphabet.set_number[op[1]] if op[0] in ("char", "behind") else 0
            for op in self._program.operations
        ]
        self._reads = [op[0] == "char" for op in self._program.operations]
        self._behind = union(s for s, op in zip(self._set_of, self._program.operations) if op[0] == "behind")

    def _find_keywords(self) -> dict[int, list[int]]:
        """For each regexp the strings of the same priority that it matches: they are told apart behind the match."""
        strings = [n for n, (_, t) in enumerate(self._terminals) if t.literal is not None]
        found = {}
        for number, (_, terminal) in enumerate(self._terminals):
            if terminal.literal is None:
                found[number] = [n for n in strings if _is_keyword(self._terminals[n][1], terminal)]
        return found

    def _add(self, number: int) -> int:
        terminal = self._terminals[number][1]
        try:
            return self._program.add(terminal.pattern, number)
        except GrammarRefused as refusal:
            raise GrammarRefused(f"{refusal} ({terminal})", refusal.hint, terminal.name) from None

    def run(self, sets: Sequence[int]) -> dict[int, Scanner]:
        """Build the scanners."""
        n_classes = self._alphabet.n_classes
        ids: dict[_State, int] = {_STUCK: DEAD}
        starts = [ids.setdefault(self._start(labels), len(ids)) for labels in sets]
        states = list(ids)
        rows: list[list[int]] = []
        for state in states:
            row, n_steps = self._row(state, ids, states)
            rows.append(row)
            self._budget.spend(n_classes + n_steps * (1 + len(state.threads)), len(states), n_classes)
        ends = [(self._label(state), self._voids(state)) for state in states]
        numbers = {end: i for i, end in enumerate(dict.fromkeys(end for end in ends if end[0] >= 0))}
        labels = [numbers.get(end, NOT_ACCEPTING) for end in ends]
        found, block_of = quotient(rows, labels)
        edges = byte_edges(found.rows, self._alphabet.intervals, budget=self._budget.n_states)
        told = [*numbers, (NOT_ACCEPTING, 0)]  # NOT_ACCEPTING is the last index
        between = [NOT_ACCEPTING] * (len(edges) - len(found.rows))
        label, voids = zip(*(told[number] for number in [*found.labels, *between]))
        automaton = ScannerStates(edges, list(label), list(voids))
        scanners = {start: Scanner(automaton, start) for start in dict.fromkeys(block_of[q] for q in starts)}
        return {labels: scanners[block_of[start]] for labels, start in zip(sets, starts)}

    def _start(self, labels: int) -> _State:
        """The state in which a set of terminals begins."""
        inside = [n for n, (label, _) in enumerate(self._terminals) if labels >> label & 1]
        words: set[int] = set()
        told_apart: set[int] = set()
        for number in inside:
            for word in self._words.get(number, ()):
                if labels >> self._terminals[word][0] & 1:
                    words.add(word)
                    if self._terminals[word][1].flags <= self._terminals[number][1].flags:
                        told_apart.add(word)
        entries = ((self._entries[n], _NOTHING) for n in inside if n not in told_apart)
        return self._close(entries, None, frozenset(self._word_entries[word] for word in words))

    def _row(self, state: _State, ids: dict[_State, int], states: list[_State]) -> tuple[list[int], int]:
        """The successors of a state, new ones appended to `states`, and how many steps that took."""
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
        return row, len(targets)

    def _told_apart(self, state: _State) -> int:
        """The sets of characters (as bits) that matter in a state."""
        told_apart = self._behind
        threads = (*state.threads, *state.if_void)
        aheads = (number for _, ahead in threads for number in ahead)
        for number in (*(number for number, _ in threads), *aheads, *state.words, *state.voiding):
            if self._reads[number]:
                told_apart |= self._set_of[number]
        return told_apart

    def _step(self, state: _State, character: int) -> _State:
        operations, set_of = self._program.operations, self._set_of
        sets = self._alphabet.class_sets[character]
        is_void = bool(state.voiding) and self._read_ahead(state.voiding, character) is None
        read = []
        for number, ahead in (*state.threads, *(state.if_void if is_void else ())):
            if sets & set_of[number]:
                left = self._read_ahead(ahead, character) if ahead else ahead
                if left is not None:
                    read.append((operations[number][2], left))
        words = (n for n in state.words if self._reads[n] and sets & set_of[n])
        return self._close(read, character, frozenset(operations[n][2] for n in words))

    def _holds(self, operation: int, character: int) -> bool:
        """Whether the characters of an operation are those of the class `character`."""
        return bool(self._alphabet.class_sets[character] & self._set_of[operation])

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
        label = self._told(match)
        if label != IGNORED:
            complete = {
                self._program.operations[n][1]
                for n in state.words
                if self._program.operations[n][0] == "match"
            }
            match = next((word for word in self._words.get(match, ()) if word in complete), match)
            label = self._told(match)
            return MISREAD if label == IGNORED else label
        return label

    def _told(self, number: int) -> int:
        label = self._terminals[number][0]
        return IGNORED if label == self._ignored_as else label


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
