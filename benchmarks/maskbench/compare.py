"""Two versions of one engine on the same files: ratios of their timings, new over old."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .engines import adapter
from .records import FileRecord, Results
from .summary import latencies


@dataclass(frozen=True, slots=True)
class Side:
    """One engine of one run; `name` is what the report calls it."""

    name: str
    results: Results
    records: dict[str, FileRecord]

    @property
    def passed(self) -> set[str]:
        return {file for file, record in self.records.items() if record.passed}

    def latencies(self, files: set[str]) -> dict[str, Any]:
        kept = [record for file, record in self.records.items() if file in files]
        return latencies(self.results, kept)


def side_of(results: Results, engine: str, name: str | None = None) -> Side:
    records = {record.file: record for record in results.files if record.engine == engine}
    return Side(name or engine, results, records)


def pairs(results: Results, earlier: Results | None = None) -> list[tuple[Side, Side]]:
    """(new, old): of each adapter the first engine named and each further one, and its namesake in an `earlier` run."""
    found, first = [], {}
    specs = results.run["settings"]["engines"]
    for engine in results.run["engines"]:
        new = first.setdefault(adapter(specs[engine]), engine)
        if new != engine:
            found.append((side_of(results, new), side_of(results, engine)))
    for engine in earlier.run["engines"] if earlier is not None else ():
        if earlier is not None and engine in specs:
            found.append((side_of(results, engine), side_of(earlier, engine, f"{engine}, earlier")))
    return found


def compare(new: Side, old: Side, passed_by_all: set[str]) -> dict[str, Any]:
    """Ratios over the files that both passed, and over `passed_by_all`, those that every engine of the run passed.

    "gained" and "lost" are the files, among those that both tried, that only the new or only the old one passed.
    """
    tried = new.records.keys() & old.records.keys()
    both = new.passed & old.passed
    return {
        "new": new.name,
        "old": old.name,
        "gained": sorted((new.passed - old.passed) & tried),
        "lost": sorted((old.passed - new.passed) & tried),
        "both_passed": _ratios(new, old, both),
        "all_passed": _ratios(new, old, both & passed_by_all),
    }


def _ratios(new: Side, old: Side, files: set[str]) -> dict[str, Any]:
    ours, theirs = new.latencies(files), old.latencies(files)
    return {"files": len(files)} | {key: _ratio(ours[key], theirs[key]) for key in ("ttfm_ms", "tbm_us")}


def _ratio(ours: dict[str, float] | None, theirs: dict[str, float] | None) -> dict[str, float] | None:
    if ours is None or theirs is None:
        return None
    return {key: ours[key] / theirs[key] for key in ours if key != "n"}
