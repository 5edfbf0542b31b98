"""What a sampler returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Exactness = Literal["exact", "weighted", "asymptotic", "local"]


@dataclass(slots=True)
class SampleStats:
    """What it took.

    forwards   : rows asked of the model.  calls : of the model, each for some of them.
    steps      : draws of a token; for each, a sampler that keeps no rows would ask for one.
    mask_fills : masks asked of the constraint.
    attempts   : texts begun and brought to an end.  accepted : those of them that are samples.
    predicate_calls : of the predicate, each for other tokens.
    switched   : why another method was taken than the one that was preferred, None where none was.
    stopped    : why there are fewer samples than were asked for, None where there are not.
    """

    forwards: int = 0
    calls: int = 0
    steps: int = 0
    mask_fills: int = 0
    attempts: int = 0
    accepted: int = 0
    predicate_calls: int = 0
    switched: str | None = None
    stopped: str | None = None


@dataclass(frozen=True, slots=True)
class Samples:
    """Texts of a constraint, by a model.

    tokens      : without the token that ends the text.
    log_weights : of each; 0 where all count alike.
    log_z       : an estimate of the logarithm of the probability that the model, left alone, writes a text of the
                  constraint within the length; None where the method has none, or no text may come twice. Too high
                  by about 1/n for few texts.
    exactness   : what law the samples have. "exact": independent draws from the model's law, given that the text is
                  one of the constraint. "weighted": the expected weight of a text, over all attempts, is its
                  probability; so weighted means come to have that law. "asymptotic": that law in the limit. "local":
                  another one, of masking token by token.
    """

    tokens: list[tuple[int, ...]]
    log_weights: list[float]
    log_z: float | None
    exactness: Exactness
    stats: SampleStats = field(default_factory=SampleStats)
