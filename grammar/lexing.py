"""Lexer and parser states together: which bytes can come next, and where the end of a terminal shows late.

A terminal goes on as long as some terminal of the lexer's set can still match. Two things follow from that, and both
are settled here, before any text is read:

- Its end may show only bytes later: `1.` is the number 1 and a dot unless a digit follows. The bytes that would have
  to be read again are enumerated; a grammar in which their number has no bound is refused.
- What comes next must not continue it: `ab` is never the names `a` and `b`. It is checked that each terminal the parser
  waits for can be read behind each end of the one before, directly or behind ignored text. Together with canonical
  LR(1) states, this proves that no prefix is a dead end; what fails the check is left to `liveness.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NoReturn

from ..errors import CompileBudgetExceeded
from .bits import bit_positions, bits_of, union
from .char_automata import Budget
from .grammar import Grammar, GrammarRefused, Terminal
from .late_ends import MAX_LATE_ENDS, LateEnd, LateEnds, TooLate
from .lines import Lines
from .lr import Tables
from .reading import Position, Reading, Token
from .scanner import FIRST_LABEL, IGNORED, NOTHING_READ, Scanner
from .scanner_build import build_scanners


@dataclass(frozen=True, slots=True)
class _End:
    """An end of a terminal: what cannot follow directly, and what may follow late.

    parser : a state in which it was read, where that tells what comes behind: for ignored text.
    """

    label: int
    barred: int
    late: tuple[LateEnd, ...]
    parser: int


class Lexing(Reading):
    """Immutable. Reading in the LALR(1) states.

    touching : by label, those that may be wanted behind it and cannot be read there; one of the doubts each.
    doubts : refusals for terminals that the parser may wait for and that cannot be read then. Without doubts no
             prefix is a dead end; with them that has to be shown for the parser as a whole.
    Raises GrammarRefused, CompileBudgetExceeded.
    """

    def __init__(self, grammar: Grammar, tables: Tables, lines: Lines | None = None) -> None:
        self.grammar = grammar
        self.tables = tables
        self.lines = lines
        self.end_label = len(tables.terminals) - 1 + FIRST_LABEL
        # The labels (as bits) of terminals that texts match, ignored ones aside.
        self._from_text = (1 << len(grammar.terminals)) - 1 << FIRST_LABEL
        self._wanted = [state.follow << FIRST_LABEL | 1 << IGNORED for state in tables.merged]
        self._build_scanners()
        self._find_targets()
        self._firsts = self._all_firsts()
        self._begun = {
            label: union(self._firsts[target] for target in targets)
            for label, targets in self._targets.items()
        }
        self._alike = {
            label: tuple({self.lexed_as(target): target for target in targets}.values())
            for label, targets in self._targets.items()
        }
        self._collected: set[tuple[int, int]] = set()
        self._found_late: dict[tuple[int, tuple[int, ...]], tuple[LateEnd, ...]] = {}
        self.doubts: list[GrammarRefused] = []
        self.touching: dict[int, set[int]] = {}
        self.is_all_readable = True
        self._check_readable()
        self.late = set()
        self.tokens: dict[Token, None] = {Token(self.end_label): None}
        self._ends: dict[_End, None] = {}
        for parser_states in self._groups():
            self._collect_ends(parser_states)
        self._close_tokens()
        if lines is not None:
            self._check_lines(lines)
        self._check_separable()

    def name(self, label: int) -> str:
        """A terminal as the grammar's author knows it."""
        if label == IGNORED:
            return "ignored text"
        terminal = label - FIRST_LABEL
        if terminal >= len(self.grammar.terminals):
            return "the end" if label == self.end_label else self.tables.terminals[terminal]
        return str(self.grammar.terminals[terminal])

    def scanner(self, parser: int) -> Scanner:
        return self._scanners[parser]

    def wanted(self, parser: int) -> int:
        return self._wanted[parser]

    def first(self, parser: int) -> int:
        return self._firsts[parser]

    def after(self, label: int, parser_states: tuple[int, ...]) -> tuple[int, ...]:
        """The parser states that may come behind a terminal that was read in one of `parser_states`."""
        return parser_states if label == IGNORED else self._targets.get(label, ())

    def firsts_after(self, label: int, parser: int) -> int:
        return self._firsts[parser] if label == IGNORED else self._begun.get(label, 0)

    def _all_firsts(self) -> list[int]:
        found: dict[tuple[int, int], int] = {}
        for parser in range(len(self.tables.merged)):
            alike = self.lexed_as(parser)
            if alike not in found:
                found[alike] = self._first(parser)
        return [found[self.lexed_as(parser)] for parser in range(len(self.tables.merged))]

    def _build_scanners(self) -> None:
        ignored = self.grammar.ignored
        labelled = [
            (IGNORED if terminal.name in ignored else label, variant)
            for label, terminal in enumerate(self.grammar.terminals, FIRST_LABEL)
            for variant in (terminal, *self.grammar.variants.get(terminal.name, ()))
        ]
        if self.lines is None:
            sets = [state.follow << FIRST_LABEL | 1 << IGNORED for state in self.tables.merged]
            built = build_scanners(labelled, sets, Budget())
            self._scanners = [built[labels] for labels in sets]
        else:
            self._build_with_lines(labelled, self.lines)

    def _build_with_lines(self, labelled: list[tuple[int, Terminal]], lines: Lines) -> None:
        """The same where the end of a line is tried everywhere, and ignored inside of brackets."""
        ignored_as = self.end_label + 1
        labelled = [*labelled, (ignored_as, self.grammar.terminals[lines.newline - FIRST_LABEL])]
        sets = []
        for tried, is_inside in zip(lines.tried, lines.inside):
            labels = tried << FIRST_LABEL & self._from_text & ~(1 << lines.newline) | 1 << IGNORED
            sets.append(labels | 1 << (ignored_as if is_inside else lines.newline))
        built = build_scanners(labelled, sets, Budget(), ignored_as)
        self._scanners = [built[labels] for labels in sets]
        outside = dict.fromkeys(self._scanners[n] for n, inside in enumerate(lines.inside) if not inside)
        for scanner in outside:
            lines.check_beginnings(scanner)
        self._line_starts = lines.line_starts(next(iter(outside)))

    def _find_targets(self) -> None:
        found: dict[int, dict[int, None]] = {}
        for state in self.tables.merged:
            for terminal, target in state.shift.items():
                found.setdefault(terminal + FIRST_LABEL, {})[target] = None
        if self.lines is not None:
            # What is added behind the end of a line comes before any more text.
            for label in (self.lines.indent, self.lines.dedent):
                found[self.lines.newline] |= found.pop(label)
        self._targets = {label: tuple(targets) for label, targets in found.items()}

    def _check_readable(self) -> None:
        """Each terminal that may come next is what the lexer says for some text."""
        for parser, state in enumerate(self.tables.merged):
            readable = self._scanners[parser].reach[self._scanners[parser].start]
            for terminal in bit_positions(state.follow & (1 << len(self.grammar.terminals)) - 1):
                label = terminal + FIRST_LABEL
                if not readable >> label & 1:
                    refusal = GrammarRefused(
                        f"{self.name(label)} is never read where it may stand: other terminals match the same texts",
                        "give it a higher priority as in `NAME.2: ...`, or make the terminals disjoint",
                        self.tables.terminals[terminal],
                    )
                    self.doubts.append(refusal)
                    self.is_all_readable = False

    def _groups(self) -> list[tuple[int, ...]]:
        """Parser states that lex alike: the same scanner and the same wanted terminals."""
        groups: dict[tuple[int, int], list[int]] = {}
        for parser in range(len(self._scanners)):
            groups.setdefault(self.lexed_as(parser), []).append(parser)
        return [tuple(group) for group in groups.values()]

    def _collect_ends(self, group: tuple[int, ...]) -> None:
        """All ways in which a wanted terminal ends in the parser states of a group."""
        scanner = self._scanners[group[0]]
        for state in scanner.reached:
            label = scanner.label[state]
            if self.lines is not None and label == self.lines.newline and state not in self._line_starts:
                continue  # from everywhere in the end of a line an empty one leads to a start
            # But for ignored text, what comes behind does not depend on the parser state.
            is_new = label == IGNORED or (state, label) not in self._collected
            if is_new and label >= 0 and self._wanted[group[0]] >> label & 1:
                self._collected.add((state, label))
                late = self._late_ends(group, state, label)
                for text, barred in late:
                    self.late.add((label, text))
                    self.tokens[Token(label, text, barred)] = None
                self._add_end(Position(group[0], state), group, late)

    def _add_end(self, position: Position, group: tuple[int, ...], late: tuple[LateEnd, ...]) -> None:
        token = self.ended(position)
        assert token is not None
        self.tokens[token] = None
        late = tuple((text, barred) for text, barred in late if not position.barred >> text[0] & 1)
        if token.label == IGNORED and self._may_end_better(self._scanners[group[0]], position.state):
            return
        parser = group[0] if token.label == IGNORED else 0
        self._ends[_End(token.label, token.barred, late, parser)] = None

    def _may_end_better(self, scanner: Scanner, state: int) -> bool:
        """Whether ignored text that ends here may go on to where less continues it, as a comment to its line's end.

        What can follow there can be read, so it does not matter what can follow here.
        """
        ahead = scanner.states.ignored_reach[state]
        here = scanner.barring[state]
        ends = scanner.states.ignored_ends
        found = (scanner.barring[ends[i]] for i in bit_positions(ahead))
        return any(barred != here and not barred & ~here for barred in found)

    def _late_ends(self, group: tuple[int, ...], state: int, label: int) -> tuple[LateEnd, ...]:
        """The texts behind an end of `label` that may turn out not to continue it."""
        scanner = self._scanners[group[0]]
        if not scanner.continued[state] & ~scanner.voids[state] & self.firsts_after(label, group[0]):
            return ()
        after = (group[0],) if label == IGNORED else self._alike[label]
        found = self._found_late.get((state, after))
        if found is None:
            try:
                found = self._found_late[state, after] = LateEnds(self, scanner, after).find(state)
            except TooLate as error:
                self._refuse_late(label, error.text)
        return found

    def _refuse_late(self, label: int, text: bytes) -> NoReturn:
        shown = text.decode(errors="backslashreplace")
        raise GrammarRefused(
            f"where {self.name(label)} ends shows too late: {shown!r} may continue it or be something else",
            "let the terminals that may follow it begin differently",
            "" if label == IGNORED else self.tables.terminals[label - FIRST_LABEL],
        )

    def _check_lines(self, lines: Lines) -> None:
        """Raise where bytes that are read again may hold the end of a line, whose width would be lost."""
        begins = 0
        for number, is_inside in enumerate(lines.inside):
            if not is_inside:
                begins |= self._scanners[number].first_bytes(lines.newline)
        for token in self.tokens:
            if any(begins >> byte & 1 for byte in token.rest):
                self._refuse_late(token.label, token.rest)

    def _close_tokens(self) -> None:
        """Add what reading the bytes behind late ends again gives."""
        everywhere = tuple(range(len(self.tables.merged)))
        todo = [token for token in self.tokens if token.rest]
        for token in todo:
            for parser in self.after(token.label, everywhere):
                inner = self._read_again(parser, token)
                if inner is not None and inner not in self.tokens:
                    self.tokens[inner] = None
                    if inner.rest:
                        todo.append(inner)
            if len(todo) > 2 * MAX_LATE_ENDS:
                raise CompileBudgetExceeded("the terminals end in too many ways", keyword="lark")

    def _read_again(self, parser: int, token: Token) -> Token | None:
        """The token that `token.rest` begins with, or would be if the text behind does not continue it."""
        found = self.read(parser, token.rest)
        if found is None:
            return None
        if isinstance(found, Token):
            return Token(found.label, found.rest, token.barred)
        position = Position(parser, found.state, found.late, token.barred)
        label = self._scanners[parser].label[found.state]
        if label >= 0:
            if self._wanted[parser] >> label & 1:
                self._add_end(position, (parser,), self._late_ends((parser,), found.state, label))
            return None
        return self.ended(position)

    def _check_separable(self) -> None:
        """Behind each terminal, each one that may come next has a text that does not continue the first."""
        checks = {id(scanner): _Ignoring(scanner) for scanner in self._scanners}
        for end in self._ends:
            for parser in (end.parser,) if end.label == IGNORED else self._alike.get(end.label, ()):
                check = checks[id(self._scanners[parser])]
                waiting = self._wanted[parser] & self._from_text
                for label in bit_positions(waiting & ~check.can_follow_directly(end.barred)):
                    if not check.can_follow(label, end.barred) and not self._follows_late(
                        parser, label, end.late
                    ):
                        self.doubts.append(self._inseparable(end.label, label))
                        self.touching.setdefault(end.label, set()).add(label)

    def _follows_late(self, parser: int, label: int, late: tuple[LateEnd, ...]) -> bool:
        """Whether bytes that might have continued the terminal before turn out to begin a text of `label`."""
        scanner = self._scanners[parser]
        for text, barred in late:
            found = self.read(parser, text)
            if not isinstance(found, Position):
                continue
            row = scanner.row(found.state)
            # Where the text of `label` ends with these bytes, that end is among those that are checked.
            if scanner.label[found.state] == label or any(
                scanner.reach[target] >> label & 1 and not barred >> byte & 1
                for byte, target in enumerate(row)
            ):
                return True
        return False

    def _inseparable(self, first: int, second: int) -> GrammarRefused:
        return GrammarRefused(
            f"{self.name(second)} cannot follow {self.name(first)}: each of its texts would continue the one before",
            "put a separator between them, or let white space be ignored with `%ignore`",
            self.tables.terminals[second - FIRST_LABEL],
        )


class _Ignoring:
    """Which terminals one scanner can read behind ignored text."""

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        self._firsts = scanner.bytes_on(NOTHING_READ)
        self._reached: dict[int, int] = {}

    @cached_property
    def _ends(self) -> list[int]:
        """For each end of ignored text the bytes that continue it."""
        return [self._scanner.barring[state] for state in self._scanner.states.ignored_ends]

    @cached_property
    def _ways(self) -> list[int]:
        """For each end of ignored text the bytes with which it may begin."""
        reach = self._scanner.states.ignored_reach
        return [self._scanner.first_to(reach, 1 << i) for i in range(len(self._ends))]

    def can_follow_directly(self, barred: int) -> int:
        """The labels (as bits) of which a text begins with a byte that is not barred."""
        return union(self._scanner.reach[target] for target, bytes_ in self._firsts if bytes_ & ~barred)

    def can_follow(self, label: int, barred: int) -> bool:
        """Whether a text of `label` can be read next if its first byte, or that of ignored text, is not barred."""
        if self._scanner.first_bytes(label) & ~barred:
            return True
        good = self._good(label)
        return any(way & ~barred for i, way in enumerate(self._ways) if good >> i & 1)

    def _good(self, label: int) -> int:
        """The ends of ignored text (as bits) behind which `label` can be read, maybe behind more ignored text."""
        found = self._reached.get(label)
        if found is not None:
            return found
        first = self._scanner.first_bytes(label)
        good = bits_of(i for i, barred in enumerate(self._ends) if first & ~barred)
        while True:
            more = good
            for i, barred in enumerate(self._ends):
                if any(way & ~barred for j, way in enumerate(self._ways) if good >> j & 1):
                    more |= 1 << i
            if more == good:
                self._reached[label] = good
                return good
            good = more
