"""Rules accept what they derive, every prefix of a derived text is viable, and every viable prefix is one."""

from __future__ import annotations

import itertools
import random
import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from byte_matching import BYTES, EOS, accepts, accepts_masked, allowed, matcher_behind, restored
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.context_free import derives
from reference.mask import mask_by_definition

import gramask
from gramask import CompileBudgetExceeded, GrammarSyntaxError
from gramask.grammar.context_free import program, sizes
from gramask.masks.constraint import Constraint
from gramask.masks.vocabulary import Vocabulary

CASES_DIR = Path(__file__).parent / "cases"
FILES = {
    kind: tomllib.loads((CASES_DIR / f"{kind}.toml").read_text(encoding="utf-8")) for kind in ("gbnf", "ebnf")
}
CASES = [(kind, case) for kind, file in FILES.items() for case in file["case"]]
REFUSED = [(kind, case) for kind, file in FILES.items() for case in file["refused"]]

Productions = dict[str, list[tuple[str, ...]]]
"""For each rule its alternatives; the symbols "a" and "b" are letters."""


@cache
def constraint(kind: str, grammar: str, start: str | None) -> Constraint:
    maker = {"gbnf": gramask.gbnf, "ebnf": gramask.ebnf}[kind]
    return gramask.compile(maker(grammar, start) if start else maker(grammar), BYTES)


def by_saved_bytes(compiled: Constraint, text: str) -> bool:
    return accepts(restored(compiled), text)


@pytest.mark.parametrize("route", [accepts, accepts_masked, by_saved_bytes], ids=lambda route: route.__name__)
@pytest.mark.parametrize(("kind", "case"), CASES, ids=[f"{kind}: {case['name']}" for kind, case in CASES])
def test_case(kind: str, case: dict[str, Any], route: Callable[[Constraint, str], bool]) -> None:
    compiled = constraint(kind, case["grammar"], case.get("start"))
    assert [text for text in case["accept"] if not route(compiled, text)] == []
    assert [text for text in case["reject"] if route(compiled, text)] == []


@pytest.mark.parametrize(
    ("kind", "case"), REFUSED, ids=[f"{kind}: {case['grammar']!r}" for kind, case in REFUSED]
)
def test_refused(kind: str, case: dict[str, Any]) -> None:
    with pytest.raises(GrammarSyntaxError) as caught:
        constraint(kind, case["grammar"], None)
    assert (caught.value.line, caught.value.column) == (case["line"], case["column"]), str(caught.value)
    assert case["message"] in str(caught.value)


def as_gbnf(productions: Productions) -> str:
    def written(symbols: tuple[str, ...]) -> str:
        return " ".join(f'"{symbol}"' if symbol in "ab" else symbol for symbol in symbols)

    return "\n".join(f"{name} ::= {' | '.join(map(written, p))}" for name, p in productions.items())


def without_endless(productions: Productions) -> Productions:
    """The alternatives of which something finite is derived."""
    finite: set[str] = {"a", "b"}
    while True:
        found = finite | {name for name, p in productions.items() if any(finite.issuperset(s) for s in p)}
        if found == finite:
            return {
                name: [s for s in p if finite.issuperset(s)]
                for name, p in productions.items()
                if name in finite
            }
        finite = found


NAMES = ("root", "S", "T", "U")
SYMBOLS = st.sampled_from(("a", "b", *NAMES, *NAMES))
GRAMMARS = st.fixed_dictionaries(
    {name: st.lists(st.lists(SYMBOLS, max_size=3).map(tuple), min_size=1, max_size=3) for name in NAMES}
)


def check_language(productions: Productions, length: int) -> None:
    """All texts over "ab" of at most `length`: accepted if derived, viable if one derived begins so, or can be."""
    productions = without_endless(productions)
    if "root" not in productions:
        return
    compiled = gramask.compile(gramask.gbnf(as_gbnf(productions)), BYTES, cache=False)
    rules = [(name, symbols) for name, p in productions.items() for symbols in p]

    def derived(text: str) -> bool:
        return derives("root", rules, {"a": "a", "b": "b"}, (), text)

    viable: set[str] = set()
    for n in reversed(range(length + 1)):
        for text in map("".join, itertools.product("ab", repeat=n)):
            matcher = matcher_behind(compiled, text)
            expected = derived(text)
            assert (matcher is not None and matcher.is_accepting()) == expected, text
            if expected:
                viable |= {text[:i] for i in range(n + 1)}
            assert matcher is not None or text not in viable, text
            if matcher is not None and n <= 3:
                completed = text + bytes(matcher.closing_tokens()).decode()
                assert len(completed) > 12 or derived(completed), (text, completed)


@settings(max_examples=150, deadline=None)
@given(GRAMMARS)
def test_random_grammars(productions: Productions) -> None:
    check_language(productions, 5)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("max_inlined", [0, program.MAX_INLINED])
def test_random_grammars_up_to_length_six(
    seed: int, max_inlined: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "MAX_INLINED", max_inlined)
    rng = random.Random(seed)
    symbols = ["a", "b", *NAMES[:3], *NAMES[:3]]
    for _ in range(10):
        check_language(
            {
                name: [
                    tuple(rng.choice(symbols) for _ in range(rng.choice((0, 1, 1, 2, 2, 3))))
                    for _ in range(rng.randint(1, 3))
                ]
                for name in NAMES[:3]
            },
            6,
        )


TOKENS = [text.encode() for text in "a b c ( ) + 1 12 (1 )+ a,1 ab b. )a 1)+( aab bb".split()]
WORDS = Vocabulary([*TOKENS, b"<eos>"], eos_ids=[len(TOKENS)])


@pytest.mark.parametrize(("kind", "case"), CASES, ids=[f"{kind}: {case['name']}" for kind, case in CASES])
def test_masks_are_those_of_the_definition(kind: str, case: dict[str, Any]) -> None:
    maker = {"gbnf": gramask.gbnf, "ebnf": gramask.ebnf}[kind]
    source = maker(case["grammar"], case["start"]) if "start" in case else maker(case["grammar"])
    by_bytes = gramask.compile(source, BYTES)
    by_words = gramask.compile(source, WORDS)
    for text in [*case["accept"], *case["reject"]]:
        matcher = by_words.matcher()
        prefix = b""
        for token in _spelled(text.encode()):
            expected = mask_by_definition(
                lambda word, p=prefix: matcher_behind(by_bytes, p + word) is not None, TOKENS
            )
            here = matcher_behind(by_bytes, prefix)
            assert here is not None
            ends = {len(TOKENS)} if here.is_accepting() else set()
            if not expected | ends:
                break  # a vocabulary without a token for each byte may have none for what comes next
            assert allowed(matcher) == expected | ends, prefix
            if not matcher.advance(token):
                break
            prefix += TOKENS[token]


def _spelled(text: bytes) -> list[int]:
    """The longest tokens that a text begins with, as far as there are any."""
    found = []
    while fitting := [t for t in TOKENS if text.startswith(t)]:
        longest = max(fitting, key=len)
        found.append(TOKENS.index(longest))
        text = text[len(longest) :]
    return found


def n_states(compiled: Constraint) -> int:
    return compiled.engine.pushdown.n_states


@pytest.mark.parametrize(
    ("grammar", "text"),
    [
        ('root ::= "a" root | "a"', "a" * 100_000),
        ('root ::= root "a" | "a"', "a" * 100_000),
        (
            'root ::= "[" items "]"\nitems ::= item | item "," items\nitem ::= "x" | root',
            "[" + "x," * 50_000 + "x]",
        ),
        ('root ::= root root | "a"', "a" * 100_000),
        ('root ::= root "+" root | "x" | "(" root ")"', "(x+x)+" * 10_000 + "x"),
    ],
    ids=["right recursion", "left recursion", "list", "ambiguous", "ambiguous operators"],
)
def test_long_lists_need_no_memory(grammar: str, text: str) -> None:
    compiled = gramask.compile(gramask.gbnf(grammar), BYTES, cache=False)
    matcher = compiled.matcher()
    for byte in text[:2_000].encode():
        assert matcher.advance(byte)
    known = n_states(compiled), len(compiled.engine.pushdown.nodes)
    for byte in text[2_000:-1].encode():
        assert matcher.advance(byte)
    assert (n_states(compiled), len(compiled.engine.pushdown.nodes)) == known
    assert matcher.advance(ord(text[-1]))
    assert matcher.is_accepting()


def test_deep_nesting() -> None:
    compiled = gramask.compile(gramask.gbnf('root ::= "[" root "]" | "x"'), BYTES)
    text = "[" * 20_000 + "x" + "]" * 20_000
    assert accepts(compiled, text)
    matcher = matcher_behind(compiled, text[:20_000])
    assert matcher is not None
    assert bytes(matcher.closing_tokens()) in (b"x" + b"]" * 20_000,)


def test_what_stays_ambiguous_for_too_long_is_a_named_error() -> None:
    grammar = 'root ::= "a" root "a" | "b" root "b" | "a" | "b" | ""'
    compiled = gramask.compile(gramask.gbnf(grammar), BYTES)
    matcher = compiled.matcher()
    assert accepts(compiled, "ab" * 100 + "ba" * 100)
    with pytest.raises(CompileBudgetExceeded, match="too many ways open"):
        for byte in b"a" * 50_000:
            assert matcher.advance(byte)


@pytest.mark.parametrize("body", ['"a"?', '"a"* "b"?', '("a"?){0,5}', "x"])
def test_empty_passes_are_bounded(body: str) -> None:
    def compiled(n: int) -> Constraint:
        return gramask.compile(gramask.gbnf(f'root ::= ({body}){{0,{n}}} "c"\nx ::= "a"? | "(" x ")"'), BYTES)

    assert accepts(compiled(400), "a" * 400 + "c")
    assert accepts(compiled(400), "a" * 2_001 + "c") == ("*" in body)
    with pytest.raises(CompileBudgetExceeded, match="in a row may be empty"):
        compiled(10_000).matcher().advance(ord("a"))


def test_many_repetitions_that_may_be_empty_are_not_one() -> None:
    options = " | ".join(f'("a"?){{0,2}} "{n};"' for n in range(1_600))
    compiled = gramask.compile(gramask.gbnf(f"root ::= {options}"), BYTES, cache=False)
    assert accepts(compiled, "aa1599;")
    assert not accepts(compiled, "aaa1599;")


def test_a_long_repetition_is_taken_to_its_end() -> None:
    compiled = gramask.compile(gramask.gbnf('root ::= ("ab" [0-9]){0,10000} "c"'), BYTES)
    assert accepts(compiled, "ab7" * 10_000 + "c")
    assert not accepts(compiled, "ab7" * 10_001 + "c")


def test_parts_of_a_large_rule_are_no_rules_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "MAX_INLINED", 0)
    monkeypatch.setattr(sizes, "MAX_BODY", 2)
    names = [f"a.{n}" for n in range(9)]
    others = "\n".join(f"{name} ::= 'no'" for name in names)
    grammar = f"a ::= ('x' 'y') ('z' 'w') | 'q' {' '.join(names)}\n{others}"
    compiled = gramask.compile(gramask.ebnf(grammar) + gramask.json({"const": True}), BYTES, cache=False)
    assert accepts(compiled, "xyzwtrue")
    assert accepts(compiled, "q" + "no" * 9 + "true")
    assert not accepts(compiled, "nonotrue")
    assert not accepts(compiled, "xynotrue")


def test_many_rules() -> None:
    n = 10_000
    rules = [f'r{i} ::= "{i};" (r{i + 1} | r{(7 * i) % n})?' for i in range(n)]
    grammar = "\n".join(["root ::= r0", *rules, f'r{n} ::= "end"'])
    compiled = gramask.compile(gramask.gbnf(grammar), BYTES, cache=False)
    assert accepts(compiled, "0;1;2;14;98;")
    assert not accepts(compiled, "0;1;3;")


@pytest.mark.parametrize(("n", "rule"), [(10_000, "r{}"), (30, "r{0} r{0}")])
def test_a_difference_of_many_rules_is_a_named_error(n: int, rule: str) -> None:
    rules = [f"r{i} ::= {rule.format(i + 1)}" for i in range(n)]
    grammar = "\n".join(["root ::= r0 - 'b'", *rules, f"r{n} ::= 'a'"])
    with pytest.raises(CompileBudgetExceeded, match="difference"):
        gramask.compile(gramask.ebnf(grammar), BYTES)


@pytest.mark.parametrize("notation", ["gbnf", "ebnf"])
def test_a_file_says_its_notation(tmp_path: Path, notation: str) -> None:
    path = tmp_path / f"g.{notation}"
    path.write_text('root ::= "a"+')
    assert accepts(gramask.compile(path, BYTES), "aa")


ESCAPED = r"""
char ::= [^"\\\x7F\x00-\x1F] | [\\] (["\\bfnrt] | "u" [0-9a-fA-F]{4})
"""


@pytest.mark.parametrize("most", [200, 2_000])
def test_long_counted_repetitions(most: int) -> None:
    compiled = gramask.compile(
        gramask.gbnf(f'root ::= "<" char{{2,{most}}} ">"' + ESCAPED), BYTES, cache=False
    )
    escape = "\\u00e9"
    assert accepts(compiled, f"<{escape}é>")
    assert accepts(compiled, f"<{(most - 1) * 'x'}{escape}>")
    assert not accepts(compiled, f"<{most * 'x'}{escape}>")
    assert not accepts(compiled, f"<{escape}>")
    matcher = matcher_behind(compiled, b"<a\\u")
    assert matcher is not None
    assert len(matcher.closing_tokens()) == 5


def test_many_alternatives() -> None:
    words = [f"word{i}" for i in range(3_000)]
    grammar = "root ::= " + " | ".join(f'"{word}" [a-z]*' for word in words)
    compiled = gramask.compile(gramask.gbnf(grammar), BYTES, cache=False)
    assert accepts(compiled, "word1234xyz")
    assert not accepts(compiled, "word3000")
    matcher = matcher_behind(compiled, b"word299")
    assert matcher is not None
    assert allowed(matcher) == {*b"0123456789abcdefghijklmnopqrstuvwxyz", EOS}


NESTED = """
root ::= value
value ::= "[" (value ("," value)*)? "]" | word | word "(" value ")" | value "." word
word ::= [a-z]+ ("-" [a-z]+)*
"""
PIECES = Vocabulary(
    [*("".join(some).encode() for n in (1, 2, 3) for some in itertools.product("[](),.-az", repeat=n)), b""],
    eos_ids=[9 + 81 + 729],
)


def masks_of(compiled: Constraint, seed: int) -> list[bytes]:
    """The masks on a random way through a grammar."""
    rng = random.Random(seed)
    matcher, mask, found = compiled.matcher(), np.zeros(compiled.n_words, np.int32), []
    for _ in range(40):
        matcher.fill_mask(mask)
        found.append(mask.tobytes())
        matcher.advance(rng.choice([t for t in range(9 + 81 + 729) if mask[t >> 5] >> (t & 31) & 1]))
    return found


def test_threads_make_the_states_of_one() -> None:
    """Kernels make states while those of other threads read them."""
    alone = gramask.compile(gramask.gbnf(NESTED), PIECES, cache=False)
    expected = [masks_of(alone, seed) for seed in range(8)]
    for _ in range(5):
        shared = gramask.compile(gramask.gbnf(NESTED), PIECES, cache=False)
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(masks_of, [shared] * 8, range(8))) == expected
