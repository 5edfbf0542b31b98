"""Different values for places that have few to choose from: a bipartite matching that grows place by place."""

from __future__ import annotations

from collections.abc import Set as AbstractSet


class Matching:
    """A value for each place, all different. Immutable.

    values : those that are used.
    """

    def __init__(self) -> None:
        self._choices: tuple[list[str], ...] = ()
        self._owner: dict[str, int] = {}

    @property
    def values(self) -> AbstractSet[str]:
        return self._owner.keys()

    def extended(self, choices: AbstractSet[str]) -> Matching | None:
        """The same with one more place, None where there is no value for it (Kuhn 1955).

        Others are moved along an alternating path, which is looked for breadth first.
        """
        found = Matching()
        found._choices = (*self._choices, sorted(choices))
        found._owner = dict(self._owner)
        last = len(self._choices)
        came_from: dict[str, int] = {}
        todo = [last]
        for place in todo:
            for value in found._choices[place]:
                if value in came_from:
                    continue
                came_from[value] = place
                if value not in found._owner:
                    found._move(value, came_from, last)
                    return found
                todo.append(found._owner[value])
        return None

    def _move(self, value: str, came_from: dict[str, int], last: int) -> None:
        """Give `value` to the place from which it was reached, the value of that to the one before, and so on."""
        taken = {place: value for value, place in self._owner.items()}
        place = came_from[value]
        self._owner[value] = place
        while place != last:
            value = taken[place]
            place = came_from[value]
            self._owner[value] = place
