"""Lark grammars as Lark's Earley parser with its dynamic lexer reads them.

The parser knows at each position which terminals it waits for, and tries each of them there on its own: a terminal is
what its pattern matches from that position on as Python's `re` matches it, whatever else could be read there. So `NAME`
takes all letters that there are, even where fewer would do; but no terminal takes precedence over another, and
ambiguity is no trouble. Ignored terminals may stand before, between and behind terminals. With the lexer
"dynamic_complete", a terminal may also end at any place before, where its pattern matches what was read.

Refused, because it could lead into a dead end: what may only be followed by terminals all of whose texts would continue
it, in one of the places where it may stand.
"""

from __future__ import annotations

from collections.abc import Mapping

from .char_automata import Budget
from .context_free.machine import compile_rules
from .context_free.rules import Rules
from .context_free.viability import Stuck
from .dfa import ByteDfa, number_edges
from .grammar import Grammar, GrammarRefused, Terminal
from .nodes import Call, Choice, Concat, Literal, Node, Repeat
from .pushdown import Pushdown
from .scanner import FIRST_LABEL
from .scanner_build import build_scanners

_TOP = "%text"
_GAP = "%ignored"


def compile_earley(grammar: Grammar, *, complete: bool = False) -> Pushdown:
    """The automaton of a grammar; `complete` for the lexer "dynamic_complete".

    Raises GrammarRefused, which names a rule or terminal; CompileBudgetExceeded.
    """
    lexed = {terminal.name: _automaton(terminal) for terminal in grammar.terminals}
    shown = {terminal.name: str(terminal) for terminal in grammar.terminals} | {_GAP: "ignored text"}
    try:
        return compile_rules(_rules(grammar, lexed, complete))
    except Stuck as error:
        raise GrammarRefused(
            f"{shown.get(error.rule, error.rule)} may end so that nothing can follow it in {error.caller}: "
            "each text that may come would continue what was read",
            "put a separator between the two, or let white space be ignored with `%ignore`",
            error.rule,
        ) from None


def _automaton(terminal: Terminal) -> ByteDfa:
    (scanner,) = build_scanners([(FIRST_LABEL, terminal)], [1 << FIRST_LABEL], Budget()).values()
    if any(scanner.voids):
        raise GrammarRefused(
            f"the terminal looks ahead behind its end ({terminal})",
            "end the terminal before what follows",
            terminal.name,
        )
    return number_edges(scanner.states.edges, scanner.label, scanner.start, minimal=True)


def _rules(grammar: Grammar, lexed: Mapping[str, ByteDfa], complete: bool) -> Rules:
    """The rules, with ignored terminals at the beginning and behind each terminal."""
    gap: list[Node] = [Call(_GAP)] if grammar.ignored else []
    symbols: dict[str, Node] = {name: Call(name) for name in grammar.rule_names()}
    plain: set[str] = set()
    for terminal in grammar.terminals:
        is_plain = terminal.literal is not None and not terminal.flags
        text: Node = Literal(terminal.literal or "") if is_plain else Call(terminal.name)
        plain |= {terminal.name} if is_plain and terminal.name not in grammar.ignored else set()
        symbols[terminal.name] = Concat((text, *gap))
    options: dict[str, list[Node]] = {}
    for production in grammar.productions:
        options.setdefault(production.name, []).append(Concat(tuple(symbols[s] for s in production.symbols)))
    bodies: dict[str, Node] = {name: Choice(tuple(some)) for name, some in options.items()}
    bodies[_TOP] = Concat((*gap, Call(grammar.start)))
    if gap:
        bodies[_GAP] = Repeat(Choice(tuple(Call(name) for name in sorted(grammar.ignored))), 0, None)
    terminals = {name: dfa for name, dfa in lexed.items() if name not in plain}
    return Rules(_TOP, bodies, terminals, is_greedy=not complete)
