"""The token trie: every token's bytes as one preorder array, plus what follows each quote inside a token."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Int32s = npt.NDArray[np.int32]

FORMAT = 1
"""Raise it when the meaning of an array changes: tables on disk are keyed by it."""

MAX_TOKEN_BYTES = 65_535

_QUOTE = 0x22


@dataclass(frozen=True, eq=False)
class TokenTrie:
    """Immutable. The bytes of all tokens that can match text, joined into a trie stored in preorder.

    A node is a row `byte | depth << 8, end, token`: `end` is one past its subtree, so a walk that dies at a
    node continues there; `token` is the token spelled by the path to the node, or -1. Row 0 is the root (byte
    0, depth 0). Children come in ascending byte order. Special, EOS and empty tokens are not in it.

    nodes : int32[n_nodes, 3].
    duplicates : int32[k, 2], (token in `nodes`, another token with the same bytes). A mask copies the bit.
    root_jump : int32[257], the first child of the root whose byte is >= b; n_nodes if there is none.
    suffix_nodes : int32[n, 3], a trie of the distinct byte strings that follow a `"` inside a token. Same
        columns, but the third is a suffix id or -1; suffix 0 is the empty one, at the root.
    quote_pairs : int32[m, 3], (node, token, suffix): `token` spells the path to `node`, which ends in `"`,
        then `suffix`. A row for each `"` of each token in `nodes`, escaped or not; rows ascend by node, then
        suffix, then token.
    quote_nodes : int32[q], the distinct nodes of `quote_pairs`, ascending.
    quote_offsets : int32[q + 1]; quote_nodes[i] has rows quote_offsets[i]:quote_offsets[i + 1].
    code_points : uint16[n_tokens], UTF-8 lead bytes (those outside 0x80..0xBF) of each token.
    single_bytes : bool[256], the bytes that a one-byte token spells.
    """

    nodes: Int32s
    duplicates: Int32s
    root_jump: Int32s
    suffix_nodes: Int32s
    quote_pairs: Int32s
    quote_nodes: Int32s
    quote_offsets: Int32s
    code_points: npt.NDArray[np.uint16]
    single_bytes: npt.NDArray[np.bool_]
    max_depth: int

    @classmethod
    def build(cls, tokens: Sequence[bytes], excluded: Collection[int] = ()) -> TokenTrie:
        """Build from the bytes of each token; the ids in `excluded` (special tokens) match nothing.

        Raises ValueError if a token is longer than `MAX_TOKEN_BYTES`.
        """
        if max(map(len, tokens), default=0) > MAX_TOKEN_BYTES:
            raise ValueError(f"a token is longer than {MAX_TOKEN_BYTES} bytes")
        first, duplicates = _distinct(tokens, frozenset(excluded))
        texts = sorted(first)
        nodes, parent = _preorder(texts, np.array([first[text] for text in texts], np.int32))
        suffixes, pairs = _after_quotes(first, nodes, parent)
        suffix_nodes, _ = _preorder(suffixes, np.arange(1, len(suffixes) + 1, dtype=np.int32))
        suffix_nodes[0, 2] = 0
        quote_nodes, starts = np.unique(pairs[:, 0], return_index=True)
        return cls(
            nodes=nodes,
            duplicates=duplicates,
            root_jump=_root_jump(nodes),
            suffix_nodes=suffix_nodes,
            quote_pairs=pairs,
            quote_nodes=quote_nodes.astype(np.int32),
            quote_offsets=np.append(starts, len(pairs)).astype(np.int32),
            code_points=_code_points(tokens),
            single_bytes=_single_bytes(nodes),
            max_depth=_max_depth(nodes),
        )

    @property
    def n_nodes(self) -> int:
        return len(self.nodes)

    @property
    def n_tokens(self) -> int:
        return len(self.code_points)

    def n_words(self, n_logits: int) -> int:
        """Number of int32 words in a mask over `n_logits` ids."""
        return (n_logits + 31) // 32

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays by name, for the disk cache."""
        return {name: getattr(self, name) for name in _LAYOUT}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> TokenTrie:
        """The inverse of `to_arrays`. Raises ValueError for an array that is missing or of another type."""
        for name, (dtype, columns) in _LAYOUT.items():
            array = arrays.get(name)
            if array is None or array.dtype != dtype or array.shape[1:] != columns or array.ndim == 0:
                raise ValueError(f"not the arrays of a token trie: {name}")
        # The kernels are compiled for writable C-contiguous arrays; another flag would compile them again.
        chosen = {name: np.require(arrays[name], requirements=["C", "W"]) for name in _LAYOUT}
        return cls(**chosen, max_depth=_max_depth(chosen["nodes"]))


_LAYOUT: dict[str, tuple[Any, tuple[int, ...]]] = {
    "nodes": (np.int32, (3,)),
    "duplicates": (np.int32, (2,)),
    "root_jump": (np.int32, ()),
    "suffix_nodes": (np.int32, (3,)),
    "quote_pairs": (np.int32, (3,)),
    "quote_nodes": (np.int32, ()),
    "quote_offsets": (np.int32, ()),
    "code_points": (np.uint16, ()),
    "single_bytes": (np.bool_, ()),
}
assert set(_LAYOUT) | {"max_depth"} == {field.name for field in fields(TokenTrie)}


def _distinct(tokens: Sequence[bytes], excluded: frozenset[int]) -> tuple[dict[bytes, int], Int32s]:
    """The lowest id of each byte string, and the other ids that repeat one."""
    first: dict[bytes, int] = {}
    repeated = []
    for token, text in enumerate(tokens):
        if not text or token in excluded:
            continue
        if first.setdefault(text, token) != token:
            repeated.append((first[text], token))
    return first, np.array(repeated, np.int32).reshape(-1, 2)


def _preorder(texts: list[bytes], values: Int32s) -> tuple[Int32s, Int32s]:
    """Rows and parents of the trie of `texts` (sorted, distinct, not empty); `values` fill column 2."""
    blob, lengths = _joined(texts)
    starts = np.cumsum(lengths) - lengths
    shared = _common_prefixes(blob, starts, lengths)
    added = lengths - shared
    owner = np.repeat(np.arange(len(texts)), added)
    position = np.arange(len(owner)) - np.repeat(np.cumsum(added) - added, added)
    depth = np.append(0, shared[owner] + position + 1)
    nodes = np.full((len(depth), 3), -1, np.int32)
    nodes[0, 0] = 0
    nodes[1:, 0] = blob[starts[owner] + depth[1:] - 1] | depth[1:] << 8
    nodes[np.cumsum(added), 2] = values
    nodes[:, 1], parent = _subtrees(depth)
    return nodes, parent


def _joined(texts: Sequence[bytes]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """All bytes in one array, and the length of each text."""
    blob = np.frombuffer(b"".join(texts), np.uint8).astype(np.int64)
    return blob, np.fromiter(map(len, texts), np.int64, len(texts))


def _common_prefixes(
    blob: npt.NDArray[np.int64], starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """How many bytes each text shares with the one before it. Cost: the sum of the answers."""
    shared = np.zeros(len(starts), np.int64)
    alike = np.arange(1, len(starts))
    depth = 0
    while alike.size:
        alike = alike[np.minimum(lengths[alike], lengths[alike - 1]) > depth]
        alike = alike[blob[starts[alike] + depth] == blob[starts[alike - 1] + depth]]
        depth += 1
        shared[alike] = depth
    return shared


def _subtrees(depth: npt.NDArray[np.int64]) -> tuple[Int32s, Int32s]:
    """`end` and parent of each node of a preorder, from the depths alone, level by level."""
    n_nodes = len(depth)
    order = np.argsort(depth, kind="stable")
    bounds = np.searchsorted(depth[order], np.arange(depth.max() + 2))
    end = np.full(n_nodes, n_nodes, np.int32)
    parent = np.full(n_nodes, -1, np.int32)
    above = order[:1]
    for begin, stop in pairwise(bounds[1:]):
        level = order[begin:stop]
        parent[level] = above[np.searchsorted(above, level) - 1]
        # The subtree ends at the next node of this level, or where the parent's does, whichever comes first.
        end[level] = np.minimum(np.append(level[1:], n_nodes), end[parent[level]])
        above = level
    return end, parent


def _after_quotes(first: Mapping[bytes, int], nodes: Int32s, parent: Int32s) -> tuple[list[bytes], Int32s]:
    """The sorted distinct non-empty suffixes after a quote (ids from 1 on), and the rows of `quote_pairs`."""
    quoting = {token: text for text, token in first.items() if _QUOTE in text}
    ends = np.flatnonzero(nodes[:, 2] >= 0)
    suffix_id = {b"": 0}
    cuts: list[tuple[int, int, bytes]] = []
    for node in ends[np.isin(nodes[ends, 2], list(quoting))].tolist():
        token = int(nodes[node, 2])
        text = quoting[token]
        for length in range(len(text), 0, -1):
            if text[length - 1] == _QUOTE:
                cuts.append((node, token, text[length:]))
            node = int(parent[node])
    suffixes = sorted({suffix for _, _, suffix in cuts} - {b""})
    suffix_id.update((suffix, index) for index, suffix in enumerate(suffixes, 1))
    rows = sorted((node, suffix_id[suffix], token) for node, token, suffix in cuts)
    pairs = np.array(rows, np.int32).reshape(-1, 3)[:, [0, 2, 1]]
    return suffixes, np.ascontiguousarray(pairs)


def _root_jump(nodes: Int32s) -> Int32s:
    children = np.flatnonzero(nodes[:, 0] >> 8 == 1)
    places = np.searchsorted(nodes[children, 0] & 255, np.arange(257))
    return np.append(children, len(nodes))[places].astype(np.int32)


def _code_points(tokens: Sequence[bytes]) -> npt.NDArray[np.uint16]:
    blob, lengths = _joined(tokens)
    leads = np.append(0, np.cumsum(blob & 0xC0 != 0x80))
    ends = np.cumsum(lengths)
    counts: npt.NDArray[np.uint16] = (leads[ends] - leads[ends - lengths]).astype(np.uint16)
    return counts


def _single_bytes(nodes: Int32s) -> npt.NDArray[np.bool_]:
    single = np.zeros(256, np.bool_)
    single[nodes[(nodes[:, 0] >> 8 == 1) & (nodes[:, 2] >= 0), 0] & 255] = True
    return single


def _max_depth(nodes: Int32s) -> int:
    return int((nodes[:, 0] >> 8).max())
