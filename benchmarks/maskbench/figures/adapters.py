"""The engines' adapters, as figures need them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..corpus import read_case
from ..engines import ENGINES, Engine, load
from ..errors import BenchmarkError
from ..jobs import WARM_UP_SCHEMA, WARM_UP_TEXT
from ..measure import COMPLETED, measure
from ..tokens import Encoder
from .figure import Task


def make_engine(task: Task) -> Engine:
    """The engine of a task, with its tables; nothing was compiled yet."""
    kind = load(ENGINES[task.engine])
    taken = {"order": task.options.order} if "order" in getattr(kind, "takes", ()) else {}
    return kind(Path(task.options.tokenizer), **taken)


def warm_engine(task: Task) -> tuple[Engine, Encoder]:
    """The same behind the warm-up of all benchmarks: kernels and imports are paid."""
    engine, encoder = make_engine(task), Encoder(Path(task.options.tokenizer))
    outcome = measure(engine, WARM_UP_SCHEMA, [encoder.encode(WARM_UP_TEXT)])
    if outcome.outcome != COMPLETED:
        raise BenchmarkError(f"{task.engine}: the warm-up was {outcome.outcome}: {outcome.message}")
    return engine, encoder


def texts_of(task: Task) -> Iterator[tuple[Any, list[str]]]:
    """The schema of each file of a task, with the texts of its instances."""
    for name, instances in task.files:
        case = read_case(Path(task.options.data), name)
        yield case.schema, [case.instances[index].text for index in instances]
