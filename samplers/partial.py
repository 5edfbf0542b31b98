"""The value that the beginning of a JSON text already determines."""

from __future__ import annotations

import json
import re
from typing import Any

from ..grammar.source import JsonSource
from .engine import ConstraintLike

_SPACE = re.compile(r"[ \t\n\r]*")
# Whole only when something follows: `1` may become `12`, and `1.` must become `1.5`.
_SCALAR = re.compile(r"(?:-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)(?=[ \t\n\r,\]}])")
# An escape that the end cuts has no character yet; a high surrogate waits for its other half.
_HALF_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u[0-9a-fA-F]{0,3})?)?|u[0-9a-fA-F]{0,3})?$"
)


class _Missing:
    """The mark of a value that has not begun or may still become another one."""


MISSING = _Missing()


def partial_json(text: str) -> Any:
    """The value of a prefix of a JSON text; MISSING where it is still open or the prefix is no JSON.

    Unfinished strings, arrays and objects are given as far as they go; a member appears with its value.
    A number or literal appears when something follows it, as `1` may become `12`.
    """
    try:
        return _Reader(text).value()
    except (_Truncated, ValueError):
        return MISSING


def partial_value(constraint: ConstraintLike, text: str) -> Any:
    """What the beginning of a text says so far: see `Partial.value`. None where nothing is known yet."""
    if not isinstance(constraint.source, JsonSource):
        return text
    value = partial_json(text)
    return None if value is MISSING else value


class _Truncated(Exception):
    """The text ends before the value has begun."""


class _Reader:
    """Recursive descent over a prefix. `at` is the next character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def peek(self) -> str:
        match = _SPACE.match(self.text, self.at)
        assert match is not None
        self.at = match.end()
        if self.at == len(self.text):
            raise _Truncated
        return self.text[self.at]

    def value(self) -> Any:
        head = self.peek()
        if head == "{":
            return self.container({}, "}")
        if head == "[":
            return self.container([], "]")
        if head == '"':
            return self.string()[0]
        return self.scalar()

    def container(self, into: Any, end: str) -> Any:
        self.at += 1
        try:
            while self.peek() != end:
                if self.text[self.at] == ",":
                    self.at += 1
                elif isinstance(into, dict):
                    self.member(into)
                else:
                    into.append(self.value())
            self.at += 1
        except _Truncated:
            self.at = len(self.text)  # so that the containers around this one end here too
        return into

    def member(self, into: dict[str, Any]) -> None:
        if self.peek() != '"':
            raise ValueError("a key must be a string")
        key, whole = self.string()
        if not whole or self.peek() != ":":
            raise _Truncated
        self.at += 1
        into[key] = self.value()

    def string(self) -> tuple[str, bool]:
        """The string from the quote at `at`, and whether its closing quote is there."""
        end = self.at + 1
        while end < len(self.text) and self.text[end] != '"':
            end += 2 if self.text[end] == "\\" else 1
        whole = end < len(self.text)
        body = self.text[self.at + 1 : end]
        self.at = min(end + 1, len(self.text))
        if not whole:
            body = _without_half_escape(body)
        decoded: str = json.loads(f'"{body}"')
        return decoded, whole

    def scalar(self) -> Any:
        match = _SCALAR.match(self.text, self.at)
        if match is None:
            raise _Truncated
        self.at = match.end()
        return json.loads(match.group())


def _without_half_escape(body: str) -> str:
    match = _HALF_ESCAPE.search(body)
    if match is None:
        return body
    # After an odd run of backslashes ours is the second half of an escaped backslash.
    before = len(body[: match.start()]) - len(body[: match.start()].rstrip("\\"))
    return body if before % 2 else body[: match.start()]
