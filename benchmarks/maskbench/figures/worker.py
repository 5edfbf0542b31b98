"""The process of one measurement: `python -m benchmarks.maskbench.figures.worker TASK ANSWER`, two files of JSON."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

from .apply import NotAvailable
from .figure import Options, Task
from .registry import FIGURES


def answer(task: Task) -> dict[str, Any]:
    """{"values": ...}, or {"missing": why} or {"error": what happened}."""
    try:
        return {"values": FIGURES[task.figure].measure(task)}
    except NotAvailable as error:
        return {"missing": str(error)}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def read_task(text: str) -> Task:
    """The inverse of `json.dumps(asdict(task))`."""
    fields = json.loads(text)
    files = tuple((name, tuple(instances)) for name, instances in fields["files"])
    return Task(fields["figure"], fields["engine"], Options(**fields["options"]), files)


def main() -> None:
    task, path = sys.argv[1:]
    # Ctrl-C reaches the whole process group; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    found = answer(read_task(Path(task).read_text(encoding="utf-8")))
    Path(path).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
