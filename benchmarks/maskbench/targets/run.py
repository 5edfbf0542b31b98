"""One session: what is missing is measured, stage by stage."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from threading import Event
from typing import Any

from rich.progress import TimeElapsedColumn, TimeRemainingColumn

from ..errors import BenchmarkError, Interrupted
from ..figures.figure import Options
from ..figures.measuring import Measuring, installed_engines
from ..figures.registry import FIGURES
from ..machine import describe_machine
from ..progress import Passes, Progress
from ..records import read_results
from ..runner import Run
from .stages import OVER_FILES, Request, Stage, stages_of

FILE = "targets-run.json"


def begin(request: Request, options: Options, directory: Path, *, resume: bool) -> dict[str, Any]:
    """Begin or continue a directory; returns its record of requests and sessions.

    Parts may be added later, everything else stays as it was. Raises BenchmarkError.
    """
    path, record = directory / FILE, _asked(request, options)
    if path.exists():
        before = read_run(directory)
        if not resume:
            raise BenchmarkError(
                f"{directory} already holds results; continue with --resume, or name another --out"
            )
        _check_same(before["asked"], record)
        record["parts"] = sorted({*before["asked"]["parts"], *record["parts"]})
        run = {"asked": record, "sessions": before["sessions"]}
    else:
        run = {"asked": record, "sessions": []}
    directory.mkdir(parents=True, exist_ok=True)
    run["sessions"].append(describe_machine())
    path.write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")
    return run


def read_run(directory: Path) -> dict[str, Any]:
    """Raises BenchmarkError where the directory has none."""
    try:
        found: dict[str, Any] = json.loads((directory / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchmarkError(f"{directory} holds no run of targets: {error}") from error
    return found


def request_of(run: dict[str, Any]) -> Request:
    """What a directory was asked for."""
    asked = {name: value for name, value in run["asked"].items() if name != "options"}
    return Request(**{**asked, "parts": frozenset(asked["parts"])})


def _asked(request: Request, options: Options) -> dict[str, Any]:
    return {**asdict(request), "parts": sorted(request.parts), "options": asdict(options)}


def _check_same(before: dict[str, Any], now: dict[str, Any]) -> None:
    changed = [name for name in now if name != "parts" and before.get(name) != now[name]]
    if changed:
        raise BenchmarkError(
            f"--resume needs the arguments of the first session: {', '.join(changed)} differ"
        )


def execute(request: Request, options: Options, directory: Path, stop: Event) -> None:
    """Measure what is missing. Raises Interrupted, SetUpFailed."""
    for stage in stages_of(request, installed_engines()):
        if stop.is_set():
            raise Interrupted
        _run_stage(stage, directory, stop)
    figures = [figure for name, figure in FIGURES.items() if name in request.parts]
    measuring = Measuring(options, directory, request.runs, stop=stop)
    total = sum(len(measuring.left(figure)) for figure in figures)
    with Progress(TimeElapsedColumn(), "figures", total=total) as shown:
        measuring.say, measuring.step = shown.say, shown.advance
        for figure in figures:
            if stop.is_set():
                raise Interrupted
            measuring.measure(figure)


def _run_stage(stage: Stage, directory: Path, stop: Event) -> None:
    folder = stage.folder(directory)
    if _is_complete(folder):
        return
    run = Run(stage.settings, folder, resume=folder.exists())
    run.stop = stop
    total = sum(map(len, run.plan.members.values()))
    passes = Passes(run.plan.members)
    with Progress(
        TimeRemainingColumn(), f"{stage.name}: setting up", total=total, done=len(run.done)
    ) as shown:
        run.on_record = lambda record: shown.advance(f"{stage.name}: {passes.with_record(record)}")
        run.execute()


def _is_complete(folder: Path) -> bool:
    try:
        results = read_results(folder)
    except BenchmarkError:
        return False
    return len(results.files) == sum(results.run["planned"].values())


def all_parts() -> tuple[str, ...]:
    return (*OVER_FILES, *FIGURES)
