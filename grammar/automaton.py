"""The automaton of each kind of source that is no JSON Schema."""

from __future__ import annotations

from ..errors import GramaskError
from .context_free.machine import compile_rules
from .dfa import literals
from .ebnf import parse_ebnf
from .gbnf import parse_gbnf
from .lexemes import Lexeme, Lexicon
from .pushdown import Pushdown
from .regex import compile_regex
from .source import ChoiceSource, LarkSource, RegexSource, RulesSource, Source


def automaton_of(source: Source) -> Pushdown:
    """The automaton of a regex, a choice or a grammar. Raises what the source's front end raises."""
    match source:
        case RegexSource():
            return _one_lexeme(Lexeme(compile_regex(source.pattern)))
        case ChoiceSource():
            return _one_lexeme(Lexeme(literals(text.encode() for text in source.texts)))
        case RulesSource(notation="gbnf"):
            return compile_rules(parse_gbnf(source.text, source.start or "root"))
        case RulesSource():
            return compile_rules(parse_ebnf(source.text, source.start))
        case LarkSource():
            from .lark import compile_lark  # lark takes its time to be imported

            return compile_lark(source)
    raise TypeError(f"not a source: {source!r}")


def _one_lexeme(lexeme: Lexeme) -> Pushdown:
    if lexeme.is_empty:
        raise GramaskError("the pattern matches no text", hint="every alternative of it contradicts itself")
    pushdown = Pushdown()
    pushdown.start = Lexicon(pushdown).start(lexeme)
    return pushdown
