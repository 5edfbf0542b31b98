"""StructuredOutputProcessor under every mode of `generate`, row by row against the definition of the mask."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from reference.toy import (  # noqa: E402  # noqa: E402
    BOS,
    EOS,
    N_LOGITS,
    OBJECTS,
    PAD,
    TOKENS,
    WORDS,
    json_constraint,
    tiny_model,
    word_constraint,
)

from gramask.errors import DeadEnd, GramaskError  # noqa: E402
from gramask.integrations.transformers import StructuredOutputProcessor  # noqa: E402

MODEL = tiny_model()
DRAFT = tiny_model(seed=1)
ONE = [[BOS, 11, 12, 28, 16]]
BATCH = [[BOS, 11, 12], [PAD, PAD, BOS], [PAD, BOS, 30]]
JSON, WORD = json_constraint(), word_constraint()


class Spy(transformers.LogitsProcessor):
    """Checks each row of each call of the processor against the definition."""

    def __init__(self, processor, prompt_length):
        self.processor = processor
        self.prompt_length = prompt_length
        self.n_calls = self.n_legal = self.n_illegal = 0

    def __call__(self, input_ids, scores):
        before = scores.clone()
        masked = self.processor(input_ids, scores)
        assert torch.equal(scores, before), "scores were changed in place"
        for row, ids in enumerate(input_ids[:, self.prompt_length :].tolist()):
            constraint = self.processor.constraints[row * len(self.processor.constraints) // len(input_ids)]
            expected = self.expected(constraint, ids)
            found = {t for t in range(masked.shape[1]) if masked[row, t] > -torch.inf}
            assert found == {t for t in expected if before[row, t] > -torch.inf}, ids
            kept = sorted(found)
            assert torch.equal(masked[row, kept], before[row, kept])
        self.n_calls += 1
        return masked

    def expected(self, constraint, ids):
        """The ids that may follow; end tokens only behind one, and where the ids are not in the language."""
        ended = next((i for i, t in enumerate(ids) if t in TOKENS.eos_ids), None)
        live = ids if ended is None else ids[: ended + 1]
        legal = all(t in constraint.allowed(tuple(live[:i])) for i, t in enumerate(live))
        self.n_legal += legal
        self.n_illegal += not legal
        return constraint.allowed(tuple(live)) if legal else set(TOKENS.eos_ids)


def generate(processor, prompts, **settings):
    """Sequences after the prompt, and the spy."""
    ids = torch.tensor(prompts)
    spy = Spy(processor, ids.shape[1])
    torch.manual_seed(0)
    settings = {"max_new_tokens": 24, "do_sample": False, **settings}
    with torch.inference_mode():
        out = MODEL.generate(ids, attention_mask=(ids != PAD).long(), logits_processor=[spy], **settings)
    assert spy.n_calls > 0
    return out[:, ids.shape[1] :].tolist(), spy


def text_of(ids):
    """The text up to the end token, which must be there."""
    end = min(i for i, t in enumerate(ids) if t in TOKENS.eos_ids)
    assert set(ids[end:]) <= {PAD, *TOKENS.eos_ids}
    return b"".join(TOKENS.tokens[t] for t in ids[:end]).decode()


MODES = {
    "greedy": (ONE, {}),
    "sampling": (ONE, {"do_sample": True, "temperature": 1.5}),
    "warped sampling": (
        ONE,
        {"do_sample": True, "temperature": 0.7, "top_k": 3, "top_p": 0.8, "min_p": 0.01},
    ),
    "samples": (ONE, {"do_sample": True, "num_return_sequences": 4}),
    "beams": (ONE, {"num_beams": 3}),
    "beams, all returned": (ONE, {"num_beams": 3, "num_return_sequences": 3}),
    "sampled beams": (ONE, {"num_beams": 3, "do_sample": True}),
    "prompt lookup": (ONE, {"prompt_lookup_num_tokens": 4}),
    "assistant": (ONE, {"assistant_model": DRAFT}),
    "assistant is the model": (ONE, {"assistant_model": MODEL}),
    "sampling with an assistant": (ONE, {"assistant_model": DRAFT, "do_sample": True}),
    "padded batch": (BATCH, {}),
    "padded batch, sampled": (BATCH, {"do_sample": True, "num_return_sequences": 2}),
    "padded batch, beams": (BATCH, {"num_beams": 3, "num_return_sequences": 2}),
    "no cache": (BATCH, {"use_cache": False}),
    "static cache": (BATCH, {"cache_implementation": "static"}),
    "repetition penalty": (ONE, {"repetition_penalty": 1.3}),
    "contrast of lengths": (ONE, {"num_beams": 4, "length_penalty": -1.0, "early_stopping": True}),
}


VARIANTS = {
    "json": (JSON, OBJECTS, {}),
    "words": (WORD, WORDS, {}),
    "one matcher kept": (JSON, OBJECTS, {"max_matchers": 1}),
    "length given": (JSON, OBJECTS, {"prompt_length": ...}),
}
HARD_MODES = ["beams, all returned", "prompt lookup", "assistant", "padded batch, sampled"]
CASES = [(mode, "json") for mode in MODES] + [(m, v) for m in HARD_MODES for v in VARIANTS if v != "json"]


@pytest.mark.parametrize(("mode", "variant"), CASES)
def test_every_mode(mode, variant):
    prompts, settings = MODES[mode]
    constraint, texts, keywords = VARIANTS[variant]
    if "prompt_length" in keywords:
        keywords = {"prompt_length": len(prompts[0])}
    processor = StructuredOutputProcessor.from_constraints([constraint], **keywords)
    first, spy = generate(processor, prompts, **settings)
    assert all(text_of(ids) in texts for ids in first)
    assert spy.n_legal > 0
    # Beams are filled up with sequences of probability 0; nothing else leaves the language.
    assert spy.n_illegal == 0 or "beams" in mode or "lengths" in mode
    # Again with the same object, then with other prompts, then with the first ones.
    again, _ = generate(processor, prompts, **settings)
    assert again == first
    others, _ = generate(processor, [[*row[:-1], 17] for row in prompts], **settings)
    assert all(text_of(ids) in texts for ids in others)
    last, _ = generate(processor, prompts, **settings)
    assert last == first


@pytest.mark.parametrize(
    "settings", [{}, {"num_beams": 3}, {"do_sample": True, "num_return_sequences": 2}], ids=str
)
def test_a_schema_for_each_prompt(settings):
    words = word_constraint(["q", "ab"])
    processor = StructuredOutputProcessor.from_constraints([JSON, WORD, words])
    rows, _ = generate(processor, BATCH, **settings)
    languages = [OBJECTS, WORDS, ["q", "ab"]]
    for row, ids in enumerate(rows):
        assert text_of(ids) in languages[row * 3 // len(rows)]


def test_greedy_is_what_the_loop_does():
    from gramask.samplers.loop import decode

    rows, _ = generate(StructuredOutputProcessor.from_constraints([JSON]), BATCH)
    prompts = [[t for t in row if t != PAD] for row in BATCH]
    results = decode(MODEL, prompts, [JSON] * 3)
    assert [text_of(ids) for ids in rows] == [result.text for result in results]


def test_drafts_are_not_cut_short():
    """Prompt lookup reuses one buffer of scores: a mask in place would shrink its drafts."""
    settings = {"prompt_lookup_num_tokens": 6, "max_new_tokens": 24}
    long_word = "xyxyxyxyxyxyxyxyxyxy"
    prompt = [[BOS, *[25] * 10]]
    processor = StructuredOutputProcessor.from_constraints([word_constraint([long_word])])
    n_forward, rows = count_forwards(lambda: generate(processor, prompt, **settings)[0])
    assert text_of(rows[0]) == long_word
    assert n_forward < len(rows[0]) / 2


def count_forwards(run):
    calls = []
    hook = MODEL.register_forward_hook(lambda *_: calls.append(1))
    result = run()
    hook.remove()
    return len(calls), result


def scores_of(n_rows, n_logits=N_LOGITS):
    return torch.zeros(n_rows, n_logits)


def legal(processor, ids, scores=None):
    masked = processor(torch.tensor([ids]), scores_of(1) if scores is None else scores)
    return set(masked[0].isfinite().nonzero().flatten().tolist())


def test_prompts_that_extend_earlier_prompts():
    """The rule of the docstring, case by case."""
    processor = StructuredOutputProcessor.from_constraints([WORD])
    start = WORD.allowed(())
    assert legal(processor, [BOS, 11]) == start
    assert legal(processor, [BOS, 11, 23]) == WORD.allowed((23,))  # "x": one step further
    assert legal(processor, [BOS, 11, 23, 24]) == WORD.allowed((23, 24))
    assert legal(processor, [BOS, 11, 16]) == start  # no such step: a prompt one token longer
    assert legal(processor, [BOS, 11, 16, 32]) == WORD.allowed((32,))
    assert legal(processor, [BOS, 11, 23, 24, 9, 9]) == start  # never asked about: a new turn of a chat
    assert legal(processor, [BOS, 11, 32]) == WORD.allowed((32,))  # back in the first one
    assert legal(processor, [BOS]) == start
    assert legal(processor, [BOS, 23]) == WORD.allowed((23,))
    processor.reset()
    assert legal(processor, [BOS, 23]) == start


def test_prompt_length_settles_it():
    processor = StructuredOutputProcessor.from_constraints([WORD], prompt_length=2)
    assert legal(processor, [BOS, 11, 23, 24]) == WORD.allowed((23, 24))
    assert legal(processor, [BOS, 12, 23]) == WORD.allowed((23,))
    assert legal(processor, [BOS, 12]) == WORD.allowed(())
    assert legal(processor, [BOS, 12, 4, 4]) == set(TOKENS.eos_ids)
    with pytest.raises(GramaskError, match="fewer than prompt_length=2"):
        legal(processor, [BOS])


def test_illegal_drafts_leave_no_trace():
    """A drafter that ignores the processor: its sequences are asked about, then dropped."""
    processor = StructuredOutputProcessor.from_constraints([WORD])
    assert legal(processor, [BOS, 11]) == WORD.allowed(())
    for draft in ([4], [4, 4], [4, 4, 23], [23], [23, 4], [23, 4, 4]):
        legal(processor, [BOS, 11, *draft])
    assert legal(processor, [BOS, 11, 23, 24]) == WORD.allowed((23, 24))
    assert legal(processor, [BOS, 11, 23]) == WORD.allowed((23,))


@pytest.mark.parametrize("n_logits", [34, 40, 64, 65, 100])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_scores_of_another_width(n_logits, dtype):
    processor = StructuredOutputProcessor.from_constraints([JSON])
    assert legal(processor, [BOS], scores_of(1, n_logits).to(dtype)) == JSON.allowed(())


def test_another_processor_removed_everything():
    processor = StructuredOutputProcessor.from_constraints([WORD])
    scores = scores_of(2)
    scores[1, list(WORD.allowed(()))] = -torch.inf
    with pytest.raises(DeadEnd, match="row 1: another logits processor removed all 5 tokens"):
        processor(torch.tensor([[BOS], [BOS]]), scores)
    scores[1] = torch.nan
    with pytest.raises(DeadEnd, match="row 1: the model's scores are NaN"):
        processor(torch.tensor([[BOS], [BOS]]), scores)
    with pytest.raises(DeadEnd, match="no token that the model has"):
        processor(torch.tensor([[BOS]]), scores_of(1, 8))


def test_min_new_tokens_beyond_the_language_is_a_dead_end():
    processor = StructuredOutputProcessor.from_constraints([word_constraint(["q"])])
    with pytest.raises(DeadEnd, match="another logits processor removed all 2 tokens"):
        generate(processor, ONE, min_new_tokens=5)


def test_ended_rows_stay_finite():
    """While other rows run, an ended one is still asked about; a suppressed end token must not kill the batch."""
    processor = StructuredOutputProcessor.from_constraints([WORD])
    scores = scores_of(2)
    ids = [[BOS, 11], [BOS, 11]]
    for step in ([32, 23], [EOS, 24], [PAD, 23]):
        processor(torch.tensor(ids), scores)
        ids = [[*row, t] for row, t in zip(ids, step, strict=True)]
    scores[0, list(TOKENS.eos_ids)] = -torch.inf
    masked = processor(torch.tensor(ids), scores)
    assert masked[0].isfinite().nonzero().flatten().tolist() == [EOS]


def test_padding_behind_the_end_begins_nothing_new():
    processor = StructuredOutputProcessor.from_constraints([WORD])
    for ids in ([], [32], [32, EOS], [32, EOS, PAD], [32, EOS, PAD, 17]):
        found = legal(processor, [BOS, *ids])
    assert found == set(TOKENS.eos_ids)


def test_continuous_batching_is_refused():
    with pytest.raises(GramaskError, match="continuous batching"):
        StructuredOutputProcessor.from_constraints([WORD])(torch.tensor([1, 2]), scores_of(2))


def test_schemas_that_do_not_fit_the_batch():
    with pytest.raises(GramaskError, match="2 schemas do not fit 3 rows"):
        generate(StructuredOutputProcessor.from_constraints([WORD, JSON]), BATCH)


def test_memory_is_bounded():
    """Many generations with one object: old ones are forgotten, matchers are dropped."""
    processor = StructuredOutputProcessor.from_constraints([WORD], max_matchers=3)
    for prompt in range(100):
        for ids in ([], [23], [23, 24], [25]):
            assert legal(processor, [BOS, 11 + prompt % 20, prompt, *ids]) == WORD.allowed(tuple(ids))
    assert len(processor._generations) <= 32
    assert len(processor._store._used) <= 3
