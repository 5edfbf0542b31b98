"""The table on the screen and in files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..corpus import list_files
from ..errors import BenchmarkError
from ..machine import short
from ..report import plot
from .results import complete_results, everything, table_rows, variant_rows
from .stages import LATENCY, Request, Stage
from .table import MET, NOT_MET, NOT_RUN, Row, counts

STYLES = {MET: "green", NOT_MET: "red", NOT_RUN: "dim"}


def report(
    console: Console,
    request: Request,
    run: dict[str, Any],
    stages: Sequence[Stage],
    directory: Path,
    installed: set[str],
) -> list[Row]:
    """Print the table, write targets.json and latency.png; returns the rows."""
    rows = table_rows(stages, directory, installed, request.wide is not None)
    variants = variant_rows(stages, directory)
    console.print(_where(run["sessions"][-1]), highlight=False, soft_wrap=True)
    console.print(print_table(heading(request), rows))
    for title, found in variants.items():
        console.print(print_table(f"The same with {title}", found))
    console.print(", ".join(f"{n} {verdict}" for verdict, n in counts(rows).items()), highlight=False)
    _write(directory / "targets.json", request, run, rows, variants, everything(stages, directory))
    if runs := complete_results(stages, directory, LATENCY):
        try:
            plot(runs[0], directory / "latency.png")
        except ImportError as error:
            console.print(f"No plot: {error}")
    console.print(f"Results in {directory}")
    return rows


def print_table(title: str, rows: Sequence[Row]) -> Table:
    table = Table(title=escape(title), title_justify="left", box=SIMPLE)
    for column in ("figure", "target, at most", "measured", "met / not met"):
        table.add_column(column, overflow="fold")
    for row in rows:
        verdict = f"[{STYLES[row.verdict]}]{row.verdict}[/]"
        table.add_row(escape(row.figure), escape(row.target), escape(row.measured), verdict)
    return table


def heading(request: Request) -> str:
    """The title; what is no full run says so."""
    if request.sample is None:
        return "Targets"
    try:
        among = f" of {len(list_files(Path(request.data))):,}"
    except BenchmarkError:  # the data may be elsewhere by now
        among = ""
    return f"Targets, A TRY-OUT ON A SAMPLE of {request.sample:,}{among} files"


def _where(machine: dict[str, Any]) -> str:
    versions = ", ".join(
        f"{name} {machine['packages'][name]}" for name in ("llguidance", "xgrammar", "numba")
    )
    commit = short(machine["commit"])
    return (
        f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}, commit {commit}; {versions}"
    )


def _write(
    path: Path,
    request: Request,
    run: dict[str, Any],
    rows: Sequence[Row],
    variants: dict[str, list[Row]],
    measured: dict[str, Any],
) -> None:
    content = {
        **run,
        "is_sample": request.sample is not None,
        "counts": counts(list(rows)),
        "table": [asdict(row) for row in rows],
        "variants": {title: [asdict(row) for row in found] for title, found in variants.items()},
        **measured,
    }
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
