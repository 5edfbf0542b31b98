"""The results on disk, written as they come so that an interruption loses nothing.

run.json       arguments and machine of each session
results.jsonl  one line per file and engine, one per start of an engine
timings.i64    int64 nanoseconds, little-endian; a line of results.jsonl names its part as [offset, count]
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from .corpus import Case
from .errors import BenchmarkError
from .jobs import SetUp
from .measure import ACCEPTED, COMPLETED, Measurement

VALID_REJECTED = "valid_rejected"
INVALID_ACCEPTED = "invalid_accepted"
BYTES_SHOWN = 60


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One engine on one file, as stored.

    error    : class of the exception behind a refusal or a crash, "" if there is none.
    failures : {"instance", "kind", "token", "tokens", "description", "byte", "bytes", "before", "after"} for each
               test the engine disagrees with; "token" is the index of the rejected token, or equal to "tokens" where
               the end was rejected. "byte" is the index of the first byte refused (see `Location`), "before" and
               "after" are what stands around it; None for an invalid text accepted, and where it is not known.
    timings  : offset and count in timings.i64.
    """

    file: str
    engine: str
    outcome: str
    reason: str
    message: str
    ttfm_ns: int | None
    refused_ns: int | None
    tests: int
    failures: list[dict[str, Any]]
    contradictions: list[int]
    timings: tuple[int, int]
    elapsed_s: float
    peak_rss: int
    error: str = ""

    @property
    def compiled(self) -> bool:
        return self.outcome == COMPLETED

    @property
    def passed(self) -> bool:
        return self.compiled and not self.failures

    def count(self, kind: str) -> int:
        return sum(failure["kind"] == kind for failure in self.failures)


@dataclass(frozen=True, slots=True)
class StartRecord:
    """One start of an engine's process, and after which event: "begin", "crashed" or "timed out"."""

    engine: str
    after: str
    version: str
    build_s: float
    warm_up_s: float
    peak_rss: int
    options: dict[str, str] = field(default_factory=dict)


def grade(case: Case, lengths: list[int], measurement: Measurement) -> list[dict[str, Any]]:
    """The tests on which engine and data disagree. lengths : tokens per instance."""
    failures = []
    for index, stop in enumerate(measurement.stops):
        instance = case.instances[index]
        if instance.valid == (stop == ACCEPTED):
            continue
        failures.append(
            {
                "instance": index,
                "kind": VALID_REJECTED if instance.valid else INVALID_ACCEPTED,
                "token": None if stop == ACCEPTED else stop,
                "tokens": lengths[index],
                "description": instance.description,
                "byte": None,
                "bytes": len(instance.text.encode()),
                "before": None,
                "after": None,
            }
        )
    return failures


def place(failure: dict[str, Any], case: Case, byte: int | None) -> None:
    """Enter the first byte refused into a failure."""
    text = case.instances[failure["instance"]].text.encode()
    failure["byte"] = byte
    if byte is not None and byte != ACCEPTED:
        failure["before"] = text[max(0, byte - BYTES_SHOWN) : byte].decode(errors="replace")
        failure["after"] = text[byte : byte + BYTES_SHOWN // 3].decode(errors="replace")


class ResultStore:
    """Appends to a results directory. A line is complete, and its timings are written before it."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        cut_torn_line(directory / "results.jsonl")
        self._lock = Lock()
        self._lines = (directory / "results.jsonl").open("a", encoding="utf-8")
        self._timings = (directory / "timings.i64").open("ab")
        # A number torn by a power failure must not shift those that follow.
        self._timings.truncate(self._timings.tell() // 8 * 8)

    def add_file(
        self,
        case: Case,
        engine: str,
        failures: list[dict[str, Any]],
        measurement: Measurement,
        elapsed_s: float,
    ) -> FileRecord:
        with self._lock:
            offset = self._timings.seek(0, 2) // 8
            self._timings.write(_little_endian(measurement.timings))
            self._timings.flush()
            record = FileRecord(
                file=case.name,
                engine=engine,
                outcome=measurement.outcome,
                reason=measurement.reason,
                message=measurement.message,
                ttfm_ns=measurement.ttfm_ns,
                refused_ns=measurement.refused_ns,
                tests=len(case.instances),
                failures=failures,
                contradictions=list(measurement.contradictions),
                timings=(offset, len(measurement.timings) // 8),
                elapsed_s=round(elapsed_s, 6),
                peak_rss=measurement.peak_rss,
                error=measurement.error,
            )
            self._write({"event": "file", **asdict(record)})
        return record

    def add_start(self, engine: str, after: str, set_up: SetUp) -> StartRecord:
        record = StartRecord(engine, after, **asdict(set_up))
        with self._lock:
            self._write({"event": "start", **asdict(record)})
        return record

    def _write(self, line: dict[str, Any]) -> None:
        self._lines.write(json.dumps(line, ensure_ascii=True) + "\n")
        self._lines.flush()

    def close(self) -> None:
        self._lines.close()
        self._timings.close()


@dataclass(frozen=True, slots=True)
class Results:
    """A results directory, read back. timings : int64[n], ns, mapped from the file."""

    run: dict[str, Any]
    files: list[FileRecord]
    starts: list[StartRecord]
    timings: np.ndarray

    def timings_of(self, records: list[FileRecord]) -> np.ndarray:
        """All timings of `records` in one int64 array, ns."""
        parts = [self.timings[offset : offset + count] for offset, count in (r.timings for r in records)]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)


def read_results(directory: Path) -> Results:
    """Read a results directory, complete or not. Raises BenchmarkError where it is none."""
    try:
        run = json.loads((directory / "run.json").read_text(encoding="utf-8"))
        text = (directory / "results.jsonl").read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise BenchmarkError(f"{directory} holds no results: {error}") from error
    files, starts = [], []
    # What follows the last newline is a line that was being written when the run was killed.
    for line in text.split("\n")[:-1]:
        fields = json.loads(line)
        if fields.pop("event") == "file":
            files.append(FileRecord(**fields | {"timings": tuple(fields["timings"])}))
        else:
            starts.append(StartRecord(**fields))
    path = directory / "timings.i64"
    n_timings = path.stat().st_size // 8 if path.exists() else 0
    timings: np.ndarray = np.empty(0, dtype=np.int64)
    if n_timings:
        timings = np.memmap(path, dtype="<i8", mode="r", shape=(n_timings,))
    return Results(run, files, starts, timings)


def cut_torn_line(path: Path) -> None:
    if path.exists():
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            with path.open("r+b") as file:
                file.truncate(whole)


def _little_endian(timings: bytes) -> bytes:
    return timings if sys.byteorder == "little" else np.frombuffer(timings, "=i8").astype("<i8").tobytes()
