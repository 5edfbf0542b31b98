"""What follows behind stacks that are made equal is the same; and they are fewer."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import lark
import numpy as np
import pytest
from lark.indenter import PythonIndenter
from strategies import EOS, merged_tokens
from test_lark import random_grammar

import gramask
from gramask.errors import GrammarSyntaxError
from gramask.grammar import collection, shift_reduce
from gramask.grammar.tails import Tails

MORE = [
    b"abc",
    b" and ",
    b"(a",
    b"))",
    b"),",
    b", ",
    b"1 ",
    b"if a:\n",
    b"    a\n",
    b"else:\n",
    b"SELECT ",
    b" a, b",
]
TOKENS = list(dict.fromkeys([*(token for token in merged_tokens() if token != EOS), *MORE]))
VOCABULARY = gramask.Vocabulary([*TOKENS, EOS], eos_ids=[len(TOKENS)])
STEPS = 40


class AsTheyAre(Tails):
    def same(self, stack: tuple[int, ...]) -> tuple[int, ...]:
        return stack


def constraints(source: Any) -> list[gramask.Constraint]:
    """Those of a grammar with and without what is tested."""
    found = [gramask.compile(source, VOCABULARY, cache=False)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shift_reduce, "Tails", AsTheyAre)
        return [*found, gramask.compile(source, VOCABULARY, cache=False)]


def check(source: Any, rng: random.Random, n_walks: int = 3) -> None:
    one, other = constraints(source)
    for _ in range(n_walks):
        matchers = one.matcher(), other.matcher()
        for _ in range(STEPS):
            mask, expected = (np.empty(one.n_words, np.int32) for _ in matchers)
            matchers[0].fill_mask(mask)
            matchers[1].fill_mask(expected)
            assert (mask == expected).all()
            allowed = np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little"))
            # Few walks nest deeply or go through several members if all bytes are as likely.
            long = [token for token in allowed if token < len(TOKENS) and len(TOKENS[token]) > 1]
            token = int(rng.choice(long if long and rng.random() < 0.5 else list(allowed)))
            assert all(matcher.advance(token) for matcher in matchers)
            if token == len(TOKENS):
                break


OTHER_ENDS = """
start: "(" items ")" | "[" items "]"
items: item | items "," item
item: "a" | start
"""
OTHER_RESTS = """
start: item+
item: "a" first | "b" second
first: "," "1" "a"
second: "," "1" "b"
"""


@pytest.mark.parametrize("grammar", [OTHER_ENDS, OTHER_RESTS])
def test_what_follows_differs(grammar: str) -> None:
    check(gramask.lark(grammar), random.Random(0), n_walks=20)


@pytest.mark.parametrize("name", collection.NAMES)
def test_collection(name: str) -> None:
    check(gramask.lark(collection.path(name, "lark")), random.Random(name), n_walks=10)


def test_python() -> None:
    path = Path(lark.__file__).parent / "grammars/python.lark"
    check(gramask.lark(path, "file_input", postlex=PythonIndenter()), random.Random(0))


@pytest.mark.parametrize("seed", range(10))
def test_random_grammars(seed: int) -> None:
    rng = random.Random(seed)
    n_compiled = 0
    for _ in range(30):
        grammar = random_grammar(rng)
        try:
            check(gramask.lark(grammar), rng)
        except GrammarSyntaxError:
            continue
        n_compiled += 1
    assert n_compiled >= 3


def test_later_members_are_not_told_apart() -> None:
    """In what is nested there; this is what the others do not have."""
    texts = [b'{"a":1,"b":[', b'{"a":1,"b":2,"a":[', b'{"a":1,"b":2,"a":3,"b":[']
    for constraint, n in zip(constraints(gramask.lark(collection.path("json", "lark"))), (1, 2), strict=True):
        found = set()
        for text in texts:
            matcher = constraint.matcher()
            assert all(matcher.advance(TOKENS.index(bytes([byte]))) for byte in text)
            found.add(matcher.state_id)
        assert len(found) == n
