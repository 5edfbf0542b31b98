"""Searches against going through all texts: what is called optimal is, and nothing is found that is not there."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from table_model import (
    CASES,
    ENDS,
    LIMIT,
    PATTERNS,
    SEEDS,
    TEXTS,
    WIDE,
    TableModel,
    Tokens,
    agrees,
    by_definition,
    constraint_of,
    probability,
    spelled,
)

import gramask
from gramask.errors import GramaskError
from gramask.samplers import search
from gramask.samplers.holding import Holding
from gramask.samplers.lookahead import Lookahead
from gramask.samplers.phrases import NOTHING_READ, Phrases, PhraseTokens
from gramask.samplers.prefixes import Prefixes


@pytest.mark.parametrize(
    "options", [{"method": "beam"}, {"method": "lexical", "phrases": []}, {"method": "best_first"}]
)
@pytest.mark.parametrize("n", [1, 3, 50])
def test_all_texts(options: dict[str, Any], n: int) -> None:
    """Where nothing is pruned, the best of all texts come out, in their order."""
    wide = {} if options["method"] == "best_first" else {"width": WIDE}
    for pattern, seed in CASES:
        model = TableModel(seed)
        expected = by_definition(model, pattern, n)
        found = search(model, constraint_of(pattern), n, max_tokens=LIMIT, **options, **wide)
        assert agrees(found, expected)
        assert found.is_optimal and found.log_probs == found.scores
        assert (found.stats.stopped == "no text is left") == (len(expected) < n)
        assert found.stats.forwards == sum(model.asked)


@pytest.mark.parametrize("length_penalty", [0.0, 0.7, 1.0, -0.5])
@pytest.mark.parametrize("n", [1, 3])
def test_a_beam_knows_whether_it_is_optimal(n: int, length_penalty: float) -> None:
    """At any width; and the bound holds for all texts that it has not found."""

    def score(tokens: Tokens, log_p: float) -> float:
        return log_p / (len(tokens) + 1) ** length_penalty

    verdicts = set()
    for (pattern, seed), width in itertools.product(CASES, [1, 2, 5, 20, WIDE]):
        model = TableModel(seed)
        options: dict[str, Any] = {"width": width, "length_penalty": length_penalty}
        found = search(model, constraint_of(pattern), n, method="beam", max_tokens=LIMIT, **options)
        every = by_definition(model, pattern, WIDE, score=score)
        assert not found.is_optimal or agrees(found, every[:n])
        assert all(s <= found.log_bound + 1e-12 for s, tokens in every if tokens not in found.tokens)
        assert found.is_optimal or width < WIDE
        assert max(model.asked) <= width
        verdicts.add((width, found.is_optimal, agrees(found, every[:n])))
    assert {(1, False, False), (20, True, True)} <= verdicts


def test_a_beam_stops_when_nothing_can_be_better() -> None:
    """No row is asked for behind a hypothesis that is worth less than the text that is found."""
    for pattern, seed in CASES:
        model = TableModel(seed)
        found = search(model, constraint_of(pattern), method="beam", max_tokens=LIMIT, width=WIDE)
        everything = search(
            TableModel(seed), constraint_of(pattern), WIDE, method="beam", max_tokens=LIMIT, width=WIDE
        )
        assert found.stats.forwards < everything.stats.forwards or len(everything.tokens) == 1


def no_b_first(tokens: Tokens, is_whole: bool) -> float:
    """A reward of some sort."""
    return -2.0 * spelled(tokens).startswith(b"b") + 0.5 * spelled(tokens).count(b"ab") + is_whole


@pytest.mark.parametrize("depth", [0, 1, 9])
def test_rewards_rank_texts(depth: int) -> None:
    for pattern, seed in CASES:
        model = TableModel(seed)
        options: dict[str, Any] = {"reward": no_b_first, "weight": 0.8, "depth": depth, "width": WIDE}
        found = search(model, constraint_of(pattern), 3, method="lookahead", max_tokens=3, **options)
        expected = by_definition(
            model, pattern, 3, limit=3, score=lambda tokens, log_p: log_p + 0.8 * no_b_first(tokens, True)
        )
        assert agrees(found, expected) and found.is_optimal


def test_a_perfect_reward_needs_no_width() -> None:
    """What the best way on is worth leads a single hypothesis to the best text; the model alone does not."""
    n_greedy = 0
    for pattern, seed in CASES:
        model = TableModel(seed)
        every = by_definition(model, pattern, WIDE)

        def rest(tokens: Tokens, is_whole: bool) -> float:
            if is_whole:
                return 0.0
            before = probability(model.seed, tokens)  # noqa: B023
            best = max((s for s, t in every if t[: len(tokens)] == tokens), default=-math.inf)  # noqa: B023
            return best - math.log(before)

        options: dict[str, Any] = {"max_tokens": LIMIT, "width": 1}
        perfect: dict[str, Any] = {"reward": rest, "depth": 0, "spread": 10, **options}
        found = search(model, constraint_of(pattern), method="lookahead", **perfect)
        assert agrees(found, every[:1])
        # It cannot know that, unless nothing was pruned.
        assert found.is_optimal == (found.log_bound <= found.scores[0])
        n_greedy += agrees(search(model, constraint_of(pattern), method="beam", **options), every[:1])
    assert n_greedy < len(CASES)


def test_lookahead_reads_nothing_twice() -> None:
    for pattern, seed in CASES:
        seen: list[Tokens] = []

        class Watched(TableModel):
            def next_logprobs(self, prefixes: Sequence[Tokens]) -> np.ndarray:
                seen.extend(prefixes)  # noqa: B023
                return super().next_logprobs(prefixes)

        options: dict[str, Any] = {"reward": no_b_first, "width": 3, "depth": 2}
        model = Watched(seed)
        search(model, constraint_of(pattern), method="lookahead", max_tokens=LIMIT, **options)
        assert len(seen) == len(set(seen))
        assert max(model.asked) <= 6  # as many candidates as there are two for each hypothesis


def greedily(prefixes: Prefixes, phrases: Phrases, start: Tokens, depth: int) -> tuple[Tokens, bool, float]:
    """How the model goes on, whether it ends there, and the best token on the way that gets further in a phrase."""
    tokens, hope = start, -math.inf
    for _ in range(depth):
        matcher = prefixes.constraint.matcher()
        assert all(map(matcher.advance, tokens))
        row = prefixes.allowed(prefixes.rows([tokens])[0], matcher, len(tokens))
        advancing = PhraseTokens(phrases, TEXTS).advancing(phrases.advance(NOTHING_READ, spelled(tokens)))
        law = dict(zip(row.tokens.tolist(), row.probabilities.tolist(), strict=True))
        end = sum(p for token, p in law.items() if token in ENDS)
        others = {token: p for token, p in law.items() if token not in ENDS}
        hope = max([hope, *(math.log(p) for token, p in others.items() if token in advancing)])
        if end and end >= max(others.values(), default=0.0):
            return tokens, True, hope
        if not others:
            break
        tokens = (*tokens, max(others, key=others.__getitem__))
    return tokens, False, hope


@pytest.mark.parametrize("depth", [0, 1, 3])
@pytest.mark.parametrize("phrases", [[], [b"aab"], [b"bb", b"ba"]])
def test_continuations(phrases: list[bytes], depth: int) -> None:
    """All of a step are read together, and each is what it is alone."""
    seen: list[Any] = []

    class Watched(Lookahead):
        def _continued(self, candidates: Any) -> Any:
            found = super()._continued(candidates)
            seen.extend(found)
            return found

    for pattern, seed in itertools.product(PATTERNS, SEEDS[:2]):
        model, held = TableModel(seed), Phrases(phrases)
        holding = Holding(constraint_of(pattern), held)
        Watched(Prefixes(model, holding, 3), 9, holding, depth=depth, width=4).run()
        assert len(model.asked) <= 1 + 3 * (depth + 1)
        for each in seen:
            at, is_whole, hope = greedily(Prefixes(model, holding, 3), held, each.start.tokens, depth)
            assert (each.at.tokens, each.is_whole) == (at, is_whole)
            assert each.hope == pytest.approx(hope)
        assert seen
        seen.clear()


def test_hope_leads_to_phrases() -> None:
    """`ab` is the better beginning of `bb` by itself, but nothing good comes of it."""
    rows = {(): {1: 0.3, 2: 0.6, 5: 0.1}, (1,): {1: 0.9, 5: 0.1}, (2,): {1: 0.001, 0: 0.899, 5: 0.1}}

    class Written(TableModel):
        def next_logprobs(self, prefixes: Sequence[Tokens]) -> np.ndarray:
            found = np.full((len(prefixes), self.vocab_size), -np.inf)
            for row, prefix in zip(found, prefixes, strict=True):
                for token, p in rows.get(prefix, {5: 1.0}).items():
                    row[token] = math.log(p)
            return found

    options: dict[str, Any] = {"max_tokens": 2, "width": 1, "phrases": [b"bb"], "depth": 1}
    for weight, tokens in ((1.0, (1, 1)), (0.0, (2, 1))):
        found = search(Written(0), constraint_of("[ab]*"), method="lookahead", weight=weight, **options)
        assert found.tokens == [tokens]


@pytest.mark.parametrize(
    "options",
    [{"method": "best_first", "batch": 3}, {"method": "beam"}, {"method": "lookahead", "phrases": [b"a"]}],
)
def test_budget(options: dict[str, Any]) -> None:
    """What there is comes out, and the bound holds for all else."""
    n_optimal = 0
    for (pattern, seed), budget in itertools.product(CASES, (0, 1, 4, 9, 20)):
        model = TableModel(seed)
        found = search(model, constraint_of(pattern), 2, max_tokens=LIMIT, budget=budget, **options)
        assert sum(model.asked) == found.stats.forwards <= budget
        phrases = options.get("phrases", ())
        every = by_definition(model, pattern, WIDE, phrases=phrases)
        assert set(found.tokens) <= {tokens for _, tokens in every}
        assert all(s <= found.log_bound + 1e-9 for s, tokens in every if tokens not in found.tokens)
        assert not found.is_optimal or agrees(found, every[:2])
        n_optimal += found.is_optimal
        if not found.is_optimal and options["method"] == "best_first":
            assert found.stats.stopped == "the budget is used up"
    assert n_optimal > 0


@pytest.mark.parametrize("method", ["beam", "best_first"])
def test_no_text(method: str) -> None:
    with pytest.raises(GramaskError, match="at most 1 tokens are impossible"):
        search(TableModel(0), constraint_of("b{5}"), method=method, max_tokens=1)
    found = search(TableModel(0), constraint_of("b{5}"), method=method, max_tokens=9, budget=0)
    assert not found.tokens and not found.is_optimal and found.stats.stopped == "the budget is used up"
    empty = search(TableModel(0), constraint_of(""), method=method, max_tokens=0)
    assert empty.tokens == [()] and empty.is_optimal


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"method": "beem"}, "no method 'beem'"),
    ({"method": "beam", "n": 0}, "n is too small"),
    ({"method": "beam", "width": 0}, "width is too small"),
    ({"method": "best_first", "batch": 0}, "batch is too small"),
    ({"method": "best_first", "budget": -1}, "budget is too small"),
    ({"method": "lookahead", "reward": no_b_first, "depth": -1}, "depth is too small"),
    ({"method": "beam", "length_penalty": math.nan}, "length_penalty is not finite"),
    ({"method": "beam", "phrases": [b"a"]}, "no option of method='beam': 'phrases'"),
    ({"method": "best_first", "width": 3}, "no option of method='best_first': 'width'"),
    ({"method": "lexical"}, "needs phrases"),
    ({"method": "lookahead"}, "needs phrases or reward"),
    ({"method": "lexical", "phrases": "ab"}, "is one phrase"),
    ({"method": "lexical", "phrases": [b"a", ""]}, "a phrase is empty"),
    ({"method": "lexical", "phrases": [()]}, "a phrase is empty"),
]


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_bad_input(options: dict[str, Any], message: str) -> None:
    with pytest.raises(GramaskError, match=re.escape(message)):
        search(TableModel(0), constraint_of("a*"), max_tokens=3, **options)


SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"enum": ["Ada", "Grace", "Alan"]},
        "year": {"type": "integer", "minimum": 1900, "maximum": 1999},
    },
    "required": ["name", "year"],
    "additionalProperties": False,
}


def test_with_the_embedded_model() -> None:
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    from gramask.samplers.loading import vocabulary_of
    from gramask.samplers.prefix_model import PrefixModel

    torch.set_num_threads(1)
    folder = Path(gramask.__file__).parent / "assets" / "model"
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    vocabulary = vocabulary_of(model, tokenizer)
    constraint = gramask.compile(SCHEMA, vocabulary, whitespace="compact", n_logits=len(vocabulary.tokens))
    law = PrefixModel(model, tokenizer("A person of the past:\n")["input_ids"], eos_ids=vocabulary.eos_ids)
    results = {
        "best_first": search(law, constraint, method="best_first", max_tokens=40, batch=8, budget=2_000),
        "beam": search(law, constraint, method="beam", max_tokens=40, width=4),
        "lexical": search(law, constraint, method="lexical", max_tokens=40, width=4, phrases=["Grace", "77"]),
    }
    texts = {name: b"".join(vocabulary.tokens[t] for t in found.tokens[0]) for name, found in results.items()}
    for text in texts.values():
        value = json.loads(text)
        assert value["name"] in ("Ada", "Grace", "Alan") and 1900 <= value["year"] <= 1999
    assert b"Grace" in texts["lexical"] and b"77" in texts["lexical"]
    best = results.pop("best_first")
    assert best.is_optimal
    assert all(found.log_probs[0] <= best.log_probs[0] + 1e-3 for found in results.values())
