"""gramask with default options, but without its cache of whole constraints: each file is compiled anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..tokens import load_tokenizer
from . import Refused


class Gramask:
    package: ClassVar[str] = "gramask"

    def __init__(self, tokenizer: Path) -> None:
        import gramask

        self._compile = gramask.compile
        self._refusals = gramask.GramaskError
        self._unsupported = gramask.UnsupportedSchema
        self._vocabulary = gramask.Vocabulary.from_tokenizer(load_tokenizer(tokenizer))
        self.mask = np.zeros((len(self._vocabulary) + 31) // 32, dtype=np.int32)

    def compile(self, schema: Any) -> None:
        try:
            self._constraint = self._compile(schema, self._vocabulary, cache=False)
        except self._refusals as error:
            keyword = error.keyword if isinstance(error, self._unsupported) else None
            raise Refused(keyword or type(error).__name__, str(error)) from error

    def reset(self) -> None:
        self._matcher = self._constraint.matcher()

    def fill_mask(self) -> None:
        self._matcher.fill_mask(self.mask)

    def advance(self, token_id: int) -> bool:
        return self._matcher.advance(token_id)

    def accepting(self) -> bool:
        return self._matcher.is_accepting()
