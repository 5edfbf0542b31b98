"""EBNF as the W3C writes it (XML 1.0, section 6).

    document ::= S? element S?                    /* the text is what the first rule derives */
    element  ::= '<' Name '>' (element | Text)* '</' Name '>'
    Name     ::= [A-Za-z_#xC0-#xFF]+ - 'xml'
    Text     ::= [^<&]+

Literals stand in either quotes and have no escapes; `#xN` is a character by its code point, also in a class. `A - B` is
what A derives and B does not: both must be regular, that is, need no recursion. `? * +` repeat, and so do `{n}`, `{n,}`
and `{n,m}`. Numbers in front of rules (`[12] Name ::=`), constraints (`[ wfc: ... ]`) and comments are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .context_free.rules import Rules
from .nodes import (
    And,
    Call,
    Chars,
    Choice,
    Concat,
    Literal,
    Node,
    Not,
    Repeat,
    complement_ranges,
    merge_ranges,
)
from .notation import EMPTY, Reader, choice, concat

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_SPACE = re.compile(r"(?:\s|/\*.*?\*/|\[\s*(?:wfc|vc|WFC|VC|ns|NSC)\s*:[^\]]*\])*", re.DOTALL)
_DEFINITION = re.compile(r"(?:\[[0-9]+[a-z]?\]\s*)?[A-Za-z_][A-Za-z0-9_.-]*\s*::=")
_NUMBER = re.compile(r"\[[0-9]+[a-z]?\](?=\s*[A-Za-z_][A-Za-z0-9_.-]*\s*::=)")
_CODE_POINT = re.compile(r"#x([0-9A-Fa-f]+)")


def parse_ebnf(text: str, start: str | None = None) -> Rules:
    """The rules of an EBNF grammar; `start` is by default the first.

    Raises GrammarSyntaxError, CompileBudgetExceeded.
    """
    return _Ebnf(text).read(start)


class _Ebnf(Reader):
    notation = "ebnf"

    def read(self, start: str | None) -> Rules:
        self._skip()
        while self.next_char():
            self._rule()
        names = list(self.bodies)
        for name in names:
            self._write_out(name)
        return self.finish(start or (names[0] if names else "start"))

    def _rule(self) -> None:
        numbered = _NUMBER.match(self.text, self.at)
        if numbered:
            self.at = numbered.end()
            self._skip()
        at = self.at
        name = self._name()
        if name is None:
            self.fail("expected a rule", "a rule is written `Name ::= ...`")
        self._skip()
        self.expect("::=", "a rule is written `Name ::= ...`")
        self._skip()
        self.define(name, self._alternatives(), at)
        if self.next_char() and not _DEFINITION.match(self.text, self.at):
            self.fail(f"`{self.next_char()}` does not belong here", "a rule is written `Name ::= ...`")

    def _alternatives(self) -> Node:
        options = [self._sequence()]
        while self.take("|"):
            self._skip()
            options.append(self._sequence())
        return choice(options)

    def _sequence(self) -> Node:
        parts: list[Node] = []
        while self.next_char() not in ("", "|", ")") and not _DEFINITION.match(self.text, self.at):
            parts.append(self._difference())
        return concat(parts) if parts else EMPTY

    def _difference(self) -> Node:
        body = self._repetition()
        while self.take("-"):
            self._skip()
            body = And((body, Not(self._repetition())))
        return body

    def _repetition(self) -> Node:
        body = self._element()
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
        low = self.number()
        if low is None:
            self.fail("a repetition needs a count", "write `{2}`, `{2,}` or `{2,5}`", at)
        high = self.number() if self.take(",") else low
        self.expect("}", "write `{2}`, `{2,}` or `{2,5}`")
        return low, high

    def _element(self) -> Node:
        at = self.at
        char = self.next_char()
        if char in ("'", '"'):
            return self._literal(at)
        if self.peek("#"):
            point = self._point()
            return Chars(((point, point),))
        if self.take("["):
            return self._class(at)
        if self.take("("):
            self._skip()
            self.nested()
            body = self._alternatives()
            self.expect(")", "close the group")
            self.left()
            return body
        name = self._name()
        if name is None:
            self.fail(f"`{char}` does not belong here", "quote literal text")
        self.called.setdefault(name, at)
        return Call(name)

    def _literal(self, at: int) -> Node:
        quote = self.char()
        end = self.text.find(quote, self.at)
        if end < 0:
            self.fail("this literal is not closed", f"add a `{quote}`", at)
        text = self.text[self.at : end]
        self.at = end + 1
        return Literal(text)

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
        """Read a character, or its code point."""
        at = self.at
        found = _CODE_POINT.match(self.text, at)
        if found:
            self.at = found.end()
            return self.scalar(int(found[1][:10], 16), at)
        return self.scalar(ord(self.char()), at)

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

    def _write_out(self, name: str) -> None:
        """Write out what differences in a rule call: they are decided on automata."""
        try:
            self.bodies[name] = _without_calls(self.bodies[name], self.bodies, (), inside=False)
        except _Recursive as error:
            self.fail(
                f"what is taken from {error.args[0]}, or taken away, calls itself",
                "`-` is decided for parts without recursion",
                self.places[name],
            )


class _Recursive(Exception):
    """A rule inside a difference calls itself."""


def _without_calls(node: Node, bodies: Mapping[str, Node], open_: tuple[str, ...], *, inside: bool) -> Node:
    """`node`, with the calls inside of differences replaced by what they call."""
    match node:
        case Call(name) if inside and name in bodies:
            if name in open_:
                raise _Recursive(name)
            return _without_calls(bodies[name], bodies, (*open_, name), inside=True)
        case And(parts):
            return And(tuple(_without_calls(part, bodies, open_, inside=True) for part in parts))
        case Not(body):
            return Not(_without_calls(body, bodies, open_, inside=True))
        case Concat(parts):
            return Concat(tuple(_without_calls(part, bodies, open_, inside=inside) for part in parts))
        case Choice(parts):
            return Choice(tuple(_without_calls(part, bodies, open_, inside=inside) for part in parts))
        case Repeat(body, low, high):
            return Repeat(_without_calls(body, bodies, open_, inside=inside), low, high)
    return node
