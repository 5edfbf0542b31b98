"""Where automata of other languages, such as JSON Schemas, may stand among rules.

They are entered by their first byte, so nothing else may begin with it in the same place; and where they end must show
from the next byte, so nothing that may follow a number may go on with it.
"""

from __future__ import annotations

from collections.abc import Iterable

from ...errors import UnsupportedSchema
from ..bits import bit_positions, bits_of
from .networks import Networks

_GOES_ON = bits_of(b"0123456789.eE")
_BEGINS = bits_of(b"-0123456789")


def check_foreign(networks: Networks) -> None:
    """Raise UnsupportedSchema for what a place in one rule does not decide."""
    for rule, entry in networks.foreign.items():
        if entry.first & _BEGINS and networks.follow[rule] & _GOES_ON:
            byte = next(bit_positions(networks.follow[rule] & _GOES_ON))
            raise UnsupportedSchema(
                f"a JSON value that may be a number is followed by what may begin with {chr(byte)!r}",
                hint="put a separator behind the value",
            )
    for state in _states(networks):
        _check_state(networks, state)


def undecided(clashes: int) -> UnsupportedSchema:
    """The error for bytes (bits) that begin a foreign rule and something else."""
    return UnsupportedSchema(
        f"{chr(next(bit_positions(clashes)))!r} may begin a JSON value or something else in the same place",
        hint="put a text before the value that tells the two apart",
    )


def _states(networks: Networks) -> Iterable[int]:
    """All states of all rules that are needed."""
    todo = [networks.start(0)]
    seen = set(todo)
    for state in todo:
        yield state
        targets = networks.targets(state)
        for rule in networks.calls(state):
            targets |= {networks.start(rule), networks.behind_call(state, rule)}
        todo += targets - seen
        seen |= targets


def _check_state(networks: Networks, state: int) -> None:
    corners = networks.corners(state)
    foreign = [networks.foreign[rule].first for rule in corners if rule in networks.foreign]
    if not foreign:
        return
    taken = networks.follow[networks.owner[state]] if networks.may_end(state) else 0
    for start in (state, *(networks.start(rule) for rule in corners)):
        for here in networks.closure(start):
            taken |= networks.used(here)
    for first in foreign:
        if first & taken:
            raise undecided(first & taken)
        taken |= first
