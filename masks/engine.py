"""Masks and steps of one automaton over one vocabulary, with everything learnt on the way kept."""

from __future__ import annotations

import numpy as np

from ..errors import DeadEnd
from ..grammar.lexemes import Lexeme, Placed
from ..grammar.pushdown import (
    ACCEPT,
    DEAD,
    END,
    EXIT,
    FLAGS,
    GOTO,
    READY,
    STRING,
    NamePart,
    Pushdown,
)
from ..grammar.use import Use
from .by_depth import ByDepth
from .by_frames import ByFrames
from .exits import LevelExits
from .kernels.bits import add_common, any_bit, count_bits, set_pairs
from .levels import Level, Levels
from .recipes import accepts_of, recipe_of
from .rows import Row
from .tables import MANY_DOUBTFUL, LevelRow, LexemeRow, TokenTables
from .walker import (
    Config,
    Reach,
    Read,
    check_tokens,
    finish,
    read_text,
    scratch,
    walk_exits,
    walk_trie,
)

# A mask row of a 128k vocabulary is 16 KB: this bounds what one constraint keeps at 32 MB.
MAX_ROWS = 2048
# Sets of suffixes that may follow.
MAX_SUFFIXES = 1024
# Far more configurations than rows: in a programming language most places allow what many others do.
MAX_CONFIGS = 1 << 15
MAX_STEPS = 1 << 16
# With so few bytes to go on, a walk sees less than a row would have to copy.
FEW_BYTES = 16

# For asking whether a text may end, and nothing else.
_NO_TOKENS = np.zeros((0, 2), np.int32), np.zeros(0, np.int64)
_NO_MASK = np.zeros(0, np.uint32)

_Suffixes = tuple[int, np.ndarray]
"""The number of a set of suffixes, and its words of bits."""


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
        self.masks: dict[Config, Row] = {}  # what `mask` found
        self.idle: set[Config] = set()  # where seen names change no mask, unless names run out
        # Answers look no further than one token does.
        alike = None if self.has_two_names else pushdown.alike
        self._rows: ByFrames[Row] = ByFrames(pushdown, MAX_CONFIGS, alike)
        self._by_depth = ByDepth(pushdown, tables)
        self._distinct: dict[int, Row] = {}  # by their numbers
        self._spelled = (tables.trie.duplicates, np.array(tables.vocabulary.eos_ids, np.int64))
        self.steps: dict[tuple[Config, int], Read | None] = {}  # what `read` found
        self._suffixes: ByFrames[_Suffixes] = ByFrames(pushdown, MAX_SUFFIXES, alike)
        self.levels = Levels(pushdown)
        self._accepting: dict[Config, bool] = {}
        self._use = Use(pushdown)

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
        found = self.steps.get(key)
        return found if found is not None or key in self.steps else self.read_new(config, token)

    def read_new(self, config: Config, token: int) -> Read | None:
        """The same for what is not among `steps`."""
        if self.tables.whole_text[token] and (after := self._in_text(config, token)) is not None:
            return after, after[3], None
        found = read_text(self.pushdown, config, self.tables.text_of(token))
        if len(self.steps) >= MAX_STEPS:
            self.steps.clear()
        self.steps[config, token] = found
        return found

    def _in_text(self, config: Config, token: int) -> Config | None:
        """The configuration behind whole characters in a string of any text, None where it has to be found out."""
        state, count, escape, node = config
        origin = self.pushdown.origin(state)
        if escape or not isinstance(origin, Placed) or origin.text_state != state:
            return None
        lexeme = origin.lexeme
        if not lexeme.is_counted:
            return config
        count += self.tables.length_of(token)
        is_within = lexeme.onward is None and (lexeme.high is None or count <= lexeme.high)
        return (state, count, 0, node) if is_within else None

    def accepts(self, config: Config) -> bool:
        """Whether the text may end in `config`."""
        found = self._accepting.get(config)
        return self._keep_accepting(config, accepts=self.ends_at(config, Reach())) if found is None else found

    def ends_at(self, config: Config, reach: Reach) -> bool:
        """The same, not kept; what it looks at of the stack is noted in `reach`."""
        row = self.pushdown.table[config[0]]
        if row[FLAGS] & (READY | ACCEPT) == READY and row[END] == 0:
            return False
        return finish(self.pushdown, config, _NO_TOKENS, _NO_MASK, reach)

    def _keep_accepting(self, config: Config, *, accepts: bool) -> bool:
        if len(self._accepting) >= MAX_STEPS:
            self._accepting.clear()
        self._accepting[config] = accepts
        return accepts

    def perform(self, operation: int, node: int, reach: Reach | None = None) -> Config | None:
        """What `operation` leads to on the stack `node`; what it takes from there is noted in `reach`."""
        pushdown = self.pushdown
        while operation & 3 == EXIT:
            if reach is not None:
                reach.note(node)
            parent, frame = pushdown.nodes[node]
            operation, node = pushdown.resumed(frame, operation >> 2), parent
        if operation == 0:
            return None
        if operation & 3 == GOTO:
            return operation >> 2, 0, 0, node
        state, frames = pushdown.pushed(operation)
        for frame in frames:
            node = pushdown.push_node(node, frame)
        return state, 0, 0, node

    def mask(self, config: Config) -> Row:
        """The text tokens allowed in `config`, and EOS where it accepts. Raises DeadEnd if there are none."""
        row = self.masks.get(config)
        if row is None:
            row = self._rows.get(config, self._find_row, None)
            if row.is_empty:
                raise DeadEnd(
                    "no token of the vocabulary continues the text",
                    hint="the vocabulary lacks a token for every byte that may come next",
                )
            if len(self.masks) >= MAX_CONFIGS:
                self.masks.clear()
            self.masks[config] = row
        return row

    def row_at(self, config: Config, reach: Reach) -> Row:
        """The same, though it may be empty; what it looks at of the stack is noted in `reach`."""
        return self._rows.get(config, self._find_row, reach)

    def _find_row(self, config: Config, reach: Reach) -> Row:
        recipe = recipe_of(self, config, reach)
        if recipe is None:
            return self._make_row(config, reach)
        row = self.tables.kept.made_by(recipe)
        if row is None:
            row = self._make_row(config, reach)
            self.tables.kept.keep_recipe(recipe, row)
        else:
            self._hold(row)
            self._keep_accepting(config, accepts=accepts_of(recipe))
        return row

    def _make_row(self, config: Config, reach: Reach) -> Row:
        space = scratch()
        words = space.lend_mask(self.n_words)
        try:
            self._fill(config, words[: self.tables.n_words], reach)
            self._keep_accepting(config, accepts=finish(self.pushdown, config, self._spelled, words, reach))
            few, kept = space.few_words(self.n_words), self.tables.kept
            row: Row = kept.keep(words) if few is None else kept.keep_few(few, self.n_words)
        finally:
            space.take_back()
        self._hold(row)
        return row

    def _hold(self, row: Row) -> None:
        """Let a row count as one that is kept."""
        if len(self._distinct) >= MAX_ROWS:
            for kept in (self._distinct, self._rows, self.masks):
                kept.clear()
        self._distinct[row.number] = row

    def _fill(self, config: Config, mask: np.ndarray, reach: Reach) -> None:
        """Set the bits of the allowed text tokens in the zeroed `mask`; what it looks at is noted in `reach`."""
        origin = self.pushdown.origin(config[0])
        if origin is None and self._ends_at_once(config):
            after = self.perform(int(self.pushdown.table[config[0], END]), config[3], reach)
            if after is not None and after[0] != DEAD:
                self.row_at(after, reach).put_beginning(mask)
            return
        if isinstance(origin, NamePart) and origin.plain:
            self._fill_name(origin, config, mask, reach)
        elif (level := self.levels.at(origin, config)) is not None:
            self._fill_level(level, mask, reach)
        elif not (isinstance(origin, Placed) and self._fill_string(origin, config, mask, reach)):
            walk_trie(self.pushdown, config, self.tables.all.levels, mask, reach=reach)

    def _ends_at_once(self, config: Config) -> bool:
        """Whether the state reads nothing itself."""
        state, _, escape, _ = config
        self.pushdown.ensure(state)
        row = self.pushdown.table[state]
        return not (row[END] == 0 or escape or row[FLAGS] & (STRING | ACCEPT) or row[:256].any())

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
        origin = self.pushdown.origin(state)
        return (origin.lexeme, origin.local(state)) if isinstance(origin, Placed) else None

    def _fill_name(self, origin: NamePart, config: Config, mask: np.ndarray, reach: Reach) -> None:
        """The same in a member name where any other name will do: what does not end the name is as in plain text."""
        self.row_at(self.plain_name(origin, config), reach).put_beginning(mask)
        walk_trie(self.pushdown, config, self.tables.quoting.levels, mask, shared=config[3], reach=reach)

    def plain_name(self, origin: NamePart, config: Config) -> Config:
        """Where a name would be that is none of the declared ones, with the same beginning."""
        state, count, escape, node = config
        return (
            origin.plain_state(state, count),
            0,
            escape,
            self.pushdown.push_node(node, origin.frame),
        )

    def _fill_string(self, origin: Placed, config: Config, mask: np.ndarray, reach: Reach) -> bool:
        """The same inside a string, from the row of its lexeme; False where a walk is better, or has to be."""
        state, count, escape, node = config
        lexeme, local = origin.lexeme, origin.local(state)
        if not escape and np.count_nonzero(lexeme.dfa.delta[local]) <= FEW_BYTES:
            return False
        if not lexeme.is_counted:
            row = self.tables.row(lexeme.dfa, local, escape)
            mask[:] = row.inside
            self._cross(row, node, mask, reach)
            return True
        if escape or lexeme.inside_character[local] or lexeme.has_floor:
            return False
        room = None if lexeme.high is None else lexeme.high - count
        if room is None or room - lexeme.most_needed[local] >= self.tables.longest:
            row = self.tables.row(lexeme.dfa, local, 0)
            mask[:] = row.inside
        else:
            known = self._fill_near_end(lexeme, local, config, room, mask, reach)
            if known is None:
                return False
            row = known
        self._cross(row, node, mask, reach, least=lexeme.low - count, most=room)
        return True

    def _fill_near_end(
        self, lexeme: Lexeme, local: int, config: Config, room: int, mask: np.ndarray, reach: Reach
    ) -> LexemeRow | None:
        """Set the bits of what stays in a string with `room` characters left; None, with no bit set, to walk instead.

        Returns the row of the lexeme's state without a bound.
        """
        short = self.tables.at_most(room - lexeme.most_needed[local])
        doubtful = self.tables.in_strings & ~short
        if lexeme.onward is None:
            doubtful &= self.tables.at_most(room)
            if count_bits(doubtful) > MANY_DOUBTFUL:
                return None
        row = self.tables.row(lexeme.dfa, local, 0)
        if lexeme.onward is None:
            doubtful &= row.inside
        else:  # longer ones may reach the next stage, where other states are alive
            known = doubtful & self._in_both_stages(lexeme, local, config[1], row)
            doubtful ^= known
            if count_bits(doubtful) > MANY_DOUBTFUL:
                return None
            mask |= known
        mask |= row.inside & short
        if any_bit(doubtful):
            check_tokens(self.pushdown, config, self.tables.texts, doubtful, mask, reach)
        return row

    def _in_both_stages(self, lexeme: Lexeme, local: int, count: int, row: LexemeRow) -> np.ndarray:
        """uint32[n_words]: tokens whose states are alive in a stage and the next one, wherever the one ends in them."""
        after = lexeme.next_stage
        if after is None or lexeme.most_needed[local] > 0 or after.has_floor:
            return np.zeros_like(row.inside)
        both = row.inside & self.tables.row(after.dfa, local, 0).inside
        if after.high is not None:
            both &= self.tables.at_most(after.high - count - after.most_needed[local])
        return both

    def _fill_level(self, level: Level, mask: np.ndarray, reach: Reach) -> None:
        """The same where what happens on this stack level is known from elsewhere, and only the exits are not."""
        # Where a recipe was looked for, this use has been counted.
        row, exits = self.exits_of(level, counts=self.pushdown.frames_grow)
        if exits.is_merged and not self.pushdown.frames_grow:
            self._by_depth.fill_at_once(row.inside, exits, level.node, mask, reach)
        elif exits.is_merged:
            self._by_depth.fill(level.key, row.inside, exits, level.node, mask, reach)
        else:
            mask[:] = row.inside
            walk_exits(self.pushdown, level.node, exits.in_place, self.tables.all.levels, mask, reach)
        for outcome, tokens in exits.whole:
            after = self.behind(outcome, level.node, reach)
            if after is not None:
                add_common(self.row_at(after, reach).dense(), tokens, mask)

    def exits_of(self, level: Level, *, counts: bool = True) -> tuple[LevelRow, LevelExits]:
        """Where a level can go by itself, and how it is left. counts : whether this is one more use."""
        row = self.tables.level_row(level.key, level.pushdown, level.start)
        row.n_uses += counts
        # Everything in a grammar stands in many places.
        exits = self.tables.exits_of(level.key, row, again=self.pushdown.frames_grow, whole=level.is_common)
        return row, exits

    def exits_alive(self, exits: LevelExits, node: int, reach: Reach) -> int:
        """The number of the set of nodes of `exits.rests` that may follow behind their level on the stack `node`."""
        return self.tables.number_of(self._by_depth.alive(exits, node, reach))

    def behind(self, outcome: int, node: int, reach: Reach) -> Config | None:
        """Where a level above the stack `node` leads that ends with `outcome`, None if nowhere."""
        after = self.perform(outcome << 2 | EXIT, node, reach)
        return None if after is None or after[0] == DEAD else after

    def _cross(
        self,
        row: LexemeRow,
        node: int,
        mask: np.ndarray,
        reach: Reach,
        *,
        least: int = 0,
        most: int | None = None,
    ) -> None:
        """Add the tokens that end the string and go on behind it, with `least` to `most` characters before."""
        for crossing in row.crossings:
            after = self.perform(crossing.outcome << 2 | EXIT, node, reach)
            if after is None:
                continue
            tokens, suffixes = crossing.tokens, crossing.suffixes
            if least > 0 or (most is not None and most < self.tables.longest):
                fits = crossing.n_before >= least
                if most is not None:
                    fits &= crossing.n_before <= most
                tokens, suffixes = tokens[fits], suffixes[fits]
            set_pairs(tokens, suffixes, self._suffixes.get(after, self._make_suffixes, reach)[1], mask)

    def suffixes_alive(self, config: Config, reach: Reach) -> int:
        """The number of the set of suffixes that may follow in `config`."""
        return self._suffixes.get(config, self._make_suffixes, reach)[0]

    def _make_suffixes(self, config: Config, reach: Reach) -> _Suffixes:
        trie = self.tables.suffixes
        alive = np.zeros(len(trie.bytes) // 32 + 1, np.uint32)
        walk_trie(self.pushdown, config, trie, alive, reach=reach)
        alive[0] |= np.uint32(1)  # the empty suffix
        return self.tables.number_of(alive), alive
