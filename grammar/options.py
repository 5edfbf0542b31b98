"""The options that decide which spelling of a document the mask allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from ..errors import GramaskError
from .schema.registry import Documents

if TYPE_CHECKING:
    from referencing import Registry

# Long enough for the indentation of real documents, short enough that a model stuck on spaces gets out.
FLEXIBLE_RUN = 32

_CHOICES = {
    "order": ("schema", "any"),
    "unsupported": ("error", "validate"),
    "formats": ("enforce", "annotate"),
}


@dataclass(frozen=True, slots=True)
class Options:
    """How a JSON Schema becomes a constraint. Regexes, choices and grammars take none of these.

    whitespace  : between JSON tokens: "flexible" (a run of at most 32 characters), "compact" (none),
                  or the longest run as an int.
    order       : of object members: "schema" (as `properties` lists them) or "any".
    unsupported : what cannot be enforced, or not within the budgets of compiling, is an "error"; or "validate": the
                  mask leaves it out, and `Constraint.parse` checks finished texts and raises ValidationFailed.
    formats     : "enforce" `format`, or take it as an annotation ("annotate").
    registry    : the documents that references may name, beside the schema itself and the official metaschemas:
                  a mapping from absolute URI to schema, which is copied, or a `referencing.Registry`. Nothing is
                  fetched. Kept as `Documents`.

    Raises GramaskError for a value outside these.
    """

    whitespace: Literal["flexible", "compact"] | int = "flexible"
    order: Literal["schema", "any"] = "schema"
    unsupported: Literal["error", "validate"] = "error"
    formats: Literal["enforce", "annotate"] = "enforce"
    registry: Documents | Mapping[str, Any] | Registry[Any] | None = None

    def __post_init__(self) -> None:
        _check_whitespace(self.whitespace)
        for name, allowed in _CHOICES.items():
            value = getattr(self, name)
            if value not in allowed:
                raise _unknown_value(name, value, allowed)
        if self.registry is not None and not isinstance(self.registry, Documents):
            object.__setattr__(self, "registry", Documents(self.registry))

    @property
    def documents(self) -> Documents | None:
        """`registry`, as it is kept."""
        assert self.registry is None or isinstance(self.registry, Documents)
        return self.registry

    @property
    def whitespace_run(self) -> int:
        """The longest run of whitespace allowed between two JSON tokens, in characters."""
        if self.whitespace == "flexible":
            return FLEXIBLE_RUN
        return 0 if self.whitespace == "compact" else self.whitespace

    @classmethod
    def from_keywords(cls, **keywords: Any) -> Options:
        """Build from keyword arguments; an unknown name raises GramaskError with the closest valid one."""
        if "registry" in keywords:
            return _from_keywords(**keywords)  # one that changes is another one the next time
        try:
            return _kept(**keywords)
        except TypeError:  # what cannot be hashed is refused for what it is
            return _from_keywords(**keywords)


OPTION_NAMES = tuple(field.name for field in fields(Options))


def _from_keywords(**keywords: Any) -> Options:
    refuse_unknown(keywords, OPTION_NAMES)
    return Options(**keywords)


# Whoever compiles many schemas has the same options for all of them.
_kept = lru_cache(maxsize=64, typed=True)(_from_keywords)


def refuse_unknown(keywords: dict[str, Any], valid: Sequence[str]) -> None:
    """Raise GramaskError for the first keyword that is not in `valid`."""
    for name in keywords:
        if name in valid:
            continue
        close = get_close_matches(name, valid, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"the options are {', '.join(valid)}"
        raise GramaskError(f"unknown option {name!r}", hint=hint)


def _check_whitespace(value: object) -> None:
    if value in ("flexible", "compact"):
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise _unknown_value("whitespace", value, ("flexible", "compact"), extra=" or a number of characters")
    if value < 0:
        raise GramaskError(f"the option whitespace={value} is negative", hint="0 is the same as 'compact'")


def _unknown_value(name: str, value: object, allowed: tuple[str, ...], extra: str = "") -> GramaskError:
    close = get_close_matches(value, allowed, n=1) if isinstance(value, str) else []
    names = " or ".join(repr(text) for text in allowed) + extra
    hint = f"did you mean {close[0]!r}? It is {names}" if close else f"it is {names}"
    return GramaskError(f"the option {name}={value!r} is unknown", hint=hint)
