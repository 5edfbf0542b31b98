"""The tokens of a vocabulary by how they may end an item, or a member, whose value matters."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from ..grammar.schema.shapes import ARRAY, NUMBER, OBJECT, ROOMY_STRINGS
from ..grammar.schema.shapes import STRING as STRING_TYPE
from .quote_tokens import content_of
from .tables import TokenTables, bit_positions, pack_ids

_END = re.compile(rb"[,\]}]")
_WITH_ARRAY = re.compile(rb"\[.+[,\]}]", re.DOTALL)
_STRING_END = re.compile(rb'(?:[^"\\]|\\.)*"(.*)', re.DOTALL)
# Behind a string in an item: the next name, or a value for this one.
_MEMBER = re.compile(rb"[ \t\r\n]*(?:,[ \t\r\n]*\"?|:[ \t\r\n]*[^,\]}]*)")
# Brackets that close, then a comma and the beginning of what comes next.
_NEXT_ITEM = re.compile(rb'[\]} \t\r\n]*(?:,[ \t\r\n]*(["{\[]?))?')
_OPENED_TYPES = {
    None: 0, b"": NUMBER | STRING_TYPE | OBJECT | ARRAY, b'"': STRING_TYPE, b"{": OBJECT, b"[": ARRAY
}  # fmt: skip
# Whole strings behind a string, then perhaps a part of one.
_STRINGS = re.compile(
    rb'[ \t\r\n]*(?:,[ \t\r\n]*"(?:[^"\\]|\\.)*"[ \t\r\n]*)*(?:,[ \t\r\n]*(?:"(?:[^"\\]|\\.)*\\?)?)?',
    re.DOTALL,
)
_WHOLE_STRING = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
# A value one level further in, or behind a name: a number or a whole string.
_INNER_VALUE = re.compile(rb'[\[:][ \t\r\n]*(?:-?[0-9]|-|"(?:[^"\\]|\\.)*")', re.DOTALL)
_NUMBER = re.compile(rb"[-+.0-9eE]*")


class ItemTokens:
    """The tokens in which an item may end and something follows, or that may become a value that is not allowed.

    strings : those that end a string and have whole ones behind it: with the contents of all of these.
    """

    def __init__(self, tables: TokenTables) -> None:
        self._n_words = tables.n_words
        found: dict[str, list[int]] = {
            kind: []
            for kind in ("outside", "in string", "behind string", "with array", "inner", "behind inner")
        }
        self.strings: dict[int, list[bytes]] = {}
        # Of those behind a string the ones that are harmless if the next item may have one of these types.
        harmless: dict[int, list[int]] = {}
        for token, text in enumerate(tables.vocabulary.tokens):
            if not tables.is_text[token]:
                continue
            if _END.search(text):
                found["outside"].append(token)
            elif _INNER_VALUE.search(text):
                found["inner"].append(token)
            tail = _behind_quote(text)
            if tail:
                found["behind string"].append(token)
                if not _MEMBER.fullmatch(tail):
                    found["in string"].append(token)
                elif _INNER_VALUE.search(tail):
                    found["behind inner"].append(token)
                if _WITH_ARRAY.search(tail):
                    found["with array"].append(token)
                types = _opened(tail)
                if types is None and _STRINGS.fullmatch(tail):
                    types = ROOMY_STRINGS
                    self._add_strings(token, text)
                if types is not None:
                    harmless.setdefault(types, []).append(token)
        self._words = {kind: pack_ids(tokens, tables.n_words) for kind, tokens in found.items()}
        self._harmless = {types: pack_ids(tokens, tables.n_words) for types, tokens in harmless.items()}

    def _add_strings(self, token: int, text: bytes) -> None:
        """Note the strings of a token that begins inside of one."""
        contents = _WHOLE_STRING.findall(b'"' + text)
        if len(contents) > 1:
            try:
                self.strings[token] = list(map(content_of, contents))
            except (
                ValueError
            ):  # no escape that there is, or a part of one: never in a mask, or behind one that is
                self.strings[token] = []

    def among(self, row: np.ndarray, kind: str) -> list[int]:
        """The tokens of `row` of a kind.

        kind : those that may end an item "outside" of a string; "in string" if that is a part of an item; "with array"
               if it is in none. Those that hold a value but end no item: "inner" outside of a string, "behind inner"
               behind its end.
        """
        return bit_positions(row[: self._n_words] & self._words[kind])

    def behind_string(self, row: np.ndarray, harmless: int | None) -> list[int]:
        """The same for a string that is the item, but for tokens that are `harmless` (types, None: none are).

        Where strings are roomy, those of `strings` are not among them either.
        """
        words = row[: self._n_words] & self._words["behind string"]
        for types, tokens in self._harmless.items() if harmless is not None else ():
            if not types or types & (harmless or 0):
                words &= ~tokens
        return bit_positions(words)


def _behind_quote(text: bytes) -> bytes:
    """What a token has behind the first quote that is not escaped."""
    found = _STRING_END.fullmatch(text)
    return b"" if found is None else found[1]


def _opened(tail: bytes) -> int | None:
    """The types that may come behind an item and a comma, 0 where there is none; None if more follows than that."""
    found = _NEXT_ITEM.fullmatch(tail)
    return None if found is None else _OPENED_TYPES[found[1]]


def is_harmless(tail: bytes, types: int) -> bool:
    """Whether a token may follow an item, whatever that is: `tail` begins with the byte at which it ends.

    types : those of which the next item has many values.
    """
    opened = _opened(tail if tail[:1] in (b",", b" ", b"\t", b"\r", b"\n") else tail[1:])
    return opened is not None and (not opened or opened & types != 0)


class Part(NamedTuple):
    """The tokens that begin with the same part of a number: that is all of them, or they end it."""

    staying: tuple[int, ...]
    ending: tuple[int, ...]


class NumberTokens:
    """The tokens of a vocabulary by the part of a number with which they begin.

    inside : by their part, in a number.
    before : the same where a number may begin, behind white space.
    others : uint32[n_words], those that begin with something else.
    """

    def __init__(self, tables: TokenTables) -> None:
        inside: dict[bytes, tuple[list[int], list[int]]] = {}
        before: dict[bytes, tuple[list[int], list[int]]] = {}
        others = []
        for token, text in enumerate(tables.vocabulary.tokens):
            if not tables.is_text[token]:
                continue
            if not _add(inside, token, text):
                others.append(token)
            _add(before, token, text.lstrip(b" \t\r\n"))
        self.inside = _parts(inside)
        self.before = _parts(before)
        self.others = pack_ids(others, tables.n_words)


def _add(parts: dict[bytes, tuple[list[int], list[int]]], token: int, text: bytes) -> bool:
    """Add a token to those with its part of a number. False where it has none."""
    found = _NUMBER.match(text)
    assert found is not None
    if found[0]:
        staying, ending = parts.setdefault(found[0], ([], []))
        (staying if found.end() == len(text) else ending).append(token)
    return bool(found[0])


def _parts(parts: dict[bytes, tuple[list[int], list[int]]]) -> dict[bytes, Part]:
    return {text: Part(tuple(staying), tuple(ending)) for text, (staying, ending) in parts.items()}
