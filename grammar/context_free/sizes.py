"""The same rules in pieces of a good size: one automaton for what is small and regular, several for what is large."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..nodes import Call, Choice, Concat, Literal, Node, Repeat
from .order import callees_first
from .rules import Rules, is_nullable, parts, productive, reachable, with_calls

MAX_INLINED = 200
"""A rule without recursion is written out where it is called if its tree has at most so many nodes."""
MAX_BODY = 400
"""A larger tree is divided into rules, so that no automaton becomes much larger."""


class Pieces:
    """The same language.

    rules   : those that are needed, large trees divided: options in groups, long parts and repeated ones for
              themselves.
    inlined : the trees of those that are small and regular: they become part of their callers' automata.
    """

    def __init__(self, rules: Rules) -> None:
        names = [name for name in reachable(rules) if name in rules.bodies]
        sizes: dict[str, int] = {}
        divider = _Divider(sizes)
        for name in callees_first(names, lambda name: [c for c in rules.called[name] if c in rules.bodies]):
            body = rules.bodies[name]
            size = _size(body, sizes)
            if size <= MAX_INLINED and all(other in sizes for other in rules.called[name]):
                sizes[name] = size
            elif size > MAX_BODY:
                divider.bodies[name] = divider.divide(body, name)
        if divider.bodies or len(names) < len(rules.bodies):
            rules = replace(rules, bodies={name: rules.bodies[name] for name in names} | divider.bodies)
        self.rules = _without_endless(rules) if divider.bodies else rules
        self.inlined = {name: self.rules.bodies[name] for name in sizes}


def _without_endless(rules: Rules) -> Rules:
    """The same rules without parts that derive nothing: such a part may have become a rule."""
    endless = rules.bodies.keys() - productive(rules)
    if not endless:
        return rules
    bodies = {
        name: with_calls(body, lambda called: Choice(()) if called in endless else None)
        for name, body in rules.bodies.items()
        if name not in endless
    }
    return replace(rules, bodies=bodies)


class _Divider:
    """bodies : the rules that were divided, with those that parts of them became.  sizes : of the inlined ones."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self.bodies: dict[str, Node] = {}
        self._sizes = sizes

    def divide(self, node: Node, owner: str) -> Node:
        """A tree of at most MAX_BODY nodes, as far as it can be divided."""
        if self._size(node) <= MAX_BODY:
            return node
        match node:
            case Concat(children):
                return Concat(tuple([self._small(child, owner) for child in children]))
            case Choice(options):
                return Choice(tuple(self._grouped(options, owner)))
            case Repeat(body, low, high) if not is_nullable(
                body, set()
            ):  # else each pass would be a call of nothing
                return Repeat(self._small(body, owner), low, high)
        return node

    def _small(self, node: Node, owner: str) -> Node:
        """A call of a rule for a tree, unless that is a single node."""
        return self._rule(node, owner) if self._size(node) > 1 else node

    def _grouped(self, options: tuple[Node, ...], owner: str) -> list[Node]:
        groups: list[list[Node]] = []
        room = 0
        for option in options:
            size = self._size(option)
            if size >= room:
                groups.append([])
                room = MAX_BODY
            groups[-1].append(option)
            room -= size
        return [self._rule(group[0] if len(group) == 1 else Choice(tuple(group)), owner) for group in groups]

    def _rule(self, node: Node, owner: str) -> Node:
        name = f"{owner}#{len(self.bodies)}"  # as no notation lets rules be named
        self.bodies[name] = node
        self.bodies[name] = self.divide(node, owner)
        return Call(name)

    def _size(self, node: Node) -> int:
        return _size(node, self._sizes)


def _size(node: Node, sizes: Mapping[str, int]) -> int:
    """The number of nodes of a tree once what has one of `sizes` is written out, repetitions counted."""
    match node:
        case Call(name):
            return sizes.get(name, 1)
        case Literal(text):
            return 1 + len(text)
        case Repeat(body, low, high):
            return 1 + _size(body, sizes) * max(1, low, high or 0)
    size = 1
    for part in parts(node):
        size += _size(part, sizes)
    return size
