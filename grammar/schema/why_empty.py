"""Why no value satisfies a goal: the pointers to blame, found by trying which parts contradict each other."""

from __future__ import annotations

from itertools import combinations

from ...errors import UnsatisfiableSchema
from .emptiness import Emptiness, needed_items
from .goals import Goals
from .shapes import ARRAY, NOTHING, OBJECT, Goal, Shape


def explain(goals: Goals, emptiness: Emptiness, goal: Goal) -> UnsatisfiableSchema:
    """The error for an empty `goal`: follow one cause down to the place where it cannot be split any more."""
    seen: list[Goal] = []
    while goal not in seen:
        seen.append(goal)
        deeper = _empty_member(goals, emptiness, goal)
        if deeper is None or deeper == NOTHING:
            return _contradiction(goals, emptiness, goal)
        goal = deeper
    pointers = goals.describe(goal)
    return UnsatisfiableSchema(
        f"every value at #{pointers[0]} would have to contain another one, without end",
        conflict=pointers,
        pointer=pointers[0],
        hint="make the member optional, or allow null there",
    )


def _contradiction(goals: Goals, emptiness: Emptiness, goal: Goal) -> UnsatisfiableSchema:
    pointers = _conflict(goals, emptiness, goal)
    places = " and ".join(f"#{pointer}" for pointer in pointers)
    together = "what these say together" if len(pointers) > 1 else "what it says"
    return UnsatisfiableSchema(
        f"no value satisfies {places}",
        conflict=pointers,
        pointer=pointers[0],
        hint=f"relax {together}, or make the member that it describes optional",
    )


def _empty_member(goals: Goals, emptiness: Emptiness, goal: Goal) -> Goal | None:
    """The goal of a needed member that has no value, for the first alternative that fails only for that."""
    for shape in goals.alternatives(goal):
        for need in _needs(emptiness, shape):
            if need and not emptiness.is_live(need):
                return need
    return None


def _needs(emptiness: Emptiness, shape: Shape) -> list[Goal]:
    needs: list[Goal] = []
    if shape.types & OBJECT:
        members = emptiness.members(shape.objects)
        needs += [members.goal(name) for name in shape.objects.required]
    if shape.types & ARRAY:
        needs += needed_items(shape.arrays)
    return needs


def _conflict(goals: Goals, emptiness: Emptiness, goal: Goal) -> tuple[str, ...]:
    """The pointers of one subschema, or else of two, whose own keywords leave no value."""
    parts = _conjuncts(goals, goal)
    for size in (1, 2):
        for subset in combinations(parts, size):
            if not emptiness.is_live(subset):
                return goals.describe(subset)
    return goals.describe(goal)


def _conjuncts(goals: Goals, goal: Goal) -> tuple[int, ...]:
    """The subschemas that `goal` conjoins, `allOf` and `$ref` opened."""
    found: list[int] = []
    todo = list(goal)
    while todo:
        literal = todo.pop(0)
        if literal not in found:
            found.append(literal)
            todo.extend(goals.demand(literal).literals)
    return tuple(found)
