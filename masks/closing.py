"""The shortest way to complete a text.

For each state, the shortest text that leaves its stack level, for each outcome: a least fixpoint over the states that
can be reached, because a call costs what the called state costs (Knuth 1977, "A generalization of Dijkstra's
algorithm"). The completion of a configuration adds these up along its stack.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from heapq import heappop, heappush

import numpy as np

from ..errors import DeadEnd
from ..grammar.lexemes import Lexeme
from ..grammar.pushdown import ACCEPT, END, EXIT, FLAGS, GOTO, SPACE, STRING, UNFILLED
from .engine import Engine
from .spelling import Spelling
from .walker import Config, read_bytes

Exits = dict[int, bytes]
"""Outcome (or COMPLETE) to a shortest text."""

COMPLETE = -1
_SHORT_ESCAPES = {0x22: b'\\"', 0x5C: b"\\\\", 8: b"\\b", 12: b"\\f", 10: b"\\n", 13: b"\\r", 9: b"\\t"}
# How one byte of string content is written.
_SPELLED = [_SHORT_ESCAPES.get(b) or (b"\\u%04x" % b if b < 0x20 else bytes([b])) for b in range(256)]
_CONTENT_COST = np.array([len(text) for text in _SPELLED])


class Closing:
    """Immutable for its users; answers are computed when first asked for and kept."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.pushdown = engine.pushdown
        self.spelling = Spelling(engine.tables.vocabulary)
        self._exits: dict[int, Exits] = {}
        self._users: dict[int, set[int]] = {}
        self._moves: dict[int, list[tuple[bytes, int]]] = {}
        self._rests: dict[tuple[int, int], bytes | None] = {}

    def least_tokens(self, config: Config) -> int:
        """A lower bound on the tokens that complete the text from `config`."""
        return max(1, -(-len(self.text(config)) // self.spelling.longest))

    def tokens(self, config: Config) -> list[int]:
        """Tokens that spell a shortest completion from `config`. Raises DeadEnd if none do."""
        text = self.text(config)
        tokens = self.spelling.tokens(text)
        if text and not tokens:
            raise DeadEnd(f"no tokens spell {text[:40]!r}", hint="the vocabulary lacks a token for some byte")
        return tokens

    def text(self, config: Config) -> bytes:
        """A shortest text (bytes) that completes the text; b"" where it is complete."""
        if self.engine.accepts(config):
            return b""
        with self.pushdown.lock:
            head, (state, count, _, node) = self._finish_escape(config)
            best = _shortest(
                text + rest
                for outcome, text in self._leave(state, count).items()
                if (rest := self._rest(node, outcome)) is not None
            )
        if best is None:
            raise DeadEnd("the text cannot be completed")
        return head + best

    def _leave(self, state: int, count: int) -> Exits:
        string = self.engine.string_at(state)
        return finish_string(*string, count) if string is not None else self._solved(state)

    def _rest(self, node: int, outcome: int) -> bytes | None:
        """The shortest completion behind a stack level that was left with `outcome`."""
        # An explicit stack: the automaton's may be deeper than Python's.
        todo = [(node, outcome)]
        while todo:
            key = todo[-1]
            if key in self._rests:
                todo.pop()
                continue
            parts = self._after_exit(*key)
            missing = [
                (parent, o) for _, parent, o in parts if o != COMPLETE and (parent, o) not in self._rests
            ]
            if missing:
                todo.extend(missing)
                continue
            texts = [(text, b"" if o == COMPLETE else self._rests[parent, o]) for text, parent, o in parts]
            self._rests[key] = _shortest(text + rest for text, rest in texts if rest is not None)
        return self._rests[node, outcome] if outcome != COMPLETE else b""

    def _after_exit(self, node: int, outcome: int) -> list[tuple[bytes, int, int]]:
        """`(text, stack node, outcome)`: ways to leave the level behind the frame on top of `node`."""
        if outcome == COMPLETE:
            return [(b"", node, COMPLETE)]
        parent, frame = self.pushdown.stack[node].tolist()
        operation = self._operation(frame, outcome)
        if operation & 3 == EXIT:
            return [(b"", parent, operation >> 2)]
        state, frames = self._target(operation)
        for inner in frames:
            parent = self.pushdown.push_node(parent, inner)
        return [(text, parent, o) for o, text in self._solved(state).items()]

    def _operation(self, frame: int, outcome: int) -> int:
        if self.pushdown.code[frame + 1 + outcome] == UNFILLED:
            self.pushdown.fill_frame(frame, outcome)
        return int(self.pushdown.code[frame + 1 + outcome])

    def _target(self, operation: int) -> tuple[int, list[int]]:
        """The state that a GOTO or PUSH leads to, and the frames it pushes."""
        if operation & 3 == GOTO:
            return operation >> 2, []
        offset = operation >> 2
        code = self.pushdown.code
        return int(code[offset]), code[offset + 2 : offset + 2 + code[offset + 1]].tolist()

    def _solved(self, state: int) -> Exits:
        """The shortest texts that leave the level of `state`: worklist iteration until nothing gets shorter."""
        todo = deque([state] if state not in self._exits else [])
        queued = set(todo)
        while todo:
            here = todo.popleft()
            queued.discard(here)
            new = [used for used in self._recompute(here) if used not in queued]
            todo.extend(new)
            queued.update(new)
        return self._exits[state]

    def _recompute(self, state: int) -> list[int]:
        """Improve the exits of one state; returns the states to look at next."""
        is_new = state not in self._exits
        exits = self._exits.setdefault(state, {})
        improved = False
        unknown: list[int] = []
        for outcome, text in self._candidates(state, unknown):
            if outcome not in exits or len(text) < len(exits[outcome]):
                exits[outcome] = text
                improved = True
        return [*unknown, *(self._users.get(state, ()) if improved or is_new else ())]

    def _candidates(self, state: int, unknown: list[int]) -> Iterator[tuple[int, bytes]]:
        string = self.engine.string_at(state)
        if string is not None:
            yield from finish_string(*string, 0).items()
            return
        self.pushdown.ensure(state)
        if self.pushdown.table[state, FLAGS] & ACCEPT:
            yield COMPLETE, b""
        for text, operation in self._moves_of(state):
            yield from self._follow(state, text, operation, [], unknown)

    def _follow(
        self, user: int, text: bytes, operation: int, frames: list[int], unknown: list[int]
    ) -> Iterator[tuple[int, bytes]]:
        """All ways on from `operation` with `frames` pushed since the level of `user`."""
        if operation == 0:
            return
        if operation & 3 == EXIT:
            if not frames:
                yield operation >> 2, text
            else:
                inner = self._operation(frames[-1], operation >> 2)
                yield from self._follow(user, text, inner, frames[:-1], unknown)
            return
        state, pushed = self._target(operation)
        self._users.setdefault(state, set()).add(user)
        if state not in self._exits:
            unknown.append(state)
            return
        for outcome, more in list(self._exits[state].items()):
            if outcome == COMPLETE:
                yield COMPLETE, text + more
            else:
                yield from self._follow(user, text + more, outcome << 2 | EXIT, [*frames, *pushed], unknown)

    def _moves_of(self, state: int) -> list[tuple[bytes, int]]:
        """`(text, operation)` for each operation of a state, with the shortest text that causes it."""
        moves = self._moves.get(state)
        if moves is not None:
            return moves
        row = self.pushdown.table[state]
        is_string = bool(row[FLAGS] & STRING)
        shortest: dict[int, bytes] = {}
        for byte in np.flatnonzero(row[:256]).tolist():
            text = _SPELLED[byte] if is_string else bytes([byte])
            operation = int(row[byte])
            if operation != SPACE and (operation not in shortest or len(text) < len(shortest[operation])):
                shortest[operation] = text
        moves = [(text, operation) for operation, text in shortest.items()]
        if row[END]:
            moves.append((b'"' if is_string else b"", int(row[END])))
        self._moves[state] = moves
        return moves

    def _finish_escape(self, config: Config) -> tuple[bytes, Config]:
        """The fewest bytes that end the escape in which `config` is: breadth first, at most ten of them."""
        todo = deque([(b"", config)])
        while todo:
            text, here = todo.popleft()
            if here[2] == 0:
                return text, here
            for byte in b'n"\\/bfrtu0123456789abcdef':
                after = read_bytes(self.pushdown, here, np.array([byte], np.uint8))
                if after is not None:
                    todo.append((text + bytes([byte]), after))
        raise DeadEnd("an escape cannot be finished")


def finish_string(lexeme: Lexeme, local: int, count: int) -> Exits:
    """For each outcome of a string lexeme the shortest text, closing quote included, from state `local`.

    Dijkstra over (state, characters so far); the cost is the raw bytes of the content.
    """
    dfa = lexeme.dfa
    wanted = set(dfa.label.tolist()) - {-1}
    start = (local, count)
    heap = [(0, start)]
    cost_of = {start: 0}
    # How each place was reached: from where, by which content byte. Texts are put together at the end only.
    reached: dict[tuple[int, int], tuple[tuple[int, int], int]] = {}
    exits: Exits = {}
    while heap and wanted:
        cost, here = heappop(heap)
        if cost > cost_of[here]:
            continue
        state, n = here
        label = int(dfa.label[state])
        if label in wanted and (not lexeme.is_counted or n >= lexeme.low):
            exits[label] = _spelled(reached, here) + b'"'
            wanted.discard(label)
        for byte, target, more in _content_moves(lexeme, state, n):
            there, new_cost = (target, more), cost + int(_CONTENT_COST[byte])
            if new_cost < cost_of.get(there, new_cost + 1):
                cost_of[there] = new_cost
                reached[there] = (here, byte)
                heappush(heap, (new_cost, there))
    return exits


def _spelled(reached: dict[tuple[int, int], tuple[tuple[int, int], int]], place: tuple[int, int]) -> bytes:
    """The raw text of the path that led to `place`."""
    parts = []
    while place in reached:
        place, byte = reached[place]
        parts.append(_SPELLED[byte])
    return b"".join(reversed(parts))


def _content_moves(lexeme: Lexeme, state: int, count: int) -> Iterator[tuple[int, int, int]]:
    """`(content byte, target, count)`, for each target the cheapest byte."""
    for target, byte, is_lead in _cheapest_bytes(lexeme, state):
        n = count + is_lead if lexeme.is_counted else 0
        if lexeme.bounds is None or lexeme.bounds[0][target] <= n <= lexeme.bounds[1][target]:
            yield byte, target, n


@lru_cache(maxsize=1 << 14)
def _cheapest_bytes(lexeme: Lexeme, state: int) -> list[tuple[int, int, bool]]:
    """`(target, content byte, whether it begins a character)`."""
    row = lexeme.dfa.delta[state]
    cheapest: dict[tuple[int, bool], int] = {}
    for byte in np.flatnonzero(row).tolist():
        key = (int(row[byte]), byte & 0xC0 != 0x80)
        if key not in cheapest or _CONTENT_COST[byte] < _CONTENT_COST[cheapest[key]]:
            cheapest[key] = byte
    return [(target, byte, is_lead) for (target, is_lead), byte in cheapest.items()]


def _shortest(texts: Iterator[bytes]) -> bytes | None:
    return min(texts, key=len, default=None)
