"""Whatever happens to the files, `load` returns exactly what was stored, or nothing."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from gramask.masks import disk_cache

ARRAYS = {
    "rows": np.arange(12, dtype=np.int32).reshape(4, 3),
    "empty": np.zeros((0, 2), np.uint16),
    "flags": np.array([True, False]),
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GRAMASK_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def assert_same(found, expected=ARRAYS):
    assert found is not None and sorted(found) == sorted(expected)
    for name, array in expected.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].tolist() == array.tolist()


def only_file(folder):
    (path,) = folder.iterdir()
    return path


def test_round_trip_by_key_and_kind(folder):
    assert disk_cache.load("key", "trie1") is None
    disk_cache.store("key", "trie1", ARRAYS)
    assert_same(disk_cache.load("key", "trie1"))
    assert disk_cache.load("key", "trie2") is None
    assert disk_cache.load("other key", "trie1") is None
    assert only_file(folder).name.startswith("trie1-")


def test_store_replaces():
    disk_cache.store("key", "kind", ARRAYS)
    disk_cache.store("key", "kind", {"rows": np.ones(1)})
    assert_same(disk_cache.load("key", "kind"), {"rows": np.ones(1)})


def test_every_truncation_is_rebuilt(folder):
    disk_cache.store("key", "kind", ARRAYS)
    path = only_file(folder)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        assert disk_cache.load("key", "kind") is None
    disk_cache.store("key", "kind", ARRAYS)
    assert_same(disk_cache.load("key", "kind"))


def test_no_flipped_bit_changes_what_is_loaded(folder):
    disk_cache.store("key", "kind", ARRAYS)
    path = only_file(folder)
    whole = path.read_bytes()
    refused = 0
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 0x41
        path.write_bytes(damaged)
        found = disk_cache.load("key", "kind")
        refused += found is None
        # Some bytes of a zip file mean nothing here (dates, attributes); the arrays are right all the same.
        if found is not None:
            assert_same(found)
    assert refused > len(whole) // 2


def save_array(path):
    with open(path, "wb") as file:
        np.save(file, np.arange(3))


class Bomb:
    def __reduce__(self):
        return exec, ("raise SystemExit('a pickle was loaded')",)


FOREIGN = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("not an archive"),
    "npy": save_array,
    "npz without seal": lambda path: np.savez(path, **ARRAYS),
    "npz with wrong seal": lambda path: np.savez(path, **ARRAYS, __sha256__=np.zeros(32, np.uint8)),
    "npz with pickle": lambda path: np.savez(path, rows=np.array([Bomb()], object)),
    "pickle": lambda path: path.write_bytes(pickle.dumps(Bomb())),
}


@pytest.mark.parametrize("write", FOREIGN.values(), ids=FOREIGN)
def test_foreign_file_is_rebuilt(folder, write):
    disk_cache.store("key", "kind", ARRAYS)
    write(only_file(folder))
    assert disk_cache.load("key", "kind") is None
    disk_cache.store("key", "kind", ARRAYS)
    assert_same(disk_cache.load("key", "kind"))


def test_file_of_another_key_or_version_is_refused(folder, monkeypatch):
    disk_cache.store("key", "kind", ARRAYS)
    first = only_file(folder)
    disk_cache.store("other", "kind", {"rows": np.ones(1)})
    (second,) = set(folder.iterdir()) - {first}
    os.replace(second, first)
    assert disk_cache.load("key", "kind") is None
    disk_cache.store("key", "kind", ARRAYS)
    monkeypatch.setattr(disk_cache, "FORMAT", disk_cache.FORMAT + 1)
    assert disk_cache.load("key", "kind") is None


def test_objects_are_never_stored():
    with pytest.raises(ValueError, match="only arrays of numbers"):
        disk_cache.store("key", "kind", {"rows": np.array([object()])})


@pytest.mark.parametrize("blocked", ["file", "under a file"])
def test_unusable_folder_means_no_cache(tmp_path, monkeypatch, blocked):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GRAMASK_CACHE_DIR", str(tmp_path / ("file" if blocked == "file" else "file/cache")))
    disk_cache.store("key", "kind", ARRAYS)
    assert disk_cache.load("key", "kind") is None


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder_means_no_cache(folder):
    folder.mkdir(mode=0o500)
    disk_cache.store("key", "kind", ARRAYS)
    assert disk_cache.load("key", "kind") is None


def test_failed_write_leaves_nothing_behind(folder, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(disk_cache.os, "replace", fail)
    disk_cache.store("key", "kind", ARRAYS)
    assert list(folder.iterdir()) == []


def test_missing_home_means_no_cache(monkeypatch):
    def no_home():
        raise RuntimeError("no home")

    monkeypatch.delenv("GRAMASK_CACHE_DIR")
    monkeypatch.setattr(disk_cache.Path, "home", no_home)
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    assert disk_cache.directory() is None
    disk_cache.store("key", "kind", ARRAYS)
    assert disk_cache.load("key", "kind") is None


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the XDG folders are Linux's")
def test_user_folder_follows_xdg(monkeypatch, tmp_path):
    monkeypatch.delenv("GRAMASK_CACHE_DIR")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert disk_cache.directory() == tmp_path / "xdg" / "gramask"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert disk_cache.directory() == tmp_path / ".cache" / "gramask"


def test_oldest_files_make_room(folder, monkeypatch):
    for number in range(4):
        disk_cache.store(str(number), "kind", ARRAYS)
    size = next(folder.iterdir()).stat().st_size
    for age, number in enumerate([2, 0, 3, 1]):  # 1 is the one used longest ago
        os.utime(disk_cache._path(str(number), "kind"), (10_000 - age, 10_000 - age))
    monkeypatch.setattr(disk_cache, "SIZE_LIMIT", 3 * size)
    disk_cache.store("new", "kind", ARRAYS)
    kept = {name for name in ["0", "1", "2", "3", "new"] if disk_cache.load(name, "kind")}
    assert kept == {"0", "2", "new"}


WRITER = """
import sys
import numpy as np
from gramask.masks import disk_cache
for round in range(150):
    disk_cache.store("key", "kind", {"rows": np.full(5000, int(sys.argv[1]), np.int32)})
    rows = disk_cache.load("key", "kind")["rows"]
    assert len(rows) == 5000 and len(set(rows.tolist())) == 1, "a torn file"
"""


def test_two_processes_store_the_same_key(folder):
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, number]) for number in "12"]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0]
    assert len(list(folder.iterdir())) == 1
    assert set(disk_cache.load("key", "kind")["rows"].tolist()) in ({1}, {2})
