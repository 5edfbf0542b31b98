"""Strings under several length bounds at once: counted in stages, the same as with all lengths unrolled into states."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from strategies import EOS, byte_tokens

import gramask
from gramask.grammar.dfa import DEAD, ByteDfa
from gramask.grammar.lexemes import Lexeme
from gramask.grammar.schema import scalars
from gramask.grammar.schema.scalar_shapes import Matcher, Strings
from gramask.grammar.stages import staged

TOKENS = [
    *byte_tokens(), b"aa", b"abab", b"a" * 7, b'a"', b'"}', b'b","k":1}', b'aaa","k', b'bb","k":2', b"\\u0061", b"\\u",
    b"0062ab", b"\xe2\x82", b"\xac\xe2\x82\xac", b"\xf0\x9f\x98\x80b", b"\\ud83d\\ude00", b'\\"ab', b"ab\\",
]  # fmt: skip
VOCABULARY = gramask.Vocabulary([*TOKENS, EOS], eos_ids=[len(TOKENS)])
PATTERNS = [None, None, "^[ab]*$", "^(ab)*$", "^a", "b$", "^(a|€)*😀?$", "^.{4}", "^(abb)+$"]
CHARACTERS = ["a", "b", "ab", "abb", "€", "😀", '"', "\\", "\n"]
N_SCHEMAS = 100


@pytest.fixture(autouse=True)
def short_stages(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Bounds of any size are counted."""
    monkeypatch.setattr(scalars, "MAX_UNROLLED", 0)
    scalars.string_lexeme.cache_clear()
    yield
    scalars.string_lexeme.cache_clear()
    scalars._string_union.cache_clear()


def random_bounds(rng: random.Random) -> Strings:
    low = rng.choice([0, 0, rng.randint(0, 6)])
    high = rng.choice([None, low + rng.randint(0, 8), low + rng.randint(0, 3)])
    pattern = rng.choice(PATTERNS)
    return Strings(low, high, frozenset() if pattern is None else frozenset([Matcher("pattern", pattern)]))


def unrolled(shape: Strings) -> ByteDfa:
    """The slow twin: a state for each length."""
    return scalars.string_language(frozenset([shape]))


def is_alive(dfa: ByteDfa, begun: bytes) -> bool:
    state = dfa.start
    for byte in begun:
        state = int(dfa.delta[state, byte])
    return state != DEAD


def keywords(shape: Strings) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "string", "minLength": shape.low}
    if shape.high is not None:
        found["maxLength"] = shape.high
    return found | {matcher.kind: matcher.text for matcher in shape.matchers}


def told_apart(shapes: list[Strings]) -> gramask.Constraint:
    """Objects with a string `s` of one of the shapes, and in `k` which of them it is taken for."""
    return gramask.compile(
        {
            "anyOf": [
                {
                    "type": "object",
                    "properties": {"s": keywords(shape), "k": {"const": i}},
                    "required": ["s", "k"],
                    "additionalProperties": False,
                }
                for i, shape in enumerate(shapes)
            ]
        },
        VOCABULARY,
        whitespace="compact",
    )


def spelled(text: str, rng: random.Random) -> list[bytes]:
    """The characters of a JSON string's content, some as escapes."""
    found = []
    for char in text:
        if char in '"\\\n' or rng.random() < 0.2:
            units = char.encode("utf-16-be")
            found.append(
                "".join(f"\\u{units[i]:02x}{units[i + 1]:02X}" for i in range(0, len(units), 2)).encode()
            )
        else:
            found.append(char.encode())
    return found


def agrees_with_advance(matcher: gramask.Matcher) -> bool:
    mask = np.empty(matcher.constraint.n_words, np.int32)
    matcher.fill_mask(mask)
    allowed = np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little")).tolist()
    return allowed == [t for t in range(len(TOKENS)) if matcher.fork().advance(t)]


def feed(matcher: gramask.Matcher, text: bytes) -> bool:
    return all(matcher.advance(byte) for byte in text)


def closed(matcher: gramask.Matcher, before: bytes) -> Any:
    """The value of the text `before`, which `matcher` has read, with its completion."""
    tokens = matcher.closing_tokens()
    assert all(matcher.advance(token) for token in tokens)
    assert matcher.is_accepting()
    return json.loads(before + b"".join(TOKENS[token] for token in tokens))


@pytest.mark.parametrize("seed", range(N_SCHEMAS))
def test_as_unrolled(seed: int) -> None:
    rng = random.Random(seed)
    shapes = [random_bounds(rng) for _ in range(rng.randint(2, 3))]
    twins = [unrolled(shape) for shape in shapes]
    if all(twin.is_empty for twin in twins):
        return
    constraint = told_apart(shapes)
    for _ in range(6):
        text = "".join(rng.choice(CHARACTERS) for _ in range(rng.randint(0, 14)))
        matcher, read, content = constraint.matcher(), b'{"s":"', b""
        assert feed(matcher, read)
        for char, written in zip(text, spelled(text, rng)):
            if rng.random() < 0.5:
                assert agrees_with_advance(matcher)
            content += char.encode()
            alive = any(is_alive(twin, content) for twin in twins)
            assert feed(matcher, written) == alive, (shapes, text)
            if not alive:
                break
            read += written
        else:
            assert agrees_with_advance(matcher)
            for i, twin in enumerate(twins):
                ended = feed(matcher.fork(), b'","k":%d}' % i)
                assert ended == twin.accepts(content), (shapes, text, i)
            value = closed(matcher, read)
            assert twins[value["k"]].accepts(value["s"].encode()), (shapes, value)


@pytest.mark.parametrize("seed", range(N_SCHEMAS))
def test_vectors(seed: int) -> None:
    """The labels say which of the lexemes have a text."""
    rng = random.Random(seed)
    shapes = [random_bounds(rng) for _ in range(rng.randint(2, 3))]
    lexemes = [scalars._one_string(shape) for shape in shapes]
    found = staged(lexemes)
    if found is None:
        return
    lexeme, vectors = found
    for _ in range(20):
        text = "".join(rng.choice(CHARACTERS) for _ in range(rng.randint(0, 12)))
        expected = tuple(unrolled(shape).accepts(text.encode()) for shape in shapes)
        label = label_of(lexeme, text)
        assert (vectors[label] if label >= 0 else (False,) * len(shapes)) == expected, (shapes, text)


def label_of(lexeme: Lexeme, text: str) -> int:
    here: Lexeme | None = lexeme
    state = lexeme.dfa.start
    for n, char in enumerate(text, 1):
        state = step(here, state, char)
        if here.high is not None and n > here.high:
            here = here.onward.stage if here.onward.entered[state] else None
        if here is None:
            return -1
    return int(here.dfa.label[state])


def step(lexeme: Lexeme, state: int, char: str) -> int:
    for byte in char.encode():
        state = int(lexeme.dfa.delta[state, byte])
    return state


def test_some_are_told_apart_in_stages() -> None:
    """Of the random ones most are: the test above does not only see what falls back to unrolling."""
    rng = random.Random(0)
    drawn = [[scalars._one_string(random_bounds(rng)) for _ in range(2)] for _ in range(200)]
    assert sum(staged(lexemes) is not None for lexemes in drawn) > 100


def test_far_bounds() -> None:
    """Bounds that no unrolling could hold."""
    constraint = told_apart([Strings(high=32_767), Strings(low=30_000), Strings(low=100_000, high=10**8)])
    for n, kinds in (
        (0, [0]),
        (29_999, [0]),
        (30_000, [0, 1]),
        (32_767, [0, 1]),
        (32_768, [1]),
        (100_000, [1, 2]),
    ):
        matcher = constraint.matcher()
        assert feed(matcher, b'{"s":"' + b"a" * n)
        for i in range(3):
            assert feed(matcher.fork(), b'","k":%d}' % i) == (i in kinds), (n, i)
        value = closed(matcher, b'{"s":"' + b"a" * n)
        assert value["k"] in kinds and len(value["s"]) == n


def test_only_a_far_stage_is_left() -> None:
    constraint = gramask.compile(
        {"type": "string", "minLength": 5_000, "anyOf": [{"maxLength": 4_000}, {"maxLength": 6_000}]},
        VOCABULARY,
    )
    matcher = constraint.matcher()
    assert feed(matcher, b'"ab')
    assert len(closed(matcher, b'"ab')) == 5_000


def test_rows_of_stages_and_of_the_same_automaton_alone() -> None:
    """Behind as many characters they need not have as many left that are beyond doubt."""
    pattern = "^(aaaaaaaa)*$"
    bounded = [{"type": "string", "pattern": pattern, "maxLength": most} for most in (400, 800)]
    for schema, most in (({"anyOf": bounded}, 404), ({**bounded[0], "maxLength": 403}, 400)):
        for n in range(384, most + 1):
            matcher = gramask.compile(schema, VOCABULARY, cache=False).matcher()
            assert feed(matcher, b'"' + b"a" * n)
            assert agrees_with_advance(matcher)
