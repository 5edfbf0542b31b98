"""Python types as JSON Schema, and parsed JSON as values of those types.

Each type becomes a schema and a reader, which turns a JSON value into a value of the type and raises
`Mismatch` where it does not fit, so that a union can try its members in order.
"""

from __future__ import annotations

import inspect
import json
import re
from collections import abc
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from enum import Enum, Flag
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    ForwardRef,
    Literal,
    NewType,
    NotRequired,
    Required,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from ..errors import InvalidSchema, UnsupportedSchema
from .schema.document import escape_token
from .schema.string_grammars import schema_of
from .source import JsonSource, Maker

Reader = Callable[[Any], Any]


class Mismatch(ValueError):
    """A JSON value is not of the type asked for."""


@dataclass(frozen=True, slots=True)
class TypeForm:
    """A Python type: its JSON Schema, and how to read a value of it.

    read      : JSON value -> value of the type; raises Mismatch.
    read_text : the same from JSON text, where the type brings a reader of its own.
    """

    schema: dict[str, Any]
    read: Reader
    read_text: Callable[[str], Any] | None = None

    def parse(self, text: str) -> Any:
        """The value of a JSON text. Raises ValueError if it is not one of the type."""
        return self.read(json.loads(text)) if self.read_text is None else self.read_text(text)


def form_of(annotation: Any) -> TypeForm:
    """The schema and the reader of a Python type or annotation.

    Objects made from dataclasses, TypedDicts and pydantic models admit no members but their fields
    (unless a pydantic model says `extra="allow"`), in the order of declaration.
    Raises UnsupportedSchema for a type that JSON cannot carry, InvalidSchema for a broken annotation.
    """
    builder = _Builder()
    if _is_pydantic(annotation):
        return builder.pydantic(annotation, "")
    form = builder.build(annotation, "")
    schema, definitions = form.schema, builder.definitions
    name = builder.name_of(annotation)
    if name is not None and name not in builder.referred:
        schema = definitions.pop(name)
    if definitions:
        schema = {**schema, "$defs": definitions}
    return TypeForm(schema, form.read, form.read_text)


@dataclass(slots=True)
class _Builder:
    """The named types met so far while one annotation is translated.

    definitions : name -> schema, the content of $defs.
    named_types : id of a type -> (type, its name); the type is held so that its id stays its own.
    readers     : name -> reader, looked up late because types refer to themselves.
    referred    : the names met a second time.
    """

    definitions: dict[str, dict[str, Any]] = field(default_factory=dict)
    named_types: dict[int, tuple[Any, str]] = field(default_factory=dict)
    readers: dict[str, Reader] = field(default_factory=dict)
    referred: set[str] = field(default_factory=set)

    def build(self, annotation: Any, pointer: str) -> TypeForm:
        if _is_pydantic(annotation):
            return self.define(annotation, self.pydantic)
        if get_origin(annotation) is Annotated:
            return self.annotated(annotation, pointer)
        if isinstance(annotation, NewType):
            return self.build(annotation.__supertype__, pointer)
        if hasattr(annotation, "__value__") and hasattr(annotation, "__type_params__"):
            return self.define(annotation, lambda alias, where: self.build(alias.__value__, where))
        if (scalar := _scalar(annotation)) is not None:
            return scalar
        origin = get_origin(annotation)
        if origin is not None:
            return self.generic(annotation, origin, pointer)
        if isinstance(annotation, type):
            return self.named(annotation, pointer)
        raise _unsupported(annotation, pointer)

    def annotated(self, annotation: Any, pointer: str) -> TypeForm:
        """`Annotated[str, gramask.gbnf(...)]` is a string with a text of the grammar; other annotations say nothing."""
        form = self.build(annotation.__origin__, pointer)
        makers = [part for part in annotation.__metadata__ if isinstance(part, Maker)]
        if not makers:
            return form
        if len(makers) > 1 or form.schema != {"type": "string"} or isinstance(makers[0], JsonSource):
            raise UnsupportedSchema(
                f"{_name(annotation)} has no JSON form",
                pointer=pointer,
                hint="annotate a str with one regex, choice or grammar",
            )
        return replace(form, schema={"type": "string", **schema_of(makers[0], "annotation")})

    def generic(self, annotation: Any, origin: Any, pointer: str) -> TypeForm:
        """A parametrized type: Literal, union, list, tuple, dict or set."""
        arguments = get_args(annotation)
        if origin is Literal:
            return _enumeration([(_member_value(a, pointer), a) for a in arguments])
        if origin in (Union, UnionType):
            return self.union(arguments, pointer)
        if origin is tuple:
            return self.fixed_array(arguments, pointer)
        if origin in _ARRAYS:
            return self.array(arguments[0], _ARRAYS[origin], pointer)
        if origin in (dict, abc.Mapping, abc.MutableMapping):
            return self.mapping(*arguments, pointer=pointer)
        raise _unsupported(annotation, pointer)

    def named(self, cls: type, pointer: str) -> TypeForm:
        """A class without parameters."""
        if issubclass(cls, Enum) and not issubclass(cls, Flag):
            return _enumeration([(_member_value(member, pointer), member) for member in cls])
        if is_dataclass(cls):
            return self.define(cls, self.dataclass)
        if is_typeddict(cls):
            return self.define(cls, self.typed_dict)
        if cls in (list, tuple, set, frozenset):
            return self.array(Any, cls, pointer)
        if cls is dict:
            return self.mapping(str, Any, pointer=pointer)
        raise _unsupported(cls, pointer)

    def define(self, cls: Any, make: Callable[[Any, str], TypeForm]) -> TypeForm:
        """A reference to the definition of `cls`, which `make` translates at the first meeting."""
        name = self.name_of(cls)
        if name is None:
            name = self.fresh_name(cls)
            self.named_types[id(cls)] = (cls, name)
            form = make(cls, f"/$defs/{name}")
            self.definitions[name] = form.schema
            self.readers[name] = form.read
        else:
            self.referred.add(name)
        return TypeForm({"$ref": f"#/$defs/{name}"}, lambda value: self.readers[name](value))

    def name_of(self, cls: Any) -> str | None:
        return self.named_types.get(id(cls), (None, None))[1]

    def fresh_name(self, cls: Any) -> str:
        # Letters that need no escaping, neither in a JSON Pointer nor in the fragment of a URI.
        base = re.sub(r"[^A-Za-z0-9_-]", "_", getattr(cls, "__name__", "Value"))
        taken = {name for _, name in self.named_types.values()}
        name, number = base, 2
        while name in taken:
            name, number = f"{base}_{number}", number + 1
        return name

    def union(self, members: tuple[Any, ...], pointer: str) -> TypeForm:
        forms = [self.build(member, f"{pointer}/anyOf/{i}") for i, member in enumerate(members)]

        def read(value: Any) -> Any:
            for form in forms:
                try:
                    return form.read(value)
                except Mismatch:
                    continue
            raise _mismatch(value, "any member of the union")

        return TypeForm({"anyOf": [form.schema for form in forms]}, read)

    def array(self, item: Any, make: type, pointer: str) -> TypeForm:
        form = self.build(item, f"{pointer}/items")
        schema: dict[str, Any] = {"type": "array"}
        if form.schema:
            schema["items"] = form.schema
        if make in (set, frozenset):
            schema["uniqueItems"] = True

        def read(value: Any) -> Any:
            items = [form.read(member) for member in _expect(value, list)]
            made = items if make is list else make(items)
            if len(made) != len(items):
                raise _mismatch(value, "an array without repeated items")
            return made

        return TypeForm(schema, read)

    def fixed_array(self, members: tuple[Any, ...], pointer: str) -> TypeForm:
        if len(members) == 2 and members[1] is Ellipsis:
            return self.array(members[0], tuple, pointer)
        forms = [self.build(member, f"{pointer}/prefixItems/{i}") for i, member in enumerate(members)]

        def read(value: Any) -> Any:
            if len(_expect(value, list)) != len(forms):
                raise _mismatch(value, f"an array of {len(forms)}")
            return tuple(form.read(member) for form, member in zip(forms, value))

        schema: dict[str, Any] = {"type": "array", "minItems": len(forms), "maxItems": len(forms)}
        if forms:
            schema["prefixItems"] = [form.schema for form in forms]
        return TypeForm(schema, read)

    def mapping(self, key: Any, value_type: Any, *, pointer: str) -> TypeForm:
        if key is not str:
            raise UnsupportedSchema(
                f"a dict with keys of type {_name(key)} has no JSON form",
                pointer=pointer,
                hint="use dict[str, ...], or a TypedDict for a fixed set of keys",
            )
        form = self.build(value_type, f"{pointer}/additionalProperties")
        schema: dict[str, Any] = {"type": "object"}
        if form.schema:
            schema["additionalProperties"] = form.schema
        return TypeForm(
            schema, lambda value: {name: form.read(member) for name, member in _expect(value, dict).items()}
        )

    def dataclass(self, cls: Any, pointer: str) -> TypeForm:
        hints = _hints(cls, pointer)
        members = [f for f in fields(cls) if f.init]
        _refuse_other_arguments(cls, [f.name for f in members], pointer)
        required = [f.name for f in members if f.default is MISSING and f.default_factory is MISSING]
        return self.closed_object({f.name: hints[f.name] for f in members}, required, cls, pointer)

    def typed_dict(self, cls: Any, pointer: str) -> TypeForm:
        hints, required = {}, []
        for name, hint in _hints(cls, pointer).items():
            wrapper = get_origin(hint)
            hints[name] = get_args(hint)[0] if wrapper in (Required, NotRequired) else hint
            # Postponed annotations hide NotRequired from __required_keys__, so the wrapper goes first.
            if wrapper is Required or (wrapper is not NotRequired and name in cls.__required_keys__):
                required.append(name)
        return self.closed_object(hints, required, dict, pointer)

    def closed_object(
        self, hints: dict[str, Any], required: list[str], make: Callable[..., Any], pointer: str
    ) -> TypeForm:
        """A closed object; `make` takes the members as keyword arguments."""
        below = f"{pointer}/properties"
        forms = {name: self.build(hint, f"{below}/{escape_token(name)}") for name, hint in hints.items()}

        def read(value: Any) -> Any:
            members = _expect(value, dict)
            if not (members.keys() <= forms.keys() and members.keys() >= set(required)):
                raise _mismatch(value, f"an object with the members {', '.join(forms)}")
            return make(**{name: forms[name].read(member) for name, member in members.items()})

        schema = {
            "type": "object",
            "properties": {name: form.schema for name, form in forms.items()},
            "required": required,
            "additionalProperties": False,
        }
        return TypeForm(schema, read)

    def pydantic(self, annotation: Any, pointer: str) -> TypeForm:
        """What pydantic makes of its own types. Its definitions move to ours, under longer names."""
        try:
            from pydantic import TypeAdapter
        except ImportError:
            raise UnsupportedSchema(
                f"{annotation!r} needs pydantic", pointer=pointer, hint="pip install pydantic"
            ) from None
        prefix = f"{pointer.removeprefix('/$defs/')}." if pointer else ""
        adapter = TypeAdapter(annotation)
        try:
            schema = adapter.json_schema(ref_template=f"#/$defs/{prefix}{{model}}")
        except ValueError as error:  # pydantic's own "cannot generate a schema"
            raise UnsupportedSchema(str(error).splitlines()[0], pointer=pointer) from error
        _close_objects(schema)
        if pointer:
            self.definitions |= {prefix + name: s for name, s in schema.pop("$defs", {}).items()}

        def read(value: Any) -> Any:
            try:
                return adapter.validate_json(json.dumps(value))
            except ValueError as error:
                raise Mismatch(str(error)) from error

        return TypeForm(schema, read, adapter.validate_json)


_ARRAYS: dict[Any, type] = {
    list: list,
    abc.Sequence: list,
    abc.MutableSequence: list,
    abc.Iterable: list,
    abc.Collection: list,
    set: set,
    abc.Set: set,
    abc.MutableSet: set,
    frozenset: frozenset,
}


def _read_integer(value: Any) -> int:
    # 1.0 is an integer of JSON Schema.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return _expect(value, int)


def _read_number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _mismatch(value, "a number")
    try:
        return float(value)
    except OverflowError:
        raise _mismatch(value, "a float") from None


_SCALARS: dict[type, TypeForm] = {
    str: TypeForm({"type": "string"}, lambda value: _expect(value, str)),
    int: TypeForm({"type": "integer"}, _read_integer),
    float: TypeForm({"type": "number"}, _read_number),
    bool: TypeForm({"type": "boolean"}, lambda value: _expect(value, bool)),
    NoneType: TypeForm({"type": "null"}, lambda value: _expect(value, NoneType)),
    object: TypeForm({}, lambda value: value),
}


def _scalar(annotation: Any) -> TypeForm | None:
    if annotation is None:
        return _SCALARS[NoneType]
    if annotation is Any:
        return _SCALARS[object]
    return _SCALARS.get(annotation) if isinstance(annotation, type) else None


def _enumeration(members: list[tuple[Any, Any]]) -> TypeForm:
    """One of a few JSON scalars, each paired with what it is read as."""

    def read(value: Any) -> Any:
        for text, member in members:
            # JSON's 1 and true differ, Python's do not; JSON's 1 and 1.0 do not differ.
            if text == value and isinstance(text, bool) == isinstance(value, bool):
                return member
        raise _mismatch(value, "a member of the enumeration")

    return TypeForm({"enum": [text for text, _ in members]}, read)


def _member_value(member: Any, pointer: str) -> Any:
    """The JSON scalar of a member of a Literal or an Enum."""
    value = member.value if isinstance(member, Enum) else member
    if isinstance(value, (str, int, float, NoneType)):
        return value
    raise UnsupportedSchema(
        f"{member!r} has no JSON form", pointer=pointer, hint="use str, int, float, bool or None"
    )


def _is_pydantic(annotation: Any) -> bool:
    """Whether pydantic has to translate it: a model, its dataclass, or an annotation with constraints."""
    if get_origin(annotation) is Annotated:
        packages = {type(m).__module__.partition(".")[0] for m in annotation.__metadata__}
        return bool(packages & {"pydantic", "annotated_types"}) or _is_pydantic(annotation.__origin__)
    return isinstance(annotation, type) and hasattr(annotation, "__pydantic_core_schema__")


def _close_objects(schema: dict[str, Any]) -> None:
    """Forbid, in place, the members that a pydantic model would drop when it reads the document."""
    for part in (schema, *schema.get("$defs", {}).values()):
        if part.get("type") == "object" and "properties" in part:
            part.setdefault("additionalProperties", False)


def _hints(cls: Any, pointer: str) -> dict[str, Any]:
    try:
        return get_type_hints(cls, include_extras=True)
    except NameError as error:
        raise InvalidSchema(
            f"an annotation of {_name(cls)} does not resolve: {error}",
            pointer=pointer,
            hint="define the classes it names at module level",
        ) from None


def _refuse_other_arguments(cls: Any, known: list[str], pointer: str) -> None:
    """Raise if the constructor needs an argument that no document can carry, such as an InitVar."""
    for name, parameter in inspect.signature(cls).parameters.items():
        if name not in known and parameter.default is inspect.Parameter.empty:
            raise UnsupportedSchema(
                f"{_name(cls)}() needs {name!r}, which is not a field",
                pointer=pointer,
                hint="make it a field, or give it a default",
            )


def _expect(value: Any, cls: type) -> Any:
    if isinstance(value, cls) and (cls is bool or not isinstance(value, bool)):
        return value
    raise _mismatch(value, _name(cls))


def _mismatch(value: Any, expected: str) -> Mismatch:
    return Mismatch(f"expected {expected}, got {json.dumps(value, default=repr)[:80]}")


def _unsupported(annotation: Any, pointer: str) -> UnsupportedSchema:
    if isinstance(annotation, (str, ForwardRef, TypeVar)):
        hint = "define the type at module level and pass the class itself"
    else:
        hint = (
            "use str, int, float, bool, None, list, tuple, set, dict[str, ...], Enum, Literal, a union, "
            "a dataclass, a TypedDict, or whatever pydantic knows as a field of a pydantic model"
        )
    return UnsupportedSchema(f"{_name(annotation)} has no JSON form", pointer=pointer, hint=hint)


def _name(annotation: Any) -> str:
    return annotation.__qualname__ if isinstance(annotation, type) else repr(annotation)
