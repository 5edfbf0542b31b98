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
from .nodes import Literal, Node
from .notation import ANY_CHARACTER, RuleReader

_ESCAPES = {"n": 0x0A, "r": 0x0D, "t": 0x09} | {char: ord(char) for char in '\\"[]-^'}
_HEX_ESCAPES = {"x": 2, "u": 4, "U": 8}


def parse_gbnf(text: str, start: str = "root") -> Rules:
    """The rules of a GBNF grammar. Raises GrammarSyntaxError, CompileBudgetExceeded."""
    return _Gbnf(text).read(start)


_NAME = r"[A-Za-z0-9_][A-Za-z0-9_-]*+"
_SPACE = r"(?:[ \t\r\n]++|#[^\n]*+(?:\n|$))*+"
_SIMPLE = rf"""({_NAME})(?!{_SPACE}::=)|("[^"\\\ud800-\udfff]*+")|\[((?:[^\\\]]|\\.)*+)\]"""


class _Gbnf(RuleReader):
    notation = "gbnf"
    name_pattern = re.compile(_NAME)
    space_pattern = re.compile(_SPACE)
    definition_pattern = re.compile(f"{_NAME}{_SPACE}::=")
    simple_pattern = re.compile(f"(?:{_SIMPLE}){_SPACE}([*+?]?+){_SPACE}(?![*+?{{])", re.DOTALL)
    own_starts = '"[(.'
    rule_form = "name ::= ..."

    def read(self, start: str) -> Rules:
        self.read_rules()
        return self.finish(start)

    def own_element(self, at: int) -> Node | None:
        char = self.next_char()
        if char == '"':
            self.at += 1
            return self._literal(at)
        if char == ".":
            self.at += 1
            return ANY_CHARACTER
        if char == "<" or (char == "!" and self.peek("!<")):
            self.fail("tokens cannot be named in a grammar", "write the text of the token")
        return None

    def counts(self, at: int) -> tuple[int, int | None]:
        self.skip()
        low = self.number()
        self.skip()
        high = low
        if self.take(","):
            self.skip()
            high = self.number()
            self.skip()
        elif low is None:
            self.fail("a repetition needs a count", "write `{2}`, `{2,}` or `{2,5}`", at)
        self.expect("}", "write `{2}`, `{2,}` or `{2,5}`")
        return low or 0, high

    def _literal(self, at: int) -> Node:
        points: list[int] = []
        while not self.take('"'):
            if not self.next_char():
                self.fail("this literal is not closed", 'add a `"`', at)
            points.append(self.point())
        return Literal("".join(map(chr, points)))

    def point(self) -> int:
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
