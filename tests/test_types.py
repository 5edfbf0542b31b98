"""Python types: the schema of each, checked by jsonschema, and the value that comes back."""

from __future__ import annotations

import datetime
import enum
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    Optional,
    Required,
    TypedDict,
    Union,
)

import jsonschema
import pytest

from gramask import InvalidSchema, UnsupportedSchema
from gramask.grammar.types import form_of

pydantic = pytest.importorskip("pydantic")


class Colour(enum.Enum):
    RED = "red"
    ONE = 1
    YES = True
    NOTHING = None


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@dataclass
class Point:
    x: int
    y: float = 0.5
    label: str | None = None


@dataclass(frozen=True, kw_only=True)
class Tree:
    name: str
    children: list[Tree] = field(default_factory=list)
    hidden: int = field(default=0, init=False)


class Movie(TypedDict):
    title: str
    year: NotRequired[int]


class Loose(TypedDict, total=False):
    a: Required[Literal["a"]]
    b: Annotated[int, "a note"]


class Model(pydantic.BaseModel):
    day: datetime.date
    parent: Optional[Model] = None  # noqa: UP045  (the older spelling has to work too)
    size: Annotated[int, pydantic.Field(gt=0)] = 3


class Open(pydantic.BaseModel, extra="allow"):
    a: int


@dataclass
class Mixed:
    first: Model
    second: Model
    movie: Movie
    point: Point
    small: Annotated[int, pydantic.Field(lt=5)]


UserId = NewType("UserId", int)

DAY = datetime.date(2024, 1, 2)

# type, JSON value, Python value, a JSON value that is not of the type
ROUND_TRIPS = [
    (str, "é", "é", 1),
    (int, 3, 3, 1.5),
    (int, 3.0, 3, True),
    (float, 1, 1.0, "1"),
    (float, 0.5, 0.5, False),
    (bool, True, True, 1),
    (None, None, None, 0),
    (UserId, 7, 7, "7"),
    (list[int], [1, 2], [1, 2], [1, "2"]),
    (list, [1, "a"], [1, "a"], {}),
    (Sequence[str], ["a"], ["a"], "a"),
    (tuple[int, str], [1, "a"], (1, "a"), [1]),
    (tuple[int, ...], [1, 2, 3], (1, 2, 3), ["a"]),
    (tuple[()], [], (), [1]),
    (set[int], [1, 2], {1, 2}, [1, 1]),
    (frozenset[str], ["a"], frozenset("a"), "a"),
    (dict[str, int], {"a": 1}, {"a": 1}, {"a": "1"}),
    (dict, {"a": None}, {"a": None}, []),
    (Mapping[str, Point], {"p": {"x": 1}}, {"p": Point(1)}, {"p": {}}),
    (Literal["a", 1, True], True, True, 2),
    (Literal["a", 1], 1, 1, True),
    (Colour, "red", Colour.RED, "blue"),
    (Colour, 1, Colour.ONE, 2),
    (Level, 2, Level.HIGH, 3),
    (Literal[Level.LOW], 1, Level.LOW, 2),
    (int | None, None, None, "x"),
    (Union[Point, str], {"x": 1}, Point(1), 3),  # noqa: UP007
    (Point, {"x": 1, "y": 2, "label": "a"}, Point(1, 2.0, "a"), {"x": 1, "z": 2}),
    (Point, {"x": 1}, Point(1), {"y": 1}),
    (
        Tree,
        {"name": "a", "children": [{"name": "b"}]},
        Tree(name="a", children=[Tree(name="b")]),
        {"name": 1},
    ),
    (Movie, {"title": "M"}, {"title": "M"}, {"year": 1931}),
    (Loose, {"a": "a", "b": 2.0}, {"a": "a", "b": 2}, {"b": 2}),
    (Model, {"day": "2024-01-02"}, Model(day=DAY), {"size": 1}),
    (
        Model,
        {"day": "2024-01-02", "parent": {"day": "2024-01-02"}},
        Model(day=DAY, parent=Model(day=DAY)),
        {"q": 1},
    ),
    (Open, {"a": 1, "b": 2}, Open(a=1, b=2), {}),
    (list[Model], [{"day": "2024-01-02"}], [Model(day=DAY)], [{"day": "2024-01-02", "size": 0}]),
    (Annotated[int, pydantic.Field(ge=2)], 2, 2, 1),
    (
        Mixed,
        {
            "first": {"day": "2024-01-02"},
            "second": {"day": "2024-01-02", "size": 1},
            "movie": {"title": "M", "year": 1931},
            "point": {"x": 1},
            "small": 4,
        },
        Mixed(Model(day=DAY), Model(day=DAY, size=1), {"title": "M", "year": 1931}, Point(1), 4),
        {"first": {"day": "2024-01-02"}},
    ),
    (Any, [1, {"a": None}], [1, {"a": None}], None),
]


@pytest.mark.parametrize(("annotation", "document", "value", "other"), ROUND_TRIPS, ids=repr)
def test_round_trip(annotation: Any, document: Any, value: Any, other: Any) -> None:
    form = form_of(annotation)
    validator = jsonschema.Draft202012Validator(form.schema)
    validator.check_schema(form.schema)
    assert validator.is_valid(document)
    read = form.parse(json.dumps(document))
    assert read == value
    assert type(read) is type(value)
    if annotation is not Any:
        assert not validator.is_valid(other)
        with pytest.raises(ValueError):
            form.parse(json.dumps(other))


def test_union_tries_members_in_order() -> None:
    assert type(form_of(int | float).parse("1")) is int
    assert type(form_of(float | int).parse("1")) is float


def test_order_of_fields_is_that_of_declaration() -> None:
    assert list(form_of(Point).schema["properties"]) == ["x", "y", "label"]
    assert form_of(Point).schema["required"] == ["x"]
    assert form_of(Point).schema["additionalProperties"] is False


def test_only_shared_and_recursive_types_are_definitions() -> None:
    assert "$defs" not in form_of(Point).schema
    assert set(form_of(Tree).schema["$defs"]) == {"Tree"}
    assert {"Movie", "Point", "Model"} <= set(form_of(Mixed).schema["$defs"])


def test_two_classes_of_one_name_stay_apart() -> None:
    def make(kind: type) -> type:
        @dataclass
        class Item:
            value: kind  # type: ignore[valid-type]

        Item.__annotations__["value"] = kind
        return Item

    number, text = make(int), make(str)
    form = form_of(tuple[number, text])  # type: ignore[valid-type]
    assert set(form.schema["$defs"]) == {"Item", "Item_2"}
    assert form.parse('[{"value": 1}, {"value": "a"}]') == (number(1), text("a"))


def test_model_admits_only_its_fields_unless_it_says_otherwise() -> None:
    assert form_of(Model).schema["$defs"]["Model"]["additionalProperties"] is False
    assert form_of(Open).schema["additionalProperties"] is True


class Row(NamedTuple):
    a: int


@dataclass
class Secret:
    a: int
    key: InitVar[str]


@dataclass
class Nested:
    ok: int
    bad: list[bytes]


UNSUPPORTED = [
    (datetime.date, ""),
    (bytes, ""),
    (complex, ""),
    (Row, ""),
    (enum.Flag("F", "A B"), ""),
    (enum.Enum("E", {"A": b"a"}), ""),
    (dict[int, str], ""),
    (Literal[b"a"], ""),
    (Callable[[], int], ""),
    (list["Nowhere"], "/items"),  # noqa: F821
    (Secret, "/$defs/Secret"),
    (Nested, "/$defs/Nested/properties/bad/items"),
    (7, ""),
]


@pytest.mark.parametrize(("annotation", "pointer"), UNSUPPORTED, ids=repr)
def test_refused_with_pointer_and_hint(annotation: Any, pointer: str) -> None:
    with pytest.raises(UnsupportedSchema) as caught:
        form_of(annotation)
    assert caught.value.pointer == pointer
    assert caught.value.hint


def test_unresolved_annotation_names_the_class() -> None:
    @dataclass
    class Broken:
        a: Missing  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(InvalidSchema, match=r"Broken.*Missing.*module level"):
        form_of(Broken)
