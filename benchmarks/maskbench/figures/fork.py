"""Fork and rollback, by the number of tokens before."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable
from typing import Any

from ..engines import Engine
from .adapters import warm_engine
from .figure import Figure, Task, Values

LENGTHS = (10, 100, 1_000, 10_000)
TAKEN_BACK = (1, 8, 64)
COPIES = 200
REPEATS = 9
SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"id": {"type": "integer"}, "name": {"type": "string"}},
        "required": ["id", "name"],
        "additionalProperties": False,
    },
}


def measure_fork(task: Task) -> Values:
    """µs of a fork, and of taking back k tokens that the fork itself took, at each length of a long array."""
    engine, encoder = warm_engine(task)
    tokens = encoder.encode(json.dumps([{"id": i, "name": f"item {i}"} for i in range(1_500)]))
    longest = max(LENGTHS) + max(TAKEN_BACK)
    if len(tokens) < longest:
        raise RuntimeError(f"the document has {len(tokens)} tokens, not {longest}")
    engine.compile(SCHEMA)
    engine.reset()
    fork, advance, rollback = _calls(task.engine)
    done, values = 0, {}
    for length in LENGTHS:
        for token in tokens[done:length]:
            _step(engine, advance, token)
        done = length
        gc.collect()
        values[f"fork_us_{length}"] = _middle(_time_forks, engine.matcher, fork)
        for k in TAKEN_BACK:
            values[f"rollback{k}_us_{length}"] = _middle(
                _time_rollbacks, engine.matcher, fork, advance, rollback, tokens[length : length + k]
            )
    return values


def _step(engine: Engine, advance: Callable[[Any, int], Any], token: int) -> None:
    engine.fill_mask()
    if not advance(engine.matcher, token):
        raise RuntimeError("a token of the document was refused")


def _middle(measure: Callable[..., float], *arguments: Any) -> float:
    """The median of some repeats, the first of which is left out."""
    found = sorted([measure(*arguments) for _ in range(REPEATS + 1)][1:])
    return found[len(found) // 2]


def _time_forks(matcher: Any, fork: Callable[[Any], Any]) -> float:
    """µs of one of many, in a row, each kept."""
    begin = time.perf_counter_ns()
    kept = [fork(matcher) for _ in range(COPIES)]
    elapsed = time.perf_counter_ns() - begin
    return elapsed / 1e3 / len(kept)


def _time_rollbacks(
    matcher: Any,
    fork: Callable[[Any], Any],
    advance: Callable[[Any, int], Any],
    rollback: Callable[[Any, int], Any],
    tokens: list[int],
) -> float:
    """The same of taking back all `tokens`. They are the fork's own: giving back their memory is part of the cost."""
    forks = [fork(matcher) for _ in range(COPIES)]
    for one in forks:
        for token in tokens:
            if not advance(one, token):
                raise RuntimeError("a token of the document was refused")
    n = len(tokens)
    begin = time.perf_counter_ns()
    for one in forks:
        rollback(one, n)
    return (time.perf_counter_ns() - begin) / 1e3 / COPIES


def _calls(
    engine: str,
) -> tuple[Callable[[Any], Any], Callable[[Any, int], Any], Callable[[Any, int], Any]]:
    """What each engine calls fork, advance and rollback."""
    if engine == "llguidance":
        return lambda m: m.deep_copy(), lambda m, t: m.consume_token(t), lambda m, k: m.rollback(k)
    if engine == "xgrammar":
        return lambda m: m.fork(), lambda m, t: m.accept_token(t), lambda m, k: m.rollback(k)
    return lambda m: m.fork(), lambda m, t: m.advance(t), lambda m, k: m.rollback(k)


FIGURE = Figure("fork", "fork and rollback", measure_fork)
