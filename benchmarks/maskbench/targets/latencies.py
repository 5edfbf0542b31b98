"""Rows of the table that come from runs over the files."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..records import FileRecord, Results
from ..summary import latencies
from .table import MS, US, Row, Unit, ratio_row, runs_text

TBM = ("tbm_us", "TBM", US)
TTFM = ("ttfm_ms", "TTFM", MS)
TARGETS: tuple[tuple[tuple[str, str, Unit], str, float, str], ...] = (
    (TBM, "avg", 0.25, "llguidance"),
    (TBM, "p50", 0.25, "llguidance"),
    (TBM, "p75", 0.25, "llguidance"),
    (TBM, "p90", 0.25, "llguidance"),
    (TBM, "p25", 1.0, "xgrammar"),
    (TBM, "p99", 0.5, "llguidance"),
    (TBM, "p99.9", 0.5, "llguidance"),
    (TBM, "p100", 1.0, "llguidance"),
    (TTFM, "p50", 1.0, "llguidance"),
    (TTFM, "p90", 1.0, "llguidance"),
    (TTFM, "p99", 0.5, "llguidance"),
    (TTFM, "p100", 0.5, "llguidance"),
)
"""What is timed, at which level, at most how often the time of which peer."""
NAMES = {"avg": "average", "p100": "max"}
WIDE_FACTOR = 1.2


@dataclass(frozen=True, slots=True)
class Side:
    """An engine in a run."""

    results: Results
    engine: str

    def compiled(self) -> dict[str, FileRecord]:
        return {r.file: r for r in self.results.files if r.engine == self.engine and r.compiled}


@dataclass(frozen=True, slots=True)
class Pair:
    """Two engines over the files that both compile: medians over the runs of each figure.

    ours, theirs : {"tbm_us": {"avg": ..., "p50": ...}, "ttfm_ms": ...}.  ratios : the same of each single run.
    """

    runs: int
    files: int
    ours: dict[str, dict[str, float]]
    theirs: dict[str, dict[str, float]]
    ratios: list[dict[str, dict[str, float]]]

    def row(self, figure: str, kind: tuple[str, str, Unit], level: str, factor: float, peer: str) -> Row:
        key, _, unit = kind
        ours, theirs = self.ours.get(key, {}).get(level), self.theirs.get(key, {}).get(level)
        note = f"{self.files:,} files, {runs_text(self.runs)}"
        return ratio_row(figure, factor, peer, ours, theirs, unit, note=note, why="no file that both compile")


def compare_sides(sides: Sequence[tuple[Side, Side]]) -> Pair | None:
    """Ours and theirs of each run; None without a run."""
    if not sides:
        return None
    each = [_latencies(ours, theirs) for ours, theirs in sides]
    ours, theirs = ([run[side] for run in each] for side in (0, 1))
    ratios = [_ratios(*run) for run in each]
    return Pair(len(each), min(run[0]["files"] for run in each), _medians(ours), _medians(theirs), ratios)


def _latencies(ours: Side, theirs: Side) -> tuple[dict[str, Any], dict[str, Any]]:
    mine, other = ours.compiled(), theirs.compiled()
    both = sorted(mine.keys() & other.keys())
    return (
        latencies(ours.results, [mine[file] for file in both]),
        latencies(theirs.results, [other[file] for file in both]),
    )


def _medians(runs: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    found = {}
    for key in ("tbm_us", "ttfm_ms"):
        rows = [run[key] for run in runs if run[key] is not None]
        found[key] = (
            {level: statistics.median(row[level] for row in rows) for level in rows[0]} if rows else {}
        )
    return found


def _ratios(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, dict[str, float]]:
    return {
        key: {level: ours[key][level] / theirs[key][level] for level in ours[key] if level != "n"}
        for key in ("tbm_us", "ttfm_ms")
        if ours[key] is not None and theirs[key] is not None
    }


def pairs_of(runs: Sequence[Results], ours: str, peer: str) -> Pair | None:
    """gramask (or a variant of it) and a peer, over the runs in which both took part."""
    return compare_sides(
        [(Side(run, ours), Side(run, peer)) for run in runs if {ours, peer} <= set(run.run["engines"])]
    )


def latency_rows(pairs: dict[str, Pair | None], why: dict[str, str]) -> list[Row]:
    """A row for each of TARGETS. pairs : by peer.  why : why there is none of a peer."""
    rows = []
    for kind, level, factor, peer in TARGETS:
        name = f"{kind[1]} {NAMES.get(level, level)}"
        pair = pairs.get(peer)
        if pair is None:
            rows.append(ratio_row(name, factor, peer, None, None, kind[2], why=why.get(peer, "")))
        else:
            rows.append(pair.row(name, kind, level, factor, peer))
    return rows


def wide_row(pair: Pair | None, why: str) -> Row:
    """The wide vocabulary over the usual one."""
    figure, peer = "TBM average, wide vocabulary", "the same, usual vocabulary"
    if pair is None:
        return ratio_row(figure, WIDE_FACTOR, peer, None, None, US, why=why)
    return pair.row(figure, TBM, "avg", WIDE_FACTOR, peer)
