"""The official JSON Schema test suite, graded: what the masks say of every instance, beside what the suite says."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from shared_data import shared_dir
from strategies import EOS, byte_tokens

import gramask
from gramask.grammar.options import OPTION_NAMES

DRAFTS = {
    "draft4": "http://json-schema.org/draft-04/schema#",
    "draft6": "http://json-schema.org/draft-06/schema#",
    "draft7": "http://json-schema.org/draft-07/schema#",
    "draft2019-09": "https://json-schema.org/draft/2019-09/schema",
    "draft2020-12": "https://json-schema.org/draft/2020-12/schema",
}
RECORDS = Path(__file__).parent / "ratchet"
REFUSALS = (gramask.UnsupportedSchema, gramask.CompileBudgetExceeded)
RIGHT, FALSE_ACCEPT, FALSE_REJECT, REFUSED, ERROR = (
    "right",
    "false accept",
    "false reject",
    "refused",
    "error",
)
GRADES = (RIGHT, FALSE_ACCEPT, FALSE_REJECT, REFUSED, ERROR)
BYTES = gramask.Vocabulary([*byte_tokens(), EOS], eos_ids=[256])
BASE_URI = "http://localhost:1234/"


class Spelled(str):
    """A number as the file spells it: 1.0 and 1e400 stay what they are."""


@dataclass(frozen=True, slots=True)
class Instance:
    text: str
    valid: bool
    description: str


@dataclass(frozen=True, slots=True)
class Case:
    """One schema of the suite, as JSON text, with its instances. name : of the case, within the file."""

    name: str
    schema: str
    instances: tuple[Instance, ...]


@dataclass
class Graded:
    """What became of the instances of one file.

    counts  : grade -> instances.
    reasons : why schemas were refused, or which error came -> instances.
    wrong   : a line for each instance that is neither right nor refused.
    """

    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def record(self) -> dict[str, int]:
        return {grade: self.counts[grade] for grade in GRADES if self.counts[grade]}


def suite_dir() -> Path:
    return shared_dir("data", "JSON-Schema-Test-Suite")


def files(draft: str) -> dict[str, Path]:
    """The files of a draft by their name in the records: "enum", "optional/bignum", "optional/format/date"."""
    folder = suite_dir() / "tests" / draft
    found = sorted(folder.rglob("*.json"), key=lambda path: (len(path.relative_to(folder).parts), path.name))
    return {str(path.relative_to(folder).with_suffix("")): path for path in found}


def is_required(name: str) -> bool:
    return not name.startswith("optional/")


def cases(path: Path, draft: str) -> Iterator[Case]:
    """The cases of a file; `$schema` is added where a schema has none and is an object."""
    text = path.read_text(encoding="utf-8")
    # The suite has the default draft tested by schemas that name none.
    names_draft = path.stem != "no-schema"
    for case in json.loads(text, parse_int=Spelled, parse_float=Spelled):
        schema = with_draft(case["schema"], draft) if names_draft else case["schema"]
        instances = (
            Instance(compact(test["data"]), test["valid"], test["description"]) for test in case["tests"]
        )
        yield Case(case["description"], compact(schema), tuple(instances))


def with_draft(schema: Any, draft: str) -> Any:
    """`schema` with the `$schema` of a draft, where it has none and is an object."""
    return {"$schema": DRAFTS[draft]} | schema if isinstance(schema, dict) else schema


def compact(value: Any) -> str:
    """JSON text without white space; numbers as `Spelled`."""
    if isinstance(value, Spelled):
        return str(value)
    if isinstance(value, list):
        return "[" + ",".join(map(compact, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{compact(name)}:{compact(inner)}" for name, inner in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


@cache
def remotes() -> dict[str, Any]:
    """The documents that the suite's schemas refer to, by URI."""
    folder = suite_dir() / "remotes"
    found = {}
    for path in sorted(folder.rglob("*.json")):
        name = path.relative_to(folder).as_posix()
        if not name.startswith(("v1/", "draft3/")):
            found[BASE_URI + name] = json.loads(path.read_text(encoding="utf-8"))
    return found


def options_for(name: str) -> dict[str, Any]:
    """How schemas of the file called `name` are compiled."""
    asserts = name.startswith("optional/format/") or name == "optional/format-assertion"
    chosen: dict[str, Any] = {"order": "any", "formats": "enforce" if asserts else "annotate"}
    if "registry" in OPTION_NAMES:
        chosen["registry"] = remotes()
    return chosen


def grade_file(path: Path, draft: str, name: str) -> Graded:
    """Every instance of a file through masks over single bytes."""
    graded = Graded()
    options = options_for(name)
    for case in cases(path, draft):
        for instance, grade, reason in _grade_case(case, options):
            graded.counts[grade] += 1
            if reason:
                graded.reasons[reason] += 1
            if grade not in (RIGHT, REFUSED):
                line = f"{grade}: {name}: {case.name}: {instance.description}: {instance.text[:80]}"
                graded.wrong.append(line + (f" ({reason})" if reason else ""))
    return graded


def _grade_case(case: Case, options: dict[str, Any]) -> Iterator[tuple[Instance, str, str]]:
    constraint, grade, reason = None, "", ""
    try:
        constraint = gramask.compile(case.schema, BYTES, cache=False, **options)
    except gramask.UnsatisfiableSchema:
        pass
    except REFUSALS as error:
        grade, reason = REFUSED, error.keyword or type(error).__name__
    except Exception as error:  # whatever it is, it is a finding and must not end the run
        grade, reason = ERROR, f"{type(error).__name__}: {str(error)[:80]}"
    for instance in case.instances:
        yield instance, *((grade, reason) if grade else _grade_instance(constraint, instance))


def _grade_instance(constraint: gramask.Constraint | None, instance: Instance) -> tuple[str, str]:
    try:
        accepted = constraint is not None and accepts(
            constraint, instance.text.encode("utf-8", "surrogatepass")
        )
    except REFUSALS as error:  # an automaton that is filled lazily may meet its budget late
        return REFUSED, error.keyword or type(error).__name__
    except Exception as error:
        return ERROR, f"{type(error).__name__}: {str(error)[:80]}"
    if accepted == instance.valid:
        return RIGHT, ""
    return (FALSE_ACCEPT if accepted else FALSE_REJECT), ""


def accepts(constraint: gramask.Constraint, text: bytes) -> bool:
    """Whether masks let `text` through, byte by byte, and EOS behind it. The vocabulary begins with all bytes."""
    matcher = constraint.matcher()
    mask = np.empty(constraint.n_words, np.int32)
    for byte in text:
        matcher.fill_mask(mask)
        allowed = bool(mask[byte >> 5] >> (byte & 31) & 1)
        if matcher.advance(byte) != allowed:
            raise AssertionError(f"mask and advance disagree on byte {byte:#04x}")
        if not allowed:
            return False
    matcher.fill_mask(mask)
    end = constraint.vocabulary.eos_ids[0]
    ends = bool(mask[end >> 5] >> (end & 31) & 1)
    if ends != matcher.is_accepting():
        raise AssertionError("mask and is_accepting disagree on the end")
    return ends


def grade_draft(draft: str) -> dict[str, Graded]:
    return {name: grade_file(path, draft, name) for name, path in files(draft).items()}


def read_record(draft: str) -> dict[str, dict[str, dict[str, int]]]:
    """`{"required": {file: counts}, "optional": {file: counts}}`; empty where nothing is recorded."""
    path = RECORDS / f"{draft}.json"
    if not path.is_file():
        return {"required": {}, "optional": {}}
    return json.loads(path.read_text(encoding="utf-8"))


def write_record(draft: str, graded: dict[str, Graded]) -> None:
    sections = [("required", True), ("optional", False)]
    lines = []
    for section, required in sections:
        rows = [
            f'  "{name}": {json.dumps(found.record())}'
            for name, found in sorted(graded.items())
            if is_required(name) == required
        ]
        lines.append(f' "{section}": {{\n' + ",\n".join(rows) + "\n }")
    RECORDS.mkdir(exist_ok=True)
    (RECORDS / f"{draft}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def worse(before: dict[str, int], now: dict[str, int]) -> list[str]:
    """In which ways `now` is worse: fewer right, or more of any grade that is plainly wrong."""
    if sum(before.values()) != sum(now.values()):
        return [f"the file has {sum(now.values())} instances, the record {sum(before.values())}"]
    ways = (
        [f"right fell from {before.get(RIGHT, 0)} to {now.get(RIGHT, 0)}"]
        if (now.get(RIGHT, 0) < before.get(RIGHT, 0))
        else []
    )
    return ways + [
        f"{grade} rose from {before.get(grade, 0)} to {now[grade]}"
        for grade in (FALSE_ACCEPT, FALSE_REJECT, ERROR)
        if now.get(grade, 0) > before.get(grade, 0)
    ]
