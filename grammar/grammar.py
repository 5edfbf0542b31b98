"""Context-free grammars over terminals, as plain productions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

END = "$END"
"""The terminal that stands for the end of the text."""


class GrammarRefused(Exception):
    """A grammar that cannot be compiled exactly. `name` is the rule or terminal to point at."""

    def __init__(self, message: str, hint: str, name: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.name = name


@dataclass(frozen=True, slots=True)
class Terminal:
    """What a lexer reads in one piece.

    pattern  : a regular expression of Python's `re`.
    literal  : the text, where the terminal is a plain string; `pattern` is that text escaped, maybe with flags.
    flags    : inline flags of the whole terminal, as in `(?i:...)`.
    priority : the higher wins.  max_width : the longest match in characters, as Lark counts it.
    source   : the pattern as it stands in the grammar, where it has not been put together from others.
    """

    name: str
    pattern: str
    literal: str | None
    flags: frozenset[str]
    priority: int
    max_width: int
    source: str

    def __str__(self) -> str:
        if self.literal is not None:
            return f'"{self.literal}"{"".join(sorted(self.flags))}'
        return f"/{self.source}/" if self.name.startswith("__") else self.name


@dataclass(frozen=True, slots=True)
class Production:
    """`name` may become `symbols`: names of rules and of terminals."""

    name: str
    symbols: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name}: {' '.join(self.symbols) or '(nothing)'}"


@dataclass(frozen=True)
class Grammar:
    """The texts that the rule `start` derives, with `ignored` terminals anywhere between two terminals.

    declared : terminals that no text matches, see `indentation.py`.
    variants : by terminal, others that count as the same, see `alike.py`.
    """

    start: str
    productions: tuple[Production, ...]
    terminals: tuple[Terminal, ...]
    ignored: frozenset[str]
    declared: tuple[str, ...] = ()
    variants: Mapping[str, tuple[Terminal, ...]] = field(default_factory=dict)

    def __str__(self) -> str:
        return "\n".join(map(str, self.productions))

    def rule_names(self) -> tuple[str, ...]:
        """Each rule once, in the order of the productions."""
        return tuple(dict.fromkeys(production.name for production in self.productions))

    def endless_rule(self) -> str | None:
        """A rule that derives no finite text since it needs itself, if there is one."""
        rules = set(self.rule_names())
        finite: set[str] = set()
        while True:
            found = {
                p.name for p in self.productions if all(s in finite or s not in rules for s in p.symbols)
            }
            if found == finite:
                break
            finite = found
        needs = {
            p.name: next(s for s in p.symbols if s in rules - finite)
            for p in self.productions
            if p.name not in finite
        }
        name = next(iter(needs), None)
        seen: set[str] = set()
        while name is not None and name not in seen:
            seen.add(name)
            name = needs[name]
        return name
