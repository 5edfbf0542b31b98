"""How far a long run is, shown on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from .prefixes import Watch
from .samples import SampleStats

PATIENCE = 1.0
"""Seconds that pass before anything is shown."""


@contextmanager
def shown_progress(n: int, wanted: bool | None) -> Iterator[Watch]:
    """What to call with the stats after each call of the model.

    n : texts that are asked for.  wanted : None is where standard error is a terminal.
    """
    if not (sys.stderr.isatty() if wanted is None else wanted):
        yield _look_away
        return
    bar = _Bar(n)
    try:
        yield bar
    finally:
        bar.close()


def _look_away(stats: SampleStats) -> None:
    """Show nothing."""


class _Bar:
    """A bar that appears when one has waited for a while, and is gone at the end."""

    def __init__(self, n: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (
            TextColumn("texts"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[cost]}"),
            TimeElapsedColumn(),
        )
        self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task("", total=n, cost="")
        self._begin = time.perf_counter()

    def __call__(self, stats: SampleStats) -> None:
        if time.perf_counter() - self._begin < PATIENCE:
            return
        self._progress.start()
        cost = f"{stats.attempts:,} attempts, {stats.forwards:,} rows of the model"
        self._progress.update(self._task, completed=stats.accepted, cost=cost)

    def close(self) -> None:
        self._progress.stop()
