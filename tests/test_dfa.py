"""The algebra of byte DFAs against sets of texts, their canonical form, and UTF-8."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gramask.errors import CompileBudgetExceeded
from gramask.grammar.dfa import (
    EMPTY,
    UNBOUNDED,
    ByteDfa,
    bounded_length,
    code_point_lengths,
    crawl,
    difference,
    intersect,
    literals,
    minimize,
    product,
    table_bytes,
    union,
)
from gramask.grammar.recent import Recent
from gramask.grammar.regex import compile_regex
from gramask.grammar.utf8 import UTF8, byte_sequences, lower_to_bytes

TEXTS = st.lists(st.binary(max_size=5).map(lambda b: bytes(x % 4 + 97 for x in b)), max_size=12)
WORDS = [bytes(t) for n in range(5) for t in itertools.product(b"abcd", repeat=n)]


def is_canonical(dfa: ByteDfa) -> bool:
    """Minimal, trimmed and numbered breadth first, by definitions of its own."""
    seen = [dfa.start] if dfa.start else []
    for state in seen:
        for target in dfa.delta[state].tolist():
            if target and target not in seen:
                seen.append(target)
    if seen != list(range(1, dfa.n_states)) or dfa.delta[0].any() or dfa.label[0] != -1:
        return False
    alive = {state for state in seen if dfa.label[state] >= 0}
    for _ in seen:
        alive |= {state for state in seen if alive.intersection(dfa.delta[state].tolist())}
    return len(alive) == len(seen) and len(set(classes_by_rounds(dfa))) == dfa.n_states


def classes_by_rounds(dfa: ByteDfa) -> list[int]:
    """Moore's partition, round by round."""
    classes = dfa.label.tolist()
    for _ in range(dfa.n_states):
        keys = [(classes[s], tuple(classes[t] for t in dfa.delta[s].tolist())) for s in range(dfa.n_states)]
        number = {key: i for i, key in enumerate(dict.fromkeys(keys))}
        classes = [number[key] for key in keys]
    return classes


@given(TEXTS)
def test_literals_are_the_texts(texts: list[bytes]) -> None:
    dfa = literals(texts)
    assert {word for word in WORDS if dfa.accepts(word)} == {t for t in texts if len(t) < 5}
    assert all(dfa.accepts(text) for text in texts)
    assert is_canonical(dfa)
    assert minimize(dfa.delta, dfa.start, dfa.label).digest == dfa.digest


@given(TEXTS, st.integers(1, 3))
def test_labels_of_literals(texts: list[bytes], n_labels: int) -> None:
    labelled = {text: i % n_labels for i, text in enumerate(texts)}
    dfa = literals(labelled.keys(), labelled.values())
    assert all(dfa.run(text) == label for text, label in labelled.items())
    assert all(dfa.run(word) == labelled.get(word, -1) for word in WORDS)
    assert is_canonical(dfa)


def test_two_labels_for_one_text() -> None:
    with pytest.raises(ValueError, match="two labels"):
        literals([b"a", b"a"], [0, 1])


def test_empty_languages() -> None:
    assert literals([]).is_empty and EMPTY.start == 0 and EMPTY.n_states == 1
    assert intersect(literals([b"a"]), literals([b"b"])).digest == EMPTY.digest
    assert union().digest == difference(UTF8, UTF8).digest == EMPTY.digest
    assert crawl(0, lambda state: [(0, 255, 0)], lambda state: -1).digest == EMPTY.digest
    assert not literals([b""]).is_empty


@given(TEXTS, TEXTS)
def test_boolean_operations(one: list[bytes], other: list[bytes]) -> None:
    a, b = literals(one), literals(other)
    assert union(a, b).digest == literals([*one, *other]).digest
    assert intersect(a, b).digest == literals(set(one) & set(other)).digest
    assert difference(a, b).digest == literals(set(one) - set(other)).digest


@given(TEXTS, TEXTS, TEXTS)
def test_union_takes_the_first_label(one: list[bytes], other: list[bytes], third: list[bytes]) -> None:
    sets = [set(one), set(other), set(third)]
    dfa = union(*(literals(texts, [i] * len(texts)) for i, texts in enumerate(sets)))
    for word in WORDS:
        assert dfa.run(word) == next((i for i, texts in enumerate(sets) if word in texts), -1)


@given(TEXTS, TEXTS, TEXTS)
def test_product_tells_who_accepts(one: list[bytes], other: list[bytes], third: list[bytes]) -> None:
    sets = [set(one), set(other), set(third)]
    dfa, vectors = product([literals(texts) for texts in sets])
    assert is_canonical(dfa) and len(set(vectors)) == len(vectors)
    for word in WORDS:
        vector = tuple(word in texts for texts in sets)
        assert (vectors[dfa.run(word)] if dfa.accepts(word) else (False,) * 3) == vector


def test_canonical_form_does_not_depend_on_the_route() -> None:
    by_regex = compile_regex("(ab|cd)+")
    step = {0: [(97, 97, 1), (99, 99, 2)], 1: [(98, 98, 3)], 2: [(100, 100, 4)]}
    step[3] = step[4] = step[0]
    by_crawl = crawl(0, lambda state: step[state], lambda state: 0 if state >= 3 else -1)
    assert by_regex.digest == by_crawl.digest
    assert np.array_equal(by_regex.delta, by_crawl.delta) and np.array_equal(by_regex.label, by_crawl.label)


@given(st.integers(1, 12), st.randoms(use_true_random=False))
def test_minimize_any_table(n_states: int, rng) -> None:  # type: ignore[no-untyped-def]
    delta = np.zeros((n_states + 1, 256), np.int32)
    for state in range(1, n_states + 1):
        for byte in b"abc":
            delta[state, byte] = rng.randint(0, n_states)
    label = np.array([-1] + [rng.choice([-1, -1, 0, 1]) for _ in range(n_states)], np.int32)
    dfa = minimize(delta, 1, label)
    assert is_canonical(dfa)
    for word in WORDS:
        state = 1
        for byte in word:
            state = delta[state, byte]
        assert dfa.run(word) == label[state]


def test_crawl_refuses_overlaps_and_stops() -> None:
    with pytest.raises(ValueError, match="overlapping"):
        crawl(0, lambda state: [(1, 5, 0), (5, 9, 1)], lambda state: 0)
    with pytest.raises(CompileBudgetExceeded):
        crawl(0, lambda state: [(97, 97, state + 1)], lambda state: 0)
    with pytest.raises(CompileBudgetExceeded):
        literals([bytes(range(40))], budget=30)


def test_long_chain_is_quick_enough_to_minimise() -> None:
    dfa = crawl(0, lambda s: [(97, 97, s + 1)] if s < 15_000 else [], lambda s: 0)
    assert dfa.n_states == 15_002


def test_arrays_are_read_only() -> None:
    dfa = literals([b"a"])
    with pytest.raises(ValueError, match="read-only"):
        dfa.delta[1, 97] = 0


def test_cache_evicts_by_size() -> None:
    a, b = literals([b"a"]), literals([b"bb"])
    cache: Recent[ByteDfa] = Recent(b.delta.nbytes, table_bytes)
    assert cache.get("a", lambda: a) is a
    assert cache.get("a", lambda: b) is a
    assert cache.get("b", lambda: b) is b
    assert cache.get("a", lambda: b) is b


# Lengths


def lengths_by_definition(dfa: ByteDfa, limit: int) -> list[set[int]]:
    """For each state the numbers of lead bytes, up to `limit`, on some path to acceptance."""
    found = [{0} if label >= 0 else set() for label in dfa.label.tolist()]
    while True:
        grown = [set(lengths) for lengths in found]
        for state, byte in np.argwhere(dfa.delta).tolist():
            weight = 0 if 0x80 <= byte < 0xC0 else 1
            grown[state] |= {n + weight for n in found[dfa.delta[state, byte]] if n + weight <= limit}
        if grown == found:
            return found
        found = grown


PATTERNS = ["a{2,5}", "(ab){2,4}", "(aa)*", "(aé){1,3}|x", "a|bcd", "(aaa|aa)*"]
PATTERNS += ["(a{3}|a{5})+", ".{3,}", "x(aa)*|a?", "é|😀a*"]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_code_point_lengths(pattern: str) -> None:
    dfa = compile_regex(pattern)
    least, greatest, contiguous = code_point_lengths(dfa)
    limit = 16
    gapless = True
    for state, lengths in enumerate(lengths_by_definition(dfa, limit)):
        if state == 0:
            continue
        assert least[state] == min(lengths)
        assert greatest[state] == (max(lengths) if max(lengths) < limit - 3 else UNBOUNDED)
        gapless &= lengths == set(range(min(lengths), min(greatest[state], limit) + 1))
    assert contiguous == gapless
    assert least.dtype == greatest.dtype == np.int64


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize(("low", "high"), [(0, 3), (2, 4), (3, None), (5, 5), (0, 0), (0, None), (4, 2)])
def test_bounded_length(pattern: str, low: int, high: int | None) -> None:
    dfa = bounded_length(compile_regex(pattern), low, high)
    if high is not None and high < low:
        assert dfa.is_empty
        return
    bound = compile_regex(f"[^]{{{low},{'' if high is None else high}}}")
    assert dfa.digest == intersect(compile_regex(pattern), bound).digest


def test_bounded_length_has_a_budget() -> None:
    with pytest.raises(CompileBudgetExceeded):
        bounded_length(UTF8, 0, 100_000)


def test_lengths_need_utf8() -> None:
    with pytest.raises(ValueError, match="UTF-8"):
        code_point_lengths(crawl(0, lambda state: [(0x80, 0x80, 0)], lambda state: 0))


# UTF-8

BORDERS = [
    0,
    0x7F,
    0x80,
    0x7FF,
    0x800,
    0xFFF,
    0x1000,
    0xCFFF,
    0xD7FF,
    0xE000,
    0xFFFF,
    0x10000,
    0x3FFFF,
    0x40000,
]
POINTS = sorted(
    {p + d for p in [*BORDERS, 0x10FFFF] for d in (-65, -64, -1, 0, 1, 63, 64)} & set(range(0x110000))
)
SCALARS = [point for point in POINTS if not 0xD800 <= point <= 0xDFFF]


def test_utf8_is_what_python_decodes() -> None:
    assert all(UTF8.accepts(chr(point).encode()) for point in SCALARS)
    assert not any(UTF8.accepts(chr(p).encode("utf-8", "surrogatepass")) for p in range(0xD800, 0xE000))
    interesting = [
        0,
        0x41,
        0x7F,
        0x80,
        0x8F,
        0x90,
        0x9F,
        0xA0,
        0xBF,
        0xC0,
        0xC1,
        0xC2,
        0xDF,
        0xE0,
        0xE1,
        0xEC,
        0xED,
    ]
    interesting += [0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF]
    for n in range(5):
        for data in itertools.product(
            interesting if n < 4 else interesting[3:9] + interesting[-7:], repeat=n
        ):
            try:
                bytes(data).decode()
                valid = True
            except UnicodeDecodeError:
                valid = False
            assert UTF8.accepts(bytes(data)) == valid, data


def test_every_code_point() -> None:
    text = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)]))
    assert UTF8.accepts(text.encode())


@pytest.mark.parametrize(("low", "high"), list(itertools.combinations_with_replacement(SCALARS[::4], 2)))
def test_byte_sequences(low: int, high: int) -> None:
    sequences = byte_sequences(low, high)
    for point in SCALARS:
        data = chr(point).encode()
        matching = [
            s for s in sequences if len(s) == len(data) and all(a <= x <= b for x, (a, b) in zip(data, s))
        ]
        assert len(matching) == (low <= point <= high), hex(point)


@given(st.sets(st.sampled_from(SCALARS), max_size=6), st.randoms(use_true_random=False))
def test_classes_of_characters_become_bytes(cuts: set[int], rng) -> None:  # type: ignore[no-untyped-def]
    points = sorted({0, 0x80, 0xE000, *cuts})
    intervals = []
    for low, after in zip(points, [*points[1:], 0x110000]):
        high = min(after - 1, 0xD7FF) if low < 0xD800 else after - 1
        intervals.append((low, high, rng.randrange(3)))
    used = {c for _, _, c in intervals}
    row = [rng.choice([0, 2, 3]) if c in used else 0 for c in range(3)]
    row[intervals[0][2]] = 2
    labels = [-1, -1, 0, 1]
    dfa = lower_to_bytes([[0] * 3, row, [0] * 3, [0] * 3], labels, 1, intervals)
    assert is_canonical(dfa)
    for point in SCALARS:
        number = next(c for low, high, c in intervals if low <= point <= high)
        assert dfa.run(chr(point).encode()) == labels[row[number]], hex(point)
