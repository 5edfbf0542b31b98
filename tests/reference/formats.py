"""The formats of JSON Schema, as their documents define them: regular expressions and a little arithmetic."""

from __future__ import annotations

import calendar
import ipaddress
import re
from collections.abc import Callable, Mapping

DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
TIME = re.compile(r"([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]+)?([zZ]|([+-])([0-9]{2}):([0-9]{2}))")
# RFC 3339, appendix A: the units follow each other without gaps; weeks stand alone.
_CLOCK = r"T([0-9]+H([0-9]+M([0-9]+S)?)?|[0-9]+M([0-9]+S)?|[0-9]+S)"
_DAYS = r"([0-9]+Y([0-9]+M([0-9]+D)?)?|[0-9]+M([0-9]+D)?|[0-9]+D)"
DURATION = re.compile(f"P({_DAYS}({_CLOCK})?|{_CLOCK}|[0-9]+W)")
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
POINTER = r"(/([^/~]|~[01])*)*"
JSON_POINTER = re.compile(POINTER, re.DOTALL)
RELATIVE_POINTER = re.compile(f"(0|[1-9][0-9]*)([+-][1-9][0-9]*)?(#|{POINTER})", re.DOTALL)


def date(text: str) -> bool:
    found = DATE.fullmatch(text)
    if not found:
        return False
    year, month, day = map(int, found.groups())
    if not 1 <= month <= 12:
        return False
    leap = month == 2 and calendar.isleap(year)
    return 1 <= day <= calendar.mdays[month] + leap


def time(text: str) -> bool:
    """RFC 3339, section 5.6; second 60 only at 23:59 UTC."""
    found = TIME.fullmatch(text)
    if not found:
        return False
    hour, minute, second = map(int, found.groups()[:3])
    sign = -1 if found[6] == "-" else 1
    off_hour, off_minute = int(found[7] or 0), int(found[8] or 0)
    if hour > 23 or minute > 59 or second > 60 or off_hour > 23 or off_minute > 59:
        return False
    utc = (hour * 60 + minute - sign * (off_hour * 60 + off_minute)) % 1440
    return second < 60 or utc == 1439


def date_time(text: str) -> bool:
    return date(text[:10]) and text[10:11] in ("T", "t") and time(text[11:])


def ipv4(text: str) -> bool:
    return re.fullmatch(r"((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(\.(?!$)|$)){4}", text) is not None


def ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return "%" not in text and text.isascii()


Rule = Callable[[str], bool]
RULES: dict[str, Rule] = {
    "date": date,
    "time": time,
    "date-time": date_time,
    "ipv4": ipv4,
    "ipv6": ipv6,
    "duration": lambda text: DURATION.fullmatch(text) is not None,
    "uuid": lambda text: UUID.fullmatch(text) is not None,
    "json-pointer": lambda text: JSON_POINTER.fullmatch(text) is not None,
    "relative-json-pointer": lambda text: RELATIVE_POINTER.fullmatch(text) is not None,
}


class FormatRules:
    """Formats by their rules."""

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        self._rules = rules

    def conforms(self, name: str, value: object) -> bool:
        """Whether `value` has the format; a format without a rule, and a value that is no string, always do."""
        rule = self._rules.get(name)
        return rule is None or not isinstance(value, str) or rule(value)
