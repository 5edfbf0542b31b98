"""Train the embedded model: a Llama of under two million parameters that answers short requests with JSON.

    python -m training.embedded_model --out assets/model

Runs on one CPU thread in less than an hour. Same seed, steps and machine: same weights.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils.logging import disable_progress_bar

from .records import Example, examples
from .tokenizer import train_tokenizer

CONTEXT = 512
POOL = 2048  # examples sorted by length together, so that a batch carries little padding
HELD_OUT = 512
IGNORED = -100


@dataclass(frozen=True, slots=True)
class Settings:
    """What fixes a training run. `batch_tokens` counts padding; `lr` is the peak learning rate."""

    seed: int
    steps: int
    batch_tokens: int
    lr: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """The facts of a run; losses are natural-log cross-entropy per completion token."""

    settings: Settings
    step: int
    tokens_read: int
    tokens_predicted: int
    train_loss: float
    held_out_loss: float
    minutes: float
    parameters: int
    bytes_on_disk: int


def build_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=160,
        intermediate_size=448,
        num_hidden_layers=4,
        num_attention_heads=5,
        num_key_value_heads=5,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def encode(tokenizer: PreTrainedTokenizerFast, batch: list[Example]) -> list[tuple[list[int], int]]:
    """(tokens, length of the prompt) of each example that fits the context.

    Prompt and completion are encoded apart: at inference the prompt ends before the first generated token,
    so no token may straddle that border in training.
    """
    prompts = tokenizer([example.prompt for example in batch])["input_ids"]
    completions = tokenizer([example.completion for example in batch], add_special_tokens=False)["input_ids"]
    rows = [
        (prompt + completion + [tokenizer.eos_token_id], len(prompt))
        for prompt, completion in zip(prompts, completions, strict=True)
    ]
    return [row for row in rows if len(row[0]) <= CONTEXT]


def collate(rows: list[tuple[list[int], int]], pad: int) -> tuple[Tensor, Tensor]:
    """inputs int64[B, T] and targets int64[B, T], IGNORED at prompts and padding. Padding is on the right."""
    width = max(len(tokens) for tokens, _ in rows)
    inputs = torch.full((len(rows), width), pad)
    targets = torch.full((len(rows), width), IGNORED)
    for row, (tokens, n_prompt) in enumerate(rows):
        inputs[row, : len(tokens)] = torch.tensor(tokens)
        targets[row, n_prompt - 1 : len(tokens) - 1] = torch.tensor(tokens[n_prompt:])
    return inputs, targets


def batches(
    tokenizer: PreTrainedTokenizerFast, seed: int, batch_tokens: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """An endless stream of batches of about `batch_tokens` tokens, each of similar lengths."""
    source = examples(seed)
    rng = random.Random(seed)
    while True:
        rows = sorted(encode(tokenizer, list(islice(source, POOL))), key=lambda row: len(row[0]))
        groups: list[list[tuple[list[int], int]]] = [[]]
        for row in rows:
            if (len(groups[-1]) + 1) * len(row[0]) > batch_tokens:
                groups.append([])
            groups[-1].append(row)
        rng.shuffle(groups)
        for group in groups:
            yield collate(group, tokenizer.pad_token_id)


def completion_loss(model: LlamaForCausalLM, inputs: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy over the completions. Causal attention never looks at the padding on the right."""
    with torch.autocast("cpu", torch.bfloat16):
        hidden = model.model(inputs, use_cache=False).last_hidden_state
        wanted = targets != IGNORED
        logits = model.lm_head(hidden[wanted])
    return torch.nn.functional.cross_entropy(logits.float(), targets[wanted])


@torch.no_grad()
def held_out_loss(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, seed: int) -> float:
    """Mean loss over HELD_OUT examples of a stream that training never reads."""
    rows = encode(tokenizer, list(islice(examples(seed), HELD_OUT)))
    total, count = 0.0, 0
    for begin in range(0, len(rows), 32):
        inputs, targets = collate(rows[begin : begin + 32], tokenizer.pad_token_id)
        n = int((targets != IGNORED).sum())
        total += completion_loss(model, inputs, targets).item() * n
        count += n
    return total / count


def build_optimizers(model: LlamaForCausalLM, lr: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for the embedding and the norms."""
    inner = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    outer = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    muon = torch.optim.Muon(inner, lr=lr, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
    return [muon, torch.optim.AdamW(outer, lr=lr, betas=(0.9, 0.98), weight_decay=0.01)]


def learning_rate(settings: Settings, step: int) -> float:
    """Linear warm-up over 100 steps, then half a cosine down to zero."""
    warm_up = min(1.0, (step + 1) / 100)
    return settings.lr * warm_up * 0.5 * (1 + math.cos(math.pi * step / settings.steps))


def write_model(model: LlamaForCausalLM, folder: Path) -> None:
    """Store the weights in float16, which halves the download, under a config that says float32.

    float32 is what they are loaded and run in: CPUs are slower in half precision, and bfloat16 logits
    have many exact ties.
    """
    # The output matrix is the embedding; as a copy in half precision it would be stored a second time.
    stored = {name: tensor.half() for name, tensor in model.state_dict().items() if name != "lm_head.weight"}
    model.save_pretrained(folder, state_dict=stored)
    (folder / "model.safetensors").chmod(0o644)


def write_sampling(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """`generation_config.json`: draw from the model's own distribution, neither sharpened nor cut off."""
    sampling = GenerationConfig(  # type: ignore[no-untyped-call]
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        do_sample=True,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        max_new_tokens=256,
    )
    sampling.save_pretrained(folder)


def save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, out: Path) -> int:
    """Write the checkpoint to `out`, each file whole or not at all; returns its size in bytes."""
    # A reader may have the old weights mapped into memory: they are replaced, not overwritten.
    with tempfile.TemporaryDirectory(dir=out.parent) as name:
        folder = Path(name)
        write_model(model, folder)
        write_sampling(tokenizer, folder)
        tokenizer.save_pretrained(folder)
        name_tokenizer_class(folder / "tokenizer_config.json")
        for path in folder.iterdir():
            path.replace(out / path.name)
    return sum(path.stat().st_size for path in out.iterdir() if path.is_file())


def name_tokenizer_class(path: Path) -> None:
    """Put the class name that transformers 4 and 5 both know; 5 writes one of its own."""
    written = json.loads(path.read_text())
    written["tokenizer_class"] = "PreTrainedTokenizerFast"
    path.write_text(json.dumps(written, indent=2) + "\n")


class Run:
    """One training run: model, optimizers and counters."""

    def __init__(
        self, settings: Settings, tokenizer: PreTrainedTokenizerFast, out: Path, console: Console
    ) -> None:
        torch.manual_seed(settings.seed)
        self.settings, self.tokenizer, self.out, self.console = settings, tokenizer, out, console
        self.model = build_model(tokenizer)
        self.optimizers = build_optimizers(self.model, settings.lr)
        self.begun = time.monotonic()
        self.tokens_read = self.tokens_predicted = 0
        self.smooth_loss = math.nan

    def train_step(self, step: int, inputs: Tensor, targets: Tensor) -> None:
        lr = learning_rate(self.settings, step)
        loss = completion_loss(self.model, inputs, targets)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = lr
            optimizer.step()
            optimizer.zero_grad()
        self.tokens_read += int((inputs != self.tokenizer.pad_token_id).sum())
        self.tokens_predicted += int((targets != IGNORED).sum())
        value = loss.item()
        self.smooth_loss = value if math.isnan(self.smooth_loss) else 0.98 * self.smooth_loss + 0.02 * value

    def checkpoint(self, step: int) -> Outcome:
        size = save(self.model, self.tokenizer, self.out)
        outcome = Outcome(
            settings=self.settings,
            step=step,
            tokens_read=self.tokens_read,
            tokens_predicted=self.tokens_predicted,
            train_loss=round(self.smooth_loss, 4),
            held_out_loss=round(held_out_loss(self.model, self.tokenizer, self.settings.seed + 2), 4),
            minutes=round((time.monotonic() - self.begun) / 60, 1),
            parameters=self.model.num_parameters(),
            bytes_on_disk=size,
        )
        self.console.print(
            f"step {step}: loss {outcome.train_loss}, held out {outcome.held_out_loss}, "
            f"{outcome.tokens_read:,} tokens, {outcome.minutes} min, {size:,} bytes in {self.out}"
        )
        return outcome

    def train(self, checkpoint_minutes: float) -> Outcome:
        stream = batches(self.tokenizer, self.settings.seed + 1, self.settings.batch_tokens)
        saved = time.monotonic()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self.console) as progress:
            task = progress.add_task("training", total=self.settings.steps)
            for step, (inputs, targets) in enumerate(islice(stream, self.settings.steps)):
                self.train_step(step, inputs, targets)
                progress.update(task, advance=1, description=f"loss {self.smooth_loss:.3f}")
                if time.monotonic() - saved > checkpoint_minutes * 60:
                    self.checkpoint(step + 1)
                    saved = time.monotonic()
        return self.checkpoint(self.settings.steps)


def parse_arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m training.embedded_model", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--out", type=Path, default=Path("assets/model"), help="folder to write (default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="data, initial weights and order (default: %(default)s)"
    )
    parser.add_argument("--steps", type=int, default=1600, help="optimizer steps (default: %(default)s)")
    parser.add_argument(
        "--batch-tokens", type=int, default=3072, help="tokens per step (default: %(default)s)"
    )
    parser.add_argument("--lr", type=float, default=4e-3, help="peak learning rate (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: %(default)s)")
    parser.add_argument(
        "--checkpoint-minutes", type=float, default=4.0, help="time between saves (default: %(default)s)"
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    arguments = parse_arguments(argv)
    torch.set_num_threads(arguments.threads)
    disable_progress_bar()
    console = Console()
    settings = Settings(arguments.seed, arguments.steps, arguments.batch_tokens, arguments.lr)
    console.print("training the tokenizer")
    tokenizer = train_tokenizer(settings.seed)
    arguments.out.mkdir(parents=True, exist_ok=True)
    outcome = Run(settings, tokenizer, arguments.out, console).train(arguments.checkpoint_minutes)
    (arguments.out / "training.json").write_text(json.dumps(asdict(outcome), indent=2) + "\n")
    console.print(
        f"done: held-out loss {outcome.held_out_loss}, {outcome.parameters:,} parameters, "
        f"{outcome.bytes_on_disk:,} bytes in {arguments.out}"
    )


if __name__ == "__main__":
    main()
