"""Lark grammars accept what Lark's LALR parser accepts, and no prefix is a dead end."""

from __future__ import annotations

import itertools
import random
import re
import tomllib
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from byte_matching import BYTES, accepts, accepts_masked, allowed, read, restored
from lark import Lark
from reference.context_free import derives
from reference.lark_parser import parses
from reference.mask import mask_by_definition

import gramask
from gramask import CompileBudgetExceeded, GrammarSyntaxError
from gramask.grammar.char_automata import Budget
from gramask.grammar.first_match import _variants
from gramask.grammar.grammar import Terminal
from gramask.grammar.lark import parse_lark
from gramask.grammar.scanner import FIRST_LABEL, NOTHING_READ
from gramask.grammar.scanner_build import build_scanners
from gramask.masks.constraint import Constraint
from gramask.masks.matcher import Matcher
from gramask.masks.vocabulary import Vocabulary

FILE = tomllib.loads((Path(__file__).parent / "cases" / "lark.toml").read_text(encoding="utf-8"))
CASES = {case["name"]: case for case in FILE["case"]}


@cache
def constraint(grammar: str, start: str = "start") -> Constraint:
    return gramask.compile(gramask.lark(grammar, start), BYTES)


def by_bytes(case: dict[str, Any]) -> Callable[[str], bool]:
    return partial(accepts, constraint(case["grammar"], case.get("start", "start")))


def by_masks(case: dict[str, Any]) -> Callable[[str], bool]:
    return partial(accepts_masked, constraint(case["grammar"], case.get("start", "start")))


def by_saved_bytes(case: dict[str, Any]) -> Callable[[str], bool]:
    return partial(accepts, restored(constraint(case["grammar"], case.get("start", "start"))))


def by_lark(case: dict[str, Any]) -> Callable[[str], bool]:
    return parses(Lark(case["grammar"], start=case.get("start", "start"), parser="lalr"))


ROUTES = [by_bytes, by_masks, by_saved_bytes, by_lark]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.__name__)
@pytest.mark.parametrize("name", CASES)
def test_case(name: str, route: Callable[[dict[str, Any]], Callable[[str], bool]]) -> None:
    case = CASES[name]
    accepted = route(case)
    assert [text for text in case["accept"] if not accepted(text)] == []
    assert [text for text in case["reject"] if accepted(text)] == []


@pytest.mark.parametrize("name", CASES)
def test_accepted_texts_are_in_the_language_without_any_lexer(name: str) -> None:
    case = CASES[name]
    grammar = parse_lark(gramask.lark(case["grammar"], case.get("start", "start")))
    rules = [(production.name, production.symbols) for production in grammar.productions]
    terminals = {terminal.name: terminal.pattern for terminal in grammar.terminals}
    for text in case["accept"]:
        assert derives(grammar.start, rules, terminals, grammar.ignored, text), text


@pytest.mark.parametrize(
    ("name", "alphabet", "length"),
    [
        ("calculator", ["1", "a", "+", "(", ")", "-"], 4),
        ("s-expressions", "(a) ", 4),
        ("ambiguous operators", "1+-?:(", 5),
        ("ambiguous sequences", "a()", 6),
        ("look past a shared beginning", "abxycd", 4),
        ("empty rules", "xyz", 5),
        ("templates and repetition", "ab,", 6),
    ],
)
def test_no_text_of_the_language_is_lost(name: str, alphabet: str | list[str], length: int) -> None:
    """Where no terminal continues another, lexing and resolving ambiguity leave the context-free language as it is."""
    grammar = parse_lark(gramask.lark(CASES[name]["grammar"]))
    rules = [(production.name, production.symbols) for production in grammar.productions]
    terminals = {terminal.name: terminal.pattern for terminal in grammar.terminals}
    live = live_prefixes(constraint(CASES[name]["grammar"]), alphabet, length)
    found = {text for text, matcher in live if matcher.is_accepting()}
    texts = texts_over(alphabet, length)
    assert found == {
        text for text in texts if derives(grammar.start, rules, terminals, grammar.ignored, text)
    }


@pytest.mark.parametrize("case", FILE["refused"], ids=lambda case: case["name"])
def test_refused(case: dict[str, Any]) -> None:
    with pytest.raises(GrammarSyntaxError) as refused:
        constraint(case["grammar"])
    error = refused.value
    assert case["message"] in error.message
    assert (error.source, error.line) == (case["grammar"], case["line"])


def tower(height: int) -> str:
    """Each rule may go on with what the one above it could go on with as well."""
    rules = (f'r{i}: r{i + 1} "a" r{i + 1} | r{i + 1}' for i in range(height))
    return "\n".join(["start: r0", *rules, f'r{height}: "b"'])


@pytest.mark.parametrize("height", [3, 6])
def test_where_going_on_is_preferred_the_end_is_still_reached(height: int) -> None:
    parser = parses(Lark(tower(height), parser="lalr"))
    compiled = constraint(tower(height))
    longest = 2**height - 1
    for n in range(longest + 3):
        text = "b" + "ab" * n
        assert accepts(compiled, text) == parser(text) == (n <= longest)


def test_a_high_tower_takes_no_longer() -> None:
    assert accepts(constraint(tower(60)), "b" + "ab" * 1000)


def test_an_error_shows_its_place() -> None:
    with pytest.raises(GrammarSyntaxError) as refused:
        constraint('start: item\nitem: "a" missing "b"\n')
    shown = str(refused.value).splitlines()
    assert shown[-2:] == ['    item: "a" missing "b"', "              ^"]


ALPHABETS = {
    "calculator": ("1.e+(a ", 5),
    "json": ('[]{,:"1 ', 5),
    "s-expressions": ("a() ", 6),
    "key and value lines": ("a=\n ", 6),
    "keywords": (["if", "a", " ", "=", ";", "then"], 6),
    "dots": ("1.,a", 7),
    "a terminal that another one hides": ("<>a1!", 6),
    "lines that end in any number of newlines": ("[]a=\n ", 6),
    "ambiguous operators": ("1+-?:()", 5),
    "ambiguous sequences": ("a()", 8),
    "the lexer does not know the context": ("([x)]!", 5),
    "comments": ("e/* ", 7),
    "lazy repetition": ("<a>", 8),
    "the first match, not the longest": ("abc", 7),
    "priorities": ("azhw0", 5),
    "operators of several bytes": (["a", "é", "×", "→", "÷"], 5),
    "look past a shared beginning": ("abxycd()", 5),
    "empty rules": ("xyz", 7),
}


def texts_over(alphabet: str | list[str], length: int) -> Iterator[str]:
    for n in range(length + 1):
        yield from map("".join, itertools.product(alphabet, repeat=n))


def live_prefixes(
    compiled: Constraint, alphabet: str | list[str], length: int
) -> Iterator[tuple[str, Matcher]]:
    """All texts of at most `length` letters that keep the matcher alive."""
    todo = [("", 0, compiled.matcher())]
    while todo:
        text, n, matcher = todo.pop()
        yield text, matcher
        for letter in alphabet if n < length else ():
            longer = matcher.fork()
            if read(longer, letter):
                todo.append((text + letter, n + 1, longer))


@pytest.mark.parametrize("name", ALPHABETS)
def test_exhaustive(name: str) -> None:
    """Of all short texts exactly those that Lark parses are accepted."""
    alphabet, length = ALPHABETS[name]
    grammar = CASES[name]["grammar"]
    found = {
        text
        for text, matcher in live_prefixes(constraint(grammar), alphabet, length)
        if matcher.is_accepting()
    }
    parsed = parses(Lark(grammar, parser="lalr"))
    wanted = {text for text in texts_over(alphabet, length) if parsed(text)}
    assert wanted
    assert found == wanted


@pytest.mark.parametrize("name", ALPHABETS)
def test_no_short_prefix_is_a_dead_end(name: str) -> None:
    alphabet, length = ALPHABETS[name]
    grammar = CASES[name]["grammar"]
    parsed = parses(Lark(grammar, parser="lalr"))
    for text, matcher in live_prefixes(constraint(grammar), alphabet, min(length, 4)):
        closing = bytes(matcher.closing_tokens())
        assert parsed((text.encode() + closing).decode()), (text, closing)


TOKENS = Vocabulary(
    [bytes([b]) for b in range(256)]
    + [
        text.encode()
        for text in ('"a', '":', '{"', "[[", "1.", "e5", ", ", '"}', "]]", "}}", "nul", 'l"', "  ")
    ]
    + [
        text.encode()
        for text in ("(a", "a)", "+ ", "-(", "1)", "if ", "then", "a=", "=b", ";a", "..", "×é", "/*", "*/")
    ]
    + ["é".encode()[:1], "a×".encode()[:2], b"/* e */e", b"<eos>"],
    eos_ids=[256 + 13 + 14 + 3],
)


@pytest.mark.parametrize("name", CASES)
def test_masks_and_walks(name: str) -> None:
    """Along random walks a mask is what its definition says, and from everywhere the text can be completed."""
    case = CASES[name]
    source = gramask.lark(case["grammar"], case.get("start", "start"))
    compiled = gramask.compile(source, TOKENS)
    by_byte = constraint(case["grammar"], case.get("start", "start"))
    parsed = by_lark(case)
    texts = list(TOKENS.tokens)
    texts[-1] = b""
    rng = random.Random(name)
    for _ in range(6):
        matcher, text = compiled.matcher(), b""
        for _ in range(8):
            found = allowed(matcher)
            wanted = mask_by_definition(partial(survives, by_byte, text), texts)
            assert found - {len(texts) - 1} == wanted
            assert (len(texts) - 1 in found) == matcher.is_accepting()
            closing = b"".join(texts[t] for t in matcher.closing_tokens())
            assert parsed((text + closing).decode()) or not is_text(text)
            if not wanted:
                break
            token = rng.choice(sorted(wanted, key=lambda t: (-len(texts[t]), t))[: rng.choice([3, 12, 300])])
            assert matcher.advance(token)
            text += texts[token]


def survives(compiled: Constraint, before: bytes, text: bytes) -> bool:
    matcher = compiled.matcher()
    return all(matcher.advance(byte) for byte in before + text)


def is_text(text: bytes) -> bool:
    """Whether the bytes are UTF-8 as far as they go: closing completes half a character."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


# Patterns, and letters of which all texts are tried: the scanner must end where `re.match` ends.
PATTERNS = [
    (r"a|ab", "abc"),
    (r"ab|a", "abc"),
    (r"(a|ab)(c|bcd)?", "abcd"),
    (r"a+?b?", "abc"),
    (r"a*?b", "abc"),
    (r"(ab)*a", "ab"),
    (r"(a|b)*?c", "abc"),
    (r"a{2,4}?b?", "ab"),
    (r"a{2,4}b?", "ab"),
    (r'"(.*?)(?<!\\)(\\\\)*?"', 'a"\\'),
    (r"/\*(.|\n)*?\*/", "/*a"),
    (r"(?:a|b(?<=b)c)+", "abc"),
    (r"x(?<!a)(a|b)(?<!b)", "xab"),
    (r"(?i:aß)b", "aAßẞsSbB"),
    (r"(?s:.)\w", "a\n "),
    (r".\W", "a\n é"),
    (r"[^\W\d_]+", "aé1_ª"),
    (r"(?a:\w+)", "aé1_"),
    (r"\d+|\s", "1١\t\u2028a"),
    (r"(?i:[k-l]+)", "kKlLm\u212a"),
    (r"(?i:[^k])", "kK\u212aa"),
    (r"(?x: a b )", "ab "),
]


@pytest.mark.parametrize(("pattern", "letters"), PATTERNS)
def test_a_terminal_ends_where_re_ends_it(pattern: str, letters: str) -> None:
    terminal = Terminal("T", pattern, None, frozenset(), 0, 1, pattern)
    (scanner,) = build_scanners([(FIRST_LABEL, terminal)], [1 << FIRST_LABEL], Budget()).values()
    for text in texts_over(letters, 6 if len(letters) < 5 else 4):
        match = re.match(pattern, text)
        wanted = None if match is None else match.group(0)
        state, end = NOTHING_READ, None
        for i, byte in enumerate(text.encode()):
            state = scanner.row(state)[byte]
            if state == 0:
                break
            if scanner.label[state] == FIRST_LABEL:
                end = i + 1
        assert (None if end is None else text.encode()[:end].decode()) == wanted, text


def test_characters_without_regard_to_case() -> None:
    """For each letter with several cases the same characters match as in `re`."""
    cased = [chr(p) for p in range(0x20000) if chr(p).lower() != chr(p) or chr(p).upper() != chr(p)]
    rng = random.Random(0)
    for char in [*"iIkKsSµßİıſΣςΩÅǅ", *rng.sample(cased, 100)]:
        pattern = re.compile(re.escape(char), re.IGNORECASE)
        assert {chr(p) for p in _variants(ord(char), False)} == {
            c for c in [char, *cased] if pattern.fullmatch(c)
        }


SYMBOLS = ['"a"', '"b"', '"ab"', '"aa"', '"c"', "/a+/", "/[ab]+/", "/a*b/", "/a|ab/", "/b+?c/", "/a(bc)?/"]
SYMBOLS += ["/[abc]/", "/c.*?c/", '"A"i', "/(a|b)*?c/", "/[^a]/", "/é+/", "/aé?/", "/(ab)+/", '"aba"']
SYMBOLS += ["/a(?!b)/", "/(?!ab)[ab]+/", "/[ab]+?(?!c)/"]
LETTERS = "abc é"


def random_grammar(rng: random.Random) -> str:
    terminals = [f"T{i}" for i in range(rng.randint(1, 3))]
    rules = ["start", *(f"r{i}" for i in range(rng.randint(0, 2)))]
    names = [*terminals, *terminals, *rules, '"a"', '"c"']

    def expression(depth: int) -> str:
        kind = rng.random()
        if depth == 0 or kind < 0.45:
            return rng.choice(names)
        if kind < 0.65:
            return " ".join(expression(depth - 1) for _ in range(rng.randint(1, 3)))
        if kind < 0.8:
            return f"({expression(depth - 1)} | {expression(depth - 1)})"
        return f"({expression(depth - 1)}){rng.choice('*+?')}"

    lines = [f"{rule}: {' | '.join(expression(2) for _ in range(rng.randint(1, 3)))}" for rule in rules]
    lines += [f"{name}: {rng.choice(SYMBOLS)}" for name in terminals]
    if rng.random() < 0.4:
        lines.append(f"%ignore {rng.choice([chr(34) + ' ' + chr(34), '/c+/', '/ (ab)?/'])}")
    return "\n".join(lines)


@pytest.mark.parametrize("seed", range(10))
def test_random_grammars(seed: int) -> None:
    """A grammar is refused, or accepts exactly what Lark parses and never leads into a dead end."""
    rng = random.Random(seed)
    n_compiled = 0
    for _ in range(30):
        grammar = random_grammar(rng)
        try:
            compiled = gramask.compile(gramask.lark(grammar), BYTES, cache=False)
        except GrammarSyntaxError:
            continue
        n_compiled += 1
        parsed = parses(Lark(grammar, parser="lalr"))
        live = dict(live_prefixes(compiled, LETTERS, 4))
        found = {text for text, matcher in live.items() if matcher.is_accepting()}
        assert found == {text for text in texts_over(LETTERS, 4) if parsed(text)}, grammar
        for text in rng.sample(sorted(live), min(20, len(live))):
            closing = bytes(live[text].closing_tokens())
            assert parsed((text.encode() + closing).decode()), (grammar, text, closing)
    assert n_compiled >= 3


def test_a_left_recursive_list_keeps_a_flat_stack() -> None:
    matcher = constraint('start: start "a" | "a"').matcher()
    assert read(matcher, "aaa")
    before = matcher.state_id
    assert read(matcher, "a" * 1000)
    assert matcher.state_id == before


def test_deep_nesting() -> None:
    compiled = constraint(CASES["calculator"]["grammar"])
    matcher = compiled.matcher()
    assert read(matcher, "(" * 5000 + "1")
    assert not matcher.is_accepting()
    assert bytes(matcher.closing_tokens()) == b")" * 5000
    assert read(matcher, ")" * 5000)
    assert matcher.is_accepting()


def test_a_grammar_in_a_file_imports_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "words.lark").write_text('WORD: /[a-z]+/\nlist: WORD ("," WORD)*\n', encoding="utf-8")
    (tmp_path / "main.lark").write_text(
        '%import .words (WORD, list)\nstart: "[" list "]"\n', encoding="utf-8"
    )
    compiled = gramask.compile(gramask.lark(tmp_path / "main.lark"), BYTES)
    assert accepts(compiled, "[a,bc]")
    assert not accepts(compiled, "[a,]")


@pytest.mark.parametrize(
    "grammar",
    [
        "start: A\nA: /(a{1000}){1000}/",
        "start: A\nA: /(a|b)*a(a|b){25}c/",
        f"start: A\nA: /{'(' * 3000}a{')' * 3000}/",
    ],
    ids=["a long repetition", "exponentially many states", "deep groups"],
)
def test_hostile_grammars_end_in_a_named_error(grammar: str) -> None:
    with pytest.raises((CompileBudgetExceeded, GrammarSyntaxError)):
        constraint(grammar)
