"""The tokens of a vocabulary by what of strings they hold, and the content of raw string text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

import numpy as np

from ..grammar.pushdown import TextSet
from .tables import TokenTables


def content_of(raw: bytes) -> bytes:
    """The content of raw string text, as UTF-8; parts of characters at its ends stay, a part of an escape does not.

    Raises ValueError for what is no escape.
    """
    whole = _WHOLE_ESCAPES.match(raw)
    assert whole is not None
    content = _ESCAPES.sub(_unescaped, whole[0])
    return content[:-3] if _HALF_PAIR.search(content) else content


def _unescaped(found: re.Match[bytes]) -> bytes:
    text: str = json.loads(b'"%b"' % found[0])
    return text.encode(errors="surrogatepass")


_WHOLE_ESCAPES = re.compile(rb"(?:[^\\]|\\u[0-9a-fA-F]{4}|\\[^u])*", re.DOTALL)
# Several at once: two may be one character.
_ESCAPES = re.compile(rb"(?:\\u[0-9a-fA-F]{4}|\\[^u])+", re.DOTALL)
_HALF_PAIR = re.compile(rb"\xed[\xa0-\xaf].\Z", re.DOTALL)
_NAME_INSIDE = re.compile(rb'[,{]\s*"(?:[^"\\]|\\.)*"', re.DOTALL)
_NAME_BEGUN = re.compile(rb'[,{]\s*"')
_NEXT_NAME = re.compile(rb':.*,\s*"', re.DOTALL)


class QuoteTokens:
    """The tokens of a vocabulary by their quotes.

    name_inside : int64[n], those that could hold a whole member name behind something else.
    name_begun  : int64[n], those that could begin one there.
    next_name   : int64[n], those that could end one and begin another.
    """

    def __init__(self, tables: TokenTables) -> None:
        texts = {token: tables.vocabulary.tokens[token] for token in tables.with_quote.tolist()}

        def those(pattern: re.Pattern[bytes]) -> np.ndarray:
            return np.array([token for token, text in texts.items() if pattern.search(text)], np.int64)

        self.name_inside, self.name_begun, self.next_name = map(
            those, (_NAME_INSIDE, _NAME_BEGUN, _NEXT_NAME)
        )
        self._ending: dict[bytes, list[int]] = {}
        self._whole: dict[bytes, list[int]] = {}
        self._open: dict[bytes, list[int]] = {}
        for token, text in texts.items():
            before = _before_quote(text)
            if before is None:
                continue
            self._ending.setdefault(before, []).append(token)
            if not before.strip():
                string = text.lstrip()[1:]
                name = _before_quote(string)
                if name is not None:
                    self._whole.setdefault(name, []).append(token)
                else:
                    self._open.setdefault(string.split(b"\\")[0], []).append(token)

    def ending(self, content: bytes) -> list[int]:
        """The tokens that end a string behind exactly this content."""
        return self._ending.get(content, [])

    def whole(self, content: bytes) -> list[int]:
        """The tokens that begin with a whole string of this content."""
        return self._whole.get(content, [])

    def whole_of(self, contents: TextSet) -> list[int]:
        """The same for any of these contents."""
        if len(contents) < len(self._whole):
            return [token for content in contents.beginning_with(b"") for token in self.whole(content)]
        return [token for content, tokens in self._whole.items() if content in contents for token in tokens]

    def beginning(self, names: Iterable[bytes]) -> np.ndarray:
        """The tokens that begin a string that could be one of `names`, and do not end it. int64[n]."""
        beginnings = {name[:n] for name in names for n in range(len(name) + 1)}
        return np.array([token for text in beginnings for token in self._open.get(text, [])], np.int64)


def _before_quote(text: bytes) -> bytes | None:
    """The content in front of the first quote that is not escaped, None if there is no such quote."""
    found = re.match(rb'((?:[^"\\]|\\.)*)"', text, re.DOTALL)
    if found is None:
        return None
    try:
        return content_of(found[1])
    except ValueError:
        return None
