"""What is measured for the table, in order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..engines import ENGINES
from ..runner import Settings

LATENCY, WIDE, ALONE, REVERSED = "latency", "wide", "alone", "reversed"
OVER_FILES = (LATENCY, WIDE, ALONE, REVERSED)
"""The parts that are runs over the files; the others are figures in fresh processes."""
MEASURED = ("gramask", "llguidance", "xgrammar")


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for.

    parts  : of OVER_FILES and `figures.registry.FIGURES`.
    runs   : of which medians are taken.  peer_sample : files for XGrammar.
    wide   : the tokenizer with the wide vocabulary, None where there is none.
    """

    data: str
    tokenizer: str
    wide: str | None
    parts: frozenset[str]
    runs: int = 3
    sample: int | None = None
    peer_sample: int = 500
    seed: int = 0
    timeout: float = 30.0
    set_up_timeout: float = 900.0
    order: str = "any"


@dataclass(frozen=True, slots=True)
class Stage:
    """A run over the files, kept in a folder of its own."""

    part: str
    name: str
    settings: Settings

    def folder(self, directory: Path) -> Path:
        return directory / self.name


def stages_of(request: Request, installed: set[str]) -> list[Stage]:
    """The runs that were asked for and are possible. The vocabularies take turns, run by run."""
    engines = [engine for engine in MEASURED if engine in installed]
    peers = [engine for engine in ("llguidance",) if engine in installed]
    found = []
    for run in range(1, request.runs + 1):
        found.append(Stage(LATENCY, f"run-{run}", _settings(request, engines)))
        if request.wide is not None:
            found.append(Stage(WIDE, f"wide-{run}", _settings(request, ["gramask"], tokenizer=request.wide)))
    found.append(Stage(ALONE, ALONE, _settings(request, ["gramask-alone", *peers])))
    found.append(Stage(REVERSED, REVERSED, _settings(request, ["gramask", *peers], reverse=True)))
    return [stage for stage in found if stage.part in request.parts]


def _settings(
    request: Request, engines: Iterable[str], *, tokenizer: str | None = None, reverse: bool = False
) -> Settings:
    names = list(engines)
    return Settings(
        data=request.data,
        tokenizer=tokenizer or request.tokenizer,
        engines={name: ENGINES[name] for name in names},
        sample=request.sample,
        sample_for={"xgrammar": request.peer_sample} if "xgrammar" in names else {},
        seed=request.seed,
        timeout=request.timeout,
        set_up_timeout=request.set_up_timeout,
        reverse=reverse,
        order=request.order,
    )
