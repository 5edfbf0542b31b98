"""The engines that can be measured, one adapter per file.

An adapter's methods hold nothing but the engine's own call, so that all engines pay the same Python overhead.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from ..errors import BenchmarkError

ENGINES = {
    "gramask": "benchmarks.maskbench.engines.gramask:Gramask",
    "llguidance": "benchmarks.maskbench.engines.llguidance:LLGuidance",
    "xgrammar": "benchmarks.maskbench.engines.xgrammar:XGrammar",
}


class Refused(Exception):
    """The engine declines a schema. `reason` groups refusals in the report; `message` is the engine's own."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        self.message = message
        super().__init__(reason, message)


class Engine(Protocol):
    """One mask engine bound to one tokenizer.

    package : distribution and import name of the engine.
    mask    : int32[ceil(n / 32)], C-contiguous, never reallocated; bit t % 32 of word t // 32, 1 = allowed.
    """

    package: ClassVar[str]
    mask: np.ndarray

    def __init__(self, tokenizer: Path) -> None:
        """Load the tokenizer and build the engine's own tables; not timed."""

    def compile(self, schema: Any) -> None:
        """Compile `schema` (parsed JSON) and keep the result. Raises Refused."""

    def reset(self) -> None:
        """Begin a new text with the compiled schema."""

    def fill_mask(self) -> None:
        """Overwrite `mask` with the tokens allowed next."""

    def advance(self, token_id: int) -> bool:
        """Commit a token; False if the engine rejects it."""

    def accepting(self) -> bool:
        """Whether the text may end here. Called last; the matcher is not used afterwards."""


def resolve(name: str) -> tuple[str, str]:
    """The display name and the `module:Class` of an engine given by name or by `module:Class`.

    Raises BenchmarkError where there is no such engine or its package is not installed.
    """
    spec = ENGINES.get(name, name)
    if ":" not in spec:
        raise BenchmarkError(f"unknown engine {name!r}; known are {', '.join(ENGINES)}, or give module:Class")
    try:
        package = load(spec).package
    except (ImportError, AttributeError) as error:
        raise BenchmarkError(f"engine {name!r} cannot be imported: {error}") from error
    if importlib.util.find_spec(package) is None:
        raise BenchmarkError(f"engine {name!r} is not installed; try: pip install {package}")
    return (name if name in ENGINES else spec.rpartition(":")[2]), spec


def load(spec: str) -> type[Engine]:
    """The class that `module:Class` names. Adapters import their engine late, so this is cheap."""
    module, _, attribute = spec.partition(":")
    return getattr(importlib.import_module(module), attribute)
