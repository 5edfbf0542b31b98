"""The trie against its definition, on small random vocabularies and on real ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared_data import shared_dir

from gramask.masks.trie import MAX_TOKEN_BYTES, TokenTrie
from gramask.masks.vocabulary import Vocabulary

REAL = ["gpt2", "llama2", "llama3", "llama4"]

small_tokens = st.lists(
    st.lists(st.sampled_from(b'ab"\\\x00\xc3\xa9\xff'), max_size=6).map(bytes), max_size=30
).flatmap(lambda tokens: st.tuples(st.just(tokens), st.sets(st.sampled_from(range(len(tokens) + 1)))))


def matching(tokens, excluded):
    """Each byte string that can match, with its ids in ascending order."""
    found = {}
    for token, text in enumerate(tokens):
        if text and token not in excluded:
            found.setdefault(text, []).append(token)
    return found


def node_paths(nodes):
    """The bytes on the way from the root to each node, which also checks that the depths are a preorder's."""
    paths = [b""]
    assert nodes[0, 0] == 0
    for packed in nodes[1:, 0].tolist():
        byte, depth = packed & 255, packed >> 8
        assert 1 <= depth <= len(paths[-1]) + 1
        paths.append(paths[-1][: depth - 1] + bytes([byte]))
    return paths


def assert_is_trie_of(nodes, expected):
    """`expected` maps each byte string to the value of its node."""
    paths = node_paths(nodes)
    prefixes = {text[:length] for text in expected for length in range(len(text) + 1)} | {b""}
    assert paths == sorted(prefixes), "a preorder with ascending children lists the prefixes in byte order"
    assert nodes[:, 2].tolist() == [expected.get(path, -1) for path in paths]
    for index, end in enumerate(nodes[:, 1].tolist()):
        assert all(path.startswith(paths[index]) for path in paths[index:end])
        assert end == len(paths) or not paths[end].startswith(paths[index])


@given(small_tokens)
def test_nodes_and_duplicates_by_definition(case):
    tokens, excluded = case
    trie = TokenTrie.build(tokens, excluded)
    found = matching(tokens, excluded)
    assert_is_trie_of(trie.nodes, {text: ids[0] for text, ids in found.items()})
    repeated = {(ids[0], other) for ids in found.values() for other in ids[1:]}
    assert sorted(map(tuple, trie.duplicates.tolist())) == sorted(repeated)
    assert trie.max_depth == max(map(len, found), default=0)


@given(small_tokens)
def test_suffixes_after_quotes_by_definition(case):
    tokens, excluded = case
    trie = TokenTrie.build(tokens, excluded)
    cuts = {
        (text[: position + 1], ids[0], text[position + 1 :])
        for text, ids in matching(tokens, excluded).items()
        for position in range(len(text))
        if text[position : position + 1] == b'"'
    }
    paths = node_paths(trie.nodes)
    suffix_of = {
        value: path
        for path, value in zip(node_paths(trie.suffix_nodes), trie.suffix_nodes[:, 2].tolist(), strict=True)
    }
    rows = trie.quote_pairs.tolist()
    assert len(rows) == len(cuts)
    assert {(paths[node], token, suffix_of[suffix]) for node, token, suffix in rows} == cuts
    assert rows == sorted(rows, key=lambda row: (row[0], row[2], row[1]))
    for index, node in enumerate(trie.quote_nodes.tolist()):
        begin, end = trie.quote_offsets[index : index + 2].tolist()
        assert begin < end
        assert {row[0] for row in rows[begin:end]} == {node}
    assert trie.quote_offsets[-1] == len(rows)
    suffixes = sorted({suffix for _, _, suffix in cuts} | {b""})
    assert_is_trie_of(trie.suffix_nodes, {suffix: index for index, suffix in enumerate(suffixes)})


@given(small_tokens)
def test_lookup_tables_by_definition(case):
    tokens, excluded = case
    trie = TokenTrie.build(tokens, excluded)
    children = [i for i, path in enumerate(node_paths(trie.nodes)) if len(path) == 1]
    for byte in range(257):
        after = [i for i in children if trie.nodes[i, 0] & 255 >= byte]
        assert trie.root_jump[byte] == min(after, default=trie.n_nodes)
    single = {text[0] for text in matching(tokens, excluded) if len(text) == 1}
    assert np.flatnonzero(trie.single_bytes).tolist() == sorted(single)
    leads = [sum(not 0x80 <= byte <= 0xBF for byte in text) for text in tokens]
    assert trie.code_points.tolist() == leads


@given(small_tokens)
def test_arrays_round_trip(case):
    trie = TokenTrie.build(*case)
    again = TokenTrie.from_arrays({name: array.copy() for name, array in trie.to_arrays().items()})
    assert again.max_depth == trie.max_depth
    for name, array in trie.to_arrays().items():
        other = getattr(again, name)
        assert (array.dtype, array.shape, array.tolist()) == (other.dtype, other.shape, other.tolist())


def test_arrays_are_what_the_kernels_are_compiled_for():
    trie = TokenTrie.build([b"a", b'"b', b""])
    frozen = {name: array.copy() for name, array in trie.to_arrays().items()}
    for array in frozen.values():
        array.setflags(write=False)
    for built in (trie, TokenTrie.from_arrays(frozen)):
        for name, array in built.to_arrays().items():
            assert array.flags.c_contiguous and array.flags.writeable, name


@pytest.mark.parametrize("name", sorted(TokenTrie.build([b"a"]).to_arrays()))
def test_from_arrays_refuses_other_arrays(name):
    arrays = TokenTrie.build([b"a", b'"']).to_arrays()
    with pytest.raises(ValueError, match=name):
        TokenTrie.from_arrays({key: array for key, array in arrays.items() if key != name})
    with pytest.raises(ValueError, match=name):
        TokenTrie.from_arrays({**arrays, name: arrays[name].astype(np.float64)})
    with pytest.raises(ValueError, match=name):
        TokenTrie.from_arrays({**arrays, name: arrays[name].reshape(-1, 1, 1)})


def test_empty_vocabulary_has_only_roots():
    trie = TokenTrie.build([b"", b"</s>"], {1})
    assert trie.nodes.tolist() == [[0, 1, -1]]
    assert trie.suffix_nodes.tolist() == [[0, 1, 0]]
    assert (trie.max_depth, trie.n_tokens, len(trie.quote_pairs)) == (0, 2, 0)
    assert set(trie.root_jump.tolist()) == {1}


def test_words_of_a_mask():
    trie = TokenTrie.build([b"a"])
    assert [trie.n_words(n) for n in (0, 1, 32, 33, 128_256)] == [0, 1, 1, 2, 4008]


def test_overlong_token_is_refused():
    longest = b"x" * MAX_TOKEN_BYTES
    assert TokenTrie.build([longest]).code_points.tolist() == [MAX_TOKEN_BYTES]
    with pytest.raises(ValueError, match="longer than"):
        TokenTrie.build([longest + b"x"])


@pytest.mark.parametrize("name", REAL)
def test_real_vocabulary(name):
    transformers = pytest.importorskip("transformers")
    path = shared_dir("tokenizers", name)
    vocabulary = Vocabulary.from_tokenizer(transformers.AutoTokenizer.from_pretrained(path))
    trie = TokenTrie.build(vocabulary.tokens, vocabulary.special_ids)
    found = matching(vocabulary.tokens, vocabulary.special_ids)
    paths = node_paths(trie.nodes)
    spelled = {
        path: token for path, token in zip(paths, trie.nodes[:, 2].tolist(), strict=True) if token >= 0
    }
    assert spelled == {text: ids[0] for text, ids in found.items()}
    assert paths == sorted(set(paths))
    assert trie.nodes[:, 1].tolist() == ends_by_stack([len(path) for path in paths])
    assert {(a, b) for a, b in trie.duplicates.tolist()} == {
        (ids[0], other) for ids in found.values() for other in ids[1:]
    }
    assert len(trie.quote_pairs) == sum(text.count(b'"') for text in found)
    suffixes = node_paths(trie.suffix_nodes)
    suffix_of = {value: suffixes[index] for index, value in enumerate(trie.suffix_nodes[:, 2].tolist())}
    for node, token, suffix in trie.quote_pairs.tolist():
        assert paths[node].endswith(b'"')
        assert paths[node] + suffix_of[suffix] == vocabulary.tokens[token]


def ends_by_stack(depths):
    """Where each subtree ends: the next node that is not deeper."""
    ends, waiting = [len(depths)] * len(depths), []
    for index, depth in enumerate(depths):
        while waiting and depths[waiting[-1]] >= depth:
            ends[waiting.pop()] = index
        waiting.append(index)
    return ends
