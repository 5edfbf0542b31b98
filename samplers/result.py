"""What a generation gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from .samples import Exactness, SampleStats

T = TypeVar("T")

# complete: the text is in the language and the model ended it (only the end token may be missing,
#           where the budget ended with the text).
# closed:   the budget was about to end, so the rest of the text is the shortest ending known.
# length:   the budget ended first; the text is a prefix of the language.
Finish = Literal["complete", "closed", "length"]


@dataclass(frozen=True, slots=True)
class Stats:
    """What one row of a generation cost.

    n_forward       : calls of the model, for the whole batch the row was part of.
    n_prompt_tokens : length of the prompt.
    n_masks         : masks filled for this row.
    mask_us_median  : median and maximum time to fill one, in µs; 0 where there was none.
    mask_us_max     : see above.
    forced_tokens   : tokens written where the constraint left no choice of text.
    jumped_tokens   : those of them written without asking the model for a choice (`jump=True`).
    closing_tokens  : tokens of the ending that `on_budget="close"` wrote, the end token included.
    """

    n_forward: int
    n_prompt_tokens: int
    n_masks: int
    mask_us_median: float
    mask_us_max: float
    forced_tokens: int
    jumped_tokens: int
    closing_tokens: int


@dataclass(frozen=True, slots=True)
class Law:
    """What is known of the law of answers that were drawn together, see `Samples`.

    exactness : what law they have.  log_z : an estimate of the natural logarithm of the probability that the model,
        with this prompt and left alone, writes a text of the schema; None where the sampler has none.
    stats     : what it took, for all of them.
    """

    exactness: Exactness
    log_z: float | None
    stats: SampleStats


@dataclass(frozen=True, slots=True)
class Result(Generic[T]):
    """One finished generation.

    value   : the typed value of the text; None where `finish` is "length".
    text    : the generated text, without end tokens. Half a character at the end is left out.
    tokens  : the generated token ids, the end token included where one was written.
    logprob : natural log of the probability that the model alone, unmasked and at temperature 1,
              gives to `tokens` after the prompt.
    finish  : "complete", "closed" (ended for it, to stay within the budget) or "length" (cut).
    log_weight : natural log of how much the answer counts among those drawn with it; 0 where all count alike.
    law     : of what law it was drawn, None where the mask alone decided, token by token.
    """

    value: T
    text: str
    tokens: tuple[int, ...]
    logprob: float
    finish: Finish
    stats: Stats
    log_weight: float = 0.0
    law: Law | None = None


@dataclass(frozen=True, slots=True)
class Partial(Generic[T]):
    """A generation that is still running, after one more token.

    text   : everything so far; whole characters only.
    delta  : what this token added to `text`; may be empty.
    value  : what the text says so far: of a JSON text the members and items begun, as plain Python
             values (strings and containers may still grow, numbers and literals appear when they are
             whole); of any other text, the text. At the end the typed value of the result.
    done   : whether this is the last one.
    result : the Result if `done`, else None.
    """

    text: str
    delta: str
    value: Any
    done: bool
    result: Result[T] | None
