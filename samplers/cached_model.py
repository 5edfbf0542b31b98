"""A transformers causal language model, read forward with its key-value cache."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch

from ..errors import GramaskError
from .loading import n_positions_of


class CachedModel:
    """Mutable: one batch of sequences and the cache of what the model has read of them.

    model    : a causal model of transformers; only its forward pass is called.
    prompts  : token ids, one list per row, none empty; padded on the left.
    n_forward counts the calls of the model; n_positions is the length of its context, None if it does not say.
    Raises GramaskError for a model that has no `past_key_values`, or an encoder.
    """

    def __init__(self, model: Any, prompts: Sequence[Sequence[int]], pad_id: int) -> None:
        self.model = model
        self.pad_id = pad_id
        self.n_forward = 0
        self.n_positions = n_positions_of(model)
        self._accepted = _forward_parameters(model)
        self._cache: Any = None
        self._prompts = prompts
        self._device = model.device
        width = max(len(prompt) for prompt in prompts)
        mask = [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts]
        self._attention = torch.tensor(mask, device=self._device)
        self._next_position = torch.tensor([len(prompt) for prompt in prompts], device=self._device)

    def read_prompts(self) -> torch.Tensor:
        """Read all prompts. Returns the logits after each: floating[B, V]."""
        width = self._attention.shape[1]
        padded = [[self.pad_id] * (width - len(prompt)) + list(prompt) for prompt in self._prompts]
        positions = (self._attention.cumsum(dim=1) - 1).clamp(min=0)
        logits = self._forward(torch.tensor(padded, device=self._device), positions, keep=1)
        return logits[:, -1]

    def read(self, token_ids: Sequence[Sequence[int]]) -> torch.Tensor:
        """Read k more tokens of every row, int[B][k]. Returns the logits after each: floating[B, k, V]."""
        ids = torch.tensor(token_ids, device=self._device)
        n_rows, k = ids.shape
        positions = self._next_position.unsqueeze(1) + torch.arange(k, device=self._device)
        self._next_position = self._next_position + k
        self._attention = torch.cat([self._attention, self._attention.new_ones(n_rows, k)], dim=1)
        return self._forward(ids, positions, keep=k)

    def _forward(self, ids: torch.Tensor, positions: torch.Tensor, keep: int) -> torch.Tensor:
        inputs: dict[str, Any] = {"input_ids": ids, "attention_mask": self._attention, "use_cache": True}
        inputs["past_key_values"] = self._cache
        if "position_ids" in self._accepted:
            inputs["position_ids"] = positions
        if "logits_to_keep" in self._accepted:
            # A prompt of n tokens would otherwise take n * V floats for logits nobody reads.
            inputs["logits_to_keep"] = keep
        with torch.inference_mode():
            output = self.model(**inputs, return_dict=True)
        self._cache = output.past_key_values
        self.n_forward += 1
        if self._cache is None:
            raise GramaskError(
                f"{type(self.model).__name__} returned no key-value cache",
                hint="use model.generate with a StructuredOutputProcessor",
            )
        logits: torch.Tensor = output.logits[:, -keep:]
        return logits


def _forward_parameters(model: Any) -> frozenset[str]:
    """Names that the model's forward pass takes."""
    if getattr(model.config, "is_encoder_decoder", False):
        raise GramaskError(
            f"{type(model).__name__} has an encoder; this loop drives decoders only",
            hint="use model.generate with a StructuredOutputProcessor",
        )
    names = frozenset(inspect.signature(model.forward).parameters)
    if "past_key_values" not in names:
        raise GramaskError(
            f"{type(model).__name__} takes no `past_key_values`",
            hint="use model.generate with a StructuredOutputProcessor",
        )
    return names
