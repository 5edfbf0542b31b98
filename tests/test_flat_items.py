"""Sets of items by kernels read what those of the general machine read, end where they do, and are completed alike."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from byte_matching import BYTES
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from test_rule_automaton import TREES

from gramask.errors import CompileBudgetExceeded
from gramask.grammar.context_free import program, sizes
from gramask.grammar.context_free.kernels.instructions import EMPTY, PRODUCTIVE
from gramask.grammar.context_free.machine import _flat_machine, _general_machine
from gramask.grammar.context_free.program import Program
from gramask.grammar.context_free.rules import Rules, nullable, productive, reachable
from gramask.grammar.nodes import Call, Chars, Choice, Concat, Literal, Node, Repeat
from gramask.grammar.pushdown import Pushdown
from gramask.masks.engine import Engine
from gramask.masks.tables import tables_of
from gramask.masks.walker import Config, read_bytes

NAMES = ("root", "s", "t")
MAX_PAIRS = 150
A, B = Literal("a"), Literal("b")


def _larger(trees: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    some = st.lists(trees, min_size=1, max_size=3).map(tuple)
    high = st.one_of(st.none(), st.integers(1, 3))
    return st.one_of(
        some.map(Concat),
        some.map(Choice),
        st.tuples(trees, st.integers(0, 1), high).map(lambda found: Repeat(*found)),
    )


BODIES = st.recursive(
    st.one_of(st.sampled_from(NAMES).map(Call), st.sampled_from((A, B)), TREES), _larger, max_leaves=6
)


def engine(make: Callable[[Rules, Pushdown], Any], rules: Rules) -> Engine:
    pushdown = Pushdown()
    make(rules, pushdown).be_all()
    return Engine(pushdown, tables_of(BYTES), len(BYTES))


def allowed(pushdown: Pushdown, config: Config) -> list[int]:
    return [
        byte for byte in range(256) if read_bytes(pushdown, config, np.array([byte], np.uint8)) is not None
    ]


def completion(pushdown: Pushdown, config: Config) -> bytes:
    """What is said to be the shortest way to the end: the end of the level, and of each one below."""
    endings = pushdown.endings
    assert endings is not None
    state, _, _, node = config
    parts = [endings.from_state(state)]
    while node:
        node, frame = pushdown.stack[node].tolist()
        parts.append(endings.from_frame(frame))
    return b"".join(part for ending in parts for part in ending or () if isinstance(part, bytes))


def check(bodies: dict[str, Node]) -> None:
    rules = Rules("root", bodies)
    assume(set(reachable(rules)) <= productive(rules))
    flat, general = engine(_flat_machine, rules), engine(_general_machine, rules)
    pairs = {(flat.start, general.start): None}
    for n in itertools.count():
        if n == len(pairs) or n == MAX_PAIRS:
            return
        one, other = next(itertools.islice(pairs, n, None))
        assert flat.accepts(one) == general.accepts(other)
        bytes_ = allowed(flat.pushdown, one)
        assert bytes_ == allowed(general.pushdown, other)
        text = completion(flat.pushdown, one)
        assert len(text) == len(completion(general.pushdown, other))
        for pushdown, config in ((flat.pushdown, one), (general.pushdown, other)):
            end = read_bytes(pushdown, config, np.frombuffer(text, np.uint8))
            assert end is not None
            assert (flat if pushdown is flat.pushdown else general).accepts(end)
        for byte in (*bytes_[:4], *bytes_[-2:]):
            text = np.array([byte], np.uint8)
            behind, expected = read_bytes(flat.pushdown, one, text), read_bytes(general.pushdown, other, text)
            assert behind is not None and expected is not None
            pairs[behind, expected] = None


def check_within_budget(bodies: dict[str, Node]) -> None:
    try:
        check(bodies)
    except CompileBudgetExceeded:
        assume(False)


RULES = st.fixed_dictionaries(dict.fromkeys(NAMES, BODIES))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(RULES)
@example({"root": Choice((Concat((Call("s"), A)), B)), "s": Choice((Concat((Call("s"), A)), A)), "t": A})
@example({"root": Concat((Repeat(Call("s"), 0, 3), B)), "s": Choice((A, Concat(()))), "t": A})
@example({"root": Choice((Concat((A, Call("root"), A)), A)), "s": A, "t": A})
def test_kernels_do_what_the_general_machine_does(bodies: dict[str, Node]) -> None:
    check_within_budget(bodies)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(RULES)
@example({"root": Concat((A, Repeat(Concat((Call("root"), Chars(()))), 0, None))), "s": A, "t": A})
def test_nothing_becomes_part_of_its_callers(bodies: dict[str, Node]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program, "MAX_INLINED", 0)
        patch.setattr(sizes, "MAX_INLINED", 0)
        patch.setattr(sizes, "MAX_BODY", 2)
        check_within_budget(bodies)


@settings(max_examples=150, deadline=None)
@given(RULES)
def test_flags_of_programs(bodies: dict[str, Node]) -> None:
    rules = Rules("root", bodies)
    found = Program("root", bodies)
    for name, start in zip(found.names[1:], found.starts[1:].tolist()):
        assert bool(found.code[start, PRODUCTIVE]) == (name in productive(rules))
        assert bool(found.code[start, EMPTY]) == (name in nullable(rules))
