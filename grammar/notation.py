"""What the notations of context-free rules have in common: how rules are read, and the checks once all are."""

from __future__ import annotations

import re
from typing import ClassVar

from ..errors import CompileBudgetExceeded
from .context_free.rules import Rules, reachable
from .nodes import Call, Chars, Choice, Concat, Literal, Node, Repeat, complement_ranges, merge_ranges
from .text_reader import Reader

_COUNTS: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1), "{": (0, 0)}
_ENDS = frozenset(("", "|", ")"))
MAX_NESTING = 100
MAX_REPEAT = 10_000
"""The highest count of a repetition that is written out."""


class RuleReader(Reader):
    """Reads rules; a notation says what it writes in its own way.

    name_pattern, space_pattern : what a name is, and what is passed over.
    definition_pattern : how a rule begins, for those before it end there.  rule_form : what it looks like, for hints.
    simple_pattern : what most parts of sequences are, with the white space behind: a name, a literal without escapes
                     or what is inside a class (groups 1-3), and the sign of a repetition (group 4).
    own_starts    : characters that begin an element, and no rule.
    bodies : the rules so far.  places : where each was defined.  called : where each name was first called.
    """

    name_pattern: ClassVar[re.Pattern[str]]
    space_pattern: ClassVar[re.Pattern[str]]
    definition_pattern: ClassVar[re.Pattern[str]]
    simple_pattern: ClassVar[re.Pattern[str]]
    own_starts: ClassVar[str]
    rule_form: ClassVar[str]

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.bodies: dict[str, Node] = {}
        self.places: dict[str, int] = {}
        self.called: dict[str, int] = {}
        self._calls: dict[str, Call] = {}
        self._classes: dict[str, Chars] = {}
        self._depth = 0

    def own_element(self, at: int) -> Node | None:
        """Read what only this notation has, literals among it; None where nothing of the kind begins."""
        raise NotImplementedError

    def point(self) -> int:
        """Read a character of a class."""
        raise NotImplementedError

    def counts(self, at: int) -> tuple[int, int | None]:
        """Read the bounds of a repetition, behind `{`, with `}`."""
        raise NotImplementedError

    def read_rules(self) -> None:
        """Read the whole text."""
        self.skip()
        while self.next_char():
            self.rule()

    def rule(self) -> None:
        at = self.at
        found = self.name_pattern.match(self.text, at)
        if found is None:
            self.fail("expected a rule", self._rule_hint)
        self.at = found.end()
        self.skip()
        self.expect("::=", self._rule_hint)
        self.skip()
        self._define(found[0], self._alternatives(), at)
        if self.next_char() and not self.definition_pattern.match(self.text, self.at):
            self.fail(f"`{self.next_char()}` does not belong here", self._rule_hint)

    def part(self) -> Node:
        """Read a part of a sequence: an element and how often it stands there."""
        body = self._element()
        self.skip()
        while (sign := self.next_char()) in _COUNTS:
            at = self.at
            self.at += 1
            low, high = self.counts(at) if sign == "{" else _COUNTS[sign]
            body = self._repeated(body, low, high, at)
            self.skip()
        return body

    def skip(self) -> None:
        """Pass over what does not count."""
        found = self.space_pattern.match(self.text, self.at)
        assert found is not None
        self.at = found.end()

    def finish(self, start: str) -> Rules:
        """The rules. Raises GrammarSyntaxError for those that are called and not defined, or that derive nothing."""
        if start not in self.bodies:
            known = ", ".join(list(self.bodies)[:5])
            self.fail(
                f"there is no rule {start}", f"the rules are {known}" if known else "write some rules", 0
            )
        rules = Rules(start, self.bodies)
        for name, at in self.called.items():
            if name not in self.bodies:
                self.fail(f"the rule {name} is not defined", "define it, or mend its name", at)
        endless = rules.program.unproductive()
        for name in reachable(rules) if endless else ():
            if name in endless:
                self.fail(
                    f"the rule {name} derives no finite text",
                    "give it an alternative that does not need the rule itself",
                    self.places[name],
                )
        return rules

    @property
    def _rule_hint(self) -> str:
        return f"a rule is written `{self.rule_form}`"

    def _alternatives(self) -> Node:
        options = [self._sequence()]
        while self.take("|"):
            self.skip()
            options.append(self._sequence())
        return choice(options)

    def _sequence(self) -> Node:
        parts: list[Node] = []
        while True:
            simple = self.simple_pattern.match(self.text, self.at)
            if simple:
                parts.append(self._simple_part(simple))
                continue
            char = self.next_char()
            if char in _ENDS:
                break
            if char not in self.own_starts and self.definition_pattern.match(self.text, self.at):
                break
            parts.append(self.part())
        return concat(parts) if parts else EMPTY

    def _simple_part(self, found: re.Match[str]) -> Node:
        name, text, chars, sign = found.groups()
        body: Node
        if name is not None:
            body = self._call(name)
        elif text is not None:
            body = Literal(text[1:-1])
        else:
            known = self._classes.get(chars)
            body = self._class() if known is None else known
        self.at = found.end()
        return Repeat(body, *_COUNTS[sign]) if sign else body

    def _call(self, name: str) -> Call:
        """The call of a rule at the position."""
        call = self._calls.get(name)
        if call is None:
            call = self._calls[name] = Call(name)
            self.called[name] = self.at
        return call

    def _element(self) -> Node:
        at = self.at
        char = self.next_char()
        if char == "[":
            return self._class()
        if char == "(":
            self.at += 1
            self.skip()
            self._nested()
            body = self._alternatives()
            self.expect(")", "close the group")
            self._depth -= 1
            return body
        own = self.own_element(at)
        if own is not None:
            return own
        name = self.name_pattern.match(self.text, self.at)
        if name is None:
            self.fail(f"`{self.next_char()}` does not belong here", "quote literal text")
        call = self._call(name[0])
        self.at = name.end()
        return call

    def _class(self) -> Chars:
        """Read a class, and know it when it comes again."""
        at = self.at
        self.at += 1
        negated = self.take("^")
        found: list[tuple[int, int]] = []
        while not self.take("]"):
            if not self.next_char():
                self.fail("this class is not closed", "add a `]`", at)
            begin = self.at
            low = high = self.point()
            if self.peek("-") and not self.peek("-]"):
                self.at += 1
                if not self.next_char():
                    self.fail("this class is not closed", "add a `]`", at)
                high = self.point()
            if high < low:
                self.fail("the range is out of order", "write the smaller end first", begin)
            found.append((low, high))
        ranges = merge_ranges(found)
        chars = Chars(complement_ranges(ranges) if negated else ranges)
        self._classes[self.text[at + 1 : self.at - 1]] = chars
        return chars

    def _nested(self) -> None:
        """Enter a group."""
        self._depth += 1
        if self._depth > MAX_NESTING:
            self.fail(f"groups are nested more than {MAX_NESTING} deep", "make a rule of the inner ones")

    def _define(self, name: str, body: Node, at: int) -> None:
        """Take a rule. Raises if there is one with this name."""
        if name in self.bodies:
            self.fail(f"the rule {name} is defined twice", "join the two with `|`", at)
        self.bodies[name] = body
        self.places[name] = at

    def _repeated(self, body: Node, low: int, high: int | None, at: int) -> Node:
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


def concat(parts: list[Node]) -> Node:
    """All parts in order."""
    return parts[0] if len(parts) == 1 else Concat(tuple(parts))


def choice(options: list[Node]) -> Node:
    """Any of the options."""
    return options[0] if len(options) == 1 else Choice(tuple(options))


EMPTY = Literal("")
ANY_CHARACTER = Chars(((0, 0xD7FF), (0xE000, 0x10FFFF)))
