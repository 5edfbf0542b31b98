"""Every row of tests/cases/json_*.toml through every route."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from cases_loader import Case, load_cases
from jsonschema_specifications import REGISTRY
from reference.judge import Judge
from reference.membership import Membership
from reference.viability import Grammar, Options
from referencing.exceptions import Unresolvable
from strategies import EOS, byte_tokens, merged_tokens, tokenize

import gramask

CASES = load_cases("json_strings", "json_numbers", "json_objects", "json_arrays", "json_structure")
KEYWORDS = [replace(case, options={"order": "any"} | case.options) for case in load_cases("json_keywords")]
ERRORS = load_cases("json_errors")
Accepts = Callable[[bytes], bool]
BYTES = gramask.Vocabulary([*byte_tokens(), EOS], eos_ids=[256])
MERGED_TOKENS = [
    *merged_tokens(), b'":1,"', b'{"d":1,"', b'd":1,"d', b',"d', b'"d"', b"\\u0064", b"e9", b'":{"',
]  # fmt: skip
MERGED = gramask.Vocabulary([*MERGED_TOKENS, EOS], eos_ids=[len(MERGED_TOKENS)])
TOKENIZATIONS = 3


def by_reference(case: Case) -> Accepts:
    """The oracle: parsed and validated, and run as a grammar; both must say the same."""
    words = {name: value for name, value in case.options.items() if name in ("whitespace", "order")}
    options = Options.parse(**words)
    members, grammar = Membership(case.schema, options), Grammar(case.schema, options)

    def accepts(text: bytes) -> bool:
        verdict = members.accepts(text)
        assert grammar.accepts(text) == verdict, f"the oracles disagree on {text!r}"
        return verdict

    return accepts


def by_judge(case: Case) -> Accepts:
    """The oracle of the keywords that the other one lacks. It knows no order of members and no white space."""
    return Judge(case.schema, formats=True).accepts


def by_bytes(case: Case) -> Accepts:
    """One token per byte, without masks."""
    constraint = gramask.compile(case.schema, BYTES, **case.options)

    def accepts(text: bytes) -> bool:
        matcher = constraint.matcher()
        return all(map(matcher.advance, text)) and matcher.is_accepting()

    return accepts


def by_masks(case: Case) -> Accepts:
    """Random tokenizations; a token counts as taken only if the mask allows it, the end likewise."""
    constraint = gramask.compile(case.schema, MERGED, **case.options)
    mask = np.empty(constraint.n_words, np.int32)
    eos = divmod(MERGED.eos_ids[0], 32)
    rng = random.Random(case.name)

    def accepts_tokens(tokens: list[int]) -> bool:
        matcher = constraint.matcher()
        for token in tokens:
            matcher.fill_mask(mask)
            allowed = bool(mask[token >> 5] >> (token & 31) & 1)
            assert matcher.advance(token) == allowed, f"mask and advance disagree on {MERGED_TOKENS[token]!r}"
            if not allowed:
                return False
        matcher.fill_mask(mask)
        return bool(mask[eos[0]] >> eos[1] & 1)

    def accepts(text: bytes) -> bool:
        verdicts = {accepts_tokens(tokenize(rng, text, MERGED_TOKENS)) for _ in range(TOKENIZATIONS)}
        assert len(verdicts) == 1, f"the verdict on {text!r} depends on the tokenization"
        return verdicts.pop()

    return accepts


@pytest.mark.parametrize("route", [by_reference, by_bytes, by_masks], ids=lambda route: route.__name__)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case, route: Callable[[Case], Accepts]) -> None:
    accepts = route(case)
    assert [text for text in case.accept if not accepts(text)] == []
    assert [text for text in case.reject if accepts(text)] == []


@pytest.mark.parametrize("route", [by_judge, by_bytes, by_masks], ids=lambda route: route.__name__)
@pytest.mark.parametrize("case", KEYWORDS, ids=lambda case: case.name)
def test_keywords(case: Case, route: Callable[[Case], Accepts]) -> None:
    test_case(case, route)


@pytest.mark.parametrize("case", CASES + KEYWORDS, ids=lambda case: case.name)
def test_what_is_taken_can_be_completed(case: Case) -> None:
    constraint = gramask.compile(case.schema, BYTES, **case.options)
    for text in case.accept + case.reject:
        matcher = constraint.matcher()
        taken = bytes(itertools.takewhile(matcher.advance, text))
        try:
            closing = matcher.closing_tokens()
        except gramask.GramaskError as error:
            raise AssertionError(f"{taken!r} cannot be completed") from error
        assert all(map(matcher.advance, closing)) and matcher.is_accepting()


ANNOTATIONS = set(
    """$schema $comment $vocabulary title description default examples deprecated readOnly writeOnly
    contentEncoding contentMediaType contentSchema""".split()
)


def keywords_of_all_drafts() -> set[str]:
    """Those that the official metaschemas describe, without those that no value can break."""
    found: set[str] = set()
    for uri in set(REGISTRY) - {"http://json-schema.org/draft-03/schema"}:
        found |= REGISTRY.contents(uri).get("properties", {}).keys()
    return found - ANNOTATIONS


def without(schema: Any, keyword: str) -> Iterator[Any]:
    """`schema` less `keyword`, in each place where it stands."""
    if isinstance(schema, list):
        for i, inner in enumerate(schema):
            yield from ([*schema[:i], smaller, *schema[i + 1 :]] for smaller in without(inner, keyword))
    if isinstance(schema, dict):
        if keyword in schema:
            yield {name: inner for name, inner in schema.items() if name != keyword}
        for name, inner in schema.items():
            yield from (schema | {name: smaller} for smaller in without(inner, keyword))


def says_otherwise(schema: Any, case: Case) -> bool:
    """Whether some text of the row would be on the other side, or `schema` leads nowhere."""
    accepts = Judge(schema, formats=True).accepts
    try:
        return not all(map(accepts, case.accept)) or any(map(accepts, case.reject))
    except Unresolvable:
        return True


@pytest.mark.parametrize("keyword", sorted(keywords_of_all_drafts()))
def test_every_keyword_matters_in_some_row(keyword: str) -> None:
    assert any(
        says_otherwise(smaller, case) for case in KEYWORDS for smaller in without(case.schema, keyword)
    )


@pytest.mark.parametrize("case", ERRORS, ids=lambda case: case.name)
def test_error(case: Case) -> None:
    with pytest.raises(getattr(gramask, case.error or "")) as raised:
        gramask.compile(case.schema, BYTES, **case.options)
    assert raised.type.__name__ == case.error
    assert raised.value.hint or raised.value.message
    if case.pointer is not None:
        assert (raised.value.pointer or "").startswith(case.pointer)
    if case.keyword is not None:
        assert raised.value.keyword == case.keyword


# Keywords of which the oracle knows nothing.
UNKNOWN = ("uniqueItems", "format", "multipleOf")
UNSATISFIABLE = [
    case
    for case in ERRORS
    if case.error == "UnsatisfiableSchema" and not any(keyword in repr(case.schema) for keyword in UNKNOWN)
]


@pytest.mark.parametrize("case", UNSATISFIABLE, ids=lambda case: case.name)
def test_unsatisfiable_by_reference(case: Case) -> None:
    assert not Grammar(case.schema).satisfiable


def test_names_are_unique() -> None:
    names = [case.name for case in CASES + KEYWORDS + ERRORS]
    assert sorted(set(names)) == sorted(names)
