"""Applying masks to logits; measured by `benchmarks.apply`."""

from __future__ import annotations

import importlib
from dataclasses import asdict, is_dataclass
from typing import Any

from .figure import Figure, Task, Values

MODULE = "benchmarks.apply"
BATCHES = (1, 32, 256)
DTYPES = ("float32", "bfloat16")


class NotAvailable(Exception):
    """Something that a figure needs is not there."""


def measure(task: Task) -> Values:
    """µs of each record: "ENGINE/DTYPE/BATCH". All engines take turns in one process. Raises NotAvailable."""
    try:
        measure_apply = importlib.import_module(MODULE).measure_apply
    except (ImportError, AttributeError) as error:
        raise NotAvailable(f"not available: {error}") from error
    records = [_as_dict(record) for record in measure_apply(batches=BATCHES, dtypes=DTYPES)]
    values = {f"{r['engine']}/{r['dtype']}/{r['batch']}": float(r["us"]) for r in records}
    return {**values, "detail": records}


def _as_dict(record: Any) -> dict[str, Any]:
    return asdict(record) if is_dataclass(record) and not isinstance(record, type) else dict(record)


FIGURE = Figure("apply", "applying masks to logits", measure, engines=("gramask",), threads=2)
