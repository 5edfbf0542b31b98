"""`gramask demo`: what a constraint changes, shown on one prompt."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rich.console import Console
from rich.live import Live
from rich.panel import Panel
from rich.pretty import Pretty
from rich.progress import Progress
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from .api import check, compile, constrain
from .errors import GramaskError, InvalidSchema

if TYPE_CHECKING:
    from .masks.constraint import Constraint
    from .samplers.constrained import Constrained
    from .samplers.result import Result

ASSETS = Path(__file__).resolve().parent / "assets"
EMBEDDED_MODEL = ASSETS / "model"
N = 20
N_FOR_LAWS = 2000
BATCH = 10
SHOWN = 3
LONGEST = 400
TEMPERATURE = 1.0

SNIPPET = """\
import gramask
from transformers import AutoModelForCausalLM
model = AutoModelForCausalLM.from_pretrained("path/to/model")
answer = gramask.constrain(model, schema)  # or a type, such as Person
print(answer("Invent a person, as JSON.").value)"""
EXACT_SNIPPET = """\
answer = gramask.constrain(model, schema, sampler="exact")
for result in answer("Invent a person, as JSON.", n=8):
    print(result.value, result.law.log_z)  # how probable such texts are to the model"""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """See `gramask demo --help`."""

    schema: Path | None = None
    model: Path | None = None
    prompt: str | None = None
    seed: int = 0
    n: int | None = None
    max_new_tokens: int = 160
    as_json: bool = False
    sampler: Literal["local", "exact"] = "local"

    @property
    def n_answers(self) -> int:
        """Laws need many more to be seen."""
        return self.n or (N_FOR_LAWS if self.sampler == "exact" else N)


@dataclass(frozen=True, slots=True)
class Task:
    """What the model is asked, and the language of the answer."""

    prompt: str
    schema: Any
    model_folder: Path


@dataclass(frozen=True, slots=True)
class Measurement:
    """Costs of the constraint, without the compilation of kernels.

    compile_ms : to compile the schema again, with the kernels and the tokenizer's tables loaded.
    mask_us_p50, mask_us_p99 : to fill one mask, over all tokens of the constrained answers, replayed on that
        fresh constraint, whose tables fill on the way.
    n_masks : how many.
    jumped_share : tokens of one greedy answer, of 1, that `jump=True` writes without asking the model.
    """

    compile_ms: float
    mask_us_p50: float
    mask_us_p99: float
    n_masks: int
    jumped_share: float


def run_demo(options: DemoOptions) -> None:
    """Run the demo and print it to the terminal; as one JSON object on standard output with `as_json`.

    Raises GramaskError where the schema or the model cannot be used, or torch and transformers are missing.
    """
    console = Console(stderr=options.as_json)
    task = task_of(options)
    _refuse_early(task)
    with _step(console, "loading torch, transformers and the model"):
        model = _load(task.model_folder)
    with _step(console, "compiling (a first run compiles the kernels, which takes a while)"):
        compile_kernels()
        make = constrain(model, task.schema)
    if options.sampler == "exact":
        _run_laws(console, make, task, options)
        return
    with Progress(console=console, transient=True) as progress:
        free = _in_batches(progress, "without a constraint", options, partial(free_answers, make, task))
        held = _in_batches(progress, "with the constraint", options, partial(held_answers, make, task))
    with _step(console, "measuring masks"):
        measurement = measure(make, task, options, held)
    is_valid = validator_of(task.schema)
    if options.as_json:
        print(json.dumps(_as_json(task, options, free, held, measurement, is_valid), indent=2))
        return
    _show_answers(console, task, free, held, is_valid)
    _show_stream(console, make, task, options)
    _show_costs(console, measurement)
    _show_snippet(console, SNIPPET)


def _run_laws(console: Console, make: Constrained[Any], task: Task, options: DemoOptions) -> None:
    """The law of the model, that of masking and that of `sampler="exact"`, side by side."""
    from .demo_laws import as_json, compare, show

    with _step(console, f"going through the texts, and drawing {options.n_answers} answers in both ways"):
        laws = compare(
            make.model,
            make.tokenizer,
            task.prompt,
            task.schema,
            n=options.n_answers,
            max_new_tokens=options.max_new_tokens,
            seed=options.seed,
        )
    if options.as_json:
        print(
            json.dumps(
                as_json(task.prompt, task.schema, str(task.model_folder), options.seed, laws), indent=2
            )
        )
    else:
        show(console, task.prompt, task.schema, laws)
        _show_snippet(console, EXACT_SNIPPET)


def _refuse_early(task: Task) -> None:
    """Raise for what can be known before torch is loaded, which takes seconds."""
    if not task.model_folder.is_dir():
        raise GramaskError(f"there is no folder {str(task.model_folder)!r}", hint="give a local model")
    error = check(task.schema).error
    if error is not None:
        raise error


def task_of(options: DemoOptions) -> Task:
    """The embedded prompt and schema, or what the options put in their place."""
    shipped = json.loads((ASSETS / "demo.json").read_text(encoding="utf-8"))
    shipped = shipped["laws"] if options.sampler == "exact" else shipped
    schema = shipped["schema"] if options.schema is None else _read_schema(options.schema)
    prompt = options.prompt
    if prompt is None:
        prompt = shipped["prompt"] if options.schema is None else _prompt_for(schema, options.model)
    return Task(prompt, schema, options.model or EMBEDDED_MODEL)


def compile_kernels() -> None:
    """Call every kernel once, so that it is compiled and kept on disk; on a vocabulary of little more than bytes."""
    import numpy as np

    from .logits.host import call_kernels
    from .masks.exits import merged_exits
    from .masks.kernels.bits import add_common, any_of
    from .masks.rows import FewWords
    from .masks.vocabulary import Vocabulary

    texts = [*(bytes([byte]) for byte in range(256)), b"6,", b'6, "', b""]  # some that leave a number
    vocabulary = Vocabulary(texts, eos_ids=[len(texts) - 1])
    person = json.loads((ASSETS / "demo.json").read_text(encoding="utf-8"))["schema"]
    short = {"type": "string", "maxLength": 2}
    names = {
        "^x": {"type": "string", "pattern": "^[a-z]b{2}", "maxLength": 9},
        "^y": {"type": "number", "minimum": 7},
    }
    apart = {"type": "object", "patternProperties": names, "additionalProperties": {"enum": ["x", "yy"]}}
    texts_of = (
        (person, b'{"name": "\\u00e9", "age": 36, '),
        (short, b'"'),
        (apart, b'{"a": "x", "xa": "abb", "y": 8, "a'),
    )
    for schema, text in texts_of:
        constraint = compile(schema, vocabulary, cache=False)
        matcher = constraint.matcher()
        mask = np.zeros(constraint.n_words, dtype=np.int32)
        for byte in text:
            matcher.fill_mask(mask)
            matcher.advance(byte)
        matcher.fill_mask(mask)
        matcher.forced_tokens(8)
        matcher.closing_tokens()
    # What is made only where it is asked for often.
    tables = constraint.engine.tables
    merged_exits(tables.all.levels, np.array([[1, 0, 1]], np.int32), tables.beginning)
    words = mask.view(np.uint32)
    assert tables.kept.keep(words) is tables.kept.keep(words)
    add_common(words, words, words.copy())
    any_of(tables.with_quote, words)
    FewWords(np.zeros((2, 0), np.uint32), len(words)).put(mask)
    call_kernels()


def compile_grammar_kernels() -> None:
    """The same for those that only context-free grammars need."""
    import numpy as np

    from .grammar.context_free.flat_items import FlatItems
    from .grammar.gbnf import parse_gbnf
    from .grammar.makers import gbnf
    from .grammar.pushdown import Pushdown
    from .masks.vocabulary import Vocabulary

    grammar = 'root ::= x "a" | "(" root ")" | [é]\nx ::= "b" "a"+ | "[" x "]"'  # an "a" may end `x` or go on
    vocabulary = Vocabulary([*(bytes([byte]) for byte in range(256)), b""], eos_ids=[256])
    constraint = compile(gbnf(grammar), vocabulary, cache=False)
    matcher = constraint.matcher()
    mask = np.empty(constraint.n_words, np.int32)
    for byte in b"([baa":
        matcher.fill_mask(mask)
        matcher.advance(byte)
    matcher.closing_tokens()
    for byte in b"]a":
        matcher.advance(byte)
    FlatItems(parse_gbnf(grammar).program, Pushdown()).grow()


def free_answers(make: Constrained[Any], task: Task, options: DemoOptions, n: int, seed: int) -> list[str]:
    """`n` answers drawn from the model as it is, at temperature 1."""
    import torch

    from .samplers.prompts import encode_prompts

    (prompt,) = encode_prompts(make.tokenizer, task.prompt).token_ids
    ids = torch.tensor([prompt], device=make.model.device)
    torch.manual_seed(seed)
    output = make.model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        do_sample=True,
        temperature=TEMPERATURE,
        top_k=0,
        top_p=1.0,
        num_return_sequences=n,
        max_new_tokens=options.max_new_tokens,
        pad_token_id=make.pad_id,
    )
    texts: list[str] = make.tokenizer.batch_decode(output[:, len(prompt) :], skip_special_tokens=True)
    return texts


def held_answers(
    make: Constrained[Any], task: Task, options: DemoOptions, n: int, seed: int
) -> list[Result[Any]]:
    """`n` answers drawn under the constraint, at temperature 1."""
    results: list[Result[Any]] = make.sample(
        task.prompt, n, temperature=TEMPERATURE, seed=seed, max_new_tokens=options.max_new_tokens
    )
    return results


def measure(
    make: Constrained[Any], task: Task, options: DemoOptions, results: list[Result[Any]]
) -> Measurement:
    """Compile the schema once more, fill a mask before each token of `results`, and jump once."""
    import numpy as np

    from .samplers.loading import n_logits_of

    begin = time.perf_counter()
    vocabulary = make.constraints.vocabulary  # type: ignore[union-attr]
    constraint = compile(task.schema, vocabulary, n_logits=n_logits_of(make.model), cache=False)
    constraint.matcher()
    compile_ms = 1e3 * (time.perf_counter() - begin)
    times = [us for result in results for us in _mask_times(constraint, result.tokens)]
    p50, p99 = np.percentile(times, [50, 99])
    jumping: Result[Any] = make(task.prompt, jump=True, max_new_tokens=options.max_new_tokens)
    jumped_share = jumping.stats.jumped_tokens / len(jumping.tokens)
    return Measurement(compile_ms, float(p50), float(p99), len(times), jumped_share)


def _mask_times(constraint: Constraint, tokens: tuple[int, ...]) -> Iterator[float]:
    """µs to fill the mask before each token."""
    import numpy as np

    matcher = constraint.matcher()
    mask = np.zeros(constraint.n_words, dtype=np.int32)
    for token in tokens:
        begin = time.perf_counter()
        matcher.fill_mask(mask)
        yield 1e6 * (time.perf_counter() - begin)
        matcher.advance(token)


def validator_of(schema: Any) -> Callable[[str], bool]:
    """Whether a text is a JSON document that satisfies the schema, according to the package jsonschema."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import validator_for

    cls = validator_for(schema, default=Draft202012Validator)
    validator = cls(schema, format_checker=cls.FORMAT_CHECKER)

    def is_valid(text: str) -> bool:
        try:
            return bool(validator.is_valid(json.loads(text)))
        except ValueError:
            return False

    return is_valid


def _load(folder: Path) -> Any:
    from .cli import missing_extra

    try:
        import torch
        import transformers
    except ImportError as error:
        raise missing_extra(error) from error
    from .samplers.loading import load_model

    if folder == EMBEDDED_MODEL:
        # Its matrices are so small that threads spend their time waiting for each other.
        torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        return load_model(folder)
    except (OSError, ValueError) as error:
        if isinstance(error, GramaskError):
            raise
        raise GramaskError(f"no model could be loaded from {str(folder)!r}: {error}") from error


def _read_schema(path: Path) -> Any:
    from .grammar.makers import resolve
    from .grammar.source import JsonSource

    try:
        source = resolve(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise GramaskError(f"cannot read {path}: {error.strerror or error}") from None
    if not isinstance(source, JsonSource):
        raise InvalidSchema(f"{path} holds no JSON Schema")
    return source.schema


def _prompt_for(schema: Any, model: Path | None) -> str:
    """In the words the embedded model was trained on, or with the whole schema for a model that can read it."""
    if model is not None:
        return f"Answer with JSON that follows this JSON Schema:\n{json.dumps(schema)}\nJSON: "
    keys = list(schema.get("properties", {})) if isinstance(schema, dict) else []
    return "Describe a record as JSON.\n" + (f"Keys: {', '.join(keys)}\n" if keys else "") + "JSON: "


def _in_batches(
    progress: Progress, title: str, options: DemoOptions, draw: Callable[[DemoOptions, int, int], list[Any]]
) -> list[Any]:
    """All the answers that `draw(options, n, seed)` gives, in batches small enough to show progress."""
    begin = time.perf_counter()
    bar = progress.add_task(f"{options.n_answers} answers {title}", total=options.n_answers)
    answers: list[Any] = []
    while len(answers) < options.n_answers:
        n = min(BATCH, options.n_answers - len(answers))
        answers += draw(options, n, options.seed + len(answers))
        progress.update(bar, completed=len(answers))
    _say(progress.console, f"{options.n_answers} answers {title}: {time.perf_counter() - begin:.1f} s")
    return answers


@contextmanager
def _step(console: Console, what: str) -> Iterator[None]:
    begin = time.perf_counter()
    with console.status(f"{what} ..."):
        yield
    _say(console, f"{what}: {time.perf_counter() - begin:.1f} s")


def _say(console: Console, text: str) -> None:
    console.print(Text(text, "dim"))


def _show_answers(
    console: Console, task: Task, free: list[str], held: list[Result[Any]], is_valid: Callable[[str], bool]
) -> None:
    held_texts = [result.text for result in held]
    console.print(Panel(Text(task.prompt), title="prompt", title_align="left"))
    table = Table(show_lines=True, expand=True)
    for title, texts in (("without a constraint", free), ("with gramask", held_texts)):
        table.add_column(f"{title}: {sum(map(is_valid, texts))} of {len(texts)} valid", ratio=1)
    for pair in list(zip(free, held_texts))[:SHOWN]:
        table.add_row(*(_verdict(text, valid=is_valid(text)) for text in pair))
    console.print(table)
    n_closed = sum(result.finish == "closed" for result in held)
    if n_closed:
        console.print(f"{n_closed} answers were closed to stay within the budget of tokens")


def _verdict(text: str, *, valid: bool) -> Text:
    mark = Text("valid  ", "bold green") if valid else Text("invalid  ", "bold red")
    return mark + Text(text if len(text) <= LONGEST else text[:LONGEST] + " ...")


def _show_stream(console: Console, make: Constrained[Any], task: Task, options: DemoOptions) -> None:
    parts = make.stream(
        task.prompt, temperature=TEMPERATURE, seed=options.seed, max_new_tokens=options.max_new_tokens
    )
    with Live(console=console, refresh_per_second=20) as live:
        for part in parts:
            live.update(Panel(Text(part.text), title="streamed", title_align="left"))
    if not console.is_terminal:
        console.print()  # Live leaves the cursor behind its last line there
    console.print("as a Python value:", Pretty(part.value))


def _show_costs(console: Console, measurement: Measurement) -> None:
    console.print(
        f"mask: p50 {measurement.mask_us_p50:.1f} µs, p99 {measurement.mask_us_p99:.1f} µs "
        f"({measurement.n_masks} masks)   compile: {measurement.compile_ms:.1f} ms   "
        f"tokens that jump=True writes unasked: {measurement.jumped_share:.0%}",
        highlight=False,
    )


def _show_snippet(console: Console, snippet: str) -> None:
    console.print(Panel(Syntax(snippet, "python"), title="with a model of yours", title_align="left"))


def _as_json(
    task: Task,
    options: DemoOptions,
    free: list[str],
    held: list[Result[Any]],
    measurement: Measurement,
    is_valid: Callable[[str], bool],
) -> dict[str, Any]:
    texts = [result.text for result in held]
    return {
        "prompt": task.prompt,
        "schema": task.schema,
        "model": str(task.model_folder),
        "n": options.n_answers,
        "seed": options.seed,
        "max_new_tokens": options.max_new_tokens,
        "unconstrained": {"valid": sum(map(is_valid, free)), "texts": free},
        "constrained": {
            "valid": sum(map(is_valid, texts)),
            "texts": texts,
            "finish": [result.finish for result in held],
            "tokens": [len(result.tokens) for result in held],
        },
        **asdict(measurement),
    }
