"""Goals that imply others, where an automaton that knows of the one does not know of the other.

A goal is a conjunction, so it implies each goal of fewer of its literals. Of some spellings of numbers no automaton
says whether they are multiples, but a list of the few multiples within bounds does (see `number_sets.py`): the text
would satisfy a goal, but not what that goal implies, and whoever waits for both would be left with nothing.
"""

from __future__ import annotations

import numpy as np

from ..dfa import NOT_ACCEPTING, minimize
from ..lexemes import Lexeme
from .shapes import Goal

Vectors = tuple[tuple[bool, ...], ...]


def consistent(position: tuple[Goal, ...], lexeme: Lexeme, vectors: Vectors) -> tuple[Lexeme, Vectors]:
    """The texts of a number under several goals, each held only where all that it implies hold as well.

    vectors : for each label of the lexeme, which goals of the position hold.
    """
    literals = [frozenset(goal) for goal in position]
    kept = tuple(_consistent(literals, vector) for vector in vectors)
    if kept == vectors:
        return lexeme, vectors
    numbers = {vector: i for i, vector in enumerate(dict.fromkeys(filter(any, kept)))}
    renumbered = np.array([numbers.get(vector, NOT_ACCEPTING) for vector in kept], np.int32)
    dfa = lexeme.dfa
    label = np.where(dfa.label >= 0, renumbered[dfa.label], NOT_ACCEPTING)
    return Lexeme(minimize(dfa.delta, dfa.start, label)), tuple(numbers)


def _consistent(literals: list[frozenset[int]], vector: tuple[bool, ...]) -> tuple[bool, ...]:
    missing = [goal for goal, holds in zip(literals, vector) if not holds]
    return tuple(
        holds and not any(other < goal for other in missing) for goal, holds in zip(literals, vector)
    )
