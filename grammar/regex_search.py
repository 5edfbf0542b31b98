"""Whether a pattern is found in a text, without an automaton: for patterns whose automaton is too large."""

from __future__ import annotations

from .nodes import Anchor, And, Chars, Choice, Concat, Literal, Look, Node, Not, Repeat
from .regex_parse import parse_regex

_WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
Ends = frozenset[int]


def is_found(pattern: str, text: str) -> bool:
    """Whether the ECMA-262 `pattern` matches somewhere in `text`, as `compile_pattern` means it.

    Time is at most cubic in the length of the text, times the size of the pattern with its repetitions written out.
    Raises GrammarSyntaxError.
    """
    search = _Search(text)
    node = parse_regex(pattern, "ecma262")
    return any(search.ends(node, start) for start in range(len(text) + 1))


class _Search:
    """For one text: the indices at which the matches of a node end that begin at some index."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._known: dict[tuple[int, int], Ends] = {}

    def ends(self, node: Node, start: int) -> Ends:
        # The tree outlives the search, so that an id stays that of one node.
        key = (id(node), start)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._ends(node, start)
        return found

    def _ends(self, node: Node, start: int) -> Ends:
        match node:
            case Literal(text):
                return frozenset([start + len(text)] if self.text.startswith(text, start) else [])
            case Chars(ranges):
                code = ord(self.text[start]) if start < len(self.text) else -1
                return frozenset([start + 1] if any(low <= code <= high for low, high in ranges) else [])
            case Concat(parts):
                here = frozenset([start])
                for part in parts:
                    here = self._behind(part, here)
                return here
            case Choice(options):
                return frozenset().union(*(self.ends(option, start) for option in options))
            case Repeat():
                return self._repeated(node, start)
            case And(parts):
                return frozenset.intersection(*(self.ends(part, start) for part in parts))
            case Not(body):
                return frozenset(range(start, len(self.text) + 1)) - self.ends(body, start)
            case Anchor(kind):
                return frozenset([start] if self._holds(kind, start) else [])
            case Look(body, behind, negative):
                seen = self._seen_behind(body, start) if behind else bool(self.ends(body, start))
                return frozenset([start] if seen != negative else [])
        raise TypeError(f"not part of a pattern: {node!r}")

    def _behind(self, node: Node, starts: Ends) -> Ends:
        return frozenset().union(*(self.ends(node, start) for start in starts))

    def _repeated(self, node: Repeat, start: int) -> Ends:
        here = frozenset([start])
        for _ in range(node.low):
            after = self._behind(node.body, here)
            if after == here:
                break  # one more changes nothing
            here = after
        found, n = here, node.low
        while here and (node.high is None or n < node.high):
            here = self._behind(node.body, here) - found
            found |= here
            n += 1
        return found

    def _seen_behind(self, node: Node, end: int) -> bool:
        return any(end in self.ends(node, start) for start in range(end + 1))

    def _holds(self, kind: str, at: int) -> bool:
        if kind in ("start", "end"):
            return at == (0 if kind == "start" else len(self.text))
        before = at > 0 and self.text[at - 1] in _WORD
        after = at < len(self.text) and self.text[at] in _WORD
        return (before != after) == (kind == "word")
