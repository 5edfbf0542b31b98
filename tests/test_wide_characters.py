"""Masks where characters of several bytes are taken as a whole, against their definition: `advance` on a fork."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import EOS, byte_tokens

import gramask

CHARACTERS = "ab0 \n;éêÃßЖд\u07ff\u0800あ漢\ud7ff\ue000\uffee\u2019\u2028😀\U0010ffff"
RANGES = (
    *((0x61, 0x7A), (0x20, 0x20), (0xE9, 0xE9), (0xC0, 0xD6), (0x370, 0x37D), (0x400, 0x4FF), (0x80, 0x7FF)),
    *((0x80, 0xFFFF), (0x80, 0x10FFFF), (0x800, 0xD7FF), (0x3040, 0x9FFF), (0x10000, 0x10FFFF)),
    *((0x2019, 0x2019), (0xE000, 0xFFFF), (0, 0x7F)),
)
STEPS = 6


def cut_tokens(rng: random.Random, n: int) -> list[bytes]:
    """Distinct texts of one to four characters, some of them cut inside the first or the last one."""
    found: dict[bytes, None] = {}
    while len(found) < n:
        text = "".join(rng.choices(CHARACTERS, k=rng.randint(1, 4))).encode()
        first = rng.choice((0, 0, 1, 2))
        token = text[first : max(first + 1, len(text) - rng.choice((0, 0, 1, 2)))]
        if len(token) > 1:
            found[token] = None
    return list(found)


MALFORMED = [
    b"\xc3a",
    b"\xe2\x80a",
    b"\xe2\xe2",
    b"a\x80",
    b"\xf0\x9fa",
    b"\xc3\xa9\x80",
    b"\xc3\xa9\xc0",
    b"\xed\xa0\x80",
]
TOKENS = [*byte_tokens(), *cut_tokens(random.Random(0), 200), *MALFORMED]
VOCABULARY = gramask.Vocabulary([*TOKENS, EOS], eos_ids=[len(TOKENS)])

CLASSES = st.tuples(
    st.sampled_from(("", "^")), st.lists(st.sampled_from(RANGES), min_size=1, max_size=3)
).map(lambda found: f"[{found[0]}" + "".join(f"\\U{low:08X}-\\U{high:08X}" for low, high in found[1]) + "]")
PARTS = st.recursive(
    st.one_of(CLASSES, CLASSES, CLASSES, st.just("root")),
    lambda parts: st.one_of(
        st.lists(parts, min_size=1, max_size=3).map(lambda found: f"({' '.join(found)})"),
        st.lists(parts, min_size=2, max_size=2).map(lambda found: f"({' | '.join(found)})"),
        st.tuples(parts, st.sampled_from(("*", "+", "?", "{2,4}"))).map(
            lambda found: f"({found[0]}){found[1]}"
        ),
    ),
    max_leaves=5,
)


def allowed(matcher: gramask.Matcher) -> set[int]:
    mask = np.empty(matcher.constraint.n_words, np.int32)
    matcher.fill_mask(mask)
    bits = np.unpackbits(mask.view(np.uint8), bitorder="little")
    return set(np.flatnonzero(bits).tolist()) - set(VOCABULARY.eos_ids)


def check(constraint: gramask.Constraint, rng: random.Random) -> None:
    matcher = constraint.matcher()
    for _ in range(STEPS):
        mask = allowed(matcher)
        taken = {token for token in range(len(TOKENS)) if matcher.fork().advance(token)}
        assert mask == taken, [TOKENS[token] for token in mask ^ taken]
        if not mask:
            return
        wide = [token for token in sorted(mask) if token > 255]
        matcher.advance(rng.choice(wide or sorted(mask)))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(PARTS, PARTS, st.integers(0, 99))
def test_grammars(left: str, right: str, seed: int) -> None:
    grammar = gramask.gbnf(f'root ::= {left} other | ";"\nother ::= {right} | "(" root ")"')
    try:
        constraint = gramask.compile(grammar, VOCABULARY, cache=False)
    except (gramask.GrammarSyntaxError, gramask.CompileBudgetExceeded):
        return  # nothing of finite length, or too ambiguous
    check(constraint, random.Random(seed))


@pytest.mark.parametrize("chars", [r"[^\x01]", r"[a-z\u0080-\uffff]", r"[^\u2019;]"])
def test_any_text(chars: str) -> None:
    for seed in range(3):
        check(gramask.compile(gramask.gbnf(f"root ::= {chars}*"), VOCABULARY), random.Random(seed))


def test_schemas() -> None:
    names = ("[a-zé]+", "[^\u2019]*", "(é|ê|😀+)", "[\u0400-\u04ff]{1,3}")
    texts = ("[^a]*", "[\u0080-\uffff]+", "\\w+", "[^\u2028]{2,9}")
    for seed, (name, text) in enumerate(itertools.product(names, texts)):
        schema = {
            "type": "object",
            "propertyNames": {"pattern": f"^{name}$"},
            "additionalProperties": {"type": "string", "pattern": f"^{text}$"},
        }
        check(gramask.compile(schema, VOCABULARY), random.Random(seed))
