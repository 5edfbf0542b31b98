"""Test data that is too large, or not ours, to be in the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_DEFAULT = Path(__file__).resolve().parents[2] / "shared"


def shared_dir(*parts: str) -> Path:
    """A folder of `$GRAMASK_SHARED`, or of `shared/` beside the repository; skips the test without it."""
    path = Path(os.environ.get("GRAMASK_SHARED") or _DEFAULT).joinpath(*parts)
    if not path.is_dir():
        pytest.skip(f"needs {'/'.join(parts)} in the folder that GRAMASK_SHARED names")
    return path
