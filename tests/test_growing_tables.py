"""What a kernel of another thread holds stays complete, whatever grows meanwhile."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from strategies import EOS, byte_tokens

import gramask
from gramask.grammar.pushdown import FLAGS, MOVED, N_NAMES, NAMES, NAMES_AT, PUSH, READY, UNFILLED

VOCABULARY = gramask.Vocabulary([*byte_tokens(), EOS], eos_ids=[256])
MEMBERS = [f"name{i}" for i in range(12)]
DOCUMENT = {name: {"a": i, "b": [True, {"c": "x" * i}], "d": "é"} for i, name in enumerate(MEMBERS)}
MEMBER = {
    "properties": {
        "a": {"type": "integer", "maximum": 99},
        "b": {"type": "array"},
        "d": {"enum": ["é", "e"]},
    },
    "required": ["a", "b"],
}
SCHEMA = {"type": "object", "properties": dict.fromkeys(MEMBERS, MEMBER), "required": MEMBERS}
RULES = [f'r{i} ::= "w{i:02}" "(" (r{(i + 1) % 30} | r{(i + 7) % 30})? ")"' for i in range(30)]
GRAMMAR = "\n".join(["root ::= r0+", *RULES])


def _check(table: np.ndarray, code: np.ndarray, n_states: int, now: np.ndarray) -> int:
    """All that complete rows of the states that were there name is in the arrays, as it is now. How many these are."""
    n_ready = 0
    for row in table[: min(n_states, len(table))]:
        if not row[FLAGS] & READY:
            continue
        n_ready += 1
        operations = row[:256]
        for operation in np.unique(operations[operations != UNFILLED]).tolist():
            if operation & 3 == PUSH:
                offset = operation >> 2
                assert offset + 1 < len(code)
                state, n = code[offset : offset + 2].tolist()
                assert 0 <= state < len(table)
                frames = code[offset + 2 : offset + 2 + n].tolist()
                assert len(frames) == n > 0
                assert [state, n, *frames] == now[offset : offset + 2 + n].tolist()
                assert all(code[frame] == now[frame] or now[frame] >= MOVED for frame in frames)
            else:
                assert operation >> 2 < len(table)
        if row[FLAGS] & NAMES:
            names = slice(row[NAMES_AT], row[NAMES_AT] + 3 * row[N_NAMES])
            last_text, length, _ = code[names][-3:]
            assert last_text + length <= len(code)
            everything = slice(names.start, last_text + length)
            assert (code[everything] == now[everything]).all()
    return n_ready


@pytest.mark.parametrize(
    ("source", "text", "order"),
    [
        (SCHEMA, json.dumps(DOCUMENT), "any"),
        (SCHEMA, json.dumps(DOCUMENT), "schema"),
        (gramask.gbnf(GRAMMAR), "".join(f"w{i:02}(" for i in range(30)) + ")" * 30, "schema"),
    ],
    ids=["any", "schema", "grammar"],
)
def test_arrays_that_someone_holds(source: Any, text: str, order: str) -> None:
    constraint = gramask.compile(source, VOCABULARY, order=order, cache=False)
    pushdown, matcher = constraint.engine.pushdown, constraint.matcher()
    held: list[tuple[np.ndarray, np.ndarray, int]] = []
    mask = np.empty(constraint.n_words, np.int32)
    for byte in text.encode():
        table, code, _ = pushdown.arrays
        if held and table is held[-1][0] and code is held[-1][1]:
            held.pop()
        held.append((table, code, pushdown.n_states))
        matcher.fill_mask(mask)
        assert matcher.advance(byte)
    assert len(held) > 2
    for table, code, n_states in held:
        assert _check(table, code, n_states, pushdown.code) > 0
