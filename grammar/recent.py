"""A bounded memory of values that follow from their keys."""

from __future__ import annotations

import inspect
import sys
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
    lasting : whether `forget_all` leaves it alone.
    """

    def __init__(
        self, limit: int, size: Callable[[Value], int] = lambda value: 1, *, lasting: bool = False
    ) -> None:
        self.lasting = lasting
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


def forget_all() -> None:
    """Empty the caches of all modules of the package, so that nothing is left of what was compiled before.

    For measuring what schemas owe to each other: nothing changes but the time. What stays: functions without
    arguments, which are constants, and what belongs to a vocabulary (`TokenTables.forget`). Compiled constraints keep
    what they have learnt.
    """
    # Found, not registered: a cache that is new cannot be left out.
    package = __name__.partition(".")[0]
    modules = [module for name, module in sys.modules.items() if name.partition(".")[0] == package]
    for value in [value for module in modules for value in vars(module).values()]:
        if isinstance(value, Recent) and not value.lasting:
            value.clear()
        elif _is_cache(value):
            value.cache_clear()


def _is_cache(value: Any) -> bool:
    """Whether this is a function that remembers what it returned for its arguments."""
    return inspect.isroutine(getattr(value, "cache_clear", None)) and bool(
        inspect.signature(value).parameters
    )
