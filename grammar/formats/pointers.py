"""JSON Pointers (RFC 6901), URI templates (RFC 6570) and UUIDs (RFC 4122)."""

from __future__ import annotations

from ..dfa import ByteDfa
from ..regex import compile_regex
from .uris import PERCENT, PRIVATE, UCS

_POINTER = "(?:/(?:[^/~]|~[01])*)*"


def json_pointer_dfa() -> ByteDfa:
    """`json-pointer` of RFC 6901, section 3; not the form for URI fragments."""
    return compile_regex(_POINTER, dialect="ecma262")


def relative_json_pointer_dfa() -> ByteDfa:
    """A number of levels without leading zeros, then `#` or a JSON Pointer.

    The index manipulation (`0+1`) of the draft that 2020-12 names is not accepted: earlier drafts lack it.
    """
    return compile_regex(f"(?:0|[1-9][0-9]*)(?:#|{_POINTER})", dialect="ecma262")


def uri_template_dfa() -> ByteDfa:
    """Templates of all four levels (section 2), with the apostrophe that erratum 6937 adds to the literals.

    The operators `=,!@|` that section 2.2 reserves for extensions are not accepted.
    """
    literal = rf"(?:[!#$&-;=?-\[\]_a-z~{UCS}{PRIVATE}]|{PERCENT})"
    character = f"(?:[A-Za-z0-9_]|{PERCENT})"
    variable = rf"{character}(?:\.?{character})*(?::[1-9][0-9]{{0,3}}|\*)?"
    return compile_regex(rf"(?:{literal}|\{{[+#./;?&]?{variable}(?:,{variable})*\}})*", dialect="ecma262")


def uuid_dfa() -> ByteDfa:
    """`UUID` of section 3, of any version and variant, without `urn:uuid:`."""
    digit = "[0-9A-Fa-f]"
    return compile_regex(f"{digit}{{8}}(?:-{digit}{{4}}){{3}}-{digit}{{12}}", dialect="ecma262")
