"""The texts that end a string or a number, from the shortest on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from heapq import heappop, heappush
from itertools import count as counter

import numpy as np

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


def first_accepted(
    lexeme: Lexeme, local: int, count: int, accepts: Callable[[bytes, int], bool]
) -> dict[int, bytes]:
    """For each label of a lexeme a shortest text from state `local` on that is accepted, if there is one.

    count : the characters before it.  accepts : given a text, without a closing quote, and its label.
    """
    found = {}
    for label in set(lexeme.dfa.label.tolist()) - {-1}:
        texts = _texts(lexeme, local, count, label)
        text = next((text for text in texts if accepts(text, label)), None)
        if text is not None:
            found[label] = text
    return found


def _texts(lexeme: Lexeme, local: int, count: int, label: int) -> Iterator[bytes]:
    """The raw texts from a state on that end with a label, shortest first, MAX_TRIED at most.

    Best first by the bytes so far and those that it takes at least from there (Hart, Nilsson and Raphael 1968); paths
    are not merged, because each is a text.
    """
    distances, spelled = _distances(lexeme, label), SPELLED if lexeme.is_string else RAW
    ties = counter(0, -1)  # of equals the newest first: straight on

    def cost_from(state: int, n: int) -> int:
        return max(distances[state], lexeme.low - n if lexeme.is_counted else 0)

    # (least cost, tie, state or -1 at the end, characters, text)
    heap = [(cost_from(local, count), next(ties), local, count, b"")]
    for _ in range(MAX_TRIED):
        if not heap or heap[0][0] >= _NEVER:
            return
        _, _, state, n, text = heappop(heap)
        if state < 0:
            yield text
            continue
        if lexeme.dfa.label[state] == label and (not lexeme.is_counted or n >= lexeme.low):
            heappush(heap, (len(text), next(ties), -1, n, text))
        for byte, target, more in _moves(lexeme, state, n):
            longer = text + spelled[byte]
            heappush(heap, (len(longer) + cost_from(target, more), next(ties), target, more, longer))


def _moves(lexeme: Lexeme, state: int, count: int) -> Iterator[tuple[int, int, int]]:
    """`(byte, target, count)` for each byte that may follow, the one last that is to come first."""
    row = lexeme.dfa.delta[state]
    for byte in np.flatnonzero(row)[::-1].tolist():
        n = count + (byte & 0xC0 != 0x80) if lexeme.is_counted else 0
        target = int(row[byte])
        if lexeme.bounds is None or lexeme.bounds[0][target] <= n <= lexeme.bounds[1][target]:
            yield byte, target, n


@lru_cache(maxsize=256)
def _distances(lexeme: Lexeme, label: int) -> list[int]:
    """For each state the bytes of a shortest text to one with `label`: Dijkstra, backwards."""
    dfa = lexeme.dfa
    into: list[list[tuple[int, int]]] = [[] for _ in range(dfa.n_states)]
    for source, target, _ in distinct_edges(dfa.delta):
        bytes_ = np.flatnonzero(dfa.delta[source] == target)
        into[target].append((source, int(CONTENT_COST[bytes_].min()) if lexeme.is_string else 1))
    found = [_NEVER] * dfa.n_states
    heap = [(0, state) for state in np.flatnonzero(dfa.label == label).tolist()]
    while heap:
        cost, state = heappop(heap)
        if cost >= found[state]:
            continue
        found[state] = cost
        for source, more in into[state]:
            heappush(heap, (cost + more, source))
    return found
