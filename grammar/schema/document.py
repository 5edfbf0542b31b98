"""A JSON Schema document: its subschemas by pointer, its references, and what in it is not enforced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

from ...errors import InvalidSchema, UnsupportedSchema
from .keywords import CHECKS, INTRODUCED, NOT_ENFORCED, subschemas

# What `$schema` contains, and the number by which drafts are compared here.
_DRAFTS = {"draft-03": 3, "draft-04": 4, "draft-06": 6, "draft-07": 7, "2019-09": 2019, "2020-12": 2020}
LATEST = 2020


class Document:
    """One schema document with its local references resolved on demand.

    Subschemas are named by small integers, so that a conjunction of them is a tuple of ints.
    """

    def __init__(self, schema: Any, *, formats: str = "enforce") -> None:
        self.root = schema
        self.annotate_formats = formats == "annotate"
        dialect = schema.get("$schema", "") if isinstance(schema, dict) else ""
        if not isinstance(dialect, str):
            raise InvalidSchema("$schema must be a string", pointer="/$schema", keyword="$schema")
        self.draft = next((draft for name, draft in _DRAFTS.items() if name in dialect), LATEST)
        self.ref_alone = self.draft <= 7
        self.pointers: list[str] = []
        self.schemas: list[Any] = []
        self._by_pointer: dict[str, int] = {}
        self._bases: dict[int, str] = {}
        self._targets: dict[int, int] = {}
        self._children: dict[tuple[int, str], tuple[int, ...]] = {}
        self._resources: dict[str, str] | None = None

    def intern(self, pointer: str, schema: Any, base: str = "") -> int:
        """The number of the subschema at `pointer`."""
        number = self._by_pointer.get(pointer)
        if number is None:
            if not isinstance(schema, dict | bool):
                raise InvalidSchema(
                    f"a schema must be an object or a boolean, not {_kind(schema)}", pointer=pointer
                )
            number = len(self.schemas)
            self._by_pointer[pointer] = number
            self.pointers.append(pointer)
            self.schemas.append(schema)
            self._bases[number] = self._base_of(schema, base)
        return number

    def child(self, parent: int, path: str, schema: Any) -> int:
        """The subschema at `path` (already escaped) below `parent`."""
        return self.intern(f"{self.pointers[parent]}/{path}", schema, self._bases[parent])

    def children(self, number: int, keyword: str) -> tuple[int, ...]:
        """The subschemas that a keyword of subschema `number` applies, in document order."""
        found = self._children.get((number, keyword))
        if found is None:
            found = tuple(
                self.child(number, path, s) for path, s in subschemas(keyword, self.schemas[number])
            )
            self._children[number, keyword] = found
        return found

    def synthetic(self, parent: int, name: str, schema: Any) -> int:
        """A schema that the document implies without spelling it, such as the one of a constant's member."""
        return self.child(parent, name, schema)

    def resolve(self, number: int) -> int:
        """The subschema that the `$ref` of subschema `number` names."""
        target = self._targets.get(number)
        if target is None:
            target = self._targets[number] = self._find_target(number)
        return target

    def _find_target(self, number: int) -> int:
        reference = self.schemas[number]["$ref"]
        pointer = self.pointers[number]
        if not isinstance(reference, str):
            raise InvalidSchema("$ref must be a string", pointer=pointer, keyword="$ref")
        resource, fragment = urldefrag(urljoin(self._bases[number], reference))
        home = self._home(resource, reference, pointer)
        fragment = unquote(fragment)
        if fragment and not fragment.startswith("/"):
            return self._anchor(home, fragment, reference, pointer)
        return self._walk(home, fragment, reference, pointer)

    def lint(self) -> Iterator[tuple[int, str]]:
        """Yield `(number, keyword)` for each keyword of each reachable subschema.

        Raises UnsupportedSchema at the first constraining keyword that is not enforced, InvalidSchema at a
        malformed one.
        """
        for number, keyword, refused in self.visit():
            if refused:
                raise UnsupportedSchema(
                    f"{keyword} is not enforced yet",
                    pointer=self.pointers[number],
                    keyword=keyword,
                    hint=NOT_ENFORCED[keyword].hint,
                )
            yield number, keyword

    def visit(self) -> Iterator[tuple[int, str, bool]]:
        """Visit every reachable subschema once: `(number, keyword, whether it is refused)`."""
        stack = [self.intern("", self.root)]
        seen = set(stack)
        while stack:
            number = stack.pop()
            children: list[int] = []
            for keyword in self.active(number):
                refused = self._is_refused(number, keyword)
                if not refused:
                    self._check(number, keyword)
                    children += (
                        (self.resolve(number),) if keyword == "$ref" else self.children(number, keyword)
                    )
                yield number, keyword, refused
            for child in reversed(children):
                if child not in seen:
                    seen.add(child)
                    stack.append(child)

    def active(self, number: int) -> list[str]:
        """The keywords of a subschema that count in its draft: one it does not know is an annotation."""
        schema = self.schemas[number]
        if isinstance(schema, bool):
            return []
        if self.ref_alone and "$ref" in schema:
            return ["$ref"]
        return [keyword for keyword in schema if INTRODUCED.get(keyword, 0) <= self.draft]

    def _is_refused(self, number: int, keyword: str) -> bool:
        refusal = NOT_ENFORCED.get(keyword)
        if refusal is None or (keyword == "format" and self.annotate_formats):
            return False
        return refusal.constrains(self.schemas[number])

    def _check(self, number: int, keyword: str) -> None:
        check = CHECKS.get(keyword)
        if check is not None:
            check(self.schemas[number][keyword], f"{self.pointers[number]}/{keyword}")

    def _base_of(self, schema: Any, base: str) -> str:
        if not isinstance(schema, dict) or (self.ref_alone and "$ref" in schema):
            return base
        identifier = schema.get("id" if self.draft <= 4 else "$id")
        if not isinstance(identifier, str) or identifier.startswith("#"):
            return base
        return urldefrag(urljoin(base, identifier))[0]

    def _home(self, resource: str, reference: str, pointer: str) -> str:
        """The pointer of the schema resource with this URI."""
        if self._resources is None:
            self._resources = {"": ""}
            self._resources.update(self._find_resources())
        home = self._resources.get(resource)
        if home is None:
            raise UnsupportedSchema(
                f"$ref {reference!r} names another document",
                pointer=pointer,
                keyword="$ref",
                hint="put the document under $defs and refer to it locally",
            )
        return home

    def _find_resources(self) -> Iterator[tuple[str, str]]:
        stack: list[tuple[str, Any, str]] = [("", self.root, "")]
        while stack:
            pointer, value, base = stack.pop()
            if isinstance(value, dict):
                inner = self._base_of(value, base)
                if inner != base or not pointer:
                    yield inner, pointer
                stack.extend(
                    (f"{pointer}/{escape_token(k)}", v, inner) for k, v in value.items() if k != "enum"
                )
            elif isinstance(value, list):
                stack.extend((f"{pointer}/{i}", v, base) for i, v in enumerate(value))

    def _anchor(self, home: str, name: str, reference: str, pointer: str) -> int:
        stack: list[tuple[str, Any]] = [(home, self._value_at(home))]
        while stack:
            where, value = stack.pop()
            if isinstance(value, dict):
                old_style = self.ref_alone and f"#{name}" in (value.get("$id"), value.get("id"))
                if value.get("$anchor") == name or old_style:
                    return self._walk(where, "", reference, pointer)
                stack.extend((f"{where}/{escape_token(k)}", v) for k, v in value.items())
            elif isinstance(value, list):
                stack.extend((f"{where}/{i}", v) for i, v in enumerate(value))
        raise InvalidSchema(
            f"$ref {reference!r} leads nowhere: no such anchor", pointer=pointer, keyword="$ref"
        )

    def _value_at(self, pointer: str) -> Any:
        value = self.root
        for token in pointer.split("/")[1:]:
            value = value[int(token)] if isinstance(value, list) else value[unescape_token(token)]
        return value

    def _walk(self, home: str, fragment: str, reference: str, pointer: str) -> int:
        """The subschema at the JSON Pointer `fragment` below the resource at `home`."""
        value: Any = self.root
        base = ""
        target = home + fragment
        for token in target.split("/")[1:]:
            base = self._base_of(value, base)
            value = _member(value, unescape_token(token))
            if value is _MISSING:
                raise InvalidSchema(
                    f"$ref {reference!r} leads nowhere: {target or '#'} does not exist",
                    pointer=pointer,
                    keyword="$ref",
                )
        return self.intern(target, value, base)


_MISSING = object()


def _member(value: Any, token: str) -> Any:
    if isinstance(value, dict):
        return value.get(token, _MISSING)
    if isinstance(value, list) and token.isdigit() and int(token) < len(value):
        return value[int(token)]
    return _MISSING


def escape_token(token: str) -> str:
    """One reference token of a JSON Pointer (RFC 6901, section 3)."""
    return token.replace("~", "~0").replace("/", "~1")


def unescape_token(token: str) -> str:
    return token.replace("~1", "/").replace("~0", "~")


def _kind(value: Any) -> str:
    names = {str: "a string", int: "a number", float: "a number", list: "an array", type(None): "null"}
    return names.get(type(value), type(value).__name__)
