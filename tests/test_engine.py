"""Each way of finding a mask, against its definition: `advance` on a fork, for every token."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gramask
from gramask.grammar.lexemes import TEXT
from gramask.masks import disk_cache, engine, row_store
from gramask.masks.tables import TABLES_FORMAT, TokenTables

# Every byte, and merges that end strings, cross several JSON tokens, split characters or carry escapes.
MERGES = [
    *(
        '":',
        '",',
        '"}',
        '"]',
        '", "',
        '":"',
        '"}]',
        'a"',
        'ab"',
        'abc",',
        '""',
        ' "',
        '{"',
        '["',
        '[["',
        '":{"',
    ),
    *(
        "abc",
        "aaaa",
        "aaaaaaaaaaaa",
        "ab ab ab",
        " a",
        "  ",
        "   \n",
        "\\n",
        "\\\\",
        '\\"',
        "\\u",
        "\\u00",
        "\\u0061",
    ),
    *(
        "\\ud83d",
        "\\ude00",
        "é",
        "éé",
        "😀",
        "日本",
        "true",
        "null",
        "12",
        "1.5",
        "-1",
        "e5",
        "00",
        "1,",
        "1]",
        "1}",
    ),
    *("name", 'name"', 'name":', "na", "me", "namen", "other", 'x": ', "}}", "]]", ", ", ": "),
]
HALVES = [b"\xc3", b"\xa9", b"\xf0\x9f", b"\x98\x80", b"\xa9a", b'\xa9"', b"a\xe6\x97"]
TOKENS = [bytes([b]) for b in range(256)] + [text.encode() for text in MERGES] + HALVES + [b"a", b'",']
VOCABULARY = gramask.Vocabulary([*TOKENS, b""], eos_ids=[len(TOKENS)])

SCHEMAS: dict[str, Any] = {
    "plain string": {"type": "string"},
    "bounded string": {"type": "string", "minLength": 3, "maxLength": 6},
    "long bounded string": {"type": "string", "minLength": 20, "maxLength": 40},
    "open pattern": {"type": "string", "pattern": "ab"},
    "open pattern, bounded": {"type": "string", "pattern": "a.*b", "maxLength": 9},
    "pattern with a rest to come": {"type": "string", "pattern": "^[a-z ]+xyz$", "maxLength": 12},
    "pattern with a floor": {"type": "string", "pattern": "^(a|bb){2,6}$", "minLength": 4},
    "words": {"type": "string", "pattern": r"^(?:\S+\s+){0,9}\S+$", "maxLength": 30},
    "narrow pattern": {"type": "string", "pattern": "^[a-c]+$"},
    "several texts": {"enum": ["abc", 'a"b', "é", "😀", "aé"]},
    "two patterns in one value": {
        "anyOf": [
            {
                "properties": {"name": {"type": "string", "pattern": "^a"}, "x": {"const": 1}},
                "required": ["x"],
            },
            {
                "properties": {"name": {"type": "string", "maxLength": 2}, "x": {"const": 2}},
                "required": ["x"],
            },
        ]
    },
    "any value": True,
    "numbers": {"type": "array", "items": {"type": ["integer", "null"], "minimum": -5, "maximum": 12}},
    "open object": {"type": "object", "properties": {"name": {"type": "integer"}, "na": {"type": "string"}}},
    "closed object": {
        "type": "object",
        "properties": {"name": {"type": "boolean"}, "na": {}, "other": {"type": "null"}},
        "additionalProperties": False,
        "required": ["other"],
    },
    "member of half characters": {
        "type": "object",
        "properties": {"é": {"type": "null"}, "日": {"type": "null"}},
    },
    "recursive": {
        "type": "object",
        "properties": {"a": {"$ref": "#"}},
        "additionalProperties": {"type": "number"},
    },
}


def by_definition(matcher: gramask.Matcher) -> set[int]:
    return {t for t in range(len(TOKENS)) if TOKENS[t] and matcher.fork().advance(t)}


def by_mask(matcher: gramask.Matcher, out: np.ndarray) -> set[int]:
    matcher.fill_mask(out)
    bits = np.unpackbits(out.view(np.uint8), bitorder="little")
    return set(np.flatnonzero(bits).tolist()) - {len(TOKENS)}


@pytest.mark.parametrize("order", ["schema", "any"])
@pytest.mark.parametrize("name", SCHEMAS)
def test_masks_are_what_advance_allows(name: str, order: str) -> None:
    """Along random walks, with a fresh constraint each time, so that every way of making a row is met cold."""
    out = np.zeros(VOCABULARY_WORDS, np.int32)
    for seed in range(4):
        rng = random.Random(f"{name} {seed}")
        constraint = gramask.compile(SCHEMAS[name], VOCABULARY, order=order, cache=False)
        matcher = constraint.matcher()
        for _ in range(30):
            allowed = by_mask(matcher, out)
            assert allowed == by_definition(matcher), matcher.state_id
            if not allowed:
                assert matcher.is_accepting()
                break
            # Quotes and brackets are rare among random tokens; without them a walk never leaves its first string.
            telling = [t for t in allowed if set(TOKENS[t]) & set(b'"}],')]
            matcher.advance(rng.choice(telling if telling and rng.random() < 0.3 else sorted(allowed)))


VOCABULARY_WORDS = (len(TOKENS) + 32) // 32


@pytest.mark.parametrize("bound", [None, 1, 3])
def test_rows_do_not_depend_on_what_was_asked_before(
    bound: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A constraint that has seen other documents gives the same masks as a new one, also where it keeps few of them."""
    if bound is not None:
        monkeypatch.setattr(row_store, "MAX_ROWS", bound)
        monkeypatch.setattr(engine, "MAX_ROWS", bound)
        monkeypatch.setattr(engine, "MAX_CONFIGS", 2 * bound)
    schema = SCHEMAS["open object"]
    used = gramask.compile(schema, VOCABULARY, cache=False)
    rng = random.Random(5)
    out = np.zeros(VOCABULARY_WORDS, np.int32)
    path: list[int] = []
    for _ in range(60):
        matcher, fresh = used.matcher(), gramask.compile(schema, VOCABULARY, cache=False).matcher()
        for token in path:
            assert matcher.advance(token) and fresh.advance(token)
        allowed = by_mask(matcher, out)
        assert allowed == by_mask(fresh, out)
        path = [*path, rng.choice(sorted(allowed))] if allowed and len(path) < 12 else []


@pytest.mark.parametrize("name", SCHEMAS)
def test_closing_text_is_a_shortest_one(name: str) -> None:
    """Breadth first search over bytes finds nothing shorter than the closing text, near enough to try."""
    constraint = gramask.compile(SCHEMAS[name], VOCABULARY, cache=False, whitespace="compact")
    matcher = constraint.matcher()
    best = constraint.closing.text(matcher.state_id)
    level = {matcher.state_id: matcher}
    for length in range(min(len(best), 5)):
        assert not any(m.is_accepting() for m in level.values()), length
        following = {}
        for m in level.values():
            for byte in range(256):
                after = m.fork()
                if after.advance(byte):
                    following[after.state_id] = after
        level = following
    for byte in best:
        assert matcher.advance(byte)
    assert matcher.is_accepting()
    json.loads(best)


def test_saved_constraints_give_the_same_masks() -> None:
    constraint = gramask.compile(SCHEMAS["closed object"], VOCABULARY)
    again = gramask.Constraint.from_bytes(constraint.to_bytes(), VOCABULARY)
    out = np.zeros(VOCABULARY_WORDS, np.int32)
    assert by_mask(constraint.matcher(), out) == by_mask(again.matcher(), out)
    other = gramask.Vocabulary([*TOKENS, b"x", b""], eos_ids=[len(TOKENS) + 1])
    with pytest.raises(gramask.GramaskError, match="another vocabulary"):
        gramask.Constraint.from_bytes(constraint.to_bytes(), other)
    with pytest.raises(gramask.GramaskError, match="not a constraint"):
        gramask.Constraint.from_bytes(b"{}", VOCABULARY)


def test_threads_see_the_masks_of_one() -> None:
    """Four threads fill the lazy tables of one constraint at once."""
    schema = SCHEMAS["recursive"]
    paths = [walk_tokens(gramask.compile(schema, VOCABULARY, cache=False), seed) for seed in range(8)]
    shared = gramask.compile(schema, VOCABULARY, cache=False)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda path: masks_along(shared, path), paths * 2))
    for path, masks in zip(paths * 2, found, strict=True):
        assert masks == masks_along(gramask.compile(schema, VOCABULARY, cache=False), path)


def walk_tokens(constraint: gramask.Constraint, seed: int) -> list[int]:
    """The tokens of a random walk."""
    rng = random.Random(seed)
    out = np.zeros(VOCABULARY_WORDS, np.int32)
    matcher = constraint.matcher()
    path = []
    for _ in range(40):
        allowed = sorted(by_mask(matcher, out))
        if not allowed:
            break
        path.append(rng.choice(allowed))
        matcher.advance(path[-1])
    return path


def masks_along(constraint: gramask.Constraint, path: list[int]) -> list[bytes]:
    out = np.zeros(VOCABULARY_WORDS, np.int32)
    matcher = constraint.matcher()
    masks = []
    for token in path:
        matcher.fill_mask(out)
        masks.append(out.tobytes())
        assert matcher.advance(token)
    return masks


@pytest.mark.parametrize("damage", ["none", "truncated", "foreign arrays", "another key"])
def test_stored_tables_are_rebuilt_rather_than_trusted(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAMASK_CACHE_DIR", str(tmp_path))
    tables = TokenTables(VOCABULARY)
    kind = f"tables{TABLES_FORMAT}"
    (file,) = [path for path in tmp_path.rglob("*") if kind in path.name]
    if damage == "truncated":
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    elif damage == "foreign arrays":
        disk_cache.store(VOCABULARY.digest, kind, {"lengths": np.zeros(3, np.int32)})
    elif damage == "another key":
        other = gramask.Vocabulary([*TOKENS[:-1], b"zz", b""], eos_ids=[len(TOKENS)])
        TokenTables(other)
        (foreign,) = [path for path in tmp_path.rglob("*") if kind in path.name and path != file]
        file.write_bytes(foreign.read_bytes())
    again = TokenTables(VOCABULARY)
    for local in range(1, TEXT.dfa.n_states):
        assert np.array_equal(tables.row(TEXT.dfa, local, 0).inside, again.row(TEXT.dfa, local, 0).inside)
    assert np.array_equal(tables.all.pairs, again.all.pairs)
    assert np.array_equal(tables.at_most(2), again.at_most(2))


def test_what_a_rollback_undoes_is_freed_bit_by_bit() -> None:
    def n_undone() -> int:
        n, step = 0, matcher._undone
        while step is not None:
            n, step = n + 1, step[3]
        return n

    matcher = gramask.compile({"type": "string"}, VOCABULARY, cache=False).matcher()
    text = b'"' + b"ab\\n" * 19
    assert all(map(matcher.advance, text))
    before = matcher.state_id
    matcher.rollback(len(text) - 1)
    assert n_undone() == len(text)
    for n, token in enumerate(text[1:], 1):
        assert matcher.advance(token)
        assert n_undone() == len(text) - n
    assert matcher.state_id == before
    for n in range(1, len(text) + 1):
        fork, anew = matcher.fork(), matcher.constraint.matcher()
        fork.rollback(n)
        assert all(map(anew.advance, text[: len(text) - n]))
        assert fork.state_id == anew.state_id
        assert fork.advance(text[len(text) - n])
    matcher.rollback(len(text))
    with pytest.raises(gramask.GramaskError):
        matcher.rollback(1)
