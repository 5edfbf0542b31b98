"""Bounds on how probable it is that a text becomes a valid one, learned from what samplers see.

Source: Park et al. (2024), "Grammar-Aligned Decoding", section 4 (expected future grammaticality).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from sys import getsizeof
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from ..errors import GramaskError
from .language_model import Prefix

ROOT = 0
NONE = -1
ROW_BYTES = 256 << 20
FORMAT = 1
"""Of files; raise it when the meaning of an array changes."""
REFRESH = 64
ROUNDING = 1e-12
SWALLOWED = 2.0**-50
"""A share that rounding may take away from what is small beside it."""
UNCOUNTED = 1 << 30
"""As many tokens as one likes: which may follow is not known."""


@dataclass(frozen=True, slots=True)
class Row:
    """What a model says behind a prefix about the tokens that may come.

    tokens : int64[n], ascending.  probabilities : float64[n], above 0.
    """

    tokens: NDArray[np.int64]
    probabilities: NDArray[np.float64]

    def place(self, token: int) -> int:
        """Where a token is, -1 if it is not there."""
        place = int(self.tokens.searchsorted(token))
        return place if place < len(self.tokens) and self.tokens[place] == token else -1

    @property
    def n_bytes(self) -> int:
        return int(self.tokens.nbytes + self.probabilities.nbytes)


class ValidityTrie:
    """A trie of prefixes x, each with a bound theta(x) on the probability that what follows makes it valid.

    theta never rises, and is never too small: it is the sum, over the tokens that may come, of their probability times
    the bound behind them, which is 1 where nothing is known. Of a prefix that is *open* it is known which may come.
    Whoever shares a trie may change it at any time: bounds are read together with what is drawn from them.

    n_nodes : prefixes.  row_bytes : what rows may take; those used last are kept. Bounds always are.
    """

    def __init__(self, *, row_bytes: int = ROW_BYTES) -> None:
        self.n_nodes = 0
        self.row_bytes = row_bytes
        self._links = np.empty((256, 4), np.int32)  # parent, token, first child, next sibling
        # theta, probability behind the parent, probability of the tokens behind which nothing is known
        self._bounds = np.empty((256, 3), np.float64)
        self._counts = np.empty((256, 2), np.int32)  # of these tokens; of changes behind the prefix
        self._is_open = np.zeros(256, np.bool_)
        self._children: dict[int, int] = {}  # by the prefix and the token
        self._rows: OrderedDict[int, _Kept] = OrderedDict()
        self._kept_bytes = 0
        self._add(NONE, NONE, 1.0)

    def theta(self, node: int) -> float:
        """The bound of a prefix."""
        return float(self._bounds[node, 0])

    def is_open(self, node: int) -> bool:
        """Whether it is known what may follow."""
        return bool(self._is_open[node])

    def prefix(self, node: int) -> Prefix:
        """The tokens of a prefix."""
        tokens = []
        while node != ROOT:
            node, token = self._links[node, :2].tolist()
            tokens.append(token)
        return tuple(reversed(tokens))

    def child(self, node: int, token: int) -> int:
        """The prefix with one more token, NONE where nothing is known of it."""
        return self._children.get(node << 32 | token, NONE)

    def row(self, node: int) -> Row | None:
        """What may follow, None if it is not known any more."""
        kept = self._rows.get(node)
        if kept is None:
            return None
        self._rows.move_to_end(node)
        return kept.row

    def open(self, node: int, row: Row) -> None:
        """Learn what may follow: the bound becomes what the row allows."""
        self._is_open[node] = True
        unknown = np.ones(len(row.tokens), np.bool_)
        for child in self._children_of(node):
            place = row.place(int(self._links[child, 1]))
            if place >= 0:
                unknown[place] = False
            else:
                self._bounds[child, 0] = 0.0
        self._bounds[node, 2], self._counts[node, 0] = row.probabilities[unknown].sum(), unknown.sum()
        self.keep(node, row)
        self._set(node, self._sum(node))

    def weights(self, node: int, row: Row, bounds: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """float64[n], read-only: for each token of a row its probability, times the bound behind it.

        bounds : of prefixes, in place of theta; 1 for those that it is too short for.
        """
        kept = self._rows.get(node) if bounds is None else None
        return self._weighed(node, row, bounds) if kept is None else kept.weights

    def largest(self, ends: Collection[int]) -> NDArray[np.float64]:
        """float64[n_nodes]: for each prefix a bound on the probability of any one valid text that begins with it.

        ends : tokens that end a text; it is one text, whichever comes.
        Never more than theta, but for rounding: a text goes on with a token behind which nothing is known, or with one
        of the children, or it ends.
        """
        one, together = np.zeros(self.n_nodes), np.zeros(self.n_nodes)
        # A prefix comes before those that it begins.
        for node in reversed(range(self.n_nodes)):
            theta, probability, unknown = self._bounds[node].tolist()
            if theta > 0.0 or unknown <= 0.0:
                # What is left of a difference may be less than the tokens it stands for, and even nothing.
                left = unknown * (1.0 + ROUNDING) + ROUNDING if self._counts[node, 0] else 0.0
                one[node] = min(1.0, max(one[node], together[node] + left))
            else:
                one[node] = 0.0  # ruled out
            parent, token = self._links[node, :2].tolist()
            if token in ends:
                together[parent] += probability * one[node]
            elif parent != NONE:
                one[parent] = max(one[parent], probability * one[node])
        return one

    def add(self, node: int, token: int, probability: float) -> int:
        """The prefix with one more token.

        probability : that of the token behind `node`; it is what changes further on count for here.
        """
        child = self.child(node, token)
        return self._add(node, token, probability) if child == NONE else child

    def rule_out(self, node: int) -> None:
        """Let nothing that begins with a prefix be valid."""
        self._set(node, 0.0)

    def merge(self, other: ValidityTrie) -> None:
        """Learn what another trie knows about the same law and language; rows are asked for again."""
        self._rows.clear()
        self._kept_bytes = 0
        here = {ROOT: ROOT}
        for node in range(1, other.n_nodes):
            parent, token = other._links[node, :2].tolist()
            if parent in here and self._is_news(here[parent], other, node):
                here[node] = self.add(here[parent], token, float(other._bounds[node, 1]))
        for node in reversed(here):  # what is further on first
            self._learn(here[node], other, node)

    def _is_news(self, parent: int, other: ValidityTrie, node: int) -> bool:
        """Whether the bound of a prefix of another trie may count here.

        That a token leads nowhere is no news where it is known which may come: it may not be among them.
        """
        is_new = self.child(parent, int(other._links[node, 1])) == NONE
        is_known = self._is_open[parent] and not other._is_open[other._links[node, 0]]
        return not (is_new and is_known and other.theta(node) <= 0.0)

    def _learn(self, here: int, other: ValidityTrie, node: int) -> None:
        """What another trie knows about one prefix, those further on being learned."""
        if other._is_open[node] and not self._is_open[here]:
            self._is_open[here] = True
            unknown, count = float(other._bounds[node, 2]), int(other._counts[node, 0])
            for child in self._children_of(here):
                # One that was followed may come, so it is among those behind which the other trie knows nothing. (One
                # that was refused may be: then it counts until the row is at hand again.)
                is_own = other.child(node, int(self._links[child, 1])) == NONE
                if is_own and self._bounds[child, 0] > 0.0:
                    unknown -= float(self._bounds[child, 1])
                    count -= 1
            self._bounds[here, 2] = max(unknown, SWALLOWED * float(other._bounds[node, 2])) if count else 0.0
            self._counts[here, 0] = count
        # Not the other's bound: it may rely on tokens that were no news. One that a row then raised would be a bias.
        bound = 0.0 if other.theta(node) <= 0.0 else self._sum(here)
        self._set(here, min(self.theta(here), bound))

    @property
    def n_bytes(self) -> int:
        """What bounds and prefixes take, rows left out."""
        arrays = self._arrays()
        # Keys and values are numbers of 32 and 28 bytes.
        return sum(array.nbytes for array in arrays.values()) + getsizeof(self._children) + 60 * self.n_nodes

    def save(self, path: Path | str, key: str) -> None:
        """Write the bounds to a file, as .npz; rows are asked for again.

        key : says what they are about: the model, what warps its law, the prompt, the constraint and the length.
        """
        arrays: dict[str, Any] = {name: array[: self.n_nodes] for name, array in self._arrays().items()}
        with Path(path).open("wb") as file:
            np.savez_compressed(file, key=np.array(key), format=np.array(FORMAT), **arrays)

    @classmethod
    def load(cls, path: Path | str, key: str, *, row_bytes: int = ROW_BYTES) -> ValidityTrie:
        """What `save` has written. Raises GramaskError if it is about something else, or no such file."""
        try:
            with np.load(path, allow_pickle=False) as file:
                found = dict(file)
            if int(found.pop("format")) != FORMAT:
                raise ValueError
            about = str(found.pop("key"))
            trie = cls(row_bytes=row_bytes)
            trie._links, trie._bounds, trie._counts, trie._is_open = (
                np.ascontiguousarray(found[name]) for name in trie._arrays()
            )
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise GramaskError(f"{path} holds no bounds", hint="they come from ValidityTrie.save") from error
        if about != key:
            raise GramaskError(f"the bounds in {path} are about something else: {about}")
        trie.n_nodes = len(trie._links)
        for node, (parent, token) in enumerate(trie._links[:, :2].tolist()):
            if parent != NONE:
                trie._children[parent << 32 | token] = node
        return trie

    def _arrays(self) -> dict[str, NDArray[Any]]:
        names = ("_links", "_bounds", "_counts", "_is_open")
        return {name.removeprefix("_"): getattr(self, name) for name in names}

    def _set(self, node: int, theta: float) -> None:
        """Lower a bound, and with it those of all prefixes of the prefix."""
        while True:
            before, probability, _ = self._bounds[node].tolist()
            self._bounds[node, 0] = theta
            child, node = node, int(self._links[node, 0])
            if node == NONE:
                return
            self._reweigh(node, int(self._links[child, 1]), theta)
            change = probability * (theta - before)
            theta = float(self._bounds[node, 0]) + change
            self._counts[node, 1] += 1
            # What is left of a difference has few correct digits: then all is added up.
            if theta < -change or self._counts[node, 1] % REFRESH == 0:
                theta = min(self._sum(node), float(self._bounds[node, 0]))

    def _weighed(self, node: int, row: Row, bounds: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        bounds = self._bounds[:, 0] if bounds is None else bounds
        weights = row.probabilities.copy()
        for child in self._children_of(node):
            place = row.place(int(self._links[child, 1]))
            if place >= 0 and child < len(bounds):
                weights[place] *= bounds[child]
        return weights

    def _reweigh(self, node: int, token: int, theta: float) -> None:
        """Let the row of a prefix, if it is at hand, know of a bound behind it."""
        kept = self._rows.get(node)
        if kept is not None:
            place = kept.row.place(token)
            if place >= 0:
                kept.weights[place] = kept.row.probabilities[place] * theta

    def _sum(self, node: int) -> float:
        """The bound of a prefix, from all that is known behind it."""
        kept = self._rows.get(node)
        if kept is not None:
            return float(kept.weights.sum())
        total = float(self._bounds[node, 2])
        for child in self._children_of(node):
            total += float(self._bounds[child, 0] * self._bounds[child, 1])
        return total

    def _children_of(self, node: int) -> Iterator[int]:
        child = int(self._links[node, 2])
        while child != NONE:
            yield child
            child = int(self._links[child, 3])

    def _add(self, parent: int, token: int, probability: float) -> int:
        node = self.n_nodes
        if node == len(self._links):
            self._links = np.concatenate([self._links, np.empty_like(self._links)])
            self._bounds = np.concatenate([self._bounds, np.empty_like(self._bounds)])
            self._counts = np.concatenate([self._counts, np.empty_like(self._counts)])
            self._is_open = np.concatenate([self._is_open, np.zeros_like(self._is_open)])
        self.n_nodes += 1
        self._links[node] = parent, token, NONE, NONE
        self._bounds[node] = 1.0, probability, 1.0
        self._counts[node] = UNCOUNTED, 0
        if parent != NONE:
            self._counts[parent, 0] -= 1
            # What is left of a difference may be less than the tokens it stands for, and even nothing.
            left = max(self._bounds[parent, 2] - probability, SWALLOWED * probability)
            self._bounds[parent, 2] = left if self._counts[parent, 0] else 0.0
            self._links[node, 3] = self._links[parent, 2]
            self._links[parent, 2] = node
            self._children[parent << 32 | token] = node
        return node

    def keep(self, node: int, row: Row) -> None:
        """Have a row at hand, until it is the one that was not used for longest and there is no room."""
        dropped = self._rows.pop(node, None)
        self._kept_bytes -= 0 if dropped is None else dropped.n_bytes
        self._rows[node] = _Kept(row, self._weighed(node, row))
        self._kept_bytes += self._rows[node].n_bytes
        while self._kept_bytes > self.row_bytes and len(self._rows) > 1:
            _, dropped = self._rows.popitem(last=False)
            self._kept_bytes -= dropped.n_bytes


@dataclass(frozen=True, slots=True)
class _Kept:
    """A row at hand.  weights : float64[n], its probabilities times the bounds behind its tokens; kept up to date."""

    row: Row
    weights: NDArray[np.float64]

    @property
    def n_bytes(self) -> int:
        return self.row.n_bytes + self.weights.nbytes
