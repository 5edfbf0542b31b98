"""What masks need to know about one vocabulary, whatever the schema: computed once, shared by all constraints.

The rows of a string lexeme do not depend on where the string stands: a token either stays inside it, or leaves it at
a quote, and then only what follows the quote (the suffix) depends on the context.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from ..grammar.dfa import ByteDfa
from ..grammar.lexemes import TEXT, Lexeme, Lexicon
from ..grammar.pushdown import Pushdown
from .level_trie import LevelTrie
from .trie import TokenTrie
from .vocabulary import Vocabulary
from .walker import Exits, Start, check_tokens, walk_trie

MAX_LEXEMES = 512
MAX_LEVELS = 2048
# With fewer free characters more tokens are in doubt than a walk of the whole trie looks at.
MIN_FREE = 6


@dataclass(frozen=True, slots=True, eq=False)
class Crossing:
    """The tokens that end a string with one outcome, one entry for each quote at which a token may end it.

    tokens, suffixes : int32[n], the token and the id of what follows the quote.
    n_before : int32[n], code points of the string in front of the quote.
    """

    outcome: int
    tokens: np.ndarray
    suffixes: np.ndarray
    n_before: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class LexemeRow:
    """Where one state of a string lexeme can go.

    inside : uint32[n_words], the tokens that stay inside the string.
    """

    inside: np.ndarray
    crossings: tuple[Crossing, ...]


@dataclass(frozen=True, slots=True, eq=False)
class LevelRow:
    """Where a state can go before its stack level ends.

    inside : uint32[n_words], the tokens that do not end it.  exits : where in the trie it ends.
    """

    inside: np.ndarray
    exits: Exits


class TokenTables:
    """Immutable for its users; rows are added to its cache as they are asked for."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.trie: TokenTrie = vocabulary.trie
        self.n_words = self.trie.n_words(len(vocabulary))
        quoting = [text if b'"' in text else b"" for text in vocabulary.tokens]
        self.all = _QuotedTrie(self.trie, vocabulary)
        # Suffix ids come from the sorted distinct suffixes, so they are the same in both tries.
        self.quoting = _QuotedTrie(TokenTrie.build(quoting, vocabulary.special_ids), vocabulary)
        self.suffixes, _ = LevelTrie.of(self.trie.suffix_nodes)
        self.texts = (
            np.frombuffer(b"".join(vocabulary.tokens), np.uint8).copy(),
            np.cumsum([0, *map(len, vocabulary.tokens)], dtype=np.int64),
        )
        self.is_text = np.array([len(text) > 0 for text in vocabulary.tokens], np.bool_)
        self.is_text[list(vocabulary.special_ids)] = False
        self._lengths = _content_lengths(vocabulary.tokens)
        self.longest = int(self._lengths.max(initial=0))
        self._at_most: dict[int, np.ndarray] = {}
        self._lock = threading.Lock()
        self._lexemes: OrderedDict[bytes, _LexemeRows] = OrderedDict()
        self._levels: OrderedDict[tuple[object, ...], LevelRow] = OrderedDict()

    def row(self, dfa: ByteDfa, local: int, escape: int) -> LexemeRow:
        """The row of state `local` of a string lexeme, its length not counted."""
        rows = self._lexemes.get(dfa.digest)
        if rows is None:
            rows = self._new_lexeme(dfa)
        return rows.row(local, escape)

    def text_of(self, token: int) -> np.ndarray:
        """The bytes of a token, uint8[n]."""
        text, offsets = self.texts
        return text[offsets[token] : offsets[token + 1]]

    def level_row(self, key: tuple[object, ...], pushdown: Pushdown, start: Start) -> LevelRow:
        """Where `start` can go on its own stack level; `key` is equal for starts of which that is the same."""
        row = self._levels.get(key)
        if row is None:
            inside = np.zeros(self.n_words, np.uint32)
            row = LevelRow(inside, walk_trie(pushdown, start, self.all.levels, inside))
            with self._lock:
                self._levels[key] = row
                if len(self._levels) > MAX_LEVELS:
                    self._levels.popitem(last=False)
        return row

    def at_most(self, n: int) -> np.ndarray:
        """uint32[n_words]: the tokens with at most `n` characters, read as string content."""
        n = max(-1, min(n, self.longest))
        words = self._at_most.get(n)
        if words is None:
            words = self._at_most[n] = pack_bits(self._lengths <= n, self.n_words)
        return words

    def _new_lexeme(self, dfa: ByteDfa) -> _LexemeRows:
        with self._lock:
            rows = self._lexemes.setdefault(dfa.digest, _LexemeRows(self, dfa))
            self._lexemes.move_to_end(dfa.digest)
            if len(self._lexemes) > MAX_LEXEMES:
                self._lexemes.popitem(last=False)
            return rows


class _QuotedTrie:
    """A trie in level order, and the tokens behind each of its nodes that ends in a quote."""

    def __init__(self, trie: TokenTrie, vocabulary: Vocabulary) -> None:
        self.levels, number = LevelTrie.of(trie.nodes)
        self.pairs = trie.quote_pairs
        self.n_before = _code_points_before(trie, vocabulary.tokens)
        self.nodes = number[trie.quote_nodes]
        order = np.argsort(self.nodes)
        self.nodes = self.nodes[order]
        self.first, self.last = trie.quote_offsets[:-1][order], trie.quote_offsets[1:][order]

    def crossings(self, exits: Exits) -> tuple[Crossing, ...]:
        """The exits of a string walk over this trie, by outcome, with the tokens below each."""
        places = np.searchsorted(self.nodes, exits[:, 0])
        found = []
        for outcome in np.unique(exits[:, 1]):
            here = places[exits[:, 1] == outcome]
            rows = _ranges(self.first[here], self.last[here])
            tokens, suffixes = (np.ascontiguousarray(self.pairs[rows, column]) for column in (1, 2))
            found.append(Crossing(int(outcome), tokens, suffixes, self.n_before[rows]))
        return tuple(found)


class _LexemeRows:
    """The rows of one string DFA."""

    def __init__(self, tables: TokenTables, dfa: ByteDfa) -> None:
        self.tables = tables
        self.lexeme = TEXT if dfa is TEXT.dfa else Lexeme(dfa, is_string=True)
        self.pushdown = Pushdown()
        self.lexicon = Lexicon(self.pushdown)
        self._rows: dict[tuple[int, int], LexemeRow] = {}

    def row(self, local: int, escape: int) -> LexemeRow:
        row = self._rows.get((local, escape))
        if row is None:
            with self.pushdown.lock:
                row = self._rows[local, escape] = self._build(local, escape)
        return row

    def _build(self, local: int, escape: int) -> LexemeRow:
        tables = self.tables
        start = Start(self.lexicon.state(self.lexeme, local), 0, escape)
        inside = np.zeros(tables.n_words, np.uint32)
        if escape or not self._is_free(local):
            exits = walk_trie(self.pushdown, start, tables.all.levels, inside)
            return LexemeRow(inside, tables.all.crossings(exits))
        # So many characters are never refused: most tokens are shorter, and only the others need looking at.
        plain = tables.row(TEXT.dfa, TEXT.dfa.start, 0).inside
        short = tables.at_most(int(self.lexeme.free_characters[local]))
        np.bitwise_and(plain, short, out=inside)
        check_tokens(self.pushdown, start, tables.texts, plain & ~short, inside)
        exits = walk_trie(self.pushdown, start, tables.quoting.levels, np.zeros(tables.n_words, np.uint32))
        return LexemeRow(inside, tables.quoting.crossings(exits))

    def _is_free(self, local: int) -> bool:
        """Whether the row of plain text is a good start for the row of this state."""
        lexeme = self.lexeme
        return (
            lexeme is not TEXT and not lexeme.inside_character[local] and lexeme.free_characters[local] >= MIN_FREE
        )


_cache: OrderedDict[str, TokenTables] = OrderedDict()
_cache_lock = threading.Lock()


def tables_of(vocabulary: Vocabulary) -> TokenTables:
    """The tables of a vocabulary; the last few vocabularies are kept."""
    with _cache_lock:
        tables = _cache.get(vocabulary.digest)
        if tables is None:
            tables = _cache[vocabulary.digest] = TokenTables(vocabulary)
        _cache.move_to_end(vocabulary.digest)
        if len(_cache) > 8:
            _cache.popitem(last=False)
        return tables


def pack_bits(flags: np.ndarray, n_words: int) -> np.ndarray:
    """Bit t % 32 of word t // 32 is `flags[t]`. Returns uint32[n_words]."""
    padded = np.zeros(n_words * 32, np.bool_)
    padded[: len(flags)] = flags
    return np.packbits(padded, bitorder="little").view("<u4").astype(np.uint32)


def _ranges(first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """The concatenation of `arange(first[i], last[i])`."""
    lengths = last - first
    ends = np.cumsum(lengths)
    return np.repeat(first - (ends - lengths), lengths) + np.arange(ends[-1] if len(ends) else 0)


def content_length(text: bytes) -> int:
    r"""Characters begun in `text`, read as string content: an escape counts once, and so does a surrogate pair."""
    count = i = 0
    while i < len(text):
        if text[i] & 0xC0 == 0x80:
            i += 1
            continue
        count += 1
        if text[i] != 0x5C:
            i += 1
        elif text[i + 1 : i + 2] != b"u":
            i += 2
        else:
            high = text[i + 2 : i + 4].lower()
            i += 12 if high in (b"d8", b"d9", b"da", b"db") else 6
    return count


def _content_lengths(tokens: tuple[bytes, ...]) -> np.ndarray:
    """int32[n_tokens]."""
    return np.fromiter(map(_fast_length, tokens), np.int32, len(tokens))


def _fast_length(text: bytes) -> int:
    if b"\\" in text:
        return content_length(text)
    return len(text) if text.isascii() else sum(byte & 0xC0 != 0x80 for byte in text)


def _code_points_before(trie: TokenTrie, tokens: tuple[bytes, ...]) -> np.ndarray:
    """For each row of `quote_pairs`, the characters of the token in front of its quote. int32[m]."""
    depth = trie.nodes[trie.quote_pairs[:, 0], 0] >> 8
    counts = [_fast_length(tokens[t][: d - 1]) for t, d in zip(trie.quote_pairs[:, 1], depth, strict=True)]
    return np.array(counts, np.int32)
