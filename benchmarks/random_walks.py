"""Random documents under masks, over all schemas that compile: is each finished one valid, is there ever no way on?

    python -m benchmarks.random_walks --data DIR --tokenizer DIR --documents 20000 --seed 1

DIR holds MaskBench's `*.json`. A document is a walk of random allowed tokens; past a random length it follows
`closing_tokens`, so that every walk ends. The judge of the test suite (tests/reference/judge.py) says whether what was
written is valid: with exact numbers, ECMA-262 patterns, and every format that gramask enforces; for formats that the
judge itself has no rule for, the twins in tests/test_formats.py decide. On the way, mask bits are compared with
`advance` on a fork.

Nothing ends the run: exceptions, dead processes, documents that take too long or too much memory are faults like any
other (the other documents of the schema are then left out, and the process is started anew). Each fault
is one line of JSON in --faults: "schema" (the file), "order", "kind", "fault", "text", and "seed", from which
`draw_document` repeats the walk. Exit code 1 if there is any; 130 where the run was interrupted, with what was done.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import queue
import random
import re
import resource
import signal
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import Progress

import gramask
from gramask.demo import compile_kernels

# The judge is the one of the test suite, which is no part of the package.
sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from reference.authority import parse_exact
from reference.formats import RULES
from reference.judge import Judge, Malformed, Unjudged
from time_limit import OutOfTime, time_limit

MAX_TOKENS = 20_000
SET_UP_TIMEOUT = 900.0
LENGTHS = (0, 5, 20, 60, 150)
ORDERS = ("schema", "any")

# Kinds of faults.
INVALID = "invalid"
REPEATED_NAME = "repeated name"
BUDGET = "budget exceeded while walking"
DEAD_END = "dead end"
DISAGREEMENT = "mask and advance disagree"
INCOMPLETE = "not complete behind the closing tokens"
CRASH = "exception while walking"
COMPILE_CRASH = "exception while compiling"
JUDGE_CRASH = "exception while judging"
DIED = "process died"
TIMED_OUT = "timed out"
OUT_OF_MEMORY = "out of memory"


class TokensByFirstByte:
    """The ids of a vocabulary's tokens, grouped by their first byte."""

    def __init__(self, vocabulary: gramask.Vocabulary) -> None:
        self.first = np.array([token[0] if token else 256 for token in vocabulary.tokens], np.int32)
        self.ends = set(vocabulary.eos_ids)

    def draw(self, ids: np.ndarray, rng: random.Random) -> int:
        """A token of `ids`: half of the time any, else first its first byte, so that rare punctuation has a chance."""
        if rng.random() < 0.5:
            return int(ids[rng.randrange(len(ids))])
        firsts = self.first[ids]
        present = np.unique(firsts)
        group = ids[firsts == present[rng.randrange(len(present))]]
        return int(group[rng.randrange(len(group))])


@dataclass
class Walked:
    """One document. `kind`: what kind of fault occurred on the way, and `fault` what it was; None if nothing did."""

    text: bytes = b""
    n_tokens: int = 0
    kind: str | None = None
    fault: str | None = None

    def fail(self, kind: str, fault: str) -> Walked:
        self.kind, self.fault = kind, fault
        return self


def allowed_ids(matcher: gramask.Matcher, mask: np.ndarray) -> np.ndarray:
    """int64[n]: the ids in the mask, which is written to `mask`."""
    matcher.fill_mask(mask)
    return np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little"))


def walk_document(
    constraint: gramask.Constraint,
    groups: TokensByFirstByte,
    rng: random.Random,
    *,
    length: int,
    probes: int = 4,
    timeout: float | None = None,
) -> Walked:
    """A random document of about `length` tokens.

    probes  : random tokens per step whose mask bit is compared with `advance` on a fork.
    timeout : seconds, see `time_limit`.
    """
    walked = Walked()
    try:
        with time_limit(timeout):
            return _walk(constraint, groups, rng, length, probes, walked)
    except OutOfTime as error:
        return walked.fail(TIMED_OUT, _describe(error))
    except MemoryError as error:
        return walked.fail(OUT_OF_MEMORY, _describe(error))
    except gramask.DeadEnd as error:
        return walked.fail(DEAD_END, str(error))
    except gramask.CompileBudgetExceeded as error:
        return walked.fail(BUDGET, str(error))
    except Exception as error:  # a crash is a finding, and must not end the run
        return walked.fail(CRASH, _describe(error))


def _walk(
    constraint: gramask.Constraint,
    groups: TokensByFirstByte,
    rng: random.Random,
    length: int,
    probes: int,
    walked: Walked,
) -> Walked:
    matcher, mask = constraint.matcher(), np.empty(constraint.n_words, np.int32)
    tokens = constraint.vocabulary.tokens
    while walked.n_tokens < length:
        ids = allowed_ids(matcher, mask)
        if wrong := disagreement(matcher, mask, rng, probes):
            return walked.fail(DISAGREEMENT, wrong)
        token = groups.draw(ids, rng)
        if token in groups.ends:
            break
        if not take(matcher, token, walked, tokens):
            return walked.fail(DISAGREEMENT, f"the mask allows {tokens[token]!r}, advance does not")
    for token in matcher.closing_tokens()[:MAX_TOKENS]:
        allowed_ids(matcher, mask)
        if not mask[token >> 5] >> (token & 31) & 1:
            return walked.fail(DISAGREEMENT, f"the closing token {tokens[token]!r} is not in the mask")
        if not take(matcher, token, walked, tokens):
            return walked.fail(DISAGREEMENT, f"advance refuses the closing token {tokens[token]!r}")
    ids = allowed_ids(matcher, mask)
    if not matcher.is_accepting() or not groups.ends & set(ids.tolist()):
        return walked.fail(INCOMPLETE, f"accepting: {matcher.is_accepting()}")
    return walked


def take(matcher: gramask.Matcher, token: int, walked: Walked, tokens: tuple[bytes, ...]) -> bool:
    if not matcher.advance(token):
        return False
    walked.text += tokens[token]
    walked.n_tokens += 1
    return True


def disagreement(matcher: gramask.Matcher, mask: np.ndarray, rng: random.Random, probes: int) -> str | None:
    """The first of `probes` random tokens on whose fate the mask and `advance` disagree."""
    vocabulary = matcher.constraint.vocabulary
    for _ in range(probes):
        token = rng.randrange(len(vocabulary.tokens))
        bit = bool(mask[token >> 5] >> (token & 31) & 1)
        if matcher.fork().advance(token) != bit:
            return f"the mask says {bit} to {vocabulary.tokens[token]!r}, advance the opposite"
    return None


def draw_document(
    constraint: gramask.Constraint, groups: TokensByFirstByte, seed: str, timeout: float | None = None
) -> Walked:
    """The document of the `seed` that a fault names."""
    rng = random.Random(seed)
    return walk_document(constraint, groups, rng, length=rng.choice(LENGTHS), timeout=timeout)


def _describe(error: BaseException) -> str:
    """The error and the innermost three places it passed."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    places = " < ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in reversed(frames))
    return f"{type(error).__name__}: {error} [{places}]"


def make_judge(schema: Any) -> Judge:
    """The judge of a schema, with all formats."""
    from test_formats import EXACT, SOUND

    return Judge(schema, formats=True, rules={**EXACT, **SOUND, **RULES})


def judge(authority: Judge, text: bytes) -> str:
    """ "valid", "repeated name", "invalid", or "unjudged: " and why.

    A document that is valid but for a repeated member name, of which the last counts, is a "repeated name".
    """
    try:
        document = text.decode()
        value = _value(authority, document)
        if not authority.is_valid(value):
            return INVALID
        return REPEATED_NAME if _repeats_name(document) else "valid"
    except (UnicodeDecodeError, Malformed, json.JSONDecodeError):
        return INVALID
    except (re.error, Unjudged) as error:
        return f"unjudged: {'pattern' if isinstance(error, re.error) else str(error).partition(':')[0]}"
    except RecursionError:
        return "unjudged: recursion"


def _value(authority: Judge, document: str) -> Any:
    try:
        return authority.parse(document, repeats=True)
    except Unjudged:
        # An exponent beyond the judge's reach: cut off, which no bound can tell, but equality could.
        if "uniqueItems" in json.dumps(authority.root, default=str):
            raise
        return parse_exact(document, integral_floats=authority.integral_floats)


def _repeats_name(document: str) -> bool:
    repeated = False

    def members(pairs: list[tuple[str, Any]]) -> None:
        nonlocal repeated
        repeated |= len({name for name, _ in pairs}) < len(pairs)

    json.loads(document, object_pairs_hook=members, parse_int=str, parse_float=str)
    return repeated


@dataclass
class Findings:
    """What came of one schema, or of all. exhausted : time or memory ran out, the process should not go on."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[dict[str, Any]] = field(default_factory=list)
    exhausted: bool = False

    def add(self, other: Findings) -> None:
        self.counts += other.counts
        self.faults += other.faults

    def fault(self, job: Job, kind: str, message: str, *, seed: str | None = None, text: bytes = b"") -> None:
        self.counts[f"fault: {kind}"] += 1
        self.faults.append(
            {
                "schema": job.name,
                "order": job.order,
                "kind": kind,
                "fault": message,
                "seed": seed,
                "text": text.decode(errors="backslashreplace"),
            }
        )


class Job(NamedTuple):
    """`n` documents of one schema in one order of members; `timeout` in seconds for each, and for compiling."""

    name: str
    schema: Any
    order: str
    n: int
    seed: int
    repeats_are_faults: bool = True
    timeout: float | None = None


def walk_schema(
    name: str,
    schema: Any,
    vocabulary: gramask.Vocabulary,
    groups: TokensByFirstByte,
    n: int,
    seed: int,
    *,
    order: str = "schema",
    repeats_are_faults: bool = True,
) -> Findings:
    """`n` documents of one schema. Deterministic in `seed`, `name` and `order`."""
    return _walk_job(Job(name, schema, order, n, seed, repeats_are_faults), vocabulary, groups)


def _walk_job(job: Job, vocabulary: gramask.Vocabulary, groups: TokensByFirstByte) -> Findings:
    found = Findings()
    try:
        with time_limit(job.timeout):
            constraint = gramask.compile(job.schema, vocabulary, cache=False, order=job.order)
    except (OutOfTime, MemoryError) as error:
        found.exhausted = True
        found.fault(job, TIMED_OUT if isinstance(error, OutOfTime) else OUT_OF_MEMORY, "while compiling")
        return found
    except gramask.GramaskError as error:
        found.counts[f"schemas refused: {type(error).__name__}"] += 1
        return found
    except Exception as error:
        found.fault(job, COMPILE_CRASH, _describe(error))
        return found
    found.counts["schemas walked"] += 1
    try:
        authority = make_judge(job.schema)
    except Exception as error:
        found.fault(job, JUDGE_CRASH, _describe(error))
        return found
    for i in range(job.n):
        _walk_one(found, job, constraint, groups, authority, f"{job.seed} {job.name} {job.order} {i}")
        if found.exhausted:
            break
    return found


def _walk_one(
    found: Findings,
    job: Job,
    constraint: gramask.Constraint,
    groups: TokensByFirstByte,
    authority: Judge,
    seed: str,
) -> None:
    walked = draw_document(constraint, groups, seed, job.timeout)
    found.counts += Counter({"documents": 1, "tokens": walked.n_tokens})
    if walked.kind is not None:
        found.counts["documents broken off"] += 1
        found.exhausted = walked.kind in (TIMED_OUT, OUT_OF_MEMORY)
        found.fault(job, walked.kind, str(walked.fault), seed=seed, text=walked.text)
        return
    try:
        with time_limit(job.timeout):
            verdict = judge(authority, walked.text)
    except OutOfTime:
        verdict = "unjudged: out of time"
    except Exception as error:
        verdict = "unjudged: exception"
        found.fault(job, JUDGE_CRASH, _describe(error), seed=seed, text=walked.text)
    found.counts[f"documents {verdict}"] += 1
    if verdict == INVALID or (verdict == REPEATED_NAME and job.repeats_are_faults):
        found.fault(job, verdict, verdict, seed=seed, text=walked.text)


class Lane:
    """One process that walks schemas, one after the other; started anew when it dies or is exhausted.

    memory : bytes that the process may allocate (Linux: RLIMIT_DATA).
    """

    def __init__(self, tokenizer: str, memory: int) -> None:
        self._tokenizer = tokenizer
        self._memory = memory
        self._process: Any = None
        self._connection: Connection | None = None

    def walk(self, job: Job) -> Findings:
        found = Findings()
        try:
            connection = self._connect()
            connection.send(job)
            # Each document has its own limit inside the process; this one is for kernels that never come back.
            limit = None if job.timeout is None else (2 * job.n + 1) * job.timeout + 60
            if connection.poll(limit):
                found = connection.recv()
                if not found.exhausted:
                    return found
            else:
                found.fault(job, TIMED_OUT, f"after {limit} s: the process did not answer")
        except (EOFError, OSError):
            self._process.join(10)
            found.fault(job, DIED, f"exit code {self._process.exitcode}")
        self.close()
        return found

    def _connect(self) -> Connection:
        if self._connection is None:
            context = multiprocessing.get_context("spawn")
            self._connection, theirs = context.Pipe()
            self._process = context.Process(
                target=_serve, args=(theirs, self._tokenizer, self._memory), daemon=True
            )
            self._process.start()
            theirs.close()
            # The tables of the vocabulary are no part of any schema's time.
            try:
                ready = self._connection.poll(SET_UP_TIMEOUT) and self._connection.recv() == "ready"
            except EOFError:
                ready = False
            if not ready:
                raise SystemExit(
                    "random_walks: a process cannot be set up; is it the tokenizer, or --memory?"
                )
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._process.kill()
            self._process.join()


def _serve(connection: Connection, tokenizer: str, memory: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for the parent, which kills its processes
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    vocabulary = gramask.Vocabulary.from_tokenizer(tokenizer)
    groups = TokensByFirstByte(vocabulary)
    compile_kernels()  # which takes longer than a document may
    connection.send("ready")
    while True:
        try:
            job = connection.recv()
        except EOFError:
            return
        connection.send(_walk_job(job, vocabulary, groups))


def _results(jobs: list[Job], tokenizer: str, processes: int, memory: int) -> Iterator[Findings]:
    """What comes of each job, as it comes."""
    waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
    done: queue.SimpleQueue[Findings | BaseException] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)

    def work(lane: Lane) -> None:
        try:
            while True:
                done.put(lane.walk(waiting.get_nowait()))
        except queue.Empty:
            pass
        except BaseException as error:
            done.put(error)
        finally:
            lane.close()

    for _ in range(processes):
        threading.Thread(target=work, args=(Lane(tokenizer, memory),), daemon=True).start()
    for _ in jobs:
        found = done.get()
        if isinstance(found, BaseException):
            raise found
        yield found


@dataclass(frozen=True)
class Plan:
    """What to walk; the meaning of the command line's options."""

    data: Path
    tokenizer: str
    documents: int
    seed: int
    orders: tuple[str, ...] = ORDERS
    schemas: int | None = None
    processes: int = 2
    timeout: float = 10.0
    memory: int = 6 << 30
    repeats_are_faults: bool = True

    def files(self) -> list[Path]:
        files = sorted(self.data.glob("*.json"))
        random.Random(self.seed).shuffle(files)
        return files[: self.schemas]

    def jobs(self, each: int, seed: int) -> list[Job]:
        """`each` documents of every file in every order."""
        return [
            Job(path.name, _schema(path), order, each, seed, self.repeats_are_faults, self.timeout)
            for path in self.files()
            for order in self.orders
        ]


def _schema(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))["schema"]


def run(plan: Plan, faults: Path) -> dict[str, Any]:
    """Walk until about `plan.documents` documents are written; the record that `--out` keeps.

    faults : each fault is appended as one line of JSON as soon as it is found; not created without any.
    """
    began, total, interrupted = time.perf_counter(), Findings(), False
    n_jobs = len(plan.files()) * len(plan.orders)
    seed = plan.seed
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("documents", total=plan.documents)
        try:
            while n_jobs and (left := plan.documents - (before := total.counts["documents"])) > 0:
                jobs = plan.jobs(-(-left // n_jobs), seed)
                for found in _results(jobs, plan.tokenizer, plan.processes, plan.memory):
                    total.add(found)
                    _append(faults, found.faults)
                    progress.update(task, completed=total.counts["documents"])
                seed += 1
                if total.counts["documents"] == before:
                    break
        except KeyboardInterrupt:  # what was done is still worth telling
            interrupted = True
    return {
        "tokenizer": plan.tokenizer,
        "schema files": len(plan.files()),
        "orders": list(plan.orders),
        "seed": plan.seed,
        "counts": dict(sorted(total.counts.items())),
        "faults": total.faults,
        "seconds": round(time.perf_counter() - began, 1),
        "interrupted": interrupted,
    }


def _append(path: Path, faults: list[dict[str, Any]]) -> None:
    if faults:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(fault) + "\n" for fault in faults)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.random_walks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="DIR", help='*.json files with a "schema"')
    add("--tokenizer", required=True, metavar="DIR", help="a transformers tokenizer on disk")
    add(
        "--documents",
        type=int,
        default=20_000,
        metavar="N",
        help="about how many to write, at least one each (20000)",
    )
    add(
        "--order",
        choices=(*ORDERS, "both"),
        default="both",
        help="of members: every schema once for each (both)",
    )
    add("--schemas", type=int, metavar="N", help="only N of the schemas, drawn by --seed (all)")
    add("--seed", type=int, default=0, metavar="S", help="of everything random (0)")
    add("--processes", type=int, default=2, metavar="N", help="side by side (2)")
    add("--timeout", type=float, default=10.0, metavar="SEC", help="per document, and to compile (10)")
    add("--memory", type=float, default=6.0, metavar="GB", help="per process; what needs more is a fault (6)")
    add("--repeated-names", action=argparse.BooleanOptionalAction, default=True,
        help="a member name that is repeated is a fault; otherwise it is only counted")  # fmt: skip
    add("--faults", type=Path, metavar="FILE",
        help="append every fault there as it is found (results/random-walks-DATE-TIME.jsonl)")  # fmt: skip
    add("--out", type=Path, metavar="FILE", help="write the counts and every fault there, as JSON")
    return parser


def main(arguments: list[str] | None = None) -> int:
    parser = build_parser()
    chosen = parser.parse_args(arguments)
    if not chosen.data.is_dir():
        parser.error(f"--data {chosen.data} is not a directory")
    plan = Plan(
        data=chosen.data,
        tokenizer=chosen.tokenizer,
        documents=chosen.documents,
        seed=chosen.seed,
        orders=ORDERS if chosen.order == "both" else (chosen.order,),
        schemas=chosen.schemas,
        processes=max(1, chosen.processes),
        timeout=chosen.timeout,
        memory=int(chosen.memory * (1 << 30)),
        repeats_are_faults=chosen.repeated_names,
    )
    faults = chosen.faults or Path("results") / f"random-walks-{datetime.now():%Y%m%d-%H%M%S}.jsonl"
    record = run(plan, faults)
    if chosen.out:
        chosen.out.write_text(json.dumps(record, indent=1, ensure_ascii=False), encoding="utf-8")
    for name, count in record["counts"].items():
        print(f"{count:>9}  {name}")
    for fault in record["faults"][:20]:
        where = f"{fault['schema']} ({fault['order']})"
        print(f"FAULT {where}: {fault['kind']}: {fault['fault'][:200]}: {fault['text'][:200]}")
    if record["faults"]:
        print(f"All faults are in {faults}")
    end = "; interrupted, the run is not whole" if record["interrupted"] else ""
    print(f"{len(record['faults'])} faults; wall time {record['seconds']} s{end}")
    if record["interrupted"]:
        return 130
    return 1 if record["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
