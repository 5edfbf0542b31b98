"""Member names that the automaton forgets: in one object none may come twice (RFC 7493, section 2.3).

In an object that any names may be added to, in any order, a state for each set of seen names would cost more than it is
worth; elsewhere the automaton bars those that are declared. So a matcher remembers the names of each open object that
the automaton forgets. Where the language of names runs out behind a beginning, so does what may be written there.
`name_masks.py` takes the tokens that would repeat a name out of the masks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..grammar.finite import n_texts
from ..grammar.pushdown import NameFrame, NamePart
from .engine import Engine
from .name_set import NO_NAMES_SEEN, NameSet
from .quote_tokens import content_of
from .units import NO_ITEMS, ItemReader, Open
from .walker import Config, Named, path_nodes, read_bytes

if TYPE_CHECKING:
    from .matcher import History

Names = tuple[tuple[int, NameSet], ...]
"""The open objects, outermost first, with forgotten names: the stack node of each, and the names as UTF-8."""
NO_NAMES: Names = ()
MAX_NAME_SETS = 1 << 12
"""Sets of names that are kept, those that nobody holds included."""
_QUOTE = 0x22
_BACKSLASH = 0x5C
_IN_ESCAPE = b'"\\/bfnrtu0123456789abcdef'


class HeldName(NamedTuple):
    """A whole name in a token.

    above : the lowest stack node in front of it.  place : that of its object.  name : as UTF-8.
    """

    above: int
    place: int
    name: bytes


class _End(NamedTuple):
    """The end of a name in a token.

    lowest : the lowest stack node since the end before.  place : that of the object.  name : as UTF-8.
    """

    lowest: int
    place: int
    name: bytes
    frame: NameFrame


class NameReader:
    """What forgotten names do to tokens. Immutable for its users."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.pushdown = engine.pushdown
        self.items = ItemReader(engine)
        self._no_names, self._n_kept = NameSet(), 0

    def after(
        self,
        config: Config,
        names: Names,
        history: History | None,
        token: int,
        after: Config,
        nodes: list[int],
    ) -> Names | None:
        """The names behind a token, None if it repeats one, or leaves no name to come.

        after : the configuration behind it.  nodes : the stack node after each of its bytes.
        """
        names_after = self._read(config, names, history, token, nodes)
        if names_after and self._is_dead(after, names_after, history, config, token, nodes):
            return None
        return names_after

    def with_named(
        self, config: Config, names: Names, history: History | None, token: int, named: Named
    ) -> Names | None:
        """The same as `after` where names do not run out, for a token in which one name has ended."""
        frame = self.pushdown.name_frames[named.frame]
        if named.outcome < len(frame.keys):
            name = frame.keys[named.outcome]
            if not frame.all_declare:
                return self._with_declared(_open(names, named.lowest), named.place, name)
        elif (self.place_of_name(config) or (None,))[0] != named.place:
            name = self._whole_name(config, token)
        else:
            # Outside of escapes the first quote is the one that ends it.
            text = self.engine.tables.text_of(token).tobytes()
            name = content_of(self._raw(history, named.place) + text[: _first_quote(text, config[2])])
        return _added(_open(names, named.lowest), named.place, name, frame)

    def _with_declared(self, names: Names, place: int, name: bytes) -> Names | None:
        """`names` with a declared one more: objects mostly have the members that others had, in the same order."""
        is_first = not names or names[-1][0] != place
        seen = self._no_names if is_first else names[-1][1]
        if name in seen:
            return None
        added, is_new = seen.adding_again(name)
        self._n_kept += is_new
        if self._n_kept > MAX_NAME_SETS:  # what nobody holds is forgotten
            self._no_names, self._n_kept = NameSet(), 0
        return (*names, (place, added)) if is_first else (*names[:-1], (place, added))

    def _whole_name(self, config: Config, token: int) -> bytes:
        """The name that begins and ends in a token."""
        text = self.engine.tables.text_of(token)
        read_bytes(self.pushdown, config, text)
        ((_, _, name, _),), _ = self._ends(config, None, token, path_nodes(self.pushdown, len(text)))
        return name

    def kept(
        self, config: Config, names: Names, history: History | None, token: int, after: Config, lowest: int
    ) -> Names | None:
        """The same behind a token in which none of these names ends; its way goes down to the stack node `lowest`."""
        names = _open(names, lowest)
        if not names or not self.pushdown.names_run_out:
            return names
        found = self.step(config, NO_ITEMS, token)
        assert found is not None, "a token that is allowed"
        return None if self._is_dead(after, names, history, config, token, found[1]) else names

    def _read(
        self, config: Config, names: Names, history: History | None, token: int, nodes: list[int]
    ) -> Names | None:
        ends, lowest = self._ends(config, history, token, nodes)
        for end in ends:
            added = _added(_open(names, end.lowest), end.place, end.name, end.frame)
            if added is None:
                return None
            names = added
        return _open(names, lowest)

    def _ends(
        self, config: Config, history: History | None, token: int, nodes: list[int]
    ) -> tuple[list[_End], int]:
        """The names that end in a token, and the lowest stack node behind the last of them."""
        text = self.engine.tables.text_of(token).tobytes()
        found = []
        before = lowest = config[3]
        begun = -1
        for i, node in enumerate(nodes):
            lowest = min(lowest, node)
            if text[i] == _QUOTE and node != before:
                if self._frame_between(node, before) is not None:
                    begun = i
                elif (frame := self._frame_between(before, node)) is not None:
                    raw = text[begun + 1 : i] if begun >= 0 else self._raw(history, node) + text[:i]
                    found.append(_End(lowest, node, content_of(raw), frame))
                    begun, lowest = -1, node
            before = node
        return found, lowest

    def names_in(self, config: Config, token: int, nodes: list[int]) -> tuple[HeldName, ...] | None:
        """The whole names in a token that is read outside of any; None if it repeats one of them itself."""
        if self._read(config, NO_NAMES, None, token, nodes) is None:
            return None
        above, found = config[3], []
        for end in self._ends(config, None, token, nodes)[0]:
            above = min(above, end.lowest)
            if not end.frame.all_declare or end.name not in end.frame.keys:
                found.append(HeldName(above, end.place, end.name))
        return tuple(found)

    def _frame_between(self, node: int, place: int) -> NameFrame | None:
        """The frame of a name that lies on the stack node `place` and has `node` on top."""
        nodes = self.pushdown.nodes
        for _ in range(2):
            if node <= place:
                return None
            parent, frame = nodes[node]
            if parent == place:
                return self.pushdown.name_frames.get(frame)
            node = parent
        return None

    def place_of_name(self, config: Config) -> tuple[int, NameFrame] | None:
        """The object's stack node and the frame, where `config` is inside a name."""
        node = config[3]
        for _ in range(2):
            if node == 0:
                return None
            parent, symbol = self.pushdown.nodes[node]
            frame = self.pushdown.name_frames.get(symbol)
            if frame is not None:
                return parent, frame
            node = parent
        return None

    def content(self, config: Config, history: History | None, place: int) -> bytes:
        """What was read of the name that lies on the stack node `place` and that `config` is inside of, as UTF-8."""
        known = self.content_known(config)
        return content_of(self._raw(history, place)) if known is None else known

    def content_known(self, config: Config) -> bytes | None:
        """What was read of the name, where only one beginning leads to `config`; None elsewhere."""
        origin = self.pushdown.origin(config[0])
        return origin.content(*config[:2]) if isinstance(origin, NamePart) else None

    def _raw(self, history: History | None, place: int) -> bytes:
        """What was read since the opening quote of the name that lies on the stack node `place`."""
        parts: list[bytes] = []
        while history is not None:
            config, (items, _), token, history = history
            if config[3] > place and not self.engine.unit_frames:
                read = self.engine.read(config, token)
                if read is not None and read[1] > place:  # all of it is inside the name
                    parts.append(self.engine.tables.text_of(token).tobytes())
                    continue
            text = self.engine.tables.text_of(token).tobytes()
            if text.count(_QUOTE) == 1 and config[3] <= place:
                parts.append(text[text.index(_QUOTE) + 1 :])
                break
            found = self.step(config, items, token)
            assert found is not None, "a token that was taken"
            part, is_begun = self._since_entry(config, token, found[1], place)
            parts.append(part)
            if is_begun:
                break
        return b"".join(reversed(parts))

    def _since_entry(self, config: Config, token: int, nodes: list[int], place: int) -> tuple[bytes, bool]:
        """What of a token is behind the opening quote of the name on `place`, and whether the quote is in it."""
        # A token may end one name of the object and begin the next.
        start = _last_entry(nodes, config[3], place)
        return self.engine.tables.text_of(token).tobytes()[start + 1 :], start >= 0

    def step(self, config: Config, items: Open, token: int) -> tuple[Config, list[int]] | None:
        """The configuration behind a token, and the stack node after each byte; None where it is not allowed."""
        if self.engine.unit_frames:
            read = self.items.step(config, items, token)
            return None if read is None else (read[0], read[2])
        text = self.engine.tables.text_of(token)
        after = read_bytes(self.pushdown, config, text)
        return None if after is None else (after, path_nodes(self.pushdown, len(text)))

    def open_items(self, history: History | None) -> Open:
        """The items that are open behind the last token."""
        if history is None or not self.engine.unit_frames:
            return NO_ITEMS
        config, (items, _), token, _ = history
        found = self.items.step(config, items, token)
        assert found is not None, "a token that was taken"
        return found[1]

    def partial(self, config: Config, history: History | None) -> bytes:
        """The raw text so far of the name that nobody declares and that `config` is inside of; b"" for none."""
        found = self.place_of_name(config)
        return b"" if found is None else self._raw(history, found[0])

    def may_run_out(self, config: Config) -> bool:
        """Whether `config` is inside a name of which there may be no other with the same beginning."""
        return self._running_out(config) is not None

    def _running_out(self, config: Config) -> tuple[int, NameFrame] | None:
        """The object's stack node and the frame, where `config` is inside such a name."""
        inside = self.place_of_name(config) if self.pushdown.names_run_out else None
        return inside if inside is not None and inside[1].runs_out else None

    def _is_dead(
        self,
        after: Config,
        names: Names,
        history: History | None,
        config: Config,
        token: int,
        nodes: list[int],
    ) -> bool:
        """Whether a token ends in a name with whose beginning no name is left."""
        inside = self._running_out(after)
        if inside is None:
            return False
        place, frame = inside
        seen = dict(names).get(place)
        if seen is None:
            return False
        raw, is_begun = self._since_entry(config, token, nodes, place)
        if not is_begun:
            raw = self._raw(history, place) + raw
        return not self._goes_on(after, raw, frame, seen)

    def _goes_on(self, config: Config, raw: bytes, frame: NameFrame, seen: NameSet) -> bool:
        """Whether some name that was not `seen` begins with `raw`: an escape that is not finished is, in every way."""
        content = content_of(raw)
        if not seen.beginning_with(content):
            return True
        if config[2]:
            for byte in _IN_ESCAPE:
                after = read_bytes(self.pushdown, config, np.array([byte], np.uint8))
                if after is not None and self._goes_on(after, raw + bytes([byte]), frame, seen):
                    return True
            return False
        for i, key in enumerate(frame.keys):
            if frame.allowed >> i & 1 and key.startswith(content) and key not in seen:
                return True
        taken = sum(name.startswith(content) and frame.others.accepts(name) for name in seen)
        state = frame.others.start
        for byte in content:
            state = int(frame.others.delta[state, byte])
        return n_texts(frame.others)[state] > taken


def _last_entry(nodes: list[int], before: int, place: int) -> int:
    """The index of the byte that last went from the stack node `place` to one above it."""
    found = -1
    for i, node in enumerate(nodes):
        if before == place and node > place:
            found = i
        before = node
    return found


def _first_quote(text: bytes, escape: int) -> int:
    """Where the first quote is that no escape holds; `escape` is what a configuration in front of `text` has of one."""
    found = text.index(_QUOTE)
    if escape == 0 and b"\\" not in text[:found]:
        return found
    # The rest of an escape that has begun is one character, or hexadecimal digits.
    at = 1 if escape == 1 else 0
    while text[at] != _QUOTE:
        at += 2 if text[at] == _BACKSLASH else 1
    return at


def _open(names: Names, lowest: int) -> Names:
    """The objects that are still open when nothing below the stack node `lowest` was left."""
    if names and lowest < names[-1][0]:
        return tuple((place, seen) for place, seen in names if place <= lowest)
    return names


def _added(names: Names, place: int, name: bytes, frame: NameFrame) -> Names | None:
    """`names` with one more for the object at `place`, None if it has it already."""
    if frame.all_declare and name in frame.keys:
        return names  # the automaton knows
    if names and names[-1][0] == place:
        if name in names[-1][1]:
            return None
        return (*names[:-1], (place, names[-1][1].adding(name)))
    return (*names, (place, NO_NAMES_SEEN.adding(name)))
