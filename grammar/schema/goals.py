"""Goals to alternatives: what a conjunction of literals allows, as a list of shapes whose union it is."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from ...errors import CompileBudgetExceeded
from .canonical import kept_value, value_of
from .contradiction import contradict, contradicts_itself
from .document import Document
from .evaluated import annotated
from .membership import without_values
from .own_shape import constant, listed_values, own_shape
from .shapes import ANY_SHAPE, ANYTHING, DIFFERS, NOTHING, OBJECT, TRUE_SCHEMA, Goal, Objects, Shape

MAX_ALTERNATIVES = 5_000
MAX_TRIED = 30_000
"""So many options of one goal are held against what a branch has already: about a second."""
_IN_PLACE = frozenset(
    "$ref $dynamicRef $recursiveRef allOf anyOf oneOf not if dependentSchemas dependencies "
    "unevaluatedProperties unevaluatedItems".split()
)

Option = tuple[Shape, tuple[int, ...]]
"""One way to satisfy something: a shape, and literals that hold as well."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What a literal asks for: a shape, further literals, and for each group one of its options."""

    shape: Shape = ANY_SHAPE
    literals: tuple[int, ...] = ()
    groups: tuple[tuple[Option, ...], ...] = ()


@dataclass(slots=True)
class _Branch:
    """A conjunction on its way to a shape.

    Literals and groups come with the literals through which they were reached: a subschema that is reached through
    itself without a value in between has no finite meaning, and that branch is dead.
    """

    shape: Shape
    literals: list[tuple[int, frozenset[int]]]
    groups: list[tuple[tuple[Option, ...], frozenset[int]]]
    added: frozenset[int]


class Goals:
    """The alternatives of every goal of one document, computed when first asked for."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._shapes: dict[int, Shape] = {}
        self._firm: dict[int, Shape] = {}
        self._demands: dict[int, Demand] = {}
        self._either: list[tuple[int, ...]] = []
        self._differs: dict[frozenset[str], int] = {}
        self._left_out: list[frozenset[str]] = []
        self._equals: dict[frozenset[str], Goal] = {}
        self._n_tried = 0
        self.known_empty: dict[tuple[Goal, int], bool] = {}
        self._alternatives: dict[Goal, tuple[Shape, ...]] = {(): (ANY_SHAPE,), NOTHING: ()}

    def alternatives(self, goal: Goal) -> tuple[Shape, ...]:
        """The shapes whose union is `goal`; empty where types or finite sets already contradict each other."""
        found = self._alternatives.get(goal)
        if found is None:
            if goal[-1] >= DIFFERS:
                found = self._but_some(goal)
            elif len(goal) == 1 and self.is_simple(goal[0]):
                found = (self.own_shape(goal[0]),)
            else:
                found = tuple(self._expand(goal))
            self._alternatives[goal] = found
        return found

    def is_simple(self, literal: int) -> bool:
        """Whether a subschema is nothing but its own shape: no applicator in place, no constant that needs a branch."""
        if not 0 <= literal < TRUE_SCHEMA or literal in self.document.left_out:
            return False
        schema = self.document.schemas[literal]
        if not isinstance(schema, dict) or not _IN_PLACE.isdisjoint(schema):
            return False
        for value in schema.get("enum", ()):
            if isinstance(value, dict | list):
                return False
        return not isinstance(schema.get("const"), dict | list)

    def describe(self, goal: Goal) -> tuple[str, ...]:
        """The pointers of a goal's subschemas, for error messages."""
        numbers = (literal if literal >= 0 else ~literal for literal in goal)
        pointers = (self.document.pointers[number] for number in numbers if number < TRUE_SCHEMA)
        # What the document implies without spelling it is named by where it comes from.
        return tuple(dict.fromkeys(pointer.partition("/=")[0] for pointer in pointers))

    def either(self, literals: tuple[int, ...]) -> int:
        """A literal that holds where one of `literals` does."""
        self._either.append(literals)
        return TRUE_SCHEMA + len(self._either)

    def differs(self, values: frozenset[str]) -> Goal:
        """The goal of all values but those with these canonical texts."""
        if not values:
            return ANYTHING
        number = self._differs.get(values)
        if number is None:
            number = self._differs[values] = DIFFERS + len(self._differs)
            self._left_out.append(values)
        return (number,)

    def equals(self, values: frozenset[str]) -> Goal:
        """The goal of exactly the values with these canonical texts."""
        found = self._equals.get(values)
        if found is None:
            listed = list(map(value_of, sorted(values)))
            root = self.document.intern("", self.document.root)
            name = f"=equals/{len(self._equals)}"
            found = self._equals[values] = (self.document.synthetic(root, name, {"enum": listed}),)
        return found

    def parted(self, goal: Goal) -> tuple[Goal, frozenset[str]]:
        """`goal` without the values that it leaves out, and these."""
        if not goal or goal[-1] < DIFFERS:
            return goal, frozenset()
        at = bisect_left(goal, DIFFERS)
        return goal[:at], frozenset().union(*(self._left_out[number - DIFFERS] for number in goal[at:]))

    def _but_some(self, goal: Goal) -> tuple[Shape, ...]:
        """The alternatives of a goal that leaves out values: those of the rest of it, each without them."""
        base, texts = self.parted(goal)
        others = {text: kept_value(text) for text in sorted(texts)}
        shapes = (without_values(shape, others) for shape in self.alternatives(base))
        return tuple(shape for shape in shapes if shape.types)

    def own_shape(self, number: int) -> Shape:
        """The constraints of one subschema without its applicators in place."""
        shape = self._shapes.get(number)
        if shape is None:
            is_virtual = number >= TRUE_SCHEMA
            shape = self._shapes[number] = ANY_SHAPE if is_virtual else own_shape(self.document, number)
        return shape

    def firm_shape(self, number: int) -> Shape:
        """A shape that every value of subschema `number` has: its own, with those of `$ref` and `allOf`."""
        if number not in self._firm:
            self._merge_firm(number)
        return self._firm[number]

    def _merge_firm(self, number: int) -> None:
        """Depth first with a stack of its own: chains of references may be long."""
        path = [number]
        waiting = {number: self._firm_parts(number)}
        shapes = {number: self.own_shape(number)}
        while path:
            here = path[-1]
            self._firm.setdefault(here, ANY_SHAPE)  # for a subschema that leads to itself
            part = next(waiting[here], None)
            if part is None:
                self._firm[here] = shapes.pop(path.pop())
                continue
            if part not in self._firm:
                path.append(part)
                waiting[part], shapes[part] = self._firm_parts(part), self.own_shape(part)
                waiting[here] = chain([part], waiting[here])
            else:
                shapes[here] = shapes[here] & self._firm[part]

    def _firm_parts(self, number: int) -> Iterator[int]:
        return (literal for literal in self._always(number) if literal >= 0)

    def _always(self, number: int) -> tuple[int, ...]:
        """The literals that hold wherever subschema `number` does."""
        if number >= TRUE_SCHEMA:
            return ()
        active = self.document.active(number)
        always = self.document.references(number)
        if "allOf" in active:
            always += self.document.children(number, "allOf")
        if "not" in active:
            always += (~self.document.children(number, "not")[0],)
        return always

    def demand(self, literal: int) -> Demand:
        """What `literal` asks for."""
        found = self._demands.get(literal)
        if found is None:
            make = self._demand_of if literal >= 0 else self._demand_of_negation
            found = self._demands[literal] = make(literal)
        return found

    def _demand_of(self, number: int) -> Demand:
        if number >= TRUE_SCHEMA:
            return self._demand_of_virtual(number)
        active = self.document.active(number)
        if "unevaluatedProperties" in active or "unevaluatedItems" in active:
            options = annotated(self, number, exact=False)
            return Demand(groups=(tuple((option.shape, option.literals) for option in options),))
        groups = tuple(self.groups(number, active))
        return Demand(self.own_shape(number), self._always(number), groups)

    def _demand_of_virtual(self, number: int) -> Demand:
        if number == TRUE_SCHEMA:
            return Demand()
        literals = self._either[number - TRUE_SCHEMA - 1]
        return Demand(groups=(tuple((ANY_SHAPE, (literal,)) for literal in literals),))

    def _demand_of_negation(self, literal: int) -> Demand:
        """Some part of the subschema does not hold."""
        number = ~literal
        if number > TRUE_SCHEMA:
            return Demand(literals=tuple(~part for part in self._either[number - TRUE_SCHEMA - 1]))
        if number == TRUE_SCHEMA:
            return Demand(groups=((),))
        if number in self.document.left_out:
            return Demand()
        options: list[Option] = [(shape, ()) for shape in self.own_shape(number).complement()]
        options += [(ANY_SHAPE, (~part,)) for part in self._always(number)]
        active = self.document.active(number)
        for keyword in ("anyOf", "oneOf"):
            if keyword in active:
                options += self._no_match(keyword, self.document.children(number, keyword))
        options += self._broken_condition(number, active)
        options += self._broken_dependencies(number, active)
        for branches in self.constants(number, active):
            options.append((ANY_SHAPE, tuple(~branch for branch in branches)))
        if "unevaluatedProperties" in active or "unevaluatedItems" in active:
            # What is left over is only known where it is known which branches hold.
            found = annotated(self, number, exact=True, broken=True)
            options += [(option.shape, option.literals) for option in found]
        return Demand(groups=(tuple(options),))

    def groups(self, number: int, active: list[str]) -> Iterator[tuple[Option, ...]]:
        """What the disjunctive applicators of one subschema ask for."""
        for keyword in ("anyOf", "oneOf"):
            if keyword in active:
                branches = self.document.children(number, keyword)
                yield tuple((ANY_SHAPE, literals) for literals in _matches(keyword, branches))
        if "if" in active:
            yield from self._condition(number, active)
        for name, child in self.dependencies(number, active):
            yield (Shape(OBJECT, objects=Objects({}, (name,))), (child,)), (_without(name), ())
        for constants in self.constants(number, active):
            yield tuple((ANY_SHAPE, (branch,)) for branch in constants)

    def _no_match(self, keyword: str, branches: tuple[int, ...]) -> list[Option]:
        """Ways in which `anyOf` or `oneOf` fails."""
        found: list[Option] = [(ANY_SHAPE, tuple(~branch for branch in branches))]
        if keyword == "oneOf":
            found += [(ANY_SHAPE, (a, b)) for i, a in enumerate(branches) for b in branches[i + 1 :]]
        return found

    def _condition(self, number: int, active: list[str]) -> Iterator[tuple[Option, ...]]:
        condition, then, otherwise = self.branches_of_if(number, active)
        if then is not None or otherwise is not None:
            yield (
                (ANY_SHAPE, (condition,) if then is None else (condition, then)),
                (ANY_SHAPE, (~condition,) if otherwise is None else (~condition, otherwise)),
            )

    def _broken_condition(self, number: int, active: list[str]) -> Iterator[Option]:
        if "if" in active:
            condition, then, otherwise = self.branches_of_if(number, active)
            if then is not None:
                yield ANY_SHAPE, (condition, ~then)
            if otherwise is not None:
                yield ANY_SHAPE, (~condition, ~otherwise)

    def branches_of_if(self, number: int, active: list[str]) -> tuple[int, int | None, int | None]:
        """The subschemas of `if`, `then` and `else`."""
        condition, then, otherwise = (
            self.document.children(number, keyword)[0] if keyword in active else None
            for keyword in ("if", "then", "else")
        )
        assert condition is not None
        return condition, then, otherwise

    def dependencies(self, number: int, active: list[str]) -> Iterator[tuple[str, int]]:
        for keyword in ("dependentSchemas", "dependencies"):
            if keyword in active:
                yield from self.document.children_by_name(number, keyword).items()

    def _broken_dependencies(self, number: int, active: list[str]) -> Iterator[Option]:
        for name, child in self.dependencies(number, active):
            yield Shape(OBJECT, objects=Objects({}, (name,))), (~child,)

    def constants(self, number: int, active: list[str]) -> Iterator[list[int]]:
        """For each keyword that lists arrays or objects: a subschema for each, and one for all its scalars."""
        schema = self.document.schemas[number]
        for keyword in ("enum", "const"):
            if keyword not in active:
                continue
            values = listed_values(schema, keyword)
            structured = [value for value in values if isinstance(value, dict | list)]
            scalars = [value for value in values if not isinstance(value, dict | list)]
            if not structured:
                continue
            branches = [
                self.document.synthetic(number, f"{keyword}/={i}", constant(value))
                for i, value in enumerate(structured)
            ]
            if scalars:
                branches.append(self.document.synthetic(number, f"{keyword}/=scalars", {"enum": scalars}))
            yield branches

    # Expansion

    def _expand(self, goal: Goal) -> list[Shape]:
        """Distribute the disjunctions of `goal` over its conjunctions, depth first, the smallest choice first."""
        result: list[Shape] = []
        start = [(literal, frozenset[int]()) for literal in goal]
        stack = [_Branch(ANY_SHAPE, start, [], frozenset())]
        self._n_tried = 0
        while stack:
            branch = stack.pop()
            self._n_tried += 1
            if self._n_tried > MAX_TRIED or len(result) > MAX_ALTERNATIVES:
                raise CompileBudgetExceeded(
                    "too many combinations of alternatives",
                    pointer=next(iter(self.describe(goal)), ""),
                    among=self.describe(goal),
                    keyword="anyOf",
                    hint="nest fewer anyOf, oneOf and not inside one conjunction",
                )
            if not self._absorb(branch):
                continue
            if not branch.groups:
                result.append(branch.shape)
                continue
            options, above = branch.groups.pop(0)
            for shape, literals in reversed(options):
                inner = [(literal, above) for literal in literals]
                stack.append(_Branch(branch.shape & shape, inner, list(branch.groups), branch.added))
        return result

    def _absorb(self, branch: _Branch) -> bool:
        """Take in all literals and every group that leaves no choice. False where the branch is dead."""
        while True:
            while branch.literals:
                if not self._take(branch, *branch.literals.pop(0)):
                    return False
            if not branch.groups:
                return True
            if branch.shape is not ANY_SHAPE and contradicts_itself(self, branch.shape):
                return False
            groups = branch.groups
            branch.groups = []
            for options, above in groups:
                viable = self._viable(branch, options)
                if not viable:
                    return False
                if len(viable) == 1:
                    ((shape, literals),) = viable
                    branch.shape = branch.shape & shape
                    branch.literals += [(literal, above) for literal in literals]
                elif not any(shape is ANY_SHAPE and branch.added.issuperset(ls) for shape, ls in viable):
                    branch.groups.append((viable, above))
            if not branch.literals:
                branch.groups.sort(key=lambda group: len(group[0]))
                return True

    def _take(self, branch: _Branch, literal: int, above: frozenset[int]) -> bool:
        """Add one literal to a branch."""
        if literal in above or ~literal in branch.added:
            return False
        if literal in branch.added:
            return True
        branch.added = branch.added | {literal}
        if literal < 0 and contradict(self, branch.shape, self.firm_shape(~literal)):
            return True  # it holds already
        demand = self.demand(literal)
        branch.shape = branch.shape & demand.shape
        if not branch.shape.types:
            return False
        here = above | {literal}
        branch.literals += [(inner, here) for inner in demand.literals]
        branch.groups += [(options, here) for options in demand.groups]
        return True

    def _viable(self, branch: _Branch, options: tuple[Option, ...]) -> tuple[Option, ...]:
        """The options that do not contradict what a branch has already, on their face."""
        if branch.shape is ANY_SHAPE:
            return options
        # A larger shape takes longer to look at.
        self._n_tried += len(options) * (1 + len(branch.shape.objects.properties) // 64)
        return tuple(
            (shape, literals)
            for shape, literals in options
            if not any(~literal in branch.added for literal in literals)
            and not contradict(self, branch.shape, self._firm_option(shape, literals))
        )

    def _firm_option(self, shape: Shape, literals: tuple[int, ...]) -> Shape:
        for literal in literals:
            if literal >= 0:
                shape = shape & self.firm_shape(literal)
        return shape


def _matches(keyword: str, branches: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Ways in which `anyOf` or `oneOf` holds."""
    if keyword == "anyOf":
        return [(branch,) for branch in branches]
    return [(branch, *(~other for other in branches if other != branch)) for branch in branches]


def _without(name: str) -> Shape:
    """All values but the objects that have a member `name`."""
    return Shape(objects=Objects({name: NOTHING}))
