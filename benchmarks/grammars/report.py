"""Tables for the terminal and a plot of the distributions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..maskbench.machine import short
from ..maskbench.report import COLOURS

TBM_COLUMNS = ("avg", "p50", "p90", "p99", "p100")
OWN = ("gramask", "gramask-lark")


def print_report(console: Console, summary: dict[str, Any]) -> None:
    """summary : see `cli.main`; only what was done is in it."""
    machine = summary["machine"]
    console.print(
        f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}, commit {short(machine['commit'])}",
        highlight=False,
        soft_wrap=True,
    )
    for name, language in summary["languages"].items():
        title = f"{name}: {language['texts']:,} texts, {language['tokens']:,} tokens, {language['mutated']:,} mutated"
        console.print(language_table(title, language["engines"]))
        _print_troubles(console, language["engines"])
    if summary["languages"]:
        console.print(ratio_table(summary["languages"]))
    if not summary["complete"]:
        console.print("[bold]Incomplete:[/] the run was interrupted.")


def language_table(title: str, engines: dict[str, Any]) -> Table:
    headings = [
        "compile + first mask, ms",
        "the first time",
        *(f"TBM {c}" for c in (*TBM_COLUMNS[:-1], "max")),
    ]
    table = _table(title, [*headings, "tokens", "accepted", "rejected"])
    for name, engine in engines.items():
        tbm = engine["tbm_us"] or {}
        table.add_row(
            name,
            _figure(engine["first_mask_ms_median"]),
            _figure(next(iter(engine["first_mask_ms"]), None)),
            *(_figure(tbm.get(column)) for column in TBM_COLUMNS),
            f"{tbm.get('n', 0):,}",
            _share(engine["accepted"], engine["good"]),
            _share(engine["rejected"], engine["bad"]),
        )
    return table


def ratio_table(languages: dict[str, Any]) -> Table:
    """gramask / peer, in each of its notations: below 1, gramask is faster."""
    table = _table("gramask / peer", ["compile + first mask", "TBM avg", "TBM p50", "TBM p99"])
    for language, entry in languages.items():
        for own in OWN:
            for peer in entry["engines"]:
                if own in entry["engines"] and peer not in OWN:
                    table.add_row(
                        f"{language}: {own} / {peer}", *_ratios(entry["engines"][own], entry["engines"][peer])
                    )
    return table


def _ratios(own: dict[str, Any], peer: dict[str, Any]) -> list[str]:
    pairs = [(own["first_mask_ms_median"], peer["first_mask_ms_median"])]
    for column in ("avg", "p50", "p99"):
        pairs.append(((own["tbm_us"] or {}).get(column), (peer["tbm_us"] or {}).get(column)))
    return [f"{a / b:.3f}" if a is not None and b else "–" for a, b in pairs]


def _print_troubles(console: Console, engines: dict[str, Any]) -> None:
    for name, engine in engines.items():
        for trouble in engine["troubles"]:
            console.print(f"{name}: {escape(trouble)}", highlight=False, soft_wrap=True)
        if engine["contradictions"]:
            console.print(
                f"{name}: mask and commit contradict each other in {engine['contradictions']} texts"
            )


def _table(title: str, columns: list[str]) -> Table:
    table = Table(title=escape(title), title_justify="left", box=SIMPLE)
    table.add_column("")
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _figure(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def _share(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,}" if whole else "–"


def plot(timings: dict[str, dict[str, np.ndarray]], path: Path) -> None:
    """Cumulative distributions of the time between masks, as PNG. Raises ImportError.

    timings : language -> engine -> int64, ns.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.5 * ((len(timings) + 1) // 2)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots((len(timings) + 1) // 2, 2, squeeze=False).ravel()
    shares = np.linspace(0, 1, 1001)
    for axis, (language, engines) in zip(axes, timings.items()):
        for colour, (engine, values) in zip(COLOURS, engines.items()):
            if values.size:
                microseconds = np.quantile(values / 1e3, shares, method="inverted_cdf")
                axis.plot(microseconds, shares, label=engine, color=colour)
        axis.set(xscale="log", xlabel="time between masks, µs", ylabel="share", ylim=(0, 1), title=language)
        axis.grid(True, which="major", alpha=0.3)
        if axis.lines:
            axis.legend(loc="lower right")
    for axis in axes[len(timings) :]:
        axis.set_visible(False)
    figure.savefig(path, dpi=150)
