"""Whether a value is in a shape, and shapes without some values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .canonical import canonical, too_deep
from .members import Members
from .own_shape import exact, type_of
from .scalars import has_shape
from .shapes import ARRAY, FALSE, NULL, NUMBER, OBJECT, STRING, TRUE, Arrays, Goal, Objects, Shape

if TYPE_CHECKING:
    from .goals import Goals


class Membership:
    """Values are as `json.loads` makes them; numbers may be Decimal or Fraction as well."""

    def __init__(self, goals: Goals, members: Callable[[Objects], Members]) -> None:
        self._goals = goals
        self._members = members

    def holds(self, goal: Goal, value: Any) -> bool:
        """Whether `value` satisfies `goal`. Raises CompileBudgetExceeded where it is nested too deeply."""
        base, others = self._goals.parted(goal)
        try:
            if others and canonical(value) in others:
                return False
            return any(self.has(shape, value) for shape in self._goals.alternatives(base))
        except RecursionError:
            raise too_deep() from None

    def has(self, shape: Shape, value: Any) -> bool:
        """Whether `value` is in `shape`; what that leaves out of arrays and objects is not looked at."""
        kind = type_of(value)
        if not shape.types & kind:
            return False
        if kind == ARRAY:
            return self._has_array(shape.arrays, value)
        if kind == OBJECT:
            return self._has_object(shape.objects, value)
        return _has_scalar(shape, value)

    def _has_array(self, arrays: Arrays, value: list[Any]) -> bool:
        if len(value) < arrays.low or (arrays.high is not None and len(value) > arrays.high):
            return False
        if not all(self.holds(arrays.items.at(i), item) for i, item in enumerate(value)):
            return False
        for contains in arrays.contains:
            count = sum(self.holds(contains.items.at(i), item) for i, item in enumerate(value))
            if count < contains.low or (contains.high is not None and count > contains.high):
                return False
        return arrays.unique is None or arrays.unique == is_unique(value)

    def _has_object(self, objects: Objects, value: dict[str, Any]) -> bool:
        if len(value) < objects.low or (objects.high is not None and len(value) > objects.high):
            return False
        if not all(name in value for name in objects.required):
            return False
        if any(name in value and not all(n in value for n in names) for name, names in objects.implied):
            return False
        members = self._members(objects)
        if not all(self.holds(members.goal(name), member) for name, member in value.items()):
            return False
        met = [not need.absent <= value.keys() for need in objects.needs]
        for name, member in value.items() if met else ():
            for i, options in enumerate(members.said(name)[1]):
                met[i] = met[i] or any(self.holds(option, member) for option in options)
        return all(met)


def _has_scalar(shape: Shape, value: Any) -> bool:
    """The same for a scalar of a type that `shape` has."""
    if isinstance(value, str):
        texts = shape.strings.texts
        return (texts is None or value in texts) and has_shape(value, shape.strings)
    if value is None or isinstance(value, bool):
        return True
    return shape.numbers.holds(exact(value))


def is_unique(values: list[Any]) -> bool:
    """Whether no two of `values` are equal."""
    return len(set(map(canonical, values))) == len(values)


def without_values(shape: Shape, values: Mapping[str, Any]) -> Shape:
    """`shape` without `values`, which come by their canonical texts; it may be left without types."""
    types, structures = shape.types, []
    numbers, texts = [], []
    for text, value in values.items():
        kind = type_of(value)
        if not shape.types & kind:
            continue
        if kind & (ARRAY | OBJECT):
            structures.append(text)
        elif kind & (NULL | TRUE | FALSE):
            types &= ~kind
        # What is not in the shape anyway would only be a longer way to say the same.
        elif _has_scalar(shape, value):
            if kind == STRING:
                texts.append(value)
            else:
                assert kind == NUMBER
                numbers.append(exact(value))
    found = replace(shape, types=types) if types != shape.types else shape
    if numbers:
        found = replace(
            found, numbers=replace(shape.numbers, excluded=shape.numbers.excluded | frozenset(numbers))
        )
    if texts:
        found = replace(
            found, strings=replace(shape.strings, excluded=shape.strings.excluded | frozenset(texts))
        )
    return replace(found, excluded=frozenset(structures)) if structures else found
