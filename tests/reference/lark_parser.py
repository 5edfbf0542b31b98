"""What Lark's own parsers parse."""

from __future__ import annotations

from collections.abc import Callable

from lark import Lark
from lark.exceptions import LarkError


def parses(parser: Lark) -> Callable[[str], bool]:
    def parsed(text: str) -> bool:
        try:
            parser.parse(text)
        except LarkError:
            return False
        return True

    return parsed
