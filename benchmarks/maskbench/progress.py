"""How far a run is, on the error stream: a bar, or a line a minute where it is no terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from types import TracebackType

from rich import progress
from rich.console import Console

from .records import FileRecord

LOG_EVERY_S = 60.0


class Progress:
    """Steps done of those to do, and a text."""

    def __init__(
        self, clock: progress.ProgressColumn, text: str = "", *, total: int | None = None, done: int = 0
    ) -> None:
        """total : None while it is not known, see `expect`.  done : steps of an earlier session."""
        self._bar = progress.Progress(
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            clock,
            progress.TextColumn("{task.description}"),
            console=Console(stderr=True),
            refresh_per_second=2,
            disable=not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task(text, total=total, completed=done)
        self._done = done
        self._total = total
        self._logged = time.monotonic()

    def __enter__(self) -> Progress:
        self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.__exit__(kind, error, traceback)

    def expect(self, total: int) -> None:
        self._total = total
        self._bar.update(self._task, total=total)

    def say(self, text: str) -> None:
        self._bar.update(self._task, description=text)
        if self._bar.disable and time.monotonic() - self._logged > LOG_EVERY_S:
            self._logged = time.monotonic()
            print(f"{self._done}/{self._total or '?'}  {text}", file=sys.stderr, flush=True)

    def advance(self, text: str) -> None:
        self._done += 1
        self._bar.update(self._task, completed=self._done)
        self.say(text)


class Passes:
    """Counts files and passes per engine, those of this session."""

    def __init__(self, engines: Iterable[str]) -> None:
        self._counts = {engine: [0, 0] for engine in engines}

    def with_record(self, record: FileRecord) -> str:
        """Count a file; returns all counts as a text."""
        counts = self._counts[record.engine]
        counts[0] += 1
        counts[1] += record.passed
        return " · ".join(
            f"{engine} {passed}/{files} pass" for engine, (files, passed) in self._counts.items()
        )
