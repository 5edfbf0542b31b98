"""Masks in and around member names, and in strings, against their definition: `advance` on a fork.

What is found instead of made (rows by recipes, places that are alike, whole characters of text) must be what would have
been made.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from strategies import EOS, byte_tokens

import gramask
from gramask.grammar.lexemes import TEXT
from gramask.masks.by_frames import ByFrames
from gramask.masks.engine import MAX_CONFIGS
from gramask.masks.row_store import MAX_ROWS, RowStore
from gramask.masks.tables import _LexemeRows, tables_of
from gramask.masks.walker import read_bytes

PIECES = (
    'a b ab abc abcd na name nam me e" me" name" "name" "name": {"name" {"a ,"ab" ":1 ":"  ": ": 1}, "},'
    ' 1, } "a" "a":1 ","a ":{ ":[ ]} }} ":"" "} "," b" d" c" /b \\/b \\u0061 \\u006 \\ 1 u00 é "é é" \\" "\\" '
    'q\\" tru true " " ":1} a":1} "a":1} "ab":""} b":true}'
)
TOKENS = list(
    dict.fromkeys([*byte_tokens(), *(piece.encode() for piece in PIECES.split(" ") if len(piece) > 1)])
)
VOCABULARY = gramask.Vocabulary([*TOKENS, EOS], eos_ids=[len(TOKENS)])
SCALAR = {"type": ["integer", "boolean", "string"]}


def _object(names: list[str], required: int, extra: Any) -> dict[str, Any]:
    properties = dict.fromkeys(names, SCALAR)
    return {
        "type": "object",
        "properties": properties,
        "required": names[:required],
        "additionalProperties": extra,
    }


NAMES = ["name", "nam", "a", "ab", "abcd", "a/b", 'q"', "é", "éa"]
SCHEMAS = [
    *(_object(NAMES, n, extra) for n in (0, 1, 3, 9) for extra in (False, True, SCALAR)),
    _object(["name"], 1, False),
    _object(["a", "ab"], 2, {"type": "array", "items": {"enum": ["abc", "abd"]}}),
    {**_object(NAMES[1:4], 3, True), "properties": {"name": False, "a": {"type": "string", "maxLength": 3}}},
    _object(NAMES[:4], 2, _object(NAMES[:3], 3, False)),
    {**_object(NAMES[:4], 4, False), "patternProperties": {"^a": {"type": "string"}}},
    {"anyOf": [_object(NAMES[:3], 1, False), _object(NAMES[1:5], 2, True)]},
    # More names than one state is for.
    *(
        _object([*NAMES, *(f"na{i:02}" for i in range(40))], n, extra)
        for n in (0, 2)
        for extra in (False, True)
    ),
]


def _allowed(matcher: gramask.Matcher) -> set[int]:
    mask = np.empty(matcher.constraint.n_words, np.int32)
    matcher.fill_mask(mask)
    bits = np.unpackbits(mask.view(np.uint8), bitorder="little")
    return set(np.flatnonzero(bits).tolist()) - set(VOCABULARY.eos_ids)


def _steered(rng: random.Random, allowed: set[int]) -> int:
    """One of the allowed tokens, more often a long one: else few names end."""
    tokens = sorted(allowed)
    return rng.choices(tokens, [len(TOKENS[t]) ** 3 + (TOKENS[t] in b'":,}') * 40 for t in tokens])[0]


def _check(constraint: gramask.Constraint, rng: random.Random, n_steps: int) -> int:
    matcher, n_quotes = constraint.matcher(), 0
    for _ in range(n_steps):
        mask = _allowed(matcher)
        taken = {token for token in range(len(TOKENS)) if matcher.fork().advance(token)}
        assert mask == taken, [TOKENS[token] for token in mask ^ taken]
        if not mask:
            break
        token = _steered(rng, mask)
        n_quotes += b'"' in TOKENS[token]
        assert matcher.advance(token)
    return n_quotes


@pytest.mark.parametrize("order", ["any", "schema"])
@pytest.mark.parametrize("schema", SCHEMAS, ids=range(len(SCHEMAS)))
def test_masks_of_members(schema: dict[str, Any], order: str) -> None:
    rng = random.Random(json.dumps(schema) + order)
    constraint = gramask.compile(schema, VOCABULARY, order=order, cache=False)
    # One constraint all the time: what it has learnt in one text must be right in the next.
    assert sum(_check(constraint, rng, 40) for _ in range(10)) > 10


def _spellings(text: str) -> Iterator[str]:
    """A text as JSON may spell it, one character after the other in each of its ways."""
    yield json.dumps(text)
    for i, character in enumerate(text):
        spelled = f"\\u{ord(character):04x}"
        yield json.dumps(text[:i])[:-1] + spelled + json.dumps(text[i + 1 :])[1:]
        yield json.dumps(text[:i])[:-1] + spelled.upper().replace("U", "u") + json.dumps(text[i + 1 :])[1:]


@pytest.mark.parametrize("extra", [False, {"type": "integer"}])
@pytest.mark.parametrize("name", ["abc", 'q"', "a/b", "\\", "é", "\x1f", "aé", ""])
def test_every_spelling_of_a_name(name: str, extra: Any) -> None:
    """It is the declared name, whatever escapes it is spelled with."""
    schema = {"type": "object", "properties": {name: {"const": True}}, "additionalProperties": extra}
    constraint = gramask.compile(schema, VOCABULARY, order="any", cache=False)
    for spelled in _spellings(name):
        for value, is_right in ((b"true", True), (b"1", False)):
            matcher = constraint.matcher()
            text = b"{" + spelled.encode() + b":" + value + b"}"
            accepted = all(matcher.advance(TOKENS.index(bytes([byte]))) for byte in text)
            assert (accepted and matcher.is_accepting()) is is_right, text


def test_names_are_completed_from_their_middle() -> None:
    constraint = gramask.compile(_object(["abcd", "name"], 2, False), VOCABULARY, order="any", cache=False)
    behind = {
        b'{"': b"",
        b'{"a': b'bcd"',
        b'{"abc': b'd"',
        b'{"abcd': b'"',
        b'{"abcd":1,"na': b'me":',
        b'{"ab': b'cd"',
    }
    for begun, rest in behind.items():
        matcher = constraint.matcher()
        assert all(matcher.advance(TOKENS.index(bytes([byte]))) for byte in begun)
        closing = matcher.closing_tokens()
        assert matcher.min_tokens_to_accept <= len(closing)
        text = b"".join(TOKENS[token] for token in closing)
        assert json.loads(begun + text).keys() == {"abcd", "name"}
        assert text.startswith(rest)


@pytest.mark.parametrize("extra", [False, True])
def test_long_names(extra: bool) -> None:
    """Of which a configuration cannot count the bytes beside which names are left."""
    names = ["x" * 5000, "x" * 4999 + "y", "x", "y"]
    schema = {
        "properties": {key: {"const": 1} for key in names},
        "additionalProperties": extra,
        "type": "object",
    }
    constraint = gramask.compile(schema, VOCABULARY, order="any", cache=False)
    for name, is_declared in ((names[0], True), (names[1], True), ("x", True), ("x" * 4999, False)):
        for value in (b"1", b"2"):
            matcher = constraint.matcher()
            text = b'{"' + name.encode() + b'":' + value + b"}"
            accepted = all(matcher.advance(TOKENS.index(bytes([byte]))) for byte in text)
            assert (accepted and matcher.is_accepting()) is (value == b"1" if is_declared else extra), name[
                -2:
            ]


def test_forced_names() -> None:
    """The rest of a name is forced where there is no other; `e"` would let another token begin behind it."""
    matcher = gramask.compile(_object(["name"], 1, False), VOCABULARY, cache=False).matcher()
    assert all(matcher.advance(TOKENS.index(bytes([byte]))) for byte in b'{"n')
    assert b"".join(TOKENS[token] for token in matcher.forced_tokens()).startswith(b"am")


def test_tokens_with_two_names() -> None:
    """With such, which of two members is missing does matter."""
    tokens = [
        *TOKENS,
        *(b"%s:1,%s:1}" % (first, last) for first in (b'"a"', b'a"', b'"') for last in (b'"ab"', b'"nam"')),
    ]
    vocabulary = gramask.Vocabulary([*tokens, EOS], eos_ids=[len(tokens)])
    constraint = gramask.compile(
        _object(["a", "ab", "nam", "name"], 3, True), vocabulary, order="any", cache=False
    )
    for begun in (
        b'{"ab":1,"',
        b'{"nam":1,"',
        b'{"ab":1,"nam":1,"',
        b'{"name":1,"',
        b'{"name":1,"ab":1,',
        b'{"nam":1,"a',
    ):
        matcher = constraint.matcher()
        assert all(matcher.advance(TOKENS.index(bytes([byte]))) for byte in begun)
        mask = np.empty(constraint.n_words, np.int32)
        matcher.fill_mask(mask)
        for token in range(len(TOKENS), len(tokens)):
            allowed = bool(mask.view(np.uint32)[token >> 5] >> (token & 31) & 1)
            assert allowed is matcher.fork().advance(token), (begun, tokens[token])


def _n_rows(constraint: gramask.Constraint, names: list[str]) -> int:
    """How many rows a text takes in each beginning of which some members are still missing."""
    for last in range(len(names)):
        text = ",".join(f'"{name}":"x"' for name in names[:last] + names[last + 1 : last + 2])
        matcher = constraint.matcher()
        for byte in b"{" + text.encode():
            _allowed(matcher)
            assert matcher.advance(TOKENS.index(bytes([byte])))
    return len(constraint.engine._rows)


def test_places_with_many_missing_members_share_rows() -> None:
    """Which of many members are still missing changes no mask: no token holds so many names."""
    names = [f"k{i}" for i in range(8)]
    alike, apart = (
        gramask.compile(_object(names, 8, True), VOCABULARY, order="any", cache=False) for _ in "ab"
    )
    apart.engine._rows = ByFrames(apart.engine.pushdown, MAX_CONFIGS)
    assert _n_rows(alike, names) < 0.6 * _n_rows(apart, names)


def test_whole_text() -> None:
    """Those tokens, and no others, leave a string of any text as it is."""
    vocabulary = gramask.Vocabulary(
        [
            *TOKENS,
            "漢😀x".encode(),
            b"\xc3",
            b"\xa9x",
            b"x\xc3",
            b"\xed\xa0\x80",
            b"\xf0\x9f\x98\x80",
            b"\x1fa",
            EOS,
        ],
        eos_ids=[len(TOKENS) + 7],
    )
    tables = tables_of(vocabulary)
    rows = _LexemeRows(tables, TEXT.dfa)
    start = rows.lexicon.state(TEXT, TEXT.dfa.start), 0, 0, rows.pushdown.root_node
    found = []
    for token, text in enumerate(vocabulary.tokens[:-1]):
        same = read_bytes(rows.pushdown, start, tables.text_of(token)) == start
        assert bool(tables.whole_text[token]) is (same and b"\\" not in text), text
        found.append(same)
    assert any(found) and not all(found)
    assert not tables.whole_text[len(vocabulary.tokens) - 1]


@pytest.mark.parametrize("bound", [{"maxLength": 4}, {"minLength": 2, "maxLength": 5}, {"minLength": 3}, {}])
def test_whole_text_is_counted(bound: dict[str, int]) -> None:
    constraint = gramask.compile({"type": "string", **bound}, VOCABULARY, cache=False)
    rng = random.Random(1)
    for _ in range(10):
        _check(constraint, rng, 8)


def test_rows_are_kept_as_long_as_someone_holds_them() -> None:
    store = RowStore()
    first = store.keep(np.full(3, 7, np.uint32))
    store.keep_recipe(("seven",), first)
    store.keep_recipe(("zero",), store.keep(np.zeros(3, np.uint32)))
    for i in range(MAX_ROWS):
        store.keep(np.array([i, 1, 2], np.uint32))
    assert store.keep(np.full(3, 7, np.uint32)) is first
    assert store.made_by(("seven",)) is first
    assert store.made_by(("zero",)) is None
