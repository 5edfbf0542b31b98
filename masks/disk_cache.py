"""Arrays on disk, found by content: whatever is missing, damaged or foreign counts as not there."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

FORMAT = 1
"""Version of the container; each kind of table adds its own to the key or the kind."""

SIZE_LIMIT = 1 << 30
"""Bytes the directory may hold; beyond it `store` deletes the files that were used longest ago."""

_SEAL = "__sha256__"

# The declared type of `np.savez` takes arrays given by name for its options.
_save: Callable[..., None] = np.savez


def directory() -> Path | None:
    """Where tables are kept: `$GRAMASK_CACHE_DIR`, else the user's cache folder; None if there is no home."""
    chosen = os.environ.get("GRAMASK_CACHE_DIR")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
        return Path(base) / "gramask" / "Cache" if base else None
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "gramask"
    # The XDG Base Directory Specification says that a relative path is to be ignored.
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if os.path.isabs(base) else home / ".cache") / "gramask"


def load(key: str, kind: str) -> dict[str, Array] | None:
    """The arrays that were stored under `key` and `kind`, or None. Never raises."""
    path = _path(key, kind)
    if path is None:
        return None
    # A damaged file can raise nearly anything from zipfile and numpy (BadZipFile, ValueError, EOFError,
    # MemoryError, ...), and each of them means the same here: rebuild.
    try:
        if path.stat().st_size > SIZE_LIMIT:
            return None
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        seal = bytes(arrays.pop(_SEAL))
        if seal != _checksum(key, kind, arrays):
            return None
    except Exception:
        return None
    with contextlib.suppress(OSError):
        os.utime(path)
    return arrays


def store(key: str, kind: str, arrays: Mapping[str, Array]) -> None:
    """Keep `arrays` under `key` and `kind`; a no-op where nothing can be written.

    The file appears whole or not at all, also when two processes store the same key.
    Raises ValueError for arrays of Python objects.
    """
    path = _path(key, kind)
    if path is None:
        return
    if any(array.dtype.hasobject for array in arrays.values()) or _SEAL in arrays:
        raise ValueError("only arrays of numbers can be stored")
    sealed = {**arrays, _SEAL: np.frombuffer(_checksum(key, kind, arrays), np.uint8)}
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(path, sealed)
        _prune(path.parent.iterdir())


def _path(key: str, kind: str) -> Path | None:
    folder = directory()
    return None if folder is None else folder / f"{kind}-{hashlib.sha256(key.encode()).hexdigest()[:40]}.npz"


def _checksum(key: str, kind: str, arrays: Mapping[str, Array]) -> bytes:
    """SHA-256 of the container's version, the key, and each array's name, type, shape and bytes."""
    digest = hashlib.sha256(repr((FORMAT, key, kind)).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(repr((name, array.dtype.str, array.shape)).encode())
        digest.update(array.tobytes())
    return digest.digest()


def _write(path: Path, arrays: Mapping[str, Array]) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".writing-", suffix=".npz")
    try:
        with os.fdopen(handle, "wb") as file:
            _save(file, **arrays)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _prune(paths: Iterable[Path]) -> None:
    """Delete the files used longest ago until `SIZE_LIMIT` holds; another process may be doing the same."""
    found = []
    for path in paths:
        with contextlib.suppress(OSError):
            if path.suffix == ".npz":
                status = path.stat()
                found.append((status.st_mtime, status.st_size, path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= SIZE_LIMIT:
            return
        with contextlib.suppress(OSError):
            path.unlink()
        total -= size
