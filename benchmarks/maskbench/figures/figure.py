"""What a figure is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

ENGINES = ("gramask", "llguidance", "xgrammar")
Values = dict[str, Any]
"""What one process measured. Of numbers the median over the runs is taken; the rest is for the record."""
Files = tuple[tuple[str, tuple[int, ...]], ...]
"""Names of files, each with the numbers of the instances that are taken."""


@dataclass(frozen=True, slots=True)
class Options:
    """What decides the figures; a resumed session must have the same.

    sample     : number of files drawn by `seed`, None for all.
    matchers   : of the batch, each of another schema. steps: decoding steps of each.
    schemas    : kept in memory; peer_schemas: the same for XGrammar, which compiles slowly.
    timeout    : seconds for one process. choosing_timeout: for one engine on one file, where files are chosen.
    """

    data: str
    tokenizer: str
    sample: int | None = None
    seed: int = 0
    order: str = "any"
    matchers: int = 256
    steps: int = 20
    schemas: int = 1000
    peer_schemas: int = 100
    timeout: float = 1800.0
    choosing_timeout: float = 10.0


@dataclass(frozen=True, slots=True)
class Task:
    """What one process is to do: measure a figure for one engine, with the files that were chosen for both."""

    figure: str
    engine: str
    options: Options
    files: Files = ()


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that is measured in processes of its own.

    measure : in the fresh process.
    engines : that take part, of ENGINES.  threads : of each process.
    choices : engine -> name of the choice of files that it needs (`chosen.CHOICES`).
    primed  : whether a first process is not counted: it leaves the caches on disk behind.
    cold    : whether the folders of these caches are empty instead.
    """

    name: str
    title: str
    measure: Callable[[Task], Values]
    engines: tuple[str, ...] = ENGINES
    threads: int = 1
    choices: Mapping[str, str] = field(default_factory=dict)
    primed: bool = False
    cold: bool = False
