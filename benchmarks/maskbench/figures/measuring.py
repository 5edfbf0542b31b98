"""Figures over several runs: one fresh process after the other, engines in turns, each answer kept at once."""

from __future__ import annotations

import importlib.util
import json
import random
import statistics
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from threading import Event
from typing import Any

from ..engines import ENGINES as SPECS
from ..engines import load
from ..errors import BenchmarkError
from ..records import cut_torn_line
from .chosen import choose
from .figure import ENGINES, Figure, Options, Task, Values
from .fresh import run_fresh

FILE = "figures.jsonl"
Answer = dict[str, Any]
"""A line of figures.jsonl: figure, engine, run, and "values", "missing" or "error"."""


def installed_engines() -> set[str]:
    """Those of ENGINES whose package is there."""
    return {name for name in ENGINES if importlib.util.find_spec(load(SPECS[name]).package) is not None}


def read_answers(directory: Path) -> list[Answer]:
    """What was measured in `directory`, in order; a line that was being written is left out."""
    path = directory / FILE
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


class Measuring:
    """One session of measuring figures.

    say : called with what is done now. step: called after each process.
    """

    def __init__(
        self,
        options: Options,
        directory: Path,
        runs: int,
        *,
        stop: Event,
        say: Callable[[str], None] = lambda text: None,
        step: Callable[[str], None] = lambda text: None,
        engines: Iterable[str] | None = None,
    ) -> None:
        self.options, self.directory, self.runs = options, directory, runs
        self.stop, self.say, self.step = stop, say, step
        self.installed = installed_engines() if engines is None else set(engines)
        directory.mkdir(parents=True, exist_ok=True)
        _check_same(directory / "figures.json", asdict(options))
        cut_torn_line(directory / FILE)
        self._done = {
            (found["figure"], found["engine"], found["run"])
            for found in read_answers(directory)
            if "values" in found
        }

    def left(self, figure: Figure) -> list[tuple[int, str]]:
        """The runs and engines that were not measured yet, in an order drawn for each run."""
        return [
            (run, engine)
            for run in range(self.runs)
            for engine in _turns(figure, run)
            if (figure.name, engine, run) not in self._done
        ]

    def measure(self, figure: Figure) -> None:
        """Measure what is left of a figure. Raises Interrupted."""
        primed: set[str] = set()
        for run, engine in self.left(figure):
            self.say(f"{figure.title}: {engine}, run {run + 1} of {self.runs}")
            if engine in self.installed and figure.primed and engine not in primed:
                run_fresh(figure, self._task(figure, engine), self._log(figure), self.stop)
                primed.add(engine)
            self._keep({"figure": figure.name, "engine": engine, "run": run, **self._ask(figure, engine)})
            self.step(f"{figure.title}: {engine}")

    def _ask(self, figure: Figure, engine: str) -> dict[str, Any]:
        if engine not in self.installed:
            left_out = engine in installed_engines()
            return {"missing": f"{engine} {'was left out' if left_out else 'is not installed'}"}
        task = self._task(figure, engine)
        if engine in figure.choices and not task.files:
            return {"missing": "no file of the sample fits"}
        return run_fresh(figure, task, self._log(figure), self.stop)

    def _task(self, figure: Figure, engine: str) -> Task:
        name = figure.choices.get(engine)
        files = (
            ()
            if name is None
            else choose(name, self.options, self.installed, self.directory, stop=self.stop, say=self.say)
        )
        return Task(figure.name, engine, self.options, files)

    def _log(self, figure: Figure) -> Path:
        return self.directory / f"{figure.name}.log"

    def _keep(self, answer: Answer) -> None:
        with (self.directory / FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(answer) + "\n")


def _turns(figure: Figure, run: int) -> Iterator[str]:
    engines = list(figure.engines)
    random.Random(f"{figure.name}/{run}").shuffle(engines)
    return iter(engines)


def _check_same(path: Path, options: dict[str, Any]) -> None:
    if not path.exists():
        path.write_text(json.dumps(options, indent=1) + "\n", encoding="utf-8")
        return
    before = json.loads(path.read_text(encoding="utf-8"))
    changed = [
        f"{key} was {before.get(key)!r}, is {options[key]!r}"
        for key in options
        if before.get(key) != options[key]
    ]
    if changed:
        raise BenchmarkError(f"{path.parent} holds figures with other arguments: {'; '.join(changed)}")


def medians(answers: Iterable[Answer], figure: str) -> dict[str, Values]:
    """For each engine the median over the runs of each number, and how many runs there were ("runs")."""
    by_engine: dict[str, list[Values]] = {}
    for answer in answers:
        if answer["figure"] == figure and "values" in answer:
            by_engine.setdefault(answer["engine"], []).append(answer["values"])
    return {engine: _medians(found) for engine, found in by_engine.items()}


def _medians(found: list[Values]) -> Values:
    numbers = {
        key: None for values in found for key, value in values.items() if isinstance(value, int | float)
    }
    middle = {key: statistics.median(v[key] for v in found if key in v) for key in numbers}
    return {**middle, "runs": len(found)}


def why_not(answers: Iterable[Answer], figure: str, engine: str) -> str:
    """Why there is no figure of an engine: what its last process said, "" where none was asked."""
    said = [answer for answer in answers if (answer["figure"], answer["engine"]) == (figure, engine)]
    return next((a.get("error") or a.get("missing") or "" for a in reversed(said)), "")
