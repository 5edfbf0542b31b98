"""Items that must differ, or must not: against the judge, and against slow and obvious twins of the parts.

Schemas are random, and the same in every run. `GRAMASK_ROUNDS=20` draws twenty times as many.
"""

from __future__ import annotations

import itertools
import json
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from reference.distinct import bound, critical_values, has_distinct_choice, small_values
from reference.judge import Judge, identity
from strategies import EOS, byte_tokens, tokenize
from time_limit import time_limit
from unique_schemas import UniqueSchemas, random_value, respelled

import gramask
from gramask.grammar.schema.canonical import canonical
from gramask.grammar.schema.document import Document
from gramask.grammar.schema.emptiness import Emptiness
from gramask.grammar.schema.goals import Goals
from gramask.grammar.schema.matching import Matching
from gramask.grammar.schema.unique_arrays import UniqueArrayPlan

ROUNDS = float(os.environ.get("GRAMASK_ROUNDS", "1"))
BLOCKS = 4
SCHEMAS_IN_BLOCK = round(40 * ROUNDS)
INSTANCES = 12
WALKS = 3
TRIED = 30
# A guard against hanging, not a measure of speed.
SECONDS_EACH = 30

# Tokens in which items end, some of them more than one, and that go on in many ways.
LONG = [
    b"1,", b"1,1", b"1,1,", b",1", b"],[", b"[1", b"[1,1,", b'","', b'","a"', b'"a","a"', b'"",', b'"","', b"},{",
    b'"}', b'"},', b'{"a":', b'{"a":1}', b'"a":', b'"b":', b'{"a":1,"b":', b'":1,"', b'":', b"[[", b"]]", b"[[]",
    b"[],[", b"[]", b"null", b"true", b"null,", b"true,true", b":1", b"1}", b'1},{"a":1', b'"}]', b',"', b"]}", b"{}",
    b"{},", b"{},{}", b'a"', b'a","a', b'[{"a":', b"1]", b"1],[1", b" ,", b"1 ", b"\n", b"\\u0061", b'\\u0061","a"',
    b".0,1", b"0.5,0.5", b".5",
]  # fmt: skip
TOKENS = [*byte_tokens(), *LONG]
END = len(TOKENS)
VOCABULARY = gramask.Vocabulary([*TOKENS, EOS], eos_ids=[END])
PRINTABLE = range(0x20, 0x7F)


def compiled(schema: Any, **options: Any) -> gramask.Constraint | None:
    """None where no document satisfies the schema."""
    try:
        return gramask.compile(schema, VOCABULARY, cache=False, **options)
    except gramask.UnsatisfiableSchema:
        return None


def drawn(n: int, name: str, *, depth: int) -> Iterator[tuple[random.Random, Any]]:
    """`n` schemas in which items must differ."""
    for number in range(n):
        rng = random.Random(f"{name} {number}")
        schema: Any = {}
        while '"uniqueItems": true' not in json.dumps(schema):
            schema = UniqueSchemas(rng).schema(depth)
        yield rng, schema


def allowed(matcher: gramask.Matcher) -> list[int]:
    """The token ids of the mask."""
    mask = np.empty(matcher.constraint.n_words, np.int32)
    matcher.fill_mask(mask)
    return np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little")).tolist()


# All of it, against the judge


@pytest.mark.parametrize("block", range(BLOCKS))
def test_masks_agree_with_the_judge(block: int) -> None:
    counts: Counter[str] = Counter()
    for rng, schema in drawn(SCHEMAS_IN_BLOCK, f"masks {block}", depth=3):
        options = {"order": rng.choice(["any", "schema"]), "whitespace": rng.choice(["compact", 1])}
        judge = Judge(schema)
        try:
            with time_limit(SECONDS_EACH):
                constraint = compiled(schema, **options)
                check_texts(schema, judge, constraint, rng, in_order=options["order"] == "schema")
                for _ in range(WALKS if constraint else 0):
                    check_walk(schema, judge, constraint, rng)
        except gramask.CompileBudgetExceeded:
            counts["refused"] += 1
            continue
        counts["unsatisfiable" if constraint is None else "compiled"] += 1
    print(dict(counts))
    assert counts["refused"] <= 0.02 * SCHEMAS_IN_BLOCK


def test_no_dead_ends_where_values_are_few() -> None:
    """Nor where two items have to be equal. Walks lead into what only few items can complete."""
    n_walked = 0
    for number in range(round(150 * ROUNDS)):
        rng = random.Random(f"few {number}")
        schema = small_array(rng, rng.choice([few_values, few_pairs]))
        if rng.random() < 0.4:
            schema["not"] = {"uniqueItems": schema.pop("uniqueItems")}
        constraint = compiled(schema)
        if constraint is not None:
            n_walked += 1
            for _ in range(WALKS):
                check_walk(schema, Judge(schema), constraint, rng)
    assert n_walked >= 60 * ROUNDS


def check_texts(
    schema: Any, judge: Judge, constraint: gramask.Constraint | None, rng: random.Random, *, in_order: bool
) -> None:
    for _ in range(INSTANCES):
        text = respelled(rng, random_value(rng, 3)).encode()
        matcher = constraint.matcher() if constraint else None
        accepted = matcher is not None and (
            all(map(matcher.advance, tokenize(rng, text, TOKENS))) and matcher.is_accepting()
        )
        valid = judge.accepts(text)
        # Members may be in another order than the one that is asked for.
        assert accepted == valid or (valid and in_order and b":" in text), (schema, text, accepted)


def check_walk(schema: Any, judge: Judge, constraint: gramask.Constraint, rng: random.Random) -> None:
    """A random beginning: at each place the mask is what `advance` takes, and the closing tokens lead to a document."""
    matcher, taken = constraint.matcher(), []
    for step in range(rng.randint(0, 30)):
        mask = allowed(matcher)
        here = b"".join(TOKENS[t] for t in taken)
        if step % 2 == 0:
            tried = [*rng.sample(range(256, END + 1), TRIED), *rng.sample(PRINTABLE, TRIED // 2)]
            wrong = [t for t in tried if matcher.fork().advance(t) != (t in mask)]
            assert not wrong, (schema, here, [[*TOKENS, EOS][t] for t in wrong])
        if rng.random() < 0.1:
            check_rollback(matcher, taken, rng, mask)
        going_on = [t for t in mask if t != END]
        if not going_on:
            break
        likely = [t for t in going_on if (t in PRINTABLE if rng.random() < 0.4 else t > 255)]
        token = rng.choice(likely or going_on)
        assert matcher.advance(token)
        taken.append(token)
    closing = matcher.closing_tokens()
    for token in closing:
        assert token in allowed(matcher), (schema, taken, closing)
        assert matcher.advance(token)
    assert matcher.is_accepting()
    text = b"".join(TOKENS[t] for t in [*taken, *closing])
    assert judge.accepts(text), (schema, text)


def check_rollback(matcher: gramask.Matcher, taken: list[int], rng: random.Random, mask: list[int]) -> None:
    """Going back and forth changes nothing, nor does what a fork does."""
    place = matcher.state_id
    fork = matcher.fork()
    n = rng.randint(0, len(taken))
    fork.rollback(n)
    assert all(map(fork.advance, taken[len(taken) - n :]))
    assert fork.state_id == matcher.state_id == place
    assert allowed(fork) == allowed(matcher) == mask


# The parts, against their definitions


def goals_of(schema: Any) -> tuple[Emptiness, tuple[int, ...]]:
    document = Document(schema)
    goals = Goals(document)
    return Emptiness(goals), (document.intern("", document.root),)


def test_matching() -> None:
    """Place by place there is a value for each, as long as there is one by trying all."""
    rng = random.Random(1)
    for _ in range(300):
        choices = [frozenset(rng.sample("abcde", rng.randint(0, 3))) for _ in range(rng.randint(1, 6))]
        matching = Matching()
        for n, more in enumerate(choices, 1):
            before = set(matching.values)
            extended = matching.extended(more)
            assert (extended is not None) == has_distinct_choice(choices[:n]), choices[:n]
            assert set(matching.values) == before, "a matching is immutable"
            if extended is None:
                break
            matching = extended
            # As many values as places: none is used twice.
            assert len(matching.values) == n
            assert any(set(chosen) == matching.values for chosen in itertools.product(*choices[:n]))


SCALARS: list[Any] = [0, 1, "a"]


@pytest.mark.parametrize(
    ("depth", "longest", "names", "n"), [(1, 3, "ab", 200), (2, 2, "a", 40)], ids=["flat", "nested"]
)
def test_values_of_a_goal(depth: int, longest: int, names: str, n: int) -> None:
    """Listed are all that the judge accepts of the values that there are."""
    size: dict[str, Any] = {"depth": depth, "longest": longest, "names": names}
    everything = {canonical(value): value for value in small_values(SCALARS, **size)}
    n_listed = 0
    for _, schema in drawn(round(n * ROUNDS), f"values {depth}", depth=depth + 1):
        judge = Judge(schema)
        expected = {text for text, value in everything.items() if judge.is_valid(value)}
        emptiness, goal = goals_of({"allOf": [bound(SCALARS, **size), schema]})
        finite = emptiness.plans.finite
        assert emptiness.is_live(goal) == bool(expected), schema
        try:
            found = finite.of(goal, max(len(expected), 1))
        except gramask.CompileBudgetExceeded:
            continue
        assert found is not None and found.keys() == expected, schema
        assert {canonical(value) for value in found.values()} == expected
        assert not expected or finite.of(goal, len(expected) - 1) is None, schema
        n_listed += bool(expected)
    assert n_listed >= n * ROUNDS / 3


def test_membership() -> None:
    verdicts: Counter[bool] = Counter()
    for rng, schema in drawn(round(600 * ROUNDS), "membership", depth=3):
        judge = Judge(schema)
        emptiness, goal = goals_of(schema)
        for _ in range(15):
            value = random_value(rng, 3)
            valid = judge.is_valid(value)
            verdicts[valid] += 1
            assert emptiness.plans.finite._holds(goal, value) == valid, (schema, value)
    assert min(verdicts.values()) >= sum(verdicts.values()) / 10


ITEMS: list[Any] = [0, 1, "a", "b", None]
LONGEST = 5


def few_values(rng: random.Random) -> dict[str, Any]:
    return {"enum": rng.sample(ITEMS, rng.randint(1, 4))}


def few_pairs(rng: random.Random) -> dict[str, Any]:
    """Arrays or objects that are alike at first."""
    first, second = {"enum": rng.sample(ITEMS, 2)}, {"enum": rng.sample(ITEMS, rng.randint(1, 2))}
    low = rng.randint(1, 2)
    if rng.random() < 0.5:
        return {"type": "array", "prefixItems": [first, second], "items": False, "minItems": low}
    members = {"a": first, "b": second}
    return {
        "type": "object", "properties": members, "required": ["a", "b"][:low], "additionalProperties": False
    }  # fmt: skip


def small_array(
    rng: random.Random, some: Callable[[random.Random], dict[str, Any]] = few_values
) -> dict[str, Any]:
    """An array with bounds that make its items scarce."""
    schema: dict[str, Any] = {"type": "array", "items": some(rng), "uniqueItems": True}
    schema["maxItems"] = rng.randint(2, LONGEST)
    if rng.random() < 0.5:
        schema["prefixItems"] = [some(rng) for _ in range(rng.randint(1, 3))]
    if rng.random() < 0.6:
        schema["minItems"] = rng.randint(1, 4)
    if rng.random() < 0.5:
        schema |= {"contains": some(rng), "minContains": rng.randint(0, 2)}
        if rng.random() < 0.5:
            schema["maxContains"] = rng.randint(max(schema["minContains"], 1), 2)
    return schema


def test_critical_values() -> None:
    """Forbidden is what every completion needs, in each beginning that has one."""
    n_critical = 0
    for number in range(round(30 * ROUNDS)):
        rng = random.Random(f"critical {number}")
        schema = small_array(rng)
        judge = Judge(schema)
        emptiness, goal = goals_of(schema)
        (shape,) = emptiness.goals.alternatives(goal)
        plan = emptiness.plans.arrays(shape.arrays, emptiness.is_live)
        assert isinstance(plan, UniqueArrayPlan)
        read: list[Any] = []
        progress = plan.inner.start
        while True:
            expected = critical_values(judge.is_valid, read, ITEMS, LONGEST)
            found = plan.critical(progress, frozenset(map(canonical, read)))
            assert found == (None if expected is None else set(map(canonical, expected))), (schema, read)
            if expected is None:
                break
            n_critical += bool(expected)
            unused = [v for v in ITEMS if identity(v) not in map(identity, read)]
            following = [
                (value, after) for value in unused for after in _behind(plan, progress, value, emptiness)
            ]
            if not following:
                break
            value, progress = rng.choice(following)
            read.append(value)
    assert n_critical >= 10 * ROUNDS


def _behind(plan: UniqueArrayPlan, progress: Any, value: Any, emptiness: Emptiness) -> list[Any]:
    """The progress of the inner plan behind an item, the one that has counted most; nothing where it is not allowed."""
    holds = emptiness.plans.finite._holds
    ways = [after for after, goal in plan.inner.variants(progress) if holds(goal, value)]
    return sorted(ways, reverse=True)[:1]


# Too large to be looked at


NESTED = {
    "$defs": {"n": {"type": "array", "items": {"$ref": "#/$defs/n"}, "uniqueItems": True}},
    "$ref": "#/$defs/n",
}


@pytest.mark.parametrize("depth", [50, 200, 300, 500])
@pytest.mark.parametrize("schema", [{"type": "array", "uniqueItems": True}, NESTED], ids=["any", "recursive"])
def test_deep_items(schema: Any, depth: int) -> None:
    """They differ, or are named as too deep; never anything else."""
    constraint = gramask.compile(schema, VOCABULARY)
    deep = b"[" * depth + b"]" * depth
    for text, is_valid in ((b"[%s,[]]", True), (b"[[],%s]", True), (b"[%s,%s]", False)):
        matcher = constraint.matcher()
        try:
            accepted = all(map(matcher.advance, text.replace(b"%s", deep)))
        except gramask.CompileBudgetExceeded as error:
            assert "nested too deeply" in str(error) and depth > 50
        else:
            assert accepted == is_valid


@pytest.mark.parametrize("depth", [100, 1000])
@pytest.mark.parametrize(
    "unique", [{"uniqueItems": True}, {"not": {"uniqueItems": True}}], ids=["differ", "equal"]
)
def test_deep_values_of_a_schema(unique: Any, depth: int) -> None:
    """A schema of references one below the other is no deeper than others; its values are."""
    below = {"type": "array", "minItems": 1, "maxItems": 1}
    levels = {str(i): below | {"items": {"$ref": f"#/$defs/{i - 1}"}} for i in range(1, depth)}
    items = {"anyOf": [{"const": 1}, {"$ref": f"#/$defs/{depth - 1}"}]}
    schema = {"type": "array", "items": items, "minItems": 2, "$defs": {"0": {"const": 1}} | levels} | unique
    try:
        constraint = gramask.compile(schema, VOCABULARY)
    except gramask.CompileBudgetExceeded as error:
        assert "nested too deeply" in str(error) and depth > 100
        return
    text = b"[%s1%s,%s]" % (b"[" * (depth - 1), b"]" * (depth - 1), b"1" if "not" not in unique else b"1,1")
    matcher = constraint.matcher()
    try:
        assert all(map(matcher.advance, text)) and matcher.is_accepting()
    except gramask.CompileBudgetExceeded as error:
        assert "nested too deeply" in str(error) and depth > 100


@pytest.mark.parametrize("digits", [100, 5000])
def test_long_numbers(digits: int) -> None:
    """More digits than Python turns into an int."""
    constraint = gramask.compile({"type": "array", "uniqueItems": True}, VOCABULARY)
    for text, is_valid in ((b"[%s,2]", True), (b"[%s,%s]", False), (b"[%s.0,2]", True)):
        matcher = constraint.matcher()
        try:
            accepted = all(map(matcher.advance, text.replace(b"%s", b"1" * digits)))
        except gramask.CompileBudgetExceeded:
            assert digits > 100
        else:
            assert accepted == is_valid


@pytest.mark.parametrize("order", ["any", "schema"])
@pytest.mark.parametrize(
    "text", ['[{"a":1,"b":2},{"a":1}]', '[{"a":1},{"a":1,"b":2}]', '[{"a":1},{"b":2,"a":1}]']
)
def test_order_does_not_hide_what_an_item_is(order: str, text: str) -> None:
    """Two items match `contains`, whose members are declared in another order than those of the items."""
    wanted = {"type": "object", "properties": {"b": {"type": "integer"}, "a": {"type": "integer"}}}
    items = {"enum": [{"a": 1}, {"a": 1, "b": 2}, 1]}
    schema = {"type": "array", "maxItems": 2, "items": items, "contains": wanted, "maxContains": 1}
    tokens = [bytes([byte]) for byte in range(256)]
    vocabulary = gramask.Vocabulary([*tokens, b"<eos>"], eos_ids=[256], special_ids=[256])
    matcher = gramask.compile(schema, vocabulary, order=order).matcher()
    assert not (all(map(matcher.advance, text.encode())) and matcher.is_accepting())
