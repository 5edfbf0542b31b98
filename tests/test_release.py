"""A constraint that nobody holds is gone at once, and not when Python looks for garbage."""

from __future__ import annotations

import copy
import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from strategies import EOS, byte_tokens

import gramask
from gramask.masks.engine import Engine

VOCABULARY = gramask.Vocabulary([*byte_tokens(), EOS], eos_ids=[256])
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "a": {"type": "string", "maxLength": 5},
        "b": {"enum": ["x", "yy", 3]},
        "c": {"type": "array", "items": {"$ref": "#"}, "uniqueItems": True},
        "d": {
            "anyOf": [{"type": "number", "multipleOf": 3}, {"patternProperties": {"^x": {"type": "null"}}}]
        },
    },
    "required": ["a"],
}
TEXT = b'{"a": "aaa", "c": [{"a": "b'
SOURCES: dict[str, Callable[[], gramask.Constraint]] = {
    "schema": lambda: gramask.compile(SCHEMA, VOCABULARY, cache=False),
    "declared order": lambda: gramask.compile(SCHEMA, VOCABULARY, cache=False, order="schema"),
    "validated": lambda: gramask.compile(SCHEMA, VOCABULARY, cache=False, unsupported="validate"),
    "regex": lambda: gramask.compile(gramask.regex(r"\{.*"), VOCABULARY, cache=False),
    "gbnf": lambda: gramask.compile(
        gramask.gbnf('root ::= "{" [^{}]* root? [^{}]* "}"'), VOCABULARY, cache=False
    ),
    "composition": lambda: gramask.compile(
        gramask.json(SCHEMA) + " and " + gramask.json(SCHEMA), VOCABULARY, cache=False
    ),
    "lark": lambda: gramask.compile(
        gramask.lark('start: "{" (/[^{}]/ | start)* "}"'), VOCABULARY, cache=False
    ),
}


@pytest.fixture(autouse=True)
def no_collections() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def walked(constraint: gramask.Constraint) -> gramask.Matcher:
    """A matcher that has asked for a mask before each byte of TEXT."""
    matcher, mask = constraint.matcher(), np.zeros(constraint.n_words, np.int32)
    for byte in TEXT:
        matcher.fill_mask(mask)
        assert matcher.advance(byte)
    return matcher


@pytest.mark.parametrize("name", SOURCES)
def test_a_constraint_is_gone_with_its_last_matcher(name: str) -> None:
    constraint = SOURCES[name]()
    matcher = walked(constraint)
    fork = matcher.fork()
    automaton = weakref.ref(constraint.engine.pushdown)
    del constraint, matcher
    assert automaton() is not None
    fork.closing_tokens()
    fork.forced_tokens()
    del fork
    assert automaton() is None


def test_hardly_anything_is_left() -> None:
    walked(SOURCES["schema"]())
    gc.collect()
    constraint = SOURCES["schema"]()
    walked(constraint)
    n_objects = len(gc.get_objects())
    del constraint
    n_freed = n_objects - len(gc.get_objects())
    n_left = gc.collect()
    assert n_freed > 300 and n_left < n_freed / 20, (n_freed, n_left)


def test_who_ends_in_garbage_may_ask_to_the_end() -> None:
    found: list[list[int]] = []

    class Finishing:
        def __init__(self) -> None:
            self.matcher, self.itself = walked(SOURCES["schema"]()), self

        def __del__(self) -> None:
            found.append(self.matcher.closing_tokens())

    expected = walked(SOURCES["schema"]()).closing_tokens()
    Finishing()
    gc.collect()
    assert found == [expected]


def test_a_copied_engine() -> None:
    constraint = SOURCES["schema"]()
    copied = copy.copy(constraint.engine)
    del copied
    walked(constraint)


def test_two_engines_of_one_automaton() -> None:
    constraint = SOURCES["schema"]()
    other = copy.copy(constraint)
    other.engine = Engine(constraint.engine.pushdown, constraint.engine.tables, constraint.n_logits)
    walked(constraint)
    del constraint
    walked(other)
