"""Threads that share a kernel's work. Kernels run without the GIL."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from itertools import pairwise


@cache
def _pool(n_workers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(n_workers, thread_name_prefix="gramask-logits")


# A child process has the pools of its parent, but not their threads.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)


def in_parts(work: Callable[[int, int], None], n: int, n_parts: int) -> None:
    """Call `work(begin, end)` for `n_parts` equal parts of range(n), the first one on this thread."""
    n_parts = max(1, min(n_parts, n))
    bounds = [n * part // n_parts for part in range(n_parts + 1)]
    if n_parts == 1:
        return work(0, n)
    others = [_pool(n_parts - 1).submit(work, begin, end) for begin, end in pairwise(bounds[1:])]
    try:
        work(0, bounds[1])
    finally:
        # Whatever happens here: nobody may go on while others still write.
        wait(others)
    for other in others:
        other.result()
