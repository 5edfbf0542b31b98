"""One step of many different matchers at a time."""

from __future__ import annotations

import gc
import os
import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ..engines import Engine
from .adapters import texts_of, warm_engine
from .figure import ENGINES, Figure, Task, Values

THREADS = 2
WARM_PASSES = 3


def measure_batch(task: Task) -> Values:
    """µs of one step that fills the masks of all matchers.

    Each matcher has a schema of its own and begins at a random place of an instance. Cold: no mask behind that place
    was asked for before. Warm: new matchers at the same places, with what the compiled schemas kept. Advancing is not
    in the timings, and no engine gets to prepare a mask meanwhile.
    """
    _use_cores(THREADS)
    engine, encoder = warm_engine(task)
    rng = random.Random(f"batch/{task.options.seed}")
    compiled, before, behind = [], [], []
    for schema, (text,) in texts_of(task):
        tokens = encoder.encode(text)
        place = rng.randrange(len(tokens) - task.options.steps)
        engine.compile(schema)
        compiled.append(engine.compiled)
        before.append(tokens[:place])
        behind.append(tokens[place : place + task.options.steps])
    gc.collect()
    gc.freeze()
    passes = [_decode(task.engine, engine, compiled, before, behind) for _ in range(1 + WARM_PASSES)]
    warm = sorted(passes[1:], key=sum)[WARM_PASSES // 2]
    return {
        "matchers": len(compiled),
        "steps": task.options.steps,
        "cold_us": sum(passes[0]) / len(passes[0]),
        "cold_max_us": max(passes[0]),
        "warm_us": sum(warm) / len(warm),
        "warm_max_us": max(warm),
        "detail": passes,
    }


def _decode(
    name: str, engine: Engine, compiled: list[Any], before: list[list[int]], behind: list[list[int]]
) -> list[float]:
    """The µs of each step of new matchers."""
    matchers = []
    for constraint, tokens in zip(compiled, before):
        engine.compiled = constraint
        engine.reset()
        matchers.append(engine.matcher)
        for token in tokens:
            _advance(engine, engine.matcher, token)
    out = np.zeros((len(matchers), len(engine.mask)), np.int32)
    fill = BATCHES[name](engine, matchers, out)
    timings = []
    for step in range(len(behind[0]) if behind else 0):
        begin = time.perf_counter_ns()
        fill()
        timings.append((time.perf_counter_ns() - begin) / 1e3)
        for row, (matcher, tokens) in enumerate(zip(matchers, behind)):
            token = tokens[step]
            if not out[row, token >> 5] >> (token & 31) & 1:
                raise RuntimeError(f"{name}: a mask forbids a token of a valid instance")
            _advance(engine, matcher, token)
    return timings


def _advance(engine: Engine, matcher: Any, token: int) -> None:
    engine.matcher = matcher
    if not engine.advance(token):
        raise RuntimeError("a token of a valid instance was refused")


def _use_cores(n: int) -> None:
    """The first cores that this process may use, the same for all engines."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:n])


def _gramask(engine: Engine, matchers: list[Any], out: np.ndarray) -> Callable[[], None]:
    import gramask

    return lambda: gramask.fill_masks(matchers, out)


def _llguidance(engine: Engine, matchers: list[Any], out: np.ndarray) -> Callable[[], None]:
    import llguidance
    from llguidance.numpy import fill_next_token_bitmask_par

    executor = llguidance.LLExecutor(THREADS)
    numbered = [(matcher, row) for row, matcher in enumerate(matchers)]
    return lambda: fill_next_token_bitmask_par(executor, numbered, out)


def _xgrammar(engine: Engine, matchers: list[Any], out: np.ndarray) -> Callable[[], None]:
    import xgrammar

    fill = xgrammar.BatchGrammarMatcher(max_threads=THREADS).batch_fill_next_token_bitmask
    return lambda: fill(matchers, out)


BATCHES: dict[str, Callable[[Engine, list[Any], np.ndarray], Callable[[], None]]] = {
    "gramask": _gramask,
    "llguidance": _llguidance,
    "xgrammar": _xgrammar,
}
FIGURE = Figure(
    "batch",
    "one step of a batch of different matchers",
    measure_batch,
    threads=THREADS,
    choices=dict.fromkeys(ENGINES, "batch"),
)
