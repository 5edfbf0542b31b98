"""Schemas made to hurt: each ends in a document or in a named error, soon and in little memory.

The cases are in tests/hostile.py, which also prints them as a table.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile import CASES, SECONDS, SLOW_MACHINE, Outcome

SCRIPT = Path(__file__).with_name("hostile.py")

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="needs fork, and limits on memory that hold"
)


@pytest.fixture(scope="module")
def server() -> Iterator[subprocess.Popen[str]]:
    """A process of its own, so that no thread of the test run is forked with it."""
    with subprocess.Popen(
        [sys.executable, str(SCRIPT), "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.stdin.close()


@pytest.mark.parametrize("name", CASES)
def test_ends_in_time(name: str, server: subprocess.Popen[str]) -> None:
    server.stdin.write(name + "\n")
    server.stdin.flush()
    outcome = Outcome(*json.loads(server.stdout.readline()))
    print(f"{name}: {outcome}")
    assert outcome.obeys, outcome
    assert outcome.seconds <= SECONDS * SLOW_MACHINE
