"""The engines that can be measured, one adapter per file.

An adapter's methods hold nothing but the engine's own call, so that all engines pay the same Python overhead.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from ..errors import BenchmarkError

ENGINES = {
    "gramask": "benchmarks.maskbench.engines.gramask:Gramask",
    "gramask-alone": "benchmarks.maskbench.engines.gramask_alone:GramaskAlone",
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
    takes   : the options of the run, by name, that the constructor has keywords for; may be missing.
    options : what the engine was told beside its defaults, for the record; may be missing.
    mask    : int32[ceil(n / 32)], C-contiguous, never reallocated; bit t % 32 of word t // 32, 1 = allowed.
    compiled, matcher : the engine's own objects behind `compile` and `reset`, for the figures that keep many of them.
    forget  : called before each file, behind the clock: forget what files leave for each other; may be missing.
    """

    package: ClassVar[str]
    mask: np.ndarray
    compiled: Any
    matcher: Any

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
    """The display name and the spec of an engine given by name or by `module:Class`, either with `@CHECKOUT` behind it.

    A spec is `module:Class` or `module:Class@CHECKOUT` with an absolute path: the engine's package is then the one in
    that folder. Raises BenchmarkError where there is no such engine, package or checkout.
    """
    known, at, path = name.partition("@")
    spec = ENGINES.get(known, known)
    if ":" not in spec:
        raise BenchmarkError(
            f"unknown engine {known!r}; known are {', '.join(ENGINES)}, or give module:Class"
        )
    try:
        package = load(spec).package
    except (ImportError, AttributeError) as error:
        raise BenchmarkError(f"engine {name!r} cannot be imported: {error}") from error
    shown = known if known in ENGINES else spec.rpartition(":")[2]
    if at:
        checkout = _find_checkout(Path(path).expanduser(), package)
        return f"{shown}@{Path(path).name}", f"{spec}@{checkout}"
    if importlib.util.find_spec(package) is None:
        raise BenchmarkError(f"engine {name!r} is not installed; try: pip install {package}")
    return shown, spec


def _find_checkout(path: Path, package: str) -> Path:
    """The folder of the package: `path` itself, or the folder or link `package` in it."""
    for folder in (path / package, path):
        if (folder / "__init__.py").is_file():
            return folder.resolve()
    raise BenchmarkError(f"{path} is no checkout of {package}: there is no __init__.py")


def adapter(spec: str) -> str:
    """A spec without its checkout."""
    return spec.partition("@")[0]


def checkout(spec: str) -> Path | None:
    """The folder whose package a spec asks for; None: the installed one."""
    path = spec.partition("@")[2]
    return Path(path) if path else None


def load(spec: str) -> type[Engine]:
    """The class that a spec names. Adapters import their engine late, so this is cheap."""
    module, _, attribute = adapter(spec).partition(":")
    return getattr(importlib.import_module(module), attribute)


def import_checkout(package: str, folder: Path) -> None:
    """Make `import package` mean the package in `folder`, whatever the folder is called.

    To be called once, before anything of the package is imported.
    """
    assert package not in sys.modules
    found = importlib.util.spec_from_file_location(
        package, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[package] = module
    found.loader.exec_module(module)
