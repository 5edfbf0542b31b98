"""The texts of a run: found on the machine or generated, kept if the reference accepts them; and mutated ones."""

from __future__ import annotations

import os
import random
import re
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ..maskbench.corpus import list_files, read_case
from ..maskbench.errors import BenchmarkError
from .generate import generated
from .languages import Accepts, Language

PACKAGES = Path(sysconfig.get_path("purelib"))
FOLDERS = {
    "sql": (PACKAGES, Path("/usr/share")),
    "c": (Path(sysconfig.get_path("include")), Path("/usr/include"), Path("/usr/src")),
    "xml": (PACKAGES, Path("/usr/share")),
    "sexpr": (Path("/usr/share"),),
    "python": (Path(sysconfig.get_path("stdlib")),),
}
MAX_FILES = 20_000
MAX_BYTES = 100_000
# So that no single text is most of what is measured.
LARGEST_SHARE = 0.2
LONGEST_MUTATED = 2000
MUTATIONS_TRIED = 20
_QUOTED_QUERY = re.compile(r"(\"\"\"|'''|\"|')(\s*(?:select|with)\s.+?)\1", re.IGNORECASE | re.DOTALL)

Encode = Callable[[str], list[int]]


@dataclass(frozen=True, slots=True)
class Texts:
    """Token ids of texts that the reference accepts, and of mutated ones that it rejects."""

    good: tuple[tuple[int, ...], ...]
    bad: tuple[tuple[int, ...], ...]

    @property
    def n_tokens(self) -> int:
        return sum(map(len, self.good))


def gather(
    language: Language,
    encode: Encode,
    *,
    data: Path | None,
    extra: Path | None,
    max_tokens: int,
    n_mutations: int,
    seed: int,
) -> Texts:
    """Up to `max_tokens` tokens of texts, `n_mutations` mutated ones. Raises BenchmarkError where there is no text."""
    accepts = language.reference()
    kept: list[str] = []
    good: list[tuple[int, ...]] = []
    left = max_tokens
    for text in _candidates(language, data, extra, seed):
        if not accepts(text):
            continue
        tokens = tuple(encode(text))
        if tokens and len(tokens) <= min(left, max(1, LARGEST_SHARE * max_tokens)):
            kept.append(text)
            good.append(tokens)
            left -= len(tokens)
        if left < max_tokens // 50:
            break
    if not good:
        raise BenchmarkError(
            f"no {language.name} texts: none found that the reference accepts; see --data and --texts"
        )
    bad = [tuple(encode(text)) for text in _mutations(kept, accepts, n_mutations, seed)]
    return Texts(tuple(good), tuple(bad))


def _candidates(language: Language, data: Path | None, extra: Path | None, seed: int) -> Iterator[str]:
    """Texts of the caller first, then those found, in an order drawn by `seed`, then generated ones."""
    if extra is not None:
        yield from _read_all(sorted(_files((extra,), language.suffixes)))
    if language.name == "json":
        yield from _instances(data, seed)
    if language.name == "sql":
        # Found statements first, but not for ever: most files hold none.
        yield from islice(_quoted_queries(seed), 200)
    paths = sorted(_files(FOLDERS.get(language.name, ()), language.suffixes))
    random.Random(seed).shuffle(paths)
    yield from _read_all(paths)
    yield from generated(language.name, seed)


def _instances(data: Path | None, seed: int) -> Iterator[str]:
    """The documents of MaskBench's files."""
    if data is None:
        raise BenchmarkError(
            "json needs --data, the folder of MaskBench's *.json files (or name other --languages)"
        )
    names = list_files(data)
    random.Random(seed).shuffle(names)
    for name in names:
        for instance in read_case(data, name).instances:
            yield instance.text


def _quoted_queries(seed: int) -> Iterator[str]:
    """Queries in the string literals of installed packages and the standard library."""
    paths = sorted(_files((Path(sysconfig.get_path("stdlib")), PACKAGES), (".py",)))
    random.Random(seed).shuffle(paths)
    for text in _read_all(paths[:4000]):
        for _, query in _QUOTED_QUERY.findall(text):
            yield query


def _files(folders: tuple[Path, ...], suffixes: tuple[str, ...]) -> Iterator[Path]:
    n = 0
    for folder in folders:
        for root, names, files in os.walk(folder):
            names.sort()
            for file in files:
                if file.endswith(suffixes):
                    yield Path(root, file)
                    n += 1
                    if n >= MAX_FILES:
                        return


def _read_all(paths: list[Path]) -> Iterator[str]:
    for path in paths:
        try:
            if path.stat().st_size <= MAX_BYTES:
                yield path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue


def _mutations(texts: list[str], accepts: Accepts, n: int, seed: int) -> list[str]:
    """Texts that are nearly right, as far as the reference rejects them."""
    rng = random.Random(seed)
    short = [text for text in texts if len(text) <= LONGEST_MUTATED] or [
        text[:LONGEST_MUTATED] for text in texts
    ]
    found: list[str] = []
    for _ in range(MUTATIONS_TRIED * n):
        if len(found) == n:
            break
        text = mutated(rng, rng.choice(short))
        if not accepts(text):
            found.append(text)
    return found


def mutated(rng: random.Random, text: str) -> str:
    """`text` with a character or a word deleted, inserted, replaced by another of the text, or swapped."""
    parts = list(text) if rng.random() < 0.5 else re.findall(r"\s+|\w+|.", text, re.DOTALL)
    if not parts:
        return text
    i, j = rng.randrange(len(parts)), rng.randrange(len(parts))
    change = rng.choice(("delete", "insert", "replace", "swap"))
    if change == "delete":
        del parts[i]
    elif change == "insert":
        parts.insert(i, parts[j])
    elif change == "replace":
        parts[i] = parts[j]
    else:
        parts[i], parts[j] = parts[j], parts[i]
    return "".join(parts)
