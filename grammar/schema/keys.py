"""Member names: the declared ones as a trie, all other strings beside it."""

from __future__ import annotations

from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING

from ..dfa import ByteDfa, labelled_product
from ..lexemes import TEXT, Lexeme
from ..pushdown import UNFILLED, NameFrame, Resume, goto
from ..utf8 import UTF8
from .members import only_labels
from .name_tries import NameTable, NameTrie

if TYPE_CHECKING:
    from .containers import Step
    from .objects import ObjectPlan
    from .values import ObjectRun, Position, ValueStates

Parts = tuple[tuple[ByteDfa, tuple[int, ...]], ...]
"""Languages of names that are not declared, each with those of its classes that may occur."""
Choices = tuple[tuple["ObjectPlan", int, "Step"], ...]
"""The alternatives that allow a name, and how each goes on."""
_FIRST = itemgetter(0)


class KeyStates:
    """The states inside a member name.

    The opening quote pushes a frame that knows what was seen before; the states above it do not, so they are shared
    between all places of an object where the same names may come. Their outcome is the rank of the name, or, behind
    the ranks, the class of a name that is not declared.
    """

    def __init__(self, values: ValueStates) -> None:
        self.values = values
        self._tables: dict[tuple[ObjectPlan, ...], NameTable] = {}
        self._tries: dict[tuple[NameTable, Lexeme | None], NameTrie] = {}
        self._languages: dict[Parts, tuple[Lexeme, list[tuple[int, ...]]]] = {}

    def any_follows(self, run: ObjectRun) -> bool:
        """Whether any member may come next."""
        if any(plan.others is not None and plan.open_classes(progress) for plan, _, progress in run):
            return True
        table = self._table_of(run)
        return any(table.allowed(plan, progress) for plan, _, progress in run)

    def begin(self, position: Position, run: ObjectRun) -> int:
        """The operation at the opening quote of a name, DEAD where no name may come."""
        table = self._table_of(run)
        allowed = 0
        open_parts: dict[tuple[ByteDfa, tuple[int, ...]], None] = {}
        for plan, _, progress in run:
            allowed |= table.allowed(plan, progress)
            if plan.others is not None and (kinds := plan.open_classes(progress)):
                open_parts[plan.others, kinds] = None
        parts: Parts = tuple(open_parts)
        if not parts and not allowed:
            return 0
        lexeme, labels = self._language(parts) if parts else (None, [])
        resume = partial(self._behind, position, run, table, parts, labels)
        frame = self.frame(table, lexeme, len(labels), allowed, resume)
        return self.push(table, lexeme, len(labels), allowed, frame)

    def push(self, table: NameTable, lexeme: Lexeme | None, n_classes: int, allowed: int, frame: int) -> int:
        """The operation that goes to the beginning of a name, above `frame`.

        lexeme : of the names nobody declares, which have `n_classes` classes; None where there are none.
        allowed : the declared names that may come.
        """
        trie = self._tries.get((table, lexeme))
        if trie is None:
            trie = self._tries[table, lexeme] = NameTrie(self.values, table, lexeme, n_classes)
        state = trie.state(allowed, 0, len(table.keys), 0)
        self.values.pushdown.ensure(state)  # few tokens end with the quote
        return self.values.pushdown.push([frame], state)

    def frame(
        self, table: NameTable, lexeme: Lexeme | None, n_classes: int, allowed: int, resume: Resume
    ) -> int:
        """A frame under a name; `resume` gets its rank or, behind the ranks, its class."""
        pushdown = self.values.pushdown
        n_names = len(table.keys)
        watched = None if lexeme is None else table.watched
        frame = pushdown.new_frame([UNFILLED] * (n_names + n_classes), resume, watched=watched)
        if lexeme is not None:
            ends, declared = lexeme.runs_out, table.watched == n_names
            pushdown.name_frames[frame] = NameFrame(table.keys, allowed, lexeme.dfa, ends, declared)
            pushdown.names_run_out |= ends
        return frame

    def _behind(
        self,
        position: Position,
        run: ObjectRun,
        table: NameTable,
        parts: Parts,
        labels: list[tuple[int, ...]],
        outcome: int,
    ) -> int:
        """The operation behind a name."""
        n_names = len(table.names)
        if outcome < n_names:
            return self._go_on(position, _choices(run, table.names[outcome]))
        return self._go_on(position, _other_choices(run, parts, labels[outcome - n_names]))

    def _go_on(self, position: Position, choices: Choices) -> int:
        return goto(self.values.ready_after_name(position, choices)) if choices else 0

    def _table_of(self, run: ObjectRun) -> NameTable:
        return self.table(tuple(dict.fromkeys(map(_FIRST, run))))

    def table(self, plans: tuple[ObjectPlan, ...]) -> NameTable:
        """The names that some of these plans declare."""
        table = self._tables.get(plans)
        if table is None:
            table = self._tables[plans] = NameTable(plans)
        return table

    def _language(self, parts: Parts) -> tuple[Lexeme, list[tuple[int, ...]]]:
        """The lexeme of the names in some part, and for each of its labels the class in each part, -1 for none."""
        for dfa, _ in parts:
            if dfa is not UTF8:
                break
        else:
            return TEXT, [(0,) * len(parts)]
        found = self._languages.get(parts)
        if found is None:
            dfas = [only_labels(dfa, {kind: kind for kind in kinds}) for dfa, kinds in parts]
            dfa, vectors = labelled_product(dfas)
            lexeme = TEXT if dfa.digest == UTF8.digest else Lexeme(dfa, is_string=True)
            found = self._languages[parts] = (lexeme, vectors)
        return found


def _choices(run: ObjectRun, name: str) -> Choices:
    return tuple((plan, bit, step) for plan, bit, progress in run for step in plan.after_name(progress, name))


def _other_choices(run: ObjectRun, parts: Parts, label: tuple[int, ...]) -> Choices:
    """The same for the names that have the class `label[i]` in each of `parts`."""
    found = []
    for plan, bit, progress in run:
        if plan.others is None:
            continue
        kinds = plan.open_classes(progress)
        kind = label[parts.index((plan.others, kinds))] if kinds else -1
        if kind >= 0:
            found += [(plan, bit, step) for step in plan.after_other(progress, kind)]
    return tuple(found)
