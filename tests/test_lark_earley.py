"""Lark grammars accept what Lark's Earley parser accepts with its dynamic lexers, and no prefix is a dead end."""

from __future__ import annotations

import itertools
import random
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from byte_matching import BYTES, accepts, matcher_behind, restored
from lark import Lark
from lark.exceptions import LarkError

import gramask
from gramask import GramaskError, GrammarSyntaxError
from gramask.masks.constraint import Constraint

FILE = tomllib.loads((Path(__file__).parent / "cases" / "lark_earley.toml").read_text(encoding="utf-8"))


@cache
def constraint(grammar: str, lexer: str) -> Constraint:
    return gramask.compile(gramask.lark(grammar, parser="earley", lexer=lexer), BYTES)


@cache
def reference(grammar: str, lexer: str) -> Lark:
    return Lark(grammar, parser="earley", lexer=lexer)


def by_bytes(case: dict[str, Any], text: str) -> bool:
    return accepts(constraint(case["grammar"], case.get("lexer", "dynamic")), text)


def by_saved_bytes(case: dict[str, Any], text: str) -> bool:
    return accepts(restored(constraint(case["grammar"], case.get("lexer", "dynamic"))), text)


def by_lark(case: dict[str, Any], text: str) -> bool:
    return parsed(reference(case["grammar"], case.get("lexer", "dynamic")), text)


def parsed(parser: Lark, text: str) -> bool:
    try:
        parser.parse(text)
    except LarkError:
        return False
    except RuntimeError as error:  # Lark found several ways to derive the start rule, and did not expect that
        assert "multiple start symbol items" in str(error)
    return True


@pytest.mark.parametrize("route", [by_bytes, by_saved_bytes, by_lark], ids=lambda route: route.__name__)
@pytest.mark.parametrize("case", FILE["case"], ids=lambda case: case["name"])
def test_case(case: dict[str, Any], route: Any) -> None:
    assert [text for text in case["accept"] if not route(case, text)] == []
    assert [text for text in case["reject"] if route(case, text)] == []


@pytest.mark.parametrize("case", FILE["case"], ids=lambda case: case["name"])
def test_every_prefix_can_be_completed(case: dict[str, Any]) -> None:
    for text in case["accept"]:
        for end in range(len(text) + 1):
            matcher = matcher_behind(constraint(case["grammar"], case.get("lexer", "dynamic")), text[:end])
            assert matcher is not None, text[:end]
            assert by_lark(case, text[:end] + bytes(matcher.closing_tokens()).decode())


@pytest.mark.parametrize("case", FILE["refused"], ids=lambda case: case["grammar"])
def test_refused(case: dict[str, Any]) -> None:
    with pytest.raises(GrammarSyntaxError, match=case["message"]):
        constraint(case["grammar"], "dynamic")


def test_unknown_lexers_are_refused() -> None:
    with pytest.raises(GramaskError, match="no lexer 'basic' for the parser 'earley'"):
        gramask.lark('start: "a"', parser="earley", lexer="basic")


TERMINALS = (
    '"a"',
    '"ab"',
    '"b"',
    '"c"',
    "/a+/",
    "/[ab]+/",
    "/ab?/",
    "/a(ba)*/",
    "/b+?/",
    "/a*b/",
    "/(ab|a)b?/",
    "/c/",
    "/a(bc)?/",
)
IGNORED = ("", "%ignore /c+/", "%ignore /c/", "%ignore /cc|c/")


def drawn_grammar(rng: random.Random) -> str:
    names = ("start", "x", "y")[: rng.randint(1, 3)]
    symbols = (*TERMINALS, *TERMINALS, *names)

    def alternative() -> str:
        return " ".join(rng.choice(symbols) for _ in range(rng.choice((0, 1, 1, 2, 2, 3))))

    rules = [f"{name}: {' | '.join(alternative() for _ in range(rng.randint(1, 3)))}" for name in names]
    return "\n".join([*rules, rng.choice(IGNORED)])


@pytest.mark.parametrize("seed", range(6))
def test_random_grammars(seed: int) -> None:
    rng = random.Random(seed)
    n_compiled = 0
    while n_compiled < 12:
        grammar, lexer = drawn_grammar(rng), rng.choice(("dynamic", "dynamic", "dynamic_complete"))
        try:
            compiled = constraint(grammar, lexer)
        except GrammarSyntaxError:
            continue  # of no finite text, or with terminals that cannot touch
        n_compiled += 1
        check_language(compiled, reference(grammar, lexer), 5)


def check_language(compiled: Constraint, parser: Lark, length: int) -> None:
    """All texts over "abc" of at most `length`: accepted as by Lark, and viable as far as one of them is accepted."""
    viable: set[str] = set()
    for n in reversed(range(length + 1)):
        for text in map("".join, itertools.product("abc", repeat=n)):
            matcher = matcher_behind(compiled, text)
            expected = parsed(parser, text)
            assert (matcher is not None and matcher.is_accepting()) == expected, text
            if expected:
                viable |= {text[:i] for i in range(n + 1)}
            assert matcher is not None or text not in viable, text
            if matcher is not None and n <= 2:
                assert parsed(parser, text + bytes(matcher.closing_tokens()).decode()), text
