"""Choose one token per row from masked logits."""

from __future__ import annotations

import torch

from ..errors import DeadEnd
from .warping import Sampling


def warp_logits(logits: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """Temperature, then top-k, then top-p; tokens cut away become -inf.

    logits : float32[B, V], masked; not mutated.  Needs sampling.temperature > 0.
    At least one token of each row that had one stays.
    """
    # Shifted first, so that a tiny temperature overflows to -inf and not to +inf.
    warped = (logits - logits.amax(dim=-1, keepdim=True)) / sampling.temperature
    if sampling.top_k is not None and sampling.top_k < warped.shape[-1]:
        least = torch.topk(warped, sampling.top_k, dim=-1).values[:, -1:]
        warped = warped.masked_fill(warped < least, float("-inf"))
    if sampling.top_p is not None and sampling.top_p < 1:
        ordered, order = torch.sort(warped, dim=-1, descending=True, stable=True)
        mass = torch.softmax(ordered, dim=-1)
        # The mass before a token decides, hence the most probable token is never cut.
        cut = mass.cumsum(dim=-1) - mass >= sampling.top_p
        cut[:, 0] = False
        warped = warped.masked_fill(cut.scatter(-1, order, cut), float("-inf"))
    return warped


def draw_tokens(logits: torch.Tensor, uniforms: torch.Tensor) -> torch.Tensor:
    """Draw a token id per row from softmax(logits) by inverting the distribution function.

    logits : float32[B, V], natural log, -inf where forbidden; each row has a finite entry.
    uniforms : float64[B] in [0, 1), drawn by the caller.  Returns int64[B].
    Source: Devroye, Non-Uniform Random Variate Generation (1986), section III.2.
    """
    # float64: at V = 256,000 a float32 running sum is off by more than the rarest tokens weigh.
    total = torch.softmax(logits.double(), dim=-1).cumsum(dim=-1)
    # Rounding may lift a uniform near 1 to the total itself, after which there is no token.
    below = torch.nextafter(total[:, -1:], torch.zeros_like(total[:, -1:]))
    target = torch.minimum(uniforms.to(total.device).unsqueeze(-1) * total[:, -1:], below)
    return torch.searchsorted(total, target, right=True).squeeze(-1)


def choose_tokens(logits: torch.Tensor, sampling: Sampling, uniforms: torch.Tensor | None) -> torch.Tensor:
    """One token id per row, int64[B].

    logits : float32[B, V], masked.  uniforms : see `draw_tokens`; None at temperature 0.
    Ties at temperature 0 go to the lowest id. Raises DeadEnd as `refuse_dead_rows` does.
    """
    refuse_dead_rows(logits)
    if sampling.temperature == 0:
        return logits.argmax(dim=-1)
    assert uniforms is not None
    return draw_tokens(warp_logits(logits, sampling), uniforms)


def refuse_dead_rows(logits: torch.Tensor) -> None:
    """Raise DeadEnd for a row of masked logits in which there is nothing to choose.

    One reduction where all is well: a maximum is finite if and only if the row has no NaN, no +inf
    and at least one entry above -inf.
    """
    best = logits.amax(dim=-1)
    if bool(torch.isfinite(best).all()):
        return
    for row, value in enumerate(best.tolist()):
        if value == float("-inf"):
            raise DeadEnd(
                f"row {row}: no token is left; the logits of all tokens that the constraint allows are -inf",
                hint="look for whatever else sets logits to -inf",
            )
        if value != value:
            raise DeadEnd(f"row {row}: the logits of the model are NaN", hint="try float32 or bfloat16")
        if value == float("inf"):
            raise DeadEnd(f"row {row}: a logit of the model is +inf", hint="try float32 or bfloat16")
