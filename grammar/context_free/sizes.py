"""The same rules in pieces of a good size: one automaton for what is small and regular, several for what is large."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ..nodes import Call, Choice, Concat, Literal, Node, Repeat
from .rules import Rules, parts, reachable, with_calls

MAX_INLINED = 200
"""A rule without recursion is written out where it is called if its tree has at most so many nodes."""
MAX_BODY = 400
"""A larger tree is divided into rules, so that no automaton becomes much larger."""


def divided(rules: Rules) -> Rules:
    """The same language, with large trees divided: options in groups, long parts and repeated ones for themselves."""
    divider = _Divider()
    for name, body in rules.bodies.items():
        divider.bodies[name] = divider.divide(body, name)
    return replace(rules, bodies=divider.bodies)


class _Divider:
    """bodies : the rules, with those that parts of them became."""

    def __init__(self) -> None:
        self.bodies: dict[str, Node] = {}

    def divide(self, node: Node, owner: str) -> Node:
        """A tree of at most MAX_BODY nodes, as far as it can be divided."""
        if _size(node) <= MAX_BODY:
            return node
        match node:
            case Concat(children):
                return Concat(tuple(self._small(child, owner) for child in children))
            case Choice(options):
                return Choice(tuple(self._grouped(options, owner)))
            case Repeat(body, low, high):
                return Repeat(self._small(body, owner) if _size(body) > 1 else body, low, high)
        return node

    def _small(self, node: Node, owner: str) -> Node:
        """A call of a rule for a tree, unless that is a single node."""
        return self._rule(node, owner) if _size(node) > 1 else node

    def _grouped(self, options: tuple[Node, ...], owner: str) -> Iterator[Node]:
        group: list[Node] = []
        size = 0
        for option in options:
            n = _size(option)
            if group and 1 + size + n > MAX_BODY:
                yield self._rule(Choice(tuple(group)), owner)
                group, size = [], 0
            group.append(option)
            size += n
        yield self._rule(Choice(tuple(group)), owner)

    def _rule(self, node: Node, owner: str) -> Node:
        if isinstance(node, Choice) and len(node.options) == 1:
            node = node.options[0]
        name = f"{owner}.{len(self.bodies)}"
        self.bodies[name] = node
        self.bodies[name] = self.divide(node, owner)
        return Call(name)


def inlined(rules: Rules) -> Rules:
    """The same language, with small rules that are regular written out: they become part of their callers' automata."""
    names = [name for name in reachable(rules) if name in rules.bodies]
    written: dict[str, Node | None] = {}
    sizes: dict[str, int] = {}
    for name in _callees_first(rules, names):
        body = rules.bodies[name]
        if all(written.get(other) is not None for other in rules.called[name]):
            size = _size(body, sizes)
            if size <= MAX_INLINED:
                written[name], sizes[name] = with_calls(body, written.get), size
                continue
        written[name] = None
    bodies = {
        name: with_calls(rules.bodies[name], written.get)
        for name in names
        if written[name] is None or name == rules.start
    }
    return replace(rules, bodies=bodies)


def _callees_first(rules: Rules, names: list[str]) -> list[str]:
    """The rules, each behind those that it calls but for recursion."""
    order: list[str] = []
    state: dict[str, int] = {}
    for first in names:
        todo = [first]
        while todo:
            name = todo[-1]
            if name not in state:
                state[name] = 1
                todo += [c for c in rules.called[name] if c in rules.bodies and c not in state]
                continue
            todo.pop()
            if state[name] == 1:
                state[name] = 2
                order.append(name)
    return order


_NO_SIZES: Mapping[str, int] = {}


def _size(node: Node, sizes: Mapping[str, int] = _NO_SIZES) -> int:
    """The number of nodes of a tree once its calls are written out, repetitions counted."""
    match node:
        case Call(name):
            return sizes.get(name, 1)
        case Literal(text):
            return 1 + len(text)
        case Repeat(body, low, high):
            return 1 + _size(body, sizes) * max(1, low, high or 0)
    return 1 + sum(_size(part, sizes) for part in parts(node))
