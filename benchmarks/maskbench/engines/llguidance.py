"""llguidance with default options; one compiled matcher per schema, copied for each text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar

from ..tokens import load_tokenizer
from . import Refused


class LLGuidance:
    package: ClassVar[str] = "llguidance"

    def __init__(self, tokenizer: Path) -> None:
        import llguidance
        import llguidance.hf
        import llguidance.numpy

        self._tokenizer = llguidance.hf.from_tokenizer(load_tokenizer(tokenizer))
        self._new_matcher = llguidance.LLMatcher
        self._to_grammar = llguidance.LLMatcher.grammar_from_json_schema
        self._fill = llguidance.numpy.fill_next_token_bitmask
        self._bitmask = llguidance.numpy.allocate_token_bitmask(1, self._tokenizer.vocab_size)
        self.mask = self._bitmask[0]

    def compile(self, schema: Any) -> None:
        self.compiled = self._new_matcher(self._tokenizer, self._to_grammar(schema))
        if self.compiled.is_error():
            message = self.compiled.get_error()
            raise Refused(_reason(message), message)

    def reset(self) -> None:
        self.matcher = self.compiled.deep_copy()

    def fill_mask(self) -> None:
        self._fill(self.matcher, self._bitmask, 0)

    def advance(self, token_id: int) -> bool:
        return self.matcher.consume_token(token_id)

    def accepting(self) -> bool:
        return self.matcher.is_accepting()


def _reason(message: str) -> str:
    line = message.partition("\n")[0]
    if line.startswith("Unimplemented keys"):
        return ", ".join(re.findall(r'"([^"]+)"', line))
    # "Unknown format: date" and "Unknown format: time" are one reason.
    return line.partition(":")[0][:60]
