"""The kernels of automata, each against the same thing said slowly."""

from __future__ import annotations

import random

import numpy as np
import pytest

from gramask.grammar.byte_classes import Columns
from gramask.grammar.dfa import DEAD, ByteDfa, crawl, intersect, product, union
from gramask.grammar.finite import MANY, distinct_edges, ways
from gramask.grammar.lexemes import Lexeme, Lexicon
from gramask.grammar.pushdown import COUNT_HI, COUNT_LO, END, END_LO, FLAGS, READY, Pushdown, leave
from gramask.grammar.regex import compile_regex
from gramask.grammar.utf8 import UTF8, lower_to_bytes
from gramask.masks.kernels.bits import count_bits

PATTERNS = [
    "[0-9]+", ".*", "[^]*", "[^a]*b", "[é-ü]+", "(a|€)*😀?", "[\\u0800-\\uffff]*", ".{2,4}x", "abc|abd|xyz", "\\D*",
]  # fmt: skip


def random_delta(rng: random.Random, n_states: int, n_classes: int) -> np.ndarray:
    columns = np.array([[rng.randrange(n_states) for _ in range(n_classes)] for _ in range(n_states)])
    columns[0] = 0
    return columns[:, [rng.randrange(n_classes) for _ in range(256)]].astype(np.int32)


@pytest.mark.parametrize("seed", range(20))
def test_columns(seed: int) -> None:
    rng = random.Random(seed)
    delta = random_delta(rng, rng.randint(1, 9), rng.choice([1, 2, 5, 200, 256]))
    columns, seen = Columns.of(delta), list(dict.fromkeys(map(bytes, delta.T)))
    assert columns.class_of.tolist() == [seen.index(bytes(column)) for column in delta.T]
    assert np.array_equal(columns.table[:, columns.class_of], delta)
    assert columns.first.tolist() == [columns.class_of.tolist().index(i) for i in range(len(seen))]
    assert columns.n_bytes.tolist() == [columns.class_of.tolist().count(i) for i in range(len(seen))]


def cycles(length: int, byte: int) -> ByteDfa:
    """The texts of which the number of one byte is a multiple of `length`."""

    def step(state: object) -> list[tuple[int, int, int]]:
        assert isinstance(state, int)
        return [(byte, byte, (state + 1) % length), (0, byte - 1, state), (byte + 1, 255, state)]

    return crawl(0, step, lambda state: 0 if state == 0 else -1)


def test_products_that_outgrow_their_room() -> None:
    a, b = cycles(41, 97), cycles(53, 98)
    found = intersect(a, b)
    assert found.n_states == 1 + 41 * 53
    assert found.accepts(b"a" * 41 + b"b" * 53) and not found.accepts(b"a" * 40)
    assert union(a, b).n_states == 1 + 41 * 53
    dfa, vectors = product([a, b])
    assert vectors[dfa.run(b"a")] == (False, True) and vectors[dfa.run(b"")] == (True, True)


def takes_any(dfa: ByteDfa, state: int) -> bool:
    """Side by side with the automaton of all text, until a character has ended."""
    todo, seen = [(state, UTF8.start)], set()
    while todo:
        here, text = todo.pop()
        for byte in np.flatnonzero(UTF8.delta[text]).tolist():
            after = int(dfa.delta[here, byte]), int(UTF8.delta[text, byte])
            if after[0] == DEAD:
                return False
            if after[1] != UTF8.start and after not in seen:
                seen.add(after)
                todo.append(after)
    return True


@pytest.mark.parametrize("pattern", PATTERNS)
def test_what_states_make_of_characters(pattern: str) -> None:
    dfa = compile_regex(pattern)
    lexeme = Lexeme(dfa, is_string=True)
    for state in range(1, dfa.n_states):
        next_bytes = np.flatnonzero(dfa.delta[state]).tolist()
        inside = dfa.label[state] < 0 and all(0x80 <= byte < 0xC0 for byte in next_bytes)
        assert lexeme.inside_character[state] == inside
        if not inside:
            assert lexeme.free_states[state] == takes_any(dfa, state)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("at_once", [0, 1000])
def test_rows_of_lexemes(pattern: str, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gramask.grammar.lexemes._AT_ONCE", at_once)
    dfa = compile_regex(pattern)
    lexeme = Lexeme(dfa, is_string=True, low=2, high=9)
    assert lexeme.bounds is not None
    pushdown = Pushdown()
    lexicon = Lexicon(pushdown)
    states = lexicon.states(lexeme)
    assert len(set(states)) == dfa.n_states
    for local, state in enumerate(states[1:], 1):
        pushdown.ensure(state)
        row = pushdown.table[state]
        assert row[:256].tolist() == [states[target] << 2 for target in dfa.delta[local].tolist()]
        assert row[END] == (leave(int(dfa.label[local])) if dfa.label[local] >= 0 else 0)
        assert row[FLAGS] == READY | lexeme.string_flags[local]
        bounds = lexeme.bounds[0][local], lexeme.bounds[1][local], 2
        assert (row[COUNT_LO], row[COUNT_HI], row[END_LO]) == bounds


@pytest.mark.parametrize("at_once", [0, 1000])
def test_words_begin_beside_others(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gramask.grammar.lexemes._AT_ONCE", at_once)
    lexeme, pushdown = Lexeme(compile_regex("null|true")), Pushdown()
    lexicon, row = Lexicon(pushdown), np.full(300, 7, np.int32)
    lexicon.begin(lexeme, row)
    dfa = lexeme.dfa
    for byte in range(256):
        target = int(dfa.delta[dfa.start, byte])
        assert row[byte] == (lexicon.state(lexeme, target) << 2 if target else 7)


def count_slowly(dfa: ByteDfa, state: int, depth: int) -> int:
    """The texts accepted from a state; MANY where one has more bytes than there are states."""
    if depth > dfa.n_states:
        return MANY
    total = int(dfa.label[state] >= 0)
    for target in dfa.delta[state, np.flatnonzero(dfa.delta[state])].tolist():
        total += count_slowly(dfa, target, depth + 1)
        if total >= MANY:
            break
    return min(total, MANY)


@pytest.mark.parametrize(
    "pattern", ["", "a", "[ab]{3}c?", "(a|bc)d", "x*", "ab|cx*", "[a-c][d-f]|q", "[é-ü]"]
)
def test_ways(pattern: str) -> None:
    dfa = compile_regex(pattern)
    edges = distinct_edges(dfa.columns)
    found = ways(edges[[1, 0, 2]], (dfa.label >= 0).astype(np.int64))
    assert found.tolist() == [0] + [count_slowly(dfa, state, 0) for state in range(1, dfa.n_states)]


def test_many_ways_are_not_counted_to_the_end() -> None:
    dfa = compile_regex("[a-p]{20}")
    edges = distinct_edges(dfa.columns)
    assert ways(edges[[1, 0, 2]], (dfa.label >= 0).astype(np.int64))[dfa.start] == MANY


def test_all_text_is_what_ranges_of_characters_come_to() -> None:
    intervals = [(0, 0x7F, 0), (0x80, 0xD7FF, 0), (0xE000, 0x10FFFF, 0)]
    assert lower_to_bytes([[0], [1]], [-1, 0], 1, intervals).digest == UTF8.digest


def test_count_bits() -> None:
    rng = np.random.default_rng(0)
    for n in (0, 1, 7, 100):
        words = rng.integers(2**32, size=n, dtype=np.uint32)
        words[: n // 3] = 0xFFFFFFFF
        assert count_bits(words) == sum(int(word).bit_count() for word in words)


@pytest.mark.parametrize("pattern", [*PATTERNS, "a{3}[b-d]*", "(x{2}|yz)w{3}", "[^0]*0{4}", "a?(bc){2}"])
def test_most_needed(pattern: str) -> None:
    dfa = compile_regex(pattern)
    lexeme = Lexeme(dfa, is_string=True, high=20)
    assert lexeme.bounds is not None
    for state in range(1, dfa.n_states):
        assert lexeme.most_needed[state] == max(20 - lexeme.bounds[1][here] for here in reached(dfa, state))


def reached(dfa: ByteDfa, state: int) -> set[int]:
    found, todo = {state}, [state]
    while todo:
        fresh = set(dfa.delta[todo.pop()].tolist()) - {DEAD} - found
        found |= fresh
        todo += fresh
    return found


@pytest.mark.parametrize("pattern", [*PATTERNS, ".{3}[b-d].*", "(.{2}|é😀)[^w]{3}.*", "[^]{5}", "a?(.{2}b)*"])
def test_free_characters(pattern: str) -> None:
    dfa = compile_regex(pattern)
    lexeme = Lexeme(dfa, is_string=True)
    # Characters of each kind that the patterns tell apart, and of each length.
    letters = [bytes([byte]) for byte in range(128)] + [c.encode() for c in "éüàж€\uffff😀\U0010ffff"]
    for state in range(1, dfa.n_states):
        if lexeme.inside_character[state]:
            continue
        here, free = {state}, 0
        while free < 2 * dfa.n_states and all(takes_any(dfa, one) for one in here):
            here = {behind(dfa, one, letter) for one in here for letter in letters}
            free += 1
        found = int(lexeme.free_characters[state])
        assert found == free if free < 2 * dfa.n_states else found > 1 << 20


def behind(dfa: ByteDfa, state: int, letter: bytes) -> int:
    for byte in letter:
        state = int(dfa.delta[state, byte])
    return state
