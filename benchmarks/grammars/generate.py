"""Texts written at random, each from a seed: SQL queries, arithmetic, S-expressions."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

TABLES = ("users", "orders", "order_items", "products", "events", "sessions", '"Audit Log"', "app.accounts")
COLUMNS = ("id", "name", "price", "created_at", "user_id", "status", "quantity", '"Group"', "total", "email")
ALIASES = ("a", "b", "t1", "t2", "recent", "top_ten")
STRINGS = ("'open'", "'it''s'", "'%@example.com'", "'2024-01-31'", "''", "'Zürich'")
FUNCTIONS = ("count", "sum", "max", "lower", "coalesce", "date_trunc", "round")
COMPARISONS = ("=", "<>", "<", "<=", ">", ">=", "!=")


def generated(language: str, seed: int) -> Iterator[str]:
    """Texts without end; none for a language that has no generator."""
    rng = random.Random(f"{language}/{seed}")
    write = GENERATORS.get(language)
    while write is not None:
        yield write(rng)


def sql(rng: random.Random) -> str:
    """A query, with or without common tables, a union, an order and a limit."""
    parts = [
        *_perhaps(rng, 0.15, lambda: f"WITH {rng.choice(ALIASES)} AS ({_select(rng, 1)})"),
        _select(rng, 2),
        *_perhaps(rng, 0.15, lambda: f"{rng.choice(('UNION', 'UNION ALL', 'EXCEPT'))} {_select(rng, 1)}"),
        *_perhaps(rng, 0.4, lambda: f"ORDER BY {_column(rng)} {rng.choice(('ASC', 'DESC'))}, {_column(rng)}"),
        *_perhaps(rng, 0.3, lambda: f"LIMIT {rng.randint(1, 100)} OFFSET {rng.randint(0, 100)}"),
    ]
    text = rng.choice((" ", "\n")).join(parts)
    return text + (";" if rng.random() < 0.5 else "")


def _perhaps(rng: random.Random, probability: float, write: Callable[[], str]) -> list[str]:
    return [write()] if rng.random() < probability else []


def _select(rng: random.Random, depth: int) -> str:
    items = [_item(rng, depth) for _ in range(rng.randint(1, 4))]
    parts = [
        f"SELECT {rng.choice(('', '', 'DISTINCT '))}{', '.join(items)}",
        f"FROM {_source(rng, depth)}",
        *_perhaps(rng, 0.7, lambda: f"WHERE {_condition(rng, depth)}"),
    ]
    if rng.random() < 0.3:
        parts.append(f"GROUP BY {_column(rng)}, {_column(rng)}")
        parts += _perhaps(rng, 0.5, lambda: f"HAVING count(*) > {rng.randint(1, 50)}")
    return rng.choice((" ", "\n", "\n  ")).join(parts)


def _item(rng: random.Random, depth: int) -> str:
    item = rng.choice(("*", f"{rng.choice(ALIASES)}.*", _value(rng, depth), _value(rng, depth)))
    return item if item.endswith("*") or rng.random() < 0.6 else f"{item} AS {rng.choice(ALIASES)}"


def _source(rng: random.Random, depth: int) -> str:
    if depth and rng.random() < 0.2:
        return f"({_select(rng, depth - 1)}) AS {rng.choice(ALIASES)}"
    source = f"{rng.choice(TABLES)} {rng.choice(ALIASES)}"
    for _ in range(rng.choice((0, 0, 1, 2))):
        kind = rng.choice(("JOIN", "LEFT JOIN", "INNER JOIN", "LEFT OUTER JOIN"))
        source += f" {kind} {rng.choice(TABLES)} {rng.choice(ALIASES)} ON {_column(rng)} = {_column(rng)}"
    return source


def _condition(rng: random.Random, depth: int) -> str:
    if rng.random() < 0.35:
        return f"{_condition(rng, depth)} {rng.choice(('AND', 'OR'))} {_condition(rng, depth)}"
    value = _value(rng, max(depth - 1, 0))
    kinds = [
        f"{value} {rng.choice(COMPARISONS)} {_value(rng, max(depth - 1, 0))}",
        f"{_column(rng)} IS {rng.choice(('', 'NOT '))}NULL",
        f"{_column(rng)} {rng.choice(('', 'NOT '))}LIKE {rng.choice(STRINGS)}",
        f"{_column(rng)} BETWEEN {rng.randint(0, 9)} AND {rng.randint(10, 99)}",
        f"{_column(rng)} IN ({', '.join(rng.choices(STRINGS, k=rng.randint(1, 3)))})",
    ]
    if depth:
        kinds.append(f"{_column(rng)} NOT IN ({_select(rng, depth - 1)})")
        kinds.append(f"EXISTS ({_select(rng, depth - 1)})")
    return rng.choice(kinds)


def _value(rng: random.Random, depth: int) -> str:
    kinds = [_column(rng), str(rng.randint(0, 1000)), f"{rng.random():.3f}", rng.choice(STRINGS)]
    if depth:
        inner = _value(rng, depth - 1)
        kinds.append(f"({inner} {rng.choice('+-*/')} {_value(rng, depth - 1)})")
        kinds.append(f"{rng.choice(FUNCTIONS)}({inner})")
        kinds.append(f"CASE WHEN {_column(rng)} > {rng.randint(0, 9)} THEN {inner} ELSE NULL END")
        kinds.append(f"CAST({inner} AS decimal(10, 2))")
    return rng.choice(kinds)


def _column(rng: random.Random) -> str:
    column = rng.choice(COLUMNS)
    return column if rng.random() < 0.5 else f"{rng.choice(ALIASES)}.{column}"


def calculator(rng: random.Random) -> str:
    """An expression of one to some hundred characters."""
    return _sum(rng, rng.randint(0, 6))


def _sum(rng: random.Random, depth: int) -> str:
    if not depth:
        return rng.choice((str(rng.randint(0, 9999)), f"{rng.random():.4f}", "2.5e-3", "x", "rate", "n_1"))
    kind = rng.randrange(6)
    inner = _sum(rng, depth - 1)
    if kind == 0:
        return f"({inner})"
    if kind == 1:
        return f"{rng.choice(('sqrt', 'max', 'log'))}({inner}, {_sum(rng, depth - 1)})"
    if kind == 2:
        return f"-{inner}"
    gap = rng.choice(("", " "))
    return f"{inner}{gap}{rng.choice('+-*/^%')}{gap}{_sum(rng, rng.randrange(depth))}"


def sexpr(rng: random.Random) -> str:
    """A few definitions, one below the other, some with a comment."""
    lines = []
    for _ in range(rng.randint(1, 4)):
        if rng.random() < 0.2:
            lines.append("; what follows is written at random")
        lines.append(f"(define ({rng.choice(COLUMNS[:6])} x) {_datum(rng, rng.randint(1, 5))})")
    return "\n".join(lines)


def _datum(rng: random.Random, depth: int) -> str:
    if not depth or rng.random() < 0.2:
        return rng.choice(("x", "#t", "nil", "-1.5", "42", '"a \\"b\\""', "list->vector", "'()", "+", "λ"))
    inner = [_datum(rng, depth - 1) for _ in range(rng.randint(0, 4))]
    return rng.choice(("", "", "", "'", "`")) + f"({rng.choice((' ', chr(10) + '  ')).join(inner)})"


GENERATORS: dict[str, Callable[[random.Random], str]] = {"sql": sql, "calculator": calculator, "sexpr": sexpr}
