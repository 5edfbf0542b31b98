"""A JSON Schema document: its subschemas by number, what each refers to, and what in it is not enforced."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ...errors import CompileBudgetExceeded, InvalidSchema, UnsupportedSchema
from .alike import Alike
from .keywords import CHECKS, NAME_CHECKS, NOT_ENFORCED, REFERENCES
from .pointers import escape_token as escape_token
from .pointers import split_fragment
from .positions import APPLYING, named_subschemas, subschemas
from .references import RECURSIVE, Library, Place, Resource, Unresolved
from .registry import Documents

# Each is one more copy of a resource's subschemas. Real schemas have one for each way that leads to a metaschema.
MAX_SCOPES = 1_000


Scope = tuple[tuple[str, Resource], ...]

_FORMS = {**CHECKS, **NAME_CHECKS}


class Context(NamedTuple):
    """What decides, beside its text, what a subschema means.

    scope : the resource that `$dynamicRef` finds by each name, as far as it is not the document's root that it finds:
            of the resources entered on the way to the subschema, the first with a dynamic anchor of that name.
    """

    resource: Resource
    scope: Scope


class Pointers:
    """JSON Pointers by the number of the subschema, spelt out when asked for: a deep schema has long ones."""

    def __init__(self) -> None:
        self._above: list[tuple[int, str] | Resource] = []
        # above : the next subschema is at a path below the one with this number, or the root of a resource.
        self.append = self._above.append

    def __len__(self) -> int:
        return len(self._above)

    def __getitem__(self, number: int) -> str:
        """In other documents than the user's behind the URI and "#"."""
        resource, path = self.inside(number)
        return resource.pointer + path

    def inside(self, number: int) -> tuple[Resource, str]:
        """The resource that a subschema is in, and the pointer inside it."""
        parts = []
        above = self._above[number]
        while not isinstance(above, Resource):
            parts.append(f"/{above[1]}")
            above = self._above[above[0]]
        return above, "".join(reversed(parts))


class Document:
    """One schema document, and what it refers to in it and in others.

    Subschemas are named by small integers, so that a conjunction of them is a tuple of ints. A subschema has a number
    for each dynamic scope that it is reached with, which is one where there are no dynamic anchors.

    registry          : the other documents that references may name.
    schemas, pointers : by number.
    left_out          : by number, the keywords that the mask does not enforce, each with the reason. Where one is left
                        out, more values satisfy the subschema than should; nothing is known of its negation.
    alike             : which subschemas say the same.
    draft, ref_alone  : of the root; see `draft_of`, `ref_alone_of`.
    """

    def __init__(
        self,
        schema: Any,
        *,
        formats: str = "enforce",
        registry: Documents | Mapping[str, Any] | None = None,
    ) -> None:
        self.root = schema
        self.annotate_formats = formats == "annotate"
        if registry is not None and isinstance(registry, Mapping):
            registry = Documents(registry)
        self._library = Library(schema, registry)
        self.draft = self._library.root.dialect.draft
        self.ref_alone = self._library.root.dialect.ref_alone
        self.pointers = Pointers()
        self.schemas: list[Any] = []
        self.left_out: dict[int, dict[str, str]] = {}
        self._contexts: list[Context] = []
        self._scopes: set[Scope] = set()
        self._roots: dict[Context, int] = {}
        self._numbers: dict[tuple[int, str], int] = {}
        self._targets: dict[tuple[int, str], int] = {}
        self._children: dict[tuple[int, str], tuple[int, ...]] = {}
        self.alike = Alike(self)

    def intern(self, pointer: str, schema: Any) -> int:
        """The number of the subschema at `pointer` of the user's document; "" is the root."""
        root = self._root_of(Context(self._library.root, ()))
        return root if not pointer else self.child(root, pointer[1:], schema)

    def child(self, parent: int, path: str, schema: Any) -> int:
        """The subschema at `path` (already escaped) below `parent`."""
        number = self._numbers.get((parent, path))
        if number is None:
            number = self._numbers[parent, path] = self._new_child(parent, path, schema)
        return number

    def children(self, number: int, keyword: str) -> tuple[int, ...]:
        """The subschemas that a keyword of subschema `number` applies, in document order."""
        found = self._children.get((number, keyword))
        if found is None:
            numbers = []
            for path, schema in subschemas(keyword, self.schemas[number]):
                numbers.append(self.child(number, path, schema))
            found = self._children[number, keyword] = tuple(numbers)
        return found

    def children_by_name(self, number: int, keyword: str) -> dict[str, int]:
        """The same for a keyword whose subschemas are members of an object; none where it is absent."""
        schema = self.schemas[number]
        if isinstance(schema, bool) or keyword not in schema:
            return {}
        names = [name for name, _ in named_subschemas(keyword, schema[keyword])]
        return dict(zip(names, self.children(number, keyword)))

    def synthetic(self, parent: int, name: str, schema: Any) -> int:
        """A schema that the document implies without spelling it, such as the one of a constant's member."""
        return self.child(parent, name, schema)

    def draft_of(self, number: int) -> int:
        """The draft that a subschema is written in: that of its resource."""
        return self._contexts[number].resource.dialect.draft

    def ref_alone_of(self, number: int) -> bool:
        """Whether the siblings of a `$ref` in this subschema are ignored."""
        return self._contexts[number].resource.dialect.ref_alone

    def active(self, number: int) -> list[str]:
        """The keywords of a subschema that the mask enforces."""
        keywords = self.known(number)
        if number in self.left_out:
            keywords = [keyword for keyword in keywords if keyword not in self.left_out[number]]
        return keywords

    def known(self, number: int) -> list[str]:
        """The keywords of a subschema that count in its dialect: one that it does not know is an annotation."""
        schema = self.schemas[number]
        if isinstance(schema, bool):
            return []
        dialect = self._contexts[number].resource.dialect
        if dialect.ref_alone and "$ref" in schema:
            return ["$ref"]
        if dialect.ignored.isdisjoint(schema):
            return list(schema)
        return [keyword for keyword in schema if keyword not in dialect.ignored]

    def resolve(self, number: int) -> int:
        """The subschema that the `$ref` of subschema `number` names."""
        return self.target(number, "$ref")

    def references(self, number: int) -> tuple[int, ...]:
        """The targets of all references that count in subschema `number`, in document order."""
        return tuple(self.target(number, keyword) for keyword in self.active(number) if keyword in REFERENCES)

    def target(self, number: int, keyword: str) -> int:
        """The subschema that `$ref`, `$dynamicRef` or `$recursiveRef` of subschema `number` leads to.

        Raises InvalidSchema if it leads nowhere, UnsupportedSchema if it names a document that nobody gave.
        """
        target = self._targets.get((number, keyword))
        if target is None:
            target = self._targets[number, keyword] = self._find_target(number, keyword)
        return target

    def lint(self) -> list[tuple[int, str]]:
        """`(number, keyword)` for each keyword of each reachable subschema.

        Raises UnsupportedSchema at the first constraining keyword that is not enforced, InvalidSchema at a
        malformed one.
        """
        found = []
        for number, keyword, is_refused in self.visit():
            if is_refused:
                raise UnsupportedSchema(
                    f"{keyword} is not enforced",
                    pointer=self.pointers[number],
                    keyword=keyword,
                    hint=NOT_ENFORCED[keyword],
                )
            found.append((number, keyword))
        return found

    def visit(self) -> Iterator[tuple[int, str, bool]]:
        """Visit every reachable subschema once: `(number, keyword, whether it is refused)`."""
        stack = [self.intern("", self.root)]
        seen = set(stack)
        while stack:
            number = stack.pop()
            children: list[int] = []
            schema = self.schemas[number]
            for keyword in self.known(number):
                form = _FORMS.get(keyword)
                if form is not None and not form.holds(schema[keyword]):
                    raise self._malformed(number, keyword, form.expected)
                if keyword in REFERENCES:
                    children.append(self.target(number, keyword))
                elif keyword in APPLYING:
                    if keyword == "items" and isinstance(schema[keyword], list):
                        self._check_list(number)
                    children += self.children(number, keyword)
                yield number, keyword, keyword in NOT_ENFORCED
            for child in reversed(children):
                if child not in seen:
                    seen.add(child)
                    stack.append(child)

    def _check_list(self, number: int) -> None:
        """Raise InvalidSchema if `items`, which is an array, stands beside the keyword that took its place."""
        if "prefixItems" in self.known(number):
            raise self._malformed(number, "items", "a schema beside prefixItems")

    def _malformed(self, number: int, keyword: str, expected: str) -> InvalidSchema:
        shown = reprlib.repr(self.schemas[number][keyword])  # `repr` would go down to any depth
        return InvalidSchema(
            f"{keyword} must be {expected}, not {shown[:60]}",
            pointer=f"{self.pointers[number]}/{keyword}",
            keyword=keyword,
        )

    def _new_child(self, parent: int, path: str, schema: Any) -> int:
        context = self._contexts[parent]
        if isinstance(schema, dict) and context.resource.dialect.identifier in schema:
            home, above = self.pointers.inside(parent)
            resource = self._library.enter(home, f"{above}/{path}", schema)
            if resource is not home:
                return self._root_of(self._entered(resource, context.scope))
        elif not isinstance(schema, dict | bool):
            raise _no_schema(schema, f"{self.pointers[parent]}/{path}")
        return self._add(schema, context, (parent, path))

    def _root_of(self, context: Context) -> int:
        """The root of a resource."""
        number = self._roots.get(context)
        if number is None:
            resource = context.resource
            if not isinstance(resource.schema, dict | bool):
                raise _no_schema(resource.schema, resource.pointer)
            number = self._roots[context] = self._add(resource.schema, context, resource)
        return number

    def _add(self, schema: Any, context: Context, above: tuple[int, str] | Resource) -> int:
        number = len(self.schemas)
        self.schemas.append(schema)
        self._contexts.append(context)
        self.pointers.append(above)
        return number

    def _entered(self, resource: Resource, scope: Scope) -> Context:
        """The context inside `resource`, coming from `scope`."""
        self._library.index()
        # The root is entered before all others: what it names it names for ever.
        taken = {*self._library.root.dynamic, *(name for name, _ in scope)}
        more = [(name, resource) for name in resource.dynamic if name not in taken]
        context = Context(resource, tuple(sorted((*scope, *more), key=lambda entry: entry[0])))
        self._scopes.add(context.scope)
        if len(self._scopes) > MAX_SCOPES:
            raise CompileBudgetExceeded(
                f"dynamic anchors give more than {MAX_SCOPES} meanings to the same schemas",
                pointer=resource.pointer,
                keyword="$dynamicAnchor",
                hint="use $anchor and $ref where no other schema extends this one",
            )
        return context

    def _find_target(self, number: int, keyword: str) -> int:
        context = self._contexts[number]
        reference = self.schemas[number][keyword]
        if not isinstance(reference, str):
            raise self._malformed(number, keyword, "a string")
        try:
            place = self._library.resolve(context.resource, reference)
            if keyword != "$ref":
                place = self._first_in_scope(context, place, reference, keyword)
        except Unresolved as error:
            raise self._unresolved(number, keyword, error) from None
        return self._at(place, context)

    def _first_in_scope(self, context: Context, place: Place, reference: str, keyword: str) -> Place:
        """Where a dynamic reference leads whose place is `place` as long as no resource before overrides it."""
        self._library.index()
        name = RECURSIVE if keyword == "$recursiveRef" else split_fragment(reference)[1]
        known = place.resource.dynamic.get(name)
        if known is None or (known is not place and keyword != "$recursiveRef"):
            return place  # not at a dynamic anchor: the same as `$ref`
        first = dict(context.scope).get(name, place.resource)
        first = self._library.root if name in self._library.root.dynamic else first
        found = first.dynamic[name]
        if found is None:
            raise Unresolved(
                f"is ambiguous: two subschemas of {first.uri or 'the root'} have this dynamic anchor"
            )
        return found

    def _at(self, place: Place, context: Context) -> int:
        """The number of a place that is reached from `context`."""
        if place.resource is not context.resource:
            context = self._entered(place.resource, context.scope)
        number = self._root_of(context)
        for path, schema in place.steps:
            number = self.child(number, path, schema)
        return number

    def _unresolved(self, number: int, keyword: str, error: Unresolved) -> InvalidSchema | UnsupportedSchema:
        message = f"{keyword} {self.schemas[number][keyword]!r} {error.reason}"
        pointer = self.pointers[number]
        if not error.is_outside:
            return InvalidSchema(message, pointer=pointer, keyword=keyword)
        hint = "pass it as registry={uri: schema}, or put it under $defs; nothing is fetched"
        return UnsupportedSchema(message, pointer=pointer, keyword=keyword, hint=hint)


def _no_schema(value: Any, pointer: str) -> InvalidSchema:
    return InvalidSchema(f"a schema must be an object or a boolean, not {_kind(value)}", pointer=pointer)


def _kind(value: Any) -> str:
    names = {str: "a string", int: "a number", float: "a number", list: "an array", type(None): "null"}
    return names.get(type(value), type(value).__name__)
