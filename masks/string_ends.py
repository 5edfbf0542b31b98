"""The shortest texts that end a string."""

from __future__ import annotations

from functools import cache
from heapq import heappop, heappush

import numpy as np

from ..errors import CompileBudgetExceeded
from ..grammar.lexemes import Lexeme
from .scalar_texts import CONTENT_COST, SPELLED, Place, place_in, stages_of

Exits = dict[int, bytes]
"""Outcome to a shortest text."""
MAX_BYTES = 1 << 18
"""The longest completion that is written."""
FAR_STAGE = 1_000
"""Stages of a string that end so many characters away are not searched to their end."""

_BYTES = np.arange(256)


def too_long() -> CompileBudgetExceeded:
    """No completion is near enough to be found."""
    return CompileBudgetExceeded(
        "the shortest way to complete the text is too long, or too hard to find",
        hint="lower minItems, minLength or minProperties, or require fewer members",
    )


def finish_string(lexeme: Lexeme, local: int, count: int) -> Exits:
    """For each outcome of a string lexeme the shortest text, closing quote included, from state `local`.

    Where a stage goes on for more than FAR_STAGE characters, the texts of the next one are found behind the cheapest
    way there, which may be a few bytes longer than others; those of more than MAX_BYTES are left out.
    """
    if lexeme.is_counted and lexeme.low - count > MAX_BYTES:
        raise too_long()
    filler = _filler(lexeme, local)
    stage, onward = lexeme.next_stage, lexeme.onward
    wanted = set(lexeme.dfa.label.tolist()) - {-1}
    if len(wanted) == 1 and lexeme.dfa.label[local] >= 0 and filler is not None and not stage:
        n = max(lexeme.low - count, 0)
        return {int(lexeme.dfa.label[local]): filler * n + b'"'}
    n = 0 if lexeme.high is None else lexeme.high + 1 - count
    if stage is None or onward is None or filler is None or n <= FAR_STAGE:
        return _finish_near([*stages_of(lexeme)], local, count)
    exits = _finish_near([lexeme], local, count)
    if n <= MAX_BYTES and onward.entered[local]:
        for outcome, text in finish_string(stage, local, count + n).items():
            exits.setdefault(outcome, filler * n + text)
    if not exits:
        raise too_long()
    return exits


def _finish_near(stages: list[Lexeme], local: int, count: int) -> Exits:
    """The same, the first of the `stages` being the one that the string is in.

    Dijkstra over (stage, state, characters so far); the cost is the raw bytes of the content.
    """
    wanted = {label for stage in stages for label in stage.dfa.label.tolist()} - {-1}
    start = (0, local, count)
    heap = [(0, start)]
    cost_of = {start: 0}
    # How each place was reached: from where, by which content byte. Texts are put together at the end only.
    reached: dict[Place, tuple[Place, int]] = {}
    exits: Exits = {}
    cheapest = cache(_cheapest_bytes)  # of one state there are many counts
    while heap and wanted:
        cost, here = heappop(heap)
        if cost > cost_of[here]:
            continue
        at, state, n = here
        label = int(stages[at].dfa.label[state])
        if label in wanted and n >= stages[at].low:
            exits[label] = _spelled(reached, here) + b'"'
            wanted.discard(label)
        for target, byte, is_lead in cheapest(stages[at], state):
            there = place_in(stages, at, target, n + is_lead)
            if there is None:
                continue
            new_cost = cost + int(CONTENT_COST[byte])
            if new_cost < cost_of.get(there, new_cost + 1):
                cost_of[there] = new_cost
                reached[there] = (here, byte)
                heappush(heap, (new_cost, there))
    return exits


def _filler(lexeme: Lexeme, state: int) -> bytes | None:
    """A character that is written in one byte and leaves the state as it is: nothing is shorter than some of these."""
    found = np.flatnonzero((lexeme.dfa.delta[state] == state) & (CONTENT_COST == 1) & (_BYTES < 0x80))
    return SPELLED[found[0]] if len(found) else None


def _spelled(reached: dict[Place, tuple[Place, int]], place: Place) -> bytes:
    """The raw text of the path that led to `place`."""
    parts = []
    while place in reached:
        place, byte = reached[place]
        parts.append(SPELLED[byte])
    return b"".join(reversed(parts))


def _cheapest_bytes(lexeme: Lexeme, state: int) -> list[tuple[int, int, bool]]:
    """`(target, content byte, whether it begins a character)`: for each target the cheapest byte."""
    row = lexeme.dfa.delta[state]
    cheapest: dict[tuple[int, bool], int] = {}
    for byte in np.flatnonzero(row).tolist():
        key = (int(row[byte]), byte & 0xC0 != 0x80)
        if key not in cheapest or CONTENT_COST[byte] < CONTENT_COST[cheapest[key]]:
            cheapest[key] = byte
    return [(target, byte, is_lead) for (target, is_lead), byte in cheapest.items()]
