"""How kernels are compiled."""

from __future__ import annotations

from functools import partial
from typing import Any

from numba import config, njit, types
from numba.core import event
from numba.extending import intrinsic

from .jit_progress import CompileProgress

# Kernels that need an instruction of their own take these from here: no other file imports numba.
__all__ = ["INTERPRETED", "fence", "inlined", "inner", "intrinsic", "jit", "types"]

# Whether kernels run as plain Python.
INTERPRETED: bool = bool(config.DISABLE_JIT)  # type: ignore[attr-defined]

# Kernels own no memory, so they go without Numba's reference counting: the atomic counts of the arrays of one call
# cost more than the step it makes (90 against 10 ns, measured on a 2-core x86-64 machine).
jit: Any = partial(njit, cache=True, nogil=True, _nrt=False)
inlined: Any = partial(jit, inline="always")
# Only called by kernels: without what would let Python call it, it is compiled in less time. It is not kept on disk,
# where what it calls in other files could be out of date.
inner: Any = partial(jit, cache=False, no_cpython_wrapper=True, no_cfunc_wrapper=True)


@intrinsic
def _release_fence(typingctx: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.fence("release")
        return context.get_dummy_value()

    return types.void(), generate


def _no_fence() -> None:
    pass


# Other threads see what was written before it no later than what is written behind it.
fence: Any = _no_fence if INTERPRETED else _release_fence


class _Compilations(event.Listener):
    """Tells what is compiled of this package."""

    def __init__(self) -> None:
        self._progress = CompileProgress()

    def on_start(self, event: Any) -> None:
        if name := _kernel_of(event):
            self._progress.begin(name)

    def on_end(self, event: Any) -> None:
        if _kernel_of(event):
            self._progress.end()


def _kernel_of(event: Any) -> str | None:
    """The name of the kernel that an event is about, None if it is somebody else's."""
    function: Any = getattr(event.data.get("dispatcher"), "py_func", None)
    if function is None or not function.__module__.startswith(f"{__package__}."):
        return None
    return str(function.__name__)


event.register("numba:compile", _Compilations())
