"""The command line of single figures."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

from rich.console import Console
from rich.progress import TimeElapsedColumn

from ...arguments import names, positive, seconds
from ..errors import BenchmarkError, Interrupted
from ..interruption import interruptible
from ..progress import Progress
from .figure import ENGINES, Options
from .measuring import Measuring, installed_engines, read_answers
from .registry import FIGURES
from .report import print_figure

DESCRIPTION = "Measure figures of mask engines, each in fresh processes, the engines in turns; print medians."
EPILOG = "\n".join(["figures:", *(f"  {name:<8} {figure.title}" for name, figure in FIGURES.items())])


def add_options(add: Callable[..., Any], defaults: Options) -> None:
    """The options of figures, for an argument parser."""
    add(
        "--matchers",
        type=positive,
        default=defaults.matchers,
        metavar="N",
        help=f"of the batch ({defaults.matchers})",
    )
    add(
        "--steps", type=positive, default=defaults.steps, metavar="N", help=f"of the batch ({defaults.steps})"
    )
    add("--schemas", type=positive, default=defaults.schemas, metavar="N",
        help=f"kept in memory ({defaults.schemas})")  # fmt: skip
    add("--peer-schemas", type=positive, default=defaults.peer_schemas, metavar="N",
        help=f"the same for XGrammar, which compiles slowly ({defaults.peer_schemas})")  # fmt: skip


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.maskbench.figures",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    defaults = Options("", "")
    add = parser.add_argument
    add("figures", nargs="+", choices=FIGURES, metavar="FIGURE", help="one or more of those below")
    add("--data", type=Path, required=True, metavar="DIR", help="files of MaskBench")
    add("--tokenizer", type=Path, required=True, metavar="DIR", help="a transformers tokenizer on disk")
    add(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="what is measured is kept here; a further session goes on",
    )
    add("--runs", type=positive, default=3, metavar="N", help="of which medians are taken (3)")
    add("--engines", type=names, metavar="A,B", help=f"of {', '.join(ENGINES)} (all that are installed)")
    add("--sample", type=positive, metavar="N", help="take files only from N that --seed draws (all)")
    add("--seed", type=int, default=0, metavar="S", help="for samples, places and orders (0)")
    add("--timeout", type=seconds, default=defaults.timeout, metavar="SEC",
        help=f"for one process ({defaults.timeout:g})")  # fmt: skip
    add_options(add, defaults)
    return parser


def main(argv: list[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    stop = Event()
    try:
        with interruptible(stop) as received:
            _measure(arguments, stop)
    except BenchmarkError as error:
        print(f"figures: error: {error}", file=sys.stderr)
        return error.exit_code
    return 128 + received[0] if received else 0


def _measure(arguments: argparse.Namespace, stop: Event) -> None:
    options = Options(
        data=str(arguments.data.resolve()),
        tokenizer=str(arguments.tokenizer.resolve()),
        **{name: getattr(arguments, name) for name in ("sample", "seed", "matchers", "steps", "schemas")},
        peer_schemas=arguments.peer_schemas,
        timeout=arguments.timeout,
    )
    engines = installed_engines()
    if arguments.engines is not None:
        if strangers := set(arguments.engines) - set(ENGINES):
            raise BenchmarkError(f"unknown engines: {', '.join(sorted(strangers))}")
        engines &= set(arguments.engines)
    measuring = Measuring(options, arguments.out, arguments.runs, stop=stop, engines=engines)
    figures = [FIGURES[name] for name in arguments.figures]
    total = sum(len(measuring.left(figure)) for figure in figures)
    with Progress(TimeElapsedColumn(), "starting", total=total) as shown:
        measuring.say, measuring.step = shown.say, shown.advance
        try:
            for figure in figures:
                measuring.measure(figure)
        except Interrupted:
            pass
    for figure in figures:
        print_figure(Console(), figure, read_answers(arguments.out))
