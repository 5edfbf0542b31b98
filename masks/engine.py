"""Masks and steps of one automaton over one vocabulary, with everything learnt on the way kept."""

from __future__ import annotations

import numpy as np

from ..errors import DeadEnd
from ..grammar.lexemes import Lexeme, Placed
from ..grammar.pushdown import (
    ACCEPT,
    END,
    EXIT,
    FLAGS,
    GOTO,
    STRING,
    NamePart,
    Portable,
    Pushdown,
)
from .kernels.bits import copy_bits, set_pairs
from .tables import LexemeRow, TokenTables
from .walker import Config, Read, check_tokens, read_text, start_at, walk_exits, walk_trie

# A mask row of a 128k vocabulary is 16 KB: this bounds what one constraint keeps at 16 MB.
MAX_ROWS = 1024
MAX_STEPS = 1 << 16
# With so few bytes to go on, a walk sees less than a row would have to copy.
FEW_BYTES = 16
_NOWHERE: Config = (0, 0, 0, 0)


class Engine:
    """Immutable for its users and safe to share between threads.

    What it learns is kept, and follows from its key alone: forgetting it changes nothing but the time.
    """

    def __init__(self, pushdown: Pushdown, tables: TokenTables, n_logits: int) -> None:
        self.pushdown = pushdown
        self.tables = tables
        self.n_words = (n_logits + 31) // 32
        self.shape = (self.n_words,)
        self.start: Config = (pushdown.start, 0, 0, pushdown.root_node)
        # What a matcher asks before each token.
        self.unit_frames = pushdown.units.frames
        self.has_two_names = len(tables.two_names) > 0
        self._masks: dict[Config, np.ndarray] = {}
        self.steps: dict[tuple[Config, int], Read | None] = {}  # what `read` found
        self._suffixes: dict[Config, np.ndarray] = {}
        self._accepting: dict[Config, bool] = {}

    @property
    def may_repeat_at_once(self) -> bool:
        """Whether a token alone could hold a name and one that it leaves no room for."""
        return self.has_two_names or self.pushdown.names_run_out

    def step(self, config: Config, token: int) -> Config | None:
        """The configuration after a text token, None where it is not allowed."""
        found = self.read(config, token)
        return None if found is None else found[0]

    def read(self, config: Config, token: int) -> Read | None:
        """The same, with what it has to do with member names."""
        key = (config, token)
        try:
            return self.steps[key]
        except KeyError:
            pass
        found = read_text(self.pushdown, config, self.tables.text_of(token))
        if len(self.steps) >= MAX_STEPS:
            self.steps.clear()
        self.steps[key] = found
        return found

    def accepts(self, config: Config) -> bool:
        """Whether the text may end in `config`."""
        found = self._accepting.get(config)
        if found is None:
            found = self._accepting[config] = self._accepts(config)
        return found

    def _accepts(self, config: Config) -> bool:
        state, _, escape, node = config
        pushdown = self.pushdown
        while True:
            pushdown.ensure(state)
            row = pushdown.table[state]
            if row[FLAGS] & ACCEPT:
                return True
            if escape or row[FLAGS] & STRING or row[END] == 0:
                return False
            ended = self.perform(int(row[END]), node)
            if ended is None:
                return False
            state, _, escape, node = ended

    def perform(self, operation: int, node: int) -> Config | None:
        """What `operation` leads to on the stack `node`."""
        pushdown = self.pushdown
        while operation & 3 == EXIT:
            parent, frame = pushdown.stack[node].tolist()
            operation, node = pushdown.resumed(frame, operation >> 2), parent
        if operation == 0:
            return None
        if operation & 3 == GOTO:
            return operation >> 2, 0, 0, node
        state, frames = pushdown.pushed(operation)
        for frame in frames:
            node = pushdown.push_node(node, frame)
        return state, 0, 0, node

    def mask(self, config: Config) -> np.ndarray:
        """int32[n_words], not to be changed: the text tokens allowed in `config`, and EOS where it accepts.

        Raises DeadEnd if there are none.
        """
        mask = self._masks.get(config)
        if mask is None:
            if len(self._masks) >= MAX_ROWS:
                self._masks.clear()
            mask = self._masks[config] = self._row(config).view(np.int32)
        return mask

    def row(self, config: Config) -> np.ndarray:
        """The same as uint32[n_words], which is how masks are put together."""
        return self.mask(config).view(np.uint32)

    def _row(self, config: Config) -> np.ndarray:
        row = np.zeros(self.n_words, np.uint32)
        inner = row[: self.tables.n_words]
        self._fill(config, inner)
        copy_bits(self.tables.trie.duplicates, inner)
        if self.accepts(config):
            for token in self.tables.vocabulary.eos_ids:
                row[token >> 5] |= np.uint32(1 << (token & 31))
        if not np.count_nonzero(row):
            raise DeadEnd(
                "no token of the vocabulary continues the text",
                hint="the vocabulary lacks a token for every byte that may come next",
            )
        return row

    def _fill(self, config: Config, mask: np.ndarray) -> None:
        """Set the bits of the allowed text tokens in the zeroed `mask`."""
        origin = self.pushdown.origins[config[0]]
        if isinstance(origin, NamePart):
            self._fill_name(origin, config, mask)
        elif isinstance(origin, Portable):
            self._fill_level(origin.key, config, mask)
        elif isinstance(origin, Placed) and not origin.lexeme.is_string:
            self._fill_level((origin.lexeme.key, origin.local(config[0])), config, mask)
        elif not (isinstance(origin, Placed) and self._fill_string(origin, config, mask)):
            walk_trie(self.pushdown, config, self.tables.all.levels, mask)

    def string_at(self, state: int) -> tuple[Lexeme, int] | None:
        """The string lexeme, and the state of its DFA, that `state` stands for, if any."""
        found = self.lexeme_at(state)
        return found if found is not None and found[0].is_string else None

    def number_at(self, state: int) -> tuple[Lexeme, int] | None:
        """The same for a lexeme that is no string: of numbers, or of words."""
        found = self.lexeme_at(state)
        return None if found is None or found[0].is_string else found

    def lexeme_at(self, state: int) -> tuple[Lexeme, int] | None:
        """The same for any lexeme."""
        origin = self.pushdown.origins[state]
        return (origin.lexeme, origin.local(state)) if isinstance(origin, Placed) else None

    def _fill_name(self, origin: NamePart, config: Config, mask: np.ndarray) -> None:
        """The same in a member name where any other name will do: what does not end the name is as in plain text."""
        state, _, escape, node = config
        plain = origin.plain[state - origin.first]
        mask[:] = self.row((plain, 0, escape, self.pushdown.push_node(node, origin.frame)))[: len(mask)]
        walk_trie(self.pushdown, config, self.tables.quoting.levels, mask, shared=node)

    def _fill_string(self, origin: Placed, config: Config, mask: np.ndarray) -> bool:
        """The same inside a string, from the row of its lexeme; False where a walk is better, or has to be."""
        state, count, escape, node = config
        lexeme, local = origin.lexeme, origin.local(state)
        if not escape and np.count_nonzero(lexeme.dfa.delta[local]) <= FEW_BYTES:
            return False
        if not lexeme.is_counted:
            row = self.tables.row(lexeme.dfa, local, escape)
            mask[:] = row.inside
            self._cross(row, node, mask)
            return True
        if escape or lexeme.inside_character[local] or lexeme.has_floor:
            return False
        row = self.tables.row(lexeme.dfa, local, 0)
        if lexeme.high is None:
            mask[:] = row.inside
            self._cross(row, node, mask, least=lexeme.low - count)
            return True
        room = lexeme.high - count
        sure = room - lexeme.most_needed
        if lexeme.onward is not None and sure < self.tables.longest:
            return False  # some tokens reach the next stage
        if sure >= self.tables.longest:
            mask[:] = row.inside
        else:
            np.bitwise_and(row.inside, self.tables.at_most(sure), out=mask)
            doubtful = row.inside & (self.tables.at_most(room) ^ self.tables.at_most(sure))
            check_tokens(self.pushdown, config, self.tables.texts, doubtful, mask)
        self._cross(row, node, mask, least=lexeme.low - count, most=room)
        return True

    def _fill_level(self, key: tuple[object, ...], config: Config, mask: np.ndarray) -> None:
        """The same where what happens on this stack level is known from elsewhere, and only the exits are not."""
        state, count, escape, node = config
        row = self.tables.level_row((*key, count), self.pushdown, start_at(state, count, escape))
        mask[:] = row.inside
        if row.outcomes:
            popped = [self.perform(outcome << 2 | EXIT, node) or _NOWHERE for outcome in row.outcomes]
            walk_exits(self.pushdown, self.tables.all.levels, mask, row.exits, np.array(popped, np.int32))

    def _cross(
        self, row: LexemeRow, node: int, mask: np.ndarray, *, least: int = 0, most: int | None = None
    ) -> None:
        """Add the tokens that end the string and go on behind it, with `least` to `most` characters before."""
        for crossing in row.crossings:
            after = self.perform(crossing.outcome << 2 | EXIT, node)
            if after is None:
                continue
            tokens, suffixes = crossing.tokens, crossing.suffixes
            if least > 0 or (most is not None and most < self.tables.longest):
                fits = crossing.n_before >= least
                if most is not None:
                    fits &= crossing.n_before <= most
                tokens, suffixes = tokens[fits], suffixes[fits]
            set_pairs(tokens, suffixes, self._alive_suffixes(after), mask)

    def _alive_suffixes(self, config: Config) -> np.ndarray:
        """uint32 words, a bit per suffix id: which of them may follow in `config`."""
        alive = self._suffixes.get(config)
        if alive is None:
            trie = self.tables.suffixes
            alive = np.zeros(len(trie.bytes) // 32 + 1, np.uint32)
            walk_trie(self.pushdown, config, trie, alive)
            alive[0] |= np.uint32(1)  # the empty suffix
            self._suffixes[config] = alive
        return alive
