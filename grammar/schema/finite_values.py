"""The values of a goal, where they are few: what `uniqueItems` has to count."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from ...errors import CompileBudgetExceeded
from ..finite import texts
from ..number_sets import list_numbers
from .canonical import canonical
from .scalars import string_language
from .shapes import ARRAY, FALSE, NOTHING, NULL, NUMBER, OBJECT, STRING, TRUE, Goal, Shape

if TYPE_CHECKING:
    from .emptiness import Emptiness
    from .goals import Goals

_DEPTH = 4
Values = dict[str, Any]
"""Values by their canonical text."""


class FiniteValues:
    """The values of goals with at most `limit` values, None for the others; answers are kept.

    A goal whose values lie deeper than a few levels counts as one with many.
    """

    def __init__(self, emptiness: Emptiness) -> None:
        self.goals: Goals = emptiness.goals
        self.emptiness = emptiness
        self._known: dict[tuple[Goal, int], Values | None] = {}

    def of(self, goal: Goal, limit: int) -> Values | None:
        """All values of `goal`, None if there are more than `limit`."""
        key = (goal, limit)
        if key not in self._known:
            self._known[key] = self._of(goal, limit, _DEPTH)
        return self._known[key]

    def infinite_types(self, goal: Goal, limit: int) -> int:
        """The types of which `goal` has more than `limit` values: a bit set."""
        types = 0
        for shape in self.goals.alternatives(goal):
            for bit in (NUMBER, STRING, ARRAY, OBJECT):
                if shape.types & bit and self._of_type(shape, bit, limit, _DEPTH) is None:
                    types |= bit
        return types

    def _of(self, goal: Goal, limit: int, depth: int) -> Values | None:
        if goal == NOTHING:
            return {}
        found: Values = {}
        for shape in self.goals.alternatives(goal):
            for bit in (NULL, TRUE, FALSE, NUMBER, STRING, ARRAY, OBJECT):
                if not shape.types & bit:
                    continue
                values = self._of_type(shape, bit, limit, depth)
                if values is None:
                    return None
                found |= values
                if len(found) > limit:
                    return None
        return found

    def _of_type(self, shape: Shape, bit: int, limit: int, depth: int) -> Values | None:
        if bit & (NULL | TRUE | FALSE):
            value = None if bit == NULL else bit == TRUE
            return {canonical(value): value}
        if bit == NUMBER:
            return _of_numbers(shape, limit)
        if bit == STRING:
            return _of_strings(shape, limit)
        if depth == 0:
            return None
        return self._arrays(shape, limit, depth) if bit == ARRAY else self._objects(shape, limit, depth)

    def _arrays(self, shape: Shape, limit: int, depth: int) -> Values | None:
        arrays = shape.arrays
        if arrays.contains:
            return None
        n_places = len(arrays.items.prefix)
        rest = self._of(arrays.items.rest, limit, depth - 1)
        if arrays.high is None and rest != {}:
            return None
        longest = n_places if rest == {} else arrays.high or 0
        if arrays.high is not None:
            longest = min(longest, arrays.high)
        if longest > limit:
            return None
        found: Values = {}
        rows: list[list[Any]] = [[]]
        for n in range(longest + 1):
            if n >= arrays.low:
                found |= {canonical(row): row for row in rows if not arrays.unique or _is_unique(row)}
            if len(found) > limit or len(rows) > 4 * limit or n == longest:
                break
            items = self._of(arrays.items.at(n), limit, depth - 1)
            if items is None:
                return None
            rows = [[*row, item] for row in rows for item in items.values()]
            if not rows:
                break
        return found if len(found) <= limit and len(rows) <= 4 * limit else None

    def _objects(self, shape: Shape, limit: int, depth: int) -> Values | None:
        objects = shape.objects
        members = self.emptiness.members(objects)
        if objects.needs or objects.implied or members.tells_apart or members.extra != NOTHING:
            return None
        names = (*members.ordered, *members.loose)
        choices: list[list[tuple[str, Any] | None]] = []
        total = 1
        for name in names:
            values = self._of(members.goal(name), limit, depth - 1)
            if values is None:
                return None
            choices.append([(name, value) for value in values.values()])
            if name not in objects.required:
                choices[-1].append(None)
            total *= len(choices[-1])
            if total > 4 * limit:
                return None
        found: Values = {}
        for chosen in product(*choices):
            value = dict(pair for pair in chosen if pair is not None)
            if len(value) >= objects.low and (objects.high is None or len(value) <= objects.high):
                found[canonical(value)] = value
        return found if len(found) <= limit else None


def _of_numbers(shape: Shape, limit: int) -> Values | None:
    fields = {name: getattr(shape.numbers, name) for name in shape.numbers.__slots__}
    numbers = list_numbers(limit, **fields)
    return None if numbers is None else {canonical(number): number for number in numbers}


def _of_strings(shape: Shape, limit: int) -> Values | None:
    try:
        found = texts(string_language(frozenset([shape.strings])), limit)
    except CompileBudgetExceeded:
        return None
    return None if found is None else {canonical(text.decode()): text.decode() for text, _ in found}


def _is_unique(values: Sequence[Any]) -> bool:
    return len(set(map(canonical, values))) == len(values)


def critical_values(places: Sequence[Values], taken: Iterable[str]) -> set[str] | None:
    """The values that no earlier place may take, so that each of `places` can still get one of its own.

    None where the places cannot be filled as it is. A bipartite matching (Kuhn 1955), tried again without each value
    that it uses.
    """
    free = [sorted(place.keys() - set(taken)) for place in places]
    matching = _match(free, None)
    if matching is None:
        return None
    return {value for value in matching if _match(free, value) is None}


def _match(places: list[list[str]], without: str | None) -> dict[str, int] | None:
    """A value for each place, all different: value to place; None if there is no such choice."""
    owner: dict[str, int] = {}
    for place in range(len(places)):
        if not _augment(places, place, owner, without):
            return None
    return owner


def _augment(places: list[list[str]], start: int, owner: dict[str, int], without: str | None) -> bool:
    """Find a value for one more place, moving others along an alternating path: breadth first."""
    came_from: dict[str, int] = {}
    todo = [start]
    for place in todo:
        for value in places[place]:
            if value == without or value in came_from:
                continue
            came_from[value] = place
            if value in owner:
                todo.append(owner[value])
                continue
            while True:
                place = came_from[value]
                previous = next((v for v, p in owner.items() if p == place), None) if place != start else None
                owner[value] = place
                if previous is None:
                    return True
                value = previous
    return False
