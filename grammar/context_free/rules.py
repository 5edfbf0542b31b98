"""Context-free rules: names and the trees that they stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from ..dfa import ByteDfa
from ..nodes import And, Call, Chars, Choice, Concat, Literal, Look, Node, Not, Repeat
from ..pushdown import Pushdown
from ..regex import compile_node


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
