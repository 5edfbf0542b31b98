"""Texts through a matcher, byte by byte."""

from __future__ import annotations

import numpy as np

from gramask.masks.constraint import Constraint
from gramask.masks.matcher import Matcher
from gramask.masks.vocabulary import Vocabulary

EOS = 256
BYTES = Vocabulary([bytes([b]) for b in range(256)] + [b"<eos>"], eos_ids=[EOS])


def read(matcher: Matcher, text: str | bytes) -> bool:
    """Advance over a text; False where a byte is not allowed."""
    return all(map(matcher.advance, text.encode() if isinstance(text, str) else text))


def matcher_behind(compiled: Constraint, text: str | bytes) -> Matcher | None:
    matcher = compiled.matcher()
    return matcher if read(matcher, text) else None


def accepts(compiled: Constraint, text: str) -> bool:
    matcher = matcher_behind(compiled, text)
    return matcher is not None and matcher.is_accepting()


def accepts_masked(compiled: Constraint, text: str) -> bool:
    """Whether each byte is in the mask before it, and EOS is in the last one."""
    matcher = compiled.matcher()
    for token in [*text.encode(), EOS]:
        if token not in allowed(matcher):
            return False
        assert matcher.advance(token)
    return True


def restored(compiled: Constraint) -> Constraint:
    """A constraint as it comes back from where it was saved."""
    return Constraint.from_bytes(compiled.to_bytes(), BYTES)


def allowed(matcher: Matcher) -> set[int]:
    """The tokens of the mask."""
    constraint = matcher.constraint
    mask = np.empty(constraint.n_words, np.int32)
    matcher.fill_mask(mask)
    return {t for t in range(constraint.n_logits) if mask.view(np.uint32)[t >> 5] >> (t & 31) & 1}
