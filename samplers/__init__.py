"""Texts of a constraint by a model: token by token (`loop.py`), by its law (`sampling.py`), the best (`search.py`)."""

from .choices import Choices, RandomChoices
from .found import Found, SearchStats
from .language_model import LanguageModel
from .samples import Samples, SampleStats
from .sampling import sample
from .search import search
from .validity_trie import ValidityTrie

__all__ = [
    "Choices",
    "Found",
    "LanguageModel",
    "RandomChoices",
    "SampleStats",
    "Samples",
    "SearchStats",
    "ValidityTrie",
    "sample",
    "search",
]
