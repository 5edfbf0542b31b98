"""Texts of a constraint by a model: token by token (`loop.py`), or with the model's own law (`sampling.py`)."""

from .choices import Choices, RandomChoices
from .language_model import LanguageModel
from .samples import Samples, SampleStats
from .sampling import sample
from .validity_trie import ValidityTrie

__all__ = ["Choices", "LanguageModel", "RandomChoices", "SampleStats", "Samples", "ValidityTrie", "sample"]
