"""Answers of a model to a prompt, drawn with the model's own law: `sample`, from a prompt to values."""

from __future__ import annotations

import codecs
import warnings
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from ..errors import GramaskError, ValidationFailed
from .choices import RandomChoices
from .engine import ConstraintLike
from .language_model import Prefix
from .loading import n_positions_of
from .loop import Decoding
from .predicates import WholeTexts
from .prefix_model import PrefixModel
from .result import Law, Result, Stats
from .sampling import OPTIONS, sample

METHODS = {
    "exact": "cars",
    "auto": "auto",
    "weighted": "weighted",
    "asap": "asap",
    "smc": "smc",
    "mcmc": "mcmc",
}
"""What samplers are called here, and in `sample`."""
BATCH = 8
MIN_ATTEMPTS = 10_000
ATTEMPTS_PER_ANSWER = 100
# What the masks leave open is the one predicate there is; a trie holds for one prompt and one temperature.
_NOT_HERE = frozenset(("predicate", "trie"))
_OF_THE_LOOP = ("on_budget", "jump", "attempts")


def law_options(sampler: str) -> tuple[str, ...]:
    """What a sampler can be told beside what `Decoding` says."""
    return ("progress", *sorted(OPTIONS[METHODS[sampler]] - _NOT_HERE))


def draw_answers(
    model: Any,
    prompts: Sequence[Prefix],
    constraints: Sequence[ConstraintLike],
    decoding: Decoding,
    n: int,
    *,
    sampler: str,
    options: dict[str, Any],
) -> list[list[Result[Any]]]:
    """`n` results for each prompt; fewer, with a warning, where there are no more.

    model : a causal model of transformers.  prompts : token ids, none empty.
    decoding : max_new_tokens is part of the language; temperature, top_k and top_p are part of the law of the model, in
        front of the mask; what is about how a loop goes on is refused.
    Raises GramaskError for that, and where a prompt gets no answer at all.
    """
    _refuse_loop_options(decoding, sampler)
    found = []
    for i, (prompt, constraint) in enumerate(zip(prompts, constraints, strict=True)):
        choices = RandomChoices(None if decoding.seed is None else (decoding.seed, i))
        answers = _answers(model, prompt, constraint, decoding, n, sampler, {**options, "choices": choices})
        if len(answers) < n:
            _say_fewer(answers, n)
        found.append(answers)
    return found


def _answers(
    model: Any,
    prompt: Prefix,
    constraint: ConstraintLike,
    decoding: Decoding,
    n: int,
    sampler: str,
    options: dict[str, Any],
) -> list[Result[Any]]:
    """Those to one prompt."""
    eos_ids = tuple(constraint.vocabulary.eos_ids)
    budget = decoding.budget.within(n_positions_of(model), len(prompt))
    own = PrefixModel(model, prompt, eos_ids=eos_ids, sampling=decoding.sampling)
    defaults = {"batch": BATCH, "max_attempts": max(MIN_ATTEMPTS, ATTEMPTS_PER_ANSWER * n)}
    known = OPTIONS[METHODS[sampler]]
    samples = sample(
        own,
        constraint,
        n,
        method=METHODS[sampler],
        max_tokens=budget.max_new_tokens - 1,  # the end token is not among them
        predicate=None if constraint.is_exact else _validation(constraint),
        **{**{name: value for name, value in defaults.items() if name in known}, **options},
    )
    if n and not samples.tokens:
        raise _no_answer(sampler, samples.stats.stopped)
    law = Law(samples.exactness, samples.log_z, samples.stats)
    stats = Stats(samples.stats.calls, len(prompt), samples.stats.mask_fills, 0.0, 0.0, 0, 0, 0)
    return [
        _result(own, constraint, tokens, stats, log_weight, law)
        for tokens, log_weight in zip(samples.tokens, samples.log_weights, strict=True)
    ]


def _result(
    own: PrefixModel, constraint: ConstraintLike, tokens: Prefix, stats: Stats, log_weight: float, law: Law
) -> Result[Any]:
    text = _text(constraint, tokens)
    # Where several tokens end a text, the most probable one stands for them.
    log_end, end = max((own.logprob((end,), behind=tokens), end) for end in own.eos_ids)
    logprob = own.logprob(tokens) + log_end
    return Result(constraint.parse(text), text, (*tokens, end), logprob, "complete", stats, log_weight, law)


def _text(constraint: ConstraintLike, tokens: Prefix) -> str:
    # Invalid bytes are possible where a grammar speaks of bytes.
    data = b"".join(constraint.vocabulary.tokens[token] for token in tokens)
    return codecs.decode(data, "utf-8", errors="replace")


def _validation(constraint: ConstraintLike) -> WholeTexts:
    """What the masks do not enforce, as a predicate."""

    def is_valid(tokens: Prefix) -> bool:
        try:
            constraint.parse(_text(constraint, tokens))
        except ValidationFailed:
            return False
        return True

    return WholeTexts(is_valid)


def _refuse_loop_options(decoding: Decoding, sampler: str) -> None:
    defaults = {field.name: field.default for field in fields(Decoding)}
    for name in _OF_THE_LOOP:
        value = getattr(decoding, name)
        if value != defaults[name]:
            raise GramaskError(
                f"{name}={value!r} says how to go on token by token, which sampler={sampler!r} does not",
                hint=f"leave out {name}",
            )


def _no_answer(sampler: str, reason: str | None) -> GramaskError:
    return GramaskError(
        f"sampler={sampler!r} found no text of the schema: {reason}",
        hint="the model hardly writes such texts by itself: say in the prompt how they look, or take sampler='auto', "
        "which gives weights where exact draws are out of reach",
    )


def _say_fewer(answers: Sequence[Result[Any]], n: int) -> None:
    law = answers[0].law
    reason = None if law is None else law.stats.stopped
    warnings.warn(f"{len(answers)} answers in place of {n}: {reason}", stacklevel=6)
