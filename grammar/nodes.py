"""The grammar tree that regexes and context-free grammars are parsed into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal as OneOf
from typing import TypeAlias

from .utf8 import MAX_CODE_POINT

Ranges = tuple[tuple[int, int], ...]
"""Inclusive ranges of code points: sorted, disjoint, not touching."""


@dataclass(frozen=True, slots=True)
class Literal:
    """Exactly `text`; the empty text is the empty word."""

    text: str

    def __str__(self) -> str:
        return repr(self.text)


@dataclass(frozen=True, slots=True)
class Chars:
    """One character of `ranges`; without ranges, nothing matches."""

    ranges: Ranges

    def __post_init__(self) -> None:
        previous = -2
        for low, high in self.ranges:
            if not previous + 1 < low <= high <= MAX_CODE_POINT:
                raise ValueError(f"ranges are not sorted, disjoint and apart: {self.ranges}")
            previous = high

    def __str__(self) -> str:
        shown = (f"{low:04X}" if low == high else f"{low:04X}-{high:04X}" for low, high in self.ranges)
        return f"[{' '.join(shown)}]"


@dataclass(frozen=True, slots=True)
class Concat:
    """All `parts` in order."""

    parts: tuple[Node, ...]

    def __str__(self) -> str:
        return f"({' '.join(map(str, self.parts))})"


@dataclass(frozen=True, slots=True)
class Choice:
    """Any of `options`; without options, nothing matches."""

    options: tuple[Node, ...]

    def __str__(self) -> str:
        return f"({' | '.join(map(str, self.options))})"


@dataclass(frozen=True, slots=True)
class Repeat:
    """`body`, `low` to `high` times; `high=None` is unbounded."""

    body: Node
    low: int
    high: int | None

    def __post_init__(self) -> None:
        # Checked here once: nodes are immutable, so no pass re-checks.
        if self.low < 0 or (self.high is not None and self.high < self.low):
            raise ValueError(f"empty repetition {{{self.low},{self.high}}}")

    def __str__(self) -> str:
        return f"{self.body}{{{self.low},{'' if self.high is None else self.high}}}"


@dataclass(frozen=True, slots=True)
class Call:
    """What the rule `name` derives; only context-free grammars have rules."""

    name: str

    def __str__(self) -> str:
        return f"<{self.name}>"


@dataclass(frozen=True, slots=True)
class And:
    """The texts that every one of `parts` matches as a whole."""

    parts: tuple[Node, ...]

    def __post_init__(self) -> None:
        if not self.parts:
            raise ValueError("an intersection needs a part")

    def __str__(self) -> str:
        return f"({' & '.join(map(str, self.parts))})"


@dataclass(frozen=True, slots=True)
class Not:
    """The texts that `body` does not match as a whole."""

    body: Node

    def __str__(self) -> str:
        return f"!{self.body}"


@dataclass(frozen=True, slots=True)
class Anchor:
    """A position between characters: the start or end of the text, or a border of an ASCII word."""

    kind: OneOf["start", "end", "word", "not word"]

    def __str__(self) -> str:
        return f"<{self.kind}>"


@dataclass(frozen=True, slots=True)
class Look:
    """A position where `body` matches some text that begins here, or (`behind`) ends here."""

    body: Node
    behind: bool
    negative: bool

    def __str__(self) -> str:
        return f"(?{'<' if self.behind else ''}{'!' if self.negative else '='}{self.body})"


Node: TypeAlias = Literal | Chars | Concat | Choice | Repeat | Call | And | Not | Anchor | Look


def merge_ranges(ranges: list[tuple[int, int]]) -> Ranges:
    """Sort, and join what overlaps or touches."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def complement_ranges(ranges: Ranges) -> Ranges:
    """The code points outside `ranges`."""
    found = []
    after = 0
    for low, high in ranges:
        if after < low:
            found.append((after, low - 1))
        after = high + 1
    if after <= MAX_CODE_POINT:
        found.append((after, MAX_CODE_POINT))
    return tuple(found)
