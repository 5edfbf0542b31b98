"""The text of what is open: it grows by a byte at a time, and all that it was before stays in use."""

from __future__ import annotations

_CHUNK = 64


class OpenText:
    """An immutable text, in pieces that longer ones share.

    beginning : the first of them.
    """

    __slots__ = ("_before", "_last", "beginning")

    def __init__(self, last: bytes = b"", before: OpenText | None = None) -> None:
        self._last = last
        self._before = before
        self.beginning: bytes = last if before is None else before.beginning

    def with_(self, byte: int) -> OpenText:
        """The text with one more byte."""
        if len(self._last) < _CHUNK:
            return OpenText(self._last + bytes((byte,)), self._before)
        return OpenText(bytes((byte,)), self)

    def __bytes__(self) -> bytes:
        parts = []
        here: OpenText | None = self
        while here is not None:
            parts.append(here._last)
            here = here._before
        return b"".join(reversed(parts))

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, OpenText) and bytes(self) == bytes(other))

    def __hash__(self) -> int:
        return hash(bytes(self))
