"""Schemas made to hurt, and a process that runs one of them at a time under limits.

    python tests/hostile.py              every case, as a table
    python tests/hostile.py deep minL    those whose names contain one of the words

A case runs in a fork of a process in which gramask is loaded and its kernels are compiled, so that its time is that of
the schema alone: compile, the first mask, and the way to one finished document.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

SECONDS = 2.0
# A machine may be slower than the one the limit was thought for, and busy.
SLOW_MACHINE = 3.0
# For what neither computes nor ends.
WALL_SECONDS = 60.0
MEMORY = 1 << 30
MAX_TOKENS = 2_000_000

Case = tuple[Any, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a case.

    ending  : "document", the name of a GramaskError, or the name of what should not have happened.
    seconds : of the processor, from before `compile` to the finished document or the error. All of it runs in one
              thread, so that this is the time on the wall of an idle machine, and other work beside it does no harm.
    megabytes : the most memory above what the process had before.
    """

    ending: str
    seconds: float
    megabytes: float
    detail: str = ""
    obeys: bool = False


def _objects(n: int, **more: Any) -> list[Any]:
    return [{"properties": {"k": {"const": i}} | more, "required": ["k"], "type": "object"} for i in range(n)]


def _nested(wrap: Callable[[Any], Any], n: int = 10_000) -> Any:
    schema: Any = {"type": "integer"}
    for _ in range(n):
        schema = wrap(schema)
    return schema


def _nested_text(before: str, after: str, n: int = 10_000) -> str:
    return before * n + '{"type":"integer"}' + after * n


def _text(pattern: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "pattern": pattern} | more


def _chain(n: int) -> dict[str, Any]:
    return {"$defs": {f"d{i}": {"$ref": f"#/$defs/d{i + 1}"} for i in range(n)} | {f"d{n}": {"type": "null"}}}


def _doubling(keyword: str, n: int = 40) -> dict[str, Any]:
    """Each definition refers to the next one twice: 2 ** n leaves."""
    defs: dict[str, Any] = {
        f"d{i}": {keyword: [{"$ref": f"#/$defs/d{i + 1}"}, {"$ref": f"#/$defs/d{i + 1}"}]} for i in range(n)
    }
    return {"$defs": defs | {f"d{n}": {"type": "integer"}}, "$ref": "#/$defs/d0"}


def _clauses(n_names: int = 30, n_clauses: int = 120) -> dict[str, Any]:
    """A satisfiability problem: each branch of an `allOf` wants one of three members to be true or false."""
    draws = iter(range(7, 10**9, 2_654_435))
    clauses = []
    for _ in range(n_clauses):
        literals = [(next(draws) * 48_271 % 2_147_483_647) for _ in range(3)]
        clauses.append(
            {
                "anyOf": [
                    {
                        "properties": {f"x{v % n_names}": {"const": v // n_names % 2 == 0}},
                        "required": [f"x{v % n_names}"],
                    }
                    for v in literals
                ]
            }
        )
    return {"type": "object", "allOf": clauses}


ANY = {"order": "any"}
NAMES = [f"name{i}" for i in range(1000)]


def _overlapping(n: int) -> list[Any]:
    """Objects of which each says of one name what the next contradicts."""
    return [
        {"type": "object", "properties": {f"k{i}": {"type": "integer"}, f"k{i + 1}": {"type": "string"}}}
        for i in range(n)
    ]


CASES: dict[str, Callable[[], Case]] = {
    "enum of 10,000 strings": lambda: ({"enum": [f"value {i * 7919 % 10007}" for i in range(10_000)]}, {}),
    "enum of 10,000 integers": lambda: ({"enum": [i * 7919 for i in range(10_000)]}, {}),
    "enum of 10,000 objects": lambda: ({"enum": [{"a": i, "b": {"c": [i]}} for i in range(10_000)]}, {}),
    "enum of 1,000 objects in any order": lambda: (
        {"enum": [dict.fromkeys("abcdefgh", i) for i in range(1000)]},
        ANY,
    ),
    "1,000 properties": lambda: (
        {"type": "object", "properties": {n: {"type": "integer"} for n in NAMES}},
        {},
    ),
    "1,000 properties in any order": lambda: (
        {"type": "object", "properties": {n: {"type": "integer"} for n in NAMES}},
        ANY,
    ),
    "1,000 required in any order": lambda: (
        {"type": "object", "properties": {n: {"type": "integer"} for n in NAMES}, "required": NAMES},
        ANY,
    ),
    "1,000 required, undeclared": lambda: ({"type": "object", "required": NAMES}, {}),
    "deep properties": lambda: (
        _nested(lambda s: {"type": "object", "properties": {"a": s}, "required": ["a"]}),
        {},
    ),
    "deep items": lambda: (_nested(lambda s: {"type": "array", "items": s, "minItems": 1}), {}),
    "deep allOf": lambda: (_nested(lambda s: {"allOf": [s]}), {}),
    "deep anyOf": lambda: (_nested(lambda s: {"anyOf": [s, {"type": "null"}]}), {}),
    "deep oneOf": lambda: (_nested(lambda s: {"oneOf": [s]}), {}),
    "deep not": lambda: (_nested(lambda s: {"not": s}), {}),
    "deep if": lambda: (_nested(lambda s: {"if": True, "then": s}), {}),
    "deep const": lambda: ({"const": _nested(lambda s: [s])}, {}),
    "deep properties, text": lambda: (_nested_text('{"properties":{"a":', "}}"), {}),
    "deep items, text": lambda: (_nested_text('{"items":', "}"), {}),
    "deep allOf, text": lambda: (_nested_text('{"allOf":[', "]}"), {}),
    "deep anyOf, text": lambda: (_nested_text('{"anyOf":[', "]}"), {}),
    "deep not, text": lambda: (_nested_text('{"not":', "}"), {}),
    "deep const, text": lambda: ('{"const":' + "[" * 100_000 + "]" * 100_000 + "}", {}),
    "150 deep anyOf of two": lambda: (
        _nested(lambda s: {"anyOf": [s, {"type": "object", "properties": {"a": s}}]}, 150),
        {},
    ),
    "not 150 times over an object": lambda: (
        _nested(lambda s: {"not": s}, 150) | {"properties": {"a": {"type": "null"}}},
        {},
    ),
    "not 1,000 times": lambda: (_nested(lambda s: {"not": s}, 1000), {}),
    "maxLength 100,000": lambda: ({"type": "string", "maxLength": 100_000}, {}),
    "minLength 100,000": lambda: ({"type": "string", "minLength": 100_000}, {}),
    "minLength 10^18": lambda: ({"type": "string", "minLength": 10**18}, {}),
    "minLength 100,000 and a pattern": lambda: (_text("^(ab|c)*$", minLength=100_000), {}),
    "maxItems 100,000": lambda: ({"type": "array", "items": {"type": "null"}, "maxItems": 100_000}, {}),
    "minItems 100,000": lambda: ({"type": "array", "items": {"type": "null"}, "minItems": 100_000}, {}),
    "minItems 10^18": lambda: ({"type": "array", "minItems": 10**18}, {}),
    "minProperties 1,000": lambda: ({"type": "object", "minProperties": 1000}, {}),
    "maxProperties 1,000 of 2,000": lambda: (
        {"type": "object", "properties": {f"n{i}": True for i in range(2000)}, "maxProperties": 1000},
        ANY,
    ),
    "50 anyOf x 50 anyOf": lambda: ({"allOf": [{"anyOf": _objects(50)}, {"anyOf": _objects(50, l={})}]}, {}),
    "50 anyOf x 50 anyOf, independent": lambda: (
        {
            "type": "object",
            "allOf": [
                {"anyOf": [{"properties": {n: {"const": i}}, "required": [n]} for i in range(50)]}
                for n in "ab"
            ],
        },
        ANY,
    ),
    "50 anyOf in 50 anyOf": lambda: (
        {"anyOf": [{"anyOf": _objects(50, t={"const": i})} for i in range(50)]},
        {},
    ),
    "30 allOf of 2 anyOf": lambda: (
        {
            "type": "object",
            "allOf": [
                {"anyOf": [{"required": [f"a{i}"]}, {"required": [f"b{i}"], "maxProperties": 40}]}
                for i in range(30)
            ],
        },
        ANY,
    ),
    "a satisfiability problem": lambda: (_clauses(), ANY),
    "oneOf of 100 told apart by a tag": lambda: ({"oneOf": _objects(100, v={"type": "string"})}, {}),
    "oneOf of 100 told apart by a tag, any order": lambda: (
        {"oneOf": _objects(100, v={"type": "string"})},
        ANY,
    ),
    "oneOf of 50 that overlap": lambda: ({"oneOf": _overlapping(50)}, ANY),
    "oneOf of 40 that overlap": lambda: ({"oneOf": _overlapping(40)}, ANY),
    "oneOf of 30 patterns": lambda: (
        {"type": "string", "oneOf": [{"pattern": f"a.{{{i}}}b"} for i in range(30)]},
        {},
    ),
    "a $ref to itself": lambda: ({"$ref": "#"}, {}),
    "two $refs to each other": lambda: (
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        {},
    ),
    "allOf in a circle": lambda: (
        {
            "$defs": {
                "a": {"allOf": [{"$ref": "#/$defs/b"}, {"type": "object"}]},
                "b": {"allOf": [{"$ref": "#/$defs/a"}]},
            },
            "$ref": "#/$defs/a",
        },
        {},
    ),
    "not itself": lambda: ({"not": {"$ref": "#"}}, {}),
    "oneOf in a circle": lambda: ({"oneOf": [{"$ref": "#"}, {"type": "null"}]}, {}),
    "if in a circle": lambda: ({"if": {"$ref": "#"}, "then": False, "else": {"type": "null"}}, {}),
    "required recursion": lambda: (
        {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
        {},
    ),
    "not of a recursive schema": lambda: (
        {"$defs": {"t": {"type": "array", "items": {"$ref": "#/$defs/t"}}}, "not": {"$ref": "#/$defs/t"}},
        {},
    ),
    "a chain of 5,000 $refs": lambda: (_chain(5000) | {"$ref": "#/$defs/d0"}, {}),
    "2^40 allOf": lambda: (_doubling("allOf"), {}),
    "2^40 anyOf": lambda: (_doubling("anyOf"), {}),
    "2^40 oneOf": lambda: (_doubling("oneOf"), {}),
    "2^40 prefixItems": lambda: (_doubling("prefixItems"), {}),
    "regex (a+)+$": lambda: (_text("^(a+)+$"), {}),
    "regex (a|aa)+": lambda: (_text("^(a|aa)+$"), {}),
    "regex (x+x+)+y": lambda: (_text("(x+x+)+y"), {}),
    "regex a{1000}{1000}": lambda: (_text("^(a{1000}){1000}$"), {}),
    "regex (.{0,5000}){0,50}": lambda: (_text("^(.{0,5000}x){0,50}$"), {}),
    "regex [^]*(a|b)[^]{30}": lambda: (_text("^[^]*(a|b)[^]{30}$"), {}),
    "regex 20 lookaheads": lambda: (
        _text("^" + "".join(f"(?=.*{c})" for c in "abcdefghijklmnopqrst") + ".*$"),
        {},
    ),
    "regex of 100,000 characters": lambda: (_text("^" + "ab(c|d)" * 14_000 + "$"), {}),
    "regex 5,000 groups deep": lambda: (_text("(" * 5000 + "a" + ")" * 5000), {}),
    "regex of 2,000 words": lambda: (
        _text("^(" + "|".join(f"word{i * 7919}" for i in range(2000)) + ")$"),
        {},
    ),
    "20 patterns at once": lambda: (
        {"type": "string", "allOf": [{"pattern": f"a.{{{i}}}[a-{chr(98 + i)}]"} for i in range(20)]},
        {},
    ),
    "20 patterns, none of them": lambda: (
        {"type": "string", "allOf": [{"not": {"pattern": f"a.{{{i}}}[a-{chr(98 + i)}]"}} for i in range(20)]},
        {},
    ),
    "a schema of 1 MB": lambda: (
        {
            "type": "object",
            "properties": {
                f"property {i}": {"type": "string", "description": "d" * 400, "maxLength": i}
                for i in range(2000)
            },
        },
        {},
    ),
    "1,000 patternProperties": lambda: (
        {"type": "object", "patternProperties": {f"^p{i}_": {"type": "integer"} for i in range(1000)}},
        ANY,
    ),
    "30 patternProperties that overlap": lambda: (
        {"type": "object", "patternProperties": {f"a.{{{i}}}b": {"minimum": i} for i in range(30)}},
        ANY,
    ),
    "200 dependentSchemas": lambda: (
        {
            "type": "object",
            "dependentSchemas": {
                f"k{i}": {"properties": {f"k{i + 1}": {"type": "integer"}}} for i in range(200)
            },
        },
        ANY,
    ),
    "200 dependentRequired in a circle": lambda: (
        {
            "type": "object",
            "dependentRequired": {f"k{i}": [f"k{(i + 1) % 200}"] for i in range(200)},
            "minProperties": 1,
        },
        ANY,
    ),
    "uniqueItems: 1,000 of 1,000": lambda: (
        {"type": "array", "items": {"enum": list(range(1000))}, "minItems": 1000, "uniqueItems": True},
        {},
    ),
    "uniqueItems: 1,001 of 1,000": lambda: (
        {"type": "array", "items": {"enum": list(range(1000))}, "minItems": 1001, "uniqueItems": True},
        {},
    ),
    "uniqueItems: 1,000 of any": lambda: ({"type": "array", "minItems": 1000, "uniqueItems": True}, {}),
    "minContains 1,000": lambda: (
        {"type": "array", "contains": {"type": "integer", "minimum": 5}, "minContains": 1000},
        {},
    ),
    "20 contains at once": lambda: (
        {"type": "array", "allOf": [{"contains": {"multipleOf": p}} for p in range(2, 22)], "maxItems": 20},
        {},
    ),
    "multipleOf 1e-300": lambda: ('{"type":"number","multipleOf":1e-300}', {}),
    "multipleOf 123456789123456789": lambda: ('{"type":"integer","multipleOf":123456789123456789}', {}),
    "multipleOf 123456789123456789 from 1": lambda: (
        '{"type":"number","multipleOf":123456789123456789,"minimum":1}',
        {},
    ),
    "20 multipleOf at once": lambda: (
        {"type": "integer", "minimum": 1, "allOf": [{"multipleOf": p} for p in range(2, 42)]},
        {},
    ),
    "minimum of 4,000 digits": lambda: ('{"type":"number","minimum":1' + "0" * 4000 + "}", {}),
    "minimum 1e999999999": lambda: ('{"type":"number","minimum":1e999999999}', {}),
    "100 if/then/else": lambda: (
        {
            "type": "object",
            "allOf": [
                {
                    "if": {"properties": {f"k{i}": {"const": 1}}, "required": [f"k{i}"]},
                    "then": {"required": [f"m{i}"]},
                    "else": {"properties": {f"m{i}": False}},
                }
                for i in range(100)
            ],
        },
        ANY,
    ),
    "unevaluatedProperties over 50 anyOf": lambda: (
        {
            "type": "object",
            "anyOf": [{"properties": {f"k{i}": {"const": i}}} for i in range(50)],
            "unevaluatedProperties": False,
        },
        ANY,
    ),
    "propertyNames of 20 patterns": lambda: (
        {
            "type": "object",
            "minProperties": 3,
            "allOf": [{"propertyNames": {"pattern": f"a.{{0,{i}}}b"}} for i in range(20)],
        },
        ANY,
    ),
}


def as_row(outcome: Outcome) -> list[Any]:
    return [getattr(outcome, name) for name in Outcome.__slots__]


def run_case(schema: Any, options: dict[str, Any]) -> Outcome:
    """Compile, the first mask, and the shortest way to a document, in this process."""
    import gramask

    before = _peak_megabytes()
    began = time.process_time()
    ending, detail, obeys = "document", "", True
    try:
        _to_a_document(schema, options)
    except gramask.GramaskError as error:
        ending, detail = type(error).__name__, str(error)[:150]
        obeys = not isinstance(error, gramask.DeadEnd)
    except BaseException as error:
        ending, detail, obeys = type(error).__name__, str(error)[:150], False
    seconds = time.process_time() - began
    grown = _peak_megabytes() - before
    return Outcome(
        ending, round(seconds, 3), round(grown, 1), detail, obeys and seconds <= SECONDS * SLOW_MACHINE
    )


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _to_a_document(schema: Any, options: dict[str, Any]) -> None:
    import numpy as np

    import gramask

    constraint = gramask.compile(schema, _vocabulary(), **options)
    matcher = constraint.matcher()
    mask = np.empty(constraint.n_words, np.int32)
    matcher.fill_mask(mask)
    closing = matcher.closing_tokens()
    if len(closing) > MAX_TOKENS:
        return
    for token in closing:
        assert matcher.advance(token), "a closing token is refused"
    assert matcher.is_accepting(), "not complete behind the closing tokens"
    matcher.fill_mask(mask)


def _vocabulary() -> Any:
    import gramask

    return gramask.Vocabulary([*(bytes([byte]) for byte in range(256)), b"<eos>"], eos_ids=[256])


def run_in_fork(name: str) -> Outcome:
    """The case in a child with limits; a child that takes too long is killed."""
    schema, options = CASES[name]()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        _limit()
        try:
            found = json.dumps(as_row(run_case(schema, options)))
        except BaseException as error:  # out of memory while reporting
            found = json.dumps([type(error).__name__, 0.0, 0.0, "", False])
        os.write(write, found.encode())
        os._exit(0)
    os.close(write)
    ready, _, _ = select.select([read], [], [], WALL_SECONDS)
    data = os.read(read, 65_536) if ready else b""
    os.close(read)
    if not data:
        os.kill(child, signal.SIGKILL)
    _, status, used = os.wait4(child, 0)
    if data:
        return Outcome(*json.loads(data))
    stopped = not ready or os.WTERMSIG(status) == signal.SIGXCPU
    ending = "HANGS" if stopped else f"killed by signal {os.WTERMSIG(status)}"
    return Outcome(ending, round(used.ru_utime + used.ru_stime, 1), round(used.ru_maxrss / 1024, 1))


def _limit() -> None:
    """One GiB more than this process has, and the seconds of a slow machine and one."""
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    seconds = int(SECONDS * SLOW_MACHINE) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))


def warm_up() -> None:
    """Load gramask and compile its kernels, so that no case pays for it."""
    for schema in (
        {"type": "object", "properties": {"a": {"type": "string", "maxLength": 3}}},
        {"type": "number"},
    ):
        _to_a_document(schema, {})


def serve() -> None:
    """Read names of cases, one a line, and answer each with its outcome as a JSON array."""
    warm_up()
    for line in sys.stdin:
        outcome = run_in_fork(line.rstrip("\n"))
        print(json.dumps(as_row(outcome)), flush=True)


def table(words: list[str]) -> None:
    warm_up()
    n_failed = 0
    for name in CASES:
        if words and not any(word in name for word in words):
            continue
        outcome = run_in_fork(name)
        n_failed += not outcome.obeys
        verdict = "     " if outcome.obeys else "FAILS"
        numbers = f"{outcome.seconds:>8.2f} s {outcome.megabytes:>7.0f} MB"
        print(f"{verdict} {name:<44} {numbers}  {outcome.ending} {outcome.detail[:70]}", flush=True)
    print(f"{n_failed} fail")


if __name__ == "__main__":
    serve() if sys.argv[1:] == ["--serve"] else table(sys.argv[1:])
