"""The arithmetic of the table: figure, target, measured, verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

MET = "met"
NOT_MET = "not met"
NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table. measured : with units, or why there is nothing. value, limit : of what is judged."""

    figure: str
    target: str
    measured: str
    verdict: str
    value: float | None = None
    limit: float | None = None
    ours: float | None = None
    theirs: float | None = None


@dataclass(frozen=True, slots=True)
class Unit:
    """How a number is written: divided by `scale`, with the name of the unit."""

    name: str
    scale: float = 1.0

    def show(self, value: float) -> str:
        shown = value / self.scale
        text = f"{shown:,.0f}" if abs(shown) >= 1000 else f"{shown:.3g}"
        return f"{text} {self.name}"


US = Unit("µs")
MS = Unit("ms")
SECONDS = Unit("s")
MEGABYTES = Unit("MB", 1e6)


def judge(value: float, limit: float) -> str:
    """At most the limit is met."""
    return MET if value <= limit else NOT_MET


def not_run(figure: str, target: str, why: str = "") -> Row:
    """Nothing is met where nothing was measured."""
    return Row(figure, target, why or "–", NOT_RUN)


def ratio_row(
    figure: str,
    factor: float,
    peer: str,
    ours: float | None,
    theirs: float | None,
    unit: Unit,
    *,
    note: str = "",
    why: str = "",
) -> Row:
    """Our figure is to be at most `factor` times that of a peer. note : what it was measured over; why : why not."""
    target = f"{factor:g} × {peer}"
    if ours is None or theirs is None or theirs <= 0:
        return not_run(figure, target, why)
    measured = f"{unit.show(ours)} : {unit.show(theirs)} = {ours / theirs:.3g}"
    return Row(
        figure,
        target,
        _noted(measured, note),
        judge(ours / theirs, factor),
        ours / theirs,
        factor,
        ours,
        theirs,
    )


def limit_row(
    figure: str, limit: float, value: float | None, unit: Unit, *, note: str = "", why: str = ""
) -> Row:
    """Our figure is to be at most `limit`, in units before scaling."""
    target = unit.show(limit)
    if value is None:
        return not_run(figure, target, why)
    return Row(figure, target, _noted(unit.show(value), note), judge(value, limit), value, limit, value)


def fact_row(figure: str, target: str, holds: bool | None, say: Callable[[bool], str], why: str = "") -> Row:
    """Something that is or is not so."""
    if holds is None:
        return not_run(figure, target, why)
    return Row(figure, target, say(holds), MET if holds else NOT_MET, float(holds), 1.0)


def runs_text(n: int) -> str:
    """Of how many runs a figure is the median."""
    return f"median of {n} runs" if n > 1 else "1 run"


def _noted(measured: str, note: str) -> str:
    return f"{measured} ({note})" if note else measured


def counts(rows: list[Row]) -> dict[str, int]:
    """How many rows have each verdict."""
    return {verdict: sum(row.verdict == verdict for row in rows) for verdict in (MET, NOT_MET, NOT_RUN)}
