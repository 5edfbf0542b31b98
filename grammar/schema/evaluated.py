"""Which members and items a subschema has evaluated, for `unevaluatedProperties` and `unevaluatedItems`.

What is evaluated depends on which branches hold. So a subschema with one of these keywords in reach is split into
options, each of which fixes the branches that hold, and with them the set of evaluated names and items
(JSON Schema 2020-12 Core, section 11).

A positive constraint only needs options that say which branches hold at least: where more hold, more is evaluated,
and less is left over to constrain; the option that names exactly those is there too. Its negation needs options that
say of each branch whether it holds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

from ...errors import CompileBudgetExceeded
from .own_shape import goal_of
from .shapes import (
    ANY_SHAPE,
    ANYTHING,
    ARRAY,
    NOTHING,
    OBJECT,
    Arrays,
    Contains,
    Goal,
    Items,
    Names,
    Need,
    Objects,
    Shape,
    negated,
)

if TYPE_CHECKING:
    from .goals import Goals

MAX_OPTIONS = 2_000
MAX_NESTED = 100
"""Well inside Python's own recursion limit."""
_OTHERS = {"unevaluatedProperties", "unevaluatedItems"}


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The members and items that were looked at.

    items : so many items from the first on.  matching : and all items that satisfy one of these goals.
    """

    names: frozenset[str] = frozenset()
    patterns: frozenset[str] = frozenset()
    all_names: bool = False
    items: int = 0
    all_items: bool = False
    matching: tuple[Goal, ...] = ()

    def __or__(self, other: Evaluated) -> Evaluated:
        return Evaluated(
            self.names | other.names,
            self.patterns | other.patterns,
            self.all_names or other.all_names,
            max(self.items, other.items),
            self.all_items or other.all_items,
            tuple(dict.fromkeys(self.matching + other.matching)),
        )


_NOTHING_SEEN = Evaluated()


@dataclass(frozen=True, slots=True)
class Annotated:
    """One option: its shape, the literals that hold as well, and what is evaluated then."""

    shape: Shape = ANY_SHAPE
    literals: tuple[int, ...] = ()
    seen: Evaluated = _NOTHING_SEEN

    def __and__(self, other: Annotated) -> Annotated:
        return Annotated(self.shape & other.shape, self.literals + other.literals, self.seen | other.seen)


def annotated(goals: Goals, number: int, *, exact: bool, broken: bool = False) -> list[Annotated]:
    """The options of subschema `number`; with `broken` those in which only its `unevaluated` keywords fail."""
    return _Splitter(goals, exact).options(number, frozenset(), broken=broken)


class _Splitter:
    def __init__(self, goals: Goals, exact: bool) -> None:
        self.goals = goals
        self.document = goals.document
        self.exact = exact

    def options(self, number: int, above: frozenset[int], *, broken: bool = False) -> list[Annotated]:
        """All options of `number`, reached through `above`."""
        if number in above:
            return []
        above |= {number}
        if len(above) > MAX_NESTED:
            raise CompileBudgetExceeded(
                f"more than {MAX_NESTED} subschemas inside each other beside an unevaluated keyword",
                pointer=self.document.pointers[number],
                keyword=next(
                    iter(_OTHERS.intersection(self.document.active(number))), "unevaluatedProperties"
                ),
                hint="use fewer references that lead to references",
            )
        active = self.document.active(number)
        found = [Annotated(self.goals.own_shape(number), (), self._own(number, active))]
        for group in self._groups(number, active, above):
            found = [a & b for a, b in product(found, group) if a.shape.types & b.shape.types]
            if len(found) > MAX_OPTIONS:
                raise CompileBudgetExceeded(
                    f"more than {MAX_OPTIONS} ways in which members and items can be evaluated",
                    pointer=self.document.pointers[number],
                    keyword=next(iter(_OTHERS.intersection(active)), "unevaluatedProperties"),
                    hint="nest fewer branches beside it",
                )
        if broken:
            return [one for option in found for one in self._break(number, active, option)]
        return [self._leftover(number, active, option) for option in found]

    def _groups(self, number: int, active: list[str], above: frozenset[int]) -> list[list[Annotated]]:
        groups = [self.options(target, above) for target in self.document.references(number)]
        children = self.document.children
        if "allOf" in active:
            groups += [self.options(child, above) for child in children(number, "allOf")]
        if "not" in active:
            groups.append([Annotated(literals=(~children(number, "not")[0],))])
        for keyword in ("anyOf", "oneOf"):
            if keyword in active:
                choose = self._any_of if keyword == "anyOf" else self._one_of
                groups.append(choose(children(number, keyword), above))
        if "if" in active:
            groups.append(self._condition(number, active, above))
        groups += self._rest(number, active, above)
        return groups

    def _any_of(self, branches: tuple[int, ...], above: frozenset[int]) -> list[Annotated]:
        """Each set of branches that hold; where not `exact`, one that evaluates nothing needs no set of its own."""
        split = {branch: self.options(branch, above) for branch in branches}
        matter = [
            branch
            for branch in branches
            if self.exact or any(option.seen != _NOTHING_SEEN for option in split[branch])
        ]
        found: list[Annotated] = []
        for chosen in product((False, True), repeat=len(matter)):
            held = [branch for branch, holds in zip(matter, chosen, strict=True) if holds]
            failed = [branch for branch in matter if branch not in held] if self.exact else []
            if held:
                options = [Annotated(literals=tuple(~branch for branch in failed))]
                for branch in held:
                    options = [a & b for a, b in product(options, split[branch])]
                found += options
            if len(found) > MAX_OPTIONS:
                break
        if not self.exact:
            found += [Annotated(literals=(branch,)) for branch in branches if branch not in matter]
        return found

    def _one_of(self, branches: tuple[int, ...], above: frozenset[int]) -> list[Annotated]:
        return [
            replace(option, literals=(*option.literals, *(~other for other in branches if other != branch)))
            for branch in branches
            for option in self.options(branch, above)
        ]

    def _condition(self, number: int, active: list[str], above: frozenset[int]) -> list[Annotated]:
        condition, then, otherwise = self.goals.branches_of_if(number, active)
        held = self.options(condition, above)
        if then is not None:
            held = [a & b for a, b in product(held, self.options(then, above))]
        failed = [Annotated()] if otherwise is None else self.options(otherwise, above)
        return held + [replace(option, literals=(*option.literals, ~condition)) for option in failed]

    def _rest(self, number: int, active: list[str], above: frozenset[int]) -> list[list[Annotated]]:
        """Schemas that a member brings in, and constants."""
        groups = []
        for name, child in self.goals.dependencies(number, active):
            present = Annotated(Shape(OBJECT, objects=Objects({}, (name,))))
            absent = Annotated(Shape(objects=Objects({name: NOTHING})))
            groups.append([*(present & option for option in self.options(child, above)), absent])
        for branches in self.goals.constants(number, active):
            groups.append([Annotated(literals=(branch,)) for branch in branches])
        return groups

    def _own(self, number: int, active: list[str]) -> Evaluated:
        """What the keywords of one subschema evaluate themselves."""
        schema = self.document.schemas[number]
        if isinstance(schema, bool):
            return _NOTHING_SEEN
        as_tuple = isinstance(schema.get("items"), list)
        prefix = "items" if as_tuple else "prefixItems"
        rest = "additionalItems" if as_tuple else "items"
        matching: tuple[Goal, ...] = ()
        if "contains" in active and self.document.draft_of(number) >= 2020:
            matching = (goal_of(self.document, self.document.children(number, "contains")[0]),)
        return Evaluated(
            frozenset(schema.get("properties", ()) if "properties" in active else ()),
            frozenset(schema.get("patternProperties", ()) if "patternProperties" in active else ()),
            "additionalProperties" in active,
            len(schema[prefix]) if prefix in active else 0,
            rest in active,
            matching,
        )

    def _leftover(self, number: int, active: list[str], option: Annotated) -> Annotated:
        """`option` with the `unevaluated` keywords of its subschema applied to what is left over."""
        seen = option.seen
        if "unevaluatedProperties" in active:
            if not seen.all_names:
                goal = self._goal(number, "unevaluatedProperties")
                names = Names(seen.names, seen.patterns, others=True)
                option = _with_shape(option, Shape(objects=Objects({}, rules=((names, goal),))))
            seen = replace(seen, all_names=True)
        if "unevaluatedItems" in active:
            if not seen.all_items:
                rest = self._or_matching(self._goal(number, "unevaluatedItems"), seen.matching)
                items = Items((ANYTHING,) * seen.items, rest)
                option = _with_shape(option, Shape(arrays=Arrays(items=items)))
            seen = replace(seen, all_items=True)
        return replace(option, seen=seen)

    def _break(self, number: int, active: list[str], option: Annotated) -> list[Annotated]:
        """Ways in which something is left over that is not as it should be."""
        seen = option.seen
        found = []
        if "unevaluatedProperties" in active and not seen.all_names:
            goal = negated(self._goal(number, "unevaluatedProperties"))
            need = Need(((Names(seen.names, seen.patterns, others=True), goal),))
            found.append(_with_shape(option, Shape(OBJECT, objects=Objects({}, needs=(need,)))))
        if "unevaluatedItems" in active and not seen.all_items:
            goal = self._or_matching(self._goal(number, "unevaluatedItems"), seen.matching)
            items = Items((NOTHING,) * seen.items, negated(goal))
            found.append(_with_shape(option, Shape(ARRAY, arrays=Arrays(contains=(Contains(items),)))))
        return found

    def _goal(self, number: int, keyword: str) -> Goal:
        return goal_of(self.document, self.document.children(number, keyword)[0])

    def _or_matching(self, goal: Goal, matching: tuple[Goal, ...]) -> Goal:
        """What an item satisfies that one of `matching` or `goal` allows."""
        choices = [other for other in (goal, *matching) if other != NOTHING]
        if ANYTHING in choices:
            return ANYTHING
        if len(choices) < 2:
            return choices[0] if choices else NOTHING
        return (self.goals.either(tuple(literal for (literal,) in choices)),)


def _with_shape(option: Annotated, shape: Shape) -> Annotated:
    return replace(option, shape=option.shape & shape)
