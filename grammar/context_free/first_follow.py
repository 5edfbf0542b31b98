"""The bytes with which rules begin, and the bytes that may come behind them.

Sets of bytes are ints, a bit for each. Source: Aho et al. (2006), section 4.4.2, on trees in place of productions.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache

from ..bits import bits_between, bits_of, union
from ..dfa import ByteDfa
from ..nodes import And, Call, Chars, Choice, Concat, Literal, Node, Not, Ranges, Repeat
from .rules import Rules, is_nullable, nullable, regular


class FirstFollow:
    """Of each rule.

    first, follow : the bytes, or more than these; of what is foreign as well, whose first ones are given. What comes
                    behind `inlined` rules is not known, nor what comes behind others in them: there are none.
    nullable      : the rules that derive the empty text.
    """

    def __init__(self, rules: Rules, inlined: Collection[str], first_of_foreign: Mapping[str, int]) -> None:
        self.nullable = nullable(rules)
        self.first = dict.fromkeys(rules.bodies, 0) | dict(first_of_foreign)
        self.first |= {name: first_bytes(dfa) for name, dfa in rules.terminals.items()}
        self.follow = dict.fromkeys(self.first, 0)
        self._known: dict[int, tuple[int, bool]] = {}  # by the identity of a tree, which the rules keep alive
        self._find_first(rules)
        # `follow` of a rule is part of that of each rule that it may end with.
        self._ends_with: dict[str, set[str]] = {}
        for name, body in rules.bodies.items():
            if name not in inlined:
                self._ends_with[name] = set()
                self._walk(name, body, 0, at_end=True)
        self._spread()

    def _find_first(self, rules: Rules) -> None:
        todo = dict.fromkeys(reversed(list(rules.bodies)))  # mostly, rules are called further up
        while todo:
            name = next(iter(todo))
            del todo[name]
            first = self._first(rules.bodies[name])
            if first != self.first[name]:
                self.first[name] = first
                todo.update(dict.fromkeys(rules.callers.get(name, ())))

    def _beginning(self, node: Node) -> tuple[int, bool]:
        """The same once those of the rules are known, and whether the tree may be empty. It is asked for often."""
        found = self._known.get(id(node))
        if found is None:
            found = self._known[id(node)] = self._first(node), is_nullable(node, self.nullable)
        return found

    def _first(self, node: Node) -> int:
        match node:
            case Literal(text):
                return 1 << text[0].encode()[0] if text else 0
            case Chars(ranges):
                return _first_of_chars(ranges)
            case Concat(parts):
                found = 0
                for part in parts:
                    found |= self._first(part)
                    if not is_nullable(part, self.nullable):
                        break
                return found
            case Choice(options):
                return union(map(self._first, options))
            case Repeat(body, _, high):
                return 0 if high == 0 else self._first(body)
            case Call(name):
                return self.first[name]
            case And() | Not():
                return first_bytes(regular(node))
        raise TypeError(f"{type(node).__name__} has no place in a context-free rule")

    def _walk(self, rule: str, node: Node, after: int, *, at_end: bool) -> None:
        """Note what comes behind the calls in a part of `rule`, behind which `after` may come, or the rule's end."""
        match node:
            case Concat(parts):
                for part in reversed(parts):
                    self._walk(rule, part, after, at_end=at_end)
                    first, is_empty = self._beginning(part)
                    after = first | (after if is_empty else 0)
                    at_end = at_end and is_empty
            case Choice(options):
                for option in options:
                    self._walk(rule, option, after, at_end=at_end)
            case Repeat(body, _, high):
                again = 0 if high is not None and high < 2 else self._beginning(body)[0]
                self._walk(rule, body, after | again, at_end=at_end)
            case Call(name):
                self.follow[name] |= after
                if at_end:
                    self._ends_with[rule].add(name)

    def _spread(self) -> None:
        todo = list(self.follow)
        while todo:
            rule = todo.pop()
            for last in self._ends_with.get(rule, ()):
                if self.follow[rule] & ~self.follow[last]:
                    self.follow[last] |= self.follow[rule]
                    todo.append(last)


def first_bytes(dfa: ByteDfa) -> int:
    return bits_of(dfa.delta[dfa.start].nonzero()[0].tolist())


@lru_cache(maxsize=1024)
def _first_of_chars(ranges: Ranges) -> int:
    return union(lead_bytes(low, high) for low, high in ranges)


def lead_bytes(low: int, high: int) -> int:
    """The bytes with which the code points `low` to `high` begin in UTF-8."""
    first, last = _lead(low), _lead(high)
    found = bits_between(first, last)
    return found & ~bits_between(0x80, 0xC1) if first < 0x80 <= last else found


def _lead(point: int) -> int:
    if 0xD800 <= point <= 0xDFFF:
        return 0xED
    return chr(point).encode()[0]
