"""Masking token by token, which every engine does: fast, and another law than the model's given the language."""

from __future__ import annotations

from .choices import Choices
from .language_model import Prefix
from .masked_rows import MaskedRows, Order
from .prefixes import Prefixes
from .samples import Samples
from .warping import Sampling

MAX_DEAD_ENDS = 1_000
"""So many texts in a row may turn out to be too long for a sample."""


def draw_locally(
    prefixes: Prefixes,
    choices: Choices,
    n: int,
    *,
    sampling: Sampling | None = None,
    order: Order = "warp_then_mask",
) -> Samples:
    """`n` texts of which each token is drawn from the model's law, given that the constraint allows it.

    A text that turns out to be too long to be completed is begun anew.
    sampling, order : see `MaskedRows`. Each token has the law on the allowed tokens that is closest to the model's, by
        KL(Q || p): what (G)I-DLE (arXiv 2503.18050, section 3) calls decoding by I-projection is this, in either order.
    """
    stats = prefixes.stats
    rows = MaskedRows(prefixes, sampling=sampling, order=order)
    tokens: list[Prefix] = []
    in_a_row = 0
    while len(tokens) < n and in_a_row < MAX_DEAD_ENDS and prefixes.has_budget:
        text = _text(prefixes, rows, choices)
        stats.attempts += 1
        in_a_row = in_a_row + 1 if text is None else 0
        if text is not None:
            tokens.append(text)
            stats.accepted = len(tokens)
    stats.stopped = why_stopped(prefixes, len(tokens), n)
    return Samples(tokens, [0.0] * len(tokens), None, "local", stats)


def why_stopped(prefixes: Prefixes, n_found: int, n: int) -> str | None:
    """Why there are fewer texts than were asked for, if there are."""
    if n_found == n:
        return None
    return (
        f"{MAX_DEAD_ENDS} texts in a row came to nothing" if prefixes.has_budget else "the budget is used up"
    )


def _text(prefixes: Prefixes, rows: MaskedRows, choices: Choices) -> Prefix | None:
    """A text, None where there was no token left."""
    matcher, tokens = prefixes.constraint.matcher(), list[int]()
    while True:
        row = rows.row(tuple(tokens), matcher)
        prefixes.stats.steps += 1
        if not len(row.tokens):
            return None
        token = int(row.tokens[choices.categorical(row.probabilities)])
        if token in prefixes.eos_ids:
            return tuple(tokens)
        matcher.advance(token)
        tokens.append(token)
