"""Equality of JSON values as JSON Schema has it (2020-12 Core, section 4.2.2), by a canonical text."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

from ...errors import CompileBudgetExceeded
from ..recent import recently

MAX_KEPT = 1 << 12
"""Values that are kept, each with those in it."""


def canonical(value: Any) -> str:
    """A text that is the same for equal values: `1` and `1.0` are one, the order of members does not matter.

    Raises CompileBudgetExceeded where `value` is nested too deeply.
    """
    try:
        return _canonical(value)
    except RecursionError:
        raise too_deep() from None


def _canonical(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, list):
        return "[" + ",".join(map(_canonical, value)) + "]"
    if isinstance(value, dict):
        members = sorted((json.dumps(name), _canonical(member)) for name, member in value.items())
        return "{" + ",".join(f"{name}:{member}" for name, member in members) + "}"
    return _number(value)


def value_of(text: str | bytes) -> Any:
    """The value of a JSON text; numbers are Decimal, because Python reads no int of more than 4,300 digits.

    Raises CompileBudgetExceeded where it is nested too deeply.
    """
    try:
        return json.loads(text, parse_float=Decimal, parse_int=Decimal)
    except RecursionError:
        raise too_deep() from None


def _size(value: Any) -> int:
    n, todo = 1, [value]
    while todo:
        inner = todo.pop()
        if isinstance(inner, dict | list):
            n += len(inner)
            todo += inner.values() if isinstance(inner, dict) else inner
    return n


@recently(MAX_KEPT, _size)
def kept_value(text: str) -> Any:
    """The value of a canonical text that many ask for, not to be changed."""
    return value_of(text)


@recently(MAX_KEPT, _size)
def kept_members(text: str) -> dict[str, str]:
    """The canonical texts of the members of an object, not to be changed."""
    return {name: canonical(member) for name, member in kept_value(text).items()}


@recently(MAX_KEPT, _size)
def kept_items(text: str) -> list[str]:
    """The canonical texts of the items of an array, not to be changed."""
    return list(map(canonical, kept_value(text)))


def too_deep() -> CompileBudgetExceeded:
    """Python's own stack is not deep enough for a value."""
    return CompileBudgetExceeded(
        "an item that must differ from others is nested too deeply to be compared", keyword="uniqueItems"
    )


def may_become(text: bytes, value: Any) -> bool:
    """Whether the beginning of a JSON text may be that of `value`: only False is sure."""
    text = text.lstrip(b" \t\r\n")
    if not text:
        return True
    kind = text[:1]
    if kind == b'"':
        if not isinstance(value, str):
            return False
        spelled = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
        return b"\\" in text or b"\\" in spelled or spelled.startswith(text)
    if kind in b"[{":
        return isinstance(value, list if kind == b"[" else dict)
    if kind in b"tfn":
        return (
            json.dumps(value).encode().startswith(text) if value is None or isinstance(value, bool) else False
        )
    return isinstance(value, int | float | Decimal | Fraction) and not isinstance(value, bool)


def _number(value: int | float | Decimal | Fraction) -> str:
    """The significant digits and the exponent, which even a huge exponent leaves short."""
    if isinstance(value, Fraction):
        if value.denominator == 1:
            value = value.numerator
        else:
            return _number(_decimal(value))
    if isinstance(value, float):
        value = Decimal(repr(value))
    sign, digits, exponent = Decimal(value).as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits)).lstrip("0")
    stripped = text.rstrip("0")
    if not stripped:
        return "0"
    return f"{'-' * sign}{stripped}e{exponent + len(text) - len(stripped)}"


def _decimal(value: Fraction) -> Decimal:
    """A fraction with a finite decimal expansion, exactly."""
    places = 0
    while value.denominator != 1:
        value *= 10
        places += 1
    return Decimal((value < 0, tuple(map(int, str(abs(value.numerator)))), -places))
