"""XGrammar on one thread, without its compile cache, with the options that accept all JSON Schema allows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ..tokens import load_tokenizer
from . import Refused


class XGrammar:
    package: ClassVar[str] = "xgrammar"

    def __init__(self, tokenizer: Path) -> None:
        import xgrammar

        info = xgrammar.TokenizerInfo.from_huggingface(load_tokenizer(tokenizer))
        self._eos_id = info.stop_token_ids[0]
        self._compiler = xgrammar.GrammarCompiler(info, max_threads=1, cache_enabled=False)
        self._new_matcher = xgrammar.GrammarMatcher
        self._bitmask = np.zeros((1, (info.vocab_size + 31) // 32), dtype=np.int32)
        self.mask = self._bitmask[0]

    def compile(self, schema: Any) -> None:
        try:
            # Without strict_mode=False it would forbid the additional properties that JSON Schema allows.
            self.compiled = self._compiler.compile_json_schema(
                json.dumps(schema), any_whitespace=True, strict_mode=False
            )
        except (RuntimeError, ValueError) as error:
            raise Refused(_reason(str(error)), str(error)) from error

    def reset(self) -> None:
        self.matcher = self._new_matcher(self.compiled)

    def fill_mask(self) -> None:
        self.matcher.fill_next_token_bitmask(self._bitmask, 0)

    def advance(self, token_id: int) -> bool:
        return self.matcher.accept_token(token_id)

    def accepting(self) -> bool:
        return self.matcher.accept_token(self._eos_id)


def _reason(message: str) -> str:
    """The message without time, source line and the schema's own words."""
    text = re.sub(r"^\[[\d:]+\] \S+:\d+: ", "", message.strip().partition("\n")[0])
    text = re.sub(r"\"[^\"]*\"|'[^']*'|#/\S*|\d+", "…", text)
    return text[:60]
