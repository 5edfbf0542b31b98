"""Masking token by token, which every engine does: fast, and another law than the model's given the language."""

from __future__ import annotations

from .choices import Choices
from .language_model import Prefix
from .prefixes import Prefixes
from .samples import Samples, SampleStats

MAX_DEAD_ENDS = 1_000
"""So many texts in a row may turn out to be too long for a sample."""


def draw_locally(prefixes: Prefixes, choices: Choices, n: int) -> Samples:
    """`n` texts of which each token is drawn from the model's law, given that the constraint allows it.

    A text that turns out to be too long to be completed is begun anew.
    """
    stats = SampleStats()
    tokens: list[Prefix] = []
    in_a_row = 0
    while len(tokens) < n and in_a_row < MAX_DEAD_ENDS:
        text = _text(prefixes, choices)
        stats.attempts += 1
        in_a_row = in_a_row + 1 if text is None else 0
        if text is not None:
            tokens.append(text)
    stats.accepted, stats.forwards, stats.mask_fills = len(tokens), prefixes.model.n_rows, prefixes.n_masks
    stats.stopped = None if len(tokens) == n else "no text came to an end within the length"
    return Samples(tokens, [0.0] * len(tokens), None, "local", stats)


def _text(prefixes: Prefixes, choices: Choices) -> Prefix | None:
    """A text, None where there was no token left."""
    matcher, tokens = prefixes.constraint.matcher(), list[int]()
    while True:
        (row,) = prefixes.rows([tuple(tokens)])
        row = prefixes.allowed(row, matcher, len(tokens))
        if not len(row.tokens):
            return None
        token = int(row.tokens[choices.categorical(row.probabilities)])
        if token in prefixes.eos_ids:
            return tuple(tokens)
        matcher.advance(token)
        tokens.append(token)
