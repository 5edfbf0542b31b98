"""Items of which there are always more: their values are refused where they end, and not left out of an automaton.

The twin is the automaton that leaves all of them out. What may be written must be the same with both, but for exponents
behind digits that were seen and for what leads there.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from reference.judge import Judge
from strategies import EOS, byte_tokens, tokenize
from test_unique_items import LONG
from time_limit import time_limit

import gramask
from gramask.grammar.dfa import ByteDfa
from gramask.grammar.lexemes import TEXT, Lexeme
from gramask.grammar.number_sets import numbers_dfa
from gramask.grammar.regex import compile_regex
from gramask.grammar.schema.barred_numbers import goes_on
from gramask.grammar.schema.canonical import canonical, value_of
from gramask.grammar.schema.narrowing import Narrowing
from gramask.grammar.schema.seen_values import GrowingSet, SeenValues, number_key
from gramask.masks.open_text import OpenText
from gramask.masks.scalar_texts import first_accepted

SPELLED = [
    b'"a"', b'"b"', b'"a","b"', b'"a","a"', b'["a"', b'["a","b', b',"a"', b'"b",', b'"b"]', b'a"', b'aa"', b'b","',
    b'b","a', b"aa", b"ab", b'"a', b'":"a"', b'":"a', b'"a":"b"', b'"k":"a"', b'a","k":"b"', b'"},{"k":"a"',
    b'"],["a"', b'a"],["a"]', b"\\u", b"\\u0", b"\\u00", b"\\u006", b"0061", b'0061"', b'61","a', b'1","b"',
    b'\\u0061"', b'\\u0061","\\u0062"', b"\\", b'u0061"', b'\\"', b'"\\u0061"', b'"\\u0061',
    b"\xc3", b"\xa9", b'\xa9"', b'\\u00e9"', b'"\xc3\xa9"', b'\xc3\xa9","\xc3', b"\\ud83d", b'\\ude00"', b'de00","',
    b'\xf0\x9f\x98\x80"', b'", "', b' "a"', b'"a" ,', b'","","', b'"","a"', b'"",""', b"true", b"null,", b'null,"a"',
]  # fmt: skip
NUMBERS = [
    b"0", b"1", b"12", b"10", b"00", b"-", b"-1", b".", b".0", b".5", b"1.", b"1.0", b"0.0", b",1", b"1,", b"1,2",
    b"1,1", b"12,1", b"[1", b"[0", b"],[1", b":1", b":0", b"0]", b"1]", b" 1", b" 0", b", 1", b"1 ,", b"00,", b".00",
    b"0,0", b'"a",1', b'1,"a"', b"5e", b"e1", b"1e0", b"e", b"E0,", b"0e", b"-0", b",-0", b",-", b"5.0", b"2.50",
]  # fmt: skip
TOKENS = list(dict.fromkeys([*byte_tokens(), *SPELLED, *NUMBERS, *LONG]))
END = len(TOKENS)
VOCABULARY = gramask.Vocabulary([*TOKENS, EOS], eos_ids=[END])


def array(items: Any, **keywords: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, "uniqueItems": True} | keywords


STRING: Any = {"type": "string"}
OBJECT: Any = {
    "type": "object",
    "properties": {"k": STRING},
    "required": ["k"],
    "additionalProperties": False,
}
STRINGS = [
    array(STRING),
    array(STRING, minItems=4),
    array(STRING, maxItems=3, minItems=2),
    array({"type": "string", "minLength": 2}),
    array({"type": "string", "pattern": "^a+b?a*$"}),
    array({"type": "string", "pattern": "^(a|é|😀)*$"}, minItems=3),
    array({"type": ["string", "boolean", "null"]}, minItems=3),
    array({"anyOf": [{"type": "string", "maxLength": 1}, {"type": "string", "pattern": "^aa*$"}]}),
    array({"anyOf": [{"enum": ["a", "b", 1]}, {"type": "string", "pattern": "^b"}]}, minItems=2),
    array({"anyOf": [{"type": "string", "maxLength": 100, "minLength": 1}, {"type": "string", "pattern": "^a*$"}]}),
    array({"type": "string"}, contains={"type": "string", "maxLength": 70}, minContains=2),
    array(STRING, contains={"const": "a"}, minItems=2),
    array(STRING, prefixItems=[{"enum": ["a", "b"]}, {"enum": ["a", "b", "ab"]}, STRING]),
    array(array(STRING, maxItems=2), minItems=2),
    array({"type": "array", "prefixItems": [STRING], "items": False, "minItems": 1}, minItems=3),
    array({"type": "array", "prefixItems": [STRING, {"enum": ["a", None]}], "items": False, "minItems": 2}),
    array(OBJECT, minItems=2),
    array(OBJECT | {"properties": {"k": STRING, "a": {"enum": ["a", "b"]}}}),
    array({"type": "object", "additionalProperties": STRING, "maxProperties": 1}),
    array(OBJECT | {"properties": {"k": array(STRING, maxItems=1)}}),
    {"oneOf": [array(STRING, maxItems=2), array({"type": "string", "pattern": "^b"}, minItems=1)]},
    {"anyOf": [array({"type": "string", "pattern": "^a*$"}), {"type": "array", "items": STRING, "maxItems": 1}]},
    {"type": "object", "properties": {"k": array(STRING), "a": STRING}, "required": ["k"]},
    {"type": "array", "uniqueItems": True},
]  # fmt: skip
INTEGER = {"type": "integer"}
NUMERIC = [
    array(INTEGER),
    array({"type": "number"}, minItems=3),
    array({"type": "integer", "minimum": 0}, minItems=3),
    array({"type": "integer", "minimum": -2}),
    array({"type": "integer", "minimum": 0, "maximum": 12}, minItems=3),
    array({"type": "integer", "maximum": 10, "multipleOf": 5}),
    array({"type": "number", "multipleOf": 0.5, "minimum": 0}),
    array({"type": "number", "exclusiveMinimum": 0}),
    array({"type": ["integer", "string", "null"]}),
    array({"anyOf": [{"enum": [0, 1, 2]}, {"type": "integer", "minimum": 10}]}),
    array(array(INTEGER, maxItems=1, minItems=1)),
    array({"type": "object", "properties": {"k": INTEGER}, "required": ["k"], "additionalProperties": False}),
    array({"type": "array", "prefixItems": [INTEGER, {"const": 1}], "items": False, "minItems": 1}),
]  # fmt: skip


class Twins:
    """Two matchers side by side, the second of which leaves all values out of its automaton."""

    is_exact = False

    def __init__(self, schema: Any, **options: Any) -> None:
        Twins.is_exact = False
        self.fast = gramask.compile(schema, VOCABULARY, cache=False, **options).matcher()
        Twins.is_exact = True
        self.slow = gramask.compile(schema, VOCABULARY, cache=False, **options).matcher()

    def __iter__(self) -> Iterator[gramask.Matcher]:
        for matcher, Twins.is_exact in ((self.fast, False), (self.slow, True)):
            yield matcher


@pytest.fixture(autouse=True)
def _exact_twins(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = Narrowing.exact

    def chosen(self: Narrowing, goal: Any, values: SeenValues) -> frozenset[str]:
        return values.texts() if Twins.is_exact else exact(self, goal, values)

    monkeypatch.setattr(Narrowing, "exact", chosen)
    monkeypatch.setattr(Twins, "is_exact", False)


def allowed(matcher: gramask.Matcher) -> set[int]:
    """The token ids of the mask."""
    mask = np.empty(matcher.constraint.n_words, np.int32)
    matcher.fill_mask(mask)
    return set(np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little")).tolist())


def check_mask(matcher: gramask.Matcher, text: bytes) -> set[int]:
    """A mask is what `advance` takes."""
    mask = allowed(matcher)
    wrong = [TOKENS[t] for t in range(END) if matcher.fork().advance(t) != (t in mask)]
    assert wrong == [], text
    return mask


def completed(matcher: gramask.Matcher) -> bytes:
    """The text of the closing tokens, each of which the mask has to allow."""
    matcher = matcher.fork()
    closing = matcher.closing_tokens()
    for token in closing:
        assert token in allowed(matcher)
        assert matcher.advance(token)
    assert matcher.is_accepting()
    return b"".join(TOKENS[t] for t in closing)


def likely(rng: random.Random, mask: set[int], among: list[bytes]) -> int:
    """A token that is probably near what was there before."""
    found = sorted(t for t in mask - {END} if TOKENS[t] in among)
    return rng.choice(found if found and rng.random() < 0.9 else sorted(mask - {END}))


NEAR_STRINGS = [*SPELLED, b"a", b"b", b'"', b",", b"[", b"]", b"{", b"}", b":", b"k", b'","']
WALKS, STEPS = 4, 16


@pytest.mark.parametrize("order", ["any", "schema"])
@pytest.mark.parametrize("schema", STRINGS, ids=json.dumps)
def test_strings_are_those_of_the_twin(schema: Any, order: str) -> None:
    rng, judge = random.Random(f"{schema}{order}"), Judge(schema)
    for _ in range(WALKS):
        twins, text = Twins(schema, order=order, whitespace=1), b""
        for _ in range(STEPS):
            fast, slow = map(allowed, twins)
            assert fast == slow, (text, [TOKENS[t] for t in fast ^ slow if t != END])
            if fast == {END}:
                break
            endings = list(map(completed, twins))
            assert len(endings[0]) == len(endings[1]), (text, endings)
            assert judge.accepts(text + endings[0])
            token = likely(rng, fast, NEAR_STRINGS)
            assert [matcher.advance(token) for matcher in twins] == [True, True]
            text += TOKENS[token]


@pytest.mark.parametrize("schema", [*STRINGS, *NUMERIC], ids=json.dumps)
def test_masks_are_what_may_be_taken(schema: Any) -> None:
    rng, judge = random.Random(str(schema)), Judge(schema)
    among = [*NEAR_STRINGS, *NUMBERS, *NUMBERS, b",", b"]"]
    for _ in range(WALKS):
        matcher, text = gramask.compile(schema, VOCABULARY, whitespace=1).matcher(), b""
        for _ in range(STEPS):
            mask = check_mask(matcher, text)
            assert judge.accepts(text + completed(matcher)), text
            if mask == {END}:
                break
            token = likely(rng, mask, among)
            assert matcher.advance(token)
            text += TOKENS[token]


_FRACTION_OR_EXPONENT = re.compile(rb"[0-9]\.(?!0*\Z)|[0-9]\.?[0-9]*[eE]|\.[0-9]*\Z")


@pytest.mark.parametrize("schema", NUMERIC, ids=json.dumps)
def test_plain_numbers_are_those_of_the_twin(schema: Any) -> None:
    """A number in plain notation may be written in both or in neither."""
    rng = random.Random(str(schema))
    for _ in range(WALKS):
        twins, read = Twins(schema, whitespace=1), b""
        for _ in range(STEPS):
            fast, slow = map(allowed, twins)
            differing = [TOKENS[t] for t in fast ^ slow if t != END]
            assert all(re.search(rb"[.eE]", read[-4:] + text) for text in differing), (read, differing)
            endings = list(map(completed, twins))
            assert len(endings[0]) == len(endings[1]), (read, endings)
            plain = {t for t in fast & slow if t != END and not re.search(rb"[eE]|[1-9]\.|\.[^0]", TOKENS[t])}
            if not plain:
                break
            token = likely(rng, plain, [*NUMBERS, b",", b"[", b"{", b'"k":', b"]"])
            assert [matcher.advance(token) for matcher in twins] == [True, True]
            read += TOKENS[token]


ONE_INTEGER = {"type": "array", "items": INTEGER, "minItems": 1, "maxItems": 1}
ENDINGS = [
    (array(ONE_INTEGER), "[[1],[0],[", 3),
    (array(ONE_INTEGER), "[[1],[1", 3),
    (array(INTEGER, minItems=12), "[", len("0,1,2,3,4,5,6,7,8,9,10,11]")),
    (array({"type": "number"}), "[0,0", len(".1]")),
    (array({"type": "integer", "minimum": 10**8}, minItems=3), "[1e9,", len("2e8,3e8]")),
    (array(STRING, minItems=4), '["a","', len('","b","c"]')),
    (array(STRING), '["a","a', len('b"]')),
    (array({"type": "string", "minLength": 300}, minItems=3), "[", 3 * 302 + 3),
    (array({"type": "string", "pattern": "^(ab)+$"}, minItems=3), '["ab",', len('"abab","ababab"]')),
    (array(OBJECT, minItems=2), '[{"k":"a"},{"k":"a', len('b"}]')),
]


@pytest.mark.parametrize(("schema", "text", "length"), ENDINGS)
def test_shortest_endings(schema: Any, text: str, length: int) -> None:
    matcher = beginning(gramask.compile(schema, VOCABULARY), text.encode())
    ending = completed(matcher)
    assert len(ending) == length, ending
    assert Judge(schema).accepts(text.encode() + ending)


def spellings(value: int, zeros: int = 2) -> list[str]:
    """Those in plain notation with so many zeros behind the point at most."""
    signed = ["0", "-0"] if value == 0 else [f"{value}"]
    return [text + end for text in signed for end in ["", *("." + "0" * n for n in range(1, zeros + 1))]]


@pytest.mark.parametrize(("low", "high", "n"), [(0, 3, 3), (-1, 11, 2), (9, 11, 3)])
def test_every_beginning_of_plain_integers(low: int, high: int, n: int) -> None:
    """The list of all arrays says which bytes may come next."""
    schema = array({"type": "integer", "minimum": low, "maximum": high}, minItems=n, maxItems=n)
    rows: list[list[int]] = [[]]
    for _ in range(n):
        rows = [[*row, value] for row in rows for value in range(low, high + 1) if value not in row]
    rng = random.Random(low)
    texts = {
        "[" + ",".join(rng.choice(spellings(value)) for value in row) + "]"
        for row in rows
        for _ in range(max(1, 600 // len(rows)))
    }
    constraint = gramask.compile(schema, VOCABULARY, whitespace="compact")
    for text in rng.sample(sorted(texts), min(len(texts), 150)):
        matcher, taken = constraint.matcher(), text.encode()
        assert all(map(matcher.advance, tokenize(rng, taken, TOKENS))) and matcher.is_accepting(), text
        for at in range(1, len(taken)):
            begun = json.loads("[" + text[1:at].rpartition(",")[0] + "]")
            last = text[1:at].rpartition(",")[2]
            mask = allowed(beginning(constraint, taken[:at]))
            # Other digits behind a point may go on with an exponent.
            for digit in "0" if "." in last else "0123456789":
                there = {
                    value
                    for value in range(low, high + 1)
                    if any(spelled.startswith(last + digit) for spelled in spellings(value, 9))
                }
                assert (ord(digit) in mask) == bool(there - set(map(int, begun))), (text[:at], digit)


def beginning(constraint: gramask.Constraint, text: bytes) -> gramask.Matcher:
    matcher = constraint.matcher()
    assert all(map(matcher.advance, text))
    return matcher


# The parts


def test_growing_sets() -> None:
    """Against frozensets, with many sets that grow from one."""
    rng = random.Random(1)
    words = [bytes(rng.choice(b"ab\xc3\xa9") for _ in range(rng.randint(0, 4))) for _ in range(400)]
    pairs: list[tuple[GrowingSet, frozenset[bytes]]] = [(GrowingSet(), frozenset())]
    for step in range(4_000):
        grown, plain = pairs[-1] if step % 400 > 9 else rng.choice(pairs)
        word = rng.choice(words)
        assert (word in grown) == (word in plain)
        grown, plain = grown.with_(word), plain | {word}
        assert len(grown) == len(plain) and set(grown) == plain
        for prefix in (b"", b"a", b"ab", b"\xc3", word):
            near = sorted(text for text in plain if text.startswith(prefix))
            assert sorted(grown.beginning_with(prefix)) == near
            assert grown.has_beginning(prefix) == bool(near)
        pairs.append((grown, plain))
    sample = rng.sample(pairs, 200)
    for grown, plain in sample:
        again = GrowingSet(plain)
        assert grown == again and hash(grown) == hash(again)
        other, plainly = rng.choice(sample)
        assert (grown == other) == (plain == plainly)


def test_seen_values() -> None:
    values: list[Any] = [
        1,
        1.5,
        -1,
        0,
        1e300,
        "",
        "a",
        "é",
        '"',
        "\ud83d\ude00",
        None,
        True,
        [],
        [1],
        {"a": 1},
    ]
    seen, texts = SeenValues.of([]), set()
    for value in values:
        assert canonical(value) not in seen
        seen = seen.with_(canonical(value))
        texts.add(canonical(value))
        assert canonical(value) in seen and len(seen) == len(texts)
        assert (
            seen.texts() == texts
            and seen == SeenValues.of(texts)
            and hash(seen) == hash(SeenValues.of(texts))
        )
    others = [value for value in values if value is True or not isinstance(value, int | float | str)]
    assert seen.texts(strings=False, numbers=False) == set(map(canonical, others))


def test_open_texts() -> None:
    text, expected = OpenText(), b""
    kept = []
    for byte in random.Random(1).randbytes(300):
        text, expected = text.with_(byte), expected + bytes([byte])
        kept.append((text, expected))
    assert all(bytes(text) == expected for text, expected in kept)
    assert all(expected.startswith(text.beginning) and text.beginning for text, expected in kept)
    assert text == OpenText(expected) and hash(text) == hash(OpenText(expected)) and text != kept[0][0]


def numbers_from(dfa: ByteDfa, text: str, longest: int) -> Iterator[str]:
    """All of them of some more characters."""
    todo = [text]
    while todo:
        text = todo.pop()
        state = dfa.start
        for byte in text.encode():
            state = int(dfa.delta[state, byte])
        if state:
            if dfa.label[state] >= 0:
                yield text
            if len(text) < longest:
                todo += [text + c for c in "-.0123456789"]


@pytest.mark.parametrize(
    "options",
    [
        {"integer": True},
        {},
        {"integer": True, "low": 0, "high": 12},
        {"integer": True, "low": -3},
        {"low": 0, "high": 1},
        {"plain": False},
    ],
)
def test_what_a_number_may_become(options: Any) -> None:
    """In plain notation: all that there are of a few characters more decide."""
    dfa, rng = numbers_dfa(**options), random.Random(str(options))
    for _ in range(300):
        seen = {
            canonical(value_of(rng.choice("0 1 2 3 10 11 12 0.5 1.5 -1 0.25 5".split()))) for _ in range(8)
        }
        barred = [GrowingSet(map(number_key, seen))]
        text = rng.choice("0 1 1. 1.0 1.5 12 -0 -1 0. 0.0 0.2 10 3 - 5".split())
        found = list(numbers_from(dfa, text, len(text) + 3))
        if not found:
            continue
        expected = any(canonical(value_of(number)) not in seen for number in found)
        asked = []

        def accepts(number: bytes, label: int, seen: set[str] = seen, asked: list[bytes] = asked) -> bool:
            asked.append(number)
            return canonical(value_of(number)) not in seen

        assert goes_on(dfa, text.encode(), barred, accepts) == expected, (text, seen, asked)


@pytest.mark.parametrize(
    "lexeme",
    [
        TEXT,
        Lexeme(TEXT.dfa, is_string=True, low=2),
        Lexeme(compile_regex("a(b|cc)*"), is_string=True),
        Lexeme(compile_regex("-?[0-9]+")),
        Lexeme(compile_regex('["\\n]a*'), is_string=True),
    ],
)
def test_texts_from_the_shortest_on(lexeme: Lexeme) -> None:
    refused: set[bytes] = set()
    lengths = []
    for _ in range(60):
        (text,) = first_accepted(
            lexeme, lexeme.dfa.start, 0, lambda text, label: text not in refused
        ).values()
        content = json.loads(b'"' + text + b'"').encode() if lexeme.is_string else text
        assert lexeme.dfa.accepts(content) and text not in refused and len(content) >= lexeme.low
        lengths.append(len(text))
        refused.add(text)
    assert lengths == sorted(lengths)


# Long runs


def words(n: int, length: int) -> list[str]:
    rng = random.Random(n)
    return ["".join(rng.choice("abcdefgh ijklmnop") for _ in range(length)) + str(i) for i in range(n)]


LONG_RUNS: list[tuple[str, Any, list[Any]]] = [
    ("long strings", array(STRING), words(200, 1000)),
    ("short strings", array(STRING), words(2000, 5)),
    ("one beginning", array(STRING), ["a" * 300 + str(i) for i in range(300)]),
    ("strings of a pattern", array({"type": "string", "pattern": "^[a-z ]+[0-9]*$"}), words(1000, 8)),
    ("integers", array(INTEGER), [7 * i for i in range(1000)]),
    ("bounded integers", array({"type": "integer", "minimum": 0, "maximum": 9999}), list(range(1000, 2000))),
    ("numbers", array({"type": "number"}), [i / 8 for i in range(1000)]),
    ("anything", {"type": "array", "uniqueItems": True}, [x for i in range(500) for x in (i, f"s{i}")]),
    ("strings in arrays", {"type": "array", "items": array(STRING)}, [words(50, 20) for _ in range(20)]),
]  # fmt: skip
BYTES = gramask.Vocabulary([*byte_tokens(), EOS], eos_ids=[256])


@pytest.mark.parametrize(
    ("schema", "value"), [run[1:] for run in LONG_RUNS], ids=[run[0] for run in LONG_RUNS]
)
def test_long_runs(schema: Any, value: list[Any]) -> None:
    """They take about as long for the last items as for the first, and few states."""
    constraint = gramask.compile(schema, BYTES, cache=False)
    matcher, mask = constraint.matcher(), np.empty(constraint.n_words, np.int32)
    with time_limit(60):  # a guard, not a measure of speed
        for at, byte in enumerate(json.dumps(value, separators=(",", ":")).encode()):
            if at % 7 == 0:
                matcher.fill_mask(mask)
                assert mask.view(np.uint32)[byte >> 5] >> (byte & 31) & 1
            assert matcher.advance(byte)
    n_items = sum(map(len, value)) if isinstance(value[0], list) else len(value)
    assert matcher.is_accepting()
    assert constraint.engine.pushdown.n_states < 100 + 25 * n_items
