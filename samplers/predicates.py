"""What a mask cannot say about a text: a function that is dear to call, and so is called once for each question."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .language_model import Prefix

Predicate = Callable[[Prefix, bool], bool]
"""Of tokens, and whether the text ends behind them: False where no such text is wanted."""


@dataclass(frozen=True, slots=True)
class WholeTexts:
    """A predicate that says something of whole texts only; about beginnings it is not asked.

    is_wanted : of the tokens of a whole text, its end left out.
    """

    is_wanted: Callable[[Prefix], bool]

    def __call__(self, tokens: Prefix, is_whole: bool) -> bool:
        return not is_whole or self.is_wanted(tokens)


class Memo:
    """A predicate that is never called twice for the same tokens.

    n_calls : how often it was called.
    """

    def __init__(self, predicate: Predicate) -> None:
        self.n_calls = 0
        self._predicate = predicate
        self._is_of_beginnings = not isinstance(predicate, WholeTexts)
        self._known: dict[tuple[Prefix, bool], bool] = {}

    def __call__(self, tokens: Prefix, is_whole: bool) -> bool:
        if not is_whole and not self._is_of_beginnings:
            return True
        found = self._known.get((tokens, is_whole))
        if found is None:
            self.n_calls += 1
            found = self._known[tokens, is_whole] = bool(self._predicate(tokens, is_whole))
        return found


def is_wanted(predicate: Memo | None, tokens: Prefix, *, is_whole: bool) -> bool:
    """What a predicate says; without one, everything is wanted."""
    return predicate is None or predicate(tokens, is_whole)
