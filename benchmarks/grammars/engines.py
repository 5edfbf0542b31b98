"""MaskBench's adapters, compiling a grammar of the collection in place of a JSON Schema.

The schema of a job is here {"lark": text, "gbnf": text, "fresh": bool}; unless "fresh", what was compiled last is kept.
Python is without "gbnf", and with "start".
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, ClassVar

from ..maskbench.engines import Refused
from ..maskbench.engines.gramask import Gramask
from ..maskbench.engines.llguidance import LLGuidance
from ..maskbench.engines.xgrammar import XGrammar
from ..maskbench.errors import BenchmarkError

ENGINES = {
    "gramask": "benchmarks.grammars.engines:GramaskGbnf",
    "gramask-lark": "benchmarks.grammars.engines:GramaskLark",
    "llguidance": "benchmarks.grammars.engines:LLGuidanceLark",
    "xgrammar": "benchmarks.grammars.engines:XGrammarGbnf",
}
PACKAGES = {name: name.partition("-")[0] for name in ENGINES}

WARM_UP = {"lark": 'start: "a" ("," "b")*\n', "gbnf": 'root ::= "a" ("," "b")*\n', "fresh": True}
WARM_UP_TEXT = "a,b,b"


def chosen(names: list[str] | None) -> dict[str, str]:
    """Spec by name of the engines asked for; of all that are installed for None. "gramask" brings "gramask-lark" along.

    Raises BenchmarkError for an engine that is unknown or not installed.
    """
    if names is None:
        names = [name for name, package in PACKAGES.items() if importlib.util.find_spec(package)]
    elif "gramask" in names and "gramask-lark" not in names:
        names = [*names, "gramask-lark"]
    for name in names:
        if name not in ENGINES:
            raise BenchmarkError(f"unknown engine {name!r}; known are {', '.join(ENGINES)}")
        if importlib.util.find_spec(PACKAGES[name]) is None:
            raise BenchmarkError(f"engine {name!r} is not installed; try: pip install {PACKAGES[name]}")
    return {name: ENGINES[name] for name in ENGINES if name in names}


class GramaskGbnf(Gramask):
    takes: ClassVar[tuple[str, ...]] = ()

    def compile(self, schema: Any) -> None:
        import gramask

        if schema["fresh"]:
            super().compile(gramask.gbnf(_gbnf(schema)))


class GramaskLark(Gramask):
    takes: ClassVar[tuple[str, ...]] = ()

    def compile(self, schema: Any) -> None:
        import gramask

        if not schema["fresh"]:
            return
        if "start" in schema:  # Python
            from lark.indenter import PythonIndenter

            super().compile(gramask.lark(schema["lark"], schema["start"], postlex=PythonIndenter()))
        else:
            super().compile(gramask.lark(schema["lark"]))


def _gbnf(schema: Any) -> str:
    if "gbnf" not in schema:
        raise Refused("indentation", "there is no grammar of this language in GBNF")
    text: str = schema["gbnf"]
    return text


class LLGuidanceLark(LLGuidance):
    def __init__(self, tokenizer: Path) -> None:
        super().__init__(tokenizer)
        self._to_grammar = self._new_matcher.grammar_from_lark

    def compile(self, schema: Any) -> None:
        if schema["fresh"]:
            if "start" in schema:
                raise Refused("indentation", "llguidance has no post-lexer")
            # Lark allows ignored text at the beginning; llguidance does if told.
            super().compile('%llguidance {"allow_initial_skip": true}\n' + schema["lark"])


class XGrammarGbnf(XGrammar):
    def compile(self, schema: Any) -> None:
        if not schema["fresh"]:
            return
        try:
            self.compiled = self._compiler.compile_grammar(_gbnf(schema))
        except (RuntimeError, ValueError) as error:
            raise Refused(type(error).__name__, str(error)) from error
