"""Regular expressions of ECMA-262 (2024, section 22.2, with the `u` flag read tolerantly) as trees.

Tolerant means: the identity escapes, literal braces and brackets and class ranges of Annex B are
read as they read without the flag, where they have one meaning. What has no regular meaning, or
means different things to different engines, is refused.
"""

from __future__ import annotations

from typing import Literal as OneOf
from typing import NoReturn

from ..errors import GrammarSyntaxError
from .nodes import (
    Anchor,
    Chars,
    Choice,
    Concat,
    Literal,
    Look,
    Node,
    Ranges,
    Repeat,
    complement_ranges,
    merge_ranges,
)
from .unicode_sets import CLASS_ESCAPES, NOT_LINE_TERMINATOR, property_ranges

Dialect = OneOf["ecma262", "gramask"]
"""`gramask` adds what Python's `re` writes differently: `(?P<name>...)`, `\\A` and `\\Z`."""

MAX_DEPTH = 100
MAX_COUNT_DIGITS = 9

_CONTROL_ESCAPES = {"t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r"}
_HEX = frozenset("0123456789abcdefABCDEF")
_DIGITS = frozenset("0123456789")
_LETTERS_AND_DIGITS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_POSITIONS = ("^", "$", "\\b", "\\B", "(?<=", "(?<!")

EMPTY_TEXT = Literal("")


def parse_regex(pattern: str, dialect: Dialect = "ecma262") -> Node:
    """The tree of `pattern`. Raises GrammarSyntaxError with the position of what is not understood."""
    return _Parser(pattern, dialect).parse()


class _Parser:
    def __init__(self, pattern: str, dialect: Dialect) -> None:
        self._text = pattern
        self._at = 0
        self._dialect = dialect
        self._depth = 0
        self._behind = 0
        self._names: set[str] = set()

    def parse(self) -> Node:
        node = self._choice()
        if self._at < len(self._text):
            self._fail("unbalanced ')'", "escape it as `\\)` or add the opening one")
        return node

    # Characters ahead

    def _peek(self, offset: int = 0) -> str:
        at = self._at + offset
        return self._text[at] if at < len(self._text) else ""

    def _take(self, expected: str) -> bool:
        if self._text.startswith(expected, self._at):
            self._at += len(expected)
            return True
        return False

    def _fail(self, message: str, hint: str, at: int | None = None) -> NoReturn:
        position = self._at if at is None else at
        before = self._text[:position]
        raise GrammarSyntaxError(
            f"regex: {message}",
            source=self._text,
            line=before.count("\n") + 1,
            column=position - (before.rfind("\n") + 1) + 1,
            keyword="pattern",
            hint=hint,
        )

    # Structure

    def _choice(self) -> Node:
        options = [self._sequence()]
        while self._take("|"):
            options.append(self._sequence())
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def _sequence(self) -> Node:
        parts: list[Node] = []
        while (char := self._peek()) and char not in "|)":
            part = self._quantified()
            if isinstance(part, Literal) and parts and isinstance(parts[-1], Literal):
                parts[-1] = Literal(parts[-1].text + part.text)
            else:
                parts.append(part)
        if not parts:
            return EMPTY_TEXT
        return parts[0] if len(parts) == 1 else Concat(tuple(parts))

    def _quantified(self) -> Node:
        at = self._at
        atom = self._atom()
        bounds = self._quantifier()
        if bounds is None:
            return atom
        if self._text.startswith(_POSITIONS, at):
            self._fail("nothing to repeat: this is a position, not a character", "remove the quantifier", at)
        self._take("?")  # lazy or greedy: the language is the same
        if self._peek() and self._peek() in "*+?":
            self._fail(
                "a quantifier follows a quantifier",
                "possessive quantifiers are not ECMA-262; group it with `(?:...)`",
            )
        if self._quantifier() is not None:
            self._fail("a quantifier follows a quantifier", "group the first with `(?:...)`", at)
        return Repeat(atom, *bounds)

    def _quantifier(self) -> tuple[int, int | None] | None:
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(sign):
                return bounds
        return self._counts()

    def _counts(self) -> tuple[int, int | None] | None:
        """`{n}`, `{n,}` or `{n,m}`; None where the brace is a literal."""
        start = self._at
        if not self._take("{"):
            return None
        low = self._digits()
        comma = self._take(",")
        high = self._digits() if comma else low
        if not self._take("}") or not (low or high):
            self._at = start
            return None
        if not low:
            self._fail("`{,n}` means n copies to some engines and itself to others", "write {0,n}", start)
        if max(len(low), len(high)) > MAX_COUNT_DIGITS:
            self._fail("the repeat count is too large", "use `*` or a smaller count", start)
        if high and int(high) < int(low):
            self._fail("the counts are out of order", "write the smaller first", start)
        return int(low), int(high) if high else None

    def _digits(self) -> str:
        start = self._at
        while self._peek() in _DIGITS:
            self._at += 1
        return self._text[start : self._at]

    # Atoms

    def _atom(self) -> Node:
        char = self._peek()
        if char == "(":
            return self._group()
        if char == "[":
            return Chars(self._class())
        if char == "\\":
            return self._escaped_atom()
        if char == "{" and self._counts() is not None:
            self._fail("nothing to repeat", "escape the brace as `\\{`")
        if char in "*+?":
            self._fail("nothing to repeat", f"escape it as `\\{char}`")
        self._at += 1
        if char == ".":
            return Chars(NOT_LINE_TERMINATOR)
        if char == "^":
            return Anchor("start")
        if char == "$":
            return self._forward_anchor(Anchor("end"), self._at - 1)
        return Literal(chr(self._scalar(ord(char), self._at - 1)))

    def _group(self) -> Node:
        start = self._at
        self._at += 1
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._fail(f"more than {MAX_DEPTH} groups inside each other", "flatten the pattern", start)
        look = self._group_kind(start)
        behind = look is not None and look[0]
        self._behind += behind
        body = self._choice()
        self._behind -= behind
        self._depth -= 1
        if not self._take(")"):
            self._fail("this group is not closed", "add a `)`, or escape this one as `\\(`", start)
        return body if look is None else Look(body, *look)

    def _group_kind(self, start: int) -> tuple[bool, bool] | None:
        """Read what follows `(`; for a lookaround, return (behind, negative)."""
        for opening, look in (("?=", (False, False)), ("?!", (False, True))):
            if self._take(opening):
                if self._behind:
                    self._fail("a lookahead inside a lookbehind", "validate this part afterwards", start)
                return look
        for opening, look in (("?<=", (True, False)), ("?<!", (True, True))):
            if self._take(opening):
                return look
        if self._take("?<") or (self._dialect == "gramask" and self._take("?P<")):
            self._group_name()
        elif not self._take("?:") and self._peek() == "?":
            self._fail("this kind of group is not ECMA-262", self._group_hint(), start)
        return None

    def _group_hint(self) -> str:
        if self._peek(1) == "P":
            return "name groups as `(?<name>...)`"
        if self._peek(1) and self._peek(1) in "aiLmsux-":
            return "inline flags do not exist here; spell both cases out as in `[aA]`"
        return "use `(?:...)`, `(?=...)`, `(?!...)`, `(?<=...)` or `(?<!...)`"

    def _group_name(self) -> None:
        start = self._at
        end = self._text.find(">", start)
        name = self._text[start : max(end, start)]
        if not name.replace("$", "_").isidentifier():
            self._fail("a group name is not an identifier", "name groups as `(?<name>...)`", start)
        if name in self._names:
            self._fail(f"two groups are named {name!r}", "rename one", start)
        self._names.add(name)
        self._at = end + 1

    def _forward_anchor(self, anchor: Anchor, start: int) -> Anchor:
        if self._behind:
            self._fail("this looks ahead from inside a lookbehind", "validate this part afterwards", start)
        return anchor

    # Escapes

    def _escaped_atom(self) -> Node:
        following = self._peek(1)
        anchors: dict[str, Anchor] = {"b": Anchor("word"), "B": Anchor("not word")}
        if self._dialect == "gramask":
            anchors |= {"A": Anchor("start"), "Z": Anchor("end")}
        if following in anchors:
            self._at += 2
            anchor = anchors[following]
            return anchor if anchor.kind == "start" else self._forward_anchor(anchor, self._at - 2)
        found = self._escape()
        return Literal(chr(found)) if isinstance(found, int) else Chars(found)

    def _escape(self) -> int | Ranges:
        """What an escape stands for inside or outside a class: one code point or a set."""
        start = self._at
        self._at += 1
        char = self._peek()
        self._at += 1
        if char in CLASS_ESCAPES:
            return CLASS_ESCAPES[char]
        if char in _CONTROL_ESCAPES:
            return ord(_CONTROL_ESCAPES[char])
        if char in ("p", "P"):
            return self._property(negated=char == "P", start=start)
        if char == "x":
            return self._hex(2, start)
        if char == "u":
            return self._unicode_escape(start)
        if char == "c" and self._peek().isascii() and self._peek().isalpha():
            self._at += 1
            return ord(self._text[self._at - 1]) % 32
        if char == "0" and self._peek() not in _DIGITS:
            return 0
        if not char or char in _LETTERS_AND_DIGITS:
            self._refuse_escape(char, start)
        return self._scalar(ord(char), start)

    def _refuse_escape(self, char: str, start: int) -> NoReturn:
        if not char:
            self._fail("the pattern ends in a backslash", "write `\\\\` for a backslash", start)
        if char in _DIGITS - {"0"} or char == "k":
            self._fail("back-references are not regular", "validate this pattern afterwards", start)
        hint = "write `\\xHH` or `\\uHHHH`" if char == "0" else f"for the letter itself write `{char}`"
        if char in "AZz":
            hint = "use `^` and `$`, the start and end of the text"
        self._fail(f"`\\{char}` is not an escape of ECMA-262", hint, start)

    def _property(self, *, negated: bool, start: int) -> Ranges:
        end = self._text.find("}", self._at)
        if self._peek() != "{" or end < 0:
            self._fail("`\\p` needs a property in braces", "write `\\p{L}`", start)
        name = self._text[self._at + 1 : end]
        ranges = property_ranges(name)
        if ranges is None:
            self._fail(f"unknown property {name!r}", "use a General_Category such as L, Lu or Nd", start)
        self._at = end + 1
        return complement_ranges(ranges) if negated else ranges

    def _hex(self, n_digits: int, start: int) -> int:
        digits = self._text[self._at : self._at + n_digits]
        if len(digits) != n_digits or not _HEX.issuperset(digits):
            self._fail(f"this escape needs {n_digits} hexadecimal digits", "complete it", start)
        self._at += n_digits
        return int(digits, 16)

    def _unicode_escape(self, start: int) -> int:
        if self._take("{"):
            end = self._text.find("}", self._at)
            digits = self._text[self._at : max(end, self._at)]
            if not digits or not _HEX.issuperset(digits) or int(digits, 16) > 0x10FFFF:
                self._fail("`\\u{...}` needs a code point up to 10FFFF", "complete it", start)
            self._at = end + 1
            return self._scalar(int(digits, 16), start)
        unit = self._hex(4, start)
        if 0xD800 <= unit <= 0xDBFF and self._take("\\u"):
            low = self._hex(4, start)
            if 0xDC00 <= low <= 0xDFFF:
                return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)
        return self._scalar(unit, start)

    def _scalar(self, point: int, start: int) -> int:
        if 0xD800 <= point <= 0xDFFF:
            self._fail(
                "half of a surrogate pair matches no character",
                "patterns match whole characters: write `\\u{1F600}` or a pair",
                start,
            )
        return point

    # Classes

    def _class(self) -> Ranges:
        start = self._at
        self._at += 1
        negated = self._take("^")
        found: list[tuple[int, int]] = []
        while not self._take("]"):
            if not self._peek():
                self._fail("this class is not closed", "add a `]`, or escape this one as `\\[`", start)
            found += self._class_item()
        ranges = merge_ranges(found)
        return complement_ranges(ranges) if negated else ranges

    def _class_item(self) -> Ranges:
        start = self._at
        low = self._class_atom()
        if self._peek() != "-" or self._peek(1) in ("]", ""):
            return ((low, low),) if isinstance(low, int) else low
        self._at += 1
        high = self._class_atom()
        if isinstance(low, int) and isinstance(high, int):
            if high < low:
                self._fail("the range is out of order", "write the smaller end first", start)
            return ((low, high),)
        # A set at either end: Annex B reads the hyphen as itself.
        ends = [((end, end),) if isinstance(end, int) else end for end in (low, high)]
        return (*ends[0], (0x2D, 0x2D), *ends[1])

    def _class_atom(self) -> int | Ranges:
        if self._peek() != "\\":
            self._at += 1
            return self._scalar(ord(self._text[self._at - 1]), self._at - 1)
        if self._peek(1) == "b":
            self._at += 2
            return 0x08
        return self._escape()
