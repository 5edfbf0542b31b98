"""`jsonschema` as the judge of values: exact numbers, ECMA-262 patterns."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from typing import Any

import jsonschema
from jsonschema.validators import extend, validator_for

OLD_DRAFTS = (jsonschema.Draft3Validator, jsonschema.Draft4Validator)
REF_HIDES_SIBLINGS = (*OLD_DRAFTS, jsonschema.Draft6Validator, jsonschema.Draft7Validator)

# ECMA-262 WhiteSpace and LineTerminator.
SPACES = r"\t\n\v\f\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
OUTSIDE_CLASS = {".": "[^\n\r\u2028\u2029]", "$": r"\Z", r"\s": f"[{SPACES}]", r"\S": f"[^{SPACES}]"}
INSIDE_CLASS = {r"\s": SPACES}


# `jsonschema` prints what it rejects, and Python prints no integer of more than 4,300 digits.
_FAR = 2_000


def draft_of(schema: Any) -> Any:
    """The validator class that `$schema` names; 2020-12 where it names none."""
    return validator_for(schema, default=jsonschema.Draft202012Validator)


def parse_exact(text: str, *, integral_floats: bool) -> Any:
    """`json.loads` with exact fractions; `integral_floats` makes 1.0 the integer 1, as from draft 6 on."""

    def number(digits: str) -> int | Fraction:
        mantissa, _, exponent = digits.lower().partition("e")
        # So far from 1 no bound of a schema is near: a larger exponent changes no verdict, only the size.
        power = max(-_FAR, min(int(exponent or 0), _FAR))
        value = Fraction(mantissa) * Fraction(10) ** power
        return value.numerator if integral_floats and value.denominator == 1 else value

    return json.loads(text, parse_float=number)


@lru_cache(maxsize=4096)
def to_python_pattern(pattern: str) -> re.Pattern[str]:
    """The Python spelling of an ECMA-262 pattern. Raises re.error for what Python does not have."""
    out, table = [], OUTSIDE_CLASS
    for piece in re.findall(r"\\.|.", pattern, re.DOTALL):
        if piece in ("[", "]"):
            table = INSIDE_CLASS if piece == "[" else OUTSIDE_CLASS
        out.append(table.get(piece, piece))
    return re.compile("".join(out), re.ASCII)


def _pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[jsonschema.ValidationError]:
    if isinstance(instance, str) and not to_python_pattern(pattern).search(instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


class Authority:
    """Judges values against the subschemas of one root schema."""

    def __init__(self, schema: Any) -> None:
        self.draft = draft_of(schema)
        self.integral_floats = self.draft not in OLD_DRAFTS
        self.root = parse_exact(json.dumps(schema), integral_floats=self.integral_floats)
        self._validator = extend(self.draft, {"pattern": _pattern})(self.root)

    def value(self, text: str) -> Any:
        return parse_exact(text, integral_floats=self.integral_floats)

    def is_valid(self, value: Any, subschema: Any = None) -> bool:
        """Whether `value` (made by `Authority.value`) satisfies `subschema`; without one, the root."""
        schema = self.root if subschema is None else subschema
        if isinstance(schema, dict) and "$schema" in schema:
            # `evolve` would go back to the draft's own validator, whose patterns are Python's.
            schema = {keyword: value for keyword, value in schema.items() if keyword != "$schema"}
        return bool(self._validator.evolve(schema=schema).is_valid(value))
