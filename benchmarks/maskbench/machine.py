"""Where and with what a run was made."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "gramask",
    "llguidance",
    "xgrammar",
    "numpy",
    "numba",
    "llvmlite",
    "tokenizers",
    "transformers",
    "torch",
)


def describe_machine() -> dict[str, Any]:
    """CPU, cores, memory (bytes), system, Python, package versions and the commit of the working tree."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "cores_usable": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {package: _version(package) for package in PACKAGES},
        "commit": commit_of(Path(__file__).parent),
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def commit_of(folder: Path) -> str | None:
    """The commit of a working tree, with "+" behind it where tracked files differ from it; None without one."""
    commit = _git(folder, "rev-parse", "HEAD")
    return commit and commit + ("+" if _git(folder, "status", "--porcelain", "-uno") else "")


def short(commit: str | None) -> str:
    """The first twelve digits, and the "+" if there is one."""
    return "unknown" if commit is None else commit[:12] + commit[40:]


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        output = subprocess.check_output(
            ["git", *arguments], cwd=folder, text=True, stderr=subprocess.DEVNULL
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return output.strip()
