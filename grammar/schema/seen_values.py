"""The values that items of an array had: sets that grow by one value at a time.

Each item adds one to the set of those before it, and all of these sets stay in use: states hold them. So they share
what they have in common, and find by their beginning the texts that a string or number may still become.
"""

from __future__ import annotations

import json
from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator

MAX_ASIDE = 64
"""A set of no more texts than this, or with so many that are not in the common log, gets a log of its own."""


class _Log:
    """Texts in the order in which they came, and sorted."""

    __slots__ = ("index", "ordered", "sorted")

    def __init__(self, texts: Iterable[bytes] = ()) -> None:
        self.ordered = list(texts)
        self.sorted = sorted(self.ordered)
        self.index = {text: i for i, text in enumerate(self.ordered)}

    def append(self, text: bytes) -> None:
        # In this order: others may read.
        self.index[text] = len(self.ordered)
        self.ordered.append(text)
        insort(self.sorted, text)


class GrowingSet:
    """An immutable set of texts: the first `n` of a log that others may append to, and some aside."""

    __slots__ = ("_aside", "_hash", "_log", "_n")

    def __init__(self, texts: Iterable[bytes] = ()) -> None:
        self._log = _Log(texts)
        self._n = len(self._log.ordered)
        self._aside: frozenset[bytes] = frozenset()
        self._hash = 0
        for text in self._log.ordered:
            self._hash ^= hash(text)

    def __len__(self) -> int:
        return self._n + len(self._aside)

    def __contains__(self, text: bytes) -> bool:
        return self._log.index.get(text, self._n) < self._n or text in self._aside

    def __iter__(self) -> Iterator[bytes]:
        yield from self._log.ordered[: self._n]
        yield from self._aside

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GrowingSet) or self._hash != other._hash or len(self) != len(other):
            return False
        if self._log is other._log and self._aside == other._aside:
            return True  # of as many texts in all
        return all(text in other for text in self)

    def with_(self, text: bytes) -> GrowingSet:
        """The set with one more text. Not to be called by two threads at once."""
        if text in self:
            return self
        log, n, aside = self._log, self._n, self._aside
        if n and n == len(log.ordered) and not aside:
            log.append(text)
        if n and not aside and log.ordered[n] == text:
            n += 1
        elif n > MAX_ASIDE > len(aside):
            aside |= {text}
        else:
            return GrowingSet([*self, text])
        found = GrowingSet.__new__(GrowingSet)
        found._log, found._n, found._aside, found._hash = log, n, aside, self._hash ^ hash(text)
        return found

    def beginning_with(self, prefix: bytes) -> list[bytes]:
        """Its texts that begin with `prefix`."""
        known, n = self._log.index, self._n
        found = [text for text in self._log.sorted[slice(*self._range(prefix))] if known[text] < n]
        return found + [text for text in self._aside if text.startswith(prefix)]

    def has_beginning(self, prefix: bytes) -> bool:
        """Whether any does."""
        known, n = self._log.index, self._n
        low, high = self._range(prefix)
        if any(known[self._log.sorted[i]] < n for i in range(low, high)):
            return True
        return any(text.startswith(prefix) for text in self._aside)

    def _range(self, prefix: bytes) -> tuple[int, int]:
        texts = self._log.sorted
        low = bisect_left(texts, prefix)
        # No text has a byte of 0xff, being UTF-8.
        return low, bisect_left(texts, prefix + b"\xff", low)


_EMPTY = GrowingSet()


class SeenValues:
    """An immutable set of values, by their canonical texts.

    strings : the content of those that are strings, as UTF-8.
    numbers : see `number_key`.
    others  : the canonical texts of the rest.
    """

    __slots__ = ("numbers", "others", "strings")

    def __init__(
        self,
        strings: GrowingSet = _EMPTY,
        numbers: GrowingSet = _EMPTY,
        others: frozenset[str] = frozenset(),
    ) -> None:
        self.strings, self.numbers, self.others = strings, numbers, others

    @staticmethod
    def of(texts: Iterable[str]) -> SeenValues:
        """The set of some values."""
        strings, numbers, others = set(), set(), set()
        for text in texts:
            if text[0] == '"':
                strings.add(_content(text))
            elif text[0] in "-0123456789":
                numbers.add(number_key(text))
            else:
                others.add(text)
        return SeenValues(GrowingSet(strings), GrowingSet(numbers), frozenset(others))

    def __len__(self) -> int:
        return len(self.strings) + len(self.numbers) + len(self.others)

    def __contains__(self, text: str) -> bool:
        if text[0] == '"':
            return _content(text) in self.strings
        if text[0] in "-0123456789":
            return number_key(text) in self.numbers
        return text in self.others

    def __hash__(self) -> int:
        return hash((self.strings, self.numbers, self.others))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SeenValues) and (
            self.numbers == other.numbers and self.strings == other.strings and self.others == other.others
        )

    def with_(self, text: str) -> SeenValues:
        """The set with one more value. Not to be called by two threads at once."""
        if text[0] == '"':
            return SeenValues(self.strings.with_(_content(text)), self.numbers, self.others)
        if text[0] in "-0123456789":
            return SeenValues(self.strings, self.numbers.with_(number_key(text)), self.others)
        return SeenValues(self.strings, self.numbers, self.others | {text})

    def texts(self, *, strings: bool = True, numbers: bool = True) -> frozenset[str]:
        """The canonical texts, those of strings and of numbers if asked for."""
        found = self.others
        if strings and len(self.strings):
            found |= {json.dumps(text.decode("utf-8", "surrogatepass")) for text in self.strings}
        if numbers and len(self.numbers):
            found |= set(map(_canonical_number, self.numbers))
        return found


NO_VALUES = SeenValues()


def number_key(text: str) -> bytes:
    """The canonical text of a number with its sign behind it: it begins with the significant digits."""
    return (text[1:] + "-" if text[0] == "-" else text).encode()


def _canonical_number(key: bytes) -> str:
    text = key.decode()
    return "-" + text[:-1] if text[-1] == "-" else text


def _content(text: str) -> bytes:
    content: str = json.loads(text)
    return content.encode("utf-8", "surrogatepass")
