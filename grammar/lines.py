"""What LALR(1) states mean to the lexer where indentation matters: what it tries, and which are in brackets."""

from __future__ import annotations

from .bits import bit_positions
from .grammar import Grammar, GrammarRefused
from .indentation import Indentation, bracketed, levels, plain_name
from .lr import Tables
from .scanner import FIRST_LABEL, Scanner


class Lines:
    """Immutable. The tables of a grammar with indentation.

    grammar, tables : with each rule outside of brackets or inside.
    newline, indent, dedent : their labels.
    inside : by LALR(1) state, whether it is in brackets.
    tried  : by LALR(1) state, the terminals (bits) that the lexer tries: those of Lark's own state.
    Raises GrammarRefused, Conflict, CompileBudgetExceeded.
    """

    def __init__(self, grammar: Grammar, indentation: Indentation) -> None:
        self.grammar = bracketed(grammar, indentation)
        self.tables = Tables(self.grammar)
        self.tab = indentation.tab
        label = {name: number for number, name in enumerate(self.tables.terminals, FIRST_LABEL)}
        self.newline, self.indent, self.dedent = (
            label[name] for name in (indentation.newline, *indentation.declared)
        )
        self.inside = [self._is_inside(number, indentation) for number in range(len(self.tables.merged))]
        self.tried = self._tried(Tables(grammar))

    def _is_inside(self, number: int, indentation: Indentation) -> bool:
        for production, position in self.tables.kernel(number):
            return levels(production, indentation)[position] > 0
        return False

    def _tried(self, plain: Tables) -> list[int]:
        """The terminals that may come next in the states of the plain grammar that the same symbols lead to."""
        rule_of = {name: number for number, name in enumerate(plain.rules)}
        plain_rule = [rule_of[plain_name(name)] for name in self.tables.rules]
        found = {0: 0}
        todo = [0]
        for number in todo:
            state, other = self.tables.merged[number], plain.merged[found[number]]
            pairs = [(target, other.shift[terminal]) for terminal, target in state.shift.items()]
            pairs += [(target, other.goto[plain_rule[rule]]) for rule, target in state.goto.items()]
            for target, same in pairs:
                if target not in found:
                    found[target] = same
                    todo.append(target)
                elif found[target] != same:
                    raise GrammarRefused(
                        "what may stand in brackets and what may stand outside are too entangled",
                        "keep line ends and indentation out of brackets",
                        plain_name(self.tables.kernel(target)[0][0].name),
                    )
        return [plain.merged[found[number]].follow for number in range(len(self.tables.merged))]

    def check_beginnings(self, scanner: Scanner) -> None:
        """Raise unless the first byte of the end of a line says that it is one, outside of brackets."""
        only = 1 << self.newline
        for target, _ in scanner.bytes_to[scanner.start]:
            if scanner.reach[target] & only and scanner.reach[target] != only:
                others = [
                    self.tables.terminals[label - FIRST_LABEL]
                    for label in bit_positions(scanner.reach[target] & ~only)
                    if label >= FIRST_LABEL
                ]
                raise GrammarRefused(
                    f"{' and '.join(others) or 'ignored text'} may begin like the end of a line",
                    "let the terminals outside of brackets begin differently from it",
                    self.tables.terminals[self.newline - FIRST_LABEL],
                )

    def line_starts(self, scanner: Scanner) -> frozenset[int]:
        """The states of the scanner behind a line feed at which the end of a line may end.

        Raises GrammarRefused unless empty lines may follow everywhere in the end of a line, and the next line may begin
        any number of columns in.
        """
        inside = [state for state in scanner.reached if scanner.reach[state] == 1 << self.newline]
        starts = {
            row[0x0A]
            for row in (scanner.rows[state] for state in [scanner.start, *inside])
            if row[0x0A] in inside
        }
        found = frozenset(state for state in starts if scanner.label[state] == self.newline)
        empty_line = scanner.states.ahead([int(row[0x0A] in found) for row in scanner.rows])
        if not all(empty_line[state] for state in inside):
            raise GrammarRefused(
                "the end of a line does not go on over empty lines",
                r"let it repeat, as in `/(\r?\n[\t ]*)+/`",
                self.tables.terminals[self.newline - FIRST_LABEL],
            )
        blanks = (0x20, 0x09) if self.tab else (0x20,)
        if not all(any(self._repeats(scanner, state, blank) for blank in blanks) for state in found):
            raise GrammarRefused(
                "a line cannot begin any number of columns in",
                r"let blanks repeat, as in `/(\r?\n[\t ]*)+/`",
                self.tables.terminals[self.newline - FIRST_LABEL],
            )
        return found

    def _repeats(self, scanner: Scanner, state: int, byte: int) -> bool:
        """Whether the end of a line may go on with `byte` for ever, and end behind each."""
        seen: set[int] = set()
        while state not in seen and scanner.label[state] == self.newline:
            seen.add(state)
            state = scanner.rows[state][byte]
        return state in seen
