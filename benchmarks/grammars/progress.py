"""How far a run is, on the error stream: a bar, or now and then a line where it is no terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich import progress
from rich.console import Console

from ..maskbench.progress import LOG_EVERY_S


class Progress:
    """Steps done of those to do; their number is known once the texts are there."""

    def __init__(self) -> None:
        self._bar = progress.Progress(
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
            progress.TextColumn("{task.description}"),
            console=Console(stderr=True),
            refresh_per_second=2,
            disable=not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task("", total=None)
        self._done = self._total = 0
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
