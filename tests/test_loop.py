"""The decoding loop on tiny random models, against decoding by definition: no cache, no batch, no engine."""

from __future__ import annotations

import json
import math

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from reference import toy  # noqa: E402
from reference.strings import FiniteConstraint, Tokens  # noqa: E402
from reference.toy import BOS, EOS, N_LOGITS, OBJECTS, TOKENS, WORDS, tiny_model  # noqa: E402

from gramask.errors import DeadEnd, GramaskError  # noqa: E402
from gramask.grammar.source import ChoiceSource, JsonSource  # noqa: E402
from gramask.samplers.constrained import Constrained  # noqa: E402
from gramask.samplers.loop import Decoding, decode  # noqa: E402


def json_constraint(texts=toy.OBJECTS):
    constraint = toy.json_constraint(texts)
    constraint.source = JsonSource(True, json.loads)
    return constraint


def word_constraint(texts=toy.WORDS):
    constraint = toy.word_constraint(texts)
    constraint.source = ChoiceSource(tuple(texts))
    return constraint


MODEL = tiny_model()


def logits_after(model, ids):
    with torch.inference_mode():
        return model(torch.tensor([ids])).logits[0, -1].float()


def decode_by_definition(model, prompt, constraint, max_new_tokens):
    """Greedy: tokens and the sum of the model's own log-probabilities."""
    tokens, logprob = [], 0.0
    while len(tokens) < max_new_tokens and not (tokens and tokens[-1] in TOKENS.eos_ids):
        logits = logits_after(model, [*prompt, *tokens])
        best = max(sorted(constraint.allowed(tokens)), key=lambda t: logits[t].item())
        logprob += torch.log_softmax(logits, -1)[best].item()
        tokens.append(best)
    return tokens, logprob


def logprob_by_definition(model, prompt, tokens):
    return sum(
        torch.log_softmax(logits_after(model, [*prompt, *tokens[:i]]), -1)[t].item()
        for i, t in enumerate(tokens)
    )


PROMPTS = [[BOS, 11, 12], [BOS], [BOS, 24, 9, 30, 23, 17, 11], [BOS, 16, 16]]


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_greedy_batch_is_the_definition(kind):
    model = tiny_model(kind)
    constraints = [json_constraint(), word_constraint(), json_constraint(OBJECTS[:3]), word_constraint(["q"])]
    results = decode(model, PROMPTS, constraints, Decoding(max_new_tokens=40))
    for prompt, constraint, result in zip(PROMPTS, constraints, results, strict=True):
        tokens, logprob = decode_by_definition(model, prompt, constraint, 40)
        assert list(result.tokens) == tokens
        assert result.finish == "complete"
        assert result.text.encode() in constraint.texts
        assert result.value == constraint.parse(result.text)
        assert math.isclose(result.logprob, logprob, rel_tol=1e-4)
        assert result.stats.n_prompt_tokens == len(prompt)
        assert result.stats.n_masks == len(tokens)


def test_forward_passes_are_one_per_token():
    (result,) = decode(MODEL, PROMPTS[:1], [json_constraint()])
    assert result.stats.n_forward == len(result.tokens)


@pytest.mark.parametrize("temperature", [0.0, 1.3])
def test_every_budget_is_kept_and_every_text_complete(temperature):
    constraint = json_constraint()
    shortest = len(constraint.shortest_path(b"")) + 1
    finishes = set()
    for budget in range(shortest, 16):
        decoding = Decoding(max_new_tokens=budget, temperature=temperature, seed=budget)
        for result in decode(MODEL, PROMPTS, [constraint] * 4, decoding):
            assert result.text.encode() in constraint.texts
            assert len(result.tokens) <= budget
            assert result.tokens[-1] in TOKENS.eos_ids
            assert (result.finish == "closed") == (result.stats.closing_tokens > 0)
            finishes.add(result.finish)
    assert finishes == {"closed", "complete"}


def test_closing_keeps_the_choices_made_before():
    """A closed text begins as the free one does, and differs only where the budget forces it."""
    constraint = word_constraint(["x" * 9, "x" * 3])
    (free,) = decode(MODEL, [PROMPTS[0]], [word_constraint(["x" * 9])], Decoding(max_new_tokens=20))
    (closed,) = decode(MODEL, [PROMPTS[0]], [constraint], Decoding(max_new_tokens=4))
    assert free.text == "x" * 9
    assert closed.text == "xxx"


def test_a_budget_nothing_fits_into_is_refused():
    with pytest.raises(GramaskError, match=r"a budget of 2 tokens is too small.* 4 with"):
        decode(MODEL, PROMPTS[:1], [word_constraint(["abq2"])], Decoding(max_new_tokens=2))


def test_cut_and_raise():
    constraint = word_constraint(["abxyabxyabxy"])
    (result,) = decode(MODEL, PROMPTS[:1], [constraint], Decoding(max_new_tokens=2, on_budget="cut"))
    assert (result.finish, result.value, len(result.tokens)) == ("length", None, 2)
    assert constraint.texts[0].startswith(result.text.encode())
    with pytest.raises(GramaskError, match="not complete after 2 tokens"):
        decode(MODEL, PROMPTS[:1], [constraint], Decoding(max_new_tokens=2, on_budget="raise"))


def test_a_budget_that_ends_with_the_text_is_complete():
    (result,) = decode(
        MODEL, PROMPTS[:1], [word_constraint(["q"])], Decoding(max_new_tokens=1, on_budget="cut")
    )
    assert (result.finish, result.text, result.value) == ("complete", "q", "q")


def test_half_a_character_is_left_out_of_a_cut_text():
    constraint = FiniteConstraint(
        ["éq"], Tokens([b"", b"", b"", b"", b"\xc3", b"\xa9", b"q"], (EOS,)), N_LOGITS, False
    )
    (result,) = decode(MODEL, PROMPTS[:1], [constraint], Decoding(max_new_tokens=1, on_budget="cut"))
    assert (result.text, result.tokens) == ("", (4,))


@pytest.mark.parametrize("on_budget", ["close", "cut"])
@pytest.mark.parametrize("budget", [5, 8, 30])
def test_jumping_writes_legal_texts_with_their_logprob(on_budget, budget):
    constraints = [
        json_constraint(OBJECTS[4:5]),
        word_constraint(),
        json_constraint(),
        word_constraint(["xy" * 4]),
    ]
    if on_budget == "close":
        fits = [len(c.shortest_path(b"")) < budget for c in constraints]
        constraints = [c for c, fit in zip(constraints, fits, strict=True) if fit]
    prompts = PROMPTS[: len(constraints)]
    decoding = Decoding(max_new_tokens=budget, on_budget=on_budget, jump=True, temperature=1.0, seed=3)
    for prompt, constraint, result in zip(
        prompts, constraints, decode(MODEL, prompts, constraints, decoding)
    ):
        assert any(text.startswith(result.text.encode()) for text in constraint.texts)
        if result.finish != "length":
            assert result.text.encode() in constraint.texts
        assert len(result.tokens) <= budget
        assert math.isclose(result.logprob, logprob_by_definition(MODEL, prompt, result.tokens), rel_tol=1e-4)


def test_jumping_saves_forward_passes():
    constraint = word_constraint(["qqqqqqqqqq"])
    (walked,) = decode(MODEL, PROMPTS[:1], [constraint])
    (jumped,) = decode(MODEL, PROMPTS[:1], [constraint], Decoding(jump=True))
    assert walked.tokens[:-1] == jumped.tokens[:-1]
    assert math.isclose(walked.logprob, jumped.logprob, rel_tol=1e-4)
    assert (walked.stats.n_forward, jumped.stats.n_forward) == (11, 2)
    assert (walked.stats.forced_tokens, jumped.stats.forced_tokens) == (10, 10)
    assert (walked.stats.jumped_tokens, jumped.stats.jumped_tokens) == (0, 10)


def test_draws_depend_on_the_seed_and_the_row_only():
    constraint = json_constraint()
    decoding = Decoding(temperature=1.5, seed=7)
    batch = decode(MODEL, PROMPTS, [constraint] * 4, decoding)
    again = decode(MODEL, PROMPTS, [constraint] * 4, decoding)
    alone = decode(MODEL, PROMPTS[:1], [constraint], decoding)
    other = [
        decode(MODEL, PROMPTS, [constraint] * 4, Decoding(temperature=1.5, seed=s)) for s in range(8, 12)
    ]
    assert [r.tokens for r in batch] == [r.tokens for r in again]
    assert batch[0].tokens == alone[0].tokens
    assert any([r.tokens for r in rows] != [r.tokens for r in batch] for rows in other)


def local_law(model, prompt, constraint, tokens=(), mass=1.0):
    """The exact law of local sampling: probability of each token sequence, by enumeration."""
    if tokens and tokens[-1] in TOKENS.eos_ids:
        return {tokens: mass}
    allowed = sorted(constraint.allowed(tokens))
    weights = torch.softmax(logits_after(model, [*prompt, *tokens])[allowed].double(), -1).tolist()
    law = {}
    for token, weight in zip(allowed, weights, strict=True):
        if mass * weight > 1e-9:
            law.update(local_law(model, prompt, constraint, (*tokens, token), mass * weight))
    return law


def test_sampling_has_the_local_law():
    constraint, n = word_constraint(["x", "xy", "ab"]), 1500
    law = local_law(MODEL, PROMPTS[0], constraint)
    results = decode(MODEL, [PROMPTS[0]] * n, [constraint] * n, Decoding(temperature=1.0, seed=1))
    counts = {}
    for result in results:
        counts[result.tokens] = counts.get(result.tokens, 0) + 1
    assert set(counts) <= set(law)
    for tokens, p in law.items():
        sigma = math.sqrt(n * p * (1 - p))
        assert abs(counts.get(tokens, 0) - n * p) <= 5 * sigma + 1, (tokens, p)


def test_nan_logits_are_a_dead_end():
    model = tiny_model()
    model.lm_head.weight.data[11] = float("nan")
    with pytest.raises(DeadEnd, match="NaN"):
        decode(model, PROMPTS[:1], [word_constraint()])


def test_models_without_a_cache_are_refused():
    config = transformers.T5Config(
        d_model=32, d_ff=32, num_layers=1, num_heads=2, d_kv=16, vocab_size=N_LOGITS
    )
    with pytest.raises(GramaskError, match="encoder"):
        decode(transformers.T5ForConditionalGeneration(config), PROMPTS[:1], [word_constraint()])
    config = transformers.MambaConfig(hidden_size=16, num_hidden_layers=1, vocab_size=N_LOGITS)
    with pytest.raises(GramaskError, match="past_key_values"):
        decode(transformers.MambaForCausalLM(config), PROMPTS[:1], [word_constraint()])


def test_bad_batches_are_refused():
    with pytest.raises(GramaskError, match="2 prompts, but 1 constraints"):
        decode(MODEL, PROMPTS[:2], [word_constraint()])
    with pytest.raises(GramaskError, match="no tokens"):
        decode(MODEL, [[]], [word_constraint()])


def test_the_context_of_the_model_bounds_the_budget():
    """GPT-2 has a table of positions: reading one more is an IndexError."""
    model = tiny_model("gpt2")
    constraint = word_constraint(["x" * 300])
    for n_prompt in (1, 100, 128):
        (result,) = decode(model, [[BOS] * n_prompt], [constraint], Decoding(on_budget="cut"))
        assert (result.finish, len(result.tokens)) == ("length", 129 - n_prompt)
    with pytest.raises(GramaskError, match="prompt has 129 tokens, and the model reads 128"):
        decode(model, [[BOS] * 129], [constraint], Decoding(on_budget="cut"))


def constrained(constraint, **options):
    return Constrained(MODEL, TOKENS, constraint, **options)


def test_call_shapes():
    make = constrained(json_constraint(), max_new_tokens=30)
    one = make("ab")
    assert one.value == json.loads(one.text)
    assert [r.tokens for r in make(["ab"])] == [one.tokens]
    assert make(TOKENS.encode("ab")).tokens == one.tokens
    assert make(torch.tensor(TOKENS.encode("ab"))).tokens == one.tokens
    assert [r.tokens for r in make(["ab", "x"])] == [make("ab").tokens, make("x").tokens]
    assert [len(group) for group in make.sample(["ab", "x"], 3, seed=0)] == [3, 3]
    assert len(make.sample("ab", 1)) == 1
    drawn = make("ab", n=2, temperature=1.0, seed=5)
    assert [r.tokens for r in drawn] == [r.tokens for r in make.sample("ab", 2, seed=5)]


def test_one_schema_per_prompt():
    make = constrained([json_constraint(), word_constraint()])
    first, second = make(["ab", "ab"])
    assert first.text in OBJECTS and second.text in WORDS
    with pytest.raises(GramaskError, match="2 schemas were given, one per prompt, but 1 prompts"):
        make(["ab"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temprature": 1.0}, "did you mean 'temperature'"),
        ({"speculate": True}, "speculate=True is not available"),
        ({"sampler": "best"}, "sampler='best' is not available"),
        ({"sampler": "exact", "temperature": 0.0}, "contradicts"),
        ({"sampler": "exact", "steps": 3}, "unknown option 'steps'"),
        ({"budget": 3}, "unknown option 'budget'"),
        ({"think": "</think>"}, "think='</think>' is not available"),
        ({"sampler": "greedy", "temperature": 1.0}, "contradicts"),
        ({"sampler": "local", "temperature": 0.0}, "contradicts"),
        ({"on_budget": "stop"}, "on_budget='stop' is unknown"),
        ({"max_new_tokens": 0}, "max_new_tokens=0"),
        ({"top_k": 3}, "temperature above 0"),
    ],
    ids=str,
)
def test_options_are_never_ignored(options, message):
    with pytest.raises(GramaskError, match=message):
        constrained(json_constraint(), **options)


@pytest.mark.parametrize("options", [{"temprature": 1.0}, {"sampler": "local"}, {"n": 2}], ids=str)
def test_call_options_are_never_ignored(options):
    with pytest.raises(GramaskError):
        constrained(json_constraint())("ab", **options)


def test_samplers_keep_their_word():
    local = constrained(json_constraint(), sampler="local", seed=2)
    assert local("ab").tokens == constrained(json_constraint())("ab", temperature=1.0, seed=2).tokens
    with pytest.raises(GramaskError, match="contradicts"):
        local("ab", temperature=0.0)
    with pytest.raises(GramaskError, match="contradicts"):
        constrained(json_constraint(), sampler="greedy")("ab", temperature=1.0)


def test_prompts_that_cannot_be_written():
    make = constrained(json_constraint())
    with pytest.raises(GramaskError, match="chat template"):
        make([{"role": "user", "content": "ab"}])
    for prompt in (7, [], None, {"role": "user"}):
        with pytest.raises(GramaskError, match="is not understood"):
            make(prompt)


@pytest.mark.parametrize(
    "options", [{}, {"temperature": 1.5, "seed": 4}, {"max_new_tokens": 6}, {"jump": True}], ids=str
)
def test_stream_adds_up_to_the_result(options):
    make = constrained(json_constraint(), **options)
    parts = list(make.stream("ab"))
    *running, last = parts
    assert "".join(part.delta for part in parts) == last.text
    assert [part.done for part in parts] == [False] * len(running) + [True]
    assert last.result.tokens == make("ab").tokens
    assert last.value == last.result.value
    for part in running:
        assert last.text.startswith(part.text)


def test_stream_of_json_shows_the_value_as_it_grows():
    constraint = json_constraint(['{"a":[12,true],"b":"xyé"}'])
    parts = list(constrained(constraint).stream("ab"))
    values = [part.value for part in parts]
    assert values[-1] == {"a": [12, True], "b": "xyé"}
    assert {"a": [12, True], "b": "xy"} in values and {"a": [12]} in values


def test_stream_refuses_a_batch_at_once():
    with pytest.raises(GramaskError, match="one prompt"):
        constrained(json_constraint()).stream(["ab", "x"])
