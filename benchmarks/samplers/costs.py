"""What texts with the model's own law cost, method by method."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from gramask.samplers import sample

from .model import Embedded
from .tasks import Task


@dataclass(frozen=True, slots=True)
class Setting:
    """A method as it is run.

    counted : what a text costs: "steps" where the published sampler keeps no rows, and asks for one at each token of
        each attempt; "forwards" where rows are kept in the trie.
    """

    label: str
    method: str
    batch: int
    counted: str


SETTINGS = (
    Setting("RS", "rs", 1, "steps"),
    Setting("ARS", "ars", 1, "steps"),
    Setting("RSFT", "rsft", 1, "steps"),
    Setting("CARS", "cars", 1, "steps"),
    Setting("CARS, rows kept", "cars", 1, "forwards"),
    Setting("shared trie, batch 8", "cars", 8, "forwards"),
    Setting("shared trie, batch 32", "cars", 32, "forwards"),
    Setting("weighted, batch 32", "weighted", 32, "forwards"),
)
PUBLISHED = "CARS"
OURS = "shared trie, batch 32"


def measure(
    embedded: Embedded, task: Task, *, n: int, budget: int, max_attempts: int, seeds: int
) -> list[dict[str, Any]]:
    """One record for each setting, with the runs of all seeds and their medians."""
    constraint = task.constraint(embedded.vocabulary, embedded.n_logits)
    records = []
    for setting in SETTINGS:
        runs = []
        for seed in range(seeds):
            model = embedded.behind(task.prompt)
            begin = time.perf_counter()
            samples = sample(
                model,
                constraint,
                n,
                method=setting.method,
                max_tokens=task.max_tokens,
                batch=setting.batch,
                budget=budget,
                max_attempts=max_attempts,
                seed=seed,
                progress=False,
            )
            runs.append(_run(samples, time.perf_counter() - begin))
        records.append({**asdict(setting), "runs": runs, **_medians(runs, setting.counted)})
    return records


def _run(samples: Any, seconds: float) -> dict[str, Any]:
    top = max(samples.log_weights, default=0.0)
    weights = [math.exp(log_weight - top) for log_weight in samples.log_weights]
    # Of weighted texts, as many as independent ones they are worth. Source: Kong (1992).
    effective = sum(weights) ** 2 / sum(weight * weight for weight in weights) if weights else 0.0
    own = {"n": len(samples.tokens), "effective": effective, "log_z": samples.log_z, "s": seconds}
    return {**asdict(samples.stats), **own}


def _medians(runs: list[dict[str, Any]], counted: str) -> dict[str, Any]:
    """Per text, over the seeds; None where a run has no text."""
    if not all(run["effective"] for run in runs):
        return {"rows_per_text": None, "calls_per_text": None, "attempts_per_text": None, "ms_per_text": None}
    return {
        "rows_per_text": median(run[counted] / run["effective"] for run in runs),
        "calls_per_text": median(
            run["steps" if counted == "steps" else "calls"] / run["effective"] for run in runs
        ),
        "attempts_per_text": median(run["attempts"] / run["effective"] for run in runs),
        "ms_per_text": median(1e3 * run["s"] / run["effective"] for run in runs),
    }
