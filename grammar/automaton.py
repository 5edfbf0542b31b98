"""The automaton of each kind of source that is no JSON Schema."""

from __future__ import annotations

from ..errors import GramaskError
from .composition import compose
from .context_free.machine import compile_rules
from .dfa import literals
from .lexemes import Lexeme, Lexicon
from .options import Options
from .pushdown import Pushdown
from .regex import compile_regex
from .source import ChoiceSource, Either, LarkSource, RegexSource, Repeated, RulesSource, Sequence, Source
from .text_parts import rules_of


def automaton_of(source: Source, options: Options) -> Pushdown:
    """The automaton of anything but a JSON Schema alone. Raises what the front ends of its parts raise."""
    match source:
        case RegexSource():
            return _one_lexeme(Lexeme(compile_regex(source.pattern)))
        case ChoiceSource():
            return _one_lexeme(Lexeme(literals(text.encode() for text in source.texts)))
        case RulesSource():
            return compile_rules(rules_of(source))
        case Sequence() | Either() | Repeated():
            return compile_rules(compose(source, options))
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
