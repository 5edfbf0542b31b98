"""The command line of the sampler benchmark."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from ..arguments import names, positive
from ..maskbench.errors import BenchmarkError
from ..maskbench.machine import describe_machine
from . import costs, distances, peer, predicates, tries
from .model import Embedded
from .report import plot, print_report
from .tasks import Task, tasks

DESCRIPTION = """\
Draw texts with the model's own law, on the model that comes with gramask: what a text costs by each method, how far
what comes out is from the law, how often AWRS asks a predicate, and what a trie of bounds takes.
"""
EPILOG = """\
columns:
  rows per text     rows asked of the model for each independent text (for "weighted": each that its texts are worth).
                    RS, ARS, RSFT and CARS are counted as published: a row for each token of each attempt. "CARS, rows
                    kept" is the same sampler without asking twice for a row; the shared trie keeps them, too.
  calls per text    calls of the model, each for up to a batch of rows
  attempts per text how many were begun, for each text that came out
  A dash: a run had no text within the budget of rows.

examples:
  python -m benchmarks.samplers
  python -m benchmarks.samplers --tasks bv4,age --seeds 1 --budget 1000
  python -m benchmarks.samplers --tokenizer llama3 --genlm ../genlm/bin/python --out results/samplers

exit codes: 0 done, 2 wrong arguments, 1 genlm-control does not run
"""
COLUMNS = (
    SpinnerColumn(),
    TextColumn("{task.description}"),
    MofNCompleteColumn(),
    TimeElapsedColumn(),
)


def main(argv: list[str] | None = None) -> int:
    """Run what the arguments ask for; returns the exit code."""
    parser = build_parser()
    arguments = parser.parse_args(argv)
    known = tasks()
    names = arguments.tasks or list(known)
    if unknown := [name for name in names if name not in known]:
        parser.error(f"there is no task {unknown[0]!r}; they are {', '.join(known)}")
    console = Console()
    try:
        summary = _run(console, [known[name] for name in names], arguments)
    except BenchmarkError as error:
        console.print(f"[red]{error}[/]")
        return 1
    out = arguments.out or Path("results") / f"samplers-{datetime.now():%Y-%m-%d-%H%M%S}"
    out.mkdir(parents=True, exist_ok=True)
    (out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    print_report(console, summary)
    if drawn := plot(summary, out / "samplers.png"):
        console.print(f"plot: {drawn}")
    console.print(f"figures: {out / 'summary.json'}")
    return 0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.samplers",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--tasks", type=names, metavar="A,B", help=f"of {', '.join(tasks())} (all)")
    add("--samples", type=positive, metavar="N", default=100, help="texts per run (100)")
    add("--budget", type=positive, metavar="N", default=4000, help="rows of the model per run (4000)")
    add("--max-attempts", type=positive, metavar="N", default=20_000, help="attempts per run (20000)")
    add("--seeds", type=positive, metavar="N", default=3, help="runs of each setting (3)")
    add(
        "--tokenizer",
        type=Path,
        metavar="DIR",
        help="a transformers tokenizer, for calls of a predicate (left out)",
    )
    add(
        "--genlm",
        type=Path,
        metavar="PYTHON",
        help="of an environment with genlm-control and torch (left out)",
    )
    add(
        "--out",
        type=Path,
        metavar="DIR",
        help="for summary.json and samplers.png (results/samplers-DATE-TIME)",
    )
    return parser


def _run(console: Console, chosen: list[Task], arguments: argparse.Namespace) -> dict[str, Any]:
    embedded = Embedded()
    summary: dict[str, Any] = {
        "machine": describe_machine(),
        "settings": {
            name: getattr(arguments, name) for name in ("samples", "budget", "max_attempts", "seeds")
        },
        "costs": {},
        "distances": {},
    }
    with Progress(*COLUMNS, console=console, transient=True) as bar:
        steps = list(_steps(embedded, chosen, arguments, summary))
        shown = bar.add_task("", total=len(steps))
        for name, step in steps:
            bar.update(shown, description=name)
            step()
            bar.advance(shown)
    return summary


def _steps(
    embedded: Embedded, chosen: list[Task], arguments: argparse.Namespace, summary: dict[str, Any]
) -> Iterator[tuple[str, Callable[[], None]]]:
    """What is to be done, and puts its figures into the summary; first what may turn out not to run."""
    if arguments.genlm is not None:
        yield (
            "genlm-control",
            _put(summary, "peer", peer.measure, embedded, arguments.genlm, particles=10, repeats=10),
        )
    for task in chosen:
        yield (
            f"{task.name}: costs",
            _put(
                summary["costs"],
                task.name,
                costs.measure,
                embedded,
                task,
                n=arguments.samples,
                budget=arguments.budget,
                max_attempts=arguments.max_attempts,
                seeds=arguments.seeds,
            ),
        )
        if task.is_enumerable:
            yield (
                f"{task.name}: distances",
                _put(
                    summary["distances"], task.name, distances.measure, embedded, task, seeds=arguments.seeds
                ),
            )
    last = max(chosen, key=lambda task: task.max_tokens)
    yield (
        "trie",
        _put(summary, "trie", tries.measure, embedded, last, n=arguments.samples, budget=arguments.budget),
    )
    if arguments.tokenizer is not None:
        yield "predicates", _put(summary, "predicates", predicates.measure, arguments.tokenizer, n=20, seed=0)


def _put(
    to: dict[str, Any], key: str, measure: Callable[..., Any], *args: Any, **options: Any
) -> Callable[[], None]:
    def step() -> None:
        to[key] = measure(*args, **options)

    return step
