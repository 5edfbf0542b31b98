"""Where the end of a terminal shows late: `1.` is the number 1 and a dot, unless a digit follows.

Behind the end of a terminal, the bytes that may continue it are read on, beside what else may stand there, for as long
as both may be meant.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from .bits import bit_positions, union
from .reading import Reading, Token
from .scanner import Scanner

MAX_LATE_ENDS = 2000
MAX_LATE_BYTES = 16

LateEnd = tuple[bytes, int]
"""The bytes behind a terminal's end that may continue it, and those (as bits) that then would."""

_ANY_BYTE = (1 << 256) - 1


class TooLate(Exception):
    """Where a terminal ends shows behind `text` at the earliest: too many bytes on, or in too many ways."""

    def __init__(self, text: bytes) -> None:
        super().__init__(text)
        self.text = text


class LateEnds:
    """The late ends of terminals in front of what is read in the states `after`.

    scanner : any; all have the same states.
    after   : of states that lex alike one is enough.
    """

    def __init__(self, reading: Reading, scanner: Scanner, after: tuple[int, ...]) -> None:
        self._found: list[LateEnd] = []
        self._reading = reading
        self._scanner = scanner
        self._after = after
        self._barren: set[Hashable] = set()  # places behind which no end shows late
        self._n_visited = 0

    def find(self, state: int) -> tuple[LateEnd, ...]:
        """The late ends behind a state of the scanner in which a terminal ends. Raises TooLate."""
        firsts = [self._reading.first(parser) for parser in self._after]
        starts = (self._reading.scanner(parser).start for parser in self._after)
        self._explore(state, b"", union(firsts), tuple(dict.fromkeys(starts)))
        return tuple(self._found)

    def _explore(self, here: int, text: bytes, begun: int, reading: tuple[int, ...]) -> bool:
        """Whether an end shows late behind `text`.

        begun   : the bytes that go on in what may stand there.
        reading : the states of the scanner in which that is.
        """
        shows = False
        for target, bytes_ in self._scanner.bytes_to[here]:
            # What ends here and is void before a byte has ended nowhere.
            bytes_ &= begun & ~self._scanner.voids[here]
            if self._scanner.label[target] < 0:
                for alike in self._alike(bytes_, text, reading):
                    after = tuple(dict.fromkeys(self._scanner.rows[state][alike[0]] for state in reading))
                    for byte in alike:
                        if not self._visit(target, text + bytes([byte]), after):
                            break  # nor does it behind the others
                        shows = True
            elif self._scanner.voids[target]:
                for byte in bit_positions(bytes_):
                    self._check_voids(text + bytes([byte]), self._scanner.voids[target])
        return shows

    def _alike(self, bytes_: int, text: bytes, reading: tuple[int, ...]) -> Iterable[list[int]]:
        """Some bytes, those together that lead to the same in all that may stand behind the terminal."""
        rows = [self._scanner.rows[state] for state in reading]
        voids = [self._scanner.voids[state] for state in reading]
        firsts = [] if text else [self._reading.first(parser) for parser in self._after]
        found: dict[tuple[int, ...], int] = {}
        for alike in self._scanner.states.byte_classes:
            if alike & bytes_:
                byte = alike.bit_length() - 1
                key = *[row[byte] for row in rows], *[bits >> byte & 1 for bits in (*voids, *firsts)]
                found[key] = found.get(key, 0) | alike & bytes_
        return [list(bit_positions(bits)) for bits in found.values()]

    def _visit(self, target: int, text: bytes, reading: tuple[int, ...]) -> bool:
        """Whether an end shows late in `text`, which ends in the state `target`, or behind it."""
        others = self._others(text)
        place = target, frozenset(others)
        if not others or place in self._barren:
            return False
        self._n_visited += 1
        if self._n_visited > MAX_LATE_ENDS or len(text) > MAX_LATE_BYTES:
            raise TooLate(text)
        n_found = len(self._found)
        self._found.append((text, self._scanner.continued[target]))
        goes_on = union(others.values())
        if (
            not self._explore(target, text, goes_on, reading)
            and not goes_on & ~self._scanner.continued[target]
        ):
            # So it is inside of a character, where all characters continue the terminal.
            del self._found[n_found:]
            self._barren.add(place)
            return False
        return True

    def _others(self, text: bytes) -> dict[Hashable, int]:
        """Where `text` leads as the beginning of what may stand there, with the bytes that may come next."""
        found: dict[Hashable, int] = {}
        for parser in self._after:
            if not self._reading.first(parser) >> text[0] & 1:
                continue
            read = self._reading.read(parser, text)
            if isinstance(read, Token):
                found[read] = _ANY_BYTE
            elif read is not None:
                found[parser, read.state] = self._bytes_on(parser, text)
        return found

    def _bytes_on(self, parser: int, text: bytes) -> int:
        """The bytes that may come next behind `text`, which begins a terminal; any, if one may have ended in it."""
        scanner = self._reading.scanner(parser)
        state = scanner.start
        for byte in text:
            state = scanner.rows[state][byte]
            if scanner.label[state] >= 0:
                return _ANY_BYTE
        return scanner.continued[state]

    def _check_voids(self, text: bytes, voids: int) -> None:
        """Raise if the terminal may end before `text` because the longer one that ends behind it is void."""
        for byte in bit_positions(voids):
            if self._others(text + bytes([byte])):
                raise TooLate(text + bytes([byte]))
