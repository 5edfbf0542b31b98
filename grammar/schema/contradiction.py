"""A quick look whether two shapes exclude each other: types, finite sets, bounds, members that both must have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import CompileBudgetExceeded
from .scalar_shapes import Strings
from .scalars import numbers_are_empty, string_is_empty
from .shapes import (
    ANY_SHAPE,
    ARRAY,
    NOTHING,
    NUMBER,
    OBJECT,
    STRING,
    TRUE_SCHEMA,
    Arrays,
    Goal,
    Objects,
    Shape,
    conjoin,
)

if TYPE_CHECKING:
    from .goals import Goals

_DEPTH = 3

Names = frozenset[str]


def contradict(goals: Goals, a: Shape, b: Shape) -> bool:
    """Whether no value has both shapes, as far as a quick look shows: only True is sure.

    What contradicts itself in `a` alone may go unseen.
    """
    if a is ANY_SHAPE or b is ANY_SHAPE:
        return not (a.types and b.types)
    types = a.types & b.types
    if not types or (types == OBJECT and _told_apart(goals, a.objects, b.objects)):
        return True
    return _is_empty(goals, a & b, _DEPTH, _told_by(b.objects))


def _told_apart(goals: Goals, a: Objects, b: Objects) -> bool:
    """Whether a member that objects must have tells them apart: so are most alternatives, without a conjunction."""
    for name in dict.fromkeys((*a.required, *b.required)):
        if name in a.properties and name in b.properties:
            goal = conjoin(_firm_member(a, name), _firm_member(b, name))
            if _no_value(goals, goal, _DEPTH):
                return True
    return False


def contradicts_itself(goals: Goals, shape: Shape) -> bool:
    """Whether no value has a shape, as far as a quick look shows: only True is sure."""
    return _is_empty(goals, shape, _DEPTH)


def _told_by(objects: Objects) -> Names | None:
    """The members of which `objects` says something, None for all: the others are as they were without it."""
    if any(names.goal is None and not names.patterns for names, _ in objects.rules):
        return None
    return frozenset(objects.properties).union(objects.required)


def _is_empty(goals: Goals, shape: Shape, depth: int, among: Names | None = None) -> bool:
    """among : look at no other members than these."""
    types = shape.types
    if types & ~(NUMBER | STRING | ARRAY | OBJECT):
        return False
    if types & NUMBER and not (shape.numbers.contradicts_itself or numbers_are_empty(shape.numbers)):
        return False
    if types & STRING and not (shape.strings.contradicts_itself or _no_string(shape.strings)):
        return False
    if types & ARRAY and not _no_array(goals, shape.arrays, depth):
        return False
    return not types & OBJECT or _no_object(goals, shape.objects, depth, among)


def _no_string(strings: Strings) -> bool:
    try:
        return string_is_empty(strings)
    except CompileBudgetExceeded:
        return False


def _no_array(goals: Goals, arrays: Arrays, depth: int) -> bool:
    if arrays.high is not None and arrays.low > arrays.high:
        return True
    items = arrays.items
    if arrays.low > len(items.prefix) and _no_value(goals, items.rest, depth):
        return True
    return any(_no_value(goals, goal, depth) for goal in items.prefix[: arrays.low])


def _no_object(goals: Goals, objects: Objects, depth: int, among: Names | None) -> bool:
    if objects.high is not None and max(objects.low, len(objects.required)) > objects.high:
        return True
    names = objects.required if among is None else [name for name in objects.required if name in among]
    return any(_no_value(goals, _firm_member(objects, name), depth) for name in names)


def _firm_member(objects: Objects, name: str) -> Goal:
    """What is said of a member, patterns left aside."""
    goal = objects.properties.get(name, ())
    for names, more in objects.rules:
        if names.goal is None and not names.patterns and (name in names.listed) != names.others:
            goal = conjoin(goal, more)
    return goal


def _no_value(goals: Goals, goal: Goal, depth: int) -> bool:
    if goal == NOTHING:
        return True
    if not goal or depth == 0:
        return False
    found = goals.known_empty.get((goal, depth))
    if found is None:
        found = goals.known_empty[goal, depth] = _holds_nowhere(goals, goal, depth)
    return found


def _holds_nowhere(goals: Goals, goal: Goal, depth: int) -> bool:
    shape = ANY_SHAPE
    for literal in goal:
        if 0 <= literal < TRUE_SCHEMA:
            shape = shape & goals.firm_shape(literal)
        elif literal < 0 and len(goals.document.schemas) > ~literal:
            shape = _without_constants(goals, shape, ~literal)
    return not shape.types or _is_empty(goals, shape, depth - 1)


def _without_constants(goals: Goals, shape: Shape, number: int) -> Shape:
    """`shape` less the values of a subschema whose negation is one shape."""
    if not goals.is_simple(number):
        return shape
    rows = goals.own_shape(number).complement()
    return shape & rows[0] if len(rows) == 1 else shape
