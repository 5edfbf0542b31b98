"""`search`: the best texts of a constraint by a language model, by any of the methods."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import GramaskError
from .arguments import all_impossible, check_counts, given_options
from .beam import Beam
from .best_first import BestFirst
from .engine import ConstraintLike
from .found import Found
from .holding import Holding
from .hypotheses import OUT_OF_BUDGET
from .language_model import LanguageModel
from .lexical import LexicalBeam
from .lookahead import Lookahead
from .phrases import Phrase, Phrases
from .prefixes import Prefixes

_ON_A_BEAM = frozenset(("width", "budget"))
OPTIONS = {
    "beam": _ON_A_BEAM | {"length_penalty"},
    "lexical": _ON_A_BEAM | {"length_penalty", "phrases"},
    "lookahead": _ON_A_BEAM | {"phrases", "reward", "weight", "depth", "spread"},
    "best_first": frozenset(("batch", "budget", "trie", "phrases")),
}
"""What each method can be told."""
NEEDED = {"lexical": ("phrases",), "lookahead": ("phrases", "reward")}
"""Of these, one has to be told."""
LEAST = {"width": 1, "batch": 1, "spread": 1, "budget": 0, "depth": 0}


def search(
    model: LanguageModel,
    constraint: ConstraintLike,
    n: int = 1,
    *,
    method: str,
    max_tokens: int,
    phrases: Sequence[Phrase | Sequence[Phrase]] | None = None,
    budget: int | None = None,
    **options: Any,
) -> Found:
    """The `n` best texts of `constraint`, of at most `max_tokens` tokens, to `model`: the most probable, unless said.

    method  : "beam": beam search. "lexical": the same with phrases, of which the hypotheses on the beam have more and
              less. "lookahead": beam search that judges hypotheses by how the model would go on.
              "best_first": proved to be the most probable, at the price of as many rows as it takes.
    phrases : bytes, or str for their UTF-8, all of which the text has to hold as it is written, whatever the tokens; a
              tuple for any one of its phrases. Not for "beam". If there is no text that holds them, none is returned.
    budget  : the most rows that may be asked of the model.

    Further options, by method, see `OPTIONS`:
    width   : hypotheses that go on at each step (8).
    length_penalty : texts are ranked by log p over this power of their length, the end counted as a token (0).
    reward  : a `lookahead.Reward`, of tokens and whether the text ends there; log p + weight * reward ranks the texts.
    weight, depth, spread : of what is hoped for (1.0), tokens that are looked ahead (5), and hypotheses for which that
              is done, for each that goes on (2); see `lookahead.Lookahead`.
    batch   : prefixes for one call of the model (1).
    trie    : a ValidityTrie, what was learned before about this model, constraint and length, and the same phrases;
              it is learned further.

    Raises GramaskError for arguments out of range or of another method, a row that is no law, and, without phrases, a
    language without a text that the model gives a probability within the length.
    """
    check_counts(n=n - 1, max_tokens=max_tokens)
    given = given_options(method, {"phrases": phrases, "budget": budget, **options}, OPTIONS)
    _check(method, given)
    holding = Holding(constraint, Phrases(given.pop("phrases", ())))
    if method in NEEDED:
        given["holding"] = holding
    found = _METHODS[method](Prefixes(model, holding, max_tokens), n, **given).run()
    if not found.tokens and found.is_optimal and phrases is None:
        raise all_impossible(max_tokens)
    if not found.tokens and phrases is not None and found.stats.stopped != OUT_OF_BUDGET:
        found.stats.stopped = (
            "no text holds all phrases" if found.is_optimal else "no hypothesis came to hold all phrases"
        )
    return found


def _check(method: str, given: dict[str, Any]) -> None:
    check_counts(**{name: given[name] - least for name, least in LEAST.items() if name in given})
    for name in ("length_penalty", "weight"):
        if not math.isfinite(given.get(name, 0.0)):
            raise GramaskError(f"{name} is not finite")
    needed = NEEDED.get(method, ())
    if needed and not any(name in given for name in needed):
        raise GramaskError(f"method={method!r} needs {' or '.join(needed)}")


_METHODS: dict[str, Callable[..., Beam | BestFirst]] = {
    "beam": Beam,
    "lexical": LexicalBeam,
    "lookahead": Lookahead,
    "best_first": BestFirst,
}
