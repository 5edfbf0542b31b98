"""What holds for every schema, vocabulary and text: masks mean what they should, and matchers are values."""

from __future__ import annotations

import json
import os
import random
from collections import deque
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from reference.mask import mask_by_definition
from reference.membership import Membership
from reference.repeats import repeats_a_name
from reference.viability import Grammar, Options
from strategies import (
    EOS,
    MERGES,
    TextMaker,
    byte_tokens,
    merged_tokens,
    mutate,
    random_schema,
    schemas,
    tokenize,
)

import gramask

TOKENS = [*merged_tokens(), b"", EOS]
END = len(TOKENS) - 1
VOCABULARY = gramask.Vocabulary(TOKENS, eos_ids=[END])
# More examples find more: raise it before a release.
EXAMPLES = int(os.environ.get("GRAMASK_LAW_EXAMPLES", "40"))
LAW = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)
ORDERS = st.sampled_from(["schema", "any"])


def compiled(
    schema: Any, vocabulary: gramask.Vocabulary = VOCABULARY, **options: Any
) -> gramask.Constraint | None:
    """The constraint, None where no document satisfies the schema."""
    try:
        return gramask.compile(schema, vocabulary, **options)
    except gramask.UnsatisfiableSchema:
        return None


def allowed(matcher: gramask.Matcher) -> set[int]:
    """The token ids of the mask."""
    mask = np.empty(matcher.constraint.n_words, np.int32)
    matcher.fill_mask(mask)
    bits = np.unpackbits(mask.view(np.uint8), bitorder="little")
    return set(np.flatnonzero(bits).tolist())


def walk(matcher: gramask.Matcher, rng: random.Random, steps: int) -> Iterator[set[int]]:
    """Take random allowed tokens, yielding the mask before each; once in a while close the text instead."""
    for _ in range(steps):
        mask = allowed(matcher)
        yield mask
        text = sorted(mask - {END})
        if not text or (END in mask and rng.random() < 0.2):
            return
        structural = [t for t in text if TOKENS[t].strip(b' "{}[]:,\n\r\t') == b"" or len(TOKENS[t]) > 1]
        pool = structural if structural and rng.random() < 0.6 else text
        assert matcher.advance(rng.choice(pool))


@cache
def oracles(schema_text: str, order: str, whitespace: int = 32) -> tuple[Grammar, Grammar]:
    """The least and the most that may be accepted: they differ in the exponents of bounded numbers."""
    schema = json.loads(schema_text)
    least, most = (Grammar(schema, Options(whitespace, order, exponents)) for exponents in (False, True))
    return least, most


def expected(grammar: Grammar, prefix: bytes) -> set[int]:
    """The mask by definition."""
    here = grammar.feed(grammar.start(), prefix)
    texts = mask_by_definition(
        lambda text: bool(grammar.feed(here, text)) and not repeats_a_name(prefix + text), TOKENS[:END]
    )
    return texts | ({END} if grammar.accepting(here) else set())


@LAW
@given(schemas(depth=2), ORDERS, st.integers(0, 2**32))
def test_mask_is_its_definition(schema: Any, order: str, seed: int) -> None:
    least, most = oracles(json.dumps(schema), order)
    constraint = compiled(schema, order=order)
    assert (constraint is not None) == most.satisfiable
    if constraint is None:
        return
    rng = random.Random(seed)
    matcher, prefix = constraint.matcher(), b""
    for _ in range(25):
        mask = allowed(matcher)
        assert texts_of(expected(least, prefix) - mask) == [], f"missing after {prefix!r}"
        assert texts_of(mask - expected(most, prefix)) == [], f"too many after {prefix!r}"
        text = sorted(mask - {END})
        if not text:
            break
        token = rng.choice(text)
        assert matcher.advance(token)
        prefix += TOKENS[token]


def texts_of(tokens: set[int]) -> list[bytes]:
    return [TOKENS[t] for t in sorted(tokens)]


@LAW
@given(schemas(), ORDERS, st.integers(0, 2**32))
def test_every_text_of_the_language_is_accepted(schema: Any, order: str, seed: int) -> None:
    least, most = oracles(json.dumps(schema), order)
    constraint = compiled(schema, order=order)
    if constraint is None:
        return
    rng = random.Random(seed)
    maker = TextMaker(rng, least.shapes, in_order=order == "schema")
    for text in filter(None, (maker.document() for _ in range(4))):
        assert takes(constraint, tokenize(rng, text, TOKENS[:END])), text
        for edited in (mutate(rng, text) for _ in range(3)):
            taken = takes(constraint, tokenize(rng, edited, TOKENS[:END]))
            assert taken <= most.accepts(edited), edited
            if least.accepts(edited):
                assert taken != repeats_a_name(edited), edited


def takes(constraint: gramask.Constraint, tokens: list[int]) -> bool:
    matcher = constraint.matcher()
    return all(map(matcher.advance, tokens)) and matcher.is_accepting()


@LAW
@given(schemas(), ORDERS, st.integers(0, 2**32))
def test_advance_agrees_with_the_mask(schema: Any, order: str, seed: int) -> None:
    constraint = compiled(schema, order=order)
    if constraint is None:
        return
    matcher = constraint.matcher()
    for mask in walk(matcher, random.Random(seed), 15):
        before = matcher.state_id
        for token in range(len(TOKENS)):
            taken = matcher.advance(token)
            assert taken == (token in mask), TOKENS[token]
            if taken:
                matcher.rollback(1)
            assert matcher.state_id == before
        assert allowed(matcher) == mask
        assert (END in mask) == matcher.is_accepting()
        assert mask, "a dead end"


@LAW
@given(schemas(), st.integers(0, 2**32))
def test_rollback_undoes_advance(schema: Any, seed: int) -> None:
    constraint = compiled(schema)
    if constraint is None:
        return
    matcher, rng = constraint.matcher(), random.Random(seed)
    seen = []
    while len(seen) < 20:
        mask = allowed(matcher)
        seen.append((matcher.state_id, mask))
        assert matcher.advance(rng.choice(sorted(mask)))
    final, steps = matcher.state_id, len(seen)
    for n in range(1, steps + 1):
        back = matcher.fork()
        back.rollback(n)
        assert (back.state_id, allowed(back)) == seen[steps - n]
    assert matcher.state_id == final
    with pytest.raises(gramask.GramaskError):
        matcher.rollback(steps + 1)
    assert matcher.state_id == final


@LAW
@given(schemas(), st.integers(0, 2**32))
def test_forks_are_independent(schema: Any, seed: int) -> None:
    constraint = compiled(schema)
    if constraint is None:
        return
    rng = random.Random(seed)
    matcher = constraint.matcher()
    for mask in walk(matcher, rng, 10):
        fork = matcher.fork()
        assert fork.state_id == matcher.state_id
        for _ in walk(fork, rng, 3):
            pass
        assert allowed(matcher) == mask


@LAW
@given(schemas(), st.integers(0, 2**32))
def test_equal_states_have_equal_masks(schema: Any, seed: int) -> None:
    constraint = compiled(schema)
    if constraint is None:
        return
    masks: dict[Any, set[int]] = {}
    rng = random.Random(seed)
    for _ in range(3):
        matcher = constraint.matcher()
        for mask in walk(matcher, rng, 15):
            assert masks.setdefault(matcher.state_id, mask) == mask
    # A matcher of a constraint that has not been walked yet gives the same masks.
    fresh = gramask.compile(schema, VOCABULARY, cache=False).matcher()
    assert allowed(fresh) == allowed(constraint.matcher())


@LAW
@given(schemas(), st.integers(0, 2**32))
def test_only_eos_follows_eos(schema: Any, seed: int) -> None:
    constraint = compiled(schema)
    if constraint is None:
        return
    matcher = finish(constraint, random.Random(seed))
    before = matcher.state_id
    assert not matcher.is_finished()
    assert matcher.advance(END)
    assert matcher.is_finished() and matcher.is_accepting()
    assert allowed(matcher) == {END}
    assert not any(matcher.advance(token) for token in range(END))
    assert matcher.advance(END)
    assert matcher.forced_tokens(4) == []
    matcher.rollback(2)
    assert matcher.state_id == before and not matcher.is_finished()


def finish(constraint: gramask.Constraint, rng: random.Random) -> gramask.Matcher:
    """A matcher at a complete text: a random walk, then its closing tokens."""
    matcher = constraint.matcher()
    for _ in walk(matcher, rng, rng.randint(0, 25)):
        pass
    for token in matcher.closing_tokens():
        assert matcher.advance(token)
    assert matcher.is_accepting()
    return matcher


@LAW
@given(schemas(), ORDERS, st.integers(0, 2**32))
def test_finished_documents_are_valid(schema: Any, order: str, seed: int) -> None:
    constraint = compiled(schema, order=order)
    if constraint is None:
        return
    members = Membership(schema, Options(order=order))
    rng = random.Random(seed)
    for _ in range(4):
        matcher, text = constraint.matcher(), b""
        for _ in range(rng.randint(0, 25)):
            tokens = sorted(t for t in allowed(matcher) - {END} if b"e" not in TOKENS[t].lower())
            if not tokens:
                break
            token = rng.choice(tokens)
            assert matcher.advance(token)
            text += TOKENS[token]
        closing = matcher.closing_tokens()
        assert all(map(matcher.advance, closing)), (text, closing)
        assert matcher.is_accepting()
        text += b"".join(TOKENS[t] for t in closing)
        assert members.accepts(text), text


@LAW
@given(schemas(), st.integers(0, 2**32))
def test_closing_tokens_reach_the_end(schema: Any, seed: int) -> None:
    constraint = compiled(schema)
    if constraint is None:
        return
    matcher = constraint.matcher()
    for _ in walk(matcher, random.Random(seed), 20):
        closing = matcher.closing_tokens()
        assert (closing == []) == matcher.is_accepting()
        assert 0 <= matcher.min_tokens_to_accept <= len(closing)
        assert (matcher.min_tokens_to_accept == 0) == matcher.is_accepting()
        fork = matcher.fork()
        for done, token in enumerate(closing):
            assert not fork.is_accepting()
            # Each token brings the end nearer by at most one token.
            assert fork.min_tokens_to_accept <= len(closing) - done
            assert fork.advance(token)
        assert fork.is_accepting()


@LAW
@given(schemas(depth=1), st.integers(0, 2**32))
def test_min_tokens_is_a_lower_bound(schema: Any, seed: int) -> None:
    constraint = compiled(schema)
    if constraint is None:
        return
    matcher = constraint.matcher()
    for _ in walk(matcher, random.Random(seed), 8):
        assert matcher.min_tokens_to_accept <= shortest_completion(matcher, limit=4)


def shortest_completion(matcher: gramask.Matcher, *, limit: int) -> int:
    """The least number of tokens to a complete text by breadth-first search; `limit` if it is not less."""
    queue, seen = deque([(matcher.fork(), 0)]), {matcher.state_id}
    while queue:
        here, n = queue.popleft()
        if here.is_accepting():
            return n
        if n == limit or len(seen) > 2000:
            return limit if n == limit else len(matcher.closing_tokens())
        for token in allowed(here):
            after = here.fork()
            assert after.advance(token)
            if after.state_id not in seen:
                seen.add(after.state_id)
                queue.append((after, n + 1))
    raise AssertionError("no completion at all")


@LAW
@given(schemas(), st.integers(0, 2**32))
def test_forced_tokens_are_allowed_and_forced(schema: Any, seed: int) -> None:
    constraint = compiled(schema, whitespace="compact")
    least, _ = oracles(json.dumps(schema), "schema", whitespace=0)
    if constraint is None:
        return
    matcher, prefix = constraint.matcher(), b""
    rng = random.Random(seed)
    for _ in range(12):
        forced = matcher.forced_tokens(8)
        assert len(forced) <= 8
        fork, here = matcher.fork(), prefix
        for token in forced:
            assert not fork.is_accepting() or fork.is_finished()
            assert fork.advance(token), (here, TOKENS[token])
            assert is_forced(least, here, TOKENS[token]), (here, TOKENS[token])
            here += TOKENS[token]
        tokens = sorted(allowed(matcher) - {END})
        if not tokens:
            return
        token = rng.choice(tokens)
        assert matcher.advance(token)
        prefix += TOKENS[token]


def is_forced(grammar: Grammar, prefix: bytes, text: bytes) -> bool:
    """Whether after `prefix` each byte of `text` is the only way on, a character's escapes left aside."""
    for at in range(len(text)):
        here = grammar.feed(grammar.start(), prefix + text[:at])
        others = [byte for byte in range(256) if grammar.feed(here, bytes([byte])) and byte != text[at]]
        if grammar.accepting(here) or any(byte != ord("\\") for byte in others):
            return False
    return True


@LAW
@given(schemas(), st.integers(0, 2**32))
def test_every_byte_vocabulary_has_no_dead_end(schema: Any, seed: int) -> None:
    vocabulary = gramask.Vocabulary([*byte_tokens(), EOS], eos_ids=[256])
    constraint = compiled(schema, vocabulary)
    if constraint is None:
        return
    rng = random.Random(seed)
    matcher = constraint.matcher()
    for _ in range(60):
        tokens = sorted(allowed(matcher) - {256})
        if not tokens:
            assert matcher.is_accepting()
            return
        assert matcher.advance(rng.choice(tokens))


@pytest.mark.parametrize("n_logits", [None, len(TOKENS) + 1, len(TOKENS) + 64])
def test_padding_is_never_allowed(n_logits: int | None) -> None:
    constraint = gramask.compile(True, VOCABULARY, n_logits=n_logits)
    matcher = constraint.matcher()
    assert max(allowed(matcher)) < len(TOKENS)
    assert matcher.advance(TOKENS.index(b"null"))
    assert matcher.advance(END)
    assert allowed(matcher) == {END}


def test_special_tokens_never_match_text() -> None:
    tokens = [*byte_tokens(), b"a", b"<eos>", b"<|x|>", b"<eos>"]
    vocabulary = gramask.Vocabulary(tokens, eos_ids=[257], special_ids=[258])
    matcher = gramask.compile({"type": "string"}, vocabulary).matcher()
    assert matcher.advance(ord('"'))
    assert {256, 259} <= allowed(matcher)
    assert not {257, 258} & allowed(matcher)
    assert not matcher.advance(257) and not matcher.advance(258)
    assert matcher.advance(259) and matcher.advance(ord('"'))
    assert {257} == allowed(matcher) - {9, 10, 13, 32}


def test_several_eos_ids() -> None:
    vocabulary = gramask.Vocabulary([*byte_tokens(), b"<a>", b"<b>"], eos_ids=[256, 257])
    matcher = gramask.compile({"const": 1}, vocabulary, whitespace="compact").matcher()
    assert not {256, 257} & allowed(matcher)
    assert matcher.advance(ord("1"))
    assert {256, 257} <= allowed(matcher)
    assert matcher.advance(257)
    assert allowed(matcher) == {256, 257}
    assert matcher.advance(256)


def test_duplicate_tokens_share_their_fate() -> None:
    matcher = gramask.compile(
        {"type": "object", "properties": {"a": {}}, "required": ["a"]}, VOCABULARY
    ).matcher()
    twins = [t for t, text in enumerate(TOKENS) if text == b'":']
    assert len(twins) == 2
    assert matcher.advance(TOKENS.index(b'{"')) and matcher.advance(ord("a"))
    assert set(twins) <= allowed(matcher)


def test_vocabulary_that_cannot_end_is_a_dead_end() -> None:
    tokens = [b'"', b"a", b"<eos>"]
    matcher = gramask.compile({"const": "b"}, gramask.Vocabulary(tokens, eos_ids=[2])).matcher()
    assert matcher.advance(0)
    with pytest.raises(gramask.DeadEnd):
        allowed(matcher)


@pytest.mark.parametrize("shape", [0, 1, (len(TOKENS) + 31) // 32 - 1, (len(TOKENS) + 31) // 32 + 1])
def test_mask_of_wrong_shape(shape: int) -> None:
    matcher = gramask.compile(True, VOCABULARY).matcher()
    with pytest.raises(gramask.GramaskError, match="int32"):
        matcher.fill_mask(np.zeros(shape, np.int32))


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.bool_])
def test_mask_of_wrong_dtype(dtype: Any) -> None:
    constraint = gramask.compile(True, VOCABULARY)
    with pytest.raises(gramask.GramaskError, match="int32"):
        constraint.matcher().fill_mask(np.zeros(constraint.n_words, dtype))


@pytest.mark.parametrize("token", [-1, len(TOKENS), 10**9, -(2**31)])
def test_token_out_of_range(token: int) -> None:
    matcher = gramask.compile(True, VOCABULARY).matcher()
    before = matcher.state_id
    with pytest.raises(gramask.GramaskError, match="outside"):
        matcher.advance(token)
    assert matcher.state_id == before


def test_random_schemas_are_reproducible() -> None:
    assert random_schema(random.Random(7)) == random_schema(random.Random(7))
    assert len(MERGES) > 50


@pytest.mark.parametrize("seed", range(60))
def test_oracles_agree(seed: int) -> None:
    """The grammar accepts what the parser, `jsonschema` and the order of keys accept."""
    rng = random.Random(seed)
    schema = random_schema(rng)
    order = rng.choice(["schema", "any"])
    grammar, members = Grammar(schema, Options(order=order)), Membership(schema, Options(order=order))
    maker = TextMaker(rng, grammar.shapes, in_order=order == "schema")
    for text in filter(None, (maker.document() for _ in range(5))):
        assert grammar.accepts(text) and members.accepts(text)
        assert all(grammar.viable(text[:n]) for n in range(len(text)))
        for edited in (mutate(rng, text) for _ in range(3)):
            assert grammar.accepts(edited) == members.accepts(edited)
