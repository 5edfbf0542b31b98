"""Member names of one set of objects: the ones that are declared, and the classes of all others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from operator import itemgetter

import numpy as np

from ..byte_classes import Columns
from ..dfa import NOT_ACCEPTING, ByteDfa, minimize, product
from ..finite import MANY, distinct_edges, texts, ways
from ..regex import compile_pattern
from ..utf8 import UTF8
from .shapes import ANYTHING, Goal, Names, Objects, Rule, conjoin

Language = Callable[[Goal], ByteDfa]
"""The strings that satisfy a goal, as UTF-8."""

MAX_LISTED = 256
"""Names of a finite class are taken one by one where there are at most so many."""

Said = tuple[Goal, tuple[tuple[Goal, ...], ...]]
"""What is said of a name: the goal of its value, and for each need the goals with which it would meet it."""


@dataclass(frozen=True, slots=True, eq=False)
class Classes:
    """The names that are not declared.

    dfa  : over their UTF-8; its labels are the indices of `said`.
    """

    dfa: ByteDfa
    said: tuple[Said, ...]


class Members:
    """What `objects` says of each name."""

    def __init__(self, objects: Objects, language: Language) -> None:
        self.objects = objects
        self._language = language
        self._said: dict[str, Said] = {}
        # The names that come in order: declared ones, then required ones.
        self.ordered = tuple(dict.fromkeys([*objects.properties, *objects.required]))

    @cached_property
    def selectors(self) -> tuple[Names, ...]:
        rules = chain(self.objects.rules, *(need.rules for need in self.objects.needs))
        return tuple(dict.fromkeys(map(itemgetter(0), rules)))

    @cached_property
    def loose(self) -> tuple[str, ...]:
        """Other names of which something is said: their order is free."""
        objects = self.objects
        found: dict[str, None] = {}
        declared = objects.properties.keys() | set(objects.required)
        for names in self.selectors:
            found.update(dict.fromkeys(sorted(names.listed - declared)))
        for need in objects.needs:
            found.update(dict.fromkeys(sorted(need.absent)))
        for name, implied in objects.implied:
            found.update(dict.fromkeys((name, *implied)))
        for name in declared:
            found.pop(name, None)
        return tuple(found)

    def goal(self, name: str) -> Goal:
        """The goal of the value of a member."""
        goal = self.objects.properties.get(name, ANYTHING)
        for names, more in self.objects.rules:
            if self.selects(names, name):
                goal = conjoin(goal, more)
        return goal

    def said(self, name: str) -> Said:
        """What is said of one name."""
        said = self._said.get(name)
        if said is None:
            needs = (tuple(self._selected(need.rules, name)) for need in self.objects.needs)
            said = self._said[name] = (self.goal(name), tuple(needs))
        return said

    def _selected(self, rules: tuple[Rule, ...], name: str) -> list[Goal]:
        """The goals of the rules that speak of `name`."""
        return [goal for names, goal in rules if self.selects(names, name)]

    def selects(self, names: Names, name: str) -> bool:
        """Whether `name` is one of `names`."""
        found = name in names.listed
        if not found and (names.patterns or names.goal is not None):
            found = self._matches(names, name)
        return found != names.others

    def _matches(self, names: Names, name: str) -> bool:
        if not is_text(name):
            return False
        content = name.encode()
        if any(compile_pattern(pattern).accepts(content) for pattern in names.patterns):
            return True
        return names.goal is not None and self._language(names.goal).accepts(content)

    @property
    def extra(self) -> Goal:
        """The goal of all other names, where no pattern tells them apart."""
        goal = ANYTHING
        for names, more in self.objects.rules:
            if names.others:
                goal = conjoin(goal, more)
        return goal

    @cached_property
    def tells_apart(self) -> bool:
        """Whether names that are not listed differ in what is said of them."""
        return any(names.patterns or names.goal is not None for names in self.selectors)

    @cached_property
    def classes(self) -> Classes:
        """The classes of all names that are neither ordered nor loose.

        Raises CompileBudgetExceeded.
        """
        tests: list[tuple[str, object]] = []
        for names in self.selectors:
            tests += [("pattern", pattern) for pattern in sorted(names.patterns)]
            tests += [("goal", names.goal)] if names.goal is not None else []
        tests = list(dict.fromkeys(tests))
        dfa, vectors = product([UTF8, *map(self._test, tests)])
        said: dict[Said, int] = {}
        labels = []
        for vector in vectors:
            holds = {test for test, held in zip(tests, vector[1:], strict=True) if held}
            labels.append(said.setdefault(self._said_of_class(holds), len(said)))
        labels.append(NOT_ACCEPTING)
        relabelled = minimize(dfa.delta, dfa.start, np.array(labels, np.int32)[dfa.label])
        return _renumbered(relabelled, tuple(said))

    @cached_property
    def divided(self) -> tuple[dict[str, Said], Classes, tuple[int, ...]]:
        """The names of small classes with what is said of each, the other classes, and how many names these have.

        Names that are ordered or loose are in none of them.
        """
        classes, known = self.classes, {*self.ordered, *self.loose}
        sizes = n_names(classes)
        small = [kind for kind, size in enumerate(sizes) if size <= MAX_LISTED]
        listed: dict[str, Said] = {}
        if small:
            dfa = only_labels(classes.dfa, {kind: kind for kind in small})
            for content, kind in texts(dfa, MAX_LISTED * len(small)) or ():
                if (name := content.decode()) not in known:
                    listed[name] = classes.said[kind]
            kept = {kind: kind for kind in range(len(sizes)) if kind not in small}
            classes = Classes(only_labels(classes.dfa, kept), classes.said)
            sizes = [0 if kind in small else size for kind, size in enumerate(sizes)]
        for name in known:
            kind = classes.dfa.run(name.encode()) if is_text(name) else NOT_ACCEPTING
            if kind >= 0 and sizes[kind] < MANY:
                sizes[kind] -= 1
        return listed, classes, tuple(sizes)

    def _test(self, test: tuple[str, object]) -> ByteDfa:
        kind, content = test
        return compile_pattern(content) if kind == "pattern" else self._language(content)  # type: ignore[arg-type]

    def _said_of_class(self, holds: set[tuple[str, object]]) -> Said:
        patterns = {content for kind, content in holds if kind == "pattern"}

        def selected(names: Names) -> bool:
            found = not patterns.isdisjoint(names.patterns)
            return (found or ("goal", names.goal) in holds) != names.others

        goal = ANYTHING
        for names, more in self.objects.rules:
            if selected(names):
                goal = conjoin(goal, more)
        needs = (tuple(more for names, more in need.rules if selected(names)) for need in self.objects.needs)
        return goal, tuple(needs)


def is_text(name: str) -> bool:
    """Whether `name` has no lone surrogate: with one it never occurs (RFC 8259, section 8.2)."""
    return name.isascii() or not any("\ud800" <= character <= "\udfff" for character in name)


def _renumbered(dfa: ByteDfa, said: tuple[Said, ...]) -> Classes:
    """Labels in the order of the canonical states, so that equal languages have equal labels."""
    used = list(dict.fromkeys(dfa.label[dfa.label >= 0].tolist()))
    position = np.full(len(said) + 1, NOT_ACCEPTING, np.int32)
    position[used] = np.arange(len(used))
    return Classes(dfa.with_labels(position[dfa.label]), tuple(said[i] for i in used))


def only_labels(dfa: ByteDfa, kept: dict[int, int]) -> ByteDfa:
    """The texts of `dfa` with a label in `kept`, under the label that it gives."""
    table = np.full(max(int(dfa.label.max(initial=0)), *kept, 0) + 2, NOT_ACCEPTING, np.int32)
    for old, new in kept.items():
        table[old] = new
    if all(kept.get(label) == label for label in set(dfa.label.tolist()) - {NOT_ACCEPTING}):
        return dfa
    return trimmed(dfa.delta, dfa.start, table[dfa.label])


def trimmed(delta: np.ndarray, start: int, label: np.ndarray) -> ByteDfa:
    """The canonical DFA of one in which some states may not reach an accepting one any more."""
    alive = _can_reach(delta, label != NOT_ACCEPTING)
    kept = np.where(alive[delta] & alive[:, None], delta, 0).astype(np.int32)
    return minimize(
        kept, start if alive[start] else 0, np.where(alive, label, NOT_ACCEPTING).astype(np.int32)
    )


def _can_reach(delta: np.ndarray, goals: np.ndarray) -> np.ndarray:
    """bool[n_states]: the states from which one of `goals` (bool[n_states]) can be reached."""
    before: list[list[int]] = [[] for _ in range(len(delta))]
    for source, target, _ in distinct_edges(Columns.of(delta)).T.tolist():
        before[target].append(source)
    alive: np.ndarray = goals.copy()
    todo = np.flatnonzero(goals).tolist()
    while todo:
        for state in before[todo.pop()]:
            if not alive[state]:
                alive[state] = True
                todo.append(state)
    return alive


def n_names(classes: Classes) -> list[int]:
    """How many names each class has, at most MANY.

    Names are counted from the start on, along all ways to a state. A state behind a cycle is never settled: infinitely
    many names lead there.
    """
    dfa = classes.dfa
    begin = np.zeros(dfa.n_states, np.int64)
    begin[dfa.start] = 1
    n_ways = ways(distinct_edges(dfa.columns), begin)
    found = [0] * len(classes.said)
    for n, kind in zip(n_ways.tolist(), dfa.label.tolist()):
        if kind >= 0:
            found[kind] = min(found[kind] + n, MANY)
    return found
