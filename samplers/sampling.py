"""`sample`: texts of a constraint by a language model, by any of the methods."""

from __future__ import annotations

from ..errors import GramaskError
from .ancestral import draw_locally
from .awrs import Estimator
from .awrs_sampling import draw_weighted
from .choices import Choices, RandomChoices
from .engine import ConstraintLike
from .language_model import LanguageModel, Prefix
from .predicates import Memo, Predicate
from .prefixes import Prefixes
from .samples import Samples
from .smc import RESAMPLING, Particles, Resampling
from .trie_sampling import MAX_ATTEMPTS, POLICIES, TrieSampler
from .validity_trie import ValidityTrie

METHODS = ("local", *POLICIES, "awrs", "smc")


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
    max_attempts: int = MAX_ATTEMPTS,
    batch: int = 1,
    trie: ValidityTrie | None = None,
    predicate: Predicate | None = None,
    estimator: Estimator = "recursive",
    resample: Resampling = "stratified",
) -> Samples:
    """Texts of `constraint`, of at most `max_tokens` tokens, written by `model`.

    method  : "cars", "ars", "rsft", "rs": independent draws from the model's law, given that the text is one of the
              constraint; they differ in what they learn from failed attempts: masks, tokens, the first mask, nothing.
              "asap": the same law in the limit. "weighted": with weights. "local": masking alone. "awrs": with weights,
              each token by rejection of what the predicate refuses. "smc": with weights, `n` texts side by side, of
              which those of small weight are replaced.
    n       : samples. There are fewer where the budget is used up, or with `unique` the language: see `.stats.stopped`.
    choices : where randomness comes from; by default RandomChoices(seed).
    unique  : no text twice: each is drawn from the law of those that are left (Kool et al. 2019, sampling sequences
              without replacement). For the exact methods.
    budget  : the most rows that may be asked of the model.  max_attempts : the most texts that are begun.
    batch   : attempts that run at the same time, for one call of the model.
    trie    : what was learned before about this model and this constraint; it is learned further.
    predicate : what is wanted beside the constraint, see `predicates.Predicate`; never asked twice about the same
              tokens. For all methods but "local".
    estimator : of "awrs", see `awrs.draw_valid`.  resample : of "smc", "stratified" or "systematic".
    Raises GramaskError for arguments out of range, a row that is no law, and a language without a text that the model
    gives a probability within the length.
    """
    if n < 0 or max_tokens < 0 or batch < 1:
        raise GramaskError(
            f"n={n}, max_tokens={max_tokens} and batch={batch} are counts, the last one from 1 on"
        )
    if method not in METHODS:
        raise GramaskError(f"there is no method {method!r}", hint=f"it is one of {', '.join(METHODS)}")
    prefixes = Prefixes(model, constraint, max_tokens)
    choices = RandomChoices(seed) if choices is None else choices
    policy = POLICIES.get(method)
    if unique and (policy is None or policy.exactness != "exact"):
        raise GramaskError(
            f"method={method!r} cannot keep texts from repeating", hint="use an exact one, as 'cars'"
        )
    if method == "local":
        if predicate is not None:
            raise GramaskError(
                "masking alone knows no predicate", hint="use another method, as 'cars' or 'awrs'"
            )
        return draw_locally(prefixes, choices, n)
    memo = Memo(_anything if predicate is None else predicate)
    if method == "smc":
        if resample not in RESAMPLING:
            raise GramaskError(
                f"there is no resampling {resample!r}", hint=f"it is one of {', '.join(RESAMPLING)}"
            )
        own = None if predicate is None else memo
        return Particles(prefixes, choices, max(n, 1), trie=trie, resample=resample, predicate=own).run()
    if policy is None:
        return draw_weighted(prefixes, memo, choices, n, max_attempts=max_attempts, estimator=estimator)
    sampler = TrieSampler(
        prefixes,
        policy,
        choices,
        trie=trie,
        batch=batch,
        budget=budget,
        max_attempts=max_attempts,
        unique=unique,
        predicate=None if predicate is None else memo,
    )
    samples = sampler.draw(n)
    if n and not samples.tokens and not unique and samples.stats.stopped == "no text is left":
        raise GramaskError(
            f"the model gives no text of the constraint with at most {max_tokens} tokens a probability above 0",
            hint="allow more tokens, or change the prompt",
        )
    return samples


def _anything(tokens: Prefix, is_whole: bool) -> bool:
    return True
