"""What masks need to know about one vocabulary, whatever the schema: computed once, shared by all constraints.

The rows of a string lexeme do not depend on where the string stands: a token either stays inside it, or leaves it at
a quote, and then only what follows the quote (the suffix) depends on the context.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import TypeVar

import numpy as np

from ..grammar.dfa import ByteDfa
from ..grammar.lexemes import TEXT, Lexeme, Lexicon
from ..grammar.pushdown import Pushdown
from ..grammar.recent import Recent
from . import disk_cache
from .content_length import content_lengths
from .exits import LARGE, LevelExits, exits_in_place, merged_exits
from .kernels.bits import count_bits
from .level_trie import LevelTrie
from .quoted_trie import Crossing, QuotedTrie
from .row_store import RowStore
from .trie import TokenTrie
from .vocabulary import Vocabulary
from .walker import Config, Exits, check_tokens, exits, start_at, walk_trie

T = TypeVar("T")
MAX_LEXEMES = 32
# 16 KB each with 128k tokens, for each of two kinds.
MAX_ROWS = 4096
MAX_MERGED_BYTES = 64 << 20
# Sets of suffixes, of some hundred bytes.
MAX_SETS = 1 << 14
# Exits are put together once they were asked for so many times.
OFTEN = 4
TWICE = 2
# To read so many tokens one by one takes about as long as to walk over all of them.
MANY_DOUBTFUL = 8192
# Raise it when an array or the meaning of a row changes: what is on disk is keyed by it.
TABLES_FORMAT = 4


# A colon, and further on a comma with a whole string behind it.
_TWO_NAMES = re.compile(rb':.*,\s*"(?:[^"\\]|\\.)*"', re.DOTALL)
# Whole characters, where all bytes are known to be such as may stand in a string.
_WHOLE_TEXT = re.compile(
    rb"(?:[^\\\x80-\xff]|[\xc0-\xdf].|[\xe0-\xef]..|[\xf0-\xf7]...)*", re.DOTALL
).fullmatch


@dataclass(frozen=True, slots=True, eq=False)
class LexemeRow:
    """Where one state of a string lexeme can go.

    inside : uint32[n_words], the tokens that stay inside the string.
    """

    inside: np.ndarray
    crossings: tuple[Crossing, ...]


@dataclass(slots=True, eq=False)
class LevelRow:
    """Where a state can go before its stack level ends.

    inside : uint32[n_words], the tokens that do not end it.
    exits  : where the others do.
    number : of no other such row there was.
    """

    inside: np.ndarray
    exits: Exits
    number: int
    n_uses: int = 0


class TokenTables:
    """Immutable for its users; rows are added to its cache as they are asked for.

    with_quote : int64[n], the tokens that have a quote.
    two_names  : int64[n], those that could hold the ends of two member names.
    whole_text : a byte for each token, 1 where it is whole characters of a string, none of them escaped.
    """

    with_quote: np.ndarray
    two_names: np.ndarray
    whole_text: bytes

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.trie: TokenTrie = vocabulary.trie
        self.n_words = self.trie.n_words(len(vocabulary))
        self.suffixes, _ = LevelTrie.of(self.trie.suffix_nodes)
        self.texts = (
            np.frombuffer(b"".join(vocabulary.tokens), np.uint8).copy(),
            np.cumsum([0, *map(len, vocabulary.tokens)], dtype=np.int64),
        )
        self._offsets = self.texts[1].data  # quicker for one token
        self.is_text = np.diff(self.texts[1]) > 0
        self.is_text[list(vocabulary.special_ids)] = False
        self.text_flags = self.is_text.tobytes()  # quicker for one token
        text, offsets = self.texts
        self._first_bytes = np.append(text, np.uint8(0))[offsets[:-1]]
        self.kept = RowStore()
        self._shared: dict[str, object] = {}
        self._numbers = count()
        self._sets: dict[bytes, int] = {}
        self._at_most: dict[int, np.ndarray] = {}
        self._lexemes: Recent[_LexemeRows] = Recent(MAX_LEXEMES)
        self._rows: Recent[LexemeRow] = Recent(MAX_ROWS)
        self._levels: Recent[LevelRow] = Recent(MAX_ROWS)
        self._merged: Recent[LevelExits] = Recent(MAX_MERGED_BYTES, lambda exits: exits.n_bytes)
        # Plain text is in nearly every schema and its rows take the longest walks, so they are kept on disk.
        self._plain: dict[int, LexemeRow] = {}
        kind = f"tables{TABLES_FORMAT}"
        try:
            self._take(disk_cache.load(vocabulary.digest, kind) or {})
        except KeyError:
            disk_cache.store(vocabulary.digest, kind, self._build())
        self.longest = int(self._lengths.max(initial=0))

    def _take(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over stored arrays. Raises KeyError for a missing one."""
        self.all = QuotedTrie.from_arrays(arrays, "all")
        self.quoting = QuotedTrie.from_arrays(arrays, "quoting")
        self._lengths = arrays["lengths"]
        self.with_quote, self.two_names = arrays["with_quote"], arrays["two_names"]
        self.whole_text = arrays["whole_text"].tobytes()
        self._plain = _plain_rows(arrays)

    def _build(self) -> dict[str, np.ndarray]:
        """Build what `_take` takes over."""
        vocabulary = self.vocabulary
        self.all = QuotedTrie.of(self.trie, vocabulary.tokens)
        quoting = [text if b'"' in text else b"" for text in vocabulary.tokens]
        # Suffix ids come from the sorted distinct suffixes, so they are the same in both tries.
        self.quoting = QuotedTrie.of(TokenTrie.build(quoting, vocabulary.special_ids), vocabulary.tokens)
        self._lengths = content_lengths(vocabulary.tokens)
        tries = {**self.all.to_arrays("all"), **self.quoting.to_arrays("quoting")}
        plain = _LexemeRows(self, TEXT.dfa)
        self._plain = {local: plain.row(local, 0) for local in range(1, TEXT.dfa.n_states)}
        with_quote = [t for t, text in enumerate(vocabulary.tokens) if self.is_text[t] and b'"' in text]
        two_names = [t for t in with_quote if _TWO_NAMES.search(vocabulary.tokens[t])]
        self.with_quote, self.two_names = np.array(with_quote, np.int64), np.array(two_names, np.int64)
        quotes = {"with_quote": self.with_quote, "two_names": self.two_names}
        whole_text = np.array([_WHOLE_TEXT(text) is not None for text in vocabulary.tokens])
        inside = unpack_bits(self._plain[TEXT.dfa.start].inside, len(vocabulary))
        whole_text = (inside & whole_text).astype(np.uint8)
        self.whole_text = whole_text.tobytes()
        characters = {"lengths": self._lengths, "whole_text": whole_text}
        return {**tries, **characters, **quotes, **_plain_arrays(self._plain)}

    def shared(self, name: str, make: Callable[[TokenTables], T]) -> T:
        """What `make` makes of these tables, made once; `name` is its own."""
        found = self._shared.get(name)
        if found is None:
            found = self._shared[name] = make(self)
        return found  # type: ignore[return-value]

    def forget(self) -> None:
        """Forget the rows that schemas asked for; what follows from the vocabulary alone stays. Changes no mask."""
        self._at_most.clear()
        self._sets.clear()
        for kept in (self._lexemes, self._rows, self._levels, self._merged, self.kept):
            kept.clear()

    def row(self, dfa: ByteDfa, local: int, escape: int) -> LexemeRow:
        """The row of state `local` of a string lexeme, its length not counted."""
        if dfa is TEXT.dfa and escape == 0:
            return self._plain[local]
        return self._rows.get((dfa.digest, local, escape), lambda: self._lexeme_row(dfa, local, escape))

    def _lexeme_row(self, dfa: ByteDfa, local: int, escape: int) -> LexemeRow:
        return self._lexemes.get(dfa.digest, lambda: _LexemeRows(self, dfa)).row(local, escape)

    def text_of(self, token: int) -> np.ndarray:
        """The bytes of a token, uint8[n]."""
        return self.texts[0][self._offsets[token] : self._offsets[token + 1]]

    def length_of(self, token: int) -> int:
        """The characters of a token, read as string content."""
        return int(self._lengths[token])

    def level_row(self, key: tuple[object, ...], pushdown: Pushdown, start: Config) -> LevelRow:
        """Where `start` can go on its own stack level; `key` is equal for starts of which that is the same."""
        return self._levels.get(key, lambda: self._level_row(pushdown, start))

    def _level_row(self, pushdown: Pushdown, start: Config) -> LevelRow:
        inside = np.zeros(self.n_words, np.uint32)
        walk_trie(pushdown, start, self.all.levels, inside)
        return LevelRow(inside, exits(), next(self._numbers))

    def number_of(self, words: np.ndarray) -> int:
        """The number of a set of suffixes, as words of bits: of no other set, and mostly the same for equal ones."""
        key = words.tobytes()
        number = self._sets.get(key)
        if number is None:
            if len(self._sets) >= MAX_SETS:
                self._sets.clear()
            # Of two threads that find the same set, one is told the number of the other.
            number = self._sets.setdefault(key, next(self._numbers))
        return number

    def exits_of(self, key: tuple[object, ...], row: LevelRow, *, again: bool, whole: bool) -> LevelExits:
        """The tokens of the row of `key` that leave its level.

        again : they will be asked for on many stacks.  whole : always, and to be put together however many they are.
        """
        if not whole and row.n_uses < (TWICE if again else OFTEN):
            return exits_in_place(row.exits)
        large = None if whole else LARGE
        return self._merged.get(key, lambda: merged_exits(self.all.levels, row.exits, self.beginning, large))

    def beginning(self, first_bytes: np.ndarray) -> np.ndarray:
        """uint32[n_words]: the tokens that begin with one of some bytes (uint8[n])."""
        begins = np.zeros(256, np.bool_)
        begins[first_bytes] = True
        return pack_bits(begins[self._first_bytes] & self.is_text, self.n_words)

    @cached_property
    def in_strings(self) -> np.ndarray:
        """uint32[n_words]: the tokens that some string may go on with, those included that end it."""
        return self._plain[TEXT.dfa.start].inside | pack_ids(self.with_quote.tolist(), self.n_words)

    def at_most(self, n: int) -> np.ndarray:
        """uint32[n_words]: the tokens with at most `n` characters, read as string content."""
        n = max(-1, min(n, self.longest))
        words = self._at_most.get(n)
        if words is None:
            words = self._at_most[n] = pack_bits(self._lengths <= n, self.n_words)
        return words


class _LexemeRows:
    """The rows of one string DFA."""

    def __init__(self, tables: TokenTables, dfa: ByteDfa) -> None:
        self.tables = tables
        self.lexeme = TEXT if dfa is TEXT.dfa else Lexeme(dfa, is_string=True)
        self.pushdown = Pushdown()
        self.lexicon = Lexicon(self.pushdown)

    def row(self, local: int, escape: int) -> LexemeRow:
        """Build the row of state `local`."""
        with self.pushdown.lock:
            return self._build(local, escape)

    def _build(self, local: int, escape: int) -> LexemeRow:
        tables = self.tables
        start = start_at(self.lexicon.state(self.lexeme, local), 0, escape)
        inside = np.zeros(tables.n_words, np.uint32)
        doubtful = None if escape else self._doubtful(local)
        if doubtful is None:
            walk_trie(self.pushdown, start, tables.all.levels, inside)
            return LexemeRow(inside, tables.all.crossings(exits()))
        np.bitwise_xor(tables.row(TEXT.dfa, TEXT.dfa.start, 0).inside, doubtful, out=inside)
        check_tokens(self.pushdown, start, tables.texts, doubtful, inside)
        walk_trie(self.pushdown, start, tables.quoting.levels, np.zeros(tables.n_words, np.uint32))
        return LexemeRow(inside, tables.quoting.crossings(exits()))

    def _doubtful(self, local: int) -> np.ndarray | None:
        """uint32[n_words]: tokens of plain text that the state may not allow; None where they are many."""
        lexeme, tables = self.lexeme, self.tables
        if lexeme is TEXT or lexeme.inside_character[local]:
            return None
        # So many characters are never refused: most tokens are shorter.
        short = tables.at_most(int(lexeme.free_characters[local]))
        doubtful: np.ndarray = tables.row(TEXT.dfa, TEXT.dfa.start, 0).inside & ~short
        return None if count_bits(doubtful) > MANY_DOUBTFUL else doubtful


def _plain_arrays(rows: Mapping[int, LexemeRow]) -> dict[str, np.ndarray]:
    """The rows of plain text, for the disk cache."""
    arrays = {}
    for local, row in rows.items():
        arrays[f"inside{local}"] = row.inside
        pairs = [np.stack([c.tokens, c.suffixes, c.n_before]) for c in row.crossings]
        arrays[f"crossings{local}"] = np.concatenate([*pairs, np.zeros((3, 0), np.int32)], axis=1)
    return arrays


def _plain_rows(arrays: Mapping[str, np.ndarray]) -> dict[int, LexemeRow]:
    """The inverse. Raises KeyError for an array that is missing."""
    rows = {}
    for local in range(1, TEXT.dfa.n_states):
        pairs = np.ascontiguousarray(arrays[f"crossings{local}"])
        crossings = (Crossing(0, *pairs),) if pairs.shape[1] else ()
        rows[local] = LexemeRow(arrays[f"inside{local}"], crossings)
    return rows


_cache: Recent[TokenTables] = Recent(8, lasting=True)


def tables_of(vocabulary: Vocabulary) -> TokenTables:
    """The tables of a vocabulary; the last few vocabularies are kept."""
    return _cache.get(vocabulary.digest, lambda: TokenTables(vocabulary))


def pack_ids(tokens: Sequence[int], n_words: int) -> np.ndarray:
    """uint32[n_words]: the bits of `tokens`."""
    words = np.zeros(n_words, np.uint32)
    for token in tokens:
        words[token >> 5] |= np.uint32(1 << (token & 31))
    return words


def bit_positions(words: np.ndarray) -> list[int]:
    """The positions of the bits that are set in uint32 words."""
    found: list[int] = []
    for word in np.flatnonzero(words).tolist():
        bits = int(words[word])
        while bits:
            found.append(32 * word + (bits & -bits).bit_length() - 1)
            bits &= bits - 1
    return found


def unpack_bits(words: np.ndarray, n: int) -> np.ndarray:
    """bool[n]: the first bits of uint32 words."""
    return np.unpackbits(words.astype("<u4").view(np.uint8), bitorder="little", count=n).astype(np.bool_)


def pack_bits(flags: np.ndarray, n_words: int) -> np.ndarray:
    """Bit t % 32 of word t // 32 is `flags[t]`. Returns uint32[n_words]."""
    padded = np.zeros(n_words * 32, np.bool_)
    padded[: len(flags)] = flags
    return np.packbits(padded, bitorder="little").view("<u4").astype(np.uint32)
