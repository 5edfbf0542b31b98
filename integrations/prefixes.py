"""Matchers found again by the tokens that led to them, whatever order a decoding loop asks in."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from ..samplers.engine import ConstraintLike, MatcherLike


class Prefix:
    """A sequence of generated tokens: the tokens of `parent`, then `token_id`. Mutable.

    alive : whether the constraint allows the sequence. What extends a dead one is dead.
    matcher : standing after the sequence; None if it was dropped (see `MatcherStore`) or the prefix is dead.
    """

    __slots__ = ("alive", "children", "matcher", "parent", "token_id")

    def __init__(self, parent: Prefix | None, token_id: int) -> None:
        self.parent = parent
        self.token_id = token_id
        self.alive = True
        self.matcher: MatcherLike | None = None
        self.children: dict[int, Prefix] | None = None

    def child(self, token_id: int) -> Prefix | None:
        """The sequence one token longer, if it is known."""
        return self.children.get(token_id) if self.children else None


class MatcherStore:
    """Mutable: keeps the matchers used last, and rebuilds the others by replaying their tokens."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._used: OrderedDict[Prefix, None] = OrderedDict()

    def matcher(self, prefix: Prefix) -> MatcherLike:
        """The matcher of a live prefix; the caller must not advance it."""
        matcher = prefix.matcher or _replayed(prefix)
        self.keep(prefix, matcher)
        return matcher

    def keep(self, prefix: Prefix, matcher: MatcherLike) -> None:
        """Set the matcher of a prefix, and drop the ones unused for longest. A root keeps its own."""
        prefix.matcher = matcher
        if prefix.parent is None:
            return
        self._used[prefix] = None
        self._used.move_to_end(prefix)
        while len(self._used) > self.limit:
            self._used.popitem(last=False)[0].matcher = None


class PrefixTree:
    """Mutable: the sequences asked about under one constraint. `size` counts them."""

    def __init__(self, constraint: ConstraintLike, store: MatcherStore) -> None:
        self.root = Prefix(None, -1)
        self.root.matcher = constraint.matcher()
        self.size = 1
        self._n_logits = constraint.n_logits
        self._store = store

    def find_next(self, token_ids: Sequence[int]) -> Prefix | None:
        """The prefix of these tokens, if all but the last one are known."""
        node = self.root
        for depth, token_id in enumerate(token_ids):
            following = node.child(token_id)
            if following is None:
                return self.extend(node, token_id) if depth == len(token_ids) - 1 else None
            node = following
        return node

    def reach(self, token_ids: Sequence[int]) -> Prefix:
        """The prefix of these tokens, made known if it was not."""
        node = self.root
        for token_id in token_ids:
            node = self.extend(node, token_id)
        return node

    def extend(self, prefix: Prefix, token_id: int) -> Prefix:
        """The prefix one token longer, made known if it was not."""
        known = prefix.child(token_id)
        if known is not None:
            return known
        made = Prefix(prefix, token_id)
        matcher = self._advanced(prefix, token_id)
        if matcher is None:
            made.alive = False
        else:
            self._store.keep(made, matcher)
        if prefix.children is None:
            prefix.children = {}
        prefix.children[token_id] = made
        self.size += 1
        return made

    def _advanced(self, prefix: Prefix, token_id: int) -> MatcherLike | None:
        """A matcher one token further, None where the constraint forbids the token."""
        if not prefix.alive:
            return None
        matcher = self._store.matcher(prefix).fork()
        # An ended row of a batch goes on with padding, whatever its id; a draft may have ids of its own.
        if matcher.is_finished() or (0 <= token_id < self._n_logits and matcher.advance(token_id)):
            return matcher
        return None


def _replayed(prefix: Prefix) -> MatcherLike:
    path: list[int] = []
    node = prefix
    while node.matcher is None:
        path.append(node.token_id)
        assert node.parent is not None, "a root keeps its matcher"
        node = node.parent
    matcher = node.matcher.fork()
    for token_id in reversed(path):
        if not matcher.is_finished():
            matcher.advance(token_id)
    return matcher
