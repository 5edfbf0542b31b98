"""Regex trees as automata over characters: position NFA, subset construction, lookaround by obligation.

The NFA is Glushkov's: a state for each character of the pattern, sets of them as bits of an int.
Positions (`^`, `\\b`, lookaround) are bits too, passed when a set is closed in its context. A
lookahead adds an *obligation* to the thread that passes it: a DFA that must accept the rest of the
text. A lookbehind is a DFA that runs along from the start of the text.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .bits import bits_of
from .char_automata import Alphabet, Budget, CharDfa, intersect_char_dfas, minimal_char_dfa
from .dfa import DEAD, NOT_ACCEPTING
from .nodes import Anchor, And, Chars, Choice, Concat, Literal, Look, Node, Not, Repeat

ACCEPT = 1
"""Bit 0: the text is complete."""
REST = 2
"""Bit 1: any text follows; its closure is `REST | ACCEPT`."""

START, OTHER, IN_WORD, END = 0, 1, 2, 3
"""What stands next to a position: an end of the text, a character, a word character."""


@dataclass(slots=True)
class CharNfa:
    """Bits and what follows them.

    entry      : the set before the first character.
    follow     : for each bit the set after it.
    class_bits : for each class of characters the bits that read it.
    start_bits, end_bits, word_bits : the anchors. looks : bit number -> lookaround.
    """

    class_bits: list[int]
    follow: list[int] = field(default_factory=lambda: [ACCEPT, REST | ACCEPT])
    entry: int = 0
    start_bits: int = 0
    end_bits: int = 0
    word_bits: dict[int, bool] = field(default_factory=dict)
    looks: dict[int, _LookBit] = field(default_factory=dict)

    def close(self, states: int, passing: int) -> int:
        """Add what follows those bits of `passing` that the set has or gets."""
        seen = 0
        while bits := states & passing & ~seen:
            bit = bits & -bits
            seen |= bit
            states |= self.follow[bit.bit_length() - 1]
        return states


@dataclass(slots=True)
class _LookBit:
    """behind >= 0 is the number of a lookbehind, else `ahead` reads the rest of the text."""

    negative: bool
    behind: int = -1
    ahead: CharNfa | None = None


class Lowering:
    """All automata of one pattern: they share the alphabet, the budget and the lookbehinds."""

    def __init__(self, node: Node, budget: Budget) -> None:
        self.alphabet = Alphabet(node)
        self.budget = budget
        self.behinds: list[CharDfa] = []

    def whole_texts(self, node: Node) -> CharDfa:
        """The texts that `node` matches as a whole."""
        return self._determinize(_NfaBuilder(self).build(node, ACCEPT))

    def texts_containing(self, node: Node) -> CharDfa:
        """The texts in which `node` matches somewhere."""
        builder = _NfaBuilder(self)
        nfa = builder.build(node, REST | ACCEPT)
        if nfa.entry & ~nfa.start_bits:
            builder.prepend_any_text()
        return self._determinize(nfa)

    def _determinize(self, nfa: CharNfa) -> CharDfa:
        if nfa.looks or nfa.word_bits or self.behinds:
            return ContextSubsets(self, nfa).run(START, tuple(dfa.start for dfa in self.behinds))
        return plain_subsets(nfa, self.budget)

    def add_lookbehind(self, body: Node) -> int:
        """Compile the texts that end with a match of `body`; inner lookbehinds come first."""
        builder = _NfaBuilder(self)
        nfa = builder.build(body, ACCEPT)
        builder.prepend_any_text()
        dfa = self._determinize(nfa)
        self.behinds.append(dfa)
        return len(self.behinds) - 1


class _NfaBuilder:
    """Builds an NFA from its end: `_set(node, after)` is the set before `node` if `after` follows it."""

    def __init__(self, lowering: Lowering) -> None:
        self._lowering = lowering
        self._alphabet = lowering.alphabet
        self._nfa = CharNfa([REST] * lowering.alphabet.n_classes)
        self._set_bits = [0] * len(lowering.alphabet.set_number)
        self._loops = 0  # bits that stand for sets not known yet

    def build(self, node: Node, after: int) -> CharNfa:
        nfa = self._nfa
        nfa.entry = self._expand(self._set(node, after))
        nfa.follow = [self._expand(states) if states & self._loops else states for states in nfa.follow]
        for number, sets in enumerate(self._alphabet.class_sets):
            while sets:
                lowest = sets & -sets
                nfa.class_bits[number] |= self._set_bits[lowest.bit_length() - 1]
                sets ^= lowest
        return nfa

    def prepend_any_text(self) -> None:
        """Let any text come before what is built."""
        nfa = self._nfa
        bit = self._new_bit(0)
        nfa.entry |= bit
        nfa.follow[-1] = nfa.entry
        nfa.class_bits = [bits | bit for bits in nfa.class_bits]

    def _expand(self, states: int) -> int:
        return self._nfa.close(states, self._loops) & ~self._loops

    def _new_bit(self, follow: int) -> int:
        self._nfa.follow.append(follow)
        n_bits = len(self._nfa.follow)
        # Each bit costs an int of up to n_bits bits.
        self._lowering.budget.spend(1 + n_bits // 64, n_bits, 1)
        return 1 << (n_bits - 1)

    def _set(self, node: Node, after: int) -> int:
        match node:
            case Literal(text):
                for char in reversed(text):
                    after = self._read(((ord(char), ord(char)),), after)
                return after
            case Chars(ranges):
                return self._read(ranges, after) if ranges else 0
            case Concat(parts):
                for part in reversed(parts):
                    after = self._set(part, after)
                return after
            case Choice(options):
                states = 0
                for option in options:
                    states |= self._set(option, after)
                return states
            case Repeat(body, low, high):
                return self._repeat(body, low, high, after)
            case Anchor(kind):
                return self._anchor(kind, after)
            case Look():
                return self._look(node, after)
            case And() | Not():
                return self._embed(boolean_char_dfa(node, self._lowering), after)
        raise TypeError(f"{type(node).__name__} is not part of a regular expression")

    def _read(self, ranges: tuple[tuple[int, int], ...], after: int) -> int:
        bit = self._new_bit(after)
        self._set_bits[self._alphabet.set_number[ranges]] |= bit
        return bit

    def _repeat(self, body: Node, low: int, high: int | None, after: int) -> int:
        n_exact = low
        states = after
        if high is None:
            loop = self._new_bit(0)
            self._loops |= loop
            states = self._set(body, after | loop)
            self._nfa.follow[loop.bit_length() - 1] = states
            # The loop itself is one pass; without passes, nothing of it is needed.
            states, n_exact = (states | after, 0) if low == 0 else (states, low - 1)
        else:
            states = self._copies(body, high - low, states, skip_to=after)
        return self._copies(body, n_exact, states, skip_to=0)

    def _copies(self, body: Node, count: int, after: int, *, skip_to: int) -> int:
        """`count` passes, at each of which `skip_to` may follow instead."""
        for _ in range(count):
            before = self._set(body, after) | skip_to
            if before == after:  # an empty body: further passes change nothing
                break
            after = before
        return after

    def _anchor(self, kind: str, after: int) -> int:
        bit = self._new_bit(after)
        if kind == "start":
            self._nfa.start_bits |= bit
        elif kind == "end":
            self._nfa.end_bits |= bit
        else:
            self._nfa.word_bits[bit.bit_length() - 1] = kind == "word"
        return bit

    def _look(self, node: Look, after: int) -> int:
        if node.behind:
            look = _LookBit(node.negative, behind=self._lowering.add_lookbehind(node.body))
        else:
            ahead = _NfaBuilder(self._lowering).build(node.body, REST | ACCEPT)
            look = _LookBit(node.negative, ahead=ahead)
        bit = self._new_bit(after)
        self._nfa.looks[bit.bit_length() - 1] = look
        return bit

    def _embed(self, dfa: CharDfa, after: int) -> int:
        """A DFA as a part of the NFA: a loop bit for each state, a reading bit for each transition."""
        states = [self._new_bit(0) for _ in dfa.rows]
        self._loops |= sum(states)
        for state, row in enumerate(dfa.rows):
            entry = after if dfa.labels[state] != NOT_ACCEPTING else 0
            for target in set(row) - {DEAD}:
                bit = self._new_bit(states[target])
                entry |= bit
                for number, reached in enumerate(row):
                    if reached == target:
                        self._nfa.class_bits[number] |= bit
            self._nfa.follow[states[state].bit_length() - 1] = entry
        return states[dfa.start]


def boolean_char_dfa(node: And | Not, lowering: Lowering) -> CharDfa:
    """The whole texts of an intersection or a complement; anchors inside see only those texts."""
    match node:
        case And(parts):
            return intersect_char_dfas([lowering.whole_texts(part) for part in parts], lowering.budget)
        case Not(body):
            return lowering.whole_texts(body).complement()


def plain_subsets(nfa: CharNfa, budget: Budget) -> CharDfa:
    """Subset construction for an NFA whose only positions are `^` and `$`."""
    n_classes = len(nfa.class_bits)
    no_start = ~nfa.start_bits
    first = nfa.close(nfa.entry, nfa.start_bits) & no_start
    starts_accepting = nfa.close(nfa.entry, nfa.start_bits | nfa.end_bits) & ACCEPT
    sets = [0, REST | ACCEPT if first & REST else first]
    # The start is kept apart: `^` holds there and nowhere else.
    ids = {0: DEAD}
    follow = [states & no_start for states in nfa.follow]
    after: dict[int, int] = {0: DEAD}
    rows: list[list[int]] = []
    for states in sets:
        row = []
        for bits in nfa.class_bits:
            read = states & bits
            target = after.get(read)
            if target is None:
                reached = _union(follow, read)
                budget.spend(read.bit_count() * (1 + len(follow) // 2048), len(sets), n_classes)
                target = ids.get(reached)
                if target is None:
                    target = ids[reached] = len(sets)
                    sets.append(reached)
                after[read] = target
            row.append(target)
        rows.append(row)
        budget.spend(n_classes, len(sets), n_classes)
    accepting = [bool(nfa.close(states, nfa.end_bits) & ACCEPT) for states in sets]
    accepting[1] = bool(starts_accepting)
    return minimal_char_dfa(rows, [0 if flag else NOT_ACCEPTING for flag in accepting], 1)


def _union(follow: list[int], states: int) -> int:
    reached = 0
    while states:
        bit = states & -states
        reached |= follow[bit.bit_length() - 1]
        states ^= bit
    return REST | ACCEPT if reached & REST else reached


Obligations = frozenset[tuple[int, int]]
"""(number of a lookahead DFA, its state): each must accept the rest of the text."""
Threads = dict[Obligations, int]
"""The NFA states that are alive under the same obligations."""
NO_OBLIGATIONS: Obligations = frozenset()


class ContextSubsets:
    """Subset construction with word borders and lookaround.

    A state is (threads, what precedes, states of the lookbehind DFAs). What precedes is dropped
    where no position is pending.
    """

    def __init__(self, lowering: Lowering, nfa: CharNfa) -> None:
        self._lowering = lowering
        self._nfa = nfa
        self._behinds = list(lowering.behinds)
        self._word_mask = bits_of(nfa.word_bits)
        self._look_mask = bits_of(nfa.looks)
        # What stands behind these is reached only when the next character is known.
        self._pending_mask = self._word_mask | nfa.end_bits
        self._aheads: list[CharDfa] = []
        self._universal: list[int] = []
        self._ahead_number: dict[tuple[int, int, tuple[int, ...]], int] = {}

    def run(self, before: int, behinds: tuple[int, ...]) -> CharDfa:
        """The DFA from a position after `before`, where the lookbehinds have reached `behinds`."""
        self._ids: dict[object, int] = {}
        self._after: dict[object, int] = {}
        self._states: list[tuple[Threads, int, tuple[int, ...]]] = [({}, OTHER, ()), ({}, OTHER, ())]
        entry = {NO_OBLIGATIONS: self._nfa.entry}
        self._states[1] = (entry, before, behinds)
        alphabet, budget = self._lowering.alphabet, self._lowering.budget
        rows = [[DEAD] * alphabet.n_classes]
        labels = [NOT_ACCEPTING]
        position = 1
        while position < len(self._states):
            threads, before, behinds = self._states[position]
            by_kind = {}
            for kind in (OTHER, IN_WORD) if True in alphabet.word_class else (OTHER,):
                by_kind[kind] = self._close(threads, before, behinds, kind)
            row = []
            for number in range(alphabet.n_classes):
                kind = IN_WORD if alphabet.word_class[number] else OTHER
                row.append(self._step(by_kind[kind], kind, behinds, number))
            rows.append(row)
            closed = self._close(threads, before, behinds, END)
            labels.append(0 if self._accepts(closed) else NOT_ACCEPTING)
            budget.spend(4 * alphabet.n_classes, len(self._states), alphabet.n_classes)
            position += 1
        return minimal_char_dfa(rows, labels, 1)

    def _step(self, threads: Threads, kind: int, behinds: tuple[int, ...], number: int) -> int:
        """The state after a character of class `number`."""
        bits = self._nfa.class_bits[number]
        reads = []
        for obligations, states in threads.items():
            if read := states & bits:
                kept = self._advance(obligations, number) if obligations else obligations
                if kept is not None:
                    reads.append((kept, read))
        behinds = tuple([dfa.rows[q][number] for dfa, q in zip(self._behinds, behinds)])
        # Most classes of characters are alike to most states.
        key = (kind, behinds, *reads)
        if key not in self._after:
            self._after[key] = self._intern(self._follow(reads), kind, behinds)
        return self._after[key]

    def _follow(self, reads: list[tuple[Obligations, int]]) -> Threads:
        reached: Threads = {}
        for kept, read in reads:
            self._lowering.budget.spend(8 + 2 * read.bit_count() + 8 * len(kept), len(self._states), 1)
            reached[kept] = reached.get(kept, 0) | _union(self._nfa.follow, read)
        return _subsume(reached)

    def _advance(self, obligations: Obligations, number: int) -> Obligations | None:
        kept = []
        for ahead, state in obligations:
            target = self._aheads[ahead].rows[state][number]
            if target == DEAD:
                return None
            if target != self._universal[ahead]:
                kept.append((ahead, target))
        return frozenset(kept)

    def _intern(self, threads: Threads, kind: int, behinds: tuple[int, ...]) -> int:
        # Closed as far as is possible without the next character: equal futures meet earlier.
        threads = self._close(threads, kind, behinds, None)
        if not threads:
            return DEAD
        if not any(states & self._pending_mask for states in threads.values()):
            kind = OTHER
        key = (frozenset(threads.items()), kind, behinds)
        if key not in self._ids:
            self._ids[key] = len(self._states)
            self._states.append((threads, kind, behinds))
        return self._ids[key]

    def _accepts(self, closed: Threads) -> bool:
        return any(
            states & ACCEPT
            and all(self._aheads[ahead].labels[q] != NOT_ACCEPTING for ahead, q in obligations)
            for obligations, states in closed.items()
        )

    def _close(
        self, threads: Threads, before: int, behinds: tuple[int, ...], following: int | None
    ) -> Threads:
        """Pass every position that holds between `before` and `following` (None: not known yet)."""
        closed: Threads = {}
        pending = list(threads.items())
        free = self._passing(before, behinds, following)
        while pending:
            obligations, states = pending.pop()
            known = closed.get(obligations, 0)
            states = self._nfa.close(states, free) | known
            if states == known:
                continue
            closed[obligations] = states
            looks = (states & ~known) & self._look_mask
            while looks:
                bit = looks & -looks
                looks ^= bit
                number = bit.bit_length() - 1
                if self._nfa.looks[number].ahead is not None:
                    more = self._oblige(obligations, number, before, behinds)
                    if more is not None:
                        pending.append((more, self._nfa.follow[number]))
        settled = 0 if following is None else self._word_mask
        drop = ~(self._nfa.start_bits | self._look_mask | settled)
        if following is not None:
            return {obligations: states & drop for obligations, states in closed.items()}
        # Looks stay passable behind a pending word border, which is closed again later.
        return _subsume({o: states & drop for o, states in closed.items() if states & drop})

    def _passing(self, before: int, behinds: tuple[int, ...], following: int | None) -> int:
        """The bits that may be passed without an obligation."""
        nfa = self._nfa
        free = nfa.start_bits if before == START else 0
        if following == END:
            free |= nfa.end_bits
        if following is not None:
            at_border = (before == IN_WORD) != (following == IN_WORD)
            free |= bits_of(bit for bit, border in nfa.word_bits.items() if border == at_border)
        for bit, look in nfa.looks.items():
            if look.behind >= 0:
                matched = self._behinds[look.behind].labels[behinds[look.behind]] != NOT_ACCEPTING
                free |= (matched != look.negative) << bit
        return free

    def _oblige(
        self, obligations: Obligations, bit: int, before: int, behinds: tuple[int, ...]
    ) -> Obligations | None:
        """Add what the lookahead `bit` asks of the rest of the text; None if nothing satisfies it."""
        key = (bit, before, behinds)
        if key not in self._ahead_number:
            self._ahead_number[key] = self._compile_ahead(bit, before, behinds)
        number = self._ahead_number[key]
        start = self._aheads[number].start
        if start == DEAD:
            return None
        return obligations if start == self._universal[number] else obligations | {(number, start)}

    def _compile_ahead(self, bit: int, before: int, behinds: tuple[int, ...]) -> int:
        look = self._nfa.looks[bit]
        assert look.ahead is not None
        dfa = ContextSubsets(self._lowering, look.ahead).run(before, behinds)
        if look.negative:
            dfa = dfa.complement()
        self._aheads.append(dfa)
        self._universal.append(dfa.universal)
        return len(self._aheads) - 1


def _subsume(threads: Threads) -> Threads:
    """Drop states that are also alive under fewer obligations."""
    if len(threads) < 2:
        return threads
    kept: Threads = {}
    for obligations in sorted(threads, key=len):
        states = threads[obligations]
        for fewer, others in kept.items():
            if fewer < obligations:
                states &= ~others
        if states & REST and not obligations:
            return {NO_OBLIGATIONS: REST | ACCEPT}
        if states:
            kept[obligations] = states
    return kept


def lower_regex(node: Node, *, search: bool, budget: Budget) -> tuple[CharDfa, Alphabet]:
    """The texts that `node` matches as a whole, or (`search`) somewhere."""
    lowering = Lowering(node, budget)
    dfa = lowering.texts_containing(node) if search else lowering.whole_texts(node)
    return dfa, lowering.alphabet
