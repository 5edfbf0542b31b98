"""Every error a user can meet: where it is, what is wrong, what to do next."""

from __future__ import annotations

import re
from copy import copy


class GramaskError(ValueError):
    """Base of all errors that gramask raises on purpose.

    pointer : JSON Pointer into the schema ("" is the root), or None where there is no schema.
    keyword : the schema keyword or grammar construct at fault, or None.
    hint    : what to do about it, one clause.
    """

    def __init__(
        self,
        message: str,
        *,
        pointer: str | None = None,
        keyword: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.message = message
        self.pointer = pointer
        self.keyword = keyword
        self.hint = hint
        super().__init__(self._render())

    def at(self, pointer: str, keyword: str) -> GramaskError:
        """The same error at a keyword of a schema."""
        return type(self)(self.message, pointer=pointer, keyword=keyword, hint=self.hint)

    def in_row(self, row: int) -> GramaskError:
        """The same error in a row of a batch."""
        found = copy(self)
        found.message = f"row {row}: {self.message}"
        found.args = (found._render(),)
        return found

    def _render(self) -> str:
        parts = [self.message]
        if self.pointer is not None:
            parts.append(f" (at {self.pointer or 'the root'})")
        if self.hint:
            parts.append(f"; {self.hint}")
        return "".join(parts)


class InvalidSchema(GramaskError):
    """The schema itself is malformed: not JSON, a keyword of the wrong type, a `$ref` to nowhere."""


class CannotEnforce(GramaskError):
    """The mask cannot enforce a schema. `among` holds the pointers of the subschemas that ask for it together."""

    def __init__(self, message: str, *, among: tuple[str, ...] = (), **where: str | None) -> None:
        self.among = among
        super().__init__(message, **where)

    def located(self, among: tuple[str, ...]) -> CannotEnforce:
        """The same error with a place, if it has none yet."""
        if self.pointer is not None or not among:
            return self
        where = {"pointer": among[0], "keyword": self.keyword, "hint": self.hint}
        return type(self)(self.message, among=among, **where)


class UnsupportedSchema(CannotEnforce):
    """The schema is well formed but uses something that gramask does not enforce."""


class UnsatisfiableSchema(GramaskError):
    """No document can satisfy the schema. `conflict` holds the pointers that contradict each other."""

    def __init__(self, message: str, *, conflict: tuple[str, ...] = (), **where: str | None) -> None:
        self.conflict = conflict
        super().__init__(message, **where)


class GrammarSyntaxError(GramaskError):
    """A regex or a grammar does not parse. `line` and `column` count from 1; `source` is the text."""

    def __init__(
        self,
        message: str,
        *,
        source: str = "",
        line: int = 1,
        column: int = 1,
        **where: str | None,
    ) -> None:
        self.source = source
        self.line = line
        self.column = column
        super().__init__(message, **where)

    def at(self, pointer: str, keyword: str) -> GramaskError:
        where = {"pointer": pointer, "keyword": keyword, "hint": self.hint}
        return type(self)(self.message, source=self.source, line=self.line, column=self.column, **where)

    def _render(self) -> str:
        head = super()._render()
        lines = self.source.split("\n")
        if not self.source or not 1 <= self.line <= len(lines):
            return head
        # Halves of surrogate pairs cannot be printed.
        excerpt = re.sub("[\ud800-\udfff]", "\ufffd", lines[self.line - 1].rstrip("\r"))
        # A long line is cut around the column: the caret must stay on the screen.
        begin = max(0, self.column - 61)
        caret = " " * (self.column - 1 - begin) + "^"
        return f"{head}\n  line {self.line}, column {self.column}\n    {excerpt[begin : begin + 100]}\n    {caret}"


class DeadEnd(GramaskError):
    """No token is allowed: a bug of gramask, or another logits processor removed all legal tokens."""


class CompileBudgetExceeded(CannotEnforce):
    """The exact construction is larger than its budget."""


class ValidationFailed(GramaskError):
    """A complete text breaks what the mask could not enforce, or nobody can tell (`unsupported="validate"`)."""


class TokenizerUnsupported(GramaskError):
    """The exact bytes of this tokenizer's tokens cannot be determined, or it cannot spell the language."""
