"""The languages: where their texts are found, and the parser that decides which texts count."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import lark.lexer
from lark import Lark
from lark.exceptions import LarkError
from lark.indenter import PythonIndenter

from gramask.grammar import collection

PYTHON = Path(lark.__file__).parent / "grammars" / "python.lark"
Accepts = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Language:
    """suffixes : of files with texts."""

    name: str
    suffixes: tuple[str, ...]

    def grammars(self) -> dict[str, str]:
        """The text of the grammar in each notation there is; for Python, "start" is the rule to begin with."""
        if self.name == "python":
            return {"lark": PYTHON.read_text(encoding="utf-8"), "start": "file_input"}
        return {
            notation: collection.path(self.name, notation).read_text(encoding="utf-8")
            for notation in collection.NOTATIONS
        }

    def reference(self) -> Accepts:
        """Which texts are of the language: Lark's LALR parser by the Lark grammar, for JSON Python's own."""
        if self.name == "json":
            return _is_json
        if self.name == "python":
            python = Lark(
                PYTHON.read_text(encoding="utf-8"),
                parser="lalr",
                start="file_input",
                postlex=PythonIndenter(),
            )
            return lambda text: _parses(python, text)
        # Where interegular is installed, Lark compares all terminals with it, which takes minutes for XML's.
        with patch.object(lark.lexer, "has_interegular", False):
            parser = Lark(self.grammars()["lark"], parser="lalr")
        return lambda text: _parses(parser, text)


LANGUAGES = {
    language.name: language
    for language in (
        Language("json", (".json",)),
        Language("sql", (".sql",)),
        Language("c", (".c", ".h")),
        Language("xml", (".xml", ".svg", ".xsd", ".xsl")),
        Language("calculator", (".calc",)),
        Language("sexpr", (".scm", ".lisp", ".el", ".sexpr")),
        Language("python", (".py",)),
    )
}


def _parses(parser: Lark, text: str) -> bool:
    try:
        parser.parse(text)
    except (LarkError, RecursionError, IndexError):  # of Indenter, where a text ends in a comment
        return False
    return True


def _is_json(text: str) -> bool:
    try:
        json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
