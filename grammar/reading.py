"""What bytes mean in a parser state: the beginning of a terminal, its end, or an error.

Both kinds of parser states read in the same way: the LALR(1) ones, of which `lexing.py` shows what may happen at all,
and the canonical ones that texts lead to.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from .lr import Tables
from .scanner import FIRST_LABEL, IGNORED, NOTHING_READ, Scanner


@dataclass(frozen=True, slots=True)
class Token:
    """A terminal that was read.

    label  : see `Scanner`.  rest : the bytes behind it that were read before its end showed.
    barred : bytes (as bits) that cannot follow `rest`, since they would have continued the terminal.
    """

    label: int
    rest: bytes = b""
    barred: int = 0


@dataclass(frozen=True, slots=True)
class Position:
    """Inside or before a terminal, in a parser state.

    state  : of the scanner.
    late   : the terminal that ended before, in case nothing longer does, and the bytes since.
    barred : bytes (as bits) that do not come next.
    """

    parser: int
    state: int = NOTHING_READ
    late: tuple[int, bytes] | None = None
    barred: int = 0


@dataclass(frozen=True, slots=True)
class InLine:
    """Inside the end of a line, which the parser has already taken.

    state : of the scanner.
    width : how far in the next line begins by now; None where there is none yet, but a comment.
    """

    state: int
    width: int | None


@dataclass(frozen=True, slots=True)
class LineEnd:
    """A line begins `width` columns in, with a byte that is not among `barred` (as bits)."""

    width: int
    barred: int


class Reading(ABC):
    """How texts are read in the parser states of one kind.

    end_label : that of the end of the text.
    late      : the ends of terminals that show late: the label, and the bytes behind.
    """

    end_label: int
    late: set[tuple[int, bytes]]

    @abstractmethod
    def scanner(self, parser: int) -> Scanner:
        """What the lexer tries in a parser state."""

    @abstractmethod
    def wanted(self, parser: int) -> int:
        """The labels that may come next, as bits, that of ignored text included."""

    @abstractmethod
    def first(self, parser: int) -> int:
        """The bytes (as bits) that may come next where no terminal has begun."""

    @abstractmethod
    def firsts_after(self, label: int, parser: int) -> int:
        """The bytes (as bits) that may begin what stands behind a terminal read in the state `parser`."""

    def lexed_as(self, parser: int) -> tuple[int, int]:
        """Equal for parser states in which the same is tried and wanted: they lex alike."""
        return id(self.scanner(parser)), self.wanted(parser)

    def ended(self, position: Position) -> Token | None:
        """The terminal that ends at `position`, if the next byte does not continue it."""
        if position.state == NOTHING_READ:
            return Token(self.end_label)
        scanner = self.scanner(position.parser)
        label = scanner.label[position.state]
        barred = scanner.barring[position.state] | position.barred
        if label >= 0:
            return Token(label, b"", barred & self.firsts_after(label, position.parser))
        return Token(*position.late, barred) if position.late else None

    def restricted(self, position: Position, barred: int) -> Position:
        """`position`, where bytes that could matter are barred from coming next."""
        if position.state == NOTHING_READ:
            barred &= self.first(position.parser)
        return Position(position.parser, position.state, position.late, barred)

    def is_live(self, parser: int, state: int) -> bool:
        """Whether from `state` of its scanner some wanted terminal can be completed."""
        return bool(self.scanner(parser).reach[state] & self.wanted(parser))

    def read(self, parser: int, text: bytes) -> Position | Token | None:
        """What `text` is at the start of a terminal in a parser state: its beginning, more than it, or an error."""
        scanner = self.scanner(parser)
        state = NOTHING_READ
        ends = [(IGNORED, 0)]
        for i, byte in enumerate(text):
            if ends[-1][1] == i > 0 and scanner.voids[state] >> byte & 1:
                ends.pop()
            target = scanner.row(state)[byte]
            if target == 0:
                label, ended = ends[-1]
                return Token(label, text[ended:]) if ended else None
            state = target
            if scanner.label[state] >= 0:
                ends.append((scanner.label[state], i + 1))
        label, ended = ends[-1]
        late = (label, text[ended:]) if 0 < ended < len(text) else None
        if late not in self.late:
            late = None
        if late is None and state != NOTHING_READ and not self.is_live(parser, state):
            return None
        return Position(parser, state, late)

    def _first(self, parser: int) -> int:
        scanner = self.scanner(parser)
        return scanner.first_to(scanner.reach, self.wanted(parser))


class CanonicalReading(Reading):
    """Reading in canonical states: a terminal is only begun where its end may follow.

    merged : the same for the LALR(1) states.
    """

    def __init__(self, tables: Tables, merged: Reading) -> None:
        self.end_label = merged.end_label
        self.late = merged.late
        self._tables = tables
        self._merged = merged
        self._firsts: dict[tuple[int, int], int] = {}
        self._alike: dict[tuple[int, int], int] = {}
        self._first_alike: dict[int, int] = {}
        self._lexed: dict[int, tuple[Scanner, int]] = {}  # by parser state, what is tried and wanted

    def first_alike(self, parser: int) -> int:
        """The first state that was asked for among those that lex alike."""
        found = self._first_alike.get(parser)
        if found is None:
            found = self._alike.setdefault(self.lexed_as(parser), parser)
            self._first_alike[parser] = found
        return found

    def scanner(self, parser: int) -> Scanner:
        found = self._lexed.get(parser)
        return (found or self._lex(parser))[0]

    def wanted(self, parser: int) -> int:
        found = self._lexed.get(parser)
        return (found or self._lex(parser))[1]

    def _lex(self, parser: int) -> tuple[Scanner, int]:
        state = self._tables.state(parser)
        lexed = self._merged.scanner(state.merged), state.follow << FIRST_LABEL | 1 << IGNORED
        self._lexed[parser] = lexed
        return lexed

    def first(self, parser: int) -> int:
        state = self._tables.state(parser)
        key = state.merged, state.follow
        found = self._firsts.get(key)
        if found is None:
            found = self._firsts[key] = self._first(parser)
        return found

    def firsts_after(self, label: int, parser: int) -> int:
        if label == IGNORED:
            return self.first(parser)
        return self._merged.firsts_after(label, self._tables.state(parser).merged)
