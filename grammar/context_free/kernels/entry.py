"""The one function of the kernels that Python calls."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

from ....jit import jit
from .items import behind_call, start
from .making import expand, fill, operation_of, resume, state_of
from .places import close, place_behind
from .store import N_PLACES, Store, clear

START_AT, EXPAND, FILL, RESUME, OPERATION, BEHIND_CALL, BEHIND, CLOSE = range(8)
"""What `step` does."""


def sources(*folders: Path) -> int:
    """A number for the files of kernels in some folders.

    What a function encloses is part of its key on disk, where Numba by itself looks at the time of its file alone.
    """
    files = [path for folder in folders for path in sorted(folder.glob("*.py"))]
    return crc32(b"".join(path.read_bytes() for path in files))


def _entry(key):
    """The function `step`; key : see `sources`."""

    @jit
    def step(action, first, second, *arrays):
        """Do one of START_AT ... CLOSE. What there is one of is returned: a state, an operation, a set or a place.

        arrays : those of a `Store`. A call with a tuple would take twice as long.
        It alone is called from Python: what is called from there is compiled with all that it calls, which takes long.
        """
        _ = key
        s = Store(*arrays)
        if action == START_AT:
            if s.n[N_PLACES] == 0:
                clear(s)
            return state_of(s, start(s, first))
        if action == BEHIND_CALL:
            return behind_call(s, first)
        if action == BEHIND:
            return place_behind(s, first)
        if action == OPERATION:
            return operation_of(s, first)
        if action == EXPAND:
            expand(s, first)
        elif action == FILL:
            fill(s, first, second)
        elif action == RESUME:
            resume(s, first, second)
        else:
            close(s, first)
        return first

    return step


step = _entry(sources(Path(__file__).parent))
