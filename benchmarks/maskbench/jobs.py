"""What parent and worker process send each other, besides the Measurement."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Job:
    """A parsed schema and its instances as token ids; `timeout` in seconds."""

    schema: Any
    instances: tuple[tuple[int, ...], ...]
    timeout: float


@dataclass(frozen=True, slots=True)
class Location:
    """Asks where in texts, given as tokens of one byte each, the schema compiled last refuses to go on.

    The answer has one entry per text: the index of the first byte refused, the number of bytes where all are allowed
    but the text may not end, ACCEPTED, or None where the engine fails.
    """

    texts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class SetUp:
    """What setting up cost: seconds for tokenizer and engine, and for the warm-up; peak bytes of memory.

    options : what the engine was told beside its defaults.
    """

    version: str
    build_s: float
    warm_up_s: float
    peak_rss: int
    options: dict[str, str] = field(default_factory=dict)


WARM_UP_SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer", "minimum": 0},
        "score": {"type": "number"},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}},
        "extra": {},
    },
    "required": ["name"],
    "additionalProperties": False,
}
WARM_UP_TEXT = (
    '{"name": "Ada \\u00e9", "age": 36, "score": -1.5e3, "tags": ["a"], "extra": {"x": [true, null]}}'
)
