"""Reading a grammar's text character by character, with errors that have a place."""

from __future__ import annotations

from typing import ClassVar, NoReturn

from ..errors import GrammarSyntaxError

_HEX = frozenset("0123456789abcdefABCDEF")


class Reader:
    """A text and a position in it.

    notation : its name, the `keyword` of errors.
    """

    notation: ClassVar[str]

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

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

    def number(self) -> int | None:
        """Read digits, if there are any."""
        start = self.at
        while self.next_char().isascii() and self.next_char().isdigit():
            self.at += 1
        digits = self.text[start : self.at]
        if len(digits) > 9:
            self.fail(f"{digits[:20]}... is too large a count", at=start)
        return int(digits) if digits else None
