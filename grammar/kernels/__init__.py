"""What is done with automata in flat arrays. Modules are loaded when they are asked for: not all who read a schema
need kernels, and numba takes its time."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import dfas, lexemes, texts

__all__ = ["dfas", "lexemes", "texts"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f".{name}", __name__)
