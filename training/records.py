"""Synthetic training text for the embedded model: short English requests and the JSON that answers them.

Everything is drawn from one `random.Random`, so a seed fixes the corpus. Nothing is read from disk.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from . import words

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Example:
    """One training pair: the model reads `prompt` and has to write `completion`, a JSON document."""

    prompt: str
    completion: str


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a record.

    draw : the value, from the fields drawn before it (an email follows the name).
    say  : the value in an English description.
    """

    key: str
    draw: Callable[[random.Random, Record], Any]
    say: Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of record. The first `n_core` fields are always present, the others by chance."""

    noun: str
    plural: str
    fields: tuple[Field, ...]
    n_core: int = 1


def one_of(*values: Any) -> Callable[[random.Random, Record], Any]:
    return lambda rng, _: rng.choice(values)


def some_of(low: int, high: int, values: tuple[str, ...]) -> Callable[[random.Random, Record], list[str]]:
    return lambda rng, _: rng.sample(values, rng.randint(low, high))


def integer(low: int, high: int) -> Callable[[random.Random, Record], int]:
    return lambda rng, _: rng.randint(low, high)


def decimal(low: int, high: int, places: int = 2) -> Callable[[random.Random, Record], float]:
    scale = 10**places
    return lambda rng, _: rng.randint(low * scale, high * scale) / scale


def flag(rng: random.Random, _: Record) -> bool:
    return rng.random() < 0.6


def date(rng: random.Random, _: Record) -> str:
    return f"{rng.randint(1990, 2030)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"


def clock(rng: random.Random, _: Record) -> str:
    return f"{rng.randint(6, 22):02d}:{rng.choice((0, 15, 30, 45)):02d}"


def coined_word(rng: random.Random) -> str:
    """A pronounceable word that is in no list, so that copying is learnt and not only recall."""
    return "".join(rng.choice(words.SYLLABLES) for _ in range(rng.randint(2, 3)))


def surname(rng: random.Random) -> str:
    return coined_word(rng).capitalize() if rng.random() < 0.25 else rng.choice(words.SURNAMES)


def full_name(rng: random.Random, _: Record) -> str:
    first = rng.choice(words.FIRST_NAMES)
    if rng.random() < 0.08:
        return first
    return f"{first} {surname(rng)}"


def ascii_lower(text: str) -> str:
    return "".join(c for c in text.lower() if c.isascii() and c.isalpha())


def email(rng: random.Random, record: Record) -> str:
    parts = [ascii_lower(part) for part in record.get("name", full_name(rng, {})).split()]
    parts = [part for part in parts if part] or ["info"]
    local = rng.choice((parts[0], parts[-1], ".".join(parts), parts[0] + str(rng.randint(1, 99))))
    return f"{local}@{rng.choice(words.MAIL_HOSTS)}"


def phone(rng: random.Random, _: Record) -> str | None:
    if rng.random() < 0.1:
        return None
    return f"+{rng.randint(1, 99)} {rng.randint(100, 999)} {rng.randint(1000, 9999)}"


def address(rng: random.Random, _: Record) -> Record:
    street = f"{rng.randint(1, 199)} {rng.choice(words.STREETS)}"
    return {"street": street, "city": rng.choice(words.CITIES), "zip": f"{rng.randint(10000, 99999)}"}


def order_lines(rng: random.Random, _: Record) -> list[Record]:
    names = rng.sample(words.PRODUCTS, rng.randint(1, 3))
    return [
        {"product": name, "quantity": rng.randint(1, 9), "price": decimal(1, 99)(rng, {})} for name in names
    ]


def title(rng: random.Random, _: Record) -> str:
    noun = coined_word(rng) if rng.random() < 0.2 else rng.choice(words.NOUNS)
    return rng.choice(words.TITLE_FORMS).format(
        adjective=rng.choice(words.ADJECTIVES).capitalize(), noun=noun.capitalize()
    )


def say(form: str) -> Callable[[Any], str]:
    """`form` with the value in place of `{}`: lists are joined by "and", null is "unknown"."""
    return lambda value: form.format(spoken(value))


def spoken(value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, dict):
        return ", ".join(spoken(item) for item in value.values())
    if isinstance(value, list):
        return " and ".join(spoken(item) for item in value)
    return str(value)


def either(yes: str, no: str) -> Callable[[Any], str]:
    return lambda value: yes if value else no


def say_line(line: Record) -> str:
    return f"{line['quantity']} x {line['product']} at {line['price']}"


def say_lines(lines: list[Record]) -> str:
    return " and ".join(say_line(line) for line in lines)


PERSON = Kind(
    "person",
    "people",
    (
        Field("name", full_name, say("{}")),
        Field("age", integer(1, 99), say("{}")),
        Field("email", email, say("{}")),
        Field("city", one_of(*words.CITIES), say("lives in {}")),
        Field("role", one_of(*words.ROLES), say("works as {}")),
        Field("hobbies", some_of(1, 3, words.HOBBIES), say("likes {}")),
        Field("tags", some_of(1, 4, words.TAGS), say("tagged {}")),
        Field("phone", phone, say("phone {}")),
        Field("address", address, say("address {}")),
        Field("active", flag, either("active", "not active")),
    ),
)
ORDER = Kind(
    "order",
    "orders",
    (
        Field("id", integer(100, 9999), say("number {}")),
        Field("customer", full_name, say("for {}")),
        Field("items", order_lines, say_lines),
        Field("status", one_of("pending", "paid", "shipped", "delivered", "cancelled"), say("status {}")),
        Field("total", decimal(1, 900), say("total {}")),
        Field("date", date, say("placed on {}")),
        Field("express", flag, either("express", "standard shipping")),
    ),
    2,
)
BOOK = Kind(
    "book",
    "books",
    (
        Field("title", title, say("{}")),
        Field("author", full_name, say("by {}")),
        Field("year", integer(1850, 2030), say("published in {}")),
        Field("genres", some_of(1, 3, words.GENRES), say("{}")),
        Field("pages", integer(40, 900), say("{} pages")),
        Field("language", one_of("en", "de", "fr", "es", "ja", "pl"), say("language {}")),
        Field("rating", decimal(1, 5, 1), say("rated {}")),
        Field("available", flag, either("available", "out of print")),
    ),
    2,
)
WEATHER = Kind(
    "weather report",
    "weather reports",
    (
        Field("city", one_of(*words.CITIES), say("in {}")),
        Field("condition", one_of("sunny", "cloudy", "rainy", "snowy", "windy", "foggy"), say("{}")),
        Field("temperature", decimal(-20, 40, 1), say("{} degrees")),
        Field("unit", one_of("celsius", "fahrenheit"), say("{}")),
        Field("humidity", integer(10, 100), say("humidity {}")),
        Field(
            "wind",
            lambda rng, _: {"speed": rng.randint(0, 90), "direction": rng.choice(words.COMPASS)},
            say("wind {}"),
        ),
        Field("date", date, say("on {}")),
        Field("alerts", some_of(0, 2, ("storm", "flood", "heat", "ice", "fog")), say("alerts {}")),
    ),
    2,
)
EVENT = Kind(
    "event",
    "events",
    (
        Field("title", title, say("{}")),
        Field("date", date, say("on {}")),
        Field("time", clock, say("at {}")),
        Field("location", address, say("at {}")),
        Field(
            "attendees", lambda rng, _: [full_name(rng, {}) for _ in range(rng.randint(1, 4))], say("with {}")
        ),
        Field("online", flag, either("online", "in person")),
        Field("priority", one_of("low", "medium", "high"), say("{} priority")),
        Field("duration_minutes", integer(10, 240), say("{} minutes")),
    ),
    2,
)
PRODUCT = Kind(
    "product",
    "products",
    (
        Field("name", one_of(*words.PRODUCTS), say("{}")),
        Field("price", decimal(1, 999), say("costs {}")),
        Field("currency", one_of("EUR", "USD", "GBP", "JPY"), say("{}")),
        Field("in_stock", flag, either("in stock", "sold out")),
        Field("colors", some_of(1, 3, words.COLORS), say("in {}")),
        Field(
            "sku",
            lambda rng, _: f"{rng.choice('ABCDEFGH')}{rng.choice('KLMNPQRS')}-{rng.randint(100, 999)}",
            say("sku {}"),
        ),
        Field(
            "dimensions",
            lambda rng, _: {k: rng.randint(1, 200) for k in ("width", "height", "depth")},
            say("size {}"),
        ),
        Field("tags", some_of(1, 3, words.TAGS), say("tagged {}")),
    ),
    2,
)
KINDS = (PERSON, ORDER, BOOK, WEATHER, EVENT, PRODUCT)
# A person is what the demonstration asks for, so it is seen more often than the others.
KIND_WEIGHTS = (5, 2, 2, 2, 2, 2)
ALL_FIELDS = tuple({field.key: field for kind in KINDS for field in kind.fields}.values())


def choose_fields(rng: random.Random, kind: Kind) -> tuple[Field, ...]:
    """The core fields, and each other one with a probability that itself varies between records."""
    share = rng.uniform(0.15, 0.85)
    extra = tuple(field for field in kind.fields[kind.n_core :] if rng.random() < share)
    return kind.fields[: kind.n_core] + extra


def draw_record(rng: random.Random, fields: tuple[Field, ...]) -> Record:
    record: Record = {}
    for field in fields:
        record[field.key] = field.draw(rng, record)
    return record


def describe(rng: random.Random, fields: tuple[Field, ...], record: Record) -> str:
    separator = rng.choice((", ", ", ", "; "))
    return separator.join(field.say(record[field.key]) for field in fields)


def article(noun: str) -> str:
    return ("an " if noun[0] in "aeiou" else "a ") + noun


def keys_line(rng: random.Random, keys: list[str]) -> str:
    return rng.choice(("Keys: {}", "Keys: {}", "Fields: {}", "Use the keys {}.")).format(", ".join(keys))


def json_cue(rng: random.Random) -> str:
    return rng.choice(("\nJSON: ", "\nJSON: ", "\nJSON:\n", "\n"))


def request_bare(rng: random.Random, kind: Kind, fields: tuple[Field, ...], record: Record) -> str:
    form = rng.choice(words.REQUESTS)
    return form.format(thing=article(kind.noun), noun=kind.noun)


def request_keys(rng: random.Random, kind: Kind, fields: tuple[Field, ...], record: Record) -> str:
    form = rng.choice((*words.REQUESTS, "{noun}", "", ""))
    head = form.format(thing=article(kind.noun), noun=kind.noun).strip().removesuffix("JSON:").strip()
    joined = head + rng.choice(("\n", " ")) if head else ""
    return joined + keys_line(rng, list(record)) + json_cue(rng)


def request_described(rng: random.Random, kind: Kind, fields: tuple[Field, ...], record: Record) -> str:
    return f"{kind.noun.capitalize()}: {describe(rng, fields, record)}.{json_cue(rng)}"


def request_described_keys(rng: random.Random, kind: Kind, fields: tuple[Field, ...], record: Record) -> str:
    text = f"{kind.noun.capitalize()}: {describe(rng, fields, record)}."
    return f"{text}\n{keys_line(rng, list(record))}{json_cue(rng)}"


REQUESTS = (request_bare, request_keys, request_described, request_described_keys)
REQUEST_WEIGHTS = (3, 4, 5, 3)


def dump(rng: random.Random, value: Any) -> str:
    """Mostly json.dumps' own separators; sometimes indented or without spaces, as real models write."""
    style = rng.random()
    if style < 0.08:
        return json.dumps(value, ensure_ascii=False, indent=2)
    if style < 0.11:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return json.dumps(value, ensure_ascii=rng.random() < 0.05)


def draw_single(rng: random.Random) -> Example:
    (kind,) = rng.choices(KINDS, KIND_WEIGHTS)
    fields = choose_fields(rng, kind)
    (request,) = rng.choices(REQUESTS, REQUEST_WEIGHTS)
    if request is request_keys and rng.random() < 0.4:
        fields = tuple(rng.sample(fields, len(fields)))
    record = draw_record(rng, fields)
    return Example(request(rng, kind, fields, record), dump(rng, record))


def draw_mixed(rng: random.Random) -> Example:
    """Keys from several kinds under one request, so that the key list is read, not guessed from the noun."""
    fields = tuple(rng.sample(ALL_FIELDS, rng.randint(1, 6)))
    record = draw_record(rng, fields)
    prompt = keys_line(rng, list(record)) + json_cue(rng)
    if rng.random() < 0.5:
        spoken_pairs = ", ".join(f"{field.key} {spoken(record[field.key])}" for field in fields)
        prompt = f"Record: {spoken_pairs}.{json_cue(rng)}"
    return Example(prompt, dump(rng, record))


def draw_list(rng: random.Random) -> Example:
    (kind,) = rng.choices(KINDS, KIND_WEIGHTS)
    fields = choose_fields(rng, kind)[:4]
    count = rng.randint(1, 3)
    records = [draw_record(rng, fields) for _ in range(count)]
    number = ("One", "Two", "Three")[count - 1]
    noun = kind.noun if count == 1 else kind.plural
    prompt = f"{number} {noun} as a JSON array" + rng.choice((".\n", ":\n"))
    return Example(prompt, dump(rng, records))


def draw_example(rng: random.Random) -> Example:
    (draw,) = rng.choices((draw_single, draw_mixed, draw_list), (88, 8, 4))
    return draw(rng)


def examples(seed: int) -> Iterator[Example]:
    """An endless stream, the same for the same seed."""
    rng = random.Random(seed)
    while True:
        yield draw_example(rng)
