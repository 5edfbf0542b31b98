"""Internationalised host names (RFC 5890 to 5893) and e-mail addresses (RFC 6531): the part that is regular and small.

A U-label is valid if its A-label, `xn--` and Punycode, has at most 63 characters, which no small automaton can tell.
Labels with characters beyond ASCII are therefore accepted up to MAX_U_LABEL code points, which always fit, and in
names of at most MAX_LABELS labels, which fit into 253 characters. Their characters are those that RFC 5892 allows
(PVALID, derived from Python's `unicodedata`) of the scripts in _LEFT_TO_RIGHT and _RIGHT_TO_LEFT, and that no
normalisation to NFC changes in any context. Labels that begin with `xn--` are not accepted.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Hashable, Iterator
from functools import lru_cache
from itertools import groupby
from typing import Any, NamedTuple

from ..char_automata import minimal_char_dfa
from ..dfa import DEAD, NOT_ACCEPTING, ByteDfa, crawl
from ..utf8 import UTF8, Interval, lower_to_bytes
from .names import MAX_HOSTNAME, MAX_LABEL, MAX_LOCAL_PART, Mailbox, Step, byte_runs

MAX_IDN_HOSTNAME = MAX_HOSTNAME
MAX_U_LABEL = 14
"""With code points up to U+D7A3, Punycode needs at most four digits for each: 4 + 4 * 14 <= 63."""
MAX_LABELS = 3
"""3 * 63 + 2 <= 253."""
MAX_IDN_EMAIL = 206
"""Code points. A local part has up to 64 octets in as few as 16 code points, and 206 + 64 - 16 = 254 octets."""

_LEFT_TO_RIGHT = (
    *((0x00DF, 0x024F), (0x0370, 0x052F), (0x0561, 0x0586), (0x0904, 0x097F), (0x0F0B, 0x0F0B)),
    *((0x3007, 0x3007), (0x3041, 0x3096), (0x30A1, 0x30FE), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3)),
)
_RIGHT_TO_LEFT = ((0x05D0, 0x05EA), (0x0620, 0x064A), (0x0671, 0x06FF))
_VIRAMA_CLASS = 9

# RFC 5892, section 2.6: allowed and disallowed whatever their category.
_ALLOWED = frozenset({0x00DF, 0x03C2, 0x06FD, 0x06FE, 0x0F0B, 0x3007})
_DISALLOWED = frozenset({0x0640})

_DOT, _IDEOGRAPHIC_DOTS = 0x2E, (0x3002, 0xFF0E, 0xFF61)
# Characters with a rule of their own (RFC 5892, appendix A).
_SPECIAL = {
    **{ord("-"): "hyphen", ord("l"): "l", 0xB7: "middle dot", 0x375: "keraia", 0x30FB: "katakana dot"},
    **{0x200C: "joiner", 0x200D: "joiner", 0x5F3: "geresh", 0x5F4: "geresh"},
}


def idn_hostname_dfa() -> ByteDfa:
    """Names of ASCII labels and U-labels; the dots of RFC 3490, section 3.1 separate them too.

    Of the contextual rules, those for MIDDLE DOT, KERAIA, GERESH and GERSHAYIM, joiners behind a virama, KATAKANA
    MIDDLE DOT right before kana or Han, and Arabic-Indic digits are followed; what needs other rules is not accepted.
    A name with labels in Hebrew or Arabic has only such labels and ASCII ones that begin with a letter.
    """
    return _names(frozenset({_DOT, *_IDEOGRAPHIC_DOTS}))


def idn_email_dfa() -> ByteDfa:
    """`Mailbox` with the extensions of RFC 6531, section 3.3.

    Any character beyond ASCII may stand in a local part (at most 64 octets). Domains are those of idn_hostname_dfa,
    but with `.` alone between labels; address literals are those of `email`. The limit of the whole is MAX_IDN_EMAIL.
    """
    mailbox = _IdnMailbox(_names(frozenset({_DOT})))
    return crawl(mailbox.start, mailbox.step, mailbox.label)


class _Name(NamedTuple):
    """A name up to some place. Its labels so far:

    number : how many, the open one included; MAX_LABELS + 1 stands for more.
    order  : "any" all are ASCII and begin with a letter, "ltr" no right-to-left label may follow, "rtl" there is one.
    wide   : whether there is a U-label.
    The open label:
    length : its code points.
    kind   : "" nothing yet, "digits", "lower" and "upper" ASCII (only the first two may become U-labels), "u", "rtl".
    last   : the class of the last character, as far as it matters.
    digits : "en" or "an", the digits of a right-to-left label.
    """

    number: int = 1
    order: str = "any"
    wide: bool = False
    length: int = 0
    kind: str = ""
    last: str = ""
    digits: str = ""


def _names(dots: frozenset[int]) -> ByteDfa:
    intervals, kinds = _alphabet(dots)
    start = _Name()
    ids: dict[_Name, int] = {start: 1}
    order = [start]
    rows = [[DEAD] * len(kinds)]
    for state in order:
        row = []
        for kind in kinds:
            target = _follow(state, kind)
            if target is not None and target not in ids:
                ids[target] = len(ids) + 1
                order.append(target)
            row.append(DEAD if target is None else ids[target])
        rows.append(row)
    labels = [NOT_ACCEPTING] + [
        0 if _may_end(state) and state.kind != "digits" else NOT_ACCEPTING for state in order
    ]
    dfa = minimal_char_dfa(rows, labels, 1)
    return lower_to_bytes(dfa.rows, dfa.labels, dfa.start, intervals)


def _may_end(name: _Name) -> bool:
    return name.length > 0 and name.last not in ("hyphen", "middle dot", "keraia", "katakana dot")


def _follow(name: _Name, kind: str) -> _Name | None:
    """The state after a character of class `kind`."""
    if kind == "dot":
        return _next_label(name) if _may_end(name) else None
    if kind == "" or name.length == MAX_LABEL:
        return None
    if kind == "hyphen" and (name.length == 0 or (name.length == 3 and name.last == "hyphen")):
        return None
    if kind in ("rtl", "hebrew", "geresh", "an") or name.kind == "rtl":
        return _follow_rtl(name, kind)
    if kind in ("digit", "hyphen", "letter", "l", "upper"):
        return _follow_ascii(name, kind)
    return _follow_wide(name, kind)


def _next_label(name: _Name) -> _Name | None:
    if name.number >= MAX_LABELS and name.wide:
        return None
    order = "ltr" if name.order == "any" and name.wide else name.order
    return _Name(min(name.number, MAX_LABELS) + 1, order, name.wide)


def _follow_ascii(name: _Name, kind: str) -> _Name | None:
    if not _suits(name.last, kind):
        return None
    if name.kind == "u" and (kind == "upper" or name.length == MAX_U_LABEL):
        return None
    order = name.order
    if name.length == 0 and kind == "digit":
        if order == "rtl":
            return None
        order = "ltr"
    if name.kind == "u":
        now = "u"
    elif kind == "upper" or name.kind == "upper":
        now = "upper"
    else:
        now = "digits" if kind == "digit" and name.kind in ("", "digits") else "lower"
    last = (
        kind
        if kind == "hyphen" or (kind == "l" and now != "upper" and name.length <= MAX_U_LABEL - 3)
        else ""
    )
    return name._replace(order=order, length=name.length + 1, kind=now, last=last)


def _follow_wide(name: _Name, kind: str) -> _Name | None:
    """A left-to-right character beyond ASCII: it makes the label a U-label."""
    if name.kind == "upper" or name.order == "rtl" or name.length >= MAX_U_LABEL or name.number > MAX_LABELS:
        return None
    if not _suits(name.last, kind) or (name.length == 0 and kind in ("mark", "virama")):
        return None
    if (kind == "middle dot" and name.last != "l") or (kind == "joiner" and name.last != "virama"):
        return None
    last = kind if kind in ("middle dot", "keraia", "katakana dot", "virama") else ""
    return name._replace(order="ltr", wide=True, length=name.length + 1, kind="u", last=last)


def _suits(last: str, kind: str) -> bool:
    """Whether `kind` is what the character before it must be followed by."""
    if last == "keraia":
        return kind == "greek"
    if last == "katakana dot":
        return kind == "kana or han"
    return kind == "l" if last == "middle dot" else True


def _follow_rtl(name: _Name, kind: str) -> _Name | None:
    """RFC 5893, section 2, rules 1 to 4, for letters, digits and hyphens."""
    if name.kind not in ("", "rtl") or name.order == "ltr" or name.length >= MAX_U_LABEL:
        return None
    if name.number > MAX_LABELS or (name.length == 0 and kind not in ("rtl", "hebrew")):
        return None
    if kind not in ("rtl", "hebrew", "geresh", "an", "digit", "hyphen"):
        return None
    if kind == "geresh" and name.last != "hebrew":
        return None
    digits = {"digit": "en", "an": "an"}.get(kind, name.digits)
    if name.digits not in ("", digits):
        return None
    last = kind if kind in ("hebrew", "hyphen") else ""
    # Hebrew script includes the two marks, so one may follow another.
    last = "hebrew" if kind == "geresh" else last
    return name._replace(order="rtl", wide=True, length=name.length + 1, kind="rtl", last=last, digits=digits)


def _alphabet(dots: frozenset[int]) -> tuple[list[Interval], list[str]]:
    """The classes of all characters as intervals, and their names; "" is not allowed anywhere."""
    found = {point: _ascii_class(chr(point)) for point in range(0x80)}
    found |= (
        _SPECIAL | dict.fromkeys(range(0x660, 0x66A), "an") | _wide_classes() | dict.fromkeys(dots, "dot")
    )
    kinds = ["", *sorted(set(found.values()) - {""})]
    intervals: list[Interval] = []
    end = 0
    points = sorted(found)
    for _, run in groupby(
        enumerate(points), key=lambda item: (item[1] - item[0], found[item[1]], item[1] < 0x80)
    ):
        members = [point for _, point in run]
        if members[0] > end:
            intervals += _outside(end, members[0] - 1)
        intervals.append((members[0], members[-1], kinds.index(found[members[0]])))
        end = members[-1] + 1
    return intervals + _outside(end, 0x10FFFF), kinds


def _outside(low: int, high: int) -> list[Interval]:
    """What is not a member, surrogates left out."""
    parts = [(low, min(high, 0xD7FF)), (max(low, 0xE000), high)]
    return [(first, last, 0) for first, last in parts if first <= last]


def _ascii_class(char: str) -> str:
    if char.isdigit():
        return "digit"
    if char.isalpha():
        return "upper" if char.isupper() else "letter"
    return ""


@lru_cache(maxsize=1)
def _wide_classes() -> dict[int, str]:
    """The classes of the allowed characters beyond ASCII that have no rule of their own."""
    found: dict[int, str] = {}
    joining = _second_of_a_composite()
    for ranges, classify in ((_LEFT_TO_RIGHT, _left_to_right_class), (_RIGHT_TO_LEFT, _right_to_left_class)):
        for low, high in ranges:
            for point in range(low, high + 1):
                if point not in _SPECIAL and point not in joining and _is_valid(point):
                    found[point] = classify(point)
    return {point: kind for point, kind in found.items() if kind}


def _is_valid(point: int) -> bool:
    """PVALID of RFC 5892, section 3, for the scripts here; without marks that take part in reordering."""
    if point in _ALLOWED:
        return True
    char = chr(point)
    if point in _DISALLOWED or unicodedata.category(char) not in ("Ll", "Lo", "Lm", "Mn", "Mc", "Nd"):
        return False
    normal = unicodedata.normalize("NFKC", char)
    stable = unicodedata.normalize("NFKC", normal.casefold()) == char
    return stable and unicodedata.combining(char) in (0, _VIRAMA_CLASS)


@lru_cache(maxsize=1)
def _second_of_a_composite() -> frozenset[int]:
    """Characters that NFC may merge with the one before."""
    found = set()
    for point in range(0xC0, 0x3100):
        parts = unicodedata.decomposition(chr(point)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            found.add(int(parts[1], 16))
    return frozenset(found)


def _left_to_right_class(point: int) -> str:
    char = chr(point)
    category = unicodedata.category(char)
    if unicodedata.combining(char) == _VIRAMA_CLASS:
        return "virama"
    if category in ("Mn", "Mc"):
        return "mark"
    if point in _ALLOWED and point != 0x3C2:
        return "wide"
    name = unicodedata.name(char)
    if name.startswith("GREEK"):
        return "greek"
    is_kana = name.startswith(("HIRAGANA LETTER", "KATAKANA LETTER"))
    return "kana or han" if is_kana or name.startswith("CJK") else "wide"


def _right_to_left_class(point: int) -> str:
    if unicodedata.bidirectional(chr(point)) not in ("R", "AL"):
        return ""
    return "hebrew" if 0x5D0 <= point <= 0x5EA else "rtl"


class _IdnMailbox(Mailbox):
    """Mailboxes with UTF-8 in the local part, and an internationalised domain.

    States beside those of Mailbox: ("tail", (state after the character, state of UTF8)) inside a character.
    """

    def __init__(self, domain: ByteDfa) -> None:
        super().__init__()
        self._domain = domain
        self._domain_runs = byte_runs(domain)
        self._utf8_runs = byte_runs(UTF8)

    def step(self, state: Any) -> Iterator[Step]:
        kind, n = state
        if kind == "domain":
            yield from ((low, high, ("domain", target)) for low, high, target in self._domain_runs[n])
        elif kind == "tail":
            yield from self._inside(*n)
        elif kind == "label":
            yield from (
                (low, high, ("domain", target)) for low, high, target in self._domain_runs[self._domain.start]
            )
            yield from (step for step in super().step(state) if step[0] == ord("["))
        else:
            yield from super().step(state)
            if kind in ("begin", "atom", "dot"):
                yield from self._begin("atom", n, n)
            elif kind == "quoted":
                yield from self._begin("quoted", n, n + 1)

    def _begin(self, kind: str, n: int, used: int) -> Iterator[Step]:
        """The first byte of a character; `used` octets, a closing quote included, are taken already."""
        for low, high, target in self._utf8_runs[UTF8.start]:
            n_bytes = 2 if low < 0xE0 else 3 if low < 0xF0 else 4
            if low >= 0x80 and used + n_bytes <= MAX_LOCAL_PART:
                yield low, high, ("tail", ((kind, n + n_bytes), target))

    def _inside(self, after: Hashable, utf8: int) -> Iterator[Step]:
        for low, high, target in self._utf8_runs[utf8]:
            yield low, high, after if target == UTF8.start else ("tail", (after, target))

    def label(self, state: Any) -> int:
        kind, n = state
        if kind == "domain":
            return int(self._domain.label[n])
        return NOT_ACCEPTING if kind == "tail" else super().label(state)
