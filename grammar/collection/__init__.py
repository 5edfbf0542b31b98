"""Grammars of well-known languages, each in Lark's notation (`NAME.lark`) and in llama.cpp's (`NAME.gbnf`).

    gramask.compile(collection.path("c", "gbnf"), tokenizer)

| name | language | what the grammar does not decide |
| --- | --- | --- |
| json | RFC 8259 | whether member names differ |
| calculator | arithmetic with names and calls | |
| sexpr | S-expressions, as in Scheme and Lisp | where the dot of a pair may stand |
| xml | XML 1.0 documents | whether the names of start and end tag agree |
| sql | queries: SELECT and what it is made of | |
| c | C11, before preprocessing | which identifiers are types: so it is a superset |

For Python there is the grammar that comes with Lark: `gramask.lark(Path(lark.__file__).parent / "grammars/python.lark",
"file_input", postlex=PythonIndenter())`.

The `.lark` files suit LALR(1) parsers with a contextual lexer. The `.gbnf` files have no lexer: what stands between
tokens is written out, and identifiers may be keywords.
"""

from __future__ import annotations

from pathlib import Path

from ...errors import GramaskError

NAMES = ("json", "calculator", "sexpr", "xml", "sql", "c")
NOTATIONS = ("lark", "gbnf")


def path(name: str, notation: str = "lark") -> Path:
    """The file of a grammar, to be compiled as it is. Raises GramaskError where there is none of that name."""
    if name not in NAMES or notation not in NOTATIONS:
        raise GramaskError(
            f"the collection has no {name!r} in {notation!r}",
            hint=f"it has {', '.join(NAMES)}, in {' and '.join(NOTATIONS)}",
        )
    return Path(__file__).with_name(f"{name}.{notation}")
