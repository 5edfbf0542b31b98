"""The `response_format` dicts of the OpenAI and Hugging Face interfaces."""

from __future__ import annotations

from typing import Any

from ..errors import InvalidSchema

# None of these is one of the seven types of JSON Schema, so a dict with such a "type" is no schema.
_KINDS = ("json_schema", "json_object", "json", "regex", "text")


def is_response_format(value: dict[str, Any]) -> bool:
    """Whether the dict is a `response_format` rather than a JSON Schema."""
    return value.get("type") in _KINDS if isinstance(value.get("type"), str) else False


def unwrap_response_format(value: dict[str, Any]) -> tuple[str, Any]:
    """("json", schema) or ("regex", pattern) of a `response_format` dict.

    Accepted: {"type": "json_schema", "json_schema": {"schema": S}} (Chat Completions),
    {"type": "json_schema", "schema": S} (Responses), {"type": "json" or "json_schema", "value": S},
    {"type": "regex", "value": P} (Text Generation Inference) and {"type": "json_object"}.
    Raises InvalidSchema where the schema is missing.
    """
    kind = value["type"]
    if kind == "json_object":
        return "json", {"type": "object"}
    if kind == "text":
        raise InvalidSchema(
            'the response_format {"type": "text"} constrains nothing',
            pointer="/type",
            hint="call the model without gramask",
        )
    if kind == "json_schema":
        return "json", _schema_of(value)
    if "value" not in value:
        raise InvalidSchema(f'the response_format of type "{kind}" has no "value"', pointer="")
    return kind, value["value"]


def _schema_of(value: dict[str, Any]) -> Any:
    """The schema, which is wrapped in {"name": ..., "schema": ...} at one of three places."""
    place = next((name for name in ("json_schema", "value") if name in value), None)
    wrapper = value if place is None else value[place]
    if isinstance(wrapper, dict) and isinstance(wrapper.get("schema"), (dict, bool)):
        return wrapper["schema"]
    raise InvalidSchema(
        'the response_format has no "schema"', pointer=f"/{place}" if place else "", keyword="schema"
    )
