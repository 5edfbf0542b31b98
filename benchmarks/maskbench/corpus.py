"""The data: one JSON file per schema, with the instances that are tried on it."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import BenchmarkError


@dataclass(frozen=True, slots=True)
class Instance:
    """A document as the model would write it, and whether the schema allows it."""

    text: str
    valid: bool
    description: str


@dataclass(frozen=True, slots=True)
class Case:
    """A schema (parsed JSON) and its instances."""

    name: str
    schema: Any
    instances: tuple[Instance, ...]


def list_files(data: Path) -> list[str]:
    """The sorted names of the JSON files in `data`. Raises BenchmarkError where there is none."""
    if not data.is_dir():
        raise BenchmarkError(f"data {data} is not a directory")
    names = sorted(path.name for path in data.glob("*.json"))
    if not names:
        raise BenchmarkError(f"data {data} holds no *.json file")
    return names


def draw(names: list[str], n: int | None, seed: int) -> list[str]:
    """`n` of `names` drawn without replacement, in their given order; all of them for None or a larger `n`.

    A smaller draw from the same names and seed is a subset of a larger one.
    """
    if n is None or n >= len(names):
        return names
    shuffled = sorted(names)
    random.Random(seed).shuffle(shuffled)
    kept = set(shuffled[:n])
    return [name for name in names if name in kept]


def read_case(data: Path, name: str, limit_instances: int | None = None) -> Case:
    """Read one file. Raises BenchmarkError where it is not a schema with tests."""
    try:
        content = json.loads((data / name).read_text(encoding="utf-8"))
        instances = tuple(
            Instance(
                json.dumps(test["data"], ensure_ascii=False), bool(test["valid"]), test.get("description", "")
            )
            for test in content["tests"][:limit_instances]
        )
        return Case(name, content["schema"], instances)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BenchmarkError(
            f"{data / name} is not a file with 'schema' and 'tests': {type(error).__name__}: {error}"
        ) from error
