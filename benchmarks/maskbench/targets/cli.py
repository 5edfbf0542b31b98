"""`--targets` from arguments to the table."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
from pathlib import Path
from threading import Event

from rich.console import Console

from ..errors import Interrupted
from ..figures.measuring import installed_engines
from ..interruption import interruptible
from .arguments import request_from
from .report import report
from .run import begin, execute, read_run, request_of
from .stages import stages_of


def run_targets(arguments: argparse.Namespace) -> int:
    """Measure and print. Raises BenchmarkError."""
    request, options = request_from(arguments)
    directory = arguments.out or Path("results") / f"targets-{datetime.now():%Y%m%d-%H%M%S}"
    begin(request, options, directory, resume=arguments.resume)
    stop = Event()
    with interruptible(stop) as received:
        try:
            execute(request, options, directory, stop)
        except Interrupted:
            pass
        show_targets(directory)
    return 128 + received[0] if received else 0


def show_targets(directory: Path) -> int:
    """Print the table of a directory, with everything that it holds."""
    run = read_run(directory)
    request = request_of(run)
    # Into a file or a pipe, rich would fold the tables to 80 columns.
    console = Console() if sys.stdout.isatty() else Console(width=160)
    installed = installed_engines()
    report(console, request, run, stages_of(request, installed), directory, installed)
    return 0
