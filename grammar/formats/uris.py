"""URIs (RFC 3986) and IRIs (RFC 3987)."""

from __future__ import annotations

from ..dfa import ByteDfa
from ..regex import compile_regex
from .names import ipv6_pattern

PERCENT = "%[0-9A-Fa-f]{2}"

# `ucschar` and `iprivate` of RFC 3987, section 2.2, as the inside of a character class.
UCS = r"\u00A0-\uD7FF\uF900-\uFDCF\uFDF0-\uFFEF" + "".join(
    rf"\u{{{plane:X}{'1000' if plane == 14 else '0000'}}}-\u{{{plane:X}FFFD}}" for plane in range(1, 15)
)
PRIVATE = r"\uE000-\uF8FF\u{F0000}-\u{FFFFD}\u{100000}-\u{10FFFD}"

# Section 4.1 of RFC 3987 forbids the characters that only steer the direction of writing.
_UCS_IN_IRIS = UCS.replace(r"\u00A0-\uD7FF", r"\u00A0-\u200D\u2010-\u2029\u202F-\uD7FF")

_UNRESERVED = r"A-Za-z0-9\-._~"
_SUB_DELIMS = "!$&'()*+,;="


def uri_dfa() -> ByteDfa:
    """`URI` of RFC 3986, appendix A: with a scheme, in ASCII; percent escapes and IP literals are checked."""
    return _compile(_references("", "")[:1])


def uri_reference_dfa() -> ByteDfa:
    """`URI-reference` of RFC 3986, appendix A: also relative ones, also empty."""
    return _compile(_references("", ""))


def iri_dfa() -> ByteDfa:
    """`IRI` of RFC 3987, section 2.2, without the characters that section 4.1 forbids."""
    return _compile(_references(_UCS_IN_IRIS, PRIVATE)[:1])


def iri_reference_dfa() -> ByteDfa:
    """`IRI-reference` of RFC 3987, section 2.2, without the characters that section 4.1 forbids."""
    return _compile(_references(_UCS_IN_IRIS, PRIVATE))


def _compile(alternatives: list[str]) -> ByteDfa:
    return compile_regex("|".join(alternatives), dialect="ecma262")


def _references(ucs: str, private: str) -> list[str]:
    """Patterns of the absolute and the relative references."""
    plain = f"{_UNRESERVED}{_SUB_DELIMS}{ucs}"
    character = f"(?:[{plain}:@]|{PERCENT})"
    future = rf"[Vv][0-9A-Fa-f]+\.[{_UNRESERVED}{_SUB_DELIMS}:]+"
    host = rf"(?:\[(?:{ipv6_pattern()}|{future})\]|(?:[{plain}]|{PERCENT})*)"
    authority = f"(?:(?:[{plain}:]|{PERCENT})*@)?{host}(?::[0-9]*)?"
    segments = f"(?:/{character}*)*"
    absolute = f"/(?:{character}+{segments})?"
    tail = rf"(?:\?(?:[{plain}:@/?{private}]|{PERCENT})*)?(?:#(?:[{plain}:@/?]|{PERCENT})*)?"
    without_colon = f"(?:[{plain}@]|{PERCENT})+"
    return [
        rf"[A-Za-z][A-Za-z0-9+\-.]*:(?://{authority}{segments}|{absolute}|{character}+{segments}|){tail}",
        f"(?://{authority}{segments}|{absolute}|{without_colon}{segments}|){tail}",
    ]
