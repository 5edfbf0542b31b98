"""Lists of texts as minimal automata."""

from __future__ import annotations

import numpy as np

from ...jit import inner, jit

_NONE = -1
BYTE, LABEL, CHILD, SIBLING, LAST, SAME = range(6)
"""Of a node of the trie: the byte before it, its label or -1, its first child, its parent's next one, its last child,
and the node that stands for all that texts go on behind as they do behind it; -1 for none."""
NODE_FIELDS = 6


@jit
def share_endings(text, offsets, labels, path, nodes, buckets):
    """The trie of sorted texts, and which of its nodes are alike.

    text : uint8[n], offsets : int64[t + 1], labels : int32[t]: text i is text[offsets[i]:offsets[i + 1]].
    path : int32[longest + 1], scratch.
    nodes : int32[6, n + 1], out, see BYTE; node 0 is the root.
    buckets : int32[2**b], all -1, more than n + 1: scratch, to find nodes by what follows.
    Returns how many nodes stand for some, themselves included.
    """
    n_nodes = _build_trie(text, offsets, labels, path, nodes)
    n_kept = 0
    # Children have greater numbers than their parents.
    for node in range(n_nodes - 1, -1, -1):
        key = np.uint64(nodes[LABEL, node] + 1)
        child = nodes[CHILD, node]
        while child != _NONE:
            key = _mixed(_mixed(key, nodes[BYTE, child]), nodes[SAME, child])
            child = nodes[SIBLING, child]
        bucket = np.int64(key & np.uint64(buckets.shape[0] - 1))
        while buckets[bucket] != _NONE and not _are_alike(nodes, buckets[bucket], node):
            bucket = (bucket + 1) & (buckets.shape[0] - 1)
        if buckets[bucket] == _NONE:
            buckets[bucket] = node
            n_kept += 1
        nodes[SAME, node] = buckets[bucket]
    return n_kept


@inner
def _mixed(key, value):
    key = (key ^ np.uint64(value)) * np.uint64(0x9E3779B97F4A7C15)
    return key ^ key >> np.uint64(29)


@inner
def _build_trie(text, offsets, labels, path, nodes):
    """Write the nodes, in preorder; returns how many there are."""
    n_nodes, depth = 1, 0
    path[0] = 0
    nodes[LABEL, 0] = nodes[CHILD, 0] = nodes[SIBLING, 0] = nodes[LAST, 0] = _NONE
    for index in range(labels.shape[0]):
        begin, end = offsets[index], offsets[index + 1]
        common = 0
        while common < depth and begin + common < end:
            if nodes[BYTE, path[common + 1]] != text[begin + common]:
                break
            common += 1
        depth = common
        for i in range(begin + common, end):
            parent, node = path[depth], n_nodes
            n_nodes += 1
            nodes[BYTE, node] = text[i]
            nodes[LABEL, node] = nodes[CHILD, node] = nodes[SIBLING, node] = nodes[LAST, node] = _NONE
            if nodes[LAST, parent] == _NONE:
                nodes[CHILD, parent] = node
            else:
                nodes[SIBLING, nodes[LAST, parent]] = node
            nodes[LAST, parent] = node
            depth += 1
            path[depth] = node
        nodes[LABEL, path[depth]] = labels[index]
    return n_nodes


@inner
def _are_alike(nodes, one, other):
    if nodes[LABEL, one] != nodes[LABEL, other]:
        return False
    one, other = nodes[CHILD, one], nodes[CHILD, other]
    while one != _NONE and other != _NONE:
        if nodes[BYTE, one] != nodes[BYTE, other] or nodes[SAME, one] != nodes[SAME, other]:
            return False
        one, other = nodes[SIBLING, one], nodes[SIBLING, other]
    return one == other


@jit
def number_nodes(nodes, reached, delta, label):
    """The automaton of a trie, numbered breadth first from 1, with the dead state 0.

    nodes : as `share_endings` left it; overwritten.  reached : int32[n_kept + 1], scratch.
    delta : int32[n_kept + 1, 256], all 0, out.  label : int32[n_kept + 1], out.
    """
    # What is alike is known by one of its nodes, whose LAST is its number from here on.
    for node in range(nodes.shape[1]):
        nodes[LAST, node] = _NONE
    label[0] = _NONE
    reached[1], n_reached, here = 0, 2, 1
    nodes[LAST, 0] = 1
    while here < n_reached:
        node = reached[here]
        label[here] = nodes[LABEL, node]
        child = nodes[CHILD, node]
        while child != _NONE:
            target = nodes[SAME, child]
            if nodes[LAST, target] == _NONE:
                nodes[LAST, target], reached[n_reached] = n_reached, target
                n_reached += 1
            delta[here, nodes[BYTE, child]] = nodes[LAST, target]
            child = nodes[SIBLING, child]
        here += 1
