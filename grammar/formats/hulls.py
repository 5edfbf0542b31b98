"""Supersets of the formats of which only a part is accepted: what lies outside is known not to have the format."""

from __future__ import annotations

from functools import cache

from ..dfa import ByteDfa
from ..regex import compile_regex
from ..utf8 import UTF8

_TIME = r"\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})"
_HULLS = {
    "date-time": rf"\d{{4}}-\d{{2}}-\d{{2}}[Tt ]{_TIME}",
    "time": _TIME,
    "duration": r"[Pp][0-9.,A-Za-z]+",
    "hostname": r"[0-9A-Za-z.-]+",
    "idn-email": r"[^]+@[^]+",
    "idn-hostname": r"[^]+",
    "relative-json-pointer": r"[0-9]+(?:[+-][0-9]+)?(?:#|(?:/[^]*)?)",
}


@cache
def hull_dfa(name: str) -> ByteDfa:
    """A language that holds all texts of a format, ours or not. Cached."""
    return compile_regex(_HULLS[name]) if name in _HULLS else UTF8
