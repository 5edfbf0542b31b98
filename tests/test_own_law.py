"""`constrain(..., sampler="exact")` and the like, on the model that comes with the package."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

import gramask  # noqa: E402
from gramask.errors import GramaskError  # noqa: E402
from gramask.samplers import search  # noqa: E402
from gramask.samplers.loading import vocabulary_of  # noqa: E402
from gramask.samplers.own_law import METHODS  # noqa: E402
from gramask.samplers.prefix_model import PrefixModel  # noqa: E402

torch.set_num_threads(1)  # more only cost time in models this small
FOLDER = Path(gramask.__file__).parent / "assets" / "model"
if not (FOLDER / "model.safetensors").is_file():
    pytest.skip("the embedded model is not built", allow_module_level=True)

MODEL = transformers.AutoModelForCausalLM.from_pretrained(FOLDER, local_files_only=True)
TOKENIZER = transformers.AutoTokenizer.from_pretrained(FOLDER, local_files_only=True)


def one_member(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: schema},
        "required": [name],
        "additionalProperties": False,
    }


AGE = one_member("age", {"type": "integer", "minimum": 79, "maximum": 91})
PROMPT = "Describe a person as JSON.\nKeys: age\nJSON: "


def make(sampler: str, schema: Any = AGE, **options: Any) -> Any:
    options = {"max_new_tokens": 30, "whitespace": "compact", **options}
    return gramask.constrain(MODEL, schema, tokenizer=TOKENIZER, sampler=sampler, **options)


@pytest.fixture(scope="module")
def law() -> dict[str, float]:
    """The probabilities of the most probable texts, which have nearly all of it."""
    vocabulary = vocabulary_of(MODEL, TOKENIZER)
    constraint = gramask.compile(AGE, vocabulary, whitespace="compact")
    own = PrefixModel(MODEL, TOKENIZER(PROMPT).input_ids, eos_ids=vocabulary.eos_ids)
    found = search(own, constraint, 40, method="best_first", max_tokens=29, batch=32)
    texts = [b"".join(vocabulary.tokens[token] for token in tokens).decode() for tokens in found.tokens]
    masses: Counter[str] = Counter()
    for text, log_prob in zip(texts, found.log_probs, strict=True):
        masses[text] += math.exp(log_prob)
    return dict(masses)


def distance(law: dict[str, float], shares: dict[str, float]) -> float:
    total = sum(law.values())
    return sum(abs(law.get(text, 0.0) / total - shares.get(text, 0.0)) for text in law.keys() | shares) / 2


def shares_of(answers: list[Any]) -> dict[str, float]:
    weights: Counter[str] = Counter()
    for answer in answers:
        weights[answer.text] += math.exp(answer.log_weight)
    return {text: weight / sum(weights.values()) for text, weight in weights.items()}


@pytest.mark.parametrize("sampler", METHODS)
def test_answers_have_the_law_of_the_model(sampler: str, law: dict[str, float]) -> None:
    answers = make(sampler)(PROMPT, n=1000, seed=0)
    assert all(79 <= answer.value["age"] <= 91 for answer in answers)
    assert distance(law, shares_of(answers)) < 0.1
    assert {answer.law.exactness for answer in answers} <= {"exact", "weighted", "asymptotic"}
    if answers[0].law.log_z is not None:
        assert answers[0].law.log_z == pytest.approx(math.log(sum(law.values())), abs=0.4)


def test_masking_alone_has_another_law(law: dict[str, float]) -> None:
    """The control."""
    answers = make("local")(PROMPT, n=1000, seed=0)
    assert distance(law, shares_of(answers)) > 0.3
    assert answers[0].law is None


def test_what_a_result_says(law: dict[str, float]) -> None:
    answer = make("exact")(PROMPT, seed=3)
    assert answer.finish == "complete" and answer.log_weight == 0.0 and answer.law.exactness == "exact"
    assert answer.tokens[-1] in vocabulary_of(MODEL, TOKENIZER).eos_ids
    assert answer.value == {"age": int(answer.text[len('{"age":') : -1])}
    ids = torch.tensor([[*TOKENIZER(PROMPT).input_ids, *answer.tokens]])
    with torch.inference_mode():
        logprobs = torch.log_softmax(MODEL(ids).logits[0].double(), dim=-1)
    n = len(answer.tokens)
    expected = sum(float(logprobs[-n - 1 + i, token]) for i, token in enumerate(answer.tokens))
    assert answer.logprob == pytest.approx(expected, abs=1e-4)
    cold = make("exact", temperature=0.7)(PROMPT, seed=3)
    assert cold.logprob <= 0.0 and cold.law.log_z != answer.law.log_z


def test_shapes_and_seeds() -> None:
    exact = make("exact")
    assert [a.text for a in exact(PROMPT, n=4, seed=1)] == [a.text for a in exact(PROMPT, n=4, seed=1)]
    assert [a.text for a in exact(PROMPT, n=9, seed=1)] != [a.text for a in exact(PROMPT, n=9, seed=2)]
    both = exact([PROMPT, PROMPT], n=9, seed=1)
    assert [len(answers) for answers in both] == [9, 9]
    assert [a.text for a in both[0]] != [a.text for a in both[1]]
    assert [a.text for a in exact([PROMPT, PROMPT], seed=1)] == [answers[0].text for answers in both]
    assert len(exact.sample(PROMPT, 3, seed=0)) == 3


def test_defaults_hold_for_sample_too() -> None:
    cold = make("exact", temperature=0.3)
    assert cold.sample(PROMPT, 5, seed=0) == cold(PROMPT, n=5, seed=0)
    assert cold.sample(PROMPT, 5, seed=0, temperature=1.0) != cold(PROMPT, n=5, seed=0)


def test_several_ends() -> None:
    """The one that is shown is the one that the model prefers."""
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=300, n_embd=32, n_layer=2, n_head=4, n_positions=64, eos_token_id=[256, 257]
    )
    model = transformers.AutoModelForCausalLM.from_config(config).eval()
    vocabulary = gramask.Vocabulary([*(bytes([b]) for b in range(256)), b"", b""], eos_ids=[256, 257])
    with torch.no_grad():
        model.transformer.wte.weight[256] = -model.transformer.wte.weight[257]
    answer = gramask.constrain(
        model, gramask.choice(["ab", "cd"]), tokenizer=vocabulary, sampler="auto", max_new_tokens=8
    )
    found = answer([1, 2, 3], n=4, seed=0)
    for result in found:
        with torch.inference_mode():
            logits = model(torch.tensor([[1, 2, 3, *result.tokens[:-1]]])).logits[0, -1]
        assert result.tokens[-1] == max((256, 257), key=lambda end: float(logits[end]))


def test_options_reach_the_sampler() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        unique = make("exact", unique=True)(PROMPT, n=12, seed=0)
    assert len({answer.text for answer in unique}) == 12
    few = make("exact", {"const": 7}, unique=True, max_new_tokens=4)
    with pytest.warns(UserWarning, match="answers in place of 50"):
        answers = few("7 7 7 7", n=50, seed=0)
    assert len(answers) < 50 and answers[0].law.stats.stopped is not None
    assert make("mcmc")(PROMPT, n=2, seed=0, steps=3)[0].law.exactness == "asymptotic"
    assert make("smc", resample="optimal")(PROMPT, n=4, seed=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"jump": True}, "jump=True says how to go on token by token"),
        ({"on_budget": "cut"}, "on_budget='cut' says how"),
        ({"attempts": 2}, "attempts=2 says how"),
        ({"temperature": 0.0}, "contradicts temperature 0"),
        ({"step": 3}, "unknown option 'step'"),
        ({"max_new_tokens": 3}, "at most 2 tokens"),
        ({"trie": None}, "unknown option 'trie'"),
        ({"max_attempts": 0}, "found no text of the schema: the attempts are used up"),
    ],
    ids=str,
)
def test_what_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(GramaskError, match=message):
        make("exact", **options)(PROMPT)
    if options != {"temperature": 0.0}:
        with pytest.raises(GramaskError, match=message):
            make("exact")(PROMPT, **options)


def test_streams_are_refused() -> None:
    with pytest.raises(GramaskError, match="cannot stream"):
        make("exact").stream(PROMPT)


def test_what_masks_leave_open_is_part_of_the_law() -> None:
    role = one_member("role", {"type": "string", "maxLength": 12, "pattern": "(a|b)*a(a|b){30}|ng"})
    answers = make("exact", role, unsupported="validate")(
        "Describe a person as JSON.\nKeys: role\nJSON: ", n=8, seed=0
    )
    assert len(answers) == 8 and all("ng" in answer.value["role"] for answer in answers)
    assert answers[0].law.stats.predicate_calls > 0
