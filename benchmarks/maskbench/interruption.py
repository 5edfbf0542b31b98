"""Ctrl-C and SIGTERM: what was measured is kept and reported."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any


@contextmanager
def interruptible(stop: Event) -> Iterator[list[int]]:
    """Set `stop` at the first signal. Yields the list of signals received."""
    received: list[int] = []

    def interrupt(number: int, frame: Any) -> None:
        # A second signal is for whoever does not want to wait for the report.
        if received:
            raise SystemExit(128 + number)
        received.append(number)
        stop.set()

    handlers = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
