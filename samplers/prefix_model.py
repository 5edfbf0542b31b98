"""A transformers model as a `LanguageModel`, which keeps what it has read of a prefix for those that go on from it."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from ..errors import GramaskError
from .choose import warp_logits
from .language_model import Prefix
from .warping import Sampling

KEPT_BYTES = 1 << 30


class PrefixModel:
    """Mutable: the keys and values of the tokens read so far.

    model   : a causal model of transformers.  prompt : token ids, not empty, in front of every prefix.
    eos_ids : tokens that end a text.
    sampling : temperature, above 0, then top-k, then top-p: the law that is sampled is the one behind them.
    kept_bytes : what may be kept; what was used last is.
    n_read  : tokens that the model has read, those of the prompt included.
    Raises GramaskError for temperature 0.
    """

    def __init__(
        self,
        model: Any,
        prompt: Sequence[int],
        *,
        eos_ids: Sequence[int],
        sampling: Sampling | None = None,
        kept_bytes: int = KEPT_BYTES,
    ) -> None:
        self.model = model
        self.prompt = tuple(prompt)
        self.eos_ids = tuple(eos_ids)
        self.sampling = Sampling(temperature=1.0) if sampling is None else sampling
        self.n_read = 0
        if not self.prompt:
            raise GramaskError("the prompt is empty", hint="begin it with the token that begins a text")
        if self.sampling.temperature == 0:
            raise GramaskError("temperature 0 is no law to sample from", hint="give a temperature above 0")
        accepted = inspect.signature(model.forward).parameters
        self._takes_positions = {"position_ids", "attention_mask"} <= accepted.keys()
        self._takes_last = "logits_to_keep" in accepted
        self._read: OrderedDict[Prefix, _Read] = OrderedDict()
        self._kept_bytes = kept_bytes
        self._n_bytes = 0
        self._root = self._forward([()], [self.prompt])[0]

    @property
    def vocab_size(self) -> int:
        return int(self._root.logits.shape[-1])

    def next_logprobs(self, prefixes: Sequence[Prefix]) -> NDArray[np.float64]:
        """float64[B, V], see `LanguageModel`."""
        warped = warp_logits(self._logits(prefixes).float(), self.sampling).double()
        logprobs: NDArray[np.float64] = torch.log_softmax(warped, dim=-1).cpu().numpy()
        return logprobs

    def logprob(self, tokens: Prefix, behind: Prefix = ()) -> float:
        """The natural logarithm of the probability of tokens behind others, at temperature 1 and without cuts."""
        total = 0.0
        for n, token in enumerate(tokens):
            (logits,) = self._logits([(*behind, *tokens[:n])]).float()
            total += float(logits[token] - torch.logsumexp(logits, dim=-1))
        return total

    def _logits(self, prefixes: Sequence[Prefix]) -> torch.Tensor:
        """floating[B, V]: behind each prefix; what has not been read of them is, all that can be in one call."""
        missing = dict.fromkeys(self._missing(prefixes))
        fresh: dict[Prefix, _Read] = {}
        while missing:
            some = [prefix for prefix in missing if prefix[:-1] not in missing]
            if not self._takes_positions:  # then none may be padded
                some = [prefix for prefix in some if len(prefix) == len(some[0])]
            reads = self._forward([prefix[:-1] for prefix in some], [prefix[-1:] for prefix in some], fresh)
            fresh.update(zip(some, reads, strict=True))
            missing = dict.fromkeys(prefix for prefix in missing if prefix not in fresh)
        logits = torch.stack([self._at(prefix, fresh).logits for prefix in prefixes])
        self._keep(fresh)
        return logits

    def _missing(self, prefixes: Sequence[Prefix]) -> list[Prefix]:
        """What has to be read: the prefixes, and those in front of them, that are not kept."""
        found: dict[Prefix, None] = {}
        for prefix in prefixes:
            for n in range(1, len(prefix) + 1):
                if prefix[:n] in self._read:
                    self._read.move_to_end(prefix[:n])
                else:
                    found[prefix[:n]] = None
        return list(found)

    def _at(self, prefix: Prefix, fresh: dict[Prefix, _Read]) -> _Read:
        if not prefix:
            return self._root
        return fresh[prefix] if prefix in fresh else self._read[prefix]

    def _past(self, prefix: Prefix, fresh: dict[Prefix, _Read]) -> torch.Tensor:
        """The keys and values of the prompt and of a prefix: floating[layers, 2, heads, tokens, d]."""
        parts = [self._root.states, *(self._at(prefix[:n], fresh).states for n in range(1, len(prefix) + 1))]
        return torch.cat(parts, dim=-2)

    def _forward(
        self, pasts: list[Prefix], tokens: list[Prefix], fresh: dict[Prefix, _Read] | None = None
    ) -> list[_Read]:
        """Read as many tokens behind each of some prefixes; the prompt where nothing is known."""
        from transformers import DynamicCache

        cache = DynamicCache()
        ids = torch.tensor(tokens, device=self.model.device)
        inputs: dict[str, Any] = {}
        n_past = 0
        if fresh is not None:
            states = [self._past(prefix, fresh) for prefix in pasts]
            n_past = max(state.shape[-2] for state in states)
            n_pads = [n_past - state.shape[-2] for state in states]
            padded = [F.pad(state, (0, 0, n, 0)) for state, n in zip(states, n_pads, strict=True)]
            for layer, (keys, values) in enumerate(torch.stack(padded, dim=2)):
                cache.update(keys, values, layer)
            if any(n_pads):
                inputs = _behind_padding(n_pads, n_past, ids)
        if self._takes_last:
            inputs["logits_to_keep"] = 1
        with torch.inference_mode():
            output = self.model(
                input_ids=ids, past_key_values=cache, use_cache=True, return_dict=True, **inputs
            )
        self.n_read += ids.numel()
        new = torch.stack(
            [
                torch.stack([layer.keys, layer.values])[..., n_past:, :]
                for layer in output.past_key_values.layers
            ]
        )
        # Copied, because a view would keep the rows of the whole batch, and of the whole prompt.
        return [_Read(output.logits[row, -1].clone(), new[:, :, row].clone()) for row in range(len(tokens))]

    def _keep(self, fresh: dict[Prefix, _Read]) -> None:
        for prefix, read in fresh.items():
            self._read[prefix] = read
            self._n_bytes += read.n_bytes
        while self._n_bytes > self._kept_bytes and self._read:
            _, dropped = self._read.popitem(last=False)
            self._n_bytes -= dropped.n_bytes


def _behind_padding(n_pads: list[int], n_past: int, ids: torch.Tensor) -> dict[str, torch.Tensor]:
    """What a model is told where some pasts are shorter than others: what to look at, and which positions it is at."""
    n_rows, n_tokens = ids.shape
    mask = torch.ones((n_rows, n_past + n_tokens), dtype=torch.long)
    for row, n in enumerate(n_pads):
        mask[row, :n] = 0
    first = torch.tensor([n_past - n for n in n_pads])
    positions = first.unsqueeze(1) + torch.arange(n_tokens)
    return {"attention_mask": mask.to(ids.device), "position_ids": positions.to(ids.device)}


class _Read:
    """What comes of reading a token, or the prompt.

    logits : floating[V].  states : floating[layers, 2, heads, tokens, d], its keys and values.
    """

    __slots__ = ("logits", "states")

    def __init__(self, logits: torch.Tensor, states: torch.Tensor) -> None:
        self.logits = logits
        self.states = states

    @property
    def n_bytes(self) -> int:
        return int(self.logits.nbytes + self.states.nbytes)
