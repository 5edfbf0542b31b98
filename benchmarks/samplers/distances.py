"""How far what samplers draw is from the model's own law, where this is known."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from gramask.samplers import sample, search
from gramask.samplers.choices import RandomChoices
from gramask.samplers.validity_trie import ROOT, ValidityTrie

from .model import Embedded
from .tasks import Task

SIZES = (10, 30, 100, 300, 1000, 3000)
METHODS = {
    "masking": {"method": "local"},
    "ASAp": {"method": "asap", "batch": 1},
    "CARS": {"method": "cars", "batch": 1},
    "shared trie, batch 32": {"method": "cars", "batch": 32},
    "MCMC": {"method": "mcmc", "steps": 10},
}
N_TEXTS = 400
RUNS = 4
"""So many times the runs of the costs, because distances vary more."""
ENOUGH = 0.98
"""The share of the language's probability that the texts gone through have to have."""

Law = dict[tuple[int, ...], float]


def law_of(embedded: Embedded, task: Task) -> tuple[Law, float]:
    """The law of the most probable texts, and the share of the language's probability that they have at least."""
    trie = ValidityTrie()
    found = search(
        embedded.behind(task.prompt),
        task.constraint(embedded.vocabulary, embedded.n_logits),
        N_TEXTS,
        method="best_first",
        max_tokens=task.max_tokens,
        budget=20_000,
        batch=32,
        trie=trie,
    )
    masses = [math.exp(log_prob) for log_prob in found.log_probs]
    total = sum(masses)
    return {text: mass / total for text, mass in zip(found.tokens, masses, strict=True)}, total / trie.theta(
        ROOT
    )


def distance(law: Law, texts: list[tuple[int, ...]]) -> float:
    """Total variation between a law and the shares of some texts."""
    counts = Counter(texts)
    return sum(abs(law.get(text, 0.0) - counts[text] / len(texts)) for text in law.keys() | counts.keys()) / 2


def noise(law: Law, n: int) -> float:
    """About the distance of `n` independent draws: E|X - np| of a binomial X, as if it were normal."""
    return sum(math.sqrt(p * (1.0 - p) / (2.0 * math.pi * n)) for p in law.values())


def measure(embedded: Embedded, task: Task, *, seeds: int) -> dict[str, Any] | None:
    """Distances by method and number of texts, with the rows asked for; None where too little of the law is known."""
    law, covered = law_of(embedded, task)
    if covered < ENOUGH:
        return None
    constraint = task.constraint(embedded.vocabulary, embedded.n_logits)
    curves: dict[str, list[dict[str, float]]] = {label: [] for label in METHODS}
    for label, options in METHODS.items():
        for n in SIZES:
            points = []
            for seed in range(RUNS * seeds):
                model = embedded.behind(task.prompt)
                # Of each size its own draws: those of one seed would begin alike.
                choices = RandomChoices((seed, n))
                samples = sample(
                    model,
                    constraint,
                    n,
                    max_tokens=task.max_tokens,
                    choices=choices,
                    progress=False,
                    **options,
                )
                points.append((distance(law, samples.tokens), samples.stats.forwards, samples.stats.steps))
            means = [sum(column) / len(points) for column in zip(*points, strict=True)]
            curves[label].append(dict(zip(("distance", "forwards", "steps"), means, strict=True), n=n))
    return {
        "covered": covered,
        "texts": len(law),
        "noise": {str(n): noise(law, n) for n in SIZES},
        "curves": curves,
    }
