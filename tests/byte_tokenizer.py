"""A tokenizer of single bytes, for tests of what loads tokenizers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def save_byte_tokenizer(path: Path) -> Path:
    """Write a byte-level tokenizer with an EOS token to the folder `path`, as transformers loads it."""
    pytest.importorskip("transformers", reason="transformers is not installed")
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    built = Tokenizer(models.BPE(vocab={char: i for i, char in enumerate(alphabet)}, merges=[]))
    built.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    built.decoder = decoders.ByteLevel()
    built.add_special_tokens(["<eos>"])
    built.save(str(path / "tokenizer.json"))
    config = {"tokenizer_class": "TokenizersBackend", "eos_token": "<eos>"}
    (path / "tokenizer_config.json").write_text(json.dumps(config))
    return path
