"""How long an automaton is needed."""

from __future__ import annotations

import gc
import threading

from .pushdown import Pushdown


class Use:
    """As long as there is one, an automaton can be asked; with the last one it is taken apart.

    What makes states refers to the automaton, and that to what makes states. Such a cycle stays in memory until Python
    looks for garbage, which takes the longer the more there is, and falls on some token of another text.
    """

    def __init__(self, pushdown: Pushdown) -> None:
        self._pushdown = pushdown
        with _USERS:
            pushdown.n_users += 1

    def __del__(self) -> None:
        pushdown: Pushdown | None = getattr(self, "_pushdown", None)
        # What is garbage as a whole is collected as a whole, and finalizers may still ask for masks.
        if pushdown is None or _Collecting.now:
            return
        with _USERS:
            pushdown.n_users -= 1
            is_last = pushdown.n_users == 0
        if is_last:
            for part in (*pushdown.parts, pushdown):
                vars(part).clear()


# Held for a moment only, so that whoever forks finds it free.
_USERS = threading.RLock()


class _Collecting:
    """Whether garbage is being collected."""

    now = False

    @classmethod
    def note(cls, phase: str, info: dict[str, int]) -> None:
        cls.now = phase == "start"


gc.callbacks.append(_Collecting.note)
