"""Random documents under masks, over all schemas that compile: is each finished one valid, is there ever no way on?

    python -m benchmarks.random_walks --data DIR --tokenizer DIR --documents 20000 --seed 1

DIR holds MaskBench's `*.json`. A document is a walk of random allowed tokens; past a random length it follows
`closing_tokens`, so that every walk ends. `jsonschema`, with exact numbers and ECMA-262 patterns, judges what was
written. On the way, mask bits are compared with `advance` on a fork. Exit code 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress

import gramask

# The judge is the one of the test suite, which is no part of the package.
sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from reference.authority import Authority

MAX_TOKENS = 20_000


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
    """One document. `fault`: what went wrong on the way, None if nothing did."""

    text: bytes = b""
    n_tokens: int = 0
    fault: str | None = None


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
) -> Walked:
    """A random document of about `length` tokens.

    probes : random tokens per step whose mask bit is compared with `advance` on a fork.
    """
    matcher, walked = constraint.matcher(), Walked()
    mask = np.empty(constraint.n_words, np.int32)
    tokens = constraint.vocabulary.tokens
    try:
        while walked.n_tokens < length:
            ids = allowed_ids(matcher, mask)
            if wrong := disagreement(matcher, mask, rng, probes):
                walked.fault = wrong
                return walked
            token = groups.draw(ids, rng)
            if token in groups.ends:
                break
            take(matcher, token, walked, tokens)
        closing = matcher.closing_tokens()
        for token in closing[:MAX_TOKENS]:
            ids = allowed_ids(matcher, mask)
            if not mask[token >> 5] >> (token & 31) & 1:
                walked.fault = f"the closing token {tokens[token]!r} is not in the mask"
                return walked
            take(matcher, token, walked, tokens)
        ids = allowed_ids(matcher, mask)
        if not matcher.is_accepting() or not groups.ends & set(ids.tolist()):
            walked.fault = "not complete behind the closing tokens"
    except gramask.DeadEnd as error:
        walked.fault = f"dead end: {error}"
    except Exception as error:  # a crash is a finding, and must not end the run
        walked.fault = f"{type(error).__name__}: {error}"
    return walked


def take(matcher: gramask.Matcher, token: int, walked: Walked, tokens: tuple[bytes, ...]) -> None:
    if not matcher.advance(token):
        raise AssertionError(f"the mask allows {tokens[token]!r}, advance does not")
    walked.text += tokens[token]
    walked.n_tokens += 1


def disagreement(matcher: gramask.Matcher, mask: np.ndarray, rng: random.Random, probes: int) -> str | None:
    """The first of `probes` random tokens on whose fate the mask and `advance` disagree."""
    vocabulary = matcher.constraint.vocabulary
    for _ in range(probes):
        token = rng.randrange(len(vocabulary.tokens))
        bit = bool(mask[token >> 5] >> (token & 31) & 1)
        if matcher.fork().advance(token) != bit:
            return f"the mask says {bit} to {vocabulary.tokens[token]!r}, advance the opposite"
    return None


def judge(authority: Authority, text: bytes) -> str:
    """ "valid", "invalid", or why neither can be said."""
    try:
        document = text.decode()
        return "valid" if authority.is_valid(authority.value(document)) else "invalid"
    except (UnicodeDecodeError, json.JSONDecodeError):
        return "invalid"
    except re.error:
        return "unjudged: pattern"
    except RecursionError:
        return "unjudged: recursion"


@dataclass
class Findings:
    """What came of one schema, or of all."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[dict[str, str]] = field(default_factory=list)

    def add(self, other: Findings) -> None:
        self.counts += other.counts
        self.faults += other.faults


def walk_schema(
    name: str, schema: Any, vocabulary: gramask.Vocabulary, groups: TokensByFirstByte, n: int, seed: int
) -> Findings:
    """`n` documents of one schema. Deterministic in `seed` and `name`."""
    found = Findings()
    try:
        constraint = gramask.compile(schema, vocabulary, cache=False)
    except gramask.GramaskError as error:
        found.counts[f"schemas refused: {type(error).__name__}"] += 1
        return found
    found.counts["schemas walked"] += 1
    authority = Authority(schema)
    for i in range(n):
        rng = random.Random(f"{seed} {name} {i}")
        walked = walk_document(constraint, groups, rng, length=rng.choice([0, 5, 20, 60, 150]))
        verdict = judge(authority, walked.text) if walked.fault is None else "broken off"
        found.counts += Counter({"documents": 1, "tokens": walked.n_tokens, f"documents {verdict}": 1})
        if walked.fault or verdict == "invalid":
            text = walked.text.decode(errors="backslashreplace")
            found.faults.append({"schema": name, "fault": walked.fault or verdict, "text": text})
    return found


_vocabulary: gramask.Vocabulary
_groups: TokensByFirstByte


def _set_up(tokenizer: str) -> None:
    global _vocabulary, _groups
    _vocabulary = gramask.Vocabulary.from_tokenizer(tokenizer)
    _groups = TokensByFirstByte(_vocabulary)


def _work(job: tuple[Path, int, int]) -> Findings:
    path, n, seed = job
    schema = json.loads(path.read_text(encoding="utf-8"))["schema"]
    return walk_schema(path.name, schema, _vocabulary, _groups, n, seed)


def run(
    data: Path, tokenizer: str, *, documents: int, seed: int, processes: int, schemas: int | None
) -> dict[str, Any]:
    """Walk until about `documents` documents are written; the record that `--out` keeps."""
    files = sorted(data.glob("*.json"))
    random.Random(seed).shuffle(files)
    files = files[:schemas]
    began, total = time.perf_counter(), Findings()
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("documents", total=documents)
        round_seed = seed
        while files and total.counts["documents"] < documents:
            left = documents - total.counts["documents"]
            each = max(1, -(-left // len(files)))
            before = total.counts["documents"]
            for found in _results([(path, each, round_seed) for path in files], tokenizer, processes):
                total.add(found)
                progress.update(task, completed=total.counts["documents"])
            round_seed += 1
            if total.counts["documents"] == before:
                break
    return {
        "tokenizer": tokenizer,
        "schema files": len(files),
        "seed": seed,
        "counts": dict(sorted(total.counts.items())),
        "faults": total.faults,
        "seconds": round(time.perf_counter() - began, 1),
    }


def _results(jobs: list[tuple[Path, int, int]], tokenizer: str, processes: int) -> Iterator[Findings]:
    if processes == 1:
        _set_up(tokenizer)
        yield from map(_work, jobs)
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, _set_up, (tokenizer,)) as pool:
        yield from pool.imap_unordered(_work, jobs, chunksize=8)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.random_walks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="DIR", help='*.json files with a "schema"')
    add("--tokenizer", required=True, metavar="DIR", help="a transformers tokenizer on disk")
    add(
        "--documents", type=int, default=20_000, metavar="N", help="about how many documents to write (20000)"
    )
    add("--schemas", type=int, metavar="N", help="only N of the schemas, drawn by --seed (all)")
    add("--seed", type=int, default=0, metavar="S", help="of everything random (0)")
    add("--processes", type=int, default=1, metavar="N", help="side by side (1)")
    add("--out", type=Path, metavar="FILE", help="write the counts and every fault there, as JSON")
    chosen = parser.parse_args(arguments)
    if not chosen.data.is_dir():
        parser.error(f"--data {chosen.data} is not a directory")
    record = run(
        chosen.data,
        chosen.tokenizer,
        documents=chosen.documents,
        seed=chosen.seed,
        processes=chosen.processes,
        schemas=chosen.schemas,
    )
    if chosen.out:
        chosen.out.write_text(json.dumps(record, indent=1, ensure_ascii=False), encoding="utf-8")
    for name, count in record["counts"].items():
        print(f"{count:>9}  {name}")
    for fault in record["faults"][:20]:
        print(f"FAULT {fault['schema']}: {fault['fault']}: {fault['text'][:200]}")
    print(f"{len(record['faults'])} faults in {record['seconds']} s")
    return 1 if record["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
