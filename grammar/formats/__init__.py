"""The `format` values of JSON Schema (2020-12 validation, section 7.3) as automata over the content of strings.

Each file holds one family and says which RFC it follows. Every text that is accepted is valid. Where the language of
an RFC is not regular, a part of it is accepted, and the docstring of its function says which. Names that are not in
`FORMATS` (also `host-name`, `ip-address` and `color` of draft 3) are annotations.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from ..dfa import ByteDfa
from .ecma_regex import regex_dfa
from .hulls import hull_dfa
from .idn import MAX_IDN_EMAIL, MAX_IDN_HOSTNAME, idn_email_dfa, idn_hostname_dfa
from .names import MAX_EMAIL, MAX_HOSTNAME, email_dfa, hostname_dfa, ipv4_dfa, ipv6_dfa
from .pointers import json_pointer_dfa, relative_json_pointer_dfa, uri_template_dfa, uuid_dfa
from .times import date_dfa, date_time_dfa, duration_dfa, time_dfa
from .uris import iri_dfa, iri_reference_dfa, uri_dfa, uri_reference_dfa

_BUILDERS: dict[str, Callable[[], ByteDfa]] = {
    "date": date_dfa,
    "date-time": date_time_dfa,
    "duration": duration_dfa,
    "email": email_dfa,
    "hostname": hostname_dfa,
    "idn-email": idn_email_dfa,
    "idn-hostname": idn_hostname_dfa,
    "ipv4": ipv4_dfa,
    "ipv6": ipv6_dfa,
    "iri": iri_dfa,
    "iri-reference": iri_reference_dfa,
    "json-pointer": json_pointer_dfa,
    "regex": regex_dfa,
    "relative-json-pointer": relative_json_pointer_dfa,
    "time": time_dfa,
    "uri": uri_dfa,
    "uri-reference": uri_reference_dfa,
    "uri-template": uri_template_dfa,
    "uuid": uuid_dfa,
}

_BOUNDS: dict[str, tuple[int, int | None]] = {
    "email": (0, MAX_EMAIL),
    "hostname": (0, MAX_HOSTNAME),
    "idn-email": (0, MAX_IDN_EMAIL),
    "idn-hostname": (0, MAX_IDN_HOSTNAME),
}

FORMATS: frozenset[str] = frozenset(_BUILDERS)
"""The names whose rules are known here."""

EXACT_FORMATS: frozenset[str] = frozenset(
    {"date", "email", "ipv4", "ipv6", "iri", "iri-reference", "json-pointer", "uri", "uri-reference", "uuid"}
)
"""Those that accept every text of their RFC. Of the others the complement says nothing: it holds valid texts too."""


@cache
def format_dfa(name: str) -> ByteDfa:
    """The texts of a format (one of `FORMATS`) as UTF-8, label 0, but for `format_bounds`. Cached; thread-safe."""
    return _BUILDERS[name]()


def format_bounds(name: str) -> tuple[int, int | None]:
    """The least and the greatest number of code points that a format asks for beside its DFA; None: no greatest."""
    return _BOUNDS.get(name, (0, None))


def format_hull(name: str) -> ByteDfa:
    """A superset of a format, as UTF-8: a text outside it does not have the format."""
    return format_dfa(name) if name in EXACT_FORMATS else hull_dfa(name)
