"""Texts to token ids, the way the engines will meet them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .errors import BenchmarkError


def load_tokenizer(path: Path) -> Any:
    """The transformers tokenizer in the directory `path`, from local files only."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(str(path), local_files_only=True)
    except (OSError, ValueError) as error:
        first_line = str(error).partition("\n")[0]
        raise BenchmarkError(f"no tokenizer can be loaded from {path}: {first_line}") from error


class Encoder:
    """Encodes whole texts without special tokens."""

    def __init__(self, tokenizer: Path) -> None:
        if not tokenizer.is_dir():
            raise BenchmarkError(f"tokenizer {tokenizer} is not a directory")
        self._tokenizer = load_tokenizer(tokenizer)
        # Some SentencePiece tokenizers begin every text with a space of their own. Behind a prefix, which is
        # cut off again, the text is encoded as it would be in the middle of a conversation.
        pieces = self._tokenizer.convert_ids_to_tokens(self._ids("{"))
        self._prefix = "\n" if pieces[0].startswith("▁") else ""
        self._n_prefix = len(self._ids(self._prefix))

    def _ids(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, add_special_tokens=False)

    def encode(self, text: str) -> list[int]:
        return self._ids(self._prefix + text)[self._n_prefix :]
