"""Masks on logits: gramask, XGrammar and llguidance in turns, on the host and on CUDA where there is a device.

    python -m benchmarks.apply --batches 1,32,256 --dtypes float32,bfloat16 --threads 1,2 --out apply.json

Every engine masks the same logits in place with the same masks, again and again: what is measured is the call as a
decoding loop makes it, the checks of its arguments included. Dense masks allow 96 % of the tokens, as inside of a JSON
string, at random places (in Llama 3's vocabulary the forbidden ones are nearly as scattered); sparse ones allow three.
The engines take turns in random order, call by call, so that what else the machine does hits all of them; an engine
that is not installed is left out. On CUDA the time is that of the device, launches not included.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

import gramask

from .arguments import names, positive, seconds

N_LOGITS = 128_256
MASKS = ("dense", "sparse")
# Cycles that the device idles before a call, so that the call is complete when it begins.
_IDLE_CYCLES = 500_000

Call = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Record:
    """One engine in one setting; times of a call in µs."""

    engine: str
    device: str
    threads: int
    batch: int
    dtype: str
    mask: str
    n_logits: int
    n_calls: int
    median_us: float
    least_us: float


def make_masks(kind: str, batch: int, n_logits: int) -> np.ndarray:
    """int32[batch, ceil(n_logits / 32)], each row another one."""
    rng = np.random.default_rng(0)
    allowed = np.zeros((batch, -(-n_logits // 32) * 32), dtype=bool)
    if kind == "dense":
        allowed[:, :n_logits] = rng.random((batch, n_logits), dtype=np.float32) < 0.96
    else:
        np.put_along_axis(allowed, rng.integers(0, n_logits, (batch, 3)), True, axis=1)
    return np.packbits(allowed, axis=1, bitorder="little").view(np.int32)


def gramask_call(logits: torch.Tensor, masks: torch.Tensor) -> Call:
    return lambda: gramask.apply_mask(logits, masks)


def gramask_threads_call(logits: torch.Tensor, masks: torch.Tensor) -> Call | None:
    """With as many threads as torch has, where those are several; by default it takes one."""
    n = torch.get_num_threads()
    if n == 1 or not logits.is_cpu:
        return None
    return lambda: gramask.apply_mask(logits, masks, threads=n)


def gramask_table_call(logits: torch.Tensor, masks: torch.Tensor) -> Call:
    """Rows that are in the table already."""
    table = gramask.RowTable(logits.shape[1], capacity=max(1, len(masks)), device=logits.device)
    ids = np.array([table.put(row) for row in masks.cpu().numpy()])
    return lambda: table.apply(logits, ids)


def gramask_numpy_call(logits: torch.Tensor, masks: torch.Tensor) -> Call | None:
    if logits.dtype != torch.float32 or not logits.is_cpu:
        return None
    array, words = logits.numpy(), masks.numpy()
    return lambda: gramask.apply_mask(array, words)


def xgrammar_call(logits: torch.Tensor, masks: torch.Tensor) -> Call:
    from xgrammar import apply_token_bitmask_inplace

    return lambda: apply_token_bitmask_inplace(logits, masks)


def llguidance_call(logits: torch.Tensor, masks: torch.Tensor) -> Call:
    from llguidance.torch import apply_token_bitmask_inplace

    return lambda: apply_token_bitmask_inplace(logits, masks)


def llguidance_numpy_call(logits: torch.Tensor, masks: torch.Tensor) -> Call | None:
    if logits.dtype != torch.float32 or not logits.is_cpu:
        return None
    from llguidance.numpy import apply_token_bitmask_inplace

    array, words = logits.numpy(), masks.numpy()
    return lambda: apply_token_bitmask_inplace(array, words)


ENGINES: dict[str, Callable[[torch.Tensor, torch.Tensor], Call | None]] = {
    "gramask": gramask_call,
    "gramask-threads": gramask_threads_call,
    "gramask-table": gramask_table_call,
    "gramask-numpy": gramask_numpy_call,
    "xgrammar": xgrammar_call,
    "llguidance": llguidance_call,
    "llguidance-numpy": llguidance_numpy_call,
}


def time_on_host(call: Call) -> float:
    begin = time.perf_counter()
    call()
    return (time.perf_counter() - begin) * 1e6


def time_on_cuda(call: Call) -> float:
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda._sleep(_IDLE_CYCLES)
    begin.record()
    call()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) * 1e3


def in_turns(
    calls: dict[str, Call], timer: Callable[[Call], float], duration: float
) -> dict[str, list[float]]:
    """Times of each, in µs, in turns for `duration` seconds for each of them; five at least."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        # The first compiles, the second may still make up its mind about shapes.
        for _ in range(3):
            call()
    end = time.perf_counter() + duration * len(calls)
    while time.perf_counter() < end or len(next(iter(times.values()))) < 5:
        # Threads of one engine may still be spinning when the next one begins: not always the same one.
        for name, call in random.sample(list(calls.items()), len(calls)):
            times[name].append(timer(call))
    return times


def ready_calls(engines: Iterable[str], logits: torch.Tensor, masks: torch.Tensor) -> dict[str, Call]:
    """The call of each engine that is installed and takes such logits, tried once."""
    calls = {}
    for engine in engines:
        try:
            call = ENGINES[engine](logits, masks)
            if call is not None:
                call()
                calls[engine] = call
        except Exception as error:
            # An import, a compiler or a kernel that is missing here: the others can still be compared.
            Console(stderr=True).print(f"[yellow]{engine} is left out: {type(error).__name__}: {error}")
    return calls


def measure_case(
    batch: int, dtype: str, mask: str, device: str, engines: Iterable[str], duration: float, n_logits: int
) -> list[Record]:
    logits = torch.randn(batch, n_logits, device=device).to(getattr(torch, dtype))
    words = torch.from_numpy(make_masks(mask, batch, n_logits)).to(device)
    timer = time_on_host if device == "cpu" else time_on_cuda
    times = in_turns(ready_calls(engines, logits, words), timer, duration)
    where = platform.processor() or platform.machine() if device == "cpu" else torch.cuda.get_device_name()
    threads = torch.get_num_threads() if device == "cpu" else 0
    return [
        Record(engine, where, threads, batch, dtype, mask, n_logits, len(one), median(one), min(one))
        for engine, one in times.items()
    ]


def devices_here() -> list[str]:
    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def measure_apply(
    batches: Sequence[int] = (1, 32, 256),
    dtypes: Sequence[str] = ("float32", "bfloat16"),
    masks: Sequence[str] = MASKS,
    *,
    devices: Sequence[str] | None = None,
    threads: Sequence[int] = (1,),
    engines: Sequence[str] = tuple(ENGINES),
    duration: float = 0.5,
    n_logits: int = N_LOGITS,
    advance: Callable[[], object] = lambda: None,
) -> list[Record]:
    """Times of all engines that are there, in all settings.

    devices : of "cpu" and "cuda"; None is all there are.  threads : torch's number, on the host.
    duration : seconds for each engine in each setting.  advance : called behind each setting.
    """
    records = []
    before = torch.get_num_threads()
    try:
        for device, n_threads, batch, dtype, mask in settings(devices, threads, batches, dtypes, masks):
            torch.set_num_threads(n_threads)
            records += measure_case(batch, dtype, mask, device, engines, duration, n_logits)
            advance()
    finally:
        torch.set_num_threads(before)
    return records


def settings(
    devices: Sequence[str] | None, threads: Sequence[int], *others: Sequence[Any]
) -> list[tuple[Any, ...]]:
    """All combinations; threads make no difference to a device, where the first number stands for all."""
    combined: list[tuple[Any, ...]] = [
        (device, number)
        for device in devices or devices_here()
        for number in (threads if device == "cpu" else threads[:1])
    ]
    for values in others:
        combined = [(*one, value) for one in combined for value in values]
    return combined


def show(records: Sequence[Record], console: Console) -> None:
    """Medians in µs, and how many times gramask's each is."""
    engines = list(dict.fromkeys(record.engine for record in records))
    table = Table(
        "device", "threads", "batch", "dtype", "mask", box=SIMPLE, title="µs per call, and × gramask"
    )
    for engine in engines:
        table.add_column(engine, justify="right")
    rows: dict[tuple[Any, ...], dict[str, float]] = {}
    for one in records:
        setting = (one.device, one.threads or "", one.batch, one.dtype, one.mask)
        rows.setdefault(setting, {})[one.engine] = one.median_us
    for setting, found in rows.items():
        cells = [cell(found.get(engine), found.get("gramask")) for engine in engines]
        table.add_row(*map(str, setting), *cells)
    console.print(table)


def cell(time_us: float | None, reference: float | None) -> str:
    if time_us is None:
        return ""
    return f"{time_us:,.1f}" + (f" ({time_us / reference:.2f}×)" if reference else "")


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.apply", description=(__doc__ or "").split("\n\n")[0]
    )
    numbers = {"type": lambda text: [positive(name) for name in names(text)], "metavar": "N,N"}
    parser.add_argument("--batches", default=[1, 32, 256], help="sequences (default 1,32,256)", **numbers)
    parser.add_argument("--threads", default=[1], help="torch's threads on the host (default 1)", **numbers)
    parser.add_argument("--dtypes", type=names, default=["float32", "bfloat16"], help="of the logits")
    parser.add_argument(
        "--masks", type=names, default=list(MASKS), help=f"of {', '.join(MASKS)} (default all)"
    )
    parser.add_argument("--engines", type=names, default=list(ENGINES), help=f"of {', '.join(ENGINES)}")
    parser.add_argument("--devices", type=names, help="of cpu, cuda (default: all there are)")
    parser.add_argument("--vocabulary", type=positive, default=N_LOGITS, help=f"logits (default {N_LOGITS})")
    parser.add_argument("--duration", type=seconds, default=0.5, help="seconds per engine and setting")
    parser.add_argument("--out", type=Path, help="write all records as JSON")
    chosen = parser.parse_args(arguments)
    for option, known in (("masks", MASKS), ("engines", ENGINES), ("devices", ("cpu", "cuda"))):
        if unknown := set(getattr(chosen, option) or ()) - set(known):
            parser.error(f"--{option}: {', '.join(sorted(unknown))} is none of {', '.join(known)}")
    return chosen


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = parse_arguments(arguments)
    cases = settings(chosen.devices, chosen.threads, chosen.batches, chosen.dtypes, chosen.masks)
    console = Console()
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("settings", total=len(cases))
        records = measure_apply(
            chosen.batches,
            chosen.dtypes,
            chosen.masks,
            devices=chosen.devices,
            threads=chosen.threads,
            engines=chosen.engines,
            duration=chosen.duration,
            n_logits=chosen.vocabulary,
            advance=lambda: progress.advance(task),
        )
    show(records, console)
    if chosen.out is not None:
        chosen.out.write_text(json.dumps([asdict(record) for record in records], indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
