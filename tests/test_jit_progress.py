"""What is shown while kernels are compiled."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from gramask.jit_progress import VARIABLE, CompileProgress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def compile_some(progress: CompileProgress) -> None:
    for name in ("walk", "advance"):
        progress.begin(name)
        progress.begin("step")  # which it calls
        progress.end()
        progress.end()


def test_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.delenv(VARIABLE, raising=False)
    compile_some(CompileProgress())
    shown = terminal.getvalue().split("\r\033[K")
    assert "gramask warmup" in shown[1] and shown[1].endswith("1, walk")
    assert shown[3].endswith("2, advance") and shown[-1] == ""  # the line is gone
    assert "step" not in terminal.getvalue()


def test_elsewhere(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.delenv(VARIABLE, raising=False)
    with caplog.at_level(logging.INFO, "gramask"):
        compile_some(CompileProgress())
    assert stream.getvalue() == ""
    assert len(caplog.records) == 1


def test_nothing_where_nothing_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv(VARIABLE, "0")
    compile_some(CompileProgress())
    assert terminal.getvalue() == ""
    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.delenv(VARIABLE)
    compile_some(CompileProgress())


@pytest.mark.slow
def test_a_first_process_tells_which_kernels(tmp_path: Path) -> None:
    """In a process that finds no kernel on disk; functions of others are not told."""
    code = """
import io, sys
import numba
class Terminal(io.StringIO):
    def isatty(self):
        return True
sys.stderr = shown = Terminal()
import numpy as np
from gramask.masks.kernels.bits import any_bit
numba.njit(lambda x: x + 1)(1)
any_bit(np.zeros(3, np.uint32))
assert shown.getvalue().count("any_bit") == 1 and "lambda" not in shown.getvalue(), shown.getvalue()
"""
    environment = {"NUMBA_CACHE_DIR": str(tmp_path), "PATH": ""}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
