"""The languages: where their texts are found, and the parser that decides which texts count."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from unittest.mock import patch

import lark.lexer
from lark import Lark
from lark.exceptions import LarkError

from gramask.grammar import collection

Accepts = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Language:
    """suffixes : of files with texts.  missing : why there is no grammar to run, if there is none."""

    name: str
    suffixes: tuple[str, ...]
    missing: str = ""

    def grammars(self) -> dict[str, str]:
        """The text of the grammar in each notation."""
        return {
            notation: collection.path(self.name, notation).read_text(encoding="utf-8")
            for notation in collection.NOTATIONS
        }

    def reference(self) -> Accepts:
        """Which texts are of the language: Lark's LALR parser by the collection's grammar, for JSON Python's own."""
        if self.name == "json":
            return _is_json
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
        Language("python", (".py",), missing="indentation: the collection has no grammar of Python yet"),
    )
}


def _parses(parser: Lark, text: str) -> bool:
    try:
        parser.parse(text)
    except (LarkError, RecursionError):
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
