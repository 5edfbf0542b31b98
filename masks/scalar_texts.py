"""The texts that end a string or a number, from the shortest on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from functools import lru_cache
from heapq import heappop, heappush
from itertools import count as counter
from itertools import islice, tee

import numpy as np

from ..grammar.byte_classes import Columns
from ..grammar.finite import distinct_edges
from ..grammar.lexemes import Lexeme

SHORT_ESCAPES = {0x22: b'\\"', 0x5C: b"\\\\", 8: b"\\b", 12: b"\\f", 10: b"\\n", 13: b"\\r", 9: b"\\t"}
# How one byte of string content is written, and any byte outside of strings.
SPELLED = [SHORT_ESCAPES.get(b) or (b"\\u%04x" % b if b < 0x20 else bytes([b])) for b in range(256)]
RAW = [bytes([b]) for b in range(256)]
CONTENT_COST = np.array([len(text) for text in SPELLED])
MAX_TRIED = 20_000
"""So many beginnings are looked at: about a tenth of a second."""
_NEVER = 1 << 40


Kept = dict[tuple[Lexeme, int, int, int], Iterator[bytes]]
"""By lexeme, state, count and label the texts as `tee` has them, of which each copy begins with the first."""
Place = tuple[int, int, int]
"""Inside a string: its stage, the state of its DFA, the characters so far. Of other lexemes there is one stage."""


def stages_of(lexeme: Lexeme) -> Iterator[Lexeme]:
    """A lexeme and the stages that go on beyond it."""
    here: Lexeme | None = lexeme
    while here is not None:
        yield here
        here = here.next_stage


def place_in(stages: list[Lexeme], at: int, state: int, n: int) -> Place | None:
    """Where one is that enters `state` in the stage `at` with `n` characters; None where that is dead."""
    while True:
        lexeme = stages[at]
        if lexeme.bounds is None:
            return at, state, 0
        if n > lexeme.bounds[1][state] and at + 1 < len(stages):
            if lexeme.onward and lexeme.onward.entered[state]:
                at += 1
                continue
        elif lexeme.bounds[0][state] <= n <= lexeme.bounds[1][state]:
            return at, state, n
        return None


def first_accepted(
    lexeme: Lexeme,
    local: int,
    count: int,
    accepts: Callable[[bytes, int], bool],
    patience: int = MAX_TRIED,
    kept: Kept | None = None,
) -> dict[int, bytes]:
    """For each label of a lexeme a shortest text from state `local` on that is accepted, if there is one.

    count    : the characters before it.  accepts : given a text, without a closing quote, and its label.
    patience : so many texts with one label are asked for. One number has no end of spellings, and may be the only one.
    kept     : the texts that were listed before; they are listed once.
    """
    found = {}
    kept = {} if kept is None else kept
    for label in {label for stage in stages_of(lexeme) for label in stage.dfa.label.tolist()} - {-1}:
        key = (lexeme, local, count, label)
        if key not in kept:
            (kept[key],) = tee(_texts([*stages_of(lexeme)], (0, local, count), label), 1)
        text = next((text for text in islice(copy(kept[key]), patience) if accepts(text, label)), None)
        if text is not None:
            found[label] = text
    return found


def _texts(stages: list[Lexeme], start: Place, label: int) -> Iterator[bytes]:
    """The raw texts from a place on that end with a label, shortest first; only the first MAX_TRIED are looked at.

    Best first by the bytes so far and those that it takes at least from there (Hart, Nilsson and Raphael 1968); paths
    are not merged, because each is a text.
    """
    distances, spelled = _distances(stages[0], label), SPELLED if stages[0].is_string else RAW
    least = _least_counts(stages, label)
    ties = counter(0, -1)  # of equals the newest first: straight on

    def cost_from(place: Place) -> int:
        at, state, n = place
        return max(distances[state], least[at] - n)

    # (least cost, tie, place or None at the end, text)
    heap: list[tuple[int, int, Place | None, bytes]] = [(cost_from(start), next(ties), start, b"")]
    for _ in range(MAX_TRIED):
        if not heap or heap[0][0] >= _NEVER:
            return
        _, _, place, text = heappop(heap)
        if place is None:
            yield text
            continue
        at, state, n = place
        if stages[at].dfa.label[state] == label and n >= stages[at].low:
            heappush(heap, (len(text), next(ties), None, text))
        for byte, after in _moves(stages, place):
            longer = text + spelled[byte]
            heappush(heap, (len(longer) + cost_from(after), next(ties), after, longer))


def _least_counts(stages: list[Lexeme], label: int) -> list[int]:
    """For each stage the least number of characters with which a text that is there may end with `label`."""
    found: list[int] = []
    for at, stage in reversed([*enumerate(stages)]):
        if label in stage.dfa.label:
            found.append(stage.low)
        elif found:
            found.append(max(found[-1], (stages[at].high or 0) + 1))
        else:
            found.append(_NEVER)
    return found[::-1]


def _moves(stages: list[Lexeme], place: Place) -> Iterator[tuple[int, Place]]:
    """`(byte, place)` for each byte that may follow, the one last that is to come first."""
    at, state, count = place
    row = stages[at].dfa.delta[state]
    for byte in np.flatnonzero(row)[::-1].tolist():
        after = place_in(stages, at, int(row[byte]), count + (byte & 0xC0 != 0x80))
        if after is not None:
            yield byte, after


@lru_cache(maxsize=256)
def _distances(lexeme: Lexeme, label: int) -> list[int]:
    """For each state the bytes of a shortest text to one with `label`, in whatever stage: Dijkstra, backwards."""
    stages = [*stages_of(lexeme)]
    # They have the same states, of which each has those that are alive there.
    delta = np.maximum.reduce([stage.dfa.delta for stage in stages])
    into: list[list[tuple[int, int]]] = [[] for _ in delta]
    for source, target, _ in distinct_edges(Columns.of(delta)).T.tolist():
        bytes_ = np.flatnonzero(delta[source] == target)
        into[target].append((source, int(CONTENT_COST[bytes_].min()) if lexeme.is_string else 1))
    found = [_NEVER] * len(delta)
    ends = np.logical_or.reduce([stage.dfa.label == label for stage in stages])
    heap = [(0, state) for state in np.flatnonzero(ends).tolist()]
    while heap:
        cost, state = heappop(heap)
        if cost >= found[state]:
            continue
        found[state] = cost
        for source, more in into[state]:
            heappush(heap, (cost + more, source))
    return found
