"""The decoding loop: a batch of prompts, a constraint for each, one model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from ..errors import DeadEnd, GramaskError, ValidationFailed
from .cached_model import CachedModel
from .choose import choose_tokens
from .engine import ConstraintLike
from .masking import unpack_mask
from .result import Result
from .row import Budget, OnBudget, Row
from .warping import Sampling


@dataclass(frozen=True, slots=True)
class Decoding:
    """How a batch is decoded.

    max_new_tokens, on_budget : see `Budget`.  temperature, top_k, top_p : see `Sampling`.
    seed : of the random numbers; row i has its own generator, so that its draws depend on neither the
           other rows nor their number. None takes fresh entropy.
    jump : write tokens that the constraint forces without asking the model. Saves forward passes, but
           spells the forced text in one way, where the model may prefer another spelling of the bytes.
    attempts : how often a text is written anew that breaks what its mask could not enforce
           (`unsupported="validate"`), the first time included. Each has random numbers of its own; where the
           temperature is 0, those behind the first are drawn at temperature 1, because they would be the same.
    """

    max_new_tokens: int = 512
    on_budget: OnBudget = "close"
    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None
    seed: int | None = None
    jump: bool = False
    attempts: int = 4
    budget: Budget = field(init=False)
    sampling: Sampling = field(init=False)

    def __post_init__(self) -> None:
        # Built here, so that a value out of range is refused before a model is loaded or called.
        object.__setattr__(self, "budget", Budget(self.max_new_tokens, self.on_budget))
        object.__setattr__(self, "sampling", Sampling(self.temperature, self.top_k, self.top_p))
        if self.attempts < 1:
            raise GramaskError(f"attempts={self.attempts} is not a positive number")

    @property
    def for_another_attempt(self) -> Decoding:
        """The same, but drawing."""
        return self if self.temperature else replace(self, temperature=1.0)


def decode(
    model: Any,
    prompts: Sequence[Sequence[int]],
    constraints: Sequence[ConstraintLike],
    decoding: Decoding | None = None,
    *,
    pad_id: int = 0,
) -> list[Result[Any]]:
    """Complete each prompt under its constraint. One result per prompt.

    model : a causal model of transformers.  prompts : token ids, none empty.
    pad_id : fills short prompts and ended rows; the model never attends to the former.
    Raises DeadEnd where the model's logits leave no token to choose, GramaskError as `Row` does, ValidationFailed
    where no attempt at a row gave a valid text.
    """
    _refuse_uneven(prompts, constraints)
    decoding = decoding or Decoding()
    results: dict[int, Result[Any]] = {}
    for attempt in range(decoding.attempts):
        rows = [row for row in range(len(prompts)) if row not in results]
        loop = DecodingLoop(
            model,
            [prompts[row] for row in rows],
            [constraints[row] for row in rows],
            decoding if attempt == 0 else decoding.for_another_attempt,
            pad_id,
            streams=[row + (attempt << 32) for row in rows],
        )
        for _ in loop:
            pass
        for i, row in enumerate(rows):
            try:
                results[row] = loop.result(i)
            except ValidationFailed as error:
                failed = row, error
        if len(results) == len(prompts):
            return [results[row] for row in range(len(prompts))]
    raise _all_failed(*failed, decoding.attempts)


def _refuse_uneven(prompts: Sequence[Sequence[int]], constraints: Sequence[ConstraintLike]) -> None:
    if len(prompts) != len(constraints):
        raise GramaskError(f"{len(prompts)} prompts, but {len(constraints)} constraints")


def _all_failed(row: int, error: ValidationFailed, attempts: int) -> ValidationFailed:
    """What to say of a row of which no text was valid."""
    return ValidationFailed(
        f"row {row}: none of {attempts} texts is valid; of the last one, {error.message}",
        pointer=error.pointer,
        keyword=error.keyword,
        hint="raise attempts, or rewrite what the mask cannot enforce: gramask check names it",
    )


class DecodingLoop:
    """Mutable: iterate it to decode; each step of the iteration gives every running row its next tokens.

    Arguments and errors: see `decode`.  rows : one per prompt, in order.
    streams : of random numbers, one per prompt; by default its number.
    """

    def __init__(
        self,
        model: Any,
        prompts: Sequence[Sequence[int]],
        constraints: Sequence[ConstraintLike],
        decoding: Decoding,
        pad_id: int,
        *,
        streams: Sequence[int] | None = None,
    ) -> None:
        _refuse_uneven(prompts, constraints)
        if not prompts or not all(prompts):
            raise GramaskError("a prompt has no tokens", hint="begin it with the tokenizer's bos token")
        self.decoding = decoding
        self._prompt_lengths = [len(prompt) for prompt in prompts]
        self._model = CachedModel(model, prompts, pad_id)
        self.rows = [
            Row(constraint, decoding.budget.within(self._model.n_positions, length))
            for constraint, length in zip(constraints, self._prompt_lengths, strict=True)
        ]
        self._generators = _new_generators(decoding, streams or range(len(prompts)))
        self._words = np.zeros((len(prompts), max(c.n_words for c in constraints)), dtype=np.int32)

    def __iter__(self) -> Iterator[list[Row]]:
        logits = self._model.read_prompts().float()
        while True:
            self._choose(logits)
            self._score(logits)
            yield self.rows
            if not any(row.n_waiting > 0 for row in self.rows):
                return
            logits = self._read_waiting()

    def result(self, row: int) -> Result[Any]:
        """Of a row whose iteration has ended. Raises ValidationFailed."""
        return self.rows[row].result(self._model.n_forward, self._prompt_lengths[row])

    def _choose(self, logits: torch.Tensor) -> None:
        """Give their next token to the running rows of which the model has read everything."""
        ready = [i for i, row in enumerate(self.rows) if row.finish is None and row.n_waiting == 0]
        if self.decoding.jump:
            ready = [i for i in ready if not self.rows[i].jump()]
        if not ready:
            return
        self._words[ready] = 0
        for i in ready:
            row = self.rows[i]
            row.fill_mask(self._words[i, : row.constraint.n_words])
        words = torch.from_numpy(self._words[ready]).to(logits.device)
        allowed = unpack_mask(words, logits.shape[-1])
        counts = allowed.sum(dim=-1).tolist()
        self._refuse_empty(ready, counts)
        masked = logits[ready].masked_fill(~allowed, float("-inf"))
        chosen = choose_tokens(masked, self.decoding.sampling, self._uniforms(ready)).tolist()
        for i, count, token_id in zip(ready, counts, chosen, strict=True):
            # Tokens may spell a forced text in several ways, hence more than one may be allowed.
            self.rows[i].n_forced += count == 1 or bool(self.rows[i].matcher.forced_tokens(1))
            self.rows[i].take(token_id)

    def _refuse_empty(self, ready: list[int], counts: list[int]) -> None:
        for i, count in zip(ready, counts, strict=True):
            if count == 0:
                text = self.rows[i].text
                raise DeadEnd(f"row {i}: the constraint allows no token of the model after {text!r}")

    def _uniforms(self, ready: list[int]) -> torch.Tensor | None:
        if self.decoding.sampling.temperature == 0:
            return None
        draws = [torch.rand(1, generator=self._generators[i], dtype=torch.float64) for i in ready]
        return torch.cat(draws)

    def _score(self, logits: torch.Tensor) -> None:
        """Add the model's log-probability of the token that follows what it has read, row by row.

        logits : float32[B, V], unmasked.
        """
        due = [i for i, row in enumerate(self.rows) if row.n_scored == row.n_fed < len(row.tokens)]
        if not due:
            return
        rows = [self.rows[i] for i in due]
        token_ids = torch.tensor([row.tokens[row.n_scored] for row in rows], device=logits.device)
        own = logits[due]
        picked = own.gather(1, token_ids.unsqueeze(1)).squeeze(1) - own.logsumexp(dim=-1)
        for row, logprob in zip(rows, picked.tolist(), strict=True):
            row.logprob += logprob
            row.n_scored += 1

    def _read_waiting(self) -> torch.Tensor:
        """Let the model read as many tokens as every waiting row has. Returns the last logits, float32[B, V].

        All rows read equally many, so that the cache needs no padding in the middle: the rows that jumped
        ahead wait for the others.
        """
        k = min(row.n_waiting for row in self.rows if row.n_waiting > 0)
        pad = self._model.pad_id
        chunk = [row.tokens[row.n_fed : row.n_fed + k] for row in self.rows]
        logits = self._model.read([part + [pad] * (k - len(part)) for part in chunk]).float()
        for step in range(k):
            for row in self.rows:
                row.n_fed += 1
            if step < k - 1:
                self._score(logits[:, step])
        return logits[:, -1]


def _new_generators(decoding: Decoding, streams: Sequence[int]) -> list[torch.Generator]:
    # On the CPU whatever the model's device is: the same seed then draws the same numbers everywhere.
    generators = [torch.Generator() for _ in streams]
    for stream, generator in zip(streams, generators, strict=True):
        if decoding.seed is None:
            generator.seed()
        else:
            generator.manual_seed(_mix(decoding.seed, stream))
    return generators


def _mix(seed: int, stream: int) -> int:
    """A seed such that neighbouring streams and seeds share nothing. Source: SplitMix64 (Steele, 2014)."""
    z = (seed * 0x9E3779B97F4A7C15 + stream * 0xD1342543DE82EF95 + 0x9E3779B97F4A7C15) & (2**64 - 1)
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & (2**64 - 1)
    return (z ^ (z >> 31)) & (2**63 - 1)
