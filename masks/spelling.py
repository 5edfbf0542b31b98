"""Texts to tokens: the tokenizer's own tokenization where it has one, else the fewest tokens."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property

from .vocabulary import Vocabulary

_NONE = 1 << 30


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
            if (
                b"".join(self.vocabulary.tokens[t] for t in found) == text
                and not set(found) & self.vocabulary.special_ids
            ):
                return list(found)
        return self._fewest(text)

    def _fewest(self, text: bytes) -> list[int]:
        """A shortest segmentation, by dynamic programming from the end."""
        n = len(text)
        # For each position the fewest tokens from there on, and where the first of them ends.
        fewest = [0] * n + [0]
        ends = [n] * n
        for i in reversed(range(n)):
            reach = range(i + 1, min(n, i + self.longest) + 1)
            options = [(fewest[j], j) for j in reach if fewest[j] < _NONE and text[i:j] in self._ids]
            best, ends[i] = min(options, default=(_NONE, n))
            fewest[i] = best + 1 if best < _NONE else _NONE
        if n and fewest[0] >= _NONE:
            return []
        found, i = [], 0
        while i < n:
            found.append(self._ids[text[i : ends[i]]])
            i = ends[i]
        return found

    def extends(self, text: bytes) -> bool:
        """Whether some token begins with `text` and is longer."""
        first = bisect_right(self._sorted, text)
        return first < len(self._sorted) and self._sorted[first].startswith(text)
