"""All small schemas against all short texts over a tiny alphabet: the accepted set is exactly the oracle's."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from reference.membership import Membership
from reference.viability import Grammar, Options
from strategies import EOS, byte_tokens

import gramask

ALPHABET = b'{}[]":,a01- \\.'
LONGEST = 7
VOCABULARY = gramask.Vocabulary([*byte_tokens(), EOS], eos_ids=[256])

LEAVES: list[Any] = [
    True,
    False,
    {"type": "integer"},
    {"type": "number", "minimum": 0, "exclusiveMaximum": 1},
    {"type": "string", "maxLength": 1},
    {"type": "string", "pattern": "a"},
    {"enum": ["a", 1, [], {}]},
    {"const": 0},
    {"type": ["array", "integer"], "maximum": 1},
]


def unary(inner: Any) -> Iterator[dict[str, Any]]:
    """The schemas with one subschema."""
    yield {"type": "array", "items": inner}
    yield {"type": "array", "items": inner, "minItems": 1, "maxItems": 2}
    yield {"type": "array", "prefixItems": [inner], "items": False}
    yield {"type": "array", "prefixItems": [inner], "minItems": 2}
    yield {"type": "object", "properties": {"a": inner}, "additionalProperties": False}
    yield {"type": "object", "properties": {"a": inner}, "required": ["a"]}
    yield {"type": "object", "additionalProperties": inner}
    yield {"properties": {"": inner}, "required": [""], "type": "object"}
    yield {"anyOf": [inner, {"type": "array", "items": {"$ref": "#"}, "maxItems": 1}]}


def binary(left: Any, right: Any) -> Iterator[dict[str, Any]]:
    """The schemas with two subschemas."""
    yield {"anyOf": [left, right]}
    yield {"allOf": [left, right]}
    yield {"type": "array", "prefixItems": [left], "items": right}
    yield {"type": "object", "properties": {"a": left}, "additionalProperties": right}


def schemas() -> list[Any]:
    """All schemas of at most three nodes: a leaf, one or two nodes over a leaf, a pair over two leaves."""
    one = [schema for leaf in LEAVES for schema in unary(leaf)]
    two = [schema for inner in one for schema in unary(inner)]
    pairs = [s for left, right in itertools.product(LEAVES, repeat=2) for s in binary(left, right)]
    return [*LEAVES, *one, *two, *pairs]


ALL = schemas()
CHUNK = 40


@pytest.mark.parametrize("first", range(0, len(ALL), CHUNK))
@pytest.mark.parametrize("order", ["schema", "any"])
def test_language(first: int, order: Literal["schema", "any"]) -> None:
    for schema in ALL[first : first + CHUNK]:
        least, most = (Grammar(schema, Options(1, order, exponents)) for exponents in (False, True))
        try:
            matcher = gramask.compile(schema, VOCABULARY, order=order, whitespace=1).matcher()
        except gramask.UnsatisfiableSchema:
            assert not most.satisfiable, json.dumps(schema)
        else:
            assert difference(matcher, least, most) is None, json.dumps(schema)


def difference(matcher: gramask.Matcher, least: Grammar, most: Grammar) -> bytes | None:
    """The first text of at most LONGEST bytes on which the engine and the oracle disagree.

    Texts that lead both to the same pair of states have the same continuations in both, so one of them is followed.
    least, most : the oracle without and with the exponents of bounded numbers. Without an `e` in the alphabet they
        accept the same texts, but some texts are only viable because an `e` may follow.
    """
    layer = {(matcher._config, least.start(), most.start()): (b"", matcher)}
    seen = set(layer)
    for _ in range(LONGEST):
        following = {}
        for (_, low, high), (text, here) in layer.items():
            for byte in ALPHABET:
                after_low, after_high = (g.feed(at, bytes([byte])) for g, at in ((least, low), (most, high)))
                longer, after = text + bytes([byte]), here.fork()
                taken = after.advance(byte)
                if not bool(after_low) <= taken <= bool(after_high):
                    return longer
                if not taken:
                    continue
                if after.is_accepting() != most.accepting(after_high):
                    return longer
                # What names were seen is left aside: no text of this length could repeat one.
                key = (after._config, after_low, after_high)
                if key not in seen:
                    seen.add(key)
                    following[key] = (longer, after)
        layer = following
    return None


@pytest.mark.parametrize("schema", LEAVES[2:], ids=json.dumps)
def test_every_text(schema: Any) -> None:
    """The same without looking at states, against the other oracle: every text one by one, shorter ones."""
    constraint = gramask.compile(schema, VOCABULARY, whitespace=1)
    members = Membership(schema, Options(1))
    for length in range(4):
        for letters in itertools.product(ALPHABET, repeat=length):
            matcher, text = constraint.matcher(), bytes(letters)
            accepted = all(map(matcher.advance, text)) and matcher.is_accepting()
            assert accepted == members.accepts(text), text
