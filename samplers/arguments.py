"""Checks of what `sample` and `search` are told."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ..errors import GramaskError


def check_counts(**counts: int) -> None:
    """Raises GramaskError for a negative one."""
    for name, count in counts.items():
        if count < 0:
            raise GramaskError(f"{name} is too small a count")


def one_of(what: str, value: str, known: Collection[str]) -> None:
    """Raises GramaskError for a value that is not known."""
    if value not in known:
        raise GramaskError(
            f"there is no {what} {value!r}", hint=f"it is one of {', '.join(sorted(known)) or 'none'}"
        )


def given_options(
    method: str, told: Mapping[str, Any], known: Mapping[str, Collection[str]]
) -> dict[str, Any]:
    """What a method is told: all that is not None. Raises GramaskError for what it cannot be told."""
    one_of("method", method, known)
    given = {name: value for name, value in told.items() if value is not None}
    for name in given:
        one_of(f"option of method={method!r}:", name, known[method])
    return given


def all_impossible(max_tokens: int) -> GramaskError:
    """No text is short enough, or the model gives none a probability."""
    return GramaskError(
        f"to the model, all texts of the constraint with at most {max_tokens} tokens are impossible, or nearly so "
        "(below 1e-300)",
        hint="allow more tokens, or change the prompt; method='smc' keeps logarithms only",
    )
