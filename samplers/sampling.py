"""`sample`: texts of a constraint by a language model, by any of the methods."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from ..errors import GramaskError
from .ancestral import draw_locally
from .arguments import all_impossible, check_counts, given_options
from .awrs_sampling import draw_weighted
from .choices import Choices, RandomChoices
from .engine import ConstraintLike
from .language_model import LanguageModel
from .mcmc import draw_chains
from .predicates import Memo, Predicate
from .prefixes import Prefixes
from .progress import shown_progress
from .samples import Samples
from .smc import draw_particles
from .trie_sampling import MAX_ATTEMPTS, POLICIES, TrieSampler
from .validity_trie import ROOT, ValidityTrie

_ON_A_TRIE = frozenset(("budget", "predicate", "max_attempts", "batch", "trie"))
OPTIONS = {
    **{
        name: _ON_A_TRIE | ({"unique"} if policy.exactness == "exact" else frozenset())
        for name, policy in POLICIES.items()
    },
    "local": frozenset(("budget", "sampling", "order")),
    "awrs": frozenset(("budget", "predicate", "max_attempts", "estimator")),
    "smc": frozenset(("predicate", "trie", "resample", "continuations", "rejuvenate")),
    "mcmc": frozenset(("budget", "predicate", "steps", "proposal")),
    "auto": _ON_A_TRIE,
}
"""What each method can be told."""
N_TRIAL = 32
LEAST_ACCEPTANCE = 1 / 16


def sample(
    model: LanguageModel,
    constraint: ConstraintLike,
    n: int,
    *,
    method: str = "cars",
    max_tokens: int,
    choices: Choices | None = None,
    seed: int | None = None,
    unique: bool = False,
    budget: int | None = None,
    predicate: Predicate | None = None,
    progress: bool | None = None,
    **options: Any,
) -> Samples:
    """Texts of `constraint`, of at most `max_tokens` tokens, written by `model`.

    method  : "cars", "ars", "rsft", "rs": independent draws from the model's law, given that the text is one of the
              constraint; they differ in what they learn from failed attempts: masks, tokens, the first mask, nothing.
              "asap": the same law in the limit. "weighted": with weights. "local": masking alone. "awrs": with weights,
              each token by rejection of what the predicate refuses. "smc": with weights, `n` texts side by side, of
              which those of small weight are replaced. "mcmc": the same law in the limit of many `steps`, by chains.
              "auto": "cars", or "weighted" where a trial says that fewer than one attempt in 16 would be accepted.
    n       : samples. There are fewer where the budget is used up, or with `unique` the language: see `.stats.stopped`.
    choices : where randomness comes from; by default RandomChoices(seed).
    unique  : no sequence of tokens twice: each is drawn from the law of those that are left. For "cars", "ars", "rsft"
              and "rs".
    budget  : rows of the model. When so many have been asked for, no text is begun any more; those on their way are
              brought to their end, because to give them up would favour short ones. Not for "smc": all begin at once.
    predicate : what is wanted beside the constraint, see `predicates.Predicate`; never asked twice about the same
              tokens. Not for "local".
    progress : whether a run of more than a second shows how far it is; by default where standard error is a terminal.

    Further options, by method, see `OPTIONS`:
    max_attempts : the most texts that are begun (100,000).
    batch   : attempts that run at the same time, for one call of the model (1).
    trie    : a ValidityTrie, what was learned before about this model, constraint, predicate and length, by any method;
              it is learned further. Not with `unique`.
    sampling, order : temperature and cuts, and whether they come in front of the mask, see `MaskedRows`. For other
              methods they are part of the model.
    estimator : see `awrs.draw_valid` ("recursive").
    resample, continuations, rejuvenate : "stratified" (default), "systematic" or "optimal"; see `smc.Particles`. With
              "optimal", texts go on in 2 ways by default.
    steps, proposal : moves for each sample (10), and where texts are cut: "priority" (default), "uniform", "restart".

    Raises GramaskError for arguments out of range or of another method, a row that is no law, a language without a text
    within the length, and, for methods on a trie, one that is impossible to the model. The others then have no samples,
    and say why.
    """
    check_counts(n=n, max_tokens=max_tokens, seed=seed or 0)
    if constraint.matcher().min_tokens_to_accept > max_tokens:
        raise all_impossible(max_tokens)
    memo = None if predicate is None else Memo(predicate)
    told = {"unique": unique or None, "budget": budget, "predicate": memo, **options}
    given = given_options(method, told, OPTIONS)
    check_counts(budget=given.get("budget", 0))
    budget = given.pop("budget", None)
    choices = RandomChoices(seed) if choices is None else choices
    draw = partial(_on_a_trie, method=method) if method in POLICIES else _OTHERS[method]
    with shown_progress(n, progress) as watch:
        prefixes = Prefixes(model, constraint, max_tokens, budget=budget, watch=watch)
        samples = draw(prefixes, choices, n, **given)
    samples.stats.mask_fills = prefixes.n_masks
    samples.stats.predicate_calls = 0 if memo is None else memo.n_calls
    return samples


def _on_a_trie(
    prefixes: Prefixes,
    choices: Choices,
    n: int,
    *,
    method: str,
    max_attempts: int = MAX_ATTEMPTS,
    batch: int = 1,
    unique: bool = False,
    **options: Any,
) -> Samples:
    check_counts(max_attempts=max_attempts, batch=batch - 1)
    if unique and options.get("trie") is not None:
        raise GramaskError(
            "texts that may not come again would be missing from the trie for good",
            hint="leave out `trie` with unique=True",
        )
    sampler = TrieSampler(
        prefixes,
        POLICIES[method],
        choices,
        batch=batch,
        max_attempts=max_attempts,
        unique=unique,
        **options,
    )
    samples = sampler.draw(n)
    if n and not samples.tokens and not unique and samples.stats.stopped == "no text is left":
        raise all_impossible(prefixes.max_tokens)
    return samples


def _by_trial(
    prefixes: Prefixes, choices: Choices, n: int, *, trie: ValidityTrie | None = None, **options: Any
) -> Samples:
    """What a trial finds out is kept, its texts are not: which method they led to would show in their law."""
    trie = ValidityTrie() if trie is None else trie
    trial = _on_a_trie(
        prefixes, choices, N_TRIAL, method="weighted", trie=trie, **{**options, "max_attempts": N_TRIAL}
    )
    acceptance = 0.0 if trial.log_z is None else math.exp(trial.log_z) / (trie.theta(ROOT) or math.inf)
    method = "cars" if acceptance >= LEAST_ACCEPTANCE else "weighted"
    samples = _on_a_trie(prefixes, choices, n, method=method, trie=trie, **options)
    if method == "weighted":
        samples.stats.switched = (
            f"about {acceptance:.2g} of all attempts would be accepted, so texts have weights"
        )
    return samples


_OTHERS: dict[str, Callable[..., Samples]] = {
    "local": draw_locally,
    "awrs": draw_weighted,
    "smc": draw_particles,
    "mcmc": draw_chains,
    "auto": _by_trial,
}
