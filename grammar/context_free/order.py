"""An order of rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

Rule = TypeVar("Rule", int, str)


def callees_first(rules: Iterable[Rule], called: Callable[[Rule], Iterable[Rule]]) -> list[Rule]:
    """All rules, each behind those that it calls but for recursion."""
    order: dict[Rule, None] = {}
    begun: set[Rule] = set()
    for first in rules:
        todo = [first]
        while todo:
            rule = todo[-1]
            if rule not in begun:
                begun.add(rule)
                todo += [other for other in called(rule) if other not in begun]
                continue
            order[todo.pop()] = None
    return list(order)
