"""Forgetting what is kept between schemas: it leaves nothing behind, and changes no mask."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import random
from typing import Any

import numpy as np
import pytest

import gramask
from gramask.grammar import recent
from gramask.grammar.recent import Recent, forget_all, recently
from gramask.masks.tables import tables_of

TOKENS = [*(bytes([byte]) for byte in range(256)), b'": ', b'", "', b"12", b"true", b"ab", b'{"', b"2020-"]
VOCABULARY = gramask.Vocabulary([*TOKENS, b""], eos_ids=[len(TOKENS)])
SCHEMAS: dict[str, Any] = {
    "strings": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]{2,9}$", "maxLength": 12}},
    "numbers": {"type": "array", "items": {"type": "number", "minimum": -1.5, "multipleOf": 0.25}},
    "formats": {"properties": {"at": {"type": "string", "format": "date"}, "to": {"format": "ipv4"}}},
    "items that differ": {"type": "array", "items": {"type": ["integer", "string"]}, "uniqueItems": True},
}


def _masks(schema: Any, seed: int) -> list[bytes]:
    """All masks along a random walk."""
    constraint = gramask.compile(schema, VOCABULARY, cache=False)
    matcher, rng = constraint.matcher(), random.Random(seed)
    mask, found = np.empty(constraint.n_words, np.int32), []
    for _ in range(25):
        matcher.fill_mask(mask)
        found.append(mask.tobytes())
        allowed = np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little")).tolist()
        if matcher.is_finished() or not matcher.advance(rng.choice(allowed)):
            break
    return found


def _forget() -> None:
    forget_all()
    tables_of(VOCABULARY).forget()


@pytest.mark.parametrize("name", SCHEMAS)
def test_masks_are_the_same_behind_it(name: str) -> None:
    before = [_masks(SCHEMAS[name], seed) for seed in range(3)]
    _forget()
    assert [_masks(SCHEMAS[name], seed) for seed in range(3)] == before


def test_a_constraint_goes_on_behind_it() -> None:
    constraint = gramask.compile(SCHEMAS["strings"], VOCABULARY, cache=False)
    matcher, other = constraint.matcher(), constraint.matcher()
    mask, forgotten = (np.empty(constraint.n_words, np.int32) for _ in range(2))
    for token in b'["ab", "abc"]':
        _forget()
        matcher.fill_mask(forgotten)
        other.fill_mask(mask)
        assert np.array_equal(mask, forgotten)
        assert matcher.advance(token) and other.advance(token)


def test_nothing_is_left_in_any_module() -> None:
    """Of any cache: those of `functools`, with arguments, tell how much they hold."""
    for module in pkgutil.walk_packages(gramask.__path__, "gramask."):
        if module.name.split(".")[1] in ("grammar", "masks"):
            importlib.import_module(module.name)
    for schema in SCHEMAS.values():
        json.dumps(gramask.check(schema).ok)
        _masks(schema, 0)
    sizes = _sizes()
    assert sum(sizes.values()) > 50
    _forget()
    left = {name: size for name, size in _sizes().items() if size}
    assert left.keys() <= {"gramask.masks.tables._cache"}
    tables = tables_of(VOCABULARY)
    assert not any(map(len, (tables._at_most, tables._lexemes, tables._rows, tables._levels, tables._merged)))
    assert tables._plain


def _sizes() -> dict[str, int]:
    """The number of values in each cache of the package, where it can be told."""
    import sys

    found = {}
    for module_name, module in list(sys.modules.items()):
        if module_name.partition(".")[0] != "gramask":
            continue
        for name, value in vars(module).items():
            if isinstance(value, Recent):
                found[f"{module_name}.{name}"] = len(value)
            elif hasattr(value, "cache_info") and inspect.signature(value).parameters:
                found[f"{module_name}.{name}"] = value.cache_info().currsize
    return found


def test_what_lasts_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    lasting: Recent[int] = Recent(4, lasting=True)
    passing: Recent[int] = Recent(4)
    made = []

    @recently(10, lambda value: 1)
    def square(number: int) -> int:
        made.append(number)
        return number * number

    for name, value in (("lasting", lasting), ("passing", passing), ("square", square)):
        monkeypatch.setattr(recent, f"_{name}_of_a_test", value, raising=False)
    lasting.get("a", lambda: 1)
    passing.get("a", lambda: 1)
    assert square(3) == square(3) == 9 and made == [3]
    forget_all()
    assert (len(lasting), len(passing)) == (1, 0)
    assert square(3) == 9 and made == [3, 3]
