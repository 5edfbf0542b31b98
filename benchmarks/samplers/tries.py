"""What a trie of bounds takes: bytes for each prefix, and µs to learn that one leads nowhere."""

from __future__ import annotations

import time
from statistics import median
from typing import Any

import numpy as np

from gramask.samplers import ValidityTrie, sample

from .model import Embedded
from .tasks import Task

N_TIMED = 2000


def measure(embedded: Embedded, task: Task, *, n: int, budget: int) -> dict[str, Any]:
    """Of the trie that `n` texts leave."""
    trie = ValidityTrie()
    constraint = task.constraint(embedded.vocabulary, embedded.n_logits)
    sample(
        embedded.behind(task.prompt), constraint, n, max_tokens=task.max_tokens, batch=32, seed=0, budget=budget,
        trie=trie, progress=False,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    chosen = rng.permutation(trie.n_nodes)[:N_TIMED]
    depths = [len(trie.prefix(int(node))) for node in chosen]
    times = []
    for node in chosen:
        begin = time.perf_counter()
        trie.rule_out(int(node))
        times.append(1e6 * (time.perf_counter() - begin))
    return {
        "nodes": trie.n_nodes,
        "bytes_per_node": trie.n_bytes / trie.n_nodes,
        "back_up_us": median(times),
        "back_up_us_max": max(times),
        "depth": float(np.mean(depths)),
    }
