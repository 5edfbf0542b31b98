"""Whether an automaton accepts a text: byte by byte, as the kernels step, in Python."""

from __future__ import annotations

from .pushdown import ACCEPT, END, EXIT, FLAGS, GOTO, SPACE, UNFILLED, Pushdown


def accepts(pushdown: Pushdown, text: bytes) -> bool:
    """Whether `text` is in the language of an automaton that reads no JSON strings, and does not count."""
    state, node = pushdown.start, pushdown.root_node
    for byte in text:
        operation = _operation(pushdown, state, byte)
        while operation == 0:
            # The byte belongs to what follows this level.
            end = int(pushdown.table[state, END])
            if end == 0:
                return False
            state, node = _performed(pushdown, end, node)
            operation = _operation(pushdown, state, byte)
        assert operation & 3 != SPACE
        state, node = _performed(pushdown, operation, node)
    return _may_end(pushdown, state, node)


def _operation(pushdown: Pushdown, state: int, byte: int) -> int:
    pushdown.ensure(state)
    if pushdown.table[state, byte] == UNFILLED:
        pushdown.fill_transition(state, byte)
    return int(pushdown.table[state, byte])


def _may_end(pushdown: Pushdown, state: int, node: int) -> bool:
    while True:
        pushdown.ensure(state)
        row = pushdown.table[state]
        if row[FLAGS] & ACCEPT:
            return True
        if row[END] == 0:
            return False
        state, node = _performed(pushdown, int(row[END]), node)


def _performed(pushdown: Pushdown, operation: int, node: int) -> tuple[int, int]:
    """The state and the stack node behind an operation; the dead state for none."""
    while operation & 3 == EXIT:
        parent, frame = pushdown.nodes[node]
        operation, node = pushdown.resumed(frame, operation >> 2), parent
    if operation & 3 == GOTO:
        return operation >> 2, node
    state, frames = pushdown.pushed(operation)
    for frame in frames:
        node = pushdown.push_node(node, frame)
    return state, node
