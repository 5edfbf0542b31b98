"""The embedded model, as the samplers take it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gramask
from gramask.samplers.loading import n_logits_of, vocabulary_of
from gramask.samplers.prefix_model import PrefixModel

FOLDER = Path(gramask.__file__).parent / "assets" / "model"


class Embedded:
    """Mutable: a model, its tokenizer and its vocabulary; and one PrefixModel for each prompt.

    What a PrefixModel keeps saves time, but no row: `forwards` counts what a sampler asks for.
    """

    def __init__(self) -> None:
        import torch
        import transformers

        torch.set_num_threads(1)
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        self.model: Any = transformers.AutoModelForCausalLM.from_pretrained(FOLDER, local_files_only=True)
        self.tokenizer: Any = transformers.AutoTokenizer.from_pretrained(FOLDER, local_files_only=True)
        self.vocabulary = vocabulary_of(self.model, self.tokenizer)
        self.n_logits = n_logits_of(self.model)

    def behind(self, prompt: str) -> PrefixModel:
        """The law behind a prompt, at temperature 1."""
        return PrefixModel(self.model, self.tokenizer(prompt).input_ids, eos_ids=self.vocabulary.eos_ids)
