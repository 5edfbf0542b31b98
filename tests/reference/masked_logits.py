"""What it means to apply a mask, token by token."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence


def allows(words: Sequence[int], token: int, changed: Mapping[int, bool] | None = None) -> bool:
    """Whether bit token % 32 of word token // 32 is set, or what `changed` says of the token."""
    if changed and token in changed:
        return changed[token]
    return token // 32 < len(words) and (words[token // 32] % 2**32) // 2 ** (token % 32) % 2 == 1


def masked_logits(
    logits: Sequence[Sequence[float]],
    masks: Sequence[Sequence[int]],
    targets: Sequence[int],
    patches: Sequence[tuple[int, int, int]] = (),
) -> list[list[float]]:
    """Masks on rows: masks[i], with the patches (i, token, 1 or 0) in order, is for row targets[i]."""
    after = [list(row) for row in logits]
    for i, (words, target) in enumerate(zip(masks, targets, strict=True)):
        changed = {token: bool(value) for sequence, token, value in patches if sequence == i}
        for token in range(len(after[target])):
            if not allows(words, token, changed):
                after[target][token] = -math.inf
    return after
