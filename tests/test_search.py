"""Searches against going through all texts: what is called optimal is, and nothing is found that is not there."""

from __future__ import annotations

import itertools
import json
import math
import random
import re
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gramask
from gramask.errors import GramaskError
from gramask.samplers import ValidityTrie, best_first, sample, search
from gramask.samplers.found import Found
from gramask.samplers.holding import Holding
from gramask.samplers.lexical import allocate
from gramask.samplers.lookahead import Lookahead
from gramask.samplers.phrases import NOTHING_READ, Phrases, PhraseTokens
from gramask.samplers.prefixes import Prefixes
from gramask.samplers.validity_trie import Row

TEXTS = (b"a", b"b", b"ab", b"aab", b"ba")
ENDS = (5, 6)
VOCABULARY = gramask.Vocabulary([*TEXTS, b"<eos>", b"<end>"], eos_ids=ENDS)
LIMIT = 4
WIDE = 10_000
Tokens = tuple[int, ...]


@cache
def row_of(seed: int, prefix: Tokens) -> np.ndarray:
    rng = np.random.default_rng([seed, len(prefix), *prefix])
    row = rng.dirichlet(np.full(len(TEXTS) + len(ENDS), 0.5))
    row[rng.integers(len(TEXTS))] = 0.0
    return row / row.sum()


class TableModel:
    """A random law behind each prefix, with a token that is impossible.  asked : how many rows in each call."""

    def __init__(self, seed: int) -> None:
        self.vocab_size, self.eos_ids = len(TEXTS) + len(ENDS), ENDS
        self.asked: list[int] = []
        self.row = partial(row_of, seed)
        self.seed = seed

    def next_logprobs(self, prefixes: Sequence[Tokens]) -> np.ndarray:
        assert len(set(prefixes)) == len(prefixes)
        self.asked.append(len(prefixes))
        with np.errstate(divide="ignore"):
            return np.log(np.stack([self.row(prefix) for prefix in prefixes]))


@cache
def constraint_of(pattern: str) -> gramask.Constraint:
    return gramask.compile(gramask.regex(pattern), VOCABULARY)


def spelled(tokens: Tokens) -> bytes:
    return b"".join(TEXTS[token] for token in tokens)


@cache
def probability(seed: int, tokens: Tokens) -> float:
    """Of what begins with some tokens."""
    return probability(seed, tokens[:-1]) * float(row_of(seed, tokens[:-1])[tokens[-1]]) if tokens else 1.0


@cache
def log_prob(seed: int, tokens: Tokens) -> float:
    """Of a text and its end."""
    p = probability(seed, tokens) * float(row_of(seed, tokens)[list(ENDS)].sum())
    return math.log(p) if p else -math.inf


@cache
def all_texts(pattern: str, limit: int) -> list[Tokens]:
    several = (itertools.product(range(len(TEXTS)), repeat=n) for n in range(limit + 1))
    return [t for t in itertools.chain(*several) if re.fullmatch(pattern.encode(), spelled(t))]


Group = bytes | tuple[bytes, ...]


def holds(tokens: Tokens, phrases: Sequence[Group]) -> bool:
    groups = [(phrase,) if isinstance(phrase, bytes) else phrase for phrase in phrases]
    return all(any(phrase in spelled(tokens) for phrase in group) for group in groups)


def by_definition(
    model: TableModel,
    pattern: str,
    n: int,
    *,
    phrases: Sequence[Group] = (),
    limit: int = LIMIT,
    score: Callable[[Tokens, float], float] = lambda _, log_p: log_p,
) -> list[tuple[float, Tokens]]:
    """The highest scores of all, and their texts."""
    scored = [(score(t, log_prob(model.seed, t)), t) for t in all_texts(pattern, limit) if holds(t, phrases)]
    return sorted((each for each in scored if each[0] > -math.inf), reverse=True)[:n]


def agrees(found: Found, expected: list[tuple[float, Tokens]]) -> bool:
    return found.tokens == [tokens for _, tokens in expected] and found.scores == pytest.approx(
        [score for score, _ in expected], rel=1e-12, abs=1e-12
    )


PATTERNS = ("[ab]*", "(ab)*", "a*b?a*", "(ba|aab){1,3}", "b(a|b){2,5}", "(a|bb)+")
SEEDS = range(4)
CASES = list(itertools.product(PATTERNS, SEEDS))


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


PHRASES: list[list[Group]] = [
    [b"aab"],
    [b"ab", b"ba"],
    [b"aba", b"bab"],
    [b"b", b"abab"],
    [(b"aaa", b"bb"), b"ab"],
    [(b"ab", b"bbbb"), b"aa", b"b"],
]
METHODS_OF_PHRASES: list[dict[str, Any]] = [
    {"method": "lexical", "width": WIDE},
    {"method": "lookahead", "width": WIDE, "depth": 2},
    {"method": "best_first"},
    {"method": "best_first", "batch": 5},
]


@pytest.mark.parametrize("options", METHODS_OF_PHRASES, ids=str)
def test_all_texts_that_hold_phrases(options: dict[str, Any]) -> None:
    for pattern, phrases in itertools.product(PATTERNS, PHRASES):
        model = TableModel(len(pattern))
        expected = by_definition(model, pattern, 4, phrases=phrases, limit=3)
        found = search(model, constraint_of(pattern), 4, max_tokens=3, phrases=phrases, **options)
        assert agrees(found, expected) and found.is_optimal
        if not expected:
            assert found.stats.stopped == "no text holds all phrases"


@pytest.mark.parametrize("method", ["lexical", "lookahead"])
def test_narrow_beams_return_no_text_without_its_phrases(method: str) -> None:
    n_found = {1: 0, 3: 0, 8: 0}
    for pattern, phrases, width in itertools.product(PATTERNS, PHRASES, n_found):
        model = TableModel(width)
        options: dict[str, Any] = {"method": method, "width": width, "phrases": phrases}
        found = search(model, constraint_of(pattern), 2, max_tokens=LIMIT, **options)
        every = by_definition(model, pattern, WIDE, phrases=phrases)
        assert set(found.tokens) <= {tokens for _, tokens in every}
        assert not found.is_optimal or agrees(found, every[:2])
        assert all(s <= found.log_bound + 1e-12 for s, tokens in every if tokens not in found.tokens)
        if not found.tokens:
            reason = (
                "no text holds all phrases" if found.is_optimal else "no hypothesis came to hold all phrases"
            )
            assert found.stats.stopped == reason
        n_found[width] += bool(found.tokens) if every else 0
    assert n_found[1] <= n_found[3] <= n_found[8]
    assert n_found[8] == sum(
        bool(by_definition(TableModel(8), p, 1, phrases=f)) for p in PATTERNS for f in PHRASES
    )


def test_banks_find_what_a_beam_loses() -> None:
    """The control: the best hypotheses alone seldom hold the phrases, at the same width."""
    n_lost = 0
    for seed in range(30):
        options: dict[str, Any] = {"max_tokens": LIMIT, "width": 4}
        phrases = [b"bba", b"aab"]
        alone = search(TableModel(seed), constraint_of("[ab]*"), 4, method="beam", **options)
        n_lost += not any(holds(tokens, phrases) for tokens in alone.tokens)
        found = search(TableModel(seed), constraint_of("[ab]*"), method="lexical", phrases=phrases, **options)
        assert holds(found.tokens[0], phrases)
    assert n_lost > 20


@pytest.mark.parametrize("n_phrases", [1, 3, 40])
def test_a_step_costs_the_same_however_many_phrases_there_are(n_phrases: int) -> None:
    rng = random.Random(0)
    phrases = [bytes(rng.choices(b"ab", k=5)) for _ in range(n_phrases)]
    model = TableModel(0)
    options: dict[str, Any] = {"phrases": phrases, "width": 6}
    search(model, constraint_of("[ab]*"), method="lexical", max_tokens=12, **options)
    assert max(model.asked) <= 6 and len(model.asked) <= 13


def test_phrases_are_read_in_bytes() -> None:
    """Random phrases in random texts, read in random pieces."""
    rng = random.Random(0)
    for _ in range(500):
        groups = [
            tuple(bytes(rng.choices(b"abc", k=rng.randint(1, 4))) for _ in range(rng.randint(1, 2)))
            for _ in range(rng.randint(0, 4))
        ]
        phrases, text, state = Phrases(groups), b"", NOTHING_READ
        for _ in range(rng.randint(0, 6)):
            piece = bytes(rng.choices(b"abc", k=rng.randint(0, 4)))
            text, state = text + piece, phrases.advance(state, piece)
            missing = [group for group in groups if not any(phrase in text for phrase in group)]
            matched = max(
                (
                    n
                    for group in missing
                    for phrase in group
                    for n in range(len(phrase))
                    if text.endswith(phrase[:n])
                ),
                default=0,
            )
            held_bytes = sum(max(map(len, group)) for group in groups if group not in missing)
            assert phrases.are_held(state) == (not missing)
            assert phrases.progress(state) == held_bytes + matched
            assert (phrases.progress(state) == phrases.n_bytes) == (not missing)
            more = [bytes(t) for n in range(4) for t in itertools.product(b"abc", repeat=n)]
            enough = [t for t in more if all(any(p in text + t for p in group) for group in groups)]
            assert phrases.needed_bytes(state) <= min(map(len, enough), default=99)


def test_tokens_that_get_further() -> None:
    """As one sees when they are read one by one."""
    rng = random.Random(0)
    tokens = [bytes(rng.choices(b"abc", k=rng.randint(0, 5))) for _ in range(60)]
    for _ in range(60):
        phrases = Phrases([bytes(rng.choices(b"abc", k=rng.randint(1, 5))) for _ in range(rng.randint(1, 4))])
        state = phrases.advance(NOTHING_READ, bytes(rng.choices(b"abc", k=rng.randint(0, 6))))
        expected = []
        for token, text in enumerate(tokens):
            after = phrases.advance(state, text)
            before = phrases.missing(after[1] & state[1]).matched
            if after[1] != state[1] or before[after[0]] > before[state[0]]:
                expected.append(token)
        assert PhraseTokens(phrases, tokens).advancing(state).tolist() == expected


@pytest.mark.parametrize(
    ("sizes", "last", "width", "slots"),
    [
        ({0: 9, 1: 9, 2: 9}, 2, 6, {0: 2, 1: 2, 2: 2}),
        ({0: 9, 1: 9, 2: 9}, 2, 8, {0: 2, 1: 2, 2: 4}),
        ({0: 9, 2: 1}, 2, 6, {0: 5, 2: 1}),
        ({0: 9, 3: 9, 5: 1}, 9, 4, {0: 1, 3: 2, 5: 1}),
        ({0: 1, 1: 1}, 1, 8, {0: 1, 1: 1}),
        ({}, 3, 8, {}),
    ],
)
def test_shares_of_banks(sizes: dict[int, int], last: int, width: int, slots: dict[int, int]) -> None:
    assert allocate(sizes, last, width) == slots


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


def learned(model: TableModel, pattern: str, *, method: str = "cars", n: int = 20) -> ValidityTrie:
    trie = ValidityTrie()
    sample(model, constraint_of(pattern), n, method=method, max_tokens=LIMIT, trie=trie, seed=0)
    return trie


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("method", [None, "cars", "ars", "rs", "rsft", "smc"])
def test_best_first_is_exact(method: str | None, batch: int) -> None:
    """Whatever is known beforehand, saved and loaded too; and it never reads more than there is."""
    for pattern, seed in CASES:
        model = TableModel(seed)
        trie = ValidityTrie() if method is None else learned(model, pattern, method=method)
        for n in (1, 4):
            found = search(
                model,
                constraint_of(pattern),
                n,
                method="best_first",
                max_tokens=LIMIT,
                trie=trie,
                batch=batch,
            )
            assert agrees(found, by_definition(model, pattern, n)) and found.is_optimal
            assert all(s <= found.log_bound + 1e-9 for s, _ in by_definition(model, pattern, n + 1)[n:])
        everything = search(
            TableModel(seed), constraint_of(pattern), WIDE, method="best_first", max_tokens=LIMIT
        )
        prefixes = {t[:i] for t in all_texts(pattern, LIMIT) for i in range(len(t) + 1)}
        assert everything.stats.forwards <= len(prefixes)


def test_best_first_learns_bounds_that_hold() -> None:
    """What it leaves in a trie, samplers may use: it is never less than what it bounds."""
    for pattern, seed in CASES:
        model, trie = TableModel(seed), ValidityTrie()
        search(model, constraint_of(pattern), 2, method="best_first", max_tokens=LIMIT, trie=trie)
        every = by_definition(model, pattern, WIDE)
        for bounds, together in ((trie.largest(ENDS), max), (trie.theta, sum)):
            for node in range(trie.n_nodes):
                prefix = trie.prefix(node)
                if prefix and prefix[-1] in ENDS:
                    continue
                before = probability(seed, prefix)
                behind = together([math.exp(s) for s, t in every if t[: len(prefix)] == prefix] or [0.0])
                bound = bounds(node) if callable(bounds) else bounds[node]
                assert bound >= behind / before - 1e-12


@pytest.mark.parametrize("method", ["cars", "ars", "weighted"])
def test_bounds_on_the_most_probable_text(method: str) -> None:
    """Admissible, and not above theta."""
    n_lower = 0
    for pattern, seed, n in itertools.product(PATTERNS, SEEDS, (1, 10)):
        model = TableModel(seed)
        trie = learned(model, pattern, method=method, n=n)
        every = by_definition(model, pattern, WIDE)
        for node, bound in enumerate(trie.largest(ENDS)):
            prefix = trie.prefix(node)
            before = probability(seed, prefix)
            behind = max((math.exp(s) for s, t in every if t[: len(prefix)] == prefix), default=0.0)
            assert behind / before - 1e-12 <= bound <= trie.theta(node) + 1e-9
            n_lower += bound < trie.theta(node) - 1e-9
    assert n_lower > 100


def test_a_text_may_have_several_ends() -> None:
    """Which are one text, as probable as all of them together."""
    trie = ValidityTrie()
    trie.open(0, Row(np.array([0, 5, 6]), np.array([0.4, 0.3, 0.3])))
    for token, p in ((0, 0.4), (5, 0.3), (6, 0.3)):
        trie.add(0, token, p)
    assert trie.largest(ENDS)[0] == pytest.approx(0.6)


def test_what_rounding_swallows_is_still_possible() -> None:
    """The rest of a sum may be nothing to a float, and is all that there is."""
    trie = ValidityTrie()
    trie.open(0, Row(np.array([0, 1]), np.array([0.5, 1e-20])))
    trie.rule_out(trie.add(0, 0, 0.5))
    assert trie.largest(ENDS)[0] >= 1e-20
    trie.rule_out(trie.add(0, 1, 1e-20))
    assert trie.largest(ENDS)[0] == 0.0


def test_what_is_learned_saves_rows() -> None:
    pairs = []
    for pattern, seed in CASES:
        forwards = []
        for trie in (ValidityTrie(), learned(TableModel(seed), pattern, n=100)):
            # Rows would save the model too; here bounds have to.
            for node in range(trie.n_nodes):
                trie._rows.pop(node, None)
            found = search(
                TableModel(seed), constraint_of(pattern), method="best_first", max_tokens=LIMIT, trie=trie
            )
            forwards.append(found.stats.forwards)
        pairs.append(forwards)
    assert all(after <= before for before, after in pairs)
    assert sum(after for _, after in pairs) < 0.8 * sum(before for before, _ in pairs)


def test_bounds_that_are_too_small_lead_astray() -> None:
    """The control."""

    class Hasty(ValidityTrie):
        def largest(self, ends: Any) -> np.ndarray:
            bounds = super().largest(ends)
            bounds[1:] *= np.random.default_rng(0).uniform(0.01, 1.0, len(bounds) - 1)
            return bounds

    n_wrong = 0
    for pattern, seed in CASES:
        model, trie = TableModel(seed), Hasty()
        sample(model, constraint_of(pattern), 50, max_tokens=LIMIT, trie=trie, seed=0)
        found = search(model, constraint_of(pattern), method="best_first", max_tokens=LIMIT, trie=trie)
        n_wrong += not agrees(found, by_definition(model, pattern, 1))
    assert n_wrong > 3


@pytest.mark.parametrize("at_a_time", [1, 2])
def test_best_first_looks_at_a_few_tokens_at_a_time(at_a_time: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here fewer than there are; rows that are forgotten in between are asked for again."""
    monkeypatch.setattr(best_first, "AT_A_TIME", at_a_time)
    for (pattern, seed), row_bytes in itertools.product(CASES, (1, 1 << 20)):
        options: dict[str, Any] = {"trie": ValidityTrie(row_bytes=row_bytes), "batch": 2}
        model = TableModel(seed)
        found = search(model, constraint_of(pattern), 9, method="best_first", max_tokens=LIMIT, **options)
        assert agrees(found, by_definition(model, pattern, 9)) and found.is_optimal


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


def test_masks_of_a_constraint_that_holds_phrases() -> None:
    """They are what `advance` takes; and a text is complete if it is one of the constraint and holds them."""
    rng, words = random.Random(0), np.zeros(1, np.int32)
    for pattern, phrases in itertools.product(PATTERNS, PHRASES):
        holding = Holding(constraint_of(pattern), Phrases(phrases))
        matcher, tokens = holding.matcher(), ()
        while True:
            matcher.fill_mask(words)
            allowed = [t for t in range(len(TEXTS) + len(ENDS)) if words[0] >> t & 1]
            assert allowed == [t for t in range(len(TEXTS) + len(ENDS)) if matcher.fork().advance(t)]
            complete = bool(re.fullmatch(pattern.encode(), spelled(tokens))) and holds(tokens, phrases)
            assert matcher.is_accepting() == complete == (ENDS[0] in allowed)
            going_on = [token for token in allowed if token not in ENDS]
            if not complete and holds(tokens, phrases):
                assert matcher.closing_tokens()
            if not holds(tokens, phrases):
                with pytest.raises(GramaskError, match="a phrase is missing"):
                    matcher.closing_tokens()
            if not going_on or len(tokens) == 6:
                break
            tokens = (*tokens, rng.choice(going_on))
            assert matcher.advance(tokens[-1]) and not matcher.is_finished()
        if complete:
            assert (
                holding.parse(spelled(tokens).decode()) and matcher.advance(ENDS[1]) and matcher.is_finished()
            )
    with pytest.raises(GramaskError, match="does not hold all phrases"):
        Holding(constraint_of("[ab]*"), Phrases(["ab"])).parse("aaa")


def test_samplers_take_phrases_too() -> None:
    """A constraint that holds phrases is one like any other: samples of it have the model's law."""
    model = TableModel(3)
    constraint = Holding(constraint_of("[ab]*"), Phrases(["aba"]))
    found = sample(model, constraint, 400, max_tokens=3, seed=0, batch=8)
    expected = by_definition(model, "[ab]*", WIDE, phrases=[b"aba"], limit=3)
    assert set(found.tokens) <= {tokens for _, tokens in expected}
    assert found.log_z == pytest.approx(math.log(sum(math.exp(s) for s, _ in expected)), abs=0.3)


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
