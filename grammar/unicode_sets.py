"""Sets of characters that regexes name: the ECMA-262 escapes and Unicode properties."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from .nodes import Ranges, complement_ranges, merge_ranges
from .unicode_scripts import script_ranges
from .utf8 import MAX_CODE_POINT

DIGIT: Ranges = ((0x30, 0x39),)
WORD: Ranges = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
LINE_TERMINATOR: Ranges = ((0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029))
# WhiteSpace and LineTerminator of ECMA-262 (2024), sections 12.2 and 12.3: all of category Zs is in.
SPACE: Ranges = (
    *((0x09, 0x0D), (0x20, 0x20), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A)),
    *((0x2028, 0x2029), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF)),
)
NOT_LINE_TERMINATOR = complement_ranges(LINE_TERMINATOR)
ANY: Ranges = ((0, MAX_CODE_POINT),)

CLASS_ESCAPES: dict[str, Ranges] = {
    "d": DIGIT,
    "D": complement_ranges(DIGIT),
    "w": WORD,
    "W": complement_ranges(WORD),
    "s": SPACE,
    "S": complement_ranges(SPACE),
}

# Long names and aliases of General_Category values, ECMA-262 table 68.
_CATEGORY_NAMES = {
    "Cased_Letter": "LC", "Close_Punctuation": "Pe", "Connector_Punctuation": "Pc", "Control": "Cc",
    "cntrl": "Cc", "Currency_Symbol": "Sc", "Dash_Punctuation": "Pd", "Decimal_Number": "Nd", "digit": "Nd",
    "Enclosing_Mark": "Me", "Final_Punctuation": "Pf", "Format": "Cf", "Initial_Punctuation": "Pi",
    "Letter": "L", "Letter_Number": "Nl", "Line_Separator": "Zl", "Lowercase_Letter": "Ll", "Mark": "M",
    "Combining_Mark": "M", "Math_Symbol": "Sm", "Modifier_Letter": "Lm", "Modifier_Symbol": "Sk",
    "Nonspacing_Mark": "Mn", "Number": "N", "Open_Punctuation": "Ps", "Other": "C", "Other_Letter": "Lo",
    "Other_Number": "No", "Other_Punctuation": "Po", "Other_Symbol": "So", "Paragraph_Separator": "Zp",
    "Private_Use": "Co", "Punctuation": "P", "punct": "P", "Separator": "Z", "Space_Separator": "Zs",
    "Spacing_Mark": "Mc", "Surrogate": "Cs", "Symbol": "S", "Titlecase_Letter": "Lt", "Unassigned": "Cn",
    "Uppercase_Letter": "Lu",
}  # fmt: skip

_CATEGORIES = frozenset(
    "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Cs Co Cn".split()
)

# Planes without characters: skipped below, since asking a million times takes a tenth of a second.
_UNIFORM = ((0x40000, 0xDFFFF, "Cn"), (0xE1000, 0xEFFFF, "Cn"))


@lru_cache(maxsize=1)
def _category_ranges() -> dict[str, list[tuple[int, int]]]:
    found: dict[str, list[tuple[int, int]]] = {category: [] for category in _CATEGORIES}
    for low, high, category in _UNIFORM:
        found[category].append((low, high))
    for plane in (15, 16):
        found["Co"].append((plane << 16, (plane << 16) + 0xFFFD))
        found["Cn"].append(((plane << 16) + 0xFFFE, (plane << 16) + 0xFFFF))
    for begin, end in ((0, 0x40000), (0xE0000, 0xE1000)):
        categories = [unicodedata.category(chr(point)) for point in range(begin, end)]
        first = 0
        for offset in range(1, len(categories) + 1):
            if offset == len(categories) or categories[offset] != categories[first]:
                found[categories[first]].append((begin + first, begin + offset - 1))
                first = offset
    return found


@lru_cache(maxsize=128)
def property_ranges(name: str) -> Ranges | None:
    """The characters of `\\p{name}`, None if the property is unknown.

    Known are `Any`, `ASCII`, `Assigned`, `ASCII_Hex_Digit`, `White_Space`, the values of General_Category (of the
    Unicode version of the running Python) and the common scripts (`Script=Greek`).
    """
    key, equals, value = name.partition("=")
    if equals:
        if key in ("Script", "sc"):
            return script_ranges(value)
        return _general_category(value) if key in ("General_Category", "gc") else None
    if name == "Any":
        return ANY
    if name == "ASCII":
        return ((0, 0x7F),)
    if name == "Assigned":
        unassigned = _general_category("Cn")
        return None if unassigned is None else complement_ranges(unassigned)
    if name in ("ASCII_Hex_Digit", "AHex"):
        return ((0x30, 0x39), (0x41, 0x46), (0x61, 0x66))
    if name in ("White_Space", "space"):
        return merge_ranges([*(run for run in SPACE if run[0] != 0xFEFF), (0x85, 0x85)])
    return _general_category(name)


def _general_category(name: str) -> Ranges | None:
    name = _CATEGORY_NAMES.get(name, name)
    if name == "LC":
        members = {"Lu", "Ll", "Lt"}
    else:
        members = {category for category in _CATEGORIES if name in (category, category[0])}
    if not members:
        return None
    return merge_ranges([run for category in members for run in _category_ranges()[category]])
