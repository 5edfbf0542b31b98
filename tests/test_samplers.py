"""Masks on logits, the choice of a token, and the beginnings of JSON texts."""

from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gramask.errors import DeadEnd, GramaskError  # noqa: E402
from gramask.samplers.choose import choose_tokens, draw_tokens, warp_logits  # noqa: E402
from gramask.samplers.masking import apply_mask, unpack_mask  # noqa: E402
from gramask.samplers.partial import MISSING, partial_json  # noqa: E402
from gramask.samplers.row import Utf8Text  # noqa: E402
from gramask.samplers.warping import Sampling  # noqa: E402

INF = float("inf")


def packed(allowed, n_words):
    """int32[1, n_words] with these bits."""
    words = np.zeros(n_words, dtype=np.uint32)
    for t in allowed:
        words[t // 32] |= np.uint32(1 << t % 32)
    return torch.from_numpy(words.view(np.int32)[None])


@pytest.mark.parametrize("n_logits", [1, 31, 32, 33, 63, 64, 65, 100, 130])
def test_unpack_mask_is_the_definition(n_logits):
    allowed = {0, 1, 30, 31, 32, 62, 63, 64, 95}
    found = unpack_mask(packed(allowed, 3), n_logits)
    assert found.shape == (1, n_logits)
    assert {t for t in range(n_logits) if found[0, t]} == {t for t in allowed if t < n_logits}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_apply_mask_is_out_of_place(dtype):
    logits = torch.randn(2, 70).to(dtype)
    before = logits.clone()
    words = torch.cat([packed({3, 40}, 2), packed({0}, 2)])
    masked = apply_mask(logits, words)
    assert torch.equal(logits, before)
    assert masked.dtype == dtype
    assert [row.isfinite().nonzero().flatten().tolist() for row in masked] == [[3, 40], [0]]
    assert masked[0, 40] == logits[0, 40]


def test_greedy_takes_the_best_legal_token():
    logits = torch.tensor([[5.0, -INF, 7.0], [1.0, 1.0, -INF]])
    assert choose_tokens(logits, Sampling(), None).tolist() == [2, 0]


def test_draw_inverts_the_distribution():
    logits = torch.log(torch.tensor([[0.5, 0.0, 0.25, 0.25]]))
    edges = [0.0, 0.499, 0.501, 0.749, 0.751, 1 - 2**-53]
    uniforms = torch.tensor(edges, dtype=torch.float64)
    assert draw_tokens(logits.expand(6, -1), uniforms).tolist() == [0, 0, 2, 2, 3, 3]


def test_draw_never_takes_a_forbidden_token():
    logits = torch.randn(1, 1000)
    logits[:, ::2] = -INF
    logits[:, -10:] = -INF
    uniforms = torch.cat([torch.rand(2000, dtype=torch.float64), torch.tensor([0.0, 1 - 2**-53]).double()])
    drawn = draw_tokens(logits.expand(2002, -1), uniforms)
    assert torch.isfinite(logits[0, drawn]).all()


def test_draw_has_the_law_of_softmax():
    logits = torch.randn(1, 6)
    n = 40_000
    uniforms = (torch.arange(n, dtype=torch.float64) + 0.5) / n  # a grid: the law is exact up to 1/n
    counts = torch.bincount(draw_tokens(logits.expand(n, -1), uniforms), minlength=6) / n
    assert torch.allclose(counts, torch.softmax(logits[0], -1), atol=2 / n)


def kept(logits, **settings):
    warped = warp_logits(torch.tensor([logits]), Sampling(temperature=1.0, **settings))
    return warped[0].isfinite().nonzero().flatten().tolist()


def test_top_k_counts_legal_tokens():
    assert kept([9.0, 1.0, 2.0, 3.0], top_k=2) == [0, 3]
    assert kept([-INF, 1.0, -INF, 3.0], top_k=3) == [1, 3]  # fewer legal tokens than k
    assert kept([-INF, 1.0, -INF, -INF], top_k=1) == [1]
    assert kept([1.0, 1.0, 0.0], top_k=1) == [0, 1]  # ties stay
    assert kept([1.0, 2.0], top_k=50) == [0, 1]


def test_top_p_counts_legal_mass():
    logits = [float(x) for x in torch.log(torch.tensor([0.1, 0.6, 0.3]))]
    assert kept(logits, top_p=0.5) == [1]
    assert kept(logits, top_p=0.61) == [1, 2]
    assert kept(logits, top_p=0.95) == [0, 1, 2]
    assert kept([-INF, 0.0, -INF], top_p=0.01) == [1]
    assert kept([50.0, 0.0, -INF], top_p=1e-9) == [0]


def test_warping_comes_after_the_mask():
    """Legal tokens far below the forbidden ones must not be cut away by top-k or top-p."""
    logits = torch.tensor([[100.0, 99.0, -50.0, -51.0]])
    masked = apply_mask(logits, packed({2, 3}, 1))
    for settings in ({"top_k": 1}, {"top_p": 0.1}, {"top_k": 2, "top_p": 0.5}):
        warped = warp_logits(masked, Sampling(temperature=0.7, **settings))
        assert warped[0, 2].isfinite(), settings
        assert not warped[0, :2].isfinite().any()


def test_temperature_divides():
    logits = torch.tensor([[1.0, 2.0, -INF]])
    expected = torch.softmax(logits / 0.5, -1)
    assert torch.allclose(torch.softmax(warp_logits(logits, Sampling(temperature=0.5)), -1), expected)
    tiny = warp_logits(logits * 1e6, Sampling(temperature=1e-38))
    assert torch.softmax(tiny, -1)[0].tolist() == [0.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([-INF, -INF, -INF], "no token is left"),
        ([0.0, float("nan"), -INF], "NaN"),
        ([0.0, INF, -INF], r"\+inf"),
    ],
)
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_nothing_to_choose_is_a_dead_end(row, message, temperature):
    logits = torch.tensor([[0.0, 0.0, 0.0], row])
    with pytest.raises(DeadEnd, match=f"row 1: .*{message}"):
        choose_tokens(logits, Sampling(temperature=temperature), torch.zeros(2).double())


def test_nan_under_the_mask_does_not_matter():
    logits = torch.tensor([[float("nan"), 1.0, 2.0]])
    assert choose_tokens(apply_mask(logits, packed({1, 2}, 1)), Sampling(), None).tolist() == [2]


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": -1.0},
        {"temperature": INF},
        {"temperature": float("nan")},
        {"temperature": 1.0, "top_k": 0},
        {"temperature": 1.0, "top_p": 0.0},
        {"temperature": 1.0, "top_p": 1.5},
        {"top_k": 5},
        {"top_p": 0.5},
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(GramaskError):
        Sampling(**settings)


PARTIAL = [
    ("", MISSING),
    ("  ", MISSING),
    ("1", MISSING),
    ("12 ", 12),
    ("-1.5e3,", -1500.0),
    ("tru", MISSING),
    ("true ", True),
    ('"', ""),
    ('"ab', "ab"),
    ('"ab\\', "ab"),
    ('"ab\\\\', "ab\\"),
    ('"ab\\u00', "ab"),
    ('"ab\\\\u00', "ab\\u00"),
    ('"ab\\u00e9', "abé"),
    ('"\\ud83d', ""),
    ('"\\ud83d\\', ""),
    ('"\\ud83d\\ude0', ""),
    ('"\\ud83d\\ude00', "😀"),
    ('"ab"', "ab"),
    ("[", []),
    ("[1", []),
    ("[1,", [1]),
    ('[1, "x', [1, "x"]),
    ("[[[", [[[]]]),
    ("{", {}),
    ('{"a', {}),
    ('{"a"', {}),
    ('{"a":', {}),
    ('{"a": 1', {}),
    ('{"a": 1}', {"a": 1}),
    ('{"a": 1, "b": "x', {"a": 1, "b": "x"}),
    ('{"a": {"b": [true, fal', {"a": {"b": [True]}}),
    ("hello", MISSING),
]


@pytest.mark.parametrize(("text", "value"), PARTIAL, ids=[repr(text) for text, _ in PARTIAL])
def test_partial_json(text, value):
    found = partial_json(text)
    assert found is MISSING if value is MISSING else found == value


def test_partial_json_of_every_prefix_grows_to_the_value():
    document = {"name": 'A"d\\a\n', "tags": ["é", "😀", ""], "n": [1, -2.5, None, True], "o": {"x": {}}}
    for text in (json.dumps(document), json.dumps(document, ensure_ascii=False, indent=2)):
        assert partial_json(text) == document
        for end in range(len(text)):
            value = partial_json(text[:end])
            assert value is MISSING or contains(document, value), text[:end]


def contains(whole, part):
    """Whether `part` is `whole` with endings missing."""
    if isinstance(whole, str):
        return isinstance(part, str) and whole.startswith(part)
    if isinstance(whole, list):
        return len(part) <= len(whole) and all(contains(w, p) for w, p in zip(whole, part, strict=False))
    if isinstance(whole, dict):
        return all(contains(whole[key], value) for key, value in part.items())
    return whole == part


def test_text_shows_whole_characters_only():
    text = Utf8Text()
    seen = []
    for byte in "aé😀".encode():
        text.feed(bytes([byte]))
        seen.append(text.whole)
    assert seen == ["a", "a", "aé", "aé", "aé", "aé", "aé😀"]
