"""Prompts in the forms people have them -> token ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

from ..errors import GramaskError


@dataclass(frozen=True, slots=True)
class Prompts:
    """Token ids, one tuple per prompt, and whether the caller gave a batch (and so expects a list back)."""

    token_ids: tuple[tuple[int, ...], ...]
    is_batch: bool


def encode_prompts(tokenizer: Any, prompt: Any) -> Prompts:
    """Token ids of one prompt or of a list of prompts.

    A prompt is a str, a chat (list of {"role": ..., "content": ...} dicts, written with the tokenizer's
    chat template), or token ids (list, tuple or 1-D tensor of int). A list of any of these is a batch.
    Raises GramaskError for anything else.
    """
    if _is_one_prompt(prompt):
        return Prompts((_encode_one(tokenizer, prompt),), is_batch=False)
    if isinstance(prompt, Sequence) and prompt and all(_is_one_prompt(item) for item in prompt):
        return Prompts(tuple(_encode_one(tokenizer, item) for item in prompt), is_batch=True)
    raise GramaskError(
        f"a prompt of type {type(prompt).__name__} is not understood",
        hint="give a str, a list of chat messages, token ids, or a list of these",
    )


def _is_one_prompt(prompt: Any) -> bool:
    return isinstance(prompt, str) or _is_chat(prompt) or _is_ids(prompt)


def _is_chat(prompt: Any) -> bool:
    if not isinstance(prompt, list) or not prompt:
        return False
    return all(isinstance(message, dict) and "role" in message for message in prompt)


def _is_ids(prompt: Any) -> bool:
    if hasattr(prompt, "tolist"):
        return getattr(prompt, "ndim", 0) == 1
    if not isinstance(prompt, (list, tuple)) or not prompt:
        return False
    return all(isinstance(token_id, Integral) for token_id in prompt)


def _encode_one(tokenizer: Any, prompt: Any) -> tuple[int, ...]:
    if isinstance(prompt, str):
        return _encode_text(tokenizer, prompt)
    if _is_chat(prompt):
        return _encode_chat(tokenizer, prompt)
    return tuple(map(int, prompt))


def _encode_text(tokenizer: Any, text: str) -> tuple[int, ...]:
    """Also serves `tokenizers.Tokenizer`, tiktoken and gramask.Vocabulary, which only have `encode`."""
    if callable(tokenizer):
        return tuple(tokenizer(text)["input_ids"])
    encode = getattr(tokenizer, "encode", None)
    if encode is None:
        raise GramaskError(
            "the vocabulary cannot turn text into tokens", hint="give the prompt as token ids, or tokenizer="
        )
    encoded = encode(text)
    return tuple(getattr(encoded, "ids", encoded))


def _encode_chat(tokenizer: Any, messages: list[dict[str, Any]]) -> tuple[int, ...]:
    if not getattr(tokenizer, "chat_template", None):
        raise GramaskError(
            "the tokenizer has no chat template, so chat messages cannot be written",
            hint="give the prompt as a str, or set tokenizer.chat_template",
        )
    encoded = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)
    return tuple(encoded["input_ids"])
