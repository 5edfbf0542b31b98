"""What compiled schemas and the masks they keep take."""

from __future__ import annotations

import ctypes
import gc
import os
from contextlib import suppress
from pathlib import Path

from .adapters import texts_of, warm_engine
from .figure import Figure, Task, Values


def measure_memory(task: Task) -> Values:
    """Bytes by which the process grows while schemas are compiled, kept, and walked along all their instances.

    Beside the compiled schemas nothing is kept: a matcher is dropped when its instance ends. Tokenizer, tables and
    warm-up are there before. growth_bytes: of the resident set behind it; peak_growth_bytes: of its highest value
    meanwhile; live_bytes: behind it, without what the heap holds free.
    """
    engine, encoder = warm_engine(task)
    cases = [(schema, [encoder.encode(text) for text in texts]) for schema, texts in texts_of(task)]
    gc.collect()
    # What loading left free in the heap would hide as much growth.
    _give_back()
    _forget_peak()
    baseline, kept, n_masks = _status("VmRSS"), [], 0
    for schema, instances in cases:
        engine.compile(schema)
        kept.append(engine.compiled)
        for tokens in instances:
            engine.reset()
            for token in tokens:
                engine.fill_mask()
                n_masks += 1
                if not engine.mask[token >> 5] >> (token & 31) & 1 or not engine.advance(token):
                    break
    engine.compiled = engine.matcher = None
    gc.collect()
    growth, peak = _status("VmRSS") - baseline, _status("VmHWM") - baseline
    _give_back()
    return {
        "schemas": len(kept),
        "masks": n_masks,
        "baseline_bytes": baseline,
        "growth_bytes": growth,
        "peak_growth_bytes": peak,
        "live_bytes": _status("VmRSS") - baseline,
    }


def _status(field: str) -> int:
    """Bytes of a field of /proc/self/status, which counts in KiB."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"the kernel does not tell {field}")


def _give_back() -> None:
    """Return what the heap holds free to the system, where the C library can (glibc)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _forget_peak() -> None:
    """Let VmHWM begin anew; where the kernel does not allow it, the peak is that since the start of the process."""
    with suppress(OSError), open("/proc/self/clear_refs", "w", encoding="utf-8") as file:
        os.write(file.fileno(), b"5")


FIGURE = Figure(
    "memory",
    "memory of compiled schemas and their masks",
    measure_memory,
    choices={"gramask": "memory", "llguidance": "memory", "xgrammar": "memory-peer"},
)
