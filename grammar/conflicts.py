"""What to say where a grammar is not deterministic."""

from __future__ import annotations

from .grammar import END, Grammar, GrammarRefused
from .indentation import plain_name
from .lr import Conflict


def refusal(grammar: Grammar, conflict: Conflict) -> GrammarRefused:
    """The refusal of a grammar with a conflict."""
    names = {terminal.name: str(terminal) for terminal in grammar.terminals}
    ahead = "the end of the text"
    if conflict.terminal != END:
        ahead = names.get(conflict.terminal, conflict.terminal)  # what is only declared has no text
    shown = list(dict.fromkeys(_readable(production.name) for production in conflict.choices))
    if conflict.shift:
        what = f"{ahead} may go on with {shown[-1]} or stand behind a finished {shown[0]}"
    else:
        what = f"before {ahead}, the same text may be {' or '.join(shown)}"
    origin = conflict.choices[0].name.lstrip("_").partition("_star_")[0].partition("_plus_")[0]
    known = conflict.choices[0].name if not conflict.choices[0].name.startswith("__") else origin
    known = plain_name(known)
    return GrammarRefused(
        f"the grammar is not deterministic with one terminal of lookahead: {what}",
        "make it LALR(1), e.g. with one rule for each level of precedence",
        known,
    )


def _readable(rule: str) -> str:
    """`__items_star_0` is what Lark calls a repetition inside of `items`."""
    for kind in ("_star_", "_plus_"):
        if rule.startswith("__") and kind in rule:
            return f"a repetition in {rule[2:].partition(kind)[0]}"
    return rule
