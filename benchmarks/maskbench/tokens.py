"""Texts to token ids, the way the engines will meet them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from .errors import BenchmarkError


@lru_cache(maxsize=1)
def load_tokenizer(path: Path) -> Any:
    """The transformers tokenizer in the directory `path`, from local files only; the last one is kept."""
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
        self._byte_ids = _byte_ids(self._tokenizer.get_vocab())

    def _ids(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, add_special_tokens=False)

    def encode(self, text: str) -> list[int]:
        return self._ids(self._prefix + text)[self._n_prefix :]

    def spell(self, text: str) -> list[int] | None:
        """The text as tokens of one byte each; None where the vocabulary does not have them all."""
        if self._byte_ids is None:
            return None
        return [self._byte_ids[byte] for byte in text.encode()]


def _byte_ids(vocabulary: dict[str, int]) -> list[int] | None:
    """The token of each byte: `<0x41>` in SentencePiece's notation, else the characters of byte-level BPE."""
    names = [f"<0x{byte:02X}>" for byte in range(256)]
    if names[0] not in vocabulary:
        names = _byte_level_characters()
    if any(name not in vocabulary for name in names):
        return None
    return [vocabulary[name] for name in names]


def _byte_level_characters() -> list[str]:
    """How byte-level BPE writes each byte: Latin-1's visible characters as they are, the others from U+0100 on."""
    visible = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in visible else next(others)) for byte in range(256)]
