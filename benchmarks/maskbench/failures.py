"""Every file that does not pass, per engine: what became of it, and where."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .measure import ACCEPTED
from .records import INVALID_ACCEPTED, VALID_REJECTED, FileRecord, Results

MESSAGE_SHOWN = 300
GRADES = {VALID_REJECTED: "valid rejected", INVALID_ACCEPTED: "invalid accepted"}


def not_passing(records: list[FileRecord]) -> list[dict[str, Any]]:
    """One entry per file that does not pass, by grade and name; "tests" are those of `FileRecord.failures`.

    "grade" is refused, crashed, timed out, valid rejected or invalid accepted; valid rejected where both happened.
    """
    entries = [
        {
            "file": record.file,
            "grade": grade_of(record),
            "reason": record.reason,
            "error": record.error,
            "message": record.message,
            "tests": record.failures,
        }
        for record in records
        if not record.passed
    ]
    return sorted(entries, key=lambda entry: (entry["grade"], entry["file"]))


def grade_of(record: FileRecord) -> str:
    if not record.compiled:
        return record.outcome
    return GRADES[VALID_REJECTED if record.count(VALID_REJECTED) else INVALID_ACCEPTED]


def describe(entry: dict[str, Any]) -> Iterator[str]:
    """The lines of one entry: one, or one per test."""
    head = f"{entry['grade']:<16}  {entry['file']}"
    if not entry["tests"]:
        message = " ".join(entry["message"].split())[:MESSAGE_SHOWN] or entry["reason"]
        error = f"{entry['error']}: " if entry["error"] and not message.startswith(entry["error"]) else ""
        yield f"{head}  {error}{message}"
    for test in entry["tests"]:
        note = f"  ({' '.join(test['description'].split())[:80]})" if test["description"] else ""
        yield f"{GRADES[test['kind']]:<16}  {entry['file']}  test {test['instance']}{_place(test)}{note}"


def _place(test: dict[str, Any]) -> str:
    """Results of earlier versions have tokens only."""
    if test["kind"] == INVALID_ACCEPTED:
        return ""
    token = f", token {test['token']} of {test['tokens']}"
    byte = test.get("byte")
    if byte is None:
        return token
    if byte == ACCEPTED:
        return f"{token}: but byte by byte it is accepted"
    if byte == test["bytes"]:
        return f", byte {byte} of {byte}: may not end behind {test['before']!r}"
    return f", byte {byte} of {test['bytes']}: {test['before']!r} may not go on with {test['after']!r}"


def write_failures(results: Results, directory: Path) -> dict[str, list[dict[str, Any]]]:
    """Write failures.json (engine -> entries) and failures-ENGINE.txt for each engine; returns the former."""
    found = {
        engine: not_passing([record for record in results.files if record.engine == engine])
        for engine in results.run["engines"]
    }
    (directory / "failures.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for engine, entries in found.items():
        lines = [line for entry in entries for line in describe(entry)]
        path = directory / f"failures-{engine}.txt"
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return found
