"""A measurement in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from threading import Event, Thread
from typing import Any

from ..errors import Interrupted
from ..process import PYTHON, ROOT, environment
from .figure import Figure, Task

# Whatever an engine keeps on disk for the next process.
CACHE_VARIABLES = ("GRAMASK_CACHE_DIR", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME")


def run_fresh(figure: Figure, task: Task, log: Path, stop: Event) -> dict[str, Any]:
    """What the worker answers, or {"error": how it ended}. log : receives what it prints. Raises Interrupted.

    Of a cold figure the values also say how many characters the process showed on its terminal ("shown").
    """
    with tempfile.TemporaryDirectory(prefix="maskbench-") as folder:
        question, answer = Path(folder) / "task.json", Path(folder) / "answer.json"
        question.write_text(json.dumps(asdict(task)), encoding="utf-8")
        variables = environment(figure.threads) | (_empty_caches(Path(folder)) if figure.cold else {})
        command = [*PYTHON, f"{__package__}.worker", str(question), str(answer)]
        terminal = Terminal(log)
        try:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=terminal.end,
                stderr=terminal.end,
            )
            terminal.listen()
            problem = _wait(process, task.options.timeout, stop)
        finally:
            shown = terminal.close()
        if problem or not answer.exists():
            return {"error": problem or f"no answer, exit code {process.returncode}"}
        found: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    if figure.cold and "values" in found:
        found["values"]["shown"] = shown
    return found


def _empty_caches(folder: Path) -> dict[str, str]:
    for name in CACHE_VARIABLES:
        (folder / name).mkdir()
    return {name: str(folder / name) for name in CACHE_VARIABLES}


def _wait(process: subprocess.Popen[bytes], timeout: float, stop: Event) -> str:
    """How the process ended where it did not end well, else ""."""
    deadline = time.monotonic() + timeout
    try:
        while True:
            try:
                code = process.wait(0.25)
            except subprocess.TimeoutExpired:
                if stop.is_set():
                    raise Interrupted from None
                if time.monotonic() > deadline:
                    return f"not done after {timeout:g} s"
                continue
            # What ends this process may have reached the other one first.
            if code and stop.wait(0.5):
                raise Interrupted
            if code < 0:
                return f"the process died: {signal.Signals(-code).name}"
            return f"exit code {code}" if code else ""
    finally:
        process.kill()
        process.wait()


class Terminal:
    """A terminal for a process, since progress is shown on terminals only; what it prints goes to a log."""

    def __init__(self, log: Path) -> None:
        self._ours, self.end = os.openpty()
        self._log = log
        self._shown = 0
        self._reader = Thread(target=self._read, daemon=True)

    def listen(self) -> None:
        """To be called once the process has its end."""
        os.close(self.end)
        self._reader.start()

    def _read(self) -> None:
        with self._log.open("ab") as log:
            while True:
                try:
                    data = os.read(self._ours, 4096)
                except OSError:  # so Linux says that the other end is closed
                    return
                if not data:
                    return
                self._shown += len(data.strip())
                log.write(data)

    def close(self) -> int:
        """The number of characters that were shown."""
        if self._reader.is_alive() or self._reader.ident is not None:
            self._reader.join(5)
        else:
            os.close(self.end)
        os.close(self._ours)
        return self._shown
