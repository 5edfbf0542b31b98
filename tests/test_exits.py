"""What is left of tokens behind a stack level, and what is kept by the frames looked at, against their definitions."""

from __future__ import annotations

import contextlib
import itertools
import random
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import EOS, byte_tokens, merged_tokens

import gramask
from gramask.grammar import collection
from gramask.masks import by_depth
from gramask.masks.engine import Engine
from gramask.masks.exits import LevelExits, merged_exits
from gramask.masks.kernels.below import BYTE_GROUPS, MALFORMED, PENDING
from gramask.masks.kernels.bits import add_common, fingerprint, same_bits
from gramask.masks.level_trie import LevelTrie
from gramask.masks.row_store import RowStore
from gramask.masks.tables import pack_bits
from gramask.masks.trie import TokenTrie
from gramask.masks.walker import Reach

Rest = tuple[int, int, bytes]
"""An outcome, a token that leaves with it, and what is left of its text."""


def paths_of(trie: LevelTrie) -> list[bytes]:
    """The bytes from its root to each node, that of the root left out."""
    paths = [b""] * len(trie.bytes)
    for node in range(len(trie.bytes)):
        for child in range(trie.links[node, 0], trie.links[node + 1, 0]):
            paths[child] = paths[node] + bytes([trie.bytes[child]])
    return paths


def below(trie: LevelTrie, first: int, last: int) -> Iterator[int]:
    for node in range(first, last):
        yield node
        yield from below(trie, trie.links[node, 0], trie.links[node + 1, 0])


def wanted(trie: LevelTrie, places: list[tuple[int, int, int]]) -> set[Rest]:
    """By definition: all tokens at and below each place, without what was read before it."""
    paths = paths_of(trie)
    return {
        (outcome, int(trie.links[node, 1]), paths[node][len(paths[place]) - is_begun :])
        for place, outcome, is_begun in places
        for node in below(trie, place, place + 1)
        if trie.links[node, 1] >= 0
    }


def found(trie: LevelTrie, level: LevelExits, tokens: list[bytes]) -> list[Rest]:
    """What the arrays of `level` say, each token once."""
    inner = paths_of(level.rests)
    outcome_of: dict[int, int] = {}
    for root, outcome, is_begun in level.begins.tolist():
        assert not is_begun
        outcome_of |= dict.fromkeys(below(level.rests, root, root + 1), outcome)
    rests = [
        (outcome_of[end], token, inner[end])
        for token, end in zip(level.tokens.tolist(), level.ends.tolist(), strict=True)
    ]
    rests += wanted(trie, [(node, outcome, is_begun) for node, outcome, is_begun in level.in_place.tolist()])
    for outcome, mask in level.whole:
        bits = np.unpackbits(mask.view(np.uint8), bitorder="little")
        rests += [(outcome, int(token), tokens[token]) for token in np.flatnonzero(bits)]
    return rests


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[bytes], list[tuple[int, int, int]]]:
    tokens = draw(st.lists(st.lists(st.sampled_from(b"abc"), min_size=1, max_size=6).map(bytes), unique=True))
    trie, _ = LevelTrie.of(TokenTrie.build(tokens).nodes)
    places: list[tuple[int, int, int]] = []
    taken: set[int] = set()
    for node in range(1, len(trie.bytes)):  # those above come first
        if node not in taken and draw(st.booleans()):
            taken.update(below(trie, node, node + 1))
            places.append((node, draw(st.integers(0, 3)) * 7, draw(st.integers(0, 1))))
    return tokens, draw(st.permutations(places))


@given(cases(), st.sampled_from([0, 2, None]))
def test_exits_say_what_is_left_of_each_token(
    case: tuple[list[bytes], list[tuple[int, int, int]]], large: int | None
) -> None:
    tokens, places = case
    trie, _ = LevelTrie.of(TokenTrie.build(tokens).nodes)

    def beginning(first_bytes: np.ndarray) -> np.ndarray:
        flags = np.array([text[0] in first_bytes.tolist() for text in tokens], np.bool_)
        return pack_bits(flags, len(tokens) // 32 + 1)

    level = merged_exits(trie, np.array(places, np.int32).reshape(-1, 3), beginning, large)
    rests = found(trie, level, tokens)
    assert len(rests) == len(set(rests))
    assert set(rests) == wanted(trie, places)
    ends = np.flatnonzero(level.rests.links[:-1, 1] >= 0)
    assert set(ends.tolist()) == set(level.ends.tolist())
    assert (level.rests.links[ends, 1] == ends).all()
    outcomes = level.begins[:, 1].tolist()
    assert len(set(outcomes)) == len(outcomes)
    _, links, _, spans, ends_below = level.rests.arrays
    for node in range(len(level.rests.bytes)):
        nodes = list(below(level.rests, node, node + 1))
        first, last = spans[node]
        assert set(ends_below[first:last]) == {end for end in links[nodes, 1].tolist() if end >= 0}


@given(cases())
def test_nodes_below(case: tuple[list[bytes], list[tuple[int, int, int]]]) -> None:
    trie, _ = LevelTrie.of(TokenTrie.build(case[0]).nodes)
    assert trie.n_below.tolist() == [
        len(list(below(trie, node, node + 1))) - 1 for node in range(len(trie.bytes))
    ]


def groups_of(text: bytes) -> tuple[list[int], bool]:
    """By definition: the group at each byte, PENDING behind the first of a character; whether the text ends in one."""
    groups, begin = [], 0
    for end in range(1, len(text) + 1):
        groups.append(int(BYTE_GROUPS[text[begin]]) if end == begin + 1 else PENDING)
        missing = still_missing(text[begin:end])
        if missing is None:
            groups[-1] = MALFORMED
        begin = begin if missing else end
    return groups, begin < len(text)


def still_missing(text: bytes) -> int | None:
    """How many bytes make a character of its beginning; None if none do."""
    for n in range(4):
        for rest in itertools.product(b"\x80\x90\xa0\xbf", repeat=n):
            with contextlib.suppress(UnicodeDecodeError):
                if len((text + bytes(rest)).decode()) == 1:
                    return n
    return None


CHARACTERS = st.sampled_from([char.encode() for char in "aZ0 \n\x7fé\u07ff\u0800あ\ud7ff\uffee😀\U0010ffff"])
PIECES = st.one_of(CHARACTERS, CHARACTERS, CHARACTERS.map(lambda text: text[:-1]), st.binary(max_size=3))


@given(st.lists(st.lists(PIECES, min_size=1, max_size=5).map(b"".join).filter(bool), min_size=1, max_size=30))
def test_characters_and_tokens_below_nodes(texts: list[bytes]) -> None:
    trie, _ = LevelTrie.of(TokenTrie.build(texts).nodes)
    _, links, groups, spans, tokens = trie.arrays
    paths = paths_of(trie)
    for node, path in enumerate(paths):
        nodes = list(below(trie, node, node + 1))
        here, is_inside = groups_of(path)
        inside = {group for child in nodes for group in groups_of(paths[child])[0][len(here) :]} - {PENDING}
        assert groups[node] == sum(1 << group for group in (*inside, *[PENDING] * is_inside))
        first, last = spans[node]
        assert set(tokens[first:last]) == {token for token in links[nodes, 1].tolist() if token >= 0}


@given(st.lists(st.integers(0, 2**32 - 1), max_size=9), st.data())
def test_equal_masks_are_known(words: list[int], data: st.DataObject) -> None:
    mask = np.array(words, np.uint32)
    assert same_bits(mask, mask.copy())
    joined = np.roll(mask, 1)
    add_common(mask, ~mask // 3, joined)
    assert (joined == np.roll(mask, 1) | mask & ~mask // 3).all()
    multipliers = np.random.default_rng(0).integers(2**32, size=(2, len(mask)), dtype=np.uint32) | 1
    assert fingerprint(mask, multipliers) == fingerprint(mask.copy(), multipliers)
    if words:
        other = mask.copy()
        other[data.draw(st.integers(0, len(words) - 1))] ^= np.uint32(1 << data.draw(st.integers(0, 31)))
        assert not same_bits(mask, other)
        assert fingerprint(mask, multipliers) != fingerprint(other, multipliers)


VOCABULARY = gramask.Vocabulary([*byte_tokens(), *merged_tokens(), EOS], eos_ids=[256 + len(merged_tokens())])
NESTED = """
root ::= list "!"
list ::= "[" (item ("," item)*)? "]"
item ::= list | "(" item ")" | [ab01]+ | "'" [^']* "'"
"""
MAKERS = {
    "json": lambda: {"items": {"$ref": "#"}, "additionalProperties": {"$ref": "#"}},
    "nested": lambda: gramask.gbnf(NESTED),
    "calculator.gbnf": lambda: gramask.gbnf(collection.path("calculator", "gbnf")),
    "calculator.lark": lambda: gramask.lark(collection.path("calculator", "lark")),
    "c.lark": lambda: gramask.lark(collection.path("c", "lark")),
    "sexpr.lark": lambda: gramask.lark(collection.path("sexpr", "lark")),
}


@pytest.mark.parametrize("name", MAKERS)
def test_what_is_kept_for_other_stacks_is_what_would_be_found_anew(name: str) -> None:
    """Frame by frame as well."""
    constraint = gramask.compile(MAKERS[name](), VOCABULARY, cache=False)
    engine, rng = constraint.engine, random.Random(name)
    for _ in range(12):
        matcher = constraint.matcher()
        for _ in range(40):
            row = engine.mask(matcher._config)
            anew = Engine(engine.pushdown, engine.tables, 32 * engine.n_words)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(by_depth, "MAX_FRAMES", 0)  # the whole stack at once
                assert (anew.mask(matcher._config).dense() == row.dense()).all()
            tokens = np.flatnonzero(np.unpackbits(row.dense().view(np.uint8), bitorder="little")).tolist()
            if not matcher.advance(rng.choice(tokens)) or matcher.is_finished():
                break


@pytest.mark.parametrize("name", ["nested", "sexpr.lark"])
def test_rows_are_kept_by_the_frames_looked_at(name: str) -> None:
    """Deep inside of brackets no new row is made: nothing looks further than to the next one."""
    constraint = gramask.compile(MAKERS[name](), VOCABULARY, cache=False)
    engine = constraint.engine
    made: list[int] = []
    depths = [0]

    def make(config: tuple[int, int, int, int], reach: Reach) -> np.ndarray:
        made.append(depths[-1])
        return Engine._make_row(engine, config, reach)

    engine._make_row = make  # type: ignore[method-assign]
    matcher = constraint.matcher()
    bracket = ord("[" if name == "nested" else "(")
    for depth in range(200):
        depths.append(depth)
        engine.mask(matcher._config)
        assert matcher.advance(bracket)
    assert made
    assert max(made) < 20


def test_equal_rows_are_one() -> None:
    """Whatever else was kept, and however many rows that was."""
    store = RowStore()
    rng = np.random.default_rng(0)
    for n_words in (1, 5, 400):
        for _ in range(3):
            words = rng.integers(2**32, size=n_words, dtype=np.uint32)
            kept = store.keep(words)
            assert kept.words is not words and (kept.words == words).all()
            assert store.keep(words.copy()) is kept
            other = words ^ np.uint32(1)
            assert store.keep(other) is not kept and (store.keep(other).words == other).all()
            words[:] = 0  # it was scratch
            assert (kept.words == other ^ np.uint32(1)).all()


def test_rows_whose_fingerprints_are_equal_stay_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gramask.masks.row_store.fingerprint", lambda words, multipliers: 0)
    store = RowStore()
    for words in np.eye(4, dtype=np.uint32):
        assert (store.keep(words).words == words).all()
