"""Grammars with indentation accept what Lark accepts with its `Indenter`, and no prefix is a dead end."""

from __future__ import annotations

import itertools
import random
from functools import cache
from pathlib import Path
from typing import ClassVar

import lark
import pytest
from byte_matching import BYTES, accepts, accepts_masked, allowed, matcher_behind, restored
from lark.exceptions import LarkError
from lark.indenter import Indenter, PythonIndenter

import gramask
from gramask import GramaskError, GrammarSyntaxError
from gramask.masks.constraint import Constraint

GRAMMAR = r"""
start: (_NL | stmt)*
stmt: small _NL | "if" value ":" block ["else" ":" block] | "def" NAME "(" [value ("," value)*] ")" ":" block
block: small _NL | _NL _INDENT stmt+ _DEDENT
small: NAME "=" value | value
value: NAME | "(" [value] ")" | "[" value "]"
NAME: /[a-e]/
_NL: ( /\r?\n[\t ]*/ | COMMENT )+
COMMENT: /#[^\n]*/
%ignore /[\t \f]+/
%ignore /\\[\t \f]*\r?\n/
%ignore COMMENT
%declare _INDENT _DEDENT
"""


class Blocks(Indenter):
    NL_type = "_NL"
    OPEN_PAREN_types: ClassVar = ["LPAR", "LSQB"]
    CLOSE_PAREN_types: ClassVar = ["RPAR", "RSQB"]
    INDENT_type = "_INDENT"
    DEDENT_type = "_DEDENT"
    tab_len = 4


PYTHON = Path(lark.__file__).parent / "grammars" / "python.lark"


@cache
def blocks() -> Constraint:
    return gramask.compile(gramask.lark(GRAMMAR, postlex=Blocks()), BYTES)


@cache
def python() -> Constraint:
    return gramask.compile(gramask.lark(PYTHON, "file_input", postlex=PythonIndenter()), BYTES)


def parses(parser: lark.Lark, text: str) -> bool:
    try:
        parser.parse(text)
    except (LarkError, IndexError):  # a comment without the end of a line is an IndexError of Lark's
        return False
    return True


ACCEPTED = [
    "",
    "\n\n",
    "a\n",
    "   a\n",
    "if a:\n  b\n",
    "if a:\n  b\nc\n",
    "if a:\n  if b:\n      c\n  else:\n    d\ne\n",
    "if a:\n\tb\n    c\n",
    "if a:\n  b\n\n\n  c\n",
    "if a:\n  b\n # c\n  c\n",
    "if a: b\nelse:\n  c\n",
    "a = (\n b\n)\n",
    "if (\n        a\n ):\n  b\n",
    "a = \\\n b\n",
    "if a: # e\n  b # c\n# d\n",
    "if a:\n  b\n  ",
    "a\n#",
    "a\r\nif b:\r\n  c\r\n",
    "def a(b,\n  c):\n      d\n      e\n",
    "if a:\n if b:\n  if c:\n   d\ne\n",
]
REJECTED = [
    "a",
    "a\n  b\n",
    "if a:\nb\n",
    "if a:\n  b\n c\n",
    "if a:\n    b\n  c\n",
    "if a:\n  b\n   c\n",
    "if a:\n",
    "a # c",
    "#",
    "a\n# c",
    "a = (\n b\n",
    "a = \n b\n",
    "if a:\n  b\n\rc\n",
    "else:\n  a\n",
    "a)\n",
]


@pytest.mark.parametrize("route", [accepts, accepts_masked, lambda c, text: accepts(restored(c), text)])
def test_texts(route) -> None:  # type: ignore[no-untyped-def]
    assert [text for text in ACCEPTED if not route(blocks(), text)] == []
    assert [text for text in REJECTED if route(blocks(), text)] == []


def test_the_same_texts_as_lark() -> None:
    parser = lark.Lark(GRAMMAR, parser="lalr", postlex=Blocks())
    assert [text for text in ACCEPTED if not parses(parser, text)] == []
    assert [text for text in REJECTED if parses(parser, text)] == []


def test_all_short_texts() -> None:
    parser = lark.Lark(GRAMMAR, parser="lalr", postlex=Blocks())
    pieces = ["a", "if a:", "\n", " ", "(", ")", "#", "else:"]
    n_accepted = 0
    for length in range(6):
        for chosen in itertools.product(pieces, repeat=length):
            text = "".join(chosen)
            expected = parses(parser, text)
            n_accepted += expected
            assert accepts(blocks(), text) == expected, text
    assert n_accepted > 500


def test_random_texts_are_parsed_by_lark() -> None:
    """What the masks lead to, steps chosen at random and then the shortest completion, is a text of the language."""
    parser = lark.Lark(GRAMMAR, parser="lalr", postlex=Blocks())
    rng = random.Random(5)
    texts = set()
    for _ in range(150):
        matcher = blocks().matcher()
        text = b""
        for _ in range(rng.randrange(1, 60)):
            tokens = sorted(allowed(matcher) - {256, 0x0C, 0x0D})
            weights = [1 if token < 128 else 0.01 for token in tokens]
            if not tokens:
                break
            token = rng.choices(tokens, weights)[0]
            assert matcher.advance(token)
            text += bytes([token])
        closing = matcher.closing_tokens()
        text += bytes(token for token in closing if token != 256)
        texts.add(text)
        assert parses(parser, text.decode()), text
    assert len(texts) > 100


def test_mutated_texts() -> None:
    parser = lark.Lark(GRAMMAR, parser="lalr", postlex=Blocks())
    rng = random.Random(7)
    outcomes = set()
    for _ in range(1500):
        text = list(rng.choice(ACCEPTED))
        for _ in range(rng.randrange(1, 4)):
            place = rng.randrange(len(text) + 1)
            if rng.random() < 0.5 and place < len(text):
                del text[place]
            else:
                text.insert(place, rng.choice("ab\n\n  \t()[]:=#\\,"))
        joined = "".join(text)
        expected = parses(parser, joined)
        outcomes.add(expected)
        assert accepts(blocks(), joined) == expected, joined
    assert outcomes == {False, True}


def test_no_prefix_is_a_dead_end() -> None:
    for text in ACCEPTED:
        for end in range(len(text) + 1):
            matcher = matcher_behind(blocks(), text[:end])
            assert matcher is not None
            assert allowed(matcher), text[:end]


def test_python() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert accepts(python(), source)
    assert not accepts(
        python(), source.replace("    for _ in range(1500):\n    ", "    for _ in range(1500):\n")
    )
    assert not accepts(python(), source.replace("    outcomes = set()\n", "      outcomes = set()\n"))


PYTHON_TEXTS = [
    "match x:\n  case A(b, c):\n    pass\n  case [a] if a:\n    pass\n",
    "x = match(1)\nmatch = 1\nif x:\n  pass\nmatch.x\n",
    "with a as b, c as d:\n  pass\n",
    "async def f():\n  async with a:\n    await b\n  return [i async for i in x]\n",
    "@d\ndef f(a, /, b, *, c=1, **k) -> int:\n  return lambda *a: a\n",
    "try:\n  a\nexcept E as e:\n  b\nfinally:\n  c\n",
    "if a:\n\tb\n\tif c:\n\t\td\n        e\n",
    "x = (1,\n  2) if a else [\n\n b]\n",
    "class A(B, metaclass=C):\n  x: int = 1\n  def f(self): pass\n",
    "a = b = c\nprint(*a, **b, sep='')\nx[1:2, ::3]\n",
    "for i in a: pass\nelse: pass\nwhile 1:\n  break\n",
    "x = 0xFF + 1_000 + 1e5 + 1j + .5 + 5.\n\n\n# c\nimport a.b as c, d\n",
]


def test_mutated_python() -> None:
    parser = lark.Lark(PYTHON.read_text(), start="file_input", parser="lalr", postlex=PythonIndenter())
    assert [text for text in PYTHON_TEXTS if not parses(parser, text)] == []
    rng = random.Random(11)
    outcomes = []
    for _ in range(2000):
        text = list(rng.choice(PYTHON_TEXTS))
        for _ in range(rng.randrange(3)):
            place = rng.randrange(len(text))
            if rng.random() < 0.4:
                del text[place]
            else:
                text.insert(
                    place, rng.choice(["\n", " ", "\t", "(", ")", "#", ":", "\\\n", "\f", "\r\n", "a", "1"])
                )
        joined = "".join(text)
        outcomes.append(parses(parser, joined))
        assert accepts(python(), joined) == outcomes[-1], joined
    assert 400 < sum(outcomes) < 1600


@pytest.mark.parametrize(
    ("postlex", "parser", "message"),
    [
        (object(), "lalr", "is no post-lexer that gramask knows"),
        (Blocks(), "earley", "takes no post-lexer"),
    ],
)
def test_what_is_no_indentation(postlex: object, parser: str, message: str) -> None:
    with pytest.raises(GramaskError, match=message):
        gramask.lark(GRAMMAR, parser=parser, postlex=postlex)


def test_a_conflict_in_brackets_is_shown_where_the_rule_stands() -> None:
    grammar = GRAMMAR.replace('"(" [value] ")"', '"(" (pair | other) ")"') + "pair: NAME\nother: NAME\n"
    with pytest.raises(GrammarSyntaxError, match="in brackets or other in brackets") as refused:
        gramask.compile(gramask.lark(grammar, postlex=Blocks()), BYTES)
    assert refused.value.line == grammar.count("\n") - 1  # that of `pair`


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"(" [value] ")"', '"(" [value] inner', "in another rule than its partner"),
        ("stmt+ _DEDENT", "stmt+ _DEDENT NAME", "has to end with _DEDENT"),
        ("_NL:", "_EOL:", "there is no terminal _NL"),
        ("( /\\r?\\n[\\t ]*/ | COMMENT )+", "/\\r?\\n[\\t ]*/", "does not go on over empty lines"),
        ("[\\t ]*/ | COMMENT", "[ ]{0,4}/ | COMMENT", "cannot begin any number of columns in"),
        ("NAME: /[a-e]/", "NAME: /[a-e](\\nz)?/", "ends shows too late"),
        ("NAME: /[a-e]/", "NAME.2: /[a-e\\n]x/", "may begin like the end of a line"),
    ],
)
def test_refused(old: str, new: str, message: str) -> None:
    grammar = GRAMMAR.replace(old, new) + ('inner: ")"\n' if "inner" in new else "")
    if "_EOL" in new:
        grammar = grammar.replace("_NL", "_EOL")
    with pytest.raises(GrammarSyntaxError, match=message):
        gramask.compile(gramask.lark(grammar, postlex=Blocks()), BYTES)
