"""A model that keeps what it has read gives what it gives when it reads everything anew; and samplers run on it."""

from __future__ import annotations

import random

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

import gramask  # noqa: E402
from gramask.errors import GramaskError  # noqa: E402
from gramask.samplers import sample  # noqa: E402
from gramask.samplers.choose import warp_logits  # noqa: E402
from gramask.samplers.prefix_model import PrefixModel  # noqa: E402
from gramask.samplers.warping import Sampling  # noqa: E402

torch.set_num_threads(1)
V = 40
PROMPT = (3, 1, 4)
CONFIGS = {
    "llama": transformers.LlamaConfig(
        vocab_size=V, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64,
    ),
    "gpt2": transformers.GPT2Config(vocab_size=V, n_embd=32, n_layer=2, n_head=4, n_positions=64),
}  # fmt: skip


@pytest.fixture(scope="module", params=CONFIGS)
def model(request: pytest.FixtureRequest):  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    return transformers.AutoModelForCausalLM.from_config(CONFIGS[request.param]).eval()


def by_definition(model, prefix: tuple[int, ...], sampling: Sampling) -> np.ndarray:  # type: ignore[no-untyped-def]
    with torch.inference_mode():
        logits = model(torch.tensor([[*PROMPT, *prefix]])).logits[:, -1].float()
    return torch.log_softmax(warp_logits(logits, sampling).double(), dim=-1)[0].numpy()


@pytest.mark.parametrize("kept_bytes", [1 << 30, 20_000])
@pytest.mark.parametrize(
    "sampling", [Sampling(temperature=1.0), Sampling(temperature=0.6, top_k=9, top_p=0.9)]
)
def test_rows(model, sampling: Sampling, kept_bytes: int) -> None:  # type: ignore[no-untyped-def]
    rng = random.Random(0)
    kept = PrefixModel(model, PROMPT, eos_ids=[0], sampling=sampling, kept_bytes=kept_bytes)
    prefixes: list[tuple[int, ...]] = [()]
    for _ in range(12):
        prefixes += [(*rng.choice(prefixes), rng.randrange(V)) for _ in range(4)]
        asked = rng.choices(prefixes, k=rng.randint(1, 6))
        rows = kept.next_logprobs(asked)
        assert rows.dtype == np.float64 and rows.shape == (len(asked), V)
        for row, prefix in zip(rows, asked, strict=True):
            assert np.exp(row) == pytest.approx(np.exp(by_definition(model, prefix, sampling)), abs=2e-5)


def test_prefixes_of_all_lengths_are_read_in_one_call(model, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    kept = PrefixModel(model, PROMPT, eos_ids=[0])
    kept.next_logprobs([(5, 6, 7), (8,)])
    calls = []
    forward = kept._forward
    monkeypatch.setattr(kept, "_forward", lambda *args: calls.append(len(args[0])) or forward(*args))
    asked = [(5, 6, 7, 9), (8, 1), (2,), (5, 6, 4)]
    rows = kept.next_logprobs(asked)
    assert calls == [4]
    for row, prefix in zip(rows, asked, strict=True):
        assert np.exp(row) == pytest.approx(np.exp(by_definition(model, prefix, kept.sampling)), abs=2e-5)


def test_nothing_is_read_twice(model) -> None:  # type: ignore[no-untyped-def]
    kept = PrefixModel(model, PROMPT, eos_ids=[0])
    for _ in range(3):
        kept.next_logprobs([(), (5,), (5, 6), (5, 7), (8, 9, 10)])
    assert kept.n_read == len(PROMPT) + len({(5,), (5, 6), (5, 7), (8,), (8, 9), (8, 9, 10)})


def test_samplers_run_on_it(model) -> None:  # type: ignore[no-untyped-def]
    """The estimates of the probability of the language agree, and texts are those of the constraint."""
    tokens = [b"<eos>", *(bytes([97 + i]) for i in range(26)), *(b"%d" % i for i in range(V - 27))]
    constraint = gramask.compile(gramask.regex("[a-m]{1,3}|x"), gramask.Vocabulary(tokens, eos_ids=[0]))
    estimates = []
    for method in ("cars", "weighted"):
        kept = PrefixModel(model, PROMPT, eos_ids=[0])
        found = sample(kept, constraint, 200, method=method, max_tokens=3, seed=0, batch=8)
        assert len(found.tokens) == 200
        for text in found.tokens:
            matcher = constraint.matcher()
            assert all(map(matcher.advance, text)) and matcher.is_accepting()
        estimates.append(found.log_z)
    assert estimates[0] == pytest.approx(estimates[1], abs=0.5)


def test_bad_input(model) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(GramaskError, match="the prompt is empty"):
        PrefixModel(model, (), eos_ids=[0])
    with pytest.raises(GramaskError, match="temperature 0"):
        PrefixModel(model, PROMPT, eos_ids=[0], sampling=Sampling())
