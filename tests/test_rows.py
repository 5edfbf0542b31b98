"""Rows of few words against the same rows in all words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gramask.errors import DeadEnd
from gramask.masks.kernels.walk import collect_words
from gramask.masks.row_store import RowStore
from gramask.masks.rows import AllWords, FewWords

N_WORDS = 50
TOKENS = st.frozensets(st.integers(0, 32 * N_WORDS - 1), max_size=40)


def _words(tokens: frozenset[int]) -> np.ndarray:
    words = np.zeros(N_WORDS, np.uint32)
    for token in tokens:
        words[token >> 5] |= np.uint32(1 << (token & 31))
    return words


def _few(words: np.ndarray) -> FewWords:
    places = np.flatnonzero(words)
    return FewWords(np.stack([places, words[places]]).astype(np.uint32), len(words))


@given(TOKENS, st.integers(0, N_WORDS))
def test_collected_words(tokens: frozenset[int], room: int) -> None:
    words, few = _words(tokens), np.zeros((2, room), np.uint32)
    n = collect_words(words, few)
    if np.count_nonzero(words) > room:
        assert n == -1
    else:
        assert (few[:, :n] == _few(words).words).all()
        assert n == np.count_nonzero(words)


@given(TOKENS, st.integers(1, N_WORDS))
def test_written_rows(tokens: frozenset[int], n: int) -> None:
    words = _words(tokens)
    for row in (_few(words), AllWords(words)):
        assert row.n_words == len(words)
        assert (row.dense() == words).all()
        assert row.is_empty == (not tokens)
        out = np.full(n, 7, np.uint32)
        row.put_beginning(out)
        assert (out == words[:n]).all()
        for step in (1, 2):
            room = np.full(step * N_WORDS, 7, np.int32)
            row.put(room[::step])
            assert (room[::step].view(np.uint32) == words).all()
            assert step == 1 or (room[1::2] == 7).all()


@given(TOKENS, TOKENS)
def test_rows_less_some_tokens(tokens: frozenset[int], less: frozenset[int]) -> None:
    words = _words(tokens)
    left = _words(tokens - less)
    for row in (AllWords(words.copy()), _few(words)):
        if less and not tokens - less:
            with pytest.raises(DeadEnd):
                row.without(less)
        else:
            assert (row.without(less).dense() == left).all()
        assert (row.dense() == words).all()


def test_equal_rows_of_few_words_are_one() -> None:
    store = RowStore()
    words = [_few(_words(frozenset(tokens))).words for tokens in ({3, 70}, {3, 70}, {3, 71}, {3})]
    first, same, other, less = (store.keep_few(few, N_WORDS) for few in words)
    assert first is same
    assert len({id(row) for row in (first, other, less, store.keep_few(words[0], N_WORDS + 1))}) == 4


def test_keys_of_rows_that_nobody_holds_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gramask.masks.row_store.FIRST_LOOK", 8)
    store = RowStore()
    held = store.keep_few(_few(_words(frozenset([1]))).words, N_WORDS)
    store.keep_recipe(("held",), held)
    store._last.clear()
    for i in range(100):
        store.keep_recipe((i,), FewWords(held.words, N_WORDS))
    assert store.made_by(("held",)) is held
    assert store.made_by((50,)) is None
    assert len(store._by_recipe._references) < 20
