"""Rows of the table that come from figures in fresh processes."""

from __future__ import annotations

from ..figures.apply import BATCHES, DTYPES, MASKS
from ..figures.figure import Values
from ..figures.fork import LENGTHS, TAKEN_BACK
from ..figures.measuring import Answer, medians, why_not
from .table import MEGABYTES, SECONDS, US, Row, Unit, fact_row, limit_row, ratio_row, runs_text

RATIO = Unit("×")
CONSTANT = 2.0
"""What costs at most so many times as much behind a thousand times as many tokens does not depend on them."""
APPLY_PEERS = ("xgrammar", "llguidance")


def figure_rows(answers: list[Answer]) -> list[Row]:
    """All of them; those without answers are "not run"."""
    return [
        *_batch_rows(answers),
        *_fork_rows(answers),
        *_memory_rows(answers),
        *_second_rows(answers),
        *_first_rows(answers),
        *_apply_rows(answers),
    ]


def _why(answers: list[Answer], figure: str, found: dict[str, Values], *engines: str) -> str:
    """Why an engine has no figure; nothing where all have."""
    missing = [why_not(answers, figure, engine) for engine in engines if engine not in found]
    return "; ".join(text for text in missing if text)


def _note(what: str, *sides: Values) -> str:
    """What was measured, and of how many runs of the side that has fewest; "" without one."""
    runs = min(side.get("runs", 0) for side in sides)
    return ", ".join(text for text in (what, runs_text(runs)) if text) if runs else ""


def _batch_rows(answers: list[Answer]) -> list[Row]:
    """Against the faster of the peers that took part, and only if both did."""
    found = medians(answers, "batch")
    peers = ("llguidance", "xgrammar")
    why = _why(answers, "batch", found, "gramask", *peers)
    rows = []
    for kind in ("warm", "cold"):
        key = f"{kind}_us"
        theirs = {peer: found[peer][key] for peer in peers} if all(p in found for p in peers) else {}
        faster = min(theirs, key=lambda peer: theirs[peer]) if theirs else "the faster peer"
        ours = found.get("gramask", {})
        note = _note(
            f"{ours.get('matchers', 0):.0f} matchers", ours, *(found.get(peer, {}) for peer in peers)
        )
        name = f"batch step, {kind}"
        rows.append(ratio_row(name, 0.33, faster, ours.get(key), theirs.get(faster), US, note=note, why=why))
    return rows


def _fork_rows(answers: list[Answer]) -> list[Row]:
    found = medians(answers, "fork")
    ours, why = found.get("gramask"), _why(answers, "fork", found, "gramask")
    calls = [("fork", "fork_us", 2.0), *((f"rollback({k})", f"rollback{k}_us", 1.0) for k in TAKEN_BACK)]
    rows = []
    for name, key, limit in calls:
        costs = None if ours is None else [ours[f"{key}_{length}"] for length in LENGTHS]
        worst = None if costs is None else max(costs)
        growth = None if costs is None else costs[-1] / costs[0]
        note = _note(f"{LENGTHS[0]} to {LENGTHS[-1]:,} tokens", ours or {})
        rows.append(limit_row(name, limit, worst, US, note=f"most of {note}", why=why))
        rows.append(limit_row(f"{name}, longest : shortest", CONSTANT, growth, RATIO, note=note, why=why))
    return rows


def _memory_rows(answers: list[Answer]) -> list[Row]:
    found = medians(answers, "memory")
    why = _why(answers, "memory", found, "gramask", "llguidance")
    ours, theirs = found.get("gramask", {}), found.get("llguidance", {})
    note = _note(f"{ours.get('schemas', 0):.0f} schemas", ours, theirs)
    return [
        ratio_row(name, 1.0, "llguidance", ours.get(key), theirs.get(key), MEGABYTES, note=note, why=why)
        for name, key in (("memory, growth", "growth_bytes"), ("memory, peak growth", "peak_growth_bytes"))
    ]


def _second_rows(answers: list[Answer]) -> list[Row]:
    found = medians(answers, "second")
    ours, theirs = found.get("gramask", {}), found.get("xgrammar", {})
    us, them = ours.get("total_s"), theirs.get("total_s")
    name, why = "second process to first mask", _why(answers, "second", found, "gramask", "xgrammar")
    return [
        limit_row(name, 0.8, us, SECONDS, note=_note("", ours), why=why),
        ratio_row(name, 1.0, "xgrammar", us, them, SECONDS, note=_note("", ours, theirs), why=why),
    ]


def _first_rows(answers: list[Answer]) -> list[Row]:
    found = medians(answers, "first")
    why, ours = _why(answers, "first", found, "gramask"), found.get("gramask", {})
    shown = ours["shown"] > 0 if ours else None
    name = "first process ever to first mask"
    return [
        limit_row(name, 15.0, ours.get("total_s"), SECONDS, note=_note("", ours), why=why),
        fact_row("its progress", "shown", shown, lambda holds: "shown" if holds else "nothing is shown", why),
    ]


def _apply_rows(answers: list[Answer]) -> list[Row]:
    """Against the faster of the peers that are there."""
    found = medians(answers, "apply")
    ours, why = found.get("gramask", {}), _why(answers, "apply", found, "gramask")
    rows = []
    for setting in (f"{dtype}/{batch}/{mask}" for dtype in DTYPES for batch in BATCHES for mask in MASKS):
        theirs = {peer: ours[f"{peer}/{setting}"] for peer in APPLY_PEERS if f"{peer}/{setting}" in ours}
        faster = min(theirs, key=lambda peer: theirs[peer]) if theirs else "the faster peer"
        dtype, batch, mask = setting.split("/")
        name = f"apply, {dtype}, batch {batch}, {mask} mask"
        measured, note = ours.get(f"gramask/{setting}"), _note("", ours)
        reason = why or "not measured"
        rows.append(ratio_row(name, 1.0, faster, measured, theirs.get(faster), US, note=note, why=reason))
    return rows
