"""What would be left of the time between masks if some of what it takes cost nothing."""

from __future__ import annotations

import copy
import gc
import time
from array import array
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..engines import Engine
from .adapters import texts_of, warm_engine
from .figure import Figure, Task, Values

PASSES = ("first", "states_known", "all_known")
PERCENTILES = (50, 75, 90, 99)


def measure_floor(task: Task) -> Values:
    """µs between masks along all instances of each schema, three times over.

    first: as in the benchmark. states_known: with the automaton as that has left it, states and frames, but no masks
    and steps; so much would be left if to make states cost nothing. all_known: with masks and steps as well.
    """
    engine, encoder = warm_engine(task)
    cases = [(schema, [encoder.encode(text) for text in texts]) for schema, texts in texts_of(task)]
    timings = {name: array("q") for name in PASSES}
    for schema, instances in cases:
        gc.collect()
        engine.compile(schema)
        engine.reset()
        engine.fill_mask()
        _walk(engine, instances, timings["first"])
        engine.compiled = _without_masks(engine.compiled)
        _walk(engine, instances, timings["states_known"])
        _walk(engine, instances, timings["all_known"])
    values: Values = {"schemas": len(cases), "masks": len(timings["first"])}
    for name in PASSES:
        found = np.frombuffer(timings[name], np.int64) / 1e3
        values[f"{name}_average_us"] = float(found.mean())
        for percent, value in zip(PERCENTILES, np.percentile(found, PERCENTILES)):
            values[f"{name}_p{percent}_us"] = float(value)
    return values


def _without_masks(constraint: Any) -> Any:
    """The same constraint, with all that its automaton has learnt, and nothing of what its masks have."""
    from gramask.masks.engine import Engine as Masks

    other, kind = copy.copy(constraint), type(constraint)
    for name in list(vars(other)):
        if isinstance(getattr(kind, name, None), cached_property):
            del vars(other)[name]
    engine = constraint.engine
    other.engine = Masks(engine.pushdown, engine.tables, constraint.n_logits)
    return other


def _walk(engine: Engine, instances: Sequence[Sequence[int]], timings: array[int]) -> None:
    clock = time.perf_counter_ns
    for tokens in instances:
        engine.reset()
        for token in tokens:
            begin = clock()
            engine.fill_mask()
            is_allowed = engine.mask[token >> 5] >> (token & 31) & 1 and engine.advance(token)
            timings.append(clock() - begin)
            if not is_allowed:
                break


FIGURE = Figure(
    "floor",
    "time between masks, and what of it is left when states are known, and masks as well",
    measure_floor,
    engines=("gramask",),
    choices={"gramask": "memory"},
)
