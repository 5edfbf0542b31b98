"""Reading the persistent stack."""

from __future__ import annotations

from .jit import jit


@jit
def frames_from(stack, node, found):
    """The nodes of a stack from its top, and their frames.

    stack : int32[n, 2], `(parent, frame)` of each node.  found : int32[m, 2], out: `(node, frame)`; behind the last 0.
    Returns the node below those found, or that where the stack ends.
    """
    for i in range(found.shape[0]):
        if node <= 0:
            found[i, 0], found[i, 1] = 0, 0
        else:
            found[i, 0], found[i, 1] = node, stack[node, 1]
            node = stack[node, 0]
    return node
