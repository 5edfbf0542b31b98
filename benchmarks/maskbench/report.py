"""Tables for the terminal and a plot of the latency distributions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .machine import short
from .records import FileRecord, Results
from .summary import PERCENTILES, common_files, ttfm_of

ACCOUNTING = {
    "files": "files",
    "refused": "refused",
    "valid_rejected": "valid rejected",
    "invalid_accepted": "invalid accepted",
    "crashed": "crashed",
    "timed_out": "timed out",
    "passing": "passing",
}
REASONS_SHOWN = 12
# Blue, orange, green: told apart with the common colour deficiencies (Okabe & Ito 2008).
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9")


def print_report(console: Console, summary: dict[str, Any]) -> None:
    engines = summary["engines"]
    machine = summary["sessions"][-1]
    commit = short(machine["commit"])
    where = f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}, commit {commit}"
    console.print(where, highlight=False, soft_wrap=True)
    console.print(_accounting_table(engines))
    console.print(_latency_table(engines, "ttfm_ms", "Time to first mask, ms (compile + first mask)"))
    console.print(_latency_table(engines, "tbm_us", "Time between masks, µs (mask + commit, per token)"))
    for comparison in summary.get("comparisons", ()):
        console.print(_ratio_table(comparison))
        for side, only in (("new", "gained"), ("old", "lost")):
            console.print(f"only {comparison[side]} passes {len(comparison[only]):,} files", highlight=False)
    if any(engine["refused"] or engine["crashed"] for engine in engines.values()):
        console.print(_reason_table(engines))
    console.print(_set_up_table(engines))
    if not summary["complete"]:
        console.print("[bold]Incomplete:[/] the run was interrupted; --resume continues it.")
    if summary["settings"]["workers"] > 1:
        console.print("[bold]Several workers ran at once:[/] the counts stand, the timings are disturbed.")


def _accounting_table(engines: dict[str, Any]) -> Table:
    table = _table("Files", list(engines))
    for key, heading in ACCOUNTING.items():
        table.add_row(heading, *(f"{engine[key]:,}" for engine in engines.values()))
    table.add_row("passing, %", *(_share(engine) for engine in engines.values()))
    return table


def _share(engine: dict[str, Any]) -> str:
    return f"{100 * engine['passing'] / engine['files']:.1f}" if engine["files"] else "–"


def _latency_table(engines: dict[str, Any], key: str, title: str) -> Table:
    """One column per engine over its own compiled files and, among several, one over those that all passed."""
    scopes = {"all": "all"} | ({"passed": "passed by all"} if len(engines) > 1 else {})
    columns = {
        f"{name}\n{heading}": engine[scope]
        for scope, heading in scopes.items()
        for name, engine in engines.items()
    }
    table = _table(title, list(columns))
    table.add_row("files", *(f"{column['files']:,}" for column in columns.values()))
    for row in ("n", "avg", *(f"p{level:g}" for level in PERCENTILES)):
        table.add_row(row, *(_figure(column[key], row) for column in columns.values()))
    return table


def _ratio_table(comparison: dict[str, Any]) -> Table:
    """New over old, over the files that both passed and over those that every engine of the run passed."""
    title = f"{comparison['new']} / {comparison['old']}"
    scopes = {"both_passed": "both passed", "all_passed": "all passed"}
    columns = {
        f"{measure}\n{heading}": (comparison[scope]["files"], comparison[scope][key])
        for scope, heading in scopes.items()
        for key, measure in (("ttfm_ms", "TTFM"), ("tbm_us", "TBM"))
    }
    table = _table(escape(title), list(columns))
    table.add_row("files", *(f"{files:,}" for files, _ in columns.values()))
    for row in ("avg", *(f"p{level:g}" for level in PERCENTILES)):
        table.add_row(
            row, *("–" if ratios is None else f"{ratios[row]:.3f}" for _, ratios in columns.values())
        )
    return table


def _figure(row: dict[str, float] | None, key: str) -> str:
    if row is None:
        return "–"
    return f"{row[key]:.2f}" if row[key] < 100 and key != "n" else f"{row[key]:,.0f}"


def _table(title: str, columns: list[str]) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE)
    table.add_column("")
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _reason_table(engines: dict[str, Any]) -> Table:
    table = Table(title="Refused and crashed, by keyword or reason", title_justify="left", box=SIMPLE)
    for heading in ("engine", "outcome", "reason"):
        table.add_column(heading)
    table.add_column("files", justify="right")
    for name, engine in engines.items():
        for outcome in ("refused", "crashed"):
            reasons = list(engine[f"{outcome}_by"].items())
            for reason, count in reasons[:REASONS_SHOWN]:
                table.add_row(name, outcome, escape(reason), f"{count:,}")
            if rest := reasons[REASONS_SHOWN:]:
                table.add_row(name, outcome, f"({len(rest)} more)", f"{sum(count for _, count in rest):,}")
    return table


def _set_up_table(engines: dict[str, Any]) -> Table:
    costs = [engine["set_up"] for engine in engines.values()]
    table = _table("Set-up (not in the timings)", list(engines))
    table.add_row("version", *(cost["version"] or "–" for cost in costs))
    told = [" ".join(f"{k}={v}" for k, v in cost["options"].items()) for cost in costs]
    if any(told):
        table.add_row("options", *(text or "–" for text in told))
    table.add_row("starts", *(str(cost["starts"]) for cost in costs))
    table.add_row("tokenizer + engine, s", *(_median(cost["build_s"]) for cost in costs))
    table.add_row("warm-up, s", *(_median(cost["warm_up_s"]) for cost in costs))
    table.add_row("peak memory, MB", *(f"{cost['peak_rss'] / 1e6:,.0f}" for cost in costs))
    return table


def _median(values: list[float]) -> str:
    return f"{np.median(values):.2f}" if values else "–"


def plot(results: Results, path: Path) -> None:
    """Cumulative distributions of TTFM and TBM per engine, logarithmic time, as PNG. Raises ImportError."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    common = common_files(results)
    scopes = {"all compiled files of each engine": [r for r in results.files if r.compiled]}
    if len(results.run["engines"]) > 1 and common:
        scopes[f"the {len(common):,} files that all engines compiled"] = [
            r for r in results.files if r.compiled and r.file in common
        ]
    figure = Figure(figsize=(11, 4 * len(scopes)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(scopes), 2, squeeze=False)
    for row, (scope, records) in zip(axes, scopes.items()):
        _plot_row(row, results, records, scope)
    figure.savefig(path, dpi=150)


def _plot_row(axes: Any, results: Results, records: list[FileRecord], scope: str) -> None:
    ttfm, tbm = axes
    for engine, colour in zip(results.run["engines"], COLOURS * 9):
        own = [record for record in records if record.engine == engine]
        _plot_distribution(ttfm, ttfm_of(own) / 1e6, engine, colour)
        _plot_distribution(tbm, results.timings_of(own) / 1e3, engine, colour)
    for axis, label in ((ttfm, "time to first mask, ms"), (tbm, "time between masks, µs")):
        axis.set(xscale="log", xlabel=label, ylabel="share", ylim=(0, 1), title=scope)
        axis.grid(True, which="major", alpha=0.3)
        if axis.lines:
            axis.legend(loc="lower right")


def _plot_distribution(axis: Any, values: np.ndarray, label: str, colour: str) -> None:
    if values.size:
        shares = np.linspace(0, 1, 1001)
        axis.plot(np.quantile(values, shares, method="inverted_cdf"), shares, label=label, color=colour)
