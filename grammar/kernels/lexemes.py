"""Rows of lexemes, and what their states make of characters."""

from __future__ import annotations

from ...jit import inner, jit
from ..pushdown import COUNT_HI, COUNT_LO, END, END_LO, EXIT, FLAGS, ROW_WIDTH

# What a state takes, as bits: anything at all; any one, two or three bytes of continuation; any of these behind one of
# the lead bytes that not all may follow.
_ALIVE, _ONE, _TWO, _THREE, _E0, _ED, _F0, _F4 = 1, 2, 4, 8, 16, 32, 64, 128
_OUTCOME_AT = 2


@jit
def look_at_characters(delta, label, kinds, inside, takes_any):
    """Tell the states of a DFA over UTF-8 apart by what they make of characters (RFC 3629, section 4).

    delta, label : int32[n, 256], int32[n].  kinds : uint8[n], scratch.
    inside : bool[n], out: between the bytes of one character.
    takes_any : bool[n], out: every character may follow, with every spelling of its bytes.
    """
    n_states = delta.shape[0]
    any_free = False
    for state in range(n_states):
        kinds[state] = _ALIVE if state > 0 else 0
        row = delta[state]
        n_ascii, n_leads = 0, 0
        for byte in range(0x80):
            n_ascii += row[byte] != 0
        for byte in range(0xC0, 0x100):
            n_leads += row[byte] != 0
        inside[state] = label[state] < 0 and n_ascii + n_leads == 0
        takes_any[state] = n_ascii == 0x80
        any_free |= n_ascii == 0x80
    if not any_free:
        return
    for state in range(n_states):
        kinds[state] |= _ONE * _all_lead(delta[state], 0x80, 0xC0, kinds, _ALIVE)
    for state in range(n_states):
        kinds[state] |= _TWO * _all_lead(delta[state], 0x80, 0xC0, kinds, _ONE)
        kinds[state] |= _E0 * _all_lead(delta[state], 0xA0, 0xC0, kinds, _ONE)
        kinds[state] |= _ED * _all_lead(delta[state], 0x80, 0xA0, kinds, _ONE)
    for state in range(n_states):
        kinds[state] |= _THREE * _all_lead(delta[state], 0x80, 0xC0, kinds, _TWO)
        kinds[state] |= _F0 * _all_lead(delta[state], 0x90, 0xC0, kinds, _TWO)
        kinds[state] |= _F4 * _all_lead(delta[state], 0x80, 0x90, kinds, _TWO)
    for state in range(n_states):
        takes_any[state] &= _all_leads(delta[state], kinds)


@inner
def _all_leads(row, kinds):
    return (
        _all_lead(row, 0xC2, 0xE0, kinds, _ONE)
        and _all_lead(row, 0xE0, 0xE1, kinds, _E0)
        and _all_lead(row, 0xE1, 0xED, kinds, _TWO)
        and _all_lead(row, 0xED, 0xEE, kinds, _ED)
        and _all_lead(row, 0xEE, 0xF0, kinds, _TWO)
        and _all_lead(row, 0xF0, 0xF1, kinds, _F0)
        and _all_lead(row, 0xF1, 0xF4, kinds, _THREE)
        and _all_lead(row, 0xF4, 0xF5, kinds, _F4)
    )


@inner
def _all_lead(row, low, after, kinds, kind):
    """Whether all these bytes lead to states that take what `kind` says."""
    for byte in range(low, after):
        if not kinds[row[byte]] & kind:
            return False
    return True


@jit
def write_rows(delta, label, flags, first, rows):
    """Write the rows of a lexeme's states, all but the dead one, without bounds on its length.

    delta, label, flags : int32[n, 256], int32[n], int32[n].  first : the state of the pushdown that is state 1.
    rows : int32[n - 1, ROW_WIDTH], out.
    """
    for state in range(1, delta.shape[0]):
        before, row = delta[state], rows[state - 1]
        for byte in range(256):
            target = before[byte]
            row[byte] = (target + first - 1) << 2 if target else 0
        row[256:ROW_WIDTH] = 0
        row[END] = label[state] << _OUTCOME_AT | EXIT if label[state] >= 0 else 0
        row[FLAGS] = flags[state]


@jit
def write_bounds(least, greatest, low, rows):
    """Write the bounds on the length to such rows. least, greatest : int64[n], counts on entry.  low : at the end."""
    for state in range(1, least.shape[0]):
        rows[state - 1, COUNT_LO] = least[state]
        rows[state - 1, COUNT_HI] = greatest[state]
        rows[state - 1, END_LO] = low


@jit
def move(delta, local, first, row):
    """Write where a state leads, byte by byte, to a row, which may lead elsewhere by others.

    delta : int32[n, 256].  first : the state of the pushdown that is state 1.  row : int32[ROW_WIDTH].
    """
    for byte in range(256):
        if delta[local, byte]:
            row[byte] = (delta[local, byte] + first - 1) << 2


@jit
def move_apart(delta, local, states, n_states, placed, row):
    """The same where the states of the lexeme are placed one by one.

    states : int32[n], in and out: the state of the pushdown that each one is, 0 where it has none yet.
    n_states : the number of the next state of the pushdown.  placed : int32[256], out: those that have one now.
    Returns how many these are.
    """
    n_placed = 0
    for byte in range(256):
        target = delta[local, byte]
        if target:
            if states[target] == 0:
                states[target], placed[n_placed] = n_states + n_placed, target
                n_placed += 1
            row[byte] = states[target] << 2
    return n_placed
