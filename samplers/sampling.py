"""`sample`: texts of a constraint by a language model, by any of the methods."""

from __future__ import annotations

from ..errors import GramaskError
from .ancestral import draw_locally
from .choices import Choices, RandomChoices
from .engine import ConstraintLike
from .language_model import LanguageModel
from .prefixes import Prefixes
from .samples import Samples
from .trie_sampling import MAX_ATTEMPTS, POLICIES, TrieSampler
from .validity_trie import ValidityTrie

METHODS = ("local", *POLICIES)


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
) -> Samples:
    """Texts of `constraint`, of at most `max_tokens` tokens, written by `model`.

    method  : "cars", "ars", "rsft", "rs": independent draws from the model's law, given that the text is one of the
              constraint; they differ in what they learn from failed attempts: masks, tokens, the first mask, nothing.
              "asap": the same law in the limit. "weighted": with weights. "local": masking alone.
    n       : samples. There are fewer where the budget is used up, or with `unique` the language: see `.stats.stopped`.
    choices : where randomness comes from; by default RandomChoices(seed).
    unique  : no text twice: each is drawn from the law of those that are left (Kool et al. 2019, sampling sequences
              without replacement). For the exact methods.
    budget  : the most rows that may be asked of the model.  max_attempts : the most texts that are begun.
    batch   : attempts that run at the same time, for one call of the model.
    trie    : what was learned before about this model and this constraint; it is learned further.
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
    if policy is None:
        return draw_locally(prefixes, choices, n)
    sampler = TrieSampler(
        prefixes,
        policy,
        choices,
        trie=trie,
        batch=batch,
        budget=budget,
        max_attempts=max_attempts,
        unique=unique,
    )
    samples = sampler.draw(n)
    if n and not samples.tokens and not unique and samples.stats.stopped == "no text is left":
        raise GramaskError(
            f"the model gives no text of the constraint with at most {max_tokens} tokens a probability above 0",
            hint="allow more tokens, or change the prompt",
        )
    return samples
