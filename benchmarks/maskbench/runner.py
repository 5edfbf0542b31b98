"""The run: files in order, engines in turn on each file, results written as they come."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

from .corpus import Case, draw, list_files, read_case
from .errors import BenchmarkError, Interrupted
from .jobs import WARM_UP_SCHEMA, WARM_UP_TEXT, Job
from .machine import describe_machine
from .measure import CRASHED, TIMED_OUT
from .process import EngineProcess
from .records import VALID_REJECTED, FileRecord, Results, ResultStore, grade, place, read_results
from .tokens import Encoder


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides a run's results; a resumed run must have the same.

    engines     : display name -> spec, see `engines.resolve`.
    order       : of object members, for engines that can be told: "any" or "schema" (as the schema lists them).
    sample      : number of files drawn by `seed`, None for all; sample_for: the same per engine.
    timeout     : seconds per file and engine. reverse: files in descending order of name.
    workers     : processes that measure at the same time; above 1 the timings disturb each other.
    """

    data: str
    tokenizer: str
    engines: dict[str, str]
    sample: int | None = None
    sample_for: dict[str, int] = field(default_factory=dict)
    seed: int = 0
    timeout: float = 30.0
    set_up_timeout: float = 900.0
    limit_instances: int | None = None
    reverse: bool = False
    workers: int = 1
    order: str = "any"


@dataclass(frozen=True, slots=True)
class Plan:
    """The files to run, in order, and for each engine the set of files it takes part in."""

    files: list[str]
    members: dict[str, set[str]]

    def turns(self, file: str, seed: int) -> list[str]:
        """The engines of `file` in an order drawn by seed and file, so that no engine always runs first."""
        engines = [engine for engine, files in self.members.items() if file in files]
        random.Random(f"{seed}/{file}").shuffle(engines)
        return engines


def plan(settings: Settings) -> Plan:
    """Raises BenchmarkError for data without files, or a --sample-for of an engine that is not run."""
    if strangers := set(settings.sample_for) - set(settings.engines):
        raise BenchmarkError(f"--sample-for names {', '.join(sorted(strangers))}, not among the engines")
    files = draw(list_files(Path(settings.data)), settings.sample, settings.seed)
    files = sorted(files, reverse=settings.reverse)
    members = {
        engine: set(draw(files, settings.sample_for.get(engine), settings.seed))
        for engine in settings.engines
    }
    return Plan(files, members)


class Run:
    """One session of a run, from a new or a resumed results directory to the last file or an interruption.

    on_record : called after each file and engine, with the record; from the thread that measured.
    """

    def __init__(
        self,
        settings: Settings,
        directory: Path,
        *,
        resume: bool = False,
        on_record: Callable[[FileRecord], None] = lambda record: None,
    ) -> None:
        self.settings = settings
        self.directory = directory
        self.plan = plan(settings)
        self.stop = Event()
        self.on_record = on_record
        self._data = Path(settings.data)
        # A damaged file must show now, not in the third hour.
        for file in self.plan.files:
            read_case(self._data, file)
        self.done = _claim(directory, settings, self.plan, resume)
        self._encoder = Encoder(Path(settings.tokenizer))
        self._encoding = Lock()
        self._failure: BaseException | None = None

    def execute(self) -> None:
        """Run what is left. Raises SetUpFailed; returns early once `stop` is set."""
        files = iter([file for file in self.plan.files if self._missing(file)])
        handing_out = Lock()
        store = ResultStore(self.directory)
        lanes = [
            Thread(target=self._lane, args=(_locked(files, handing_out), store, index), daemon=True)
            for index in range(self.settings.workers)
        ]
        for lane in lanes:
            lane.start()
        # Joined in slices: only between them does the main thread run signal handlers.
        for lane in lanes:
            while lane.is_alive():
                lane.join(0.25)
        store.close()
        if self._failure is not None:
            raise self._failure

    def _missing(self, file: str) -> list[str]:
        turns = self.plan.turns(file, self.settings.seed)
        return [engine for engine in turns if (file, engine) not in self.done]

    def _lane(self, files: Iterator[str], store: ResultStore, index: int) -> None:
        """One process per engine, one of them at work at any time."""
        processes = {engine: self._process(engine, index) for engine in self.settings.engines}
        try:
            for engine, process in processes.items():
                store.add_start(engine, "begin", process.start())
            for file in files:
                self._run_file(file, processes, store)
        except Interrupted:
            pass
        except BaseException as error:
            self._failure = error
            self.stop.set()
        finally:
            for process in processes.values():
                process.kill()

    def _run_file(self, file: str, processes: dict[str, EngineProcess], store: ResultStore) -> None:
        case = read_case(self._data, file, self.settings.limit_instances)
        job = self._job(case)
        lengths = [len(tokens) for tokens in job.instances]
        for engine in self._missing(file):
            if self.stop.is_set():
                raise Interrupted
            begin = time.perf_counter()
            measurement = processes[engine].measure(job)
            elapsed = time.perf_counter() - begin
            failures = grade(case, lengths, measurement)
            self._locate(failures, case, processes[engine])
            self.on_record(store.add_file(case, engine, failures, measurement, elapsed))
            if not processes[engine].is_running or measurement.outcome in (CRASHED, TIMED_OUT):
                # Restarted at once, while no other engine is being measured.
                store.add_start(engine, measurement.outcome, processes[engine].start())

    def _locate(self, failures: list[dict[str, Any]], case: Case, process: EngineProcess) -> None:
        """Enter the byte where each valid text was refused; behind the clock, and without another mask."""
        rejected = [failure for failure in failures if failure["kind"] == VALID_REJECTED]
        spelled = [self._encoder.spell(case.instances[failure["instance"]].text) for failure in rejected]
        texts = tuple(tuple(tokens) for tokens in spelled if tokens is not None)
        if texts:
            for failure, byte in zip(rejected, process.locate(texts, self.settings.timeout)):
                place(failure, case, byte)

    def _job(self, case: Case) -> Job:
        with self._encoding:
            instances = tuple(tuple(self._encoder.encode(instance.text)) for instance in case.instances)
        return Job(case.schema, instances, self.settings.timeout)

    def _process(self, engine: str, index: int) -> EngineProcess:
        with self._encoding:
            tokens = tuple(self._encoder.encode(WARM_UP_TEXT))
        return EngineProcess(
            self.settings.engines[engine],
            Path(self.settings.tokenizer),
            options={"order": self.settings.order},
            warm_up=Job(WARM_UP_SCHEMA, (tokens,), self.settings.set_up_timeout),
            log=self.directory / f"{engine}-{index}.log",
            stop=self.stop,
            set_up_timeout=self.settings.set_up_timeout,
        )


def _locked(items: Iterator[str], lock: Lock) -> Iterator[str]:
    """The next items of an iterator that several threads share."""
    while True:
        with lock:
            item = next(items, None)
        if item is None:
            return
        yield item


def _claim(directory: Path, settings: Settings, plan: Plan, resume: bool) -> set[tuple[str, str]]:
    """Begin or continue the results in `directory`; returns the (file, engine) pairs already there."""
    before = _results_before(directory)
    if before is None:
        run: dict[str, Any] = {
            "settings": asdict(settings),
            "engines": list(settings.engines),
            "planned": {engine: len(files) for engine, files in plan.members.items()},
            "sessions": [],
        }
        done: set[tuple[str, str]] = set()
    elif not resume:
        raise BenchmarkError(
            f"{directory} already holds results; continue them with --resume, or name another --out"
        )
    else:
        run = before.run
        _check_same(run["settings"], asdict(settings))
        done = {(record.file, record.engine) for record in before.files}
    directory.mkdir(parents=True, exist_ok=True)
    run["sessions"].append(describe_machine())
    (directory / "run.json").write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")
    return done


def _results_before(directory: Path) -> Results | None:
    """The results in `directory`; None where no file was finished, so that a failed start does not stay."""
    if not (directory / "run.json").exists() or not (directory / "results.jsonl").exists():
        return None
    results = read_results(directory)
    if results.files:
        return results
    (directory / "results.jsonl").unlink()
    return None


def _check_same(before: dict[str, Any], now: dict[str, Any]) -> None:
    changed = [key for key in now if before.get(key) != now[key]]
    different = [f"{key} was {before.get(key)!r}, is {now[key]!r}" for key in changed]
    if different:
        raise BenchmarkError(f"--resume needs the arguments of the first session: {'; '.join(different)}")
