"""Indentation as Lark's `Indenter` reads it: lines tell a grammar where they begin further in or further out.

Inside of brackets the ends of lines are ignored, so rules mean two things: a grammar becomes one in which each rule
stands outside of brackets or inside, and what is known of a parser state is also which.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from ..errors import GramaskError
from .grammar import Grammar, GrammarRefused, Production

IN_BRACKETS = " in brackets"
"""Behind the name of a rule: what it derives inside of brackets."""


@dataclass(frozen=True, slots=True)
class Indentation:
    """The terminals that a lexer with indentation adds, takes away or counts; see `lark.indenter.Indenter`.

    newline         : ends a line, and says how far in the next one begins.
    indent, dedent  : added behind it.
    opening, closing : brackets, between which `newline` is ignored.
    tab             : the columns of a tab.
    """

    newline: str
    indent: str
    dedent: str
    opening: tuple[str, ...]
    closing: tuple[str, ...]
    tab: int

    @classmethod
    def of(cls, postlex: Any) -> Indentation:
        """That of an instance of Lark's `Indenter`, or of a class of it. Raises GramaskError for another object."""
        if isinstance(postlex, type):
            postlex = postlex()
        names = ("NL_type", "INDENT_type", "DEDENT_type", "OPEN_PAREN_types", "CLOSE_PAREN_types", "tab_len")
        try:
            newline, indent, dedent, opening, closing, tab = (getattr(postlex, name) for name in names)
        except AttributeError:
            raise GramaskError(
                f"{type(postlex).__name__} is no post-lexer that gramask knows",
                keyword="postlex",
                hint="pass an instance of lark.indenter.Indenter, such as PythonIndenter()",
            ) from None
        return cls(newline, indent, dedent, tuple(opening), tuple(closing), tab)

    @property
    def terminals(self) -> tuple[str, ...]:
        """All that mean something here."""
        return (self.newline, *self.declared, *self.opening, *self.closing)

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Indentation:
        brackets = {name: tuple(fields[name]) for name in ("opening", "closing")}
        return cls(**{**fields, **brackets})

    @property
    def declared(self) -> tuple[str, str]:
        """The terminals that no text matches."""
        return self.indent, self.dedent


def bracketed(grammar: Grammar, indentation: Indentation) -> Grammar:
    """The same texts, each rule by whether it stands in brackets. Raises GrammarRefused."""
    by_rule: dict[str, list[Production]] = {}
    for production in grammar.productions:
        _check_dedent(production, indentation)
        by_rule.setdefault(production.name, []).append(production)
    found: list[Production] = []
    todo = {(grammar.start, False): None}
    for name, is_inside in (queue := list(todo)):
        for production in by_rule[name]:
            symbols, rules = _placed(production, is_inside, by_rule.keys(), indentation)
            if symbols is None:
                continue
            found.append(Production(_named(name, is_inside), symbols))
            for rule in rules:
                if rule not in todo:
                    todo[rule] = None
                    queue.append(rule)
    return replace(grammar, productions=tuple(found))


def levels(production: Production, indentation: Indentation) -> list[int]:
    """How many brackets are open before each symbol of a production and behind the last."""
    level = int(production.name.endswith(IN_BRACKETS))
    found = [level]
    for symbol in production.symbols:
        level += (symbol in indentation.opening) - (symbol in indentation.closing)
        found.append(level)
    return found


def _placed(
    production: Production, is_inside: bool, rules: Any, indentation: Indentation
) -> tuple[tuple[str, ...] | None, list[tuple[str, bool]]]:
    """The symbols of a production and the rules among them; None where it cannot stand in brackets."""
    opened = levels(production, indentation)
    if min(opened) < 0 or opened[-1] != 0:
        raise GrammarRefused(
            f"a bracket is opened or closed in another rule than its partner: {production}",
            "write both brackets into one rule",
            production.name,
        )
    symbols, below = [], []
    for symbol, level in zip(production.symbols, opened):
        inner = is_inside or level > 0
        if inner and symbol in (indentation.newline, *indentation.declared):
            return None, []
        if symbol in rules:
            below.append((symbol, inner))
            symbol = _named(symbol, inner)
        symbols.append(symbol)
    return tuple(symbols), below


def _named(rule: str, is_inside: bool) -> str:
    return rule + IN_BRACKETS if is_inside else rule


def plain_name(rule: str) -> str:
    """The name of a rule, wherever it stands."""
    return rule.removesuffix(IN_BRACKETS)


def _check_dedent(production: Production, indentation: Indentation) -> None:
    """Raise unless a line that begins further out ends what began further in."""
    depth = 0
    for symbol in production.symbols:
        depth += (symbol == indentation.indent) - (symbol == indentation.dedent)
    is_last = indentation.dedent not in production.symbols[:-1]
    if depth or not is_last or production.symbols.count(indentation.indent) > 1:
        raise GrammarRefused(
            f"a rule with {indentation.indent} has to end with {indentation.dedent}: {production}",
            f"write it as `... {indentation.indent} ... {indentation.dedent}`",
            production.name,
        )
