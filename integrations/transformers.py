"""A constraint as a logits processor of transformers: `model.generate(..., logits_processor=[...])`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import LogitsProcessor

from ..errors import DeadEnd, GramaskError
from ..grammar.makers import resolve
from ..grammar.options import Options
from ..masks.constraint import Constraint, compile_source
from ..masks.vocabulary import Vocabulary
from ..samplers.engine import ConstraintLike
from ..samplers.masking import unpack_mask
from .prefixes import MatcherStore, Prefix, PrefixTree

# Enough for drafts, which ask about sequences that are then thrown away, and for several streams in turn.
_MAX_GENERATIONS = 32
# Known sequences over all generations, at most about 300 bytes each.
_MAX_PREFIXES = 200_000


class StructuredOutputProcessor(LogitsProcessor):
    """Keeps `generate` in a language: greedy, sampling, beams, batches, assisted decoding, prompt lookup.

    Its state is keyed by the tokens of each row, never by the number of calls: rows may be reordered, asked
    about twice, out of order, and by a draft model in between. One object serves any number of `generate`
    calls, one after the other; threads need one each. Scores are never changed in place.

    The prompt is what comes before the constrained text. Without `prompt_length` it is recognised so: a call
    belongs to a generation under way if its rows begin with that generation's prompts, the rest of each row
    is a sequence that this object was asked about before or one token longer, and not every row is outside
    the language. Any other call begins a generation, and its rows are the prompts. Hence one case is read as
    going on: a prompt that is an earlier prompt plus tokens generated after it. `reset()` or `prompt_length`
    says otherwise.

    Put it last in `logits_processor`: what comes after it could write -inf over all legal tokens, which
    it then cannot report. `generate(cache_implementation="paged")` ignores all logits processors.
    """

    # A processor that says False is dropped there with a log line, and the output is free: raising is better.
    supports_continuous_batching = True

    def __init__(
        self,
        tokenizer: Any,
        schema: Any,
        *,
        n_logits: int | None = None,
        eos_ids: int | Sequence[int] | None = None,
        prompt_length: int | None = None,
        max_matchers: int = 4096,
        **options: Any,
    ) -> None:
        """
        tokenizer : the model's; see `gramask.compile`.
        schema : see `gramask.compile`; or a Constraint; or a list of these, one per prompt of the batch.
        n_logits : width of the scores where it exceeds the vocabulary; may be left out.
        eos_ids : ids that end a text; must include those of the generation config that the model uses.
        prompt_length : tokens before the constrained text, padding included, in every row.
        max_matchers : matchers kept; others are rebuilt when asked about.
        options : those of `gramask.compile`. Raises what `gramask.compile` raises.
        """
        chosen = Options.from_keywords(**options)
        schemas = schema if isinstance(schema, list) else [schema]
        if not schemas:
            raise GramaskError("the list of schemas is empty")

        def compiled(one: Any) -> ConstraintLike:
            if isinstance(one, Constraint):
                return one
            vocabulary = Vocabulary.from_tokenizer(tokenizer, eos_ids=eos_ids)
            width = len(vocabulary) if n_logits is None else n_logits
            return compile_source(resolve(one), vocabulary, n_logits=width, options=chosen)

        self._start([compiled(one) for one in schemas], prompt_length, max_matchers)

    @classmethod
    def from_constraints(
        cls,
        constraints: Sequence[ConstraintLike],
        *,
        prompt_length: int | None = None,
        max_matchers: int = 4096,
    ) -> StructuredOutputProcessor:
        """A processor of constraints made elsewhere, one for all prompts or one per prompt."""
        self = cls.__new__(cls)
        self._start(list(constraints), prompt_length, max_matchers)
        return self

    def _start(self, constraints: list[ConstraintLike], prompt_length: int | None, max_matchers: int) -> None:
        if max_matchers < 1:
            raise GramaskError(f"max_matchers={max_matchers} is not a positive number")
        self.constraints = constraints
        self.prompt_length = prompt_length
        self._max_matchers = max_matchers
        self.reset()

    def reset(self) -> None:
        """Forget all generations: the next call begins one."""
        self._store = MatcherStore(self._max_matchers)
        self._generations: list[_Generation] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """The scores with -inf for every token that the constraint of its row forbids.

        input_ids : int64[B, L].  scores : floating[B, V], not mutated.
        A row that has ended, or that is outside the language (a beam or a draft that will be dropped), may
        only end. Raises DeadEnd where nothing legal is left, GramaskError for a batch that does not fit.
        """
        if input_ids.dim() != 2:
            raise GramaskError(
                "continuous batching passes single tokens instead of sequences, and cannot be constrained so",
                hint="use model.generate with a batch, or gramask.constrain",
            )
        prefixes = self._locate(input_ids.cpu().numpy())
        words = self._masks(prefixes)
        allowed = unpack_mask(torch.from_numpy(words).to(scores.device), scores.shape[-1])
        masked = scores.masked_fill(~allowed, float("-inf"))
        self._check(prefixes, allowed, scores, masked)
        return masked

    def _locate(self, ids: NDArray[np.int64]) -> list[Prefix]:
        """The prefix of each row, in the generation that the call belongs to, which becomes the latest."""
        if self.prompt_length is not None:
            return self._locate_after(ids, self.prompt_length)
        for index in range(len(self._generations) - 1, -1, -1):
            found = self._generations[index].find(ids)
            if found is not None:
                self._generations.append(self._generations.pop(index))
                return found
        generation = _Generation(ids, self._trees(ids.shape[0]))
        self._generations.append(generation)
        self._forget_old()
        found = generation.find(ids)
        assert found is not None
        return found

    def _locate_after(self, ids: NDArray[np.int64], prompt_length: int) -> list[Prefix]:
        if ids.shape[1] < prompt_length:
            raise GramaskError(
                f"the rows have {ids.shape[1]} tokens, fewer than prompt_length={prompt_length}",
                hint="count the padding in",
            )
        # The prompts do not matter then: one generation, for any batch, whose trees may be emptied.
        fits = self._generations and len(self._generations[0].trees) == ids.shape[0]
        if not fits or self._generations[0].size > _MAX_PREFIXES:
            self._generations = [_Generation(ids[:, :0], self._trees(ids.shape[0]))]
        trees = self._generations[0].trees
        return [tree.reach(row[prompt_length:].tolist()) for tree, row in zip(trees, ids, strict=True)]

    def _trees(self, n_rows: int) -> list[PrefixTree]:
        """The tree of each row. The rows of one prompt (beams, samples) are neighbours and share one."""
        n = len(self.constraints)
        if n_rows % n:
            raise GramaskError(
                f"{n} schemas do not fit {n_rows} rows",
                hint="give one schema, or one per prompt of the batch",
            )
        trees = [PrefixTree(constraint, self._store) for constraint in self.constraints]
        return [trees[row * n // n_rows] for row in range(n_rows)]

    def _forget_old(self) -> None:
        while len(self._generations) > 1 and (
            len(self._generations) > _MAX_GENERATIONS
            or sum(generation.size for generation in self._generations) > _MAX_PREFIXES
        ):
            self._generations.pop(0)

    def _masks(self, prefixes: list[Prefix]) -> NDArray[np.int32]:
        """int32[B, W]: the mask of each row; end tokens only where the row is not in the language."""
        n_words = max(constraint.n_words for constraint in self.constraints)
        words = np.zeros((len(prefixes), n_words), dtype=np.int32)
        for row, prefix in enumerate(prefixes):
            constraint = self._constraint_of(row, len(prefixes))
            if prefix.alive:
                self._store.matcher(prefix).fill_mask(words[row, : constraint.n_words])
            else:
                _allow(words[row], constraint.vocabulary.eos_ids)
        return words

    def _constraint_of(self, row: int, n_rows: int) -> ConstraintLike:
        return self.constraints[row * len(self.constraints) // n_rows]

    def _check(
        self, prefixes: list[Prefix], allowed: torch.Tensor, scores: torch.Tensor, masked: torch.Tensor
    ) -> None:
        """Raise DeadEnd for a running row without a finite score; give other such rows the end token."""
        best = masked.amax(dim=-1)
        if bool(torch.isfinite(best).all()):
            return
        for row in (~torch.isfinite(best)).nonzero().flatten().tolist():
            prefix = prefixes[row]
            if prefix.alive and not self._store.matcher(prefix).is_finished():
                raise _dead_end(row, int(allowed[row].sum()), best[row].item())
            # The row is ignored by its caller, but sampling draws from it all the same.
            end = self._constraint_of(row, len(prefixes)).vocabulary.eos_ids[0]
            masked[row, min(end, masked.shape[1] - 1)] = 0.0


class _Generation:
    """Mutable: one run of `generate`: its prompts, and a tree per row of what was generated after them."""

    def __init__(self, prompts: NDArray[np.int64], trees: list[PrefixTree]) -> None:
        self.prompts = prompts.copy()
        self.trees = trees
        self._last_ids = self.prompts
        self._last = [tree.root for tree in trees]

    @property
    def size(self) -> int:
        return sum(tree.size for tree in {id(tree): tree for tree in self.trees}.values())

    def find(self, ids: NDArray[np.int64]) -> list[Prefix] | None:
        """The prefix of each row; None if the call is of another generation (see the processor's rule)."""
        length = self.prompts.shape[1]
        if ids.shape[0] != self.prompts.shape[0] or ids.shape[1] < length:
            return None
        if not np.array_equal(ids[:, :length], self.prompts):
            return None
        found = self._one_step(ids)
        if found is None:
            found = []
            for tree, row in zip(self.trees, ids, strict=True):
                prefix = tree.find_next(row[length:].tolist())
                if prefix is None:
                    return None
                found.append(prefix)
        if not any(prefix.alive for prefix in found):
            return None
        self._last_ids, self._last = ids.copy(), found
        return found

    def _one_step(self, ids: NDArray[np.int64]) -> list[Prefix] | None:
        """The common case, without walking the trees: every row is one token longer than at the last call."""
        if ids.shape[1] != self._last_ids.shape[1] + 1 or not np.array_equal(ids[:, :-1], self._last_ids):
            return None
        rows = zip(self.trees, self._last, ids[:, -1].tolist(), strict=True)
        return [tree.extend(prefix, token_id) for tree, prefix, token_id in rows]


def _allow(words: NDArray[np.int32], token_ids: Sequence[int]) -> None:
    for token_id in token_ids:
        if token_id // 32 < len(words):
            words.view(np.uint32)[token_id // 32] |= np.uint32(1 << token_id % 32)


def _dead_end(row: int, n_allowed: int, best: float) -> DeadEnd:
    if best != best or best == float("inf"):
        return DeadEnd(f"row {row}: the model's scores are NaN or +inf", hint="try float32 or bfloat16")
    if n_allowed == 0:
        return DeadEnd(f"row {row}: the constraint allows no token that the model has")
    return DeadEnd(
        f"row {row}: another logits processor removed all {n_allowed} tokens that the constraint allows",
        hint="look at min_new_tokens, bad_words_ids, suppress_tokens, forced_eos_token_id and the like",
    )
