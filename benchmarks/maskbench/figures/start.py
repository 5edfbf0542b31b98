"""From a fresh process to the first mask."""

from __future__ import annotations

import gc
import importlib.util
import time
from pathlib import Path

from ..jobs import WARM_UP_SCHEMA
from ..tokens import load_tokenizer
from .adapters import make_engine
from .figure import Figure, Task, Values


def measure_start(task: Task) -> Values:
    """Seconds of import, tables, compile and first mask.

    Apart are the tokenizer and torch, and a collection of garbage behind them: whoever serves a model has loaded both.
    A part of the tables may be built while the first schema is compiled.
    """
    load_tokenizer(Path(task.options.tokenizer))
    if importlib.util.find_spec("torch") is not None:
        import torch  # noqa: F401
    gc.collect()  # due for their objects, half a million, at whatever an engine does next
    begin = time.perf_counter()
    engine = make_engine(task)
    built = time.perf_counter()
    engine.compile(WARM_UP_SCHEMA)
    compiled = time.perf_counter()
    engine.reset()
    engine.fill_mask()
    end = time.perf_counter()
    if not engine.mask.any():
        raise RuntimeError("the first mask is empty")
    return {
        "import_s": built - begin,
        "compile_s": compiled - built,
        "mask_s": end - compiled,
        "total_s": end - begin,
    }


SECOND = Figure("second", "second process to its first mask", measure_start, primed=True)
FIRST = Figure("first", "first process ever to its first mask", measure_start, cold=True)
