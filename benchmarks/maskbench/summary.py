"""From records to numbers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from .measure import COMPLETED, CRASHED, REFUSED, TIMED_OUT
from .records import INVALID_ACCEPTED, VALID_REJECTED, FileRecord, Results

PERCENTILES = (25, 50, 75, 90, 95, 99, 99.9, 100)


def distribution(values: np.ndarray, scale: float) -> dict[str, float] | None:
    """Number, mean and PERCENTILES (linear interpolation) of `values` / `scale`; None without values."""
    if not values.size:
        return None
    levels = np.percentile(values, PERCENTILES) / scale
    row = {"n": int(values.size), "avg": float(values.mean() / scale)}
    return row | {f"p{level:g}": float(value) for level, value in zip(PERCENTILES, levels)}


def latencies(results: Results, records: list[FileRecord]) -> dict[str, Any]:
    """Distributions over the compiled files among `records`: TTFM in ms per file, TBM in µs per token."""
    compiled = [record for record in records if record.compiled]
    return {
        "files": len(compiled),
        "ttfm_ms": distribution(ttfm_of(compiled), 1e6),
        "tbm_us": distribution(results.timings_of(compiled), 1e3),
    }


def ttfm_of(records: list[FileRecord]) -> np.ndarray:
    """int64 nanoseconds, one per compiled file."""
    return np.array([record.ttfm_ns for record in records if record.ttfm_ns is not None], dtype=np.int64)


def common_files(results: Results) -> set[str]:
    """The files that every engine of the run compiled and walked to the end."""
    compiled: dict[str, set[str]] = {engine: set() for engine in results.run["engines"]}
    for record in results.files:
        if record.compiled:
            compiled[record.engine].add(record.file)
    return set.intersection(*compiled.values())


def passed_files(results: Results) -> set[str]:
    """The files that every engine of the run passed."""
    passed: dict[str, set[str]] = {engine: set() for engine in results.run["engines"]}
    for record in results.files:
        if record.passed:
            passed[record.engine].add(record.file)
    return set.intersection(*passed.values())


def summarise(results: Results) -> dict[str, Any]:
    """Everything the report shows, but for comparisons, as plain JSON data."""
    common, passed = common_files(results), passed_files(results)
    by_engine: dict[str, list[FileRecord]] = {engine: [] for engine in results.run["engines"]}
    for record in results.files:
        by_engine[record.engine].append(record)
    expected = results.run["planned"]
    return {
        "settings": _shown(results.run["settings"]),
        "sessions": results.run["sessions"],
        "complete": all(len(records) == expected[engine] for engine, records in by_engine.items()),
        "common_files": len(common),
        "passed_files": len(passed),
        "engines": {
            engine: {
                "planned": expected[engine],
                **_accounting(records),
                "set_up": _set_up(results, engine),
                "all": latencies(results, records),
                "common": latencies(results, [record for record in records if record.file in common]),
                "passed": latencies(results, [record for record in records if record.file in passed]),
            }
            for engine, records in by_engine.items()
        },
    }


def _shown(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings with the names of folders in place of where they are on this machine."""
    return {**settings, **{key: Path(settings[key]).name for key in ("data", "tokenizer")}}


def _accounting(records: list[FileRecord]) -> dict[str, Any]:
    outcomes = Counter(record.outcome for record in records)
    return {
        "files": len(records),
        "completed": outcomes[COMPLETED],
        "refused": outcomes[REFUSED],
        "crashed": outcomes[CRASHED],
        "timed_out": outcomes[TIMED_OUT],
        "valid_rejected": sum(record.count(VALID_REJECTED) > 0 for record in records),
        "invalid_accepted": sum(record.count(INVALID_ACCEPTED) > 0 for record in records),
        "passing": sum(record.passed for record in records),
        "tests": sum(record.tests for record in records if record.compiled),
        "tests_valid_rejected": sum(record.count(VALID_REJECTED) for record in records),
        "tests_invalid_accepted": sum(record.count(INVALID_ACCEPTED) for record in records),
        "mask_contradicts_commit": sum(bool(record.contradictions) for record in records),
        "refused_by": _reasons(records, REFUSED),
        "crashed_by": _reasons(records, CRASHED),
    }


def _reasons(records: list[FileRecord], outcome: str) -> dict[str, int]:
    return dict(Counter(record.reason for record in records if record.outcome == outcome).most_common())


def _set_up(results: Results, engine: str) -> dict[str, Any]:
    starts = [start for start in results.starts if start.engine == engine]
    peaks = [start.peak_rss for start in starts]
    peaks += [record.peak_rss for record in results.files if record.engine == engine]
    return {
        "version": starts[-1].version if starts else None,
        "options": starts[-1].options if starts else {},
        "starts": len(starts),
        "build_s": [round(start.build_s, 3) for start in starts],
        "warm_up_s": [round(start.warm_up_s, 3) for start in starts],
        "peak_rss": max(peaks, default=0),
    }
