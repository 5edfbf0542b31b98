"""From what the user has of a model to what the loop needs: model, tokenizer, vocabulary, logits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import GramaskError
from ..masks.vocabulary import Vocabulary


def load_model(model: Any) -> Any:
    """A transformers model as it is; a folder (str or Path) is loaded. Nothing is ever downloaded.

    Raises GramaskError where there is no such folder.
    """
    if not isinstance(model, str | Path):
        return model
    if not Path(model).is_dir():
        raise GramaskError(
            f"there is no folder {str(model)!r}",
            hint="give a local folder that save_pretrained wrote, or a loaded model",
        )
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(model, local_files_only=True)


def find_tokenizer(model: Any) -> Any:
    """The tokenizer in the folder that the model was loaded from, or in the local cache of its name.

    Raises GramaskError where there is none.
    """
    name = getattr(model, "name_or_path", "") or getattr(model.config, "_name_or_path", "")
    if not name:
        raise GramaskError(
            "the model does not say where its tokenizer is", hint="pass tokenizer= with the model's tokenizer"
        )
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(name, local_files_only=True)
    except Exception as error:  # transformers raises OSError, ValueError, KeyError and ImportError here
        raise GramaskError(
            f"no tokenizer could be loaded from {name!r}: {error}",
            hint="pass tokenizer= with the model's tokenizer",
        ) from error


def n_logits_of(model: Any) -> int:
    """How many logits the model gives per token, its padding included."""
    head = model.get_output_embeddings()
    if head is not None and hasattr(head, "out_features"):
        return int(head.out_features)
    return int(model.config.get_text_config().vocab_size)


def n_positions_of(model: Any) -> int | None:
    """How many tokens the model reads at most, None if it does not say."""
    n: int | None = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return n


def vocabulary_of(model: Any, tokenizer: Any) -> Vocabulary:
    """The tokenizer's vocabulary; what ends a text for the model or for the tokenizer ends it here.

    Raises TokenizerUnsupported as `Vocabulary.from_tokenizer` does.
    """
    ends = _ids(getattr(getattr(model, "generation_config", None), "eos_token_id", None))
    own = getattr(tokenizer, "eos_ids", None)
    ends |= _ids(getattr(tokenizer, "eos_token_id", None) if own is None else own)
    return Vocabulary.from_tokenizer(tokenizer, eos_ids=sorted(ends) or None)


def pad_id_of(model: Any, tokenizer: Any, eos_ids: Sequence[int]) -> int:
    """An id to fill short prompts and ended rows with. No text depends on it: any id of the model will do."""
    for owner in (tokenizer, getattr(model, "generation_config", None)):
        pad_id = getattr(owner, "pad_token_id", None)
        if isinstance(pad_id, int) and pad_id >= 0:
            return pad_id
    return eos_ids[0] if eos_ids else 0


def _ids(value: Any) -> set[int]:
    if value is None:
        return set()
    return {value} if isinstance(value, int) else {int(token) for token in value}
