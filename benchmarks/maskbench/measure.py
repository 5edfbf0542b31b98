"""What is timed, for every engine alike.

TTFM (time to first mask) is compile + new matcher + first mask, from the parsed schema.
TBM (time between masks) is, per token: fill the mask, test the token's bit, commit the token. The first
rejected token of an instance is its last timing; where its bit is 0 it is not committed. New matchers for
further instances and the test for acceptance at the end are not timed.
Python's garbage collection is on. What the set-up left behind is frozen, and what the harness leaves between
files is collected before the clock starts.
"""

from __future__ import annotations

import resource
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .engines import Engine, Refused

ACCEPTED = -1

COMPLETED = "completed"
REFUSED = "refused"
CRASHED = "crashed"
TIMED_OUT = "timed out"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One engine on one file.

    outcome   : COMPLETED | REFUSED | CRASHED | TIMED_OUT.
    reason    : groups refusals and crashes in the report; message is the engine's own text, error its class.
    ttfm_ns   : None unless compiled; compile time up to the refusal in `refused_ns`.
    stops     : per instance ACCEPTED, or the index of the rejected token, or the number of tokens where every
                token was allowed but the text may not end.
    contradictions : instances where a token allowed by the mask was rejected when committed.
    timings   : int64, ns, one per token tried, instance after instance.
    peak_rss  : bytes, of the process since its start.
    """

    outcome: str
    reason: str = ""
    message: str = ""
    ttfm_ns: int | None = None
    refused_ns: int | None = None
    stops: tuple[int, ...] = ()
    contradictions: tuple[int, ...] = ()
    timings: bytes = b""
    peak_rss: int = 0
    error: str = ""


def measure(engine: Engine, schema: Any, instances: Sequence[Sequence[int]]) -> Measurement:
    """Compile `schema`, then walk each instance (token ids). Exceptions other than Refused pass through."""
    begin = time.perf_counter_ns()
    try:
        engine.compile(schema)
        engine.reset()
        engine.fill_mask()
    except Refused as refusal:
        elapsed = time.perf_counter_ns() - begin
        error = "" if refusal.__cause__ is None else type(refusal.__cause__).__name__
        return Measurement(
            REFUSED, refusal.reason, refusal.message, refused_ns=elapsed, peak_rss=peak_rss(), error=error
        )
    ttfm_ns = time.perf_counter_ns() - begin
    timings = array("q")
    walks = [_walk(engine, tokens, timings) for tokens in instances]
    return Measurement(
        COMPLETED,
        ttfm_ns=ttfm_ns,
        stops=tuple(stop for stop, _ in walks),
        contradictions=tuple(i for i, (_, contradicted) in enumerate(walks) if contradicted),
        timings=timings.tobytes(),
        peak_rss=peak_rss(),
    )


def _walk(engine: Engine, tokens: Sequence[int], timings: array[int]) -> tuple[int, bool]:
    """Where the instance stops (see `Measurement.stops`), and whether the commit contradicts the mask."""
    engine.reset()
    fill_mask, advance, clock = engine.fill_mask, engine.advance, time.perf_counter_ns
    # A memoryview yields Python integers: three times as fast as indexing the array.
    words = memoryview(engine.mask)  # type: ignore[arg-type]  # numpy's stubs hide the buffer
    for index, token in enumerate(tokens):
        begin = clock()
        fill_mask()
        bit = words[token >> 5] >> (token & 31) & 1
        committed = bit and advance(token)
        timings.append(clock() - begin)
        if not committed:
            return index, bool(bit)
    return (ACCEPTED if engine.accepting() else len(tokens)), False


def locate(engine: Engine, text: Sequence[int]) -> int | None:
    """Where the schema compiled last refuses a text of one-byte tokens; see `Location`. No mask is filled."""
    try:
        engine.reset()
        for index, token in enumerate(text):
            if not engine.advance(token):
                return index
        return ACCEPTED if engine.accepting() else len(text)
    except Exception:  # the verdict stands already, this is only its explanation
        return None


def peak_rss() -> int:
    """Bytes of memory this process has held at most (Linux counts in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
