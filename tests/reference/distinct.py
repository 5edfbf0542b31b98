"""Items that must differ: what can still be chosen, by trying everything. Slow and obvious."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from .judge import identity


def has_distinct_choice(choices: Sequence[Collection[str]]) -> bool:
    """Whether one value can be taken from each of `choices`, all of them different."""
    return any(len(set(chosen)) == len(chosen) for chosen in itertools.product(*choices))


def critical_values(
    is_valid: Callable[[list[Any]], bool], read: list[Any], values: list[Any], longest: int
) -> list[Any] | None:
    """Those of `values` that every way to complete the array `read` has; None where there is no way.

    longest : the most items that an array may have.
    """
    rows = (row for n in range(longest - len(read) + 1) for row in itertools.product(values, repeat=n))
    completions = [set(map(identity, row)) for row in rows if is_valid([*read, *row])]
    if not completions:
        return None
    return [value for value in values if all(identity(value) in row for row in completions)]


def small_values(scalars: list[Any], depth: int, *, longest: int = 2, names: str = "ab") -> Iterator[Any]:
    """All values of at most `depth` levels: arrays of at most `longest` items, objects of members `names`."""
    yield from scalars
    if depth == 0:
        return
    inner = list(small_values(scalars, depth - 1, longest=longest, names=names))
    for n in range(longest + 1):
        yield from map(list, itertools.product(inner, repeat=n))
    for n in range(len(names) + 1):
        for chosen in itertools.combinations(names, n):
            for members in itertools.product(inner, repeat=n):
                yield dict(zip(chosen, members, strict=True))


def bound(scalars: list[Any], depth: int, *, longest: int = 2, names: str = "ab") -> dict[str, Any]:
    """The schema of exactly these values."""
    if depth == 0:
        return {"enum": scalars}
    inner = bound(scalars, depth - 1, longest=longest, names=names)
    arrays = {"type": "array", "items": inner, "maxItems": longest}
    members = dict.fromkeys(names, inner)
    objects = {"type": "object", "properties": members, "additionalProperties": False}
    return {"anyOf": [{"enum": scalars}, arrays, objects]}
