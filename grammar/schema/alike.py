"""Subschemas that say the same in the same words: their values share states and masks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .keywords import CHECKS, NAME_CHECKS, NOT_ENFORCED, REFERENCES
from .positions import APPLYING

if TYPE_CHECKING:
    from .document import Document

# They say something of a value by themselves. All others of which something is known make a subschema unlike any other.
_PLAIN = frozenset(
    """type enum const minimum maximum exclusiveMinimum exclusiveMaximum multipleOf pattern format minLength maxLength
    minItems maxItems uniqueItems""".split()
)
TELLING = frozenset((*CHECKS, *NAME_CHECKS, *NOT_ENFORCED, *REFERENCES)) | APPLYING | _PLAIN
"""All keywords but annotations."""
_FEW = 32
"""Comparing longer lists would take longer than it saves."""

Words = tuple[object, ...]
"""What a subschema says, its draft in front: equal in any document for subschemas of which the same values are."""


class Alike:
    """Of the subschemas of one document that are asked for, the first of each kind.

    words : of those that stand by themselves.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._first: dict[Words, int] = {}
        self.words: dict[int, Words] = {}

    def first(self, number: int) -> int | None:
        """The first subschema that says what `number` says, None where that is nothing.

        Only for scalars, and for arrays of one kind of items.
        """
        document = self._document
        schema = document.schemas[number]
        if number in document.left_out or not isinstance(schema, dict):
            return number
        words: list[tuple[str, object]] = []
        is_alone = True
        for keyword in document.known(number):
            if keyword not in TELLING:
                continue
            value = schema[keyword]
            if keyword == "items" and isinstance(value, dict):
                (child,) = document.children(number, keyword)
                words.append((keyword, self.first(child)))
                is_alone = False
            elif keyword in _PLAIN and not (isinstance(value, list) and len(value) > _FEW):
                words.append((keyword, repr(value)))
            else:
                return number
        if not words:
            return None
        said = (document.draft_of(number), *sorted(words))
        first = self._first.setdefault(said, number)
        if is_alone:
            self.words[first] = said
        return first
