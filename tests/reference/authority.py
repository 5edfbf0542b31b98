"""The judge as the older oracles use it: values against the subschemas of one root schema."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import jsonschema
from jsonschema.validators import validator_for

from .judge import FAR, Judge

OLD_DRAFTS = (jsonschema.Draft3Validator, jsonschema.Draft4Validator)
REF_HIDES_SIBLINGS = (*OLD_DRAFTS, jsonschema.Draft6Validator, jsonschema.Draft7Validator)


def draft_of(schema: Any) -> Any:
    """The validator class that `$schema` names; 2020-12 where it names none."""
    return validator_for(schema, default=jsonschema.Draft202012Validator)


def parse_exact(text: str, *, integral_floats: bool) -> Any:
    """`json.loads` with exact fractions; `integral_floats` makes 1.0 the integer 1, as from draft 6 on."""

    def number(digits: str) -> int | Fraction:
        mantissa, _, exponent = digits.lower().partition("e")
        # So far from 1 no bound of a schema is near: a larger exponent changes no verdict, only the size.
        power = max(-FAR, min(int(exponent or 0), FAR))
        value = Fraction(mantissa) * Fraction(10) ** power
        return value.numerator if integral_floats and value.denominator == 1 else value

    return json.loads(text, parse_float=number)


class Authority(Judge):
    """Judges values against the subschemas of one root schema.

    Other than in `Judge`, texts may repeat member names (the last one counts), and exponents may be of any size.
    """

    def __init__(self, schema: Any) -> None:
        super().__init__(schema)
        self.draft = draft_of(schema)

    def value(self, text: str) -> Any:
        return parse_exact(text, integral_floats=self.integral_floats)

    def is_valid(self, value: Any, subschema: Any = None) -> bool:
        """Whether `value` (made by `Authority.value`) satisfies `subschema`; without one, the root.

        Raises re.error for a pattern that Python cannot read.
        """
        schema = self.root if subschema is None else subschema
        return bool(self._validator.evolve(schema=schema).is_valid(value))
