"""gramask with sharing off: nothing that one file leaves in memory is there for the next."""

from __future__ import annotations

from pathlib import Path

from .gramask import Gramask


class GramaskAlone(Gramask):
    def __init__(self, tokenizer: Path, **options: str) -> None:
        super().__init__(tokenizer, **options)
        from gramask.grammar.recent import forget_all
        from gramask.masks.tables import tables_of

        self._forget_all = forget_all
        self._tables = tables_of(self._vocabulary)

    def forget(self) -> None:
        self.compiled = self.matcher = None
        self._forget_all()
        self._tables.forget()
