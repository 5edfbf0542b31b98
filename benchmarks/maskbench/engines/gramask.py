"""gramask without its cache of whole constraints, so that each file is compiled anew; defaults but for `order`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..tokens import load_tokenizer
from . import Refused


class Gramask:
    package: ClassVar[str] = "gramask"
    takes: ClassVar[tuple[str, ...]] = ("order",)

    def __init__(self, tokenizer: Path, **options: str) -> None:
        import gramask
        from gramask.grammar.options import OPTION_NAMES

        # A checkout of an older gramask may have fewer options.
        self.options = {name: value for name, value in options.items() if name in OPTION_NAMES}
        self._compile = gramask.compile
        self._refusals = gramask.GramaskError
        self._unsupported = gramask.UnsupportedSchema
        self._vocabulary = gramask.Vocabulary.from_tokenizer(load_tokenizer(tokenizer))
        self.mask = np.zeros((len(self._vocabulary) + 31) // 32, dtype=np.int32)

    def compile(self, schema: Any) -> None:
        try:
            self.compiled = self._compile(schema, self._vocabulary, cache=False, **self.options)
        except self._refusals as error:
            keyword = error.keyword if isinstance(error, self._unsupported) else None
            raise Refused(keyword or type(error).__name__, str(error)) from error

    def reset(self) -> None:
        self.matcher = self.compiled.matcher()

    def fill_mask(self) -> None:
        self.matcher.fill_mask(self.mask)

    def advance(self, token_id: int) -> bool:
        return self.matcher.advance(token_id)

    def accepting(self) -> bool:
        return self.matcher.is_accepting()
