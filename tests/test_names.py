"""Names that no schema declares: no token may repeat one, nor begin one that none is left of."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from reference.judge import Judge
from strategies import EOS, byte_tokens, tokenize

import gramask
from gramask.masks import closing_search
from gramask.masks.name_set import NO_NAMES_SEEN, NameSet

ALPHABET = [b"{", b"}", b'"', b":", b",", b"1", b"d", b"e"]
PAIRS = [left + right for left in ALPHABET for right in ALPHABET]
LONG = [
    b'{"d":1,"d', b'd":1,"d', b'":1,"', b'":1,"d', b'":1,"d"', b'{"d":1,"', b'd":{"d":1},"d', b'":{"d":1,"d', b'":{"',
    b'":1},"d', b'":1}}', b',"d"', b'"d":1', b'"d":', b'e":1,"d', b'd":1,"e', b'e":1,"e', b'{"d":1,"d":', b'dd":1,"d',
    b'[{"d":1,"d', b'1,{"d":1,"d', b'},{"e":1,"', b'1},{"d',
]  # fmt: skip
SPELLED = [
    b' "d', b', "', b"\\u", b"\\u00", b"\\u0064", b"0064", b'64":1', b"\\u00e9", b'e9":1,"', b"\xc3\xa9", b"\xa9\xc3",
    b'\xa9":1,"\xc3', b'\xa9\\u0064"', b'":1,"\\', b'":1,"\\u00', b'{"\xc3\xa9":1,"\xc3', b'\xa9\xc3\xa9"', b'\\"":1',
    b"\\ud83d", b'\\ude00":1,"', b"\xf0\x9f", b'"\\\\":1', b'\\ud83d\\ude00":1,"\\ud83d',
]  # fmt: skip
TOKENS = [*byte_tokens(), *PAIRS, *LONG, *SPELLED]
END = len(TOKENS)
VOCABULARY = gramask.Vocabulary([*TOKENS, EOS], eos_ids=[END])
PLAIN = [t for t, text in enumerate(TOKENS) if set(text) <= set(b"".join(ALPHABET))]


def allowed(matcher: gramask.Matcher) -> set[int]:
    """The token ids of the mask."""
    mask = np.empty(matcher.constraint.n_words, np.int32)
    matcher.fill_mask(mask)
    return set(np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little")).tolist())


def objects(names: Iterable[str], values: Iterable[str], low: int, high: int) -> set[str]:
    """All objects of `low` to `high` members, written without white space and escapes."""
    members = [[f'"{name}":{value}' for value in values] for name in names]
    return {
        "{" + ",".join(chosen) + "}"
        for n in range(low, high + 1)
        for several in itertools.permutations(members, n)
        for chosen in itertools.product(*several)
    }


LONGEST = 16
MANY_E = ["e" * n for n in range(1, LONGEST)]
# Of very many names, those over the alphabet and one more will do.
ONE_LETTER = ["", *"{}:,1def"]
SOME_E = {"pattern": "^(d|e+)$"}
SOME_LETTERS = {"pattern": "^(d|e|é+)$"}
INNER = objects("deé", ["1"], 0, 2)
WRITTEN: list[tuple[Any, set[str]]] = [
    ({"propertyNames": SOME_E, "maxProperties": 2}, objects(["d", *MANY_E], ["1"], 0, 2)),
    ({"propertyNames": SOME_E, "minProperties": 2}, objects(["d", *MANY_E], ["1"], 2, 3)),
    ({"propertyNames": {"maxLength": 1}}, objects(ONE_LETTER, ["1"], 0, 3)),
    (
        {"propertyNames": {"maxLength": 1}, "properties": {"d": {"const": 1}}},
        objects(ONE_LETTER, ["1"], 0, 3),
    ),
    (
        {"propertyNames": {"enum": ["d", "dd", "e"]}, "minProperties": 2},
        objects(["d", "dd", "e"], ["1"], 2, 3),
    ),
    (
        {"anyOf": [{"propertyNames": {"pattern": "^de*$"}}, {"propertyNames": {"pattern": "^(d|e)$"}}]},
        objects(["d", *("d" + e for e in MANY_E)], ["1"], 0, 3) | objects("de", ["1"], 0, 2),
    ),
    (
        {"propertyNames": SOME_LETTERS, "maxProperties": 2, "additionalProperties": {"enum": [1, {}]}},
        objects("deé", ["1", "{}"], 0, 2),
    ),
    (
        {
            "propertyNames": SOME_LETTERS,
            "maxProperties": 2,
            "additionalProperties": {"anyOf": [{"const": 1}, {"$ref": "#/$defs/inner"}]},
            "$defs": {
                "inner": {
                    "type": "object",
                    "propertyNames": SOME_LETTERS,
                    "maxProperties": 2,
                    "additionalProperties": {"const": 1},
                }
            },
        },
        objects("deé", ["1", *INNER], 0, 2),
    ),
]


@pytest.mark.parametrize(("schema", "documents"), WRITTEN)
def test_every_token_behind_every_beginning(schema: Any, documents: set[str]) -> None:
    """`documents` begin with all texts of at most LONGEST bytes over the alphabet that some document begins with."""
    schema = {"type": "object", "additionalProperties": {"const": 1}} | schema
    constraint = gramask.compile(schema, VOCABULARY, order="any", whitespace="compact")
    beginnings = {text[:n].encode() for text in documents for n in range(len(text) + 1)}
    rng = random.Random(1)
    for text in sorted(beginnings):
        if len(text) > LONGEST or not set(text) <= set(b"".join(ALPHABET)):
            continue
        matcher = constraint.matcher()
        assert all(map(matcher.advance, tokenize(rng, text, TOKENS))), text
        mask = allowed(matcher)
        # Of 1e0, which is 1 as well, `documents` know nothing.
        wrong = [
            t
            for t in PLAIN
            if (t in mask) != (text + TOKENS[t] in beginnings) and b"1e" not in text + TOKENS[t]
        ]
        assert [TOKENS[t] for t in wrong if len(text + TOKENS[t]) <= LONGEST] == [], text


ONE = {"const": 1}
WALKED = [
    {"propertyNames": {"maxLength": 1}, "additionalProperties": {"$ref": "#"}},
    {"properties": {"a": {}, "é": {}}, "propertyNames": {"maxLength": 1}},
    {"propertyNames": {"minLength": 1, "maxLength": 2}, "minProperties": 3, "additionalProperties": ONE},
    {"propertyNames": {"pattern": "^(d|é+)$"}, "additionalProperties": ONE},
    {"propertyNames": {"pattern": "^(dé|ê|😀+)$"}, "minProperties": 2},
    {"propertyNames": {"pattern": r"^(d|\\e*)$"}, "additionalProperties": ONE},
    {"propertyNames": {"not": {"enum": ["d", "😀"]}, "maxLength": 1}, "patternProperties": {"^e": {"type": "object"}}},
    {"propertyNames": {"enum": ["d", "dx", "é", '"']}, "minProperties": 3},
    {"anyOf": [{"propertyNames": {"pattern": "^dx"}}, {"propertyNames": {"pattern": "^d$"}}], "minProperties": 1},
    {"oneOf": [{"propertyNames": {"maxLength": 1}, "minProperties": 2}, {"properties": {"d": {"type": "string"}}}]},
    {"patternProperties": {"^(d|é+)$": ONE, "^e": {"type": "object", "propertyNames": {"maxLength": 1}}},
     "additionalProperties": False, "minProperties": 2},
    {"if": {"propertyNames": {"pattern": "^(d|e+)$"}}, "then": {"maxProperties": 3}, "else": {"required": ["d"]}},
    {"not": {"propertyNames": {"maxLength": 1}}, "propertyNames": {"maxLength": 2}},
    {"not": {"patternProperties": {"^(d|é+)$": {"type": "integer"}}}, "propertyNames": {"maxLength": 2}},
    {"type": "array", "items": {"type": "object", "propertyNames": {"maxLength": 1}}, "uniqueItems": True},
    {"type": "array", "prefixItems": [{"enum": [1, "d"]}, {"type": "object"}], "items": False, "uniqueItems": True},
    {"dependentRequired": {"é": ["d"]}, "propertyNames": {"maxLength": 1}, "maxProperties": 2},
]  # fmt: skip
STEPS = 10
COMPLETED = 2


@pytest.mark.parametrize("schema", WALKED)
def test_walks(schema: Any) -> None:
    """A mask is what `advance` takes, and behind each token there is a way to a valid end."""
    schema = {"type": "object"} | schema
    constraint = gramask.compile(schema, VOCABULARY, order="any", whitespace=1)
    judge, rng = Judge(schema), random.Random(str(schema))
    matcher, text = constraint.matcher(), b""
    for _ in range(STEPS):
        mask = allowed(matcher) - {END}
        wrong = [TOKENS[t] for t in range(END) if matcher.fork().advance(t) != (t in mask)]
        assert wrong == [], text
        if not mask:
            break
        long = [t for t in sorted(mask) if t > 255]
        for token in rng.sample(sorted(mask), min(COMPLETED, len(mask))) + rng.sample(
            long, min(COMPLETED, len(long))
        ):
            whole = text + TOKENS[token] + completion(matcher.fork(), token)
            assert judge.accepts(whole), whole
        token = rng.choice(long if long and rng.random() < 0.6 else sorted(mask))
        assert matcher.advance(token)
        text += TOKENS[token]


def completion(matcher: gramask.Matcher, token: int) -> bytes:
    """The text of the closing tokens behind `token`, each of which the mask has to allow."""
    assert matcher.advance(token)
    closing = matcher.closing_tokens()
    for following in closing:
        assert following in allowed(matcher)
        assert matcher.advance(following)
    assert matcher.is_accepting()
    return b"".join(TOKENS[t] for t in closing)


def test_a_name_that_begins_in_the_token_of_another_item() -> None:
    """Where items must differ, what follows the first one is only known when its value is."""
    schema = {"type": "array", "prefixItems": [{"enum": [1, 2]}, {"type": "object"}], "uniqueItems": True}
    matcher = gramask.compile(schema, VOCABULARY).matcher()
    assert matcher.advance(ord("[")) and matcher.advance(TOKENS.index(b'1,{"d":1,"d'))
    assert ord('"') not in allowed(matcher)
    assert not matcher.advance(ord('"'))
    assert matcher.advance(ord("e")) and matcher.advance(ord('"'))


def test_a_split_character_with_an_escape() -> None:
    """`é` is in two tokens, the second of which ends the name with an escape."""
    matcher = gramask.compile({"type": "object"}, VOCABULARY).matcher()
    for text in (b'{"\\u00e9d":1', b',"\xc3'):
        assert all(map(matcher.advance, tokenize(random.Random(0), text, byte_tokens())))
    repeats = TOKENS.index(b'\xa9\\u0064"')
    assert repeats not in allowed(matcher)
    assert not matcher.advance(repeats)


def test_a_name_begun_is_completed_where_many_members_are_required() -> None:
    """Each of the names leads to another object, and all of these need as much."""
    member = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    names = [f"member {i}" for i in range(200)]
    schema = {"type": "object", "properties": dict.fromkeys(names, member), "required": names}
    matcher = gramask.compile(schema, VOCABULARY, order="any").matcher()
    assert all(matcher.advance(TOKENS.index(text)) for text in (b"{", b'"'))
    assert len(matcher.closing_tokens()) > 200


def test_a_name_begun_is_completed_where_other_members_are_large() -> None:
    """Each name could be that of a large member; the one that is required takes more bytes than many of those do."""
    branch = {"type": "object", "properties": {f"p{i}": {"$ref": "#/$defs/any"} for i in range(20)}}
    tree = {"oneOf": [{**branch, "required": [f"p{i}"]} for i in range(6)]}
    schema = {
        "type": "object",
        "properties": {f"large {i}": {"$ref": "#/$defs/tree"} for i in range(6)},
        "required": ["a member with a name of more than forty characters"],
        "$defs": {
            "tree": tree,
            "any": {"type": ["array", "object", "string"], "items": {"$ref": "#/$defs/tree"}},
        },
    }
    matcher = gramask.compile(schema, VOCABULARY, order="any").matcher()
    assert all(matcher.advance(TOKENS.index(text)) for text in (b"{", b'"'))
    closing = matcher.closing_tokens()
    assert all(map(matcher.advance, closing))
    assert matcher.is_accepting()


def test_an_object_is_completed_that_needs_one_of_several_members(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it needs depends on what comes: a search in a hurry must not settle on what does not help."""
    monkeypatch.setattr(closing_search, "MAX_PLACES", 250)
    text = {"type": "string"}
    member = {"type": "object", "properties": {"x": text}, "required": ["x"], "additionalProperties": False}
    base = {"properties": {"name": text}, "required": ["name"]}
    kinds = [f"kind {i}" for i in range(4)]
    schema = {
        "type": "object",
        "properties": {"a": text, "name": text, **dict.fromkeys(kinds, True), "z": text},
        "additionalProperties": False,
        "oneOf": [{"allOf": [base, {"properties": {k: member}, "required": [k]}]} for k in kinds],
    }
    matcher = gramask.compile(schema, VOCABULARY, order="schema").matcher()
    closing = matcher.closing_tokens()
    assert all(map(matcher.advance, closing))
    assert matcher.is_accepting()


def test_a_set_of_names_is_one() -> None:
    rng = random.Random(4)
    names = [b"%d" % n for n in rng.sample(range(10_000), 300)]
    found, expected = NO_NAMES_SEEN, set[bytes]()
    stages = []
    for name in names:
        assert name not in found
        found, expected = found.adding(name), expected | {name}
        stages.append((found, len(expected)))
        assert set(found) == expected and len(found) == len(expected) and name in found
    assert all(len(stage) == n and b"x" not in stage for stage, n in stages)


def test_sets_of_declared_names_are_the_same_objects() -> None:
    root = NameSet()
    one, is_new = root.adding_again(b"a")
    assert is_new and set(one) == {b"a"} and len(root) == 0
    assert root.adding_again(b"a") == (one, False)
    two, _ = one.adding_again(b"b")
    other, _ = root.adding_again(b"b")[0].adding_again(b"a")
    assert set(two) == set(other) == {b"a", b"b"} and one.adding_again(b"b")[0] is two


@pytest.mark.parametrize("limit", [0, 3, 1 << 12])
def test_forgotten_sets_change_nothing(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    """No name comes twice, whether the sets of those before were kept or not."""
    monkeypatch.setattr("gramask.masks.names.MAX_NAME_SETS", limit)
    names = ["a", "ab", "b", "c"]
    item = {"type": "object", "properties": {name: {"type": "integer"} for name in names}}
    constraint = gramask.compile({"type": "array", "items": item}, VOCABULARY, order="any", cache=False)
    matcher = constraint.matcher()
    mask = np.empty(constraint.n_words, np.int32)
    for order in (names, names, names[::-1], names[1:], names):
        text = "{" if matcher.fork().advance(ord("{")) else ",{"
        text = "[{" if matcher.fork().advance(ord("[")) else text
        for i, name in enumerate(order):
            assert all(map(matcher.advance, f'{text}"{name}":1'.encode()))
            text = ","
            for seen in names:
                ahead = matcher.fork()
                assert all(map(ahead.advance, f',"{seen}'.encode()))
                ahead.fill_mask(mask)
                assert (mask[ord('"') >> 5] >> (ord('"') & 31) & 1) == (seen not in order[: i + 1])
        assert matcher.advance(ord("}"))


def test_a_history_of_many_names_stays_small() -> None:
    """Every stage of the names of an object is kept to go back to, and shares with the others."""
    parts: dict[int, frozenset[bytes]] = {}
    found = NO_NAMES_SEEN
    for n in range(4096):
        found = found.adding(b"%d" % n)
        parts |= {id(part): part for part in found._parts}
    assert sum(map(len, parts.values())) <= 4096 * 13
