"""The run: language by language, the engines in turn on each step, each in a process of its own."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from ..maskbench.jobs import Job, SetUp
from ..maskbench.measure import ACCEPTED, COMPLETED, REFUSED, Measurement
from ..maskbench.process import EngineProcess
from .engines import WARM_UP, WARM_UP_TEXT
from .languages import Language
from .texts import Encode, Texts

TOKENS_PER_STEP = 2000
MAX_LOST_STEPS = 3


@dataclass(slots=True)
class Outcome:
    """One engine on one language.

    first_mask_ns : of each compilation, with the first mask; the first one found no cache of the process filled.
    timings       : int64, ns, one per token of the texts that the reference accepts.
    troubles      : why a step has no result.  lost : how many have none.
    """

    first_mask_ns: list[int] = field(default_factory=list)
    timings: list[np.ndarray] = field(default_factory=list)
    good: int = 0
    accepted: int = 0
    bad: int = 0
    rejected: int = 0
    contradictions: int = 0
    troubles: list[str] = field(default_factory=list)
    lost: int = 0
    out: bool = False

    @property
    def tbm_ns(self) -> np.ndarray:
        return np.concatenate(self.timings) if self.timings else np.empty(0, dtype=np.int64)


class Engines:
    """The processes of a run, all started."""

    def __init__(
        self,
        specs: dict[str, str],
        tokenizer: Path,
        encode: Encode,
        *,
        logs: Path,
        stop: Event,
        timeout: float,
        set_up_timeout: float,
    ) -> None:
        self.timeout = timeout
        warm_up = Job(WARM_UP, (tuple(encode(WARM_UP_TEXT)),), set_up_timeout)
        self.processes = {
            name: EngineProcess(
                spec,
                tokenizer,
                options={},
                warm_up=warm_up,
                log=logs / f"{name}.log",
                stop=stop,
                set_up_timeout=set_up_timeout,
            )
            for name, spec in specs.items()
        }
        self.set_ups: dict[str, SetUp] = {}

    def start(self, on_start: Callable[[str], None]) -> None:
        """Raises SetUpFailed, Interrupted."""
        for name, process in self.processes.items():
            on_start(name)
            self.set_ups[name] = process.start()

    def kill(self) -> None:
        for process in self.processes.values():
            process.kill()


class LanguageRun:
    """All steps of one language. `outcomes` grows with them, so that an interrupted run has what was done."""

    def __init__(
        self, language: Language, texts: Texts, engines: Engines, *, repeats: int, seed: int
    ) -> None:
        self.outcomes = {name: Outcome() for name in engines.processes}
        self._engines = engines
        self._grammars = language.grammars()
        self._stale: set[str] = set()
        self._rng = random.Random(f"{seed}/{language.name}")
        compilations: list[tuple[str, Sequence[tuple[int, ...]]]] = [("compile", ())] * repeats
        self._steps = [
            *compilations,
            *(("good", part) for part in split(texts.good)),
            *(("bad", part) for part in split(texts.bad)),
        ]

    @property
    def n_steps(self) -> int:
        return len(self._steps) * len(self.outcomes)

    @property
    def begun(self) -> bool:
        return any(outcome.first_mask_ns or outcome.troubles for outcome in self.outcomes.values())

    def execute(self, on_step: Callable[[str], None]) -> None:
        """Raises Interrupted, SetUpFailed."""
        for kind, texts in self._steps:
            names = list(self.outcomes)
            self._rng.shuffle(names)
            for name in names:
                if not self.outcomes[name].out:
                    self._step(name, kind, texts)
                on_step(name)

    def _step(self, name: str, kind: str, texts: Sequence[tuple[int, ...]]) -> None:
        fresh = kind == "compile" or name in self._stale
        job = Job(self._grammars | {"fresh": fresh}, tuple(texts), self._engines.timeout)
        process = self._engines.processes[name]
        measured = process.measure(job)
        outcome = self.outcomes[name]
        if measured.outcome == COMPLETED:
            self._stale.discard(name)
            count(outcome, kind, texts, measured)
            return
        outcome.troubles.append(
            f"{kind}: {measured.outcome}: {measured.reason}: {measured.message}".rstrip(": ")
        )
        outcome.lost += 1
        outcome.out = measured.outcome == REFUSED or kind == "compile" or outcome.lost >= MAX_LOST_STEPS
        if measured.outcome != REFUSED:
            self._stale.add(name)
            process.start()


def count(outcome: Outcome, kind: str, texts: Sequence[Sequence[int]], measured: Measurement) -> None:
    """Enter a completed step."""
    accepted = sum(stop == ACCEPTED for stop in measured.stops)
    outcome.contradictions += len(measured.contradictions)
    if kind == "compile":
        assert measured.ttfm_ns is not None
        outcome.first_mask_ns.append(measured.ttfm_ns)
    elif kind == "good":
        outcome.good += len(texts)
        outcome.accepted += accepted
        outcome.timings.append(np.frombuffer(measured.timings, dtype=np.int64))
    else:
        outcome.bad += len(texts)
        outcome.rejected += len(texts) - accepted


def split(texts: Sequence[tuple[int, ...]]) -> list[list[tuple[int, ...]]]:
    """`texts` in order, in parts of about TOKENS_PER_STEP tokens."""
    parts: list[list[tuple[int, ...]]] = []
    room = 0
    for text in texts:
        if room <= 0:
            parts.append([])
            room = TOKENS_PER_STEP
        parts[-1].append(text)
        room -= len(text)
    return parts


def summarise(outcome: Outcome) -> dict[str, Any]:
    """An outcome as plain JSON data: ms for compiling, µs for masks, shares from 0 to 1."""
    from ..maskbench.summary import distribution

    compiled = [ns / 1e6 for ns in outcome.first_mask_ns]
    return {
        "first_mask_ms": compiled,
        "first_mask_ms_median": float(np.median(compiled)) if compiled else None,
        "tbm_us": distribution(outcome.tbm_ns, 1e3),
        "good": outcome.good,
        "accepted": outcome.accepted,
        "bad": outcome.bad,
        "rejected": outcome.rejected,
        "contradictions": outcome.contradictions,
        "troubles": outcome.troubles,
    }
