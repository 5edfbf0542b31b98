"""From what a directory holds to the rows of the table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import BenchmarkError
from ..figures.measuring import Answer, read_answers
from ..records import Results, read_results
from .latencies import Pair, Side, compare_sides, latency_rows, pairs_of, wide_row
from .rows import figure_rows
from .stages import ALONE, LATENCY, REVERSED, WIDE, Stage
from .table import Row

PEERS = ("llguidance", "xgrammar")


def complete_results(stages: Sequence[Stage], directory: Path, part: str) -> list[Results]:
    """The runs of a part that came to their end: of one that did not, the files are no fair sample."""
    found = []
    for stage in stages:
        if stage.part != part:
            continue
        try:
            results = read_results(stage.folder(directory))
        except BenchmarkError:
            continue
        if len(results.files) == sum(results.run["planned"].values()):
            found.append(results)
    return found


def latency_pairs(runs: Sequence[Results], ours: str = "gramask") -> dict[str, Pair | None]:
    return {peer: pairs_of(runs, ours, peer) for peer in PEERS}


def wide_pair(stages: Sequence[Stage], directory: Path) -> Pair | None:
    """Each run with the wide vocabulary beside the run with the usual one that it follows."""
    sides = []
    for stage in stages:
        if stage.part != WIDE:
            continue
        usual = [s for s in stages if s.part == LATENCY and s.name == stage.name.replace("wide", "run")]
        both = [complete_results([one], directory, one.part) for one in (stage, *usual)]
        if len(both) == 2 and all(both):
            sides.append((Side(both[0][0], "gramask"), Side(both[1][0], "gramask")))
    return compare_sides(sides)


def table_rows(stages: Sequence[Stage], directory: Path, installed: set[str], wide: bool) -> list[Row]:
    """The whole table."""
    runs = complete_results(stages, directory, LATENCY)
    why = {
        peer: _unfinished(stages, directory, LATENCY) if peer in installed else f"{peer} is not installed"
        for peer in PEERS
    }
    no_wide = _unfinished(stages, directory, WIDE) if wide else "no tokenizer was given for it"
    return [
        *latency_rows(latency_pairs(runs), why),
        wide_row(wide_pair(stages, directory), no_wide),
        *figure_rows(read_answers(directory)),
    ]


def _unfinished(stages: Sequence[Stage], directory: Path, part: str) -> str:
    """Why a part that was begun has no figures."""
    begun = any(stage.folder(directory).exists() for stage in stages if stage.part == part)
    return "not finished; --resume goes on" if begun else ""


def variant_rows(stages: Sequence[Stage], directory: Path) -> dict[str, list[Row]]:
    """The latencies with sharing off and in reversed order, for the variants that were run."""
    variants = {"sharing off": (ALONE, "gramask-alone"), "files reversed": (REVERSED, "gramask")}
    found = {}
    for title, (part, engine) in variants.items():
        runs = complete_results(stages, directory, part)
        pair = pairs_of(runs, engine, "llguidance")
        if pair is not None:
            found[title] = [
                row for row in latency_rows({"llguidance": pair}, {}) if "llguidance" in row.target
            ]
    return found


def everything(stages: Sequence[Stage], directory: Path) -> dict[str, Any]:
    """All that was measured, as plain data, beside the runs' own folders."""
    answers: list[Answer] = read_answers(directory)
    pairs = {
        LATENCY: latency_pairs(complete_results(stages, directory, LATENCY)),
        WIDE: {"usual": wide_pair(stages, directory)},
        ALONE: latency_pairs(complete_results(stages, directory, ALONE), "gramask-alone"),
        REVERSED: latency_pairs(complete_results(stages, directory, REVERSED)),
    }
    return {
        "pairs": {
            part: {peer: None if pair is None else _plain(pair) for peer, pair in found.items()}
            for part, found in pairs.items()
        },
        "figures": answers,
    }


def _plain(pair: Pair) -> dict[str, Any]:
    return {name: getattr(pair, name) for name in Pair.__slots__}
