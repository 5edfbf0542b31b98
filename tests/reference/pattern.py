"""A parser for the part of ECMA-262 patterns that the tests use."""

from __future__ import annotations

from functools import cache

from . import regex as rx

DIGIT = ((0x30, 0x39),)
WORD = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
SPACE = (
    (0x09, 0x0D), (0x20, 0x20), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029),
    (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF),
)  # fmt: skip
LINE_ENDS = ((0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029))
CLASSES = {"d": DIGIT, "w": WORD, "s": SPACE}
CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", "0": "\0"}


@cache
def search_language(pattern: str) -> rx.Regex:
    """All texts in which `pattern` matches somewhere. `^` and `$` only at the ends of top-level branches."""
    parser = _Parser(pattern)
    branches = [parser.branch()]
    while parser.take("|"):
        branches.append(parser.branch())
    if parser.rest:
        raise ValueError(f"cannot parse {pattern!r} from {parser.rest!r}")
    return rx.alt(*branches)


class _Parser:
    def __init__(self, pattern: str) -> None:
        self.rest = pattern

    def take(self, wanted: str) -> bool:
        found = self.rest.startswith(wanted)
        if found:
            self.rest = self.rest[len(wanted) :]
        return found

    def next(self) -> str:
        character, self.rest = self.rest[0], self.rest[1:]
        return character

    def branch(self) -> rx.Regex:
        before = rx.EPSILON if self.take("^") else rx.EVERYTHING
        body = self.sequence()
        after = rx.EPSILON if self.take("$") else rx.EVERYTHING
        return rx.cat(before, rx.cat(body, after))

    def sequence(self) -> rx.Regex:
        out = rx.EPSILON
        while self.rest and self.rest[0] not in "|)$":
            out = rx.cat(out, self.quantified())
        return out

    def quantified(self) -> rx.Regex:
        body = self.atom()
        while self.rest and self.rest[0] in "*+?{":
            sign = self.next()
            if sign == "{":
                bounds, _, self.rest = self.rest.partition("}")
                low, comma, high = bounds.partition(",")
                body = rx.repeat(body, int(low), int(high or low) if high or not comma else None)
            else:
                body = rx.repeat(body, int(sign == "+"), 1 if sign == "?" else None)
            self.take("?")  # laziness changes the match, not the language
        return body

    def atom(self) -> rx.Regex:
        if self.take("("):
            self.take("?:")
            branches = [self.sequence()]
            while self.take("|"):
                branches.append(self.sequence())
            if not self.take(")"):
                raise ValueError(f"anchors inside groups are not handled: {self.rest!r}")
            return rx.alt(*branches)
        if self.take("["):
            return rx.char_set(self.bracket())
        if self.take("."):
            return rx.char_set(rx.complement_ranges(LINE_ENDS))
        if self.take("\\"):
            return rx.char_set(self.escape())
        character = ord(self.next())
        return rx.char_set([(character, character)])

    def escape(self) -> rx.Ranges:
        kind = self.next()
        if kind.lower() in CLASSES:
            ranges = CLASSES[kind.lower()]
            return ranges if kind.islower() else rx.complement_ranges(ranges)
        if kind in "ux":
            size = 4 if kind == "u" else 2
            code, self.rest = int(self.rest[:size], 16), self.rest[size:]
        else:
            code = ord(CONTROLS.get(kind, kind))
        return ((code, code),)

    def bracket(self) -> rx.Ranges:
        negated = self.take("^")
        ranges: list[tuple[int, int]] = []
        while not self.take("]"):
            low = self.escape() if self.take("\\") else ((ord(self.next()),) * 2,)
            if self.rest[0] == "-" and self.rest[1] != "]" and len(low) == 1:
                self.next()
                high = self.escape() if self.take("\\") else ((ord(self.next()),) * 2,)
                ranges.append((low[0][0], high[0][1]))
            else:
                ranges += low
        return rx.complement_ranges(ranges) if negated else tuple(ranges)
