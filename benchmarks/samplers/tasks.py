"""Languages that are sampled, with what the model is asked."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import gramask

BV4 = r"""root ::= bv "\n"
bv ::= "s" | "t" | "#x" [0-9a-f] | "(" unary " " bv ")" | "(" binary " " bv " " bv ")"
unary ::= "bvneg" | "bvnot"
binary ::= "bvadd" | "bvsub" | "bvand" | "bvor" | "bvxor" | "bvmul" | "bvlshr" | "bvshl"
"""
BV4_PROMPT = """Write a bit-vector expression.
(bvadd s t)
(bvnot s)
(bvand (bvnot s) t)
(bvor s (bvneg t))
"""
SLIA = r"""root ::= str "\n"
str ::= "name" | "\"" [a-z .]* "\"" | "(str.++ " str " " str ")" | "(str.replace " str " " str " " str ")"
  | "(str.substr " str " " int " " int ")"
int ::= [0-9] | "(str.len " str ")" | "(" [-+] " " int " " int ")" | "(str.indexof " str " " str " " int ")"
"""
SLIA_PROMPT = """Write a string expression.
(str.++ name " ")
(str.substr name 0 1)
(str.replace name "a" "b")
(str.substr name 0 (str.indexof name " " 0))
"""
SQL_PROMPT = """Write a query.
SELECT name FROM people;
SELECT age FROM people WHERE age > 30;
SELECT name, age FROM people ORDER BY age;
"""
PERSON_PROMPT = "Describe a person as JSON.\nKeys: name, age\nJSON: "
ROLE_PROMPT = "Describe a person as JSON.\nKeys: role, active\nJSON: "
AGE_PROMPT = "Describe a person as JSON.\nKeys: age\nJSON: "


@dataclass(frozen=True, slots=True)
class Task:
    """A language and a prompt.

    max_tokens    : of a text, its end left out.
    is_enumerable : whether a few texts have nearly all of its probability, so that its law is known.
    """

    name: str
    source: Any
    prompt: str
    max_tokens: int
    is_enumerable: bool = False

    def constraint(self, vocabulary: gramask.Vocabulary, n_logits: int) -> gramask.Constraint:
        options = {"whitespace": "compact"} if isinstance(self.source, dict) else {}
        return gramask.compile(self.source, vocabulary, n_logits=n_logits, **options)


def _object(**members: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": members,
        "required": list(members),
        "additionalProperties": False,
    }


def _collected(name: str) -> Any:
    return gramask.gbnf((files("gramask") / "grammar" / "collection" / name).read_text(encoding="utf-8"))


def tasks() -> dict[str, Task]:
    """By name."""
    name = {"type": "string", "minLength": 1, "maxLength": 12}
    ages = {"type": "integer", "minimum": 60, "maximum": 99}
    few_ages = {"type": "integer", "minimum": 79, "maximum": 91}
    role = {"enum": ["admin", "analyst", "editor", "manager"]}
    found = (
        Task("bv4", gramask.gbnf(BV4), BV4_PROMPT, 40, is_enumerable=True),
        Task("slia", gramask.gbnf(SLIA), SLIA_PROMPT, 40),
        Task("age", _object(age=few_ages), AGE_PROMPT, 30, is_enumerable=True),
        Task("role", _object(role=role, active={"const": True}), ROLE_PROMPT, 30, is_enumerable=True),
        Task("person", _object(name=name, age=ages), PERSON_PROMPT, 40),
        Task("json", _collected("json.gbnf"), PERSON_PROMPT, 60),
        Task("sql", _collected("sql.gbnf"), SQL_PROMPT, 40),
    )
    return {task.name: task for task in found}
