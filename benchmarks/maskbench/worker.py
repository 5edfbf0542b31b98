"""The process that holds one engine: `python -m benchmarks.maskbench.worker FD ENGINE TOKENIZER`.

It first receives the warm-up job and answers with a SetUp or an error text; then each job with a Measurement.
"""

from __future__ import annotations

import gc
import signal
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from multiprocessing.connection import Connection
from pathlib import Path

from .engines import Engine, load
from .jobs import Job, SetUp
from .measure import COMPLETED, CRASHED, Measurement, measure, peak_rss


def set_up(spec: str, tokenizer: Path, warm_up: Job) -> tuple[Engine, SetUp]:
    """Build the engine and run the warm-up, so that no file pays for imports, JIT compilation or tables."""
    begin = time.perf_counter()
    engine = load(spec)(tokenizer)
    built = time.perf_counter()
    outcome = measure(engine, warm_up.schema, warm_up.instances)
    if outcome.outcome != COMPLETED:
        raise RuntimeError(f"the warm-up schema was {outcome.outcome}: {outcome.message}")
    try:
        installed = version(engine.package)
    except PackageNotFoundError:
        installed = "unknown"
    return engine, SetUp(installed, built - begin, time.perf_counter() - built, peak_rss())


def serve(connection: Connection, engine: Engine) -> None:
    """Answer jobs until the other end closes."""
    while True:
        try:
            job: Job = connection.recv()
        except EOFError:
            return
        # The alarm ends the process even inside native code, should the parent be gone before it can.
        signal.setitimer(signal.ITIMER_REAL, job.timeout + 60)
        gc.collect()
        try:
            connection.send(measure(engine, job.schema, job.instances))
        except Exception as error:
            connection.send(_crash(error))
        except BaseException as error:  # a panic of a native engine: its state is no longer to be trusted
            connection.send(_crash(error))
            raise
        signal.setitimer(signal.ITIMER_REAL, 0)


def _crash(error: BaseException) -> Measurement:
    kind = type(error).__name__
    return Measurement(CRASHED, kind, f"{kind}: {error}"[:2000], peak_rss=peak_rss())


def main() -> None:
    descriptor, spec, tokenizer = sys.argv[1:]
    # Ctrl-C reaches the whole process group; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Connection(int(descriptor)) as connection:
        try:
            engine, ready = set_up(spec, Path(tokenizer), connection.recv())
        except Exception as error:
            connection.send(f"{type(error).__name__}: {error}")
            return
        gc.collect()
        gc.freeze()
        connection.send(ready)
        serve(connection, engine)


if __name__ == "__main__":
    main()
