"""The obvious engine: a constraint given by the finite set of its texts; a matcher keeps its token ids.

Nothing is compiled: every question is answered by looking at all texts. It has the interface of Constraint
and Matcher, so that loops and integrations can be tested against it and without the real one.
"""

from __future__ import annotations

import json
from functools import lru_cache


class Tokens:
    """A vocabulary: the bytes of each token, the end tokens, and longest-match-first encoding."""

    def __init__(self, tokens, eos_ids, special_ids=()):
        self.tokens = tuple(tokens)
        self.eos_ids = tuple(eos_ids)
        self.special_ids = tuple(special_ids)

    def encode(self, text):
        data = text.encode() if isinstance(text, str) else text
        ids = []
        while data:
            best = max((t for t, b in enumerate(self.tokens) if b and data.startswith(b)), key=self._length)
            ids.append(best)
            data = data[len(self.tokens[best]) :]
        return ids

    def _length(self, token):
        return len(self.tokens[token])


class FiniteConstraint:
    """The language `texts`, over `vocabulary`. `is_json` decides what `parse` gives."""

    def __init__(self, texts, vocabulary, n_logits=None, is_json=True):
        self.texts = tuple(sorted(text.encode() for text in texts))
        self.vocabulary = vocabulary
        self.n_logits = n_logits or len(vocabulary.tokens)
        self.n_words = -(-self.n_logits // 32)
        self.is_json = is_json
        self.allowed_after = lru_cache(maxsize=None)(self._allowed_after)
        self.shortest_path = lru_cache(maxsize=None)(self._shortest_path)

    def matcher(self):
        return FiniteMatcher(self, ())

    def parse(self, text):
        assert text.encode() in self.texts
        return json.loads(text) if self.is_json else text

    def written(self, ids):
        return b"".join(self.vocabulary.tokens[t] for t in ids)

    def allowed(self, ids):
        """The ids that may follow `ids`, straight from the definition."""
        if ids and ids[-1] in self.vocabulary.eos_ids:
            return set(self.vocabulary.eos_ids)
        return self.allowed_after(self.written(ids))

    def _allowed_after(self, text):
        eos = self.vocabulary.eos_ids
        following = {
            t
            for t, b in enumerate(self.vocabulary.tokens)
            if b and any(whole.startswith(text + b) for whole in self.texts)
        }
        return following | (set(eos) if text in self.texts else set())

    def _shortest_path(self, text):
        if text in self.texts:
            return ()
        paths = [
            (t, *self.shortest_path(text + b))
            for t, b in enumerate(self.vocabulary.tokens)
            if b and any(whole.startswith(text + b) for whole in self.texts)
        ]
        return min(paths, key=len)


class FiniteMatcher:
    """Token ids so far, end tokens included."""

    def __init__(self, constraint, ids):
        self.constraint = constraint
        self.ids = ids

    def fill_mask(self, out):
        out[:] = 0
        for t in self.constraint.allowed(self.ids):
            if t < self.constraint.n_logits:
                out.view("uint32")[t // 32] |= 1 << (t % 32)

    def advance(self, token_id):
        if token_id not in self.constraint.allowed(self.ids):
            return False
        self.ids = (*self.ids, token_id)
        return True

    def rollback(self, n):
        self.ids = self.ids[: len(self.ids) - n]

    def fork(self):
        return FiniteMatcher(self.constraint, self.ids)

    def is_finished(self):
        return bool(self.ids) and self.ids[-1] in self.constraint.vocabulary.eos_ids

    def is_accepting(self):
        return self.is_finished() or self.constraint.written(self.ids) in self.constraint.texts

    def forced_tokens(self, limit):
        probe, forced = self.fork(), []
        while len(forced) < limit:
            allowed = self.constraint.allowed(probe.ids)
            if len(allowed) != 1 or allowed <= set(self.constraint.vocabulary.eos_ids):
                break
            forced.extend(allowed)
            probe.advance(forced[-1])
        return forced

    @property
    def state_id(self):
        return self.constraint.written(self.ids), self.is_finished()

    @property
    def min_tokens_to_accept(self):
        return len(self.closing_tokens())

    def closing_tokens(self):
        if self.is_finished():
            return []
        return list(self.constraint.shortest_path(self.constraint.written(self.ids)))
