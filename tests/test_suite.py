"""The official JSON Schema test suite: the engine gets no worse, and the judge of the other tests gets it all.

The grades of each file are recorded in tests/ratchet. After an improvement, record them: python tests/ratchet_update.py
"""

from __future__ import annotations

import pytest
from official_suite import (
    DRAFTS,
    Spelled,
    cases,
    compact,
    files,
    grade_draft,
    is_required,
    read_record,
    remotes,
    worse,
)
from reference.formats import RULES
from reference.judge import Judge

# What the judge leaves out: contents of strings, `dependencies` after draft 7, formats without a rule of its own.
NOT_JUDGED = ("optional/content", "optional/dependencies-compatibility", "optional/format/ecmascript-regex")
HINT = "better grades are recorded by: python tests/ratchet_update.py"


@pytest.mark.parametrize("draft", DRAFTS)
def test_no_file_is_worse_than_recorded(draft: str) -> None:
    record = read_record(draft)
    graded = grade_draft(draft)
    assert sorted(record["required"]) == sorted(filter(is_required, graded)), HINT
    findings = []
    for name, found in graded.items():
        before = record["required" if is_required(name) else "optional"].get(name)
        ways = worse(before, found.record()) if before is not None else []
        findings += [f"{name}: {way}" for way in ways]
        if ways:
            findings += [f"    {line}" for line in found.wrong]
    assert not findings, "\n".join([*findings, HINT])


def judged(name: str) -> bool:
    kind, _, file = name.rpartition("/")
    return name not in NOT_JUDGED and (kind != "optional/format" or file in RULES)


@pytest.mark.parametrize("draft", DRAFTS)
def test_judge_is_right_everywhere(draft: str) -> None:
    wrong = [
        f"{name}: {case.name}: {instance.description}"
        for name, path in files(draft).items()
        if judged(name)
        for case in cases(path, draft)
        for formats in [name.startswith("optional/format")]
        for judge in [Judge(case.schema, draft=DRAFTS[draft], formats=formats, registry=remotes())]
        for instance in case.instances
        if judge.accepts(instance.text) != instance.valid
    ]
    assert wrong == []


def test_worse() -> None:
    before = {"right": 2, "refused": 2}
    assert worse(before, {"right": 4}) == []
    assert worse(before, {"right": 3, "false accept": 1}) == ["false accept rose from 0 to 1"]
    assert worse(before, {"right": 1, "refused": 3}) == ["right fell from 2 to 1"]
    assert worse(before, {"right": 3}) == ["the file has 3 instances, the record 4"]


def test_numbers_keep_their_spelling() -> None:
    assert (
        compact({"a": [Spelled("1.0"), Spelled("1e400"), None, True, "é\n"]})
        == '{"a":[1.0,1e400,null,true,"é\\n"]}'
    )
