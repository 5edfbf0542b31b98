"""GBNF, the grammars of llama.cpp.

    root  ::= item ("," item)*        # the text is what `root` derives
    item  ::= [a-z]+ | "\\"" [^"]* "\\"" | [0-9]{1,3}

Literals and classes have the escapes `\\n \\r \\t \\\\ \\" \\[ \\] \\- \\^`, `\\xHH`, `\\uHHHH` and `\\UHHHHHHHH`; `.`
is any character; `* + ? {n} {n,} {n,m}` repeat. A rule goes on until the next `name ::=`, over any number of lines. All
of a grammar counts as written, character by character: there is no lexer and no white space but what the rules say.
Rules may be left-recursive, and ambiguous.
"""

from __future__ import annotations

import re

from .context_free.rules import Rules
from .nodes import Call, Chars, Literal, Node, complement_ranges, merge_ranges
from .notation import ANY_CHARACTER, EMPTY, Reader, choice, concat

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
_DEFINITION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*(?:[ \t\r\n]|#[^\n]*(?:\n|$))*::=")
_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*(?:\n|$))*")
_ESCAPES = {"n": 0x0A, "r": 0x0D, "t": 0x09} | {char: ord(char) for char in '\\"[]-^'}
_HEX_ESCAPES = {"x": 2, "u": 4, "U": 8}


def parse_gbnf(text: str, start: str = "root") -> Rules:
    """The rules of a GBNF grammar. Raises GrammarSyntaxError, CompileBudgetExceeded."""
    return _Gbnf(text).read(start)


class _Gbnf(Reader):
    notation = "gbnf"

    def read(self, start: str) -> Rules:
        self._skip()
        while self.next_char():
            self._rule()
        return self.finish(start)

    def _rule(self) -> None:
        at = self.at
        name = self._name()
        if name is None:
            self.fail("expected a rule", "a rule is written `name ::= ...`")
        self._skip()
        self.expect("::=", "a rule is written `name ::= ...`")
        self._skip()
        self.define(name, self._alternatives(), at)
        if self.next_char() and not _DEFINITION.match(self.text, self.at):
            self.fail(f"`{self.next_char()}` does not belong here", "a rule is written `name ::= ...`")

    def _alternatives(self) -> Node:
        options = [self._sequence()]
        while self.take("|"):
            self._skip()
            options.append(self._sequence())
        return choice(options)

    def _sequence(self) -> Node:
        parts: list[Node] = []
        while self.next_char() not in ("", "|", ")") and not _DEFINITION.match(self.text, self.at):
            parts.append(self._repetition(self._element()))
        return concat(parts) if parts else EMPTY

    def _element(self) -> Node:
        at = self.at
        if self.take('"'):
            return self._literal(at)
        if self.take("["):
            return self._class(at)
        if self.take("."):
            return ANY_CHARACTER
        if self.take("("):
            self._skip()
            self.nested()
            body = self._alternatives()
            self.expect(")", "close the group")
            self.left()
            return body
        if self.peek("<") or self.peek("!<"):
            self.fail("tokens cannot be named in a grammar", "write the text of the token")
        name = self._name()
        if name is None:
            self.fail(f"`{self.next_char()}` does not belong here", "quote literal text")
        self.called.setdefault(name, at)
        return Call(name)

    def _repetition(self, body: Node) -> Node:
        self._skip()
        while (at := self.at) < len(self.text) and self.next_char() in "*+?{":
            sign = self.char()
            low, high = {"*": (0, None), "+": (1, None), "?": (0, 1), "{": (0, 0)}[sign]
            if sign == "{":
                low, high = self._counts(at)
            body = self.repeated(body, low, high, at)
            self._skip()
        return body

    def _counts(self, at: int) -> tuple[int, int | None]:
        self._skip()
        low = self.number()
        self._skip()
        high = low
        if self.take(","):
            self._skip()
            high = self.number()
            self._skip()
        elif low is None:
            self.fail("a repetition needs a count", "write `{2}`, `{2,}` or `{2,5}`", at)
        self.expect("}", "write `{2}`, `{2,}` or `{2,5}`")
        return low or 0, high

    def _literal(self, at: int) -> Node:
        points: list[int] = []
        while not self.take('"'):
            if not self.next_char():
                self.fail("this literal is not closed", 'add a `"`', at)
            points.append(self._point())
        return Literal("".join(map(chr, points)))

    def _class(self, at: int) -> Node:
        negated = self.take("^")
        found: list[tuple[int, int]] = []
        while not self.take("]"):
            if not self.next_char():
                self.fail("this class is not closed", "add a `]`", at)
            begin = self.at
            low = high = self._point()
            if self.peek("-") and not self.peek("-]"):
                self.at += 1
                if not self.next_char():
                    self.fail("this class is not closed", "add a `]`", at)
                high = self._point()
            if high < low:
                self.fail("the range is out of order", "write the smaller end first", begin)
            found.append((low, high))
        ranges = merge_ranges(found)
        return Chars(complement_ranges(ranges)) if negated else Chars(ranges)

    def _point(self) -> int:
        """Read a character of a literal or a class."""
        at = self.at
        char = self.char()
        if char != "\\":
            return self.scalar(ord(char), at)
        escaped = self.char() if self.next_char() else ""
        if escaped in _HEX_ESCAPES:
            return self.hexadecimal(_HEX_ESCAPES[escaped])
        if escaped not in _ESCAPES:
            self.fail(
                f"`\\{escaped}` is no escape",
                "write the character itself, or its code point as `\\u00E9`",
                at,
            )
        return _ESCAPES[escaped]

    def _name(self) -> str | None:
        found = _NAME.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found[0]

    def _skip(self) -> None:
        found = _SPACE.match(self.text, self.at)
        assert found is not None
        self.at = found.end()
