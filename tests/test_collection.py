"""The grammars of the collection: what they accept, in both notations, and that gramask reads them as Lark does."""

from __future__ import annotations

import json
import random
import re
import sysconfig
import tomllib
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import islice
from pathlib import Path
from unittest.mock import patch

import lark.lexer
import pytest
from byte_matching import BYTES, accepts
from lark import Lark
from reference.lark_parser import parses

import gramask
from gramask import GramaskError
from gramask.grammar import collection
from gramask.masks.constraint import Constraint

CASES = tomllib.loads((Path(__file__).parent / "cases" / "collection.toml").read_text(encoding="utf-8"))
Accepts = Callable[[str], bool]

# In these the two notations have one language. In those of the others keywords may be names.
SAME_LANGUAGE = ("json", "calculator", "sexpr", "xml")
LONGEST_TEXT = 6000
TEXTS = {"json": 12, "xml": 12, "c": 25}
MUTATIONS = 12


@cache
def constraint(name: str, notation: str) -> Constraint:
    return gramask.compile(collection.path(name, notation), BYTES)


def by_constraint(name: str, notation: str) -> Accepts:
    return partial(accepts, constraint(name, notation))


def read_by_lark(name: str, **options: bool) -> Lark:
    # Where interegular is installed, Lark compares all terminals with it, which takes minutes for classes like XML's.
    with patch.object(lark.lexer, "has_interegular", False):
        return Lark(collection.path(name).read_text(encoding="utf-8"), parser="lalr", **options)


@cache
def by_lark(name: str) -> Accepts:
    return parses(read_by_lark(name))


def check(case: dict[str, list[str]], notation: str, accepts: Accepts) -> None:
    other = {"lark": "gbnf", "gbnf": "lark"}[notation]
    good = case["accept"] + case.get(f"only_{notation}", [])
    bad = case["reject"] + case.get(f"only_{other}", [])
    assert [text for text in good if not accepts(text)] == []
    assert [text for text in bad if accepts(text)] == []


@pytest.mark.parametrize("name", collection.NAMES)
def test_cases_by_lark(name: str) -> None:
    check(CASES[name], "lark", by_lark(name))


@pytest.mark.parametrize("name", collection.NAMES)
def test_cases_in_larks_notation(name: str) -> None:
    check(CASES[name], "lark", by_constraint(name, "lark"))


@pytest.mark.parametrize("name", collection.NAMES)
def test_cases_in_gbnf(name: str) -> None:
    check(CASES[name], "gbnf", by_constraint(name, "gbnf"))


def test_every_grammar_has_cases_and_files() -> None:
    assert set(CASES) == set(collection.NAMES)
    for name in collection.NAMES:
        assert all(collection.path(name, notation).is_file() for notation in collection.NOTATIONS)
    with pytest.raises(GramaskError, match="no 'cobol'"):
        collection.path("cobol")
    with pytest.raises(GramaskError, match="no 'json' in 'abnf'"):
        collection.path("json", "abnf")


@pytest.mark.parametrize("name", collection.NAMES)
def test_no_conflict_is_resolved_in_silence(name: str) -> None:
    """Lark prefers shifting and only says so to those who debug."""
    with patch.object(lark.logger, "debug") as debug:
        read_by_lark(name, debug=True)
    assert [call for call in debug.call_args_list if "onflict" in str(call)] == []


@pytest.mark.parametrize("name", collection.NAMES)
def test_llguidance_reads_larks_notation(name: str) -> None:
    llguidance = pytest.importorskip("llguidance")
    text = collection.path(name).read_text(encoding="utf-8")
    grammar = llguidance.LLMatcher.grammar_from_lark(text)
    assert llguidance.LLMatcher.validate_grammar(grammar) == ""


@pytest.mark.parametrize("name", collection.NAMES)
def test_xgrammar_reads_gbnf(name: str) -> None:
    xgrammar = pytest.importorskip("xgrammar")
    xgrammar.Grammar.from_ebnf(collection.path(name, "gbnf").read_text(encoding="utf-8"))


# Texts that others wrote, as far as the machine has any.

LIBRARY = Path(sysconfig.get_path("stdlib"))
PACKAGES = Path(sysconfig.get_path("purelib"))
PLACES = {
    "json": [(PACKAGES, "*.json"), (Path("/usr/share"), "*.json")],
    "xml": [
        (PACKAGES, "*.xml"),
        (PACKAGES, "*.svg"),
        (Path("/usr/share"), "*.xml"),
        (Path("/usr/share"), "*.svg"),
    ],
    "c": [(Path(sysconfig.get_path("include")), "*.h"), (Path("/usr/include/x86_64-linux-gnu/bits"), "*.h")],
}


def found(name: str) -> Iterator[str]:
    """The texts in the places of a language that are short enough, and of which there are few enough to be quick."""
    for folder, pattern in PLACES[name]:
        for path in islice(folder.rglob(pattern), 400):
            try:
                text = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError):
                continue
            if len(text) <= LONGEST_TEXT and "\r" not in text:
                yield text


@cache
def real_texts(name: str) -> list[str]:
    """Texts that Lark accepts; skips the test where there is none."""
    if name not in PLACES:
        return CASES[name]["accept"]
    texts = list(islice(filter(by_lark(name), found(name)), TEXTS[name]))
    if not texts:
        pytest.skip(f"no {name} files on this machine")
    return texts


def mutated(rng: random.Random, text: str) -> str:
    """One or two characters or tokens deleted, doubled, replaced by others of the text, or swapped."""
    parts = list(text) if rng.random() < 0.5 else re.findall(r"\s+|\w+|.", text, re.DOTALL)
    for _ in range(rng.randint(1, 2)):
        if not parts:
            break
        i, j = rng.randrange(len(parts)), rng.randrange(len(parts))
        change = rng.randrange(4)
        if change == 0:
            del parts[i]
        elif change == 1:
            parts.insert(i, parts[j])
        elif change == 2:
            parts[i] = parts[j]
        else:
            parts[i], parts[j] = parts[j], parts[i]
    return "".join(parts)


@cache
def mutations(name: str) -> list[str]:
    rng = random.Random(name)
    n = MUTATIONS if name in PLACES else 40
    return [mutated(rng, text) for text in real_texts(name) for _ in range(n)]


@pytest.mark.parametrize("name", collection.NAMES)
def test_gramask_reads_larks_notation_as_lark_does(name: str) -> None:
    accepts, expected = by_constraint(name, "lark"), by_lark(name)
    assert [text for text in real_texts(name) if not accepts(text)] == []
    assert [text for text in mutations(name) if accepts(text) != expected(text)] == []


@pytest.mark.parametrize("name", SAME_LANGUAGE)
def test_both_notations_have_one_language(name: str) -> None:
    accepts, expected = by_constraint(name, "gbnf"), by_lark(name)
    assert [text for text in real_texts(name) if not accepts(text)] == []
    assert [text for text in mutations(name) if accepts(text) != expected(text)] == []


def test_gbnf_accepts_of_c_what_lark_accepts() -> None:
    accepts = by_constraint("c", "gbnf")
    texts = [*real_texts("c"), *mutations("c")]
    assert [text for text in texts if by_lark("c")(text) and not accepts(text)] == []


SQL_TOKEN = re.compile(r"""'[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\]|[<>!=]+|\|\||:?[\w.]+|[^\s]""")


def test_gbnf_accepts_of_sql_what_lark_accepts_where_words_stand_apart() -> None:
    rng = random.Random(1)
    accepts = by_constraint("sql", "gbnf")
    n_accepted = 0
    for text in CASES["sql"]["accept"]:
        if "--" in text or "/*" in text:
            continue
        tokens = SQL_TOKEN.findall(text)
        for _ in range(20):
            i, j = rng.randrange(len(tokens)), rng.randrange(len(tokens))
            changed = [*tokens[:i], *rng.choice(([], tokens[j : j + 1])), *tokens[i + rng.randint(0, 1) :]]
            words = " ".join(changed)
            if by_lark("sql")(words):
                n_accepted += 1
                assert accepts(words), words
    assert n_accepted > 50


@pytest.mark.parametrize("notation", collection.NOTATIONS)
def test_json_is_json(notation: str) -> None:
    accepts = by_constraint("json", notation)
    for text in [*real_texts("json"), *mutations("json")]:
        assert accepts(text) == is_json(text), text


def is_json(text: str) -> bool:
    try:
        json.loads(text, parse_constant=_refuse)
    except ValueError:
        return False
    return True


def _refuse(name: str) -> None:
    raise ValueError(name)
