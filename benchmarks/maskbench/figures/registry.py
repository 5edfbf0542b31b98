"""All figures, by name."""

from __future__ import annotations

from . import apply, batch, floor, fork, memory, start
from .figure import Figure

FIGURES: dict[str, Figure] = {
    figure.name: figure
    for figure in (
        batch.FIGURE,
        fork.FIGURE,
        memory.FIGURE,
        start.SECOND,
        start.FIRST,
        apply.FIGURE,
        floor.FIGURE,
    )
}
