"""The command line of MaskBench."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import TimeRemainingColumn

from ..arguments import positive, seconds
from .compare import compare, pairs
from .engines import ENGINES, resolve
from .errors import BenchmarkError
from .failures import describe, write_failures
from .interruption import interruptible
from .progress import Passes, Progress
from .records import read_results
from .report import plot, print_report
from .runner import Run, Settings
from .summary import passed_files, summarise
from .targets.arguments import HELP, add_targets
from .targets.cli import run_targets, show_targets

DESCRIPTION = """\
Run JSON Schemas and their valid and invalid instances, token by token, through mask engines, and report
which files pass and how long masks take.
A file passes when the engine compiles its schema and agrees with every test. An instance is
accepted when the mask allows each of its tokens and the text may end behind the last.
"""
EPILOG = f"""\
examples:
  python -m benchmarks.maskbench --data maskbench --tokenizer llama3 --engines gramask,llguidance
  python -m benchmarks.maskbench --data maskbench --tokenizer llama3 \\
      --engines gramask,llguidance,xgrammar --sample 1000 --sample-for xgrammar=200 --out results/today
  python -m benchmarks.maskbench ... --engines gramask,gramask@/tmp/old,llguidance --list-failures gramask
  python -m benchmarks.maskbench ... --out results/today --resume
  python -m benchmarks.maskbench --summarise results/today
  python -m benchmarks.maskbench --targets --data maskbench --tokenizer llama3 --tokenizer-200k llama4 --out results/all

{HELP}
engines:
  NAME@CHECKOUT is the engine of that name whose package is the one in the folder CHECKOUT (its name does not matter):
  two versions of gramask then take turns file by file. Each has its own process and its own tables on disk.
  Of two versions of one engine, the first named is "new", the other "old"; a table gives the ratios new / old
  over the files that both passed.

order of members:
  MaskBench's documents list the members of an object in any order, valid as JSON Schema has it. gramask holds to
  the schema's order unless told otherwise, which models follow easily; it would refuse a valid document for that
  alone. With --order any, the default here, it allows every order, as the peers do (they have no such option).

timings:
  time to first mask (ms)   compile the parsed schema, new matcher, first mask
  time between masks (µs)   fill the mask, test the token, commit it; per token up to the first rejected one
  Loading the tokenizer, the engine's tables for it and a warm-up are reported apart.

exit codes: 0 done, 1 an engine cannot be set up, 2 wrong arguments, 130 or 143 interrupted (results are kept)
"""


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.maskbench",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", type=Path, metavar="DIR", help='*.json files: {"schema", "tests": [{"data", "valid"}]}')
    add("--tokenizer", type=Path, metavar="DIR", help="a transformers tokenizer on disk")
    add("--engines", default="gramask", metavar="A,B",
        help=f"of {', '.join(ENGINES)}, or module:Class; either with @CHECKOUT behind it (gramask)")  # fmt: skip
    add("--order", choices=("any", "schema"), default="any",
        help="of object members, passed to gramask: any, or as the schema lists them (any; gramask's own default "
        "is schema)")  # fmt: skip
    add("--sample", type=positive, metavar="N", help="draw N files by --seed (all)")
    add("--sample-for", type=_share, action="append", default=[], metavar="ENGINE=N",
        help="run this engine on only N of the files, drawn by --seed; may be repeated")  # fmt: skip
    add("--seed", type=int, default=0, metavar="S", help="for samples and the order of the engines (0)")
    add("--limit-instances", type=positive, metavar="N", help="only the first N instances of a file (all)")
    add("--reverse", action="store_true", help="take the files in reverse order")
    add("--timeout", type=seconds, default=30.0, metavar="SEC", help="per file and engine (30)")
    add("--set-up-timeout", type=seconds, default=900.0, metavar="SEC", help="per start of an engine (900)")
    add("--workers", type=positive, default=1, metavar="N",
        help="files measured at the same time (1); more is faster, but disturbs the timings")  # fmt: skip
    add("--out", type=Path, metavar="DIR", help="results directory (results/maskbench-DATE-TIME)")
    add("--resume", action="store_true", help="continue an interrupted run in --out, with the same arguments")
    add("--compare", type=Path, metavar="DIR",
        help="print ratios to the engines of the same names in this earlier results directory, too")  # fmt: skip
    add("--list-failures", nargs="?", const="", metavar="ENGINE",
        help="print every file that does not pass, of one engine or of all; always in failures-ENGINE.txt and "
        "failures.json")  # fmt: skip
    add("--summarise", type=Path, metavar="DIR",
        help="only recompute tables, summary.json, failures and latency.png of a results directory")  # fmt: skip
    add_targets(parser)
    return parser


def _share(text: str) -> tuple[str, int]:
    engine, equals, number = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError("must be ENGINE=N")
    return engine, positive(number)


def main(argv: list[str] | None = None) -> int:
    parser = build_parser()
    arguments = parser.parse_args(argv)
    try:
        if arguments.compare is not None:
            # A wrong folder must show now, not behind the last file.
            read_results(arguments.compare)
        if arguments.summarise is not None and arguments.targets:
            return show_targets(arguments.summarise)
        if arguments.summarise is not None:
            return _report(arguments.summarise, arguments)
        for required in ("data", "tokenizer"):
            if getattr(arguments, required) is None:
                raise BenchmarkError(f"--{required} is required")
        if arguments.resume and arguments.out is None:
            raise BenchmarkError("--resume needs the --out of the run to continue")
        return run_targets(arguments) if arguments.targets else _run(arguments)
    except BenchmarkError as error:
        print(f"maskbench: error: {error}", file=sys.stderr)
        return error.exit_code


def _settings(arguments: argparse.Namespace) -> Settings:
    names = [name.strip() for name in arguments.engines.split(",") if name.strip()]
    resolved = [resolve(name) for name in names]
    engines = dict(resolved)
    if not engines:
        raise BenchmarkError("--engines names no engine")
    if len(engines) < len(resolved):
        raise BenchmarkError("--engines has two of the same name; the last folders of checkouts must differ")
    if arguments.list_failures and arguments.list_failures not in engines:
        raise BenchmarkError(f"--list-failures {arguments.list_failures} is not among the engines")
    return Settings(
        data=str(arguments.data.resolve()),
        tokenizer=str(arguments.tokenizer.resolve()),
        engines=engines,
        sample=arguments.sample,
        sample_for=dict(arguments.sample_for),
        seed=arguments.seed,
        timeout=arguments.timeout,
        set_up_timeout=arguments.set_up_timeout,
        limit_instances=arguments.limit_instances,
        reverse=arguments.reverse,
        workers=arguments.workers,
        order=arguments.order,
    )


def _run(arguments: argparse.Namespace) -> int:
    settings = _settings(arguments)
    directory = arguments.out or Path("results") / f"maskbench-{datetime.now():%Y%m%d-%H%M%S}"
    run = Run(settings, directory, resume=arguments.resume)
    with interruptible(run.stop) as received:
        passes = Passes(run.plan.members)
        total = sum(map(len, run.plan.members.values()))
        with Progress(TimeRemainingColumn(), "setting up", total=total, done=len(run.done)) as shown:
            run.on_record = lambda record: shown.advance(passes.with_record(record))
            run.execute()
        _report(directory, arguments)
    return 128 + received[0] if received else 0


def _report(directory: Path, arguments: argparse.Namespace) -> int:
    results = read_results(directory)
    earlier = None if arguments.compare is None else read_results(arguments.compare)
    passed = passed_files(results)
    summary = summarise(results)
    summary["comparisons"] = [compare(new, old, passed) for new, old in pairs(results, earlier)]
    # Into a file or a pipe, rich would fold the tables to 80 columns.
    console = Console() if sys.stdout.isatty() else Console(width=160)
    print_report(console, summary)
    _list_failures(write_failures(results, directory), arguments.list_failures)
    (directory / "summary.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    try:
        plot(results, directory / "latency.png")
    except ImportError as error:
        console.print(f"No plot: {error}")
    console.print(f"Results in {directory}")
    return 0


def _list_failures(failures: dict[str, list[dict[str, Any]]], asked: str | None) -> None:
    """asked : an engine, "" for all, None for nothing."""
    for engine, entries in failures.items():
        if asked in ("", engine):
            print(f"{engine}: {len(entries)} files do not pass")
            for entry in entries:
                print(*(f"  {line}" for line in describe(entry)), sep="\n")
