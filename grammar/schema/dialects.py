"""Drafts and vocabularies: which keywords count in a schema resource, and which are mere annotations."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from ...errors import InvalidSchema, UnsupportedSchema
from .keywords import INTRODUCED, RETIRED
from .registry import Documents

# What `$schema` contains, and the number by which drafts are compared here.
_DRAFTS = {"draft-03": 3, "draft-04": 4, "draft-06": 6, "draft-07": 7, "2019-09": 2019, "2020-12": 2020}
LATEST = 2020

_UNEVALUATED = frozenset(("unevaluatedItems", "unevaluatedProperties"))
_APPLICATOR = frozenset(
    """allOf anyOf oneOf not if then else dependentSchemas dependencies properties patternProperties
    additionalProperties propertyNames items prefixItems additionalItems contains""".split()
)
_VALIDATION = frozenset(
    """type enum const multipleOf minimum maximum exclusiveMinimum exclusiveMaximum minLength maxLength pattern
    minItems maxItems uniqueItems minContains maxContains minProperties maxProperties required
    dependentRequired""".split()
)
_FORMAT = frozenset(("format",))
_NONE: frozenset[str] = frozenset()

# The constraining keywords of each vocabulary; those of the core count always.
_VOCABULARIES: dict[str, frozenset[str]] = {
    "https://json-schema.org/draft/2019-09/vocab/core": _NONE,
    "https://json-schema.org/draft/2019-09/vocab/applicator": _APPLICATOR | _UNEVALUATED,
    "https://json-schema.org/draft/2019-09/vocab/validation": _VALIDATION,
    "https://json-schema.org/draft/2019-09/vocab/format": _FORMAT,
    "https://json-schema.org/draft/2019-09/vocab/meta-data": _NONE,
    "https://json-schema.org/draft/2019-09/vocab/content": _NONE,
    "https://json-schema.org/draft/2020-12/vocab/core": _NONE,
    "https://json-schema.org/draft/2020-12/vocab/applicator": _APPLICATOR,
    "https://json-schema.org/draft/2020-12/vocab/unevaluated": _UNEVALUATED,
    "https://json-schema.org/draft/2020-12/vocab/validation": _VALIDATION,
    "https://json-schema.org/draft/2020-12/vocab/format-annotation": _FORMAT,
    "https://json-schema.org/draft/2020-12/vocab/format-assertion": _FORMAT,
    "https://json-schema.org/draft/2020-12/vocab/meta-data": _NONE,
    "https://json-schema.org/draft/2020-12/vocab/content": _NONE,
}
_OPTIONAL = _APPLICATOR | _UNEVALUATED | _VALIDATION | _FORMAT


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the keywords of a schema resource are read.

    draft      : 3, 4, 6, 7, 2019 or 2020. Draft 3 is read as draft 4, with what only it has refused.
    ignored    : constraining keywords that mean nothing here.
    identifier : the keyword that names a resource.
    ref_alone  : whether the siblings of `$ref` are ignored.
    """

    draft: int
    ignored: frozenset[str]
    identifier: str
    ref_alone: bool


@cache
def standard_dialect(draft: int, without: frozenset[str] = _NONE) -> Dialect:
    """The dialect of a draft's own metaschema, less the keywords `without`."""
    early = frozenset(keyword for keyword, first in INTRODUCED.items() if draft < first)
    late = frozenset(keyword for keyword, last in RETIRED.items() if draft >= last)
    identifier = "id" if draft <= 4 else "$id"
    return Dialect(draft, early | late | without, identifier, ref_alone=draft <= 7)


def dialect_of(schema: Any, documents: Documents | None, default: Dialect, where: str) -> Dialect:
    """The dialect that the `$schema` of a resource's root names, else `default`.

    A metaschema among `documents` decides by its `$vocabulary`; one that nobody gave is read by its name, and
    as the latest draft where that says nothing. where : pointer of the root.
    Raises InvalidSchema if `$schema` is no string, UnsupportedSchema for a required vocabulary that is unknown.
    """
    name = schema.get("$schema") if isinstance(schema, dict) else None
    if name is None:
        return default
    if not isinstance(name, str):
        raise InvalidSchema("$schema must be a string", pointer=f"{where}/$schema", keyword="$schema")
    custom = _metaschema(name, documents)
    if custom is None or documents is None:
        return standard_dialect(_draft_in(name))
    draft = _draft_of_chain(name, documents)
    listed = custom.get("$vocabulary")
    if draft < 2019 or not isinstance(listed, dict):
        return standard_dialect(draft)
    for vocabulary, required in listed.items():
        if required is True and vocabulary not in _VOCABULARIES:
            raise UnsupportedSchema(
                f"the metaschema {name!r} requires the unknown vocabulary {vocabulary!r}",
                pointer=f"{where}/$schema",
                keyword="$vocabulary",
                hint="use a metaschema of the official vocabularies",
            )
    known = _NONE.union(*(_VOCABULARIES.get(vocabulary, _NONE) for vocabulary in listed))
    return standard_dialect(draft, _OPTIONAL - known)


def _draft_in(name: str) -> int:
    return next((draft for part, draft in _DRAFTS.items() if part in name), LATEST)


def _metaschema(name: str, documents: Documents | None) -> dict[str, Any] | None:
    """The custom metaschema of this name, if the caller gave one."""
    if documents is None or "//json-schema.org/" in name:
        return None
    found = documents.get(name.partition("#")[0])
    return found.schema if found is not None and isinstance(found.schema, dict) else None


def _draft_of_chain(name: str, documents: Documents) -> int:
    """The draft of a custom metaschema: that of its own metaschema, and so on."""
    seen: set[str] = set()
    while name not in seen:
        seen.add(name)
        metaschema = _metaschema(name, documents)
        above = None if metaschema is None else metaschema.get("$schema")
        if isinstance(above, str):
            name = above
    return _draft_in(name)
