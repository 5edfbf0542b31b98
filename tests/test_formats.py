"""Formats against twins that read the RFCs another way, and against the official suite."""

from __future__ import annotations

import ipaddress
import json
import random
import re
import unicodedata
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta

import pytest
from shared_data import shared_dir

from gramask.grammar.dfa import ByteDfa, code_point_lengths
from gramask.grammar.formats import EXACT_FORMATS, FORMATS, format_bounds, format_dfa

DIGITS = set("0123456789")
LETTERS = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
HEX = DIGITS | set("abcdefABCDEF")
N_WORDS = 400
DRAFTS = ("draft4", "draft6", "draft7", "draft2019-09", "draft2020-12")


def accepts(name: str, text: str) -> bool:
    low, high = format_bounds(name)
    return (
        low <= len(text) and (high is None or len(text) <= high) and format_dfa(name).accepts(text.encode())
    )


# Twins: one function per format, by splitting and arithmetic


def is_number(text: str, n_digits: int, end: int) -> bool:
    return len(text) == n_digits and set(text) <= DIGITS and int(text) < end


def is_date(text: str) -> bool:
    year, month, day = text[:4], text[5:7], text[8:]
    if not (is_number(year, 4, 10_000) and is_number(month, 2, 13) and is_number(day, 2, 32)):
        return False
    if text[4] + text[7] != "--":
        return False
    try:
        date(400 + int(year) % 400, int(month), int(day))
    except ValueError:
        return False
    return True


def read_time(text: str) -> tuple[int, bool, int] | None:
    """Minutes since midnight, whether the second is 60, the offset in minutes."""
    clock, sign, offset = text, "+", "00:00"
    if text[-1:] in ("Z", "z"):
        clock = text[:-1]
    else:
        clock, sign, offset = text[:-6], text[-6:-5], text[-5:]
    hour, minute, second, tail = clock[:2], clock[3:5], clock[6:8], clock[8:]
    if sign not in ("+", "-") or clock[2:3] + clock[5:6] != "::" or offset[2:3] != ":":
        return None
    if tail and not (tail[0] == "." and tail[1:] and set(tail[1:]) <= DIGITS):
        return None
    fields = ((hour, 24), (minute, 60), (second, 61), (offset[:2], 24), (offset[3:], 60))
    if not all(is_number(field, 2, end) for field, end in fields):
        return None
    shift = int(offset[:2]) * 60 + int(offset[3:])
    return int(hour) * 60 + int(minute), second == "60", -shift if sign == "-" else shift


def is_time(text: str) -> bool:
    found = read_time(text)
    if found is None:
        return False
    clock, leap, offset = found
    return not leap or ((clock - offset) % 1440 == 1439 and offset % 15 == 0)


def is_date_time(text: str) -> bool:
    found = read_time(text[11:])
    if not is_date(text[:10]) or text[10:11] not in ("T", "t") or found is None:
        return False
    clock, leap, offset = found
    year, month, day = 400 + int(text[:4]) % 400, int(text[5:7]), int(text[8:10])
    utc = datetime(year, month, day) + timedelta(minutes=clock - offset)
    last_minute = (utc.month, utc.day) in ((6, 30), (12, 31)) and (utc.hour, utc.minute) == (23, 59)
    return not leap or (last_minute and offset % 15 == 0)


def is_duration(text: str) -> bool:
    def units(part: str) -> str | None:
        pieces = re.split("([A-Z])", part)
        numbers, letters = pieces[::2], pieces[1::2]
        if numbers[-1] or not all(n and set(n) <= DIGITS for n in numbers[:-1]):
            return None
        return "".join(letters)

    if text[:1] != "P":
        return False
    days, t, times = text[1:].partition("T")
    if t and units(times) not in ("H", "HM", "HMS", "M", "MS", "S"):
        return False
    allowed = ("Y", "YM", "YMD", "M", "MD", "D", "") if t else ("Y", "YM", "YMD", "M", "MD", "D", "W")
    return units(days) in allowed


def is_ipv4(text: str) -> bool:
    try:
        return str(ipaddress.IPv4Address(text)) == text
    except ValueError:
        return False


def is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return "%" not in text and not ("." in text and not is_ipv4(text.rpartition(":")[2]))


def is_label(text: str) -> bool:
    inside = set(text) <= LETTERS | DIGITS | {"-"}
    return 0 < len(text) <= 63 and inside and text[0] != "-" and text[-1] != "-"


def is_hostname(text: str) -> bool:
    labels = text.split(".")
    if len(text) > 253 or not all(map(is_label, labels)) or set(labels[-1]) <= DIGITS:
        return False
    return not any(label.lower().startswith("xn--") for label in labels)


def is_local_part(octets: bytes) -> bool:
    if not 0 < len(octets) <= 64:
        return False
    if octets[:1] != b'"':
        atext = {ord(c) for c in LETTERS | DIGITS | set("!#$%&'*+-/=?^_`{|}~")} | set(range(128, 256))
        return all(atom and set(atom) <= atext for atom in octets.split(b"."))
    inside = iter(octets[1:-1])
    for byte in inside:
        if byte == ord("\\"):
            byte = next(inside, 0)
            if not 32 <= byte <= 126:
                return False
        elif byte < 32 or byte == 127 or byte == ord('"'):
            return False
    closed = re.fullmatch(rb'"(?:[^\\"]|\\.)*"', octets, re.DOTALL)
    return closed is not None


def is_address_literal(text: str) -> bool:
    def is_snum4(quad: str) -> bool:
        parts = quad.split(".")
        return len(parts) == 4 and all(set(p) <= DIGITS and 0 < len(p) <= 3 and int(p) < 256 for p in parts)

    if text[:5].lower() != "ipv6:":
        return is_snum4(text)
    address = text[5:]
    head, _, tail = address.rpartition(":")
    if "." in tail:
        if not is_snum4(tail):
            return False
        address = f"{head}:0:0"
    groups = [group for group in address.split(":") if group]
    return is_ipv6(address) and ("::" not in address or len(groups) <= 6)


def split_mailbox(text: str) -> tuple[str, str]:
    """Local part and domain: a domain holds no `@`."""
    local, at, domain = text.rpartition("@")
    return (local, domain) if at else ("", "")


def is_email(text: str) -> bool:
    local, domain = split_mailbox(text)
    if len(text) > 254 or not text.isascii() or not is_local_part(local.encode()):
        return False
    if domain[:1] == "[":
        return domain[-1] == "]" and is_address_literal(domain[1:-1])
    return all(map(is_label, domain.split(".")))


def is_uuid(text: str) -> bool:
    fields = text.split("-")
    return [len(field) for field in fields] == [8, 4, 4, 4, 12] and set("".join(fields)) <= HEX


def is_json_pointer(text: str) -> bool:
    if text and text[0] != "/":
        return False
    return all(piece[:1] in ("0", "1") and piece[:1] for piece in text.split("~")[1:])


def is_relative_json_pointer(text: str) -> bool:
    digits = len(text) - len(text.lstrip("0123456789"))
    level, rest = text[:digits], text[digits:]
    return level != "" and (level == "0" or level[0] != "0") and (rest == "#" or is_json_pointer(rest))


UCS_RUNS = [(0xA0, 0xD7FF), (0xF900, 0xFDCF), (0xFDF0, 0xFFEF), (0xE1000, 0xEFFFD)]
UCS_RUNS += [(plane << 16, (plane << 16) + 0xFFFD) for plane in range(1, 14)]
PRIVATE_RUNS = [(0xE000, 0xF8FF), (0xF0000, 0xFFFFD), (0x100000, 0x10FFFD)]


def is_in(char: str, runs: list[tuple[int, int]]) -> bool:
    return any(low <= ord(char) <= high for low, high in runs)


def is_ucs(char: str) -> bool:
    return is_in(char, UCS_RUNS)


def is_made_of(text: str, allowed: set[str], extra: Callable[[str], bool] = lambda char: False) -> bool:
    """Whether all characters are allowed, or parts of a percent escape."""
    at = 0
    while at < len(text):
        if text[at] == "%":
            if len(text) < at + 3 or not set(text[at + 1 : at + 3]) <= HEX:
                return False
            at += 3
        elif text[at] in allowed or extra(text[at]):
            at += 1
        else:
            return False
    return True


PLAIN = LETTERS | DIGITS | set("-._~!$&'()*+,;=")


def is_reference(text: str, *, absolute: bool, iri: bool) -> bool:
    """The order of RFC 3986, appendix B: fragment, query, scheme, authority, path."""

    def wide(char: str) -> bool:
        return iri and is_ucs(char) and char not in "\u200e\u200f\u202a\u202b\u202c\u202d\u202e"

    rest, _, fragment = text.partition("#")
    rest, _, query = rest.partition("?")
    scheme, colon, after = rest.partition(":")
    has_scheme = colon == ":" and "/" not in scheme
    if has_scheme:
        if scheme[:1] not in LETTERS or not scheme or not set(scheme) <= LETTERS | DIGITS | set("+-."):
            return False
        rest = after
    elif absolute:
        return False
    if rest.startswith("//"):
        authority, slash, path = rest[2:].partition("/")
        if not is_authority(authority, wide):
            return False
        path = slash + path
    else:
        path = rest
    return (
        is_made_of(fragment, PLAIN | set(":@/?"), wide)
        and is_made_of(
            query, PLAIN | set(":@/?"), lambda char: wide(char) or (iri and is_in(char, PRIVATE_RUNS))
        )
        and is_made_of(path, PLAIN | set(":@/"), wide)
    )


def is_authority(text: str, wide: Callable[[str], bool]) -> bool:
    if "@" in text:
        user, _, text = text.partition("@")
        if not is_made_of(user, PLAIN | {":"}, wide):
            return False
    if text[:1] == "[":
        host, closing, port = text[1:].partition("]")
        if not closing or (port and port[0] != ":") or not set(port[1:]) <= DIGITS:
            return False
        if host[:1] in ("v", "V"):
            version, dot, rest = host[1:].partition(".")
            inside = version != "" and set(version) <= HEX and rest != "" and set(rest) <= PLAIN | {":"}
            return dot == "." and inside
        return is_ipv6(host)
    host, _, port = text.partition(":")
    return is_made_of(host, PLAIN, wide) and set(port) <= DIGITS


def is_uri_template(text: str) -> bool:
    literal = LETTERS | DIGITS | set("!#$&'()*+,-./:;=?@[]_~")
    at = 0
    for match in re.finditer(r"\{([^{}]*)\}", text):
        if not is_made_of(text[at : match.start()], literal, lambda c: is_ucs(c) or is_in(c, PRIVATE_RUNS)):
            return False
        inside = match[1][1:] if match[1][:1] in set("+#./;?&") else match[1]
        if not all(map(is_variable, inside.split(","))):
            return False
        at = match.end()
    return is_made_of(text[at:], literal, lambda c: is_ucs(c) or is_in(c, PRIVATE_RUNS))


def is_variable(text: str) -> bool:
    if text[-1:] == "*":
        text = text[:-1]
    elif ":" in text:
        text, _, length = text.partition(":")
        if length[:1] in ("", "0") or not set(length) <= DIGITS or len(length) > 4:
            return False
    parts = text.split(".")
    return all(part and is_made_of(part, LETTERS | DIGITS | {"_"}) for part in parts)


class Pattern:
    """A recursive-descent reader of ECMA-262 patterns with the `u` flag; names and counts of groups included."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.names: list[str] = []

    def is_valid(self) -> bool:
        try:
            self.disjunction()
            return self.at == len(self.text) and len(set(self.names)) == len(self.names)
        except ValueError:
            return False

    def take(self, pattern: str) -> str | None:
        match = re.compile(pattern, re.DOTALL).match(self.text, self.at)
        if match is None:
            return None
        self.at = match.end()
        return match[0]

    def need(self, pattern: str) -> str:
        found = self.take(pattern)
        if found is None:
            raise ValueError(self.at)
        return found

    def disjunction(self) -> None:
        while self.at < len(self.text) and self.text[self.at] != ")":
            if self.take(r"[|^$]|\\[bB]") is None:
                self.term()

    def term(self) -> None:
        repeatable = True
        if opening := self.take(r"\(\?<?[=!]|\(\?:|\(\?<[A-Za-z$_][A-Za-z0-9$_]*>|\((?!\?)"):
            repeatable = opening[-1] not in "=!"
            if opening[-1] == ">":
                self.names.append(opening)
            self.disjunction()
            self.need(r"\)")
        elif self.take(r"\["):
            self.take(r"\^")
            self.members()
        elif self.take(r"\\"):
            self.escape("")
        else:
            self.need(r"[^\\^$*+?()\[\]{}|]")
        if repeatable and (quantifier := self.take(r"(?:[*+?]|\{[0-9]+(?:,[0-9]*)?\})\??")):
            counts = re.findall("[0-9]+", quantifier)
            if len(counts) == 2 and int(counts[0]) > int(counts[1]):
                raise ValueError(quantifier)

    def members(self) -> None:
        while not self.take(r"\]"):
            low = self.member()
            if self.text[self.at : self.at + 1] == "-" and self.text[self.at + 1 : self.at + 2] != "]":
                self.at += 1
                high = self.member()
                if low is None or high is None or low > high:
                    raise ValueError(self.at)

    def member(self) -> int | None:
        return self.escape("b-") if self.take(r"\\") else ord(self.need(r"[^\\\]]"))

    def escape(self, more: str) -> int | None:
        """The code point, None for a set."""
        if self.take(
            r"[dDsSwW]|[pP]\{(?:C[cfnos]?|L[Clmotu]?|M[cen]?|N[dlo]?|P[cdefios]?|S[ckmo]?|Z[lps]?)\}"
        ):
            return None
        if digits := self.take(r"x[0-9A-Fa-f]{2}"):
            return int(digits[1:], 16)
        if pair := self.take(r"u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}"):
            return 0x10000 + (int(pair[1:5], 16) - 0xD800) * 1024 + int(pair[7:], 16) - 0xDC00
        if digits := self.take(r"u[0-9A-Fa-f]{4}"):
            return int(digits[1:], 16)
        if digits := self.take(r"u\{[0-9A-Fa-f]+\}"):
            if int(digits[2:-1], 16) > 0x10FFFF:
                raise ValueError(digits)
            return int(digits[2:-1], 16)
        if letter := self.take(r"c[A-Za-z]"):
            return ord(letter[1]) % 32
        if self.take(r"0(?![0-9])"):
            return 0
        char = self.need(r"[fnrtv^$\\.*+?()\[\]{}|/" + re.escape(more) + "]")
        return {"f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "b": 8}.get(char, ord(char))


def is_regex(text: str) -> bool:
    return Pattern(text).is_valid()


def is_idn_hostname(text: str) -> bool:
    idna = pytest.importorskip("idna")
    labels = re.split("[.\u3002\uff0e\uff61]", text)
    wide = [label for label in labels if not label.isascii()]
    try:
        encoded = [label if label.isascii() else idna.alabel(label).decode() for label in labels]
        if any(unicodedata.bidirectional(char) in ("R", "AL", "AN") for label in wide for char in label):
            for label in labels:
                idna.check_bidi(label, check_ltr=True)
    except idna.IDNAError:
        return False
    # Hyphens in the third and fourth place are for A-labels, which are not accepted here.
    ascii_labels = all(is_label(label) and label[2:4] != "--" for label in labels if label.isascii())
    return ascii_labels and len(".".join(encoded)) <= 253 and not set(labels[-1]) <= DIGITS


def is_idn_email(text: str) -> bool:
    local, domain = split_mailbox(text)
    if not is_local_part(local.encode()) or len(text.encode()) > 254:
        return False
    if domain[:1] == "[":
        return domain[-1] == "]" and is_address_literal(domain[1:-1])
    return not set(domain) & set("\u3002\uff0e\uff61") and is_idn_hostname(domain)


EXACT: dict[str, Callable[[str], bool]] = {
    "date": is_date,
    "date-time": is_date_time,
    "duration": is_duration,
    "email": is_email,
    "hostname": is_hostname,
    "ipv4": is_ipv4,
    "ipv6": is_ipv6,
    "iri": lambda text: is_reference(text, absolute=True, iri=True),
    "iri-reference": lambda text: is_reference(text, absolute=False, iri=True),
    "json-pointer": is_json_pointer,
    "relative-json-pointer": is_relative_json_pointer,
    "time": is_time,
    "uri": lambda text: is_reference(text, absolute=True, iri=False),
    "uri-reference": lambda text: is_reference(text, absolute=False, iri=False),
    "uri-template": is_uri_template,
    "uuid": is_uuid,
}
SOUND: dict[str, Callable[[str], bool]] = {
    "idn-email": is_idn_email,
    "idn-hostname": is_idn_hostname,
    "regex": is_regex,
}


# Random words


def random_words(dfa: ByteDfa, rng: random.Random, n_words: int) -> Iterator[str]:
    """Accepted texts: a random walk, then the shortest way to an end."""
    successors = [sorted(set(row) - {0}) for row in dfa.delta.tolist()]
    moves = [
        [[b for b, t in enumerate(row) if t == q] for q in out]
        for row, out in zip(dfa.delta.tolist(), successors)
    ]
    distance = distances(successors, dfa.label.tolist())
    for _ in range(n_words):
        state, text, length = dfa.start, bytearray(), rng.randrange(80)
        while dfa.label[state] < 0 or (successors[state] and len(text) < length and rng.random() > 0.02):
            choices = range(len(successors[state]))
            if len(text) >= length:
                nearest = min(distance[t] for t in successors[state])
                choices = [i for i in choices if distance[successors[state][i]] == nearest]
            chosen = rng.choice(choices)
            text.append(rng.choice(moves[state][chosen]))
            state = successors[state][chosen]
        yield text.decode()


def distances(successors: list[list[int]], label: list[int]) -> list[int]:
    """The least number of bytes from each state to an accepting one."""
    before: list[list[int]] = [[] for _ in successors]
    for state, out in enumerate(successors):
        for target in out:
            before[target].append(state)
    found = [0 if outcome >= 0 else -1 for outcome in label]
    queue = [state for state, outcome in enumerate(label) if outcome >= 0]
    for state in queue:
        for previous in before[state]:
            if found[previous] < 0:
                found[previous] = found[state] + 1
                queue.append(previous)
    return found


def mutated(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text) + 1)
    pool = "0123456789abzfAZFTPYWHMSDtuvx-+.:;,/\\\"'@[](){}<>!#$%&*=?^_`|~ \n\x7f"
    pool += "\u00df\u0431\u05d0\u200e\u3002\ud7a3\U0001f600"
    char = rng.choice(text) if text and rng.random() < 0.3 else rng.choice(pool)
    return text[:at] + rng.choice([char, char, ""]) + text[at + rng.randrange(2) :]


def sample(name: str) -> list[str]:
    rng = random.Random(name)
    words = list(random_words(format_dfa(name), rng, N_WORDS))
    return words + [mutated(word, rng) for word in words for _ in range(4)]


@pytest.mark.parametrize("name", sorted(EXACT))
def test_twin(name):
    assert [text for text in sample(name) if accepts(name, text) != EXACT[name](text)] == []


@pytest.mark.parametrize("name", sorted(SOUND))
def test_sound(name):
    assert [text for text in sample(name) if accepts(name, text) and not SOUND[name](text)] == []


def test_every_format_has_a_twin():
    assert EXACT.keys() | SOUND.keys() == FORMATS


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_no_format_is_empty(name: str) -> None:
    """A string with nothing but a format is taken to have values."""
    assert not format_dfa(name).is_empty


def test_all_dates():
    years = [0, 1, 4, 96, 100, 400, 1900, 1999, 2000, 2023, 2024, 2100, 9999]
    texts = [f"{y:04}-{m:02}-{d:02}" for y in years for m in range(14) for d in range(34)]
    assert [text for text in texts if accepts("date", text) != is_date(text)] == []


def test_leap_seconds():
    """All clocks, and all offsets in quarters of an hour and some that are not."""
    offsets = ["Z"] + [
        f"{s}{m // 60:02}:{m % 60:02}" for s in "+-" for m in [*range(0, 1440, 15), 1, 20, 719]
    ]
    clocks = [f"{m // 60:02}:{m % 60:02}:60" for m in [*range(14, 1440, 15), 0, 1, 20, 1438]]
    texts = [clock + offset for clock in clocks for offset in offsets]
    assert [text for text in texts if accepts("time", text) != is_time(text)] == []
    for day in ("2016-12-31", "2017-01-01", "2016-06-30", "2016-07-01", "2016-06-29", "2016-12-30"):
        stamps = [f"{day}T{text}" for text in texts]
        assert [stamp for stamp in stamps if accepts("date-time", stamp) != is_date_time(stamp)] == []


def test_length_limits():
    name = ".".join(["a" * 63] * 3 + ["b" * 61])
    assert accepts("hostname", name) and not accepts("hostname", name + "b")
    local, domain = "a" * 64, ".".join(["a" * 63] * 2 + ["b" * 61])
    assert accepts("email", f"{local}@{domain}") and not accepts("email", f"{local}@{domain}b")
    assert not accepts("email", f"{local}a@b")
    assert accepts("email", '"' + "a" * 62 + '"@b') and not accepts("email", '"' + "a" * 63 + '"@b')
    longest = "\U0001f600" * 16 + "@" + ".".join(["a" * 63] * 2 + ["b" * 61])
    assert (
        len(longest.encode()) == 254
        and accepts("idn-email", longest)
        and not accepts("idn-email", longest + "b")
    )
    assert accepts("idn-email", "\u00e4" * 32 + "@b") and not accepts("idn-email", "\u00e4" * 32 + "a@b")


def test_the_longest_labels_fit_into_a_labels():
    """The Punycode of 14 code points has at most 59 characters, with the worst spread too."""
    rng = random.Random(0)
    for _ in range(5_000):
        top = rng.choice([0x100, 0x250, 0x530, 0x3100, 0xA000, 0xD7A4])
        text = "".join(chr(rng.randrange(0x80, top)) for _ in range(14))
        assert len(text.encode("punycode")) <= 59


PATTERNS = [
    *(
        "",
        r"^a|b$",
        r"(?:(?!x).)*?",
        r"[\w.-]+",
        r"[^\x00-\x7F]",
        r"[\u4e00-\u9fa5]",
        r"a{2}",
        r"a{1,3}",
        r"a{10,15}",
    ),
    *(
        r"\p{Lu}\P{N}",
        r"\u{1F600}",
        r"\0",
        r"(((((a)))))",
        r"[а-я]",
        r"(?<year>\d{4})-\d\d",
        r"(?<!a)b(?=c)",
        r"\cA\/",
    ),
]


@pytest.mark.parametrize("text", PATTERNS)
def test_common_patterns(text):
    assert accepts("regex", text)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_size(name):
    dfa = format_dfa(name)
    assert dfa.n_states < 6_000
    assert set(dfa.label.tolist()) <= {-1, 0}
    assert format_dfa(name) is dfa
    code_point_lengths(dfa)  # raises where it is not over UTF-8


# The official suite. What is valid and not accepted, with the reason; nothing invalid is accepted.

INCOMPLETE = {
    "hostname": [r"(?i)(^|.*\.)xn--"],  # A-labels
    "idn-hostname": [
        r"(?i)(^|.*\.)xn--",
        "παράδειγμα.{30}",
        "\u06f00",
        ".*\u200c",
    ],  # long, extended digits, joining types
    "idn-email": [".*e\u0301"],  # a U-label is in NFC (RFC 5890, section 2.3.2.1)
    "regex": [r".*\\k<"],
}


def suite_cases(draft: str) -> Iterator[tuple[str, str, bool]]:
    for path in sorted(
        shared_dir("data", "JSON-Schema-Test-Suite", "tests", draft, "optional", "format").glob("*.json")
    ):
        for group in json.loads(path.read_text()):
            name = group["schema"].get("format")
            if name in FORMATS:
                yield from (
                    (name, t["data"], t["valid"]) for t in group["tests"] if isinstance(t["data"], str)
                )


@pytest.mark.parametrize("draft", DRAFTS)
def test_official_suite(draft):
    wrong = [case for case in suite_cases(draft) if accepts(*case[:2]) != case[2]]
    assert [case for case in wrong if not case[2] or case[0] in EXACT_FORMATS] == []
    explained = [c for c in wrong if any(re.match(pattern, c[1]) for pattern in INCOMPLETE.get(c[0], []))]
    assert wrong == explained
