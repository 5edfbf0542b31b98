"""Whether a finished text satisfies a schema: every keyword by its definition, over the subschemas of a `Document`.

Numbers are exact, equality is JSON's, patterns are ECMA-262, and a text that repeats a member name is no document. What
cannot be decided (a number far from 1, a text of which it is open whether it has a format, nesting beyond Python's
stack) counts as a failure. References, drafts and vocabularies are those of the mask.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

from ...errors import CompileBudgetExceeded, ValidationFailed
from ..dfa import ByteDfa
from ..formats import FORMATS, format_bounds, format_dfa, format_hull
from ..options import Options
from ..regex import compile_pattern, compile_regex
from ..regex_search import is_found
from . import string_grammars
from .canonical import canonical
from .compile import document_of
from .document import Document
from .keywords import REFERENCES
from .own_shape import exact, listed_values

# Longer numbers are not judged: a short exponent can ask for more digits than there is memory.
MAX_DIGITS = 4_000


class Failure(NamedTuple):
    """A keyword that a value breaks; "" where the whole subschema is `false`."""

    number: int
    keyword: str


Outcome = Failure | None
Rule = Callable[["_Checker", int, dict[str, Any], Any], Outcome | bool]


class _Undecided(Exception):
    """Nobody can tell whether a value is valid."""


class Validator:
    """Checks texts against one schema, under the options that it was compiled with. Safe to share between threads."""

    def __init__(self, schema: Any, options: Options) -> None:
        self._schema = schema
        self._options = options

    def check(self, text: str) -> None:
        """Raise ValidationFailed, with the pointer and the keyword, where `text` is not known to be valid."""
        document = document_of(self._schema, self._options)
        try:
            value = parse_exactly(text)
            failure = _Checker(document).failure(document.intern("", document.root), value)
        except (_Undecided, RecursionError) as undecided:
            reason = str(undecided) if isinstance(undecided, _Undecided) else "it is nested too deeply"
            raise ValidationFailed(f"the text cannot be checked: {reason}", hint=_HINT) from None
        if failure is not None:
            pointer, keyword = document.pointers[failure.number], failure.keyword or None
            broken = keyword or "the schema"
            raise ValidationFailed(f"the text breaks {broken}", pointer=pointer, keyword=keyword, hint=_HINT)


_HINT = "try again: the mask cannot enforce all of this schema"


def parse_exactly(text: str) -> Any:
    """The value of a JSON text; numbers are int where spelled without fraction and exponent, else Fraction.

    Raises ValidationFailed for what is no JSON text, or repeats a member name, or holds half of a surrogate pair.
    """

    def number(digits: str) -> int | Fraction:
        mantissa, _, exponent = digits.lower().partition("e")
        if len(exponent) > 6 or len(mantissa) + abs(int(exponent or 0)) > MAX_DIGITS:
            raise _Undecided("a number is too long")
        if mantissa.lstrip("-").isdigit() and not exponent:
            return int(digits)
        return Fraction(mantissa) * Fraction(10) ** int(exponent or 0)

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("a member name is repeated")
        return found

    def refuse(word: str) -> Any:
        raise ValueError(f"{word} is not JSON")

    try:
        if re.search(r"\\u[dD][89a-fA-F]", text):
            json.dumps(json.loads(text), ensure_ascii=False).encode()
        return json.loads(
            text, parse_int=number, parse_float=number, parse_constant=refuse, object_pairs_hook=members
        )
    except ValueError as error:
        raise ValidationFailed(f"the text is no JSON document: {error}", hint=_HINT) from None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Fraction) and not isinstance(value, bool)


def _is_found(pattern: str, text: str) -> bool:
    dfa = _automaton(pattern)
    return is_found(pattern, text) if dfa is None else dfa.accepts(text.encode())


@lru_cache(maxsize=256)
def _automaton(pattern: str) -> ByteDfa | None:
    """None where it is too large, which takes long to find out."""
    try:
        return compile_pattern(pattern)
    except CompileBudgetExceeded:
        return None


class _Checker:
    """For one document and one text: what each of its values breaks in each subschema."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.children = document.children
        self.named = document.children_by_name
        self._known: dict[tuple[int, int], Outcome] = {}

    def failure(self, number: int, value: Any) -> Outcome:
        """The first keyword of a subschema that `value` breaks."""
        key = (number, id(value))  # the text's values all live as long as this object is asked
        if key not in self._known:
            self._known[key] = self._failure(number, value)
        return self._known[key]

    def holds(self, number: int, value: Any) -> bool:
        return self.failure(number, value) is None

    def _failure(self, number: int, value: Any) -> Outcome:
        schema = self.document.schemas[number]
        if isinstance(schema, bool):
            return None if schema else Failure(number, "")
        for keyword in self.document.known(number):
            rule = _RULES.get(keyword)
            found = None if rule is None else rule(self, number, schema, value)
            if found is False:
                return Failure(number, keyword)
            if isinstance(found, Failure):
                return found
        return None

    def first(self, pairs: Iterator[tuple[int, Any]]) -> Outcome:
        """The first failure of a value in its subschema."""
        return next((found for child, value in pairs if (found := self.failure(child, value))), None)

    # What is evaluated; JSON Schema 2020-12 Core, section 11

    def declared(self, number: int, value: dict[str, Any]) -> set[str]:
        """The members that `properties` and `patternProperties` speak of."""
        known = self.document.known(number)
        names = self.named(number, "properties") if "properties" in known else {}
        patterns = self.named(number, "patternProperties") if "patternProperties" in known else {}
        return {name for name in value if name in names or any(_is_found(p, name) for p in patterns)}

    def seen_names(self, number: int, value: dict[str, Any], *, nested: bool) -> set[str]:
        """The members that a subschema evaluates which `value` satisfies."""
        known = self.document.known(number)
        if "additionalProperties" in known or (nested and "unevaluatedProperties" in known):
            return set(value)
        found = self.declared(number, value)
        for child in self._in_place(number, known, value):
            found |= self.seen_names(child, value, nested=True)
        return found

    def seen_items(self, number: int, value: list[Any], *, nested: bool) -> set[int]:
        """The indices of the items that it evaluates."""
        known, schema = self.document.known(number), self.document.schemas[number]
        every = set(range(len(value)))
        prefix, rest = self.prefix_and_rest(number)
        if rest in known or (nested and "unevaluatedItems" in known):
            return every
        found = set(range(min(len(schema[prefix]), len(value)))) if prefix in known else set()
        if "contains" in known and self.document.draft_of(number) >= 2020:
            (child,) = self.children(number, "contains")
            found |= {i for i in every if self.holds(child, value[i])}
        for inner in self._in_place(number, known, value):
            found |= self.seen_items(inner, value, nested=True)
        return found

    def prefix_and_rest(self, number: int) -> tuple[str, str]:
        """The keywords for the first items and for all others."""
        schema = self.document.schemas[number]
        as_tuple = isinstance(schema, dict) and isinstance(schema.get("items"), list)
        return ("items", "additionalItems") if as_tuple else ("prefixItems", "items")

    def _in_place(self, number: int, known: list[str], value: Any) -> Iterator[int]:
        """The subschemas applied to `value` itself that hold."""
        below = list(self.document.references(number))
        for keyword in ("allOf", "anyOf", "oneOf"):
            below += self.children(number, keyword) if keyword in known else ()
        if "if" in known:
            (condition,) = self.children(number, "if")
            branch = "then" if self.holds(condition, value) else "else"
            below += [condition, *(self.children(number, branch) if branch in known else ())]
        for keyword in ("dependentSchemas", "dependencies"):
            if keyword in known and isinstance(value, dict):
                below += [child for name, child in self.named(number, keyword).items() if name in value]
        return (child for child in below if self.holds(child, value))


# One function for each keyword: False, or what fails below, where the value breaks it.


def _type(checker: _Checker, number: int, schema: dict[str, Any], value: Any) -> bool:
    names = schema["type"]
    draft = checker.document.draft_of(number)
    return any(_has_type(name, value, draft) for name in (names if isinstance(names, list) else [names]))


def _has_type(name: str, value: Any, draft: int) -> bool:
    if name == "integer":
        # In draft 4, 1.0 is no integer.
        whole = isinstance(value, int) or (
            draft > 4 and isinstance(value, Fraction) and value.denominator == 1
        )
        return whole and not isinstance(value, bool)
    if name == "number":
        return _is_number(value)
    kinds = {"null": type(None), "boolean": bool, "string": str, "array": list, "object": dict}
    return isinstance(value, kinds[name])


def _listed(keyword: str) -> Rule:
    return lambda _, __, schema, value: canonical(value) in map(canonical, listed_values(schema, keyword))


def _compared(keyword: str, holds: Callable[[Any, Any], bool]) -> Rule:
    """A bound on a number. Draft 4 has booleans that make the other bound exclusive."""

    def rule(_: _Checker, __: int, schema: dict[str, Any], value: Any) -> bool:
        bound = schema[keyword]
        if isinstance(bound, bool) or not _is_number(value):
            return True
        other = {"minimum": "exclusiveMinimum", "maximum": "exclusiveMaximum"}.get(keyword)
        if other is not None and schema.get(other) is True and value == exact(bound):
            return False
        return holds(value, exact(bound))

    return rule


def _sized(keyword: str, kind: Any, holds: Callable[[int, Any], bool]) -> Rule:
    """kind : the type whose length is bounded."""
    return lambda _, __, schema, value: not isinstance(value, kind) or holds(len(value), schema[keyword])


def _multiple_of(keyword: str) -> Rule:
    return lambda _, __, schema, value: not _is_number(value) or value % exact(schema[keyword]) == 0


def _string_grammar(_: _Checker, __: int, schema: dict[str, Any], value: Any) -> bool:
    if not isinstance(value, str):
        return True
    grammar = schema[string_grammars.KEYWORD]
    content = value.encode("utf-8", "surrogatepass")
    if "regex" in grammar:
        return compile_regex(grammar["regex"]).accepts(content)
    return string_grammars.is_text_of(string_grammars.text_of(grammar), content)


def _pattern(_: _Checker, __: int, schema: dict[str, Any], value: Any) -> bool:
    return not isinstance(value, str) or _is_found(schema["pattern"], value)


def _format(checker: _Checker, _: int, schema: dict[str, Any], value: Any) -> bool:
    name = schema["format"]
    if checker.document.annotate_formats or name not in FORMATS or not isinstance(value, str):
        return True
    content = value.encode()
    low, high = format_bounds(name)
    if format_dfa(name).accepts(content) and low <= len(value) and (high is None or len(value) <= high):
        return True
    if format_hull(name).accepts(content):
        raise _Undecided(f"it is open whether a text has the format {name}")
    return False


def _unique_items(_: _Checker, __: int, schema: dict[str, Any], value: Any) -> bool:
    if not schema["uniqueItems"] or not isinstance(value, list):
        return True
    return len(set(map(canonical, value))) == len(value)


def _required(_: _Checker, __: int, schema: dict[str, Any], value: Any) -> bool:
    return not isinstance(value, dict) or all(name in value for name in schema["required"])


def _dependent_required(_: _Checker, __: int, schema: dict[str, Any], value: Any) -> bool:
    return not isinstance(value, dict) or _implied_are_there(schema["dependentRequired"], value)


def _implied_are_there(implied: dict[str, Any], value: dict[str, Any]) -> bool:
    lists = (names for name, names in implied.items() if name in value and isinstance(names, list))
    return all(other in value for names in lists for other in names)


def _dependent_schemas(checker: _Checker, number: int, _: dict[str, Any], value: Any) -> Outcome:
    return _dependents(checker, number, "dependentSchemas", value)


def _dependencies(checker: _Checker, number: int, schema: dict[str, Any], value: Any) -> Outcome | bool:
    if isinstance(value, dict) and not _implied_are_there(schema["dependencies"], value):
        return False
    return _dependents(checker, number, "dependencies", value)


def _dependents(checker: _Checker, number: int, keyword: str, value: Any) -> Outcome:
    if not isinstance(value, dict):
        return None
    return checker.first((s, value) for name, s in checker.named(number, keyword).items() if name in value)


def _properties(checker: _Checker, number: int, _: dict[str, Any], value: Any) -> Outcome:
    if not isinstance(value, dict):
        return None
    named = checker.named(number, "properties").items()
    return checker.first((child, value[name]) for name, child in named if name in value)


def _pattern_properties(checker: _Checker, number: int, _: dict[str, Any], value: Any) -> Outcome:
    if not isinstance(value, dict):
        return None
    named = checker.named(number, "patternProperties").items()
    return checker.first((s, value[name]) for p, s in named for name in value if _is_found(p, name))


def _additional_properties(checker: _Checker, number: int, _: dict[str, Any], value: Any) -> Outcome:
    if not isinstance(value, dict):
        return None
    (child,) = checker.children(number, "additionalProperties")
    declared = checker.declared(number, value)
    return checker.first((child, value[name]) for name in value if name not in declared)


def _property_names(checker: _Checker, number: int, _: dict[str, Any], value: Any) -> bool:
    (child,) = checker.children(number, "propertyNames")
    # The names live in `value`, so that their ids are their own.
    return not isinstance(value, dict) or all(checker.holds(child, name) for name in value)


def _items(checker: _Checker, number: int, _: dict[str, Any], value: Any) -> Outcome:
    """All of `prefixItems`, `items` and `additionalItems`, at whichever comes first."""
    if not isinstance(value, list):
        return None
    known = checker.document.known(number)
    prefix, rest = checker.prefix_and_rest(number)
    listed = checker.children(number, prefix) if prefix in known else ()
    found = checker.first(iter(zip(listed, value, strict=False)))
    if found is None and rest in known:
        (child,) = checker.children(number, rest)
        found = checker.first((child, item) for item in value[len(listed) :])
    return found


def _contains(checker: _Checker, number: int, schema: dict[str, Any], value: Any) -> bool:
    if not isinstance(value, list):
        return True
    (child,) = checker.children(number, "contains")
    n = sum(checker.holds(child, item) for item in value)
    known = checker.document.known(number)
    low = schema["minContains"] if "minContains" in known else 1
    return bool(low <= n <= (schema["maxContains"] if "maxContains" in known else n))


def _reference(keyword: str) -> Rule:
    return lambda checker, number, _, value: checker.failure(checker.document.target(number, keyword), value)


def _all_of(checker: _Checker, number: int, _: dict[str, Any], value: Any) -> Outcome:
    return checker.first((child, value) for child in checker.children(number, "allOf"))


def _any_of(checker: _Checker, number: int, _: dict[str, Any], value: Any) -> bool:
    return any(checker.holds(child, value) for child in checker.children(number, "anyOf"))


def _one_of(checker: _Checker, number: int, _: dict[str, Any], value: Any) -> bool:
    return sum(checker.holds(child, value) for child in checker.children(number, "oneOf")) == 1


def _not(checker: _Checker, number: int, _: dict[str, Any], value: Any) -> bool:
    return not any(checker.holds(child, value) for child in checker.children(number, "not"))


def _if(checker: _Checker, number: int, _: dict[str, Any], value: Any) -> Outcome:
    (condition,) = checker.children(number, "if")
    branch = "then" if checker.holds(condition, value) else "else"
    if branch not in checker.document.known(number):
        return None
    return checker.first((child, value) for child in checker.children(number, branch))


def _unevaluated_properties(checker: _Checker, number: int, _: dict[str, Any], value: Any) -> Outcome:
    if not isinstance(value, dict):
        return None
    (child,) = checker.children(number, "unevaluatedProperties")
    seen = checker.seen_names(number, value, nested=False)
    return checker.first((child, value[name]) for name in value if name not in seen)


def _unevaluated_items(checker: _Checker, number: int, _: dict[str, Any], value: Any) -> Outcome:
    if not isinstance(value, list):
        return None
    (child,) = checker.children(number, "unevaluatedItems")
    seen = checker.seen_items(number, value, nested=False)
    return checker.first((child, item) for i, item in enumerate(value) if i not in seen)


# Draft 3 alone has these two, with a schema or a list of them; `disallow` may name types as well.


def _extends(checker: _Checker, number: int, schema: dict[str, Any], value: Any) -> Outcome:
    return checker.first((child, value) for child in _unnumbered(checker, number, schema, "extends"))


def _disallow(checker: _Checker, number: int, schema: dict[str, Any], value: Any) -> bool:
    return not any(checker.holds(child, value) for child in _unnumbered(checker, number, schema, "disallow"))


def _unnumbered(checker: _Checker, number: int, schema: dict[str, Any], keyword: str) -> Iterator[int]:
    listed = schema[keyword] if isinstance(schema[keyword], list) else [schema[keyword]]
    for i, one in enumerate(listed):
        below = one if isinstance(one, dict) else {} if one == "any" else {"type": one}
        yield checker.document.child(number, f"{keyword}/{i}", below)


_RULES: dict[str, Rule] = {
    "type": _type,
    **{keyword: _listed(keyword) for keyword in ("enum", "const")},
    "minimum": _compared("minimum", lambda value, bound: value >= bound),
    "maximum": _compared("maximum", lambda value, bound: value <= bound),
    "exclusiveMinimum": _compared("exclusiveMinimum", lambda value, bound: value > bound),
    "exclusiveMaximum": _compared("exclusiveMaximum", lambda value, bound: value < bound),
    **{keyword: _multiple_of(keyword) for keyword in ("multipleOf", "divisibleBy")},
    **{
        f"{side}{noun}": _sized(f"{side}{noun}", kind, holds)
        for noun, kind in (("Length", str), ("Items", list), ("Properties", dict))
        for side, holds in (("min", lambda n, low: n >= low), ("max", lambda n, high: n <= high))
    },
    "pattern": _pattern,
    string_grammars.KEYWORD: _string_grammar,
    "format": _format,
    "uniqueItems": _unique_items,
    "required": _required,
    "dependentRequired": _dependent_required,
    "dependentSchemas": _dependent_schemas,
    "dependencies": _dependencies,
    "properties": _properties,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "propertyNames": _property_names,
    **dict.fromkeys(("prefixItems", "items", "additionalItems"), _items),
    "contains": _contains,
    **{keyword: _reference(keyword) for keyword in REFERENCES},
    "allOf": _all_of,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "not": _not,
    "if": _if,
    "unevaluatedProperties": _unevaluated_properties,
    "unevaluatedItems": _unevaluated_items,
    "extends": _extends,
    "disallow": _disallow,
}
