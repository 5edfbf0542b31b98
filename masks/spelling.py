"""Texts to tokens: the tokenizer's own tokenization where it has one, else the fewest tokens."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import cached_property

from .vocabulary import Vocabulary


class Spelling:
    """Immutable. Token sequences that spell given bytes."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary

    @cached_property
    def _ids(self) -> dict[bytes, int]:
        skip = self.vocabulary.special_ids
        ids: dict[bytes, int] = {}
        for token, text in enumerate(self.vocabulary.tokens):
            if text and token not in skip:
                ids.setdefault(text, token)
        return ids

    @cached_property
    def _sorted(self) -> list[bytes]:
        return sorted(self._ids)

    @cached_property
    def longest(self) -> int:
        """Bytes of the longest text token."""
        return max(map(len, self._ids), default=1)

    def tokens(self, text: bytes) -> list[int]:
        """Tokens whose bytes join to `text`; empty if there are none."""
        encode = self.vocabulary.encode
        if encode is not None:
            try:
                found = encode(text.decode())
            except UnicodeDecodeError:
                found = []
            if b"".join(self.vocabulary.tokens[t] for t in found) == text and not set(found) & self.vocabulary.special_ids:
                return list(found)
        return self._fewest(text)

    def _fewest(self, text: bytes) -> list[int]:
        """A shortest segmentation, by dynamic programming from the end."""
        n = len(text)
        best: list[tuple[int, int] | None] = [None] * n + [(0, 0)]
        for i in reversed(range(n)):
            for j in range(i + 1, min(n, i + self.longest) + 1):
                rest = best[j]
                if rest is not None and (best[i] is None or rest[0] + 1 < best[i][0]) and text[i:j] in self._ids:  # type: ignore[index]
                    best[i] = (rest[0] + 1, j)
        if best[0] is None:
            return []
        found, i = [], 0
        while i < n:
            j = best[i][1]  # type: ignore[index]
            found.append(self._ids[text[i:j]])
            i = j
        return found

    def extends(self, text: bytes) -> bool:
        """Whether some token begins with `text` and is longer."""
        first = bisect_right(self._sorted, text)
        return first < len(self._sorted) and self._sorted[first].startswith(text)

    def __contains__(self, text: bytes) -> bool:
        i = bisect_left(self._sorted, text)
        return i < len(self._sorted) and self._sorted[i] == text
