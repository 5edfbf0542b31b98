"""A logits processor under watch: each row of each call against a new matcher that replays the row."""

from __future__ import annotations

import numpy as np
import torch
import transformers


class Spy(transformers.LogitsProcessor):
    """Compares each row with a new matcher that replays the row's tokens."""

    def __init__(self, processor, constraint, prompt_length):
        self.processor, self.constraint, self.prompt_length = processor, constraint, prompt_length

    def __call__(self, input_ids, scores):
        before = scores.clone()
        masked = self.processor(input_ids, scores)
        assert torch.equal(scores, before)
        for row, ids in enumerate(input_ids[:, self.prompt_length :].tolist()):
            assert np.array_equal(
                masked[row].isfinite().numpy(), self.expected(ids) & before[row].isfinite().numpy()
            )
        return masked

    def expected(self, ids):
        matcher = self.constraint.matcher()
        words = np.zeros(self.constraint.n_words, np.int32)
        if all(matcher.is_finished() or matcher.advance(t) for t in ids):
            matcher.fill_mask(words)
            bits = np.unpackbits(words.view(np.uint8), bitorder="little")
            return bits[: self.constraint.n_logits].astype(bool)
        only_eos = np.zeros(self.constraint.n_logits, bool)
        only_eos[list(self.constraint.vocabulary.eos_ids)] = True
        return only_eos
