"""What a token mask means, in one line."""

from __future__ import annotations

from collections.abc import Callable, Sequence


def mask_by_definition(survives: Callable[[bytes], bool], tokens: Sequence[bytes]) -> set[int]:
    """The ids of the non-empty tokens after which `survives` holds."""
    return {t for t, text in enumerate(tokens) if text and survives(text)}
