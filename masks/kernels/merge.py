"""Subtries of a trie laid over each other: what may follow in one place, whatever came before it."""

from __future__ import annotations

from ...jit import inlined, jit


@jit
def merge(trie_bytes, links, begun, first_begun, nodes, begins, merged_bytes, merged_links, ends):
    """Lay the subtries of nodes over each other, in level order; several times, with a root for each.

    trie_bytes : uint8[n], links : int32[n + 1, 2], the trie in level order.
    nodes, begins : int32[s], int32[m + 1]: nodes[begins[i]:begins[i + 1]] lie over each other in the merged node i.
                    Given for the roots.
    begun, first_begun : int32[b], int32[r + 1]: begun[first_begun[i]:first_begun[i + 1]] are children of root i, too.
    merged_bytes, merged_links : uint8[m], int32[m + 1, 2], out: the merged tries, the roots first; where a token ends
                    in some node, the number of the merged node stands in place of a token.
    ends : int64[257], scratch, all 0.
    Returns the number of merged nodes. The arrays have room for all nodes of the subtries, and the roots.
    Cost: two steps for each node of the subtries, which are sorted by their bytes.
    """
    n_roots = first_begun.shape[0] - 1
    n_nodes, n_merged, here = begins[n_roots], n_roots, 0
    while here < n_merged:
        merged_links[here, 0], merged_links[here, 1] = n_merged, -1
        lowest, highest = 256, -1
        for i in range(begins[here], begins[here + 1]):
            if links[nodes[i], 1] >= 0:
                merged_links[here, 1] = here
            lowest, highest = _count(
                trie_bytes, links[nodes[i], 0], links[nodes[i] + 1, 0], ends, lowest, highest
            )
        if here < n_roots:
            for i in range(first_begun[here], first_begun[here + 1]):
                lowest, highest = _count(trie_bytes, begun[i], begun[i] + 1, ends, lowest, highest)
        for byte in range(lowest, highest + 1):
            n_here, ends[byte] = ends[byte], n_nodes
            if n_here:
                n_nodes += n_here
                merged_bytes[n_merged] = byte
                n_merged += 1
                begins[n_merged] = n_nodes
        for i in range(begins[here], begins[here + 1]):
            _place(trie_bytes, links[nodes[i], 0], links[nodes[i] + 1, 0], ends, nodes)
        if here < n_roots:
            for i in range(first_begun[here], first_begun[here + 1]):
                _place(trie_bytes, begun[i], begun[i] + 1, ends, nodes)
        for byte in range(lowest, highest + 1):
            ends[byte] = 0
        here += 1
    merged_links[n_merged, 0], merged_links[n_merged, 1] = n_merged, -1
    return n_merged


@jit
def count_below(links, found):
    """The nodes below each one of a trie in level order. found : int32[n], out."""
    for node in range(found.shape[0] - 1, -1, -1):
        total = 0
        for child in range(links[node, 0], links[node + 1, 0]):
            total += 1 + found[child]
        found[node] = total


@inlined
def _count(trie_bytes, first, last, ends, lowest, highest):
    """Count the bytes of siblings in `ends`, and say between which they are."""
    for node in range(first, last):
        ends[trie_bytes[node]] += 1
    if first < last:
        # Siblings are in the order of their bytes.
        lowest = min(lowest, trie_bytes[first])
        highest = max(highest, trie_bytes[last - 1])
    return lowest, highest


@inlined
def _place(trie_bytes, first, last, ends, nodes):
    """Put siblings behind those with the same byte."""
    for node in range(first, last):
        byte = trie_bytes[node]
        nodes[ends[byte]] = node
        ends[byte] += 1
