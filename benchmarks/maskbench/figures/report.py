"""Tables of figures."""

from __future__ import annotations

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from .figure import Figure
from .measuring import Answer, medians, why_not


def print_figure(console: Console, figure: Figure, answers: list[Answer]) -> None:
    """Each number of a figure, a column for each engine."""
    found = medians(answers, figure.name)
    runs = max((values["runs"] for values in found.values()), default=0)
    table = Table(title=f"{figure.title}, medians of {runs} runs", title_justify="left", box=SIMPLE)
    table.add_column("")
    for engine in figure.engines:
        table.add_column(engine, justify="right")
    keys = {key: None for values in found.values() for key in values if key != "runs"}
    for key in keys:
        table.add_row(key, *(_number(found.get(engine, {}).get(key)) for engine in figure.engines))
    console.print(table)
    for engine in figure.engines:
        if engine not in found:
            console.print(f"{engine}: {why_not(answers, figure.name, engine) or 'not run'}", highlight=False)


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if isinstance(value, int) or abs(value) >= 1000 else f"{value:.3g}"
