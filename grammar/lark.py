"""Lark grammars: the texts that `Lark(grammar, parser="lalr")` parses, and no other.

Lark itself reads the grammar file: imports, templates, repetition, aliases and the modifiers `?`, `!` and `_` come out
expanded. What a text has to be is then what Lark's LALR(1) parser with its contextual lexer accepts:

- At each position only the terminals that may come next in the current parser state, and the ignored ones, are tried.
- They are tried in order of priority, then of greatest width, then of the length of their pattern, then of name;
  the first that matches wins, and it matches as far as Python's `re` matches it (greedy and lazy as written).
- A string that a regexp also matches is told apart after the match, as a keyword from a name.
- Ignored terminals may stand before, between and behind terminals.
- With `postlex`, an `Indenter`, what it makes of the ends of lines, see `indentation.py`.
- Where a rule could end or go on, it goes on. Often no text is lost by that (`e: e "+" e`), sometimes some are
  (`(NAME ":" NAME*)+`): they are none of Lark's either.

Refused, because it would not be exact or could lead into a dead end: grammars in which two rules may end before the
same terminal, or in which going on leaves no way to the end (`a: "x" a |` in front of "x"); terminals that look behind
by several characters, or behind their end for more than the absence of one ASCII character, or that match the empty
text; and terminals that touch without anything to tell where the first ends. White space that is ignored may be of any
length, as in Lark.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NoReturn

from lark.exceptions import LarkError
from lark.lexer import PatternStr, TerminalDef
from lark.load_grammar import load_grammar

from ..errors import GrammarSyntaxError
from .grammar import Grammar, GrammarRefused, Production, Terminal
from .lark_earley import compile_earley
from .pushdown import Pushdown
from .shift_reduce import compile_grammar
from .source import LarkSource

_POSITION = re.compile(r"at line (\d+),? column (\d+)")
_NAME = re.compile(r"(?:used but not defined: |'|`)([A-Za-z_][A-Za-z_0-9]*)")


def compile_lark(source: LarkSource) -> Pushdown:
    """The automaton of a Lark grammar. Raises GrammarSyntaxError, CompileBudgetExceeded."""
    grammar = parse_lark(source)
    try:
        if source.parser == "earley":
            pushdown = compile_earley(grammar, complete=source.lexer == "dynamic_complete")
        else:
            pushdown = compile_grammar(grammar, source.postlex)
    except GrammarRefused as refusal:
        written = [str(terminal) for terminal in grammar.terminals if terminal.name == refusal.name]
        _fail(source, str(refusal), refusal.hint, name=refusal.name, written=written)
    except RecursionError:
        _fail(source, "a pattern is nested too deeply", "flatten it", name=None)
    return pushdown


def parse_lark(source: LarkSource) -> Grammar:
    """The productions and terminals of a Lark grammar. Raises GrammarSyntaxError."""
    path = None if source.path is None else str(source.path)
    try:
        # A `Lark` would go on to build a parser, which takes longer than this.
        loaded, _ = load_grammar(source.text, path or "<string>", [], False)
        if all(definition[0] != source.start for definition in loaded.rule_defs):
            _fail(
                source, f"there is no rule {source.start}", "name the rule to begin with: `start=`", name=None
            )
        kept = set() if source.postlex is None else {source.postlex.newline}
        terminals, rules, ignored = loaded.compile([source.start], kept)
    except (LarkError, ValueError, ImportError, OSError, RecursionError) as error:
        _fail_as_lark(source, error)
    grammar = Grammar(
        source.start,
        tuple(
            Production(rule.origin.name, tuple(symbol.name for symbol in rule.expansion)) for rule in rules
        ),
        tuple(_terminal(source, terminal) for terminal in terminals),
        frozenset(ignored),
        () if source.postlex is None else source.postlex.declared,
    )
    _check(source, grammar)
    return grammar


def _terminal(source: LarkSource, terminal: TerminalDef) -> Terminal:
    pattern = terminal.pattern
    regexp = pattern.to_regexp()
    try:
        # Inside a group, as the lexer will use it: there, flags for the whole pattern are an error.
        re.compile(f"(?P<terminal>{regexp})")
        is_empty, width = pattern.min_width == 0, pattern.max_width
    except (re.error, ValueError, OverflowError, RecursionError) as error:
        _fail(
            source,
            f"the terminal {terminal.name} is no regular expression: {error}",
            None,
            name=terminal.name,
        )
    if is_empty:
        _fail(
            source,
            f"the terminal {terminal.name} matches the empty text",
            "let it match at least a character",
            name=terminal.name,
        )
    literal = pattern.value if isinstance(pattern, PatternStr) else None
    return Terminal(
        terminal.name, regexp, literal, frozenset(pattern.flags), terminal.priority, width, pattern.value
    )


def _check(source: LarkSource, grammar: Grammar) -> None:
    defined = {terminal.name for terminal in grammar.terminals} | set(grammar.rule_names())
    if source.postlex is not None:
        if source.postlex.newline not in defined:
            _fail(
                source,
                f"there is no terminal {source.postlex.newline}, which the post-lexer waits for",
                "define it, or pass a post-lexer whose NL_type is the terminal that ends a line",
                name=None,
            )
        defined |= set(grammar.declared)
    for production in grammar.productions:
        for symbol in production.symbols:
            if symbol not in defined:
                _fail(
                    source,
                    f"the terminal {symbol} is declared and not defined",
                    "give it a pattern; texts have no source of tokens but their characters",
                    name=symbol,
                )
    endless = grammar.endless_rule()
    if endless is not None:
        _fail(
            source,
            f"the rule {endless} derives no finite text",
            "give it an alternative that does not need the rule itself",
            name=endless,
        )


def _fail_as_lark(source: LarkSource, error: Exception) -> NoReturn:
    """Say what Lark says, with the place if it is in the message."""
    message = str(error).strip().split("\n")[0] or type(error).__name__
    place = _POSITION.search(str(error))
    if place:
        raise GrammarSyntaxError(
            f"Lark: {message}", source=source.text, line=int(place[1]), column=int(place[2]), keyword="lark"
        ) from None
    found = _NAME.search(message)
    _fail(source, f"Lark: {message}", None, name=found[1] if found else None)


def _fail(
    source: LarkSource, message: str, hint: str | None, *, name: str | None, written: Iterable[str] = ()
) -> NoReturn:
    """Raise at the definition of `name`, else where it or what is `written` for it stands, else at the first line."""
    line, column = 1, 1
    patterns = [re.escape(text) for text in written]
    if name:
        word = re.escape(name)
        patterns = [rf"^[?!]*{word}(?=[.{{\s:])", rf"(?<![\w\"]){word}(?![\w\"])", *patterns]
    for pattern in patterns:
        found = re.search(pattern, _without_comments(source.text), re.MULTILINE)
        if found:
            line = source.text.count("\n", 0, found.start()) + 1
            column = found.start() - source.text.rfind("\n", 0, found.start())
            break
    raise GrammarSyntaxError(
        message, source=source.text, line=line, column=column, keyword=name or "lark", hint=hint
    ) from None


def _without_comments(text: str) -> str:
    """The text with comments blanked out, so that all positions stay."""
    return re.sub(r"^\s*//.*", lambda found: re.sub(r"\S", " ", found[0]), text, flags=re.MULTILINE)
