"""A constraint: one language over one vocabulary, ready to make matchers."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import GramaskError
from ..grammar.automaton import automaton_of
from ..grammar.options import Options
from ..grammar.packed import packed, unpacked
from ..grammar.schema.compile import Compiled, compile_document, document_of
from ..grammar.schema.report import Report, report_of
from ..grammar.source import JsonSource, Source
from .closing import Closing
from .engine import Engine
from .forcing import Forcing
from .matcher import Matcher
from .name_masks import NameMasks
from .names import NameReader
from .rows import AllWords, Row
from .tables import tables_of
from .units import ItemReader
from .vocabulary import Vocabulary

if TYPE_CHECKING:
    from ..grammar.schema.validation import Validator

_FORMAT = 2


class Constraint:
    """Immutable and thread-safe; `matcher()` gives the mutable state of one sequence.

    vocabulary : the tokens.  n_logits : ids of the model, at least len(vocabulary).  n_words : int32 words of a mask.
    source, options : what it was compiled from.
    """

    def __init__(self, source: Source, vocabulary: Vocabulary, *, n_logits: int, options: Options) -> None:
        self.source = source
        self.options = options
        self.vocabulary = vocabulary
        self.n_logits = n_logits
        self.n_words = (n_logits + 31) // 32
        self.eos_ids = frozenset(vocabulary.eos_ids)
        tables = tables_of(vocabulary)
        # Of a JSON Schema; says whether the masks enforce all of it.
        self._compiled = _compiled(source, options)
        pushdown = automaton_of(source, options) if self._compiled is None else self._compiled.pushdown
        self.engine = Engine(pushdown, tables, n_logits)

    def matcher(self) -> Matcher:
        """A matcher at the start of a text."""
        return Matcher(self)

    def parse(self, text: str) -> Any:
        """The value that a complete text stands for, of the type that was compiled.

        Raises ValidationFailed where the masks could not enforce the whole schema, and the text breaks the rest of it
        (`unsupported="validate"`).
        """
        if not self.is_exact:
            self._validator.check(text)
        return self.source.parse(text)

    @property
    def is_exact(self) -> bool:
        """Whether the masks enforce all of what was compiled; if not, `parse` checks the rest."""
        return self._compiled is None or self._compiled.is_exact

    @cached_property
    def _validator(self) -> Validator:
        from ..grammar.schema.validation import Validator

        assert isinstance(self.source, JsonSource)
        return Validator(self.source.schema, self.options)

    @cached_property
    def report(self) -> Report:
        """What is enforced, per keyword."""
        return report_of(self.source, self.options)

    @cached_property
    def end_row(self) -> Row:
        """The mask behind an EOS token."""
        row = np.zeros(self.n_words, np.uint32)
        for token in self.eos_ids:
            row[token >> 5] |= np.uint32(1 << (token & 31))
        return AllWords(row)

    @cached_property
    def closing(self) -> Closing:
        """How to complete a text."""
        return Closing(self.engine)

    @cached_property
    def items(self) -> ItemReader:
        """How to read tokens where items must differ."""
        return ItemReader(self.engine)

    @cached_property
    def names(self) -> NameReader:
        """What member names do that the automaton forgets."""
        return NameReader(self.engine)

    @cached_property
    def name_masks(self) -> NameMasks:
        """How masks keep them from repeating."""
        return NameMasks(self.names)

    @cached_property
    def forcing(self) -> Forcing:
        """What text is forced."""
        return Forcing(self.engine)

    def to_bytes(self) -> bytes:
        """What `from_bytes` needs beside the vocabulary. The compiled state is not in it: compiling is lazy and cheap.

        A Python type does not travel: after `from_bytes`, values are what `json.loads` gives.
        """
        kind, content = packed(self.source)
        options = {name: getattr(self.options, name) for name in self.options.__slots__}
        if self.options.documents is not None:
            options["registry"] = self.options.documents.as_mapping()
        record = {
            "format": _FORMAT,
            "kind": kind,
            "content": content,
            "options": options,
            "n_logits": self.n_logits,
            "vocabulary": self.vocabulary.digest,
        }
        return json.dumps(record).encode()

    @classmethod
    def from_bytes(cls, data: bytes, vocabulary: Vocabulary) -> Constraint:
        """Raises GramaskError if `data` is not from `to_bytes`, or was made for another vocabulary."""
        try:
            record = json.loads(data)
            if record["format"] != _FORMAT:
                raise ValueError
            source = unpacked((record["kind"], record["content"]))
            digest, n_logits, options = record["vocabulary"], record["n_logits"], record["options"]
        except (ValueError, KeyError, TypeError):
            raise GramaskError(
                "these bytes are not a constraint", hint="they come from Constraint.to_bytes"
            ) from None
        if digest != vocabulary.digest:
            raise GramaskError(
                "this constraint was made for another vocabulary",
                hint="compile the schema for this tokenizer",
            )
        return cls(source, vocabulary, n_logits=n_logits, options=Options(**options))


def compile_source(source: Source, vocabulary: Vocabulary, *, n_logits: int, options: Options) -> Constraint:
    """Compile a source for a vocabulary. Raises what the source's front end raises."""
    if n_logits < len(vocabulary):
        raise GramaskError(
            f"n_logits={n_logits} is less than the {len(vocabulary)} tokens of the tokenizer",
            hint="pass the width of the model's logits, or leave it out",
        )
    return Constraint(source, vocabulary, n_logits=n_logits, options=options)


def _compiled(source: Source, options: Options) -> Compiled | None:
    if not isinstance(source, JsonSource):
        return None
    return compile_document(document_of(source.schema, options), options)
