"""`fill_masks` against `Matcher.fill_mask`, row by row."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import gramask

TOKENS = [*(bytes([byte]) for byte in range(256)), b'": ', b'", "', b"12", b"true", b"ab", b'{"']
VOCABULARY = gramask.Vocabulary([*TOKENS, b""], eos_ids=[len(TOKENS)])
SCHEMAS: list[Any] = [
    True,
    {"type": "string", "maxLength": 3},
    {"type": "array", "items": {"enum": [1, 2, "a"]}, "uniqueItems": True},
    {"type": "object", "additionalProperties": {"type": "boolean"}},
    {"enum": [12]},
    gramask.regex("(ab)+"),
]


def _wander(matcher: gramask.Matcher, n: int, rng: random.Random) -> None:
    """Take `n` random tokens, EOS among them; further ones are not allowed behind it."""
    mask = np.empty(matcher.constraint.n_words, np.int32)
    for _ in range(n):
        if matcher.is_finished():
            return
        matcher.fill_mask(mask)
        allowed = np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little"))
        assert matcher.advance(int(rng.choice(allowed.tolist())))


def _matchers(seed: int, n: int = 12, **options: Any) -> list[gramask.Matcher]:
    rng = random.Random(seed)
    found = []
    for index in range(n):
        constraint = gramask.compile(SCHEMAS[index % len(SCHEMAS)], VOCABULARY, cache=False, **options)
        found.append(constraint.matcher())
        _wander(found[-1], rng.randrange(8), rng)
    return found


def _one_by_one(matchers: list[gramask.Matcher]) -> np.ndarray:
    rows = np.empty((len(matchers), matchers[0].constraint.n_words), np.int32)
    for row, matcher in zip(rows, matchers):
        matcher.fill_mask(row)
    return rows


@pytest.mark.parametrize("seed", range(5))
def test_rows_are_those_of_the_loop(seed: int) -> None:
    matchers = _matchers(seed)
    out = np.full((len(matchers), matchers[0].constraint.n_words), 7, np.int32)
    # Of new matchers, of the same again, and with one of them twice.
    for batch in (matchers, matchers, [*matchers[:-1], matchers[0]]):
        gramask.fill_masks(batch, out)
        assert np.array_equal(out, _one_by_one(batch))


def test_steps_of_a_batch() -> None:
    matchers, rng = _matchers(1, n=6), random.Random(2)
    out = np.empty((6, matchers[0].constraint.n_words), np.int32)
    for _ in range(6):
        gramask.fill_masks(matchers, out)
        assert np.array_equal(out, _one_by_one(matchers))
        for matcher in matchers:
            _wander(matcher, 1, rng)


def test_filling_does_not_change_what_is_kept() -> None:
    (matcher,) = _matchers(3, n=1)
    out = np.empty((1, matcher.constraint.n_words), np.int32)
    gramask.fill_masks([matcher], out)
    before = out.copy()
    out[:] = 0
    gramask.fill_masks([matcher], out)
    assert np.array_equal(out, before) and before.any()


def test_padded_rows() -> None:
    matchers = _matchers(4, n_logits=400)
    out = np.full((len(matchers), 13), -1, np.int32)
    gramask.fill_masks(tuple(matchers), out)
    assert np.array_equal(out, _one_by_one(matchers))


def test_an_empty_batch() -> None:
    gramask.fill_masks([], np.empty((0, 9), np.int32))


@pytest.mark.parametrize(
    ("shape", "dtype", "found"),
    [
        ((2, 9), np.int64, r"int64\[2, 9\]"),
        ((3, 9), np.int32, r"int32\[3, 9\]"),
        ((18,), np.int32, r"int32\[18\]"),
        ((2, 3, 3), np.int32, r"int32\[2, 3, 3\]"),
    ],
)
def test_another_shape_is_refused(shape: tuple[int, ...], dtype: type, found: str) -> None:
    with pytest.raises(gramask.GramaskError, match=rf"int32\[2, n_words\], C-contiguous, not {found}"):
        gramask.fill_masks(_matchers(0, n=2), np.empty(shape, dtype))


def test_what_is_not_contiguous_or_no_array_is_refused() -> None:
    matchers = _matchers(0, n=2)
    with pytest.raises(gramask.GramaskError, match="not C-contiguous"):
        gramask.fill_masks(matchers, np.empty((2, 18), np.int32)[:, ::2])
    with pytest.raises(gramask.GramaskError, match="not list"):
        gramask.fill_masks(matchers, [[0] * 9] * 2)  # type: ignore[arg-type]


def test_another_width_names_the_row() -> None:
    matchers = [*_matchers(0, n=2), *_matchers(0, n=1, n_logits=400)]
    with pytest.raises(gramask.GramaskError, match=r"row 2 has 13 words.* 9.*n_logits"):
        gramask.fill_masks(matchers, np.empty((3, 9), np.int32))


def test_a_dead_end_names_the_row() -> None:
    lacking = gramask.Vocabulary(
        [*TOKENS[:97], b"", *TOKENS[98:256], *TOKENS[256:260], b"x", b"y", b""], eos_ids=[262]
    )
    matchers = [
        gramask.compile(gramask.regex(pattern), lacking).matcher() for pattern in ("b+", "c|d", "a", "b")
    ]
    with pytest.raises(gramask.DeadEnd, match=r"^row 2: no token of the vocabulary"):
        gramask.fill_masks(matchers, np.empty((4, matchers[0].constraint.n_words), np.int32))
