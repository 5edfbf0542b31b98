"""A random document that a schema allows, short and readable: what `gramask check` shows."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import ValidationFailed
from .grammar.options import Options
from .grammar.schema.validation import Validator
from .grammar.source import JsonSource

if TYPE_CHECKING:
    from .masks.matcher import Matcher

MAX_BYTES = 600
ATTEMPTS = 20
_END = 256
_WORDS = (
    "amber birch cedar delta ember fjord grove haven iris jade karma lotus maple north olive pearl".split()
)
_DIGITS = frozenset(b"0123456789")
_PLAIN = _DIGITS | frozenset(b"abcdefghijklmnopqrstuvwxyz")
_QUOTE, _BACKSLASH = b'"'[0], b"\\"[0]
_WEIGHTS = dict.fromkeys(b" \t\r\neE+", 1e-6)
_WEIGHTS |= {_QUOTE: 6.0, b","[0]: 1.0, b"}"[0]: 0.4, b"]"[0]: 0.8, b"-"[0]: 0.3, b"."[0]: 0.05}
_NUMERIC = b"0123456789.eE+-"
_DEEP, _LONG, _LONG_NUMBER = 3, 16, 6


def random_example(schema: Any, options: Options, *, seed: int = 0) -> Any:
    """A value that satisfies a JSON Schema, drawn under the mask over single bytes and checked afterwards.

    Raises what compiling the schema raises; ValidationFailed where no draw could be shown to be valid.
    """
    from .masks.constraint import compile_source
    from .masks.vocabulary import Vocabulary

    vocabulary = Vocabulary([bytes([byte]) for byte in range(256)] + [b""], eos_ids=[_END])
    source = JsonSource(schema, json.loads)
    constraint = compile_source(source, vocabulary, n_logits=len(vocabulary), options=options)
    validator = Validator(schema, options)
    rng = random.Random(seed)
    names = list(dict.fromkeys(_declared_names(schema)))
    for attempt in range(ATTEMPTS):
        value = json.loads(_Walk(constraint.matcher(), rng, names).text())
        try:
            # As it will be printed: a number may have had another spelling.
            validator.check(json.dumps(value))
        except ValidationFailed:
            if attempt == ATTEMPTS - 1:
                raise
            continue
        return value
    raise AssertionError("unreachable")


def _declared_names(schema: Any) -> Iterator[str]:
    """The member names that a schema declares anywhere."""
    stack = [schema]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            declared = value.get("properties")
            if isinstance(declared, dict):
                yield from declared
            required = value.get("required")
            if isinstance(required, list):
                yield from (name for name in required if isinstance(name, str))
            stack += reversed(list(value.values()))
        elif isinstance(value, list):
            stack += reversed(value)


class _Walk:
    """One way through the mask: each byte is drawn so that the whole gets short and readable."""

    def __init__(self, matcher: Matcher, rng: random.Random, names: list[str]) -> None:
        self.matcher = matcher
        self.rng = rng
        self.names = [json.dumps(name, ensure_ascii=False)[1:].encode("utf-8", "replace") for name in names]
        self.written = bytearray()
        self.depth = 0
        self.string: int | None = None  # where the open string begins
        self.mask = np.zeros(matcher.constraint.n_words, np.int32)

    def text(self) -> str:
        while len(self.written) < MAX_BYTES and not self.matcher.is_accepting():
            if self.string is None:
                self._write(self._outside(self._allowed()))
            elif self.string < len(self.written) or not self._write_word():
                self._write(self._inside(self._allowed(), len(self.written) - self.string))
        for token in self.matcher.closing_tokens():
            self._write(token)
        return self.written.decode()

    def _write(self, byte: int) -> None:
        if not self.matcher.advance(byte):
            raise AssertionError(f"the mask allows {byte}, and the matcher does not")
        self.written.append(byte)
        if self.string is not None:
            n_backslashes = len(self.written[:-1]) - len(self.written[:-1].rstrip(b"\\"))
            self.string = None if byte == _QUOTE and n_backslashes % 2 == 0 else self.string
        elif byte == _QUOTE:
            self.string = len(self.written)
        else:
            self.depth += (byte in b"{[") - (byte in b"}]")

    def _allowed(self) -> list[int]:
        self.matcher.fill_mask(self.mask)
        bits = np.unpackbits(self.mask.view(np.uint8), bitorder="little")
        return [int(token) for token in bits.nonzero()[0] if token != _END]

    def _write_word(self) -> bool:
        """Write a declared name or else a word, where one may stand as a whole."""
        words = [word.encode() + b'"' for word in self.rng.sample(_WORDS, 3)]
        found = next((word for word in self.names + words if self._allows(word + b":")), None)
        found = found or next((word for word in words if self._allows(word)), None)
        for byte in found or b"":
            self._write(byte)
        return found is not None

    def _allows(self, text: bytes) -> bool:
        probe = self.matcher.fork()
        return all(map(probe.advance, text))

    def _inside(self, allowed: list[int], length: int) -> int:
        """The next byte of a string that has `length` bytes already."""
        if _QUOTE in allowed and (length >= _LONG or self.rng.random() < 0.1 * length):
            return _QUOTE
        if length >= _LONG:
            return self.matcher.closing_tokens()[0]
        plain = [byte for byte in allowed if byte in _PLAIN]
        return self.rng.choice(plain or [byte for byte in allowed if byte != _BACKSLASH] or allowed)

    def _outside(self, allowed: list[int]) -> int:
        """The next byte between strings."""
        if len(self.written) - len(self.written.rstrip(_NUMERIC)) >= _LONG_NUMBER:
            return self.matcher.closing_tokens()[0]
        return self.rng.choices(allowed, [self._weight(byte) for byte in allowed])[0]

    def _weight(self, byte: int) -> float:
        """How much a byte is liked there."""
        if byte in _DIGITS:
            return 0.03 if self.written[-1:].isdigit() else 1.0
        if byte in b"{[":
            return 2.0 if self.depth < _DEEP else 0.01
        return _WEIGHTS.get(byte, 1.0)
