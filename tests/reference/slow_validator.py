"""Whether a value satisfies a `Document`, keyword by keyword: slow, to tell whether the document itself is right.

Assertions are left to `jsonschema`; which subschemas there are, what they are called and where references lead is
asked of the document.
"""

from __future__ import annotations

from typing import Any

import jsonschema

from gramask.grammar.schema.document import Document

VALIDATORS = {
    4: jsonschema.Draft4Validator,
    6: jsonschema.Draft6Validator,
    7: jsonschema.Draft7Validator,
    2019: jsonschema.Draft201909Validator,
    2020: jsonschema.Draft202012Validator,
}
ASSERTIONS = set(
    """type enum const multipleOf minimum maximum exclusiveMinimum exclusiveMaximum minLength maxLength pattern
    minItems maxItems uniqueItems minProperties maxProperties required dependentRequired""".split()
)
Evaluated = tuple[set[str], set[int]] | None


class SlowValidator:
    """`evaluate` gives the member names and indices that a subschema evaluated, None for an invalid value."""

    def __init__(self, document: Document) -> None:
        self.document = document

    def is_valid(self, value: Any) -> bool:
        return self.evaluate(self.document.intern("", self.document.root), value) is not None

    def evaluate(self, number: int, value: Any) -> Evaluated:
        schema, active = self.document.schemas[number], self.document.active(number)
        if isinstance(schema, bool):
            return (set(), set()) if schema else None
        plain = {k: schema[k] for k in active if k in ASSERTIONS}
        if not VALIDATORS[self.document.draft_of(number)](plain).is_valid(value):
            return None
        for name, needed in (schema["dependencies"] if "dependencies" in active else {}).items():
            if (
                isinstance(needed, list)
                and isinstance(value, dict)
                and name in value
                and not value.keys() >= {*needed}
            ):
                return None
        keys: set[str] = set()
        indices: set[int] = set()
        for step in (self.in_place, self.members, self.items, self.unevaluated):
            if not step(number, active, value, keys, indices):
                return None
        return keys, indices

    def kids(self, number: int, active: list[str], keyword: str) -> tuple[int, ...]:
        return self.document.children(number, keyword) if keyword in active else ()

    def in_place(self, number: int, active: list[str], value: Any, keys: set[str], indices: set[int]) -> bool:
        def results(numbers: tuple[int, ...]) -> list[tuple[set[str], set[int]]]:
            found = [f for f in (self.evaluate(n, value) for n in numbers) if f is not None]
            for more_keys, more_indices in found:
                keys.update(more_keys)
                indices.update(more_indices)
            return found

        needed = (*self.document.references(number), *self.kids(number, active, "allOf"))
        if isinstance(value, dict):
            for keyword in {"dependencies", "dependentSchemas"} & set(active):
                named = self.document.children_by_name(number, keyword)
                needed += tuple(child for name, child in named.items() if name in value)
        if len(results(needed)) < len(needed):
            return False
        if "anyOf" in active and not results(self.kids(number, active, "anyOf")):
            return False
        if "oneOf" in active and len(results(self.kids(number, active, "oneOf"))) != 1:
            return False
        if any(self.evaluate(n, value) is not None for n in self.kids(number, active, "not")):
            return False
        if "if" in active:
            chosen = self.kids(number, active, "then" if results(self.kids(number, active, "if")) else "else")
            return len(results(chosen)) == len(chosen)
        return True

    def members(self, number: int, active: list[str], value: Any, keys: set[str], indices: set[int]) -> bool:
        if not isinstance(value, dict):
            return True
        tasks = []
        named = self.document.children_by_name(number, "properties") if "properties" in active else {}
        patterns = (
            self.document.children_by_name(number, "patternProperties")
            if "patternProperties" in active
            else {}
        )
        for name in value:
            own = [named[name]] if name in named else []
            text = jsonschema.Draft7Validator
            own += [child for p, child in patterns.items() if text({"pattern": p}).is_valid(name)]
            tasks += [(child, name) for child in own or self.kids(number, active, "additionalProperties")]
        keys.update(name for _, name in tasks)
        names = self.kids(number, active, "propertyNames")
        return all(self.evaluate(c, value[n]) is not None for c, n in tasks) and all(
            self.evaluate(c, n) is not None for c in names for n in value
        )

    def items(self, number: int, active: list[str], value: Any, keys: set[str], indices: set[int]) -> bool:
        if not isinstance(value, list):
            return True
        as_tuple = isinstance(self.document.schemas[number].get("items"), list)
        first, rest = ("items", "additionalItems") if as_tuple else ("prefixItems", "items")
        prefix = self.kids(number, active, first)
        tasks = list(zip(prefix, range(len(value))))
        tasks += [(c, i) for c in self.kids(number, active, rest) for i in range(len(prefix), len(value))]
        indices.update(i for _, i in tasks)
        for child in self.kids(number, active, "contains"):
            found = {i for i, item in enumerate(value) if self.evaluate(child, item) is not None}
            schema = self.document.schemas[number]
            if len(found) < schema.get("minContains", 1) or len(found) > schema.get(
                "maxContains", len(value)
            ):
                return False
            indices.update(found if self.document.draft_of(number) == 2020 else ())
        return all(self.evaluate(c, value[i]) is not None for c, i in tasks)

    def unevaluated(
        self, number: int, active: list[str], value: Any, keys: set[str], indices: set[int]
    ) -> bool:
        for child in self.kids(number, active, "unevaluatedProperties") if isinstance(value, dict) else ():
            if not all(self.evaluate(child, value[name]) is not None for name in value.keys() - keys):
                return False
            keys.update(value)
        for child in self.kids(number, active, "unevaluatedItems") if isinstance(value, list) else ():
            if not all(self.evaluate(child, v) is not None for i, v in enumerate(value) if i not in indices):
                return False
            indices.update(range(len(value)))
        return True
