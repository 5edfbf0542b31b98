"""Regular expressions compiled to byte automata."""

from __future__ import annotations

from .char_automata import Budget
from .dfa import DEFAULT_BUDGET, ByteDfa, table_bytes
from .nodes import Node
from .recent import CACHE_BYTES, Recent
from .regex_lower import lower_regex
from .regex_parse import Dialect, parse_regex

__all__ = ["compile_node", "compile_pattern", "compile_regex", "parse_regex"]

_CACHE: Recent[ByteDfa] = Recent(CACHE_BYTES, table_bytes)


def compile_node(node: Node, *, search: bool = False, budget: int = DEFAULT_BUDGET) -> ByteDfa:
    """The texts that a tree without `Call` matches as a whole, or (`search`) somewhere.

    Raises CompileBudgetExceeded beyond `budget` states or a fixed amount of work (below 2 s).
    """
    limits = Budget(budget)
    dfa, alphabet = lower_regex(node, search=search, budget=limits)
    return dfa.to_bytes(alphabet, limits)


def compile_pattern(pattern: str, *, budget: int = DEFAULT_BUDGET) -> ByteDfa:
    """The texts in which the ECMA-262 `pattern` is found, as JSON Schema's `pattern` means it.

    `^` and `$` are the start and the end of the text, never of a line. Cached; thread-safe.
    Raises GrammarSyntaxError, CompileBudgetExceeded.
    """
    return _compile(pattern, "ecma262", search=True, budget=budget)


def compile_regex(pattern: str, *, dialect: Dialect = "gramask", budget: int = DEFAULT_BUDGET) -> ByteDfa:
    """The texts that `pattern` matches from start to end. Cached, raises as `compile_pattern`."""
    return _compile(pattern, dialect, search=False, budget=budget)


def _compile(pattern: str, dialect: Dialect, *, search: bool, budget: int) -> ByteDfa:
    def build() -> ByteDfa:
        return compile_node(parse_regex(pattern, dialect), search=search, budget=budget)

    return _CACHE.get((pattern, dialect, search, budget), build)
