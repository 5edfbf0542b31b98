"""The documents that references may name beside the schema itself. Nothing is ever fetched."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ...errors import CompileBudgetExceeded, GramaskError, InvalidSchema

if TYPE_CHECKING:
    from referencing import Registry


class Given(NamedTuple):
    """A document, and the number of the draft that it is registered for, where that is known."""

    schema: Any
    draft: int | None = None


class Documents:
    """Immutable and hashable: schemas by URI.

    given : a mapping from absolute URI to schema, which is copied, or a `referencing.Registry`, which is asked as it
            is; only a `retrieve` function that the caller put into it can fetch anything. URIs are compared as text.
    Mappings of equal JSON text are equal; a registry is equal only to itself.
    Raises GramaskError for anything else, InvalidSchema for documents that are not JSON.
    """

    def __init__(self, given: Mapping[str, Any] | Registry[Any]) -> None:
        self._registry = given if hasattr(given, "get_or_retrieve") else None
        self._text = "" if self._registry is not None else _as_text(given)
        schemas = json.loads(self._text) if self._text else {}
        self._schemas: dict[str, Any] = {uri.partition("#")[0]: schema for uri, schema in schemas.items()}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Documents):
            return NotImplemented
        return self._registry is other._registry and self._text == other._text

    def __hash__(self) -> int:
        return hash((id(self._registry), self._text))

    def __repr__(self) -> str:
        return f"Documents({self._registry or list(self._schemas)})"

    def get(self, uri: str) -> Given | None:
        """The document with this URI, which has no fragment."""
        if self._registry is not None:
            return _retrieved(self._registry, uri)
        return Given(self._schemas[uri]) if uri in self._schemas else None

    def uris(self) -> Iterable[str]:
        """The URIs to search for embedded resources; a registry searches its own."""
        return self._schemas.keys()

    def as_mapping(self) -> dict[str, Any]:
        """The mapping again, as JSON values. Raises GramaskError for a registry, which may hold more than it lists."""
        if self._registry is not None:
            raise GramaskError(
                "a referencing.Registry cannot be serialised",
                hint="pass registry= as a mapping from URI to schema",
            )
        return dict(json.loads(self._text))


def official(uri: str) -> Given | None:
    """The official metaschema or vocabulary with this URI."""
    if "//json-schema.org/" not in uri:
        return None  # before the import, which takes longer than compiling a schema
    from jsonschema_specifications import REGISTRY

    resource = REGISTRY.get(uri)
    return None if resource is None else Given(resource.contents)


def _as_text(given: object) -> str:
    if not isinstance(given, Mapping) or not all(isinstance(uri, str) for uri in given):
        raise GramaskError(
            f"the option registry is {type(given).__name__}, which holds no documents by URI",
            hint="it is a mapping from URI to schema or a referencing.Registry",
        )
    try:
        return json.dumps(dict(given), allow_nan=False)
    except RecursionError:
        raise CompileBudgetExceeded("a document of the registry is nested too deeply") from None
    except (TypeError, ValueError) as error:
        raise InvalidSchema(f"a document of the registry is not JSON: {error}") from None


def _retrieved(registry: Any, uri: str) -> Given | None:
    from referencing.exceptions import CannotDetermineSpecification, NoSuchResource, Unretrievable

    try:
        resource = registry.get_or_retrieve(uri).value
    except (NoSuchResource, Unretrievable, CannotDetermineSpecification):
        return None
    return Given(resource.contents, _registered_draft(resource))


def _registered_draft(resource: Any) -> int | None:
    """The draft whose specification a resource was made with."""
    from referencing import jsonschema as drafts

    specifications = {
        3: drafts.DRAFT3,
        4: drafts.DRAFT4,
        6: drafts.DRAFT6,
        7: drafts.DRAFT7,
        2019: drafts.DRAFT201909,
        2020: drafts.DRAFT202012,
    }
    for draft, specification in specifications.items():
        if specification.create_resource(resource.contents) == resource:
            return draft
    return None
