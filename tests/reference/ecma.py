"""ECMA-262 regular expressions, in their Unicode mode, as Python ones: a translation of the spelling.

Named groups and scripts (`\\p{Script=...}`) are not translated: they raise re.error.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache, lru_cache

# ECMA-262 WhiteSpace and LineTerminator.
SPACES = r"\t\n\v\f\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
NOT_SPACES = (
    r"\x00-\x08\x0e-\x1f!-\x9f\xa1-\u167f\u1681-\u1fff\u200b-\u2027\u202a-\u202e\u2030-\u205e\u2060-\u2fff"
    r"\u3001-\ufefe\uff00-\U0010ffff"
)
LINE_ENDS = r"\n\r\u2028\u2029"
ANYTHING = r"[\x00-\U0010ffff]"
NOTHING = r"(?!)"
CATEGORIES = {
    "Letter": "L", "Cased_Letter": "LC", "Uppercase_Letter": "Lu", "Lowercase_Letter": "Ll",
    "Titlecase_Letter": "Lt", "Modifier_Letter": "Lm", "Other_Letter": "Lo", "Mark": "M", "Number": "N",
    "Decimal_Number": "Nd", "digit": "Nd", "Letter_Number": "Nl", "Other_Number": "No", "Punctuation": "P",
    "punct": "P", "Symbol": "S", "Separator": "Z", "Space_Separator": "Zs", "Other": "C", "Control": "Cc",
}  # fmt: skip
PIECE = re.compile(
    r"\\u\{[0-9a-fA-F]+\}|\\[pP]\{[^}]*\}|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\c[A-Za-z]|\\.|\[\^\]|\[\]|.",
    re.DOTALL,
)


@lru_cache(maxsize=4096)
def to_python(pattern: str) -> re.Pattern[str]:
    """The Python pattern with the same language. Raises re.error for what is no ECMA-262, or not in Python."""
    out: list[str] = []
    inside = False
    for piece in PIECE.findall(pattern):
        opens, closes = piece == "[" and not inside, piece == "]" and inside
        translate = _in_class if inside else _outside
        out.append(piece if opens or closes else translate(piece))
        inside = (inside or opens) and not closes
    return re.compile("".join(out), re.ASCII)


def searches(pattern: str, text: str) -> bool:
    """Whether `pattern` matches somewhere in `text`."""
    return to_python(pattern).search(text) is not None


def _outside(piece: str) -> str:
    plain = {".": f"[^{LINE_ENDS}]", "$": r"\Z", r"\s": f"[{SPACES}]", r"\S": f"[^{SPACES}]"}
    special = {"[^]": ANYTHING, "[]": NOTHING}
    if piece in plain or piece in special:
        return plain.get(piece) or special[piece]
    if piece[:2] in (r"\p", r"\P") and len(piece) > 2:
        return f"[{_property(piece)}]"
    return _escape(piece)


def _in_class(piece: str) -> str:
    if piece in (r"\s", r"\S"):
        return SPACES if piece == r"\s" else NOT_SPACES
    if piece == "[":
        return r"\["
    if piece in ("[]", "[^]"):  # the piece reader sees an empty class where one class ends in an open bracket
        raise re.error("an open bracket before the end of a class")
    if piece[:2] in (r"\p", r"\P") and len(piece) > 2:
        return _property(piece)
    if piece in ("&", "~", "|"):
        return "\\" + piece  # Python reserves their doubles for set operations
    return _escape(piece)


def _escape(piece: str) -> str:
    if piece.startswith(r"\u") and len(piece) > 2:
        return _code_point(_read_escape(piece))
    if piece.startswith(r"\c") and len(piece) == 3:
        return _code_point(ord(piece[2]) % 32)
    if piece == r"\0":
        return r"\x00"
    if piece in (r"\A", r"\Z", r"\a", r"\z"):
        raise re.error(f"{piece} is no escape of ECMA-262")
    return piece


def _read_escape(piece: str) -> int:
    if piece[2] == "{":
        return int(piece[3:-1], 16)
    if len(piece) == 12:
        return 0x10000 + ((int(piece[2:6], 16) - 0xD800) << 10) + int(piece[8:], 16) - 0xDC00
    return int(piece[2:], 16)


def _code_point(code: int) -> str:
    return f"\\U{code:08x}"


@cache
def _property(piece: str) -> str:
    """`\\p{...}` as ranges. General categories only; scripts raise re.error."""
    name = piece[3:-1].removeprefix("General_Category=").removeprefix("gc=")
    category = CATEGORIES.get(name, name)
    known = re.fullmatch(r"L[Clmotu]?|M[cen]?|N[dlo]?|P[cdefios]?|S[ckmo]?|Z[lps]?|C[cfnos]?", category)
    if not known:
        raise re.error(f"{piece} is not known here")
    cased = category == "LC"
    out, start = [], None
    for code in range(sys.maxunicode + 2):
        found = unicodedata.category(chr(code)) if code <= sys.maxunicode else ""
        member = found in ("Lu", "Ll", "Lt") if cased else found.startswith(category)
        member = code <= sys.maxunicode and member == piece.startswith(r"\p")
        if member and start is None:
            start = code
        elif not member and start is not None:
            out.append(f"{_code_point(start)}-{_code_point(code - 1)}")
            start = None
    return "".join(out)
