"""Strings under several bounds on their length at once, counted at run time.

Where `maxLength: 30000` runs beside "any string", the outcome depends on the length, and unrolled into states the
product would have one for each length. Between two bounds all lengths are alike: these are the stages. Each is a lexeme
with the transitions of one product of the DFAs; beyond its last count the next stage goes on in the same state.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from .dfa import DEAD, NOT_ACCEPTING, ByteDfa, code_point_lengths, literals, product
from .lexemes import Lexeme, Onward
from .pushdown import NO_LIMIT

Vectors = tuple[tuple[bool, ...], ...]
NO_STRING = Lexeme(literals([]), is_string=True)


def staged(lexemes: Sequence[Lexeme]) -> tuple[Lexeme, Vectors] | None:
    """All strings of some of the lexemes, and for each label which of them have the string.

    None where it cannot be told from a state and two bounds on the count whether a string can be finished.
    """
    dfa, accepts = product([lexeme.dfa for lexeme in lexemes])
    alive = [_alive(dfa, lexeme, [vector[i] for vector in accepts]) for i, lexeme in enumerate(lexemes)]
    numbers: dict[tuple[bool, ...], int] = {}
    after: Lexeme | None = None
    entered = np.zeros(dfa.n_states, bool)
    for first, last in reversed(_stages(lexemes)):
        counts = _union(alive, first, last)
        # A state that is alive in two stages, and not in between, would have to know in which of them it is.
        if counts is None or (entered & (counts[1] != last)).any():
            return None
        label = _labels(dfa, accepts, lexemes, first, last, numbers)
        onward = None if last == NO_LIMIT else Onward(after, entered, _bounds(counts, first, last))
        after = _stage(dfa.with_labels(label), counts[0] <= counts[1], last, onward)
        entered = counts[0] <= counts[1]
    assert after is not None
    return (after if entered[dfa.start] else NO_STRING), tuple(numbers)


def _stages(lexemes: Sequence[Lexeme]) -> list[tuple[int, int]]:
    """The least and greatest count of each stage; the last has no end if some lexeme has none."""
    ends = {lexeme.low for lexeme in lexemes} | {
        n + 1 for lexeme in lexemes if (n := lexeme.high) is not None
    }
    first = sorted({0, *ends})
    stages = [(a, b - 1) for a, b in pairwise(first)]
    if any(lexeme.high is None for lexeme in lexemes):
        stages.append((first[-1], NO_LIMIT))
    return stages


def _alive(dfa: ByteDfa, lexeme: Lexeme, accepts: Sequence[bool]) -> tuple[np.ndarray, np.ndarray]:
    """For each state the least and greatest count with which it can still end in `lexeme`; (1, 0) where it cannot.

    accepts : for each label of `dfa` whether it is one of the lexeme. int64[n_states] each.
    """
    own = np.array([*accepts, False])[dfa.label]
    label = np.where(own, 0, NOT_ACCEPTING).astype(np.int32)
    reaches = _reaches(dfa, own)
    delta = np.where(reaches[dfa.delta], dfa.delta, DEAD).astype(np.int32)
    shortest, longest, _ = code_point_lengths(ByteDfa(delta, dfa.start, label))
    high = NO_LIMIT if lexeme.high is None else min(lexeme.high, NO_LIMIT)
    least = np.where(reaches, np.maximum(lexeme.low - longest, 0), 1)
    greatest = np.where(reaches, NO_LIMIT if lexeme.high is None else high - shortest, 0)
    return least, greatest


def _reaches(dfa: ByteDfa, accepting: np.ndarray) -> np.ndarray:
    """bool[n_states]: whether one of the `accepting` states can be reached."""
    found = accepting.copy()
    found[DEAD] = False
    while True:
        more = found | found[dfa.delta].any(axis=1)
        more[DEAD] = False
        if (more == found).all():
            return found
        found = more


def _labels(
    dfa: ByteDfa,
    accepts: Sequence[tuple[bool, ...]],
    lexemes: Sequence[Lexeme],
    first: int,
    last: int,
    numbers: dict[tuple[bool, ...], int],
) -> np.ndarray:
    """int32[n_states]: what holds where a string of `first` to `last` characters ends, numbered in `numbers`."""
    fits = [x.low <= first and (x.high is None or last <= x.high) for x in lexemes]
    found = []
    for vector in accepts:
        holds = tuple(accepted and fit for accepted, fit in zip(vector, fits))
        found.append(numbers.setdefault(holds, len(numbers)) if any(holds) else NOT_ACCEPTING)
    return np.array([*found, NOT_ACCEPTING], np.int32)[dfa.label]


def _union(
    alive: Sequence[tuple[np.ndarray, np.ndarray]], first: int, last: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """The counts of one stage with which each state is alive for some lexeme: (least, greatest), (1, -1) for none.

    None where they are no interval.
    """
    low = np.array([np.maximum(least, first) for least, _ in alive])
    high = np.array([np.minimum(greatest, last) for _, greatest in alive])
    is_none = low > high
    low[is_none], high[is_none] = NO_LIMIT + 1, -1
    order = np.argsort(low, axis=0, kind="stable")
    low, high = np.take_along_axis(low, order, 0), np.take_along_axis(high, order, 0)
    reach = np.maximum.accumulate(high, axis=0)
    gaps = (low[1:] > reach[:-1] + 1) & (low[1:] <= NO_LIMIT)
    if gaps.any():
        return None
    least, greatest = low[0], reach[-1]
    dead = greatest < 0
    return np.where(dead, 1, least), np.where(dead, -1, greatest)


def _bounds(counts: tuple[np.ndarray, np.ndarray], first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """The counts to test for when a state is entered: what is so all through the stage needs no test."""
    least, greatest = counts
    alive = least <= greatest
    return np.where(alive & (least > first), least, 0), np.where(alive, greatest, last)


def _stage(dfa: ByteDfa, alive: np.ndarray, last: int, onward: Onward | None) -> Lexeme:
    """The lexeme of the stage that ends with the count `last`: the `alive` states of `dfa`, numbered as before."""
    delta = np.where(alive[:, None] & alive[dfa.delta], dfa.delta, DEAD).astype(np.int32)
    here = ByteDfa(delta, dfa.start, np.where(alive, dfa.label, NOT_ACCEPTING).astype(np.int32))
    return Lexeme(here, is_string=True, high=None if onward is None else last, onward=onward)
