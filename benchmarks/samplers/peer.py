"""Particles of genlm-control beside ours, on one language and one model, in turns."""

from __future__ import annotations

import json
import math
import subprocess
import time
from pathlib import Path
from statistics import median
from typing import Any

import gramask
from gramask.samplers import sample

from ..maskbench.errors import BenchmarkError
from .model import FOLDER, Embedded
from .tasks import PERSON_PROMPT

PATTERN = r'\{"name": "[A-Za-z ]{1,12}", "age": [6-9][0-9]\}'
MAX_TOKENS = 40
WORKER = Path(__file__).with_name("genlm_worker.py")
OURS = {"gramask smc": {"method": "smc"}, "gramask awrs": {"method": "awrs"}}
"""Under the mask; "awrs" has the pattern as a predicate beside a constraint that allows any text, as the peer has."""


def measure(embedded: Embedded, python: Path, *, particles: int, repeats: int) -> dict[str, Any]:
    """Texts per second, µs per token and the mean estimate of the language's probability, by engine."""
    runs: dict[str, list[dict[str, float]]] = {"genlm-control awrs + smc": []}
    runs.update((name, []) for name in OURS)
    with _Worker(python, embedded, particles) as worker:
        for seed in range(repeats + 1):
            found = {"genlm-control awrs + smc": worker.run()}
            found.update((name, _run(embedded, name, particles, seed)) for name in OURS)
            if seed:  # the first round warms up
                for name, run in found.items():
                    runs[name].append(run)
    return {
        "particles": particles,
        "pattern": PATTERN,
        "engines": {name: _summary(some) for name, some in runs.items()},
    }


def _run(embedded: Embedded, name: str, particles: int, seed: int) -> dict[str, float]:
    language = gramask.compile(gramask.regex(PATTERN), embedded.vocabulary, n_logits=embedded.n_logits)
    anything = gramask.compile(gramask.regex(r"[\s\S]*"), embedded.vocabulary, n_logits=embedded.n_logits)

    def begins_text(tokens: tuple[int, ...], is_whole: bool) -> bool:
        matcher = language.matcher()
        return all(matcher.advance(token) for token in tokens) and (not is_whole or matcher.is_accepting())

    options: dict[str, Any] = {} if name == "gramask smc" else {"predicate": begins_text}
    constraint = language if name == "gramask smc" else anything
    begin = time.perf_counter()
    samples = sample(
        embedded.behind(PERSON_PROMPT), constraint, particles, max_tokens=MAX_TOKENS, seed=seed, progress=False,
        **OURS[name], **options,
    )  # fmt: skip
    seconds = time.perf_counter() - begin
    n_tokens = sum(len(tokens) + 1 for tokens in samples.tokens)
    return {"s": seconds, "tokens": n_tokens, "texts": len(samples.tokens), "log_z": samples.log_z or 0.0}


def _summary(runs: list[dict[str, float]]) -> dict[str, float]:
    return {
        "texts_per_s": median(run["texts"] / run["s"] for run in runs),
        "us_per_token": median(1e6 * run["s"] / run["tokens"] for run in runs),
        "log_z_of_mean": math.log(sum(math.exp(run["log_z"]) for run in runs) / len(runs)),
    }


class _Worker:
    """genlm-control in an environment of its own: a line of JSON in, a line of JSON out."""

    def __init__(self, python: Path, embedded: Embedded, particles: int) -> None:
        self._process = subprocess.Popen(
            [str(python), str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        task = {
            "model": str(FOLDER),
            "prompt_ids": embedded.tokenizer(PERSON_PROMPT).input_ids,
            "pattern": PATTERN,
            "max_tokens": MAX_TOKENS,
            "particles": particles,
        }
        self._ask(task)

    def run(self) -> dict[str, float]:
        return self._ask({})

    def _ask(self, message: dict[str, Any]) -> dict[str, float]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            error = self._process.communicate()[1]
            raise BenchmarkError(f"genlm-control does not run: {error.strip().splitlines()[-1:]}")
        answer: dict[str, float] = json.loads(line)
        return answer

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
