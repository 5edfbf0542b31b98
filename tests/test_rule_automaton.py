"""A rule's automaton reads the bytes that the minimal automaton of the same tree reads, and ends where it does."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gramask.grammar.bits import bit_positions
from gramask.grammar.context_free.rule_automaton import ACCEPT, DEAD, RuleAutomaton, State, Trees
from gramask.grammar.encodings import END, Encodings
from gramask.grammar.nodes import And, Call, Chars, Choice, Concat, Literal, Node, Not, Repeat, merge_ranges
from gramask.grammar.regex import compile_node

EDGES = [0, 0x41, 0x5A, 0x61, 0x62, 0x7F, 0x80, 0xE9, 0x7FF, 0x800, 0x20AC, 0xD7FF, 0xE000, 0xFFFF, 0x10000]
EDGES += [0x1F600, 0x10FFFF]
MAX_PAIRS = 400
Pair = tuple[State, int]
"""A state of the automaton, and the one of the minimal automaton that has to be as it is."""

points = st.sampled_from(EDGES)
classes = st.lists(st.tuples(points, points), max_size=3).map(
    lambda pairs: Chars(merge_ranges([(min(pair), max(pair)) for pair in pairs]))
)
literals = st.lists(points, max_size=3).map(lambda found: Literal("".join(map(chr, found))))


def _larger(trees: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    some = st.lists(trees, min_size=1, max_size=3).map(tuple)
    counts = st.tuples(st.integers(0, 2), st.one_of(st.none(), st.integers(0, 2)))
    return st.one_of(
        some.map(Concat),
        some.map(Choice),
        some.map(And),
        trees.map(Not),
        st.tuples(trees, counts).map(
            lambda pair: Repeat(pair[0], pair[1][0], None if pair[1][1] is None else sum(pair[1]))
        ),
    )


TREES = st.recursive(st.one_of(classes, literals), _larger, max_leaves=8)
A, B = Literal("a"), Literal("b")


@settings(max_examples=300, deadline=None)
@given(TREES)
@example(Concat((A, Chars(()))))
@example(Choice((Concat((A, Chars(((0xD800, 0xDFFF),)))), B)))
@example(Concat((Repeat(A, 0, None), Choice((Chars(()), And((A, B)))))))
@example(Repeat(Repeat(A, 0, 1), 2, None))
@example(Concat((Repeat(Repeat(A, 0, None), 1, 3), Repeat(A, 0, None), B)))
def test_it_is_the_minimal_automaton_unfolded(tree: Node) -> None:
    dfa = compile_node(tree)
    automaton = RuleAutomaton(tree, Trees({}))
    if dfa.is_empty:
        assert automaton.start == DEAD
        return
    pairs: dict[Pair, None] = {(automaton.start, dfa.start): None}
    for state, expected in itertools.islice(_growing(pairs), MAX_PAIRS):
        assert (isinstance(state, int) and bool(state & ACCEPT)) == (dfa.label[expected] >= 0)
        reads = automaton.reads(state)
        taken = [byte for _, bytes_ in reads for byte in bit_positions(bytes_)]
        assert sorted(taken) == dfa.delta[expected].nonzero()[0].tolist()
        for target, bytes_ in reads:
            pairs |= dict.fromkeys((target, int(dfa.delta[expected, byte])) for byte in bit_positions(bytes_))


def _growing(found: dict[Pair, None]) -> Iterator[Pair]:
    """The keys, and those that are added meanwhile."""
    for done in itertools.count():
        if done == len(found):
            return
        yield next(itertools.islice(found, done, None))


@settings(deadline=None)
@given(TREES)
def test_what_is_inlined_is_as_if_it_stood_there(tree: Node) -> None:
    called = RuleAutomaton(Concat((Call("r"), Call("r"))), Trees({"r": tree}))
    written = RuleAutomaton(Concat((tree, tree)), Trees({}))
    assert called.start == written.start
    assert called.reads(called.start) == written.reads(written.start)


def test_calls() -> None:
    tree = Choice((Concat((Call("r"), A)), Concat((Call("r"), B)), Concat((A, Call("s")))))
    automaton = RuleAutomaton(tree, Trees({}))
    assert automaton.called(automaton.start) == ["r"]
    assert automaton.called_from(automaton.start) == ["r", "s"]
    behind = automaton.behind_call(automaton.start, "r")
    assert sorted(byte for _, bytes_ in automaton.reads(behind) for byte in bit_positions(bytes_)) == [
        0x61,
        0x62,
    ]
    ((target, _),) = automaton.reads(automaton.start)
    assert automaton.behind_call(target, "s") == ACCEPT


@settings(deadline=None)
@given(classes, st.data())
def test_encodings(characters: Chars, data: st.DataObject) -> None:
    encodings = Encodings()
    root = encodings.root(characters.ranges)
    point = data.draw(points)
    if 0xD800 <= point <= 0xDFFF:
        return
    node: int | None = root
    for byte in chr(point).encode():
        node = next((child for bytes_, child in encodings.edges[node or 0] if bytes_ >> byte & 1), None)
        if node is None:
            break
    inside = any(low <= point <= high for low, high in characters.ranges)
    assert (node == END and root != END) == inside
