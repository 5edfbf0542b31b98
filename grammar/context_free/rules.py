"""Context-free rules: names and the trees that they stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import repeat
from typing import TYPE_CHECKING, Protocol

from ..dfa import ByteDfa
from ..nodes import And, Call, Chars, Choice, Concat, Literal, Look, Node, Not, Repeat
from ..pushdown import Pushdown
from ..regex import compile_node
from ..utf8 import SURROGATES

if TYPE_CHECKING:
    from .program import Program


class Foreign(Protocol):
    """A language that has an automaton of its own. It does not have the empty text."""

    def build(self, pushdown: Pushdown) -> int:
        """Add it to `pushdown`: the state in which it begins; it ends by leaving the stack level of that."""
        ...


@dataclass(frozen=True)
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

    @cached_property
    def program(self) -> Program:
        """The rules, all of which are defined, as a program; only of those without terminals and foreign ones."""
        from .program import Program  # its kernels need numba, which looking at a schema does not

        return Program(self.start, self.bodies)

    @cached_property
    def called(self) -> dict[str, tuple[str, ...]]:
        """For each rule those that it calls."""
        return {name: tuple(dict.fromkeys(calls(body))) for name, body in self.bodies.items()}

    @cached_property
    def callers(self) -> dict[str, list[str]]:
        """For each rule that is called, those that call it."""
        found: dict[str, list[str]] = {}
        for name, called in self.called.items():
            for other in called:
                found.setdefault(other, []).append(name)
        return found


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


def replaced(node: Node, replacement: Callable[[Node], Node | None]) -> Node:
    """A tree with each node, from the top, replaced for which there is a replacement."""
    found = replacement(node)
    if found is not None:
        return found
    match node:
        case Concat(children):
            return Concat(tuple(map(replaced, children, repeat(replacement))))
        case Choice(children):
            return Choice(tuple(map(replaced, children, repeat(replacement))))
        case And(children):
            return And(tuple(map(replaced, children, repeat(replacement))))
        case Not(body):
            return Not(replaced(body, replacement))
        case Repeat(body, low, high):
            return Repeat(replaced(body, replacement), low, high)
    return node


def with_calls(node: Node, replacement: Callable[[str], Node | None]) -> Node:
    """The tree of a rule with the calls replaced whose names have a replacement."""

    def of_node(part: Node) -> Node | None:
        match part:
            case Call(name):
                return replacement(name)
            case And() | Not():
                return part  # no call stands there; the same object, so that `regular` knows it again at once
        return None

    return replaced(node, of_node)


def reachable(rules: Rules) -> list[str]:
    """The rules that `start` needs, itself first. Names that no rule has are among them."""
    found = {rules.start: None}
    todo = [rules.start]
    for name in todo:
        for called in rules.called.get(name, ()):  # none of what is foreign
            if called not in found:
                found[called] = None
                todo.append(called)
    return list(found)


def productive(rules: Rules) -> set[str]:
    """The rules that derive some finite text."""
    return _least(rules, _has_text, {*rules.terminals, *rules.foreign})


def nullable(rules: Rules) -> set[str]:
    """The rules that derive the empty text."""
    return _least(rules, _has_empty_text, set())


def is_nullable(node: Node, empty_rules: set[str]) -> bool:
    """Whether a tree matches the empty text, where just `empty_rules` do."""
    return _has_one(node, empty_rules, _has_empty_text)


@lru_cache(maxsize=256)
def regular(node: Node) -> ByteDfa:
    """The automaton of a tree without calls."""
    return compile_node(node)


def _has_empty_text(leaf: Node) -> bool:
    match leaf:
        case Literal(text):
            return not text
        case Chars():
            return False
    dfa = regular(leaf)
    return bool(dfa.label[dfa.start] >= 0)


def _has_text(leaf: Node) -> bool:
    match leaf:
        case Literal():
            return True
        case Chars(ranges):
            return any(low < SURROGATES[0] or high > SURROGATES[1] for low, high in ranges)
    return not regular(leaf).is_empty


def _has_one(node: Node, known: set[str], of_leaf: Callable[[Node], bool]) -> bool:
    """Whether a tree has a text of some kind, put together from texts of that kind.

    of_leaf : whether a tree without calls has one.  known : the rules that have one.
    """
    match node:
        case Concat(children):
            return all(_has_one(child, known, of_leaf) for child in children)
        case Choice(children):
            return any(_has_one(child, known, of_leaf) for child in children)
        case Repeat(body, low):
            return low == 0 or _has_one(body, known, of_leaf)
        case Call(name):
            return name in known
        case Literal() | Chars() | And() | Not():
            return of_leaf(node)
    raise TypeError(f"{type(node).__name__} has no place in a context-free rule")


def _least(rules: Rules, of_leaf: Callable[[Node], bool], known: set[str]) -> set[str]:
    """The least set of rules whose bodies have a text of some kind (`_has_one`), given the set itself and `known`."""
    bodies = rules.bodies
    found = set(known)
    todo = list(bodies)
    while todo:
        name = todo.pop()
        if name not in found and name in bodies and _has_one(bodies[name], found, of_leaf):
            found.add(name)
            todo += rules.callers.get(name, ())
    return found
