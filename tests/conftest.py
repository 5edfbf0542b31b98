"""What holds for every test."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# The benchmarks are beside the package, not in it.
sys.path.append(str(Path(__file__).parents[1]))
# Before any test module imports torch or a tokenizer.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import pytest
from hypothesis import HealthCheck, settings

# The first example of a test may compile kernels, so a deadline per example would fail on a cold cache.
settings.register_profile("gramask", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("gramask")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    gpu_tests = [item for item in items if item.get_closest_marker("gpu")]
    if gpu_tests and not _has_gpu():
        for item in gpu_tests:
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


def _has_gpu() -> bool:
    import torch

    return bool(torch.cuda.is_available())
