"""A bounded memory of values that follow from their keys."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import wraps
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")
CACHE_BYTES = 16 << 20
"""What the automata of one cache may take."""


class Recent(Generic[Value]):
    """Thread-safe least-recently-used cache.

    limit : the most that the sizes of the values kept may add up to.
    size  : of one value; without it every value counts as one.
    """

    def __init__(self, limit: int, size: Callable[[Value], int] = lambda value: 1) -> None:
        self._limit = limit
        self._size = size
        self._total = 0
        self._entries: OrderedDict[Hashable, Value] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """The value kept under `key`, else what `make` returns."""
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
                return self._entries[key]
        # Outside the lock: two threads may make the same value, but none waits for another's.
        made = make()
        with self._lock:
            if key in self._entries:
                return self._entries[key]
            self._entries[key] = made
            self._total += self._size(made)
            while self._total > self._limit and len(self._entries) > 1:
                _, dropped = self._entries.popitem(last=False)
                self._total -= self._size(dropped)
        return made

    def clear(self) -> None:
        """Forget all values."""
        with self._lock:
            self._entries.clear()
            self._total = 0


def recently(limit: int, size: Callable[[Any], int]) -> Callable[[Callable[..., Value]], Any]:
    """As `functools.lru_cache`, where sizes count: a few values may be as large as all others together."""

    def decorate(make: Callable[..., Value]) -> Any:
        cache: Recent[Value] = Recent(limit, size)

        @wraps(make)
        def kept(*key: Hashable) -> Value:
            return cache.get(key, lambda: make(*key))

        kept.cache_clear = cache.clear  # type: ignore[attr-defined]
        return kept

    return decorate
