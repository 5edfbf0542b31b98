"""The functions that make sources, and what else a user may hand in as `schema`."""

from __future__ import annotations

import json as json_text
from collections.abc import Callable, Iterable
from itertools import count
from math import isfinite
from pathlib import Path
from types import NoneType
from typing import Any

from ..errors import CompileBudgetExceeded, GramaskError, GrammarSyntaxError, InvalidSchema
from .indentation import Indentation
from .response_format import is_response_format, unwrap_response_format
from .schema.document import escape_token
from .schema.positions import with_subschemas
from .schema.string_grammars import schema_of
from .source import (
    ChoiceSource,
    JsonSource,
    LarkSource,
    Maker,
    RegexSource,
    RulesSource,
    Source,
    TextMaker,
    check_text,
)

# The recursive walks over a schema stay well inside Python's own recursion limit.
MAX_DEPTH = 200
_INFINITE = (float("inf"), float("-inf"))
_SCALARS = frozenset((str, int, bool, NoneType))


def regex(pattern: str) -> RegexSource:
    """Constrain to a regular expression, matched from end to end."""
    if not isinstance(pattern, str):
        raise GramaskError(f"a regex is a str, not {_kind(pattern)}", hint="pass the pattern's text")
    return RegexSource(pattern)


def choice(texts: Iterable[str]) -> ChoiceSource:
    """Constrain to exactly one of the given texts. Repeated texts count once."""
    if isinstance(texts, str):
        raise GramaskError("choice takes several texts, not one str", hint="pass a list of str")
    unique = tuple(dict.fromkeys(texts))
    for text in unique:
        if not isinstance(text, str):
            raise GramaskError(f"a choice is a str, not {_kind(text)}", hint="convert it with str() first")
        check_text(text)
    if not unique:
        raise GramaskError("choice has nothing to choose from", hint="pass at least one text")
    return ChoiceSource(unique)


def lark(
    grammar: str | Path,
    start: str = "start",
    *,
    parser: str = "lalr",
    lexer: str = "auto",
    postlex: Any = None,
) -> LarkSource:
    """Constrain to a Lark grammar, given as its text or as the Path of a file.

    The texts are those that `Lark(grammar, start=start, parser=parser, lexer=lexer, postlex=postlex)` parses.
    parser  : "lalr", with the contextual lexer; or "earley", for ambiguous grammars and such as need more lookahead.
    lexer   : of "earley", "dynamic" (the default) or "dynamic_complete".
    postlex : of "lalr", what turns indentation into terminals: a `lark.indenter.Indenter` such as PythonIndenter().
    """
    if lexer == "auto":
        lexer = "dynamic" if parser == "earley" else "contextual"
    if lexer not in _LARK_LEXERS.get(parser, ()):
        raise GramaskError(
            f"there is no lexer {lexer!r} for the parser {parser!r}",
            keyword="lark",
            hint='take parser="lalr", or parser="earley" with lexer="dynamic" or "dynamic_complete"',
        )
    if postlex is not None and parser != "lalr":
        raise GramaskError(
            f"the parser {parser!r} takes no post-lexer", keyword="postlex", hint='parser="lalr"'
        )
    indentation = None if postlex is None else Indentation.of(postlex)
    if not isinstance(grammar, str | Path):
        raise GramaskError(f"a Lark grammar is a str or a Path, not {_kind(grammar)}")
    text, path = (_read(grammar), grammar) if isinstance(grammar, Path) else (grammar, None)
    return LarkSource(text, start, path, parser, lexer, indentation)  # type: ignore[arg-type]


_LARK_LEXERS = {"lalr": ("contextual",), "earley": ("dynamic", "dynamic_complete")}


def gbnf(grammar: str | Path, start: str = "root") -> RulesSource:
    """Constrain to a grammar in the notation of llama.cpp (see `gramask.grammar.gbnf`), its text or its file's Path."""
    return RulesSource("gbnf", _grammar_text(grammar, "GBNF"), start)


def ebnf(grammar: str | Path, start: str | None = None) -> RulesSource:
    """Constrain to a grammar in the W3C's EBNF (see `gramask.grammar.ebnf`), its text or the Path of its file.

    start : the rule that the text is derived from, by default the first.
    """
    return RulesSource("ebnf", _grammar_text(grammar, "EBNF"), start)


def _grammar_text(grammar: str | Path, notation: str) -> str:
    if isinstance(grammar, Path):
        return _read(grammar)
    if not isinstance(grammar, str):
        raise GramaskError(f"a grammar in {notation} is a str or a Path, not {_kind(grammar)}")
    return grammar


def json(schema: Any = True) -> JsonSource:
    """Constrain to JSON: a schema, its text, a Path to it, or a Python type. Without one, any document."""
    source = resolve(schema)
    if not isinstance(source, JsonSource):
        raise GramaskError(f"gramask.json takes a JSON Schema or a type, not {_kind(schema)}")
    return source


def resolve(schema: Any) -> Source:
    """The source that `schema` stands for.

    schema : dict, bool, JSON text, Path (.json, .lark, .gbnf, .ebnf), `response_format` dict of OpenAI or Hugging Face,
             Python type or annotation, or what a maker (`regex`, `choice`, `lark`, `gbnf`, `ebnf`, `json`) returned, or
             several of these put together.
    Raises InvalidSchema or another GramaskError with a hint for everything else.
    """
    if isinstance(schema, Maker):
        assert isinstance(schema, JsonSource | TextMaker)
        return schema
    if isinstance(schema, dict):
        return _from_dict(schema)
    if isinstance(schema, bool):
        return JsonSource(schema, json_text.loads)
    if isinstance(schema, str):
        return _from_text(schema)
    if isinstance(schema, Path):
        return _from_path(schema)
    if isinstance(schema, (list, tuple, set, frozenset)):
        raise InvalidSchema(
            f"{_kind(schema)} is not a schema",
            hint="gramask.choice([...]) constrains to one of several texts",
        )
    return _from_type(schema)


def load_json(text: str) -> Any:
    """The value of a JSON text, strictly: no NaN or Infinity, no repeated member. Raises ValueError."""
    return json_text.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique_members)


def _from_dict(schema: dict[str, Any]) -> Source:
    if is_response_format(schema):
        kind, payload = unwrap_response_format(schema)
        return regex(payload) if kind == "regex" else resolve(payload)
    if not _is_plain_json(schema):
        schema = _with_makers_written_out(schema)
        _refuse_foreign(schema)
    return JsonSource(schema, json_text.loads)


def _refuse_foreign(schema: dict[str, Any]) -> None:
    """Raise for what JSON cannot hold: a key that is no str, NaN, a tuple, a nesting past MAX_DEPTH."""
    pending: list[tuple[Any, str, int]] = [(schema, "", 0)]
    while pending:
        value, pointer, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise _too_deep()
        if isinstance(value, dict):
            for key, member in value.items():
                if not isinstance(key, str):
                    raise InvalidSchema(f"the key {key!r} is no str", pointer=pointer)
                pending.append((member, f"{pointer}/{escape_token(key)}", depth + 1))
        elif isinstance(value, list):
            pending.extend((item, f"{pointer}/{i}", depth + 1) for i, item in enumerate(value))
        elif not isinstance(value, (str, int, float, NoneType)) or value != value or value in _INFINITE:
            raise InvalidSchema(f"{value!r} is not a JSON value", pointer=pointer)


def _with_makers_written_out(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with what each maker in the place of a subschema stands for."""
    numbers = count()
    known: dict[int, dict[str, Any]] = {}  # by identity: a value may stand in many places

    def of_place(value: Any) -> Any:
        if isinstance(value, Maker):
            return schema_of(value, f"maker:{next(numbers)}")
        return of_schema(value) if isinstance(value, dict) else value

    def of_schema(value: dict[str, Any]) -> dict[str, Any]:
        found = known.get(id(value))
        if found is None:
            found = {keyword: with_subschemas(keyword, below, of_place) for keyword, below in value.items()}
            known[id(value)] = found
        return found

    try:
        return of_schema(schema)
    except RecursionError:
        raise _too_deep() from None


def _is_plain_json(schema: dict[str, Any]) -> bool:
    """Whether a look at all types shows that a schema is JSON. Most are, and this makes no pointers."""
    pending: list[tuple[Any, int]] = [(schema, 0)]
    while pending:
        value, depth = pending.pop()
        if depth >= MAX_DEPTH:
            return False
        members = value
        if type(value) is dict:
            for key in value:
                if type(key) is not str:
                    return False
            members = value.values()
        for member in members:
            kind = type(member)
            if kind is dict or kind is list:
                pending.append((member, depth + 1))
            elif kind not in _SCALARS and not (kind is float and isfinite(member)):
                return False
    return True


def _too_deep() -> CompileBudgetExceeded:
    return CompileBudgetExceeded(
        f"the schema is nested more than {MAX_DEPTH} levels deep", hint="move parts to $defs"
    )


def _from_text(text: str) -> Source:
    try:
        schema = load_json(text)
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        if text.lstrip().startswith(("{", "[")):
            raise InvalidSchema(f"the schema is not valid JSON: {error}") from None
        raise InvalidSchema(
            "a plain str is neither a schema nor a pattern",
            hint="use gramask.regex(...), .choice([...]), .lark(...), .gbnf(...) or .ebnf(...), or pass JSON text",
        ) from None
    if isinstance(schema, (dict, bool)):
        return resolve(schema)
    raise InvalidSchema(
        f"the JSON text holds {_kind(schema)}, and a schema is an object or a boolean",
        hint="use gramask.choice([...]) for a fixed text",
    )


def _from_path(path: Path) -> Source:
    suffix = path.suffix.lower()
    if suffix == ".json":
        try:
            return _from_text(_read(path))
        except InvalidSchema as error:
            raise InvalidSchema(f"{path}: {error.message}", hint=error.hint) from None
    if suffix in _GRAMMARS:
        return _GRAMMARS[suffix](path)
    raise GramaskError(
        f"{path}: the file's suffix does not say what it holds",
        hint="name it .json, .lark, .gbnf or .ebnf, or read it and pass its text to a maker",
    )


def _from_type(annotation: Any) -> Source:
    # Types need `typing` machinery that schemas given as data never touch.
    from .types import form_of

    form = form_of(annotation)
    return JsonSource(form.schema, form.parse)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise GramaskError(f"cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise GrammarSyntaxError(f"{path} is not UTF-8: {error.reason}", hint="save it as UTF-8") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the member {repeated!r} is repeated")
    return members


def _kind(value: object) -> str:
    return f"{type(value).__name__}"


_GRAMMARS: dict[str, Callable[[Path], Source]] = {".lark": lark, ".gbnf": gbnf, ".ebnf": ebnf}
