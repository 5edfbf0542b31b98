"""A set of names that grows, and of which a matcher's history holds every stage."""

from __future__ import annotations

from collections.abc import Iterator


class NameSet:
    """Immutable. Stages share their parts: n of them, a name more each time, hold O(n log n) names.

    Parts have falling sizes; one that a new name makes as large as the part before it is joined to that.
    """

    __slots__ = ("_next", "_parts", "ending", "whole")

    def __init__(self, parts: tuple[frozenset[bytes], ...] = ()) -> None:
        self._parts = parts
        self._next: dict[bytes, NameSet] | None = None
        # For who asks which tokens end one of the names, or are one in quotes: found out once.
        self.ending: list[int] | None = None
        self.whole: list[int] | None = None

    def __contains__(self, name: bytes) -> bool:
        for part in self._parts:  # a generator would take longer than it looks
            if name in part:
                return True
        return False

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            yield from part

    def beginning_with(self, prefix: bytes) -> list[bytes]:
        """Those that begin with `prefix`."""
        return [name for part in self._parts for name in part if name.startswith(prefix)]

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NameSet) and self._parts == other._parts

    def __hash__(self) -> int:
        return hash(self._parts)

    def adding(self, name: bytes) -> NameSet:
        """The set with one more name, which is not in it."""
        parts, joined = self._parts, frozenset([name])
        while parts and len(parts[-1]) <= len(joined):
            parts, joined = parts[:-1], joined | parts[-1]
        return NameSet((*parts, joined))

    def adding_again(self, name: bytes) -> tuple[NameSet, bool]:
        """The same, the same object whenever that is asked for; and whether it was for the first time."""
        found = None if self._next is None else self._next.get(name)
        if found is not None:
            return found, False
        found = self.adding(name)
        if self._next is None:
            self._next = {}
        self._next[name] = found
        return found, True


NO_NAMES_SEEN = NameSet()
