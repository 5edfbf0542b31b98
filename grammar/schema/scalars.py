"""Scalar shapes to lexemes. Cached for the process: the same language is built once, whatever schema asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from ...errors import GramaskError, GrammarSyntaxError
from ..dfa import ByteDfa, bounded_length, code_point_lengths, intersect, literals, product, union
from ..lexemes import TEXT, Lexeme
from ..numbers import number_dfa, number_equal_dfa
from ..regex import compile_pattern, compile_regex
from ..utf8 import UTF8
from .shapes import FALSE, NULL, TRUE, Numbers, Strings

_WORDS = ((NULL, b"null"), (TRUE, b"true"), (FALSE, b"false"))


@lru_cache(maxsize=1024)
def string_lexeme(
    alternatives: tuple[frozenset[Strings], ...],
) -> tuple[Lexeme, tuple[tuple[bool, ...], ...]]:
    """The lexeme of all strings in some alternative, and for each of its labels which alternatives hold.

    `alternatives[i]` is a union of string shapes, run side by side with the others.
    """
    if len(alternatives) == 1:
        return _string_union(alternatives[0]), ((True,),)
    dfas = [_explicit(_string_union(shapes)) for shapes in alternatives]
    dfa, vectors = product(dfas)
    return Lexeme(dfa, is_string=True), tuple(vectors)


@lru_cache(maxsize=4096)
def _string_union(shapes: frozenset[Strings]) -> Lexeme:
    lexemes = [_one_string(shape) for shape in shapes]
    if len(lexemes) == 1:
        return lexemes[0]
    if not lexemes:
        return Lexeme(literals([]), is_string=True)
    if TEXT in lexemes:
        return TEXT
    return Lexeme(union(*map(_explicit, lexemes)), is_string=True)


@lru_cache(maxsize=4096)
def _one_string(shape: Strings) -> Lexeme:
    if shape == Strings():
        return TEXT
    dfa = _content(shape)
    if shape.texts is not None or (shape.low == 0 and shape.high is None):
        return Lexeme(dfa, is_string=True)
    if dfa is not UTF8 and not code_point_lengths(dfa)[2]:
        return Lexeme(bounded_length(dfa, shape.low, shape.high), is_string=True)
    return Lexeme(dfa, is_string=True, low=shape.low, high=shape.high)


def _content(shape: Strings) -> ByteDfa:
    if shape.texts is not None:
        return literals(encoded for text in shape.texts if (encoded := _encode(text, shape)) is not None)
    dfa = UTF8
    for pattern in sorted(shape.patterns):
        matches = compile_pattern(pattern)
        dfa = matches if dfa is UTF8 else intersect(dfa, matches)
    return dfa


def _encode(text: str, shape: Strings) -> bytes | None:
    """The UTF-8 content of `text`, None where it cannot be spelled or breaks another constraint of its shape."""
    if len(text) < shape.low or (shape.high is not None and len(text) > shape.high):
        return None
    try:
        content = text.encode()
    except UnicodeEncodeError:  # a lone surrogate is not text
        return None
    return content if all(compile_pattern(p).accepts(content) for p in shape.patterns) else None


def _explicit(lexeme: Lexeme) -> ByteDfa:
    """The lexeme's language without run-time counting."""
    return bounded_length(lexeme.dfa, lexeme.low, lexeme.high) if lexeme.is_counted else lexeme.dfa


@lru_cache(maxsize=1024)
def number_lexeme(
    alternatives: tuple[frozenset[Numbers], ...],
) -> tuple[Lexeme, tuple[tuple[bool, ...], ...]]:
    """The same for numbers."""
    dfas = [_number_union(shapes) for shapes in alternatives]
    if len(dfas) == 1:
        return Lexeme(dfas[0]), ((True,),)
    dfa, vectors = product(dfas)
    return Lexeme(dfa), tuple(vectors)


@lru_cache(maxsize=4096)
def _number_union(shapes: frozenset[Numbers]) -> ByteDfa:
    dfas = [_one_number(shape) for shape in shapes]
    if len(dfas) == 1:
        return dfas[0]
    return union(*dfas) if dfas else literals([])


def _one_number(shape: Numbers) -> ByteDfa:
    if shape.values is not None:
        dfa = number_equal_dfa(sorted(v for v in shape.values if shape.contains(v)))
    else:
        dfa = number_dfa(
            integer=shape.integer,
            lo=shape.low,
            lo_exclusive=shape.low_open,
            hi=shape.high,
            hi_exclusive=shape.high_open,
        )
    return intersect(dfa, compile_regex(r"-?(0|[1-9][0-9]*)")) if shape.plain else dfa


@lru_cache(maxsize=1024)
def word_lexeme(alternatives: tuple[int, ...]) -> tuple[Lexeme, tuple[tuple[bool, ...], ...]]:
    """The same for `null`, `true` and `false`; each alternative is a bit set of types."""
    dfas = [literals(word for bit, word in _WORDS if types & bit) for types in alternatives]
    if len(dfas) == 1:
        return Lexeme(dfas[0]), ((True,),)
    dfa, vectors = product(dfas)
    return Lexeme(dfa), tuple(vectors)


def string_is_empty(shape: Strings) -> bool:
    """Whether no string has this shape."""
    if shape.high is not None and shape.low > shape.high:
        return True
    if not shape.patterns and shape.texts is None:
        return False
    return _one_string(shape).is_empty


def check_patterns(patterns: Sequence[tuple[str, str]]) -> None:
    """Refuse the first `(pattern, pointer)` that the dialect does not have."""
    for pattern, pointer in patterns:
        try:
            compile_pattern(pattern)
        except GrammarSyntaxError as error:
            raise GrammarSyntaxError(
                error.message,
                source=error.source,
                line=error.line,
                column=error.column,
                pointer=pointer,
                keyword="pattern",
                hint=error.hint,
            ) from None
        except GramaskError as error:
            raise type(error)(error.message, pointer=pointer, keyword="pattern", hint=error.hint) from None
