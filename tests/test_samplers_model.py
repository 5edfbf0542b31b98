"""The real engine under the decoding loop and under `generate`, on the model that comes with the package."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Literal

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from jsonschema import Draft202012Validator  # noqa: E402
from replay import Spy  # noqa: E402

import gramask  # noqa: E402

torch.set_num_threads(1)  # more only cost time in models this small
FOLDER = Path(gramask.__file__).parent / "assets" / "model"
if not (FOLDER / "model.safetensors").is_file():
    pytest.skip("the embedded model is not built", allow_module_level=True)

MODEL = transformers.AutoModelForCausalLM.from_pretrained(FOLDER, local_files_only=True)
TOKENIZER = transformers.AutoTokenizer.from_pretrained(FOLDER, local_files_only=True)
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 6},
        "age": {"type": "integer", "minimum": 0, "maximum": 130},
        "tags": {"type": "array", "items": {"enum": ["new", "old", "on call"]}, "maxItems": 3},
        "email": {"anyOf": [{"type": "null"}, {"type": "string", "pattern": "^[a-z]{1,8}@[a-z]{1,8}$"}]},
    },
    "required": ["name", "age", "tags", "email"],
    "additionalProperties": False,
}
COLOUR = {"enum": ["red", "green", "blue"]}
NESTED = {
    "$defs": {"tree": {"type": "array", "items": {"$ref": "#/$defs/tree"}, "maxItems": 2}},
    "$ref": "#/$defs/tree",
}
PROMPTS = ["Describe a person.", "Colour?", "A tree, deeply nested, please:"]
SCHEMAS = [PERSON, COLOUR, NESTED]


def valid(schema, text):
    return Draft202012Validator(schema).is_valid(json.loads(text))


@pytest.fixture(scope="module")
def person():
    return gramask.constrain(MODEL, PERSON, tokenizer=TOKENIZER, max_new_tokens=60)


def test_a_batch_of_schemas_is_valid_whatever_the_temperature():
    make = gramask.constrain(MODEL, SCHEMAS, tokenizer=TOKENIZER, max_new_tokens=50)
    for temperature in (0.0, 1.0, 3.0):
        for schema, result in zip(SCHEMAS, make(PROMPTS, temperature=temperature, seed=2), strict=True):
            assert valid(schema, result.text), result
            assert result.value == json.loads(result.text)
            assert result.finish in ("complete", "closed")


@pytest.mark.parametrize("jump", [False, True])
def test_every_budget_closes(person, jump):
    matcher = gramask.compile(PERSON, TOKENIZER).matcher()
    least = len(matcher.closing_tokens()) + 1
    finishes = set()
    for budget in range(least, least + 25, 3):
        for result in person.sample(
            "Someone:", 4, max_new_tokens=budget, seed=budget, temperature=2.0, jump=jump
        ):
            assert valid(PERSON, result.text)
            assert len(result.tokens) <= budget
            finishes.add(result.finish)
    assert "closed" in finishes
    with pytest.raises(gramask.GramaskError, match="too small"):
        person("Someone:", max_new_tokens=least - 1)


@pytest.mark.parametrize("jump", [False, True])
def test_logprob_is_the_models_own(person, jump):
    prompt = TOKENIZER("Someone:")["input_ids"]
    result = person("Someone:", temperature=1.5, seed=3, jump=jump)
    ids = torch.tensor([[*prompt, *result.tokens]])
    with torch.inference_mode():
        logprobs = torch.log_softmax(MODEL(ids).logits[0].float(), -1)
    own = sum(logprobs[len(prompt) - 1 + i, t].item() for i, t in enumerate(result.tokens))
    assert math.isclose(result.logprob, own, rel_tol=1e-3)


def test_jumping_reads_in_fewer_passes(person):
    walked, jumped = person("Someone:"), person("Someone:", jump=True)
    assert jumped.stats.jumped_tokens > 0
    assert jumped.stats.n_forward < walked.stats.n_forward
    assert walked.stats.forced_tokens > 0


def test_types_come_back():
    pydantic = pytest.importorskip("pydantic")

    class City(pydantic.BaseModel):
        name: str
        inhabitants: int

    city = gramask.constrain(MODEL, City, tokenizer=TOKENIZER)("A city:", max_new_tokens=60).value
    assert type(city) is City
    mood = gramask.constrain(MODEL, Literal["good", "bad"], tokenizer=TOKENIZER)("Mood?").value
    assert mood in ("good", "bad")
    day = gramask.constrain(MODEL, gramask.regex(r"\d{4}-\d{2}"), tokenizer=TOKENIZER)("When?")
    assert len(day.value) == 7 and day.value == day.text


def test_a_folder_is_enough():
    make = gramask.constrain(str(FOLDER), COLOUR)
    assert make("Colour?").value in COLOUR["enum"]
    assert gramask.constrain(make.model, COLOUR)("Colour?").value in COLOUR["enum"]


def test_what_is_missing_is_named():
    with pytest.raises(gramask.GramaskError, match="no folder"):
        gramask.constrain("/nowhere/at/all", COLOUR)
    nameless = transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1
        )
    )
    with pytest.raises(gramask.GramaskError, match="pass tokenizer="):
        gramask.constrain(nameless, COLOUR)
    with pytest.raises(gramask.GramaskError, match="did you mean 'whitespace'"):
        gramask.constrain(MODEL, COLOUR, tokenizer=TOKENIZER, whitespaces="compact")


def test_chats_use_the_template(person):
    tokenizer = transformers.AutoTokenizer.from_pretrained(FOLDER, local_files_only=True)
    tokenizer.chat_template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:"
    make = gramask.constrain(MODEL, PERSON, tokenizer=tokenizer, max_new_tokens=60)
    chat = [{"role": "user", "content": "Someone"}]
    written = tokenizer("user: Someone\nassistant:", add_special_tokens=False)["input_ids"]
    assert make(chat).tokens == make(written).tokens
    assert [r.tokens for r in make([chat, chat])] == [make(chat).tokens] * 2


def test_the_stream_is_the_call(person):
    parts = list(person.stream("Someone:"))
    assert "".join(part.delta for part in parts) == person("Someone:").text
    assert parts[-1].result.tokens == person("Someone:").tokens
    assert any(part.value.get("name") for part in parts[:-1] if part.value)


MODES = {
    "greedy": {},
    "sampling": {"do_sample": True, "top_k": 20, "top_p": 0.9},
    "samples": {"do_sample": True, "num_return_sequences": 3},
    "beams": {"num_beams": 3, "num_return_sequences": 2},
    "prompt lookup": {"prompt_lookup_num_tokens": 5},
    "assistant": {"assistant_model": MODEL},
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("schema", [PERSON, COLOUR], ids=["person", "colour"])
def test_generate(mode, schema):
    batch = PROMPTS if mode not in ("prompt lookup", "assistant") else PROMPTS[:1]
    inputs = TOKENIZER(batch, return_tensors="pt", padding=True, padding_side="left")
    inputs.pop("token_type_ids", None)
    n = inputs["input_ids"].shape[1]
    # Compact and of bounded length, so that every mode ends within the budget.
    constraint = gramask.compile(schema, TOKENIZER, whitespace="compact")
    processor = gramask.StructuredOutputProcessor(TOKENIZER, schema, whitespace="compact")
    settings = {"max_new_tokens": 250, "do_sample": False, **MODES[mode]}
    for _ in range(2):
        torch.manual_seed(0)
        spy = Spy(processor, constraint, n)
        out = MODEL.generate(**inputs, logits_processor=[spy], **settings)
        for text in TOKENIZER.batch_decode(out[:, n:], skip_special_tokens=True):
            assert valid(schema, text), text


def test_generate_and_the_loop_agree(person):
    inputs = TOKENIZER(["Someone:"], return_tensors="pt")
    n = inputs["input_ids"].shape[1]
    processor = gramask.StructuredOutputProcessor(TOKENIZER, PERSON)
    out = MODEL.generate(
        input_ids=inputs["input_ids"],
        attention_mask=inputs["attention_mask"],
        logits_processor=[processor],
        max_new_tokens=60,
        do_sample=False,
    )
    assert tuple(out[0, n:].tolist()) == person("Someone:").tokens
