"""Files that all engines of a figure can take part in, so that each does the same work."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event

from ..corpus import Case, draw, list_files, read_case
from ..engines import ENGINES as SPECS
from ..errors import BenchmarkError, Interrupted
from ..jobs import WARM_UP_SCHEMA, WARM_UP_TEXT, Job
from ..measure import ACCEPTED, COMPLETED, CRASHED, TIMED_OUT
from ..process import EngineProcess
from ..tokens import Encoder
from .figure import Files, Options

LONGEST = 20_000
"""Characters: encoding a longer text takes too long where one of many is wanted."""
Wanted = Callable[[Case, list[list[int]], Options], tuple[int, ...] | None]


@dataclass(frozen=True, slots=True)
class Choice:
    """`n` files that all `engines` compile and walk in time; `wanted` says which instances of a file, None for none."""

    engines: tuple[str, ...]
    n: Callable[[Options], int]
    wanted: Wanted
    accepted: bool


def _one_long_valid(case: Case, tokens: list[list[int]], options: Options) -> tuple[int, ...] | None:
    """The first valid instance that is long enough for all steps from a place behind its beginning."""
    for index, instance in enumerate(case.instances):
        if instance.valid and len(tokens[index]) > options.steps:
            return (index,)
    return None


def _all(case: Case, tokens: list[list[int]], options: Options) -> tuple[int, ...]:
    return tuple(range(len(tokens)))


CHOICES = {
    "batch": Choice(("gramask", "llguidance", "xgrammar"), lambda o: o.matchers, _one_long_valid, True),
    "memory": Choice(("gramask", "llguidance"), lambda o: o.schemas, _all, False),
    "memory-peer": Choice(("gramask", "xgrammar"), lambda o: o.peer_schemas, _all, False),
}


def choose(
    name: str,
    options: Options,
    installed: set[str],
    directory: Path,
    *,
    stop: Event,
    say: Callable[[str], None] = lambda text: None,
) -> Files:
    """The files of a choice, kept in `directory`. Fewer than asked for where there are no more. Raises Interrupted."""
    path = directory / f"chosen-{name}.json"
    if path.exists():
        kept = json.loads(path.read_text(encoding="utf-8"))
        return tuple((file, tuple(instances)) for file, instances in kept["files"])
    choice = CHOICES[name]
    engines = [engine for engine in choice.engines if engine in installed]
    n, found = choice.n(options), []
    for file, instances in _fitting(choice, options, engines, directory, stop):
        found.append((file, instances))
        say(f"choosing files for {name}: {len(found)} of {n}")
        if len(found) == n:
            break
    record = {"engines": engines, "options": asdict(options), "files": found}
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return tuple(found)


def shuffled_files(options: Options) -> list[str]:
    """The files of the sample in an order drawn by seed."""
    names = draw(list_files(Path(options.data)), options.sample, options.seed)
    random.Random(f"figures/{options.seed}").shuffle(names)
    return names


def _fitting(
    choice: Choice, options: Options, engines: list[str], directory: Path, stop: Event
) -> Iterator[tuple[str, tuple[int, ...]]]:
    encoder = Encoder(Path(options.tokenizer))
    processes = [_process(engine, options, directory, stop, encoder) for engine in engines]
    try:
        for process in processes:
            process.start()
        for name in shuffled_files(options):
            if stop.is_set():
                raise Interrupted
            case = read_case(Path(options.data), name)
            if sum(len(instance.text) for instance in case.instances) > LONGEST:
                continue
            tokens = [encoder.encode(instance.text) for instance in case.instances]
            instances = choice.wanted(case, tokens, options)
            if instances is None:
                continue
            job = Job(case.schema, tuple(tuple(tokens[i]) for i in instances), options.choosing_timeout)
            if all(_fits(process, job, accepted=choice.accepted) for process in processes):
                yield name, instances
    finally:
        for process in processes:
            process.kill()


def _fits(process: EngineProcess, job: Job, *, accepted: bool) -> bool:
    found = process.measure(job)
    if found.outcome in (CRASHED, TIMED_OUT) or not process.is_running:
        process.start()
    return found.outcome == COMPLETED and (not accepted or all(stop == ACCEPTED for stop in found.stops))


def _process(engine: str, options: Options, directory: Path, stop: Event, encoder: Encoder) -> EngineProcess:
    if engine not in SPECS:
        raise BenchmarkError(f"unknown engine {engine!r}")
    return EngineProcess(
        SPECS[engine],
        Path(options.tokenizer),
        options={"order": options.order},
        warm_up=Job(WARM_UP_SCHEMA, (tuple(encoder.encode(WARM_UP_TEXT)),), options.timeout),
        log=directory / f"choosing-{engine}.log",
        stop=stop,
        set_up_timeout=options.timeout,
    )
