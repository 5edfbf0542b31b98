"""Applying masks to logits on the host; measured by `benchmarks.apply`."""

from __future__ import annotations

from .figure import Figure, Task, Values

BATCHES = (1, 32, 256)
DTYPES = ("float32", "bfloat16")
MASKS = ("dense", "sparse")
ENGINES = ("gramask", "xgrammar", "llguidance")


class NotAvailable(Exception):
    """Something that a figure needs is not there."""


def measure(task: Task) -> Values:
    """Median µs of each setting: "ENGINE/DTYPE/BATCH/MASK". All engines take turns in one process, one thread each.

    Raises NotAvailable.
    """
    try:
        from ...apply import measure_apply
    except ImportError as error:
        raise NotAvailable(f"not available: {error}") from error
    records = measure_apply(BATCHES, DTYPES, MASKS, devices=("cpu",), engines=ENGINES)
    return {f"{r.engine}/{r.dtype}/{r.batch}/{r.mask}": r.median_us for r in records}


FIGURE = Figure("apply", "applying masks to logits", measure, engines=("gramask",))
