"""Escapes that are read in part: alive if some character with that beginning is, found out character by character."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from strategies import EOS, byte_tokens

import gramask
from gramask.grammar.dfa import DEAD, ByteDfa
from gramask.grammar.regex import compile_regex
from gramask.grammar.schema import scalars

VOCABULARY = gramask.Vocabulary([*byte_tokens(), EOS], eos_ids=[256])
PATTERNS = [
    "^[0-9]*$", "[0-9]{3}", "^[a-zé-ü]*$", "^€", "^[\\u0430-\\u044f]+$", "^\\D*$",
    "^[\\u2000-\\u3fff\\u5abc]*$", "^[😀-😿]*$", "^a?[\\ud7ff\\ue000]*$", "^[^\\u0000-\\uffff]*$",
    "^.[\\u0800-\\u1fff]*$", "^[߿-ࠀ]*$", "^\\u0080*$", "^\\u0800*$", "^\\ue000*$", "^\\u1000*$", "^\\uffff*$",
]  # fmt: skip
BEGINNINGS = ["", "0", "é€", "00", "😀00"]


@pytest.fixture(autouse=True)
def counted_lengths(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Bounds of any size are counted."""
    monkeypatch.setattr(scalars, "MAX_UNROLLED", 0)
    scalars.string_lexeme.cache_clear()
    yield
    scalars.string_lexeme.cache_clear()


@cache
def characters() -> list[tuple[np.ndarray, np.ndarray]]:
    """The code points of each length in UTF-8, int64[n], and their bytes, uint8[n, length]."""
    points = [*range(0xD800), *range(0xE000, 0x110000)]
    groups = itertools.groupby(points, lambda point: len(chr(point).encode()))
    found = []
    for length, group in groups:
        own = list(group)
        spelled = np.frombuffer("".join(map(chr, own)).encode(), np.uint8)
        found.append((np.array(own), spelled.reshape(-1, length)))
    return found


def alive_behind(dfa: ByteDfa, begun: str) -> np.ndarray:
    """int64[n]: the code points with which texts may go on, each one looked at."""
    state = dfa.start
    for byte in begun.encode():
        state = int(dfa.delta[state, byte])
    found = []
    for points, spelled in characters():
        states = np.full(len(points), state)
        for column in spelled.T:
            states = dfa.delta[states, column]
        found.append(points[states != DEAD])
    return np.sort(np.concatenate(found))


def escaped(point: int) -> str:
    units = chr(point).encode("utf-16-be").hex()
    return "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4))


def any_of(points: np.ndarray, first: int, last: int) -> bool:
    """Whether one of the ascending points is within [first, last]."""
    return bool(np.searchsorted(points, first) < np.searchsorted(points, last, side="right"))


def begins_one(points: np.ndarray, text: str) -> bool:
    """Whether the escape of one of the points begins with `text`."""
    first, last = units_of(text[2:6])
    if len(text) < 6:
        if any_of(points[points < 0x10000], first, last):
            return True
        high_first, high_last = max(first, 0xD800), min(last, 0xDBFF)
        pairs = [0x10000 + (high - 0xD800 << 10) for high in (high_first, high_last + 1)]
        return high_first <= high_last and any_of(points, pairs[0], pairs[1] - 1)
    if not 0xD800 <= first <= 0xDBFF:
        return len(text) == 6 and any_of(points, first, first)
    base = 0x10000 + (first - 0xD800 << 10)
    low, high = units_of(text[8:12])
    return any_of(points, base + max(low, 0xDC00) - 0xDC00, base + min(high, 0xDFFF) - 0xDC00)


def units_of(digits: str) -> tuple[int, int]:
    """The first and the last UTF-16 unit that begin with hex digits."""
    return int(digits.ljust(4, "0"), 16), int(digits.ljust(4, "f"), 16)


def language(pattern: str | None, bounds: dict[str, int]) -> ByteDfa:
    """The strings of a pattern within bounds, a state for each length."""
    low, high = bounds.get("minLength", 0), bounds.get("maxLength")
    matcher = [] if pattern is None else [scalars.Matcher("pattern", pattern)]
    return scalars.string_language(frozenset([scalars.Strings(low, high, frozenset(matcher))]))


@pytest.mark.parametrize("pattern", [None, *PATTERNS])
@pytest.mark.parametrize("bounds", [{}, {"maxLength": 3}, {"minLength": 2, "maxLength": 2}, {"minLength": 3}])
def test_partly_read_escapes(pattern: str | None, bounds: dict[str, int]) -> None:
    schema: dict[str, Any] = {"type": "string"} | bounds | ({} if pattern is None else {"pattern": pattern})
    dfa = language(pattern, bounds)
    try:
        constraint = gramask.compile(schema, VOCABULARY, cache=False)
    except gramask.UnsatisfiableSchema:
        assert dfa.is_empty
        return
    rng = random.Random(0)
    for begun in BEGINNINGS:
        matcher = constraint.matcher()
        if not all(matcher.advance(byte) for byte in f'"{begun}'.encode()):
            continue
        points = alive_behind(dfa, begun)
        some = [escaped(int(point)) for point in rng.sample(list(points), min(30, len(points)))]
        for prefix in {text[:n] for text in some for n in range(2, len(text))}:
            fork = matcher.fork()
            assert all(fork.advance(byte) for byte in prefix.encode()), (begun, prefix)
            if len(prefix) not in (6, 7):  # elsewhere but there the next character is a hex digit
                for digit in "0123456789abcdef":
                    expected = begins_one(points, prefix + digit)
                    assert fork.fork().advance(ord(digit)) == expected, (begun, prefix, digit)


def test_the_twin_knows_patterns() -> None:
    assert alive_behind(compile_regex("[0-9]+"), "0").tolist() == [*range(48, 58)]
    assert alive_behind(compile_regex("[a😀]"), "").tolist() == [0x61, 0x1F600]
    assert begins_one(np.array([0x61, 0x1F600]), "\\ud83d\\ude")
    assert not begins_one(np.array([0x61, 0x1F600]), "\\ud83d\\udf")
    assert begins_one(np.array([0x61]), "\\u00") and not begins_one(np.array([0x61]), "\\u01")
