"""Schema resources: what a URI names, which anchors it holds, and where a reference leads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ...errors import CompileBudgetExceeded
from .dialects import LATEST, Dialect, dialect_of, standard_dialect
from .pointers import MISSING, escape_token, join_uri, member, split_fragment, unescape_token
from .positions import Position, all_subschemas, position_below
from .registry import Documents, official

# Relative identifiers, each below the last, could make URIs as long as the schema is deep.
MAX_URI = 10_000

# Stands in `dynamic` for `$recursiveAnchor`, which has no name.
RECURSIVE = ""

# From the root of a resource downwards: the path of each subschema below the last, and the subschema.
Steps = tuple[tuple[str, Any], ...]


class Resource:
    """A schema with a URI of its own, as far as no other resource begins inside it.

    uri   : its base URI, "" where it has none.
    above : the resource that it begins in; None for a document.
    path  : the pointer to it in there; for a document the URI that it was found by and "#", for the user's nothing.
    anchors, dynamic : places by plain name, all of them and those of `$dynamicAnchor`; None where two have one name.
    """

    __slots__ = ("above", "anchors", "dialect", "dynamic", "path", "schema", "uri")

    def __init__(self, uri: str, above: Resource | None, path: str, schema: Any, dialect: Dialect) -> None:
        self.uri = uri
        self.above = above
        self.path = path
        self.schema = schema
        self.dialect = dialect
        self.anchors: dict[str, Place | None] = {}
        self.dynamic: dict[str, Place | None] = {}

    @property
    def pointer(self) -> str:
        """Where it begins, as JSON Pointer; in other documents than the user's behind their URI and "#"."""
        paths = []
        resource: Resource | None = self
        while resource is not None:
            paths.append(resource.path)
            resource = resource.above
        return "".join(reversed(paths))


class Place(NamedTuple):
    """A subschema: the innermost resource that it is in, and the way to it."""

    resource: Resource
    steps: Steps

    @property
    def schema(self) -> Any:
        return self.steps[-1][1] if self.steps else self.resource.schema


class Unresolved(Exception):
    """A reference that leads nowhere. is_outside : it names a document that nobody gave."""

    def __init__(self, reason: str, *, is_outside: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_outside = is_outside


# The way from a resource's root to a subschema, last step first: `(before, path, subschema)`.
_Trail = tuple[Any, str, Any] | None


class Library:
    """The resources of a document and of those it refers to. The document is searched when first needed."""

    def __init__(self, schema: Any, documents: Documents | None) -> None:
        self._documents = documents
        self._by_uri: dict[str, Resource | None] = {}
        self._by_place: dict[tuple[Resource, str], Resource] = {}
        self._taken_in: set[str] = set()
        self._is_indexed = False
        self._all_given_indexed = False
        dialect = dialect_of(schema, documents, standard_dialect(LATEST), "")
        self.root = Resource(_own_uri(schema, "", dialect) or "", None, "", schema, dialect)

    def index(self) -> None:
        """Find the resources and anchors of the user's document, once."""
        if not self._is_indexed:
            self._is_indexed = True
            self._by_uri[""] = self.root
            self._list(self._search(self.root))

    def enter(self, home: Resource, path: str, schema: dict[str, Any]) -> Resource:
        """The resource of a subschema at `path` of `home`: another one if it has an identifier."""
        self.index()
        known = self._by_place.get((home, path))
        if known is not None:
            return known
        begun = self._begun(home, path, schema)
        if begun is None:
            return home
        # A schema only because something refers to it: nobody else can find it, or what is in it, by URI.
        self._search(begun)
        return begun

    def resolve(self, home: Resource, reference: str) -> Place:
        """The place that a reference means inside `home`. Raises Unresolved."""
        uri, fragment = split_fragment(join_uri(home.uri, reference))
        target = home if uri == home.uri else self._find(uri)
        if not fragment or fragment.startswith("/"):
            return self._walk(target, fragment)
        self.index()
        if fragment not in target.anchors:
            raise Unresolved("leads nowhere: no such anchor")
        place = target.anchors[fragment]
        if place is None:
            raise Unresolved("is ambiguous: two subschemas have this anchor")
        return place

    def _walk(self, home: Resource, fragment: str) -> Place:
        steps: list[tuple[str, Any]] = []
        value, position, path = home.schema, Position.SCHEMA, ""
        for token in map(unescape_token, fragment.split("/")[1:]):
            value = member(value, token)
            if value is MISSING:
                raise Unresolved(f"leads nowhere: {fragment} does not exist")
            position = position_below(position, token, value, home.dialect.ignored)
            path += f"/{escape_token(token)}"
            if position is Position.SCHEMA:
                home = self._step(home, steps, path[1:], value)
                path = ""
        if path:
            # In no place for schemas; that it is referred to makes it one.
            home = self._step(home, steps, path[1:], value)
        return Place(home, tuple(steps))

    def _step(self, home: Resource, steps: list[tuple[str, Any]], path: str, value: Any) -> Resource:
        """Go down to the subschema at `path`; `steps` begin anew where another resource does."""
        steps.append((path, value))
        if not isinstance(value, dict) or home.dialect.identifier not in value:
            return home
        inner = self.enter(home, _pointer(steps), value)
        if inner is not home:
            steps.clear()
        return inner

    def _find(self, uri: str) -> Resource:
        """The resource with this URI: of the user's document, else given by the caller, else official."""
        self.index()
        if uri not in self._by_uri:
            given = None if self._documents is None else self._documents.get(uri)
            if given is not None:
                self._add(uri, given.schema, given.draft)
            elif not self._found_inside_given(uri):
                known = official(uri)
                if known is None:
                    raise Unresolved("names another document", is_outside=True)
                self._add(uri, known.schema, known.draft)
        resource = self._by_uri[uri]
        if resource is None:
            raise Unresolved(f"is ambiguous: two schemas have the URI {uri}")
        return resource

    def _found_inside_given(self, uri: str) -> bool:
        """Whether a resource inside some given document has this URI; all of them are searched, once."""
        if self._documents is None or self._all_given_indexed:
            return False
        self._all_given_indexed = True
        for name in self._documents.uris():
            given = self._documents.get(name)
            if given is not None and name not in self._taken_in:
                self._add(name, given.schema, given.draft)
        return uri in self._by_uri

    def _add(self, uri: str, schema: Any, draft: int | None) -> None:
        """Take in another document: without a `$schema` it is read as registered, else as the user's document."""
        self._taken_in.add(uri)
        default = self.root.dialect if draft is None else standard_dialect(draft)
        dialect = dialect_of(schema, self._documents, default, f"{uri}#")
        resource = Resource(_own_uri(schema, uri, dialect) or uri, None, f"{uri}#", schema, dialect)
        self._by_uri.setdefault(uri, resource)
        self._list(self._search(resource))

    def _list(self, found: dict[str, Resource | None]) -> None:
        """Make resources known by their URIs; of two documents with the same one, the first counts."""
        for uri, resource in found.items():
            self._by_uri.setdefault(uri, resource)

    def _search(self, top: Resource) -> dict[str, Resource | None]:
        """Note the anchors below `top`; return the resources by URI, `top` among them, None where two have one."""
        found: dict[str, Resource | None] = {top.uri: top}
        stack: list[tuple[Resource, _Trail, Any]] = [(top, None, top.schema)]
        while stack:
            home, trail, schema = stack.pop()
            if not isinstance(schema, dict):
                continue
            if trail is not None and home.dialect.identifier in schema:
                begun = self._begun(home, _pointer(_steps(trail)), schema)
                if begun is not None:
                    home, trail = begun, None
                    found[home.uri] = None if home.uri in found else home
            _note_anchors(home, trail, schema)
            below = [(home, (trail, path, s), s) for path, s in all_subschemas(schema, home.dialect.ignored)]
            stack.extend(reversed(below))
        return found

    def _begun(self, home: Resource, path: str, schema: dict[str, Any]) -> Resource | None:
        """The new resource that a subschema at `path` of `home` begins, if it does."""
        # The dialect around it says what an identifier is: where it sees none, a `$schema` is out of place.
        uri = _own_uri(schema, home.uri, home.dialect)
        if uri is None or uri == home.uri:
            return None  # one that repeats the base names nothing new: generators of schemas write those
        begun = self._by_place[home, path] = Resource(uri, home, path, schema, home.dialect)
        if "$schema" in schema:
            begun.dialect = dialect_of(schema, self._documents, home.dialect, begun.pointer)
        if len(uri) > MAX_URI:
            raise CompileBudgetExceeded(
                f"a base URI has more than {MAX_URI} characters",
                pointer=begun.pointer,
                keyword=home.dialect.identifier,
                hint="use absolute URIs in nested schemas",
            )
        return begun


def _own_uri(schema: Any, base: str, dialect: Dialect) -> str | None:
    """The URI that a schema gives itself, None without one; a fragment alone is an anchor."""
    if not isinstance(schema, dict) or (dialect.ref_alone and "$ref" in schema):
        return None
    identifier = schema.get(dialect.identifier)
    if not isinstance(identifier, str) or identifier.startswith("#"):
        return None
    return split_fragment(join_uri(base, identifier))[0]


def _note_anchors(home: Resource, trail: _Trail, schema: dict[str, Any]) -> None:
    for name, is_dynamic in _anchors_of(schema, home.dialect):
        place = Place(home, _steps(trail))
        for table in (home.anchors, home.dynamic) if is_dynamic else (home.anchors,):
            known = table.get(name, place)
            table[name] = place if known is not None and known.schema is schema else None
    if trail is None and schema.get("$recursiveAnchor") is True and home.dialect.draft == 2019:
        home.dynamic[RECURSIVE] = Place(home, ())


def _anchors_of(schema: dict[str, Any], dialect: Dialect) -> Iterator[tuple[str, bool]]:
    """The plain names of one subschema, and whether each is dynamic."""
    if dialect.ref_alone:
        identifier = schema.get(dialect.identifier)
        if isinstance(identifier, str) and "$ref" not in schema:
            fragment = split_fragment(identifier)[1]
            if fragment and not fragment.startswith("/"):
                yield fragment, False
        return
    for keyword, is_dynamic in (("$anchor", False), ("$dynamicAnchor", True)):
        name = schema.get(keyword)
        if isinstance(name, str) and name and keyword not in dialect.ignored:
            yield name, is_dynamic


def _steps(trail: _Trail) -> Steps:
    steps: list[tuple[str, Any]] = []
    while trail is not None:
        steps.append(trail[1:])
        trail = trail[0]
    return tuple(reversed(steps))


def _pointer(steps: Iterable[tuple[str, Any]]) -> str:
    return "".join(f"/{path}" for path, _ in steps)
