"""Phrases in bytes, constraints that hold them, and searches for texts that do, against a naive `in`."""

from __future__ import annotations

import itertools
import math
import random
import re
from typing import Any

import numpy as np
import pytest
from table_model import (
    ENDS,
    LIMIT,
    PATTERNS,
    PHRASES,
    TEXTS,
    WIDE,
    TableModel,
    agrees,
    by_definition,
    constraint_of,
    holds,
    spelled,
)

from gramask.errors import GramaskError
from gramask.samplers import sample, search
from gramask.samplers.holding import Holding
from gramask.samplers.lexical import allocate
from gramask.samplers.phrases import NOTHING_READ, Phrases, PhraseTokens

METHODS_OF_PHRASES: list[dict[str, Any]] = [
    {"method": "lexical", "width": WIDE},
    {"method": "lookahead", "width": WIDE, "depth": 2},
    {"method": "best_first"},
    {"method": "best_first", "batch": 5},
]


@pytest.mark.parametrize("options", METHODS_OF_PHRASES, ids=str)
def test_all_texts_that_hold_phrases(options: dict[str, Any]) -> None:
    for pattern, phrases in itertools.product(PATTERNS, PHRASES):
        model = TableModel(len(pattern))
        expected = by_definition(model, pattern, 4, phrases=phrases, limit=3)
        found = search(model, constraint_of(pattern), 4, max_tokens=3, phrases=phrases, **options)
        assert agrees(found, expected) and found.is_optimal
        if not expected:
            assert found.stats.stopped == "no text holds all phrases"


@pytest.mark.parametrize("method", ["lexical", "lookahead"])
def test_narrow_beams_return_no_text_without_its_phrases(method: str) -> None:
    n_found = {1: 0, 3: 0, 8: 0}
    for pattern, phrases, width in itertools.product(PATTERNS, PHRASES, n_found):
        model = TableModel(width)
        options: dict[str, Any] = {"method": method, "width": width, "phrases": phrases}
        found = search(model, constraint_of(pattern), 2, max_tokens=LIMIT, **options)
        every = by_definition(model, pattern, WIDE, phrases=phrases)
        assert set(found.tokens) <= {tokens for _, tokens in every}
        assert not found.is_optimal or agrees(found, every[:2])
        assert all(s <= found.log_bound + 1e-12 for s, tokens in every if tokens not in found.tokens)
        if not found.tokens:
            reason = (
                "no text holds all phrases" if found.is_optimal else "no hypothesis came to hold all phrases"
            )
            assert found.stats.stopped == reason
        n_found[width] += bool(found.tokens) if every else 0
    assert n_found[1] <= n_found[3] <= n_found[8]
    assert n_found[8] == sum(
        bool(by_definition(TableModel(8), p, 1, phrases=f)) for p in PATTERNS for f in PHRASES
    )


def test_banks_find_what_a_beam_loses() -> None:
    """The control: the best hypotheses alone seldom hold the phrases, at the same width."""
    n_lost = 0
    for seed in range(30):
        options: dict[str, Any] = {"max_tokens": LIMIT, "width": 4}
        phrases = [b"bba", b"aab"]
        alone = search(TableModel(seed), constraint_of("[ab]*"), 4, method="beam", **options)
        n_lost += not any(holds(tokens, phrases) for tokens in alone.tokens)
        found = search(TableModel(seed), constraint_of("[ab]*"), method="lexical", phrases=phrases, **options)
        assert holds(found.tokens[0], phrases)
    assert n_lost > 20


@pytest.mark.parametrize("n_phrases", [1, 3, 40])
def test_a_step_costs_the_same_however_many_phrases_there_are(n_phrases: int) -> None:
    rng = random.Random(0)
    phrases = [bytes(rng.choices(b"ab", k=5)) for _ in range(n_phrases)]
    model = TableModel(0)
    options: dict[str, Any] = {"phrases": phrases, "width": 6}
    search(model, constraint_of("[ab]*"), method="lexical", max_tokens=12, **options)
    assert max(model.asked) <= 6 and len(model.asked) <= 13


def test_phrases_are_read_in_bytes() -> None:
    """Random phrases in random texts, read in random pieces."""
    rng = random.Random(0)
    for _ in range(500):
        groups = [
            tuple(bytes(rng.choices(b"abc", k=rng.randint(1, 4))) for _ in range(rng.randint(1, 2)))
            for _ in range(rng.randint(0, 4))
        ]
        phrases, text, state = Phrases(groups), b"", NOTHING_READ
        for _ in range(rng.randint(0, 6)):
            piece = bytes(rng.choices(b"abc", k=rng.randint(0, 4)))
            text, state = text + piece, phrases.advance(state, piece)
            missing = [group for group in groups if not any(phrase in text for phrase in group)]
            matched = max(
                (
                    n
                    for group in missing
                    for phrase in group
                    for n in range(len(phrase))
                    if text.endswith(phrase[:n])
                ),
                default=0,
            )
            held_bytes = sum(max(map(len, group)) for group in groups if group not in missing)
            assert phrases.are_held(state) == (not missing)
            assert phrases.progress(state) == held_bytes + matched
            assert (phrases.progress(state) == phrases.n_bytes) == (not missing)
            more = [bytes(t) for n in range(4) for t in itertools.product(b"abc", repeat=n)]
            enough = [t for t in more if all(any(p in text + t for p in group) for group in groups)]
            assert phrases.needed_bytes(state) <= min(map(len, enough), default=99)


def test_tokens_that_get_further() -> None:
    """As one sees when they are read one by one."""
    rng = random.Random(0)
    tokens = [bytes(rng.choices(b"abc", k=rng.randint(0, 5))) for _ in range(60)]
    for _ in range(60):
        phrases = Phrases([bytes(rng.choices(b"abc", k=rng.randint(1, 5))) for _ in range(rng.randint(1, 4))])
        state = phrases.advance(NOTHING_READ, bytes(rng.choices(b"abc", k=rng.randint(0, 6))))
        expected = []
        for token, text in enumerate(tokens):
            after = phrases.advance(state, text)
            before = phrases.missing(after[1] & state[1]).matched
            if after[1] != state[1] or before[after[0]] > before[state[0]]:
                expected.append(token)
        assert PhraseTokens(phrases, tokens).advancing(state).tolist() == expected


@pytest.mark.parametrize(
    ("sizes", "last", "width", "slots"),
    [
        ({0: 9, 1: 9, 2: 9}, 2, 6, {0: 2, 1: 2, 2: 2}),
        ({0: 9, 1: 9, 2: 9}, 2, 8, {0: 2, 1: 2, 2: 4}),
        ({0: 9, 2: 1}, 2, 6, {0: 5, 2: 1}),
        ({0: 9, 3: 9, 5: 1}, 9, 4, {0: 1, 3: 2, 5: 1}),
        ({0: 1, 1: 1}, 1, 8, {0: 1, 1: 1}),
        ({}, 3, 8, {}),
    ],
)
def test_shares_of_banks(sizes: dict[int, int], last: int, width: int, slots: dict[int, int]) -> None:
    assert allocate(sizes, last, width) == slots


def test_masks_of_a_constraint_that_holds_phrases() -> None:
    """They are what `advance` takes; and a text is complete if it is one of the constraint and holds them."""
    rng, words = random.Random(0), np.zeros(1, np.int32)
    for pattern, phrases in itertools.product(PATTERNS, PHRASES):
        holding = Holding(constraint_of(pattern), Phrases(phrases))
        matcher, tokens = holding.matcher(), ()
        while True:
            matcher.fill_mask(words)
            allowed = [t for t in range(len(TEXTS) + len(ENDS)) if words[0] >> t & 1]
            assert allowed == [t for t in range(len(TEXTS) + len(ENDS)) if matcher.fork().advance(t)]
            complete = bool(re.fullmatch(pattern.encode(), spelled(tokens))) and holds(tokens, phrases)
            assert matcher.is_accepting() == complete == (ENDS[0] in allowed)
            going_on = [token for token in allowed if token not in ENDS]
            if not complete and holds(tokens, phrases):
                assert matcher.closing_tokens()
            if not holds(tokens, phrases):
                with pytest.raises(GramaskError, match="a phrase is missing"):
                    matcher.closing_tokens()
            if not going_on or len(tokens) == 6:
                break
            tokens = (*tokens, rng.choice(going_on))
            assert matcher.advance(tokens[-1]) and not matcher.is_finished()
        if complete:
            assert (
                holding.parse(spelled(tokens).decode()) and matcher.advance(ENDS[1]) and matcher.is_finished()
            )
    with pytest.raises(GramaskError, match="does not hold all phrases"):
        Holding(constraint_of("[ab]*"), Phrases(["ab"])).parse("aaa")


def test_samplers_take_phrases_too() -> None:
    """A constraint that holds phrases is one like any other: samples of it have the model's law."""
    model = TableModel(3)
    constraint = Holding(constraint_of("[ab]*"), Phrases(["aba"]))
    found = sample(model, constraint, 400, max_tokens=3, seed=0, batch=8)
    expected = by_definition(model, "[ab]*", WIDE, phrases=[b"aba"], limit=3)
    assert set(found.tokens) <= {tokens for _, tokens in expected}
    assert found.log_z == pytest.approx(math.log(sum(math.exp(s) for s, _ in expected)), abs=0.3)
