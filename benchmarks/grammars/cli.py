"""The command line of the grammar benchmark."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import TimeElapsedColumn

from ..arguments import names, positive, seconds
from ..maskbench.errors import BenchmarkError, Interrupted
from ..maskbench.machine import describe_machine
from ..maskbench.progress import Progress
from ..maskbench.tokens import Encoder
from .engines import ENGINES, chosen
from .languages import LANGUAGES
from .report import plot, print_report
from .runner import Engines, LanguageRun, summarise
from .texts import gather

DESCRIPTION = """\
Run real and generated texts of whole languages, token by token, through mask engines: fill the mask, test the token's
bit, commit the token. Reports for each language and engine how long compiling and masks take, which share of the valid
texts is accepted, and which share of mutated texts that are not valid is rejected.
"""
EPILOG = """\
examples:
  python -m benchmarks.grammars --tokenizer llama3 --data maskbench
  python -m benchmarks.grammars --tokenizer llama3 --languages c,sql --max-tokens 50000 --out results/grammars
  python -m benchmarks.grammars --tokenizer llama3 --languages c --texts my/sources --engines gramask,xgrammar

languages:
  json        documents of MaskBench's files (--data)
  sql         queries quoted in installed packages, then generated ones
  c           headers and sources under /usr/include, /usr/src and in Python's include folder
  xml         .xml, .svg, .xsd and .xsl in installed packages and under /usr/share
  calculator  generated;  sexpr: under /usr/share, then generated
  python      the standard library's files, by the python.lark that comes with Lark and its indentation
  A text counts if the reference accepts it, a mutated one if the reference rejects it: Lark's LALR parser with the
  .lark file of grammar/collection (for Python, with Lark's own), for JSON Python's json module. --texts adds files
  of one's own, by suffix, first.

engines:
  gramask reads the .gbnf file, gramask-lark the .lark file, llguidance the .lark, xgrammar the .gbnf.
  Python is for gramask-lark alone: GBNF has no way to say what indentation is, llguidance no post-lexer.
  The notations do not always have one language: without a lexer, GBNF wants white space around SQL's keywords and
  lets keywords be names (see the comments in the files). The columns of what is accepted and rejected show it.

timings:
  compile + first mask (ms)   from the grammar's text, new matcher and first mask included; the median of --repeats
                              in one process, and the first time, when no cache of the process is filled
  TBM (µs)                    time between masks: mask + commit, per token of the valid texts
  Each engine has one process and one thread; on each step they take turns in a random order.

exit codes: 0 done, 1 an engine cannot be set up, 2 wrong arguments or missing data, 130 interrupted (what was done is
reported and kept)
"""


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.grammars",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--tokenizer", type=Path, metavar="DIR", required=True, help="a transformers tokenizer on disk")
    add("--engines", type=names, metavar="A,B", help=f"of {', '.join(ENGINES)} (all that are installed); gramask "
        "brings gramask-lark along")  # fmt: skip
    add(
        "--languages",
        type=names,
        metavar="A,B",
        default=list(LANGUAGES),
        help=f"of {', '.join(LANGUAGES)} (all)",
    )
    add("--data", type=Path, metavar="DIR", help="MaskBench's *.json files; needed for json")
    add("--texts", type=Path, metavar="DIR", help="further texts, by suffix, tried before those found")
    add(
        "--max-tokens",
        type=positive,
        metavar="N",
        default=20_000,
        help="of valid texts per language (20000)",
    )
    add("--mutations", type=_natural, metavar="N", default=200, help="mutated texts per language (200)")
    add("--repeats", type=positive, metavar="N", default=5, help="compilations per engine and language (5)")
    add("--seed", type=int, metavar="S", default=0, help="for texts, mutations and turns (0)")
    add("--timeout", type=seconds, metavar="SEC", default=120.0,
        help="per step: one compilation, or about 2000 tokens (120)")  # fmt: skip
    add("--set-up-timeout", type=seconds, metavar="SEC", default=900.0, help="per start of an engine (900)")
    add(
        "--out",
        type=Path,
        metavar="DIR",
        help="for summary.json, tbm.png and logs (results/grammars-DATE-TIME)",
    )
    return parser


def _natural(text: str) -> int:
    if (number := int(text)) < 0:
        raise argparse.ArgumentTypeError("must be at least 0")
    return number


def main(argv: list[str] | None = None) -> int:
    arguments = build_parser().parse_args(argv)
    try:
        return _run(arguments)
    except BenchmarkError as error:
        print(f"grammars: error: {error}", file=sys.stderr)
        return error.exit_code


def _run(arguments: argparse.Namespace) -> int:
    specs = chosen(arguments.engines)
    if strangers := [name for name in arguments.languages if name not in LANGUAGES]:
        raise BenchmarkError(f"unknown languages {', '.join(strangers)}; known are {', '.join(LANGUAGES)}")
    if arguments.texts is not None and not arguments.texts.is_dir():
        raise BenchmarkError(f"texts {arguments.texts} is not a directory")
    encoder = Encoder(arguments.tokenizer)
    directory = arguments.out or Path("results") / f"grammars-{datetime.now():%Y%m%d-%H%M%S}"
    directory.mkdir(parents=True, exist_ok=True)
    stop = Event()

    def interrupt(number: int, frame: Any) -> None:
        # A second signal is for whoever does not want to wait for the report.
        if stop.is_set():
            raise SystemExit(128 + number)
        stop.set()

    before = signal.signal(signal.SIGINT, interrupt)
    engines = Engines(
        specs,
        arguments.tokenizer,
        encoder.encode,
        logs=directory,
        stop=stop,
        timeout=arguments.timeout,
        set_up_timeout=arguments.set_up_timeout,
    )
    session = Session(arguments, encoder, engines, stop)
    try:
        session.execute()
    finally:
        engines.kill()
        signal.signal(signal.SIGINT, before)
        session.report(directory)
    return 0 if session.complete else 130


class Session:
    """What was measured so far."""

    def __init__(
        self, arguments: argparse.Namespace, encoder: Encoder, engines: Engines, stop: Event
    ) -> None:
        self.complete = False
        self._arguments = arguments
        self._encoder = encoder
        self._engines = engines
        self._stop = stop
        self._machine = describe_machine()
        self._runs: dict[str, LanguageRun] = {}
        self._sizes: dict[str, dict[str, int]] = {}

    def execute(self) -> None:
        """Run all languages, or those until an interruption. Raises SetUpFailed, BenchmarkError."""
        with Progress(TimeElapsedColumn()) as shown:
            try:
                self._gather(lambda name: shown.say(f"gathering texts: {name}"))
                shown.expect(sum(run.n_steps for run in self._runs.values()))
                self._engines.start(lambda name: shown.say(f"setting up {name}"))
                for language, run in self._runs.items():
                    run.execute(lambda name, at=language: shown.advance(f"{at}: {name}"))
                self.complete = True
            except Interrupted:
                pass

    def _gather(self, on_language: Any) -> None:
        given = self._arguments
        for name in given.languages:
            if self._stop.is_set():
                raise Interrupted
            on_language(name)
            language = LANGUAGES[name]
            texts = gather(
                language,
                self._encoder.encode,
                data=given.data,
                extra=given.texts,
                max_tokens=given.max_tokens,
                n_mutations=given.mutations,
                seed=given.seed,
            )
            self._sizes[name] = {
                "texts": len(texts.good),
                "tokens": texts.n_tokens,
                "mutated": len(texts.bad),
            }
            self._runs[name] = LanguageRun(
                language, texts, self._engines, repeats=given.repeats, seed=given.seed
            )

    def summary(self) -> dict[str, Any]:
        """Everything the report shows, as plain JSON data; of languages, those that were begun."""
        begun = {name: run for name, run in self._runs.items() if run.begun}
        return {
            "settings": {name: _plain(value) for name, value in vars(self._arguments).items()},
            "machine": self._machine,
            "engines": {name: set_up.version for name, set_up in self._engines.set_ups.items()},
            "complete": self.complete,
            "languages": {
                name: self._sizes[name] | {"engines": {n: summarise(o) for n, o in run.outcomes.items()}}
                for name, run in begun.items()
            },
        }

    def report(self, directory: Path) -> None:
        """Print the tables; write summary.json and tbm.png."""
        summary = self.summary()
        # Into a file or a pipe, rich would fold the tables to 80 columns.
        console = Console() if sys.stdout.isatty() else Console(width=160)
        print_report(console, summary)
        (directory / "summary.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
        timings: dict[str, dict[str, np.ndarray]] = {
            name: {engine: outcome.tbm_ns for engine, outcome in self._runs[name].outcomes.items()}
            for name in summary["languages"]
        }
        try:
            if timings:
                plot(timings, directory / "tbm.png")
        except ImportError as error:
            console.print(f"No plot: {error}")
        console.print(f"Results in {directory}")


def _plain(value: Any) -> Any:
    """An option as it is kept: of a path its name, which says what was run; where it lay is nobody's matter."""
    return value.name if isinstance(value, Path) else value
