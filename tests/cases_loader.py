"""The rows of tests/cases/*.toml."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "cases"


@dataclass(frozen=True)
class Case:
    """A schema with texts in and out of its language, or with the error it must raise.

    options : of `gramask.compile`.
    pointer, keyword : of the error, where the row names them.
    """

    name: str
    schema: Any
    why: str
    accept: tuple[bytes, ...] = ()
    reject: tuple[bytes, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    pointer: str | None = None
    keyword: str | None = None


def load_cases(*files: str) -> list[Case]:
    """The rows of `files` (names without suffix) in order. Raises ValueError for a row that says nothing."""
    return [
        _case(row) for name in files for row in tomllib.loads((FOLDER / f"{name}.toml").read_text())["case"]
    ]


def _case(row: dict[str, Any]) -> Case:
    accept = [expand(text) for text in row.pop("accept", [])] + _bytes(row.pop("accept_hex", []))
    reject = [expand(text) for text in row.pop("reject", [])] + _bytes(row.pop("reject_hex", []))
    if not (accept or reject or "error" in row):
        raise ValueError(f"the case {row['name']!r} has no texts")
    row["schema"] = json.loads(row["schema"])
    return Case(accept=tuple(accept), reject=tuple(reject), **row)


def expand(text: str) -> bytes:
    """`text` in UTF-8 with each `«x*3»` written out."""
    return re.sub("«(.*?)\\*([0-9]+)»", lambda m: m[1] * int(m[2]), text, flags=re.DOTALL).encode()


def _bytes(texts: list[str]) -> list[bytes]:
    return [bytes.fromhex(text) for text in texts]
