"""How far a run is, on the terminal's error stream: a bar, or a line a minute where it is no terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich import progress
from rich.console import Console

from .records import FileRecord
from .runner import Run

LOG_EVERY_S = 60.0


class Progress:
    """Counts files and passes per engine; the counts are of this session."""

    def __init__(self, run: Run) -> None:
        total = sum(len(files) for files in run.plan.members.values())
        self._done = len(run.done)
        self._counts = {engine: [0, 0] for engine in run.plan.members}
        self._total = total
        self._logged = time.monotonic()
        self._bar = progress.Progress(
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeRemainingColumn(),
            progress.TextColumn("{task.description}"),
            console=Console(stderr=True),
            refresh_per_second=2,
            disable=not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task("setting up", total=total, completed=self._done)

    def __enter__(self) -> Progress:
        self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.__exit__(kind, error, traceback)

    def advance(self, record: FileRecord) -> None:
        counts = self._counts[record.engine]
        counts[0] += 1
        counts[1] += record.passed
        self._done += 1
        parts = [f"{engine} {passed}/{files} pass" for engine, (files, passed) in self._counts.items()]
        text = " · ".join(parts)
        self._bar.update(self._task, completed=self._done, description=text)
        if self._bar.disable and time.monotonic() - self._logged > LOG_EVERY_S:
            self._logged = time.monotonic()
            print(f"{self._done}/{self._total}  {text}", file=sys.stderr, flush=True)
