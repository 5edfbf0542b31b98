"""gramask: token masks that make any language model write valid structured output.

`constrain` wraps a model, `compile` makes a constraint to use in a loop of your own, `check` tells what of a
schema is enforced. Names are loaded when they are first used, so that `import gramask` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import check, compile, constrain
    from .errors import (
        CompileBudgetExceeded,
        DeadEnd,
        GramaskError,
        GrammarSyntaxError,
        InvalidSchema,
        TokenizerUnsupported,
        UnsatisfiableSchema,
        UnsupportedSchema,
        ValidationFailed,
    )
    from .grammar.makers import choice, ebnf, gbnf, json, lark, regex
    from .grammar.schema.report import Report
    from .integrations.transformers import StructuredOutputProcessor
    from .logits.apply import apply_mask
    from .logits.row_table import RowTable
    from .masks.batch import fill_masks
    from .masks.constraint import Constraint
    from .masks.matcher import Matcher
    from .masks.vocabulary import Vocabulary
    from .samplers.constrained import Constrained
    from .samplers.result import Result

__version__ = "0.1.0.dev0"

_MODULES = {
    "check": ".api",
    "compile": ".api",
    "constrain": ".api",
    "CompileBudgetExceeded": ".errors",
    "DeadEnd": ".errors",
    "GramaskError": ".errors",
    "GrammarSyntaxError": ".errors",
    "InvalidSchema": ".errors",
    "TokenizerUnsupported": ".errors",
    "UnsatisfiableSchema": ".errors",
    "UnsupportedSchema": ".errors",
    "ValidationFailed": ".errors",
    "Report": ".grammar.schema.report",
    "choice": ".grammar.makers",
    "ebnf": ".grammar.makers",
    "gbnf": ".grammar.makers",
    "json": ".grammar.makers",
    "lark": ".grammar.makers",
    "regex": ".grammar.makers",
    "StructuredOutputProcessor": ".integrations.transformers",
    "apply_mask": ".logits.apply",
    "RowTable": ".logits.row_table",
    "fill_masks": ".masks.batch",
    "Constraint": ".masks.constraint",
    "Matcher": ".masks.matcher",
    "Vocabulary": ".masks.vocabulary",
    "Constrained": ".samplers.constrained",
    "Result": ".samplers.result",
}

__all__ = [
    "CompileBudgetExceeded",
    "Constrained",
    "Constraint",
    "DeadEnd",
    "GramaskError",
    "GrammarSyntaxError",
    "InvalidSchema",
    "Matcher",
    "Report",
    "Result",
    "RowTable",
    "StructuredOutputProcessor",
    "TokenizerUnsupported",
    "UnsatisfiableSchema",
    "UnsupportedSchema",
    "ValidationFailed",
    "Vocabulary",
    "__version__",
    "apply_mask",
    "check",
    "choice",
    "compile",
    "constrain",
    "ebnf",
    "fill_masks",
    "gbnf",
    "json",
    "lark",
    "regex",
]


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(module, __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
