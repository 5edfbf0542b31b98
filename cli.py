"""The command `gramask`: demo, check, warmup."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import __version__
from .errors import GramaskError, ValidationFailed
from .jit_progress import VARIABLE as PROGRESS

if TYPE_CHECKING:
    from rich.console import Console

    from .grammar.schema.report import Entry, Report


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code.

    0 done, 1 the schema is refused, 2 an error of the input, 3 a bug of gramask, 130 interrupted.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.run is None:
        parser.print_help()
        return 0
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
        return code
    except GramaskError as error:
        _print_error(error)
        return 2
    except BrokenPipeError:
        # Whoever read the output has gone; what is left must not be flushed into the closed pipe at exit.
        sys.stdout = None
        return 1
    except Exception as error:
        if arguments.traceback:
            raise
        _print_bug(error)
        return 3
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gramask", description="Token masks that make any language model write valid structured output."
    )
    parser.add_argument("--version", action="version", version=f"gramask {__version__}")
    parser.add_argument("--traceback", action="store_true", help="show where an internal error happened")
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_demo(commands)
    _add_check(commands)
    _add_warmup(commands)
    return parser


def _add_demo(commands: Any) -> None:
    parser = commands.add_parser(
        "demo",
        help="one prompt with and without a constraint, on the model that comes with gramask",
        description="Answer one prompt many times with and without a constraint, then stream one answer. "
        "Uses the small model that comes with gramask; needs torch and transformers (pip install 'gramask[hf]').",
    )
    parser.add_argument("--schema", metavar="FILE", type=Path, help="JSON Schema to follow")
    parser.add_argument("--model", metavar="PATH", type=Path, help="folder with a transformers causal model")
    parser.add_argument("--prompt", metavar="TEXT", help="what to ask the model")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of the first answer (default: 0)")
    parser.add_argument(
        "--n",
        metavar="N",
        type=_positive,
        help="answers of each kind (default: 20, or 2000 with --sampler exact)",
    )
    parser.add_argument(
        "--sampler",
        choices=["local", "exact"],
        default="local",
        help="exact: show what masking alone does to the law of the answers, and draw from the model's own "
        "(default: local)",
    )
    parser.add_argument(
        "--max-new-tokens", metavar="N", type=_positive, default=160, help="per answer (default: 160)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object for machines")
    parser.set_defaults(run=_run_demo)


def _add_check(commands: Any) -> None:
    parser = commands.add_parser(
        "check",
        help="what of a JSON Schema is enforced, with an example",
        description="Report for each keyword of a JSON Schema whether it is enforced by the masks, an annotation, "
        "validated when a text is complete, or refused; then print a random document that satisfies the schema. "
        "Exit code 0 if the schema can be used, 1 if it is refused or nothing satisfies it.",
    )
    parser.add_argument("file", metavar="FILE", help="JSON Schema or response_format, - for standard input")
    parser.add_argument(
        "--formats",
        choices=["enforce", "annotate"],
        default="enforce",
        help="how `format` is taken (default: enforce)",
    )
    parser.add_argument(
        "--order",
        choices=["schema", "any"],
        default="schema",
        help="of the members of an object (default: schema)",
    )
    parser.add_argument(
        "--unsupported",
        choices=["error", "validate"],
        default="error",
        help="what becomes of what the masks cannot enforce (default: error)",
    )
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of the example (default: 0)")
    parser.add_argument("--json", action="store_true", help="print one JSON object for machines")
    parser.set_defaults(run=_run_check)


def _add_warmup(commands: Any) -> None:
    parser = commands.add_parser(
        "warmup",
        help="compile the kernels and build the tables of a tokenizer ahead of time",
        description="Compile the kernels and, with --tokenizer, build the tables of that tokenizer. Both are kept "
        "on disk, so that the first constraint of the next process is fast.",
    )
    parser.add_argument("--tokenizer", metavar="PATH", type=Path, help="folder with a transformers tokenizer")
    parser.set_defaults(run=_run_warmup)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _run_demo(arguments: argparse.Namespace) -> int:
    from .demo import DemoOptions, run_demo

    run_demo(
        DemoOptions(
            schema=arguments.schema,
            model=arguments.model,
            prompt=arguments.prompt,
            seed=arguments.seed,
            n=arguments.n,
            max_new_tokens=arguments.max_new_tokens,
            as_json=arguments.json,
            sampler=arguments.sampler,
        )
    )
    return 0


def _run_check(arguments: argparse.Namespace) -> int:
    from rich.console import Console

    from .api import check

    options = {name: getattr(arguments, name) for name in ("formats", "order", "unsupported")}
    text = _read(arguments.file)
    report = check(text, **options)
    what = "drawing an example (a first run compiles the kernels, which takes a while) ..."
    with _status(Console(stderr=True), what):
        example, error = _example(text, options, arguments.seed) if report.ok else (None, report.error)
    # That no draw was valid says nothing against the schema.
    is_usable = error is None or isinstance(error, ValidationFailed)
    if arguments.json:
        print(json.dumps(_report_as_json(report, example, None if is_usable else error), indent=2))
    else:
        _print_report(report, example, error)
    return 0 if is_usable else 1


def _example(text: str, options: dict[str, Any], seed: int) -> tuple[Any, GramaskError | None]:
    """A value that satisfies the schema, or why none was found."""
    from .example import random_example
    from .grammar.makers import resolve
    from .grammar.options import Options
    from .grammar.source import JsonSource

    source = resolve(text)
    assert isinstance(source, JsonSource)
    try:
        return random_example(source.schema, Options(**options), seed=seed), None
    except GramaskError as error:
        return None, error


def _report_as_json(report: Report, example: Any, error: GramaskError | None) -> dict[str, Any]:
    return {
        "ok": error is None,
        "counts": report.counts,
        "keywords": [asdict(entry) for entry in report.entries],
        "example": example,
        "error": None
        if error is None
        else {
            "type": type(error).__name__,
            "message": error.message,
            "pointer": error.pointer,
            "keyword": error.keyword,
            "hint": error.hint,
        },
    }


def _print_report(report: Report, example: Any, error: GramaskError | None) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    table = Table("keyword", "outcome", "times", "first at", box=None, header_style="bold")
    for (keyword, outcome), entries in _by_keyword(report).items():
        where = Text(entries[0].pointer or "the root", overflow="fold")
        table.add_row(keyword, Text(outcome, _STYLES[outcome]), str(len(entries)), where)
    if table.row_count:
        console.print(table)
    for entry in [*report.of("validated"), *report.of("refused")]:
        because = f"{entry.keyword} at {entry.pointer or 'the root'}: {entry.reason}"
        hint = f"; {entry.hint}" if entry.hint else ""
        console.print(Text.assemble((f"{entry.outcome} ", _STYLES[entry.outcome]), because, hint))
    if report.error is not None:
        console.print(Text.assemble(("the schema does not compile: ", "bold red"), _named(report.error)))
        return
    enforced = "what the masks cannot enforce is validated when a text is complete"
    if not report.of("validated"):
        enforced = "every keyword that constrains is enforced"
    console.print(f"[bold green]the schema compiles[/]; {enforced}", highlight=False)
    if error is None:
        console.print("for example:")
        print(json.dumps(example, indent=2, ensure_ascii=False))
    else:
        console.print(Text.assemble(("no example was found: ", "bold red"), _named(error)))


def _named(error: GramaskError) -> str:
    return f"{type(error).__name__}: {error}"


_STYLES = {"enforced": "green", "annotation": "dim", "validated": "yellow", "refused": "bold red"}


def _by_keyword(report: Report) -> dict[tuple[str, str], list[Entry]]:
    found: dict[tuple[str, str], list[Entry]] = {}
    for entry in report.entries:
        found.setdefault((entry.keyword, entry.outcome), []).append(entry)
    return found


def _read(name: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise GramaskError(f"cannot read {name}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise GramaskError(f"{name} is not UTF-8: {error.reason}", hint="save it as UTF-8") from None


def _run_warmup(arguments: argparse.Namespace) -> int:
    from rich.console import Console

    from .demo import compile_grammar_kernels, compile_kernels

    folder: Path | None = arguments.tokenizer
    if folder is not None and not folder.is_dir():
        hint = "give a folder that save_pretrained wrote"
        raise GramaskError(f"there is no folder {str(folder)!r}", hint=hint)
    console = Console(stderr=True)
    _timed(console, "compiling the kernels", compile_kernels)
    _timed(console, "compiling those of grammars", compile_grammar_kernels)
    if folder is not None:
        _timed(console, f"building the tables of {folder}", partial(_build_tables, folder))
    return 0


def _timed(console: Console, what: str, action: Any) -> None:
    begin = time.perf_counter()
    with _status(console, f"{what} ..."):
        action()
    console.print(f"{what}: {time.perf_counter() - begin:.1f} s", highlight=False, markup=False)


@contextmanager
def _status(console: Console, text: str) -> Iterator[None]:
    """Show a line while something is done, and nothing else of the kind."""
    before = os.environ.get(PROGRESS)
    os.environ[PROGRESS] = "0"
    try:
        with console.status(text):
            yield
    finally:
        if before is None:
            del os.environ[PROGRESS]
        else:
            os.environ[PROGRESS] = before


def _build_tables(folder: Path) -> None:
    from .api import compile
    from .masks.vocabulary import Vocabulary

    try:
        vocabulary = Vocabulary.from_tokenizer(folder)
    except ImportError as error:
        raise missing_extra(error) from error
    except (OSError, ValueError) as error:
        if isinstance(error, GramaskError):
            raise
        raise GramaskError(f"no tokenizer could be loaded from {str(folder)!r}: {error}") from error
    compile(True, vocabulary, cache=False).matcher()


def missing_extra(error: ImportError) -> GramaskError:
    """What to say where torch or transformers is not installed."""
    return GramaskError(f"this needs {error.name}", hint="pip install 'gramask[hf]'")


def _print_error(error: GramaskError) -> None:
    from rich.console import Console

    console = Console(stderr=True)
    console.print(f"[bold red]error[/] [dim]({type(error).__name__})[/]")
    print(_indent(str(error)), file=sys.stderr)


def _print_bug(error: Exception) -> None:
    print(f"internal error: {type(error).__name__}: {error}", file=sys.stderr)
    print("  this is a bug of gramask; `gramask --traceback ...` shows where", file=sys.stderr)


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
