"""Shapes: one conjunction of constraints per JSON type, and their intersection.

A literal is a subschema by its number `n`, or its negation `~n`. A goal is a conjunction of literals, a sorted tuple;
`()` allows everything. A shape is one alternative of a goal with its own keywords merged; the schemas of members and
items stay goals, so nothing below is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .scalar_shapes import Numbers, Strings, least

Goal = tuple[int, ...]
ANYTHING: Goal = ()
TRUE_SCHEMA = 1 << 40
"""The number of a schema that every value satisfies, in no document."""
NOTHING: Goal = (~TRUE_SCHEMA,)
DIFFERS = 1 << 41
"""From this number on: literals of all values but some. In a goal they come last."""

NULL, TRUE, FALSE, NUMBER, STRING, ARRAY, OBJECT = 1, 2, 4, 8, 16, 32, 64
ALL_TYPES = 127
ROOMY_STRINGS = 128
"""Beside types of which there are many values: strings, however they begin, in this place and in those behind it."""


def conjoin(a: Goal, b: Goal) -> Goal:
    """The conjunction of two goals, NOTHING where they contradict each other on their face."""
    if not a or a == b:
        return b
    if not b:
        return a
    if a == NOTHING or b == NOTHING:
        return NOTHING
    literals = {*a, *b}
    if min(literals) < 0 and any(~literal in literals for literal in literals):
        return NOTHING
    return tuple(sorted(literals))


def negated(goal: Goal) -> Goal:
    """The negation of a goal of at most one literal."""
    if not goal:
        return NOTHING
    (literal,) = goal
    return ANYTHING if goal == NOTHING else (~literal,)


@dataclass(frozen=True, slots=True)
class Items:
    """What the item at each index is: the first ones by `prefix`, the others by `rest`."""

    prefix: tuple[Goal, ...] = ()
    rest: Goal = ANYTHING

    def at(self, index: int) -> Goal:
        return self.prefix[index] if index < len(self.prefix) else self.rest

    def __and__(self, other: Items) -> Items:
        n = max(len(self.prefix), len(other.prefix))
        return Items(
            tuple(conjoin(self.at(i), other.at(i)) for i in range(n)), conjoin(self.rest, other.rest)
        )


@dataclass(frozen=True, slots=True)
class Contains:
    """At least `low` and at most `high` items are as `items` says for their index."""

    items: Items
    low: int = 1
    high: int | None = None


@dataclass(frozen=True, slots=True)
class Arrays:
    """Arrays of `low` to `high` items, each as `items` says, with all of `contains`; `unique` ones have no equal items.

    unique : None where it does not matter; False asks for two equal items.
    """

    low: int = 0
    high: int | None = None
    items: Items = Items()
    contains: tuple[Contains, ...] = ()
    unique: bool | None = None

    def __and__(self, other: Arrays) -> Arrays:
        unique = self.unique if other.unique is None else other.unique
        merged = Arrays(
            max(self.low, other.low),
            least(self.high, other.high),
            self.items & other.items,
            tuple(dict.fromkeys(self.contains + other.contains)),
            unique,
        )
        contradict = self.unique is not None and unique is not self.unique
        return replace(merged, low=1, high=0) if contradict else merged

    @property
    def is_rich(self) -> bool:
        """Whether more than an index has to be remembered."""
        return bool(self.contains)

    def complement(self) -> list[Arrays]:
        """Sets whose union is all other arrays."""
        found = []
        if self.low:
            found.append(Arrays(high=self.low - 1))
        if self.high is not None:
            found.append(Arrays(low=self.high + 1))
        if self.items != Items():
            others = Items(tuple(map(negated, self.items.prefix)), negated(self.items.rest))
            found.append(Arrays(contains=(Contains(others),)))
        for contains in self.contains:
            if contains.low:
                found.append(Arrays(contains=(Contains(contains.items, 0, contains.low - 1),)))
            if contains.high is not None:
                found.append(Arrays(contains=(Contains(contains.items, contains.high + 1),)))
        if self.unique is not None:
            found.append(Arrays(unique=not self.unique))
        return found


@dataclass(frozen=True, slots=True)
class Names:
    """A set of member names: those listed, those in which a pattern is found, those that satisfy `goal`.

    With `others` it is all names that are none of these.
    """

    listed: frozenset[str] = frozenset()
    patterns: frozenset[str] = frozenset()
    goal: Goal | None = None
    others: bool = False


Rule = tuple[Names, Goal]
"""Members with such a name have a value for the goal."""


@dataclass(frozen=True, slots=True)
class Need:
    """Some member is as one of `rules` says, or one of the names in `absent` does not occur."""

    rules: tuple[Rule, ...] = ()
    absent: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Objects:
    """A set of objects.

    properties : what is said of single names, in order.
    required   : names that occur, in order.
    rules      : what is said of sets of names.
    needs      : what some member must be like.
    implied    : (name, names): where the first occurs, the others do too.
    low, high  : bounds on the number of members.
    """

    properties: dict[str, Goal]
    required: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    needs: tuple[Need, ...] = ()
    implied: tuple[tuple[str, tuple[str, ...]], ...] = ()
    low: int = 0
    high: int | None = None

    def __and__(self, other: Objects) -> Objects:
        if other is ANY_OBJECT or self is ANY_OBJECT:
            return self if other is ANY_OBJECT else other
        properties = dict(self.properties)
        for name, goal in other.properties.items():
            properties[name] = conjoin(properties[name], goal) if name in properties else goal
        return Objects(
            properties,
            tuple(dict.fromkeys(self.required + other.required)),
            tuple(dict.fromkeys(self.rules + other.rules)),
            tuple(dict.fromkeys(self.needs + other.needs)),
            tuple(dict.fromkeys(self.implied + other.implied)),
            max(self.low, other.low),
            least(self.high, other.high),
        )

    @property
    def is_rich(self) -> bool:
        """Whether more than the names seen has to be remembered."""
        return bool(self.needs or self.implied or self.low or self.high is not None)

    def complement(self) -> list[Objects]:
        """Sets whose union is all other objects."""
        found = []
        if self.low:
            found.append(Objects({}, high=self.low - 1))
        if self.high is not None:
            found.append(Objects({}, low=self.high + 1))
        found += [Objects({name: NOTHING}, (trigger,)) for trigger, names in self.implied for name in names]
        rules = [(Names(frozenset([name])), negated(goal)) for name, goal in self.properties.items()]
        rules += [(names, negated(goal)) for names, goal in self.rules]
        rules = [rule for rule in rules if rule[1] != NOTHING]
        broken = _simplified(Need(tuple(rules), frozenset(self.required)))
        if broken is not None:
            found.append(broken)
        found += [_none_of(need) for need in self.needs]
        return found


ANY_NUMBER, ANY_STRING, ANY_ARRAY, ANY_OBJECT = Numbers(), Strings(), Arrays(), Objects({})


def _simplified(need: Need) -> Objects | None:
    """The objects that meet `need`, None where there can be none; one way to meet it is no choice."""
    if not need.rules:
        if len(need.absent) == 1:
            return Objects(dict.fromkeys(need.absent, NOTHING))
        return Objects({}, needs=(need,)) if need.absent else None
    (names, goal), *others = need.rules
    if others or need.absent or names.others or names.patterns or names.goal is not None:
        return Objects({}, needs=(need,))
    (name,) = names.listed
    return Objects({name: goal}, (name,))


def _none_of(need: Need) -> Objects:
    """The objects in which nothing is as `need` says."""
    rules = tuple((names, negated(goal)) for names, goal in need.rules)
    return Objects({}, tuple(sorted(need.absent)), rules)


@dataclass(frozen=True, slots=True)
class Shape:
    """Values of the types in the bit set `types`, each type under its own constraints.

    excluded : canonical texts of arrays and objects that are left out; only goals that differ from values have any.
    """

    types: int = ALL_TYPES
    numbers: Numbers = ANY_NUMBER
    strings: Strings = ANY_STRING
    arrays: Arrays = ANY_ARRAY
    objects: Objects = ANY_OBJECT
    excluded: frozenset[str] = frozenset()

    def __and__(self, other: Shape) -> Shape:
        if self is ANY_SHAPE or other is ANY_SHAPE:
            return other if self is ANY_SHAPE else self
        types = self.types & other.types
        # Only what the remaining types can show is merged: the rest would be work for nothing.
        return Shape(
            types,
            self.numbers & other.numbers if types & NUMBER else ANY_NUMBER,
            self.strings & other.strings if types & STRING else ANY_STRING,
            self.arrays & other.arrays if types & ARRAY else ANY_ARRAY,
            self.objects & other.objects if types & OBJECT else ANY_OBJECT,
        )

    def complement(self) -> list[Shape]:
        """Shapes whose union is all other values."""
        other_types = ALL_TYPES & ~self.types
        columns: list[list[Shape]] = [[Shape(other_types)]] if other_types else []
        if self.types & NUMBER:
            columns.append([Shape(NUMBER, numbers=x) for x in self.numbers.complement()])
        if self.types & STRING:
            columns.append([Shape(STRING, strings=x) for x in self.strings.complement()])
        if self.types & ARRAY:
            columns.append([Shape(ARRAY, arrays=x) for x in self.arrays.complement()])
        if self.types & OBJECT:
            columns.append([Shape(OBJECT, objects=x) for x in self.objects.complement()])
        # Types exclude each other, so one shape can hold a set of each: fewer alternatives.
        rows = max(map(len, columns), default=0)
        return [_side_by_side([column[i] for column in columns if i < len(column)]) for i in range(rows)]


def _side_by_side(shapes: list[Shape]) -> Shape:
    """The union of shapes that have no type in common."""
    merged = Shape(0)
    for shape in shapes:
        types = shape.types
        merged = Shape(
            merged.types | types,
            shape.numbers if types & NUMBER else merged.numbers,
            shape.strings if types & STRING else merged.strings,
            shape.arrays if types & ARRAY else merged.arrays,
            shape.objects if types & OBJECT else merged.objects,
        )
    return merged


ANY_SHAPE = Shape()
