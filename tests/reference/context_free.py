"""Membership in a context-free language by the definition: which spans of a text each symbol derives.

Terminals are Python regular expressions that match a span as a whole; ignored ones may stand in any gap. No lexer, no
tables and no lookahead: a least fixpoint over sets of spans.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

Spans = set[tuple[int, int]]


def derives(
    start: str,
    rules: Iterable[tuple[str, tuple[str, ...]]],
    terminals: Mapping[str, str],
    ignored: Iterable[str],
    text: str,
) -> bool:
    """Whether `start` derives `text`, with ignored terminals around and between all terminals.

    rules : (name, symbols).  terminals : name to pattern, the ignored ones included.
    """
    rules = list(rules)
    gaps = _star(text, [_matches(terminals[name], text) for name in ignored])
    spans: dict[str, Spans] = {
        name: _join(_matches(pattern, text), gaps) for name, pattern in terminals.items()
    }
    spans |= {name: set() for name, _ in rules}
    while True:
        found = {name: set(known) for name, known in spans.items()}
        for name, symbols in rules:
            whole = {(i, i) for i in range(len(text) + 1)}
            for symbol in symbols:
                whole = _join(whole, found[symbol])
            found[name] |= whole
        if found == spans:
            return (0, len(text)) in _join(gaps, spans[start])
        spans = found


def _matches(pattern: str, text: str) -> Spans:
    compiled = re.compile(pattern)
    n = len(text) + 1
    return {(i, j) for i in range(n) for j in range(i + 1, n) if compiled.fullmatch(text, i, j)}


def _join(first: Spans, second: Spans) -> Spans:
    return {(i, k) for i, j in first for begin, k in second if begin == j}


def _star(text: str, choices: list[Spans]) -> Spans:
    found = {(i, i) for i in range(len(text) + 1)}
    while True:
        more = found.union(*(_join(found, choice) for choice in choices))
        if more == found:
            return found
        found = more
