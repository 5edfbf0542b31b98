"""Why no value satisfies a goal: the pointers to blame, found by trying which parts contradict each other."""

from __future__ import annotations

from itertools import combinations

from ...errors import UnsatisfiableSchema
from .emptiness import Emptiness, needed_items
from .goals import Goals
from .shapes import ARRAY, OBJECT, Goal, Shape

_MAX_STEPS = 200


def explain(goals: Goals, emptiness: Emptiness, goal: Goal) -> UnsatisfiableSchema:
    """The error for an empty `goal`: follow one cause down to the place where it cannot be split any more."""
    path: list[Goal] = []
    while goal not in path and len(path) < _MAX_STEPS:
        path.append(goal)
        deeper = _empty_member(goals, emptiness, goal)
        if deeper is None:
            break
        goal = deeper
    if goal in path[:-1]:
        pointers = goals.describe(goal)
        message = "every value would have to contain another one without end"
    else:
        pointers = _conflict(goals, emptiness, goal)
        message = (
            "no value satisfies "
            + " and ".join(f"#{pointer}" for pointer in pointers)
            + (" together" if len(pointers) > 1 else "")
        )
    return UnsatisfiableSchema(
        message, conflict=pointers, pointer=pointers[0], hint="relax one of them or make the member optional"
    )


def _empty_member(goals: Goals, emptiness: Emptiness, goal: Goal) -> Goal | None:
    """The goal of a needed member that has no value, for the first alternative that fails only for that."""
    for shape in goals.alternatives(goal):
        for need in _needs(shape):
            if need and emptiness.is_empty(need):
                return need
    return None


def _needs(shape: Shape) -> list[Goal]:
    needs: list[Goal] = []
    if shape.types & OBJECT:
        needs += [shape.objects.member(name) for name in shape.objects.required]
    if shape.types & ARRAY:
        needs += needed_items(shape.arrays)
    return needs


def _conflict(goals: Goals, emptiness: Emptiness, goal: Goal) -> tuple[str, ...]:
    """The pointers of a smallest part of the conjunction that is empty already."""
    parts = _conjuncts(goals, goal)
    for size in (1, 2):
        for subset in combinations(parts, size):
            if emptiness.is_empty(tuple(sorted(subset))):
                return goals.describe(tuple(subset))
    return goals.describe(goal)


def _conjuncts(goals: Goals, goal: Goal) -> tuple[int, ...]:
    """The subschemas that `goal` conjoins, `allOf` and `$ref` opened."""
    found: list[int] = []
    todo = list(goal)
    while todo:
        number = todo.pop(0)
        if number in found:
            continue
        found.append(number)
        choices = goals.choices(number)
        if len(choices) == 1:
            todo.extend(choices[0])
    # The opened ones first: a smaller place says more.
    return tuple(found[len(goal) :] + found[: len(goal)])
