"""Hosts and mailboxes: IPv4 (RFC 2673), IPv6 (RFC 4291), host names (RFC 1123), e-mail addresses (RFC 5321)."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

from ..dfa import NOT_ACCEPTING, ByteDfa, crawl
from ..regex import compile_regex

MAX_HOSTNAME = 253
"""Characters: the 255 octets of RFC 1035, section 2.3.4, less the first length and the root."""
MAX_EMAIL = 254
"""Characters: the 256 octets of a path (RFC 5321, section 4.5.3.1.3) less its angle brackets."""
MAX_LABEL = 63
MAX_LOCAL_PART = 64

Step = tuple[int, int, Hashable]

_HEX = "[0-9A-Fa-f]{1,4}"
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"{_OCTET}(?:\.{_OCTET}){{3}}"


def ipv4_dfa() -> ByteDfa:
    """Four decimal octets without leading zeros."""
    return compile_regex(_IPV4, dialect="ecma262")


def ipv6_dfa() -> ByteDfa:
    """The text forms of RFC 4291, section 2.2, without a zone; the octets of an IPv4 part have no leading zeros."""
    return compile_regex(ipv6_pattern(), dialect="ecma262")


def ipv6_pattern(*, least_zeros: int = 1, ipv4: str = _IPV4) -> str:
    """A regex for IPv6 addresses in which `::` stands for at least `least_zeros` groups."""
    last_two = f"(?:{_HEX}:{_HEX}|{ipv4})"
    most = 8 - least_zeros
    rights = [(0, ""), (1, _HEX)] + [(n + 2, f"(?:{_HEX}:){{{n}}}{last_two}") for n in range(most - 1)]
    options = [f"(?:{_HEX}:){{6}}{last_two}"]
    for n_right, right in rights:
        n_left = most - n_right
        left = f"(?:{_HEX}(?::{_HEX}){{0,{n_left - 1}}})?" if n_left else ""
        options.append(f"{left}::{right}")
    return f"(?:{'|'.join(options)})"


def hostname_dfa() -> ByteDfa:
    """Host names of RFC 1123, section 2.1, in ASCII, without a final dot; labels of at most 63 characters.

    The last label is not all digits: "a valid host name can never have the dotted-decimal form". No label begins
    with `xn--`: whether what follows is Punycode for a label that RFC 5891 allows is not a regular property.
    The limit of the whole is MAX_HOSTNAME.
    """
    return crawl((0, False, 0, True), _hostname_step, _hostname_label)


_TAG = "xn--"


def _hostname_step(state: Any) -> Iterator[Step]:
    """States: length of the label, does it end in a hyphen, how much of it is `xn--` (-1: none), is it all digits."""
    length, hyphen, tag, digits = state
    if length and not hyphen:
        yield ord("."), ord("."), (0, False, 0, True)
    for low, high in label_characters(length):
        follows = 0 <= tag and chr(low).lower() == _TAG[tag] and low == high
        if follows and tag + 1 == len(_TAG):
            continue
        now = tag + 1 if follows else -1
        yield low, high, (length + 1, low == ord("-"), now, digits and 48 <= low <= 57)


def _hostname_label(state: Any) -> int:
    length, hyphen, _, digits = state
    return 0 if length and not hyphen and not digits else NOT_ACCEPTING


def label_characters(length: int) -> Iterator[tuple[int, int]]:
    """The bytes that may follow `length` characters of a label, those of `xn` apart."""
    if length < MAX_LABEL:
        # A label cannot end in a hyphen: the last place is not for one.
        if 0 < length < MAX_LABEL - 1:
            yield ord("-"), ord("-")
        yield ord("0"), ord("9")
        for case in (0, 32):
            yield from ((ord(a) + case, ord(b) + case) for a, b in ("AM", "NN", "OW", "XX", "YZ"))


_SNUM = "(?:25[0-5]|2[0-4][0-9]|[01]?[0-9]{1,2})"
_LITERAL = rf"\[(?:{_SNUM}(?:\.{_SNUM}){{3}}|[Ii][Pp][Vv]6:%s)\]"
_ATEXT = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~")


def email_dfa() -> ByteDfa:
    """`Mailbox` of RFC 5321, section 4.1.2: local parts of at most 64 octets, quoted or not, domains and addresses.

    Of the address literals, IPv4 and IPv6: no other tag has been registered. The limit of the whole is MAX_EMAIL.
    """
    mailbox = Mailbox()
    return crawl(mailbox.start, mailbox.step, mailbox.label)


class Mailbox:
    """The syntax of e-mail addresses as a crawlable automaton; `idn.py` adds what is not ASCII.

    States: a kind, the octets of the local part or the length of the label so far, and what the kind needs.
    """

    start: Hashable = ("begin", 0)

    def __init__(self) -> None:
        snum = rf"{_SNUM}(?:\.{_SNUM}){{3}}"
        # RFC 5321 lets `::` stand for two groups at least.
        address = ipv6_pattern(least_zeros=2, ipv4=snum)
        self._literal = compile_regex(_LITERAL % address, dialect="ecma262")
        self._literal_runs = byte_runs(self._literal)

    def step(self, state: Any) -> Iterator[Step]:
        kind, n = state
        if kind == "literal":
            yield from ((low, high, ("literal", target)) for low, high, target in self._literal_runs[n])
        elif kind in ("label", "hyphen"):
            yield from self._in_domain(kind, n)
        elif kind in ("begin", "atom", "dot"):
            yield from self._in_atoms(kind, n)
        else:
            yield from self._in_quotes(kind, n)

    def _in_atoms(self, kind: str, n: int) -> Iterator[Step]:
        if n < MAX_LOCAL_PART:
            yield from ((byte, byte, ("atom", n + 1)) for byte in sorted(_ATEXT))
        if kind == "atom":
            yield ord("@"), ord("@"), ("label", 0)
            if n + 1 < MAX_LOCAL_PART:
                yield ord("."), ord("."), ("dot", n + 1)
        if kind == "begin":
            yield ord('"'), ord('"'), ("quoted", 1)

    def _in_quotes(self, kind: str, n: int) -> Iterator[Step]:
        if kind == "closed":
            yield ord("@"), ord("@"), ("label", 0)
            return
        if kind == "escape":
            yield 32, 126, ("quoted", n + 1)
            return
        yield ord('"'), ord('"'), ("closed", 0)
        if n + 1 < MAX_LOCAL_PART:
            yield from ((low, high, ("quoted", n + 1)) for low, high in ((32, 33), (35, 91), (93, 126)))
        if n + 2 < MAX_LOCAL_PART:
            yield ord("\\"), ord("\\"), ("escape", n + 1)

    def _in_domain(self, kind: str, n: int) -> Iterator[Step]:
        if n == 0 and kind == "label":
            # Only right after the `@`: behind a dot the state is ("hyphen", 0).
            yield ord("["), ord("["), ("literal", int(self._literal.delta[self._literal.start, ord("[")]))
        elif kind == "label":
            yield ord("."), ord("."), ("hyphen", 0)
        for low, high in label_characters(n):
            yield low, high, ("hyphen" if low == ord("-") else "label", n + 1)

    def label(self, state: Any) -> int:
        kind, n = state
        if kind == "literal":
            return int(self._literal.label[n])
        return 0 if kind == "label" and n else NOT_ACCEPTING


def byte_runs(dfa: ByteDfa) -> list[list[tuple[int, int, int]]]:
    """For each state the runs of bytes with one target: first, last, target."""
    found: list[list[tuple[int, int, int]]] = []
    for row in dfa.delta.tolist():
        runs: list[tuple[int, int, int]] = []
        for byte, target in enumerate(row):
            if target and runs and runs[-1][1] == byte - 1 and runs[-1][2] == target:
                runs[-1] = (runs[-1][0], byte, target)
            elif target:
                runs.append((byte, byte, target))
        found.append(runs)
    return found
