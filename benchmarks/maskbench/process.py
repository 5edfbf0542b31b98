"""The parent's handle on a worker process: start, measure, survive its death."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Event
from typing import Any

from .errors import Interrupted, SetUpFailed
from .jobs import Job, Location, SetUp
from .measure import CRASHED, TIMED_OUT, Measurement

ROOT = Path(__file__).parents[2]
PYTHON = (sys.executable, "-X", "faulthandler", "-m")
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "RAYON_NUM_THREADS",
)


def environment(threads: int = 1) -> dict[str, str]:
    """The variables of a process that measures with so many threads, and finds the packages that this one finds."""
    paths = [str(ROOT), *(path for path in sys.path if path)]
    return {
        **os.environ,
        **dict.fromkeys(THREAD_VARIABLES, str(threads)),
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONPATH": os.pathsep.join(paths),
        # Installed packages come with their bytecode; a checkout keeps it as soon as it may.
        "PYTHONDONTWRITEBYTECODE": "",
    }


class TimedOut(Exception):
    """No answer within the limit."""


class EngineProcess:
    """One engine in a process of its own, restarted after a crash or a time-out.

    options : the options of the run; the worker passes on those that the engine takes.
    warm_up : the job each start runs before the first measurement.
    log     : file that receives what the process prints.
    stop    : set from outside; every wait then raises Interrupted.
    """

    def __init__(
        self,
        spec: str,
        tokenizer: Path,
        *,
        options: dict[str, str],
        warm_up: Job,
        log: Path,
        stop: Event,
        set_up_timeout: float,
    ) -> None:
        self._command = [spec, str(tokenizer), json.dumps(options)]
        self._warm_up = warm_up
        self._log = log
        self._stop = stop
        self._set_up_timeout = set_up_timeout
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> SetUp:
        """Set the engine up. Raises SetUpFailed."""
        self.kill()
        ours, theirs = Pipe()
        descriptor = theirs.fileno()
        with theirs, self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*PYTHON, f"{__package__}.worker", str(descriptor), *self._command],
                pass_fds=[descriptor],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(),
            )
        self._connection = ours
        try:
            ours.send(self._warm_up)
            answer = self._receive(self._set_up_timeout)
        except (EOFError, OSError):
            answer = f"the process died ({self._cause_of_death()})"
        except TimedOut:
            answer = f"not ready after {self._set_up_timeout:g} s"
        if isinstance(answer, SetUp):
            return answer
        self.kill()
        raise SetUpFailed(f"engine {self._command[0]} cannot be set up: {answer} (output in {self._log})")

    def measure(self, job: Job) -> Measurement:
        """Run a job on a started process. A crash or a time-out is a result, and leaves the process ended."""
        assert self._connection is not None
        try:
            self._connection.send(job)
            return self._receive(job.timeout)
        except TimedOut:
            self.kill()
            return Measurement(TIMED_OUT, f"after {job.timeout:g} s")
        except (EOFError, OSError):
            cause = self._cause_of_death()
            return Measurement(CRASHED, cause, f"the process died: {cause}")

    def locate(self, texts: tuple[tuple[int, ...], ...], timeout: float) -> tuple[int | None, ...]:
        """See `Location`. A crash or a time-out leaves the process ended; nothing is known then."""
        assert self._connection is not None
        try:
            self._connection.send(Location(texts))
            return self._receive(timeout)
        except (TimedOut, EOFError, OSError):
            self.kill()
            return (None,) * len(texts)

    def kill(self) -> None:
        """End the process, if there is one, and wait for it."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _receive(self, timeout: float) -> Any:
        assert self._connection is not None
        deadline = time.monotonic() + timeout
        while True:
            left = deadline - time.monotonic()
            if self._connection.poll(max(0.0, min(left, 0.25))):
                return self._connection.recv()
            if self._stop.is_set():
                raise Interrupted
            if left <= 0:
                raise TimedOut

    def _cause_of_death(self) -> str:
        assert self._process is not None
        code = self._process.wait()
        self.kill()
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"
