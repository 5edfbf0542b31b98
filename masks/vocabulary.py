"""A tokenizer's vocabulary as exact bytes: all that masks need to know about a model's tokens."""

from __future__ import annotations

import hashlib
import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ..errors import TokenizerUnsupported
from . import disk_cache
from .token_bytes import eos_ids_of, load_tokenizer, read_token_bytes, signature
from .trie import FORMAT, TokenTrie


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Vocabulary:
    """Immutable. The bytes of every token, and which tokens are not text.

    tokens : the exact bytes each id adds to a text; b"" never matches. Several ids may spell the same bytes.
    eos_ids : the ids that end a sequence, ascending, at least one.
    special_ids : the ids that never match text, whatever their bytes; the EOS ids are always among them.
    encode : the tokenizer's own tokenization of a text, without special tokens, or None. A SentencePiece
        tokenizer may begin it with a space that is not in the text: compare the bytes before relying on them.
    digest : SHA-256 of the tokens, special ids and EOS ids. Vocabularies are equal if their digests are.
    """

    tokens: tuple[bytes, ...]
    eos_ids: tuple[int, ...]
    special_ids: frozenset[int]
    encode: Callable[[str], list[int]] | None
    digest: str
    _built: list[TokenTrie]
    _lock: threading.Lock

    def __init__(
        self,
        tokens: Sequence[bytes],
        *,
        eos_ids: Iterable[int],
        special_ids: Iterable[int] = (),
        encode: Callable[[str], list[int]] | None = None,
    ) -> None:
        """Raises TokenizerUnsupported without an EOS id, or for an id outside `tokens`."""
        tokens = tuple(tokens)
        if not set(map(type, tokens)) <= {bytes}:
            raise TypeError("tokens must be bytes")
        ends = _as_ids(eos_ids)
        special = frozenset(map(int, special_ids)).union(ends)
        _check_ids(ends, special, len(tokens))
        values: tuple[Any, ...] = (
            tokens,
            ends,
            special,
            encode,
            _digest(tokens, ends, special),
            [],
            threading.Lock(),
        )
        for entry, value in zip(fields(self), values, strict=True):
            object.__setattr__(self, entry.name, value)

    @classmethod
    def from_tokenizer(cls, tokenizer: Any, *, eos_ids: int | Iterable[int] | None = None) -> Vocabulary:
        """The vocabulary of a tokenizer; the same object again while the tokenizer lives and does not change.

        tokenizer : a transformers tokenizer, a `tokenizers.Tokenizer`, a `tiktoken.Encoding`, a folder with a
            transformers tokenizer, or a Vocabulary.
        eos_ids : the ids that end a sequence, such as `generation_config.eos_token_id`; by default the
            tokenizer's own.

        Raises TokenizerUnsupported if the bytes of each token cannot be known exactly, or there is no EOS.
        """
        chosen = _as_ids(eos_ids)
        if isinstance(tokenizer, Vocabulary):
            return tokenizer if chosen in ((), tokenizer.eos_ids) else _with_eos_ids(tokenizer, chosen)
        if isinstance(tokenizer, str | os.PathLike):
            tokenizer = load_tokenizer(tokenizer)
        return _RECENT.get(tokenizer, chosen or _as_ids(eos_ids_of(tokenizer)))

    def __len__(self) -> int:
        return len(self.tokens)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} tokens, eos_ids={self.eos_ids}, digest={self.digest[:12]})"

    def __deepcopy__(self, _: object) -> Vocabulary:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """A pickle holds everything but `encode`, which belongs to a tokenizer of this process."""
        return _unpickled, (self.tokens, self.eos_ids, self.special_ids)

    @property
    def trie(self) -> TokenTrie:
        """The trie of all tokens that match text; built at first use, or read from the disk cache."""
        if not self._built:
            with self._lock:
                if not self._built:
                    self._built.append(_stored_trie(self))
        return self._built[0]


def _as_ids(ids: int | Iterable[int] | None) -> tuple[int, ...]:
    if ids is None:
        return ()
    return (ids,) if isinstance(ids, int) else tuple(sorted({int(token) for token in ids}))


def _unpickled(tokens: tuple[bytes, ...], eos_ids: tuple[int, ...], special_ids: Iterable[int]) -> Vocabulary:
    return Vocabulary(tokens, eos_ids=eos_ids, special_ids=special_ids)


def _check_ids(eos_ids: tuple[int, ...], special_ids: frozenset[int], n_tokens: int) -> None:
    if not eos_ids:
        raise TokenizerUnsupported("no end-of-sequence token is known", hint="pass eos_ids")
    outside = sorted(token for token in special_ids if not 0 <= token < n_tokens)
    if outside:
        kind = "end-of-sequence" if outside[0] in eos_ids else "special"
        raise TokenizerUnsupported(
            f"the {kind} id {outside[0]} is not one of the {n_tokens} tokens", hint="pass the tokenizer's ids"
        )


def _digest(tokens: tuple[bytes, ...], eos_ids: tuple[int, ...], special_ids: frozenset[int]) -> str:
    """SHA-256 over three counted lists: token lengths and bytes, special ids, EOS ids."""
    state = hashlib.sha256()
    for numbers in (list(map(len, tokens)), sorted(special_ids), eos_ids):
        state.update(len(numbers).to_bytes(8, "little"))
        state.update(np.array(numbers, "<i8").tobytes())
    state.update(b"".join(tokens))
    return state.hexdigest()


def _with_eos_ids(vocabulary: Vocabulary, eos_ids: tuple[int, ...]) -> Vocabulary:
    return Vocabulary(
        vocabulary.tokens, eos_ids=eos_ids, special_ids=vocabulary.special_ids, encode=vocabulary.encode
    )


def _stored_trie(vocabulary: Vocabulary) -> TokenTrie:
    kind = f"trie{FORMAT}"
    arrays = disk_cache.load(vocabulary.digest, kind)
    if arrays is not None:
        try:
            return TokenTrie.from_arrays(arrays)
        except ValueError:
            pass  # written by another version of the package; overwritten below
    trie = TokenTrie.build(vocabulary.tokens, vocabulary.special_ids)
    disk_cache.store(vocabulary.digest, kind, trie.to_arrays())
    return trie


class _RecentVocabularies:
    """The vocabularies of the tokenizers used last: callers pass the tokenizer again and again.

    Keyed by the identity of the tokenizer object, which is held weakly. The bound is for vocabularies whose
    `encode` needs the object itself, which keeps both alive.
    """

    def __init__(self, limit: int = 16) -> None:
        self._limit = limit
        self._lock = threading.RLock()
        self._entries: OrderedDict[tuple[Any, ...], tuple[weakref.ref[Any], Vocabulary]] = OrderedDict()

    def get(self, tokenizer: Any, eos_ids: tuple[int, ...]) -> Vocabulary:
        key = (id(tokenizer), eos_ids, signature(tokenizer))
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and entry[0]() is tokenizer:
                self._entries.move_to_end(key)
                return entry[1]
            vocabulary = _read(tokenizer, eos_ids)
            self._entries[key] = (weakref.ref(tokenizer, lambda _: self._entries.pop(key, None)), vocabulary)
            while len(self._entries) > self._limit:
                self._entries.popitem(last=False)
            return vocabulary


def _read(tokenizer: Any, eos_ids: tuple[int, ...]) -> Vocabulary:
    found = read_token_bytes(tokenizer)
    return Vocabulary(found.tokens, eos_ids=eos_ids, special_ids=found.special_ids, encode=found.encode)


_RECENT = _RecentVocabularies()
