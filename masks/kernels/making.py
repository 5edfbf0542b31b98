"""Walks that do not stop where a state or frame is still to be made, if kernels make them: those of grammars."""

from __future__ import annotations

from pathlib import Path

from ...grammar.context_free import kernels
from ...grammar.context_free.kernels.entry import sources
from ...grammar.context_free.kernels.making import expand, fill, resume
from ...grammar.context_free.kernels.store import Store
from ...jit import jit
from .walk import (
    CTL_MISS,
    CTL_OUTCOME,
    GO_ON,
    MISS_BYTE,
    MISS_FRAME,
    MISS_STATE,
    NO_SHARED,
    walk,
    walk_exits,
)


def _entry(key):
    """The function `walk_making`; key : see `sources`."""

    @jit
    def walk_making(
        stack,
        local,
        path,
        trie_bytes,
        links,
        groups,
        spans,
        tokens,
        mask,
        node,
        exits,
        left,
        ctl,
        is_behind,
        *arrays,
    ):
        """Go on with `walk_exits` where `is_behind`, else with `walk`, up to a miss of space.

        arrays : those of a `Store`, the table and code of the automaton among them. Raises what its kernels raise, and
        can then be called again.
        """
        _ = key
        s = Store(*arrays)
        while True:
            if is_behind:
                status = walk_exits(
                    s.table,
                    s.words,
                    stack,
                    local,
                    path,
                    trie_bytes,
                    links,
                    groups,
                    spans,
                    tokens,
                    mask,
                    node,
                    exits,
                    left,
                    ctl,
                    False,
                )
            else:
                status = walk(
                    s.table,
                    s.words,
                    stack,
                    local,
                    path,
                    trie_bytes,
                    links,
                    groups,
                    spans,
                    tokens,
                    mask,
                    left,
                    ctl,
                    GO_ON,
                    0,
                    0,
                    0,
                    NO_SHARED,
                )
            if status == MISS_STATE:
                expand(s, ctl[CTL_MISS])
            elif status == MISS_BYTE:
                fill(s, ctl[CTL_MISS], ctl[CTL_OUTCOME])
            elif status == MISS_FRAME:
                resume(s, ctl[CTL_MISS], ctl[CTL_OUTCOME])
            else:
                return status

    return walk_making


walk_making = _entry(sources(Path(kernels.__file__).parent, Path(__file__).parent))
