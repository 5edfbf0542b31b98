"""Whether a value satisfies a JSON Schema, exactly, in drafts 4 to 2020-12: `jsonschema`, mended where it is wrong.

Numbers are exact, equality is JSON's, patterns are ECMA-262, texts that repeat a member name are no documents.
Mended keywords are those below; each has the reason beside it. The official test suite holds for all of it
(tests/test_suite.py), so that this is fit to judge what the engine says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

import jsonschema
import referencing
from jsonschema.validators import extend
from referencing.jsonschema import DynamicAnchor, lookup_recursive_ref, specification_with

from .ecma import searches
from .formats import RULES, FormatRules, Rule

DRAFTS = {
    "http://json-schema.org/draft-04/schema": jsonschema.Draft4Validator,
    "http://json-schema.org/draft-06/schema": jsonschema.Draft6Validator,
    "http://json-schema.org/draft-07/schema": jsonschema.Draft7Validator,
    "https://json-schema.org/draft/2019-09/schema": jsonschema.Draft201909Validator,
    "https://json-schema.org/draft/2020-12/schema": jsonschema.Draft202012Validator,
}
LATEST = "https://json-schema.org/draft/2020-12/schema"
# The same number as in `Authority`: Python prints no integer of more than 4,300 digits, `jsonschema` prints values.
FAR = 2_000
Errors = Iterator[jsonschema.ValidationError]
FAILED = jsonschema.ValidationError("not valid")


class Malformed(ValueError):
    """The text is no JSON document: its grammar, a repeated member name, or half of a surrogate pair."""


class Unjudged(Exception):
    """The judge cannot say: a number too far from 1, a pattern that Python cannot read, endless recursion."""


def parse_document(text: str, *, integral_floats: bool, repeats: bool = False) -> Any:
    """`json.loads`, strict, with exact numbers: int, or Fraction where there is a fraction part.

    integral_floats : 1.0 and 1e0 are the integer 1, as from draft 6 on.
    repeats         : a member name may be repeated; the last one counts.
    Raises Malformed; Unjudged for an exponent beyond 2,000.
    """

    def number(digits: str) -> int | Fraction:
        mantissa, _, exponent = digits.lower().partition("e")
        if exponent and abs(int(exponent)) > FAR:
            raise Unjudged(f"the exponent {exponent}")
        value = Fraction(mantissa) * Fraction(10) ** int(exponent or 0)
        return value.numerator if integral_floats and value.denominator == 1 else value

    try:
        members = dict if repeats else _members
        value = json.loads(text, parse_float=number, parse_constant=_refuse, object_pairs_hook=members)
    except json.JSONDecodeError as error:
        raise Malformed(str(error)) from None
    except RecursionError:
        raise Unjudged("nested too deeply") from None
    if re.search(r"\\u[dD][89a-fA-F]", text):
        _check_text(value)
    return value


def _refuse(word: str) -> Any:
    raise Malformed(word)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Malformed("a member name is repeated")
    return found


def _check_text(value: Any) -> None:
    """Raises Malformed for a lone surrogate: RFC 8259, section 8.2; no UTF-8 spells it."""
    try:
        json.dumps(value, ensure_ascii=False, default=lambda _: 0).encode()
    except UnicodeEncodeError:
        raise Malformed("a lone surrogate") from None


def identity(value: Any) -> Any:
    """Hashable; equal exactly for values that are equal as JSON: 1 is 1.0 and not true, members have no order."""
    if isinstance(value, bool) or value is None:
        return (type(value), value)
    if isinstance(value, list):
        return (list, tuple(map(identity, value)))
    if isinstance(value, dict):
        return (dict, frozenset((name, identity(inner)) for name, inner in value.items()))
    return value  # strings and numbers: int and Fraction compare and hash as numbers


def _holds(validator: Any, instance: Any, schema: Any) -> bool:
    """By way of `descend`, which enters `$id`; `evolve(schema=...).is_valid`, used by `jsonschema`, does not."""
    return next(validator.descend(instance, schema), None) is None


def _fail_unless(held: bool) -> Errors:
    if not held:
        yield FAILED


def enum(_: Any, values: Any, instance: Any, __: Any) -> Errors:
    yield from _fail_unless(identity(instance) in map(identity, values))


def const(_: Any, value: Any, instance: Any, __: Any) -> Errors:
    yield from _fail_unless(identity(instance) == identity(value))


def unique_items(_: Any, wanted: Any, instance: Any, __: Any) -> Errors:
    """`jsonschema` sorts first, so that [[1], [true], [1]] passes: 1 and true are neighbours in Python's order."""
    if wanted and isinstance(instance, list):
        yield from _fail_unless(len(set(map(identity, instance))) == len(instance))


def multiple_of(validator: Any, divisor: Any, instance: Any, __: Any) -> Errors:
    if validator.is_type(instance, "number"):
        yield from _fail_unless(Fraction(instance) % Fraction(divisor) == 0)


def pattern(_: Any, wanted: str, instance: Any, __: Any) -> Errors:
    if isinstance(instance, str):
        yield from _fail_unless(searches(wanted, instance))


def pattern_properties(validator: Any, patterns: Any, instance: Any, __: Any) -> Errors:
    if isinstance(instance, dict):
        for wanted, schema in patterns.items():
            for name, value in instance.items():
                if searches(wanted, name):
                    yield from validator.descend(value, schema)


def additional_properties(validator: Any, rest: Any, instance: Any, schema: Any) -> Errors:
    if isinstance(instance, dict):
        for name in instance.keys() - _declared_names(instance, schema):
            yield from validator.descend(instance[name], rest)


def _declared_names(instance: dict[str, Any], schema: dict[str, Any]) -> set[str]:
    patterns = list(schema.get("patternProperties", ()))
    return {
        name
        for name in instance
        if name in schema.get("properties", ()) or any(searches(wanted, name) for wanted in patterns)
    }


def additional_items(validator: Any, rest: Any, instance: Any, schema: Any) -> Errors:
    """`jsonschema` takes the length of a boolean `items`."""
    listed = schema.get("items")
    if isinstance(instance, list) and isinstance(listed, list):
        for item in instance[len(listed) :]:
            yield from validator.descend(item, rest)


def contains(validator: Any, wanted: Any, instance: Any, schema: Any) -> Errors:
    if isinstance(instance, list):
        n = sum(_holds(validator, item, wanted) for item in instance)
        bounded = "dependentRequired" in validator.VALIDATORS  # from 2019-09 on
        low, high = (schema.get("minContains", 1), schema.get("maxContains", n)) if bounded else (1, n)
        yield from _fail_unless(low <= n <= high)


def not_(validator: Any, schema: Any, instance: Any, __: Any) -> Errors:
    yield from _fail_unless(not _holds(validator, instance, schema))


def any_of(validator: Any, branches: Any, instance: Any, __: Any) -> Errors:
    yield from _fail_unless(any(_holds(validator, instance, branch) for branch in branches))


def one_of(validator: Any, branches: Any, instance: Any, __: Any) -> Errors:
    yield from _fail_unless(sum(_holds(validator, instance, branch) for branch in branches) == 1)


def if_(validator: Any, condition: Any, instance: Any, schema: Any) -> Errors:
    branch = "then" if _holds(validator, instance, condition) else "else"
    yield from validator.descend(instance, schema.get(branch, True))


def format_(validator: Any, name: str, instance: Any, __: Any) -> Errors:
    """Only where the judge was asked to; `format_checker` is then not None."""
    if validator.format_checker is not None:
        yield from _fail_unless(validator.format_checker.conforms(name, instance))


def reference(validator: Any, target: str, instance: Any, _: Any) -> Errors:
    """`referencing` resolves a `$dynamicAnchor` dynamically even for `$ref`, to which it is a plain anchor."""
    contents, resolver = _resolve_static(validator, target)
    yield from validator.descend(instance, contents, resolver=resolver)


def _resolve_static(validator: Any, target: str) -> tuple[Any, Any]:
    """The subschema that a `$ref` names, and the resolver that it is read with."""
    document, _, fragment = target.partition("#")
    if fragment and not fragment.startswith("/"):
        root = validator._resolver.lookup(document or "#").resolver
        anchor = root._registry.anchor(root._base_uri, fragment).value
        if isinstance(anchor, DynamicAnchor):
            return anchor.resource.contents, root.in_subresource(anchor.resource)
    resolved = validator._resolver.lookup(target)
    return resolved.contents, resolved.resolver


def unevaluated_properties(validator: Any, rest: Any, instance: Any, schema: Any) -> Errors:
    if isinstance(instance, dict):
        seen = _evaluated(validator, instance, schema, _own_names, nested=False)
        for name in instance.keys() - seen:
            yield from validator.descend(instance[name], rest)


def unevaluated_items(validator: Any, rest: Any, instance: Any, schema: Any) -> Errors:
    if isinstance(instance, list):
        seen = _evaluated(validator, instance, schema, _own_indexes, nested=False)
        for index in set(range(len(instance))) - seen:
            yield from validator.descend(instance[index], rest)


def _evaluated(validator: Any, instance: Any, schema: Any, own: Callable[..., set], *, nested: bool) -> set:
    """Names or indexes that `schema` evaluates, provided that `instance` satisfies it. Core specification, 11.2, 11.3.

    `jsonschema` forgets `$id` on the way, reads Python patterns, lets `contains` evaluate items in 2019-09, and takes
    the names in `additionalProperties` of 2019-09 for member names.
    """
    if not isinstance(schema, dict):
        return set()
    found = own(validator, instance, schema, nested)
    for inner, resolver in _in_place(validator, instance, schema):
        there = validator.evolve(schema=inner, _resolver=resolver)
        found |= _evaluated(there, instance, inner, own, nested=True)
    return found


def _own_names(validator: Any, instance: dict[str, Any], schema: dict[str, Any], nested: bool) -> set:
    if "additionalProperties" in schema or (nested and "unevaluatedProperties" in schema):
        return set(instance)
    return _declared_names(instance, schema)


def _own_indexes(validator: Any, instance: list[Any], schema: dict[str, Any], nested: bool) -> set:
    every = set(range(len(instance)))
    if nested and "unevaluatedItems" in schema:
        return every
    items = schema.get("items")
    if "prefixItems" not in validator.VALIDATORS:  # 2019-09
        if isinstance(items, list):
            return every if "additionalItems" in schema else set(range(min(len(items), len(instance))))
        return every if items is not None else set()
    if items is not None:
        return every
    found = set(range(min(len(schema.get("prefixItems", ())), len(instance))))
    if "contains" in schema:
        found |= {i for i in every if _holds(validator, instance[i], schema["contains"])}
    return found


def _in_place(validator: Any, instance: Any, schema: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    """Subschemas applied to the instance itself that hold, each with the resolver that it is read with."""
    if "$ref" in schema:
        yield _resolve_static(validator, schema["$ref"])
    if "$dynamicRef" in schema and "$dynamicRef" in validator.VALIDATORS:
        resolved = validator._resolver.lookup(schema["$dynamicRef"])
        yield resolved.contents, resolved.resolver
    if "$recursiveRef" in schema and "$recursiveRef" in validator.VALIDATORS:
        resolved = lookup_recursive_ref(validator._resolver)
        yield resolved.contents, resolved.resolver
    inner = [branch for keyword in ("allOf", "anyOf", "oneOf") for branch in schema.get(keyword, ())]
    if "if" in schema:
        met = _holds(validator, instance, schema["if"])
        inner += [schema["if"], schema.get("then", True)] if met else [schema.get("else", True)]
    if isinstance(instance, dict):
        inner += [s for name, s in schema.get("dependentSchemas", {}).items() if name in instance]
    for branch in inner:
        if _holds(validator, instance, branch):
            yield (
                branch,
                validator._resolver.in_subresource(_specification(validator).create_resource(branch)),
            )


def _specification(validator: Any) -> Any:
    return specification_with(validator.META_SCHEMA.get("$id") or validator.META_SCHEMA["id"])


def _evolve(self: Any, **changes: Any) -> Any:
    """A nested `$schema` leads to the mended class of that draft; `jsonschema` goes to its own."""
    schema = changes.setdefault("schema", self.schema)
    kept = {"_resolver": self._resolver, "registry": self._registry, "format_checker": self.format_checker}
    return _class_of(schema, self._registry, type(self))(**(kept | changes))


MENDED = {
    "enum": enum, "const": const, "uniqueItems": unique_items, "multipleOf": multiple_of, "pattern": pattern,
    "patternProperties": pattern_properties, "additionalProperties": additional_properties,
    "additionalItems": additional_items, "contains": contains, "not": not_, "anyOf": any_of, "oneOf": one_of,
    "if": if_, "format": format_, "$ref": reference, "unevaluatedProperties": unevaluated_properties,
    "unevaluatedItems": unevaluated_items,
}  # fmt: skip


def _mend(base: Any, left_out: tuple[str, ...] = ()) -> Any:
    mended = extend(base, {name: rule for name, rule in MENDED.items() if name in base.VALIDATORS})
    for keyword in left_out:
        mended.VALIDATORS.pop(keyword, None)
    mended.evolve = _evolve
    return mended


CLASSES = {uri: _mend(base) for uri, base in DRAFTS.items()}
VALIDATION_VOCABULARY = (
    "type", "enum", "const", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum",
    "maxLength", "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "maxContains", "minContains",
    "maxProperties", "minProperties", "required", "dependentRequired",
)  # fmt: skip
_WITHOUT_VALIDATION = {uri: _mend(base, VALIDATION_VOCABULARY) for uri, base in DRAFTS.items()}


def _class_of(schema: Any, registry: Any, default: Any) -> Any:
    """By `$schema`; where that names a schema of the registry, by its own `$schema` and `$vocabulary`."""
    uri = schema.get("$schema", "").rstrip("#") if isinstance(schema, dict) else ""
    if uri in CLASSES or not uri:
        return CLASSES.get(uri, default)
    try:
        dialect = registry[uri].contents
    except KeyError:
        return default
    above = dialect.get("$schema", LATEST).rstrip("#")
    vocabularies = dialect.get("$vocabulary")
    validates = vocabularies is None or any(name.endswith("/validation") for name in vocabularies)
    return (CLASSES if validates else _WITHOUT_VALIDATION).get(above, default)


class Judge:
    """Judges texts against one schema.

    schema   : a dict, a bool, or JSON text (which keeps numbers exact).
    draft    : URI of the draft where the schema names none.
    formats  : whether `format` is asserted, by `rules`.
    registry : URI to schema, for references to other documents.
    """

    def __init__(
        self,
        schema: Any,
        *,
        draft: str = LATEST,
        formats: bool = False,
        rules: Mapping[str, Rule] = RULES,
        registry: Mapping[str, Any] | None = None,
    ) -> None:
        text = schema if isinstance(schema, str) else json.dumps(schema)
        plain = json.loads(text)
        named = plain.get("$schema", draft) if isinstance(plain, dict) else draft
        self.integral_floats = "draft-04" not in named
        self.root = parse_document(text, integral_floats=self.integral_floats)
        known = self._registry(registry or {}, specification_with(draft))
        checker = FormatRules(rules) if formats else None
        cls = _class_of(self.root, known, CLASSES[draft.rstrip("#")])
        self._validator = cls(self.root, registry=known, format_checker=checker)

    def _registry(self, schemas: Mapping[str, Any], specification: Any) -> referencing.Registry:
        resources = []
        for uri, schema in schemas.items():
            exact = parse_document(json.dumps(schema), integral_floats=self.integral_floats)
            resources.append((uri, referencing.Resource.from_contents(exact, specification)))
        return referencing.Registry().with_resources(resources)

    def parse(self, text: str | bytes, *, repeats: bool = False) -> Any:
        """The value of a document; repeats : see `parse_document`. Raises Malformed, Unjudged."""
        try:
            plain = text if isinstance(text, str) else text.decode()
        except UnicodeDecodeError as error:
            raise Malformed(str(error)) from None
        return parse_document(plain, integral_floats=self.integral_floats, repeats=repeats)

    def accepts(self, text: str | bytes, *, repeats: bool = False) -> bool:
        """Whether `text` is a document that satisfies the schema; repeats : see `parse_document`. Raises Unjudged."""
        try:
            value = self.parse(text, repeats=repeats)
        except Malformed:
            return False
        return self.is_valid(value)

    def is_valid(self, value: Any) -> bool:
        """Whether a value from `parse` satisfies the schema. Raises Unjudged."""
        try:
            return bool(self._validator.is_valid(value))
        except re.error as error:
            raise Unjudged(f"a pattern: {error}") from None
        except RecursionError:
            raise Unjudged("endless recursion") from None
