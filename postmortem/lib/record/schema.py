"""JSON Schema of the record, made from the shapes."""

from __future__ import annotations

from typing import Any

from django.db import models

from postmortem.lib.fields import AMOUNT
from postmortem.lib.record.shapes import (
    SCHEMA_VERSION,
    SHAPES,
    Links,
    Shape,
    is_person,
)


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the `record` member of a case file."""
    properties: dict[str, Any] = {"schema": {"const": SCHEMA_VERSION}}
    for shape in SHAPES.values():
        item = _shape_schema(shape)
        properties[shape.name] = (
            {"anyOf": [item, {"type": "null"}]}
            if shape.single and shape.base
            else item
            if shape.single
            else {"type": "array", "items": item}
        )
    return {
        "type": "object",
        "required": ["schema", "incident"],
        "properties": properties,
    }


def _shape_schema(shape: Shape) -> dict[str, Any]:
    properties: dict[str, Any] = {"extra": {"type": "object"}}
    if shape.base:
        properties["ref"] = {
            "type": "string",
            "pattern": f"^{shape.prefix}-[1-9][0-9]{{0,8}}$",
        }
    required = []
    for name in shape.all_fields:
        model_field = shape.model_field(name)
        properties[name] = _field_schema(model_field)
        if model_field.choices and not model_field.has_default():
            required.append(name)
    for key, links in shape.links.items():
        properties[key] = {"type": "array", "items": _link_schema(links)}
    for key, many in shape.refs.items():
        target = many.model._meta.get_field(many.target).related_model
        properties[key] = {"type": "array", "items": _ref_schema(target)}
    return {"type": "object", "required": required, "properties": properties}


def _ref_schema(model: Any) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^{model.prefix}-[1-9][0-9]{{0,8}}$"}


def _link_schema(links: Links) -> dict[str, Any]:
    evidence = links.model._meta.get_field("evidence").related_model
    properties: dict[str, Any] = {"evidence": _ref_schema(evidence)}
    for name in links.fields:
        item = links.model._meta.get_field(name)
        assert isinstance(item, models.Field)
        properties[name] = _field_schema(item)
    return {
        "type": "object",
        "required": ["evidence"],
        "properties": properties,
        "additionalProperties": False,
    }


def _field_schema(item: models.Field[Any, Any]) -> dict[str, Any]:
    nullable = item.null or isinstance(item, models.CharField | models.TextField)
    schema: dict[str, Any]
    if item.choices:
        values: list[Any] = [value for value, _ in item.flatchoices if value != ""]
        return {"enum": [*values, None] if nullable and item.blank else values}
    if isinstance(item, models.ForeignKey):
        schema = (
            {"type": "string", "minLength": 1, "maxLength": 200}
            if is_person(item)
            else _ref_schema(item.related_model)
        )
    elif isinstance(item, models.BooleanField):
        schema = {"type": "boolean"}
    elif isinstance(item, models.DecimalField):
        schema = {"type": "string", "pattern": AMOUNT}
    elif isinstance(item, models.IntegerField):
        schema = {"type": "integer"}
    elif isinstance(item, models.DateTimeField):
        schema = {"type": "string", "format": "date-time"}
    elif isinstance(item, models.DateField):
        schema = {"type": "string", "format": "date"}
    elif isinstance(item, models.UUIDField):
        schema = {"type": "string", "format": "uuid"}
    elif isinstance(item, models.JSONField):
        schema = {"type": ["object", "array"]}
    else:
        schema = {"type": "string"}
        if item.max_length:
            schema["maxLength"] = item.max_length
    if nullable:
        schema["type"] = (
            [*schema["type"], "null"]
            if isinstance(schema["type"], list)
            else [schema["type"], "null"]
        )
    return schema
