"""Random schemas, texts and vocabularies: seeded by `random.Random`, or drawn and shrunk by Hypothesis."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st
from reference import number
from reference import regex as rx
from reference.shapes import (
    ArrayShape,
    Conjunction,
    NumberShape,
    ObjectShape,
    Shape,
    Shapes,
    StringShape,
    Word,
)

KEYS = ["a", "b", "ab", "aa", "", "é", 'q"', "a\\", "\n", "😀"]
SCALARS = ["string", "integer", "number", "boolean", "null"]
STRINGS = ["", "a", "b", "ab", "a b", "é", "😀", '"', "\\", "/", "\n", "\u007f", "null", "1"]
NUMBERS = [0, 1, -1, 2, 10, 12, 100, 0.5, -0.5, 1.5, 0.25, 1.0, 9007199254740993]
PATTERNS = [
    "a", "^a", "b$", "^a*$", "^[ab]+$", "^(ab|b)*$", "^a{2,3}$", "^.$", "^[^a]*$", r"^\d+$", r"^\w-\w$",
    "é|b", r"^\S+$", "^(?:a|bc)?$", r"^[0-9a-f]{2}$", "a.*b", r"\\", '^"', "^$", r"^\u0061+",
]  # fmt: skip
MERGES = [
    b'":', b'", "', b'{"', b'["', b'"}', b'"]', b'"}]', b'":"', b'": ', b'":"a"}', b",", b', "', b"}}",
    b"]]", b"[]", b"{}", b"\\u", b"\\u00", b"\\n", b'\\"', b"\\\\", b"00", b"10", b"-0", b".0", b".5",
    b"e1", b"12", b"123", b"true", b"false", b"null", b"tr", b"ue", b"nu", b"  ", b"\n  ", b" " * 16,
    b"\t\r\n", b"ab", b"aa", b'a"', b'"a', b'"a"', b'"b":', b'a":1', b"1,", b"1}", b"1]", b" 1", b"\xc3",
    b"\xa9", b"\xc3\xa9", b"\xf0\x9f", b"\x98\x80", b"\x9f\x98", b"a\xc3", b"\xa9b", b'\xa9"', b"d83d",
    b"\\ude", b"\\ud83d", b"0061", b"u0061", b"061", b'{"a":', b"<eos>", b"[1",
]  # fmt: skip
EOS = b"<eos>"


class SchemaMaker:
    """Draws schemas over all keywords that are enforced.

    `$ref` is used in place only from outside `$defs`, and elsewhere below `properties` and `items`, so that
    no schema refers to itself without consuming text (`jsonschema` does not return from such a schema).
    """

    def __init__(self, rng: random.Random, *, keys: list[str] = KEYS, orderly: bool = False) -> None:
        """orderly : draw no object whose key order depends on how in-place subschemas are merged."""
        self.rng = rng
        self.keys = keys
        self.orderly = orderly
        self.defs: list[str] = []

    def root(self, depth: int = 3) -> dict[str, Any]:
        self.defs = self.rng.sample(["x", "y/z", "é%", "~"], self.rng.choice([0, 0, 1, 2]))
        schema: Any = {}
        while not isinstance(schema, dict) or not schema:
            schema = self.schema(depth, in_place_refs=True)
        if self.defs:
            schema["$defs"] = {name: self.schema(depth - 1, in_place_refs=False) for name in self.defs}
        return schema

    def schema(self, depth: int, *, in_place_refs: bool) -> Any:
        rng = self.rng
        if rng.random() < 0.03:
            return rng.choice([True, False, {}])
        makers = [self.scalar] * 3 + [self.listed]
        if depth > 0:
            makers += [self.object] * 4 + [self.array] * 2
            makers += [lambda d: self.combined(d, in_place_refs=in_place_refs)] * (1 if self.orderly else 3)
        if in_place_refs and self.defs:
            makers += [lambda d: self.ref()] * 2
        return rng.choice(makers)(depth)

    def ref(self) -> dict[str, Any]:
        names = [name.replace("~", "~0").replace("/", "~1").replace("%", "%25") for name in self.defs]
        return {"$ref": "#/$defs/" + self.rng.choice(names)}

    def scalar(self, depth: int) -> dict[str, Any]:
        del depth
        kinds = self.rng.sample(
            ["string", "integer", "number", "boolean", "null"], self.rng.choice([1, 1, 1, 2])
        )
        out: dict[str, Any] = {"type": kinds if len(kinds) > 1 or self.rng.random() < 0.1 else kinds[0]}
        if self.rng.random() < 0.1:
            del out["type"]
        if "string" in kinds:
            out |= self.string_bounds()
        if {"integer", "number"} & set(kinds):
            out |= self.number_bounds()
        return out

    def string_bounds(self) -> dict[str, Any]:
        rng, out = self.rng, {}
        if rng.random() < 0.3:
            out["minLength"] = rng.choice([0, 1, 2, 3])
        if rng.random() < 0.3:
            out["maxLength"] = out.get("minLength", 0) + rng.choice([0, 1, 2, 5])
        if rng.random() < 0.3:
            out["pattern"] = rng.choice(PATTERNS)
        return out

    def number_bounds(self) -> dict[str, Any]:
        rng, out = self.rng, {}
        if rng.random() < 0.4:
            out[rng.choice(["minimum", "exclusiveMinimum"])] = rng.choice([-10, -1, -0.5, 0, 0.25, 1, 3, 99])
        if rng.random() < 0.4:
            out[rng.choice(["maximum", "exclusiveMaximum"])] = rng.choice(
                [-1, 0, 0.5, 1, 2, 7, 12, 105, 1000]
            )
        return out

    def listed(self, depth: int) -> dict[str, Any]:
        if self.rng.random() < 0.4:
            return {"const": self.value(depth)}
        values = [self.value(depth) for _ in range(self.rng.choice([1, 2, 3, 4]))]
        return {"enum": [v for i, v in enumerate(values) if not any(same(v, w) for w in values[:i])]}

    def value(self, depth: int) -> Any:
        rng = self.rng
        kind = rng.choice(
            ["string", "string", "number", "word", "array", "object"] if depth > 1 else ["string", "number"]
        )
        if kind == "array":
            return [self.value(depth - 1) for _ in range(rng.choice([0, 1, 2]))]
        if kind == "object":
            return {rng.choice(self.keys): self.value(depth - 1) for _ in range(rng.choice([0, 1, 2]))}
        return rng.choice({"string": STRINGS, "number": NUMBERS, "word": [None, True, False]}[kind])

    def object(self, depth: int) -> dict[str, Any]:
        rng = self.rng
        names = rng.sample(self.keys, min(len(self.keys), rng.choice([0, 1, 2, 2, 3])))
        out: dict[str, Any] = {"type": "object"} if rng.random() < 0.85 else {}
        if names or rng.random() < 0.5:
            out["properties"] = {name: self.schema(depth - 1, in_place_refs=True) for name in names}
        required = [name for name in names if rng.random() < 0.5]
        required += [name for name in rng.sample(self.keys, 1) if name not in names and rng.random() < 0.2]
        if required or rng.random() < 0.1:
            rng.shuffle(required)
            out["required"] = required
        if rng.random() < 0.6:
            extra = rng.choice([False, False, True, None])
            value = self.schema(0, in_place_refs=True) if extra is None else extra
            out["additionalProperties"] = value
        return out

    def array(self, depth: int) -> dict[str, Any]:
        rng = self.rng
        out: dict[str, Any] = {"type": "array"} if rng.random() < 0.85 else {}
        if rng.random() < 0.4:
            out["prefixItems"] = [
                self.schema(depth - 1, in_place_refs=True) for _ in range(rng.choice([1, 2]))
            ]
        if rng.random() < 0.7:
            out["items"] = False if rng.random() < 0.2 else self.schema(depth - 1, in_place_refs=True)
        if rng.random() < 0.3:
            out["minItems"] = rng.choice([0, 1, 2, 3])
        if rng.random() < 0.3:
            out["maxItems"] = out.get("minItems", 0) + rng.choice([0, 1, 2])
        return out

    def combined(self, depth: int, *, in_place_refs: bool) -> dict[str, Any]:
        """`anyOf` or `allOf`, with siblings half of the time."""
        rng = self.rng
        beside: Any = {}
        if rng.random() < 0.5 and not self.orderly:
            beside = rng.choice([self.scalar, self.object, self.array])(depth - 1)
        keyword = rng.choice(["anyOf", "anyOf", "allOf"]) if not self.orderly else "anyOf"
        branches = [
            self.schema(depth - 1, in_place_refs=in_place_refs) for _ in range(rng.choice([1, 2, 2, 3]))
        ]
        return beside | {keyword: branches}


def same(left: Any, right: Any) -> bool:
    """Equality of JSON Schema for the values drawn here."""
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True) or (
        left == right and isinstance(left, bool) == isinstance(right, bool)
    )


def random_schema(rng: random.Random, *, depth: int = 3, orderly: bool = False) -> dict[str, Any]:
    return SchemaMaker(rng, orderly=orderly).root(depth)


def schemas(*, depth: int = 3, orderly: bool = False) -> st.SearchStrategy[dict[str, Any]]:
    """`random_schema` with Hypothesis behind each choice."""
    return st.randoms(use_true_random=False).map(lambda rng: random_schema(rng, depth=depth, orderly=orderly))


class TextMaker:
    """Draws texts that are nearly always in the language: values by shape, then any spelling of them."""

    def __init__(
        self, rng: random.Random, shapes: Shapes, *, whitespace: int = 32, in_order: bool = True
    ) -> None:
        self.rng = rng
        self.shapes = shapes
        self.whitespace = whitespace
        self.in_order = in_order

    def document(self) -> bytes | None:
        """None where the schema has no value, or only deep ones."""
        if not self.shapes.alive(self.shapes.root):
            return None
        try:
            text = self.space() + self.value(self.shapes.root, 0) + self.space()
        except RecursionError:
            return None
        return text.encode()

    def space(self) -> str:
        size = self.rng.choice([0] * 12 + [1, 1, 2, self.whitespace])
        return "".join(self.rng.choices(" \n\t\r", k=min(size, self.whitespace)))

    def value(self, conjunction: Conjunction, depth: int) -> str:
        live = [shape for shape in self.shapes.of(conjunction) if self.shapes.shape_alive(shape)]
        if depth > 4:
            live = [shape for shape in live if not isinstance(shape, ArrayShape | ObjectShape)] or live
        if depth > 20:
            raise RecursionError
        return self.shaped(self.rng.choice(live), depth)

    def shaped(self, shape: Shape, depth: int) -> str:
        if isinstance(shape, Word):
            return shape.text.decode()
        if isinstance(shape, StringShape):
            return self.spell(self.content(shape.content))
        if isinstance(shape, NumberShape):
            return self.number(shape)
        if isinstance(shape, ArrayShape):
            return self.array(shape, depth)
        return self.object(shape, depth)

    def content(self, language: rx.Regex) -> str:
        """A random text of `language`, preferring to end."""
        out = ""
        while not (rx.nullable(language) and self.rng.random() < 0.4):
            ways = [c for c in rx.representatives(language) if not rx.is_empty(rx.derivative(language, c))]
            if not ways:
                break
            code = self.rng.choice(sorted(ways))
            nearby = [
                ord(c)
                for c in 'ab0é😀"\\\n '
                if rx.derivative(language, ord(c)) == rx.derivative(language, code)
            ]
            code = self.rng.choice(nearby) if nearby else code
            out += chr(code)
            language = rx.derivative(language, code)
            if len(out) > 30:
                raise RecursionError
        return out

    def spell(self, content: str) -> str:
        return '"' + "".join(map(self.spell_character, content)) + '"'

    def spell_character(self, character: str) -> str:
        plain = json.dumps(character, ensure_ascii=False)[1:-1]
        if self.rng.random() < 0.8:
            return plain
        if character == "/" and self.rng.random() < 0.5:
            return r"\/"
        escaped = "".join(f"\\u{unit:04x}" for unit in utf16_units(character))
        return escaped if self.rng.random() < 0.5 else escaped.upper().replace("\\U", "\\u")

    def number(self, shape: NumberShape) -> str:
        near = [bound for bound in (shape.bounds.low, shape.bounds.high) if bound is not None] or [
            Fraction(0)
        ]
        for _ in range(40):
            step = Fraction(self.rng.choice([0, 0, 1, -1, 5, -5, 37, -256])) / self.rng.choice(
                [1, 1, 1, 2, 10, 1000]
            )
            value = self.rng.choice(near) + step
            if number.contains(shape.bounds, value) and value * 10**9 % 1 == 0:
                return self.spell_number(value, dotless=shape.bounds.dotless)
        raise RecursionError

    def spell_number(self, value: Fraction, *, dotless: bool) -> str:
        whole, part = divmod(abs(value), 1)
        text = ("-" if value < 0 else "") + str(whole)
        if part:
            text += f"{float(part):.9f}".rstrip("0")[1:]
        if dotless:
            return text
        if value == 0 and self.rng.random() < 0.2:
            text = "-" + text
        if self.rng.random() < 0.1:
            text += "0" if "." in text else ".0"
        return text

    def array(self, shape: ArrayShape, depth: int) -> str:
        longest = min(self.shapes.longest(shape), max(shape.low, 4 - depth))
        size = self.rng.randint(shape.low, max(shape.low, int(longest)))
        items = [self.space() + self.value(shape.item(i), depth + 1) + self.space() for i in range(size)]
        return "[" + (",".join(items) or self.space()) + "]"

    def object(self, shape: ObjectShape, depth: int) -> str:
        chance = 0.5 if depth < 4 else 0
        pairs = [
            (key, value)
            for key, value in shape.keys
            if key in shape.required or (self.shapes.alive(value) and self.rng.random() < chance)
        ]
        if self.shapes.alive(shape.extra) and self.rng.random() < chance / 2:
            names = {key for key, _ in shape.keys}
            extra = [name for name in ["c", "abc", "A", "é2", *KEYS] if name not in names]
            pairs += [(name, shape.extra) for name in self.rng.sample(extra, self.rng.choice([1, 1, 2]))]
        if not self.in_order:
            self.rng.shuffle(pairs)
        members = [
            self.space() + self.spell(key) + self.space() + ":" + self.space() + self.value(value, depth + 1)
            for key, value in pairs
        ]
        return "{" + (",".join(member + self.space() for member in members) or self.space()) + "}"


def utf16_units(character: str) -> Iterator[int]:
    data = character.encode("utf-16-be")
    return (int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2))


def mutate(rng: random.Random, text: bytes) -> bytes:
    """`text` with one or two small edits that keep it near the language."""
    # No exponents: `1e9007199254740993` is a legal number that no oracle should write out.
    pieces = [*(bytes([byte]) for byte in b'",:{}[]01-. a\\\xc3'), b"null"]
    for _ in range(rng.choice([1, 1, 2])):
        at = rng.randint(0, len(text))
        edit = rng.randrange(4)
        if edit == 0:
            text = text[:at] + text[at + 1 :]
        elif edit == 1:
            text = text[:at] + rng.choice(pieces) + text[at:]
        elif edit == 2:
            text = text[:at] + rng.choice(pieces) + text[at + 1 :]
        else:
            end = min(len(text), at + rng.randint(1, 8))
            text = text[:end] + text[at:end] + text[end:]
    return text


def byte_tokens() -> list[bytes]:
    """All single bytes; the token id is the byte."""
    return [bytes([byte]) for byte in range(256)]


def merged_tokens() -> list[bytes]:
    """All single bytes and merges across every boundary of JSON and of UTF-8; the last two spell the same."""
    return [*byte_tokens(), *MERGES, b'":']


def tokenize(rng: random.Random, text: bytes, tokens: list[bytes]) -> list[int]:
    """A random tokenization of `text`; `tokens` begins with the 256 single bytes."""
    longer = [t for t in range(256, len(tokens)) if tokens[t] and tokens[t] in text]
    out, at = [], 0
    while at < len(text):
        fitting = [t for t in longer if text.startswith(tokens[t], at)]
        out.append(rng.choice(fitting) if fitting and rng.random() < 0.7 else text[at])
        at += len(tokens[out[-1]])
    return out
