"""What importing and installing the package does, and which way imports run."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import gramask
from gramask.grammar.schema import report
from gramask.grammar.schema.keywords import NOT_ENFORCED

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = PROJECT["tool"]["setuptools"]["packages"]
LAYERS = ["errors", "grammar", "masks", "logits", "samplers", "integrations", "api", "cli"]
HEAVY = {"torch", "transformers", "numba", "numpy", "jsonschema", "lark", "rich", "pydantic"}


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def source_files() -> list[Path]:
    folders = [ROOT / name.removeprefix("gramask").replace(".", "/").lstrip("/") for name in PACKAGES]
    return sorted(path for folder in folders for path in folder.glob("*.py"))


def layer_of(path: Path) -> int:
    first = path.relative_to(ROOT).parts[0].removesuffix(".py")
    return LAYERS.index(first) if first in LAYERS else len(LAYERS)


def imported_layers(path: Path) -> set[str]:
    """The parts of gramask that a file imports, wherever in it."""
    here = ("gramask", *path.relative_to(ROOT).parts[:-1])
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = here[: len(here) - node.level + 1]
            target = (*base, *(node.module or "").split("."))
            names = [target] if node.module else [(*base, alias.name) for alias in node.names]
            found |= {name[1] for name in names if len(name) > 1 and name[1]}
        elif isinstance(node, ast.ImportFrom):
            assert not (node.module or "").startswith("gramask"), (
                f"{path}: imports inside the package are relative"
            )
    return found


def absolute_imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    return found


def test_import_loads_nothing_heavy() -> None:
    loaded = run_python("import sys, gramask; print(*{m.partition('.')[0] for m in sys.modules})").split()
    assert HEAVY.isdisjoint(loaded)


def test_checking_a_schema_needs_no_torch() -> None:
    code = "import sys, gramask; assert gramask.check({'type': 'integer'}).ok; print(*sys.modules)"
    assert {"torch", "transformers"}.isdisjoint(run_python(code).split())


def test_every_public_name_resolves() -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    for name in gramask.__all__:
        assert getattr(gramask, name) is not None, name
    assert set(gramask.__all__) <= set(dir(gramask))
    with pytest.raises(AttributeError, match="nonsense"):
        gramask.nonsense  # noqa: B018


def test_lazy_names_and_the_names_for_type_checkers_agree() -> None:
    tree = ast.parse((ROOT / "__init__.py").read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    typed = {
        alias.name: f".{node.module}"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == gramask._MODULES
    assert {*typed, "__version__"} == set(gramask.__all__)


def test_imports_run_one_way() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in source_files()
        for name in imported_layers(path)
        if name in LAYERS and LAYERS.index(name) > layer_of(path)
    ]
    assert wrong == []


def test_one_file_imports_numba() -> None:
    users = [path.relative_to(ROOT) for path in source_files() if "numba" in absolute_imports(path)]
    assert users == [Path("jit.py")]


def test_every_folder_with_code_is_listed_as_a_package() -> None:
    parts = {"grammar", "masks", "logits", "samplers", "integrations"}
    folders = {path.parent.relative_to(ROOT) for part in parts for path in (ROOT / part).rglob("*.py")}
    assert {"gramask." + ".".join(folder.parts) for folder in folders} | {"gramask"} == set(PACKAGES)


def readme_keywords(heading: str) -> set[str]:
    """The keywords that a paragraph of the README lists."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    paragraph = re.search(rf"- \*\*{heading}\*\*(.*?)\n(?:- |\n)", text, re.DOTALL)
    assert paragraph is not None
    return set(re.findall(r"`(\$?[A-Za-z-]+)`", paragraph.group(1)))


def test_readme_lists_the_keywords_as_the_engine_has_them() -> None:
    assert readme_keywords("Enforced") == report._ENFORCED
    assert readme_keywords("Refused") == set(NOT_ENFORCED)


@pytest.mark.slow
def test_wheel_holds_the_package_and_nothing_else(tmp_path: Path) -> None:
    pytest.importorskip("setuptools", minversion="77.0.3")
    # A copy, because a build leaves a folder behind whose old modules would end up in the next wheel.
    tree = tmp_path / "tree"
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".*", "build", "*.egg-info", "__pycache__"))
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "-q",
        "-w",
        "..",
        ".",
    ]
    subprocess.run(command, cwd=tree, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    tops = {name.split("/")[1] for name in names}
    assert all(name.startswith("gramask/") for name in names)
    assert {"py.typed", "assets", "cli.py", *(name.split(".")[1] for name in PACKAGES[1:])} <= tops
    assert tops.isdisjoint({"tests", "benchmarks", "training", "docs", "build", "constraints.txt"})
    expected = {f"gramask/{path.relative_to(ROOT).as_posix()}" for path in source_files()}
    assert {name for name in names if name.endswith(".py")} == expected
    assert {"gramask/assets/demo.json", "gramask/assets/model/model.safetensors"} <= set(names)
    grammars = {path.name for path in (ROOT / "grammar" / "collection").glob("*.[lg]*")}
    assert {"sql.lark", "c.gbnf"} <= grammars
    assert {f"gramask/grammar/collection/{name}" for name in grammars} <= set(names)
