"""What a terminal shows while kernels are compiled, which happens once on a machine."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

VARIABLE = "GRAMASK_PROGRESS"
"""Set to 0, this environment variable keeps everything from being shown."""


class CompileProgress:
    """Counts compilations that begin and end inside of each other, and shows the outermost one.

    On a terminal that is a line of stderr that is there while one is under way; otherwise the first is logged.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._n_done = 0

    def begin(self, name: str) -> None:
        self._depth += 1
        if self._depth == 1 and os.environ.get(VARIABLE) != "0":
            self._show(name)

    def end(self) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._n_done += 1
            if _is_terminal() and os.environ.get(VARIABLE) != "0":
                _write("\r\033[K")

    def _show(self, name: str) -> None:
        what = "gramask compiles its kernels, once on this machine (`gramask warmup` does it ahead of time)"
        if _is_terminal():
            _write(f"\r\033[K{what}: {self._n_done + 1}, {name}")
        elif self._n_done == 0:
            logging.getLogger("gramask").info(what)


def _is_terminal() -> bool:
    stream: Any = sys.stderr
    return stream is not None and stream.isatty()


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
