"""How often the embedded model is right without any constraint, to compare a constraint with.

python -m training.evaluate --samples 200
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from jsonschema import Draft202012Validator
from rich.console import Console
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils.logging import disable_progress_bar

from .records import KINDS, examples

ASSETS = Path(__file__).resolve().parent.parent / "assets"
Answer = Callable[[str, int], list[str]]


def load_answer(path: Path) -> Answer:
    """A function from a prompt and a count to that many completions, drawn from the model as it is."""
    model: Any = AutoModelForCausalLM.from_pretrained(path)
    tokenizer = AutoTokenizer.from_pretrained(path)

    def answer(prompt: str, n: int) -> list[str]:
        inputs = tokenizer([prompt], return_tensors="pt")
        output = model.generate(**inputs, num_return_sequences=n, max_new_tokens=256)
        return tokenizer.batch_decode(output[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)

    return answer


def parse(text: str) -> tuple[bool, Any]:
    try:
        return True, json.loads(text)
    except json.JSONDecodeError:
        return False, None


def first_errors(texts: list[str], schema: dict[str, Any]) -> Iterator[str]:
    """For each text "valid", "not JSON", or the property and keyword that fail first."""
    validator = Draft202012Validator(schema)
    for text in texts:
        is_json, value = parse(text)
        error = next(iter(validator.iter_errors(value)), None) if is_json else None
        if not is_json:
            yield "not JSON"
        elif error is None:
            yield "valid"
        else:
            yield f"{error.json_path} {error.validator}"


def demo_texts(answer: Answer, prompt: str, n: int) -> list[str]:
    return [text for begin in range(0, n, 50) for text in answer(prompt, min(50, n - begin))]


def held_out_scores(answer: Answer, seed: int, n: int) -> tuple[int, int]:
    """(JSON, equal to the record) of `n` prompts that describe a record: what the model can copy."""
    heads = ("Record: ", *(f"{kind.noun.capitalize()}: " for kind in KINDS))
    described = (example for example in examples(seed) if example.prompt.startswith(heads))
    n_json = n_equal = 0
    for example in islice(described, n):
        is_json, value = parse(answer(example.prompt, 1)[0])
        n_json += is_json
        n_equal += is_json and value == json.loads(example.completion)
    return n_json, n_equal


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=ASSETS / "model", help="folder (default: %(default)s)")
    parser.add_argument(
        "--samples", type=int, default=200, help="samples of each kind (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1234, help="of sampling and of the held-out records")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: %(default)s)")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)
    disable_progress_bar()
    torch.manual_seed(arguments.seed)
    console, answer, n = Console(), load_answer(arguments.model), arguments.samples
    demo = json.loads((ASSETS / "demo.json").read_text())
    texts = demo_texts(answer, demo["prompt"], n)
    outcomes = list(first_errors(texts, demo["schema"]))
    for text in texts[:5]:
        console.print(text, markup=False, highlight=False)
    for outcome in sorted(set(outcomes), key=outcomes.count, reverse=True):
        console.print(f"{outcomes.count(outcome):5d} of {n}  {outcome}", markup=False)
    n_json, n_equal = held_out_scores(answer, arguments.seed, n)
    console.print(f"described records: {n_json} of {n} are JSON, {n_equal} of {n} equal the record")


if __name__ == "__main__":
    main()
