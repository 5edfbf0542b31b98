"""Terminals that a grammar never tells apart, such as the operators of one rule: to the parser they are one.

Fewer terminals are fewer parser states, and fewer ways in which a stack goes on.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from .grammar import Grammar, Production

Contexts = frozenset[tuple[str, tuple[str, ...]]]


def merged(grammar: Grammar, kept: Collection[str] = ()) -> Grammar:
    """The grammar with one terminal for all that are alike, the others among its `variants`; `kept` stay apart."""
    groups: dict[object, list[str]] = {}
    contexts = _contexts(grammar)
    for terminal in grammar.terminals:
        name = terminal.name
        apart = name in kept or name in grammar.ignored or contexts.get(name) is None
        groups.setdefault(name if apart else contexts[name], []).append(name)
    first = {name: group[0] for group in groups.values() for name in group}
    by_name = {terminal.name: terminal for terminal in grammar.terminals}
    productions = (
        Production(p.name, tuple(first.get(symbol, symbol) for symbol in p.symbols))
        for p in grammar.productions
    )
    return replace(
        grammar,
        productions=tuple(dict.fromkeys(productions)),
        terminals=tuple(by_name[group[0]] for group in groups.values()),
        variants={group[0]: tuple(by_name[name] for name in group[1:]) for group in groups.values()},
    )


def _contexts(grammar: Grammar) -> dict[str, Contexts | None]:
    """Where terminals stand: each production without them. None for one that stands twice in a production."""
    names = {terminal.name for terminal in grammar.terminals}
    found: dict[str, set[tuple[str, tuple[str, ...]]]] = {}
    twice = set()
    for production in grammar.productions:
        symbols = production.symbols
        for i, symbol in enumerate(symbols):
            if symbol in names:
                if symbol in symbols[i + 1 :]:
                    twice.add(symbol)
                without = (*symbols[:i], "", *symbols[i + 1 :])
                found.setdefault(symbol, set()).add((production.name, without))
    return {name: None if name in twice else frozenset(contexts) for name, contexts in found.items()}
