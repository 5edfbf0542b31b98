"""Lark grammars: the texts that `Lark(grammar, parser="lalr")` parses, and no other.

Lark itself reads the grammar file: imports, templates, repetition, aliases and the modifiers `?`, `!` and `_` come out
expanded. What a text has to be is then what Lark's LALR(1) parser with its contextual lexer accepts:

- At each position only the terminals that may come next in the current parser state, and the ignored ones, are tried.
- They are tried in order of priority, then of greatest width, then of the length of their pattern, then of name;
  the first that matches wins, and it matches as far as Python's `re` matches it (greedy and lazy as written).
- A string that a regexp also matches is told apart after the match, as a keyword from a name.
- Ignored terminals may stand before, between and behind terminals.

Refused, because it would not be exact or could lead into a dead end: grammars that one terminal of lookahead does not
make deterministic (Lark resolves some of them silently), terminals that look around or match the empty text, terminals
whose end only unbounded lookahead finds, and terminals that can never be told from another one.
"""

from __future__ import annotations

import re
from typing import NoReturn

from lark import Lark
from lark.exceptions import LarkError
from lark.lexer import PatternStr, TerminalDef

from ..errors import GrammarSyntaxError
from .grammar import Grammar, GrammarRefused, Production, Terminal
from .lexemes import Lexicon
from .pushdown import Pushdown
from .shift_reduce import compile_grammar
from .source import LarkSource

_POSITION = re.compile(r"at line (\d+),? column (\d+)")
_QUOTED = re.compile(r"[`'\"]?([A-Za-z_][A-Za-z_0-9]*)[`'\"]?(?: \(in| from|:|\.|$)|: ([A-Za-z_0-9]+)")


def compile_lark(source: LarkSource) -> tuple[Pushdown, Lexicon]:
    """The automaton of a Lark grammar. Raises GrammarSyntaxError, CompileBudgetExceeded."""
    grammar = parse_lark(source)
    try:
        pushdown = compile_grammar(grammar)
    except GrammarRefused as refusal:
        _fail(source, str(refusal), refusal.hint, name=refusal.name)
    return pushdown, Lexicon(pushdown)


def parse_lark(source: LarkSource) -> Grammar:
    """The productions and terminals of a Lark grammar. Raises GrammarSyntaxError."""
    path = None if source.path is None else str(source.path)
    try:
        # Earley with a dynamic lexer is the front end that checks least: what remains is checked here.
        lark = Lark(source.text, start=source.start, source_path=path, parser="earley", lexer="dynamic")
    except (LarkError, ValueError, ImportError, OSError, RecursionError) as error:
        _fail_as_lark(source, error)
    grammar = Grammar(
        source.start,
        tuple(
            Production(rule.origin.name, tuple(symbol.name for symbol in rule.expansion))
            for rule in lark.rules
        ),
        tuple(_terminal(source, terminal) for terminal in lark.terminals),
        frozenset(lark.ignore_tokens),
    )
    _check(source, grammar)
    return grammar


def _terminal(source: LarkSource, terminal: TerminalDef) -> Terminal:
    pattern = terminal.pattern
    regexp = pattern.to_regexp()
    try:
        # Inside a group, as the lexer will use it: there, flags for the whole pattern are an error.
        re.compile(f"(?P<terminal>{regexp})")
        width = pattern.max_width
    except (re.error, ValueError, OverflowError, RecursionError) as error:
        _fail(
            source,
            f"the terminal {terminal.name} is no regular expression: {error}",
            None,
            name=terminal.name,
        )
    literal = pattern.value if isinstance(pattern, PatternStr) else None
    return Terminal(
        terminal.name, regexp, literal, frozenset(pattern.flags), terminal.priority, width, len(pattern.value)
    )


def _check(source: LarkSource, grammar: Grammar) -> None:
    defined = {terminal.name for terminal in grammar.terminals} | set(grammar.rule_names())
    for production in grammar.productions:
        for symbol in production.symbols:
            if symbol not in defined:
                _fail(
                    source,
                    f"the terminal {symbol} is declared and not defined",
                    "give it a pattern; texts have no source of tokens but their characters",
                    name=symbol,
                )
    unproductive = grammar.unproductive()
    if unproductive:
        _fail(
            source,
            f"the rule {unproductive[0]} derives no finite text",
            "give it an alternative that does not need the rule itself",
            name=unproductive[0],
        )


def _fail_as_lark(source: LarkSource, error: Exception) -> NoReturn:
    """Say what Lark says, with the place if it is in the message."""
    message = str(error).strip().split("\n")[0] or type(error).__name__
    place = _POSITION.search(str(error))
    if place:
        raise GrammarSyntaxError(
            f"Lark: {message}", source=source.text, line=int(place[1]), column=int(place[2]), keyword="lark"
        ) from None
    found = _QUOTED.search(message)
    _fail(source, f"Lark: {message}", None, name=found and (found[1] or found[2]))


def _fail(source: LarkSource, message: str, hint: str | None, *, name: str | None) -> NoReturn:
    """Raise with the place where `name` first stands as a word outside of comments, else with the first line."""
    line, column = 1, 1
    if name:
        for number, text in enumerate(source.text.splitlines(), 1):
            found = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text.split("//")[0])
            if found:
                line, column = number, found.start() + 1
                break
    raise GrammarSyntaxError(
        message, source=source.text, line=line, column=column, keyword=name or "lark", hint=hint
    ) from None
