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

from ..errors import CompileBudgetExceeded
from .context_free.rules import Rules, replaced
from .nodes import And, Call, Chars, Literal, Node, Not
from .notation import RuleReader

_NUMBER = re.compile(r"\[[0-9]+[a-z]?\](?=\s*[A-Za-z_][A-Za-z0-9_.-]*\s*::=)")
_CODE_POINT = re.compile(r"#x([0-9A-Fa-f]+)")


MAX_DEPTH = 200
MAX_WRITTEN_OUT = 20_000
"""A difference may have so many nodes once its calls are written out, which may be so many within each other."""


def parse_ebnf(text: str, start: str | None = None) -> Rules:
    """The rules of an EBNF grammar; `start` is by default the first.

    Raises GrammarSyntaxError, CompileBudgetExceeded.
    """
    return _Ebnf(text).read(start)


_NAME = r"[A-Za-z_][A-Za-z0-9_.-]*+"
_SPACE = r"(?:\s++|/\*.*?\*/|\[\s*(?:wfc|vc|WFC|VC|ns|NSC)\s*:[^\]]*\])*+"
_DEFINITION = rf"(?:\[[0-9]+[a-z]?\]\s*)?{_NAME}\s*::="
_SIMPLE = rf"""({_NAME})|("[^"\ud800-\udfff]*+"|'[^'\ud800-\udfff]*+')|\[([^\]]*+)\]"""


class _Ebnf(RuleReader):
    notation = "ebnf"
    name_pattern = re.compile(_NAME)
    space_pattern = re.compile(_SPACE, re.DOTALL)
    definition_pattern = re.compile(_DEFINITION)
    simple_pattern = re.compile(
        f"(?!{_DEFINITION})(?:{_SIMPLE}){_SPACE}([*+?]?+){_SPACE}(?![*+?{{-])", re.DOTALL
    )
    own_starts = "'\"(#"
    rule_form = "Name ::= ..."

    def read(self, start: str | None) -> Rules:
        self.read_rules()
        names = list(self.bodies)
        for name in names:
            self._write_out(name)
        return self.finish(start or (names[0] if names else "start"))

    def rule(self) -> None:
        numbered = _NUMBER.match(self.text, self.at)
        if numbered:
            self.at = numbered.end()
            self.skip()
        super().rule()

    def part(self) -> Node:
        body = super().part()
        while self.take("-"):
            self.skip()
            body = And((body, Not(super().part())))
        return body

    def counts(self, at: int) -> tuple[int, int | None]:
        low = self.number()
        if low is None:
            self.fail("a repetition needs a count", "write `{2}`, `{2,}` or `{2,5}`", at)
        high = self.number() if self.take(",") else low
        self.expect("}", "write `{2}`, `{2,}` or `{2,5}`")
        return low, high

    def own_element(self, at: int) -> Node | None:
        if self.next_char() in ("'", '"'):
            return self._literal(at)
        if self.peek("#"):
            point = self.point()
            return Chars(((point, point),))
        return None

    def _literal(self, at: int) -> Node:
        quote = self.char()
        end = self.text.find(quote, self.at)
        if end < 0:
            self.fail("this literal is not closed", f"add a `{quote}`", at)
        text = self.text[self.at : end]
        for place, char in enumerate(text, self.at):
            self.scalar(ord(char), place)
        self.at = end + 1
        return Literal(text)

    def point(self) -> int:
        """Read a character, or its code point."""
        at = self.at
        found = _CODE_POINT.match(self.text, at)
        if found:
            self.at = found.end()
            return self.scalar(int(found[1][:10], 16), at)
        return self.scalar(ord(self.char()), at)

    def _write_out(self, name: str) -> None:
        """Write out what differences in a rule call: they are decided on automata."""
        try:
            self.bodies[name] = replaced(self.bodies[name], self._difference)
        except _Recursive as error:
            self.fail(
                f"what is taken from {error.args[0]}, or taken away, calls itself",
                "`-` is decided for parts without recursion",
                self.places[name],
            )

    def _difference(self, node: Node) -> Node | None:
        """A difference without calls."""
        return replaced(node, _WithoutCalls(self.bodies)) if isinstance(node, And) else None


class _Recursive(Exception):
    """A rule inside a difference calls itself."""


class _WithoutCalls:
    """Gives for a call what it stands for, without calls itself. Raises _Recursive, CompileBudgetExceeded."""

    def __init__(self, bodies: Mapping[str, Node]) -> None:
        self._bodies = bodies
        self._open: list[str] = []
        self._n_nodes = 0

    def __call__(self, node: Node) -> Node | None:
        self._n_nodes += 1
        if self._n_nodes > MAX_WRITTEN_OUT or len(self._open) > MAX_DEPTH:
            raise CompileBudgetExceeded(
                f"a difference needs more than {MAX_WRITTEN_OUT} nodes, or rules {MAX_DEPTH} deep",
                keyword="ebnf",
                hint="take the difference of smaller parts",
            )
        match node:
            case Call(name) if name in self._bodies:
                if name in self._open:
                    raise _Recursive(name)
                self._open.append(name)
                found = replaced(self._bodies[name], self)
                self._open.pop()
                return found
        return None
