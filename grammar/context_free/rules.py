"""Context-free rules: names and the trees that they stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Protocol

from ..dfa import ByteDfa
from ..nodes import And, Call, Chars, Choice, Concat, Literal, Look, Node, Not, Repeat
from ..pushdown import Pushdown
from ..regex import compile_node

MAX_INLINED = 200
"""A rule without recursion is written out where it is called if its tree has at most so many nodes."""


class Foreign(Protocol):
    """A language that has an automaton of its own. It does not have the empty text."""

    def build(self, pushdown: Pushdown) -> int:
        """Add it to `pushdown`: the state in which it begins; it ends by leaving the stack level of that."""
        ...


@dataclass(frozen=True, slots=True)
class Rules:
    """The texts that the rule `start` derives, character by character. Calls do not stand in `And` and `Not`.

    terminals : for further names, what is read as far as it goes: a text of theirs ends where the automaton has its
                last accepting state, whatever follows.
    is_greedy : else a terminal may end in any accepting state.
    foreign   : for further names, languages with automata of their own.
    """

    start: str
    bodies: Mapping[str, Node]
    terminals: Mapping[str, ByteDfa] = field(default_factory=dict)
    foreign: Mapping[str, Foreign] = field(default_factory=dict)
    is_greedy: bool = True


def parts(node: Node) -> tuple[Node, ...]:
    """The trees directly below a node."""
    match node:
        case Concat(children) | Choice(children) | And(children):
            return children
        case Repeat(body) | Not(body) | Look(body):
            return (body,)
    return ()


def calls(node: Node) -> Iterator[str]:
    """The rules that a tree calls, once for each call."""
    todo = [node]
    while todo:
        here = todo.pop()
        if isinstance(here, Call):
            yield here.name
        todo += parts(here)


def reachable(rules: Rules) -> list[str]:
    """The rules that `start` needs, itself first. Names that no rule has are among them."""
    found = {rules.start: None}
    todo = [rules.start]
    for name in todo:
        body = rules.bodies.get(name)  # none of what is foreign
        for called in calls(body) if body is not None else ():
            if called not in found:
                found[called] = None
                todo.append(called)
    return list(found)


def callers_of(bodies: Mapping[str, Node]) -> dict[str, list[str]]:
    """For each rule that is called, those that call it."""
    callers: dict[str, list[str]] = {}
    for name, body in bodies.items():
        for called in set(calls(body)):
            callers.setdefault(called, []).append(name)
    return callers


def productive(rules: Rules) -> set[str]:
    """The rules that derive some finite text."""
    return _least(rules.bodies, _derives, {*rules.terminals, *rules.foreign})


def nullable(rules: Rules) -> set[str]:
    """The rules that derive the empty text."""
    return _least(rules.bodies, is_nullable)


def is_nullable(node: Node, empty_rules: set[str]) -> bool:
    """Whether a tree matches the empty text, where just `empty_rules` do."""
    match node:
        case Literal(text):
            return not text
        case Chars():
            return False
        case Concat(children):
            return all(is_nullable(child, empty_rules) for child in children)
        case Choice(children):
            return any(is_nullable(child, empty_rules) for child in children)
        case Repeat(body, low):
            return low == 0 or is_nullable(body, empty_rules)
        case Call(name):
            return name in empty_rules
        case And() | Not():
            dfa = regular(node)
            return bool(dfa.label[dfa.start] >= 0)
    raise TypeError(f"{type(node).__name__} has no place in a context-free rule")


@lru_cache(maxsize=256)
def regular(node: Node) -> ByteDfa:
    """The automaton of a tree without calls."""
    return compile_node(node)


def _derives(node: Node, known: set[str]) -> bool:
    match node:
        case Literal():
            return True
        case Chars(ranges):
            return bool(ranges)
        case Concat(children):
            return all(_derives(child, known) for child in children)
        case Choice(children):
            return any(_derives(child, known) for child in children)
        case Repeat(body, low):
            return low == 0 or _derives(body, known)
        case Call(name):
            return name in known
        case And() | Not():
            return not regular(node).is_empty
    raise TypeError(f"{type(node).__name__} has no place in a context-free rule")


def _least(
    bodies: Mapping[str, Node], holds: Callable[[Node, set[str]], bool], known: set[str] | None = None
) -> set[str]:
    """The least set of rules whose bodies `holds` accepts, given the set itself, with those that are `known`."""
    callers = callers_of(bodies)
    found = known or set()
    todo = list(bodies)
    while todo:
        name = todo.pop()
        if name not in found and name in bodies and holds(bodies[name], found):
            found.add(name)
            todo += callers.get(name, ())
    return found


def inlined(rules: Rules) -> Rules:
    """The same language, with small rules that are regular written out: they become part of their callers' automata."""
    names = [name for name in reachable(rules) if name in rules.bodies]
    written: dict[str, Node | None] = {}
    sizes: dict[str, int] = {}
    for name in _callees_first(rules, names):
        body = rules.bodies[name]
        called = set(calls(body))
        if all(written.get(other) is not None for other in called):
            size = _size(body, sizes)
            if size <= MAX_INLINED:
                written[name], sizes[name] = _replaced(body, written), size
                continue
        written[name] = None
    bodies = {
        name: _replaced(rules.bodies[name], written)
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
                todo += [c for c in set(calls(rules.bodies[name])) if c in rules.bodies and c not in state]
                continue
            todo.pop()
            if state[name] == 1:
                state[name] = 2
                order.append(name)
    return order


def _size(node: Node, sizes: Mapping[str, int]) -> int:
    """The number of nodes of a tree once its calls are written out, repetitions counted."""
    match node:
        case Call(name):
            return sizes.get(name, 1)
        case Literal(text):
            return 1 + len(text)
        case Repeat(body, low, high):
            return 1 + _size(body, sizes) * max(1, low, high or 0)
    return 1 + sum(_size(part, sizes) for part in parts(node))


def _replaced(node: Node, written: Mapping[str, Node | None]) -> Node:
    match node:
        case Call(name):
            return written.get(name) or node
        case Concat(children):
            return Concat(tuple(_replaced(child, written) for child in children))
        case Choice(children):
            return Choice(tuple(_replaced(child, written) for child in children))
        case Repeat(body, low, high):
            return Repeat(_replaced(body, written), low, high)
    return node
