"""`gramask demo --sampler exact`: what masking does to the law of the answers, and how `sampler="exact"` keeps it."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from .api import compile
from .errors import GramaskError

if TYPE_CHECKING:
    from .masks.constraint import Constraint
    from .samplers.prefix_model import PrefixModel
    from .samplers.samples import Samples

N = 2000
N_TEXTS = 400
BUDGET = 4_000
BATCH = 32
ENOUGH = 0.99
"""The share of the schema's probability that the texts gone through have to have."""
SHOWN = 16
LEAST = 5e-4
"""Values of a smaller share in all laws are not shown."""
BAR = 10

Law = dict[str, float]


@dataclass(frozen=True, slots=True)
class Laws:
    """By value, as JSON.

    model  : what the model says of it, given the schema, from going through the texts.
    covered : the share of the schema's probability that these texts have, at least.
    masked, exact : the shares of `n` draws.
    masked_distance, exact_distance : from the model's law, as total variation.
    noise  : what that of `n` independent draws from the model's law would be about.
    log_z  : the natural logarithm of the probability that the model writes a text of the schema by itself.
    rows   : asked of the model for the draws, in this order.
    """

    n: int
    model: Law
    covered: float
    masked: Law
    exact: Law
    masked_distance: float
    exact_distance: float
    noise: float
    log_z: float
    rows: dict[str, int]


def compare(
    model: Any, tokenizer: Any, prompt: str, schema: Any, *, n: int, max_new_tokens: int, seed: int
) -> Laws:
    """Draw `n` answers by masking alone and as many with the model's own law, and go through the most probable texts.

    Raises GramaskError where these are too many.
    """
    from .samplers.loading import n_logits_of, vocabulary_of
    from .samplers.prefix_model import PrefixModel
    from .samplers.prompts import encode_prompts
    from .samplers.sampling import sample

    vocabulary = vocabulary_of(model, tokenizer)
    constraint = compile(schema, vocabulary, n_logits=n_logits_of(model), whitespace="compact")
    (prompt_ids,) = encode_prompts(tokenizer, prompt).token_ids
    own = PrefixModel(model, prompt_ids, eos_ids=vocabulary.eos_ids)
    length = max_new_tokens - 1
    law, log_z, covered = _law_of_the_model(own, constraint, length)
    masked = sample(own, constraint, n, method="local", max_tokens=length, seed=seed)
    exact = sample(own, constraint, n, method="cars", max_tokens=length, seed=seed, batch=BATCH)
    shares = [_shares(constraint, samples) for samples in (masked, exact)]
    return Laws(
        n,
        law,
        covered,
        shares[0],
        shares[1],
        distance(law, shares[0]),
        distance(law, shares[1]),
        noise=sum(math.sqrt(p * (1.0 - p) / n) for p in law.values()) / math.sqrt(2.0 * math.pi),
        log_z=log_z,
        rows={"masked": masked.stats.forwards, "exact": exact.stats.forwards},
    )


def distance(law: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Total variation."""
    return sum(abs(law.get(value, 0.0) - other.get(value, 0.0)) for value in law.keys() | other.keys()) / 2


def _law_of_the_model(own: PrefixModel, constraint: Constraint, length: int) -> tuple[Law, float, float]:
    """By value; the logarithm of the probability of all texts; the share of it that the texts gone through have."""
    from .samplers.search import search
    from .samplers.validity_trie import ROOT, ValidityTrie

    trie = ValidityTrie()
    found = search(
        own,
        constraint,
        N_TEXTS,
        method="best_first",
        max_tokens=length,
        budget=BUDGET,
        batch=BATCH,
        trie=trie,
    )
    masses = [math.exp(log_prob) for log_prob in found.log_probs]
    covered = sum(masses) / trie.theta(ROOT)
    if covered < ENOUGH:
        raise GramaskError(
            f"the {len(masses)} most probable texts of the schema have {covered:.0%} of its probability, so its law "
            "cannot be shown",
            hint="give a schema with fewer values",
        )
    law: Law = {}
    for tokens, mass in zip(found.tokens, masses, strict=True):
        value = _value(constraint, tokens)
        law[value] = law.get(value, 0.0) + mass / sum(masses)
    return dict(sorted(law.items(), key=lambda item: -item[1])), math.log(sum(masses)), covered


def _shares(constraint: Constraint, samples: Samples) -> Law:
    counts = Counter(_value(constraint, tokens) for tokens in samples.tokens)
    return {value: count / len(samples.tokens) for value, count in counts.most_common()}


def _value(constraint: Constraint, tokens: tuple[int, ...]) -> str:
    """One spelling for each value, so that spellings of it count together."""
    text = b"".join(constraint.vocabulary.tokens[token] for token in tokens).decode("utf-8", "replace")
    return json.dumps(json.loads(text, parse_float=_number), ensure_ascii=False)


def _number(text: str) -> int | float:
    value = float(text)
    return int(value) if value.is_integer() else value


def show(console: Console, prompt: str, schema: Any, laws: Laws) -> None:
    """A table of the three laws side by side."""
    console.print(Panel(Text(prompt), title="prompt", title_align="left"))
    console.print("schema:", Text(json.dumps(schema)))
    sides = (laws.model, laws.masked, laws.exact)
    top = max(p for law in sides for p in law.values())
    shown = [value for value in laws.model if max(law.get(value, 0.0) for law in sides) >= LEAST][:SHOWN]
    table = Table(expand=True)
    table.add_column("value", overflow="fold")
    table.add_column("the model's own law")
    table.add_column(f"masked: {laws.n} draws")
    table.add_column(f'sampler="exact": {laws.n} draws')
    for value in shown:
        table.add_row(Text(value), *(_bar(law.get(value, 0.0), top) for law in sides))
    console.print(table)
    if len(laws.model) > len(shown):
        console.print(f"... and {len(laws.model) - len(shown)} values that are less probable")
    console.print(
        "The model's own law is what it says of each text, given that the text is one of the schema. Masking "
        "favours what begins well but can hardly go on: token by token, it never asks how probable that is."
    )
    console.print(
        f"distance to the model's law (total variation): masked [bold red]{laws.masked_distance:.3f}[/], "
        f"exact [bold green]{laws.exact_distance:.3f}[/]; that of {laws.n} true draws would be about {laws.noise:.3f}",
        highlight=False,
    )
    console.print(
        f"left alone, the model writes a text of the schema with probability {math.exp(laws.log_z):.2g}; "
        f"rows asked of it: {laws.rows['masked']} masked, {laws.rows['exact']} exact",
        highlight=False,
    )


def as_json(prompt: str, schema: Any, model: str, seed: int, laws: Laws) -> dict[str, Any]:
    """The same for machines."""
    return {"prompt": prompt, "schema": schema, "model": model, "seed": seed, **asdict(laws)}


def _bar(share: float, top: float) -> Text:
    return Text(f"{share:6.1%} ") + Text("█" * round(BAR * share / top), "cyan")
