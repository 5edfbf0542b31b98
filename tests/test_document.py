"""References, drafts, and the forms of keywords: what each subschema of a document is, before any of it is compiled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import referencing
import referencing.jsonschema
from jsonschema_specifications import REGISTRY
from official_suite import DRAFTS, files, is_required, remotes, with_draft
from reference.slow_validator import SlowValidator

from gramask import CompileBudgetExceeded, GramaskError, InvalidSchema, UnsupportedSchema
from gramask.grammar.options import Options
from gramask.grammar.schema import document as document_module
from gramask.grammar.schema import goals, own_shape
from gramask.grammar.schema.alike import TELLING
from gramask.grammar.schema.document import Document
from gramask.grammar.schema.keywords import INTRODUCED, RETIRED
from gramask.grammar.schema.own_shape import goal_of
from gramask.grammar.schema.pointers import join_uri
from gramask.grammar.schema.registry import Documents

DRAFT_4 = "http://json-schema.org/draft-04/schema#"
DRAFT_6 = "http://json-schema.org/draft-06/schema#"
DRAFT_7 = "http://json-schema.org/draft-07/schema#"
DRAFT_2019 = "https://json-schema.org/draft/2019-09/schema"
DRAFT_2020 = "https://json-schema.org/draft/2020-12/schema"


def reachable(document: Document) -> Iterator[int]:
    """The numbers of all subschemas that keywords apply or references name, refused keywords included."""
    stack = [document.intern("", document.root)]
    seen = set(stack)
    while stack:
        number = stack.pop()
        yield number
        below = list(document.references(number))
        for keyword in document.active(number):
            below += document.children(number, keyword)
        new = [child for child in dict.fromkeys(below) if child not in seen]
        seen.update(new)
        stack += new


def targets(schema: Any, registry: Any = None) -> dict[str, str]:
    """For each reference: the pointer of where it is and the pointer that it leads to."""
    document = Document(schema, registry=registry)
    found: dict[str, str] = {}
    for number in reachable(document):
        for target in document.references(number):
            found[document.pointers[number]] = document.pointers[target]
    return found


RESOLVED = [
    ("the root", {"not": {"$ref": "#"}}, {"/not": ""}),
    ("an empty name", {"$ref": "#/", "": {"$id": "x", "": {}, "$ref": "#/"}}, {"": "/", "/": "//"}),
    (
        "escapes",
        {"$defs": {"a/b": {}, "c~d": {}, "e%f": {}, "~1": {}, "": {"$defs": {"": {}}}},
         "allOf": [{"$ref": "#/$defs/a~1b"}, {"$ref": "#/$defs/c~0d"}, {"$ref": "#/$defs/e%25f"},
                   {"$ref": "#/$defs/~01"}, {"$ref": "#/%24defs/"}, {"$ref": "#/$defs//$defs/"}]},
        {"/allOf/0": "/$defs/a~1b", "/allOf/1": "/$defs/c~0d", "/allOf/2": "/$defs/e%f", "/allOf/3": "/$defs/~01",
         "/allOf/4": "/$defs/", "/allOf/5": "/$defs//$defs/"},
    ),
    (
        "unknown keywords and annotations",
        {"x": [{"y": {"type": "null"}}], "allOf": [{"$ref": "#/x/0/y"}, {"$ref": "#/default"}], "default": {}},
        {"/allOf/0": "/x/0/y", "/allOf/1": "/default"},
    ),
    (
        "an anchor",
        {"$ref": "#a", "$defs": {"x": {"$anchor": "a"}}},
        {"": "/$defs/x"},
    ),
    (
        "an old anchor",
        {"$schema": DRAFT_7, "definitions": {"x": {"$id": "#a"}, "y": {"$id": "other#b"}},
         "allOf": [{"$ref": "#a"}, {"$ref": "other#b"}]},
        {"/allOf/0": "/definitions/x", "/allOf/1": "/definitions/y"},
    ),
    (
        "an old anchor in draft 4",
        {"$schema": DRAFT_4, "id": "http://x/y", "definitions": {"x": {"id": "#a"}},
         "allOf": [{"$ref": "http://x/y#a"}]},
        {"/allOf/0": "/definitions/x"},
    ),
    (
        "the same anchor in two resources",
        {"$id": "http://x/", "$defs": {"a": {"$id": "1", "allOf": [{"$id": "2", "$anchor": "n"}, {"$anchor": "n"}]}},
         "allOf": [{"$ref": "1#n"}, {"$ref": "2#n"}]},
        {"/allOf/0": "/$defs/a/allOf/1", "/allOf/1": "/$defs/a/allOf/0"},
    ),
    (
        "nested bases",
        {"$id": "http://x/a/b.json", "$defs": {
            "d": {"$id": "c/d.json", "allOf": [{"$id": "e.json"}, {"$ref": "e.json"}, {"$ref": "#/allOf/0"}]},
            "f": {"$id": "/f.json", "$ref": "a/c/e.json"}},
         "allOf": [{"$ref": "c/e.json"}, {"$ref": "//x/f.json"}, {"$ref": "#/$defs/d/allOf/0"}]},
        {"/allOf/0": "/$defs/d/allOf/0", "/allOf/1": "/$defs/f", "/$defs/f": "/$defs/d/allOf/0",
         "/allOf/2": "/$defs/d/allOf/0"},
    ),
    (
        "URNs",
        {"$id": "urn:a:b?=q", "$defs": {"x": {"$id": "urn:a:c", "$anchor": "n", "not": {"$ref": "#/$defs/y"},
                                              "$defs": {"y": {"$ref": "urn:a:b?=q#/$defs/z"}}}, "z": {}},
         "allOf": [{"$ref": "urn:a:c"}, {"$ref": "urn:a:c#n"}, {"$ref": "#/$defs/z"}, {"$ref": "urn:a:b?=q"}]},
        {"/allOf/0": "/$defs/x", "/allOf/1": "/$defs/x", "/allOf/2": "/$defs/z", "/allOf/3": "",
         "/$defs/x/not": "/$defs/x/$defs/y", "/$defs/x/$defs/y": "/$defs/z"},
    ),
    (
        "relative identifiers without a base",
        {"$defs": {"x": {"$id": "x.json"}}, "$ref": "x.json"},
        {"": "/$defs/x"},
    ),
    (
        "identifiers in constants and unknown keywords",
        {"$id": "http://x/", "$defs": {
            "a": {"enum": [{"$id": "r"}], "const": {"$id": "r"}, "unknown": {"$id": "r"}, "default": {"$id": "r"}},
            "b": {"$id": "r"}}, "$ref": "r"},
        {"": "/$defs/b"},
    ),
    (
        "properties named like identifiers",
        {"$id": "http://x/", "properties": {"$id": {"$ref": "#/properties/$ref"}, "$ref": {}, "$anchor": {}}},
        {"/properties/$id": "/properties/$ref"},
    ),
    (
        "an identifier beside a reference, in draft 7",
        {"$schema": DRAFT_7, "$id": "http://x/a/", "definitions": {"f": {"$id": "f"}},
         "allOf": [{"$id": "http://x/", "$ref": "f"}]},
        {"/allOf/0": "/definitions/f"},
    ),
    (
        "an identifier beside a reference, in draft 2020-12",
        {"$id": "http://x/a/", "$defs": {"f": {"$id": "f"}, "g": {"$id": "../f"}},
         "allOf": [{"$id": "http://x/", "$ref": "f"}]},
        {"/allOf/0": "/$defs/g"},
    ),
    (
        "an identifier that repeats its base",
        {"$id": "http://x/a", "not": {"$id": "http://x/a#", "$ref": "#/$defs/y"}, "$defs": {"y": {}}},
        {"/not": "/$defs/y"},
    ),
    (
        "definitions beside a reference, in draft 7",
        {"$schema": DRAFT_7, "$ref": "#/definitions/a", "definitions": {"a": {"$ref": "b"}, "b": {"$id": "b"}}},
        {"": "/definitions/a", "/definitions/a": "/definitions/b"},
    ),
    (
        "draft 7 inside draft 2020-12",
        {"$id": "http://x/", "$defs": {"old": {"$id": "old", "$schema": DRAFT_7, "definitions": {"n": {"$id": "#n"}},
                                               "allOf": [{"$ref": "#n", "not": {"$ref": "nowhere"}}]}},
         "$ref": "old"},
        {"": "/$defs/old", "/$defs/old/allOf/0": "/$defs/old/definitions/n"},
    ),
    (
        "a dynamic reference without a dynamic anchor",
        {"$defs": {"x": {"$anchor": "a"}}, "allOf": [{"$dynamicRef": "#a"}, {"$dynamicRef": "#/$defs/x"}]},
        {"/allOf/0": "/$defs/x", "/allOf/1": "/$defs/x"},
    ),
    (
        "a recursive reference to the root",
        {"$schema": DRAFT_2019, "items": {"$recursiveRef": "#"}},
        {"/items": ""},
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("schema", "expected"), [row[1:] for row in RESOLVED], ids=[row[0] for row in RESOLVED]
)
def test_reference_leads_to(schema: Any, expected: dict[str, str]) -> None:
    assert targets(schema) == expected


REGISTRY_GIVEN = {
    "http://x/item.json": {"$defs": {"n": {"$ref": "other.json"}}, "$ref": "#/$defs/n"},
    "http://x/other.json": {"$id": "http://y/real.json", "not": {"$ref": "#/$defs/a"}, "$defs": {"a": {}}},
    "bundle": {"$defs": {"inner": {"$id": "http://z/inner", "$anchor": "here"}}},
}
OUTSIDE = [
    (
        {"$id": "http://x/root.json", "$ref": "item.json"},
        {
            "": "http://x/item.json#",
            "http://x/item.json#": "http://x/item.json#/$defs/n",
            "http://x/item.json#/$defs/n": "http://x/other.json#",
            "http://x/other.json#/not": "http://x/other.json#/$defs/a",
        },
    ),
    ({"$ref": "http://z/inner#here"}, {"": "bundle#/$defs/inner"}),
    ({"$ref": "http://x/item.json#/$defs/n/x",
      "$defs": {"n": {"$id": "http://x/item.json", "$defs": {"n": {"x": {}}}}}}, {"": "/$defs/n/$defs/n/x"}),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "expected"), OUTSIDE)
def test_reference_into_another_document(schema: Any, expected: dict[str, str]) -> None:
    registry = referencing.Registry().with_resources(
        (uri, referencing.jsonschema.DRAFT202012.create_resource(contents))
        for uri, contents in REGISTRY_GIVEN.items()
    )
    assert targets(schema, REGISTRY_GIVEN) == expected
    if "bundle#/$defs/inner" in expected.values():
        expected = {"": "http://z/inner#"}  # a registry hands out what is inside of documents by its own URI
    assert targets(schema, registry) == expected


def test_registered_specification_is_the_draft_of_a_document_without_schema() -> None:
    resource = referencing.jsonschema.DRAFT4.create_resource({"id": "http://x/y", "const": 1})
    document = Document({"$ref": "http://x/y"}, registry=resource @ referencing.Registry())
    target = document.resolve(document.intern("", document.root))
    assert (document.draft, document.draft_of(target)) == (2020, 4)
    assert document.active(target) == ["id"]


def test_document_without_schema_has_the_draft_of_the_root() -> None:
    document = Document(
        {"$schema": DRAFT_7, "$ref": "http://x/y"}, registry={"http://x/y": {"prefixItems": 5}}
    )
    target = document.resolve(document.intern("", document.root))
    assert (document.draft_of(target), document.active(target)) == (7, [])


def test_siblings_of_ref_are_ignored_where_the_draft_of_the_resource_says_so() -> None:
    old = {"$schema": DRAFT_7, "$id": "http://x/old", "allOf": [{"$ref": "#", "type": "null"}]}
    document = Document({"allOf": [{"$ref": "http://x/old", "type": "null"}, old]})
    new, old_number = document.children(document.intern("", document.root), "allOf")
    (inner,) = document.children(old_number, "allOf")
    assert document.active(new) == ["$ref", "type"]
    assert document.active(inner) == ["$ref"]
    assert (document.ref_alone_of(new), document.ref_alone_of(inner), document.ref_alone) == (
        False,
        True,
        False,
    )


@pytest.mark.parametrize(
    "schema_uri", [u for u in sorted(REGISTRY) if "draft-03" not in u and "/schema" in u]
)
def test_references_into_metaschemas(schema_uri: str) -> None:
    document = Document({"$ref": schema_uri})
    numbers = list(reachable(document))
    assert len(numbers) > 30
    for number in numbers:
        if "$recursiveRef" in document.active(number) or "$dynamicRef" in document.active(number):
            (target,) = document.references(number)
            assert document.pointers[target] == f"{schema_uri}#"


UNRESOLVED = [
    ({"$ref": "#/$defs/x"}, InvalidSchema, r"/\$defs/x does not exist"),
    ({"$ref": "#x"}, InvalidSchema, "no such anchor"),
    ({"items": {"$ref": "#/allOf/01"}, "allOf": [{}, {}]}, InvalidSchema, "does not exist"),
    ({"items": {"$ref": "#/allOf/²"}, "allOf": [{}, {}]}, InvalidSchema, "does not exist"),
    ({"$ref": "#/allOf"}, InvalidSchema, "does not exist"),
    ({"$ref": "#/enum", "enum": [1]}, InvalidSchema, "must be an object or a boolean, not an array"),
    ({"$ref": 5}, InvalidSchema, r"\$ref must be a string, not 5"),
    ({"$recursiveRef": "#/x", "$schema": DRAFT_2019}, InvalidSchema, "must be '#'"),
    ({"$ref": "#a", "$defs": {"x": {"$anchor": "a"}, "y": {"$anchor": "a"}}}, InvalidSchema, "ambiguous"),
    (
        {"$ref": "urn:a:b", "$defs": {"x": {"$id": "urn:a:b"}, "y": {"$id": "urn:a:b"}}},
        InvalidSchema,
        "ambiguous",
    ),
    ({"$ref": "http://x/y"}, UnsupportedSchema, "names another document.*registry="),
    ({"$dynamicRef": "y#a"}, UnsupportedSchema, "names another document"),
    ({"$ref": "x", "$defs": {"x": {"enum": [{"$id": "x"}]}}}, UnsupportedSchema, "names another document"),
    ({"$ref": "http://json-schema.org/draft-99/schema"}, UnsupportedSchema, "names another document"),
    (
        {"$schema": DRAFT_7, "$ref": "#a", "definitions": {"x": {"$anchor": "a"}}},
        InvalidSchema,
        "no such anchor",
    ),
    ({"$schema": 5}, InvalidSchema, r"\$schema must be a string"),
]


@pytest.mark.parametrize(("schema", "error", "message"), UNRESOLVED)
def test_reference_that_leads_nowhere(schema: Any, error: type[GramaskError], message: str) -> None:
    with pytest.raises(error, match=message):
        list(Document(schema).visit())


def test_error_in_another_document_names_it() -> None:
    with pytest.raises(InvalidSchema) as raised:
        list(
            Document({"$ref": "http://x/y"}, registry={"http://x/y#": {"items": {"minLength": "3"}}}).visit()
        )
    assert raised.value.pointer == "http://x/y#/items/minLength"
    with pytest.raises(UnsupportedSchema) as outside:
        list(Document({"$ref": "http://x/y"}, registry={"http://x/y": {"allOf": [{"$ref": "z"}]}}).visit())
    assert (outside.value.pointer, outside.value.keyword) == ("http://x/y#/allOf/0", "$ref")


def test_subschema_has_a_number_for_each_meaning() -> None:
    """The same list, extended in two ways: its items differ."""
    schema = {
        "$id": "http://x/",
        "properties": {"a": {"$ref": "numbers"}, "b": {"$ref": "texts"}, "c": {"$ref": "list"}},
        "$defs": {
            "list": {
                "$id": "list",
                "items": {"$dynamicRef": "#item"},
                "$defs": {"i": {"$dynamicAnchor": "item"}},
            },
            "n": {
                "$id": "numbers",
                "$ref": "list",
                "$defs": {"i": {"$dynamicAnchor": "item", "type": "number"}},
            },
            "t": {
                "$id": "texts",
                "$ref": "list",
                "$defs": {"i": {"$dynamicAnchor": "item", "type": "string"}},
            },
        },
    }
    document = Document(schema)
    lists = []
    for number in document.children(document.intern("", schema), "properties"):
        while "$ref" in document.active(number):
            number = document.resolve(number)
        lists.append(number)
    items = [document.references(document.children(number, "items")[0])[0] for number in lists]
    assert {document.pointers[number] for number in lists} == {"/$defs/list"}
    assert len(set(lists)) == 3
    assert [document.pointers[n] for n in items] == [
        "/$defs/n/$defs/i",
        "/$defs/t/$defs/i",
        "/$defs/list/$defs/i",
    ]


def test_subschema_has_one_number_without_dynamic_anchors() -> None:
    ways = ["#/$defs/a", "b", "#/$defs/b", "#/$defs/b/items", "#/$defs/b"]
    schema = {
        "$defs": {"a": {"not": {"$ref": "#/$defs/b"}}, "b": {"$id": "b", "items": {"$ref": "#"}}},
        "allOf": [{"$ref": way} for way in ways],
    }
    document = Document(schema)
    pointers = [document.pointers[number] for number in reachable(document)]
    assert len(pointers) == len(set(pointers))


def test_number_of_meanings_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    def chain(n: int) -> dict[str, Any]:
        """Resources of which each may be entered or not, in any order, with a dynamic anchor each."""
        everything = [{"$ref": f"r{i}"} for i in range(n)]
        return {
            "$id": "http://x/",
            "anyOf": everything,
            "$defs": {
                str(i): {"$id": f"r{i}", "$dynamicAnchor": f"a{i}", "anyOf": everything} for i in range(n)
            },
        }

    assert len(list(reachable(Document(chain(3))))) > 10
    monkeypatch.setattr(document_module, "MAX_SCOPES", 50)
    with pytest.raises(CompileBudgetExceeded, match="dynamic anchors"):
        list(reachable(Document(chain(12))))


MALFORMED = [
    ("type", ["integr", [], ["string", "text"], 5, None, [["string"]]]),
    ("enum", [{}, "a", 1]),
    ("multipleOf", [0, -1, "2", True, 0.0]),
    ("minimum", ["1", None, True, float("nan"), float("inf")]),
    ("exclusiveMaximum", ["1", None, []]),
    ("minLength", [-1, 1.5, "1", True, None, float("inf")]),
    ("maxItems", [-1, 0.5]),
    ("minContains", [-1]),
    ("maxProperties", ["3"]),
    ("uniqueItems", ["true", 1]),
    ("pattern", [5, ["a"]]),
    ("format", [5]),
    ("required", [True, "a", [1], {"a": True}]),
    ("properties", [[], True]),
    ("patternProperties", [[]]),
    ("dependentRequired", [[], {"a": "b"}, {"a": [1]}]),
    ("dependentSchemas", [[]]),
    ("dependencies", [[], {"a": "b"}, {"a": [1]}, {"a": 5}]),
    ("allOf", [[], {}, True]),
    ("anyOf", [[]]),
    ("oneOf", [[]]),
    ("prefixItems", [[], {}]),
    ("$id", [5]),
    ("$anchor", [5]),
    ("$dynamicRef", [{}]),
]
NO_SCHEMA = ["not", "if", "contains", "propertyNames", "additionalProperties", "unevaluatedItems", "items"]


@pytest.mark.parametrize(("keyword", "values"), MALFORMED)
def test_malformed_keyword(keyword: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(InvalidSchema) as raised:
            list(Document({"properties": {"a": {keyword: value}}}).visit())
        assert (raised.value.pointer, raised.value.keyword) == (f"/properties/a/{keyword}", keyword), value


@pytest.mark.parametrize("keyword", NO_SCHEMA)
@pytest.mark.parametrize("value", [5, "a", None])
def test_schema_that_is_no_schema(keyword: str, value: Any) -> None:
    with pytest.raises(InvalidSchema, match="must be an object or a boolean") as raised:
        list(Document({"not": {keyword: value}}).visit())
    assert raised.value.pointer == f"/not/{keyword}"


@pytest.mark.parametrize(
    "schema",
    [
        {"minLength": 2.0, "maxItems": 0, "multipleOf": 0.1, "minimum": 10**400, "required": [], "enum": []},
        {
            "dependencies": {"a": ["b"], "c": {}, "d": True, "e": []},
            "items": [{}, True],
            "additionalItems": False,
        },
        {"$schema": DRAFT_4, "minimum": 1, "exclusiveMinimum": True, "const": 5, "if": 5, "$anchor": 5},
        {"$schema": DRAFT_7, "$ref": "#", "type": "nonsense", "properties": 5},
        {"unknown": 5, "title": 5, "definitions": 5, "$defs": [], "default": {"type": 5}},
        {"then": 5, "else": 5, "additionalItems": 5},
    ],
)
def test_well_formed(schema: Any) -> None:
    list(Document(schema).visit())


def test_list_of_items_beside_prefix_items_has_no_meaning() -> None:
    with pytest.raises(InvalidSchema, match="items must be a schema beside prefixItems"):
        list(Document({"prefixItems": [{}], "items": [{}]}).visit())
    list(Document({"$schema": DRAFT_2019, "prefixItems": [{}], "items": [{}]}).visit())


CHILDREN = [
    (k, {k: [{}, True]}, [f"/{k}/0", f"/{k}/1"]) for k in ("allOf", "anyOf", "oneOf", "prefixItems", "items")
] + [
    (k, {k: {}, "if": {}}, [f"/{k}"])
    for k in ("not", "if", "then", "else", "contains", "propertyNames", "additionalProperties", "items",
              "unevaluatedItems", "unevaluatedProperties")
] + [
    (k, {k: {"b/c": {}, "a~": True, "": {}}}, [f"/{k}/b~1c", f"/{k}/a~0", f"/{k}/"])
    for k in ("properties", "patternProperties", "dependentSchemas", "dependencies")
] + [
    ("dependencies", {"dependencies": {"a": ["b"], "c": {}}}, ["/dependencies/c"]),
    ("additionalItems", {"additionalItems": {}}, []),
    ("additionalItems", {"items": {}, "additionalItems": {}}, []),
    ("additionalItems", {"items": [], "additionalItems": {}}, ["/additionalItems"]),
    ("then", {"then": {}}, []),
    ("$defs", {"$defs": {"a": {}}}, []),
    ("enum", {"enum": [{}]}, []),
]  # fmt: skip


@pytest.mark.parametrize(("keyword", "schema", "expected"), CHILDREN)
def test_children(keyword: str, schema: Any, expected: list[str]) -> None:
    document = Document(schema)
    root = document.intern("", schema)
    assert [document.pointers[child] for child in document.children(root, keyword)] == expected


def test_children_by_name() -> None:
    schema = {"dependencies": {"a": ["b"], "c/d": {}}, "properties": {"x": {}, "y": True}}
    document = Document(schema)
    root = document.intern("", schema)
    (dependency,) = document.children(root, "dependencies")
    assert document.children_by_name(root, "dependencies") == {"c/d": dependency}
    assert list(document.children_by_name(root, "properties")) == ["x", "y"]
    assert document.children_by_name(root, "patternProperties") == {}
    assert document.children_by_name(document.children(root, "properties")[1], "properties") == {}


KNOWN = {
    DRAFT_4: "type dependencies",
    DRAFT_6: "type dependencies const contains",
    DRAFT_7: "type dependencies const contains if",
    DRAFT_2019: "type dependencies const contains if minContains dependentRequired $recursiveRef",
    DRAFT_2020: "type dependencies const contains if minContains dependentRequired prefixItems $dynamicRef",
    "https://example.com/unknown": "type dependencies const contains if minContains dependentRequired prefixItems "
    "$dynamicRef",
}
ALL_KNOWN = {
    "type": "object", "dependencies": {}, "const": 1, "contains": {}, "if": {}, "minContains": 1,
    "dependentRequired": {}, "prefixItems": [{}], "$recursiveRef": "#", "$dynamicRef": "#",
    "disallow": [],
}  # fmt: skip


@pytest.mark.parametrize("dialect", KNOWN)
def test_keywords_of_a_draft(dialect: str) -> None:
    document = Document({"$schema": dialect, **ALL_KNOWN})
    active = document.active(document.intern("", document.root))
    assert set(active) - {"$schema"} == set(KNOWN[dialect].split())


def test_keywords_of_draft_3_are_refused() -> None:
    schema = {"$schema": "http://json-schema.org/draft-03/schema#", "disallow": ["null"]}
    with pytest.raises(UnsupportedSchema, match="disallow"):
        list(Document(schema).lint())


def metaschema(*vocabularies: str, **others: bool) -> dict[str, Any]:
    base = "https://json-schema.org/draft/2020-12/vocab/"
    return {"$schema": DRAFT_2020, "$vocabulary": {**{base + name: True for name in vocabularies}, **others}}


def test_vocabulary_decides_which_keywords_count() -> None:
    registry = {"http://x/meta": metaschema("core", "applicator")}
    schema = {"$schema": "http://x/meta#", "minimum": 10, "format": "date", "not": {}, "unevaluatedItems": False,
              "$dynamicRef": "#"}  # fmt: skip
    document = Document(schema, registry=registry)
    assert document.active(document.intern("", schema)) == ["$schema", "not", "$dynamicRef"]
    unknown = Document(schema)
    assert unknown.active(unknown.intern("", schema)) == list(schema)


def test_metaschema_of_a_metaschema_decides_the_draft() -> None:
    registry = {"http://x/a": {"$schema": "http://x/b"}, "http://x/b": {"$schema": DRAFT_7},
                "http://x/c": {"$schema": "http://x/c"}}  # fmt: skip
    assert Document({"$schema": "http://x/a"}, registry=registry).draft == 7
    assert Document({"$schema": "http://x/c"}, registry=registry).draft == 2020


def test_unknown_vocabulary_is_refused_where_it_is_required() -> None:
    optional = {"http://x/meta": metaschema("core", "validation", **{"http://x/units": False})}
    assert Document({"$schema": "http://x/meta"}, registry=optional).draft == 2020
    required = {"http://x/meta": metaschema("core", "validation", **{"http://x/units": True})}
    with pytest.raises(UnsupportedSchema, match="http://x/units") as raised:
        Document({"$schema": "http://x/meta"}, registry=required)
    assert (raised.value.pointer, raised.value.keyword) == ("/$schema", "$vocabulary")


def test_option_registry() -> None:
    mapping = {"http://x/y": {"type": "null"}}
    options = Options(registry=mapping)
    assert isinstance(options.registry, Documents)
    assert options == Options(registry={"http://x/y": {"type": "null"}}) == Options(registry=options.registry)
    assert hash(options) == hash(Options(registry=dict(mapping)))
    assert options not in (Options(), Options(registry={}))
    mapping["http://x/y"]["type"] = "string"
    assert options.registry.as_mapping() == {"http://x/y": {"type": "null"}}
    registry = referencing.Registry()
    assert Options(registry=registry) == Options(registry=registry)
    with pytest.raises(GramaskError, match="cannot be serialised"):
        Documents(registry).as_mapping()


@pytest.mark.parametrize("wrong", [5, "http://x", [{}], {5: {}}, {"http://x/y": {1, 2}}, {"x": float("nan")}])
def test_option_registry_of_something_else(wrong: Any) -> None:
    with pytest.raises(GramaskError):
        Options(registry=wrong)


@pytest.mark.parametrize("identifier", ["http://x/{}/", "urn:x:{}"])
def test_deep_resources(identifier: str) -> None:
    schema: Any = {}
    for i in range(10_000):
        schema = {"$id": identifier.format(i), "properties": {"a long name": schema}}
    assert len(list(reachable(Document(schema)))) == 10_001


def test_base_uri_is_bounded() -> None:
    schema: Any = {}
    for i in range(10_000):
        schema = {"$id": f"{i}/", "not": schema}
    with pytest.raises(CompileBudgetExceeded, match="base URI"):
        list(reachable(Document(schema)))


def test_deep_schema() -> None:
    schema: Any = {"minLength": 1}
    for i in range(10_000):
        schema = [{"not": schema}, {"items": [schema]}, {"properties": {"a": schema}}][i % 3]
    document = Document({"anyOf": [schema, {"$ref": "#end"}, {"$ref": "#end"}]})
    with pytest.raises(InvalidSchema, match="no such anchor"):
        list(reachable(document))
    document = Document(schema)
    assert len(list(reachable(document))) == 10_001
    list(document.visit())
    with pytest.raises(InvalidSchema):
        list(Document({"required": schema}).visit())


JOINED = [
    ("http://a/b/c", "#x", "http://a/b/c#x"),
    ("http://a/b/c", "", "http://a/b/c"),
    ("http://a/b/c", "d", "http://a/b/d"),
    ("http://a/b/c", "../d", "http://a/d"),
    ("http://a/b/c", "/d", "http://a/d"),
    ("http://a/b/c", "//d/e", "http://d/e"),
    ("http://a/b/c", "?q", "http://a/b/c?q"),
    ("http://a/b/c", "urn:x:y", "urn:x:y"),
    ("urn:x:y", "#z", "urn:x:y#z"),
    ("urn:x:y", "http://a/", "http://a/"),
    ("schema://a/b/c", "d", "schema://a/b/d"),
    ("schema://a/b/c", "/d#e", "schema://a/d#e"),
    ("schema://a/b/c", "x:d", "x:d"),
    ("", "a.json", "a.json"),
    ("b/a.json", "c.json", "b/c.json"),
]


@pytest.mark.parametrize(("base", "reference", "expected"), JOINED)
def test_join_uri(base: str, reference: str, expected: str) -> None:
    assert join_uri(base, reference) == expected


# The rest compares with the official suite.

ABOUT_REFERENCES = set(
    """ref refRemote id anchor dynamicRef recursiveRef vocabulary defs definitions unknownKeyword refOfUnknownKeyword
    cross-draft infinite-loop-detection unevaluatedProperties unevaluatedItems""".split()
)


OPTIONAL = {
    f"optional/{name}"
    for name in """id unknownKeyword refOfUnknownKeyword cross-draft anchor dynamicRef no-schema
    dependencies-compatibility""".split()
}


def suite_files(draft: str) -> list[Path]:
    """All of a draft's files on keywords: references may be anywhere. Not those on formats."""
    return [path for name, path in files(draft).items() if is_required(name) or name in OPTIONAL]


@pytest.mark.parametrize("draft", DRAFTS)
def test_official_suite(draft: str) -> None:
    wrong = []
    n_tests = 0
    for path in suite_files(draft):
        for case in json.loads(path.read_text()):
            if "\\p{" in str(case["schema"]):
                continue  # Python's `re` knows no classes of Unicode
            validator = SlowValidator(Document(with_draft(case["schema"], draft), registry=remotes()))
            for test in case["tests"]:
                n_tests += 1
                if validator.is_valid(test["data"]) != test["valid"]:
                    wrong.append((path.name, case["description"], test["description"]))
    assert wrong == []
    assert n_tests > 500


@pytest.mark.parametrize("draft", DRAFTS)
def test_static_references_as_in_referencing(draft: str) -> None:
    specification = referencing.jsonschema.specification_with(DRAFTS[draft])
    # `referencing` expects no boolean subschemas in draft 4: neither files on other keywords nor later remotes there.
    registry = REGISTRY.with_resources(
        (uri, referencing.Resource.from_contents(contents, default_specification=specification))
        for uri, contents in remotes().items()
        if draft != "draft4" or "/draft4/" in uri or "/draft" not in uri
    )
    n_references = 0
    for path in suite_files(draft):
        for case in json.loads(path.read_text()) if path.stem in ABOUT_REFERENCES else ():
            schema = with_draft(case["schema"], draft)
            document = Document(schema, registry=remotes())
            resource = referencing.Resource.from_contents(schema, default_specification=specification)
            known = registry.with_resource("", resource)
            if resource.id() is not None:
                known = resource @ known
            for number in reachable(document):
                if "$ref" in document.active(number):
                    base = document._contexts[number].resource.uri
                    found = known.resolver(base).lookup(document.schemas[number]["$ref"])
                    assert found.contents == document.schemas[document.resolve(number)]
                    n_references += 1
    assert n_references > 35


@pytest.mark.parametrize("draft", DRAFTS)
def test_each_metaschema_judges_itself(draft: str) -> None:
    """Through all of its vocabularies, whose references are the most dynamic ones there are."""
    contents = REGISTRY.contents(DRAFTS[draft].rstrip("#"))
    validator = SlowValidator(Document({"$ref": DRAFTS[draft]}))
    assert validator.is_valid(contents)
    assert not validator.is_valid({"properties": {"a": {"not": {"minLength": -1}}}})
    assert not validator.is_valid({"properties": {"a": {"allOf": [{"type": "text"}]}}})


@pytest.mark.parametrize("draft", DRAFTS)
def test_metaschemas_judge_the_schemas_of_the_suite(draft: str) -> None:
    contents = REGISTRY.contents(DRAFTS[draft].rstrip("#"))
    judge = jsonschema.validators.validator_for(contents)(contents)
    validator = SlowValidator(Document({"$ref": DRAFTS[draft]}))
    for path in suite_files(draft):
        for case in json.loads(path.read_text()) if path.stem in ABOUT_REFERENCES else ():
            for schema in (case["schema"], {"not": {"properties": {"a": [case["schema"]]}}}):
                assert validator.is_valid(schema) == judge.is_valid(schema)


ALIKE = [
    ({"type": "string", "title": "a"}, {"description": "b", "type": "string", "x-widget": 3}, True),
    ({"title": "a"}, {}, True),
    ({"const": 1}, {"const": 1.0}, False),  # they are, in other words
    ({"const": 1}, {"const": True}, False),
    ({"enum": [0, 1]}, {"enum": [False, True]}, False),
    (
        {"type": "array", "items": {"type": "string"}},
        {"items": {"type": "string", "title": "c"}, "type": "array"},
        True,
    ),
    ({"type": "array", "items": {"type": "string"}}, {"type": "array", "items": {"type": "null"}}, False),
    ({"type": "array", "items": True}, {"type": "array", "items": False}, False),
    ({"type": "integer"}, {"type": "integer", "minimum": 1}, False),
    ({"type": "object"}, {"type": "object", "properties": {"a": False}}, False),
    ({"type": "string"}, {"type": "string", "not": {"const": ""}}, False),
    ({"type": "string"}, {"type": "string", "$ref": "#/$defs/empty"}, False),
]


@pytest.mark.parametrize(("first", "second", "alike"), ALIKE)
def test_alike(first: Any, second: Any, alike: bool) -> None:
    """Subschemas that say the same in the same words are one goal, annotations aside."""
    root = {"properties": {"a": first, "b": second}, "$defs": {"empty": {"const": ""}}}
    document = Document(root)
    found = [goal_of(document, n) for n in document.children(document.intern("", root), "properties")]
    assert (found[0] == found[1]) == alike


def test_what_a_draft_ignores_is_no_difference() -> None:
    root = {"$schema": DRAFT_4, "properties": {"a": {"type": "null", "const": 1}, "b": {"type": "null"}}}
    document = Document(root)
    first, second = document.children(document.intern("", root), "properties")
    assert goal_of(document, first) == goal_of(document, second)


def test_no_keyword_but_annotations_is_passed_over() -> None:
    known = {*own_shape._OF_VALUES, *goals._IN_PLACE, *INTRODUCED, *RETIRED, "if", "then", "else", "not"}
    assert known <= TELLING
