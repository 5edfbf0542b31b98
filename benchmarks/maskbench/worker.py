"""The process that holds one engine: `python -m benchmarks.maskbench.worker FD ENGINE TOKENIZER OPTIONS`.

It first receives the warm-up job and answers with a SetUp or an error text; then each job with a Measurement, and each
Location with what it asks for. OPTIONS is a JSON object.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from importlib.metadata import PackageNotFoundError, version
from multiprocessing.connection import Connection
from pathlib import Path

from .engines import Engine, checkout, import_checkout, load
from .jobs import Job, Location, SetUp
from .machine import commit_of, short
from .measure import COMPLETED, CRASHED, Measurement, locate, measure, peak_rss


def set_up(
    spec: str, tokenizer: Path, warm_up: Job, options: dict[str, str] | None = None
) -> tuple[Engine, SetUp]:
    """Build the engine and run the warm-up, so that no file pays for imports, JIT compilation or tables."""
    begin = time.perf_counter()
    kind, folder = load(spec), checkout(spec)
    if folder is not None:
        _isolate(folder)
        import_checkout(kind.package, folder)
    taken = {name: value for name, value in (options or {}).items() if name in getattr(kind, "takes", ())}
    engine = kind(tokenizer, **taken)
    built = time.perf_counter()
    outcome = measure(engine, warm_up.schema, warm_up.instances)
    if outcome.outcome != COMPLETED:
        raise RuntimeError(f"the warm-up schema was {outcome.outcome}: {outcome.message}")
    warm_up_s = time.perf_counter() - built
    told = getattr(engine, "options", {})
    return engine, SetUp(_version(engine.package, folder), built - begin, warm_up_s, peak_rss(), told)


def _isolate(folder: Path) -> None:
    """Tables on disk of one version are nothing that another one should read."""
    name = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    os.environ["GRAMASK_CACHE_DIR"] = str(
        Path(tempfile.gettempdir()) / f"maskbench-tables-{os.getuid()}-{name}"
    )


def _version(package: str, folder: Path | None) -> str:
    if folder is not None:
        return f"{getattr(sys.modules[package], '__version__', 'unknown')} ({short(commit_of(folder))})"
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def serve(connection: Connection, engine: Engine) -> None:
    """Answer jobs until the other end closes."""
    while True:
        try:
            job: Job | Location = connection.recv()
        except EOFError:
            return
        if isinstance(job, Location):
            connection.send(tuple(locate(engine, text) for text in job.texts))
            continue
        # The alarm ends the process even inside native code, should the parent be gone before it can.
        signal.setitimer(signal.ITIMER_REAL, job.timeout + 60)
        getattr(engine, "forget", _nothing)()
        gc.collect()
        try:
            connection.send(measure(engine, job.schema, job.instances))
        except Exception as error:
            connection.send(_crash(error))
        except BaseException as error:  # a panic of a native engine: its state is no longer to be trusted
            connection.send(_crash(error))
            raise
        signal.setitimer(signal.ITIMER_REAL, 0)


def _nothing() -> None:
    pass


def _crash(error: BaseException) -> Measurement:
    kind = type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno} in {frames[-1].name})" if frames else ""
    message = f"{kind}: {error}"[:2000] + where
    return Measurement(CRASHED, kind, message, peak_rss=peak_rss(), error=kind)


def main() -> None:
    descriptor, spec, tokenizer, options = sys.argv[1:]
    # Ctrl-C reaches the whole process group; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Connection(int(descriptor)) as connection:
        try:
            engine, ready = set_up(spec, Path(tokenizer), connection.recv(), json.loads(options))
        except Exception as error:
            connection.send(f"{type(error).__name__}: {error}")
            return
        gc.collect()
        gc.freeze()
        connection.send(ready)
        serve(connection, engine)


if __name__ == "__main__":
    main()
