"""The loop and `generate` on a model with the width of Llama 3: random weights, the real tokenizer, padded logits."""

from __future__ import annotations

import json

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from jsonschema import Draft202012Validator  # noqa: E402
from replay import Spy  # noqa: E402
from shared_data import shared_dir  # noqa: E402

import gramask  # noqa: E402

pytestmark = pytest.mark.slow

N_LOGITS = 128_320  # wider than the vocabulary, and no multiple of what it was
# Short, whatever a model of random weights prefers: a number could go on as 1.0000 without end.
SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 5},
        "kind": {"enum": ["a", "bb"]},
        "n": {"type": ["boolean", "null"]},
    },
    "required": ["name", "kind", "n"],
    "additionalProperties": False,
}
OPTIONS = {"whitespace": "compact"}
PROMPTS = ["Describe it:", "Another one, please:"]


@pytest.fixture(scope="module")
def tokenizer():
    folder = shared_dir("tokenizers", "llama3")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def build(seed):
    torch.manual_seed(seed)
    config = transformers.LlamaConfig(
        vocab_size=N_LOGITS,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=512,
    )
    return transformers.LlamaForCausalLM(config).eval()


@pytest.fixture(scope="module")
def model(tokenizer):
    assert len(tokenizer) < N_LOGITS
    model = build(0)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.eos_token_id
    return model


def valid(text):
    return Draft202012Validator(SCHEMA).is_valid(json.loads(text))


def test_constrain(model, tokenizer):
    make = gramask.constrain(model, SCHEMA, tokenizer=tokenizer, max_new_tokens=60, **OPTIONS)
    for settings in (
        {},
        {"temperature": 1.0, "seed": 1},
        {"temperature": 1.0, "top_k": 50, "top_p": 0.9, "seed": 2},
    ):
        for result in make(PROMPTS, **settings):
            assert valid(result.text)
            assert result.value == json.loads(result.text)


MODES = {
    "greedy": {},
    "sampling": {"do_sample": True},
    "samples": {"do_sample": True, "num_return_sequences": 2},
    "beams": {"num_beams": 3, "num_return_sequences": 2},
    "prompt lookup": {"prompt_lookup_num_tokens": 4},
    "assistant": {"assistant_model": ...},
}


@pytest.mark.parametrize("mode", MODES)
def test_generate(model, tokenizer, mode):
    settings = dict(MODES[mode])
    if "assistant_model" in settings:
        settings["assistant_model"] = build(1)
        settings["assistant_model"].generation_config = model.generation_config
    one_only = mode in ("prompt lookup", "assistant")
    inputs = tokenizer(
        PROMPTS[:1] if one_only else PROMPTS, return_tensors="pt", padding=True, padding_side="left"
    )
    n = inputs["input_ids"].shape[1]
    constraint = gramask.compile(SCHEMA, tokenizer, n_logits=N_LOGITS, **OPTIONS)
    processor = gramask.StructuredOutputProcessor(tokenizer, SCHEMA, n_logits=N_LOGITS, **OPTIONS)
    for _ in range(2):  # the second time with the same object
        torch.manual_seed(0)
        spy = Spy(processor, constraint, n)
        settings = {"max_new_tokens": 80, "do_sample": False, **settings}
        out = model.generate(**inputs, logits_processor=[spy], **settings)
        for text in tokenizer.batch_decode(out[:, n:], skip_special_tokens=True):
            assert valid(text), text
