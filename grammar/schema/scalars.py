"""Scalar shapes to lexemes. Cached for the process: the same language is built once, whatever schema asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from ...errors import GramaskError
from ..dfa import (
    ByteDfa,
    bounded_length,
    code_point_lengths,
    difference,
    intersect,
    literals,
    product,
    table_bytes,
    union,
)
from ..formats import format_bounds, format_dfa, format_hull
from ..lexemes import TEXT, Lexeme, relabelled
from ..number_sets import numbers_are_empty as are_empty
from ..number_sets import numbers_dfa
from ..recent import CACHE_BYTES, recently
from ..regex import compile_pattern, compile_regex
from ..stages import staged
from ..utf8 import UTF8
from . import string_grammars
from .members import is_text
from .scalar_shapes import Matcher, Numbers, Strings, least
from .shapes import FALSE, NULL, TRUE

MAX_UNROLLED = 64
"""Up to such a length bound, strings under several ones are unrolled into states: their masks are found faster."""

_WORDS = ((NULL, b"null"), (TRUE, b"true"), (FALSE, b"false"))


@recently(CACHE_BYTES, lambda found: _bytes_of(found[0]))
def string_lexeme(
    alternatives: tuple[frozenset[Strings], ...],
) -> tuple[Lexeme, tuple[tuple[bool, ...], ...]]:
    """The lexeme of all strings in some alternative, and for each of its labels which alternatives hold.

    `alternatives[i]` is a union of string shapes, run side by side with the others.
    """
    lexemes = [_string_union(shapes) for shapes in alternatives]
    if len(lexemes) == 1:
        return lexemes[0], ((True,),)
    found = staged(lexemes) if _is_long(lexemes) else None
    if found is None:
        dfa, vectors = product(list(map(_explicit, lexemes)))
        found = Lexeme(dfa, is_string=True), tuple(vectors)
    return found


def _bytes_of(lexeme: Lexeme) -> int:
    stage = lexeme.next_stage
    return table_bytes(lexeme.dfa) + (0 if stage is None else _bytes_of(stage))


def _is_long(lexemes: Sequence[Lexeme]) -> bool:
    """Whether counted lexemes would have many states if their lengths were unrolled."""
    return any(lexeme.is_counted and max(lexeme.low, lexeme.high or 0) > MAX_UNROLLED for lexeme in lexemes)


def string_language(shapes: frozenset[Strings]) -> ByteDfa:
    """The strings of a union of shapes, as UTF-8, without run-time counting."""
    return _explicit(_string_union(shapes))


@recently(CACHE_BYTES, lambda found: _bytes_of(found))
def _string_union(shapes: frozenset[Strings]) -> Lexeme:
    lexemes = [_one_string(shape) for shape in shapes]
    if len(lexemes) == 1:
        return lexemes[0]
    if not lexemes:
        return Lexeme(literals([]), is_string=True)
    if TEXT in lexemes:
        return TEXT
    bounds = _common_bounds(lexemes)
    if bounds is not None:
        return _bounded(union(*(lexeme.dfa for lexeme in lexemes)), *bounds)
    found = staged(lexemes) if _is_long(lexemes) else None
    if found is not None:
        lexeme, vectors = found
        return relabelled(lexeme, (0,) * len(vectors))
    dfa = union(*map(_explicit, lexemes))
    return TEXT if dfa.digest == UTF8.digest else Lexeme(dfa, is_string=True)


def _common_bounds(lexemes: Sequence[Lexeme]) -> tuple[int, int | None] | None:
    """The bounds of all counted lexemes, if they are the same and the strings of the others are within them anyway."""
    found = {(lexeme.low, lexeme.high) for lexeme in lexemes if lexeme.is_counted}
    if len(found) != 1:
        return None
    ((low, high),) = found
    for lexeme in lexemes:
        if not lexeme.is_counted and not lexeme.is_empty:
            shortest, longest, _ = code_point_lengths(lexeme.dfa)
            if shortest[lexeme.dfa.start] < low or (high is not None and longest[lexeme.dfa.start] > high):
                return None
    return low, high


@recently(CACHE_BYTES, lambda found: _bytes_of(found))
def _one_string(shape: Strings) -> Lexeme:
    if shape == Strings():
        return TEXT
    low, high = _length_bounds(shape)
    dfa = _content(shape)
    if shape.texts is not None or (low == 0 and high is None):
        return Lexeme(dfa, is_string=True)
    return _bounded(dfa, low, high)


def _bounded(dfa: ByteDfa, low: int, high: int | None) -> Lexeme:
    """The strings of a DFA that have `low` to `high` characters."""
    # One bound alone is exact whatever lengths there are; two need every length in between.
    if low and high is not None and dfa is not UTF8 and _has_gaps(dfa, low):
        return Lexeme(bounded_length(dfa, low, high), is_string=True)
    return Lexeme(dfa, is_string=True, low=low, high=high)


def _has_gaps(dfa: ByteDfa, low: int) -> bool:
    shortest, _, is_contiguous = code_point_lengths(dfa)
    return not is_contiguous and low > shortest[dfa.start]


def _length_bounds(shape: Strings) -> tuple[int, int | None]:
    """The bounds on the length, those of the formats among them."""
    low, high = shape.low, shape.high
    for matcher in shape.matchers:
        if matcher.kind == "format" and not matcher.negated:
            least_length, greatest = format_bounds(matcher.text)
            low, high = max(low, least_length), least(high, greatest)
    return low, high


def _content(shape: Strings) -> ByteDfa:
    if shape.texts is not None:
        return literals(text.encode() for text in shape.texts if has_shape(text, shape))
    dfa = UTF8
    for matcher in sorted(shape.matchers):
        dfa = _restrict(dfa, matcher)
    excluded = [text.encode() for text in shape.excluded if is_text(text)]
    return difference(dfa, literals(excluded)) if excluded else dfa


def _restrict(dfa: ByteDfa, matcher: Matcher) -> ByteDfa:
    if matcher.negated:
        # What is not known to have a format need not be without it.
        return difference(dfa, format_hull(matcher.text) if matcher.kind == "format" else _matching(matcher))
    matches = _matching(matcher)
    return matches if dfa is UTF8 else intersect(dfa, matches)


def _matching(matcher: Matcher) -> ByteDfa:
    if matcher.kind == string_grammars.KIND:
        raise string_grammars.refuse_more()
    if matcher.kind == "regex":
        return compile_regex(matcher.text)
    return compile_pattern(matcher.text) if matcher.kind == "pattern" else format_dfa(matcher.text)


def only_grammar(shapes: frozenset[Strings]) -> str | None:
    """The grammar that is all that is said of a string, None where there is no such thing."""
    if len(shapes) != 1:
        return None
    (shape,) = shapes
    if len(shape.matchers) != 1:
        return None
    (matcher,) = shape.matchers
    is_alone = matcher.kind == string_grammars.KIND and shape == Strings(matchers=shape.matchers)
    return matcher.text if is_alone and not matcher.negated else None


def has_shape(text: str, shape: Strings) -> bool:
    """Whether a text can be spelled and meets the constraints of a shape, its list of texts left aside."""
    low, high = _length_bounds(shape)
    if len(text) < low or (high is not None and len(text) > high) or text in shape.excluded:
        return False
    if not is_text(text):
        return False
    content = text.encode()
    return all(_meets(content, matcher) for matcher in shape.matchers)


def _meets(content: bytes, matcher: Matcher) -> bool:
    if matcher.negated and matcher.kind == "format":
        return not format_hull(matcher.text).accepts(content)
    if matcher.kind == string_grammars.KIND:
        return string_grammars.is_text_of(matcher.text, content) != matcher.negated
    return _matching(matcher).accepts(content) != matcher.negated


def _explicit(lexeme: Lexeme) -> ByteDfa:
    """The lexeme's language without run-time counting."""
    return bounded_length(lexeme.dfa, lexeme.low, lexeme.high) if lexeme.is_counted else lexeme.dfa


@recently(CACHE_BYTES, lambda found: _bytes_of(found[0]))
def number_lexeme(
    alternatives: tuple[frozenset[Numbers], ...],
) -> tuple[Lexeme, tuple[tuple[bool, ...], ...]]:
    """The same for numbers."""
    dfas = [_number_union(shapes) for shapes in alternatives]
    if len(dfas) == 1:
        return Lexeme(dfas[0]), ((True,),)
    dfa, vectors = product(dfas)
    return Lexeme(dfa), tuple(vectors)


@recently(CACHE_BYTES, table_bytes)
def _number_union(shapes: frozenset[Numbers]) -> ByteDfa:
    dfas = [_one_number(shape) for shape in shapes]
    if len(dfas) == 1:
        return dfas[0]
    return union(*dfas) if dfas else literals([])


def _fields(shape: Numbers) -> dict[str, object]:
    return {name: getattr(shape, name) for name in shape.__slots__}


def _one_number(shape: Numbers) -> ByteDfa:
    return numbers_dfa(**_fields(shape))  # type: ignore[arg-type]


def numbers_are_empty(shape: Numbers) -> bool:
    """Whether no number has this shape."""
    return not shape.is_plainly_endless and _numbers_are_empty(shape)


@lru_cache(maxsize=4096)
def _numbers_are_empty(shape: Numbers) -> bool:
    return are_empty(**_fields(shape))  # type: ignore[arg-type]


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
    if not shape.matchers and shape.texts is None and not shape.excluded:
        return False
    return only_grammar(frozenset([shape])) is None and _one_string(shape).is_empty


def check_patterns(patterns: Sequence[tuple[str, str, str]]) -> None:
    """Refuse the first `(pattern, pointer, keyword)` that the dialect does not have."""
    for pattern, pointer, keyword in patterns:
        try:
            compile_pattern(pattern)
        except GramaskError as error:
            raise error.at(pointer, keyword) from None
