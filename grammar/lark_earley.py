"""Lark grammars as Lark's Earley parser with its dynamic lexer reads them.

The parser knows at each position which terminals it waits for, and tries each of them there on its own: a terminal is
what its pattern matches from that position on as Python's `re` matches it, whatever else could be read there. So `NAME`
takes all letters that there are, even where fewer would do; but no terminal takes precedence over another, and
ambiguity is no trouble. Ignored terminals may stand before, between and behind terminals. With the lexer
"dynamic_complete", a terminal may also end at any place before, where its pattern matches what was read.

Refused, because it could lead into a dead end: a terminal that may directly follow another one, all of whose texts
would continue that one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from .char_automata import Budget
from .context_free.machine import compile_rules
from .context_free.rules import Rules
from .dfa import DEAD, ByteDfa
from .grammar import Grammar, GrammarRefused, Terminal
from .nodes import Call, Choice, Concat, Literal, Node, Repeat
from .pushdown import Pushdown
from .scanner import FIRST_LABEL, build_scanner

_TOP = "%text"
_GAP = "%ignored"


def compile_earley(grammar: Grammar, *, complete: bool = False) -> Pushdown:
    """The automaton of a grammar; `complete` for the lexer "dynamic_complete".

    Raises GrammarRefused, which names a rule or terminal; CompileBudgetExceeded.
    """
    lexed = {terminal.name: _automaton(terminal) for terminal in grammar.terminals}
    if not complete:
        _check_touching(grammar, lexed)
    return compile_rules(_rules(grammar, lexed, complete))


def _automaton(terminal: Terminal) -> ByteDfa:
    return build_scanner([(FIRST_LABEL, terminal)], Budget()).dfa


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


class _Follow(NamedTuple):
    """Of each symbol the terminals it begins with, and those that may come behind it; the rules that may be empty."""

    first: dict[str, set[str]]
    follow: dict[str, set[str]]
    empty: set[str]


def _follow(grammar: Grammar) -> _Follow:
    """Source: Aho et al. (2006), section 4.4.2."""
    names = [terminal.name for terminal in grammar.terminals]
    found = _Follow({name: {name} for name in names}, {name: set() for name in names}, set())
    for name in grammar.rule_names():
        found.first[name], found.follow[name] = set(), set()
    size = -1
    while size != (size := _size(found)):
        for production in grammar.productions:
            after, ends = set[str](), True
            for symbol in reversed(production.symbols):
                found.follow[symbol] |= after | (found.follow[production.name] if ends else set())
                is_empty = symbol in found.empty
                after = found.first[symbol] | (after if is_empty else set())
                ends = ends and is_empty
            found.first[production.name] |= after
            if ends:
                found.empty.add(production.name)
    return found


def _size(found: _Follow) -> int:
    return len(found.empty) + sum(map(len, (*found.first.values(), *found.follow.values())))


def _check_touching(grammar: Grammar, lexed: Mapping[str, ByteDfa]) -> None:
    """Raise where a terminal has no text behind another one that may come directly before it."""
    follow = _follow(grammar).follow
    ignored = [lexed[name] for name in sorted(grammar.ignored)]
    shown = {terminal.name: str(terminal) for terminal in grammar.terminals}
    for terminal in grammar.terminals:
        for state in _ends_that_go_on(lexed[terminal.name]):
            for name in sorted(follow[terminal.name]):
                if not _may_touch(lexed[terminal.name], state, lexed[name], ignored):
                    raise GrammarRefused(
                        f"{shown[name]} cannot follow {terminal}: each of its texts would continue the one before",
                        "put a separator between them, or let white space be ignored with `%ignore`",
                        name,
                    )


def _ends_that_go_on(dfa: ByteDfa) -> Iterable[int]:
    return (s for s in range(1, dfa.n_states) if dfa.label[s] >= 0 and dfa.delta[s].any())


def _may_touch(dfa: ByteDfa, state: int, following: ByteDfa, ignored: list[ByteDfa]) -> bool:
    """Whether a text of `following` can stand behind `dfa`, which ended in `state`, or behind ignored text there."""
    if (following.delta[following.start][dfa.delta[state] == DEAD] != DEAD).any():
        return True
    return any(
        _may_touch(between, end, following, [])
        for between in ignored
        for end in _ends_behind(between, dfa, state)
    )


def _ends_behind(between: ByteDfa, dfa: ByteDfa, state: int) -> Iterable[int]:
    """The ends of `between` where it stands behind `dfa`, which ended in `state`."""
    firsts = between.delta[between.start][dfa.delta[state] == DEAD]
    todo = list(dict.fromkeys(firsts.tolist()))
    for here in todo:
        if here != DEAD and between.label[here] >= 0:
            yield here
        todo += set(between.delta[here].tolist()).difference(todo)
