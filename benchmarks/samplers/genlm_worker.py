"""Runs in the environment of genlm-control: reads a task, then gives one run of its particles for each line it reads.

Nothing here imports gramask, which that environment need not have.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time


async def main() -> None:
    import torch
    from genlm.control import AWRS, BoolFSA, PromptedLLM

    torch.set_num_threads(1)  # as on our side
    task = json.loads(sys.stdin.readline())
    model = PromptedLLM.from_name(task["model"], backend="hf", prompt_ids=task["prompt_ids"])
    potential = BoolFSA.from_regex(task["pattern"]).coerce(model, f=b"".join)
    sampler = AWRS(model, potential)
    answer({})
    for _ in sys.stdin:
        # What the model said is forgotten, as it is on our side.
        model.model.clear_cache()
        begin = time.perf_counter()
        found = await sampler.smc(
            n_particles=task["particles"], ess_threshold=0.5, max_tokens=task["max_tokens"]
        )
        seconds = time.perf_counter() - begin
        tokens = sum(len(context) for context in found.contexts)
        texts = sum(bool(weight > float("-inf")) for weight in found.log_weights)
        answer({"s": seconds, "tokens": tokens, "texts": texts, "log_z": float(found.log_ml)})


def answer(message: dict[str, float]) -> None:
    print(json.dumps(message), flush=True)


asyncio.run(main())
