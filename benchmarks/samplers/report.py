"""Tables for the terminal, and a plot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from ..maskbench.machine import short
from .costs import OURS, PUBLISHED


def print_report(console: Console, summary: dict[str, Any]) -> None:
    """summary : see `cli`; only what was done is in it."""
    machine = summary["machine"]
    console.print(
        f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}, commit {short(machine['commit'])}",
        highlight=False,
        soft_wrap=True,
    )
    for name, records in summary["costs"].items():
        console.print(_costs(name, records))
    console.print(_ratios(summary["costs"]))
    for name, found in summary["distances"].items():
        if found is not None:
            console.print(_distances(name, found))
    trie = summary["trie"]
    console.print(
        f"trie: {trie['nodes']:,} prefixes of {trie['depth']:.1f} tokens, {trie['bytes_per_node']:.0f} bytes each "
        f"without rows; back-up {trie['back_up_us']:.1f} µs (median), {trie['back_up_us_max']:.0f} µs (max)",
        highlight=False,
    )
    if "predicates" in summary:
        console.print(_predicates(summary["predicates"]))
    if "peer" in summary:
        console.print(_peer(summary["peer"]))


def _costs(name: str, records: list[dict[str, Any]]) -> Table:
    table = _table(
        name, ["", "rows per text", "calls per text", "attempts per text", "ms per text", "texts", "log Z"]
    )
    for record in records:
        runs = record["runs"]
        table.add_row(
            record["label"],
            *(_figure(record[f"{what}_per_text"]) for what in ("rows", "calls", "attempts", "ms")),
            str(sum(run["n"] for run in runs)),
            _figure(runs[0]["log_z"]),
        )
    return table


def _ratios(by_task: dict[str, list[dict[str, Any]]]) -> Table:
    """Of what a text costs with a shared trie, to what it costs by CARS."""
    table = _table(
        f"{OURS}, per text, over CARS with batch 1", ["", "rows, as published", "rows, kept", "calls, kept"]
    )
    for name, records in by_task.items():
        at = {record["label"]: record for record in records}
        ours, published, kept = at[OURS], at[PUBLISHED], at["CARS, rows kept"]
        table.add_row(
            name,
            _ratio(ours["rows_per_text"], published["rows_per_text"]),
            _ratio(ours["rows_per_text"], kept["rows_per_text"]),
            _ratio(ours["calls_per_text"], kept["calls_per_text"]),
        )
    return table


def _distances(name: str, found: dict[str, Any]) -> Table:
    sizes = list(found["noise"])
    title = f"{name}: total variation to the model's law, by number of texts ({found['covered']:.1%} of the law known)"
    table = _table(title, ["", *sizes, f"rows for {sizes[-1]}"])
    for label, points in found["curves"].items():
        cells = [f"{point['distance']:.3f}" for point in points]
        table.add_row(label, *cells, f"{points[-1]['forwards']:,.0f}")
    table.add_row("independent draws, about", *(f"{value:.3f}" for value in found["noise"].values()), "")
    return table


def _predicates(found: dict[str, Any]) -> Table:
    title = f"AWRS at {found['vocabulary']:,} tokens: calls of the predicate, by the mass of what it wants"
    table = _table(title, ["mass", "estimator", "calls per token", "µs per call", "ms per token"])
    for record in found["records"]:
        table.add_row(
            f"{record['mass']:.0%}",
            record["estimator"],
            _figure(record["calls_per_token"]),
            _figure(record["predicate_us"]),
            _figure(record["ms_per_token"]),
        )
    return table


def _peer(found: dict[str, Any]) -> Table:
    table = _table(
        f"{found['particles']} particles: {found['pattern']}", ["", "texts per s", "µs per token", "log Z"]
    )
    for name, engine in found["engines"].items():
        table.add_row(
            name,
            _figure(engine["texts_per_s"]),
            _figure(engine["us_per_token"]),
            _figure(engine["log_z_of_mean"]),
        )
    return table


def plot(summary: dict[str, Any], path: Path) -> Path | None:
    """Distance against rows, one panel for each language whose law is known; None without matplotlib."""
    known = {name: found for name, found in summary["distances"].items() if found is not None}
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError:
        return None
    if not known:
        return None
    figure, panels = pyplot.subplots(1, len(known), figsize=(5 * len(known), 4), sharey=True, squeeze=False)
    for panel, (name, found) in zip(panels[0], known.items(), strict=True):
        for label, points in found["curves"].items():
            panel.plot([p["n"] for p in points], [p["distance"] for p in points], marker="o", label=label)
        panel.plot(
            [int(n) for n in found["noise"]], list(found["noise"].values()), "k:", label="independent draws"
        )
        panel.set(xscale="log", yscale="log", title=name, xlabel="texts")
    panels[0][0].set_ylabel("total variation to the model's law")
    panels[0][-1].legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    return path


def _table(title: str, headings: list[str]) -> Table:
    table = Table(title=title, box=SIMPLE, title_justify="left")
    for i, heading in enumerate(headings):
        table.add_column(heading, justify="left" if i == 0 else "right")
    return table


def _figure(value: float | None) -> str:
    return (
        "-"
        if value is None or value == float("-inf")
        else f"{value:,.3g}"
        if abs(value) < 1e4
        else f"{value:,.0f}"
    )


def _ratio(value: float | None, other: float | None) -> str:
    return "-" if not value or not other else f"{value / other:.3f}"
