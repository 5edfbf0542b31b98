"""The arguments of `--targets`."""

from __future__ import annotations

import argparse
from pathlib import Path

from ...arguments import names, positive
from ..errors import BenchmarkError
from ..figures.cli import add_options
from ..figures.figure import Options
from .run import all_parts
from .stages import Request

PEER_SAMPLE = 500
HELP = f"""\
targets:
  --targets measures everything that the table of targets needs, in fresh processes and engines in turns, and prints
  figure | at most | measured | met, not met or not run. The parts, for --only:
    latency   times over all files, --runs times; XGrammar on {PEER_SAMPLE} of them (or --sample-for xgrammar=N)
    wide      the same of gramask alone with --tokenizer-200k, in turns with latency
    alone     with sharing off: what one file leaves in memory is forgotten before the next (no targets of its own)
    reversed  files in reversed order (no targets of its own)
    batch, fork, memory, second, first, apply   see python -m benchmarks.maskbench.figures --help
  An interrupted session prints what it has and goes on with --resume, which may also add parts. Try it out with
  --sample 50 --runs 1; the table then says that it is a sample. --targets --summarise DIR prints the table again.
"""


def add_targets(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("targets")
    add = group.add_argument
    add("--targets", action="store_true", help="measure all targets and print what is met (see below)")
    add(
        "--tokenizer-200k",
        dest="wide",
        type=Path,
        metavar="DIR",
        help="the tokenizer with the wide vocabulary, as Llama 4's",
    )
    add("--runs", type=positive, default=3, metavar="N", help="of which medians are taken (3)")
    add("--only", type=names, metavar="A,B", help=f"of {', '.join(all_parts())} (all)")
    add_options(add, Options("", ""))


def request_from(arguments: argparse.Namespace) -> tuple[Request, Options]:
    """Raises BenchmarkError for arguments that do not go together."""
    parts = frozenset(arguments.only or all_parts())
    if strangers := parts - set(all_parts()):
        raise BenchmarkError(f"--only has {', '.join(sorted(strangers))}; known are {', '.join(all_parts())}")
    samples = dict(arguments.sample_for)
    if strangers := set(samples) - {"xgrammar"}:
        raise BenchmarkError(
            f"--targets knows --sample-for xgrammar=N, not for {', '.join(sorted(strangers))}"
        )
    for option in ("reverse", "limit_instances", "compare"):
        if getattr(arguments, option):
            raise BenchmarkError(f"--{option.replace('_', '-')} does not go with --targets")
    if arguments.workers > 1:
        raise BenchmarkError("--workers above 1 would disturb the timings of --targets")
    common = {
        "data": str(arguments.data.resolve()),
        "tokenizer": str(arguments.tokenizer.resolve()),
        "sample": arguments.sample,
        "seed": arguments.seed,
        "order": arguments.order,
    }
    request = Request(
        **common,
        wide=None if arguments.wide is None else str(arguments.wide.resolve()),
        parts=parts,
        runs=arguments.runs,
        peer_sample=samples.get("xgrammar", PEER_SAMPLE),
        timeout=arguments.timeout,
        set_up_timeout=arguments.set_up_timeout,
    )
    sizes = {name: getattr(arguments, name) for name in ("matchers", "steps", "schemas", "peer_schemas")}
    return request, Options(**common, **sizes)
