"""A toy vocabulary with finite languages over it, for tests that need a model but no engine."""

from __future__ import annotations

from .strings import FiniteConstraint, Tokens

PAD, EOS, OTHER_EOS, BOS = 0, 1, 2, 3
_PIECES = [
    "",
    "",
    "",
    "",
    "{",
    "}",
    "[",
    "]",
    '"',
    ":",
    ",",
    "a",
    "b",
    "ab",
    '{"',
    '":',
    "1",
    "2",
    "12",
    "true",
]
_PIECES += [b"\xc3", b"\xa9", "é", "x", "y", "xy", " ", '"a"', '{"a":', "1}", "[1,", "2]", "q", '"b":']
TOKENS = Tokens([p.encode() if isinstance(p, str) else p for p in _PIECES], eos_ids=(EOS, OTHER_EOS))
# Wider than the vocabulary, as padded models are.
N_LOGITS = 40

OBJECTS = [
    '{"a":1}',
    '{"a":12}',
    '{"b":[1,2]}',
    '{"a":true}',
    '{"ab":{"a":[2]}}',
    "[]",
    "[1,12,2]",
    '"é"',
    '"xyé"',
]
WORDS = ["x", "xy", "xyxyxyxyxyxyxyxyxyxy", "q", "ab"]


def json_constraint(texts=OBJECTS):
    return FiniteConstraint(texts, TOKENS, N_LOGITS)


def word_constraint(texts=WORDS):
    return FiniteConstraint(texts, TOKENS, N_LOGITS, is_json=False)


def tiny_model(kind="llama", seed=0):
    """A random causal model of two layers over the toy vocabulary."""
    import torch
    import transformers

    torch.set_num_threads(1)  # more only cost time in models this small
    torch.manual_seed(seed)
    common = {
        "vocab_size": N_LOGITS,
        "eos_token_id": [EOS, OTHER_EOS],
        "bos_token_id": BOS,
        "pad_token_id": PAD,
    }
    if kind == "gpt2":
        config = transformers.GPT2Config(n_embd=32, n_layer=2, n_head=4, n_positions=128, **common)
        return transformers.GPT2LMHeadModel(config).eval()
    config = transformers.LlamaConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.5,
        **common,
    )
    return transformers.LlamaForCausalLM(config).eval()
