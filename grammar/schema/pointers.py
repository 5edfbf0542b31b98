"""JSON Pointers and URI references: the two notations that a `$ref` is made of."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urljoin

MISSING: Any = object()


def escape_token(token: str) -> str:
    """One reference token of a JSON Pointer (RFC 6901, section 3)."""
    return token.replace("~", "~0").replace("/", "~1")


def unescape_token(token: str) -> str:
    """The member name that a reference token stands for (RFC 6901, section 4)."""
    return token.replace("~1", "/").replace("~0", "~")


def member(value: Any, token: str) -> Any:
    """What an unescaped token names in an object or array; MISSING if there is nothing."""
    if isinstance(value, dict):
        return value.get(token, MISSING)
    # An index has no leading zero, and digits of other scripts are none (RFC 6901, section 4).
    is_index = token.isascii() and token.isdigit() and (token == "0" or token[0] != "0")
    if isinstance(value, list) and is_index and len(token) < 19 and int(token) < len(value):
        return value[int(token)]
    return MISSING


def split_fragment(uri: str) -> tuple[str, str]:
    """A URI without its fragment, and the fragment, percent-decoded."""
    before, _, fragment = uri.partition("#")
    return before, unquote(fragment)


def join_uri(base: str, reference: str) -> str:
    """The URI that `reference` means where the base is `base` (RFC 3986, section 5.2).

    Against a base without a hierarchy, such as a URN, only a fragment can be relative.
    """
    if reference.startswith("#"):
        return base + reference
    if not reference or not base:
        return reference or base
    joined = urljoin(base, reference)
    scheme, separator, rest = base.partition("://")
    if joined == reference and separator and not _has_scheme(reference):
        # `urljoin` knows the hierarchy of some schemes only; all of them join alike.
        joined = scheme + urljoin(f"http://{rest}", reference).removeprefix("http")
    return joined


def _has_scheme(reference: str) -> bool:
    scheme, separator, _ = reference.partition(":")
    return (
        bool(separator)
        and scheme.isascii()
        and scheme.replace("+", "").replace("-", "").replace(".", "").isalnum()
    )
