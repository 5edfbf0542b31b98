"""What the notations of context-free rules have in common: reading with places, and the checks of finished rules."""

from __future__ import annotations

from typing import NoReturn

from ..errors import CompileBudgetExceeded, GrammarSyntaxError
from .context_free.rules import Rules, productive, reachable
from .nodes import Chars, Choice, Concat, Literal, Node, Repeat

MAX_NESTING = 100
MAX_REPEAT = 10_000
"""The highest count of a repetition that is written out."""

_HEX = frozenset("0123456789abcdefABCDEF")


class Reader:
    """A text and a position in it.

    notation : its name, the `keyword` of errors.  bodies : the rules so far.  places : where each was defined.
    """

    notation = ""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.bodies: dict[str, Node] = {}
        self.places: dict[str, int] = {}
        self.called: dict[str, int] = {}
        self._depth = 0

    def fail(self, message: str, hint: str | None = None, at: int | None = None) -> NoReturn:
        """Raise GrammarSyntaxError at a position, by default where reading has come to."""
        at = min(self.at if at is None else at, len(self.text))
        line = self.text.count("\n", 0, at) + 1
        column = at - self.text.rfind("\n", 0, at)
        raise GrammarSyntaxError(
            message, source=self.text, line=line, column=column, keyword=self.notation, hint=hint
        )

    def peek(self, text: str) -> bool:
        return self.text.startswith(text, self.at)

    def take(self, text: str) -> bool:
        """Read `text` if it comes next."""
        found = self.peek(text)
        if found:
            self.at += len(text)
        return found

    def expect(self, text: str, hint: str | None = None) -> None:
        if not self.take(text):
            found = self.text[self.at : self.at + 1]
            self.fail(f"expected `{text}`, found {f'`{found}`' if found else 'the end of the grammar'}", hint)

    def next_char(self) -> str:
        """The next character, "" at the end."""
        return self.text[self.at : self.at + 1]

    def char(self) -> str:
        """Read one character."""
        self.at += 1
        return self.text[self.at - 1]

    def hexadecimal(self, n_digits: int) -> int:
        """Read a code point in `n_digits` hexadecimal digits."""
        start = self.at
        digits = self.text[start : start + n_digits]
        if len(digits) < n_digits or not _HEX.issuperset(digits):
            self.fail(f"this escape needs {n_digits} hexadecimal digits", at=start)
        self.at += n_digits
        return self.scalar(int(digits, 16), start)

    def scalar(self, point: int, at: int) -> int:
        """`point`, if it is a character."""
        if point > 0x10FFFF or 0xD800 <= point <= 0xDFFF:
            self.fail(f"{point:X} is no character", "characters are Unicode scalar values", at)
        return point

    def nested(self) -> None:
        """Enter a group."""
        self._depth += 1
        if self._depth > MAX_NESTING:
            self.fail(f"groups are nested more than {MAX_NESTING} deep", "make a rule of the inner ones")

    def left(self) -> None:
        """Leave a group."""
        self._depth -= 1

    def define(self, name: str, body: Node, at: int) -> None:
        """Take a rule. Raises if there is one with this name."""
        if name in self.bodies:
            self.fail(f"the rule {name} is defined twice", "join the two with `|`", at)
        self.bodies[name] = body
        self.places[name] = at

    def repeated(self, body: Node, low: int, high: int | None, at: int) -> Node:
        """`body`, `low` to `high` times."""
        if high is not None and high < low:
            self.fail(f"the repetition {{{low},{high}}} is out of order", "write the smaller count first", at)
        if max(low, high or 0) > MAX_REPEAT:
            raise CompileBudgetExceeded(
                f"the repetition of {max(low, high or 0)} times is too long to be written out",
                keyword=self.notation,
                hint=f"repeat at most {MAX_REPEAT} times, or without an upper end",
            )
        return Repeat(body, low, high)

    def number(self) -> int | None:
        """Read digits, if there are any."""
        start = self.at
        while self.next_char().isascii() and self.next_char().isdigit():
            self.at += 1
        digits = self.text[start : self.at]
        if len(digits) > 9:
            self.fail(f"{digits[:20]}... is too large a count", at=start)
        return int(digits) if digits else None

    def finish(self, start: str) -> Rules:
        """The rules. Raises GrammarSyntaxError for those that are called and not defined, or that derive nothing."""
        if start not in self.bodies:
            known = ", ".join(list(self.bodies)[:5])
            self.fail(
                f"there is no rule {start}", f"the rules are {known}" if known else "write some rules", 0
            )
        rules = Rules(start, self.bodies)
        names = reachable(rules)
        for name, at in self.called.items():
            if name not in self.bodies:
                self.fail(f"the rule {name} is not defined", "define it, or mend its name", at)
        derive = productive(rules)
        for name in names:
            if name not in derive:
                self.fail(
                    f"the rule {name} derives no finite text",
                    "give it an alternative that does not need the rule itself",
                    self.places[name],
                )
        return rules


def concat(parts: list[Node]) -> Node:
    """All parts in order."""
    return parts[0] if len(parts) == 1 else Concat(tuple(parts))


def choice(options: list[Node]) -> Node:
    """Any of the options."""
    return options[0] if len(options) == 1 else Choice(tuple(options))


EMPTY = Literal("")
ANY_CHARACTER = Chars(((0, 0xD7FF), (0xE000, 0x10FFFF)))
